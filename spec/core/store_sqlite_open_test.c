/*
 * Opening a store on SQLite: settings, other people's files, and many processes that open a new file at
 * once.
 */
#include "store_sqlite_case.h"

static void check_settings(sqlite3 *db, const char *query_only)
{
    int on = 0;

    CHECK(is(db, "PRAGMA journal_mode", "wal"));
    CHECK(is(db, "PRAGMA synchronous", "2"));
    CHECK(is(db, "PRAGMA wal_autocheckpoint", "0"));
    CHECK(is(db, "PRAGMA journal_size_limit", "67108864"));
    CHECK(is(db, "PRAGMA trusted_schema", "0"));
    CHECK(is(db, "PRAGMA temp_store", "2"));
    CHECK(is(db, "PRAGMA busy_timeout", "10000"));
    CHECK(is(db, "PRAGMA query_only", query_only));
    CHECK(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &on) == SQLITE_OK && on);
}

TEST(every_connection_has_its_settings)
{
    char path[400];
    struct wf_store *writer = open_ok(new_path(path, "store"), false);
    struct wf_store *reader = open_ok(path, true);

    check_settings(db_of(writer), "0");
    check_settings(db_of(reader), "1");
    does->close(reader);
    does->close(writer);
    writer = open_ok(path, false); /* not only when it is new */
    check_settings(db_of(writer), "0");
    does->close(writer);
}

TEST(the_files_are_private)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[400], name[420];
    mode_t umask_before = umask(0);
    struct wf_store *store = open_ok(new_path(path, "store"), false);
    struct stat file;

    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        CHECK(stat(name, &file) == 0 && (file.st_mode & 0777) == 0600);
    }
    CHECK(file.st_nlink == 1);
    does->close(store);
    umask(umask_before);
}

TEST(a_close_does_not_checkpoint)
{
    char path[400], name[420];
    struct wf_store *store = open_ok(new_path(path, "store"), false);
    struct stat file;

    append_and_commit(store, 1);
    does->close(store);
    snprintf(name, sizeof(name), "%s-wal", path);
    CHECK(stat(name, &file) == 0 && file.st_size > 0);
    store = open_ok(path, false);
    CHECK(events_in(store) == 1);
    does->close(store);
}

static void create_at_once(const struct child *parent, void *context)
{
    struct wf_store *store;

    say(parent, 'r');
    CHECK(hear(parent) == 'g');
    store = open_ok(context, false);
    append_and_commit(store, getpid());
    does->close(store);
}

TEST(eight_processes_create_one_store)
{
    for (int round = 0; round < 10; round++) {
        char path[400];
        struct child children[8];
        struct wf_store *store;

        new_path(path, "store");
        for (int i = 0; i < 8; i++) {
            children[i] = start(create_at_once, path);
        }
        for (int i = 0; i < 8; i++) {
            CHECK(hear(&children[i]) == 'r');
        }
        for (int i = 0; i < 8; i++) {
            say(&children[i], 'g');
        }
        for (int i = 0; i < 8; i++) {
            end(&children[i]);
        }
        store = open_ok(path, false);
        CHECK(events_in(store) == 8);
        CHECK(is(db_of(store), "PRAGMA integrity_check", "ok"));
        does->close(store);
    }
}

/* Opens `path` both ways, expects this status and a message with these words. */
static void refused(const char *path, enum wf_status status, const char *words)
{
    for (int read_only = 0; read_only < 2; read_only++) {
        struct wf_store *store = NULL;

        error.message[0] = '\0';
        CHECK(open_at(&store, path, read_only) == status);
        CHECK(!store);
        CHECK(strstr(error.message, words) && strstr(error.message, path));
        does->close(store);
    }
}

TEST(what_is_no_database_is_damaged)
{
    char path[400], content[] = "neither SQLite nor empty: neither SQLite nor empty\n";
    FILE *file = fopen(new_path(path, "text"), "we");

    CHECK(file != NULL);
    for (int i = 0; i < 100; i++) {
        fputs(content, file);
    }
    fclose(file);
    refused(path, WF_STORE_CORRUPT, "not a database");
}

TEST(another_application_keeps_its_database)
{
    char path[400];

    sql_at(new_path(path, "foreign"), "CREATE TABLE users(id INTEGER)");
    refused(path, WF_STORE_ERROR, "another application");
    sql_at(new_path(path, "foreign"), "PRAGMA application_id = 1; PRAGMA user_version = 1");
    refused(path, WF_STORE_ERROR, "another application");
    sql_at(path, "CREATE TABLE users(id INTEGER)");
    refused(path, WF_STORE_ERROR, "another application");
    {
        sqlite3 *db = NULL;

        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(is(db, "PRAGMA journal_mode", "delete")); /* as it was */
        sqlite3_close(db);
    }
}

TEST(a_newer_schema_is_not_touched)
{
    char path[400];

    does->close(open_ok(new_path(path, "store"), false));
    sql_at(path, "PRAGMA user_version = 5");
    refused(path, WF_STORE_TOO_NEW, "schema version 5");
    sql_at(path, "PRAGMA user_version = 2");
    refused(path, WF_STORE_ERROR, "schema version 2");
    sql_at(path, "PRAGMA user_version = 0");
    refused(path, WF_STORE_ERROR, "schema version 0");
}

/* It is the same but for how positions are kept from being given again. */
TEST(a_store_of_the_schema_before_is_used_as_it_is)
{
    char path[400];
    struct wf_store *store;
    int64_t before = 0, after = 0;

    does->close(open_ok(new_path(path, "store"), false));
    sql_at(path,
           "DROP TABLE events; CREATE TABLE events(position INTEGER PRIMARY KEY AUTOINCREMENT,"
           " run_id INTEGER NOT NULL, version INTEGER NOT NULL, events BLOB NOT NULL,"
           " UNIQUE(run_id, version)) STRICT; PRAGMA user_version = 3");
    store = open_ok(path, false);
    append_and_commit(store, 1);
    append_and_commit(store, 2);
    CHECK(does->last_position(store, &before, &error) == WF_OK);
    does->close(store);
    store = open_ok(path, false);
    CHECK(events_in(store) == 2);
    append_and_commit(store, 3);
    CHECK(does->last_position(store, &after, &error) == WF_OK);
    CHECK(after == before + 1);
    does->close(store);
}

TEST(a_missing_directory_makes_it_unavailable)
{
    char path[400], file[400], below[420];
    struct wf_store *store = NULL;

    snprintf(below, sizeof(below), "%s/store", new_path(path, "nowhere"));
    refused(below, WF_STORE_UNAVAILABLE, below);
    sql_at(new_path(file, "file"), "CREATE TABLE t(x)");
    snprintf(below, sizeof(below), "%s/store", file);
    refused(below, WF_STORE_UNAVAILABLE, below);
    CHECK(open_at(&store, "", false) == WF_STORE_ERROR);
    CHECK(open_at(&store, ":memory:", false) == WF_STORE_ERROR);
    CHECK(open_at(&store, "file:x?mode=memory", false) == WF_STORE_ERROR);
    CHECK(!store);
}

TEST(without_permission_it_is_unavailable)
{
    char path[400], below[420];

    if (geteuid() == 0) {
        printf("skipped: root may write everywhere: ");
        return;
    }
    CHECK(mkdir(new_path(path, "locked"), 0500) == 0);
    snprintf(below, sizeof(below), "%s/store", path);
    refused(below, WF_STORE_UNAVAILABLE, below);
}

TEST(a_reader_does_not_create_the_schema)
{
    char path[400];
    struct wf_store *store = NULL;

    sql_at(new_path(path, "empty"), "PRAGMA user_version");
    CHECK(open_at(&store, path, true) == WF_STORE_UNAVAILABLE);
    CHECK(strstr(error.message, path));
    does->close(open_ok(path, false)); /* a writer does, also in an empty file */
    does->close(open_ok(path, true));
}

TEST(a_setting_that_is_not_kept_is_named)
{
    sqlite3_vfs *usual = sqlite3_vfs_find(NULL), *without_memory = sqlite3_vfs_find("unix-none");
    char path[400];
    struct wf_store *store = NULL;

    new_path(path, "store");
    sqlite3_vfs_register(without_memory, 1); /* it cannot have a write-ahead log */
    CHECK(open_at(&store, path, false) == WF_STORE_ERROR);
    CHECK(strstr(error.message, "journal_mode"));
    sqlite3_vfs_register(usual, 1);
}

TEST(a_lock_that_stays_makes_it_unavailable)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false), *other = NULL;
    struct wf_store_options options = {.path = path, .busy_ms = 20};

    CHECK(sqlite3_exec(db_of(store), "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL) ==
          SQLITE_OK);
    append_and_commit(store, 1);
    does->close(store);
    {
        sqlite3 *db = NULL;

        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE", NULL, NULL,
                           NULL) == SQLITE_OK);
        CHECK(does->open(&other, &options, &error) == WF_STORE_UNAVAILABLE);
        CHECK(strstr(error.message, "another program"));
        sqlite3_close(db);
    }
    does->close(open_ok(path, false));
}
