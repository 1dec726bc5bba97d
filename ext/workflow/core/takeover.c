/*
 * What a dead or expired process held becomes ready again. Steps that it had entered are recorded as
 * lost, by the process that lost them, and count a crash if it died; pledged claims are in doubt from then on; the
 * rest goes back untouched. Runs
 * on the committer thread, inside its transaction.
 */
#include <string.h>

#include "engine.h"

#define ROWS_MAX ((int)WF_TAKEOVER_MAX)

struct held {
    struct wf_ready_row ready[ROWS_MAX];
    struct wf_wait_row waits[ROWS_MAX];
    int ready_count, wait_count;
};

static bool collect_ready(void *context, const struct wf_ready_row *row)
{
    struct held *held = context;

    held->ready[held->ready_count++] = *row;
    return held->ready_count < ROWS_MAX;
}

static bool collect_wait(void *context, const struct wf_wait_row *row)
{
    struct held *held = context;

    held->waits[held->wait_count++] = *row;
    return held->wait_count < ROWS_MAX;
}

/* The process's row, found by id. */
struct found {
    int64_t id;
    bool found;
    int64_t lease_until_ms;
    bool this_boot;
    char name[WF_NAME_LEN_MAX + 1];
};

static bool find_process(void *context, const struct wf_process_row *row)
{
    struct found *found = context;
    char boot[WF_BOOT_ID_LEN + 1];
    size_t len = row->name.len < WF_NAME_LEN_MAX ? row->name.len : WF_NAME_LEN_MAX;

    if (row->id != found->id) {
        return true;
    }
    wf_clock_boot_id(boot);
    found->found = true;
    found->lease_until_ms = row->lease_until_ms;
    found->this_boot = wf_bytes_equal(row->boot, (struct wf_bytes){boot, strlen(boot)});
    if (len) {
        memcpy(found->name, row->name.ptr, len);
    }
    return false;
}

static struct wf_bytes reason_of(const struct wf_engine *engine, const struct wf_op *op)
{
    if (op->dead) {
        return WF_BYTES("crashed");
    }
    return op->owner == engine->committer.owner ? WF_BYTES("interrupted")
                                                : WF_BYTES("lease expired");
}

static enum wf_status lose(struct wf_engine *engine, const struct wf_op *op,
                           const struct wf_ready_row *row, bool entered, struct wf_bytes by,
                           struct wf_error *error)
{
    struct wf_command command = {.kind = WF_COMMAND_LOST,
                                 .step = row->step,
                                 .now_ms = op->command.now_ms,
                                 .by = by,
                                 .fence = row->fence,
                                 .crashed = op->dead && entered,
                                 .reason = reason_of(engine, op)};
    enum wf_status refused, status = wf_append_load(engine, row->run_id, &refused, error);

    if (status || refused) {
        return status;
    }
    if (row->step < engine->committer.state.step_count) {
        command.attempt = wf_state_project(&engine->committer.state, row->step).attempt;
    }
    return wf_append_command(engine, &command, &refused, error);
}

/* A step whose start was told is not untouched, whatever its mark says: that goes when the end is on its way,
 * and the end may not have come through. */
static enum wf_status was_begun(struct wf_engine *engine, const struct wf_ready_row *row,
                                bool *begun, struct wf_error *error)
{
    const struct wf_state *state = &engine->committer.state;
    enum wf_status refused, status = wf_append_load(engine, row->run_id, &refused, error);

    *begun = !status && !refused && row->step < state->step_count &&
             state->steps[row->step].status == WF_STEP_running;
    return status;
}

static bool was_entered(const struct wf_op *op, const struct wf_ready_row *row)
{
    uint64_t turn = wf_liveness_turn(row->run_id, row->step, row->fence);

    return op->entry && wf_liveness_entered(op->entry, row->slot, turn);
}

static enum wf_status give_back(struct wf_engine *engine, const struct wf_op *op, struct held *held,
                                struct wf_bytes by, struct wf_error *error)
{
    enum wf_status status = WF_OK;

    for (int i = 0; i < held->ready_count && !status; i++) {
        struct wf_ready_row *row = &held->ready[i];
        bool entered = was_entered(op, row), begun = entered;

        if (!entered) {
            status = was_begun(engine, row, &begun, error);
        }
        if (!status && begun) {
            status = lose(engine, op, row, entered, by, error);
            engine->committer.released++;
        } else if (!status) {
            status = wf_holders_release_step(engine, row, by, error);
        }
    }
    for (int i = 0; i < held->wait_count && !status; i++) {
        status = held->waits[i].pledged
                     ? wf_pledge_doubt(engine, &held->waits[i], error)
                     : wf_holders_release_wait(engine, &held->waits[i], by, error);
    }
    return status == WF_STALE ? WF_OK : status;
}

/* While the store is out of reach nobody can renew, and what was asked for meanwhile comes first when it is back: so this
 * is decided here, in the transaction, and not only where the takeover is asked for. */
static bool is_careful(const struct wf_engine *engine, int64_t now_ms)
{
    const struct wf_committer *committer = &engine->committer;

    return now_ms < atomic_load(&committer->careful_until_mono_ms) ||
           (committer->trying_mono_ms && now_ms - committer->trying_mono_ms > engine->lease_ms / 4);
}

/* Another that may be alive, and has its lease or is given the time to renew it. */
static bool has_lease(const struct wf_engine *engine, const struct wf_op *op,
                      const struct found *found)
{
    int64_t now_ms = wf_clock_mono_ms();

    return !op->dead && op->owner != engine->committer.owner && found->found && found->this_boot &&
           (found->lease_until_ms >= now_ms || is_careful(engine, now_ms));
}

enum wf_status wf_upkeep_takeover(struct wf_engine *engine, struct wf_op *op,
                                  struct wf_error *error)
{
    struct wf_store *store = engine->committer.store;
    struct found found = {.id = op->owner};
    struct held held = {.ready_count = 0};
    struct wf_bytes by;
    enum wf_status status;

    if (op->dead && op->owner == engine->committer.owner) {
        return WF_OK; /* who died had this id in another log: of this one it held nothing */
    }
    status = engine->does->process_list(store, find_process, &found, error);
    if (!status && has_lease(engine, op, &found)) {
        op->status = WF_BUSY;
        return WF_OK;
    }
    if (!status) {
        status = engine->does->ready_owned(store, op->owner, ROWS_MAX, collect_ready, &held, error);
    }
    if (!status) {
        status = engine->does->wait_owned(store, op->owner, ROWS_MAX, collect_wait, &held, error);
    }
    by = found.found ? (struct wf_bytes){found.name, strlen(found.name)}
                     : WF_BYTES("a process that is gone");
    if (!status) {
        status = give_back(engine, op, &held, by, error);
    }
    op->more = held.ready_count == ROWS_MAX || held.wait_count == ROWS_MAX;
    if (!status && op->dead && !op->more) {
        status = engine->does->process_delete(store, op->owner, error);
    }
    return status;
}

/* ---- Rows of our own that no slot holds: a commit whose outcome was not known had claimed them ---- */

struct orphans {
    struct wf_engine *engine;
    struct held held;
};

static bool collect_orphan(void *context, const struct wf_ready_row *row)
{
    struct orphans *orphans = context;

    return wf_mailbox_holds(&orphans->engine->mailbox, row->slot, row->run_id, row->step,
                            row->fence) ||
           collect_ready(&orphans->held, row);
}

static bool collect_orphan_wait(void *context, const struct wf_wait_row *row)
{
    struct orphans *orphans = context;

    return wf_mailbox_holds(&orphans->engine->mailbox, row->slot, row->run_id, row->step,
                            row->fence) ||
           collect_wait(&orphans->held, row);
}

enum wf_status wf_upkeep_orphans(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct orphans orphans = {.engine = engine, .held = {.ready_count = 0}};
    struct wf_op op = {.owner = committer->owner,
                       .command = {.now_ms = wf_clock_wall_ms(&engine->clock)}};
    struct wf_bytes by = {committer->name, strlen(committer->name)};
    enum wf_status status =
        engine->does->ready_owned(committer->store, committer->owner, (int)WF_SLOTS_MAX + ROWS_MAX,
                                  collect_orphan, &orphans, error);

    if (!status) {
        status = engine->does->wait_owned(committer->store, committer->owner,
                                          (int)WF_SLOTS_MAX + ROWS_MAX, collect_orphan_wait,
                                          &orphans, error);
    }
    committer->orphans_left =
        orphans.held.ready_count == ROWS_MAX || orphans.held.wait_count == ROWS_MAX;
    return status ? status : give_back(engine, &op, &orphans.held, by, error);
}

/* ---- Owners that left no entry in the shared file: it was lost, or the machine was started again ---- */

struct owners {
    int64_t ids[ROWS_MAX];
    int count;
};

static bool collect_owner(void *context, const struct wf_process_row *row)
{
    struct owners *owners = context;

    owners->ids[owners->count++] = row->id;
    return owners->count < ROWS_MAX;
}

enum wf_status wf_upkeep_sweep(struct wf_engine *engine, struct wf_error *error)
{
    struct owners owners = {.count = 0};
    enum wf_status status =
        engine->does->owners(engine->committer.store, collect_owner, &owners, error);

    for (int i = 0; i < owners.count && !status; i++) {
        struct wf_op op = {.owner = owners.ids[i]};

        if (owners.ids[i] == engine->committer.owner ||
            wf_liveness_known(&engine->liveness, owners.ids[i])) {
            continue; /* the dispatcher sees to it, with its entered bytes */
        }
        op.command.now_ms = wf_clock_wall_ms(&engine->clock);
        status = wf_upkeep_takeover(engine, &op, error);
    }
    return status;
}
