/*
 * One logical append inside the committer's transaction: load the run, check the claim, decide, write the
 * events and whatever rows of the projections changed. Everything that can be refused is refused before
 * the first write. Runs on the committer thread.
 */
#include <string.h>

#include "engine.h"

/* What the caller is told: the run as it is now, and what was just appended. */
void wf_append_answer(struct wf_engine *engine, struct wf_op *op, bool appended)
{
    struct wf_committer *committer = &engine->committer;
    char doubts[WF_STEP_BITS_MAX];

    op->answered_id = committer->state.id;
    op->version = committer->state.version;
    if (!op->wait) {
        return;
    }
    wf_buffer_clear(&op->state);
    if (appended && committer->row.len) { /* and so it was just encoded */
        wf_buffer_put(&op->state, committer->encoded.ptr, committer->encoded.len);
    } else {
        wf_state_encode(&committer->state, &op->state);
    }
    wf_state_put_doubts(&op->state, wf_state_doubts(&committer->state, doubts));
    wf_buffer_clear(&op->row);
    if (appended) {
        wf_buffer_put(&op->row, committer->row.ptr, committer->row.len);
    }
}

/* Whether the slot keeps that step of the loaded run beside what it holds. */
static enum wf_status is_kept(struct wf_engine *engine, const struct wf_slot *slot,
                              struct wf_ready_row *row, bool *kept, struct wf_error *error)
{
    enum wf_status status = engine->does->ready_get(engine->committer.store, row, error);

    *kept = !status && row->owner == engine->committer.owner && row->slot == slot->index &&
            slot->claim.run_id == row->run_id && slot->claim.step != row->step;
    return status == WF_NOT_FOUND ? WF_OK : status;
}

/* The step becomes this slot's if the append released it as a `now` step, or is it already, whatever its
 * place is by now: OK, with the row's fence. BUSY: it is not. */
static enum wf_status claim_now(struct wf_engine *engine, struct wf_op *op,
                                struct wf_ready_row *row, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    bool is_new = !committer->before[row->step].ready ||
                  committer->before[row->step].mode != committer->state.steps[row->step].mode;
    bool kept = false;
    enum wf_status status = WF_OK;

    if (op->slot->claim.keeps && !is_new) {
        status = is_kept(engine, op->slot, row, &kept, error);
    }
    if (status || kept) {
        return status;
    }
    if (!is_new ||
        wf_scheduler_place(&committer->state, op->definition, row->step) != WF_PLACE_NOW) {
        return WF_BUSY;
    }
    row->owner = committer->owner;
    row->slot = op->slot->index;
    row->fence = wf_state_project(&committer->state, row->step).fence; /* it has just been put */
    status = engine->does->ready_claim(committer->store, row, error);
    committer->released -= !status;
    return status;
}

/* A `now` step goes on here, in the same slot. A caller keeps all that became ready by its own calls, and
 * runs them one after another; a worker takes one and leaves its siblings to the others. Not a second
 * attempt: that is any worker's. */
static enum wf_status claim_next(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    const struct wf_state *state = &engine->committer.state;
    bool keeps = false;

    for (int i = 0; i < state->step_count; i++) {
        struct wf_ready_row row = {.run_id = state->id, .step = i};
        bool first = state->steps[i].status == WF_STEP_ready && state->steps[i].attempt == 1;
        enum wf_status status = first ? claim_now(engine, op, &row, error) : WF_BUSY;

        if (status && status != WF_BUSY) {
            return status;
        }
        if (!status && !op->claim.run_id) {
            wf_append_fill_claim(engine, &op->claim, i, row.fence, op->command.by);
            if (op->slot->worker) {
                return WF_OK;
            }
        } else {
            keeps |= !status;
        }
    }
    op->claim.keeps = keeps && op->claim.run_id;
    return WF_OK;
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

        status = is_kept(engine, slot, &row, &kept, error);
        if (!status && kept) {
            status = wf_holders_release_step(engine, &row, author(slot), error);
        }
    }
    return status;
}

/* After a failure only a caller, with what else its call has released. */
static bool goes_on(const struct wf_op *op)
{
    switch (op->command.kind) {
    case WF_COMMAND_START:
    case WF_COMMAND_COMPLETE:
    case WF_COMMAND_ACCEPT:
    case WF_COMMAND_SKIP:
    case WF_COMMAND_OPEN:
        return true;
    case WF_COMMAND_FAIL:
    case WF_COMMAND_REJECT:
        return op->slot && op->slot->claim.keeps;
    default:
        return false;
    }
}

/* What a new round may not take away; and whether an input that comes early could skip what is pledged. */
static enum wf_status ask_for_pledges(struct wf_engine *engine, struct wf_op *op,
                                      struct wf_error *error)
{
    if (op->command.kind == WF_COMMAND_RETRY) {
        return wf_pledge_tell(engine, op, error);
    }
    if (op->command.kind == WF_COMMAND_KEEP) {
        return wf_pledge_clash(engine, op->command.step, false, &op->command.clashes, error);
    }
    return WF_OK;
}

/* A command that names no holder's step, or that may end or halt the run: it is told who holds what. */
static bool asks_for_holders(const struct wf_command *command)
{
    return command->kind == WF_COMMAND_CANCEL || command->kind == WF_COMMAND_PAUSE ||
           command->kind == WF_COMMAND_OMIT || command->parting.len;
}

static enum wf_status tell_holders(struct wf_engine *engine, struct wf_op *op,
                                   struct wf_error *error)
{
    enum wf_status status = WF_OK;

    if (asks_for_holders(&op->command)) {
        status = wf_holders_tell(engine, op->slot, op, error);
    }
    if (!status && op->slot && op->slot->claim.keeps && wf_state_halted(&engine->committer.state)) {
        status = wf_holders_tell_kept(engine, op->slot, op, error);
    }
    return status;
}

enum wf_status wf_append_go_on(struct wf_engine *engine, struct wf_op *op, bool appended,
                               struct wf_error *error)
{
    enum wf_status status = WF_OK;

    if (!op->status && op->slot && goes_on(op) && !wf_state_halted(&engine->committer.state)) {
        status = claim_next(engine, op, error);
    }
    if (!status) {
        wf_append_answer(engine, op, appended);
    }
    return status;
}

/* Runs the op's command on the loaded run, and goes on with a `now` step if one follows. */
enum wf_status wf_append_run(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    enum wf_status status = wf_append_command(engine, &op->command, &op->status, error);
    bool appended = !status && !op->status && engine->committer.row.len;

    return status ? status : wf_append_go_on(engine, op, appended, error);
}

/* The run that is meant, if there is one: of the id that was given, else the one that this token began, else
 * the open one of the key. OK | NOT_FOUND | the store's */
static enum wf_status find_existing(struct wf_engine *engine, const struct wf_op *op,
                                    struct wf_run_row *row, struct wf_error *error)
{
    struct wf_store *store = engine->committer.store;
    const struct wf_birth *birth = &op->birth;
    enum wf_status status = WF_NOT_FOUND;

    if (op->run_id) {
        status = engine->does->run_load(store, op->run_id, row, error);
    }
    if (status == WF_NOT_FOUND && birth->token.len) {
        status = engine->does->run_keyed(store, birth->class_name, birth->token, row, error);
    }
    if (status == WF_NOT_FOUND && birth->unique) {
        status = engine->does->run_find(store, birth->key, row, error);
        status = status || (row->open && row->unique) ? status : WF_NOT_FOUND;
    }
    return status;
}

static enum wf_status start(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_arena *arena = committer->state.arena;
    struct wf_run_row row;
    enum wf_status status = find_existing(engine, op, &row, error);

    if (!status) {
        op->status = wf_append_decode(engine, &row);
        wf_append_answer(engine, op, false);
        op->status = op->status ? op->status : WF_EXISTING;
    }
    if (status != WF_NOT_FOUND) {
        return status;
    }
    wf_arena_reset(arena);
    committer->state = (struct wf_state){.id = op->run_id ? op->run_id : wf_engine_reserve(engine),
                                         .arena = arena};
    op->command.kind = WF_COMMAND_START;
    op->command.step = -1;
    op->command.birth = &op->birth;
    return wf_append_run(engine, op, error);
}

/* Whether the claim is on what the step is at: of a claim on a reminder, that is a reminder in hand, whichever
 * try (as of a step: the late result of one that was lost counts while nobody else began). */
static bool is_at(const struct wf_step *step, const struct wf_claim *claim)
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
                     !is_at(&engine->committer.state.steps[claim->step], claim)))) {
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

static enum wf_status doubt(struct wf_engine *engine, const struct wf_slot *slot,
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
static enum wf_status release_all(struct wf_engine *engine, struct wf_op *op,
                                  struct wf_error *error)
{
    enum wf_status status = WF_OK, refused = WF_OK;

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

static enum wf_status finish(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
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
    op->command.parting = wf_op_keep(op, wf_slot_parting(op->slot));
    status = tell_holders(engine, op, error);
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
static enum wf_status tell(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
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

/* A run that had ended cannot be opened again while another of the same subject is open. */
static enum wf_status refuse_second_open(struct wf_engine *engine, struct wf_op *op,
                                         struct wf_error *error)
{
    const struct wf_state *state = &engine->committer.state;
    struct wf_run_row row;
    enum wf_status status;

    if (!state->ended || !state->unique) {
        return WF_OK;
    }
    status = engine->does->run_find(engine->committer.store, state->key, &row, error);
    if (!status && row.open && row.unique && row.id != state->id) {
        op->status = WF_BUSY;
    }
    return status;
}

static enum wf_status change(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    enum wf_status status = wf_append_load_step(engine, op, error);

    if (!status && !op->status && op->command.kind == WF_COMMAND_RETRY) {
        status = refuse_second_open(engine, op, error);
    }
    if (status || op->status) {
        return status;
    }
    op->command.definition = op->definition;
    status = ask_for_pledges(engine, op, error);
    status = status ? status : tell_holders(engine, op, error);
    return status ? status : wf_append_run(engine, op, error);
}

enum wf_status wf_append(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    op->status = WF_OK;
    op->claim.run_id = 0;
    op->command.now_ms = wf_clock_wall_ms(&engine->clock);
    op->command.definition = op->definition;
    engine->committer.row.len = 0;
    if (op->slot) { /* what it claims is told under this name if the process dies */
        wf_committer_name_by(engine, op->command.by);
    }
    switch (op->kind) {
    case WF_OP_START:
        return start(engine, op, error);
    case WF_OP_FINISH:
        return finish(engine, op, error);
    case WF_OP_RELEASE:
        return release_all(engine, op, error);
    case WF_OP_CLAIM_STEP:
        return wf_append_claim_step(engine, op, error);
    case WF_OP_CLAIM_WAIT:
        return wf_append_claim_wait(engine, op, error);
    case WF_OP_CHANGE:
        return change(engine, op, error);
    case WF_OP_TAKEOVER:
        return wf_upkeep_takeover(engine, op, error);
    case WF_OP_TELL:
        return tell(engine, op, error);
    case WF_OP_DOUBT:
        return doubt(engine, op->slot, error);
    case WF_OP_SETTLE:
        return wf_append_settle(engine, op, error);
    }
    return WF_OK;
}
