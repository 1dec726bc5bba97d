#include "rebuild.h"

#define ROWS_MAX 500 /* read and written in one transaction */

struct rebuild {
    const struct wf_store_functions *does;
    struct wf_store *from, *to;
    struct wf_state state;
    struct wf_buffer encoded;
    int64_t position, born[ROWS_MAX], runs;
    int copied, born_count;
    enum wf_status status;
    struct wf_error *error;
};

enum wf_status wf_rebuild_run_row(const struct wf_state *state, struct wf_buffer *encoded,
                                  struct wf_run_row *row)
{
    wf_state_encode(state, encoded);
    *row = (struct wf_run_row){
        .id = state->id,
        .key = state->key,
        .open = wf_state_open(state),
        .unique = state->unique,
        .status = wf_state_status(state),
        .version = state->version,
        .started_ms = state->started_ms,
        .ended_ms = state->ended_ms,
        .state = wf_buffer_bytes(encoded),
        .class_name = state->class_name,
        .tags = state->tags,
        .token = state->token,
    };
    return encoded->failed ? WF_NO_MEMORY : WF_OK;
}

static bool fold_row(void *context, const struct wf_event_row *row)
{
    struct rebuild *rebuild = context;

    rebuild->status = wf_state_fold_row(&rebuild->state, row->events);
    if (!rebuild->status && rebuild->state.version != row->version) {
        rebuild->status = WF_STORE_CORRUPT;
    }
    if (rebuild->status) {
        wf_fail(rebuild->error, rebuild->status,
                "the events of run %lld cannot be folded at version %lld", (long long)row->run_id,
                (long long)row->version);
    }
    return !rebuild->status;
}

/* All events of a run, in chunks, so that no read is long. */
static enum wf_status fold_run(struct rebuild *rebuild, int64_t run_id)
{
    enum wf_status status;
    int64_t before;

    wf_state_destroy(&rebuild->state);
    rebuild->state.id = run_id;
    do {
        before = rebuild->state.version;
        rebuild->status = WF_OK;
        status = rebuild->does->read_run(rebuild->from, run_id, before, ROWS_MAX, fold_row, rebuild,
                                         rebuild->error);
        if (status || rebuild->status) {
            return status ? status : rebuild->status;
        }
    } while (rebuild->state.version > before);
    return WF_OK;
}

static enum wf_status write_step(struct rebuild *rebuild, int step)
{
    struct wf_projection rows = wf_state_project(&rebuild->state, step);
    struct wf_ready_row ready = {.run_id = rebuild->state.id,
                                 .step = step,
                                 .priority = rows.priority,
                                 .at_ms = rows.at_ms,
                                 .alone = rows.alone,
                                 .fence = rows.fence};
    struct wf_wait_row wait = {.run_id = rebuild->state.id, .step = step, .fence = rows.wait_fence};
    struct wf_timer_row timer = {.run_id = rebuild->state.id, .step = step, .due_ms = rows.due_ms};
    enum wf_status status = WF_OK;

    if (rows.ready) {
        status = rebuild->does->ready_put(rebuild->to, &ready, rebuild->error);
    }
    if (!status && rows.waits) {
        status = rebuild->does->wait_put(rebuild->to, &wait, rebuild->error);
    }
    if (!status && rows.timer) {
        status = rebuild->does->timer_put(rebuild->to, &timer, rebuild->error);
    }
    return status;
}

static enum wf_status write_run(struct rebuild *rebuild, int64_t run_id)
{
    struct wf_run_row row;
    enum wf_status status = fold_run(rebuild, run_id);

    if (!status) {
        status = wf_rebuild_run_row(&rebuild->state, &rebuild->encoded, &row);
    }
    if (!status) {
        status = rebuild->does->run_insert(rebuild->to, &row, rebuild->error);
    }
    for (int i = 0; i < rebuild->state.step_count && !status; i++) {
        status = write_step(rebuild, i);
    }
    rebuild->runs += !status;
    return status;
}

static bool copy_row(void *context, const struct wf_event_row *row)
{
    struct rebuild *rebuild = context;
    struct wf_event_row copy = *row;

    rebuild->position = row->position;
    rebuild->status = rebuild->does->append(rebuild->to, &copy, rebuild->error);
    if (wf_row_count(row->events) == row->version) {
        rebuild->born[rebuild->born_count++] = row->run_id;
    }
    rebuild->copied++;
    return !rebuild->status;
}

static enum wf_status copy_chunk(struct rebuild *rebuild)
{
    enum wf_status status = rebuild->does->begin(rebuild->to, rebuild->error);

    rebuild->copied = rebuild->born_count = 0;
    rebuild->status = WF_OK;
    if (status) {
        return status;
    }
    status = rebuild->does->read_log(rebuild->from, rebuild->position, ROWS_MAX, copy_row, rebuild,
                                     rebuild->error);
    status = status ? status : rebuild->status;
    for (int i = 0; i < rebuild->born_count && !status; i++) {
        status = write_run(rebuild, rebuild->born[i]);
    }
    if (status) {
        rebuild->does->rollback(rebuild->to);
        return status;
    }
    return rebuild->does->commit(rebuild->to, rebuild->error);
}

enum wf_status wf_rebuild(const struct wf_store_functions *does, const char *from, const char *to,
                          int64_t *runs, struct wf_error *error)
{
    struct wf_store_options from_options = {.path = from, .read_only = true, .busy_ms = 1000};
    struct wf_store_options to_options = {.path = to, .busy_ms = 1000};
    struct rebuild rebuild = {.does = does, .error = error};
    enum wf_status status = does->open(&rebuild.from, &from_options, error);

    if (!status) {
        status = does->open(&rebuild.to, &to_options, error);
    }
    do {
        status = status ? status : copy_chunk(&rebuild);
    } while (!status && rebuild.copied);
    *runs = rebuild.runs;
    does->close(rebuild.from);
    does->close(rebuild.to);
    wf_state_destroy(&rebuild.state);
    wf_buffer_destroy(&rebuild.encoded);
    return status;
}
