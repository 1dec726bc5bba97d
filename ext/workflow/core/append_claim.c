/*
 * Ops that name a run and a step: claims by name, and the verdict on a claim in doubt. Runs on the committer thread,
 * inside its transaction.
 */
#include "engine.h"

enum wf_status wf_append_load_step(struct wf_engine *engine, struct wf_op *op,
                                   struct wf_error *error)
{
    enum wf_status status = wf_append_load(engine, op->run_id, &op->status, error);

    op->command.step = -1;
    if (!status && !op->status && op->step.len) {
        op->command.step = wf_state_find(&engine->committer.state, op->step);
        wf_append_answer(engine, op, false);
        op->status = op->command.step < 0 ? WF_NOT_FOUND : WF_OK;
    }
    return status;
}

enum wf_status wf_append_claim_step(struct wf_engine *engine, struct wf_op *op,
                                    struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_ready_row row = {.run_id = op->run_id};
    enum wf_status status = wf_append_load_step(engine, op, error);

    if (status || op->status) {
        return status;
    }
    op->command.kind = WF_COMMAND_HURRY;
    status = wf_append_command(engine, &op->command, &op->status, error);
    if (status || op->status) {
        return status;
    }
    wf_append_answer(engine, op, true);
    row.step = op->command.step;
    status = engine->does->ready_get(committer->store, &row, error);
    if (status == WF_NOT_FOUND || (!status && row.owner)) {
        op->status = status ? WF_NOT_PENDING : WF_BUSY;
        return WF_OK;
    }
    row.owner = committer->owner;
    row.slot = op->slot->index;
    status = status ? status : engine->does->ready_claim(committer->store, &row, error);
    if (!status) {
        wf_append_fill_claim(engine, &op->claim, row.step, row.fence, op->command.by);
    }
    return status;
}

/* Whose claim that is, is for others to find out: it is told by its fence. */
static enum wf_status tell_doubt(struct wf_engine *engine, struct wf_op *op,
                                 struct wf_wait_row *row, struct wf_error *error)
{
    enum wf_status status = engine->does->wait_get(engine->committer.store, row, error);

    op->status = WF_DOUBTFUL;
    op->round = engine->committer.state.steps[row->step].round;
    op->fence = row->fence;
    return status;
}

/* Whether the await may be claimed at all, and if not, what is in the way. */
static enum wf_status refuse_claim(struct wf_engine *engine, struct wf_op *op,
                                   struct wf_error *error)
{
    const struct wf_state *state = &engine->committer.state;
    const struct wf_step *step = &state->steps[op->command.step];
    enum wf_status status = WF_OK;
    bool busy = false;

    if (wf_state_halted(state)) {
        op->status = WF_NOT_WAITING;
    } else if (wf_await_is_judged(step)) { /* an input that came early: its verdict comes first */
        op->status = WF_BUSY;
    } else if (step->status != WF_STEP_waiting ||
               (step->due_ms && step->due_ms <= op->command.now_ms)) {
        op->status = WF_NOT_WAITING;
    } else if (op->pledged || step->either) {
        status = wf_pledge_clash(engine, op->command.step, op->pledged, &busy, error);
        op->status = busy ? WF_BUSY : WF_OK;
    }
    return status;
}

enum wf_status wf_append_claim_wait(struct wf_engine *engine, struct wf_op *op,
                                    struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_wait_row row = {.run_id = op->run_id};
    enum wf_status status = wf_append_load_step(engine, op, error);

    if (status || op->status) {
        return status;
    }
    row.step = op->command.step;
    if (committer->state.steps[row.step].doubtful) {
        return tell_doubt(engine, op, &row, error);
    }
    status = refuse_claim(engine, op, error);
    if (status || op->status) {
        return status;
    }
    status = engine->does->wait_get(committer->store, &row, error);
    if (status == WF_NOT_FOUND || (!status && row.owner)) {
        op->status = WF_BUSY;
        return WF_OK;
    }
    row.owner = committer->owner;
    row.slot = op->slot->index;
    row.pledged = op->pledged;
    status = status ? status : engine->does->wait_claim(committer->store, &row, error);
    if (!status) {
        wf_append_fill_wait(engine, &op->claim, row.step, row.fence, op->command.by);
        op->claim.pledged = op->pledged;
    }
    return status;
}

/* Whether the row is of the claim that is to be settled, and nobody has done so. */
static bool in_doubt(const struct wf_engine *engine, const struct wf_op *op,
                     const struct wf_wait_row *row)
{
    return row->owner == WF_OWNER_DOUBT && row->fence == op->fence &&
           engine->committer.state.steps[row->step].round == op->round;
}

/* What its holder would have done, by who knows what became of the claim. STALE: it is not in doubt any more. */
enum wf_status wf_append_settle(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    struct wf_wait_row row = {.run_id = op->run_id};
    enum wf_status status = wf_append_load_step(engine, op, error);

    if (status || op->status) {
        return status;
    }
    row.step = op->command.step;
    op->command.fence = op->fence;
    status = engine->does->wait_get(engine->committer.store, &row, error);
    if (status && status != WF_NOT_FOUND) {
        return status;
    }
    if (status == WF_NOT_FOUND || !in_doubt(engine, op, &row)) {
        op->status = WF_STALE;
        return WF_OK;
    }
    if (op->command.kind == WF_COMMAND_ACCEPT) {
        return wf_append_run(engine, op, error);
    }
    status = wf_holders_release_wait(engine, &row, op->command.by, error);
    wf_append_answer(engine, op, engine->committer.row.len > 0);
    return status;
}
