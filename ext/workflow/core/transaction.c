/*
 * One commit. First everything together; if a statement fails, everything again one by one, so that each
 * append succeeds or fails alone; if COMMIT's outcome is unknown, a new connection looks for the first row
 * that it wrote, since a transaction is there whole or not at all. Runs on the committer thread.
 */
#include "engine.h"

#define BUSY_MS 5000
#define PAGES_IDLE 500  /* checkpoint when the log holds so many pages and nobody waits */
#define PAGES_BUSY 4000 /* and when somebody does */

enum wf_status wf_transaction_open(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_store_options options = {.path = engine->path, .busy_ms = BUSY_MS};

    if (engine->committer.store) {
        return WF_OK;
    }
    return engine->does->open(&engine->committer.store, &options, error);
}

/* What the transaction did is undone: claims go back to being nobody's. */
static void forget(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;

    while (committer->claimed) {
        struct wf_slot *slot = committer->claimed;

        committer->claimed = slot->next;
        wf_mailbox_free(&engine->mailbox, slot);
    }
    committer->appended = committer->released = committer->claimed_count = committer->finished = 0;
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

/* OK: it is there. STORE_ERROR: it is not. UNKNOWN: the store cannot be asked. */
static enum wf_status look_for_witness(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    struct witness witness = {wf_buffer_bytes(&committer->witness), false};

    wf_committer_close_store(engine);
    if (!committer->appended || wf_transaction_open(engine, error) ||
        engine->does->read_run(committer->store, committer->witness_run, committer->witness_version - 1,
                               1, see, &witness, error)) {
        return WF_UNKNOWN;
    }
    return witness.seen ? WF_OK : WF_STORE_ERROR;
}

static enum wf_status commit(struct wf_engine *engine, struct wf_error *error)
{
    bool wrote = engine->does->wrote(engine->committer.store);
    enum wf_status status = engine->does->commit(engine->committer.store, error);

    if (status == WF_UNKNOWN) {
        status = look_for_witness(engine, error);
    }
    if (status) {
        forget(engine);
    } else if (wrote) {
        atomic_fetch_add(&engine->committer.commits, 1);
        atomic_fetch_add(&engine->committer.appends, engine->committer.appended);
    }
    return status;
}

static enum wf_status write_all(struct wf_engine *engine, struct wf_op *ops, struct wf_error *error)
{
    enum wf_status status = begin(engine, error);

    if (status) {
        return status;
    }
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
    return commit(engine, error);
}

/* One op in a transaction of its own: only its own failure is its answer. */
static void write_one(struct wf_engine *engine, struct wf_op *op)
{
    enum wf_status status = wf_transaction_open(engine, &op->error);

    if (!status) {
        status = begin(engine, &op->error);
    }
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
}

static void write_each(struct wf_engine *engine, struct wf_op *ops)
{
    int appended = 0, released = 0;

    for (struct wf_op *op = ops; op; op = op->next) {
        write_one(engine, op);
        appended += engine->committer.appended;
        released += engine->committer.released;
    }
    engine->committer.appended = appended;
    engine->committer.released = released;
    engine->committer.timers_changed = true;
}

static void checkpoint(struct wf_engine *engine, bool busy)
{
    struct wf_store *store = engine->committer.store;
    int left;

    if (store && engine->does->pages(store) > (busy ? PAGES_BUSY : PAGES_IDLE)) {
        engine->does->checkpoint(store, &left, NULL);
    }
}

void wf_transaction_run(struct wf_engine *engine, struct wf_op *ops)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_error error = {0};
    enum wf_status status = wf_transaction_open(engine, &error);

    if (!status && !committer->owner) {
        status = wf_upkeep_join(engine, &error);
    }
    if (!status) {
        status = write_all(engine, ops, &error);
    }
    if (status == WF_UNKNOWN || (status && !committer->store)) {
        for (struct wf_op *op = ops; op; op = op->next) {
            op->claim.run_id = 0;
            op->status = status;
            op->error = error;
        }
    } else if (status) {
        write_each(engine, ops);
    }
    checkpoint(engine, ops && ops->next);
}
