/*
 * The core on one thread, without Ruby, for `rake bench:instructions` to count what it executes:
 *
 *     driver WORKLOAD OPERATIONS DIRECTORY
 *
 * sets up, in a new store in that directory, does the operation so many times, and then so many times again, which is
 * what callgrind counts: so neither the set-up nor whatever is done once is counted. `driver sqlite` tells which SQLite
 * it has.
 *
 * This file takes the place of core/thread.c, so that no thread is started: the committer's rounds are called from here,
 * one after another. It also takes the place of the system's clock, which stands still within a round. Nothing here is
 * random, and no count depends on addresses, on time or on the disk.
 */
#include "graph.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <time.h>
#include <valgrind/callgrind.h>

#include "engine.h"
#include "thread.h"

#define THREADS 5
#define LEASE_MS 10000
#define BATCH 50
#define STEPS_A_MS 5 /* how fast steps end: prefetch is measured by it */
#define WALL_MS 1767225600000
#define RUNS_MAX 20000
#define WARM_UP 300 /* steps until as many are claimed ahead as end */
#define STEPS 5
#define WEEK_MS (7 * 24 * 60 * 60 * 1000LL)

static int64_t mono_ms = 1000; /* since boot */
static struct wf_engine *engine;
static struct wf_hand worker, caller; /* what a worker's thread holds, and what a caller does */
static struct wf_definition *one_step, *five_steps, *signup;
static int64_t ids[RUNS_MAX];
static int started; /* runs, by now */

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* ---- Instead of the system's ---- */

int clock_gettime(clockid_t id, struct timespec *now)
{
    int64_t ms = id == CLOCK_REALTIME ? WALL_MS + mono_ms : mono_ms;

    *now = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return 0;
}

int wf_thread_start(pthread_t *thread, const char *name, void *(*run)(void *context), void *context)
{
    (void)thread, (void)name, (void)run, (void)context;
    return 0;
}

void wf_cond_init(pthread_cond_t *cond)
{
    pthread_cond_init(cond, NULL);
}

/* There is no other thread to wait for. */
int wf_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
    (void)cond, (void)mutex, (void)until;
    return ETIMEDOUT;
}

/* ---- What callers and workers do ---- */

static void commit(int ops)
{
    mono_ms += ops < STEPS_A_MS ? 1 : ops / STEPS_A_MS;
    MUST(wf_committer_round(engine) && !engine->committer.ill);
}

static struct wf_bytes text(const char *string)
{
    return (struct wf_bytes){string, strlen(string)};
}

/* To be answered by the next commit, as if a thread waited for it. */
static struct wf_op *post(struct wf_op *op)
{
    op->wait = true;
    wf_committer_post(engine, op);
    return op;
}

static void answered(struct wf_hand *hand, struct wf_op *op)
{
    MUST(op->done && op->status == WF_OK);
    wf_op_finish(engine, hand, op);
}

static struct wf_op *post_start(struct wf_hand *hand, struct wf_definition *definition)
{
    struct wf_op *op = wf_op_prepare(engine, hand, WF_OP_START);
    char key[48], subject[32];

    snprintf(subject, sizeof(subject), "Signup/%08d", started++);
    snprintf(key, sizeof(key), "%s#signup", subject);
    op->definition = wf_definition_retain(definition);
    op->birth = (struct wf_birth){.class_name = definition->class_name,
                                  .name = definition->name,
                                  .key = wf_op_keep(op, text(key)),
                                  .subject = wf_op_keep(op, text(subject)),
                                  .unique = definition->unique,
                                  .definition = definition};
    op->command.by = WF_BYTES("web:4711@host");
    return post(op);
}

static int64_t start(struct wf_hand *hand, struct wf_definition *definition)
{
    struct wf_op *op = post_start(hand, definition);
    int64_t id;

    commit(1);
    id = op->answered_id;
    answered(hand, op);
    return id;
}

/* In one commit. */
static void start_many(struct wf_definition *definition, int count)
{
    static struct wf_op *ops[BATCH];

    for (int i = 0; i < count; i++) {
        ops[i] = post_start(NULL, definition);
    }
    commit(count);
    for (int i = 0; i < count; i++) {
        ids[started - count + i] = ops[i]->answered_id;
        answered(NULL, ops[i]);
    }
}

static struct wf_op *prepare_finish(struct wf_hand *hand, struct wf_definition *definition,
                                    enum wf_command_kind kind, const char *by)
{
    struct wf_op *op = wf_op_prepare(engine, hand, WF_OP_FINISH);

    op->definition = wf_definition_retain(definition);
    op->command.kind = kind;
    op->command.by = text(by);
    return op;
}

/* Takes a step that was claimed, begins it, and hands its end over without waiting. false: there is none. */
static bool work(struct wf_definition *definition)
{
    if (wf_hand_take(&worker, 0)) {
        return false;
    }
    wf_hand_enter(&worker);
    wf_op_post(engine, &worker,
               prepare_finish(&worker, definition, WF_COMMAND_COMPLETE, "worker:4712@host"));
    return true;
}

/* So many steps, at most `batch` of them in a commit. */
static void drain(struct wf_definition *definition, int count, int batch)
{
    int done = 0;

    while (done < count) {
        int taken = 0;

        while (taken < batch && done + taken < count && work(definition)) {
            taken++;
        }
        MUST(taken);
        commit(taken);
        done += taken;
    }
}

static void work_from_now_on(void)
{
    wf_engine_work(engine, THREADS, WF_BYTES("worker:4712@host"));
    commit(1);
}

/* ---- Workloads: what is done before, and the operations ---- */

static void set_up_nothing(int count)
{
    (void)count;
}

static void start_one_by_one(int count)
{
    for (int i = 0; i < count; i++) {
        start(NULL, one_step);
    }
}

static void start_in_batches(int count)
{
    for (int done = 0; done < count; done += BATCH) {
        start_many(one_step, BATCH);
    }
}

/* More than all the operations end, since steps are claimed ahead. */
static void set_up_queue(int count)
{
    start_in_batches(2 * count + WARM_UP + 200);
    work_from_now_on();
}

static void set_up_drained_queue(int count)
{
    set_up_queue(count);
    drain(one_step, WARM_UP, BATCH);
}

static void drain_in_batches(int count)
{
    drain(one_step, count, BATCH);
}

static void drain_one_by_one(int count)
{
    drain(one_step, count, 1);
}

static void set_up_worker(int count)
{
    (void)count;
    work_from_now_on();
}

static void run_sequences(int count)
{
    for (int done = 0; done < count; done += BATCH) {
        start_many(five_steps, BATCH);
        drain(five_steps, BATCH * STEPS, BATCH);
    }
}

/* Ends what the caller has in hand, and waits for the answer. */
static void finish(enum wf_command_kind kind)
{
    struct wf_op *op = prepare_finish(&caller, signup, kind, "web:4711@host");

    op->command.payload =
        kind == WF_COMMAND_ACCEPT ? WF_BYTES("{\"terms\":true}") : op->command.payload;
    post(op);
    commit(1);
    answered(&caller, op);
}

static void submit(int64_t id)
{
    struct wf_op *op = wf_op_prepare(engine, &caller, WF_OP_CLAIM_WAIT);

    op->run_id = id;
    op->step = WF_BYTES("activate");
    op->command.by = WF_BYTES("web:4711@host");
    post(op);
    commit(1);
    answered(&caller, op);
    finish(WF_COMMAND_ACCEPT);
}

static void sign_up(int count)
{
    for (int i = 0; i < count; i++) {
        int64_t id = start(&caller, signup);

        wf_hand_enter(&caller);
        finish(WF_COMMAND_COMPLETE);
        drain(signup, 1, 1);
        submit(id);
        drain(signup, 1, 1);
    }
}

static void set_up_ended_runs(int count)
{
    work_from_now_on();
    run_sequences(count);
}

static void read_states(int count)
{
    struct wf_buffer bytes = {0};
    struct wf_error error;
    struct wf_state state;

    wf_state_init(&state);
    for (int i = 0; i < count; i++) {
        int64_t id = ids[i % started];

        MUST(wf_engine_find(engine, id, &bytes, &error) == WF_OK);
        MUST(wf_state_decode(&state, id, wf_buffer_bytes(&bytes)) == WF_OK);
        MUST(wf_state_status(&state) == WF_RUN_done);
    }
    wf_state_destroy(&state);
    wf_buffer_destroy(&bytes);
}

/* The run's state again, out of its events alone. */
static void fold(struct wf_buffer *rows, int64_t id)
{
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(rows));
    struct wf_state state;

    wf_state_init(&state);
    state.id = id;
    while (reader.at < reader.end) {
        wf_reader_int(&reader); /* position */
        wf_reader_int(&reader); /* run */
        wf_reader_int(&reader); /* version */
        MUST(wf_state_fold_row(&state, wf_reader_bytes(&reader)) == WF_OK);
    }
    MUST(!reader.failed && wf_state_status(&state) == WF_RUN_done);
    wf_state_destroy(&state);
}

static void fold_events(int count)
{
    struct wf_buffer rows = {0};
    struct wf_error error;

    for (int i = 0; i < count; i++) {
        int64_t id = ids[i % started];

        wf_buffer_clear(&rows);
        MUST(wf_engine_events(engine, id, 0, 1000, &rows, &error) == WF_OK);
        fold(&rows, id);
    }
    wf_buffer_destroy(&rows);
}

static const struct workload {
    const char *name;
    void (*set_up)(int count);
    void (*run)(int count);
} workloads[] = {
    {"start", set_up_nothing, start_one_by_one},
    {"start_batch", set_up_nothing, start_in_batches},
    {"step", set_up_queue, drain_one_by_one},
    {"step_batch", set_up_drained_queue, drain_in_batches},
    {"sequence_batch", set_up_worker, run_sequences},
    {"signup", set_up_worker, sign_up},
    {"read", set_up_ended_runs, read_states},
    {"fold", set_up_ended_runs, fold_events},
};

static void open_engine(const char *directory)
{
    struct wf_engine_options options = {.store = &wf_store_sqlite, .lease_ms = LEASE_MS};
    struct wf_error error = {0};
    char path[400];

    snprintf(path, sizeof(path), "%s/counted.sqlite3", directory);
    options.path = path;
    if (wf_engine_open(&engine, &options, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    worker.engine = caller.engine = engine;
}

static void define_all(void)
{
    struct graph graph;

    one_step = define("deliver");
    five_steps = define("pick pack label ship notify");
    graph_read(&graph, "create_account! send_activation_link activate? welcome");
    graph.steps[2].expires_ms = WEEK_MS;
    signup = graph_define(&graph, true);
}

/* The core finds SQLite as in real life: by an extension that tells the address of its table of functions. */
int sqlite3_workflow_init(sqlite3 *, char **, const void *);

static void use_sqlite(void)
{
    sqlite3_stmt *statement;
    struct wf_error error;
    sqlite3 *db;

    MUST(sqlite3_auto_extension((void (*)(void))sqlite3_workflow_init) == SQLITE_OK);
    MUST(sqlite3_open(":memory:", &db) == SQLITE_OK);
    MUST(sqlite3_prepare_v2(db, "SELECT workflow_sqlite_api()", -1, &statement, NULL) == SQLITE_OK);
    MUST(sqlite3_step(statement) == SQLITE_ROW);
    MUST(wf_store_sqlite_use((void *)(intptr_t)sqlite3_column_int64(statement, 0), &error) ==
         WF_OK);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    sqlite3_reset_auto_extension();
}

int main(int argc, char **argv)
{
    int count;
    const struct workload *workload = workloads,
                          *end = workloads + sizeof(workloads) / sizeof(*workloads);

    if (argc == 2 && !strcmp(argv[1], "sqlite")) {
        printf("%s %s\n", sqlite3_libversion(), sqlite3_sourceid());
        return 0;
    }
    while (argc == 4 && workload < end && strcmp(workload->name, argv[1])) {
        workload++;
    }
    if (argc != 4 || workload == end) {
        fprintf(stderr, "driver WORKLOAD OPERATIONS DIRECTORY\n");
        return 2;
    }
    use_sqlite();
    open_engine(argv[3]);
    define_all();
    count = atoi(argv[2]);
    workload->set_up(count);
    workload->run(count);
    CALLGRIND_START_INSTRUMENTATION;
    workload->run(count);
    CALLGRIND_STOP_INSTRUMENTATION;
    return 0;
}
