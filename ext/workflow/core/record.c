/*
 * The run that the committer has loaded, and what an append writes of it: the row of events, the run's own
 * row, and whatever rows of ready, waits and timers changed between the state before and the state after.
 * Runs on the committer thread, inside its transaction.
 */
#include "engine.h"
#include "rebuild.h"

enum wf_status wf_append_decode(struct wf_engine *engine, const struct wf_run_row *row)
{
    struct wf_state *state = &engine->committer.state;
    enum wf_status status = wf_state_decode(state, row->id, row->state);

    engine->committer.stored = row->state;
    if (!status) {
        wf_state_set_doubts(state, row->doubts);
    }
    return status;
}

enum wf_status wf_append_load(struct wf_engine *engine, int64_t run_id, enum wf_status *status,
                              struct wf_error *error)
{
    struct wf_run_row row;
    enum wf_status found = engine->does->run_state(engine->committer.store, run_id, &row, error);

    *status = WF_OK;
    if (found == WF_NOT_FOUND) {
        *status = WF_NOT_FOUND;
        return WF_OK;
    }
    if (found) {
        return found;
    }
    *status = wf_append_decode(engine, &row);
    if (*status == WF_STORE_CORRUPT) {
        wf_fail(error, WF_STORE_CORRUPT, "the state of run %lld in %s cannot be read",
                (long long)run_id, engine->path);
    }
    return WF_OK;
}

static void fill(struct wf_engine *engine, struct wf_claim *claim, int index, int64_t fence,
                 struct wf_bytes by)
{
    const struct wf_state *state = &engine->committer.state;
    const struct wf_step *step = &state->steps[index];

    claim->run_id = state->id;
    claim->step = index;
    claim->round = step->round;
    claim->keeps = false;
    claim->met = step->met;
    claim->fence = fence;
    wf_work_write(&claim->work, state, index, claim->mode, by);
    wf_carried_keep(engine, claim);
    if (!engine->committer.witness_claim.run_id) {
        engine->committer.witness_claim = *claim;
        engine->committer.witness_claim.work = (struct wf_buffer){0};
        engine->committer.witness_claim.state = (struct wf_buffer){0};
    }
}

void wf_append_fill_claim(struct wf_engine *engine, struct wf_claim *claim, int index,
                          int64_t fence, struct wf_bytes by)
{
    struct wf_projection rows = wf_state_project(&engine->committer.state, index);

    claim->await = claim->pledged = false;
    claim->alone = rows.alone;
    claim->attempt = rows.attempt;
    claim->mode = rows.mode;
    fill(engine, claim, index, fence, by);
}

void wf_append_fill_wait(struct wf_engine *engine, struct wf_claim *claim, int index, int64_t fence,
                         struct wf_bytes by)
{
    claim->await = true;
    claim->alone = claim->pledged = false;
    claim->attempt = 0;
    claim->mode = WF_MODE_STEP;
    fill(engine, claim, index, fence, by);
}

/* `was`: the run's row as it was loaded; of it only what is said here counts. */
static enum wf_status write_run(struct wf_engine *engine, bool insert, const struct wf_run_row *was,
                                struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_run_row row;

    if (wf_rebuild_run_row(&committer->state, &committer->encoded, &row)) {
        return wf_fail(error, WF_NO_MEMORY, "out of memory");
    }
    committer->stored = row.state;
    row.was_open = was->open;
    row.was_status = was->status;
    row.was_version = was->version;
    return insert ? engine->does->run_insert(committer->store, &row, error)
                  : engine->does->run_update(committer->store, &row, error);
}

static enum wf_status write_events(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_event_row row = {.run_id = committer->state.id,
                               .version = committer->state.version,
                               .events = wf_buffer_bytes(&committer->row)};
    enum wf_status status = engine->does->append(committer->store, &row, error);

    if (!status && committer->appended++ == 0) {
        committer->witness_run = row.run_id;
        committer->witness_version = row.version;
        wf_buffer_clear(&committer->witness);
        wf_buffer_put(&committer->witness, row.events.ptr, row.events.len);
    }
    return status;
}

static enum wf_status write_ready(struct wf_engine *engine, int step,
                                  const struct wf_projection *rows, struct wf_error *error)
{
    struct wf_ready_row row = {.run_id = engine->committer.state.id,
                               .step = step,
                               .priority = rows->priority,
                               .at_ms = rows->at_ms,
                               .alone = rows->alone,
                               .fence = rows->fence};

    engine->committer.released++;
    return engine->does->ready_put(engine->committer.store, &row, error);
}

/* What was carried names its claim: nobody has asked for the row before. */
static enum wf_status end_ready(struct wf_engine *engine, int step, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    const struct wf_claim *carried = committer->carried;

    if (carried && carried->step == step) {
        committer->carried = NULL;
        return engine->does->ready_end(committer->store, carried->run_id, step, carried->fence,
                                       error);
    }
    return engine->does->ready_delete(committer->store, committer->state.id, step, error);
}

/* Whether what is to be run is not what was: the claim on that is no claim on this. */
static bool is_another(const struct wf_projection *old, const struct wf_projection *new)
{
    return old->round != new->round || old->attempt != new->attempt || old->mode != new->mode;
}

/* The rows of one step, as they were and as they are to be. */
static enum wf_status write_step(struct wf_engine *engine, int step,
                                 const struct wf_projection *old, const struct wf_projection *new,
                                 struct wf_error *error)
{
    const struct wf_store_functions *does = engine->does;
    struct wf_store *store = engine->committer.store;
    int64_t run_id = engine->committer.state.id;
    bool again = is_another(old, new);
    enum wf_status status = WF_OK;

    if (new->ready &&
        (!old->ready || again || old->at_ms != new->at_ms || old->alone != new->alone)) {
        status = write_ready(engine, step, new, error);
    } else if (old->ready && !new->ready) {
        status = end_ready(engine, step, error);
    }
    if (!status && new->waits &&
        (!old->waits || old->round != new->round || old->opened_ms != new->opened_ms)) {
        struct wf_wait_row row = {.run_id = run_id, .step = step, .fence = new->wait_fence};

        status = does->wait_put(store, &row, error);
    } else if (!status && old->waits && !new->waits) {
        status = does->wait_delete(store, run_id, step, error);
        status = status ? status : wf_pledge_over(engine, run_id, step, error);
    }
    if (!status && new->timer && (!old->timer || old->due_ms != new->due_ms)) {
        struct wf_timer_row row = {.run_id = run_id, .step = step, .due_ms = new->due_ms};

        engine->committer.timers_changed = true;
        status = does->timer_put(store, &row, error);
    } else if (!status && old->timer && !new->timer) {
        status = does->timer_delete(store, run_id, step, error);
    }
    return status;
}

static enum wf_status write_steps(struct wf_engine *engine, int old_count, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    enum wf_status status = WF_OK;

    for (int i = 0; i < committer->state.step_count && !status; i++) {
        struct wf_projection old = i < old_count ? committer->before[i] : (struct wf_projection){0};
        struct wf_projection new = wf_state_project(&committer->state, i);

        committer->before[i] = old;
        status = write_step(engine, i, &old, &new, error);
    }
    return status;
}

/* The run first: STALE from there has written nothing. */
enum wf_status wf_append_command(struct wf_engine *engine, const struct wf_command *command,
                                 enum wf_status *refused, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_run_row was = {.open = wf_state_open(&committer->state),
                             .status = wf_state_status(&committer->state),
                             .version = committer->state.version};
    int old_count = committer->state.step_count, count = 0;
    enum wf_status status;

    for (int i = 0; i < old_count; i++) {
        committer->before[i] = wf_state_project(&committer->state, i);
    }
    *refused = wf_decide(&committer->state, command, &committer->row, &count);
    if (*refused || !count) {
        return WF_OK;
    }
    status = write_run(engine, command->kind == WF_COMMAND_START, &was, error);
    status = status ? status : write_events(engine, error);
    return status ? status : write_steps(engine, old_count, error);
}
