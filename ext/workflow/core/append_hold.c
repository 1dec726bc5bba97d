/*
 * What the holder of a slot says: it ends what it holds, gives it back, tells of it, or does not know; and whether it holds it still.
 * Runs on the committer thread, inside its transaction; the run is loaded where nothing else is said.
 */
#include "engine.h"

/* Whether the slot keeps that step of the loaded run beside what it holds. */
enum wf_status wf_append_is_kept(struct wf_engine *engine, const struct wf_slot *slot,
                                 struct wf_ready_row *row, bool *kept, struct wf_error *error)
{
    enum wf_status status = engine->does->ready_get(engine->committer.store, row, error);

    *kept = !status && row->owner == engine->committer.owner && row->slot == slot->index &&
            slot->claim.run_id == row->run_id && slot->claim.step != row->step;
    return status == WF_NOT_FOUND ? WF_OK : status;
}

static struct wf_bytes author(const struct wf_slot *slot)
{
    struct wf_work work;

    return wf_work_read(&slot->claim, &work) ? (struct wf_bytes){"", 0} : work.by;
}

/* What the slot keeps of the loaded run, beside what it holds, is everybody's again. */
enum wf_status wf_append_release_kept(struct wf_engine *engine, const struct wf_slot *slot,
                                      struct wf_error *error)
{
    const struct wf_state *state = &engine->committer.state;
    enum wf_status status = WF_OK;

    for (int i = 0; slot->claim.keeps && i < state->step_count && !status; i++) {
        struct wf_ready_row row = {.run_id = state->id, .step = i};
        bool kept;

        status = wf_append_is_kept(engine, slot, &row, &kept, error);
        if (!status && kept) {
            status = wf_holders_release_step(engine, &row, author(slot), error);
        }
    }
    return status;
}

/* Whether the claim is on what the step is at: of a claim on a reminder, that is a reminder in hand, whichever
 * try (as of a step: the late result of one that was lost counts while nobody else began). */
bool wf_append_is_at(const struct wf_step *step, const struct wf_claim *claim)
{
    bool same_mode =
        claim->mode == WF_MODE_REMIND ? step->reminding != 0 : step->mode == claim->mode;

    return same_mode && step->round == claim->round;
}

/* Whether the slot's claim on a step of the loaded run still stands: STALE once the step was claimed again,
 * is over, or has another round or mode (whose fences begin anew). An expired lease alone refuses nothing. */
enum wf_status wf_append_check_claim(struct wf_engine *engine, const struct wf_claim *claim,
                                     enum wf_status *refused, struct wf_error *error)
{
    struct wf_store *store = engine->committer.store;
    struct wf_ready_row ready = {.run_id = claim->run_id, .step = claim->step};
    struct wf_wait_row wait = {.run_id = claim->run_id, .step = claim->step};
    enum wf_status status = claim->await ? engine->does->wait_get(store, &wait, error)
                                         : engine->does->ready_get(store, &ready, error);

    *refused = WF_OK;
    if (status == WF_NOT_FOUND ||
        (!status && ((claim->await ? wait.fence : ready.fence) != claim->fence ||
                     !wf_append_is_at(&engine->committer.state.steps[claim->step], claim)))) {
        *refused = WF_STALE;
        return WF_OK;
    }
    return status;
}

/* Beyond that, whether the row is this slot's at this moment. A claim that went back unnoticed, or that the slot's own
 * breath ended and made ready again, is still good for a result, but anybody may take it by now. */
enum wf_status wf_append_check_hold(struct wf_engine *engine, const struct wf_slot *slot,
                                    enum wf_status *refused, struct wf_error *error)
{
    const struct wf_claim *claim = &slot->claim;
    struct wf_store *store = engine->committer.store;
    struct wf_ready_row ready = {.run_id = claim->run_id, .step = claim->step};
    struct wf_wait_row wait = {.run_id = claim->run_id, .step = claim->step};
    enum wf_status status = wf_append_check_claim(engine, claim, refused, error);

    if (status || *refused) {
        return status;
    }
    status = claim->await ? engine->does->wait_get(store, &wait, error)
                          : engine->does->ready_get(store, &ready, error);
    if (!status && ((claim->await ? wait.owner : ready.owner) != engine->committer.owner ||
                    (claim->await ? wait.slot : ready.slot) != slot->index)) {
        *refused = WF_STALE;
    }
    return status;
}

static struct wf_wait_row wait_of(const struct wf_engine *engine, const struct wf_slot *slot)
{
    return (struct wf_wait_row){.run_id = slot->claim.run_id,
                                .step = slot->claim.step,
                                .owner = engine->committer.owner,
                                .slot = slot->index,
                                .fence = slot->claim.fence};
}

enum wf_status wf_append_doubt(struct wf_engine *engine, const struct wf_slot *slot,
                               struct wf_error *error)
{
    struct wf_wait_row row = wait_of(engine, slot);

    return wf_pledge_doubt(engine, &row, error);
}

/* A pledged claim can be in doubt by now: of that its holder's late word counts too. In another round the same fence
 * is another's. */
static enum wf_status release_wait(struct wf_engine *engine, const struct wf_slot *slot,
                                   struct wf_error *error)
{
    const struct wf_claim *claim = &slot->claim;
    struct wf_wait_row row = wait_of(engine, slot), now = row;
    enum wf_status refused, status;

    if (claim->pledged) {
        status = wf_append_load(engine, claim->run_id, &refused, error);
        if (status || refused) {
            return status;
        }
        status = engine->does->wait_get(engine->committer.store, &now, error);
        if (!status && now.owner == WF_OWNER_DOUBT &&
            engine->committer.state.steps[claim->step].round == claim->round) {
            row.owner = now.owner;
            row.slot = now.slot;
        }
    }
    return wf_holders_release_wait(engine, &row, author(slot), error);
}

/* Gives back the claim itself. */
static enum wf_status release(struct wf_engine *engine, const struct wf_slot *slot,
                              struct wf_error *error)
{
    const struct wf_claim *claim = &slot->claim;
    struct wf_committer *committer = &engine->committer;
    struct wf_ready_row ready = {.run_id = claim->run_id,
                                 .step = claim->step,
                                 .owner = committer->owner,
                                 .slot = slot->index,
                                 .fence = claim->fence};
    enum wf_status status = claim->await
                                ? release_wait(engine, slot, error)
                                : wf_holders_release_step(engine, &ready, author(slot), error);

    return status == WF_STALE ? WF_OK : status;
}

/* Gives back the claim and whatever the slot keeps. */
enum wf_status wf_append_release(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    enum wf_status status = WF_OK, refused = WF_OK;

    engine->committer.gave_back = true;
    if (op->slot->claim.keeps) {
        status = wf_append_load(engine, op->slot->claim.run_id, &refused, error);
        if (!status && !refused) {
            status = wf_append_release_kept(engine, op->slot, error);
        }
    }
    return status ? status : release(engine, op->slot, error);
}

/* A `once` step was given up while it ran: its own result says what became of it. */
static bool is_doubtful(const struct wf_engine *engine, const struct wf_op *op)
{
    const struct wf_claim *claim = &op->slot->claim;
    const struct wf_step *step = &engine->committer.state.steps[claim->step];

    return (op->command.kind == WF_COMMAND_COMPLETE || op->command.kind == WF_COMMAND_FAIL) &&
           step->round == claim->round && wf_scheduler_in_doubt(step, claim->attempt, claim->fence);
}

/* A claim that lapsed is good for a late word while nobody claimed the await again; but not if that would skip one of
 * its group that was pledged meanwhile. */
static enum wf_status refuse_overtaken(struct wf_engine *engine, struct wf_op *op,
                                       enum wf_status *refused, struct wf_error *error)
{
    const struct wf_claim *claim = &op->slot->claim;
    bool clash = false;
    enum wf_status lapsed = WF_OK, status;

    if (!claim->await || claim->pledged || op->command.kind != WF_COMMAND_ACCEPT ||
        !engine->committer.state.steps[claim->step].either) {
        return WF_OK;
    }
    status = wf_append_check_hold(engine, op->slot, &lapsed, error);
    if (!status && lapsed) {
        status = wf_pledge_clash(engine, claim->step, false, &clash, error);
        *refused = clash ? WF_STALE : WF_OK;
    }
    return status;
}

enum wf_status wf_append_finish(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    const struct wf_claim *claim = &op->slot->claim;
    bool done = false;
    enum wf_status status = wf_carried_finish(engine, op, &done, error), refused;

    if (status || done) {
        return status;
    }
    status = wf_append_load(engine, claim->run_id, &op->status, error);
    if (status || op->status) {
        return status;
    }
    status = wf_append_check_claim(engine, claim, &refused, error);
    if (!status && !refused) {
        status = refuse_overtaken(engine, op, &refused, error);
    }
    if (status) {
        return status;
    }
    if (refused && !is_doubtful(engine, op)) {
        wf_append_answer(engine, op, false);
        op->status = refused;
        return wf_append_release_kept(engine, op->slot, error);
    }
    op->command.step = claim->step;
    op->command.attempt = claim->attempt;
    op->command.fence = claim->fence;
    op->command.definition = op->definition;
    op->command.parting = wf_slot_parting(op->slot);
    status = wf_holders_tell(engine, op, error);
    if (!status) {
        status = wf_append_run(engine, op, error);
    }
    engine->committer.finished += !status;
    if (!status && op->command.kind == WF_COMMAND_REJECT && claim->await) {
        status = release(engine, op->slot, error);
        if (claim->pledged) { /* it may have been in doubt: now it is not */
            wf_append_answer(engine, op, engine->committer.row.len > 0);
        }
    }
    if (!status && !op->claim.run_id) {
        status = wf_append_release_kept(engine, op->slot, error);
    }
    return status;
}

/* A fact of what the slot holds and goes on holding. */
enum wf_status wf_append_tell(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    const struct wf_claim *claim = &op->slot->claim;
    enum wf_status status = wf_append_load(engine, claim->run_id, &op->status, error);

    if (status || op->status) {
        return status;
    }
    op->cancelling = committer->state.cancelling;
    status = wf_append_check_hold(engine, op->slot, &op->status, error);
    if (!status && !op->status) {
        op->command.step = claim->step;
        op->command.attempt = claim->attempt;
        op->command.fence = claim->fence;
        status = wf_append_command(engine, &op->command, &op->status, error);
        wf_buffer_clear(&op->slot->claim.state); /* the run is past it */
    }
    op->answered_id = committer->state.id;
    op->version = committer->state.version;
    return status;
}
