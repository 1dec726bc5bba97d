/*
 * The engine's reads, each on a connection lent by readers.c.
 */
#include "engine.h"

static enum wf_status lend(struct wf_engine *engine, struct wf_store **store,
                           struct wf_error *error)
{
    enum wf_status status = wf_engine_usable(engine, error);

    return status ? status : wf_readers_take(&engine->readers, store, error);
}

/* A fork ends long reads; whoever read begins again once it is over. */
static bool again(enum wf_status status, struct wf_buffer *rows, size_t len)
{
    if (status == WF_INTERRUPTED && rows) {
        rows->len = len;
    }
    return status == WF_INTERRUPTED;
}

/* What a run is found by: its id; or the token that it was started with, in its class; or a key that it has now. */
struct sought {
    int64_t run_id;
    struct wf_bytes class_name, token, key;
};

static enum wf_status load(struct wf_engine *engine, struct wf_store *store,
                           const struct sought *sought, struct wf_run_row *row,
                           struct wf_error *error)
{
    if (sought->run_id) {
        return engine->does->run_load(store, sought->run_id, row, error);
    }
    if (sought->token.len) {
        return engine->does->run_keyed(store, sought->class_name, sought->token, row, error);
    }
    return engine->does->run_find(store, sought->key, row, error);
}

static enum wf_status find(struct wf_engine *engine, struct sought sought, int64_t *run_id,
                           struct wf_buffer *state, struct wf_error *error)
{
    struct wf_run_row row;
    struct wf_store *store;
    enum wf_status status;

    do {
        status = lend(engine, &store, error);
        if (status) {
            return status;
        }
        status = load(engine, store, &sought, &row, error);
        if (!status) {
            *run_id = row.id;
            wf_buffer_clear(state);
            wf_buffer_put(state, row.state.ptr, row.state.len);
            wf_state_put_doubts(state, row.doubts);
        }
        wf_readers_give(&engine->readers, store);
    } while (again(status, NULL, 0));
    return !status && state->failed ? WF_NO_MEMORY : status;
}

enum wf_status wf_engine_find(struct wf_engine *engine, int64_t run_id, struct wf_buffer *state,
                              struct wf_error *error)
{
    return find(engine, (struct sought){.run_id = run_id}, &run_id, state, error);
}

enum wf_status wf_engine_current(struct wf_engine *engine, struct wf_bytes key, int64_t *run_id,
                                 struct wf_buffer *state, struct wf_error *error)
{
    return find(engine, (struct sought){.key = key}, run_id, state, error);
}

enum wf_status wf_engine_keyed(struct wf_engine *engine, struct wf_bytes class_name,
                               struct wf_bytes token, int64_t *run_id, struct wf_buffer *state,
                               struct wf_error *error)
{
    return find(engine, (struct sought){.class_name = class_name, .token = token}, run_id, state,
                error);
}

static enum wf_status look_at_claim(struct wf_engine *engine, struct wf_store *store,
                                    const struct wf_claim *claim, struct wf_state *state,
                                    bool *stands, struct wf_error *error)
{
    struct wf_ready_row ready = {.run_id = claim->run_id, .step = claim->step};
    struct wf_wait_row wait = {.run_id = claim->run_id, .step = claim->step};
    enum wf_status status = claim->await ? engine->does->wait_get(store, &wait, error)
                                         : engine->does->ready_get(store, &ready, error);
    struct wf_run_row row;

    *stands = false;
    if (status || (claim->await ? wait.fence : ready.fence) != claim->fence) {
        return status == WF_NOT_FOUND ? WF_OK : status;
    }
    status = engine->does->run_load(store, claim->run_id, &row, error);
    if (!status) {
        status = wf_state_decode(state, row.id, row.state);
    }
    *stands = !status && wf_append_is_at(&state->steps[claim->step], claim);
    return status == WF_NOT_FOUND ? WF_OK : status;
}

enum wf_status wf_engine_claim_stands(struct wf_engine *engine, const struct wf_claim *claim,
                                      bool *stands, bool *cancelling, struct wf_error *error)
{
    struct wf_state state;
    struct wf_store *store;
    enum wf_status status;

    wf_state_init(&state);
    do {
        status = lend(engine, &store, error);
        if (!status) {
            status = look_at_claim(engine, store, claim, &state, stands, error);
            wf_readers_give(&engine->readers, store);
        }
    } while (again(status, NULL, 0));
    *cancelling = !status && state.cancelling;
    wf_state_destroy(&state);
    return status;
}

/* The doubts are shorter than what takes two bytes to say. */
void wf_run_row_put(struct wf_buffer *rows, const struct wf_run_row *row)
{
    wf_buffer_put_uint(rows, row->state.len + row->doubts.len + (row->doubts.len > 0));
    wf_buffer_put(rows, row->state.ptr, row->state.len);
    wf_state_put_doubts(rows, row->doubts);
}

static bool put_run(void *context, const struct wf_run_row *row)
{
    struct wf_buffer *rows = context;

    wf_buffer_put_int(rows, row->id);
    wf_run_row_put(rows, row);
    return !rows->failed;
}

static bool put_events(void *context, const struct wf_event_row *row)
{
    struct wf_buffer *rows = context;

    wf_buffer_put_int(rows, row->position);
    wf_buffer_put_int(rows, row->run_id);
    wf_buffer_put_int(rows, row->version);
    wf_buffer_put_bytes(rows, row->events);
    return !rows->failed;
}

enum wf_status wf_engine_list(struct wf_engine *engine, struct wf_bytes prefix, int64_t before,
                              int limit, struct wf_buffer *rows, struct wf_error *error)
{
    struct wf_store *store;
    size_t len = rows->len;
    enum wf_status status;

    do {
        status = lend(engine, &store, error);
        if (!status) {
            status = engine->does->run_list(store, prefix, before, limit, put_run, rows, error);
            wf_readers_give(&engine->readers, store);
        }
    } while (again(status, rows, len));
    return !status && rows->failed ? WF_NO_MEMORY : status;
}

enum wf_status wf_engine_events(struct wf_engine *engine, int64_t run_id, int64_t after, int limit,
                                struct wf_buffer *rows, struct wf_error *error)
{
    struct wf_store *store;
    size_t len = rows->len;
    enum wf_status status;

    do {
        status = lend(engine, &store, error);
        if (!status) {
            status = run_id ? engine->does->read_run(store, run_id, after, limit, put_events, rows,
                                                     error)
                            : engine->does->read_log(store, after, limit, put_events, rows, error);
            wf_readers_give(&engine->readers, store);
        }
    } while (again(status, rows, len));
    return !status && rows->failed ? WF_NO_MEMORY : status;
}

enum wf_status wf_engine_last_position(struct wf_engine *engine, int64_t *position,
                                       struct wf_error *error)
{
    struct wf_store *store;
    enum wf_status status;

    do {
        status = lend(engine, &store, error);
        if (!status) {
            status = engine->does->last_position(store, position, error);
            wf_readers_give(&engine->readers, store);
        }
    } while (again(status, NULL, 0));
    return status;
}

/* The word is read before the store is asked, so an append in between is not slept through. */
enum wf_status wf_engine_wait_log(struct wf_engine *engine, int64_t after, int64_t wait_ms,
                                  struct wf_taker *taker, struct wf_error *error)
{
    struct wf_doorbell bell = wf_doorbell_log(&engine->shared);
    int64_t until_ms = wf_clock_mono_ms() + wait_ms, position = 0;

    for (;;) {
        uint32_t seen = wf_doorbell_read(&bell);
        enum wf_status status = wf_engine_last_position(engine, &position, error);
        int64_t left_ms = until_ms - wf_clock_mono_ms();

        if (status || position > after) {
            return status;
        }
        if (__atomic_load_n(&taker->interrupted, __ATOMIC_SEQ_CST)) {
            return WF_INTERRUPTED;
        }
        if (left_ms <= 0) {
            return WF_TIMED_OUT;
        }
        wf_doorbell_wait(&bell, seen, left_ms);
    }
}

void wf_engine_interrupt_log(struct wf_engine *engine, struct wf_taker *taker)
{
    struct wf_doorbell bell = wf_doorbell_log(&engine->shared);

    __atomic_store_n(&taker->interrupted, true, __ATOMIC_SEQ_CST);
    wf_doorbell_ring_all(&bell); /* a nudge could come between the look at the flag and the sleep */
}
