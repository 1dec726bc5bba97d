/*
 * The store on SQLite: ready, waits, timers, processes. A claim is one UPDATE that matches only an
 * unclaimed row as it was read, a release one that matches only the claimer's: who matches nothing has lost.
 */
#include "store_sqlite.h"

/* One statement on the row (run, step). */
static struct wf_query step_query(struct wf_store *store, enum wf_sqlite_statement statement,
                                  int64_t run_id, int32_t step)
{
    struct wf_query query = wf_query_start(store, statement);

    wf_query_int(&query, run_id);
    wf_query_int(&query, step);
    return query;
}

static enum wf_status no_step(struct wf_error *error, int64_t run_id, int32_t step)
{
    return wf_fail(error, WF_NOT_FOUND, "no step %d of run %lld here", (int)step,
                   (long long)run_id);
}

static enum wf_status delete_step(struct wf_store *store, enum wf_sqlite_statement statement,
                                  int64_t run_id, int32_t step, struct wf_error *error)
{
    struct wf_query query = step_query(store, statement, run_id, step);

    return wf_query_run(&query, NULL, error);
}

/* Why a claim matched nothing: the row is gone, or not as it was. */
static enum wf_status not_claimed(struct wf_store *store, enum wf_sqlite_statement get,
                                  const struct wf_wait_row *row, struct wf_error *error)
{
    struct wf_query query = step_query(store, get, row->run_id, row->step);
    bool exists = wf_query_row(&query);
    enum wf_status status = wf_query_end(&query, error);

    if (status != WF_OK) {
        return status;
    }
    if (!exists) {
        return no_step(error, row->run_id, row->step);
    }
    return wf_fail(error, WF_BUSY, "step %d of run %lld is, or was, claimed", (int)row->step,
                   (long long)row->run_id);
}

static enum wf_status claim(struct wf_store *store, enum wf_sqlite_statement update,
                            enum wf_sqlite_statement get, struct wf_wait_row *row,
                            struct wf_error *error)
{
    struct wf_query query = step_query(store, update, row->run_id, row->step);
    int changes = 0;
    enum wf_status status;

    wf_query_int(&query, row->owner);
    wf_query_int(&query, row->slot);
    wf_query_int(&query, row->fence);
    if (update == WF_SQLITE_WAIT_CLAIM) {
        wf_query_int(&query, row->pledged);
    }
    status = wf_query_run(&query, &changes, error);
    if (status == WF_OK && !changes) {
        return not_claimed(store, get, row, error);
    }
    row->fence += status == WF_OK;
    return status;
}

static enum wf_status release(struct wf_store *store, enum wf_sqlite_statement statement,
                              const struct wf_wait_row *row, struct wf_error *error)
{
    struct wf_query query = step_query(store, statement, row->run_id, row->step);
    int changes = 0;
    enum wf_status status;

    wf_query_int(&query, row->owner);
    wf_query_int(&query, row->fence);
    status = wf_query_run(&query, &changes, error);
    if (status == WF_OK && !changes) {
        return wf_fail(error, WF_STALE, "step %d of run %lld is not held by this claim",
                       (int)row->step, (long long)row->run_id);
    }
    return status;
}

/* Ready */

static struct wf_ready_row ready_of(sqlite3_stmt *statement)
{
    return (struct wf_ready_row){
        .run_id = sqlite3_column_int64(statement, 0),
        .step = sqlite3_column_int(statement, 1),
        .priority = sqlite3_column_int(statement, 2),
        .at_ms = sqlite3_column_int64(statement, 3),
        .alone = sqlite3_column_int(statement, 4),
        .owner = sqlite3_column_int64(statement, 5),
        .slot = sqlite3_column_int(statement, 6),
        .fence = sqlite3_column_int64(statement, 7),
    };
}

static enum wf_status list_ready(struct wf_query *query, wf_ready_fn *each, void *context,
                                 struct wf_error *error)
{
    while (wf_query_row(query)) {
        struct wf_ready_row row = ready_of(query->statement);

        if (!each(context, &row)) {
            break;
        }
    }
    return wf_query_end(query, error);
}

enum wf_status wf_sqlite_ready_put(struct wf_store *store, const struct wf_ready_row *row,
                                   struct wf_error *error)
{
    struct wf_query query = step_query(store, WF_SQLITE_READY_PUT, row->run_id, row->step);

    wf_query_int(&query, row->priority);
    wf_query_int(&query, row->at_ms);
    wf_query_int(&query, row->alone);
    wf_query_int(&query, row->owner);
    wf_query_int(&query, row->slot);
    wf_query_int(&query, row->fence);
    return wf_query_run(&query, NULL, error);
}

enum wf_status wf_sqlite_ready_get(struct wf_store *store, struct wf_ready_row *row,
                                   struct wf_error *error)
{
    struct wf_query query = step_query(store, WF_SQLITE_READY_GET, row->run_id, row->step);
    bool found = wf_query_row(&query);
    enum wf_status status;

    if (found) {
        *row = ready_of(query.statement);
    }
    status = wf_query_end(&query, error);
    return status == WF_OK && !found ? no_step(error, row->run_id, row->step) : status;
}

enum wf_status wf_sqlite_ready_delete(struct wf_store *store, int64_t run_id, int32_t step,
                                      struct wf_error *error)
{
    return delete_step(store, WF_SQLITE_READY_DELETE, run_id, step, error);
}

enum wf_status wf_sqlite_ready_end(struct wf_store *store, int64_t run_id, int32_t step,
                                   int64_t fence, struct wf_error *error)
{
    struct wf_query query = step_query(store, WF_SQLITE_READY_END, run_id, step);
    int changes = 0;
    enum wf_status status;

    wf_query_int(&query, fence);
    status = wf_query_run(&query, &changes, error);
    if (status == WF_OK && !changes) {
        return wf_fail(error, WF_STALE, "step %d of run %lld is not held by this claim", (int)step,
                       (long long)run_id);
    }
    return status;
}

enum wf_status wf_sqlite_ready_claim(struct wf_store *store, struct wf_ready_row *row,
                                     struct wf_error *error)
{
    struct wf_wait_row lease = {row->run_id, row->step, row->owner, row->slot, row->fence, false};
    enum wf_status status = claim(store, WF_SQLITE_READY_CLAIM, WF_SQLITE_READY_GET, &lease, error);

    row->fence = lease.fence;
    return status;
}

enum wf_status wf_sqlite_ready_release(struct wf_store *store, const struct wf_ready_row *row,
                                       struct wf_error *error)
{
    struct wf_wait_row lease = {row->run_id, row->step, row->owner, row->slot, row->fence, false};

    return release(store, WF_SQLITE_READY_RELEASE, &lease, error);
}

enum wf_status wf_sqlite_ready_claimable(struct wf_store *store, int limit, wf_ready_fn *each,
                                         void *context, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_READY_CLAIMABLE);

    wf_query_int(&query, limit);
    return list_ready(&query, each, context, error);
}

enum wf_status wf_sqlite_ready_owned(struct wf_store *store, int64_t owner, int limit,
                                     wf_ready_fn *each, void *context, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_READY_OWNED);

    wf_query_int(&query, owner);
    wf_query_int(&query, limit);
    return list_ready(&query, each, context, error);
}

/* Waits */

static struct wf_wait_row wait_of(sqlite3_stmt *statement)
{
    return (struct wf_wait_row){
        .run_id = sqlite3_column_int64(statement, 0),
        .step = sqlite3_column_int(statement, 1),
        .owner = sqlite3_column_int64(statement, 2),
        .slot = sqlite3_column_int(statement, 3),
        .fence = sqlite3_column_int64(statement, 4),
        .pledged = sqlite3_column_int(statement, 5),
    };
}

enum wf_status wf_sqlite_wait_put(struct wf_store *store, const struct wf_wait_row *row,
                                  struct wf_error *error)
{
    struct wf_query query = step_query(store, WF_SQLITE_WAIT_PUT, row->run_id, row->step);

    wf_query_int(&query, row->owner);
    wf_query_int(&query, row->slot);
    wf_query_int(&query, row->fence);
    wf_query_int(&query, row->pledged);
    return wf_query_run(&query, NULL, error);
}

enum wf_status wf_sqlite_wait_get(struct wf_store *store, struct wf_wait_row *row,
                                  struct wf_error *error)
{
    struct wf_query query = step_query(store, WF_SQLITE_WAIT_GET, row->run_id, row->step);
    bool found = wf_query_row(&query);
    enum wf_status status;

    if (found) {
        *row = wait_of(query.statement);
    }
    status = wf_query_end(&query, error);
    return status == WF_OK && !found ? no_step(error, row->run_id, row->step) : status;
}

enum wf_status wf_sqlite_wait_delete(struct wf_store *store, int64_t run_id, int32_t step,
                                     struct wf_error *error)
{
    return delete_step(store, WF_SQLITE_WAIT_DELETE, run_id, step, error);
}

enum wf_status wf_sqlite_wait_claim(struct wf_store *store, struct wf_wait_row *row,
                                    struct wf_error *error)
{
    return claim(store, WF_SQLITE_WAIT_CLAIM, WF_SQLITE_WAIT_GET, row, error);
}

enum wf_status wf_sqlite_wait_release(struct wf_store *store, const struct wf_wait_row *row,
                                      struct wf_error *error)
{
    return release(store, WF_SQLITE_WAIT_RELEASE, row, error);
}

enum wf_status wf_sqlite_wait_doubt(struct wf_store *store, const struct wf_wait_row *row,
                                    struct wf_error *error)
{
    return release(store, WF_SQLITE_WAIT_DOUBT, row, error);
}

static enum wf_status list_waits(struct wf_query *query, wf_wait_fn *each, void *context,
                                 struct wf_error *error)
{
    while (wf_query_row(query)) {
        struct wf_wait_row row = wait_of(query->statement);

        if (!each(context, &row)) {
            break;
        }
    }
    return wf_query_end(query, error);
}

enum wf_status wf_sqlite_wait_doubts(struct wf_store *store, int limit, wf_wait_fn *each,
                                     void *context, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_WAIT_DOUBTS);

    wf_query_int(&query, limit);
    return list_waits(&query, each, context, error);
}

enum wf_status wf_sqlite_wait_owned(struct wf_store *store, int64_t owner, int limit,
                                    wf_wait_fn *each, void *context, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_WAIT_OWNED);

    wf_query_int(&query, owner);
    wf_query_int(&query, limit);
    return list_waits(&query, each, context, error);
}

/* Timers */

enum wf_status wf_sqlite_timer_put(struct wf_store *store, const struct wf_timer_row *row,
                                   struct wf_error *error)
{
    struct wf_query query = step_query(store, WF_SQLITE_TIMER_PUT, row->run_id, row->step);

    wf_query_int(&query, row->due_ms);
    return wf_query_run(&query, NULL, error);
}

enum wf_status wf_sqlite_timer_delete(struct wf_store *store, int64_t run_id, int32_t step,
                                      struct wf_error *error)
{
    return delete_step(store, WF_SQLITE_TIMER_DELETE, run_id, step, error);
}

enum wf_status wf_sqlite_timer_due(struct wf_store *store, int64_t now_ms, int limit,
                                   wf_timer_fn *each, void *context, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_TIMER_DUE);

    wf_query_int(&query, now_ms);
    wf_query_int(&query, limit);
    while (wf_query_row(&query)) {
        struct wf_timer_row row = {
            .run_id = sqlite3_column_int64(query.statement, 0),
            .step = sqlite3_column_int(query.statement, 1),
            .due_ms = sqlite3_column_int64(query.statement, 2),
        };

        if (!each(context, &row)) {
            break;
        }
    }
    return wf_query_end(&query, error);
}

enum wf_status wf_sqlite_timer_next(struct wf_store *store, int64_t *due_ms, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_TIMER_NEXT);

    *due_ms = INT64_MAX;
    if (wf_query_row(&query)) {
        *due_ms = sqlite3_column_int64(query.statement, 0);
    }
    return wf_query_end(&query, error);
}

/* Processes */

enum wf_status wf_sqlite_process_put(struct wf_store *store, struct wf_process_row *row,
                                     struct wf_error *error)
{
    struct wf_query query =
        wf_query_start(store, row->id ? WF_SQLITE_PROCESS_UPDATE : WF_SQLITE_PROCESS_INSERT);
    int changes = 0;
    enum wf_status status;

    wf_query_int(&query, row->byte);
    wf_query_bytes(&query, row->name);
    wf_query_bytes(&query, row->boot);
    wf_query_int(&query, row->lease_until_ms);
    if (row->id) {
        wf_query_int(&query, row->id);
    }
    status = wf_query_run(&query, &changes, error);
    if (status == WF_OK && !changes) {
        return wf_fail(error, WF_NOT_FOUND, "process %lld is not known any more",
                       (long long)row->id);
    }
    if (status == WF_OK && !row->id) {
        row->id = sqlite3_last_insert_rowid(query.store->db);
    }
    return status;
}

enum wf_status wf_sqlite_process_delete(struct wf_store *store, int64_t id, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_PROCESS_DELETE);

    wf_query_int(&query, id);
    return wf_query_run(&query, NULL, error);
}

static enum wf_status list_processes(struct wf_query *query, wf_process_fn *each, void *context,
                                     struct wf_error *error)
{
    while (wf_query_row(query)) {
        struct wf_process_row row = {
            .id = sqlite3_column_int64(query->statement, 0),
            .byte = sqlite3_column_int(query->statement, 1),
            .name = wf_sqlite_bytes(query->statement, 2),
            .boot = wf_sqlite_bytes(query->statement, 3),
            .lease_until_ms = sqlite3_column_int64(query->statement, 4),
        };

        if (!each(context, &row)) {
            break;
        }
    }
    return wf_query_end(query, error);
}

enum wf_status wf_sqlite_process_list(struct wf_store *store, wf_process_fn *each, void *context,
                                      struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_PROCESS_LIST);

    return list_processes(&query, each, context, error);
}

enum wf_status wf_sqlite_owners(struct wf_store *store, wf_process_fn *each, void *context,
                                struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_OWNERS);

    return list_processes(&query, each, context, error);
}
