/*
 * What the tests of the engine are written with: an engine on a file, runs started and steps finished in
 * one line each, and what the file says afterwards.
 */
#ifndef ENGINE_SUPPORT_H
#define ENGINE_SUPPORT_H

#include <pthread.h>

#include "graph.h"
#include "process.h"

#include "engine.h"

#define LEASE_MS 10000
#define ANSWER_MS 20000
#define STEPS_MAX 12

/* What an op was answered, decoded. */
struct answer {
    enum wf_status status;
    int64_t id, version;
    enum wf_run_status run;
    enum wf_step_status steps[STEPS_MAX];
    uint32_t attempts[STEPS_MAX], rounds[STEPS_MAX], crashes[STEPS_MAX];
    char reason[64];
    int64_t scheduled_ms[STEPS_MAX];
};

static inline struct wf_bytes text(const char *string)
{
    return (struct wf_bytes){string, strlen(string)};
}

static inline struct wf_engine *open_with(const struct wf_store_functions *does, const char *path,
                                          int64_t lease_ms)
{
    struct wf_engine_options options = {.store = does, .path = path, .lease_ms = lease_ms};
    struct wf_engine *engine = NULL;
    struct wf_error error = {0};

    if (wf_engine_open(&engine, &options, &error)) {
        fprintf(stderr, "open: %s\n", error.message);
        CHECK(!"opened");
        exit(1);
    }
    return engine;
}

static inline struct wf_engine *open_engine(const char *path)
{
    return open_with(&wf_store_sqlite, path, LEASE_MS);
}

static inline void close_engine(struct wf_engine *engine)
{
    CHECK(wf_engine_stop(engine, 5000));
    wf_engine_free(engine);
}

static inline struct wf_hand hand_of(struct wf_engine *engine)
{
    return (struct wf_hand){.engine = engine};
}

static inline struct answer decode(struct wf_bytes bytes, int64_t id)
{
    struct answer answer = {.id = id};
    struct wf_state state;

    wf_state_init(&state);
    if (bytes.len && !wf_state_decode(&state, id, bytes)) {
        answer.run = wf_state_status(&state);
        answer.version = state.version;
        snprintf(answer.reason, sizeof(answer.reason), "%.*s", (int)state.reason.len,
                 state.reason.ptr);
        for (int i = 0; i < state.step_count && i < STEPS_MAX; i++) {
            answer.steps[i] = state.steps[i].status;
            answer.attempts[i] = state.steps[i].attempt;
            answer.rounds[i] = state.steps[i].round;
            answer.crashes[i] = state.steps[i].crashes;
            answer.scheduled_ms[i] = state.steps[i].scheduled_ms;
        }
    }
    wf_state_destroy(&state);
    return answer;
}

/* Posts, waits, reads and finishes. */
static inline struct answer ask(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op)
{
    struct answer answer = {.status = WF_NO_MEMORY};
    struct wf_taker taker = {false};

    if (!op) {
        return answer;
    }
    answer.status = wf_op_wait(engine, op, &taker, ANSWER_MS);
    if (answer.status) {
        wf_op_abandon(engine, hand, op);
        return answer;
    }
    answer = decode(wf_buffer_bytes(&op->state), op->answered_id);
    answer.status = op->status;
    if (getenv("VERBOSE") && op->error.message[0]) {
        fprintf(stderr, "answered: %s\n", op->error.message);
    }
    wf_op_finish(engine, hand, op);
    return answer;
}

/* So that every run of every test has one, which a rebuild has to give again. */
static inline struct wf_bytes keep_tag(struct wf_op *op, const char *name, const char *value)
{
    struct wf_buffer tags = {0};
    struct wf_bytes kept;

    wf_buffer_put_bytes(&tags, text(name));
    wf_buffer_put_bytes(&tags, text(value));
    kept = wf_op_keep(op, wf_buffer_bytes(&tags));
    wf_buffer_destroy(&tags);
    return kept;
}

static inline struct wf_op *prepare_start(struct wf_engine *engine, struct wf_hand *hand,
                                          struct wf_definition *definition, const char *key)
{
    struct wf_op *op = wf_op_prepare(engine, hand, WF_OP_START);

    if (op) {
        op->definition = wf_definition_retain(definition);
        op->birth = (struct wf_birth){.class_name = definition->class_name,
                                      .name = definition->name,
                                      .key = wf_op_keep(op, text(key)),
                                      .subject = wf_op_keep(op, text(key)),
                                      .tags = keep_tag(op, "key", key),
                                      .unique = definition->unique,
                                      .definition = definition};
        op->command.by = WF_BYTES("caller");
    }
    return op;
}

static inline struct answer start_run(struct wf_engine *engine, struct wf_hand *hand,
                                      struct wf_definition *definition, const char *key)
{
    return ask(engine, hand, prepare_start(engine, hand, definition, key));
}

/* Runs of the keys "0", "1", … */
static inline void start_runs(struct wf_engine *engine, struct wf_definition *definition, int count)
{
    for (int i = 0; i < count; i++) {
        char key[16];

        snprintf(key, sizeof(key), "%d", i);
        CHECK(start_run(engine, NULL, definition, key).status == WF_OK);
    }
}

static inline struct wf_op *prepare_finish(struct wf_engine *engine, struct wf_hand *hand,
                                           struct wf_definition *definition,
                                           enum wf_command_kind kind)
{
    struct wf_op *op = wf_op_prepare(engine, hand, WF_OP_FINISH);

    if (op) {
        op->definition = wf_definition_retain(definition);
        op->command.kind = kind;
        op->command.by = WF_BYTES("hand");
        if (kind == WF_COMMAND_FAIL || kind == WF_COMMAND_REJECT) {
            op->command.error_class = WF_BYTES("Oops");
            op->command.error_message = WF_BYTES("it broke");
        }
    }
    return op;
}

/* Ends what the hand holds and waits for the answer. */
static inline struct answer finish(struct wf_hand *hand, struct wf_definition *definition,
                                   enum wf_command_kind kind)
{
    return ask(hand->engine, hand, prepare_finish(hand->engine, hand, definition, kind));
}

/* The same as a worker does it: without waiting. */
static inline void post_finish(struct wf_hand *hand, struct wf_definition *definition,
                               enum wf_command_kind kind)
{
    wf_op_post(hand->engine, hand, prepare_finish(hand->engine, hand, definition, kind));
}

static inline struct answer claim(struct wf_hand *hand, enum wf_op_kind kind, int64_t run_id,
                                  const char *step)
{
    struct wf_op *op = wf_op_prepare(hand->engine, hand, kind);

    if (op) {
        op->run_id = run_id;
        op->step = wf_op_keep(op, text(step));
        op->command.by = WF_BYTES("caller");
    }
    return ask(hand->engine, hand, op);
}

static inline struct answer change(struct wf_engine *engine, struct wf_definition *definition,
                                   enum wf_command_kind kind, int64_t run_id, const char *step)
{
    struct wf_op *op = wf_op_prepare(engine, NULL, WF_OP_CHANGE);

    op->run_id = run_id;
    op->step = wf_op_keep(op, text(step));
    op->definition = wf_definition_retain(definition);
    op->command.kind = kind;
    op->command.by = WF_BYTES("caller");
    return ask(engine, NULL, op);
}

static inline struct answer look(struct wf_engine *engine, int64_t run_id)
{
    struct wf_buffer state = {0};
    struct wf_error error = {0};
    enum wf_status status = wf_engine_find(engine, run_id, &state, &error);
    struct answer answer = decode(wf_buffer_bytes(&state), run_id);

    answer.status = status;
    wf_buffer_destroy(&state);
    return answer;
}

/* Takes a step for the hand within the time of any wait; whether its method is that one. */
static inline bool take(struct wf_hand *hand, const char *method)
{
    struct wf_work work;

    return wf_hand_take(hand, ANSWER_MS) == WF_OK && !wf_work_read(wf_hand_claim(hand), &work) &&
           wf_bytes_equal(work.method, text(method));
}

static inline bool holds(const struct wf_hand *hand, const char *method)
{
    struct wf_work work;

    return wf_hand_claim(hand) && !wf_work_read(wf_hand_claim(hand), &work) &&
           wf_bytes_equal(work.method, text(method));
}

static inline int in_hand(struct wf_engine *engine)
{
    return wf_mailbox_in_hand(&engine->mailbox);
}

/* Threads for the test. */
static inline pthread_t spawn(void *(*run)(void *), void *context)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, run, context) == 0);
    return thread;
}

static inline void join(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL) == 0);
}

#endif
