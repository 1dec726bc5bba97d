/*
 * The store on SQLite: which SQLite. It is the one of the sqlite3 gem, since two copies in one process
 * on one file lose its locks. The gem exports no symbols, so this library is also an SQLite extension:
 * loaded by the gem, it registers an SQL function that tells the address of SQLite's table of
 * functions, and wf_store_sqlite_use takes that. With SQLITE_CORE it is linked with an SQLite instead.
 *
 * Threads: wf_store_sqlite_use once, before anything is opened. The extension's entry point and function
 * may run in any thread and in another copy of this library: they use nothing of the rest of it.
 */
#include "store_sqlite.h"

#include <stdatomic.h>

#ifdef SQLITE_CORE

enum wf_status wf_store_sqlite_use(const void *api, struct wf_error *error)
{
    (void)api;
    if (sqlite3_libversion_number() < WF_SQLITE_VERSION_MIN || !sqlite3_threadsafe()) {
        return wf_fail(error, WF_STORE_ERROR, "SQLite %s is here; %s with threads is needed",
                       sqlite3_libversion(), WF_SQLITE_VERSION_MIN_TEXT);
    }
    return WF_OK;
}

bool wf_sqlite_is_here(void)
{
    return true;
}

#else

SQLITE_EXTENSION_INIT1

enum wf_status wf_store_sqlite_use(const void *address, struct wf_error *error)
{
    const sqlite3_api_routines *api = address;

    if (!api) {
        return wf_fail(error, WF_STORE_ERROR,
                       "the sqlite3 gem did not tell where its SQLite is (%s or later is needed)",
                       WF_SQLITE_VERSION_MIN_TEXT);
    }
    if (api->libversion_number() < WF_SQLITE_VERSION_MIN) {
        return wf_fail(error, WF_STORE_ERROR,
                       "the sqlite3 gem has SQLite %s; %s or later is needed", api->libversion(),
                       WF_SQLITE_VERSION_MIN_TEXT);
    }
    if (!api->xthreadsafe()) {
        return wf_fail(error, WF_STORE_ERROR,
                       "the sqlite3 gem's SQLite %s is compiled without threads (THREADSAFE=0)",
                       api->libversion());
    }
    if (sqlite3_api && sqlite3_api != api) {
        return wf_fail(error, WF_STORE_ERROR, "two copies of SQLite in one process");
    }
    sqlite3_api = api;
    return WF_OK;
}

bool wf_sqlite_is_here(void)
{
    return sqlite3_api;
}

/*
 * An SQL function asks for its user data through the table, which is what it is to tell. So the table
 * is kept here, in the copy of this library that SQLite loaded.
 */
static _Atomic(const sqlite3_api_routines *) extended_api;

static void tell_api(sqlite3_context *context, int count, sqlite3_value **values)
{
    const sqlite3_api_routines *api = atomic_load(&extended_api);

    (void)count;
    (void)values;
    api->result_int64(context, (sqlite3_int64)(intptr_t)api);
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int sqlite3_workflow_init(sqlite3 *, char **, const sqlite3_api_routines *);

int sqlite3_workflow_init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    const sqlite3_api_routines *known = NULL;

    if (!atomic_compare_exchange_strong(&extended_api, &known, api) && known != api) {
        *message = api->mprintf("workflow: two copies of SQLite in one process");
        return SQLITE_ERROR;
    }
    return api->create_function_v2(db, "workflow_sqlite_api", 0, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                   NULL, tell_api, NULL, NULL, NULL);
}

#endif
