/*
 * The store on SQLite: opening a connection, recognising the file, its settings and schema.
 *
 * A file is looked at before anything of it is changed: what another application made is left as it is.
 * Many processes may open a new file at once; one of them creates the schema.
 *
 * Threads: a handle has one thread at a time. No locks but SQLite's.
 */
#include "store_sqlite.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_OF(macro) TEXT_OF_VALUE(macro)
#define TEXT_OF_VALUE(value) #value
#define APPLICATION_ID TEXT_OF(WF_SQLITE_APPLICATION_ID)
#define SCHEMA_VERSION TEXT_OF(WF_SQLITE_SCHEMA_VERSION)

/*
 * STRICT, so that a wrong binding is an error. events and runs have rowids: their keys rise, and a row
 * is found by position or id. A position is one more than that of the last row, which cannot be deleted, so that none is
 * given again: AUTOINCREMENT took a page of each commit and a twentieth of a step's time. What is claimed or due is found
 * by (run, step) and has no other identity.
 * runs_key and runs_class end in the id as every index of a rowid table does, so that the runs of one key, or of
 * one class and status, are found newest first; so are those of a tag. The indexes of ready and timers end in
 * (run_id, step).
 */
static const char schema[] =
    "CREATE TABLE events(position INTEGER PRIMARY KEY, run_id INTEGER NOT NULL,"
    " version INTEGER NOT NULL, events BLOB NOT NULL, UNIQUE(run_id, version)) STRICT;"
    "CREATE TRIGGER events_last BEFORE DELETE ON events"
    " WHEN old.position = (SELECT max(position) FROM events) BEGIN SELECT RAISE(IGNORE); END;"

    "CREATE TABLE runs(id INTEGER PRIMARY KEY, key BLOB NOT NULL, class BLOB NOT NULL,"
    " open INTEGER NOT NULL, is_unique INTEGER NOT NULL, status INTEGER NOT NULL, version INTEGER "
    "NOT NULL,"
    " started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, state BLOB NOT NULL,"
    " doubts BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX runs_open ON runs(key) WHERE open AND is_unique;"
    "CREATE INDEX runs_key ON runs(key);"
    "CREATE INDEX runs_class ON runs(class, status);"

    "CREATE TABLE tags(class BLOB NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,"
    " run_id INTEGER NOT NULL, PRIMARY KEY(class, name, value, run_id)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE keys(class BLOB NOT NULL, token BLOB NOT NULL, run_id INTEGER NOT NULL,"
    " PRIMARY KEY(class, token)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE ready(run_id INTEGER NOT NULL, step INTEGER NOT NULL,"
    " priority INTEGER NOT NULL, at_ms INTEGER NOT NULL, alone INTEGER NOT NULL,"
    " owner INTEGER NOT NULL, slot INTEGER NOT NULL, fence INTEGER NOT NULL,"
    " PRIMARY KEY(run_id, step)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX ready_order ON ready(owner, priority, at_ms);"

    "CREATE TABLE waits(run_id INTEGER NOT NULL, step INTEGER NOT NULL, owner INTEGER NOT NULL,"
    " slot INTEGER NOT NULL, fence INTEGER NOT NULL, pledged INTEGER NOT NULL,"
    " PRIMARY KEY(run_id, step)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX waits_owner ON waits(owner) WHERE owner > 0;"
    "CREATE INDEX waits_doubt ON waits(run_id, step) WHERE owner < 0;"

    "CREATE TABLE timers(run_id INTEGER NOT NULL, step INTEGER NOT NULL, due_ms INTEGER NOT NULL,"
    " PRIMARY KEY(run_id, step)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX timers_due ON timers(due_ms);"

    "CREATE TABLE processes(id INTEGER PRIMARY KEY AUTOINCREMENT, byte INTEGER NOT NULL,"
    " name BLOB NOT NULL, boot BLOB NOT NULL, lease_until_ms INTEGER NOT NULL) STRICT;"

    "PRAGMA application_id = " APPLICATION_ID ";"
    "PRAGMA user_version = " SCHEMA_VERSION ";";

/* What every connection sets, and then asks for, since a build of SQLite may ignore it. */
struct setting {
    const char *set, *get;
    int64_t value;
    bool readers_only;
};

static const struct setting settings[] = {
    /* FULL: sync at every commit; builds default to NORMAL. */
    {"PRAGMA synchronous=2", "PRAGMA synchronous", 2, false},
    /* What a long read, under load, lets the write-ahead log grow beyond, goes back when that is begun anew. */
    {"PRAGMA journal_size_limit=67108864", "PRAGMA journal_size_limit", 64 << 20, false},
    /* The committer checkpoints, under the turnstile. */
    {"PRAGMA wal_autocheckpoint=0", "PRAGMA wal_autocheckpoint", 0, false},
    {"PRAGMA trusted_schema=0", "PRAGMA trusted_schema", 0, false},
    {"PRAGMA cache_size=-2000", "PRAGMA cache_size", -2000, false}, /* KiB; 8,000 gained nothing */
    {"PRAGMA temp_store=2", "PRAGMA temp_store", 2, false},         /* memory, no files */
#ifdef __APPLE__
    /* There fsync alone leaves data in the drive's cache. */
    {"PRAGMA fullfsync=1", "PRAGMA fullfsync", 1, false},
#endif
    {"PRAGMA query_only=1", "PRAGMA query_only", 1, true},
};

static enum wf_status connect_to(struct wf_sqlite *store, const struct wf_store_options *options,
                                 struct wf_error *error);
static enum wf_status identify(struct wf_sqlite *store, bool *fresh, struct wf_error *error);
static enum wf_status use_wal(struct wf_sqlite *store, const struct wf_store_options *options,
                              struct wf_error *error);
static enum wf_status configure(struct wf_sqlite *store, bool read_only, struct wf_error *error);
static enum wf_status create_schema(struct wf_sqlite *store, struct wf_error *error);

static enum wf_status open_into(struct wf_sqlite *store, const struct wf_store_options *options,
                                struct wf_error *error)
{
    bool fresh = false;
    enum wf_status status = connect_to(store, options, error);

    if (status == WF_OK) {
        status = identify(store, &fresh, error);
    }
    if (status == WF_OK && fresh && options->read_only) {
        status = wf_fail(error, WF_STORE_UNAVAILABLE,
                         "%s has no schema yet: the first process that writes creates it",
                         options->path);
    }
    if (status == WF_OK) {
        status = use_wal(store, options, error);
    }
    if (status == WF_OK) {
        status = configure(store, options->read_only, error);
    }
    if (status == WF_OK && fresh) {
        status = create_schema(store, error);
    }
    return status;
}

enum wf_status wf_sqlite_open(struct wf_store **out, const struct wf_store_options *options,
                              struct wf_error *error)
{
    struct wf_sqlite *store = calloc(1, sizeof(*store));
    enum wf_status status;

    *out = NULL;
    if (!store) {
        return wf_fail(error, WF_NO_MEMORY, "no memory for a connection");
    }
    store->store.does = &wf_store_sqlite;
    store->path = strdup(options->path);
    status = store->path ? open_into(store, options, error)
                         : wf_fail(error, WF_NO_MEMORY, "no memory for a connection");
    if (status != WF_OK) {
        wf_sqlite_close(&store->store);
        return status;
    }
    *out = &store->store;
    return WF_OK;
}

void wf_sqlite_close(struct wf_store *handle)
{
    struct wf_sqlite *store = (struct wf_sqlite *)handle;

    if (!store) {
        return;
    }
    for (size_t i = 0; i < WF_SQLITE_STATEMENT_COUNT; i++) {
        if (store->statements[i]) {
            sqlite3_finalize(store->statements[i]);
        }
    }
    if (store->db) {
        sqlite3_close(store->db);
    }
    wf_buffer_destroy(&store->loaded);
    wf_buffer_destroy(&store->found);
    free(store->path);
    free(store);
}

/* Connecting */

/*
 * The file gets its name only when its one descriptor here is closed: closing one later would drop
 * the locks of every connection of this process to it. A failure is left to SQLite to tell.
 */
static void create_private(const char *path)
{
    size_t size = strlen(path) + sizeof(".XXXXXX");
    char *name = malloc(size);
    int fd;

    if (!name) {
        return;
    }
    snprintf(name, size, "%s.XXXXXX", path);
    fd = mkstemp(name);
    if (fd >= 0) {
        close(fd);
        if (link(name, path) < 0 && errno != EEXIST) { /* a file system without hard links */
            fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
            if (fd >= 0) {
                close(fd);
            }
        }
        unlink(name);
    }
    free(name);
}

/* When the file was made, or 0. A library that knows of statx may run on a kernel, or in a sandbox, that refuses it. */
static int64_t birth_of(const char *path, const struct stat *file)
{
#if defined(__APPLE__)
    (void)path;
    return file->st_birthtimespec.tv_sec * 1000000000LL + file->st_birthtimespec.tv_nsec;
#elif defined(STATX_BTIME)
    struct statx found;
    bool told = statx(AT_FDCWD, path, 0, STATX_BTIME, &found) == 0 && found.stx_mask & STATX_BTIME;

    (void)file;
    return told ? found.stx_btime.tv_sec * 1000000000LL + found.stx_btime.tv_nsec : 0;
#else
    (void)path, (void)file;
    return 0;
#endif
}

/* Asked of its name, since a descriptor of our own may never be closed. false: it is nobody's. */
static bool look_for(const char *path, struct wf_store_file *file)
{
    struct stat found;

    if (stat(path, &found) != 0) {
        return false;
    }
    *file = (struct wf_store_file){found.st_dev, found.st_ino, birth_of(path, &found)};
    return true;
}

/* That what was opened is what the path leads to, and what it led to at the first time. */
static enum wf_status recognise(struct wf_sqlite *store, const struct wf_store_options *options,
                                struct wf_error *error)
{
    struct wf_store_file *known = options->file, found;

    if (!known) {
        return WF_OK;
    }
    if (!look_for(options->path, &found)) {
        return wf_fail_moved(error, options->path);
    }
    if (known->inode && (known->device != found.device || known->inode != found.inode ||
                         known->born_ns != found.born_ns)) {
        return wf_fail_moved(error, options->path);
    }
    if (!known->inode) { /* afterwards it is read by many threads */
        *known = found;
    }
    return wf_sqlite_check(&store->store, error);
}

static enum wf_status connect_to(struct wf_sqlite *store, const struct wf_store_options *options,
                                 struct wf_error *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    bool known = options->file && options->file->inode;
    bool missing = access(options->path, F_OK) < 0 && errno == ENOENT;
    int on = 0;
    int code;

    if (!wf_sqlite_is_here()) {
        return wf_fail(error, WF_STORE_ERROR, "wf_store_sqlite_use comes before open");
    }
    if (!*options->path || *options->path == ':' || strncmp(options->path, "file:", 5) == 0) {
        return wf_fail(error, WF_STORE_ERROR, "\"%s\" is not the path of a file", options->path);
    }
    if (missing && known) {
        return wf_fail_moved(error, options->path);
    }
    if (missing && options->read_only) {
        return wf_fail(error, WF_STORE_UNAVAILABLE,
                       "%s does not exist yet: the first process that writes creates it",
                       options->path);
    }
    if (missing) {
        create_private(options->path);
    }
    code = sqlite3_open_v2(options->path, &store->db,
                           options->read_only || known ? flags : flags | SQLITE_OPEN_CREATE, NULL);
    if (code != SQLITE_OK) {
        return wf_fail(error, code == SQLITE_NOMEM ? WF_NO_MEMORY : WF_STORE_UNAVAILABLE,
                       "%s: %s (%s): the directory must exist, and this user may read and write "
                       "it and the file",
                       options->path, sqlite3_errstr(code),
                       store->db ? strerror(sqlite3_system_errno(store->db)) : "no memory");
    }
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, options->busy_ms);
    if (recognise(store, options, error)) {
        return WF_STORE_UNAVAILABLE;
    }
    if (!options->read_only && sqlite3_db_readonly(store->db, "main") == 1) {
        return wf_fail(error, WF_STORE_UNAVAILABLE,
                       "%s: this user may read the file, and not write it: give it to the user of "
                       "all its processes",
                       options->path);
    }
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on);
    return on ? WF_OK
              : wf_fail(error, WF_STORE_ERROR, "%s: no_ckpt_on_close is not kept", options->path);
}

static enum wf_status execute(struct wf_sqlite *store, const char *sql, struct wf_error *error)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? WF_OK : wf_sqlite_fail(store, code, error);
}

/* The first value of the first row; `value` is left alone if there is none. */
static enum wf_status ask(struct wf_sqlite *store, const char *sql, int64_t *value,
                          struct wf_error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    enum wf_status status = WF_OK;

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        *value = sqlite3_column_int64(statement, 0);
    } else if (code != SQLITE_DONE) {
        status = wf_sqlite_fail(store, code, error);
    }
    sqlite3_finalize(statement);
    return status;
}

/* Recognising the file */

static enum wf_status identify_in_transaction(struct wf_sqlite *store, bool *fresh,
                                              struct wf_error *error)
{
    int64_t application = 0, version = 0, objects = 0;
    enum wf_status status = ask(store, "SELECT count(*) FROM sqlite_master", &objects, error);

    if (status == WF_OK) {
        status = ask(store, "PRAGMA application_id", &application, error);
    }
    if (status == WF_OK) {
        status = ask(store, "PRAGMA user_version", &version, error);
    }
    if (status != WF_OK) {
        return status;
    }
    *fresh = !application && !objects;
    if (!*fresh && application != WF_SQLITE_APPLICATION_ID) {
        return wf_fail(error, WF_STORE_ERROR,
                       "%s is another application's database: give workflow a file of its own",
                       store->path);
    }
    if (!*fresh && version > WF_SQLITE_SCHEMA_VERSION) {
        return wf_fail(error, WF_STORE_TOO_NEW,
                       "%s has schema version %lld, this workflow knows %d: upgrade the gem",
                       store->path, (long long)version, WF_SQLITE_SCHEMA_VERSION);
    }
    if (!*fresh && !objects) {
        return wf_fail(error, WF_STORE_CORRUPT,
                       "%s is workflow's but its schema is not there: put a backup in its place",
                       store->path);
    }
    if (!*fresh && version < WF_SQLITE_SCHEMA_OLDEST) {
        return wf_fail(
            error, WF_STORE_ERROR,
            "%s has schema version %lld, this workflow reads %d to %d: go on with the older "
            "gem until its runs have ended, or begin the log anew",
            store->path, (long long)version, WF_SQLITE_SCHEMA_OLDEST, WF_SQLITE_SCHEMA_VERSION);
    }
    return WF_OK;
}

/* In one transaction, or the schema of a process that creates it meanwhile is seen by halves. */
static enum wf_status identify(struct wf_sqlite *store, bool *fresh, struct wf_error *error)
{
    enum wf_status status = execute(store, "BEGIN", error);

    if (status == WF_OK) {
        status = identify_in_transaction(store, fresh, error);
        execute(store, "ROLLBACK", NULL);
    }
    return status;
}

/* The mode that the file is in after `sql`, in `mode`. */
static int journal_mode(struct wf_sqlite *store, const char *sql, char mode[16])
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        snprintf(mode, 16, "%s", (const char *)sqlite3_column_text(statement, 0));
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

/* Of several processes that change the mode at once, SQLite refuses some without waiting. */
static enum wf_status use_wal(struct wf_sqlite *store, const struct wf_store_options *options,
                              struct wf_error *error)
{
    const char *sql = options->read_only ? "PRAGMA journal_mode" : "PRAGMA journal_mode=WAL";
    int64_t deadline_ms = wf_clock_mono_ms() + options->busy_ms;
    char mode[16] = "";
    int code;

    for (;;) {
        code = journal_mode(store, sql, mode);
        if ((code & 0xff) != SQLITE_BUSY || wf_clock_mono_ms() >= deadline_ms) {
            break;
        }
        sqlite3_sleep(5);
    }
    if (code != SQLITE_OK) {
        return wf_sqlite_fail(store, code, error);
    }
    if (strcmp(mode, "wal") != 0) {
        return wf_fail(error, WF_STORE_ERROR, "%s: journal_mode stays \"%s\", not \"wal\"",
                       store->path, mode);
    }
    return WF_OK;
}

static enum wf_status configure(struct wf_sqlite *store, bool read_only, struct wf_error *error)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
        const struct setting *setting = &settings[i];
        int64_t value = INT64_MIN;
        enum wf_status status;

        if (setting->readers_only && !read_only) {
            continue;
        }
        status = execute(store, setting->set, error);
        if (status == WF_OK) {
            status = ask(store, setting->get, &value, error);
        }
        if (status != WF_OK) {
            return status;
        }
        if (value != setting->value) {
            return wf_fail(error, WF_STORE_ERROR, "%s: %s is not kept by this SQLite", store->path,
                           setting->set);
        }
    }
    sqlite3_wal_hook(store->db, wf_sqlite_committed, store); /* wal_autocheckpoint would undo it */
    return WF_OK;
}

/* Another process may have created it meanwhile: so it is looked for again. */
static enum wf_status create_schema(struct wf_sqlite *store, struct wf_error *error)
{
    bool fresh = false;
    enum wf_status status = execute(store, "BEGIN IMMEDIATE", error);

    if (status != WF_OK) {
        return status;
    }
    status = identify_in_transaction(store, &fresh, error);
    if (status == WF_OK && fresh) {
        status = execute(store, schema, error);
    }
    if (status == WF_OK) {
        status = execute(store, "COMMIT", error);
    }
    if (!sqlite3_get_autocommit(store->db)) {
        execute(store, "ROLLBACK", NULL);
    }
    return status;
}
