/*
 * Steps whose end is decided on what their claim had kept of the run: what has happened to run and claim meanwhile
 * counts all the same. Two engines on one file stand for two processes.
 */
#include "engine_support.h"
#include "store_compare.h"

#include <limits.h>

static char path[400];
static struct wf_definition *flow;
static struct wf_engine *engine, *other;
static struct wf_hand hand, beside;
static int64_t id;

static void open_both(const char *line)
{
    flow = define(line);
    new_path(path, "store");
    engine = open_engine(path);
    other = open_engine(path);
    hand = hand_of(engine);
    beside = hand_of(other);
    id = start_run(engine, NULL, flow, "key").id;
}

static void close_both(void)
{
    close_engine(other);
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(flow);
}

static void claim_by(struct wf_hand *by, const char *step)
{
    CHECK(claim(by, WF_OP_CLAIM_STEP, id, step).status == WF_OK && holds(by, step));
    wf_hand_enter(by);
}

static bool count_events(void *context, const struct wf_event_row *row)
{
    int *count = context;

    *count += (int)wf_row_count(row->events);
    CHECK(row->version == *count); /* no gap */
    return true;
}

static int events(void)
{
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    struct wf_store *store;
    int count = 0;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.read_run(store, id, 0, INT_MAX, count_events, &count, NULL) == WF_OK);
    wf_store_sqlite.close(store);
    return count;
}

/* Somebody else holds the step now, of which no event tells. */
static void take_away(int step)
{
    struct wf_store_options options = {.path = path, .busy_ms = 5000};
    struct wf_ready_row row = {.run_id = id, .step = step};
    struct wf_store *store;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.begin(store, NULL) == WF_OK);
    CHECK(wf_store_sqlite.ready_get(store, &row, NULL) == WF_OK && row.owner);
    CHECK(wf_store_sqlite.ready_release(store, &row, NULL) == WF_OK);
    row.owner = other->committer.owner;
    CHECK(wf_store_sqlite.ready_claim(store, &row, NULL) == WF_OK);
    CHECK(wf_store_sqlite.commit(store, NULL) == WF_OK);
    wf_store_sqlite.close(store);
}

TEST(an_end_counts_on_top_of_what_others_have_ended_meanwhile)
{
    struct answer answer;

    open_both("a b< join<a,b");
    claim_by(&hand, "a");
    claim_by(&beside, "b");
    CHECK(finish(&beside, flow, WF_COMMAND_COMPLETE).steps[1] == WF_STEP_completed);
    answer = finish(&hand, flow, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.steps[0] == WF_STEP_completed);
    CHECK(answer.steps[1] == WF_STEP_completed && answer.steps[2] == WF_STEP_ready);
    CHECK(answer.version == events());
    close_both();
}

TEST(an_end_counts_in_a_run_that_was_paused_meanwhile)
{
    struct answer answer;

    open_both("a b");
    claim_by(&hand, "a");
    CHECK(change(other, flow, WF_COMMAND_PAUSE, id, "").status == WF_OK);
    answer = finish(&hand, flow, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_paused);
    CHECK(answer.steps[0] == WF_STEP_completed && answer.steps[1] != WF_STEP_ready);
    CHECK(answer.version == events());
    close_both();
}

TEST(the_end_of_a_step_that_was_claimed_again_is_refused_also_if_no_event_tells)
{
    int before;

    open_both("a b");
    claim_by(&hand, "a");
    before = events();
    take_away(0);
    CHECK(finish(&hand, flow, WF_COMMAND_COMPLETE).status == WF_STALE);
    CHECK(events() == before && look(engine, id).steps[0] == WF_STEP_ready);
    close_engine(other); /* and what it seems to hold is given back */
    other = open_engine(path);
    beside = hand_of(other);
    wf_engine_work(other, 1, WF_BYTES("heir"));
    CHECK(take(&beside, "a"));
    CHECK(finish(&beside, flow, WF_COMMAND_COMPLETE).steps[0] == WF_STEP_completed);
    CHECK(look(engine, id).version == events());
    close_both();
}

/* Beside it in the same commit are ends that stand. */
TEST(an_end_that_is_refused_takes_no_other_with_it)
{
    struct wf_hand hands[3];
    int64_t ids[3];

    open_both("a");
    ids[0] = id;
    for (int i = 1; i < 3; i++) {
        ids[i] = start_run(engine, NULL, flow, i == 1 ? "second" : "third").id;
    }
    for (int i = 0; i < 3; i++) {
        hands[i] = hand_of(engine);
        id = ids[i];
        claim_by(&hands[i], "a");
    }
    id = ids[1];
    take_away(0);
    wf_turnstile_take(&other->turnstile, ANSWER_MS, NULL); /* so that they wait for each other */
    for (int i = 0; i < 3; i++) {
        post_finish(&hands[i], flow, WF_COMMAND_COMPLETE);
    }
    wf_turnstile_give(&other->turnstile);
    UNTIL(in_hand(engine) == 0);
    CHECK(look(engine, ids[0]).run == WF_RUN_done && look(engine, ids[2]).run == WF_RUN_done);
    CHECK(look(engine, ids[1]).steps[0] == WF_STEP_ready);
    close_both();
}

/* The claim of another's submit lapses without an event: `other` pledges, and does not know. */
static void put_in_doubt(const char *step)
{
    struct wf_op *op = wf_op_prepare(other, &beside, WF_OP_CLAIM_WAIT);
    struct wf_buffer rows = {0};
    struct wf_error error;

    op->run_id = id;
    op->step = wf_op_keep(op, text(step));
    op->command.by = WF_BYTES("web");
    op->pledged = true;
    CHECK(ask(other, &beside, op).status == WF_OK);
    wf_hand_doubt(&beside);
    UNTIL(wf_engine_doubts(engine, 10, &rows, &error) == WF_OK && rows.len > 0);
    wf_buffer_destroy(&rows);
}

TEST(what_is_in_doubt_beside_a_step_is_told_with_its_end)
{
    struct wf_taker taker = {false};
    struct wf_state state;
    struct wf_op *op;

    open_both("a confirm?<");
    claim_by(&hand, "a");
    put_in_doubt("confirm");
    op = prepare_finish(engine, &hand, flow, WF_COMMAND_COMPLETE);
    CHECK(wf_op_wait(engine, op, &taker, ANSWER_MS) == WF_OK && op->status == WF_OK);
    wf_state_init(&state);
    CHECK(wf_state_decode(&state, id, wf_buffer_bytes(&op->state)) == WF_OK);
    CHECK(state.steps[0].status == WF_STEP_completed && state.steps[1].doubtful);
    wf_state_destroy(&state);
    wf_op_finish(engine, &hand, op);
    close_both();
}
