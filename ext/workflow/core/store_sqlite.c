/*
 * The store on SQLite: queries, transactions, upkeep, and the table of functions. Which SQLite is
 * in store_sqlite_api.c; opening in store_sqlite_open.c; the log and runs in store_sqlite_log.c; which
 * runs are meant by a filter in store_sqlite_query.c; what can be claimed in store_sqlite_claims.c. Read store_sqlite.h first: it has every statement.
 *
 * SQLite may roll a transaction back by itself (disk full, I/O error, interrupt). What is written then
 * would commit statement by statement; so every query looks whether the transaction is still there.
 *
 * Threads: see store_sqlite.h. No locks.
 */
#include "store_sqlite.h"

#include <string.h>

#include "fault.h"

const char *const wf_sqlite_sql[WF_SQLITE_STATEMENT_COUNT] = {
#define WF_SQLITE_TEXT(name, sql) sql,
    WF_SQLITE_STATEMENTS(WF_SQLITE_TEXT)
#undef WF_SQLITE_TEXT
};

#ifdef WF_FAULT_POINTS
static const char *const points[WF_SQLITE_STATEMENT_COUNT] = {
#define WF_SQLITE_POINT(name, sql) "log before " #name,
    WF_SQLITE_STATEMENTS(WF_SQLITE_POINT)
#undef WF_SQLITE_POINT
};
#endif

static struct wf_sqlite *sqlite_of(struct wf_store *store)
{
    return (struct wf_sqlite *)store;
}

/* Transactions */

/* For the statements that begin and end one; they have no parameters and no rows. */
static int step_once(struct wf_sqlite *store, enum wf_sqlite_statement name)
{
    int code = wf_sqlite_prepare(store, name);

    WF_FAULT_POINT(points[name]);
    if (code == SQLITE_OK) {
        code = sqlite3_step(store->statements[name]);
        sqlite3_reset(store->statements[name]);
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* What whoever reads the message can do; it begins with ": ". */
static const char *remedy_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
        return ": another program holds it, such as a shell or a backup: let that end";
    case SQLITE_FULL:
        return ": make room on its disk; what was acknowledged is kept";
    case SQLITE_IOERR:
        return ": its disk or file system failed: the system's log says more";
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return ": this user must be able to read and write it, its -wal and -shm, and the "
               "directory";
    case SQLITE_CORRUPT:
        return ": stop all its processes, and put a backup in its place";
    case SQLITE_NOTADB:
        return ": it is no log of workflow: give the store another path";
    }
    return "";
}

enum wf_status wf_sqlite_check(struct wf_store *handle, struct wf_error *error)
{
    struct wf_sqlite *store = sqlite_of(handle);
    int moved = 0;

    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved ? wf_fail_moved(error, store->path) : WF_OK;
}

static enum wf_status sqlite_begin(struct wf_store *handle, struct wf_error *error)
{
    struct wf_sqlite *store = sqlite_of(handle);
    int code = step_once(store, WF_SQLITE_BEGIN);

    if (code != SQLITE_OK) {
        return wf_sqlite_fail(store, code, error);
    }
    if (wf_sqlite_check(handle, error)) {
        step_once(store, WF_SQLITE_ROLLBACK); /* it would be acknowledged, and gone with us */
        return WF_STORE_UNAVAILABLE;
    }
    store->begun = true;
    store->lost = SQLITE_OK;
    store->changes_at_begin = sqlite3_total_changes64(store->db);
    return WF_OK;
}

static void sqlite_rollback(struct wf_store *handle)
{
    struct wf_sqlite *store = sqlite_of(handle);

    if (!sqlite3_get_autocommit(store->db)) {
        step_once(store, WF_SQLITE_ROLLBACK);
    }
    store->begun = false;
}

/*
 * Whether a COMMIT that failed with this code has surely written nothing that a later reader could take
 * for committed. Anything else may come after the last frame reached the log, even out of memory.
 */
static bool surely_undone(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_FULL:
    case SQLITE_CONSTRAINT:
    case SQLITE_INTERRUPT:
        return true;
    }
    return false;
}

static enum wf_status sqlite_commit(struct wf_store *handle, struct wf_error *error)
{
    struct wf_sqlite *store = sqlite_of(handle);
    enum wf_status status;
    int code;

    if (!store->begun) {
        return wf_fail(error, WF_STORE_ERROR, "%s: commit without begin", store->path);
    }
    if (sqlite3_get_autocommit(store->db)) {
        store->begun = false;
        return wf_fail(error, WF_STORE_ERROR, "%s: SQLite rolled the transaction back: %s%s",
                       store->path, sqlite3_errstr(store->lost), remedy_of(store->lost));
    }
    code = step_once(store, WF_SQLITE_COMMIT);
    if (code == SQLITE_OK) {
        WF_FAULT_POINT("log after COMMIT");
        store->begun = false;
        return WF_OK;
    }
    status = wf_sqlite_fail(store, code, error);
    sqlite_rollback(handle);
    if (surely_undone(code)) {
        return status == WF_STORE_UNAVAILABLE
                   ? status
                   : wf_fail(error, WF_STORE_ERROR, "%s: not committed: %s%s", store->path,
                             sqlite3_errstr(code), remedy_of(code));
    }
    return wf_fail(error, WF_UNKNOWN, "%s: it is not known whether a commit was kept: %s%s",
                   store->path, sqlite3_errstr(code), remedy_of(code));
}

static bool sqlite_wrote(struct wf_store *handle)
{
    struct wf_sqlite *store = sqlite_of(handle);

    return store->begun && sqlite3_total_changes64(store->db) != store->changes_at_begin;
}

/* Queries */

int wf_sqlite_prepare(struct wf_sqlite *store, enum wf_sqlite_statement name)
{
    if (store->statements[name]) {
        return SQLITE_OK;
    }
    return sqlite3_prepare_v3(store->db, wf_sqlite_sql[name], -1, SQLITE_PREPARE_PERSISTENT,
                              &store->statements[name], NULL);
}

/* Why the statement may not run now, or NULL. */
static const char *refusal(const struct wf_sqlite *store, sqlite3_stmt *statement)
{
    if (sqlite3_stmt_busy(statement)) {
        return "called from its own callback";
    }
    if (store->begun && sqlite3_get_autocommit(store->db)) {
        return "SQLite has rolled the transaction back";
    }
    if (!store->begun && !sqlite3_stmt_readonly(statement)) {
        return "written outside a transaction";
    }
    return NULL;
}

struct wf_query wf_query_start(struct wf_store *handle, enum wf_sqlite_statement name)
{
    struct wf_query query = {.store = sqlite_of(handle)};

    query.code = wf_sqlite_prepare(query.store, name);
    if (query.code != SQLITE_OK) {
        return query;
    }
    query.refusal = refusal(query.store, query.store->statements[name]);
    if (query.refusal) {
        query.code = SQLITE_MISUSE;
        return query;
    }
    query.statement = query.store->statements[name];
    if (query.store->begun) { /* else a reader's: it changes nothing */
        WF_FAULT_POINT(points[name]);
    }
    return query;
}

void wf_query_int(struct wf_query *query, int64_t value)
{
    if (query->code == SQLITE_OK) {
        query->code = sqlite3_bind_int64(query->statement, ++query->bound, value);
    }
}

void wf_query_bytes(struct wf_query *query, struct wf_bytes value)
{
    const char *ptr = value.len ? value.ptr : ""; /* NULL would bind NULL, not empty bytes */

    if (query->code == SQLITE_OK) {
        query->code =
            sqlite3_bind_blob64(query->statement, ++query->bound, ptr, value.len, SQLITE_STATIC);
    }
}

bool wf_query_row(struct wf_query *query)
{
    if (query->code == SQLITE_OK || query->code == SQLITE_ROW) {
        query->code = sqlite3_step(query->statement);
    }
    return query->code == SQLITE_ROW;
}

enum wf_status wf_query_end(struct wf_query *query, struct wf_error *error)
{
    struct wf_sqlite *store = query->store;
    enum wf_status status = WF_OK;

    if (query->refusal) {
        status = wf_fail(error, WF_STORE_ERROR, "%s: %s", store->path, query->refusal);
    } else if (query->code != SQLITE_OK && query->code != SQLITE_ROW &&
               query->code != SQLITE_DONE) {
        status = wf_sqlite_fail(store, query->code, error);
        if (store->begun && !store->lost && sqlite3_get_autocommit(store->db)) {
            store->lost = query->code;
        }
    }
    sqlite3_reset(query->statement);
    return status;
}

enum wf_status wf_query_run(struct wf_query *query, int *changes, struct wf_error *error)
{
    wf_query_row(query);
    if (changes) {
        *changes = query->code == SQLITE_DONE ? sqlite3_changes(query->store->db) : 0;
    }
    return wf_query_end(query, error);
}

struct wf_bytes wf_sqlite_bytes(sqlite3_stmt *statement, int column)
{
    const char *ptr = sqlite3_column_blob(statement, column);

    return (struct wf_bytes){ptr, (size_t)sqlite3_column_bytes(statement, column)};
}

static enum wf_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return WF_STORE_UNAVAILABLE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return WF_STORE_CORRUPT;
    case SQLITE_INTERRUPT:
        return WF_INTERRUPTED;
    case SQLITE_NOMEM:
        return WF_NO_MEMORY;
    }
    return WF_STORE_ERROR;
}

enum wf_status wf_sqlite_fail(struct wf_sqlite *store, int code, struct wf_error *error)
{
    int system_error = sqlite3_system_errno(store->db);
    const char *words = sqlite3_errmsg(store->db);

    switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
        return wf_fail(error, status_of(code), "%s: %s (SQLite's code %d, errno %d)%s", store->path,
                       words, code, system_error, remedy_of(code));
    }
    return wf_fail(error, status_of(code), "%s: %s (SQLite's code %d)%s", store->path, words, code,
                   remedy_of(code));
}

/* Upkeep */

/* SQLite's hook after a commit. A smaller log than before was begun anew: nothing of it is copied. (If
 * others have written more than we had copied, `pages` is too small by that until we checkpoint.) */
int wf_sqlite_committed(void *context, sqlite3 *db, const char *schema, int log_pages)
{
    struct wf_sqlite *store = context;

    (void)db;
    (void)schema;
    if (log_pages < store->log_pages) {
        store->copied_pages = 0;
    }
    store->log_pages = log_pages;
    return SQLITE_OK;
}

static int sqlite_pages(struct wf_store *handle)
{
    struct wf_sqlite *store = sqlite_of(handle);

    return store->log_pages - store->copied_pages;
}

static enum wf_status sqlite_checkpoint(struct wf_store *handle, int *pages_left,
                                        struct wf_error *error)
{
    struct wf_sqlite *store = sqlite_of(handle);
    int log_pages = -1, copied_pages = -1;
    int code;

    *pages_left = sqlite_pages(handle);
    if (store->begun) {
        return wf_fail(error, WF_STORE_ERROR, "%s: checkpoint in a transaction", store->path);
    }
    code = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_PASSIVE, &log_pages,
                                     &copied_pages);
    if (code != SQLITE_OK) {
        return wf_sqlite_fail(store, code, error);
    }
    if (log_pages >= 0 && copied_pages >= 0) {
        store->log_pages = log_pages;
        store->copied_pages = copied_pages;
    }
    *pages_left = sqlite_pages(handle);
    return WF_OK;
}

static void sqlite_shrink(struct wf_store *handle)
{
    sqlite3_db_release_memory(sqlite_of(handle)->db);
}

static void sqlite_interrupt(struct wf_store *store)
{
    sqlite3_interrupt(sqlite_of(store)->db);
}

const struct wf_store_functions wf_store_sqlite = {
    .name = "sqlite",
    .open = wf_sqlite_open,
    .close = wf_sqlite_close,
    .check = wf_sqlite_check,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .wrote = sqlite_wrote,
    .append = wf_sqlite_append,
    .read_run = wf_sqlite_read_run,
    .read_log = wf_sqlite_read_log,
    .last_position = wf_sqlite_last_position,
    .run_load = wf_sqlite_run_load,
    .run_state = wf_sqlite_run_state,
    .run_find = wf_sqlite_run_find,
    .run_keyed = wf_sqlite_run_keyed,
    .run_insert = wf_sqlite_run_insert,
    .run_update = wf_sqlite_run_update,
    .run_doubt = wf_sqlite_run_doubt,
    .run_list = wf_sqlite_run_list,
    .run_search = wf_sqlite_run_search,
    .run_count = wf_sqlite_run_count,
    .ready_put = wf_sqlite_ready_put,
    .ready_get = wf_sqlite_ready_get,
    .ready_delete = wf_sqlite_ready_delete,
    .ready_end = wf_sqlite_ready_end,
    .ready_claim = wf_sqlite_ready_claim,
    .ready_release = wf_sqlite_ready_release,
    .ready_claimable = wf_sqlite_ready_claimable,
    .ready_owned = wf_sqlite_ready_owned,
    .wait_put = wf_sqlite_wait_put,
    .wait_get = wf_sqlite_wait_get,
    .wait_delete = wf_sqlite_wait_delete,
    .wait_claim = wf_sqlite_wait_claim,
    .wait_release = wf_sqlite_wait_release,
    .wait_doubt = wf_sqlite_wait_doubt,
    .wait_doubts = wf_sqlite_wait_doubts,
    .wait_owned = wf_sqlite_wait_owned,
    .timer_put = wf_sqlite_timer_put,
    .timer_delete = wf_sqlite_timer_delete,
    .timer_due = wf_sqlite_timer_due,
    .timer_next = wf_sqlite_timer_next,
    .process_put = wf_sqlite_process_put,
    .process_delete = wf_sqlite_process_delete,
    .process_list = wf_sqlite_process_list,
    .owners = wf_sqlite_owners,
    .checkpoint = sqlite_checkpoint,
    .pages = sqlite_pages,
    .shrink = sqlite_shrink,
    .interrupt = sqlite_interrupt,
    .clear_projections = wf_sqlite_clear_projections,
};
