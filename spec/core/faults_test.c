/*
 * What no other test looked at, as faults planted in the core showed: the patches in spec/faults name these
 * cases as what catches them.
 */
#include "engine_support.h"
#include "scheduler_case.h"
#include "store_compare.h"

static char path[400];

/* What the file says of a row in `ready`. */
static struct wf_ready_row ready_row(int64_t run_id, int step)
{
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    struct wf_ready_row row = {.run_id = run_id, .step = step};
    struct wf_store *store;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.ready_get(store, &row, NULL) == WF_OK);
    wf_store_sqlite.close(store);
    return row;
}

static enum wf_status command(struct simulation *simulation, enum wf_command_kind kind, int step)
{
    struct wf_command command = {.kind = kind, .step = step, .attempt = 1, .delay_ms = -1};

    command.started_ms = simulation->now_ms;
    command.fence = ++simulation->fence;
    return simulate(simulation, &command, true);
}

static void close_and_compare(struct wf_engine *engine, struct wf_definition *definition)
{
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(definition);
}

TEST(a_delay_is_counted_once_whatever_happens_beside_it)
{
    struct simulation *simulation = malloc(sizeof(*simulation));
    struct graph graph;

    graph_read(&graph, "slow beside<");
    graph.steps[0].wait_ms = 1000;
    simulation_begin(simulation, graph_define(&graph, true));
    CHECK(command(simulation, WF_COMMAND_START, -1) == WF_OK);
    simulation->now_ms += 400;
    CHECK(command(simulation, WF_COMMAND_COMPLETE, 1) == WF_OK);
    CHECK(simulation->state.steps[0].due_ms == T0_MS + 1000);
    simulation->now_ms += 600;
    CHECK(command(simulation, WF_COMMAND_FIRE, 0) == WF_OK);
    CHECK(simulation->state.steps[0].status == WF_STEP_ready);
    simulation_end(simulation);
    free(simulation);
}

/* Its row would be another one, and the claim on it lost. */
TEST(what_is_ready_is_not_scheduled_again_by_its_neighbour)
{
    struct simulation *simulation = malloc(sizeof(*simulation));
    int64_t version;

    simulation_begin(simulation, define("a b<"));
    CHECK(command(simulation, WF_COMMAND_START, -1) == WF_OK);
    version = simulation->state.version;
    simulation->now_ms += 400;
    CHECK(command(simulation, WF_COMMAND_COMPLETE, 1) == WF_OK);
    CHECK(simulation->state.version == version + 2); /* b started, b completed */
    CHECK(simulation->state.steps[0].scheduled_ms == T0_MS);
    simulation_end(simulation);
    free(simulation);
}

struct two {
    int64_t entered, beside;
};

/* Holds two steps, of which one was entered, until it is killed. */
static void hold_two(const struct child *parent, void *context)
{
    struct two *two = context;
    struct wf_engine *engine;
    struct wf_hand entered, beside;

    CHECK(hear(parent) == 'o');
    engine = open_engine(path);
    entered = hand_of(engine);
    beside = hand_of(engine);
    wf_engine_work(engine, 2, WF_BYTES("child"));
    CHECK(take(&entered, "mail") && take(&beside, "mail"));
    wf_hand_enter(&entered);
    two->entered = wf_hand_claim(&entered)->run_id;
    two->beside = wf_hand_claim(&beside)->run_id;
    say(parent, 'h');
    hear_within(parent, -1);
}

TEST(a_crash_is_charged_to_what_had_been_entered)
{
    struct two *two = shared_memory(sizeof(*two));
    struct wf_definition *mail = define("mail");
    struct wf_engine *engine;
    struct child child;

    new_path(path, "store");
    child = start(hold_two, two);
    engine = open_engine(path);
    start_run(engine, NULL, mail, "a");
    start_run(engine, NULL, mail, "b");
    say(&child, 'o');
    CHECK(hear(&child) == 'h');
    end_by(&child, SIGKILL);
    UNTIL(ready_row(two->entered, 0).owner == 0 && ready_row(two->beside, 0).owner == 0);
    CHECK(look(engine, two->entered).crashes[0] == 1);
    CHECK(look(engine, two->beside).crashes[0] == 0);
    CHECK(look(engine, two->beside).attempts[0] == 1);
    close_engine(engine);
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    munmap(two, sizeof(*two));
    wf_definition_release(mail);
}

TEST(what_a_call_kept_is_everybodys_when_it_has_gone)
{
    struct wf_definition *both = define("a! b!<");
    struct wf_engine *engine = open_engine(new_path(path, "store"));
    struct wf_hand hand = hand_of(engine);
    int64_t id = start_run(engine, &hand, both, "a").id;

    CHECK(holds(&hand, "a") && ready_row(id, 1).owner != 0);
    wf_hand_give_back(&hand);
    UNTIL(in_hand(engine) == 0);
    CHECK(ready_row(id, 0).owner == 0 && ready_row(id, 1).owner == 0);
    close_and_compare(engine, both);
}

TEST(a_worker_leaves_the_siblings_of_its_now_step_to_others)
{
    struct wf_definition *fan = define("mail a!<mail b!<mail");
    struct wf_engine *engine = open_engine(new_path(path, "store"));
    struct wf_hand worker = hand_of(engine), other = hand_of(engine);
    struct wf_ready_row row;
    int64_t id;

    wf_engine_work(engine, 2, WF_BYTES("worker"));
    id = start_run(engine, NULL, fan, "a").id;
    CHECK(take(&worker, "mail"));
    CHECK(finish(&worker, fan, WF_COMMAND_COMPLETE).status == WF_OK && holds(&worker, "a"));
    row = ready_row(id, 2);
    CHECK(row.owner == 0 || row.slot != worker.slot->index);
    if (row.owner == 0 || row.slot != worker.slot->index) {
        CHECK(take(&other, "b")); /* while the first holds a */
        CHECK(finish(&other, fan, WF_COMMAND_COMPLETE).status == WF_OK);
    }
    while (wf_hand_claim(&worker)) {
        CHECK(finish(&worker, fan, WF_COMMAND_COMPLETE).status == WF_OK);
    }
    CHECK(look(engine, id).run == WF_RUN_done);
    UNTIL(in_hand(engine) == 0);
    close_and_compare(engine, fan);
}

/* As takeovers would have written it. */
static void crash_twice(struct wf_hand *hand, struct wf_definition *definition, int64_t id)
{
    for (int i = 0; i < 2; i++) {
        struct wf_op *op;

        CHECK(claim(hand, WF_OP_CLAIM_STEP, id, "mail").status == WF_OK);
        op = prepare_finish(hand->engine, hand, definition, WF_COMMAND_LOST);
        op->command.crashed = true;
        CHECK(ask(hand->engine, hand, op).status == WF_OK);
    }
}

TEST(a_step_that_crashed_twice_waits_until_nothing_is_in_hand)
{
    struct wf_definition *mail = define("mail");
    struct wf_engine *engine = open_engine(new_path(path, "store"));
    struct wf_hand caller = hand_of(engine), worker = hand_of(engine);
    struct wf_ready_row row;
    int64_t id = start_run(engine, NULL, mail, "suspect").id, beside;

    crash_twice(&caller, mail, id);
    beside = start_run(engine, NULL, mail, "beside").id;
    CHECK(claim(&caller, WF_OP_CLAIM_STEP, beside, "mail").status == WF_OK);
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    start_run(engine, NULL, mail, "more"); /* a commit, and with it claims for the worker */
    row = ready_row(id, 0);
    CHECK(row.alone && row.owner == 0);
    CHECK(finish(&caller, mail, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    for (int i = 0; i < 2; i++) {
        CHECK(take(&worker, "mail") && wf_hand_claim(&worker)->alone == (i == 0));
        CHECK(finish(&worker, mail, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    }
    UNTIL(in_hand(engine) == 0);
    close_and_compare(engine, mail);
}

TEST(what_follows_in_the_hand_of_a_step_that_ran_alone_keeps_nobody_waiting)
{
    struct wf_definition *both = define("mail! thank!");
    struct wf_engine *engine = open_engine(new_path(path, "store"));
    struct wf_hand first = hand_of(engine), second = hand_of(engine);
    int64_t id = start_run(engine, NULL, both, "suspect").id;

    crash_twice(&first, both, id);
    wf_engine_work(engine, 2, WF_BYTES("worker"));
    CHECK(take(&first, "mail") && wf_hand_claim(&first)->alone);
    CHECK(finish(&first, both, WF_COMMAND_COMPLETE).steps[0] == WF_STEP_completed);
    CHECK(holds(&first, "thank"));
    start_run(engine, NULL, both, "beside");
    CHECK(take(&second, "mail"));
    CHECK(finish(&first, both, WF_COMMAND_COMPLETE).run == WF_RUN_done);
    wf_engine_quiet(engine); /* or what goes back could be claimed again */
    wf_hand_give_back(&second);
    UNTIL(in_hand(engine) == 0);
    close_and_compare(engine, both);
}
