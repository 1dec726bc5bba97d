/*
 * Pledged claims in a real engine: they end by a verdict and by nothing else. Two engines on one file stand for two
 * processes: `other` submits, `engine` is asked, and works.
 */
#include "engine_support.h"
#include "store_compare.h"

#define HOUR_MS 3600000

static char path[400];
static struct wf_definition *flow;
static struct wf_engine *engine, *other;
static struct wf_hand hand, heir;
static int64_t id;

static void open_with_graph(const struct graph *graph)
{
    flow = graph_define(graph, true);
    new_path(path, "store");
    other = open_engine(path);
    engine = open_engine(path);
    hand = hand_of(other);
    heir = hand_of(engine);
    id = start_run(engine, NULL, flow, "key").id;
}

static void open_both(const char *line)
{
    struct graph graph;

    graph_read(&graph, line);
    open_with_graph(&graph);
}

static void close_both(void)
{
    if (other) {
        close_engine(other);
    }
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(flow);
}

/* What a submit is answered, with the claim in doubt. */
static struct answer submit_to(struct wf_hand *by, const char *step, bool pledged, int64_t *fence)
{
    struct wf_op *op = wf_op_prepare(by->engine, by, WF_OP_CLAIM_WAIT);
    struct wf_taker taker = {false};
    struct answer answer;

    op->run_id = id;
    op->step = wf_op_keep(op, text(step));
    op->command.by = WF_BYTES("web");
    op->pledged = pledged;
    CHECK(wf_op_wait(by->engine, op, &taker, ANSWER_MS) == WF_OK);
    answer = decode(wf_buffer_bytes(&op->state), op->answered_id);
    answer.status = op->status;
    if (fence) {
        *fence = op->status == WF_DOUBTFUL ? op->fence
                 : op->status == WF_OK     ? op->slot->claim.fence
                                           : 0;
        CHECK(op->status != WF_DOUBTFUL || op->round == 1);
    }
    wf_op_finish(by->engine, by, op);
    return answer;
}

static int64_t pledge(struct wf_hand *by, const char *step)
{
    int64_t fence = 0;

    CHECK(submit_to(by, step, true, &fence).status == WF_OK && fence > 0);
    return fence;
}

static enum wf_status submit(struct wf_hand *by, const char *step)
{
    return submit_to(by, step, false, NULL).status;
}

static int events_of_answer;

static struct answer settle_as(const char *step, uint32_t round, int64_t fence, bool accepted)
{
    struct wf_op *op = wf_op_prepare(engine, NULL, WF_OP_SETTLE);
    struct wf_taker taker = {false};
    struct answer answer;

    op->run_id = id;
    op->step = wf_op_keep(op, text(step));
    op->definition = wf_definition_retain(flow);
    op->command.kind = accepted ? WF_COMMAND_ACCEPT : WF_COMMAND_LET_GO;
    op->command.by = WF_BYTES("recovery");
    op->command.payload = WF_BYTES("yes");
    op->round = round;
    op->fence = fence;
    CHECK(wf_op_wait(engine, op, &taker, ANSWER_MS) == WF_OK);
    answer = decode(wf_buffer_bytes(&op->state), op->answered_id);
    answer.status = op->status;
    events_of_answer = op->row.len ? (int)wf_row_count(wf_buffer_bytes(&op->row)) : 0;
    wf_op_finish(engine, NULL, op);
    return answer;
}

static struct answer settle(const char *step, int64_t fence, bool accepted)
{
    return settle_as(step, 1, fence, accepted);
}

static int listed_doubts(void)
{
    struct wf_buffer rows = {0};
    struct wf_error error;
    int listed = 0;

    CHECK(wf_engine_doubts(engine, 10, &rows, &error) == WF_OK);
    for (struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&rows)); reader.at < reader.end;
         listed++) {
        CHECK(wf_reader_int(&reader) == id);
        CHECK(wf_bytes_equal(wf_reader_bytes(&reader), WF_BYTES("Signup")));
        CHECK(wf_bytes_equal(wf_reader_bytes(&reader), WF_BYTES("signup")));
        CHECK(wf_bytes_equal(wf_reader_bytes(&reader), WF_BYTES("key")));
        CHECK(wf_reader_bytes(&reader).len > 0);
        CHECK(wf_reader_int(&reader) > 0 && wf_reader_int(&reader) > 0 && !reader.failed);
    }
    wf_buffer_destroy(&rows);
    return listed;
}

static int said_doubts(void)
{
    struct wf_buffer bytes = {0};
    struct wf_error error;
    struct wf_state state;
    int said = 0;

    wf_state_init(&state);
    CHECK(wf_engine_find(engine, id, &bytes, &error) == WF_OK);
    CHECK(wf_state_decode(&state, id, wf_buffer_bytes(&bytes)) == WF_OK);
    for (int i = 0; i < state.step_count; i++) {
        said += state.steps[i].doubtful;
    }
    wf_state_destroy(&state);
    wf_buffer_destroy(&bytes);
    return said;
}

/* How many claims are in doubt, by the list; and by the run's own steps, which have to say the same of one moment. */
static int doubts(void)
{
    int listed, said;

    do {
        listed = listed_doubts();
        said = said_doubts();
    } while (listed != listed_doubts());
    CHECK(listed == said);
    return listed;
}

static int64_t doubt(const char *step)
{
    int64_t fence = pledge(&hand, step);
    int before = doubts();

    wf_hand_doubt(&hand);
    CHECK(!hand.slot);
    UNTIL(doubts() == before + 1);
    return fence;
}

/* As if its lease had run out, though the process goes on. */
static void take_over(struct wf_engine *from)
{
    struct wf_op *op = wf_op_prepare(engine, NULL, WF_OP_TAKEOVER);

    op->owner = from->committer.owner;
    op->dead = true;
    CHECK(ask(engine, NULL, op).status == WF_OK);
}

TEST(a_pledged_claim_ends_as_any_other_does)
{
    int64_t first;

    open_both("confirm? thank");
    first = pledge(&hand, "confirm");
    CHECK(submit(&heir, "confirm") == WF_BUSY);
    CHECK(settle("confirm", first, true).status == WF_STALE); /* it is not in doubt */
    wf_hand_give_back(&hand);
    UNTIL(in_hand(other) == 0);
    CHECK(pledge(&hand, "confirm") == first + 1);
    CHECK(finish(&hand, flow, WF_COMMAND_REJECT).steps[0] == WF_STEP_waiting);
    CHECK(pledge(&hand, "confirm") == first + 2);
    CHECK(finish(&hand, flow, WF_COMMAND_ACCEPT).steps[0] == WF_STEP_completed);
    CHECK(doubts() == 0);
    close_both();
}

TEST(a_claim_in_doubt_is_nobodys_until_it_is_settled)
{
    int64_t fence, told = 0;
    struct answer answer;

    open_both("confirm? thank!");
    fence = doubt("confirm");
    answer = submit_to(&heir, "confirm", false, &told);
    CHECK(answer.status == WF_DOUBTFUL && told == fence && !heir.slot);
    CHECK(submit_to(&hand, "confirm", true, &told).status == WF_DOUBTFUL && told == fence);
    CHECK(settle("confirm", fence + 1, true).status == WF_STALE);
    CHECK(settle_as("confirm", 2, fence, true).status == WF_STALE);
    CHECK(settle("nothing", fence, true).status == WF_NOT_FOUND);
    CHECK(settle("thank", fence, true).status == WF_STALE);
    CHECK(doubts() == 1);
    answer = settle("confirm", fence, true);
    CHECK(answer.status == WF_OK && answer.steps[0] == WF_STEP_completed && events_of_answer == 3);
    CHECK(answer.steps[1] == WF_STEP_ready && doubts() == 0);
    CHECK(settle("confirm", fence, false).status == WF_STALE && events_of_answer == 0);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&heir, "thank")); /* though it is a `now` step: there is no caller */
    CHECK(finish(&heir, flow, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_both();
}

TEST(a_claim_settled_as_not_accepted_is_free_without_a_trace)
{
    int64_t fence, version;
    struct answer answer;

    open_both("confirm?");
    version = look(engine, id).version;
    fence = doubt("confirm");
    answer = settle("confirm", fence, false);
    CHECK(answer.status == WF_OK && answer.version == version && events_of_answer == 0);
    CHECK(doubts() == 0);
    CHECK(pledge(&heir, "confirm") > fence);
    CHECK(finish(&heir, flow, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    close_both();
}

/* ---- Whoever loses it leaves it in doubt ---- */

TEST(a_pledged_claim_that_is_taken_over_is_in_doubt)
{
    int64_t fence;

    open_both("confirm?");
    fence = pledge(&hand, "confirm");
    take_over(other);
    CHECK(doubts() == 1 && submit(&heir, "confirm") == WF_DOUBTFUL);
    CHECK(settle("confirm", fence, true).run == WF_RUN_done);
    CHECK(finish(&hand, flow, WF_COMMAND_ACCEPT).status == WF_STALE);
    close_both();
}

TEST(the_late_word_of_its_holder_counts_while_it_is_in_doubt)
{
    static const enum wf_command_kind ways[] = {WF_COMMAND_REJECT, WF_COMMAND_CANCEL,
                                                WF_COMMAND_ACCEPT};

    for (int i = 0; i < 3; i++) {
        int64_t fence;

        open_both("confirm?");
        fence = pledge(&hand, "confirm");
        take_over(other);
        CHECK(doubts() == 1);
        if (ways[i] == WF_COMMAND_CANCEL) { /* stands here for one that just goes back */
            wf_hand_give_back(&hand);
            UNTIL(in_hand(other) == 0);
        } else {
            CHECK(finish(&hand, flow, ways[i]).status == WF_OK);
        }
        CHECK(doubts() == 0 && settle("confirm", fence, true).status == WF_STALE);
        CHECK(submit(&heir, "confirm") == (ways[i] == WF_COMMAND_ACCEPT ? WF_NOT_WAITING : WF_OK));
        wf_hand_give_back(&heir);
        UNTIL(in_hand(engine) == 0);
        close_both();
    }
}

/* Fences begin anew in a new round: another's claim may have the same. */
TEST(the_late_word_of_an_earlier_round_frees_no_doubt)
{
    int64_t fence;

    open_both("confirm?");
    CHECK(submit(&hand, "confirm") == WF_OK); /* not pledged: so a person can ask again */
    fence = wf_hand_claim(&hand)->fence;
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "confirm").status == WF_OK);
    CHECK(pledge(&heir, "confirm") == fence);
    wf_hand_doubt(&heir);
    UNTIL(doubts() == 1);
    wf_hand_give_back(&hand);
    UNTIL(in_hand(other) == 0);
    CHECK(doubts() == 1 && settle_as("confirm", 2, fence, true).status == WF_OK);
    close_both();
}

TEST(a_pledged_claim_still_held_when_its_engine_stops_is_in_doubt)
{
    int64_t fence;

    open_both("confirm?");
    fence = pledge(&hand, "confirm");
    CHECK(!wf_engine_stop(other, 0));
    wf_engine_free(other);
    other = NULL;
    CHECK(doubts() == 1 && settle("confirm", fence, true).run == WF_RUN_done);
    close_both();
}

TEST(an_accept_that_nobody_waits_for_any_more_counts_or_is_in_doubt)
{
    struct wf_op *op;

    open_both("confirm?");
    pledge(&hand, "confirm");
    op = prepare_finish(other, &hand, flow, WF_COMMAND_ACCEPT);
    wf_op_abandon(other, &hand, op); /* before it was posted */
    UNTIL(doubts() == 1);
    UNTIL(in_hand(other) == 0);
    CHECK(look(engine, id).run == WF_RUN_waiting);
    close_both();
}

TEST(a_claim_that_nobody_has_heard_of_goes_back)
{
    struct wf_op *op;

    open_both("confirm?");
    op = wf_op_prepare(other, &hand, WF_OP_CLAIM_WAIT);
    op->run_id = id;
    op->step = WF_BYTES("confirm");
    op->pledged = true;
    wf_turnstile_take(&engine->turnstile, ANSWER_MS, NULL);
    CHECK(wf_op_wait(other, op, &hand.taker, 0) == WF_TIMED_OUT);
    wf_op_abandon(other, &hand, op);
    wf_turnstile_give(&engine->turnstile);
    UNTIL(in_hand(other) == 0);
    CHECK(doubts() == 0 && submit(&heir, "confirm") == WF_OK);
    wf_hand_give_back(&heir);
    UNTIL(in_hand(engine) == 0);
    close_both();
}

/* ---- Nothing comes before the verdict ---- */

TEST(an_await_in_doubt_expires_once_its_claim_is_free)
{
    struct graph graph;
    int64_t fence, another;

    graph_read(&graph, "confirm?");
    graph.steps[0].expires_ms = HOUR_MS;
    open_with_graph(&graph);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    fence = doubt("confirm");
    another = start_run(engine, NULL, flow, "another").id;
    wf_engine_travel(engine, HOUR_MS);
    UNTIL(look(engine, another).run == WF_RUN_expired); /* so the timers have been looked at */
    CHECK(look(engine, id).run == WF_RUN_waiting && submit(&heir, "confirm") == WF_DOUBTFUL);
    CHECK(settle("confirm", fence, false).status == WF_OK);
    UNTIL(look(engine, id).run == WF_RUN_expired);
    close_both();
}

TEST(no_other_await_of_its_run_expires_before_the_verdict)
{
    struct graph graph;
    int64_t fence, another;

    graph_read(&graph, "confirm? pay?<");
    graph.steps[1].expires_ms = HOUR_MS;
    open_with_graph(&graph);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    fence = pledge(&hand, "confirm");
    another = start_run(engine, NULL, flow, "another").id;
    wf_engine_travel(engine, HOUR_MS);
    UNTIL(look(engine, another).run == WF_RUN_expired);
    CHECK(look(engine, id).run == WF_RUN_waiting);
    wf_hand_doubt(&hand);
    UNTIL(doubts() == 1);
    CHECK(settle("confirm", fence, true).steps[0] == WF_STEP_completed);
    UNTIL(look(engine, id).run == WF_RUN_expired);
    close_both();
}

TEST(a_run_whose_expired_await_is_about_to_end_it_takes_no_pledge)
{
    struct graph graph;

    graph_read(&graph, "confirm? pay?<");
    graph.steps[1].expires_ms = HOUR_MS;
    graph.steps[1].otherwise = WF_BYTES("forget");
    open_with_graph(&graph);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    wf_engine_travel(engine, HOUR_MS);
    CHECK(take(&heir, "forget"));
    CHECK(submit_to(&hand, "confirm", true, NULL).status == WF_BUSY && !hand.slot);
    CHECK(submit(&hand, "confirm") == WF_OK); /* any other claim may be cut off */
    wf_hand_give_back(&hand);
    CHECK(finish(&heir, flow, WF_COMMAND_FAIL).steps[1] == WF_STEP_failed);
    UNTIL(in_hand(other) == 0);
    pledge(&hand, "confirm");
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "").status == WF_BUSY);
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "pay").status == WF_BUSY);
    CHECK(finish(&hand, flow, WF_COMMAND_REJECT).status == WF_OK);
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "").status == WF_OK);
    CHECK(take(&heir, "forget"));
    CHECK(finish(&heir, flow, WF_COMMAND_COMPLETE).run == WF_RUN_expired);
    close_both();
}

TEST(no_new_round_takes_a_pledged_await_away)
{
    int64_t fence;

    open_both("create! confirm? pay?<");
    CHECK(claim(&heir, WF_OP_CLAIM_STEP, id, "create").status == WF_OK);
    finish(&heir, flow, WF_COMMAND_COMPLETE);
    fence = pledge(&hand, "confirm");
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "create").status == WF_BUSY);
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "confirm").status == WF_BUSY);
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "pay").status == WF_OK); /* beside it */
    wf_hand_doubt(&hand);
    UNTIL(doubts() == 1);
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "create").status == WF_BUSY);
    CHECK(settle("confirm", fence, false).status == WF_OK);
    CHECK(change(engine, flow, WF_COMMAND_RETRY, id, "create").rounds[1] == 2);
    close_both();
}

static void open_group(bool early)
{
    struct graph graph;

    graph_read(&graph, "yes? no?< later!< never?<later");
    for (int i = 0; i < 4; i++) {
        graph.steps[i].either = graph.steps[i].kind == WF_STEP_AWAIT;
        graph.steps[i].early = early && graph.steps[i].either;
    }
    open_with_graph(&graph);
}

TEST(of_a_group_nobody_else_is_asked_before_the_verdict)
{
    int64_t fence;

    open_group(false);
    CHECK(submit(&heir, "no") == WF_OK);
    CHECK(submit_to(&hand, "yes", true, NULL).status == WF_BUSY && !hand.slot);
    CHECK(submit(&hand, "yes") == WF_OK); /* the first of them that is accepted */
    wf_hand_give_back(&hand);
    wf_hand_give_back(&heir);
    UNTIL(in_hand(engine) == 0 && in_hand(other) == 0);
    fence = pledge(&hand, "yes");
    CHECK(submit(&heir, "no") == WF_BUSY);
    CHECK(submit_to(&heir, "no", true, NULL).status == WF_BUSY && !heir.slot);
    wf_hand_doubt(&hand);
    UNTIL(doubts() == 1);
    CHECK(submit(&heir, "no") == WF_BUSY);
    CHECK(settle("yes", fence, true).steps[1] == WF_STEP_skipped);
    close_both();
}

/* The lease on that await is over, and nobody has claimed it again. */
static void let_lapse(int step)
{
    struct wf_store_options options = {.path = path, .busy_ms = 5000};
    struct wf_wait_row row = {.run_id = id, .step = step};
    struct wf_store *store;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.begin(store, NULL) == WF_OK);
    CHECK(wf_store_sqlite.wait_get(store, &row, NULL) == WF_OK && row.owner > 0);
    CHECK(wf_store_sqlite.wait_release(store, &row, NULL) == WF_OK);
    CHECK(wf_store_sqlite.commit(store, NULL) == WF_OK);
    wf_store_sqlite.close(store);
}

TEST(no_late_word_of_a_group_comes_before_the_verdict)
{
    for (int accepted = 0; accepted < 2; accepted++) {
        int64_t fence;

        open_group(false);
        CHECK(submit(&heir, "no") == WF_OK);
        let_lapse(1);
        fence = pledge(&hand, "yes");
        CHECK(finish(&heir, flow, WF_COMMAND_ACCEPT).status == WF_STALE);
        CHECK(look(engine, id).steps[0] == WF_STEP_waiting);
        wf_hand_doubt(&hand);
        UNTIL(doubts() == 1);
        CHECK(settle("yes", fence, accepted).steps[1] ==
              (accepted ? WF_STEP_skipped : WF_STEP_waiting));
        close_both();
    }
}

TEST(the_late_word_of_a_group_counts_while_nothing_is_pledged)
{
    open_group(false);
    CHECK(submit(&heir, "no") == WF_OK);
    let_lapse(1);
    pledge(&hand, "yes");
    CHECK(finish(&hand, flow, WF_COMMAND_REJECT).status == WF_OK);
    CHECK(finish(&heir, flow, WF_COMMAND_ACCEPT).steps[0] == WF_STEP_skipped);
    close_both();
}

TEST(no_input_comes_early_for_a_group_before_the_verdict)
{
    open_group(true);
    pledge(&hand, "yes");
    CHECK(change(engine, flow, WF_COMMAND_KEEP, id, "never").status == WF_BUSY);
    CHECK(finish(&hand, flow, WF_COMMAND_REJECT).status == WF_OK);
    CHECK(change(engine, flow, WF_COMMAND_KEEP, id, "never").status == WF_OK);
    CHECK(submit_to(&hand, "yes", true, NULL).status == WF_BUSY && !hand.slot);
    CHECK(submit(&hand, "yes") == WF_OK);
    CHECK(finish(&hand, flow, WF_COMMAND_ACCEPT).steps[3] == WF_STEP_skipped);
    close_both();
}

TEST(a_person_does_not_skip_what_is_in_doubt)
{
    int64_t fence;

    open_both("confirm?");
    fence = doubt("confirm");
    CHECK(change(engine, flow, WF_COMMAND_OMIT, id, "confirm").status == WF_BUSY);
    CHECK(settle("confirm", fence, false).status == WF_OK);
    CHECK(change(engine, flow, WF_COMMAND_OMIT, id, "confirm").run == WF_RUN_done);
    close_both();
}

TEST(a_halted_run_waits_for_the_verdict_on_a_claim_in_doubt)
{
    for (int i = 0; i < 4; i++) {
        bool cancelled = i % 2, accepted = i / 2;
        enum wf_command_kind kind = cancelled ? WF_COMMAND_CANCEL : WF_COMMAND_PAUSE;
        struct answer answer;
        int64_t fence;

        open_both("confirm? thank");
        fence = doubt("confirm");
        answer = change(engine, flow, kind, id, "");
        CHECK(answer.run == (cancelled ? WF_RUN_running : WF_RUN_paused));
        CHECK(answer.steps[0] == WF_STEP_waiting && doubts() == 1);
        CHECK(submit(&heir, "confirm") == WF_DOUBTFUL);
        answer = settle("confirm", fence, accepted);
        CHECK(answer.status == WF_OK && events_of_answer > 0 && doubts() == 0);
        CHECK(answer.run == (cancelled ? WF_RUN_cancelled : WF_RUN_paused));
        CHECK(answer.steps[0] == (accepted    ? WF_STEP_completed
                                  : cancelled ? WF_STEP_cancelled
                                              : WF_STEP_waiting));
        if (!cancelled) {
            answer = change(engine, flow, WF_COMMAND_RESUME, id, "");
            CHECK(answer.steps[0] == (accepted ? WF_STEP_completed : WF_STEP_waiting));
            CHECK(accepted || pledge(&hand, "confirm") > fence);
            wf_hand_give_back(&hand);
            UNTIL(in_hand(other) == 0);
        }
        close_both();
    }
}

TEST(a_doubt_outlives_a_pause)
{
    int64_t fence;

    open_both("confirm?");
    fence = doubt("confirm");
    change(engine, flow, WF_COMMAND_PAUSE, id, "");
    change(engine, flow, WF_COMMAND_RESUME, id, "");
    CHECK(doubts() == 1 && submit(&heir, "confirm") == WF_DOUBTFUL);
    CHECK(settle("confirm", fence, true).run == WF_RUN_done);
    close_both();
}
