/*
 * The end of a step without reading first: a claim keeps the run's state as it was when it was made, encoded, and
 * COMPLETE is decided on that. Nothing is believed: the run's row is updated only if it still has that version, and the
 * row of `ready` is deleted only if it has the claim's fence; else the run is read after all. So it is only kept of runs
 * whose version says all of their state: doubts of awaits change without one. Runs on the committer thread, inside its transaction.
 */
#include "engine.h"

#define STATE_LEN_MAX 4096u /* a bigger one is read again */

static bool has_awaits(const struct wf_state *state)
{
    for (int i = 0; i < state->step_count; i++) {
        if (state->steps[i].kind == WF_STEP_AWAIT) {
            return true;
        }
    }
    return false;
}

void wf_carried_keep(const struct wf_engine *engine, struct wf_claim *claim)
{
    struct wf_bytes stored = engine->committer.stored;

    wf_buffer_clear(&claim->state);
    if (!claim->await && stored.len <= STATE_LEN_MAX && !has_awaits(&engine->committer.state)) {
        wf_buffer_put(&claim->state, stored.ptr, stored.len);
    }
}

/* A plain end: what else there is to an end asks the store anyway. */
static bool is_carried(const struct wf_op *op)
{
    const struct wf_claim *claim = &op->slot->claim;

    return claim->state.len && !claim->state.failed && !claim->await && !claim->keeps &&
           op->command.kind == WF_COMMAND_COMPLETE && !wf_slot_parting(op->slot).len;
}

static enum wf_status end_step(struct wf_engine *engine, struct wf_op *op, enum wf_status *refused,
                               struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    const struct wf_claim *claim = &op->slot->claim;
    enum wf_status status;

    op->command.step = claim->step;
    op->command.attempt = claim->attempt;
    op->command.fence = claim->fence;
    op->command.definition = op->definition;
    committer->carried = claim;
    status = wf_append_command(engine, &op->command, refused, error);
    if (!status && committer->row.len && committer->carried) { /* its row was not asked for */
        status = wf_fail(error, WF_STALE, "step %d of run %lld did not end", claim->step,
                         (long long)claim->run_id);
    }
    committer->carried = NULL;
    return status;
}

enum wf_status wf_carried_finish(struct wf_engine *engine, struct wf_op *op, bool *done,
                                 struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_claim *claim = &op->slot->claim;
    int appended = committer->appended;
    enum wf_status refused = WF_OK, status;

    if (!is_carried(op) ||
        wf_state_decode(&committer->state, claim->run_id, wf_buffer_bytes(&claim->state))) {
        return WF_OK;
    }
    status = end_step(engine, op, &refused, error);
    wf_buffer_clear(&claim->state); /* once only: whoever tries again asks */
    if (!status && !refused && committer->row.len) {
        committer->finished++;
        *done = true;
        return wf_append_go_on(engine, op, true, error);
    }
    wf_buffer_clear(&committer->row);
    if (status == WF_STALE && committer->appended == appended) {
        *error = (struct wf_error){0};
        return WF_OK;
    }
    return status;
}
