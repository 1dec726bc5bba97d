#include "process.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

#include "turnstile.h"

static struct wf_shared shared, watch; /* `watch` is a description of its own: it sees our locks */
static struct wf_turnstile turnstile;
static char store[400];

static bool taken(long offset)
{
    return wf_shared_locked(&watch, offset);
}

static void enter_shared(struct wf_shared *file, struct wf_turnstile *door)
{
    struct wf_error error = {0};

    CHECK(wf_shared_open(file, store, &error) == WF_OK);
    wf_turnstile_init(door, file);
}

static void leave_shared(struct wf_shared *file, struct wf_turnstile *door)
{
    wf_turnstile_destroy(door);
    wf_shared_close(file);
}

static void prepare(void)
{
    new_path(store, "store");
    enter_shared(&shared, &turnstile);
    CHECK(wf_shared_open(&watch, store, NULL) == WF_OK);
}

static void finish(void)
{
    leave_shared(&shared, &turnstile);
    UNTIL(!taken(WF_LOCK_QUEUE) && !taken(WF_LOCK_STORE));
    wf_shared_close(&watch);
}

TEST(a_turn_at_a_file_that_was_lost_is_none)
{
    struct wf_error error = {0};
    struct wf_shared other;
    struct wf_turnstile door;

    prepare();
    CHECK(unlink(shared.path) == 0);
    CHECK(wf_turnstile_take(&turnstile, 0, &error) == WF_STORE_UNAVAILABLE);
    CHECK(strstr(error.message, shared.path) && strstr(error.message, "removed"));
    CHECK(!taken(WF_LOCK_QUEUE) && !taken(WF_LOCK_STORE));
    enter_shared(&other, &door); /* makes another */
    CHECK(wf_turnstile_take(&door, 0, NULL) == WF_OK);
    CHECK(wf_turnstile_take(&turnstile, 0, NULL) == WF_STORE_UNAVAILABLE);
    wf_turnstile_give(&door);
    leave_shared(&other, &door);
    finish();
}

/* Does what it is told: t(ake), s(hort take), g(ive), q(uit); answers o(k), u(navailable), g. */
static void worker(const struct child *parent, void *context)
{
    struct wf_shared file;
    struct wf_turnstile door;
    char order;

    (void)context;
    enter_shared(&file, &door);
    say(parent, 'r');
    while ((order = hear_within(parent, -1)) != 'q' && order) {
        if (order == 'g') {
            wf_turnstile_give(&door);
            say(parent, 'g');
        } else {
            int wait_ms = order == 's' ? 30 : DEADLINE_MS;

            say(parent, wf_turnstile_take(&door, wait_ms, NULL) == WF_OK ? 'o' : 'u');
        }
    }
    leave_shared(&file, &door);
}

static struct child start_worker(void)
{
    struct child child = start(worker, NULL);

    CHECK(hear(&child) == 'r');
    return child;
}

static void tell(const struct child *child, char order, char answer)
{
    say(child, order);
    CHECK(hear(child) == answer);
}

static void quit(const struct child *child)
{
    say(child, 'q');
    end(child);
}

/* On a slow machine the time can be over before a helper is asked. */
static void give_up_after_asking(struct wf_turnstile *door, int64_t wait_ms)
{
    do {
        CHECK(wf_turnstile_take(door, wait_ms, NULL) == WF_STORE_UNAVAILABLE);
    } while (!door->desk);
}

TEST(takes_and_gives_alone)
{
    prepare();
    CHECK(wf_turnstile_take(&turnstile, 0, NULL) == WF_OK);
    CHECK(taken(WF_LOCK_STORE) && !taken(WF_LOCK_QUEUE));
    CHECK(atomic_load(&shared.map->holder_pid) == getpid());
    CHECK(now_ms() - atomic_load(&shared.map->holder_since_ms) < DEADLINE_MS);
    CHECK(wf_turnstile_waited_ms(&turnstile) < 1000);
    CHECK(!turnstile.desk); /* nobody was in the way: no thread */
    wf_turnstile_give(&turnstile);
    CHECK(!taken(WF_LOCK_STORE) && atomic_load(&shared.map->holder_pid) == 0);
    finish();
}

TEST(destroy_gives_what_is_held)
{
    prepare();
    CHECK(wf_turnstile_take(&turnstile, 0, NULL) == WF_OK);
    finish();
}

TEST(the_deadline_names_the_holder)
{
    struct wf_error error = {0};
    struct child holder;
    char expected[40];
    int64_t began;

    prepare();
    holder = start_worker();
    tell(&holder, 't', 'o');
    snprintf(expected, sizeof(expected), "process %d has been writing for ", (int)holder.pid);
    CHECK(wf_turnstile_take(&turnstile, 0, &error) == WF_STORE_UNAVAILABLE);
    CHECK(strstr(error.message, expected) != NULL);
    CHECK(!taken(WF_LOCK_QUEUE)); /* who does not wait does not queue */
    memset(&error, 0, sizeof(error));
    began = now_ms();
    CHECK(wf_turnstile_take(&turnstile, 60, &error) == WF_STORE_UNAVAILABLE);
    CHECK(now_ms() - began >= 59 && now_ms() - began < 2000);
    CHECK(wf_turnstile_waited_ms(&turnstile) >= 59);
    CHECK(error.status == WF_STORE_UNAVAILABLE && strstr(error.message, expected) != NULL);
    CHECK(strstr(error.message, store) != NULL);
    CHECK(wf_turnstile_take(&turnstile, 1, NULL) == WF_STORE_UNAVAILABLE);
    CHECK(wf_turnstile_waited_ms(&turnstile) >= 60); /* the whole turn that it came late to */
    tell(&holder, 'g', 'g');
    CHECK(wf_turnstile_take(&turnstile, DEADLINE_MS, NULL) == WF_OK);
    quit(&holder);
    finish();
}

TEST(a_killed_holder_frees_it)
{
    struct child holder, waiter;

    prepare();
    holder = start_worker();
    waiter = start_worker();
    tell(&holder, 't', 'o');
    say(&waiter, 't');
    UNTIL(taken(WF_LOCK_QUEUE));
    end_by(&holder, SIGKILL);
    CHECK(hear(&waiter) == 'o');
    CHECK(atomic_load(&shared.map->holder_pid) == waiter.pid);
    tell(&waiter, 'g', 'g');
    quit(&waiter);
    finish();
}

TEST(a_killed_waiter_lets_the_next_pass)
{
    struct child holder, first, second;

    prepare();
    holder = start_worker();
    first = start_worker();
    second = start_worker();
    tell(&holder, 't', 'o');
    say(&first, 't');
    UNTIL(taken(WF_LOCK_QUEUE));
    say(&second, 't');
    end_by(&first, SIGKILL);
    UNTIL(taken(WF_LOCK_QUEUE)); /* now the second's */
    tell(&holder, 'g', 'g');
    CHECK(hear(&second) == 'o');
    quit(&second);
    quit(&holder);
    finish();
}

TEST(a_stopped_holder_is_given_up_within_the_deadline)
{
    struct child holder;
    int64_t began;

    prepare();
    holder = start_worker();
    tell(&holder, 't', 'o');
    stop_and_see(&holder);
    for (int i = 0; i < 3; i++) { /* the later ones join the first one's wait */
        began = now_ms();
        CHECK(wf_turnstile_take(&turnstile, 50, NULL) == WF_STORE_UNAVAILABLE);
        CHECK(now_ms() - began < 2000);
    }
    kill(holder.pid, SIGCONT);
    tell(&holder, 'g', 'g');
    CHECK(wf_turnstile_take(&turnstile, DEADLINE_MS, NULL) == WF_OK);
    quit(&holder);
    finish();
}

TEST(a_stopped_waiter_is_told_apart_from_a_holder)
{
    struct wf_error error = {0};
    struct child holder, waiter;

    prepare();
    holder = start_worker();
    waiter = start_worker();
    tell(&holder, 't', 'o');
    say(&waiter, 't');
    UNTIL(taken(WF_LOCK_QUEUE));
    stop_and_see(&waiter);
    tell(&holder, 'g', 'g');
    CHECK(wf_turnstile_take(&turnstile, 50, &error) == WF_STORE_UNAVAILABLE);
    CHECK(strstr(error.message, "does not take it") != NULL);
    end_by(&waiter, SIGKILL);
    CHECK(wf_turnstile_take(&turnstile, DEADLINE_MS, NULL) == WF_OK);
    quit(&holder);
    finish();
}

TEST(what_nobody_wants_any_more_is_given_back)
{
    struct child holder, other;

    prepare();
    holder = start_worker();
    other = start_worker();
    tell(&holder, 't', 'o');
    give_up_after_asking(&turnstile, 20);
    UNTIL(taken(WF_LOCK_QUEUE)); /* our helper still stands there */
    tell(&holder, 'g', 'g');
    tell(&other, 't', 'o'); /* and lets others pass */
    tell(&other, 'g', 'g');
    UNTIL(!taken(WF_LOCK_QUEUE) && !taken(WF_LOCK_STORE));
    quit(&other);
    quit(&holder);
    finish();
}

TEST(a_take_joins_the_wait_that_an_earlier_one_gave_up)
{
    struct child holder, waiter;

    prepare();
    holder = start_worker();
    waiter = start_worker();
    for (int i = 0; i < 50; i++) {
        tell(&holder, 't', 'o');
        tell(&waiter, 's', 'u');
        say(&waiter, 't');
        tell(&holder, 'g', 'g'); /* races with the joining */
        CHECK(hear(&waiter) == 'o');
        tell(&waiter, 'g', 'g');
    }
    quit(&waiter);
    quit(&holder);
    finish();
}

/* The helper of an earlier take and the taker are one to the kernel: if both were at it, the helper
 * would give back what the taker has just got. */
TEST(a_helper_on_its_way_takes_nothing_from_the_taker)
{
    struct child holder;

    prepare();
    holder = start_worker();
    for (int i = 0; i < 300; i++) {
        tell(&holder, 't', 'o');
        CHECK(wf_turnstile_take(&turnstile, 1, NULL) == WF_STORE_UNAVAILABLE);
        say(&holder, 'g');
        for (volatile int spin = 0; spin < i % 60 * 500; spin++) {
        }
        CHECK(wf_turnstile_take(&turnstile, DEADLINE_MS, NULL) == WF_OK);
        for (int look = 0; look < 500; look++) {
            CHECK(taken(WF_LOCK_STORE));
        }
        wf_turnstile_give(&turnstile);
        CHECK(hear(&holder) == 'g');
    }
    quit(&holder);
    finish();
}

/* What processes that took the turnstile have in common. */
static struct {
    _Atomic int inside, worst_ms;
    _Atomic long turns, shares[8];
} * tally;

#define TURNS 4000

/* Held as for a commit. A spin instead, on fewer cores than processes, would measure the system's
 * scheduler: who has the core takes turn after turn while nobody else can even ask. */
static void commit_to(int fd)
{
    CHECK(pwrite(fd, "x", 1, 0) == 1 && fdatasync(fd) == 0);
}

static void crowd_worker(const struct child *parent, void *context)
{
    int me = *(int *)context, fd = open(store, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    struct wf_shared file;
    struct wf_turnstile door;

    enter_shared(&file, &door);
    say(parent, 'r');
    hear(parent);
    while (atomic_load(&tally->turns) < TURNS) {
        CHECK(wf_turnstile_take(&door, DEADLINE_MS, NULL) == WF_OK);
        CHECK(atomic_fetch_add(&tally->inside, 1) == 0);
        if (wf_turnstile_waited_ms(&door) > atomic_load(&tally->worst_ms)) {
            atomic_store(&tally->worst_ms, (int)wf_turnstile_waited_ms(&door));
        }
        commit_to(fd);
        atomic_fetch_add(&tally->turns, 1);
        atomic_fetch_add(&tally->shares[me], 1);
        CHECK(atomic_fetch_sub(&tally->inside, 1) == 1);
        wf_turnstile_give(&door);
    }
    leave_shared(&file, &door);
    close(fd);
}

TEST(four_processes_each_get_their_turns_one_at_a_time)
{
    struct child children[4];
    int64_t began;
    long least = TURNS, most = 0;

    prepare();
    tally = shared_memory(sizeof(*tally));
    for (int i = 0; i < 4; i++) {
        children[i] = start(crowd_worker, &i);
        CHECK(hear(&children[i]) == 'r');
    }
    began = now_ms();
    for (int i = 0; i < 4; i++) {
        say(&children[i], 'g');
    }
    for (int i = 0; i < 4; i++) {
        long turns;

        end(&children[i]);
        turns = atomic_load(&tally->shares[i]);
        least = turns < least ? turns : least;
        most = turns > most ? turns : most;
    }
    printf("       %ld to %ld turns each in %lld ms, longest wait %d ms\n", least, most,
           (long long)(now_ms() - began), atomic_load(&tally->worst_ms));
    CHECK(least >= TURNS / 8); /* an equal share is a quarter */
    munmap(tally, sizeof(*tally));
    finish();
}

/* Its pid stands in the cell for as long as it holds; whoever else were in would overwrite it. */
static void mortal_worker(const struct child *parent, void *context)
{
    _Atomic int *cell = context;
    struct wf_shared file;
    struct wf_turnstile door;

    enter_shared(&file, &door);
    say(parent, 'r');
    for (;;) {
        enum wf_status status = wf_turnstile_take(&door, DEADLINE_MS, NULL);

        CHECK(status == WF_OK);
        if (status != WF_OK || test_failures) {
            say(parent, 'f');
            return;
        }
        atomic_store(cell, getpid());
        for (int i = 0; i < 200; i++) {
            CHECK(atomic_load(cell) == getpid());
        }
        wf_turnstile_give(&door);
    }
}

TEST(killed_at_any_moment_never_lets_two_in_and_never_gets_stuck)
{
    struct child children[4];
    _Atomic int *cell;
    unsigned seed = 7;

    prepare();
    cell = shared_memory(sizeof(*cell));
    for (int i = 0; i < 4; i++) {
        children[i] = start(mortal_worker, cell);
        CHECK(hear(&children[i]) == 'r');
    }
    for (int round = 0; round < 200; round++) {
        int victim = round % 4;

        seed = seed * 1103515245u + 12345u;
        for (volatile unsigned spin = 0; spin < seed >> 12; spin++) {
        }
        CHECK(hear_within(&children[victim], 0) == '?'); /* it has had nothing to complain of */
        end_by(&children[victim], SIGKILL);
        children[victim] = start(mortal_worker, cell);
        CHECK(hear(&children[victim]) == 'r');
        CHECK(wf_turnstile_take(&turnstile, DEADLINE_MS, NULL) == WF_OK);
        wf_turnstile_give(&turnstile);
    }
    for (int i = 0; i < 4; i++) {
        end_by(&children[i], SIGKILL);
    }
    munmap((void *)(uintptr_t)cell, sizeof(*cell));
    finish();
}

static int descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    CHECK(directory);
    while (directory && readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count;
}

TEST(destroy_leaves_a_blocked_helper_behind_that_holds_nothing)
{
    struct child holder;
    int before;

    prepare();
    holder = start_worker();
    before = descriptors();
    for (int i = 0; i < 50; i++) {
        struct wf_shared file;
        struct wf_turnstile door;
        int64_t began = now_ms();

        tell(&holder, 't', 'o');
        enter_shared(&file, &door);
        CHECK(wf_turnstile_take(&door, i % 3 + 1, NULL) == WF_STORE_UNAVAILABLE);
        CHECK(wf_shared_lock_try(&file, WF_LOCK_LIVE));
        wf_turnstile_destroy(&door);
        CHECK(taken(WF_LOCK_LIVE)); /* the rest of its locks are as they were */
        wf_shared_unlock(&file, WF_LOCK_LIVE);
        CHECK(!taken(WF_LOCK_LIVE));
        CHECK(wf_shared_lock_try(&file, WF_LOCK_LIVE));
        wf_shared_close(&file);
        CHECK(!taken(WF_LOCK_LIVE)); /* though the helper keeps the description open */
        CHECK(now_ms() - began < 5000);
        tell(&holder, 'g', 'g');
    }
    UNTIL(!taken(WF_LOCK_QUEUE) && !taken(WF_LOCK_STORE));
    UNTIL(descriptors() == before);
    quit(&holder);
    finish();
}

TEST(many_turnstiles_left_behind_at_once_all_let_go)
{
    struct wf_shared files[20];
    struct wf_turnstile doors[20];
    struct child holder;
    int before;

    prepare();
    holder = start_worker();
    before = descriptors();
    tell(&holder, 't', 'o');
    for (int i = 0; i < 20; i++) {
        enter_shared(&files[i], &doors[i]);
        CHECK(wf_turnstile_take(&doors[i], 1, NULL) == WF_STORE_UNAVAILABLE);
    }
    for (int i = 0; i < 20; i++) {
        leave_shared(&files[i], &doors[i]);
    }
    tell(&holder, 'g', 'g');
    CHECK(wf_turnstile_take(&turnstile, DEADLINE_MS, NULL) == WF_OK);
    wf_turnstile_give(&turnstile);
    UNTIL(!taken(WF_LOCK_QUEUE) && !taken(WF_LOCK_STORE));
    UNTIL(descriptors() == before);
    quit(&holder);
    finish();
}

TEST(destroy_without_a_descriptor_to_spare)
{
    struct rlimit before, none;
    struct wf_shared file;
    struct wf_turnstile door;
    struct child holder;

    prepare();
    holder = start_worker();
    tell(&holder, 't', 'o');
    enter_shared(&file, &door);
    give_up_after_asking(&door, 1);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    wf_turnstile_destroy(&door);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(file.fd == -1);
    wf_shared_close(&file);
    tell(&holder, 'g', 'g');
    CHECK(wf_turnstile_take(&turnstile, DEADLINE_MS, NULL) == WF_OK);
    quit(&holder);
    finish();
}

static void fork_and_stay(const struct child *parent, void *context)
{
    struct wf_shared file;
    struct wf_turnstile door;
    pid_t grandchild;

    (void)context;
    enter_shared(&file, &door);
    give_up_after_asking(&door, 20);
    say(parent, 'u');
    CHECK(wf_turnstile_take(&door, DEADLINE_MS, NULL) == WF_OK);
    grandchild = fork();
    if (grandchild == 0) {
        wf_shared_abandon(&file);
        say(parent, 'a');
        hear_within(parent, -1);
        _exit(0);
    }
    CHECK(grandchild > 0);
    hear_within(parent, -1);
}

TEST(a_forked_child_that_lives_on_does_not_keep_the_dead_parents_turn)
{
    struct child child;

    prepare();
    CHECK(wf_turnstile_take(&turnstile, 0, NULL) == WF_OK);
    child = start(fork_and_stay, NULL);
    CHECK(hear(&child) == 'u');
    wf_turnstile_give(&turnstile);
    CHECK(hear(&child) == 'a');
    CHECK(taken(WF_LOCK_STORE));
    CHECK(kill(child.pid, SIGKILL) == 0 && waitpid(child.pid, NULL, 0) == child.pid);
    CHECK(wf_turnstile_take(&turnstile, DEADLINE_MS, NULL) == WF_OK);
    CHECK(hear_within(&child, 0) == '?'); /* the grandchild still has the pipe: it was there */
    close(child.say);
    CHECK(hear(&child) == 0);
    close(child.hear);
    finish();
}

TEST(the_callers_signals_are_as_before)
{
    struct child holder;
    sigset_t original, mine, after;

    prepare();
    holder = start_worker();
    tell(&holder, 't', 'o');
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &mine, &original);
    give_up_after_asking(&turnstile, 1);
    pthread_sigmask(SIG_SETMASK, &original, &after);
    for (int i = 1; i < 32; i++) {
        CHECK(sigismember(&mine, i) == sigismember(&after, i));
    }
    quit(&holder);
    finish();
}
