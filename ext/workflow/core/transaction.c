/*
 * One commit. First everything together; if a statement fails, everything again one by one, so that each
 * append succeeds or fails alone; if COMMIT's outcome is unknown, a new connection looks for the first row
 * that it wrote, since a transaction is there whole or not at all. Runs on the committer thread.
 */
#include "engine.h"

#define BUSY_MS 5000
#define PAGES_IDLE 500  /* checkpoint when the log holds so many pages in a lull */
#define PAGES_BUSY 4000 /* and when one commit comes after the other */

enum wf_status wf_transaction_open(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_store_options options = {
        .path = engine->path, .busy_ms = BUSY_MS, .file = &engine->file};

    if (engine->committer.store) {
        return WF_OK;
    }
    return engine->does->open(&engine->committer.store, &options, error);
}

/* A connection, and the process's row, without which nothing can be claimed. */
static enum wf_status prepare(struct wf_engine *engine, struct wf_error *error)
{
    enum wf_status status = wf_transaction_open(engine, error);

    return status || engine->committer.owner ? status : wf_upkeep_join(engine, error);
}

/* What the transaction did is undone: claims go back to being nobody's. */
static void forget(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;

    wf_mailbox_free_all(&engine->mailbox, committer->claimed);
    committer->claimed = NULL;
    committer->appended = committer->released = committer->claimed_count = committer->finished = 0;
    committer->renewing_mono_ms = 0;
    committer->more_ready = committer->gave_back = false;
    committer->witness_claim.run_id = 0;
    committer->overdue = NULL;
    for (; committer->telling; committer->telling = committer->telling->telling_next) {
        committer->telling->told = false;
    }
}

static enum wf_status begin(struct wf_engine *engine, struct wf_error *error)
{
    forget(engine);
    return engine->does->begin(engine->committer.store, error);
}

static void roll_back(struct wf_engine *engine)
{
    engine->does->rollback(engine->committer.store);
    forget(engine);
}

struct witness {
    struct wf_bytes bytes;
    bool seen;
};

static bool see(void *context, const struct wf_event_row *row)
{
    struct witness *witness = context;

    witness->seen = wf_bytes_equal(row->events, witness->bytes);
    return false;
}

static enum wf_status look_for_event(struct wf_engine *engine, bool *seen, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct witness witness = {wf_buffer_bytes(&committer->witness), false};
    enum wf_status status =
        engine->does->read_run(committer->store, committer->witness_run,
                               committer->witness_version - 1, 1, see, &witness, error);

    *seen = witness.seen;
    return status;
}

static enum wf_status look_for_claim(struct wf_engine *engine, bool *seen, struct wf_error *error)
{
    const struct wf_claim *claim = &engine->committer.witness_claim;
    struct wf_store *store = engine->committer.store;
    struct wf_ready_row ready = {.run_id = claim->run_id, .step = claim->step};
    struct wf_wait_row wait = {.run_id = claim->run_id, .step = claim->step};
    enum wf_status status = claim->await ? engine->does->wait_get(store, &wait, error)
                                         : engine->does->ready_get(store, &ready, error);
    int64_t owner = claim->await ? wait.owner : ready.owner;
    int64_t fence = claim->await ? wait.fence : ready.fence;

    *seen = !status && owner == engine->committer.owner && fence == claim->fence;
    return status == WF_NOT_FOUND ? WF_OK : status;
}

/* OK: it is there. STORE_ERROR: it is not, or did nothing that could not be done again. UNKNOWN: the
 * store cannot be asked.
 *
 * To look is not enough: frames of a commit whose sync failed can lie behind the log's end and be
 * recovered by the next process that opens it. So something small is committed first, which puts an end
 * there; and what is found is checkpointed, since its frames may be in the page cache alone. */
static enum wf_status look_for_witness(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    bool seen = false;
    int left;

    wf_committer_close_store(engine);
    if (wf_transaction_open(engine, error) || wf_upkeep_mark(engine, error) ||
        (committer->appended && look_for_event(engine, &seen, error)) ||
        (!committer->appended && committer->witness_claim.run_id &&
         look_for_claim(engine, &seen, error)) ||
        (seen && (engine->does->checkpoint(committer->store, &left, error) || left))) {
        return WF_UNKNOWN;
    }
    return seen ? WF_OK : WF_STORE_ERROR;
}

static enum wf_status commit(struct wf_engine *engine, struct wf_error *error)
{
    bool wrote = engine->does->wrote(engine->committer.store);
    enum wf_status status = engine->does->commit(engine->committer.store, error);

    if (status == WF_UNKNOWN) {
        status = look_for_witness(engine, error);
    }
    if (status) {
        if (status == WF_UNKNOWN) {
            engine->committer.doubtful = engine->committer.unheard = true;
        }
        forget(engine);
    } else if (wrote) {
        atomic_fetch_add(&engine->committer.commits, 1);
        atomic_fetch_add(&engine->committer.appends, engine->committer.appended);
    }
    if (!status) {
        engine->committer.telling = NULL;
        wf_upkeep_renewed(engine);
    }
    return status;
}

/* Only when all that was claimed before is in its slot: then what no slot holds is nobody's. */
static enum wf_status look_for_orphans(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;

    committer->orphans_left = false;
    return committer->doubtful || committer->sweeping ? wf_upkeep_orphans(engine, error) : WF_OK;
}

static enum wf_status write_all(struct wf_engine *engine, struct wf_op *ops, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    enum wf_status status = begin(engine, error);

    if (status) {
        return status;
    }
    status = committer->unsettled ? WF_OK : look_for_orphans(engine, error);
    for (struct wf_op *op = ops; op && !status; op = op->next) {
        op->error.message[0] = '\0';
        status = wf_append(engine, op, &op->error);
        if (status) {
            *error = op->error;
        }
    }
    if (!status) {
        status = wf_upkeep(engine, error);
    }
    if (status) {
        roll_back(engine);
        return status;
    }
    status = commit(engine, error);
    if (!status && !committer->unsettled) {
        committer->doubtful = committer->orphans_left;
    }
    return status;
}

static void refuse(struct wf_op *op, enum wf_status status, const struct wf_error *error)
{
    op->claim.run_id = 0;
    op->status = status;
    op->error = *error;
}

/* One op in a transaction of its own: only its own failure is its answer. false: none could be begun. */
static bool write_one(struct wf_engine *engine, struct wf_op *op)
{
    enum wf_status status = prepare(engine, &op->error);
    bool begun;

    if (!status) {
        status = begin(engine, &op->error);
    }
    begun = !status;
    if (!status) {
        status = wf_append(engine, op, &op->error);
        if (status) {
            roll_back(engine);
        } else {
            status = commit(engine, &op->error);
        }
    }
    if (status) {
        op->claim.run_id = 0;
        op->status = status;
    }
    return begun;
}

/* Each append alone, and then what is due alone, so that neither stands in the other's way. Where none can be begun, since another
 * program has the store, say, none of the others is tried: each would wait as long. */
static enum wf_status write_each(struct wf_engine *engine, struct wf_op *ops,
                                 struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    int appended = 0, released = 0, finished = 0;
    enum wf_status status = WF_OK;

    for (struct wf_op *op = ops; op; op = op->next) {
        if (status) {
            refuse(op, status, error);
            continue;
        }
        forget(engine);
        if (!write_one(engine, op)) {
            status = op->status;
            *error = op->error;
        }
        appended += committer->appended;
        released += committer->released;
        finished += committer->finished;
    }
    forget(engine);
    committer->timers_changed = committer->unsettled = true;
    status = status ? status : prepare(engine, error);
    status = status ? status : write_all(engine, NULL, error);
    committer->unsettled = false;
    committer->appended += appended;
    committer->released += released;
    committer->finished += finished;
    return status;
}

bool wf_transaction_checkpoint_due(struct wf_engine *engine, bool busy)
{
    struct wf_store *store = engine->committer.store;

    return store && engine->does->pages(store) > (busy ? PAGES_BUSY : PAGES_IDLE);
}

void wf_transaction_checkpoint(struct wf_engine *engine)
{
    int left;

    if (engine->committer.store) { /* a fork closes it while the gate is left */
        engine->does->checkpoint(engine->committer.store, &left, NULL);
    }
}

void wf_transaction_run(struct wf_engine *engine, struct wf_op *ops)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_error error = {0};
    enum wf_status status;

    forget(engine);
    status = prepare(engine, &error);
    if (!status) {
        status = write_all(engine, ops, &error);
    }
    if (status == WF_UNKNOWN || (status && !committer->store)) {
        for (struct wf_op *op = ops; op; op = op->next) {
            refuse(op, status, &error);
        }
    } else if (status && ops) {
        status = write_each(engine, ops, &error);
    }
    committer->ill = status != WF_OK;
}

void wf_transaction_end(struct wf_engine *engine)
{
    struct wf_error error;
    int left;

    if (engine->committer.owner && !wf_transaction_open(engine, &error)) {
        wf_upkeep_part(engine, &error);
        engine->does->checkpoint(engine->committer.store, &left, &error);
    }
}
