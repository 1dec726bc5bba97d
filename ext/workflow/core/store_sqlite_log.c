/*
 * The store on SQLite: the log of events and the runs. Nothing here begins or ends a transaction.
 *
 * A row handed to a callback borrows SQLite's memory. What run_load and run_find lend is copied, so
 * that no statement stays open: one that does would hold its snapshot, and checkpoints with it.
 */
#include "store_sqlite.h"

#include <string.h>

static bool is_duplicate(int code)
{
    return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
           code == SQLITE_CONSTRAINT_ROWID;
}

enum wf_status wf_sqlite_append(struct wf_store *store, struct wf_event_row *row,
                                struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_APPEND);

    wf_query_int(&query, row->run_id);
    wf_query_int(&query, row->version);
    wf_query_bytes(&query, row->events);
    wf_query_row(&query);
    if (is_duplicate(query.code)) {
        wf_query_end(&query, NULL);
        return wf_fail(error, WF_STALE, "version %lld of run %lld exists", (long long)row->version,
                       (long long)row->run_id);
    }
    if (query.code == SQLITE_DONE) {
        row->position = sqlite3_last_insert_rowid(query.store->db);
    }
    return wf_query_end(&query, error);
}

static enum wf_status read_events(struct wf_query *query, wf_event_fn *each, void *context,
                                  struct wf_error *error)
{
    while (wf_query_row(query)) {
        struct wf_event_row row = {
            .position = sqlite3_column_int64(query->statement, 0),
            .run_id = sqlite3_column_int64(query->statement, 1),
            .version = sqlite3_column_int64(query->statement, 2),
            .events = wf_sqlite_bytes(query->statement, 3),
        };

        if (!each(context, &row)) {
            break;
        }
    }
    return wf_query_end(query, error);
}

enum wf_status wf_sqlite_read_run(struct wf_store *store, int64_t run_id, int64_t after, int limit,
                                  wf_event_fn *each, void *context, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_READ_RUN);

    wf_query_int(&query, run_id);
    wf_query_int(&query, after);
    wf_query_int(&query, limit);
    return read_events(&query, each, context, error);
}

enum wf_status wf_sqlite_read_log(struct wf_store *store, int64_t after, int limit,
                                  wf_event_fn *each, void *context, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_READ_LOG);

    wf_query_int(&query, after);
    wf_query_int(&query, limit);
    return read_events(&query, each, context, error);
}

/* The last one given, even if its row has been trimmed since: a follower never sees it fall. */
enum wf_status wf_sqlite_last_position(struct wf_store *store, int64_t *position,
                                       struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_LAST_POSITION);

    *position = 0;
    if (wf_query_row(&query)) {
        *position = sqlite3_column_int64(query.statement, 0);
    }
    return wf_query_end(&query, error);
}

struct wf_run_row wf_sqlite_run_of(sqlite3_stmt *statement)
{
    return (struct wf_run_row){
        .id = sqlite3_column_int64(statement, 0),
        .key = wf_sqlite_bytes(statement, 1),
        .class_name = wf_sqlite_bytes(statement, 2),
        .open = sqlite3_column_int(statement, 3),
        .unique = sqlite3_column_int(statement, 4),
        .status = sqlite3_column_int(statement, 5),
        .version = sqlite3_column_int64(statement, 6),
        .started_ms = sqlite3_column_int64(statement, 7),
        .ended_ms = sqlite3_column_int64(statement, 8),
        .state = wf_sqlite_bytes(statement, 9),
        .doubts = wf_sqlite_bytes(statement, 10),
    };
}

/* Moves the row's bytes to `buffer`; false: out of memory. */
static bool keep_bytes(struct wf_buffer *buffer, struct wf_run_row *row)
{
    wf_buffer_clear(buffer);
    wf_buffer_put(buffer, row->key.ptr, row->key.len);
    wf_buffer_put(buffer, row->class_name.ptr, row->class_name.len);
    wf_buffer_put(buffer, row->state.ptr, row->state.len);
    wf_buffer_put(buffer, row->doubts.ptr, row->doubts.len);
    row->key.ptr = buffer->ptr;
    row->class_name.ptr = buffer->ptr + row->key.len;
    row->state.ptr = row->state.len ? row->class_name.ptr + row->class_name.len : NULL;
    row->doubts.ptr = row->doubts.len ? row->state.ptr + row->state.len : NULL;
    return !buffer->failed;
}

static struct wf_run_row state_of(sqlite3_stmt *statement)
{
    return (struct wf_run_row){.state = wf_sqlite_bytes(statement, 0),
                               .doubts = wf_sqlite_bytes(statement, 1)};
}

static enum wf_status read_one(struct wf_query *query, struct wf_buffer *buffer,
                               struct wf_run_row (*row_of)(sqlite3_stmt *statement),
                               struct wf_run_row *row, struct wf_error *error)
{
    bool found = wf_query_row(query);
    enum wf_status status;
    bool kept = true;

    if (found) {
        *row = row_of(query->statement);
        kept = keep_bytes(buffer, row);
    }
    status = wf_query_end(query, error);
    if (status != WF_OK) {
        return status;
    }
    if (!found) {
        return wf_fail(error, WF_NOT_FOUND, "no such run");
    }
    return kept ? WF_OK : wf_fail(error, WF_NO_MEMORY, "no memory for a run's state");
}

static enum wf_status one_run(struct wf_query *query, struct wf_buffer *buffer,
                              struct wf_run_row *row, struct wf_error *error)
{
    return read_one(query, buffer, wf_sqlite_run_of, row, error);
}

enum wf_status wf_sqlite_run_state(struct wf_store *store, int64_t id, struct wf_run_row *row,
                                   struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_RUN_STATE);
    enum wf_status status;

    wf_query_int(&query, id);
    status = read_one(&query, &query.store->loaded, state_of, row, error);
    row->id = id;
    return status;
}

enum wf_status wf_sqlite_run_load(struct wf_store *store, int64_t id, struct wf_run_row *row,
                                  struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_RUN_LOAD);

    wf_query_int(&query, id);
    return one_run(&query, &query.store->loaded, row, error);
}

enum wf_status wf_sqlite_run_find(struct wf_store *store, struct wf_bytes key,
                                  struct wf_run_row *row, struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_RUN_FIND);

    wf_query_bytes(&query, key);
    return one_run(&query, &query.store->found, row, error);
}

enum wf_status wf_sqlite_run_keyed(struct wf_store *store, struct wf_bytes class_name,
                                   struct wf_bytes token, struct wf_run_row *row,
                                   struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_RUN_KEYED);

    wf_query_bytes(&query, class_name);
    wf_query_bytes(&query, token);
    return one_run(&query, &query.store->found, row, error);
}

static enum wf_status insert_tags(struct wf_store *store, const struct wf_run_row *row,
                                  struct wf_error *error)
{
    struct wf_reader reader = wf_reader_of(row->tags);
    enum wf_status status = WF_OK;

    while (!status && reader.at < reader.end) {
        struct wf_bytes name = wf_reader_bytes(&reader), value = wf_reader_bytes(&reader);
        struct wf_query query;

        if (reader.failed) {
            return wf_fail(error, WF_STORE_CORRUPT, "the tags of run %lld cannot be read",
                           (long long)row->id);
        }
        query = wf_query_start(store, WF_SQLITE_TAG_INSERT);
        wf_query_bytes(&query, row->class_name);
        wf_query_bytes(&query, name);
        wf_query_bytes(&query, value);
        wf_query_int(&query, row->id);
        status = wf_query_run(&query, NULL, error);
    }
    return status;
}

static enum wf_status insert_key(struct wf_store *store, const struct wf_run_row *row,
                                 struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_KEY_INSERT);

    wf_query_bytes(&query, row->class_name);
    wf_query_bytes(&query, row->token);
    wf_query_int(&query, row->id);
    wf_query_row(&query);
    if (is_duplicate(query.code)) {
        wf_query_end(&query, NULL);
        return wf_fail(error, WF_EXISTING, "a run was started with the token of run %lld",
                       (long long)row->id);
    }
    return wf_query_end(&query, error);
}

enum wf_status wf_sqlite_run_insert(struct wf_store *store, const struct wf_run_row *row,
                                    struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_RUN_INSERT);
    enum wf_status status;

    wf_query_int(&query, row->id);
    wf_query_bytes(&query, row->key);
    wf_query_bytes(&query, row->class_name);
    wf_query_int(&query, row->open);
    wf_query_int(&query, row->unique);
    wf_query_int(&query, row->status);
    wf_query_int(&query, row->version);
    wf_query_int(&query, row->started_ms);
    wf_query_int(&query, row->ended_ms);
    wf_query_bytes(&query, row->state);
    wf_query_row(&query);
    if (is_duplicate(query.code)) {
        wf_query_end(&query, NULL);
        return wf_fail(error, WF_EXISTING, "run %lld exists, or an open run of its key",
                       (long long)row->id);
    }
    status = wf_query_end(&query, error);
    if (!status && row->token.len) {
        status = insert_key(store, row, error);
    }
    return status || !row->tags.len ? status : insert_tags(store, row, error);
}

/* Naming `open` or `status` in SET rewrites the entries of the indexes runs_open and runs_class: so only what changes. */
enum wf_status wf_sqlite_run_update(struct wf_store *store, const struct wf_run_row *row,
                                    struct wf_error *error)
{
    bool opens = row->was_open != row->open, moves = opens || row->was_status != row->status;
    struct wf_query query = wf_query_start(store, opens   ? WF_SQLITE_RUN_UPDATE_OPEN
                                                  : moves ? WF_SQLITE_RUN_UPDATE_STATUS
                                                          : WF_SQLITE_RUN_UPDATE);
    int changes = 0;
    enum wf_status status;

    wf_query_int(&query, row->version);
    wf_query_int(&query, row->ended_ms);
    wf_query_bytes(&query, row->state);
    wf_query_int(&query, row->id);
    wf_query_int(&query, row->was_version);
    if (moves) {
        wf_query_int(&query, row->status);
    }
    if (opens) {
        wf_query_int(&query, row->open);
    }
    status = wf_query_run(&query, &changes, error);
    if (status == WF_OK && !changes) {
        return wf_fail(error, WF_STALE, "run %lld is not at version %lld", (long long)row->id,
                       (long long)row->was_version);
    }
    return status;
}

enum wf_status wf_sqlite_run_doubt(struct wf_store *store, int64_t id, struct wf_bytes doubts,
                                   struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, WF_SQLITE_RUN_DOUBT);
    int changes = 0;
    enum wf_status status;

    wf_query_bytes(&query, doubts);
    wf_query_int(&query, id);
    status = wf_query_run(&query, &changes, error);
    return status || changes ? status : wf_fail(error, WF_NOT_FOUND, "no run %lld", (long long)id);
}

/* The least bytes above all that begin with `prefix`; false if there are none such (only 0xff). */
bool wf_sqlite_prefix_end(struct wf_bytes prefix, struct wf_buffer *end)
{
    size_t len = prefix.len;

    while (len && (unsigned char)prefix.ptr[len - 1] == 0xff) {
        len--;
    }
    wf_buffer_put(end, prefix.ptr, len);
    if (len && !end->failed) {
        end->ptr[len - 1]++;
    }
    return len;
}

static bool begins_with(struct wf_bytes key, struct wf_bytes prefix)
{
    return !prefix.len || (key.len >= prefix.len && memcmp(key.ptr, prefix.ptr, prefix.len) == 0);
}

enum wf_status wf_sqlite_run_list(struct wf_store *store, struct wf_bytes prefix, int64_t before,
                                  int limit, wf_run_fn *each, void *context, struct wf_error *error)
{
    struct wf_buffer end = {0};
    bool bounded = wf_sqlite_prefix_end(prefix, &end);
    struct wf_query query =
        wf_query_start(store, bounded ? WF_SQLITE_RUN_LIST_PREFIX : WF_SQLITE_RUN_LIST);
    enum wf_status status;

    if (end.failed) {
        query.code = SQLITE_NOMEM;
    }
    if (bounded) {
        wf_query_bytes(&query, prefix);
        wf_query_bytes(&query, wf_buffer_bytes(&end));
    }
    wf_query_int(&query, before ? before : INT64_MAX);
    if (bounded) {
        wf_query_int(&query, limit);
    }
    while (limit > 0 && wf_query_row(&query)) {
        struct wf_run_row row = wf_sqlite_run_of(query.statement);

        if (!begins_with(row.key, prefix)) {
            continue;
        }
        if (!each(context, &row)) {
            break;
        }
        limit--;
    }
    status = wf_query_end(&query, error);
    wf_buffer_destroy(&end);
    return status;
}

enum wf_status wf_sqlite_clear_projections(struct wf_store *store, struct wf_error *error)
{
    static const enum wf_sqlite_statement clears[] = {
        WF_SQLITE_CLEAR_RUNS,  WF_SQLITE_CLEAR_TAGS,  WF_SQLITE_CLEAR_KEYS,
        WF_SQLITE_CLEAR_READY, WF_SQLITE_CLEAR_WAITS, WF_SQLITE_CLEAR_TIMERS};

    for (size_t i = 0; i < sizeof(clears) / sizeof(*clears); i++) {
        struct wf_query query = wf_query_start(store, clears[i]);
        enum wf_status status = wf_query_run(&query, NULL, error);

        if (status != WF_OK) {
            return status;
        }
    }
    return WF_OK;
}
