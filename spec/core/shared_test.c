#include "process.h"

#include "shared.h"

#define HOLD 0x40002000L /* a lock byte of nobody */

static bool open_ok(struct wf_shared *shared, const char *store)
{
    struct wf_error error = {0};
    enum wf_status status = wf_shared_open(shared, store, &error);

    if (status != WF_OK) {
        fprintf(stderr, "open: %s: %s\n", wf_status_text(status), error.message);
    }
    return status == WF_OK;
}

TEST(creates_a_preallocated_private_file)
{
    struct wf_shared shared;
    struct stat file;
    char store[400], expected[420];

    CHECK(open_ok(&shared, new_path(store, "store")));
    snprintf(expected, sizeof(expected), "%s-shared", store);
    CHECK(stat(expected, &file) == 0);
    CHECK((file.st_mode & 0777) == 0600);
    CHECK(file.st_size >= (off_t)sizeof(struct wf_shared_map));
    CHECK((size_t)file.st_blocks * 512 >= sizeof(struct wf_shared_map));
    CHECK(fcntl(shared.fd, F_GETFD) & FD_CLOEXEC);
    CHECK(shared.map->magic == WF_SHARED_MAGIC && shared.map->format == WF_SHARED_FORMAT);
    CHECK(wf_shared_intact(&shared));
    wf_shared_close(&shared);
    CHECK(shared.fd == -1 && !shared.map && !wf_shared_intact(&shared));
    wf_shared_close(&shared);
}

static void open_at_once(const struct child *parent, void *store)
{
    struct wf_shared shared;

    say(parent, 'r');
    hear(parent); /* the parent's end is closed: all begin at the same moment */
    CHECK(open_ok(&shared, store));
    CHECK(shared.map && shared.map->magic == WF_SHARED_MAGIC);
    if (shared.map) {
        atomic_fetch_add(&shared.map->processes[0].owner, 1);
    }
}

TEST(many_processes_create_it_at_once)
{
    for (int round = 0; round < 20; round++) {
        struct child children[12];
        struct wf_shared shared;
        char store[400];

        new_path(store, "store");
        for (int i = 0; i < 12; i++) {
            children[i] = start(open_at_once, store);
            CHECK(hear(&children[i]) == 'r');
        }
        for (int i = 0; i < 12; i++) {
            say(&children[i], 'g');
        }
        for (int i = 0; i < 12; i++) {
            end(&children[i]);
        }
        CHECK(open_ok(&shared, store));
        CHECK(atomic_load(&shared.map->processes[0].owner) == 12);
        wf_shared_close(&shared);
    }
}

TEST(killed_while_creating_leaves_a_file_that_can_be_used)
{
    char store[400], file[420];

    new_path(store, "store");
    snprintf(file, sizeof(file), "%s-shared", store);
    for (int round = 0; round < 100; round++) {
        struct child child = start(open_at_once, store);
        struct wf_shared shared;

        CHECK(hear(&child) == 'r');
        say(&child, 'g');
        for (volatile int spin = 0; spin < round * 2000; spin++) {
        }
        kill(child.pid, SIGKILL);
        reap(&child);
        CHECK(open_ok(&shared, store));
        wf_shared_close(&shared);
        unlink(file);
    }
}

static void write_file(const char *store, const void *ptr, size_t len)
{
    char path[420];
    FILE *file;

    snprintf(path, sizeof(path), "%s-shared", store);
    file = fopen(path, "we");
    CHECK(file && fwrite(ptr, 1, len, file) == len);
    fclose(file);
}

static void check_refused(const char *store, enum wf_status expected, const char *words)
{
    struct wf_shared shared;
    struct wf_error error = {0};

    CHECK(wf_shared_open(&shared, store, &error) == expected);
    CHECK(error.status == expected);
    CHECK(strstr(error.message, words) != NULL);
    CHECK(shared.fd == -1 && !shared.map);
}

TEST(another_magic_or_format_is_refused)
{
    const uint32_t newer[2] = {WF_SHARED_MAGIC, WF_SHARED_FORMAT + 1};
    char store[400], words[32];

    snprintf(words, sizeof(words), "format %u", newer[1]);
    new_path(store, "store");
    write_file(store, "an image", 8);
    check_refused(store, WF_STORE_TOO_NEW, "not written by workflow");
    write_file(store, "hi", 2);
    check_refused(store, WF_STORE_TOO_NEW, "not written by workflow");
    write_file(store, newer, sizeof(newer));
    check_refused(store, WF_STORE_TOO_NEW, words);
}

TEST(what_an_older_version_left_is_prepared_anew_unless_it_is_in_use)
{
    const uint32_t older[2] = {WF_SHARED_MAGIC, WF_SHARED_FORMAT - 1};
    struct wf_shared ours, theirs;
    char store[400];

    new_path(store, "store");
    CHECK(open_ok(&theirs, store));
    CHECK(wf_shared_lock_try(&theirs, WF_LOCK_LIVE + 7));
    atomic_store(&theirs.map->processes[7].owner, 1);
    atomic_store(&theirs.map->holder_pid, 4711);
    CHECK(pwrite(theirs.fd, older, sizeof(older), 0) == (ssize_t)sizeof(older));
    check_refused(store, WF_STORE_UNAVAILABLE, "older version");
    CHECK(theirs.map->processes[7].owner == 1);

    wf_shared_unlock(&theirs, WF_LOCK_LIVE + 7);
    CHECK(open_ok(&ours, store));
    CHECK(ours.map->format == WF_SHARED_FORMAT && ours.map->processes[7].owner == 0);
    CHECK(ours.map->holder_pid == 0);
    wf_shared_close(&ours);
    wf_shared_close(&theirs);
}

TEST(a_file_half_prepared_or_cut_is_completed)
{
    const uint32_t header[2] = {WF_SHARED_MAGIC, WF_SHARED_FORMAT};
    const char zeros[5000] = {0};
    struct wf_shared shared;
    char store[400];

    new_path(store, "store");
    write_file(store, zeros, sizeof(zeros));
    CHECK(open_ok(&shared, store));
    wf_shared_close(&shared);
    write_file(store, header, sizeof(header));
    CHECK(open_ok(&shared, store));
    atomic_store(&shared.map->processes[WF_PROCESSES_MAX - 1].owner, 1); /* no SIGBUS at the end */
    wf_shared_close(&shared);
}

TEST(paths_that_cannot_be)
{
    char store[400], long_path[4090];

    snprintf(store, sizeof(store), "%s/nowhere/store", test_directory);
    check_refused(store, WF_STORE_UNAVAILABLE, "nowhere");
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    check_refused(long_path, WF_TOO_LARGE, "too long");
}

TEST(two_names_of_one_store_lead_to_one_file)
{
    struct wf_shared named, linked, relative;
    char store[400], link[400], here[400];

    new_path(store, "store");
    write_file(store, "", 0);
    CHECK(rename(strcat(strcpy(here, store), "-shared"), store) == 0);
    CHECK(symlink(store, new_path(link, "link")) == 0);
    CHECK(open_ok(&named, store));
    CHECK(open_ok(&linked, link));
    atomic_store(&named.map->processes[3].owner, 33);
    CHECK(atomic_load(&linked.map->processes[3].owner) == 33);
    CHECK(getcwd(here, sizeof(here)) && chdir(test_directory) == 0);
    CHECK(open_ok(&relative, strrchr(store, '/') + 1));
    CHECK(chdir(here) == 0);
    CHECK(atomic_load(&relative.map->processes[3].owner) == 33);
    CHECK(wf_shared_intact(&relative)); /* also after the directory was changed */
    wf_shared_close(&named);
    wf_shared_close(&linked);
    wf_shared_close(&relative);
    CHECK(symlink("nothing", new_path(link, "dangling")) == 0);
    check_refused(link, WF_STORE_UNAVAILABLE, "dangling");
}

TEST(deleted_or_replaced_is_not_intact)
{
    struct wf_shared shared, other;
    char store[400];

    CHECK(open_ok(&shared, new_path(store, "store")));
    CHECK(unlink(shared.path) == 0);
    CHECK(!wf_shared_intact(&shared));
    atomic_store(&shared.map->processes[0].owner, 1); /* still mapped, still usable */
    CHECK(open_ok(&other, store));
    CHECK(!wf_shared_intact(&shared) && wf_shared_intact(&other));
    CHECK(atomic_load(&other.map->processes[0].owner) == 0);
    wf_shared_close(&shared);
    wf_shared_close(&other);
}

TEST(two_descriptions_of_one_process_exclude_each_other)
{
    struct wf_shared a, b;
    char store[400];

    CHECK(open_ok(&a, new_path(store, "store")) && open_ok(&b, store));
    CHECK(!wf_shared_locked(&a, HOLD));
    CHECK(wf_shared_lock_try(&a, HOLD));
    CHECK(!wf_shared_lock_try(&b, HOLD));
    CHECK(wf_shared_lock_try(&b, HOLD + 1));
    CHECK(wf_shared_locked(&b, HOLD) && !wf_shared_locked(&a, HOLD));
    wf_shared_unlock(&b, HOLD); /* not its own: nothing happens */
    CHECK(wf_shared_locked(&b, HOLD));
    wf_shared_unlock(&a, HOLD);
    CHECK(wf_shared_lock_try(&b, HOLD));
    wf_shared_close(&b);
    CHECK(!wf_shared_locked(&a, HOLD) && !wf_shared_locked(&a, HOLD + 1));
    wf_shared_close(&a);
}

static void hold(const struct child *parent, void *store)
{
    struct wf_shared shared;

    CHECK(open_ok(&shared, store));
    CHECK(wf_shared_lock_wait(&shared, HOLD));
    say(parent, 'h');
    hear(parent);
}

TEST(the_lock_of_a_killed_process_is_free)
{
    struct wf_shared shared;
    struct child child;
    char store[400];

    CHECK(open_ok(&shared, new_path(store, "store")));
    child = start(hold, store);
    CHECK(hear(&child) == 'h');
    CHECK(wf_shared_locked(&shared, HOLD) && !wf_shared_lock_try(&shared, HOLD));
    end_by(&child, SIGKILL);
    CHECK(wf_shared_lock_wait(&shared, HOLD));
    wf_shared_close(&shared);
}

static void on_signal(int signal)
{
    (void)signal;
}

static void wait_interrupted(const struct child *parent, void *store)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct wf_shared shared;

    sigaction(SIGUSR1, &action, NULL);
    CHECK(open_ok(&shared, store));
    say(parent, 'w');
    CHECK(!wf_shared_lock_wait(&shared, HOLD));
    CHECK(errno == EINTR);
}

TEST(a_signal_ends_the_wait_for_a_lock)
{
    struct wf_shared shared;
    struct child child;
    char store[400];
    int status = 0;

    CHECK(open_ok(&shared, new_path(store, "store")));
    CHECK(wf_shared_lock_try(&shared, HOLD));
    child = start(wait_interrupted, store);
    CHECK(hear(&child) == 'w');
    /* It may not have begun to wait yet, so the signal is repeated until it is over. */
    UNTIL(kill(child.pid, SIGUSR1) == 0 && waitpid(child.pid, &status, WNOHANG) == child.pid);
    CHECK(status == 0);
    wf_shared_close(&shared);
}

static void abandon(const struct child *parent, void *context)
{
    struct wf_shared *shared = context;
    const struct wf_shared_map *map = shared->map;

    wf_shared_abandon(shared);
    CHECK(shared->fd == -1 && shared->map == map && map->magic == WF_SHARED_MAGIC);
    say(parent, 'a');
    CHECK(hear(parent) == 'q');
    wf_shared_close(shared);
    CHECK(!shared->map);
}

TEST(a_forked_child_that_abandons_leaves_the_locks_to_the_parent)
{
    struct wf_shared mine, other;
    struct child child;
    char store[400];

    CHECK(open_ok(&mine, new_path(store, "store")) && open_ok(&other, store));
    CHECK(wf_shared_lock_try(&mine, HOLD));
    child = start(abandon, &mine);
    CHECK(hear(&child) == 'a');
    CHECK(wf_shared_locked(&other, HOLD));
    wf_shared_close(&mine); /* and the living child does not keep it */
    CHECK(!wf_shared_locked(&other, HOLD));
    say(&child, 'q');
    end(&child);
    wf_shared_close(&other);
}

static void fork_and_stay(const struct child *parent, void *store)
{
    struct wf_shared shared;

    CHECK(open_ok(&shared, store));
    CHECK(wf_shared_lock_try(&shared, HOLD));
    if (fork() == 0) {
        abandon(parent, &shared);
        _exit(test_failures != 0);
    }
    for (;;) {
        pause();
    }
}

/* A mapping would keep the description that it was made by, and its locks. */
TEST(a_forked_child_that_lives_on_keeps_no_lock_of_its_dead_parent)
{
    struct wf_shared shared;
    struct child child;
    char store[400];

    CHECK(open_ok(&shared, new_path(store, "store")));
    child = start(fork_and_stay, store);
    CHECK(hear(&child) == 'a');
    CHECK(wf_shared_locked(&shared, HOLD));
    CHECK(kill(child.pid, SIGKILL) == 0 && waitpid(child.pid, NULL, 0) == child.pid);
    CHECK(!wf_shared_locked(&shared, HOLD));
    CHECK(hear_within(&child, 0) == '?'); /* the grandchild is still there */
    say(&child, 'q');
    CHECK(hear(&child) == 0);
    close(child.hear);
    close(child.say);
    wf_shared_close(&shared);
}
