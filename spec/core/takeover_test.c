/*
 * Several processes on one file: what one of them held when it died, was stopped or was slow. The children
 * are forked before the test opens an engine of its own, and do what they are told, a byte at a time.
 */
#include "engine_support.h"
#include "store_compare.h"

#define SHORT_LEASE_MS 500
#define HANDS_MAX 8

static char path[400];
static struct wf_definition *mail;

struct order {
    int64_t lease_ms;
    int threads;
};

static char take_next(struct wf_engine *engine, struct wf_hand *hand, int64_t wait_ms)
{
    *hand = hand_of(engine);
    switch (wf_hand_take(hand, wait_ms)) {
    case WF_OK:
        return wf_hand_claim(hand)->alone ? 'a' : 't';
    default:
        return '-';
    }
}

/* o(pen), s(tart a run as its caller), w(atch for a while), t(ake), n(othing to take?), e(nter the last), f(inish the first, and hear), c(lose). */
static void obey(const struct child *parent, void *context)
{
    const struct order *order = context;
    struct wf_engine *engine = NULL;
    struct wf_hand hands[HANDS_MAX];
    int taken = 0, ended = 0;
    char word;

    while ((word = hear_within(parent, -1)) != 'c' && word) {
        char reply = word;

        if (word == 'o') {
            engine = open_with(&wf_store_sqlite, path, order->lease_ms);
            wf_engine_work(engine, order->threads, WF_BYTES("child"));
        } else if (word == 't' || word == 'n') {
            reply = take_next(engine, &hands[taken], word == 't' ? ANSWER_MS : 0);
            taken += reply != '-';
        } else if (word == 's') {
            hands[taken] = hand_of(engine);
            start_run(engine, &hands[taken++], mail, "kept");
        } else if (word == 'w') {
            int64_t since_ms = now_ms();

            UNTIL(now_ms() - since_ms > 600); /* its dispatcher has ticked */
        } else if (word == 'e') {
            wf_hand_enter(&hands[taken - 1]);
        } else if (word == 'f') {
            enum wf_status status = finish(&hands[ended++], mail, WF_COMMAND_COMPLETE).status;

            reply = status == WF_OK ? 'k' : status == WF_STALE ? 's' : '?';
        }
        say(parent, reply);
    }
    if (engine) {
        wf_engine_stop(engine, 0);
        wf_engine_free(engine);
    }
}

static struct child child_of(const struct order *order)
{
    return start(obey, (void *)order);
}

static char tell(const struct child *child, char word)
{
    say(child, word);
    return hear(child);
}

/* In its turn at the store it would keep everybody from it, for as long as it is stopped. */
static void stop_between_turns(const struct child *child)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    struct wf_shared shared;

    CHECK(wf_shared_open(&shared, path, NULL) == WF_OK);
    stop_and_see(child);
    while (wf_shared_locked(&shared, WF_LOCK_STORE) || wf_shared_locked(&shared, WF_LOCK_QUEUE)) {
        CHECK(kill(child->pid, SIGCONT) == 0);
        nanosleep(&moment, NULL);
        stop_and_see(child);
    }
    wf_shared_close(&shared);
}

static void begin(const char *line)
{
    new_path(path, "store");
    mail = define(line);
}

static void finish_test(void)
{
    CHECK(projections_differ(&wf_store_sqlite, path) == 0);
    wf_definition_release(mail);
}

static void start_some(struct wf_engine *engine, int64_t *ids, int count)
{
    for (int i = 0; i < count; i++) {
        char key[16];

        snprintf(key, sizeof(key), "%d", i);
        ids[i] = start_run(engine, NULL, mail, key).id;
    }
}

/* What the file says, without an engine. */
static struct answer look_at(int64_t id)
{
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    struct wf_store *store;
    struct wf_run_row row;
    struct answer answer = {.status = WF_STORE_ERROR};

    if (!wf_store_sqlite.open(&store, &options, NULL)) {
        if (!wf_store_sqlite.run_load(store, id, &row, NULL)) {
            answer = decode(row.state, id);
        }
        wf_store_sqlite.close(store);
    }
    return answer;
}

TEST(what_a_killed_process_held_is_taken_over_and_only_what_was_entered_counts)
{
    struct order order = {LEASE_MS, 2};
    struct child child;
    struct wf_engine *engine;
    struct wf_hand hand;
    int64_t ids[4], since_ms;
    int lost = 0;

    begin("mail");
    child = child_of(&order);
    engine = open_engine(path);
    hand = hand_of(engine);
    start_some(engine, ids, 4);
    CHECK(tell(&child, 'o') == 'o');
    CHECK(tell(&child, 't') == 't' && tell(&child, 'e') == 'e');
    CHECK(tell(&child, 't') == 't'); /* taken, not entered; two more are prefetched */
    wf_engine_work(engine, 4, WF_BYTES("heir"));
    CHECK(wf_hand_take(&hand, 0) == WF_TIMED_OUT);
    since_ms = now_ms();
    end_by(&child, SIGKILL);
    for (int i = 0; i < 4; i++) {
        struct answer answer;

        CHECK(take(&hand, "mail"));
        answer = look(engine, wf_hand_claim(&hand)->run_id);
        CHECK(answer.crashes[0] + 1 == answer.attempts[0]);
        lost += answer.crashes[0] == 1;
        wf_hand_enter(&hand);
        post_finish(&hand, mail, WF_COMMAND_COMPLETE);
    }
    CHECK(now_ms() - since_ms < 1000);
    CHECK(lost == 1);
    close_engine(engine);
    finish_test();
}

TEST(what_a_killed_caller_kept_beside_its_step_goes_back_untouched)
{
    struct order order = {LEASE_MS, 0};
    struct child child;
    struct wf_engine *engine;
    struct wf_hand hand;
    struct answer answer;

    begin("a! b!< c!<");
    child = child_of(&order);
    engine = open_engine(path);
    hand = hand_of(engine);
    CHECK(tell(&child, 'o') == 'o' && tell(&child, 's') == 's' && tell(&child, 'e') == 'e');
    wf_engine_work(engine, 1, WF_BYTES("heir"));
    CHECK(wf_hand_take(&hand, 0) == WF_TIMED_OUT);
    end_by(&child, SIGKILL);
    for (int i = 0; i < 3; i++) {
        CHECK(wf_hand_claim(&hand) || wf_hand_take(&hand, ANSWER_MS) == WF_OK);
        answer = look(engine, wf_hand_claim(&hand)->run_id);
        finish(&hand, mail, WF_COMMAND_COMPLETE);
    }
    answer = look(engine, answer.id);
    CHECK(answer.run == WF_RUN_done && answer.crashes[0] == 1 && answer.attempts[0] == 2);
    CHECK(answer.crashes[1] + answer.crashes[2] == 0);
    CHECK(answer.attempts[1] == 1 && answer.attempts[2] == 1);
    close_engine(engine);
    finish_test();
}

static bool note_name(void *context, const struct wf_process_row *row)
{
    snprintf(context, 64, "%.*s", (int)row->name.len, row->name.ptr);
    return true;
}

/* What the row of the only process says, by which its steps are told as lost. */
static bool is_named(const char *name)
{
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    struct wf_store *store;
    char found[64] = "";

    if (!wf_store_sqlite.open(&store, &options, NULL)) {
        wf_store_sqlite.process_list(store, note_name, found, NULL);
        wf_store_sqlite.close(store);
    }
    return strcmp(found, name) == 0;
}

TEST(a_process_has_its_name_in_the_store_from_its_first_claim_on)
{
    struct wf_engine *engine;
    struct wf_hand caller, worker;

    begin("now!");
    engine = open_engine(path);
    caller = hand_of(engine);
    worker = hand_of(engine);
    start_run(engine, NULL, mail, "a"); /* nothing is claimed */
    CHECK(is_named(""));
    start_run(engine, &caller, mail, "b");
    CHECK(is_named("caller")); /* nobody has asked it to work */
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&worker, "now"));
    CHECK(is_named("worker"));
    finish(&worker, mail, WF_COMMAND_COMPLETE);
    finish(&caller, mail, WF_COMMAND_COMPLETE);
    close_engine(engine);
    finish_test();
}

TEST(a_step_that_kills_three_processes_is_parked_and_the_third_runs_it_alone)
{
    struct order order = {LEASE_MS, 2};
    struct child children[3];
    struct wf_engine *engine;
    struct answer answer;
    int64_t ids[1], other = 0;

    begin("mail");
    for (int i = 0; i < 3; i++) {
        children[i] = child_of(&order);
    }
    engine = open_engine(path);
    start_some(engine, ids, 1);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(tell(&children[i], 'o') == 'o');
        CHECK(tell(&children[i], 't') == (i == 2 ? 'a' : 't'));
        CHECK(tell(&children[i], 'e') == 'e');
        if (i == 2) {
            other = start_run(engine, NULL, mail, "other").id;
            CHECK(tell(&children[i], 'n') == '-'); /* nothing beside it */
        }
        end_by(&children[i], SIGKILL);
        UNTIL(look(engine, ids[0]).crashes[0] == i + 1);
    }
    answer = look(engine, ids[0]);
    CHECK(answer.run == WF_RUN_failed && answer.steps[0] == WF_STEP_failed);
    CHECK(strcmp(answer.reason, "crashed") == 0);
    CHECK(look(engine, other).run == WF_RUN_running && look(engine, other).attempts[0] == 1);
    CHECK(change(engine, mail, WF_COMMAND_RETRY, ids[0], "").crashes[0] == 0);
    close_engine(engine);
    finish_test();
}

TEST(the_late_result_of_a_stopped_process_is_refused_once_its_step_was_claimed_again)
{
    struct order order = {SHORT_LEASE_MS, 1};
    struct child child;
    struct wf_engine *engine;
    struct wf_hand hand;
    struct answer answer;
    int64_t ids[1];

    begin("mail next");
    child = child_of(&order);
    engine = open_with(&wf_store_sqlite, path, SHORT_LEASE_MS);
    hand = hand_of(engine);
    start_some(engine, ids, 1);
    CHECK(tell(&child, 'o') == 'o' && tell(&child, 't') == 't' && tell(&child, 'e') == 'e');
    stop_between_turns(&child);
    wf_engine_work(engine, 1, WF_BYTES("heir"));
    CHECK(take(&hand, "mail"));
    answer = look(engine, ids[0]);
    CHECK(answer.attempts[0] == 2 && answer.crashes[0] == 0);
    wf_hand_enter(&hand);
    CHECK(kill(child.pid, SIGCONT) == 0);
    CHECK(tell(&child, 'f') == 's');
    CHECK(finish(&hand, mail, WF_COMMAND_COMPLETE).steps[0] == WF_STEP_completed);
    say(&child, 'c');
    end(&child);
    CHECK(wf_engine_stop(engine, 0) || true);
    wf_engine_free(engine);
    finish_test();
}

TEST(the_late_result_of_a_stopped_process_is_accepted_if_nobody_claimed_its_step)
{
    struct order order = {SHORT_LEASE_MS, 1};
    struct child child;
    struct wf_engine *engine;
    int64_t ids[1];

    begin("mail");
    child = child_of(&order);
    engine = open_with(&wf_store_sqlite, path, SHORT_LEASE_MS);
    start_some(engine, ids, 1);
    CHECK(tell(&child, 'o') == 'o' && tell(&child, 't') == 't' && tell(&child, 'e') == 'e');
    stop_between_turns(&child);
    UNTIL(look(engine, ids[0]).attempts[0] == 2); /* lost, and ready for whoever comes */
    say(&child, 'f');
    CHECK(kill(child.pid, SIGCONT) == 0);
    /* Its own threads may claim it first, as a second attempt: then the first one's result is refused. */
    if (hear(&child) == 'k') {
        CHECK(look(engine, ids[0]).run == WF_RUN_done);
    } else {
        CHECK(look(engine, ids[0]).run == WF_RUN_running);
    }
    say(&child, 'c');
    end(&child);
    close_engine(engine);
    finish_test();
}

TEST(a_process_that_was_stopped_itself_gives_others_a_lease_before_it_takes_over)
{
    struct order order = {SHORT_LEASE_MS, 1};
    struct child holder, watcher;
    struct wf_engine *engine;
    int64_t ids[1], stopped_ms, woken_ms;

    begin("mail");
    holder = child_of(&order);
    watcher = child_of(&order);
    engine = open_with(&wf_store_sqlite, path, SHORT_LEASE_MS);
    start_some(engine, ids, 1);
    close_engine(engine);
    CHECK(tell(&holder, 'o') == 'o' && tell(&holder, 't') == 't' && tell(&holder, 'e') == 'e');
    CHECK(tell(&watcher, 'o') == 'o' && tell(&watcher, 'w') == 'w');
    stop_between_turns(&watcher);
    stop_between_turns(&holder);
    stopped_ms = now_ms();
    UNTIL(now_ms() - stopped_ms > 2 * SHORT_LEASE_MS);
    woken_ms = now_ms();
    CHECK(kill(watcher.pid, SIGCONT) == 0);
    UNTIL(look_at(ids[0]).attempts[0] == 2);
    CHECK(now_ms() - woken_ms >= SHORT_LEASE_MS);
    CHECK(tell(&watcher, 't') == 't');
    CHECK(tell(&watcher, 'f') == 'k');
    CHECK(kill(holder.pid, SIGCONT) == 0);
    CHECK(tell(&holder, 'f') == 's');
    say(&holder, 'c');
    say(&watcher, 'c');
    end(&holder);
    end(&watcher);
    finish_test();
}

TEST(a_step_held_for_many_leases_stays_its_holders)
{
    struct wf_engine *holder, *watcher;
    struct wf_hand hand;
    struct answer answer;
    int64_t ids[1], since_ms;

    begin("mail");
    holder = open_with(&wf_store_sqlite, path, SHORT_LEASE_MS);
    watcher = open_with(&wf_store_sqlite, path, SHORT_LEASE_MS);
    hand = hand_of(holder);
    start_some(watcher, ids, 1);
    wf_engine_work(holder, 1, WF_BYTES("holder"));
    CHECK(take(&hand, "mail"));
    wf_hand_enter(&hand);
    since_ms = now_ms();
    UNTIL(look(watcher, ids[0]).steps[0] == WF_STEP_running); /* told, while it runs */
    UNTIL(now_ms() - since_ms > 4 * SHORT_LEASE_MS);
    answer = finish(&hand, mail, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_done && answer.attempts[0] == 1);
    UNTIL(atomic_load(&wf_liveness_self(&holder->liveness)->holding) == 0);
    close_engine(holder);
    close_engine(watcher);
    finish_test();
}

/* ---- Nobody takes over what could not be renewed: a store that refuses one engine, or both, or a commit that stalls ---- */

#define WATCHERS_LEASE_MS 4000
#define OUTAGE_MS 1500 /* more than a quarter of that, and many of the holder's */
#define TICKS_MS 600   /* a takeover has been asked for */

static struct {
    struct wf_store_functions functions;
    struct wf_store *_Atomic refused[2], *_Atomic stalled;
} outage;

static enum wf_status refusing_begin(struct wf_store *store, struct wf_error *error)
{
    for (int i = 0; i < 2; i++) {
        if (atomic_load(&outage.refused[i]) == store) {
            return wf_fail(error, WF_STORE_UNAVAILABLE, "made to be out of reach");
        }
    }
    return wf_store_sqlite.begin(store, error);
}

static enum wf_status stalling_commit(struct wf_store *store, struct wf_error *error)
{
    if (atomic_load(&outage.stalled) == store && wf_store_sqlite.wrote(store)) {
        poll(NULL, 0, OUTAGE_MS);
        atomic_store(&outage.stalled, NULL);
    }
    return wf_store_sqlite.commit(store, error);
}

static struct {
    struct wf_engine *holder, *watcher;
    struct wf_hand hand;
    int64_t run_id;
} two;

/* The holder is in a step; the watcher has no threads, and could only take it over. */
static void begin_outage(void)
{
    begin("mail");
    memset(&outage, 0, sizeof(outage));
    outage.functions = wf_store_sqlite;
    outage.functions.begin = refusing_begin;
    outage.functions.commit = stalling_commit;
    two.holder = open_with(&outage.functions, path, SHORT_LEASE_MS);
    two.watcher = open_with(&outage.functions, path, WATCHERS_LEASE_MS);
    two.hand = hand_of(two.holder);
    start_some(two.watcher, &two.run_id, 1);
    wf_engine_work(two.holder, 1, WF_BYTES("holder"));
    CHECK(take(&two.hand, "mail"));
    wf_hand_enter(&two.hand);
    UNTIL(look(two.watcher, two.run_id).steps[0] == WF_STEP_running);
}

static void stall(struct wf_engine *engine)
{
    atomic_store(&outage.stalled, engine->committer.store);
    wf_committer_post(engine, prepare_start(engine, NULL, mail, "stalled"));
}

static void end_outage(void)
{
    struct answer answer;

    atomic_store(&outage.refused[0], NULL);
    atomic_store(&outage.refused[1], NULL);
    answer = finish(&two.hand, mail, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.run == WF_RUN_done && answer.attempts[0] == 1);
    UNTIL(!atomic_load(&outage.stalled));
    wf_engine_quiet(two.holder);
    close_engine(two.holder);
    close_engine(two.watcher);
    finish_test();
}

TEST(a_lease_that_ran_out_in_its_holders_own_stalled_commit_is_not_taken_over)
{
    begin_outage();
    stall(two.holder); /* the watcher comes late to that, and is the next one */
    UNTIL(!atomic_load(&outage.stalled));
    end_outage();
}

TEST(a_lease_that_ran_out_in_the_watchers_stalled_commit_is_not_taken_over)
{
    begin_outage();
    stall(two.watcher);
    atomic_store(&outage.refused[0], two.holder->committer.store); /* and has its turn later */
    UNTIL(!atomic_load(&outage.stalled));
    poll(NULL, 0, TICKS_MS);
    end_outage();
}

TEST(a_lease_that_ran_out_while_the_store_was_out_of_reach_is_not_taken_over)
{
    begin_outage();
    atomic_store(&outage.refused[0], two.holder->committer.store);
    atomic_store(&outage.refused[1], two.watcher->committer.store);
    CHECK(start_run(two.watcher, NULL, mail, "refused").status == WF_STORE_UNAVAILABLE);
    poll(NULL, 0, OUTAGE_MS); /* many rounds in vain, each of them short */
    atomic_store(&outage.refused[1], NULL);
    poll(NULL, 0, TICKS_MS);
    end_outage();
}

/* An await: what a dead submit held can be submitted again, and its expiry comes. */
TEST(the_claim_of_a_submit_that_died_goes_back)
{
    struct wf_engine *dead, *engine;
    struct wf_hand hand, heir;
    int64_t ids[1];

    begin("confirm?");
    dead = open_engine(path);
    engine = open_engine(path);
    hand = hand_of(dead);
    heir = hand_of(engine);
    start_some(engine, ids, 1);
    CHECK(claim(&hand, WF_OP_CLAIM_WAIT, ids[0], "confirm").status == WF_OK);
    wf_hand_enter(&hand);
    CHECK(claim(&heir, WF_OP_CLAIM_WAIT, ids[0], "confirm").status == WF_BUSY);
    CHECK(!wf_engine_stop(dead, 0));
    CHECK(claim(&heir, WF_OP_CLAIM_WAIT, ids[0], "confirm").status == WF_OK);
    CHECK(finish(&heir, mail, WF_COMMAND_ACCEPT).run == WF_RUN_done);
    wf_engine_free(dead);
    close_engine(engine);
    finish_test();
}

/* ---- Ids of processes: from the log, while the dead are in the file beside it ---- */

static int64_t owner_of(struct wf_engine *engine)
{
    return atomic_load(&wf_liveness_self(&engine->liveness)->owner);
}

static void remove_log(void)
{
    static const char *const endings[] = {"", "-wal", "-shm"};

    for (int i = 0; i < 3; i++) {
        char name[420];

        snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        CHECK(remove(name) == 0);
    }
}

/* Holds a step for some leases, and takes another one afterwards. */
static void work_for_long(struct wf_engine *engine)
{
    struct wf_hand hand = hand_of(engine);
    struct answer answer;
    int64_t ids[2], since_ms = now_ms();

    start_some(engine, ids, 1);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    if (wf_hand_take(&hand, ANSWER_MS)) {
        CHECK(!"taken");
        return;
    }
    wf_hand_enter(&hand);
    UNTIL(now_ms() - since_ms > 3 * SHORT_LEASE_MS);
    answer = finish(&hand, mail, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.attempts[0] == 1);
    start_some(engine, ids, 1);
    CHECK(take(&hand, "mail") && finish(&hand, mail, WF_COMMAND_COMPLETE).status == WF_OK);
}

TEST(a_new_log_beside_the_entries_of_the_dead_gives_none_of_their_ids)
{
    struct order order = {SHORT_LEASE_MS, 1};
    struct child children[2];
    struct wf_engine *engine;

    begin("mail");
    for (int i = 0; i < 2; i++) {
        children[i] = child_of(&order);
        CHECK(tell(&children[i], 'o') == 'o' && tell(&children[i], 's') == 's'); /* ids 1 and 2 */
    }
    stop_between_turns(&children[1]); /* or it takes over the other */
    end_by(&children[0], SIGKILL);
    end_by(&children[1], SIGKILL);
    remove_log();
    engine = open_with(&wf_store_sqlite, path, SHORT_LEASE_MS);
    work_for_long(engine);
    CHECK(owner_of(engine) == 3);
    close_engine(engine);
    finish_test();
}

TEST(a_dead_entry_with_a_living_process_s_id_takes_nothing_from_it)
{
    struct wf_engine *engine;
    struct wf_hand hand;
    struct answer answer;
    struct wf_op *op;
    int64_t ids[1];
    bool stands = false, cancelling;

    begin("mail");
    engine = open_engine(path);
    hand = hand_of(engine);
    start_some(engine, ids, 1);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&hand, "mail"));
    op = wf_op_prepare(engine, NULL, WF_OP_TAKEOVER);
    op->owner = owner_of(engine);
    op->dead = true;
    CHECK(ask(engine, NULL, op).status == WF_OK);
    CHECK(is_named("worker")); /* its row is there */
    CHECK(wf_engine_claim_stands(engine, wf_hand_claim(&hand), &stands, &cancelling, NULL) ==
          WF_OK);
    CHECK(stands);
    answer = finish(&hand, mail, WF_COMMAND_COMPLETE);
    CHECK(answer.status == WF_OK && answer.attempts[0] == 1);
    close_engine(engine);
    finish_test();
}

static void delete_process(int64_t owner)
{
    struct wf_store_options options = {.path = path, .busy_ms = 5000};
    struct wf_store *store;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    CHECK(wf_store_sqlite.begin(store, NULL) == WF_OK);
    CHECK(wf_store_sqlite.process_delete(store, owner, NULL) == WF_OK);
    CHECK(wf_store_sqlite.commit(store, NULL) == WF_OK);
    wf_store_sqlite.close(store);
}

TEST(a_process_whose_row_is_gone_joins_anew)
{
    struct wf_engine *engine;
    struct wf_hand hand;
    int64_t ids[1], owner;

    begin("mail");
    engine = open_with(&wf_store_sqlite, path, SHORT_LEASE_MS);
    hand = hand_of(engine);
    start_some(engine, ids, 1);
    wf_engine_work(engine, 1, WF_BYTES("worker"));
    CHECK(take(&hand, "mail"));
    owner = owner_of(engine);
    delete_process(owner);
    UNTIL(owner_of(engine) > owner);                                 /* with its next renewal */
    CHECK(finish(&hand, mail, WF_COMMAND_COMPLETE).status == WF_OK); /* nobody has claimed it */
    work_for_long(engine);
    close_engine(engine);
    finish_test();
}

/* ---- A crowd: workers are killed again and again, and in the end everything was done ---- */

#define CROWD 6
#define CROWD_RUNS 150

static void work_hard(const struct child *parent, void *context)
{
    struct wf_engine *engine;
    struct wf_hand hand;

    (void)context;
    hear_within(parent, -1);
    engine = open_with(&wf_store_sqlite, path, LEASE_MS);
    hand = hand_of(engine);
    wf_engine_work(engine, 2, WF_BYTES("crowd"));
    say(parent, 'o');
    while (wf_hand_take(&hand, ANSWER_MS) == WF_OK) {
        post_finish(&hand, mail, WF_COMMAND_COMPLETE); /* never entered: so no crash is counted */
    }
}

static bool count_done(void *context, const struct wf_run_row *row)
{
    *(int *)context += row->status == WF_RUN_done;
    return true;
}

static int runs_done(struct wf_engine *engine)
{
    struct wf_store *store;
    int done = 0;

    CHECK(wf_readers_take(&engine->readers, &store, NULL) == WF_OK);
    engine->does->run_list(store, WF_BYTES(""), 0, COMPARE_MAX, count_done, &done, NULL);
    wf_readers_give(&engine->readers, store);
    return done;
}

TEST(though_workers_are_killed_one_after_another_every_run_is_done)
{
    struct child children[CROWD];
    struct wf_engine *engine;
    static int64_t ids[CROWD_RUNS];

    begin("a b c d e f");
    for (int i = 0; i < CROWD; i++) {
        children[i] = start(work_hard, NULL);
    }
    engine = open_engine(path);
    start_some(engine, ids, CROWD_RUNS);
    for (int i = 0; i < 2; i++) {
        say(&children[i], 'o');
    }
    for (int i = 0; i < CROWD; i++) {
        int done = i * CROWD_RUNS / CROWD / 2;

        hear(&children[i]);
        UNTIL(runs_done(engine) >= done || i == CROWD - 1);
        if (i + 2 < CROWD) {
            say(&children[i + 2], 'o');
        }
        if (i < CROWD - 1) {
            end_by(&children[i], SIGKILL);
        }
    }
    UNTIL(runs_done(engine) == CROWD_RUNS);
    for (int i = 0; i < CROWD_RUNS; i++) {
        struct answer answer = look(engine, ids[i]);

        CHECK(answer.version == 1 + 6 * 3 + 1 && answer.crashes[0] == 0);
    }
    end_by(&children[CROWD - 1], SIGKILL);
    close_engine(engine);
    finish_test();
}
