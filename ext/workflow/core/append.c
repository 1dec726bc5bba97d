/*
 * One logical append inside the committer's transaction: load the run, check the claim, decide, write the
 * events and whatever rows of the projections changed. Everything that can be refused is refused before
 * the first write. Runs on the committer thread.
 */
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
        status = wf_append_is_kept(engine, op->slot, row, &kept, error);
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

/* Whoever repeats a start gives its key as well: a run of another one is not the one that was promised. */
static bool has_anothers_id(const struct wf_op *op, const struct wf_run_row *row)
{
    return op->run_id && row->id == op->run_id && !wf_bytes_equal(row->key, op->birth.key);
}

static enum wf_status refuse_anothers_id(const struct wf_engine *engine, int64_t id,
                                         struct wf_error *error)
{
    char text[WF_ID_TEXT_LEN + 1];

    wf_id_write(id, text);
    return wf_fail(error, WF_STORE_ERROR,
                   "the id %s was given to two starts, and a run of another subject has it. This "
                   "start begins no run: start it again. It happens when the machine's clock is "
                   "set back, or when this file is deleted while processes use it: %s",
                   text, engine->shared.path);
}

static enum wf_status start(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_arena *arena = committer->state.arena;
    struct wf_run_row row;
    enum wf_status status = find_existing(engine, op, &row, error);

    if (!status && has_anothers_id(op, &row)) {
        op->status = refuse_anothers_id(engine, op->run_id, &op->error);
        return WF_OK;
    }
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
    status = status ? status : wf_holders_tell(engine, op, error);
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
        return wf_append_finish(engine, op, error);
    case WF_OP_RELEASE:
        return wf_append_release(engine, op, error);
    case WF_OP_CLAIM_STEP:
        return wf_append_claim_step(engine, op, error);
    case WF_OP_CLAIM_WAIT:
        return wf_append_claim_wait(engine, op, error);
    case WF_OP_CHANGE:
        return change(engine, op, error);
    case WF_OP_TAKEOVER:
        return wf_upkeep_takeover(engine, op, error);
    case WF_OP_TELL:
        return wf_append_tell(engine, op, error);
    case WF_OP_DOUBT:
        return wf_append_doubt(engine, op->slot, error);
    case WF_OP_SETTLE:
        return wf_append_settle(engine, op, error);
    }
    return WF_OK;
}
