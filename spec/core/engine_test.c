/*
 * One engine on a real file: what is told to callers and workers, and that nothing is lost when a thread
 * goes away in the middle.
 */
#include "engine_support.h"
#include "store_compare.h"

/* A sanitizer's malloc ends the process, if it is not told to be as the system's. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static char path[400];
static struct wf_engine *engine;

static void open_new(void)
{
    engine = open_engine(new_path(path, "store"));
}

/* Every test ends so: nothing is in hand, and the file is what its log says. */
static void close_and_compare(void)
{
    UNTIL(in_hand(engine) == 0);
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
}

TEST(a_now_step_goes_to_the_callers_hand_and_a_later_one_to_a_worker)
{
    struct wf_definition *signup = define("create! mail");
    struct wf_hand caller, worker;
    struct answer answer;

    open_new();
    caller = hand_of(engine);
    worker = hand_of(engine);
    answer = start_run(engine, &caller, signup, "a");
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_running &&
          answer.steps[0] == WF_STEP_ready);
    CHECK(holds(&caller, "create"));
    wf_hand_enter(&caller);
    answer = finish(&caller, signup, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.steps[0] == WF_STEP_completed);
    CHECK(answer.steps[1] == WF_STEP_ready && !wf_hand_claim(&caller));
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&worker, "mail"));
    wf_hand_enter(&worker);
    post_finish(&worker, signup, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, answer.id).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(signup);
}

/* What no memory is enough for. */
static struct wf_bytes endless(void)
{
    return (struct wf_bytes){"endless", (size_t)1 << 60};
}

TEST(what_there_is_no_memory_for_is_not_recorded_as_empty)
{
    struct wf_definition *create = define("create!");
    struct wf_hand hand;
    struct wf_op *op;

    open_new();
    hand = hand_of(engine);
    op = prepare_start(engine, &hand, create, "a");
    op->birth.args = wf_op_keep(op, endless());
    CHECK(ask(engine, &hand, op).status == WF_NO_MEMORY && !hand.slot);
    CHECK(start_run(engine, &hand, create, "a").status == WF_OK && holds(&hand, "create"));
    op = prepare_finish(engine, &hand, create, WF_COMMAND_COMPLETE);
    op->command.payload = wf_op_keep(op, endless());
    CHECK(ask(engine, &hand, op).status == WF_NO_MEMORY && holds(&hand, "create"));
    op = prepare_finish(engine, &hand, create, WF_COMMAND_COMPLETE);
    op->command.payload = wf_op_keep(op, endless());
    CHECK(wf_op_post(engine, &hand, op) == WF_NO_MEMORY && holds(&hand, "create"));
    CHECK(finish(&hand, create, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(create);
}

/* Another process looks at the file while the engine is open. */
static void see_run(const struct child *parent, void *context)
{
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    struct wf_run_row row;
    struct wf_store *store;

    (void)parent;
    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.run_load(store, *(int64_t *)context, &row, NULL) == WF_OK);
    CHECK(decode(row.state, row.id).run == WF_RUN_waiting);
    wf_store_sqlite.close(store);
}

TEST(what_was_answered_is_on_disk)
{
    struct wf_definition *wait = define("confirm?");
    struct child child;
    struct answer answer;

    open_new();
    answer = start_run(engine, NULL, wait, "a");
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_waiting);
    child = start(see_run, &answer.id);
    end(&child);
    close_and_compare();
    wf_definition_release(wait);
}

TEST(a_second_start_of_an_open_unique_key_is_told_the_first)
{
    struct wf_definition *wait = define("confirm?");
    struct answer first, second;
    struct wf_hand hand;

    open_new();
    hand = hand_of(engine);
    first = start_run(engine, NULL, wait, "a");
    second = start_run(engine, &hand, wait, "a");
    CHECK(second.status == WF_EXISTING && second.id == first.id && second.run == WF_RUN_waiting);
    CHECK(second.version == first.version && !hand.slot);
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, first.id, "confirm").status == WF_OK);
    CHECK(finish(&hand, wait, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    CHECK(start_run(engine, NULL, wait, "a").status == WF_OK);
    close_and_compare();
    wf_definition_release(wait);
}

TEST(two_now_steps_side_by_side_are_both_the_callers)
{
    struct wf_definition *both = define("a! b!< c!<a,b");
    struct wf_hand hand;

    open_new();
    hand = hand_of(engine);
    start_run(engine, &hand, both, "a");
    CHECK(holds(&hand, "a"));
    finish(&hand, both, WF_COMMAND_COMPLETE);
    CHECK(holds(&hand, "b"));
    finish(&hand, both, WF_COMMAND_COMPLETE);
    CHECK(holds(&hand, "c"));
    CHECK(finish(&hand, both, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(both);
}

TEST(what_a_callers_call_released_is_nobody_elses_until_it_has_run_it)
{
    struct wf_definition *both = define("a! b!< c!<a,b");
    struct wf_hand hand, other, worker;
    struct answer answer;

    open_new();
    hand = hand_of(engine);
    other = hand_of(engine);
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    answer = start_run(engine, &hand, both, "a");
    CHECK(holds(&hand, "a"));
    CHECK(claim(&other, WF_OP_CLAIM_STEP, answer.id, "b").status == WF_BUSY && !other.slot);
    CHECK(wf_hand_take(&worker, 50) == WF_TIMED_OUT);
    answer = finish(&hand, both, WF_COMMAND_FAIL);
    CHECK(answer.steps[0] == WF_STEP_failed && answer.run == WF_RUN_running && holds(&hand, "b"));
    answer = finish(&hand, both, WF_COMMAND_COMPLETE);
    CHECK(answer.run == WF_RUN_failed && !hand.slot);
    close_and_compare();
    wf_definition_release(both);
}

TEST(what_a_caller_kept_is_everybodys_when_it_goes_away)
{
    struct wf_definition *both = define("a! b!< c!<");
    struct wf_hand hand, worker;
    int64_t id;

    open_new();
    hand = hand_of(engine);
    worker = hand_of(engine);
    id = start_run(engine, &hand, both, "a").id;
    wf_hand_enter(&hand);
    wf_hand_give_back(&hand);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    for (int i = 0; i < 3; i++) {
        CHECK(wf_hand_take(&worker, ANSWER_MS) == WF_OK);
        post_finish(&worker, both, WF_COMMAND_COMPLETE);
    }
    CHECK(!wf_hand_claim(&worker));
    UNTIL(in_hand(engine) == 0);
    CHECK(look(engine, id).run == WF_RUN_done);
    CHECK(look(engine, id).attempts[0] == 2 && look(engine, id).attempts[1] == 1);
    close_and_compare();
    wf_definition_release(both);
}

TEST(a_worker_asks_the_conditions_of_an_await_and_opens_it)
{
    struct graph graph;
    struct wf_definition *ask_first;
    struct wf_hand worker;
    int64_t id;

    graph_read(&graph, "a confirm? b");
    graph.steps[1].asks = true;
    ask_first = graph_define(&graph, true);
    open_new();
    worker = hand_of(engine);
    id = start_run(engine, NULL, ask_first, "a").id;
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&worker, "a"));
    CHECK(finish(&worker, ask_first, WF_COMMAND_COMPLETE).steps[1] == WF_STEP_ready);
    CHECK(holds(&worker, "confirm") && wf_hand_claim(&worker)->mode == WF_MODE_ASK);
    CHECK(finish(&worker, ask_first, WF_COMMAND_OPEN).run == WF_RUN_waiting);
    CHECK(claim(&worker, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(finish(&worker, ask_first, WF_COMMAND_ACCEPT).steps[2] == WF_STEP_ready);
    CHECK(take(&worker, "b"));
    CHECK(finish(&worker, ask_first, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(ask_first);
}

TEST(a_delayed_step_is_a_workers_when_its_time_has_come)
{
    struct graph graph;
    struct wf_definition *delayed;
    struct wf_hand hand, worker;

    graph_read(&graph, "a! b!");
    graph.steps[1].wait_ms = 60000;
    delayed = graph_define(&graph, true);
    open_new();
    hand = hand_of(engine);
    worker = hand_of(engine);
    start_run(engine, &hand, delayed, "a");
    CHECK(finish(&hand, delayed, WF_COMMAND_COMPLETE).run == WF_RUN_scheduled && !hand.slot);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(wf_hand_take(&worker, 50) == WF_TIMED_OUT);
    wf_engine_travel(engine, 60001);
    CHECK(take(&worker, "b"));
    CHECK(finish(&worker, delayed, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(delayed);
}

TEST(a_submit_is_claimed_rejected_claimed_again_and_accepted)
{
    struct wf_definition *confirm = define("confirm? thank!");
    struct wf_hand first, second;
    struct answer answer;
    int64_t id;

    open_new();
    first = hand_of(engine);
    second = hand_of(engine);
    id = start_run(engine, NULL, confirm, "a").id;
    CHECK(claim(&first, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK &&
          holds(&first, "confirm"));
    CHECK(claim(&second, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_BUSY && !second.slot);
    answer = finish(&first, confirm, WF_COMMAND_REJECT);
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_waiting && !first.slot);
    CHECK(claim(&second, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(finish(&second, confirm, WF_COMMAND_ACCEPT).steps[1] == WF_STEP_ready);
    CHECK(holds(&second, "thank"));
    CHECK(claim(&first, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_NOT_WAITING);
    CHECK(claim(&first, WF_OP_CLAIM_WAIT, id, "nothing").status == WF_NOT_FOUND);
    CHECK(claim(&first, WF_OP_CLAIM_WAIT, id + 1, "confirm").status == WF_NOT_FOUND && !first.slot);
    CHECK(finish(&second, confirm, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(confirm);
}

static struct wf_definition *expiring(int64_t expires_ms, const char *otherwise)
{
    struct graph graph;

    graph_read(&graph, "confirm? thank");
    graph.steps[0].expires_ms = expires_ms;
    graph.steps[0].otherwise = text(otherwise);
    return graph_define(&graph, true);
}

TEST(an_await_expires_when_its_time_has_come)
{
    struct wf_definition *confirm = expiring(3600000, "forget"), *bare = expiring(7200000, "");
    struct wf_hand worker;
    int64_t id, other;

    open_new();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, confirm, "a").id;
    other = start_run(engine, NULL, bare, "b").id;
    wf_engine_travel(engine, 3600000);
    CHECK(take(&worker, "forget"));
    post_finish(&worker, confirm, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_expired);
    CHECK(look(engine, other).run == WF_RUN_waiting);
    wf_engine_travel(engine, 3600000);
    UNTIL(look(engine, other).run == WF_RUN_expired);
    close_and_compare();
    wf_definition_release(confirm);
    wf_definition_release(bare);
}

TEST(a_claim_beats_expiry_and_expiry_comes_when_the_claim_ends_unaccepted)
{
    struct wf_definition *confirm = expiring(3600000, "");
    struct wf_hand hand;
    int64_t id, other;

    open_new();
    hand = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, confirm, "a").id;
    other = start_run(engine, NULL, confirm, "b").id;
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    wf_engine_travel(engine, 3600000);
    UNTIL(look(engine, other).run == WF_RUN_expired); /* so the timers have been looked at */
    CHECK(look(engine, id).run == WF_RUN_waiting);
    CHECK(finish(&hand, confirm, WF_COMMAND_REJECT).status == WF_OK);
    UNTIL(look(engine, id).run == WF_RUN_expired);
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_NOT_WAITING);
    close_and_compare();
    wf_definition_release(confirm);
}

TEST(a_late_submit_is_refused_though_nobody_has_looked_at_the_timer)
{
    struct wf_definition *confirm = expiring(3600000, "");
    struct wf_hand hand;
    int64_t id;

    open_new(); /* no worker: nobody fires timers */
    hand = hand_of(engine);
    id = start_run(engine, NULL, confirm, "a").id;
    wf_engine_travel(engine, 3600000);
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_NOT_WAITING && !hand.slot);
    close_and_compare();
    wf_definition_release(confirm);
}

/* ---- Reminders, and inputs that come early ---- */

/* An await that expires after two hours, and of which somebody is reminded after one. */
static struct wf_definition *reminding(void)
{
    struct graph graph;

    graph_read(&graph, "confirm?");
    graph.steps[0].expires_ms = 7200000;
    graph.steps[0].remind_ms = 3600000;
    graph.steps[0].remind = WF_BYTES("nudge");
    return graph_define(&graph, true);
}

/* A worker has the reminder of a run that waits. */
static int64_t take_reminder(struct wf_definition *confirm, struct wf_hand *worker)
{
    int64_t id;

    *worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, confirm, "a").id;
    wf_engine_travel(engine, 3600000);
    CHECK(take(worker, "nudge"));
    CHECK(wf_hand_claim(worker)->mode == WF_MODE_REMIND && !wf_hand_claim(worker)->await &&
          wf_hand_claim(worker)->attempt == 1);
    CHECK(look(engine, id).run == WF_RUN_waiting);
    wf_hand_enter(worker);
    return id;
}

TEST(a_reminder_and_a_submit_of_one_await_do_not_disturb_each_other)
{
    struct wf_definition *confirm = reminding();
    struct wf_hand caller, worker;
    int64_t id;

    open_new();
    caller = hand_of(engine);
    id = take_reminder(confirm, &worker);
    CHECK(claim(&caller, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(wf_hand_claim(&caller)->await && wf_hand_claim(&caller)->mode == WF_MODE_STEP);
    CHECK(finish(&worker, confirm, WF_COMMAND_FAIL).status == WF_OK);
    wf_engine_travel(engine, 60000); /* the next try is due, and waits for the verdict */
    CHECK(finish(&caller, confirm, WF_COMMAND_REJECT).status == WF_OK);
    CHECK(take(&worker, "nudge") && wf_hand_claim(&worker)->attempt == 2);
    CHECK(claim(&caller, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(finish(&worker, confirm, WF_COMMAND_COMPLETE).run == WF_RUN_waiting);
    CHECK(finish(&caller, confirm, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(confirm);
}

TEST(a_reminder_that_asks_is_told_that_it_stands_until_its_await_is_over)
{
    struct wf_definition *confirm = reminding();
    struct wf_hand caller, worker;
    struct wf_error error;
    bool stands = false, cancelling;
    int64_t id;

    open_new();
    caller = hand_of(engine);
    id = take_reminder(confirm, &worker);
    CHECK(wf_engine_claim_stands(engine, wf_hand_claim(&worker), &stands, &cancelling, &error) ==
          WF_OK);
    CHECK(stands && !cancelling);
    CHECK(claim(&caller, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(finish(&caller, confirm, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    CHECK(wf_engine_claim_stands(engine, wf_hand_claim(&worker), &stands, &cancelling, &error) ==
          WF_OK);
    CHECK(!stands);
    CHECK(finish(&worker, confirm, WF_COMMAND_COMPLETE).status == WF_STALE);
    close_and_compare();
    wf_definition_release(confirm);
}

TEST(what_a_reminder_gives_after_its_await_is_over_is_refused)
{
    struct wf_definition *confirm = reminding();
    struct wf_hand caller, worker;
    int64_t id;

    open_new();
    caller = hand_of(engine);
    id = take_reminder(confirm, &worker);
    CHECK(claim(&caller, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(finish(&caller, confirm, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    CHECK(finish(&worker, confirm, WF_COMMAND_COMPLETE).status == WF_STALE);
    CHECK(change(engine, confirm, WF_COMMAND_RETRY, id, "confirm").run == WF_RUN_waiting);
    wf_engine_travel(engine, 3600000);
    CHECK(take(&worker, "nudge") && wf_hand_claim(&worker)->round == 2);
    wf_engine_travel(engine, 3600000);
    UNTIL(look(engine, id).run == WF_RUN_expired);
    CHECK(finish(&worker, confirm, WF_COMMAND_FAIL).status == WF_STALE);
    close_and_compare();
    wf_definition_release(confirm);
}

TEST(a_claim_on_one_try_of_a_reminder_is_none_on_the_next)
{
    struct wf_definition *confirm = reminding();
    struct wf_claim first;
    struct wf_hand worker;
    int64_t id;

    open_new();
    id = take_reminder(confirm, &worker);
    first = *wf_hand_claim(&worker);
    CHECK(finish(&worker, confirm, WF_COMMAND_FAIL).status == WF_OK);
    wf_engine_travel(engine, 60000);
    CHECK(take(&worker, "nudge"));
    CHECK(wf_hand_claim(&worker)->fence > first.fence + 1);
    wf_hand_give_back(&worker);
    UNTIL(in_hand(engine) == 1); /* it comes again, untouched */
    CHECK(take(&worker, "nudge") && wf_hand_claim(&worker)->attempt == 2);
    wf_hand_enter(&worker);
    wf_hand_give_back(&worker); /* interrupted: the next one */
    CHECK(take(&worker, "nudge") && wf_hand_claim(&worker)->attempt == 3);
    wf_hand_enter(&worker);
    wf_hand_give_back(&worker); /* and that was all */
    UNTIL(in_hand(engine) == 0);
    CHECK(wf_hand_take(&worker, 0) == WF_TIMED_OUT && look(engine, id).run == WF_RUN_waiting);
    close_and_compare();
    wf_definition_release(confirm);
}

/* An await that takes an input early; `asks`: with conditions. */
static struct wf_definition *early(bool asks)
{
    struct graph graph;

    graph_read(&graph, "a confirm? thank!");
    graph.steps[1].early = true;
    graph.steps[1].asks = asks;
    return graph_define(&graph, true);
}

TEST(an_early_input_is_judged_in_the_same_breath_after_its_conditions)
{
    struct wf_definition *order = early(true);
    struct wf_hand worker, caller;
    int64_t id, asked;

    open_new();
    worker = hand_of(engine);
    caller = hand_of(engine);
    id = start_run(engine, NULL, order, "a").id;
    CHECK(change(engine, order, WF_COMMAND_KEEP, id, "confirm").status == WF_OK);
    CHECK(change(engine, order, WF_COMMAND_KEEP, id, "thank").status == WF_NOT_WAITING);
    CHECK(claim(&worker, WF_OP_CLAIM_STEP, id, "a").status == WF_OK);
    wf_hand_enter(&worker);
    CHECK(finish(&worker, order, WF_COMMAND_COMPLETE).status == WF_OK);
    CHECK(wf_hand_claim(&worker) && wf_hand_claim(&worker)->mode == WF_MODE_ASK);
    wf_hand_enter(&worker);
    asked = wf_hand_claim(&worker)->fence;
    CHECK(finish(&worker, order, WF_COMMAND_OPEN).status == WF_OK);
    CHECK(wf_hand_claim(&worker) && wf_hand_claim(&worker)->mode == WF_MODE_JUDGE &&
          wf_hand_claim(&worker)->fence >
              asked); /* so that no mark of the asking is one of the judging */
    CHECK(claim(&caller, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_BUSY);
    CHECK(change(engine, order, WF_COMMAND_KEEP, id, "confirm").status == WF_BUSY);
    wf_hand_enter(&worker);
    CHECK(finish(&worker, order, WF_COMMAND_ACCEPT).status == WF_OK && holds(&worker, "thank"));
    wf_hand_enter(&worker);
    CHECK(finish(&worker, order, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    CHECK(claim(&caller, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_NOT_WAITING);
    close_and_compare();
    wf_definition_release(order);
}

TEST(an_early_input_that_is_refused_leaves_an_await_that_anybody_can_submit_to)
{
    struct wf_definition *order = early(false);
    struct wf_hand worker, caller;
    int64_t id;

    open_new();
    worker = hand_of(engine);
    caller = hand_of(engine);
    id = start_run(engine, NULL, order, "a").id;
    CHECK(change(engine, order, WF_COMMAND_KEEP, id, "confirm").status == WF_OK);
    CHECK(claim(&worker, WF_OP_CLAIM_STEP, id, "a").status == WF_OK);
    wf_hand_enter(&worker);
    CHECK(finish(&worker, order, WF_COMMAND_COMPLETE).status == WF_OK);
    CHECK(wf_hand_claim(&worker) && wf_hand_claim(&worker)->mode == WF_MODE_JUDGE);
    wf_hand_enter(&worker);
    CHECK(finish(&worker, order, WF_COMMAND_REJECT).run == WF_RUN_waiting &&
          !wf_hand_claim(&worker));
    CHECK(claim(&caller, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
    CHECK(finish(&caller, order, WF_COMMAND_ACCEPT).status == WF_OK && holds(&caller, "thank"));
    wf_hand_enter(&caller);
    CHECK(finish(&caller, order, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(order);
}

TEST(a_failed_attempt_is_tried_again_when_its_timer_is_due)
{
    struct graph graph;
    struct wf_definition *mail;
    struct wf_hand worker;
    struct answer answer;
    int64_t id;

    graph_read(&graph, "mail");
    graph.steps[0].retries = 1;
    graph.steps[0].backoff_ms = 60000;
    mail = graph_define(&graph, false);
    open_new();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, mail, "a").id;
    CHECK(take(&worker, "mail"));
    wf_hand_enter(&worker);
    post_finish(&worker, mail, WF_COMMAND_FAIL);
    UNTIL(look(engine, id).run == WF_RUN_retrying);
    CHECK(wf_hand_take(&worker, 0) == WF_TIMED_OUT);
    wf_engine_travel(engine, 60000);
    CHECK(take(&worker, "mail") && wf_hand_claim(&worker)->attempt == 2);
    wf_hand_enter(&worker);
    post_finish(&worker, mail, WF_COMMAND_FAIL);
    UNTIL(look(engine, id).run == WF_RUN_failed);
    answer = change(engine, mail, WF_COMMAND_RETRY, id, "");
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_running && answer.rounds[0] == 2);
    CHECK(take(&worker, "mail"));
    post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_done);
    CHECK(change(engine, mail, WF_COMMAND_RETRY, id, "").status == WF_NOT_PENDING);
    close_and_compare();
    wf_definition_release(mail);
}

TEST(a_waiting_retry_can_be_taken_here_and_now)
{
    struct graph graph;
    struct wf_definition *mail;
    struct wf_hand hand;
    int64_t id;

    graph_read(&graph, "mail!");
    graph.steps[0].retries = 1;
    mail = graph_define(&graph, false);
    open_new();
    hand = hand_of(engine);
    id = start_run(engine, &hand, mail, "a").id;
    CHECK(finish(&hand, mail, WF_COMMAND_FAIL).run == WF_RUN_retrying);
    CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, "mail").status == WF_OK && holds(&hand, "mail"));
    CHECK(wf_hand_claim(&hand)->attempt == 2);
    CHECK(finish(&hand, mail, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, "mail").status == WF_NOT_PENDING && !hand.slot);
    close_and_compare();
    wf_definition_release(mail);
}

/* ---- Rounds: the past must not speak for the present ---- */

TEST(the_result_of_an_earlier_round_is_refused)
{
    struct wf_definition *two = define("a! b!");
    struct wf_hand first, second;
    int64_t id;

    open_new();
    first = hand_of(engine);
    second = hand_of(engine);
    id = start_run(engine, &first, two, "a").id;
    finish(&first, two, WF_COMMAND_COMPLETE);
    CHECK(holds(&first, "b"));
    CHECK(change(engine, two, WF_COMMAND_RETRY, id, "a").rounds[1] == 2); /* b is in hand */
    CHECK(claim(&second, WF_OP_CLAIM_STEP, id, "a").status == WF_OK);
    finish(&second, two, WF_COMMAND_COMPLETE);
    CHECK(holds(&second, "b"));
    CHECK(finish(&first, two, WF_COMMAND_COMPLETE).status == WF_STALE && !first.slot);
    CHECK(look(engine, id).run == WF_RUN_running);
    CHECK(finish(&second, two, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(two);
}

TEST(an_await_asked_again_is_free_though_it_was_claimed)
{
    struct wf_definition *confirm = define("confirm?");
    struct wf_hand first, second;
    int at_once = 0;

    open_new();
    first = hand_of(engine);
    second = hand_of(engine);
    for (int i = 0; i < 50 || at_once < 5; i++) {
        char key[16];
        int64_t id, asked_ms;

        snprintf(key, sizeof(key), "%d", i);
        id = start_run(engine, NULL, confirm, key).id;
        CHECK(claim(&first, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
        asked_ms = look(engine, id).scheduled_ms[0];
        /* However long a commit takes: by the clock it was asked again in the same millisecond. */
        wf_engine_travel(engine, asked_ms - wf_clock_wall_ms(&engine->clock));
        CHECK(change(engine, confirm, WF_COMMAND_RETRY, id, "confirm").status == WF_OK);
        at_once += look(engine, id).scheduled_ms[0] == asked_ms;
        CHECK(claim(&second, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK);
        CHECK(finish(&first, confirm, WF_COMMAND_ACCEPT).status == WF_STALE);
        CHECK(finish(&second, confirm, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    }
    close_and_compare();
    wf_definition_release(confirm);
}

TEST(an_expired_await_can_be_asked_again_and_accepted)
{
    struct wf_definition *confirm = expiring(3600000, "forget");
    struct wf_hand hand, worker;
    int64_t id;

    open_new();
    hand = hand_of(engine);
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, confirm, "a").id;
    wf_engine_travel(engine, 3600000);
    CHECK(take(&worker, "forget"));
    post_finish(&worker, confirm, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_expired);
    CHECK(change(engine, confirm, WF_COMMAND_RETRY, id, "confirm").run == WF_RUN_waiting);
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, id, "confirm").status == WF_OK && holds(&hand, "confirm"));
    CHECK(finish(&hand, confirm, WF_COMMAND_ACCEPT).steps[0] == WF_STEP_completed);
    CHECK(take(&worker, "thank"));
    post_finish(&worker, confirm, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(confirm);
}

/* ---- Going away in the middle ---- */

TEST(giving_back_an_untouched_step_leaves_no_trace)
{
    struct wf_definition *mail = define("mail");
    struct wf_hand worker;
    struct answer before, after;

    open_new();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    before = start_run(engine, NULL, mail, "a");
    CHECK(take(&worker, "mail"));
    wf_hand_give_back(&worker);
    CHECK(!worker.slot && take(&worker, "mail"));
    after = look(engine, before.id);
    CHECK(after.version == before.version && wf_hand_claim(&worker)->attempt == 1);
    wf_hand_give_back(&worker);
    wf_engine_quiet(engine);
    UNTIL(in_hand(engine) == 0 || wf_hand_take(&worker, 0) == WF_OK);
    wf_hand_give_back(&worker);
    close_and_compare();
    wf_definition_release(mail);
}

TEST(giving_back_an_entered_step_is_told_and_counts_no_crash)
{
    struct wf_definition *mail = define("mail");
    struct wf_hand worker;
    struct answer answer;
    int64_t id;

    open_new();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, mail, "a").id;
    for (uint32_t attempt = 1; attempt <= 4; attempt++) {
        CHECK(take(&worker, "mail") && wf_hand_claim(&worker)->attempt == attempt);
        wf_hand_enter(&worker);
        wf_hand_give_back(&worker);
    }
    CHECK(take(&worker, "mail"));
    answer = look(engine, id);
    CHECK(answer.crashes[0] == 0 && answer.attempts[0] == 5 && answer.run == WF_RUN_running);
    post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(mail);
}

TEST(an_op_abandoned_before_it_was_posted_is_gone)
{
    struct wf_definition *create = define("create!");
    struct wf_hand hand;
    struct wf_op *op;
    int64_t position = -1;

    open_new();
    hand = hand_of(engine);
    op = prepare_start(engine, &hand, create, "a");
    wf_op_abandon(engine, &hand, op);
    CHECK(!hand.slot && in_hand(engine) == 0);
    wf_op_abandon(engine, NULL, prepare_start(engine, NULL, create, "a"));
    CHECK(wf_engine_last_position(engine, &position, NULL) == WF_OK && position == 0);
    close_and_compare();
    wf_definition_release(create);
}

/* Closing the gate as a fork does holds the committer back, so that what is posted stays queued. */
TEST(an_op_abandoned_in_the_queue_takes_effect_and_what_it_claims_goes_back)
{
    struct wf_definition *create = define("create!");
    struct wf_taker taker = {false};
    struct wf_hand hand;
    struct wf_op *op;
    int64_t id = 0;
    struct wf_buffer state = {0};

    open_new();
    hand = hand_of(engine);
    wf_gate_close(&engine->gate);
    op = prepare_start(engine, &hand, create, "a");
    CHECK(wf_op_wait(engine, op, &taker, 0) == WF_TIMED_OUT);
    wf_op_interrupt(engine, op, &taker);
    CHECK(wf_op_wait(engine, op, &taker, ANSWER_MS) == WF_INTERRUPTED);
    wf_op_abandon(engine, &hand, op);
    CHECK(!hand.slot);
    taker.interrupted = false;
    op = prepare_start(engine, NULL, create, "b");
    CHECK(wf_op_wait(engine, op, &taker, 0) == WF_TIMED_OUT);
    wf_op_abandon(engine, NULL, op);
    wf_gate_open(&engine->gate);
    UNTIL(in_hand(engine) == 0);
    CHECK(wf_engine_current(engine, WF_BYTES("a"), &id, &state, NULL) == WF_OK);
    CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, "create").status == WF_OK); /* nobody's: given back */
    CHECK(finish(&hand, create, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    UNTIL(wf_engine_current(engine, WF_BYTES("b"), &id, &state, NULL) == WF_OK);
    wf_buffer_destroy(&state);
    close_and_compare();
    wf_definition_release(create);
}

TEST(an_op_abandoned_after_it_was_answered_gives_back_what_it_claimed)
{
    struct wf_definition *create = define("create!");
    struct wf_taker taker = {false};
    struct wf_hand hand;
    struct wf_op *op;
    int64_t id;

    open_new();
    hand = hand_of(engine);
    op = prepare_start(engine, &hand, create, "a");
    CHECK(wf_op_wait(engine, op, &taker, ANSWER_MS) == WF_OK);
    id = op->answered_id;
    wf_op_abandon(engine, &hand, op);
    CHECK(!hand.slot);
    UNTIL(in_hand(engine) == 0);
    CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, "create").status == WF_OK);
    CHECK(finish(&hand, create, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(create);
}

TEST(a_finish_abandoned_in_the_queue_is_recorded_once)
{
    struct wf_definition *two = define("a! b!");
    struct wf_taker taker = {false};
    struct wf_hand hand;
    struct wf_op *op;
    int64_t id;

    open_new();
    hand = hand_of(engine);
    id = start_run(engine, &hand, two, "a").id;
    wf_hand_enter(&hand);
    wf_gate_close(&engine->gate);
    op = prepare_finish(engine, &hand, two, WF_COMMAND_COMPLETE);
    CHECK(wf_op_wait(engine, op, &taker, 0) == WF_TIMED_OUT);
    wf_op_abandon(engine, &hand, op);
    wf_gate_open(&engine->gate);
    UNTIL(in_hand(engine) == 0);
    CHECK(look(engine, id).steps[0] == WF_STEP_completed);
    CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, "b").status ==
          WF_OK); /* it was claimed, and given back */
    CHECK(finish(&hand, two, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(two);
}

/* A worker's finish that is waited for, and abandoned: the next `now` step goes to the mailbox. */
TEST(a_workers_abandoned_finish_keeps_the_books_of_the_mailbox)
{
    struct wf_definition *two = define("a b!");
    struct wf_taker taker = {false};
    struct wf_hand worker;
    int64_t id;

    open_new();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    id = start_run(engine, NULL, two, "a").id;
    CHECK(take(&worker, "a"));
    wf_gate_close(&engine->gate);
    {
        struct wf_op *op = prepare_finish(engine, &worker, two, WF_COMMAND_COMPLETE);

        CHECK(wf_op_wait(engine, op, &taker, 0) == WF_TIMED_OUT);
        wf_op_abandon(engine, &worker, op);
    }
    wf_gate_open(&engine->gate);
    CHECK(take(&worker, "b"));
    post_finish(&worker, two, WF_COMMAND_COMPLETE);
    UNTIL(look(engine, id).run == WF_RUN_done && in_hand(engine) == 0);
    CHECK(engine->mailbox.worker_count == 0 && engine->mailbox.busy_count == 0);
    close_and_compare();
    wf_definition_release(two);
}

struct storm {
    struct wf_definition *definition;
    _Atomic int next;
    int runs;
};

/* Starts runs and goes away at any stage: before the answer, after it, with the step in hand, entered. */
static void *come_and_go(void *context)
{
    struct storm *storm = context;
    struct wf_hand hand = hand_of(engine);
    int number;

    while ((number = atomic_fetch_add(&storm->next, 1)) < storm->runs) {
        struct wf_taker taker = {false};
        char key[16];
        struct wf_op *op;

        snprintf(key, sizeof(key), "%d", number);
        op = prepare_start(engine, &hand, storm->definition, key);
        if (wf_op_wait(engine, op, &taker, number % 3 ? ANSWER_MS : number % 5) ||
            number % 7 == 0) {
            wf_op_abandon(engine, &hand, op);
            continue;
        }
        wf_op_finish(engine, &hand, op);
        if (number % 2) {
            wf_hand_enter(&hand);
        }
        if (number % 4 == 1) {
            wf_hand_give_back(&hand);
        } else if (number % 4 == 2) {
            post_finish(&hand, storm->definition, WF_COMMAND_COMPLETE);
        } else {
            finish(&hand, storm->definition, WF_COMMAND_COMPLETE);
            wf_hand_give_back(&hand);
        }
    }
    return NULL;
}

static void *work_all(void *context)
{
    struct storm *storm = context;
    struct wf_hand hand = hand_of(engine);

    while (wf_hand_take(&hand, ANSWER_MS) == WF_OK) {
        wf_hand_enter(&hand);
        post_finish(&hand, storm->definition, WF_COMMAND_COMPLETE);
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

TEST(whoever_goes_away_whenever_every_run_is_done_in_the_end)
{
    struct storm storm = {.definition = define("a! b c!"), .runs = 600};
    pthread_t callers[4], workers[3];

    open_new();
    wf_engine_work(engine, 3, WF_BYTES("worker"));
    for (int i = 0; i < 4; i++) {
        callers[i] = spawn(come_and_go, &storm);
    }
    for (int i = 0; i < 3; i++) {
        workers[i] = spawn(work_all, &storm);
    }
    for (int i = 0; i < 4; i++) {
        join(callers[i]);
    }
    UNTIL(runs_done() == storm.runs);
    UNTIL(in_hand(engine) == 0);
    CHECK(engine->mailbox.worker_count == 0 && engine->mailbox.busy_count == 0);
    wf_engine_quiet(engine);
    for (int i = 0; i < 3; i++) {
        join(workers[i]);
    }
    close_and_compare();
    wf_definition_release(storm.definition);
}

/* ---- Alone ---- */

/* The step is to run alone: two crashes of it, written as a takeover would have. */
static void make_suspect(struct wf_definition *definition, int64_t id, const char *step)
{
    for (int i = 0; i < 2; i++) {
        struct wf_hand hand = hand_of(engine);
        struct wf_op *op;

        CHECK(claim(&hand, WF_OP_CLAIM_STEP, id, step).status == WF_OK);
        wf_hand_enter(&hand);
        op = prepare_finish(engine, &hand, definition, WF_COMMAND_LOST);
        op->command.crashed = true;
        ask(engine, &hand, op);
    }
}

TEST(after_a_step_that_ran_alone_others_are_claimed_again)
{
    struct wf_definition *two = define("a b!");
    struct wf_hand worker;
    struct wf_store_options options = {.path = path, .busy_ms = 5000};
    struct wf_ready_row row = {.step = 0};
    struct wf_store *store;
    int64_t id;

    open_new();
    worker = hand_of(engine);
    id = row.run_id = start_run(engine, NULL, two, "a").id;
    make_suspect(two, id, "a");
    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.ready_get(store, &row, NULL) == WF_OK && row.alone);
    wf_store_sqlite.close(store);
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    CHECK(take(&worker, "a") && wf_hand_claim(&worker)->alone);
    start_run(engine, NULL, two, "b");
    CHECK(wf_mailbox_room(&engine->mailbox) == 0);
    post_finish(&worker, two, WF_COMMAND_COMPLETE); /* its `now` step follows in the same slot */
    CHECK(take(&worker, "b"));
    post_finish(&worker, two, WF_COMMAND_COMPLETE);
    CHECK(take(&worker, "a"));
    post_finish(&worker, two, WF_COMMAND_COMPLETE);
    CHECK(take(&worker, "b"));
    post_finish(&worker, two, WF_COMMAND_COMPLETE);
    UNTIL(runs_done() == 2);
    close_and_compare();
    wf_definition_release(two);
}

TEST(what_is_to_run_alone_waits_quietly_and_begins_once_nothing_is_beside_it)
{
    struct wf_definition *mail = define("mail");
    struct wf_doorbell bell;
    struct wf_hand beside, alone;
    int64_t suspect, ended_ms;
    uint32_t rung;

    open_new();
    beside = hand_of(engine);
    alone = hand_of(engine);
    bell = wf_doorbell_ready(&engine->shared);
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    start_run(engine, NULL, mail, "a");
    CHECK(take(&beside, "mail"));
    wf_hand_enter(&beside);
    wf_engine_work(engine, 0, WF_BYTES("worker"));
    suspect = start_run(engine, NULL, mail, "suspect").id;
    make_suspect(mail, suspect, "mail");
    start_runs(engine, mail, 4); /* as many as there is room for, with it */
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    rung = wf_doorbell_read(&bell);
    CHECK(wf_hand_take(&alone, 400) == WF_TIMED_OUT);
    CHECK(wf_doorbell_read(&bell) - rung < 20); /* nobody is called to what nobody may take */
    post_finish(&beside, mail, WF_COMMAND_COMPLETE);
    ended_ms = now_ms();
    CHECK(take(&alone, "mail") && wf_hand_claim(&alone)->run_id == suspect &&
          wf_hand_claim(&alone)->alone);
    CHECK(now_ms() - ended_ms < WF_POLL_MS / 2);
    post_finish(&alone, mail, WF_COMMAND_COMPLETE);
    for (int i = 0; i < 4; i++) {
        CHECK(take(&beside, "mail"));
        post_finish(&beside, mail, WF_COMMAND_COMPLETE);
    }
    UNTIL(runs_done() == 6);
    close_and_compare();
    wf_definition_release(mail);
}

#define SHORT_LEASE_MS 500

/* A worker of two threads: one is in a step, the other finds at first only what is to run alone. */
static int64_t hold_back(struct wf_definition *definition, struct wf_hand *beside, int others)
{
    int64_t suspect;

    *beside = hand_of(engine);
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    start_run(engine, NULL, definition, "a");
    CHECK(take(beside, "mail"));
    wf_hand_enter(beside);
    wf_engine_work(engine, 0, WF_BYTES("worker"));
    suspect = start_run(engine, NULL, definition, "suspect").id;
    make_suspect(definition, suspect, "mail");
    for (int i = 1; i < 5; i++) { /* more of them than there is room for */
        char key[24];

        snprintf(key, sizeof(key), "suspect %d", i);
        make_suspect(definition, start_run(engine, NULL, definition, key).id, "mail");
    }
    start_runs(engine, definition, others);
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    return suspect;
}

TEST(what_is_to_run_alone_does_not_keep_the_others_for_as_long_as_a_step_beside_it_takes)
{
    struct wf_definition *mail = define("mail");
    struct wf_hand beside, worker;
    int64_t suspect, since_ms;

    engine = open_with(&wf_store_sqlite, new_path(path, "store"), SHORT_LEASE_MS);
    worker = hand_of(engine);
    since_ms = now_ms();
    suspect = hold_back(mail, &beside, 6);
    for (int i = 0; i < 6; i++) {
        CHECK(take(&worker, "mail") && !wf_hand_claim(&worker)->alone);
        CHECK(now_ms() - since_ms >= SHORT_LEASE_MS); /* in which it might have been empty */
        post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    }
    CHECK(wf_hand_take(&worker, SHORT_LEASE_MS) == WF_TIMED_OUT);
    post_finish(&beside, mail, WF_COMMAND_COMPLETE);
    for (int i = 0; i < 5; i++) {
        CHECK(take(&worker, "mail") && wf_hand_claim(&worker)->alone);
        CHECK(i || wf_hand_claim(&worker)->run_id == suspect);
        since_ms = i ? since_ms : now_ms();
        post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    }
    CHECK(now_ms() - since_ms < WF_POLL_MS / 2); /* one begins as the one before it ends */
    UNTIL(runs_done() == 12);
    close_and_compare();
    wf_definition_release(mail);
}

TEST(what_is_to_run_alone_waits_for_no_caller_that_holds_nothing_and_for_none_longer_than_a_lease)
{
    struct wf_definition *mail = define("mail");
    struct wf_hand caller, worker;
    struct wf_op *op;
    int64_t ids[3], since_ms;

    engine = open_with(&wf_store_sqlite, new_path(path, "store"), 8 * SHORT_LEASE_MS);
    caller = hand_of(engine);
    worker = hand_of(engine);
    for (int i = 0; i < 2; i++) {
        ids[i] = start_run(engine, NULL, mail, i ? "b" : "a").id;
        make_suspect(mail, ids[i], "mail");
    }
    op = prepare_start(engine, &caller, mail, "not yet asked for");
    since_ms = now_ms();
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&worker, "mail") && now_ms() - since_ms < 8 * SHORT_LEASE_MS);
    CHECK(ask(engine, &caller, op).status == WF_OK);
    wf_engine_work(engine, 0, WF_BYTES("worker"));
    post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    UNTIL(in_hand(engine) == 0);

    ids[2] = start_run(engine, NULL, mail, "of a caller").id;
    CHECK(claim(&caller, WF_OP_CLAIM_STEP, ids[2], "mail").status == WF_OK);
    since_ms = now_ms();
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&worker, "mail") && wf_hand_claim(&worker)->run_id == ids[1]);
    CHECK(now_ms() - since_ms >= 8 * SHORT_LEASE_MS);
    post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    CHECK(finish(&caller, mail, WF_COMMAND_COMPLETE).status == WF_OK);
    CHECK(take(&worker, "mail")); /* what was asked for at last */
    post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    UNTIL(runs_done() == 4);
    close_and_compare();
    wf_definition_release(mail);
}

/* ---- What is claimed ahead of the threads ---- */

/* A worker of two threads that are busy, has claimed the next run as well, and has room for one more. */
static void busy_with(struct wf_definition *definition, struct wf_hand busy[2])
{
    wf_engine_work(engine, 2, WF_BYTES("here"));
    for (int i = 0; i < 2; i++) {
        busy[i] = hand_of(engine);
        start_run(engine, NULL, definition, i ? "b" : "a");
        CHECK(take(&busy[i], "mail"));
        wf_hand_enter(&busy[i]);
        UNTIL(look(engine, wf_hand_claim(&busy[i])->run_id).steps[0] == WF_STEP_running);
    }
    start_run(engine, NULL, definition, "c");
    UNTIL(in_hand(engine) == 3);
}

TEST(what_waits_behind_a_busy_thread_goes_to_a_process_that_has_a_free_one)
{
    struct wf_definition *mail = define("mail");
    struct wf_engine *other;
    struct wf_hand busy[2], there;

    open_new();
    busy_with(mail, busy);
    other = open_engine(path);
    there = hand_of(other);
    wf_engine_work(other, 1, WF_BYTES("there"));
    CHECK(take(&there, "mail"));
    post_finish(&there, mail, WF_COMMAND_COMPLETE);
    for (int i = 0; i < 2; i++) {
        post_finish(&busy[i], mail, WF_COMMAND_COMPLETE);
    }
    UNTIL(runs_done() == 3);
    close_engine(other);
    close_and_compare();
    wf_definition_release(mail);
}

TEST(a_process_that_is_alone_keeps_what_it_has_claimed_ahead)
{
    struct wf_definition *mail = define("mail");
    struct wf_hand busy[2];
    int64_t commits;

    open_new();
    busy_with(mail, busy);
    commits = atomic_load(&engine->committer.commits);
    nanosleep(&(struct timespec){.tv_nsec = 500000000},
              NULL); /* in which it could have gone back and forth */
    CHECK(atomic_load(&engine->committer.commits) - commits <= 1);
    CHECK(in_hand(engine) == 3);
    for (int i = 0; i < 2; i++) {
        post_finish(&busy[i], mail, WF_COMMAND_COMPLETE);
    }
    CHECK(take(&busy[0], "mail"));
    post_finish(&busy[0], mail, WF_COMMAND_COMPLETE);
    UNTIL(runs_done() == 3);
    close_and_compare();
    wf_definition_release(mail);
}

/* ---- Stopping ---- */

TEST(stop_gives_back_what_nobody_took)
{
    struct wf_definition *mail = define("mail");
    struct wf_engine *other;
    struct wf_hand worker;

    open_new();
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    start_runs(engine, mail, 4);
    UNTIL(in_hand(engine) == 4); /* two threads, two prefetched */
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    other = engine = open_engine(path);
    worker = hand_of(other);
    wf_engine_work(other, 1, WF_BYTES("other"));
    for (int i = 0; i < 4; i++) {
        CHECK(take(&worker, "mail") && wf_hand_claim(&worker)->attempt == 1);
        post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    }
    UNTIL(runs_done() == 4);
    close_and_compare();
    wf_definition_release(mail);
}

TEST(whoever_has_room_for_more_than_one_commit_claims_goes_on_at_once)
{
    struct wf_definition *mail = define("mail");
    int64_t began_ms;

    open_new();
    start_runs(engine, mail, 700);
    began_ms = now_ms();
    wf_engine_work(engine, 350, WF_BYTES("worker"));
    UNTIL(in_hand(engine) == 700);
    CHECK(now_ms() - began_ms < WF_POLL_MS / 2); /* nobody looks unasked so soon */
    close_engine(engine);                        /* gives back what nobody took */
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(mail);
}

static bool count_process(void *context, const struct wf_process_row *row)
{
    (void)row;
    ++*(int *)context;
    return true;
}

static int processes_known(void)
{
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    struct wf_store *store;
    int count = 0;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.process_list(store, count_process, &count, NULL) == WF_OK);
    wf_store_sqlite.close(store);
    return count;
}

TEST(a_step_still_held_when_its_engine_stops_is_anybodys_at_once)
{
    struct wf_definition *mail = define("mail");
    struct wf_hand held, untouched, worker;
    struct wf_engine *stopped;
    struct answer answer;
    int64_t since_ms;

    open_new();
    held = hand_of(engine);
    untouched = hand_of(engine);
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    start_run(engine, NULL, mail, "a");
    start_run(engine, NULL, mail, "b");
    CHECK(take(&held, "mail") && take(&untouched, "mail"));
    wf_hand_enter(&held);
    stopped = engine;
    CHECK(!wf_engine_stop(stopped, 0) && wf_engine_stop(stopped, 0));
    engine = open_engine(path);
    since_ms = now_ms();
    worker = hand_of(engine);
    wf_engine_work(engine, 1, WF_BYTES("other"));
    for (int i = 0; i < 2; i++) {
        CHECK(take(&worker, "mail"));
        answer = look(engine, wf_hand_claim(&worker)->run_id);
        CHECK(answer.crashes[0] == 0);
        CHECK(answer.attempts[0] == (answer.id == wf_hand_claim(&held)->run_id ? 2u : 1u));
        post_finish(&worker, mail, WF_COMMAND_COMPLETE);
    }
    CHECK(now_ms() - since_ms < LEASE_MS / 2);
    UNTIL(runs_done() == 2);
    post_finish(&held, mail, WF_COMMAND_COMPLETE); /* too late, and it does no harm */
    wf_hand_give_back(&untouched);
    CHECK(!held.slot && !untouched.slot);
    CHECK(start_run(stopped, NULL, mail, "c").status == WF_CLOSED);
    wf_engine_free(stopped);
    close_and_compare();
    CHECK(processes_known() == 0); /* whoever stops in order leaves no row behind */
    wf_definition_release(mail);
}

TEST(many_held_steps_are_given_up_though_one_takeover_does_not_reach_them_all)
{
    struct wf_definition *create = define("create!");
    static struct wf_hand hands[450];
    struct wf_hand hand;
    struct wf_engine *stopped;

    open_new();
    for (int i = 0; i < 450; i++) {
        char key[16];

        hands[i] = hand_of(engine);
        snprintf(key, sizeof(key), "%d", i);
        CHECK(start_run(engine, &hands[i], create, key).status == WF_OK);
        if (i % 2) {
            wf_hand_enter(&hands[i]);
        }
    }
    stopped = engine;
    CHECK(!wf_engine_stop(stopped, 0));
    engine = open_engine(path);
    hand = hand_of(engine);
    for (int i = 0; i < 450; i++) {
        CHECK(claim(&hand, WF_OP_CLAIM_STEP, wf_hand_claim(&hands[i])->run_id, "create").status ==
              WF_OK);
        CHECK(finish(&hand, create, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    }
    wf_engine_free(stopped);
    close_and_compare();
    wf_definition_release(create);
}

/* ---- Two engines ---- */

TEST(two_engines_of_one_process_share_a_file)
{
    struct storm storm = {.definition = define("a b! c")};
    struct wf_engine *other;
    struct wf_hand here, there;
    int by_here = 0, by_there = 0;

    open_new();
    other = open_engine(path);
    here = hand_of(engine);
    there = hand_of(other);
    wf_engine_work(engine, 1, WF_BYTES("here"));
    wf_engine_work(other, 1, WF_BYTES("there"));
    for (int i = 0; i < 40; i++) {
        char key[16];

        snprintf(key, sizeof(key), "%d", i);
        CHECK(start_run(i % 2 ? engine : other, NULL, storm.definition, key).status == WF_OK);
    }
    for (int ended = 0; ended < 120;) {
        if (wf_hand_take(&here, 1) == WF_OK) {
            post_finish(&here, storm.definition, WF_COMMAND_COMPLETE);
            by_here++, ended++;
        }
        if (wf_hand_take(&there, 1) == WF_OK) {
            post_finish(&there, storm.definition, WF_COMMAND_COMPLETE);
            by_there++, ended++;
        }
    }
    CHECK(by_here > 0 && by_there > 0);
    UNTIL(runs_done() == 40);
    close_engine(other);
    close_and_compare();
    wf_definition_release(storm.definition);
}

/* ---- Following the log ---- */

static void *append_one(void *context)
{
    struct wf_definition *definition = context;

    CHECK(start_run(engine, NULL, definition, "later").status == WF_OK);
    return NULL;
}

TEST(who_follows_the_log_misses_nothing)
{
    struct wf_definition *mail = define("mail");
    struct wf_taker taker = {false};
    struct wf_buffer rows = {0};
    struct wf_reader reader;
    pthread_t thread;
    int64_t position;

    open_new();
    start_run(engine, NULL, mail, "a");
    CHECK(wf_engine_last_position(engine, &position, NULL) == WF_OK);
    CHECK(wf_engine_wait_log(engine, position - 1, 0, &taker, NULL) == WF_OK);
    CHECK(wf_engine_wait_log(engine, position, 1, &taker, NULL) == WF_TIMED_OUT);
    thread = spawn(append_one, mail);
    CHECK(wf_engine_wait_log(engine, position, ANSWER_MS, &taker, NULL) == WF_OK);
    join(thread);
    CHECK(wf_engine_events(engine, 0, position, 10, &rows, NULL) == WF_OK);
    reader = wf_reader_of(wf_buffer_bytes(&rows));
    CHECK(wf_reader_int(&reader) > position && !reader.failed);
    wf_engine_interrupt_log(engine, &taker);
    CHECK(wf_engine_wait_log(engine, position + 100, ANSWER_MS, &taker, NULL) == WF_INTERRUPTED);
    wf_buffer_destroy(&rows);
    close_and_compare();
    wf_definition_release(mail);
}

TEST(an_id_reads_back_from_its_text_and_texts_sort_as_ids)
{
    char text_of[2][WF_ID_TEXT_LEN + 1];
    int64_t ids[] = {0, 1, 31, 32, 1234567890123456, INT64_MAX}, id;

    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        wf_id_write(ids[i], text_of[i % 2]);
        CHECK(wf_id_read(text(text_of[i % 2]), &id) && id == ids[i]);
        CHECK(!i || strcmp(text_of[(i + 1) % 2], text_of[i % 2]) < 0);
    }
    CHECK(!wf_id_read(text("zzzzzzzzzzzzz"), &id) && !wf_id_read(text("0000000000i00"), &id));
    CHECK(!wf_id_read(text("0"), &id));
}

/* ---- Attempts: limits, beginnings, facts ---- */

#define FAR_MS 60000

static void limit(struct wf_hand *hand, struct wf_definition *definition, int64_t timeout_ms)
{
    wf_hand_limit(hand, (struct wf_limit){.timeout_ms = timeout_ms,
                                          .definition = wf_definition_retain(definition),
                                          .delay_ms = FAR_MS});
}

static struct wf_op *prepare_tell(struct wf_hand *hand, enum wf_command_kind kind)
{
    struct wf_op *op = wf_op_prepare(hand->engine, hand, WF_OP_TELL);

    op->command.kind = kind;
    op->command.tells = WF_KIND_progressed;
    op->command.payload = WF_BYTES("half of it");
    op->command.by = WF_BYTES("hand");
    return op;
}

static enum wf_status tell(struct wf_hand *hand, enum wf_command_kind kind)
{
    return ask(hand->engine, hand, prepare_tell(hand, kind)).status;
}

TEST(an_attempt_past_its_limit_is_failed_and_its_late_result_refused)
{
    struct wf_definition *call = define("call then");
    struct wf_hand worker;
    struct answer answer;
    int64_t began_ms;

    open_new();
    worker = hand_of(engine);
    answer = start_run(engine, NULL, call, "a");
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&worker, "call"));
    wf_hand_enter(&worker);
    began_ms = wf_clock_mono_ms();
    limit(&worker, call, 60);
    CHECK(wf_hand_hear(&worker) == WF_HALT_NONE);
    UNTIL(wf_hand_hear(&worker) == WF_HALT_TIMEOUT);
    CHECK(wf_clock_mono_ms() - began_ms >= 60 && wf_clock_mono_ms() - began_ms < FAR_MS);
    answer = look(engine, answer.id);
    CHECK(answer.run == WF_RUN_failed && answer.steps[0] == WF_STEP_failed);
    CHECK(tell(&worker, WF_COMMAND_TELL) == WF_STALE && wf_hand_claim(&worker));
    answer = finish(&worker, call, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_STALE && answer.steps[0] == WF_STEP_failed);
    close_and_compare();
    wf_definition_release(call);
}

TEST(what_a_caller_keeps_is_everybodys_once_its_attempt_is_past_its_limit)
{
    struct wf_definition *both = define("a! b!<");
    struct wf_hand caller, worker;
    struct answer answer;

    open_new();
    caller = hand_of(engine);
    worker = hand_of(engine);
    start_run(engine, &caller, both, "a");
    wf_hand_enter(&caller);
    limit(&caller, both, 60);
    UNTIL(wf_hand_hear(&caller) == WF_HALT_TIMEOUT);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&worker, "b"));
    answer = finish(&worker, both, WF_COMMAND_COMPLETE);
    CHECK(answer.steps[0] == WF_STEP_failed && answer.steps[1] == WF_STEP_completed);
    CHECK(answer.run == WF_RUN_failed);
    CHECK(finish(&caller, both, WF_COMMAND_COMPLETE).status == WF_STALE);
    close_and_compare();
    wf_definition_release(both);
}

TEST(a_thread_past_its_limit_is_replaced_until_it_is_back)
{
    struct wf_definition *call = define("call");
    struct wf_hand hung[3], worker;
    struct wf_taker taker = {false};
    int written_off = -1;

    open_new();
    worker = hand_of(engine);
    for (int i = 0; i < 4; i++) {
        start_run(engine, NULL, call, (const char *[]){"a", "b", "c", "d"}[i]);
    }
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    for (int i = 0; i < 2;
         i++) { /* the second one is prefetched, and no longer given back as stale */
        hung[i] = hand_of(engine);
        CHECK(take(&hung[i], "call"));
        wf_hand_enter(&hung[i]);
        limit(&hung[i], call, 1);
        CHECK(wf_mailbox_written_off(&engine->mailbox, &taker, i, ANSWER_MS, &written_off) ==
              WF_OK);
        CHECK(written_off == i + 1);
    }
    CHECK(wf_mailbox_written_off(&engine->mailbox, &taker, 2, 0, &written_off) == WF_TIMED_OUT);
    CHECK(take(&worker, "call")); /* one beyond the limit was claimed before */
    hung[2] = worker;
    worker = hand_of(engine);
    CHECK(wf_hand_take(&worker, 100) == WF_TIMED_OUT); /* and that is all that two may do */
    for (int i = 0; i < 3; i++) {
        finish(&hung[i], call, WF_COMMAND_COMPLETE);
    }
    CHECK(wf_mailbox_written_off(&engine->mailbox, &taker, 2, 0, &written_off) == WF_OK);
    CHECK(written_off == 0);
    CHECK(take(&worker, "call"));
    finish(&worker, call, WF_COMMAND_COMPLETE); /* given back, it would be claimed again */
    wf_engine_quiet(engine);
    CHECK(wf_mailbox_written_off(&engine->mailbox, &taker, 0, ANSWER_MS, &written_off) ==
          WF_CLOSED);
    close_and_compare();
    wf_definition_release(call);
}

TEST(a_limit_is_not_for_the_next_step_in_the_same_slot)
{
    struct wf_definition *both = define("a! b!");
    struct wf_hand hand;
    struct answer answer;

    open_new();
    hand = hand_of(engine);
    start_run(engine, &hand, both, "a");
    wf_hand_enter(&hand);
    limit(&hand, both, 40);
    finish(&hand, both, WF_COMMAND_COMPLETE);
    CHECK(holds(&hand, "b"));
    wf_hand_enter(&hand);
    CHECK(wf_slot_deadline(hand.slot) == 0);
    limit(&hand, both, FAR_MS);
    CHECK(wf_slot_deadline(hand.slot) > wf_clock_mono_ms());
    answer = finish(&hand, both, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(both);
}

TEST(a_step_that_was_begun_is_given_back_as_failed_and_its_own_result_settles_it)
{
    struct wf_definition *pay = define("pay! then");
    struct wf_hand hand;
    struct wf_op *op;
    struct answer answer;

    open_new();
    hand = hand_of(engine);
    answer = start_run(engine, &hand, pay, "a");
    wf_hand_enter(&hand);
    CHECK(tell(&hand, WF_COMMAND_BEGIN) == WF_OK && holds(&hand, "pay"));
    CHECK(tell(&hand, WF_COMMAND_BEGIN) == WF_STALE);
    wf_liveness_exit(&engine->liveness, hand.slot->index); /* even if its mark is lost */
    op = wf_op_prepare(engine, NULL, WF_OP_TAKEOVER);
    op->owner = engine->committer.owner;
    op->entry = wf_liveness_self(&engine->liveness);
    CHECK(ask(engine, NULL, op).status == WF_OK);
    answer = look(engine, answer.id);
    CHECK(answer.run == WF_RUN_failed && answer.steps[0] == WF_STEP_failed &&
          answer.attempts[0] == 1);
    answer = finish(&hand, pay, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_running);
    CHECK(answer.steps[0] == WF_STEP_completed && answer.steps[1] == WF_STEP_ready);
    close_and_compare();
    wf_definition_release(pay);
}

TEST(a_result_from_before_a_persons_retry_settles_nothing)
{
    struct wf_definition *pay = define("pay!");
    struct wf_hand hand;
    struct wf_op *op;
    struct answer answer;

    open_new();
    hand = hand_of(engine);
    answer = start_run(engine, &hand, pay, "a");
    CHECK(tell(&hand, WF_COMMAND_BEGIN) == WF_OK);
    op = wf_op_prepare(engine, NULL, WF_OP_TAKEOVER);
    op->owner = engine->committer.owner;
    op->entry = wf_liveness_self(&engine->liveness);
    CHECK(ask(engine, NULL, op).status == WF_OK);
    CHECK(change(engine, pay, WF_COMMAND_RETRY, answer.id, "").status == WF_OK);
    answer = finish(&hand, pay, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_STALE && answer.steps[0] == WF_STEP_ready && answer.rounds[0] == 2);
    close_and_compare();
    wf_definition_release(pay);
}

TEST(who_tells_and_goes_away_gives_the_step_back)
{
    struct wf_definition *call = define("call!");
    struct wf_hand hand;
    struct answer answer;
    struct wf_op *op;

    open_new();
    hand = hand_of(engine);
    answer = start_run(engine, &hand, call, "a");
    wf_hand_enter(&hand);
    CHECK(tell(&hand, WF_COMMAND_TELL) == WF_OK && holds(&hand, "call"));
    op = prepare_tell(&hand, WF_COMMAND_TELL);
    pthread_mutex_lock(
        &engine->committer.mutex); /* as who waits does it, until it is interrupted */
    op->wait = op->posted = true;
    pthread_mutex_unlock(&engine->committer.mutex);
    wf_op_abandon(engine, &hand, op);
    CHECK(!hand.slot && op->abandoned);
    op->posted = false;
    wf_committer_post(engine, op);
    UNTIL(in_hand(engine) == 0);
    answer = look(engine, answer.id);
    CHECK(answer.steps[0] == WF_STEP_ready && answer.attempts[0] == 2 && answer.crashes[0] == 0);
    close_and_compare();
    wf_definition_release(call);
}

TEST(an_attempt_hears_that_its_claim_is_gone_and_that_the_worker_stops)
{
    struct wf_definition *call = define("call");
    struct wf_hand worker, other;
    struct wf_op *op;

    open_new();
    worker = hand_of(engine);
    CHECK(wf_hand_hear(&worker) == WF_HALT_LOST);
    start_run(engine, NULL, call, "a");
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&worker, "call"));
    wf_hand_enter(&worker);
    CHECK(wf_hand_hear(&worker) == WF_HALT_NONE);
    UNTIL(wf_hand_asks(&worker));
    CHECK(!wf_hand_asks(&worker)); /* not so soon again */
    CHECK(wf_hand_ask(&worker) == WF_HALT_NONE);
    wf_engine_hurry(engine);
    CHECK(wf_hand_hear(&worker) == WF_HALT_STOPPING);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(wf_hand_hear(&worker) == WF_HALT_NONE);
    wf_engine_work(engine, 0, WF_BYTES(""));
    op = wf_op_prepare(engine, NULL, WF_OP_TAKEOVER);
    op->owner = engine->committer.owner;
    op->entry = wf_liveness_self(&engine->liveness);
    CHECK(ask(engine, NULL, op).status == WF_OK);
    CHECK(wf_hand_ask(&worker) == WF_HALT_NONE);       /* its result is still good */
    CHECK(tell(&worker, WF_COMMAND_TELL) == WF_STALE); /* but the row is anybody's by now */
    CHECK(tell(&worker, WF_COMMAND_BEGIN) == WF_STALE);
    other = hand_of(engine);
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    CHECK(take(&other, "call"));
    CHECK(wf_hand_ask(&worker) == WF_HALT_LOST);
    CHECK(finish(&worker, call, WF_COMMAND_COMPLETE).status == WF_STALE);
    CHECK(finish(&other, call, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    close_and_compare();
    wf_definition_release(call);
}
