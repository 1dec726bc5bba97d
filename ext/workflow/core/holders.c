/*
 * Who holds steps of a run, read from the rows that claims are made on; and claims that go back untouched.
 * Claims are no facts, so that such a return is told only of a halted run, which waits for its holders. Runs
 * on the committer thread, inside its transaction.
 */
#include <string.h>

#include "engine.h"

struct holders {
    unsigned char bits[WF_STEP_BITS_MAX];
    size_t len; /* up to the last byte that is not zero */
    int64_t fence;
};

static void add(struct holders *holders, int step, int64_t fence)
{
    size_t at = (size_t)step / 8;

    holders->bits[at] = (unsigned char)(holders->bits[at] | 1u << (step % 8));
    holders->len = at + 1 > holders->len ? at + 1 : holders->len;
    holders->fence = fence > holders->fence ? fence : holders->fence;
}

static struct wf_bytes put(char bits[WF_STEP_BITS_MAX], const struct holders *holders)
{
    memcpy(bits, holders->bits, holders->len);
    return (struct wf_bytes){bits, holders->len};
}

/* The rows of one step: of whom they are, and how high their fences. `mine`: of the slot `own`. */
static enum wf_status look(struct wf_engine *engine, int step, const struct wf_slot *own,
                           struct holders *others, struct holders *mine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_projection rows = wf_state_project(&committer->state, step);
    struct wf_ready_row ready = {.run_id = committer->state.id, .step = step};
    struct wf_wait_row wait = {.run_id = committer->state.id, .step = step};
    enum wf_status status =
        rows.ready ? engine->does->ready_get(committer->store, &ready, error) : WF_NOT_FOUND;
    bool is_mine;

    if (!status && ready.owner && rows.mode != WF_MODE_REMIND) { /* a run does not wait for those */
        is_mine = own && ready.owner == committer->owner && ready.slot == own->index;
        add(is_mine ? mine : others, step, ready.fence);
    }
    if (status && status != WF_NOT_FOUND) {
        return status;
    }
    others->fence = !status && ready.fence > others->fence ? ready.fence : others->fence;
    status = rows.waits ? engine->does->wait_get(committer->store, &wait, error) : WF_NOT_FOUND;
    if (!status && wait.owner) {
        is_mine = own && wait.owner == committer->owner && wait.slot == own->index;
        add(is_mine ? mine : others, step, wait.fence);
    }
    if (!status && wait.fence > others->fence) {
        others->fence = wait.fence;
    }
    return status == WF_NOT_FOUND ? WF_OK : status;
}

static enum wf_status look_at_all(struct wf_engine *engine, const struct wf_slot *own,
                                  struct holders *others, struct holders *mine,
                                  struct wf_error *error)
{
    enum wf_status status = WF_OK;

    *others = *mine = (struct holders){.len = 0};
    for (int i = 0; i < engine->committer.state.step_count && !status; i++) {
        status = look(engine, i, own, others, mine, error);
    }
    return status;
}

/* All but what `own` (NULL: none) holds or keeps, and how high their fences are. */
static enum wf_status tell_all(struct wf_engine *engine, const struct wf_slot *own,
                               struct wf_op *op, struct wf_error *error)
{
    struct holders others, mine;
    enum wf_status status = look_at_all(engine, own, &others, &mine, error);

    op->command.held = put(op->held, &others);
    op->command.fence = others.fence > mine.fence ? others.fence : mine.fence;
    return status;
}

/* What the slot keeps beside its step, for the end of that in a halted run. */
static enum wf_status tell_kept(struct wf_engine *engine, const struct wf_slot *slot,
                                struct wf_op *op, struct wf_error *error)
{
    struct holders others, mine;
    enum wf_status status = look_at_all(engine, slot, &others, &mine, error);
    size_t own = (size_t)slot->claim.step / 8;

    mine.bits[own] = (unsigned char)(mine.bits[own] & ~(1u << (slot->claim.step % 8)));
    op->command.kept = put(op->kept, &mine);
    op->command.fence = mine.fence > op->command.fence ? mine.fence : op->command.fence;
    return status;
}

/* A command that names no holder's step, or that may end or halt the run. */
static bool asks_for_holders(const struct wf_command *command)
{
    return command->kind == WF_COMMAND_CANCEL || command->kind == WF_COMMAND_PAUSE ||
           command->kind == WF_COMMAND_OMIT || command->parting.len;
}

enum wf_status wf_holders_tell(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    enum wf_status status = WF_OK;

    if (asks_for_holders(&op->command)) {
        status = tell_all(engine, op->slot, op, error);
    }
    if (!status && op->slot && op->slot->claim.keeps && wf_state_halted(&engine->committer.state)) {
        status = tell_kept(engine, op->slot, op, error);
    }
    return status;
}

/* Of a halted run: told. *told is false where there is nothing to tell: the run is not halted. */
static enum wf_status tell(struct wf_engine *engine, int64_t run_id, int step, int64_t fence,
                           struct wf_bytes by, bool *told, struct wf_error *error)
{
    struct wf_command command = {.kind = WF_COMMAND_LET_GO,
                                 .step = step,
                                 .now_ms = wf_clock_wall_ms(&engine->clock),
                                 .by = by,
                                 .fence = fence};
    enum wf_status refused, status = wf_append_load(engine, run_id, &refused, error);

    *told = false;
    if (!status && !refused && wf_state_halted(&engine->committer.state)) {
        status = wf_append_command(engine, &command, &refused, error);
        *told = !refused;
    }
    return refused == WF_NO_MEMORY ? wf_fail(error, WF_NO_MEMORY, "out of memory") : status;
}

/* Of a step and of its reminder the fences are numbered apart, so that the slot has to be the row's too. */
enum wf_status wf_holders_release_step(struct wf_engine *engine, const struct wf_ready_row *row,
                                       struct wf_bytes by, struct wf_error *error)
{
    struct wf_ready_row now = *row;
    enum wf_status status = engine->does->ready_get(engine->committer.store, &now, error);
    bool told;

    if (status || now.owner != row->owner || now.slot != row->slot || now.fence != row->fence) {
        return status == WF_NOT_FOUND ? WF_OK : status;
    }
    status = tell(engine, row->run_id, row->step, row->fence, by, &told, error);
    if (status || told) {
        return status;
    }
    engine->committer.released++;
    return engine->does->ready_release(engine->committer.store, row, error);
}

enum wf_status wf_holders_release_wait(struct wf_engine *engine, const struct wf_wait_row *row,
                                       struct wf_bytes by, struct wf_error *error)
{
    struct wf_wait_row now = *row;
    enum wf_status status = engine->does->wait_get(engine->committer.store, &now, error);
    bool told;

    if (status || now.owner != row->owner || now.slot != row->slot || now.fence != row->fence) {
        return status == WF_NOT_FOUND ? WF_OK : status;
    }
    status = tell(engine, row->run_id, row->step, row->fence, by, &told, error);
    if (status || told) {
        return status;
    }
    engine->committer.timers_changed = true; /* its expiry may have waited for this */
    status = engine->does->wait_release(engine->committer.store, &now, error);
    return status ? status : wf_pledge_over(engine, row->run_id, row->step, error);
}
