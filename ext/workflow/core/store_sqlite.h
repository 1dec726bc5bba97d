/*
 * Private to store_sqlite*.c and their test: the handle, every statement, and the small query object
 * that the functions of the contract are written with. A query keeps the first error (like a buffer),
 * so that a function binds, steps and looks at the outcome once, in wf_query_end.
 *
 * Threads: a handle belongs to one thread at a time (SQLite's own mutexes are off); only
 * wf_sqlite_interrupt may come from another.
 */
#ifndef WF_STORE_SQLITE_H
#define WF_STORE_SQLITE_H

#include <sqlite3ext.h>

#include "buffer.h"
#include "store.h"

SQLITE_EXTENSION_INIT3

/* total_changes64 and STRICT tables; nothing newer is called. */
#define WF_SQLITE_VERSION_MIN 3037000
#define WF_SQLITE_VERSION_MIN_TEXT "3.37.0"

#define WF_SQLITE_APPLICATION_ID 1464224855 /* "WFLW" */
#define WF_SQLITE_SCHEMA_VERSION 4
#define WF_SQLITE_SCHEMA_OLDEST                                                                    \
    3 /* it has AUTOINCREMENT where ours has a trigger, and is used as it is */

#define WF_SQLITE_RUN                                                                              \
    "id, key, class, open, is_unique, status, version, started_ms, ended_ms, state, doubts"
#define WF_SQLITE_READY "run_id, step, priority, at_ms, alone, owner, slot, fence"
#define WF_SQLITE_WAIT "run_id, step, owner, slot, fence, pledged"
#define WF_SQLITE_CERTAIN                                                                          \
    " NOT EXISTS(SELECT 1 FROM waits INDEXED BY waits_doubt"                                       \
    " WHERE owner < 0 AND waits.run_id = timers.run_id AND waits.step = timers.step)"

/* Every statement, prepared at its first use, once a connection. Parameters are bound in order. */
#define WF_SQLITE_STATEMENTS(X)                                                                    \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
                                                                                                   \
    X(APPEND, "INSERT INTO events(run_id, version, events) VALUES(?, ?, ?)")                       \
    X(READ_RUN, "SELECT position, run_id, version, events FROM events"                             \
                " WHERE run_id = ? AND version > ? ORDER BY version LIMIT ?")                      \
    X(READ_LOG, "SELECT position, run_id, version, events FROM events"                             \
                " WHERE position > ? ORDER BY position LIMIT ?")                                   \
    X(LAST_POSITION, "SELECT position FROM events ORDER BY position DESC LIMIT 1")                 \
                                                                                                   \
    X(RUN_LOAD, "SELECT " WF_SQLITE_RUN " FROM runs WHERE id = ?")                                 \
    X(RUN_STATE, "SELECT state, doubts FROM runs WHERE id = ?")                                    \
    X(RUN_FIND, "SELECT " WF_SQLITE_RUN " FROM runs WHERE id = coalesce("                          \
                "(SELECT id FROM runs WHERE key = ?1 AND open AND is_unique),"                     \
                "(SELECT max(id) FROM runs WHERE key = ?1))")                                      \
    X(RUN_KEYED, "SELECT " WF_SQLITE_RUN " FROM runs WHERE id ="                                   \
                 " (SELECT run_id FROM keys WHERE class = ? AND token = ?)")                       \
    X(RUN_INSERT, "INSERT INTO runs(" WF_SQLITE_RUN ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, x'')") \
    X(RUN_DOUBT, "UPDATE runs SET doubts = ? WHERE id = ?")                                        \
    X(RUN_UPDATE, "UPDATE runs SET version = ?, ended_ms = ?, state = ?"                           \
                  " WHERE id = ? AND version = ?")                                                 \
    X(RUN_UPDATE_STATUS, "UPDATE runs SET version = ?, ended_ms = ?, state = ?, status = ?6"       \
                         " WHERE id = ?4 AND version = ?5")                                        \
    X(RUN_UPDATE_OPEN, "UPDATE runs SET version = ?, ended_ms = ?, state = ?, status = ?6,"        \
                       " open = ?7 WHERE id = ?4 AND version = ?5")                                \
    X(RUN_LIST, "SELECT " WF_SQLITE_RUN " FROM runs WHERE id < ? ORDER BY id DESC")                \
    X(RUN_LIST_PREFIX, "SELECT " WF_SQLITE_RUN " FROM runs WHERE id IN"                            \
                       " (SELECT id FROM runs INDEXED BY runs_key"                                 \
                       " WHERE key >= ? AND key < ? AND id < ? ORDER BY id DESC LIMIT ?)"          \
                       " ORDER BY id DESC")                                                        \
                                                                                                   \
    X(TAG_INSERT, "INSERT INTO tags(class, name, value, run_id) VALUES(?, ?, ?, ?)")               \
    X(KEY_INSERT, "INSERT INTO keys(class, token, run_id) VALUES(?, ?, ?)")                        \
    X(RUN_SEEK, "SELECT id FROM runs WHERE id <= ? ORDER BY id DESC LIMIT 1")                      \
    X(RUN_SEEK_STATUS, "SELECT id FROM runs INDEXED BY runs_class"                                 \
                       " WHERE id <= ? AND class = ? AND status = ? ORDER BY id DESC LIMIT 1")     \
    X(RUN_SEEK_KEY, "SELECT id FROM runs INDEXED BY runs_key"                                      \
                    " WHERE id <= ? AND key = ? ORDER BY id DESC LIMIT 1")                         \
    X(RUN_SEEK_TAG, "SELECT run_id FROM tags WHERE run_id <= ? AND class = ? AND name = ?"         \
                    " AND value = ? ORDER BY run_id DESC LIMIT 1")                                 \
    X(RUN_NEXT_KEY, "SELECT key FROM runs INDEXED BY runs_key"                                     \
                    " WHERE key > ? AND key < ? ORDER BY key LIMIT 1")                             \
    X(COUNT_STATUS, "SELECT count(*) FROM runs INDEXED BY runs_class"                              \
                    " WHERE class = ? AND status = ?")                                             \
    X(COUNT_TAG, "SELECT count(*) FROM tags WHERE class = ? AND name = ? AND value = ?")           \
    X(READ_BEGIN, "BEGIN")                                                                         \
                                                                                                   \
    X(READY_PUT, "INSERT OR REPLACE INTO ready(" WF_SQLITE_READY ")"                               \
                 " VALUES(?, ?, ?, ?, ?, ?, ?, ?)")                                                \
    X(READY_GET, "SELECT " WF_SQLITE_READY " FROM ready WHERE run_id = ? AND step = ?")            \
    X(READY_DELETE, "DELETE FROM ready WHERE run_id = ? AND step = ?")                             \
    X(READY_END, "DELETE FROM ready WHERE run_id = ? AND step = ? AND fence = ?")                  \
    X(READY_CLAIM, "UPDATE ready SET owner = ?3, slot = ?4, fence = ?5 + 1"                        \
                   " WHERE run_id = ?1 AND step = ?2 AND owner = 0 AND fence = ?5")                \
    X(READY_RELEASE, "UPDATE ready SET owner = 0, slot = 0"                                        \
                     " WHERE run_id = ? AND step = ? AND owner = ? AND fence = ?")                 \
    X(READY_CLAIMABLE, "SELECT " WF_SQLITE_READY " FROM ready INDEXED BY ready_order"              \
                       " WHERE owner = 0 ORDER BY priority, at_ms, run_id, step LIMIT ?")          \
    X(READY_OWNED, "SELECT " WF_SQLITE_READY " FROM ready INDEXED BY ready_order"                  \
                   " WHERE owner = ? AND +owner > 0 LIMIT ?")                                      \
                                                                                                   \
    X(WAIT_PUT, "INSERT OR REPLACE INTO waits(" WF_SQLITE_WAIT ")"                                 \
                " VALUES(?, ?, ?, ?, ?, ?)")                                                       \
    X(WAIT_GET, "SELECT " WF_SQLITE_WAIT " FROM waits WHERE run_id = ? AND step = ?")              \
    X(WAIT_DELETE, "DELETE FROM waits WHERE run_id = ? AND step = ?")                              \
    X(WAIT_CLAIM, "UPDATE waits SET owner = ?3, slot = ?4, fence = ?5 + 1, pledged = ?6"           \
                  " WHERE run_id = ?1 AND step = ?2 AND owner = 0 AND fence = ?5")                 \
    X(WAIT_RELEASE, "UPDATE waits SET owner = 0, slot = 0, pledged = 0"                            \
                    " WHERE run_id = ? AND step = ? AND owner = ? AND fence = ?")                  \
    X(WAIT_DOUBT, "UPDATE waits SET owner = -1, slot = 0"                                          \
                  " WHERE run_id = ? AND step = ? AND owner = ? AND fence = ? AND pledged")        \
    X(WAIT_DOUBTS, "SELECT " WF_SQLITE_WAIT " FROM waits INDEXED BY waits_doubt"                   \
                   " WHERE owner < 0 ORDER BY run_id, step LIMIT ?")                               \
    X(WAIT_OWNED, "SELECT " WF_SQLITE_WAIT " FROM waits INDEXED BY waits_owner"                    \
                  " WHERE owner = ? AND owner > 0 LIMIT ?")                                        \
                                                                                                   \
    X(TIMER_PUT, "INSERT OR REPLACE INTO timers(run_id, step, due_ms) VALUES(?, ?, ?)")            \
    X(TIMER_DELETE, "DELETE FROM timers WHERE run_id = ? AND step = ?")                            \
    X(TIMER_DUE,                                                                                   \
      "SELECT run_id, step, due_ms FROM timers INDEXED BY timers_due"                              \
      " WHERE due_ms <= ? AND" WF_SQLITE_CERTAIN " ORDER BY due_ms, run_id, step LIMIT ?")         \
    X(TIMER_NEXT, "SELECT due_ms FROM timers INDEXED BY timers_due WHERE" WF_SQLITE_CERTAIN        \
                  " ORDER BY due_ms LIMIT 1")                                                      \
                                                                                                   \
    X(PROCESS_INSERT, "INSERT INTO processes(byte, name, boot, lease_until_ms)"                    \
                      " VALUES(?, ?, ?, ?)")                                                       \
    X(PROCESS_UPDATE, "UPDATE processes SET byte = ?, name = ?, boot = ?, lease_until_ms = ?"      \
                      " WHERE id = ?")                                                             \
    X(PROCESS_DELETE, "DELETE FROM processes WHERE id = ?")                                        \
    X(PROCESS_LIST, "SELECT id, byte, name, boot, lease_until_ms FROM processes ORDER BY id")      \
    X(OWNERS, "SELECT owners.owner, byte, name, boot, lease_until_ms FROM"                         \
              " (SELECT owner FROM ready INDEXED BY ready_order WHERE owner > 0 UNION"             \
              " SELECT owner FROM waits INDEXED BY waits_owner WHERE owner > 0) AS owners"         \
              " LEFT JOIN processes ON processes.id = owners.owner")                               \
                                                                                                   \
    X(CLEAR_RUNS, "DELETE FROM runs")                                                              \
    X(CLEAR_TAGS, "DELETE FROM tags")                                                              \
    X(CLEAR_KEYS, "DELETE FROM keys")                                                              \
    X(CLEAR_READY, "DELETE FROM ready")                                                            \
    X(CLEAR_WAITS, "DELETE FROM waits")                                                            \
    X(CLEAR_TIMERS, "DELETE FROM timers")

enum wf_sqlite_statement {
#define WF_SQLITE_NAME(name, sql) WF_SQLITE_##name,
    WF_SQLITE_STATEMENTS(WF_SQLITE_NAME)
#undef WF_SQLITE_NAME
};

#define WF_SQLITE_ONE(name, sql) +1
#define WF_SQLITE_STATEMENT_COUNT (0 WF_SQLITE_STATEMENTS(WF_SQLITE_ONE))

extern const char *const wf_sqlite_sql[WF_SQLITE_STATEMENT_COUNT];

struct wf_sqlite {
    struct wf_store store; /* first: the handle of the contract */
    sqlite3 *db;
    sqlite3_stmt *statements[WF_SQLITE_STATEMENT_COUNT];
    char *path;
    bool begun;               /* between begin and commit or rollback */
    int lost;                 /* SQLite's reason for having rolled that transaction back, or 0 */
    int64_t changes_at_begin; /* of sqlite3_total_changes64 */
    int log_pages;            /* frames in the write-ahead log at our last commit or checkpoint */
    int copied_pages;         /* how many of them a checkpoint has copied */
    struct wf_buffer loaded, found; /* the bytes lent by run_load and run_find */
};

struct wf_query {
    struct wf_sqlite *store;
    sqlite3_stmt *statement;
    const char *refusal; /* why it may not run now, or NULL */
    int code;            /* SQLite's: of the last call, or of the first that failed */
    int bound;
};

/* Never fails by itself: what went wrong is told by wf_query_end. Bytes are borrowed until then. */
struct wf_query wf_query_start(struct wf_store *store, enum wf_sqlite_statement statement);
void wf_query_int(struct wf_query *query, int64_t value);
void wf_query_bytes(struct wf_query *query, struct wf_bytes value);
bool wf_query_row(struct wf_query *query); /* steps; false at the end and after an error */
enum wf_status wf_query_end(struct wf_query *query, struct wf_error *error);

/* Runs it to its end; `changes`, if not NULL, gets the number of rows written. */
enum wf_status wf_query_run(struct wf_query *query, int *changes, struct wf_error *error);

/* Borrowed until the next row. */
struct wf_bytes wf_sqlite_bytes(sqlite3_stmt *statement, int column);

/* Maps a code of SQLite's to a status, with SQLite's words and the path. */
enum wf_status wf_sqlite_fail(struct wf_sqlite *store, int code, struct wf_error *error);
int wf_sqlite_prepare(struct wf_sqlite *store, enum wf_sqlite_statement statement);
int wf_sqlite_committed(void *store, sqlite3 *db, const char *schema, int log_pages); /* a hook */

/* OK | STORE_UNAVAILABLE: the path leads elsewhere by now, or nowhere */
enum wf_status wf_sqlite_check(struct wf_store *store, struct wf_error *error);

/* store_sqlite_api.c: whether wf_store_sqlite_use has been called */
bool wf_sqlite_is_here(void);

/* store_sqlite_open.c */
enum wf_status wf_sqlite_open(struct wf_store **store, const struct wf_store_options *options,
                              struct wf_error *error);
void wf_sqlite_close(struct wf_store *store);

/* store_sqlite_log.c */
enum wf_status wf_sqlite_append(struct wf_store *store, struct wf_event_row *row,
                                struct wf_error *error);
enum wf_status wf_sqlite_read_run(struct wf_store *store, int64_t run_id, int64_t after, int limit,
                                  wf_event_fn *each, void *context, struct wf_error *error);
enum wf_status wf_sqlite_read_log(struct wf_store *store, int64_t after, int limit,
                                  wf_event_fn *each, void *context, struct wf_error *error);
enum wf_status wf_sqlite_last_position(struct wf_store *store, int64_t *position,
                                       struct wf_error *error);
enum wf_status wf_sqlite_run_load(struct wf_store *store, int64_t id, struct wf_run_row *row,
                                  struct wf_error *error);
enum wf_status wf_sqlite_run_state(struct wf_store *store, int64_t id, struct wf_run_row *row,
                                   struct wf_error *error);
enum wf_status wf_sqlite_run_find(struct wf_store *store, struct wf_bytes key,
                                  struct wf_run_row *row, struct wf_error *error);
enum wf_status wf_sqlite_run_keyed(struct wf_store *store, struct wf_bytes class_name,
                                   struct wf_bytes token, struct wf_run_row *row,
                                   struct wf_error *error);
enum wf_status wf_sqlite_run_insert(struct wf_store *store, const struct wf_run_row *row,
                                    struct wf_error *error);
enum wf_status wf_sqlite_run_update(struct wf_store *store, const struct wf_run_row *row,
                                    struct wf_error *error);
enum wf_status wf_sqlite_run_doubt(struct wf_store *store, int64_t id, struct wf_bytes doubts,
                                   struct wf_error *error);
enum wf_status wf_sqlite_run_list(struct wf_store *store, struct wf_bytes prefix, int64_t before,
                                  int limit, wf_run_fn *each, void *context,
                                  struct wf_error *error);
bool wf_sqlite_prefix_end(struct wf_bytes prefix, struct wf_buffer *end);
struct wf_run_row wf_sqlite_run_of(sqlite3_stmt *statement); /* borrowed until the next row */
enum wf_status wf_sqlite_clear_projections(struct wf_store *store, struct wf_error *error);

/* store_sqlite_query.c */
enum wf_status wf_sqlite_run_search(struct wf_store *store, const struct wf_run_filter *filter,
                                    int64_t *before, wf_run_fn *each, void *context,
                                    struct wf_error *error);
enum wf_status wf_sqlite_run_count(struct wf_store *store, const struct wf_run_filter *filter,
                                   int64_t *before, int64_t *count, struct wf_error *error);

/* store_sqlite_claims.c */
enum wf_status wf_sqlite_ready_put(struct wf_store *store, const struct wf_ready_row *row,
                                   struct wf_error *error);
enum wf_status wf_sqlite_ready_get(struct wf_store *store, struct wf_ready_row *row,
                                   struct wf_error *error);
enum wf_status wf_sqlite_ready_delete(struct wf_store *store, int64_t run_id, int32_t step,
                                      struct wf_error *error);
enum wf_status wf_sqlite_ready_end(struct wf_store *store, int64_t run_id, int32_t step,
                                   int64_t fence, struct wf_error *error);
enum wf_status wf_sqlite_ready_claim(struct wf_store *store, struct wf_ready_row *row,
                                     struct wf_error *error);
enum wf_status wf_sqlite_ready_release(struct wf_store *store, const struct wf_ready_row *row,
                                       struct wf_error *error);
enum wf_status wf_sqlite_ready_claimable(struct wf_store *store, int limit, wf_ready_fn *each,
                                         void *context, struct wf_error *error);
enum wf_status wf_sqlite_ready_owned(struct wf_store *store, int64_t owner, int limit,
                                     wf_ready_fn *each, void *context, struct wf_error *error);
enum wf_status wf_sqlite_wait_put(struct wf_store *store, const struct wf_wait_row *row,
                                  struct wf_error *error);
enum wf_status wf_sqlite_wait_get(struct wf_store *store, struct wf_wait_row *row,
                                  struct wf_error *error);
enum wf_status wf_sqlite_wait_delete(struct wf_store *store, int64_t run_id, int32_t step,
                                     struct wf_error *error);
enum wf_status wf_sqlite_wait_claim(struct wf_store *store, struct wf_wait_row *row,
                                    struct wf_error *error);
enum wf_status wf_sqlite_wait_release(struct wf_store *store, const struct wf_wait_row *row,
                                      struct wf_error *error);
enum wf_status wf_sqlite_wait_doubt(struct wf_store *store, const struct wf_wait_row *row,
                                    struct wf_error *error);
enum wf_status wf_sqlite_wait_doubts(struct wf_store *store, int limit, wf_wait_fn *each,
                                     void *context, struct wf_error *error);
enum wf_status wf_sqlite_wait_owned(struct wf_store *store, int64_t owner, int limit,
                                    wf_wait_fn *each, void *context, struct wf_error *error);
enum wf_status wf_sqlite_timer_put(struct wf_store *store, const struct wf_timer_row *row,
                                   struct wf_error *error);
enum wf_status wf_sqlite_timer_delete(struct wf_store *store, int64_t run_id, int32_t step,
                                      struct wf_error *error);
enum wf_status wf_sqlite_timer_due(struct wf_store *store, int64_t now_ms, int limit,
                                   wf_timer_fn *each, void *context, struct wf_error *error);
enum wf_status wf_sqlite_timer_next(struct wf_store *store, int64_t *due_ms,
                                    struct wf_error *error);
enum wf_status wf_sqlite_process_put(struct wf_store *store, struct wf_process_row *row,
                                     struct wf_error *error);
enum wf_status wf_sqlite_process_delete(struct wf_store *store, int64_t id, struct wf_error *error);
enum wf_status wf_sqlite_process_list(struct wf_store *store, wf_process_fn *each, void *context,
                                      struct wf_error *error);
enum wf_status wf_sqlite_owners(struct wf_store *store, wf_process_fn *each, void *context,
                                struct wf_error *error);

#endif
