/*
 * Forking a process that has engines open: its threads are out of SQLite, its connections are closed, and
 * the child begins anew on the same file.
 */
#include "engine_support.h"
#include "store_compare.h"

#define FORKS 100

static char path[400];
static struct wf_engine *engine;

/* A sanitizer's own locks do not survive the fork of a process with threads, so there the child replaces
 * itself before it opens an engine; without one it opens it in what it inherited. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define CHILD_IS_REPLACED 1
#else
#define CHILD_IS_REPLACED 0
#endif

#ifdef __SANITIZE_THREAD__
/* A forked child ends without the threads that its parent has: no leak. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
    return "die_after_fork=0:report_thread_leaks=0";
}
#endif

static int order;

static void note_before(void *context)
{
    *(int *)context = ++order;
}

static void note_in_parent(void *context)
{
    *(int *)context += 100 * ++order;
}

static void note_in_child(void *context)
{
    *(int *)context += 10000;
}

static int wait_for(pid_t pid)
{
    int status = -1;

    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(members_are_visited_before_and_after_a_fork_until_they_leave)
{
    int seen = 0, other = 0;
    struct wf_fork_member first = {note_before, note_in_parent, note_in_child, &seen, NULL},
                          second = {note_before, note_in_parent, note_in_child, &other, NULL};
    pid_t pid;

    wf_fork_join(&first);
    wf_fork_join(&second);
    pid = fork();
    if (!pid) {
        int in_child = seen;

        pid = fork(); /* the child's own forks visit nobody */
        if (!pid) {
            _exit(seen != in_child);
        }
        _exit(in_child / 10000 != 1 || wait_for(pid) != 0);
    }
    CHECK(wait_for(pid) == 0);
    CHECK(seen && seen < 10000 && other && other < 10000);
    seen = other = 0;
    wf_fork_leave(&first);
    wf_fork_leave(&second);
    pid = fork();
    if (!pid) {
        _exit(0);
    }
    CHECK(wait_for(pid) == 0 && !seen && !other);
}

/* Whatever is called on it, the child's engine is dead, and what the parent holds is left alone. */
static int use_dead_engine(struct wf_hand *hand, struct wf_definition *definition, struct wf_op *op)
{
    struct wf_hand other = hand_of(engine);
    struct wf_taker taker = {false};
    struct wf_buffer state = {0};
    struct wf_error error;
    int wrong = 0;

    wrong |= wf_engine_usable(engine, &error) != WF_FORKED;
    wrong |= wf_engine_find(engine, 1, &state, &error) != WF_FORKED;
    wrong |= wf_hand_take(&other, 1000) != WF_FORKED;
    wrong |= wf_op_prepare(engine, &other, WF_OP_START) != NULL;
    wrong |= wf_op_prepare(engine, NULL, WF_OP_START) != NULL;
    wrong |= wf_op_wait(engine, op, &taker, 1000) != WF_FORKED;
    wf_op_abandon(engine, NULL, op);
    wf_hand_enter(hand);
    op = prepare_finish(engine, hand, definition, WF_COMMAND_COMPLETE);
    wrong |= op != NULL || hand->slot;
    wf_hand_give_back(hand);
    wrong |= !wf_engine_stop(engine, 1000);
    wf_engine_free(engine);
    return wrong;
}

TEST(a_childs_copy_of_an_engine_is_dead_and_harmless)
{
    struct wf_definition *create = define("create!");
    struct wf_hand hand;
    struct wf_op *op;
    int64_t id;
    pid_t pid;

    engine = open_engine(new_path(path, "store"));
    hand = hand_of(engine);
    id = start_run(engine, &hand, create, "a").id;
    wf_hand_enter(&hand);
    op = wf_op_prepare(engine, NULL, WF_OP_START);
    for (int i = 0; i < 20; i++) {
        pid = fork();
        if (!pid) {
            alarm(10);
            _exit(use_dead_engine(&hand, create, op));
        }
        CHECK(wait_for(pid) == 0);
    }
    CHECK(wf_liveness_entered(wf_liveness_self(&engine->liveness), hand.slot->index,
                              wf_liveness_turn(wf_hand_claim(&hand)->run_id,
                                               wf_hand_claim(&hand)->step,
                                               wf_hand_claim(&hand)->fence)));
    wf_op_abandon(engine, NULL, op);
    CHECK(finish(&hand, create, WF_COMMAND_COMPLETE).run == WF_RUN_done &&
          look(engine, id).version > 0);
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(create);
}

/* ---- Under load ---- */

struct load {
    struct wf_definition *definition;
    _Atomic int stop, started, read;
};

static void *run_through(void *context)
{
    struct load *load = context;
    struct wf_hand hand = hand_of(engine);

    while (!atomic_load(&load->stop)) {
        int number = atomic_fetch_add(&load->started, 1);
        char key[24];

        snprintf(key, sizeof(key), "parent-%d", number);
        CHECK(start_run(engine, &hand, load->definition, key).status == WF_OK);
        CHECK(finish(&hand, load->definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    }
    return NULL;
}

/* Long reads are ended by a fork, and begun again: whoever reads does not notice. */
static void *read_all(void *context)
{
    struct load *load = context;
    struct wf_buffer rows = {0};
    struct wf_error error;

    while (!atomic_load(&load->stop)) {
        wf_buffer_clear(&rows);
        CHECK(wf_engine_events(engine, 0, 0, 5000, &rows, &error) == WF_OK);
        atomic_fetch_add(&load->read, 1);
    }
    wf_buffer_destroy(&rows);
    return NULL;
}

static int start_one(const char *key)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    struct answer answer;

    engine = open_engine(path);
    hand = hand_of(engine);
    answer = start_run(engine, &hand, definition, key);
    if (answer.status || finish(&hand, definition, WF_COMMAND_COMPLETE).run != WF_RUN_done) {
        return 1;
    }
    wf_definition_release(definition);
    answer.status = !wf_engine_stop(engine, 5000);
    wf_engine_free(engine);
    return answer.status || test_failures;
}

/* Runs instead of main in a child that was replaced. */
__attribute__((constructor)) static void live_as_child(void)
{
    if (getenv("FORK_TEST_KEY")) {
        alarm(60);
        snprintf(path, sizeof(path), "%s", getenv("FORK_TEST_PATH"));
        _exit(start_one(getenv("FORK_TEST_KEY")));
    }
}

static int live_in_child(int number)
{
    char key[40], key_variable[64], path_variable[450];
    char *arguments[] = {"fork", NULL}, *variables[] = {key_variable, path_variable, NULL};

    alarm(60);
    test_failures = 0;
    snprintf(key, sizeof(key), "child-%d", number);
    if (!CHILD_IS_REPLACED) {
        return start_one(key);
    }
    snprintf(key_variable, sizeof(key_variable), "FORK_TEST_KEY=%s", key);
    snprintf(path_variable, sizeof(path_variable), "FORK_TEST_PATH=%s", path);
    execve("/proc/self/exe", arguments, variables);
    return 1;
}

static bool count_done(void *context, const struct wf_run_row *row)
{
    *(int *)context += row->status == WF_RUN_done;
    return true;
}

static int done_of(const char *prefix)
{
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    struct wf_store *store;
    int count = 0;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.run_list(store, text(prefix), 0, COMPARE_MAX, count_done, &count, NULL) ==
          WF_OK);
    wf_store_sqlite.close(store);
    return count;
}

TEST(forking_a_hundred_times_under_load_loses_doubles_and_hangs_nothing)
{
    struct load load = {.definition = define("create!")};
    pthread_t threads[4], reader;
    pid_t children[4] = {0};

    engine = open_engine(new_path(path, "store"));
    for (int i = 0; i < 4; i++) {
        threads[i] = spawn(run_through, &load);
    }
    reader = spawn(read_all, &load);
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = children[i % 4];

        CHECK(!pid || wait_for(pid) == 0);
        fflush(NULL);
        pid = fork();
        if (!pid) {
            _exit(live_in_child(i));
        }
        CHECK(pid > 0);
        children[i % 4] = pid;
    }
    for (int i = 0; i < 4; i++) {
        CHECK(wait_for(children[i]) == 0);
    }
    atomic_store(&load.stop, 1);
    for (int i = 0; i < 4; i++) {
        join(threads[i]);
    }
    join(reader);
    CHECK(done_of("parent-") == atomic_load(&load.started));
    CHECK(done_of("child-") == FORKS);
    CHECK(atomic_load(&load.read) > 0);
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(load.definition);
}

/* An engine that comes or goes while another thread forks. */
static void *open_and_close(void *context)
{
    char own[400];

    memcpy(own, context, sizeof(own));
    for (int i = 0; i < 10; i++) {
        struct wf_engine *opened = open_engine(own);

        close_engine(opened);
    }
    return NULL;
}

TEST(engines_are_opened_and_closed_while_another_thread_forks)
{
    pthread_t threads[2];
    char paths[2][400];

    for (int i = 0; i < 2; i++) {
        new_path(paths[i], "store");
        threads[i] = spawn(open_and_close, paths[i]);
    }
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();

        if (!pid) {
            _exit(0);
        }
        CHECK(wait_for(pid) == 0);
    }
    join(threads[0]);
    join(threads[1]);
}
