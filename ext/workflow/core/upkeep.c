/*
 * What a commit does besides what was asked: due timers, starts that have gone on for long enough to be
 * told, the process's lease, claims for free threads. Runs on the committer thread, inside its transaction.
 *
 * Rows are collected first and acted on afterwards, since a statement must not be changed under its own
 * cursor.
 */
#include <string.h>

#include "engine.h"

#define ROWS_MAX 256 /* of one kind in one transaction */
#define CLAIMS_MAX 512
#define TELL_MS 25           /* an attempt that takes longer is told before it ends */
#define QUEUED_MS 100        /* and so one that waits behind busy threads, once it is taken */
#define HELD_BACK_MS 50      /* what is to run alone looks again whether it would be */
#define CLAIMED_AGAIN_MS 100 /* a due await that somebody holds is looked at again then */

static struct wf_bytes own_name(struct wf_engine *engine)
{
    return (struct wf_bytes){engine->committer.name, strlen(engine->committer.name)};
}

/* ---- Timers ---- */

struct timers {
    struct wf_timer_row rows[ROWS_MAX];
    int count;
};

static bool collect_timer(void *context, const struct wf_timer_row *row)
{
    struct timers *timers = context;

    timers->rows[timers->count++] = *row;
    return timers->count < ROWS_MAX;
}

/* Whether a submit holds the await at this moment: then its verdict comes first. */
static enum wf_status is_claimed(struct wf_engine *engine, const struct wf_timer_row *timer,
                                 bool *claimed, struct wf_error *error)
{
    struct wf_wait_row row = {.run_id = timer->run_id, .step = timer->step};
    enum wf_status status = engine->does->wait_get(engine->committer.store, &row, error);

    *claimed = status == WF_OK && row.owner != 0;
    return status == WF_NOT_FOUND ? WF_OK : status;
}

/* Whether an await's time is over: that ends the run, or begins what ends it. */
static bool expires(const struct wf_state *state, int index, int64_t now_ms)
{
    const struct wf_step *step = index < state->step_count ? &state->steps[index] : NULL;

    return step && step->status == WF_STEP_waiting && step->due_ms && step->due_ms <= now_ms;
}

static enum wf_status fire(struct wf_engine *engine, const struct wf_timer_row *timer, bool *held,
                           struct wf_error *error)
{
    struct wf_command command = {.kind = WF_COMMAND_FIRE,
                                 .step = timer->step,
                                 .now_ms = wf_clock_wall_ms(&engine->clock),
                                 .by = own_name(engine)};
    bool claimed = false;
    enum wf_status refused, status = is_claimed(engine, timer, &claimed, error);

    if (status || claimed) {
        *held |= claimed;
        return status;
    }
    status = wf_append_load(engine, timer->run_id, &refused, error);
    if (!status && !refused && expires(&engine->committer.state, timer->step, command.now_ms)) {
        status = wf_pledge_any(engine, &claimed, error);
        *held |= claimed;
    }
    if (!status && !refused && !claimed) {
        status = wf_append_command(engine, &command, &refused, error);
    }
    if (refused == WF_NO_MEMORY) {
        return wf_fail(error, WF_NO_MEMORY, "out of memory");
    }
    if (!status && refused) { /* a run that cannot be read, or is not there: not asked again */
        status =
            engine->does->timer_delete(engine->committer.store, timer->run_id, timer->step, error);
    }
    return status;
}

static enum wf_status fire_timers(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    int64_t now_ms = wf_clock_wall_ms(&engine->clock);
    struct timers timers; /* kilobytes, in each transaction: not to be zeroed */
    bool held = false;
    enum wf_status status = WF_OK;

    timers.count = 0;
    if (committer->next_timer_ms <= now_ms) {
        status = engine->does->timer_due(committer->store, now_ms, ROWS_MAX, collect_timer, &timers,
                                         error);
    } else if (!committer->timers_changed && !committer->looking) {
        return WF_OK;
    }
    for (int i = 0; i < timers.count && !status; i++) {
        status = fire(engine, &timers.rows[i], &held, error);
    }
    if (!status) {
        status = engine->does->timer_next(committer->store, &committer->next_timer_ms, error);
    }
    if (held && committer->next_timer_ms < now_ms + CLAIMED_AGAIN_MS) {
        committer->next_timer_ms = now_ms + CLAIMED_AGAIN_MS;
    }
    return status;
}

/* ---- Starts that are to be told ---- */

struct starts {
    struct wf_slot *slots[ROWS_MAX];
    int count;
    int64_t before_mono_ms;
};

static void collect_start(void *context, struct wf_slot *slot)
{
    struct starts *starts = context;
    int64_t entered_mono_ms = atomic_load(&slot->entered_mono_ms);

    if (starts->count < ROWS_MAX && slot->place == WF_SLOT_TAKEN && !slot->told &&
        !slot->claim.await && slot->claim.run_id && atomic_load(&slot->entered_ms) &&
        entered_mono_ms <= starts->before_mono_ms) {
        starts->slots[starts->count++] = slot;
    }
}

static enum wf_status tell_start(struct wf_engine *engine, struct wf_slot *slot,
                                 struct wf_error *error)
{
    const struct wf_claim *claim = &slot->claim;
    struct wf_command command = {.kind = WF_COMMAND_STARTED, .step = claim->step};
    struct wf_work work;
    enum wf_status refused, status = wf_append_load(engine, claim->run_id, &refused, error);

    slot->told = true;
    slot->telling_next = engine->committer.telling;
    engine->committer.telling = slot;
    if (!status && !refused) {
        status = wf_append_check_hold(engine, slot, &refused, error);
    }
    if (status || refused || wf_work_read(claim, &work)) {
        return status;
    }
    command.now_ms = wf_clock_wall_ms(&engine->clock);
    command.started_ms = atomic_load(&slot->entered_ms);
    command.attempt = claim->attempt;
    command.by = work.by;
    wf_buffer_clear(&slot->claim.state); /* the run is past it from here on */
    return wf_append_command(engine, &command, &refused, error);
}

static enum wf_status tell_starts(struct wf_engine *engine, struct wf_error *error)
{
    struct starts starts = {.before_mono_ms = wf_clock_mono_ms() - TELL_MS};
    enum wf_status status = WF_OK;

    wf_mailbox_each(&engine->mailbox, collect_start, &starts);
    for (int i = 0; i < starts.count && !status; i++) {
        status = tell_start(engine, starts.slots[i], error);
    }
    return status;
}

/* ---- The process's row ---- */

/* Whoever took the row away took this process for dead, and has what it held: it joins anew before it writes again. */
static enum wf_status put_process(struct wf_engine *engine, int64_t id, int64_t *given,
                                  struct wf_error *error)
{
    char boot[WF_BOOT_ID_LEN + 1];
    struct wf_process_row row = {.id = id,
                                 .byte = engine->liveness.index,
                                 .name = own_name(engine),
                                 .lease_until_ms = wf_clock_mono_ms() + engine->lease_ms};
    enum wf_status status;

    wf_clock_boot_id(boot);
    row.boot = (struct wf_bytes){boot, strlen(boot)};
    status = engine->does->process_put(engine->committer.store, &row, error);
    if (status == WF_NOT_FOUND) {
        engine->committer.owner = 0;
    }
    if (!status) {
        *given = row.id;
        memcpy(engine->committer.name_putting, engine->committer.name,
               sizeof(engine->committer.name));
        engine->committer.renewing_mono_ms = row.lease_until_ms - engine->lease_ms;
    }
    return status;
}

/* Ids come from the log, and the shared file may have outlived the log that it was made with: where an older one was put
 * back, the next ids are those of processes that have died since and are still to be taken over. */
static enum wf_status insert_process(struct wf_engine *engine, int64_t *given,
                                     struct wf_error *error)
{
    struct wf_store *store = engine->committer.store;
    enum wf_status status = put_process(engine, 0, given, error);

    while (!status && wf_liveness_listed(&engine->liveness, *given)) {
        status = engine->does->process_delete(store, *given, error);
        status = status ? status : put_process(engine, 0, given, error);
    }
    return status;
}

void wf_upkeep_renewed(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_shared_process *entry = wf_liveness_self(&engine->liveness);

    if (committer->renewing_mono_ms) {
        committer->renewed_mono_ms = committer->renewing_mono_ms;
        memcpy(committer->name_put, committer->name_putting, sizeof(committer->name_put));
    }
    if (entry) {
        atomic_store(&entry->lease_until_ms, committer->renewed_mono_ms + engine->lease_ms);
        atomic_store(&entry->holding, wf_mailbox_in_hand(&engine->mailbox));
    }
}

enum wf_status wf_upkeep_join(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    int64_t owner = 0;
    enum wf_status status = engine->does->begin(committer->store, error);

    if (status) {
        return status;
    }
    status = insert_process(engine, &owner, error);
    if (!status) {
        status = engine->does->commit(committer->store, error);
    } else {
        engine->does->rollback(committer->store);
    }
    if (status == WF_UNKNOWN) { /* at worst a row that nobody uses */
        wf_committer_close_store(engine);
        status = error->status = WF_STORE_ERROR;
    }
    if (!status) {
        committer->owner = owner;
        wf_liveness_announce(&engine->liveness, owner);
        wf_upkeep_renewed(engine);
    }
    return status;
}

enum wf_status wf_upkeep_mark(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_store *store = engine->committer.store;
    enum wf_status status = engine->does->begin(store, error);

    if (status) {
        return status;
    }
    status = put_process(engine, engine->committer.owner, &engine->committer.owner, error);
    if (status) {
        engine->does->rollback(store);
        return status;
    }
    return engine->does->commit(store, error);
}

static bool see_held(void *context, const struct wf_ready_row *row)
{
    (void)row;
    *(bool *)context = true;
    return false;
}

static bool see_held_wait(void *context, const struct wf_wait_row *row)
{
    (void)row;
    *(bool *)context = true;
    return false;
}

enum wf_status wf_upkeep_part(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_store *store = engine->committer.store;
    int64_t owner = engine->committer.owner;
    bool held = false;
    enum wf_status status = engine->does->begin(store, error);

    if (status) {
        return status;
    }
    status = engine->does->ready_owned(store, owner, 1, see_held, &held, error);
    if (!status) {
        status = engine->does->wait_owned(store, owner, 1, see_held_wait, &held, error);
    }
    if (!status && !held) {
        status = engine->does->process_delete(store, owner, error);
    }
    if (!status) {
        return engine->does->commit(store, error);
    }
    engine->does->rollback(store);
    return status;
}

/* The lease is renewed while something is held, and before anything is claimed under an old one or without
 * the process's name, which whoever takes over tells. */
static enum wf_status renew_lease(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    bool due = wf_clock_mono_ms() - committer->renewed_mono_ms > engine->lease_ms / 3 ||
               strcmp(committer->name, committer->name_put) != 0;

    if (!due || !wf_mailbox_in_hand(&engine->mailbox)) {
        return WF_OK;
    }
    return put_process(engine, committer->owner, &committer->owner, error);
}

/* ---- Claims ---- */

struct claimable {
    struct wf_ready_row rows[CLAIMS_MAX];
    int count;
};

static bool collect_claimable(void *context, const struct wf_ready_row *row)
{
    struct claimable *claimable = context;

    claimable->rows[claimable->count++] = *row;
    return claimable->count < CLAIMS_MAX;
}

static enum wf_status claim(struct wf_engine *engine, struct wf_ready_row *row,
                            struct wf_slot *slot, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    enum wf_status refused, status;

    status = wf_append_load(engine, row->run_id, &refused, error);
    if (status || refused) {
        return status ? status : WF_NOT_FOUND;
    }
    row->owner = committer->owner;
    row->slot = slot->index;
    status = engine->does->ready_claim(committer->store, row, error);
    if (!status) {
        wf_append_fill_claim(engine, &slot->op.claim, row->step, row->fence, own_name(engine));
        slot->next = committer->claimed;
        committer->claimed = slot;
        committer->claimed_count++;
    }
    return status;
}

/* For how long what is to run alone has waited for what this process has in hand. */
static int64_t held_back_ms(struct wf_committer *committer)
{
    int64_t now_ms = wf_clock_mono_ms();

    if (!committer->held_back_since_ms) {
        committer->held_back_since_ms = now_ms;
    }
    return now_ms - committer->held_back_since_ms;
}

/* A step that was in hand at two crashes runs with nothing beside it. Callers begin theirs at any time, and in a busy web
 * server one or the other always does: they are waited for no longer than a lease. */
static bool may_claim(struct wf_engine *engine, const struct wf_ready_row *row)
{
    struct wf_committer *committer = &engine->committer;

    if (!row->alone) {
        return true;
    }
    return committer->claimed_count == 0 &&
           wf_mailbox_counted(&engine->mailbox, held_back_ms(committer) < engine->lease_ms) == 0;
}

/* Whether nothing else is begun meanwhile, so that the process becomes empty: for a lease, then not for a lease, then for
 * two, not for two, for four … So what waits has its turn even beside steps that take hours, and keeps the others for half
 * of that time. */
static bool drains(struct wf_engine *engine)
{
    int64_t turn = held_back_ms(&engine->committer) / engine->lease_ms + 2;

    while (turn > 3) {
        turn /= 2;
    }
    return turn == 2;
}

/* How many rows from this one on are claimed together: those before the next that is to run alone, or that one. */
static int together(const struct claimable *claimable, int from)
{
    int count = 1;

    while (!claimable->rows[from].alone && from + count < claimable->count &&
           !claimable->rows[from + count].alone) {
        count++;
    }
    return count;
}

/* The slots that are left over are the caller's. */
static enum wf_status claim_into(struct wf_engine *engine, struct wf_ready_row *rows, int count,
                                 struct wf_slot **slots, struct wf_error *error)
{
    enum wf_status status = WF_OK;

    for (int i = 0; i < count && *slots; i++) {
        struct wf_slot *slot = *slots, *rest = slot->next;

        wf_op_clear(&slot->op);
        status = claim(engine, &rows[i], slot, error);
        if (status && status != WF_BUSY && status != WF_NOT_FOUND) {
            return status;
        }
        *slots = status ? slot : rest;
    }
    return WF_OK;
}

static enum wf_status claim_rows(struct wf_engine *engine, struct claimable *claimable,
                                 struct wf_error *error)
{
    enum wf_status status = WF_OK;

    for (int from = 0, count; !status && from < claimable->count; from += count) {
        struct wf_ready_row *rows = &claimable->rows[from];
        struct wf_slot *slots = NULL;
        bool full;

        count = together(claimable, from);
        if (!may_claim(engine, rows)) {
            engine->committer.held_back = true;
            if (drains(engine)) {
                break;
            }
            continue;
        }
        slots = wf_mailbox_reserve_workers(&engine->mailbox, count);
        full = !slots;
        status = claim_into(engine, rows, count, &slots, error);
        wf_mailbox_free_all(&engine->mailbox, slots);
        if (full || rows->alone) {
            break;
        }
    }
    return status;
}

static enum wf_status claim_ready(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct claimable claimable; /* kilobytes, as above */
    int room = wf_mailbox_room(&engine->mailbox), limit = room < CLAIMS_MAX ? room : CLAIMS_MAX;
    enum wf_status status;

    claimable.count = 0;
    committer->held_back = false;
    if (!room) {
        return WF_OK;
    }
    status = engine->does->ready_claimable(
        committer->store,
        committer->held_back_since_ms ? CLAIMS_MAX : limit, /* also behind what waits */
        collect_claimable, &claimable, error);
    if (!status) {
        status = claim_rows(engine, &claimable, error);
    }
    if (!committer->held_back) {
        committer->held_back_since_ms = 0;
    }
    committer->more_ready = claimable.count >= limit && committer->claimed_count > 0;
    return status;
}

enum wf_status wf_upkeep(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    enum wf_status status = WF_OK;

    if (committer->works && committer->sweeping) {
        status = wf_upkeep_sweep(engine, error);
    }
    if (!status && committer->works) {
        status = fire_timers(engine, error);
    }
    if (!status) {
        status = tell_starts(engine, error);
    }
    if (!status) {
        status = wf_upkeep_timeouts(engine, error);
    }
    if (!status && committer->works) {
        status = claim_ready(engine, error);
    }
    return status ? status : renew_lease(engine, error);
}

/* ---- When next ---- */

struct pending {
    bool untold, queued, held;
    int64_t deadline_mono_ms;
};

static void look_pending(void *context, struct wf_slot *slot)
{
    struct pending *pending = context;
    int64_t deadline_mono_ms = wf_slot_deadline(slot);

    if (deadline_mono_ms && deadline_mono_ms < pending->deadline_mono_ms) {
        pending->deadline_mono_ms = deadline_mono_ms;
    }
    pending->held = true;
    if (!slot->told && !slot->claim.await) {
        pending->untold |= slot->place != WF_SLOT_ENDING && slot->place != WF_SLOT_QUEUED;
        pending->queued |= slot->place == WF_SLOT_QUEUED;
    }
}

/* What is queued is neither taken soon nor given back. */
static bool waits_long(struct wf_engine *engine)
{
    return wf_mailbox_saturated(&engine->mailbox) && !wf_liveness_idle_elsewhere(&engine->liveness);
}

static int64_t earlier(int64_t next_ms, bool wanted, int64_t wanted_ms)
{
    return wanted && wanted_ms < next_ms ? wanted_ms : next_ms;
}

int64_t wf_upkeep_next_mono_ms(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;
    struct pending pending = {.deadline_mono_ms = INT64_MAX};
    int64_t now_ms = wf_clock_mono_ms(), next_ms = INT64_MAX;

    wf_mailbox_each(&engine->mailbox, look_pending, &pending);
    if (pending.held && committer->owner) {
        next_ms = committer->renewed_mono_ms + engine->lease_ms / 3 + 1;
    }
    next_ms = earlier(next_ms, pending.untold, now_ms + TELL_MS);
    next_ms = earlier(next_ms, pending.queued, now_ms + (waits_long(engine) ? QUEUED_MS : TELL_MS));
    next_ms = earlier(next_ms, true, pending.deadline_mono_ms);
    if (committer->works) {
        int64_t poll_ms = committer->polled_mono_ms + WF_POLL_MS;

        if (committer->next_timer_ms != INT64_MAX) {
            int64_t timer_ms = now_ms + committer->next_timer_ms - wf_clock_wall_ms(&engine->clock);

            next_ms = earlier(next_ms, true, timer_ms);
        }
        next_ms = earlier(next_ms, true, poll_ms);
        next_ms = earlier(next_ms, committer->held_back, now_ms + HELD_BACK_MS);
    }
    return next_ms;
}
