/* The log alone gives the projections: after a random workload, and a wrong row is noticed. */
#include <sqlite3.h>

#include "engine_support.h"
#include "random.h"
#include "store_compare.h"

#define RUNS 150
#define MOVES 1500

static char path[400];

static struct wf_definition *definitions[3];

static void define_all(void)
{
    static const char *const lines[] = {"a! b c!", "a confirm? b<a c<confirm,b",
                                        "a? b<a c<a d<b,c"};

    for (int i = 0; i < 3; i++) {
        struct graph graph;

        graph_read(&graph, lines[i]);
        for (uint16_t s = 0; s < graph.count; s++) {
            graph.steps[s].retries = (uint32_t)s;
            graph.steps[s].expires_ms = graph.steps[s].kind == WF_STEP_AWAIT ? 100000 * (i + 1) : 0;
            graph.steps[s].otherwise =
                i == 1 && graph.steps[s].expires_ms ? text("forget") : text("");
        }
        definitions[i] = graph_define(&graph, i != 1);
    }
}

static struct wf_definition *definition_of(const struct wf_hand *hand, const int64_t *ids)
{
    for (int i = 0; i < RUNS; i++) {
        if (ids[i] == wf_hand_claim(hand)->run_id) {
            return definitions[i % 3];
        }
    }
    return NULL;
}

static void end_in_some_way(struct wf_hand *hand, const int64_t *ids)
{
    static const enum wf_command_kind ways[] = {WF_COMMAND_COMPLETE, WF_COMMAND_COMPLETE,
                                                WF_COMMAND_COMPLETE, WF_COMMAND_FAIL};
    struct wf_definition *definition = definition_of(hand, ids);

    if (random_below(2)) {
        wf_hand_enter(hand);
    }
    if (wf_hand_claim(hand)->pledged && random_below(2)) {
        wf_hand_doubt(hand);
    } else if (random_below(5) == 0) {
        wf_hand_give_back(hand);
    } else if (wf_hand_claim(hand)->await) {
        finish(hand, definition, random_below(3) ? WF_COMMAND_ACCEPT : WF_COMMAND_REJECT);
    } else {
        finish(hand, definition, ways[random_below(4)]);
    }
}

/* Every other run has a token, some have an id that was reserved. */
static int64_t begin_run(struct wf_engine *engine, struct wf_hand *hand, int number)
{
    struct wf_op *op;
    char key[16];

    snprintf(key, sizeof(key), "key-%d", number);
    op = prepare_start(engine, hand, definitions[number % 3], key);
    op->run_id = number % 5 ? 0 : wf_engine_reserve(engine);
    op->birth.token = number % 2 ? op->birth.key : (struct wf_bytes){"", 0};
    return ask(engine, hand, op).id;
}

static void submit(struct wf_hand *hand, int64_t id, const char *step)
{
    struct wf_op *op = wf_op_prepare(hand->engine, hand, WF_OP_CLAIM_WAIT);

    op->run_id = id;
    op->step = wf_op_keep(op, text(step));
    op->command.by = WF_BYTES("caller");
    op->pledged = random_below(2);
    ask(hand->engine, hand, op);
}

static void settle_some(struct wf_engine *engine, const int64_t *ids)
{
    struct wf_buffer rows = {0};
    struct wf_error error;

    CHECK(wf_engine_doubts(engine, 3, &rows, &error) == WF_OK);
    for (struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&rows)); reader.at < reader.end;) {
        struct wf_op *op = wf_op_prepare(engine, NULL, WF_OP_SETTLE);

        op->run_id = wf_reader_int(&reader);
        for (int i = 0; i < 3; i++) {
            wf_reader_bytes(&reader);
        }
        op->step = wf_op_keep(op, wf_reader_bytes(&reader));
        op->round = (uint32_t)wf_reader_int(&reader);
        op->fence = wf_reader_int(&reader);
        op->command.kind = random_below(2) ? WF_COMMAND_ACCEPT : WF_COMMAND_LET_GO;
        op->command.by = WF_BYTES("recovery");
        for (int i = 0; i < RUNS; i++) {
            if (ids[i] == op->run_id) {
                op->definition = wf_definition_retain(definitions[i % 3]);
            }
        }
        CHECK(ask(engine, NULL, op).status == WF_OK);
    }
    wf_buffer_destroy(&rows);
}

static void live(struct wf_engine *engine)
{
    static const char *const names[] = {"a", "b", "c", "confirm"};
    struct wf_hand caller = hand_of(engine), worker = hand_of(engine);
    static int64_t ids[RUNS];

    for (int i = 0; i < MOVES; i++) {
        int run = (int)random_below(i < RUNS ? (uint32_t)i + 1 : RUNS);

        if (i < RUNS) {
            ids[i] = begin_run(engine, &caller, i);
        } else if (!wf_hand_claim(&caller)) {
            switch (random_below(6)) {
            case 0:
                claim(&caller, WF_OP_CLAIM_STEP, ids[run], names[random_below(4)]);
                break;
            case 1:
            case 2:
                submit(&caller, ids[run], random_below(2) ? "confirm" : "a");
                break;
            case 3:
                change(engine, definitions[run % 3], WF_COMMAND_RETRY, ids[run],
                       random_below(2) ? "" : names[random_below(4)]);
                break;
            case 4:
                wf_engine_travel(engine, random_below(2000));
                break;
            case 5:
                settle_some(engine, ids);
                break;
            }
        }
        if (wf_hand_claim(&caller)) {
            end_in_some_way(&caller, ids);
        }
        if (!wf_hand_claim(&worker) && random_below(2)) {
            wf_hand_take(&worker, 1);
        }
        if (wf_hand_claim(&worker)) {
            end_in_some_way(&worker, ids);
        }
    }
    wf_hand_give_back(&caller);
    wf_hand_give_back(&worker);
}

static void execute(const char *sql)
{
    sqlite3 *db = NULL;

    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_changes(db) > 0);
    sqlite3_close(db);
}

/* Damages the file and mends it again. */
static void plant(const char *damage, const char *mend)
{
    execute(damage);
    CHECK(projections_differ(&wf_store_sqlite, path) > 0);
    execute(mend);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
}

TEST(the_log_alone_gives_the_projections)
{
    struct wf_engine *engine;

    random_seed("rebuild");
    define_all();
    engine = open_engine(new_path(path, "store"));
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    live(engine);
    wf_engine_stop(engine, 100);
    wf_engine_free(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    plant("UPDATE runs SET status = status + 1 WHERE id = (SELECT min(id) FROM runs)",
          "UPDATE runs SET status = status - 1 WHERE id = (SELECT min(id) FROM runs)");
    plant("UPDATE runs SET version = version + 1 WHERE id = (SELECT max(id) FROM runs)",
          "UPDATE runs SET version = version - 1 WHERE id = (SELECT max(id) FROM runs)");
    plant("INSERT INTO ready VALUES(1, 0, 0, 0, 0, 0, 0, 0)", "DELETE FROM ready WHERE run_id = 1");
    plant("UPDATE keys SET run_id = run_id + 1 WHERE token = cast('key-1' AS BLOB)",
          "UPDATE keys SET run_id = run_id - 1 WHERE token = cast('key-1' AS BLOB)");
    plant("INSERT INTO timers VALUES(1, 0, 1)", "DELETE FROM timers WHERE run_id = 1");
    plant("INSERT INTO waits SELECT id, 2, 0, 0, 0, 0 FROM runs ORDER BY id LIMIT 1",
          "DELETE FROM waits WHERE step = 2");
    plant("UPDATE runs SET class = cast('x' AS BLOB) WHERE id = (SELECT min(id) FROM runs)",
          "UPDATE runs SET class = cast('Signup' AS BLOB) WHERE class = cast('x' AS BLOB)");
    for (int i = 0; i < 3; i++) {
        wf_definition_release(definitions[i]);
    }
}

TEST(the_log_alone_gives_the_tags)
{
    struct wf_definition *one = define("a!");
    struct wf_engine *engine = open_engine(new_path(path, "store"));

    start_run(engine, NULL, one, "first");
    start_run(engine, NULL, one, "second");
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    plant("DELETE FROM tags WHERE value = cast('first' AS BLOB)",
          "INSERT INTO tags SELECT class, cast('key' AS BLOB), cast('first' AS BLOB), min(id) FROM "
          "runs");
    wf_definition_release(one);
}

TEST(a_log_with_a_hole_is_not_rebuilt)
{
    struct wf_definition *two = define("a! b!");
    struct wf_engine *engine = open_engine(new_path(path, "store"));
    struct wf_hand hand = hand_of(engine);
    struct wf_error error = {0};
    char rebuilt[400];
    int64_t runs;

    start_run(engine, &hand, two, "a");
    finish(&hand, two, WF_COMMAND_COMPLETE);
    finish(&hand, two, WF_COMMAND_COMPLETE);
    close_engine(engine);
    execute("DELETE FROM events WHERE position = 2");
    CHECK(wf_rebuild(&wf_store_sqlite, path, new_path(rebuilt, "rebuilt"), &runs, &error) ==
          WF_STORE_CORRUPT);
    CHECK(strstr(error.message, "cannot be folded") != NULL);
    wf_definition_release(two);
}
