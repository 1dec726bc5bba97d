/*
 * For the tests of the store on SQLite: opening, looking behind the contract, and appending.
 */
#ifndef STORE_SQLITE_CASE_H
#define STORE_SQLITE_CASE_H

#include "process.h"

#include "../../ext/workflow/core/store_sqlite.h"

static const struct wf_store_functions *does = &wf_store_sqlite;
static struct wf_error error;

static inline sqlite3 *db_of(struct wf_store *store)
{
    return ((struct wf_sqlite *)store)->db;
}

static inline enum wf_status open_at(struct wf_store **store, const char *path, bool read_only)
{
    struct wf_store_options options = {.path = path, .read_only = read_only, .busy_ms = 10000};

    return does->open(store, &options, &error);
}

static inline struct wf_store *open_ok(const char *path, bool read_only)
{
    struct wf_store *store = NULL;

    if (open_at(&store, path, read_only) != WF_OK) {
        fprintf(stderr, "open: %s\n", error.message);
        CHECK(!"opened");
        exit(1);
    }
    return store;
}

/* Runs SQL on a connection of its own, as another application would. */
static inline void sql_at(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

static inline void text_of(sqlite3 *db, const char *sql, char *text, size_t size)
{
    sqlite3_stmt *statement = NULL;

    text[0] = '\0';
    CHECK(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        snprintf(text, size, "%s", (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
}

static inline bool is(sqlite3 *db, const char *sql, const char *expected)
{
    char text[200];

    text_of(db, sql, text, sizeof(text));
    return strcmp(text, expected) == 0;
}

static inline enum wf_status append(struct wf_store *store, int64_t run_id, int64_t version,
                                    struct wf_bytes events)
{
    struct wf_event_row row = {.run_id = run_id, .version = version, .events = events};

    return does->append(store, &row, &error);
}

static inline void append_and_commit(struct wf_store *store, int64_t version)
{
    CHECK(does->begin(store, &error) == WF_OK);
    CHECK(append(store, 1, version, WF_BYTES("event")) == WF_OK);
    CHECK(does->commit(store, &error) == WF_OK);
}

static inline bool count_event(void *context, const struct wf_event_row *row)
{
    (void)row;
    ++*(int *)context;
    return true;
}

static inline int events_in(struct wf_store *store)
{
    int count = 0;

    CHECK(does->read_log(store, 0, 1000, count_event, &count, &error) == WF_OK);
    return count;
}

#endif
