/*
 * Group commit, and a store that fails in the middle: what was answered is there, what was refused is not,
 * nothing is there twice, and nobody waits for ever.
 */
#include <sqlite3.h>

#include "engine_support.h"
#include "failing_store.h"
#include "store_compare.h"

static char path[400];
static struct wf_engine *engine;

static void open_failing(void)
{
    engine = open_with(failing_store(), new_path(path, "store"), LEASE_MS);
}

static void close_and_compare(void)
{
    fail_never();
    UNTIL(in_hand(engine) == 0);
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
}

static bool count_run_row(void *context, const struct wf_run_row *row)
{
    (void)row;
    ++*(int *)context;
    return true;
}

static int runs_of(const char *key)
{
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    struct wf_store *store;
    int count = 0;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.run_list(store, text(key), 0, COMPARE_MAX, count_run_row, &count, NULL) ==
          WF_OK);
    wf_store_sqlite.close(store);
    return count;
}

/* ---- Checkpoints ---- */

static struct {
    struct wf_store_functions functions;
    _Atomic int written, answered, made, too_early;
} watched;

static enum wf_status watched_append(struct wf_store *store, struct wf_event_row *row,
                                     struct wf_error *error)
{
    atomic_fetch_add(&watched.written, 1);
    return wf_store_sqlite.append(store, row, error);
}

/* As long as somebody waits for what the last commit wrote, it does not end. */
static enum wf_status watched_checkpoint(struct wf_store *store, int *left, struct wf_error *error)
{
    int written = atomic_load(&watched.written);
    int64_t until_ms = now_ms() + DEADLINE_MS / 4;

    while (atomic_load(&watched.answered) < written && now_ms() < until_ms) {
        poll(NULL, 0, 1);
    }
    atomic_fetch_add(&watched.too_early, atomic_load(&watched.answered) < written);
    atomic_fetch_add(&watched.made, 1);
    return wf_store_sqlite.checkpoint(store, left, error);
}

static void open_watched(void)
{
    memset(&watched, 0, sizeof(watched));
    watched.functions = wf_store_sqlite;
    watched.functions.append = watched_append;
    watched.functions.checkpoint = watched_checkpoint;
    engine = open_with(&watched.functions, new_path(path, "store"), LEASE_MS);
}

static void start_and_count(struct wf_definition *definition, int number)
{
    char key[16];

    snprintf(key, sizeof(key), "%d", number);
    CHECK(start_run(engine, NULL, definition, key).status == WF_OK);
    atomic_fetch_add(&watched.answered, 1);
}

TEST(nobody_waits_for_the_checkpoint_after_his_commit)
{
    struct wf_definition *definition = define("mail");

    open_watched();
    for (int i = 0; i < 5000 && !atomic_load(&watched.made); i++) {
        start_and_count(definition, i);
    }
    CHECK(atomic_load(&watched.made) > 0);
    CHECK(atomic_load(&watched.too_early) == 0);
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(definition);
}

TEST(a_short_log_is_checkpointed_in_a_lull)
{
    struct wf_definition *definition = define("mail");
    int made;

    open_watched();
    for (int i = 0; i < 150; i++) { /* a thousand pages, a quarter of what a busy store waits for */
        start_and_count(definition, i);
    }
    UNTIL(atomic_load(&engine->committer.reached_mono_ms) < now_ms() - 50);
    made = atomic_load(&watched.made);
    start_and_count(definition, 150);
    if (!made) {
        UNTIL(atomic_load(&watched.made) == 1);
    }
    close_engine(engine);
    wf_definition_release(definition);
}

/* ---- Many at once ---- */

#define MANY 100

/* Posts so many starts as one batch: the gate holds the committer back meanwhile. */
static void post_many(struct wf_op **ops, struct wf_hand *hands, struct wf_definition *definition,
                      int count)
{
    struct wf_taker taker = {false};

    wf_gate_close(&engine->gate);
    for (int i = 0; i < count; i++) {
        char key[16];

        snprintf(key, sizeof(key), "key-%03d", i);
        if (hands) {
            hands[i] = hand_of(engine);
        }
        ops[i] = prepare_start(engine, hands ? &hands[i] : NULL, definition, key);
        CHECK(wf_op_wait(engine, ops[i], &taker, 0) == WF_TIMED_OUT);
    }
    wf_gate_open(&engine->gate);
}

TEST(one_append_that_is_refused_fails_alone)
{
    struct wf_definition *create = define("create"),
                         *empty = wf_definition_new(WF_BYTES("Signup"), WF_BYTES("empty"), true,
                                                    NULL, 0);
    struct wf_taker taker = {false};
    struct wf_op *ops[MANY], *bad;
    int64_t commits;

    open_failing();
    start_run(engine, NULL, create, "first");
    wf_gate_close(&engine->gate);
    bad = prepare_start(engine, NULL, empty, "bad");
    CHECK(wf_op_wait(engine, bad, &taker, 0) == WF_TIMED_OUT);
    wf_gate_open(&engine->gate);
    commits = atomic_load(&engine->committer.commits);
    post_many(ops, NULL, create, MANY);
    for (int i = 0; i < MANY; i++) {
        CHECK(wf_op_wait(engine, ops[i], &taker, ANSWER_MS) == WF_OK && ops[i]->status == WF_OK);
        wf_op_finish(engine, NULL, ops[i]);
    }
    CHECK(wf_op_wait(engine, bad, &taker, ANSWER_MS) == WF_OK && bad->status == WF_INVALID);
    wf_op_finish(engine, NULL, bad);
    CHECK(atomic_load(&engine->committer.commits) - commits <= 3);
    CHECK(runs_of("bad") == 0 && runs_of("key-") == MANY);
    close_and_compare();
    wf_definition_release(create);
    wf_definition_release(empty);
}

TEST(one_append_that_the_store_refuses_fails_alone)
{
    struct wf_definition *confirm = define("confirm?");
    struct wf_taker taker = {false};
    static struct wf_hand hands[MANY];
    struct wf_op *ops[MANY];

    open_failing();
    for (int i = 0; i < MANY; i++) {
        char key[16];
        int64_t id;

        snprintf(key, sizeof(key), "key-%03d", i);
        hands[i] = hand_of(engine);
        id = start_run(engine, NULL, confirm, key).id;
        CHECK(claim(&hands[i], WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    }
    atomic_store(&failing.poisoned_run, wf_hand_claim(&hands[MANY / 2])->run_id);
    wf_gate_close(&engine->gate);
    for (int i = 0; i < MANY; i++) {
        ops[i] = prepare_finish(engine, &hands[i], confirm, WF_COMMAND_ACCEPT);
        CHECK(wf_op_wait(engine, ops[i], &taker, 0) == WF_TIMED_OUT);
    }
    wf_gate_open(&engine->gate);
    for (int i = 0; i < MANY; i++) {
        CHECK(wf_op_wait(engine, ops[i], &taker, ANSWER_MS) == WF_OK);
        CHECK(ops[i]->status == (i == MANY / 2 ? WF_STORE_ERROR : WF_OK));
        wf_op_finish(engine, &hands[i], ops[i]);
        CHECK((hands[i].slot != NULL) == (i == MANY / 2)); /* still held: it is not over */
    }
    atomic_store(&failing.poisoned_run, 0);
    CHECK(finish(&hands[MANY / 2], confirm, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(confirm);
}

/* Each would wait as long as the first one for another program that has the store. */
TEST(where_nothing_can_be_begun_not_each_append_is_tried_alone)
{
    struct wf_definition *create = define("create");
    struct wf_taker taker = {false};
    struct wf_op *ops[MANY];
    int begun;

    open_failing();
    CHECK(start_run(engine, NULL, create, "before").status == WF_OK);
    fail_at(FAIL_BEGIN, 1, INT_MAX);
    begun = atomic_load(&failing.calls[FAIL_BEGIN]);
    post_many(ops, NULL, create, MANY);
    for (int i = 0; i < MANY; i++) {
        CHECK(wf_op_wait(engine, ops[i], &taker, ANSWER_MS) == WF_OK);
        CHECK(ops[i]->status == WF_STORE_ERROR);
        wf_op_finish(engine, NULL, ops[i]);
    }
    CHECK(atomic_load(&failing.calls[FAIL_BEGIN]) - begun < MANY / 2);
    fail_never();
    CHECK(runs_of("key-") == 0);
    close_and_compare();
    wf_definition_release(create);
}

TEST(a_full_queue_lets_callers_wait_and_loses_nothing)
{
    struct wf_definition *create = define("create");
    struct wf_taker taker = {false};
    struct wf_op *op;
    int count = 0;

    open_failing();
    wf_gate_close(&engine->gate);
    for (;;) { /* until one is not even queued: the committer may hold one batch already */
        char key[16];
        bool posted;

        snprintf(key, sizeof(key), "%d", count % 1000);
        op = prepare_start(engine, NULL, create, key);
        CHECK(wf_op_wait(engine, op, &taker, 0) == WF_TIMED_OUT);
        posted = op->posted;
        if (!posted) {
            break;
        }
        wf_op_abandon(engine, NULL, op);
        count++;
    }
    CHECK(count >= (int)WF_QUEUE_MAX && count <= (int)(WF_QUEUE_MAX + WF_BATCH_MAX));
    CHECK(wf_op_wait(engine, op, &taker, 10) == WF_TIMED_OUT);
    wf_op_interrupt(engine, op, &taker);
    CHECK(wf_op_wait(engine, op, &taker, ANSWER_MS) == WF_INTERRUPTED);
    taker.interrupted = false;
    wf_gate_open(&engine->gate);
    CHECK(wf_op_wait(engine, op, &taker, ANSWER_MS) == WF_OK);
    wf_op_finish(engine, NULL, op);
    CHECK(runs_of("") == 1000);
    close_and_compare();
    wf_definition_release(create);
}

/* ---- Failing once, at each place ---- */

/* What is answered UNKNOWN is there or is not; whoever asks again is told, and can go on. */
static struct answer start_again(struct wf_hand *hand, struct wf_definition *definition,
                                 const char *key, enum wf_status first)
{
    struct answer answer;

    fail_never();
    CHECK(runs_of(key) == 0 || first == WF_UNKNOWN);
    answer = start_run(engine, hand, definition, key);
    if (first == WF_UNKNOWN && answer.status == WF_EXISTING) {
        CHECK(claim(hand, WF_OP_CLAIM_STEP, answer.id, "create").status == WF_OK);
        answer.status = WF_OK;
    }
    CHECK(answer.status == WF_OK);
    return answer;
}

static struct answer finish_again(struct wf_hand *hand, struct wf_definition *definition,
                                  enum wf_command_kind kind, int64_t id)
{
    struct answer answer = finish(hand, definition, kind);

    if (answer.status == WF_OK) {
        return answer;
    }
    CHECK(wf_hand_claim(hand)); /* it is not over */
    fail_never();
    if (finish(hand, definition, kind).status == WF_STALE) {
        CHECK(answer.status == WF_UNKNOWN); /* it was */
    }
    return look(engine, id);
}

/* One line of work through every kind of call; its answers may be failures, but are never lies. */
static void live_through(struct wf_definition *definition, int number)
{
    struct wf_hand hand = hand_of(engine);
    struct answer answer, other;
    char key[16];

    snprintf(key, sizeof(key), "run-%d.", number);
    answer = start_run(engine, &hand, definition, key);
    CHECK(answer.status == WF_OK || !hand.slot);
    if (answer.status != WF_OK) {
        answer = start_again(&hand, definition, key, answer.status);
    }
    CHECK(runs_of(key) == 1 && holds(&hand, "create"));
    wf_hand_enter(&hand);
    other = finish_again(&hand, definition, WF_COMMAND_COMPLETE, answer.id);
    CHECK(other.status == WF_OK && other.steps[1] == WF_STEP_waiting && !hand.slot);
    other = claim(&hand, WF_OP_CLAIM_WAIT, answer.id, "confirm");
    if (other.status != WF_OK) {
        fail_never();
        CHECK(claim(&hand, WF_OP_CLAIM_WAIT, answer.id, "confirm").status == WF_OK);
    }
    other = finish_again(&hand, definition, WF_COMMAND_ACCEPT, answer.id);
    CHECK(other.status == WF_OK && other.run == WF_RUN_done && !hand.slot);
    wf_hand_give_back(&hand);
}

TEST(what_a_burst_has_built_up_goes_back_by_itself_and_nothing_is_missed_after_it)
{
    struct wf_definition *definition = define("a!");
    struct wf_slot *slots[300];

    open_failing();
    for (int burst = 0; burst < 2; burst++) {
        for (int i = 0; i < 300; i++) {
            slots[i] = wf_mailbox_reserve(&engine->mailbox);
        }
        CHECK(start_run(engine, NULL, definition, burst ? "1" : "0").status == WF_OK);
        for (int i = 0; i < 300; i++) {
            wf_mailbox_free(&engine->mailbox, slots[i]);
        }
        UNTIL(!wf_mailbox_spare(&engine->mailbox));
    }
    CHECK(start_run(engine, NULL, definition, "2").status == WF_OK);
    CHECK(runs_of("1") == 1 && runs_of("2") == 1);
    wf_definition_release(definition);
    close_and_compare();
}

TEST(a_store_that_fails_once_anywhere_loses_and_doubles_nothing)
{
    static const enum failing_call calls[] = {FAIL_BEGIN, FAIL_APPEND, FAIL_UPDATE, FAIL_COMMIT};
    struct wf_definition *definition = define("create! confirm?");
    int number = 0;

    open_failing();
    for (int how = COMMIT_REFUSED; how <= COMMIT_KEPT; how++) {
        for (size_t call = how ? 3 : 0; call < sizeof(calls) / sizeof(*calls); call++) {
            for (int nth = 1; nth <= 5; nth++) {
                for (int more = 0; more < 2; more++) { /* also when it fails again, one by one */
                    atomic_store(&failing.commit_failure, how);
                    fail_at(calls[call], nth, more);
                    live_through(definition, ++number);
                    fail_never();
                }
            }
        }
    }
    CHECK(runs_of("run-") == number);
    close_and_compare();
    wf_definition_release(definition);
}

/* ---- Workers, and a store that comes and goes ---- */

struct crew {
    struct wf_definition *definition;
    _Atomic int executed;
};

static void *work_all(void *context)
{
    struct crew *crew = context;
    struct wf_hand hand = hand_of(engine);

    while (wf_hand_take(&hand, ANSWER_MS) == WF_OK) {
        wf_hand_enter(&hand);
        atomic_fetch_add(&crew->executed, 1);
        post_finish(&hand, crew->definition, WF_COMMAND_COMPLETE);
    }
    return NULL;
}

static bool count_done(void *context, const struct wf_run_row *row)
{
    *(int *)context += row->status == WF_RUN_done;
    return true;
}

static int runs_done(void)
{
    struct wf_store *store;
    int done = 0;

    CHECK(wf_readers_take(&engine->readers, &store, NULL) == WF_OK);
    engine->does->run_list(store, WF_BYTES(""), 0, COMPARE_MAX, count_done, &done, NULL);
    wf_readers_give(&engine->readers, store);
    return done;
}

/* Each step is executed exactly once: no claim is lost, no finished step is forgotten or run again. */
static void work_with_failures(enum failing_call call, enum commit_failure how, int more)
{
    struct crew crew = {.definition = define("a b! c")};
    pthread_t threads[2];
    int started = 0;

    open_failing();
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    for (int i = 0; i < 2; i++) {
        threads[i] = spawn(work_all, &crew);
    }
    for (int i = 0; i < 8; i++) {
        struct answer answer;
        char key[16];

        snprintf(key, sizeof(key), "%d", i);
        atomic_store(&failing.commit_failure, how);
        fail_at(call, 1 + i % 4, more);
        answer = start_run(engine, NULL, crew.definition, key);
        if (answer.status != WF_OK) {
            fail_never();
            answer = start_run(engine, NULL, crew.definition, key);
            CHECK(answer.status == WF_OK || (answer.status == WF_EXISTING && how == COMMIT_KEPT));
        }
        started++;
    }
    fail_never();
    UNTIL(runs_done() == started);
    CHECK(atomic_load(&crew.executed) == 3 * started);
    UNTIL(in_hand(engine) == 0);
    CHECK(engine->mailbox.worker_count == 0 && engine->mailbox.busy_count == 0);
    wf_engine_quiet(engine);
    for (int i = 0; i < 2; i++) {
        join(threads[i]);
    }
    close_and_compare();
    wf_definition_release(crew.definition);
}

TEST(steps_are_run_once_though_appends_fail)
{
    work_with_failures(FAIL_APPEND, COMMIT_REFUSED, 1);
    work_with_failures(FAIL_UPDATE, COMMIT_REFUSED, 0);
}

TEST(steps_are_run_once_though_transactions_do_not_begin)
{
    work_with_failures(FAIL_BEGIN, COMMIT_REFUSED, 2);
}

TEST(steps_are_run_once_though_commits_are_refused)
{
    work_with_failures(FAIL_COMMIT, COMMIT_REFUSED, 1);
}

TEST(steps_are_run_once_though_nobody_knows_of_a_commit_that_was_lost)
{
    work_with_failures(FAIL_COMMIT, COMMIT_LOST, 1);
}

TEST(steps_are_run_once_though_nobody_knows_of_a_commit_that_was_kept)
{
    work_with_failures(FAIL_COMMIT, COMMIT_KEPT, 1);
}

/* ---- Claims without an event, and a commit that nobody knows of ---- */

static void claim_under_doubt(enum commit_failure how, bool blind)
{
    struct wf_definition *definition = define("mail");
    struct wf_hand worker;
    int64_t id, since_ms;

    open_failing();
    worker = hand_of(engine);
    id = start_run(engine, NULL, definition, "a").id;
    atomic_store(&failing.commit_failure, how);
    fail_at(FAIL_COMMIT, 1, 0); /* the round that claims, and writes no event */
    if (blind) {
        fail_at(FAIL_OPEN, 1, 0); /* and nobody can look what came of it */
    }
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    since_ms = now_ms();
    CHECK(take(&worker, "mail"));
    CHECK(atomic_load(&failing.failed) > 0);
    CHECK(now_ms() - since_ms <
          WF_POLL_MS / 2); /* what was due is tried again, not at the next poll */
    post_finish(&worker, definition, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(definition);
}

TEST(a_claim_whose_commit_is_unknown_is_neither_lost_nor_doubled)
{
    claim_under_doubt(COMMIT_LOST, false);
    claim_under_doubt(COMMIT_KEPT, false);
    claim_under_doubt(COMMIT_LOST, true);
    claim_under_doubt(COMMIT_KEPT, true);
}

/* Its frames may be in the page cache alone, and a reader keeps them from being copied to the database file. */
TEST(what_is_found_after_an_unknown_commit_counts_once_it_is_checkpointed)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    sqlite3 *reader;

    open_failing();
    hand = hand_of(engine);
    CHECK(start_run(engine, &hand, definition, "before").status == WF_OK);
    CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    CHECK(sqlite3_open(path, &reader) == SQLITE_OK);
    CHECK(sqlite3_exec(reader, "BEGIN; SELECT * FROM events", NULL, NULL, NULL) == SQLITE_OK);
    atomic_store(&failing.commit_failure, COMMIT_KEPT);
    fail_at(FAIL_COMMIT, 1, 0);
    CHECK(start_run(engine, &hand, definition, "a").status == WF_UNKNOWN && !hand.slot);
    CHECK(sqlite3_close(reader) == SQLITE_OK);
    fail_at(FAIL_COMMIT, 1, 0);
    CHECK(start_run(engine, &hand, definition, "b").status == WF_OK && hand.slot);
    CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    CHECK(runs_of("") == 3);
    close_and_compare();
    wf_definition_release(definition);
}

TEST(a_submit_whose_claim_is_in_doubt_can_be_made_again)
{
    struct wf_definition *definition = define("confirm?");
    struct wf_hand hand;
    int64_t id;

    for (int how = COMMIT_LOST; how <= COMMIT_KEPT; how++) {
        open_failing();
        hand = hand_of(engine);
        id = start_run(engine, NULL, definition, "a").id;
        atomic_store(&failing.commit_failure, how);
        fail_at(FAIL_COMMIT, 1, 0);
        fail_at(FAIL_OPEN, 1, 0);
        CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_UNKNOWN && !hand.slot);
        UNTIL(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK || hand.slot);
        CHECK(finish(&hand, definition, WF_COMMAND_ACCEPT).run == WF_RUN_done);
        close_and_compare();
    }
    wf_definition_release(definition);
}

/* A start that is answered UNKNOWN is there or not; its step is nobody's, and whoever wants it gets it. */
TEST(a_start_in_doubt_leaves_no_step_behind_that_nobody_runs)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    struct answer answer;

    for (int how = COMMIT_LOST; how <= COMMIT_KEPT; how++) {
        open_failing();
        hand = hand_of(engine);
        atomic_store(&failing.commit_failure, how);
        fail_at(FAIL_COMMIT, 2, 0); /* the first is the process's own row */
        fail_at(FAIL_OPEN, 1, 0);
        CHECK(start_run(engine, &hand, definition, "a").status == WF_UNKNOWN && !hand.slot);
        answer = start_run(engine, &hand, definition, "a");
        CHECK(answer.status == (how == COMMIT_LOST ? WF_OK : WF_EXISTING));
        if (!wf_hand_claim(&hand)) {
            CHECK(claim(&hand, WF_OP_CLAIM_STEP, answer.id, "create").status == WF_OK);
        }
        CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
        CHECK(runs_of("") == 1);
        close_and_compare();
    }
    wf_definition_release(definition);
}

static int steps_in_hands(void)
{
    sqlite3 *reader;
    sqlite3_stmt *count;
    int found;

    CHECK(sqlite3_open(path, &reader) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(reader, "SELECT count(*) FROM ready WHERE owner <> 0", -1, &count,
                             NULL) == SQLITE_OK);
    CHECK(sqlite3_step(count) == SQLITE_ROW);
    found = sqlite3_column_int(count, 0);
    sqlite3_finalize(count);
    sqlite3_close(reader);
    return found;
}

/* Beside another one that failed, and nobody asks for anything after it. */
TEST(a_start_in_doubt_that_was_written_alone_leaves_no_step_behind)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    struct answer answer;
    int64_t since_ms;

    open_failing();
    hand = hand_of(engine);
    start_run(engine, &hand, definition, "before");
    CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    atomic_store(&failing.commit_failure, COMMIT_KEPT);
    fail_at(FAIL_APPEND, 1, 0);
    fail_at(FAIL_COMMIT, 1, 0);
    fail_at(FAIL_OPEN, 1, 0);
    answer = start_run(engine, &hand, definition, "a");
    CHECK(answer.status == WF_UNKNOWN && !hand.slot);
    since_ms = now_ms();
    UNTIL(steps_in_hands() == 0);
    CHECK(now_ms() - since_ms < WF_POLL_MS / 2);
    answer = start_run(engine, &hand, definition, "a");
    CHECK(answer.status == WF_EXISTING);
    if (!wf_hand_claim(&hand)) {
        CHECK(claim(&hand, WF_OP_CLAIM_STEP, answer.id, "create").status == WF_OK);
    }
    CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(definition);
}

TEST(all_claims_of_a_commit_in_doubt_are_anybodys_at_once)
{
    static struct wf_hand hands[450];
    struct wf_definition *mail = define("mail");
    int64_t since_ms;
    int failed;

    open_failing();
    start_runs(engine, mail, 450);
    atomic_store(&failing.commit_failure, COMMIT_KEPT);
    fail_at(FAIL_COMMIT, 1, 0);
    fail_at(FAIL_OPEN, 1, 0);
    since_ms = now_ms();
    failed = atomic_load(&failing.failed);
    wf_engine_work(engine, 450, WF_BYTES("worker"));
    for (int i = 0; i < 450; i++) {
        hands[i] = hand_of(engine);
        CHECK(take(&hands[i], "mail"));
    }
    CHECK(now_ms() - since_ms < WF_POLL_MS / 2);
    CHECK(atomic_load(&failing.failed) - failed == 2);
    for (int i = 0; i < 450; i++) {
        post_finish(&hands[i], mail, WF_COMMAND_COMPLETE);
    }
    close_and_compare();
    wf_definition_release(mail);
}

/* Who was called once and found nothing need not be called ten times a second until the store is well. */
TEST(a_commit_in_doubt_is_told_once_however_long_it_stays_in_doubt)
{
    struct wf_definition *create = define("create!");
    struct wf_hand hand;
    struct wf_doorbell log, ready;
    uint32_t rung;
    int failed;

    open_failing();
    hand = hand_of(engine);
    log = wf_doorbell_log(&engine->shared);
    ready = wf_doorbell_ready(&engine->shared);
    start_run(engine, &hand, create, "before");
    CHECK(finish(&hand, create, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    rung = wf_doorbell_read(&log) + wf_doorbell_read(&ready);
    failed = atomic_load(&failing.failed);
    atomic_store(&failing.commit_failure, COMMIT_KEPT);
    fail_at(FAIL_COMMIT, 1, 0);
    fail_at(FAIL_OPEN, 1, INT_MAX);
    CHECK(start_run(engine, &hand, create, "a").status == WF_UNKNOWN);
    UNTIL(atomic_load(&failing.failed) - failed > 6); /* it goes on asking */
    CHECK(wf_doorbell_read(&log) + wf_doorbell_read(&ready) - rung == 2);
    fail_never();
    UNTIL(steps_in_hands() == 0);
    close_and_compare();
    wf_definition_release(create);
}

TEST(an_attempt_that_is_given_back_twice_is_lost_once)
{
    struct wf_definition *mail = define("mail");
    struct wf_hand worker;
    int64_t id;
    int failed = atomic_load(&failing.failed);

    open_failing();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, mail, "a").id;
    CHECK(take(&worker, "mail"));
    wf_hand_enter(&worker);
    UNTIL(look(engine, id).steps[0] == WF_STEP_running);
    atomic_store(&failing.commit_failure, COMMIT_KEPT);
    fail_at(FAIL_COMMIT, 1, 0);
    fail_at(FAIL_OPEN, 1, 0); /* nobody knows: it is written again */
    wf_hand_give_back(&worker);
    CHECK(take(&worker, "mail"));
    CHECK(wf_hand_claim(&worker)->attempt == 2);
    CHECK(atomic_load(&failing.failed) - failed == 2);
    post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_done);
    CHECK(look(engine, id).attempts[0] == 2);
    close_and_compare();
    wf_definition_release(mail);
}

TEST(what_is_given_back_while_the_store_is_ill_goes_back_when_it_is_well)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    int64_t id;

    open_failing();
    hand = hand_of(engine);
    id = start_run(engine, &hand, definition, "a").id;
    fail_at(FAIL_BEGIN, 1, INT_MAX);
    wf_hand_give_back(&hand);
    UNTIL(atomic_load(&failing.failed) > 3);
    fail_never();
    UNTIL(in_hand(engine) == 0);
    CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, "create").status == WF_OK);
    CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(definition);
}

/* ---- A store that is ill for good ---- */

TEST(nobody_hangs_on_a_store_that_is_gone_and_a_finished_step_is_recorded_when_it_is_back)
{
    struct wf_definition *definition = define("create! mail");
    struct wf_hand first, second;
    int64_t id;

    open_failing();
    first = hand_of(engine);
    second = hand_of(engine);
    id = start_run(engine, &first, definition, "a").id;
    wf_hand_enter(&first);
    fail_at(FAIL_BEGIN, 1, INT_MAX);
    CHECK(start_run(engine, &second, definition, "b").status == WF_STORE_ERROR && !second.slot);
    post_finish(&first, definition, WF_COMMAND_COMPLETE);
    CHECK(start_run(engine, NULL, definition, "c").status == WF_STORE_ERROR);
    CHECK(look(engine, id).steps[0] == WF_STEP_ready && in_hand(engine) == 1);
    fail_never();
    UNTIL(look(engine, id).steps[0] == WF_STEP_completed);
    CHECK(start_run(engine, NULL, definition, "b").status == WF_OK);
    CHECK(runs_of("c") == 0);
    close_and_compare();
    wf_definition_release(definition);
}

TEST(an_engine_can_be_stopped_while_its_store_is_gone)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    int64_t id;

    open_failing();
    hand = hand_of(engine);
    id = start_run(engine, &hand, definition, "a").id;
    wf_hand_enter(&hand);
    fail_at(FAIL_BEGIN, 1, INT_MAX);
    post_finish(&hand, definition, WF_COMMAND_COMPLETE);
    wf_engine_stop(engine, 100);
    wf_engine_free(engine);
    fail_never();
    engine = open_with(&failing_functions, path, LEASE_MS);
    CHECK(look(engine, id).steps[0] == WF_STEP_ready); /* the result is lost, the step is not */
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(definition);
}

TEST(appends_are_recorded_though_what_is_due_fails_each_time)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    int before;

    open_failing();
    hand = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    start_run(engine, NULL, definition, "first");
    CHECK(take(&hand, "create"));
    fail_at(FAIL_TIMER, 1, INT_MAX);
    wf_engine_travel(engine, 1000); /* so that timers are looked at */
    before = atomic_load(&failing.failed);
    CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    CHECK(start_run(engine, &hand, definition, "second").status == WF_OK);
    CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    CHECK(atomic_load(&failing.failed) - before < 50); /* and not asked at full speed */
    close_and_compare();
    wf_definition_release(definition);
}

/* The row of the process could not be written: nothing may be claimed in nobody's name. */
TEST(without_a_row_of_its_own_a_process_claims_nothing)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    struct answer answer;

    open_failing();
    hand = hand_of(engine);
    fail_at(FAIL_PROCESS, 1, 0);
    answer = start_run(engine, &hand, definition, "a");
    CHECK(answer.status == WF_OK ? holds(&hand, "create") : !hand.slot);
    if (answer.status) {
        CHECK(start_run(engine, &hand, definition, "a").status == WF_OK);
    }
    CHECK(engine->committer.owner != 0);
    CHECK(finish(&hand, definition, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(definition);
}

TEST(a_start_whose_telling_was_rolled_back_is_told_by_the_next_round)
{
    struct wf_definition *definition = define("mail");
    struct wf_hand worker;
    int64_t id;
    int before;

    open_failing();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, definition, "a").id;
    CHECK(take(&worker, "mail"));
    atomic_store(&failing.commit_failure, COMMIT_REFUSED);
    before = atomic_load(&failing.failed);
    fail_at(FAIL_COMMIT, 1, 0);
    wf_hand_enter(&worker);
    UNTIL(look(engine, id).steps[0] == WF_STEP_running);
    CHECK(atomic_load(&failing.failed) == before + 1);
    post_finish(&worker, definition, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(definition);
}

TEST(a_retry_that_was_written_alone_fires_in_its_time)
{
    struct graph graph;
    struct wf_definition *definition;
    struct wf_hand worker;
    int64_t id;

    graph_read(&graph, "mail");
    graph.steps[0].retries = 3;
    graph.steps[0].backoff_ms = 50;
    definition = graph_define(&graph, true);
    open_failing();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, definition, "a").id;
    CHECK(take(&worker, "mail"));
    fail_at(FAIL_UPDATE, 1, 0);
    post_finish(&worker, definition, WF_COMMAND_FAIL);
    {
        int64_t since_ms = now_ms();

        CHECK(take(&worker, "mail") && wf_hand_claim(&worker)->attempt == 2);
        CHECK(now_ms() - since_ms < WF_POLL_MS / 2);
    }
    post_finish(&worker, definition, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(definition);
}
