/*
 * Starts that can be repeated: with an id that was given before, or with a token. Whoever comes second is told the
 * first run, whatever has become of it.
 */
#include "engine_support.h"
#include "store_compare.h"

#include <sqlite3.h>

#define THREADS 4
#define IDS 3000

static char path[400];
static struct wf_engine *engine;

static void open_new(void)
{
    engine = open_engine(new_path(path, "store"));
}

static void close_and_compare(void)
{
    UNTIL(in_hand(engine) == 0);
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
}

static struct answer start_as(struct wf_engine *by, struct wf_hand *hand,
                              struct wf_definition *definition, const char *key, int64_t id,
                              const char *token)
{
    struct wf_op *op = prepare_start(by, hand, definition, key);

    op->run_id = id;
    op->birth.token = wf_op_keep(op, text(token));
    return ask(by, hand, op);
}

/* The id of the run that the token began; 0: none. */
static int64_t keyed(const char *class_name, const char *token)
{
    struct wf_buffer state = {0};
    struct wf_error error;
    int64_t id = 0;
    enum wf_status status =
        wf_engine_keyed(engine, text(class_name), text(token), &id, &state, &error);

    CHECK(status ? status == WF_NOT_FOUND && !id : state.len > 0);
    wf_buffer_destroy(&state);
    return id;
}

TEST(a_run_has_the_id_that_was_reserved_for_it)
{
    struct wf_definition *wait = define("confirm?");
    int64_t id, next;
    struct wf_hand hand;
    struct answer answer;

    open_new();
    hand = hand_of(engine);
    id = wf_engine_reserve(engine);
    next = wf_engine_reserve(engine);
    CHECK(id > 0 && next > id);
    CHECK(look(engine, id).status == WF_NOT_FOUND);
    CHECK(start_as(engine, NULL, wait, "b", next, "").id == next);
    answer = start_as(engine, NULL, wait, "a", id, "");
    CHECK(answer.status == WF_OK && answer.id == id && look(engine, id).run == WF_RUN_waiting);
    CHECK(start_run(engine, NULL, wait, "c").id > next);

    answer = start_as(engine, &hand, wait, "a", id, "");
    CHECK(answer.status == WF_EXISTING && answer.id == id && answer.version == 2);
    CHECK(!hand.slot && in_hand(engine) == 0);
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(finish(&hand, wait, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    answer = start_as(engine, &hand, wait, "a", id, "");
    CHECK(answer.status == WF_EXISTING && answer.id == id && answer.run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(wait);
}

TEST(a_start_with_the_id_of_another_subject_s_run_fails_and_begins_nothing)
{
    struct wf_definition *wait = define("confirm?");
    struct wf_hand hand;
    int64_t id;

    open_new();
    hand = hand_of(engine);
    id = start_run(engine, NULL, wait, "a").id; /* as a process gives it whose clock was set back */
    CHECK(start_as(engine, &hand, wait, "b", id, "").status == WF_STORE_ERROR);
    CHECK(start_as(engine, &hand, wait, "b", id, "t").status == WF_STORE_ERROR);
    CHECK(!hand.slot && in_hand(engine) == 0 && keyed("Signup", "t") == 0);
    CHECK(look(engine, id).version == 2);
    CHECK(start_run(engine, NULL, wait, "b").status == WF_OK);
    close_and_compare();
    wf_definition_release(wait);
}

TEST(ids_go_on_from_the_last_in_the_log_when_the_clock_was_set_back)
{
    struct wf_definition *wait = define("confirm?");
    int64_t last;

    open_new();
    wf_engine_travel(engine, 3600 * 1000);
    last = start_run(engine, NULL, wait, "a").id;
    close_engine(engine);
    engine = open_engine(path);      /* with the same byte, an hour earlier */
    for (int i = 0; i < 5000; i++) { /* more than the counter holds */
        int64_t id = wf_engine_reserve(engine);

        CHECK(id > last && (id >> 12 & 1023) == engine->liveness.index);
        last = id;
    }
    CHECK(start_run(engine, NULL, wait, "c").id > last);
    close_and_compare();
    wf_definition_release(wait);
}

TEST(a_given_id_does_not_open_a_second_run_of_a_unique_key)
{
    struct wf_definition *wait = define("confirm?");
    struct answer first, second;
    int64_t id;

    open_new();
    first = start_run(engine, NULL, wait, "a");
    id = wf_engine_reserve(engine);
    second = start_as(engine, NULL, wait, "a", id, "");
    CHECK(second.status == WF_EXISTING && second.id == first.id);
    CHECK(look(engine, id).status == WF_NOT_FOUND);
    close_and_compare();
    wf_definition_release(wait);
}

TEST(a_token_begins_one_run_of_its_class_whatever_the_subject)
{
    struct wf_definition *wait = define("confirm?");
    struct wf_hand hand;
    struct answer first, second;

    open_new();
    hand = hand_of(engine);
    CHECK(keyed("Signup", "t") == 0);
    first = start_as(engine, NULL, wait, "a", 0, "t");
    CHECK(first.status == WF_OK && keyed("Signup", "t") == first.id && keyed("Other", "t") == 0);
    second = start_as(engine, &hand, wait, "b", 0, "t");
    CHECK(second.status == WF_EXISTING && second.id == first.id && !hand.slot);
    CHECK(start_as(engine, NULL, wait, "b", 0, "T").status == WF_OK);

    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, first.id, "confirm").status == WF_OK);
    CHECK(finish(&hand, wait, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    second = start_as(engine, NULL, wait, "a", 0, "t");
    CHECK(second.status == WF_EXISTING && second.id == first.id && second.run == WF_RUN_done);
    CHECK(start_as(engine, NULL, wait, "a", 0, "another").status == WF_OK);
    close_and_compare();
    wf_definition_release(wait);
}

TEST(an_id_is_looked_for_before_a_token_and_a_token_before_a_key)
{
    struct wf_definition *wait = define("confirm?");
    int64_t by_id, by_token, by_key;

    open_new();
    by_id = start_as(engine, NULL, wait, "a", wf_engine_reserve(engine), "").id;
    by_token = start_as(engine, NULL, wait, "b", 0, "t").id;
    by_key = start_run(engine, NULL, wait, "c").id;
    CHECK(start_as(engine, NULL, wait, "a", by_id, "t").id == by_id);
    CHECK(start_as(engine, NULL, wait, "c", wf_engine_reserve(engine), "t").id == by_token);
    CHECK(start_as(engine, NULL, wait, "c", wf_engine_reserve(engine), "u").id == by_key);
    CHECK(keyed("Signup", "u") == 0); /* it began nothing */
    close_and_compare();
    wf_definition_release(wait);
}

/* ---- Many at once ---- */

struct starter {
    struct wf_definition *definition;
    struct wf_engine *engine;
    int64_t ids[IDS];
    int number, started, existing;
};

static void *reserve_many(void *context)
{
    struct starter *starter = context;

    for (int i = 0; i < IDS; i++) {
        starter->ids[i] = wf_engine_reserve(starter->engine);
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

TEST(nobody_is_given_an_id_twice)
{
    static struct starter starters[THREADS];
    static int64_t all[THREADS * IDS];
    struct wf_engine *other;
    pthread_t threads[THREADS];

    open_new();
    other = open_engine(path);
    for (int i = 0; i < THREADS; i++) {
        starters[i].engine = i % 2 ? other : engine;
        threads[i] = spawn(reserve_many, &starters[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        join(threads[i]);
        memcpy(&all[i * IDS], starters[i].ids, sizeof(starters[i].ids));
    }
    qsort(all, THREADS * IDS, sizeof(*all), by_value);
    for (int i = 1; i < THREADS * IDS; i++) {
        CHECK(all[i] > all[i - 1]);
    }
    close_engine(other);
    close_and_compare();
}

/* The same few ids and tokens, from several threads and two engines. */
static void *start_many(void *context)
{
    struct starter *starter = context;

    for (int i = 0; i < 50; i++) {
        char key[32], token[16];
        struct answer answer;

        snprintf(key, sizeof(key), "%d-%d", i % 2 ? starter->number : 0, i);
        snprintf(token, sizeof(token), "t%d", i);
        answer = i % 2 ? start_as(starter->engine, NULL, starter->definition, key, 0, token)
                       : start_as(starter->engine, NULL, starter->definition, key, 1000 + i, "");
        CHECK(answer.status == WF_OK || answer.status == WF_EXISTING);
        starter->started += answer.status == WF_OK;
        starter->existing += answer.status == WF_EXISTING;
        starter->ids[i] = answer.id;
    }
    return NULL;
}

TEST(of_many_starts_with_one_id_or_one_token_one_begins_a_run)
{
    static struct starter starters[THREADS];
    struct wf_definition *wait = define("confirm?");
    struct wf_engine *other;
    pthread_t threads[THREADS];
    int started = 0;

    open_new();
    other = open_engine(path);
    for (int i = 0; i < THREADS; i++) {
        starters[i] =
            (struct starter){.definition = wait, .engine = i % 2 ? other : engine, .number = i};
        threads[i] = spawn(start_many, &starters[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        join(threads[i]);
        started += starters[i].started;
        CHECK(starters[i].started + starters[i].existing == 50);
        CHECK(!memcmp(starters[i].ids, starters[0].ids, 50 * sizeof(int64_t)));
    }
    CHECK(started == 50);
    close_engine(other);
    close_and_compare();
    wf_definition_release(wait);
}

/* ---- The log alone gives the table ---- */

static void execute(const char *sql)
{
    sqlite3 *db = NULL;

    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK && sqlite3_changes(db) > 0);
    sqlite3_close(db);
}

TEST(a_token_that_is_not_in_its_table_is_noticed)
{
    struct wf_definition *one = define("a!");

    open_new();
    start_as(engine, NULL, one, "a", 0, "t");
    close_and_compare();
    execute("DELETE FROM keys");
    CHECK(projections_differ(&wf_store_sqlite, path) > 0);
    wf_definition_release(one);
}
