/*
 * Halted runs in a real engine: who holds what is read from the claims, and nobody who lets go of one is
 * waited for. Two engines on one file stand for two processes.
 */
#include "engine_support.h"
#include "store_compare.h"

static char path[400];
static struct wf_definition *flow;

static void begin(const char *line)
{
    new_path(path, "store");
    flow = define(line);
}

static void finish_test(void)
{
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(flow);
}

static struct answer halt(struct wf_engine *engine, enum wf_command_kind kind, int64_t id)
{
    return change(engine, flow, kind, id, "");
}

/* The same two processes again and again: `other` works, `engine` is asked. */
static struct wf_engine *engine, *other;
static struct wf_hand hand, second;

static int64_t open_both(const char *line)
{
    begin(line);
    other = open_engine(path);
    engine = open_engine(path);
    hand = hand_of(other);
    second = hand_of(other);
    wf_engine_work(other, 2, WF_BYTES("other"));
    return start_run(engine, NULL, flow, "key").id;
}

static void close_both(void)
{
    close_engine(other);
    close_engine(engine);
    finish_test();
}

TEST(a_cancelled_run_is_over_when_its_last_holder_ends_or_lets_go)
{
    int64_t id = open_both("a b<");
    struct answer answer;

    CHECK(wf_hand_take(&hand, ANSWER_MS) == WF_OK && wf_hand_take(&second, ANSWER_MS) == WF_OK);
    answer = halt(engine, WF_COMMAND_CANCEL, id);
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_running);
    CHECK(halt(engine, WF_COMMAND_CANCEL, id).version == answer.version);
    answer = finish(&hand, flow, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_running);
    wf_hand_give_back(&second);
    UNTIL(look(engine, id).run == WF_RUN_cancelled);
    close_both();
}

TEST(an_interrupted_step_of_a_cancelled_run_is_not_begun_again)
{
    int64_t id = open_both("a");

    CHECK(take(&hand, "a"));
    wf_hand_enter(&hand);
    CHECK(halt(engine, WF_COMMAND_CANCEL, id).run == WF_RUN_running);
    CHECK(!wf_engine_stop(other, 0)); /* it held something: that is given up */
    wf_engine_free(other);
    CHECK(look(engine, id).run == WF_RUN_cancelled);
    CHECK(look(engine, id).attempts[0] == 1);
    close_engine(engine);
    finish_test();
}

TEST(what_a_stopped_process_had_not_begun_is_hidden_in_a_paused_run)
{
    int64_t id = open_both("a");

    CHECK(take(&hand, "a"));
    CHECK(halt(engine, WF_COMMAND_PAUSE, id).run == WF_RUN_paused);
    CHECK(!wf_engine_stop(other, 0));
    wf_engine_free(other);
    CHECK(look(engine, id).steps[0] == WF_STEP_ready);
    CHECK(look(engine, id).version == 4); /* started, scheduled, paused, scheduled again */
    hand = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("heir"));
    CHECK(wf_hand_take(&hand, 0) == WF_TIMED_OUT);
    CHECK(halt(engine, WF_COMMAND_RESUME, id).run == WF_RUN_running);
    CHECK(take(&hand, "a") && wf_hand_claim(&hand)->attempt == 1);
    CHECK(finish(&hand, flow, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_engine(engine);
    finish_test();
}

TEST(a_submit_that_is_given_back_in_a_paused_run_leaves_it_paused)
{
    int64_t id = open_both("confirm?");

    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(halt(engine, WF_COMMAND_PAUSE, id).run == WF_RUN_paused);
    CHECK(claim(&second, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_NOT_WAITING);
    wf_hand_give_back(&hand);
    UNTIL(look(engine, id).version == 4); /* started, requested, paused, lost */
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_NOT_WAITING);
    CHECK(halt(engine, WF_COMMAND_RESUME, id).run == WF_RUN_waiting);
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(finish(&hand, flow, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    close_both();
}

TEST(a_holder_halts_the_run_instead_of_running_its_step)
{
    int64_t id = open_both("a b");
    struct answer answer;

    CHECK(take(&hand, "a"));
    answer = finish(&hand, flow, WF_COMMAND_PAUSE);
    CHECK(answer.run == WF_RUN_paused && answer.steps[0] == WF_STEP_ready);
    CHECK(!wf_hand_claim(&hand));
    CHECK(halt(engine, WF_COMMAND_RESUME, id).run == WF_RUN_running);
    CHECK(take(&hand, "a"));
    CHECK(finish(&hand, flow, WF_COMMAND_CANCEL).run == WF_RUN_cancelled);
    close_both();
}

/* The rows of a paused run are deleted, and come back: a claim of before must not fit them. */
TEST(fences_go_on_where_they_were_when_a_run_is_resumed)
{
    int64_t id = open_both("a");

    for (int64_t fence = 1; fence <= 3; fence++) {
        CHECK(take(&hand, "a") && wf_hand_claim(&hand)->fence == fence);
        wf_hand_give_back(&hand);
    }
    wf_engine_quiet(other);
    CHECK(change(other, flow, WF_COMMAND_OMIT, id, "none").status ==
          WF_NOT_FOUND); /* answered: what it was about to claim it has by now */
    while (wf_hand_take(&hand, 0) == WF_OK) {
        wf_hand_give_back(&hand);
    }
    UNTIL(in_hand(other) == 0);
    CHECK(halt(engine, WF_COMMAND_PAUSE, id).run == WF_RUN_paused);
    CHECK(halt(engine, WF_COMMAND_RESUME, id).run == WF_RUN_running);
    hand = hand_of(engine);
    CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, "a").status == WF_OK);
    CHECK(wf_hand_claim(&hand)->fence > 3);
    CHECK(finish(&hand, flow, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_both();
}

/* Its row was hidden, and comes back: nobody has claimed it meanwhile, and its late result does not fit it all the same. */
TEST(what_was_refused_in_a_paused_run_is_refused_when_it_is_resumed)
{
    int64_t fence, id = open_both("a");
    struct wf_op *op;

    CHECK(take(&hand, "a"));
    fence = wf_hand_claim(&hand)->fence;
    wf_hand_enter(&hand);
    wf_engine_quiet(other);
    CHECK(halt(engine, WF_COMMAND_PAUSE, id).run == WF_RUN_paused);
    op = wf_op_prepare(other, NULL, WF_OP_TAKEOVER);
    op->owner = other->committer.owner;
    op->entry = wf_liveness_self(&other->liveness);
    CHECK(ask(other, NULL, op).status == WF_OK);
    CHECK(finish(&hand, flow, WF_COMMAND_COMPLETE).status == WF_STALE);
    CHECK(halt(engine, WF_COMMAND_RESUME, id).run == WF_RUN_running);
    hand = hand_of(engine);
    CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, "a").status == WF_OK);
    CHECK(wf_hand_claim(&hand)->fence > fence + 1); /* a claim raises it by one */
    CHECK(finish(&hand, flow, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_both();
}

TEST(a_step_that_somebody_holds_is_not_skipped)
{
    int64_t id = open_both("a confirm?<");

    CHECK(take(&hand, "a"));
    CHECK(change(engine, flow, WF_COMMAND_OMIT, id, "a").status == WF_BUSY);
    CHECK(claim(&second, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(change(engine, flow, WF_COMMAND_OMIT, id, "confirm").status == WF_BUSY);
    wf_hand_give_back(&second);
    UNTIL(change(engine, flow, WF_COMMAND_OMIT, id, "confirm").status == WF_OK);
    CHECK(finish(&hand, flow, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_both();
}

/* Its copy, sent again where nobody knew of the commit, would be taken for the verdict on another's input. */
TEST(a_rejection_in_a_paused_run_leaves_its_claim_good_for_nothing)
{
    int64_t fence, id = open_both("confirm?");
    struct wf_hand first = hand_of(engine), second = hand_of(engine);

    CHECK(claim(&first, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    fence = wf_hand_claim(&first)->fence;
    CHECK(halt(engine, WF_COMMAND_PAUSE, id).run == WF_RUN_paused);
    CHECK(finish(&first, flow, WF_COMMAND_REJECT).run == WF_RUN_paused);
    CHECK(halt(engine, WF_COMMAND_RESUME, id).run == WF_RUN_waiting);
    CHECK(claim(&second, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(wf_hand_claim(&second)->fence > fence);
    wf_hand_give_back(&second);
    UNTIL(in_hand(engine) == 0);
    close_both();
}

TEST(what_a_caller_keeps_goes_back_with_its_step)
{
    int64_t id = open_both("a! b!< c!<");
    struct wf_hand caller = hand_of(engine);
    struct answer answer;

    (void)id;
    wf_engine_quiet(other);
    id = start_run(engine, &caller, flow, "kept").id;
    CHECK(holds(&caller, "a"));
    CHECK(halt(engine, WF_COMMAND_PAUSE, id).run == WF_RUN_paused);
    answer = finish(&caller, flow, WF_COMMAND_COMPLETE);
    CHECK(answer.run == WF_RUN_paused && !wf_hand_claim(&caller));
    CHECK(answer.steps[1] == WF_STEP_ready && answer.steps[2] == WF_STEP_ready);
    CHECK(halt(engine, WF_COMMAND_CANCEL, id).run == WF_RUN_cancelled);
    close_both();
}
