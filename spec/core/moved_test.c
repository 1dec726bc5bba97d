/*
 * A log that is removed, renamed or replaced while an engine has it: the engine says so, and neither reads on in what lost its
 * name, nor goes on in what has it now. And the same of the file that processes share.
 */
#include "engine_support.h"
#include "failing_store.h"

static char path[400], elsewhere[420];
static struct wf_engine *engine;
static struct wf_definition *one;

static void open_new(const struct wf_store_functions *does)
{
    snprintf(elsewhere, sizeof(elsewhere), "%s-elsewhere", new_path(path, "store"));
    engine = open_with(does, path, LEASE_MS);
    one = define("a");
}

static void close_all(void)
{
    wf_engine_stop(engine, 0);
    wf_engine_free(engine);
    wf_definition_release(one);
}

/* As a process that is started now makes it; what SQLite keeps beside the log goes with it. */
static void make_another(void)
{
    static const char *const beside[] = {"-wal", "-shm"};
    struct wf_store_options options = {.path = path, .busy_ms = 5000};
    struct wf_store *store;

    for (int i = 0; i < 2; i++) {
        char name[420];

        snprintf(name, sizeof(name), "%s%s", path, beside[i]);
        unlink(name);
    }
    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    wf_store_sqlite.close(store);
}

static int64_t last_position_of(const char *of)
{
    struct wf_store_options options = {.path = of, .read_only = true, .busy_ms = 5000};
    struct wf_store *store;
    int64_t position = -1;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.last_position(store, &position, NULL) == WF_OK);
    wf_store_sqlite.close(store);
    return position;
}

/* The whole process forks: all connections are closed, and opened again by the path. */
static void fork_once(void)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void is_refused(const char *key)
{
    CHECK(start_run(engine, NULL, one, key).status == WF_STORE_UNAVAILABLE);
}

TEST(what_has_lost_its_name_is_not_read_on)
{
    struct wf_taker taker = {false};
    struct wf_error error = {0};
    int64_t id;

    open_new(&wf_store_sqlite);
    id = start_run(engine, NULL, one, "a").id;
    CHECK(look(engine, id).status == WF_OK);
    CHECK(rename(path, elsewhere) == 0);
    CHECK(look(engine, id).status == WF_STORE_UNAVAILABLE);
    CHECK(wf_engine_wait_log(engine, 0, 0, &taker, &error) == WF_STORE_UNAVAILABLE);
    CHECK(strstr(error.message, path) && strstr(error.message, "removed, renamed or replaced"));
    is_refused("b");
    CHECK(rename(elsewhere, path) == 0);
    CHECK(look(engine, id).status == WF_OK);
    CHECK(start_run(engine, NULL, one, "b").status == WF_OK);
    close_all();
}

/* Else one process would answer now from the one and now from the other. */
TEST(a_reader_that_is_opened_late_reads_no_other_log)
{
    int64_t id;

    open_new(&wf_store_sqlite);
    id = start_run(engine, NULL, one, "a").id;
    CHECK(rename(path, elsewhere) == 0);
    CHECK(look(engine, id).status == WF_STORE_UNAVAILABLE);
    CHECK(access(path, F_OK) != 0);
    make_another();
    CHECK(look(engine, id).status == WF_STORE_UNAVAILABLE);
    close_all();
}

TEST(after_a_fork_no_log_is_made_anew)
{
    int64_t id;

    open_new(&wf_store_sqlite);
    id = start_run(engine, NULL, one, "a").id;
    CHECK(look(engine, id).status == WF_OK);
    CHECK(unlink(path) == 0);
    fork_once();
    is_refused("b");
    CHECK(look(engine, id).status == WF_STORE_UNAVAILABLE);
    CHECK(access(path, F_OK) != 0);
    close_all();
    CHECK(access(path, F_OK) != 0);
}

/* The second's inode may be the first's: it was given back when the fork closed the last connection. */
TEST(after_a_fork_another_log_is_not_taken_for_the_first)
{
    int64_t id;

    open_new(&wf_store_sqlite);
    id = start_run(engine, NULL, one, "a").id;
    CHECK(unlink(path) == 0);
    fork_once();
    make_another();
    is_refused("b");
    CHECK(look(engine, id).status == WF_STORE_UNAVAILABLE);
    close_all();
    CHECK(last_position_of(path) == 0);
}

TEST(after_a_fork_the_same_log_goes_on)
{
    int64_t id;

    open_new(&wf_store_sqlite);
    id = start_run(engine, NULL, one, "a").id;
    fork_once();
    CHECK(start_run(engine, NULL, one, "b").status == WF_OK);
    CHECK(look(engine, id).status == WF_OK);
    close_all();
}

TEST(an_outcome_that_is_not_known_is_looked_for_in_no_other_log)
{
    open_new(failing_store());
    start_run(engine, NULL, one, "a");
    atomic_store(&failing.commit_failure, COMMIT_LOST);
    fail_at(FAIL_OPEN, 1, INT_MAX); /* so that the connection is gone, and none there to look */
    fail_at(FAIL_COMMIT, 1, 0);
    CHECK(start_run(engine, NULL, one, "c").status == WF_UNKNOWN);
    CHECK(rename(path, elsewhere) == 0);
    fail_never();
    is_refused("d");
    CHECK(access(path, F_OK) != 0);
    make_another();
    is_refused("e");
    close_all();
    CHECK(last_position_of(path) == 0);
}

/* Two that have not the same one would commit and checkpoint at once, give ids of the same index, and both lead. */
TEST(whoever_has_lost_the_shared_file_writes_no_more)
{
    struct wf_engine *other;
    struct wf_error error = {0};
    struct wf_op *op;
    struct wf_taker taker = {false};
    int64_t id;

    open_new(&wf_store_sqlite);
    id = start_run(engine, NULL, one, "a").id;
    CHECK(wf_engine_leads(engine));
    CHECK(unlink(engine->shared.path) == 0);
    other = open_engine(path);
    CHECK(start_run(other, NULL, one, "b").status == WF_OK);
    op = prepare_start(engine, NULL, one, "c");
    CHECK(wf_op_wait(engine, op, &taker, ANSWER_MS) == WF_OK);
    CHECK(op->status == WF_STORE_UNAVAILABLE && strstr(op->error.message, "-shared: the file was"));
    wf_op_finish(engine, NULL, op);
    CHECK(wf_engine_leads(other) && !wf_engine_leads(engine));
    CHECK(look(engine, id).status == WF_OK); /* of the log it has lost nothing */
    CHECK(wf_engine_last_position(engine, &id, &error) == WF_OK && id == 2);
    close_engine(other);
    close_all();
}
