/*
 * The contract on SQLite, and what only it has: query plans, a full disk, checkpoints.
 */
#include "store_contract.h"
#include "store_sqlite_case.h"

#include <sys/resource.h>

static const char *fresh_path(void)
{
    static char path[400];

    return new_path(path, "contract");
}

TEST(keeps_the_contract)
{
    CHECK(store_contract(does, fresh_path) == 0);
}

/* Query plans */

static void plan_of(struct wf_store *store, enum wf_sqlite_statement name, char *plan, size_t size)
{
    char sql[1000];
    sqlite3_stmt *statement = NULL;

    plan[0] = '\0';
    snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", wf_sqlite_sql[name]);
    CHECK(sqlite3_prepare_v2(db_of(store), sql, -1, &statement, NULL) == SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        size_t len = strlen(plan);

        snprintf(plan + len, size - len, "%s; ", (const char *)sqlite3_column_text(statement, 3));
    }
    sqlite3_finalize(statement);
}

static void check_plans(struct wf_store *store)
{
    static const struct {
        enum wf_sqlite_statement name;
        const char *uses;
    } plans[] = {
        {WF_SQLITE_READY_CLAIMABLE, "SEARCH ready USING INDEX ready_order (owner=?)"},
        {WF_SQLITE_READY_OWNED, "SEARCH ready USING INDEX ready_order (owner=?)"},
        {WF_SQLITE_WAIT_OWNED, "SEARCH waits USING INDEX waits_owner (owner=?)"},
        {WF_SQLITE_TIMER_DUE, "SEARCH timers USING COVERING INDEX timers_due (due_ms<?)"},
        {WF_SQLITE_TIMER_NEXT, "USING COVERING INDEX timers_due"},
        {WF_SQLITE_READ_RUN, "(run_id=? AND version>?)"},
        {WF_SQLITE_READ_LOG, "USING INTEGER PRIMARY KEY (rowid>?)"},
        {WF_SQLITE_RUN_FIND, "USING INDEX runs_open (key=?)"},
        {WF_SQLITE_RUN_FIND, "USING COVERING INDEX runs_key (key=?)"},
        {WF_SQLITE_RUN_LIST, "USING INTEGER PRIMARY KEY (rowid<?)"},
        {WF_SQLITE_RUN_UPDATE, "USING INTEGER PRIMARY KEY (rowid=?)"},
    };
    char plan[2000];

    for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
        plan_of(store, plans[i].name, plan, sizeof(plan));
        CHECK(strstr(plan, plans[i].uses));
        CHECK(!strstr(plan, "SCAN ready") && !strstr(plan, "SCAN waits"));
        CHECK(!strstr(plan, "TEMP B-TREE"));
    }
}

TEST(queries_use_their_indexes_and_sort_nothing)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false);

    check_plans(store);
    CHECK(does->begin(store, &error) == WF_OK);
    for (int i = 1; i <= 2000; i++) {
        struct wf_ready_row row = {.run_id = i, .owner = i % 4 ? 0 : 7, .step = 1};

        CHECK(does->ready_put(store, &row, &error) == WF_OK);
    }
    CHECK(does->commit(store, &error) == WF_OK);
    does->close(store);
    sql_at(path, "ANALYZE");
    store = open_ok(path, false);
    check_plans(store); /* nor do an administrator's statistics mislead them */
    does->close(store);
}

/* Failures */

static enum wf_status append_until_full(struct wf_store *store)
{
    static char bytes[100000];
    enum wf_status status = WF_OK;

    CHECK(sqlite3_exec(db_of(store), "PRAGMA max_page_count=60", NULL, NULL, NULL) == SQLITE_OK);
    for (int version = 3; version < 100 && status == WF_OK; version++) {
        status = append(store, 1, version, (struct wf_bytes){bytes, sizeof(bytes)});
    }
    return status;
}

TEST(a_full_disk_loses_the_transaction_and_says_so)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false);

    append_and_commit(store, 1);
    CHECK(does->begin(store, &error) == WF_OK);
    CHECK(append_until_full(store) == WF_STORE_ERROR);
    CHECK(strstr(error.message, "full") && strstr(error.message, "make room"));
    CHECK(sqlite3_get_autocommit(db_of(store)));
    CHECK(append(store, 2, 1, WF_BYTES("would commit alone")) == WF_STORE_ERROR);
    CHECK(does->commit(store, &error) == WF_STORE_ERROR);
    CHECK(strstr(error.message, "rolled the transaction back") &&
          strstr(error.message, "full: make room"));
    CHECK(events_in(store) == 1);
    sqlite3_exec(db_of(store), "PRAGMA max_page_count=1000000", NULL, NULL, NULL);
    append_and_commit(store, 2); /* and it goes on */
    CHECK(does->begin(store, &error) == WF_OK);
    CHECK(append_until_full(store) == WF_STORE_ERROR);
    does->rollback(store);
    CHECK(events_in(store) == 2);
    does->close(store);
}

/* Else it would be acknowledged, and gone with the last descriptor. */
TEST(a_file_that_has_lost_its_name_takes_nothing)
{
    char path[400], elsewhere[420];
    struct wf_store *store = open_ok(new_path(path, "store"), false);

    append_and_commit(store, 1);
    snprintf(elsewhere, sizeof(elsewhere), "%s-elsewhere", path);
    CHECK(rename(path, elsewhere) == 0);
    CHECK(does->begin(store, &error) == WF_STORE_UNAVAILABLE);
    CHECK(strstr(error.message, path) && strstr(error.message, "removed, renamed or replaced"));
    CHECK(sqlite3_get_autocommit(db_of(store)));
    CHECK(append(store, 2, 1, WF_BYTES("would commit alone")) == WF_STORE_ERROR);
    CHECK(rename(elsewhere, path) == 0);
    append_and_commit(store, 2);
    CHECK(unlink(path) == 0);
    CHECK(does->begin(store, &error) == WF_STORE_UNAVAILABLE);
    does->close(store);
}

TEST(an_error_of_the_disk_at_commit_is_unknown)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false);
    struct rlimit limit, small = {4096, 4096};

    append_and_commit(store, 1);
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    small.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(does->begin(store, &error) == WF_OK);
    CHECK(append(store, 1, 2, WF_BYTES("event")) == WF_OK);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK(does->commit(store, &error) == WF_UNKNOWN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(strstr(error.message, path));
    does->close(store);
    store = open_ok(path, false);
    CHECK(events_in(store) == 1);
    append_and_commit(store, 2);
    does->close(store);
}

/* While a query goes on, so that SQLite does not take the interrupt for one of the past. */
static bool interrupt_an_append(void *store, const struct wf_event_row *row)
{
    (void)row;
    does->interrupt(store);
    CHECK(append(store, 1, 2, WF_BYTES("event")) == WF_INTERRUPTED);
    return false;
}

TEST(an_interrupted_write_loses_the_transaction)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false);

    CHECK(does->begin(store, &error) == WF_OK);
    CHECK(append(store, 1, 1, WF_BYTES("event")) == WF_OK);
    does->read_log(store, 0, 1, interrupt_an_append, store, &error);
    CHECK(does->commit(store, &error) == WF_STORE_ERROR);
    CHECK(events_in(store) == 0);
    does->close(store);
}

static bool read_again(void *context, const struct wf_event_row *row)
{
    int count = 0;

    (void)row;
    CHECK(does->read_log(context, 0, 10, count_event, &count, &error) == WF_STORE_ERROR);
    CHECK(does->read_run(context, 1, 0, 10, count_event, &count, &error) == WF_OK);
    CHECK(count == 2);
    return true;
}

TEST(a_function_is_refused_in_its_own_callback)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false);

    append_and_commit(store, 1);
    append_and_commit(store, 2);
    CHECK(does->read_log(store, 0, 10, read_again, store, &error) == WF_OK);
    does->close(store);
}

static bool claim_it(void *context, const struct wf_ready_row *row)
{
    struct wf_ready_row claim = *row;

    claim.owner = 9;
    CHECK(does->ready_claim(context, &claim, &error) == WF_OK);
    return true;
}

TEST(claimable_rows_can_be_claimed_while_they_are_listed)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false);

    CHECK(does->begin(store, &error) == WF_OK);
    for (int i = 1; i <= 500; i++) {
        struct wf_ready_row row = {.run_id = i, .step = i, .at_ms = i};

        CHECK(does->ready_put(store, &row, &error) == WF_OK);
    }
    CHECK(does->ready_claimable(store, 1000, claim_it, store, &error) == WF_OK);
    CHECK(is(db_of(store), "SELECT count(*) FROM ready WHERE owner = 9 AND fence = 1", "500"));
    CHECK(does->commit(store, &error) == WF_OK);
    does->close(store);
}

/* Upkeep */

TEST(a_position_is_not_given_again)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false);
    int64_t before = 0, after = 0;

    append_and_commit(store, 1);
    append_and_commit(store, 2);
    CHECK(does->last_position(store, &before, &error) == WF_OK);
    CHECK(sqlite3_exec(db_of(store), "DELETE FROM events", NULL, NULL, NULL) == SQLITE_OK);
    CHECK(does->last_position(store, &after, &error) == WF_OK);
    CHECK(after == before);
    append_and_commit(store, 3);
    CHECK(does->last_position(store, &after, &error) == WF_OK);
    CHECK(after == before + 1);
    does->close(store);
}

TEST(a_reader_holds_back_a_checkpoint)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false);
    struct wf_store *reader = open_ok(path, true);
    int left = 0, all;

    append_and_commit(store, 1);
    CHECK(sqlite3_exec(db_of(reader), "BEGIN; SELECT * FROM events", NULL, NULL, NULL) ==
          SQLITE_OK);
    append_and_commit(store, 2);
    append_and_commit(store, 3);
    all = does->pages(store);
    CHECK(does->checkpoint(store, &left, &error) == WF_OK);
    CHECK(left > 0 && left < all && does->pages(store) == left);
    append_and_commit(store, 4);
    CHECK(does->pages(store) > left);
    does->close(reader);
    CHECK(does->checkpoint(store, &left, &error) == WF_OK);
    CHECK(left == 0);
    append_and_commit(store, 5); /* begins the log anew */
    CHECK(does->pages(store) > 0 && does->pages(store) < all);
    CHECK(events_in(store) == 5);
    does->close(store);
}

static int64_t pages_of_two(struct wf_store *one, struct wf_store *two)
{
    int left = 0;

    append_and_commit(one, getpid());
    append_and_commit(two, getpid() + 1);
    CHECK(does->checkpoint(one, &left, &error) == WF_OK);
    return left;
}

static int64_t log_len(const char *path)
{
    char name[420];
    struct stat file = {0};

    snprintf(name, sizeof(name), "%s-wal", path);
    CHECK(stat(name, &file) == 0);
    return file.st_size;
}

/* In commits of a size that comes in real life. */
static void append_mebibytes(struct wf_store *store, int count)
{
    static char bytes[1 << 20];

    for (int i = 0; i < count; i++) {
        if (i % 8 == 0) {
            CHECK(does->begin(store, &error) == WF_OK);
        }
        CHECK(append(store, 2, i + 1, (struct wf_bytes){bytes, sizeof(bytes)}) == WF_OK);
        if (i % 8 == 7 || i == count - 1) {
            CHECK(does->commit(store, &error) == WF_OK);
        }
    }
}

TEST(a_log_that_a_reader_made_long_is_short_again_after_it)
{
    char path[400];
    struct wf_store *store = open_ok(new_path(path, "store"), false), *reader;
    int left = -1;

    append_and_commit(store, 1);
    reader = open_ok(path, true);
    CHECK(sqlite3_exec(db_of(reader), "BEGIN; SELECT * FROM runs", NULL, NULL, NULL) == SQLITE_OK);
    append_mebibytes(store, 70);
    CHECK(does->checkpoint(store, &left, &error) == WF_OK && left > 0);
    CHECK(log_len(path) > 70 << 20);
    CHECK(sqlite3_exec(db_of(reader), "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    CHECK(does->checkpoint(store, &left, &error) == WF_OK && left == 0);
    append_and_commit(store, 2); /* begins it anew */
    CHECK(log_len(path) <= 64 << 20);
    CHECK(does->pages(store) > 0 && does->pages(store) < 20);
    CHECK(does->checkpoint(store, &left, &error) == WF_OK && left == 0);
    CHECK(events_in(store) == 72 && events_in(reader) == 72);
    does->close(reader);
    does->close(store);
}

TEST(what_others_wrote_is_checkpointed_too)
{
    char path[400];
    struct wf_store *one = open_ok(new_path(path, "store"), false), *two = open_ok(path, false);

    CHECK(pages_of_two(one, two) == 0);
    append_and_commit(two, 1);
    CHECK(does->pages(two) > 0);
    does->close(two);
    does->close(one);
}

TEST(its_sqlite_is_new_enough)
{
    CHECK(wf_store_sqlite_use(NULL, &error) == WF_OK); /* linked with it */
}
