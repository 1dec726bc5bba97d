#include "process.h"

#include "doorbell.h"

static struct wf_shared_map *map; /* anonymous: the doorbell needs no file, only shared memory */
static struct wf_shared shared;
static struct wf_doorbell bell;

static void prepare(void)
{
    map = shared_memory(sizeof(*map));
    shared = (struct wf_shared){.fd = -1, .map = map};
    bell = wf_doorbell_ready(&shared);
}

static void finish(void)
{
    munmap(map, sizeof(*map));
}

/* Says 'w' when the word changed, 'n' when the wait ended without. */
static void sleeper(const struct child *parent, void *context)
{
    (void)context;
    say(parent, wf_doorbell_wait(&bell, wf_doorbell_read(&bell), DEADLINE_MS) ? 'w' : 'n');
}

/* Counted is not yet asleep, so the system is asked too. */
static bool asleep(const struct child *children, int count)
{
    if (atomic_load(bell.sleepers) != (unsigned)count) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (state_of(children[i].pid) != 'S') {
            return false;
        }
    }
    return true;
}

TEST(a_ring_before_the_wait_is_not_missed)
{
    uint32_t seen;

    prepare();
    seen = wf_doorbell_read(&bell);
    wf_doorbell_ring_one(&bell);
    CHECK(wf_doorbell_wait(&bell, seen, DEADLINE_MS));
    CHECK(atomic_load(bell.sleepers) == 0);
    finish();
}

TEST(time_runs_out)
{
    int64_t began = now_ms();

    prepare();
    CHECK(!wf_doorbell_wait(&bell, wf_doorbell_read(&bell), 50));
    CHECK(now_ms() - began >= 49 && now_ms() - began < DEADLINE_MS);
    CHECK(!wf_doorbell_wait(&bell, wf_doorbell_read(&bell), 0));
    CHECK(!wf_doorbell_wait(&bell, wf_doorbell_read(&bell), -5));
    CHECK(atomic_load(bell.sleepers) == 0);
    finish();
}

TEST(ring_one_wakes_exactly_one_and_ring_all_the_rest)
{
    struct child children[4];
    struct pollfd said[4];
    int woken = -1;

    prepare();
    for (int i = 0; i < 4; i++) {
        children[i] = start(sleeper, NULL);
        said[i] = (struct pollfd){.fd = children[i].hear, .events = POLLIN};
    }
    UNTIL(asleep(children, 4));
    wf_doorbell_ring_one(&bell);
    CHECK(poll(said, 4, DEADLINE_MS) == 1);
    for (int i = 0; i < 4; i++) {
        woken = said[i].revents ? i : woken;
    }
    CHECK(woken >= 0 && hear(&children[woken]) == 'w');
    end(&children[woken]);
    children[woken] = children[3];
    CHECK(asleep(children, 3));
    wf_doorbell_ring_all(&bell);
    for (int i = 0; i < 3; i++) {
        CHECK(hear(&children[i]) == 'w');
        end(&children[i]);
    }
    CHECK(atomic_load(bell.sleepers) == 0);
    finish();
}

TEST(a_nudge_wakes_without_changing_the_word)
{
    struct child children[2];
    uint32_t before;

    prepare();
    before = wf_doorbell_read(&bell);
    children[0] = start(sleeper, NULL);
    children[1] = start(sleeper, NULL);
    UNTIL(asleep(children, 2));
    wf_doorbell_nudge(&bell);
    for (int i = 0; i < 2; i++) {
        CHECK(hear(&children[i]) == 'n');
        end(&children[i]);
    }
    CHECK(wf_doorbell_read(&bell) == before);
    finish();
}

TEST(killed_sleepers_leave_a_count_that_does_no_harm)
{
    struct child dead[3], living;

    prepare();
    for (int i = 0; i < 3; i++) {
        dead[i] = start(sleeper, NULL);
    }
    UNTIL(asleep(dead, 3));
    for (int i = 0; i < 3; i++) {
        end_by(&dead[i], SIGKILL);
    }
    CHECK(atomic_load(bell.sleepers) == 3);
    living = start(sleeper, NULL);
    UNTIL(atomic_load(bell.sleepers) == 4 && state_of(living.pid) == 'S');
    wf_doorbell_ring_one(&bell);
    CHECK(hear(&living) == 'w');
    end(&living);
    CHECK(atomic_load(bell.sleepers) == 3);
    finish();
}

static void on_signal(int signal)
{
    (void)signal;
}

static void interrupted_sleeper(const struct child *parent, void *context)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGUSR1, &action, NULL);
    sleeper(parent, context);
}

TEST(a_signal_ends_the_wait)
{
    struct child child;

    prepare();
    child = start(interrupted_sleeper, NULL);
    UNTIL(asleep(&child, 1));
    kill(child.pid, SIGUSR1);
    CHECK(hear(&child) == 'n');
    end(&child);
    CHECK(atomic_load(bell.sleepers) == 0);
    finish();
}

TEST(the_two_bells_are_two)
{
    struct wf_doorbell log;
    uint32_t seen;

    prepare();
    log = wf_doorbell_log(&shared);
    seen = wf_doorbell_read(&log);
    wf_doorbell_ring_all(&bell);
    CHECK(wf_doorbell_read(&log) == seen);
    CHECK(!wf_doorbell_wait(&log, seen, 1));
    finish();
}

#define ROUNDS 20000

/* A wake that comes late, for a word seen already, ends a wait early; only a lost one takes it all. */
static void await_change(const struct wf_doorbell *of, uint32_t seen)
{
    int64_t began = now_ms();

    while (wf_doorbell_read(of) == seen && now_ms() - began < DEADLINE_MS) {
        wf_doorbell_wait(of, seen, DEADLINE_MS);
    }
    CHECK(now_ms() - began < DEADLINE_MS);
}

static void echo(const struct child *parent, void *context)
{
    struct wf_doorbell log = wf_doorbell_log(&shared);

    (void)parent, (void)context;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        await_change(&bell, i);
        wf_doorbell_ring_all(&log);
    }
}

/* Each ring races with the other side's going to sleep. */
TEST(no_ring_is_lost_between_two_processes)
{
    struct wf_doorbell log;
    struct child child;
    int64_t began;

    prepare();
    log = wf_doorbell_log(&shared);
    child = start(echo, NULL);
    began = now_ms();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        wf_doorbell_ring_one(&bell);
        await_change(&log, i);
    }
    printf("       %d round trips, %.1f us each\n", ROUNDS,
           (double)(now_ms() - began) * 1e3 / ROUNDS);
    end(&child);
    finish();
}
