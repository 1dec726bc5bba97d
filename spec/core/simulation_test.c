/*
 * Histories by chance: several processes on one store, of which any can be killed, stopped for a while or lose
 * the outcome of a commit, on clocks that jump. After every commit what is promised (design.md §4) is
 * compared with the log and the tables; the functions of that are named after the promises. At its end each history is left
 * alone until nothing moves.
 *
 * HISTORIES=… says how many. A history that breaks a promise is run again with its events printed, and
 * SEED=… HISTORIES=1 is that one.
 */
#include "test.h"

#include "random.h"
#include "simulation.h"

#if defined(__SANITIZE_THREAD__)
#define HISTORIES 1000 /* one thread: there is nothing for it to find */
#else
#define HISTORIES 10000
#endif
#define COVERING 10000 /* so many histories see everything: a parked step is in one of 500 */
#define LEASE_MS 2000
#define WORKERS 3
#define GRIPS 3
#define ASKED 4
#define KEYS 3
#define TOKENS_MAX 2000
#define GRANTS_MAX 20000
#define OWNERS_MAX 256
#define STARTS_MAX 6 /* of one run that is told from others by an id or a token */
#define DRAIN_MAX 3000

/* ---- The world ---- */

struct grip { /* one thread of a process, with what it holds and asks */
    struct wf_hand hand;
    struct wf_op *asked;
    int serial; /* of its claim; 0: it was superseded before it was taken */
    bool entered;
    bool begun; /* the method of a `once` step was entered */
};

struct worker {
    struct wf_engine *engine; /* NULL: not there */
    struct grip grips[GRIPS];
    struct wf_op *asked[ASKED]; /* by nobody's hand */
    struct wf_op *batch;        /* in the committer's hands */
    int64_t ticked_ms;
    uint32_t heard;
    bool stalled, dying;
    struct {                    /* its last result, to be sent once more */
        struct wf_claim claim;  /* without what it points to */
        struct wf_buffer state; /* what it had kept of the run */
        enum wf_command_kind kind;
        int token;
    } sent;
};

static struct worker workers[WORKERS];
static struct wf_definition *definitions[KEYS];

/* A run that somebody wants: begun once, or as often as one likes if it has an id or a token. */
static struct wish {
    bool by_id, by_token;
    int64_t id; /* reserved by who asks first */
    char token[3];
    int key, starts_left;
} wishes[RUNS_MAX];

static bool quiet_world; /* nothing goes wrong any more */
static bool deadly;      /* in this history, steps tend to take their process down */

static struct {
    bool refused, counted; /* counted: or the outcome was not known */
    int recorded, serial;
} tokens[TOKENS_MAX];
static int token_count;
static struct {
    bool entered;
    int64_t deadline_mono_ms;
} grants[GRANTS_MAX];
/* What became of the transaction behind a pledged claim, in a database that nobody here can see: whoever looks at it
 * once more finds the same. */
static struct {
    bool heard; /* somebody knows of the claim; else there was no transaction */
    enum { OPEN, COMMITTED, ROLLED_BACK } outcome;
} pledges[GRANTS_MAX];
static uint32_t begun_rounds[RUNS_MAX]
                            [STEPS_MAX]; /* the last round in which the method was entered */
static bool dead[OWNERS_MAX];

/* ---- What a promise is checked with ---- */

static const char *broken; /* the first promise of this history that was */
static bool tracing;

#define PROMISE(kept) promise((kept), __func__, #kept)

static void promise(bool kept, const char *name, const char *what)
{
    if (!kept && !broken) {
        broken = name;
        if (tracing) {
            fprintf(stderr, "  broken: %s: not so: %s\n", name, what);
        }
    }
}

static void note(const char *format, ...)
{
    va_list arguments;

    if (tracing) {
        va_start(arguments, format);
        fprintf(stderr, "  %lld/%lld ", (long long)simulated.wall_ms, (long long)simulated.mono_ms);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
    }
}

#define FACTS(X)                                                                                   \
    X(crash_charged)                                                                               \
    X(parked)                                                                                      \
    X(lease_lost)                                                                                  \
    X(untouched)                                                                                   \
    X(completed)                                                                                   \
    X(failed)                                                                                      \
    X(retried)                                                                                     \
    X(asked_again)                                                                                 \
    X(delayed)                                                                                     \
    X(opened)                                                                                      \
    X(skipped)                                                                                     \
    X(accepted)                                                                                    \
    X(rejected)                                                                                    \
    X(expired)                                                                                     \
    X(otherwise)                                                                                   \
    X(expiry_waited)                                                                               \
    X(stale)                                                                                       \
    X(late_result)                                                                                 \
    X(existing)                                                                                    \
    X(busy)                                                                                        \
    X(unknown)                                                                                     \
    X(store_failed)                                                                                \
    X(begun)                                                                                       \
    X(doubtful)                                                                                    \
    X(settled)                                                                                     \
    X(claim_in_doubt)                                                                              \
    X(claim_taken_for_doubtful)                                                                    \
    X(submit_doubtful)                                                                             \
    X(settled_as_accepted)                                                                         \
    X(settled_as_free)                                                                             \
    X(settled_in_vain)                                                                             \
    X(accepted_late)                                                                               \
    X(accepted_when_halted)                                                                        \
    X(expiry_of_a_doubt_waited)                                                                    \
    X(begun_again_by_id)                                                                           \
    X(begun_again_by_token)                                                                        \
    X(timed_out)                                                                                   \
    X(told)                                                                                        \
    X(kept)                                                                                        \
    X(judged)                                                                                      \
    X(judged_against)                                                                              \
    X(due_reminder)                                                                                \
    X(reminded)                                                                                    \
    X(reminder_failed)                                                                             \
    X(reminder_lost)                                                                               \
    X(run_done)                                                                                    \
    X(run_expired)                                                                                 \
    X(run_failed)                                                                                  \
    X(run_cancelled)                                                                               \
    X(cancel_waited)                                                                               \
    X(paused)                                                                                      \
    X(resumed)                                                                                     \
    X(let_go)                                                                                      \
    X(omitted)

enum fact {
#define FACT_NAME(name) FACT_##name,
    FACTS(FACT_NAME)
#undef FACT_NAME
        FACT_COUNT
};

static const char *const fact_names[] = {
#define FACT_TEXT(name) #name,
    FACTS(FACT_TEXT)
#undef FACT_TEXT
};

static int64_t facts[FACT_COUNT];

/* ---- What was seen of each run: a second, simpler reading of the log ---- */

struct seen_step {
    uint32_t round, attempt;
    enum wf_mode mode;
    uint64_t results;  /* of this round and mode: a bit an attempt */
    uint64_t timeouts; /* of these */
    bool once, doubtful;
    int64_t due_ms;
    int crashes;
    bool touched, settled, accepted, again, to_fail;
    bool kept;          /* an input that came early */
    int64_t remind_ms;  /* when somebody is to be reminded; 0: not */
    uint32_t reminders; /* tries at that since it opened */
    uint32_t reminded;  /* a bit for each of them that has said how it ended */
    bool remind_again;  /* the last one was lost */
};

struct seen_run {
    struct wf_state folded;
    struct seen_step steps[STEPS_MAX];
    uint32_t rounds; /* that a person has asked for */
    bool ended;
};

static struct seen_run seen[RUNS_MAX];
static int seen_rows;

static int token_of(struct wf_bytes bytes)
{
    char digits[7] = "";

    if (bytes.len != 7 || bytes.ptr[0] != 't') {
        return 0;
    }
    memcpy(digits, bytes.ptr + 1, 6);
    return atoi(digits);
}

static void versions_have_no_gap(const struct seen_run *run, const struct log_row *row,
                                 struct wf_bytes events)
{
    PROMISE(wf_row_count(events) > 0 && run->folded.version + wf_row_count(events) == row->version);
}

static void a_step_starts_only_when_all_it_depends_on_is_settled(const struct seen_run *run,
                                                                 int step)
{
    const struct wf_step *pinned = &run->folded.steps[step];

    for (uint16_t i = 0; i < pinned->dep_count; i++) {
        PROMISE(run->steps[pinned->deps[i]].settled);
    }
}

static void a_settled_step_never_starts_again(const struct seen_step *step)
{
    PROMISE(!step->settled);
}

static void a_new_round_is_asked_for(const struct seen_run *run, uint32_t round)
{
    PROMISE(round <= 1 + run->rounds);
}

static void an_ended_run_moves_only_when_it_is_asked_to(const struct seen_run *run,
                                                        const struct wf_event *event)
{
    PROMISE(!run->ended || (event->kind == WF_KIND_step_retried && event->final));
}

static void one_attempts_result_is_recorded_once(struct seen_step *step, uint32_t attempt)
{
    uint64_t bit = (uint64_t)1 << (attempt & 63);

    PROMISE(attempt < 64 && attempt <= step->attempt && !(step->results & bit));
    step->results |= bit;
    facts[FACT_late_result] += attempt < step->attempt;
}

static void a_superseded_result_changes_nothing(int token)
{
    PROMISE(!tokens[token].refused);
}

static void what_was_sent_twice_is_recorded_once(int token)
{
    PROMISE(tokens[token].recorded == 1);
}

static void a_once_step_never_starts_twice_in_a_round(bool started)
{
    PROMISE(!started);
}

static void a_timed_out_attempts_result_is_never_recorded(const struct seen_step *step,
                                                          uint32_t attempt)
{
    PROMISE(!(step->timeouts & (uint64_t)1 << (attempt & 63)));
}

/* In the middle of a transaction, when it is still known who holds the step. */
static void only_an_attempt_past_its_limit_times_out(const struct last_claim *claim)
{
    int64_t deadline_mono_ms = grants[claim->serial].deadline_mono_ms;

    PROMISE(deadline_mono_ms && deadline_mono_ms <= simulated.mono_ms);
}

static void an_accepted_input_is_recorded_once(struct seen_step *step)
{
    PROMISE(!step->accepted);
    step->accepted = true;
}

static void a_timer_fires_when_it_is_due_and_once(struct seen_step *step,
                                                  const struct wf_event *event)
{
    bool asked = wf_bytes_equal(event->by, WF_BYTES("person"));

    PROMISE(step->due_ms && (asked || event->at_ms >= step->due_ms));
    step->due_ms = 0;
}

static void three_crashes_park_a_step(struct seen_step *step, const struct wf_event *event,
                                      bool cancelling)
{
    PROMISE(!step->to_fail || event->kind == WF_KIND_step_failed);
    step->to_fail = false;
    if (event->kind == WF_KIND_lease_lost) {
        step->crashes += event->crashed;
        step->to_fail = step->crashes == (int)WF_CRASHES_MAX && !cancelling;
        PROMISE(step->crashes <= (int)WF_CRASHES_MAX);
    } else if (event->kind == WF_KIND_step_failed) {
        bool crashed = wf_bytes_equal(event->reason, WF_BYTES("crashed"));

        PROMISE(!crashed || step->crashes == (int)WF_CRASHES_MAX);
        facts[FACT_parked] += crashed;
    }
}

static void a_reminder_never_ends_a_wait(const struct wf_step *step)
{
    PROMISE(step->status == WF_STEP_waiting);
}

static void an_expiry_beats_a_reminder(const struct seen_step *step, const struct wf_event *event)
{
    PROMISE(!step->due_ms || step->remind_again || event->at_ms < step->due_ms);
}

static void
somebody_is_reminded_when_it_is_due_and_at_most_three_times(struct seen_step *step,
                                                            const struct wf_event *event)
{
    PROMISE(step->remind_again || (step->remind_ms && event->at_ms >= step->remind_ms));
    PROMISE(event->attempt == ++step->reminders && event->attempt <= WF_REMINDERS_MAX);
    step->remind_ms = 0;
    step->remind_again = false;
}

static void one_reminder_says_once_how_it_ended(struct seen_step *step, uint32_t attempt)
{
    uint32_t bit = 1u << (attempt & 31);

    PROMISE(attempt && attempt <= step->reminders && !(step->reminded & bit));
    step->reminded |= bit;
}

static void a_kept_input_is_judged_before_anybody_is_asked_and_once(struct seen_step *step,
                                                                    const struct wf_event *event)
{
    bool judged = event->kind == WF_KIND_step_scheduled;

    PROMISE(judged ? step->kept : !step->kept || step->mode == WF_MODE_JUDGE);
    step->kept &= judged;
}

/* In the middle of a transaction, when it is still known who held the step. */
static void a_crash_is_charged_only_to_what_was_entered(const struct last_claim *claim,
                                                        bool crashed)
{
    PROMISE(claim->serial && grants[claim->serial].entered);
    PROMISE(!crashed || dead[claim->owner]);
}

static void an_expiry_never_beats_a_claimed_submit(const struct wf_wait_row *row)
{
    PROMISE(row && !row->owner);
}

static int serial_of(const struct run *of, int step)
{
    return of->claims[STEPS_MAX + step].serial;
}

static bool is_accepted(int serial)
{
    for (int i = 0; i < tables.accepted_count; i++) {
        if (tables.accepted[i] == serial) {
            return true;
        }
    }
    return false;
}

static void a_pledged_input_is_accepted_only_if_it_was_committed(int serial)
{
    PROMISE(pledges[serial].heard && pledges[serial].outcome == COMMITTED);
}

/* In the middle of a transaction: whatever takes the claim away came after the verdict. */
static void a_pledged_claim_is_never_superseded_unsettled(int serial)
{
    PROMISE(is_accepted(serial) || !pledges[serial].heard ||
            pledges[serial].outcome == ROLLED_BACK);
}

static void no_run_ends_before_the_verdict_on_a_pledge(const struct run *of)
{
    for (int i = 0; i < tables.wait_count; i++) {
        const struct wf_wait_row *row = &tables.waits[i];

        PROMISE(row->run_id != of->id || !row->pledged || is_accepted(serial_of(of, row->step)));
    }
}

static void on_wait_lost(const struct run *of, const struct wf_wait_row *row)
{
    if (row->pledged && row->owner) {
        note("  run %d: the pledged claim of step %d goes, fence %lld, owner %lld",
             (int)(of - tables.runs), row->step, (long long)row->fence, (long long)row->owner);
        a_pledged_claim_is_never_superseded_unsettled(serial_of(of, row->step));
    }
}

static void on_wait_doubt(const struct run *of, const struct wf_wait_row *row)
{
    note("  run %d: the claim of step %d is in doubt, fence %lld", (int)(of - tables.runs),
         row->step, (long long)row->fence);
    facts[FACT_claim_in_doubt]++;
    facts[FACT_claim_taken_for_doubtful] += pledges[serial_of(of, row->step)].outcome == OPEN;
}

static void on_accepted(const struct run *of, const struct wf_state *state, int step)
{
    const struct wf_wait_row *row = wait_row_of(of->id, step);

    if (!row || !row->pledged) {
        return;
    }
    a_pledged_input_is_accepted_only_if_it_was_committed(serial_of(of, step));
    facts[FACT_accepted_late] += row->owner == WF_OWNER_DOUBT;
    facts[FACT_accepted_when_halted] += wf_state_halted(state);
    if (tables.accepted_count == ACCEPTED_MAX) {
        abort();
    }
    tables.accepted[tables.accepted_count++] = serial_of(of, step);
}

static void nothing_begins_in_a_halted_run(const struct wf_state *state)
{
    PROMISE(!wf_state_halted(state));
}

static void on_claim(const struct run *of)
{
    struct wf_state state;

    wf_state_init(&state);
    if (wf_state_decode(&state, of->id, (struct wf_bytes){of->state, of->state_len})) {
        abort();
    }
    nothing_begins_in_a_halted_run(&state);
    wf_state_destroy(&state);
}

static void one_run_begins_for_each_that_is_wanted(void)
{
    PROMISE(tables.run_count < RUNS_MAX);
}

static void on_surplus_run(void)
{
    one_run_begins_for_each_that_is_wanted();
}

static bool is_let_go(const struct wf_event *event)
{
    return event->kind == WF_KIND_lease_lost &&
           wf_bytes_equal(event->reason, WF_BYTES("given back"));
}

static bool is_looked_at(const struct wf_event *event)
{
    switch (event->kind) {
    case WF_KIND_lease_lost:
        return !is_let_go(event);
    case WF_KIND_step_failed:
        return wf_bytes_equal(event->reason, WF_BYTES("timeout"));
    case WF_KIND_input_expired:
    case WF_KIND_input_accepted:
    case WF_KIND_run_done:
    case WF_KIND_run_expired:
        return true;
    default:
        return false;
    }
}

static void on_event(const struct run *of, const struct wf_event *event)
{
    struct wf_state state;
    int step;

    if (!of || !is_looked_at(event)) {
        return;
    }
    wf_state_init(&state);
    if (wf_state_decode(&state, of->id, (struct wf_bytes){of->state, of->state_len})) {
        abort();
    }
    step = event->step.len ? wf_state_find(&state, event->step) : -1;
    if (event->kind == WF_KIND_step_failed) {
        only_an_attempt_past_its_limit_times_out(&of->claims[step]);
    } else if (event->kind == WF_KIND_lease_lost) {
        a_crash_is_charged_only_to_what_was_entered(&of->claims[step], event->crashed);
    } else if (event->kind == WF_KIND_input_expired) {
        an_expiry_never_beats_a_claimed_submit(wait_row_of(of->id, step));
        no_run_ends_before_the_verdict_on_a_pledge(of);
    } else if (event->kind == WF_KIND_input_accepted) {
        on_accepted(of, &state, step);
    } else {
        no_run_ends_before_the_verdict_on_a_pledge(of);
    }
    wf_state_destroy(&state);
}

/* ---- Reading the log ---- */

static void see_token(struct wf_bytes bytes)
{
    int token = token_of(bytes);

    if (token) {
        tokens[token].recorded++;
        a_superseded_result_changes_nothing(token);
        what_was_sent_twice_is_recorded_once(token);
    }
}

/* What comes after a step that failed was not reached: a person may have skipped it. */
static void see_reopened(struct seen_run *run, int step)
{
    uint32_t round = run->steps[step].round;
    bool failed = run->folded.steps[step].status == WF_STEP_failed;
    bool kept = run->steps[step].kept && !run->steps[step].touched; /* it was not reached yet */

    run->steps[step] = (struct seen_step){.round = round, .kept = kept};
    for (int i = 0; i < run->folded.step_count && !failed; i++) {
        const struct wf_step *later = &run->folded.steps[i];

        for (uint16_t d = 0; d < later->dep_count; d++) {
            if (later->deps[d] == step) {
                see_reopened(run, i);
            }
        }
    }
}

static void see_retried(struct seen_run *run, int step, const struct wf_event *event)
{
    if (!event->final) {
        run->steps[step].due_ms = event->due_ms;
        facts[FACT_retried]++;
        return;
    }
    facts[FACT_asked_again]++;
    run->rounds++;
    see_reopened(run, step);
    for (int i = 0; run->ended && i < run->folded.step_count; i++) {
        if (run->steps[i].touched && !run->steps[i].settled) {
            run->steps[i] = (struct seen_step){.round = run->steps[i].round};
        }
    }
    run->steps[step].touched = true;
    run->ended = false;
}

static void see_scheduled(struct seen_run *run, int index, const struct wf_event *event)
{
    struct seen_step *step = &run->steps[index];

    a_step_starts_only_when_all_it_depends_on_is_settled(run, index);
    a_settled_step_never_starts_again(step);
    if (event->due_ms) {
        step->due_ms = event->due_ms;
        facts[FACT_delayed]++;
        return;
    }
    if (run->folded.paused && run->folded.steps[index].status == WF_STEP_ready &&
        event->attempt == step->attempt) { /* as it was, when its holder let it go */
        facts[FACT_let_go]++;
        return;
    }
    if (step->due_ms || (event->attempt > 1 && !step->again)) {
        a_timer_fires_when_it_is_due_and_once(step, event);
    }
    a_once_step_never_starts_twice_in_a_round(step->once);
    if (event->mode != step->mode) {
        step->results = step->timeouts = 0;
    }
    facts[FACT_otherwise] += event->mode == WF_MODE_OTHERWISE;
    if (event->mode == WF_MODE_JUDGE) {
        a_kept_input_is_judged_before_anybody_is_asked_and_once(step, event);
    }
    step->again = false;
    step->mode = event->mode;
    step->attempt = event->attempt;
}

static void see_requested(struct seen_run *run, int index, const struct wf_event *event)
{
    struct seen_step *step = &run->steps[index];

    a_step_starts_only_when_all_it_depends_on_is_settled(run, index);
    a_settled_step_never_starts_again(step);
    a_kept_input_is_judged_before_anybody_is_asked_and_once(step, event);
    facts[FACT_opened] += step->mode == WF_MODE_ASK;
    facts[FACT_judged_against] += step->mode == WF_MODE_JUDGE;
    step->remind_ms = event->remind_ms;
    step->reminders = step->reminded = 0;
    step->remind_again = false;
    step->mode = WF_MODE_STEP;
    step->due_ms = event->due_ms;
    step->results = 0;
}

static void see_completed(struct seen_step *step, const struct wf_event *event)
{
    facts[FACT_completed]++;
    a_settled_step_never_starts_again(step);
    a_timed_out_attempts_result_is_never_recorded(step, event->attempt);
    one_attempts_result_is_recorded_once(step, event->attempt);
    facts[FACT_settled] += step->doubtful;
    step->doubtful = false;
    see_token(event->payload);
    step->settled = step->mode != WF_MODE_OTHERWISE;
    step->due_ms = 0;
}

/* What was given up is no result: that may still come, once. */
static void see_failed(struct seen_step *step, const struct wf_event *event)
{
    facts[FACT_failed]++;
    a_settled_step_never_starts_again(step);
    if (wf_bytes_equal(event->reason, WF_BYTES("interrupted"))) {
        facts[FACT_doubtful]++;
        PROMISE(step->once && !step->doubtful);
        step->doubtful = true;
        return;
    }
    a_timed_out_attempts_result_is_never_recorded(step, event->attempt);
    one_attempts_result_is_recorded_once(step, event->attempt);
    if (wf_bytes_equal(event->reason, WF_BYTES("timeout"))) {
        facts[FACT_timed_out]++;
        step->timeouts |= (uint64_t)1 << (event->attempt & 63);
    }
    facts[FACT_settled] += step->doubtful;
    step->doubtful = false;
    see_token(event->error_message);
}

static bool is_of_reminder(const struct wf_event *event)
{
    return event->kind == WF_KIND_reminded || event->mode == WF_MODE_REMIND;
}

static void see_reminder(struct seen_run *run, int index, const struct wf_event *event)
{
    struct seen_step *step = &run->steps[index];

    a_reminder_never_ends_a_wait(&run->folded.steps[index]);
    if (event->kind == WF_KIND_step_scheduled) {
        an_expiry_beats_a_reminder(step, event);
        facts[FACT_due_reminder]++;
        somebody_is_reminded_when_it_is_due_and_at_most_three_times(step, event);
    } else if (event->kind == WF_KIND_lease_lost) {
        facts[FACT_reminder_lost]++;
        step->remind_again = true;
    } else {
        bool failed = event->error_class.len;

        facts[failed ? FACT_reminder_failed : FACT_reminded]++;
        one_reminder_says_once_how_it_ended(step, event->attempt);
        see_token(failed ? event->error_message : event->reason);
        step->remind_ms = event->remind_ms;
        step->remind_again = false;
    }
}

static void see_step_event(struct seen_run *run, int index, const struct wf_event *event)
{
    struct seen_step *step = &run->steps[index];

    if (is_of_reminder(event)) {
        see_reminder(run, index, event);
        return;
    }

    if (event->kind == WF_KIND_step_retried) {
        see_retried(run, index, event);
    }
    a_new_round_is_asked_for(run, event->round);
    if (event->round > step->round && event->kind != WF_KIND_step_retried) {
        *step = (struct seen_step){.round = event->round};
    }
    if (event->kind == WF_KIND_input_kept) { /* the step has not begun by that */
        facts[FACT_kept]++;
        a_settled_step_never_starts_again(step);
        step->round = event->round;
        step->kept = true;
        return;
    }
    three_crashes_park_a_step(step, event, run->folded.cancelling);
    step->round = event->round;
    step->touched = true;
    switch (event->kind) {
    case WF_KIND_step_scheduled:
        see_scheduled(run, index, event);
        break;
    case WF_KIND_step_started:
        a_step_starts_only_when_all_it_depends_on_is_settled(run, index);
        a_settled_step_never_starts_again(step);
        a_once_step_never_starts_twice_in_a_round(step->once && event->once);
        step->once |= event->once;
        break;
    case WF_KIND_step_completed:
        see_completed(step, event);
        break;
    case WF_KIND_step_failed:
        see_failed(step, event);
        break;
    case WF_KIND_progressed:
    case WF_KIND_noted:
        facts[FACT_told]++;
        see_token(event->payload);
        break;
    case WF_KIND_step_skipped:
        facts[FACT_skipped]++;
        facts[FACT_omitted] += wf_bytes_equal(event->by, WF_BYTES("person"));
        a_settled_step_never_starts_again(step);
        see_token(event->reason);
        step->settled = true;
        step->due_ms = 0;
        break;
    case WF_KIND_input_requested:
        see_requested(run, index, event);
        break;
    case WF_KIND_input_accepted:
        facts[FACT_accepted]++;
        facts[FACT_judged] += step->mode == WF_MODE_JUDGE;
        PROMISE(step->mode != WF_MODE_JUDGE || step->kept);
        step->kept = false;
        an_accepted_input_is_recorded_once(step);
        see_token(event->payload);
        break;
    case WF_KIND_input_rejected:
        facts[FACT_rejected]++;
        break;
    case WF_KIND_input_expired:
        facts[FACT_expired]++;
        a_timer_fires_when_it_is_due_and_once(step, event);
        break;
    case WF_KIND_lease_lost:
        if (is_let_go(event)) {
            facts[FACT_let_go]++;
            step->again |= event->attempt != 0;
            break;
        }
        facts[event->crashed ? FACT_crash_charged : FACT_lease_lost]++;
        step->again = true;
        break;
    default:
        break;
    }
}

static void see_run_event(struct seen_run *run, const struct wf_event *event)
{
    bool ends = event->kind == WF_KIND_run_done || event->kind == WF_KIND_run_expired ||
                event->kind == WF_KIND_run_cancelled;

    facts[FACT_run_cancelled] += event->kind == WF_KIND_run_cancelled;
    facts[FACT_cancel_waited] += event->kind == WF_KIND_cancel_requested && event->held.len;
    facts[FACT_paused] += event->kind == WF_KIND_run_paused;
    facts[FACT_resumed] += event->kind == WF_KIND_run_resumed;
    facts[FACT_run_done] += event->kind == WF_KIND_run_done;
    facts[FACT_run_expired] += event->kind == WF_KIND_run_expired;
    facts[FACT_run_failed] += event->kind == WF_KIND_run_failed;
    run->ended |= ends;
    for (int i = 0; ends && i < run->folded.step_count; i++) {
        struct seen_step *step = &run->steps[i];

        PROMISE(event->kind != WF_KIND_run_done || step->settled);
        step->touched = true;
        step->kept = false;
        step->due_ms = 0;
    }
}

static void trace_event(int index, const struct wf_event *event)
{
    note("    run %d: %s %.*s#%u/%u%s by %.*s due %lld %.*s%.*s", index, wf_kind_name(event->kind),
         (int)event->step.len, event->step.ptr, event->attempt, event->round,
         event->crashed ? " crashed" : "", (int)event->by.len, event->by.ptr,
         (long long)event->due_ms, (int)event->reason.len, event->reason.ptr,
         event->kind == WF_KIND_run_started ? 0 : (int)event->payload.len, event->payload.ptr);
}

static void see_row(int index, const struct log_row *row, struct wf_bytes bytes)
{
    struct seen_run *run = &seen[index];
    struct wf_event event;
    struct wf_row reader;

    versions_have_no_gap(run, row, bytes);
    PROMISE(wf_row_open(&reader, bytes) == WF_OK);
    while (wf_row_next(&reader, &event) == WF_OK) {
        trace_event(index, &event);
        an_ended_run_moves_only_when_it_is_asked_to(run, &event);
        if (event.step.len) {
            see_step_event(run, wf_state_find(&run->folded, event.step), &event);
        }
        PROMISE(wf_state_fold(&run->folded, &event) == WF_OK);
        if (is_of_reminder(&event)) {
            a_reminder_never_ends_a_wait(
                &run->folded.steps[wf_state_find(&run->folded, event.step)]);
        }
        if (!event.step.len) {
            see_run_event(run, &event);
        }
    }
}

static void the_log_folded_is_the_state(const struct run *run, const struct wf_state *folded)
{
    static struct wf_buffer bytes;

    wf_state_encode(folded, &bytes);
    PROMISE(wf_bytes_equal(wf_buffer_bytes(&bytes), (struct wf_bytes){run->state, run->state_len}));
    PROMISE(run->version == folded->version && run->open == (folded->unique && !folded->ended));
    wf_buffer_destroy(&bytes);
}

/* From nothing, through the encoding. */
static void a_replay_gives_the_same_bytes(const struct run *run)
{
    struct wf_state state, read;

    wf_state_init(&state);
    wf_state_init(&read);
    state.id = run->id;
    for (int i = 0; i < tables.log_count; i++) {
        if (log_rows[i].run_id == run->id) {
            PROMISE(wf_state_fold_row(&state, log_bytes(i)) == WF_OK);
        }
    }
    the_log_folded_is_the_state(run, &state);
    PROMISE(wf_state_decode(&read, run->id, (struct wf_bytes){run->state, run->state_len}) ==
            WF_OK);
    the_log_folded_is_the_state(run, &read);
    wf_state_destroy(&state);
    wf_state_destroy(&read);
}

/* The same promise as of a start, by the state: a new round of what comes before may have been opened. */
static void what_moves_comes_after_what_is_settled(const struct wf_state *state, int step,
                                                   bool moves)
{
    PROMISE(!moves || wf_state_released(state, step));
}

/* Of an expiry and a reminder what comes first. */
static int64_t first_of(const struct wf_step *step)
{
    bool reminds = step->status == WF_STEP_waiting && step->remind_ms;

    return reminds && (!step->due_ms || step->remind_ms < step->due_ms) ? step->remind_ms
                                                                        : step->due_ms;
}

/* What a halted run has rows of, somebody holds; and that is what it waits for. */
static void a_halted_run_waits_for_its_holders_only(const struct run *run,
                                                    const struct wf_state *state)
{
    bool held = false;

    for (int i = 0; i < state->step_count; i++) {
        const struct wf_ready_row *ready = ready_row_of(run->id, i);
        const struct wf_wait_row *wait = wait_row_of(run->id, i);

        PROMISE((ready || wait) == state->steps[i].held);
        PROMISE((!ready || ready->owner) && (!wait || wait->owner));
        PROMISE(!timer_row_of(run->id, i));
        held |= ready || wait;
    }
    PROMISE(held || !state->cancelling); /* a cancelled run ends as soon as nobody holds a step */
    PROMISE(!state->ended);
}

/* Whatever is to happen has a row that makes it happen; and nothing else has. */
static void no_run_is_silently_stuck(const struct run *run, const struct wf_state *state)
{
    bool moves = false, failed = false;

    if (wf_state_halted(state)) {
        a_halted_run_waits_for_its_holders_only(run, state);
        return;
    }
    for (int i = 0; i < state->step_count; i++) {
        const struct wf_step *step = &state->steps[i];
        const struct wf_timer_row *timer = timer_row_of(run->id, i);
        bool in_hand = step->status == WF_STEP_ready || step->status == WF_STEP_running;
        bool waits = step->status == WF_STEP_waiting;
        bool later = step->status == WF_STEP_retrying ||
                     ((waits || step->status == WF_STEP_pending) && first_of(step));

        PROMISE((ready_row_of(run->id, i) != NULL) == (in_hand || (waits && step->reminding)));
        PROMISE((wait_row_of(run->id, i) != NULL) == waits);
        PROMISE((timer != NULL) == later && (!timer || timer->due_ms == first_of(step)));
        PROMISE(step->status != WF_STEP_pending || step->due_ms || !wf_state_released(state, i));
        what_moves_comes_after_what_is_settled(state, i, in_hand || waits || later);
        moves |= in_hand || waits || later;
        failed |= step->status == WF_STEP_failed;
    }
    PROMISE(moves != (state->ended || state->failed));
    PROMISE(!state->failed || failed);
}

/* For its readers, in the run's row; for claims, in the await's. */
static void what_is_in_doubt_is_said_in_both_rows(const struct run *run)
{
    for (int i = 0; i < seen[run - tables.runs].folded.step_count; i++) {
        const struct wf_wait_row *row = wait_row_of(run->id, i);
        bool doubtful = row && row->owner == WF_OWNER_DOUBT;

        PROMISE(wf_event_holds((struct wf_bytes){run->doubts, run->doubts_len}, i) == doubtful);
        PROMISE(!doubtful || row->pledged);
    }
}

static void one_token_begins_one_run(const struct run *run)
{
    for (const struct run *other = tables.runs; other < run; other++) {
        PROMISE(!run->token_len || run->token_len != other->token_len ||
                memcmp(run->token, other->token, run->token_len));
    }
}

static void see_log(void)
{
    for (; seen_rows < tables.log_count && !broken; seen_rows++) {
        const struct log_row *row = &log_rows[seen_rows];

        see_row((int)(run_of(row->run_id) - tables.runs), row, log_bytes(seen_rows));
    }
    for (int i = 0; i < tables.run_count && !broken; i++) {
        seen[i].folded.id = tables.runs[i].id;
        the_log_folded_is_the_state(&tables.runs[i], &seen[i].folded);
        no_run_is_silently_stuck(&tables.runs[i], &seen[i].folded);
        what_is_in_doubt_is_said_in_both_rows(&tables.runs[i]);
        one_token_begins_one_run(&tables.runs[i]);
    }
}

/* ---- A process: opened, one round of its committer, killed, stopped ---- */

static void open_worker(struct worker *worker)
{
    struct wf_engine *engine = calloc(1, sizeof(*engine));
    struct wf_error error;
    char name[16];

    simulated.mono_ms++; /* no two processes take one byte within a millisecond */
    simulated.wall_ms++;
    *worker = (struct worker){.engine = engine, .ticked_ms = simulated.mono_ms};
    engine->path = strdup("memory");
    engine->lease_ms = LEASE_MS;
    engine->does = &memory_functions;
    engine->pid = getpid();
    engine->shared.fd = -1;
    engine->shared.map = &simulated_map;
    wf_mailbox_init(&engine->mailbox);
    wf_committer_init(engine);
    wf_dispatcher_init(engine);
    wf_liveness_init(&engine->liveness, &engine->shared);
    if (wf_liveness_join(&engine->liveness, &error)) {
        abort();
    }
    snprintf(name, sizeof(name), "worker:%d", (int)(worker - workers));
    /* Some only start runs and submit. */
    wf_engine_work(engine, quiet_world ? GRIPS : (int)random_below(GRIPS + 1),
                   (struct wf_bytes){name, strlen(name)});
}

static void free_ops(struct wf_op *op)
{
    while (op) {
        struct wf_op *next = op->next;

        if (!op->slot) {
            wf_op_destroy(op);
            free(op);
        }
        op = next;
    }
}

/* Its memory goes; what it held stays in the tables, and its entry in the shared file. */
static void bury(struct worker *worker)
{
    struct wf_engine *engine = worker->engine;

    free_ops(worker->batch);
    free_ops(engine->committer.first);
    wf_dispatcher_destroy(engine);
    wf_committer_destroy(engine);
    wf_mailbox_destroy(&engine->mailbox);
    wf_buffer_destroy(&worker->sent.state);
    free(engine->path);
    free(engine);
    *worker = (struct worker){.engine = NULL};
}

static void kill_worker(struct worker *worker)
{
    struct wf_engine *engine = worker->engine;

    note("worker %d dies", (int)(worker - workers));
    dead[engine->committer.owner] = true;
    lock_holders[engine->liveness.index] = NULL;
    bury(worker);
}

static void ask(struct worker *worker, struct wf_op *op)
{
    struct wf_committer *committer = &worker->engine->committer;

    pthread_mutex_lock(&committer->mutex);
    op->wait = true;
    enqueue_locked(committer, op);
    pthread_mutex_unlock(&committer->mutex);
}

static int index_of(const struct wf_claim *claim)
{
    return claim->step + (claim->await ? STEPS_MAX : 0);
}

/* The hand has a new claim: who it was given to is known from the table. */
static void hold(struct worker *worker, struct grip *grip)
{
    const struct wf_claim *claim = wf_hand_claim(&grip->hand);
    const struct last_claim *last = &run_of(claim->run_id)->claims[index_of(claim)];
    bool mine =
        last->owner == worker->engine->committer.owner && last->slot == grip->hand.slot->index;

    grip->serial = mine ? last->serial : 0;
    grip->entered = grip->begun = false;
    pledges[grip->serial].heard |= claim->pledged && grip->serial;
    note("worker %d holds step %d of run %d, fence %lld, claim %d", (int)(worker - workers),
         claim->step, (int)(run_of(claim->run_id) - tables.runs), (long long)claim->fence,
         grip->serial);
}

/* The log has its start: now its method is entered. Who may not begin gives back. */
static void hear_told(struct grip *grip, const struct wf_op *op)
{
    const struct wf_claim *claim = wf_hand_claim(&grip->hand);

    if (op->command.kind != WF_COMMAND_BEGIN) {
        return;
    }
    if (op->status == WF_OK) {
        uint32_t *round = &begun_rounds[run_of(claim->run_id) - tables.runs][claim->step];

        a_once_step_never_starts_twice_in_a_round(*round == claim->round);
        *round = claim->round;
        grip->begun = true;
        facts[FACT_begun]++;
    } else if (op->status == WF_STALE) {
        wf_hand_give_back(&grip->hand);
    }
}

static void hear_answer(struct worker *worker, struct grip *grip)
{
    struct wf_op *op = grip->asked;
    bool told = op->kind == WF_OP_TELL;
    bool kept = told || (op->kind == WF_OP_FINISH && store_failed(op));

    facts[FACT_busy] += op->status == WF_BUSY;
    grip->asked = NULL;
    wf_op_finish(worker->engine, &grip->hand, op);
    if (told) {
        hear_told(grip, op);
    }
    if (grip->hand.slot && !kept) {
        hold(worker, grip);
    }
}

static void hear_answers(struct worker *worker)
{
    for (int i = 0; i < GRIPS; i++) {
        if (worker->grips[i].asked && worker->grips[i].asked->done) {
            hear_answer(worker, &worker->grips[i]);
        }
    }
    for (int i = 0; i < ASKED; i++) {
        if (worker->asked[i] && worker->asked[i]->done) {
            wf_op_finish(worker->engine, NULL, worker->asked[i]);
            worker->asked[i] = NULL;
        }
    }
}

static int token_of_command(const struct wf_command *command)
{
    int token = token_of(command->payload);

    token = token ? token : token_of(command->error_message);
    return token ? token : token_of(command->reason);
}

static void
no_result_counts_once_its_step_was_claimed_again(const struct wf_op *op,
                                                 struct last_claim before[RUNS_MAX][CLAIMS_MAX])
{
    const struct wf_claim *claim = &op->slot->claim;
    int token = token_of_command(&op->command);

    PROMISE(!token || before[run_of(claim->run_id) - tables.runs][index_of(claim)].serial ==
                          tokens[token].serial);
}

static void what_is_acknowledged_is_in_the_log(const struct wf_op *op)
{
    int token = token_of_command(&op->command);

    if (op->kind == WF_OP_TELL ||
        (op->kind == WF_OP_FINISH && op->command.kind != WF_COMMAND_REJECT)) {
        PROMISE(!token || tokens[token].recorded == 1);
    } else if (op->kind == WF_OP_START) {
        PROMISE(run_of(op->answered_id) != NULL);
    }
}

/* By one of the ops that came after it in the same batch. */
static bool starts_after(const struct wf_op *op)
{
    for (const struct wf_op *other = op->next; other; other = other->next) {
        if (other->kind == WF_OP_START && !other->status && other->run_id == op->run_id) {
            return true;
        }
    }
    return false;
}

static void who_asks_for_an_id_gets_that_run(const struct wf_op *op)
{
    PROMISE(op->status != WF_OK || op->answered_id == op->run_id);
    PROMISE(op->status == WF_OK || !run_of(op->run_id) || op->answered_id == op->run_id ||
            starts_after(op));
}

static void who_asks_with_a_token_gets_its_run(const struct wf_op *op)
{
    const struct run *run = run_of(op->answered_id);

    PROMISE(run && (op->status == WF_EXISTING || run->token_len));
    PROMISE(run &&
            (!run->token_len || op->answered_id == op->run_id || op->birth.unique ||
             wf_bytes_equal(op->birth.token, (struct wf_bytes){run->token, run->token_len})));
}

static void judge_start(const struct wf_op *op)
{
    if (op->kind != WF_OP_START || (op->status && op->status != WF_EXISTING)) {
        return;
    }
    facts[FACT_existing] += op->status == WF_EXISTING;
    if (op->run_id) {
        who_asks_for_an_id_gets_that_run(op);
        facts[FACT_begun_again_by_id] += op->status && op->answered_id == op->run_id;
    }
    if (op->birth.token.len) {
        who_asks_with_a_token_gets_its_run(op);
        facts[FACT_begun_again_by_token] += op->status && op->answered_id != op->run_id;
    }
}

static void judge_settlement(const struct wf_op *op)
{
    facts[FACT_submit_doubtful] += op->status == WF_DOUBTFUL;
    if (op->kind == WF_OP_SETTLE) {
        bool accepts = op->command.kind == WF_COMMAND_ACCEPT;

        facts[FACT_settled_as_accepted] += op->status == WF_OK && accepts;
        facts[FACT_settled_as_free] += op->status == WF_OK && !accepts;
        facts[FACT_settled_in_vain] += op->status == WF_STALE;
    }
}

static void judge(struct wf_op *ops, struct last_claim before[RUNS_MAX][CLAIMS_MAX])
{
    for (struct wf_op *op = ops; op; op = op->next) {
        int token = token_of_command(&op->command);

        note("  op %d, token %d: %d", (int)op->kind, token, (int)op->status);
        facts[FACT_unknown] += op->status == WF_UNKNOWN;
        facts[FACT_store_failed] += op->status == WF_STORE_ERROR;
        tokens[token].counted |= op->status == WF_UNKNOWN;
        judge_start(op);
        judge_settlement(op);
        if (op->status == WF_STALE || op->status == WF_NOT_WAITING) {
            facts[FACT_stale]++;
            tokens[token].refused |= !tokens[token].counted;
        } else if (op->status == WF_OK && (op->kind == WF_OP_FINISH || op->kind == WF_OP_TELL)) {
            tokens[token].counted = true;
            no_result_counts_once_its_step_was_claimed_again(op, before);
        }
    }
    see_log();
    for (struct wf_op *op = ops; op; op = op->next) {
        if (op->status == WF_OK) {
            what_is_acknowledged_is_in_the_log(op);
        }
    }
}

static void look_for_held_expiry(void)
{
    for (int i = 0; i < tables.timer_count; i++) {
        const struct wf_wait_row *row = wait_row_of(tables.timers[i].run_id, tables.timers[i].step);

        bool due = row && row->owner && tables.timers[i].due_ms <= simulated.wall_ms;

        facts[FACT_expiry_waited] += due;
        facts[FACT_expiry_of_a_doubt_waited] += due && row->owner == WF_OWNER_DOUBT;
    }
}

static bool is_due(const struct worker *worker)
{
    const struct wf_committer *committer = &worker->engine->committer;

    return committer->first || committer->poked ||
           wf_upkeep_next_mono_ms(worker->engine) <= simulated.mono_ms;
}

/* What committer.c does in one turn, without waiting for the turnstile; a process can die before its commit, or
 * after it and before anybody was told. */
static void turn(struct worker *worker)
{
    struct wf_engine *engine = worker->engine;
    struct last_claim before[RUNS_MAX][CLAIMS_MAX];

    note("worker %d commits", (int)(worker - workers));
    await_work(engine, &worker->batch);
    give_back_stale(engine);
    worker->dying = !quiet_world && random_below(200) == 0;
    for (int i = 0; i < RUNS_MAX; i++) {
        memcpy(before[i], tables.runs[i].claims, sizeof(before[i]));
    }
    if (worker->dying) {
        return;
    }
    wf_transaction_run(engine, worker->batch);
    judge(worker->batch, before);
    look_for_held_expiry();
    worker->dying = !quiet_world && random_below(200) == 0;
    if (worker->dying) {
        return;
    }
    publish(engine, worker->batch);
    worker->batch = NULL;
    engine->committer.timers_changed &= engine->committer.ill;
    engine->committer.posted_again = false;
    if (engine->committer.ill) {
        wf_committer_poke(engine);
    }
    hear_answers(worker);
}

static void round_by(struct worker *worker)
{
    turn(worker);
    if (worker->dying) {
        kill_worker(worker);
    }
}

static struct worker *worker_of(const struct wf_engine *engine)
{
    int i = 0;

    while (workers[i].engine != engine) {
        i++;
    }
    return &workers[i];
}

/* The dispatcher waits for its committer: which has its turn now. */
static enum wf_status wait_by_rounds(struct wf_engine *engine, struct wf_op *op, bool *interrupted,
                                     int64_t wait_ms)
{
    struct worker *worker = worker_of(engine);

    (void)interrupted;
    (void)wait_ms;
    if (worker->dying) {
        return WF_TIMED_OUT;
    }
    ask(worker, op);
    turn(worker);
    return op->done ? WF_OK : WF_TIMED_OUT;
}

static void tick(struct worker *worker)
{
    struct wf_engine *engine = worker->engine;
    struct wf_doorbell bell = wf_doorbell_ready(&engine->shared);
    uint32_t now = wf_doorbell_read(&bell);

    if (now != worker->heard && wf_mailbox_room(&engine->mailbox)) {
        worker->heard = now;
        wf_committer_poke(engine);
    }
    if (simulated.mono_ms - worker->ticked_ms >= TICK_MS) {
        watch(engine, &worker->ticked_ms);
    }
    if (worker->dying) {
        kill_worker(worker);
    }
}

/* ---- Events. Each says whether it could happen ---- */

static bool is_up(const struct worker *worker)
{
    return worker->engine && !worker->stalled;
}

static struct worker *any_that(bool (*suits)(const struct worker *worker))
{
    uint32_t from = random_below(WORKERS);

    for (uint32_t i = 0; i < WORKERS; i++) {
        struct worker *worker = &workers[(from + i) % WORKERS];

        if (suits(worker)) {
            return worker;
        }
    }
    return NULL;
}

static struct worker *any_worker(void)
{
    return any_that(is_up);
}

static bool has_queued(const struct worker *worker)
{
    return is_up(worker) && worker->engine->mailbox.first;
}

static bool has_to_commit(const struct worker *worker)
{
    return is_up(worker) && is_due(worker);
}

static bool holds(const struct worker *worker, bool entered)
{
    for (int i = 0; i < GRIPS && is_up(worker); i++) {
        const struct grip *grip = &worker->grips[i];

        if (!grip->asked && grip->hand.slot && grip->entered == entered) {
            return true;
        }
    }
    return false;
}

static bool holds_entered(const struct worker *worker)
{
    return holds(worker, true);
}

static bool holds_untouched(const struct worker *worker)
{
    return holds(worker, false);
}

static struct grip *free_grip(struct worker *worker)
{
    for (int i = 0; worker && i < GRIPS; i++) {
        if (!worker->grips[i].asked && !worker->grips[i].hand.slot) {
            worker->grips[i].hand = (struct wf_hand){.engine = worker->engine};
            return &worker->grips[i];
        }
    }
    return NULL;
}

static struct grip *full_grip(struct worker *worker, bool entered)
{
    uint32_t from = random_below(GRIPS);

    for (uint32_t i = 0; worker && i < GRIPS; i++) {
        struct grip *grip = &worker->grips[(i + from) % GRIPS];

        if (!grip->asked && grip->hand.slot && grip->entered == entered) {
            return grip;
        }
    }
    return NULL;
}

static bool ask_free(struct worker *worker, struct wf_op *op)
{
    for (int i = 0; i < ASKED; i++) {
        if (!worker->asked[i]) {
            worker->asked[i] = op;
            ask(worker, op);
            return true;
        }
    }
    wf_op_destroy(op);
    free(op);
    return false;
}

static bool ask_grip(struct worker *worker, struct grip *grip, struct wf_op *op)
{
    grip->asked = op;
    ask(worker, op);
    return true;
}

static struct wf_bytes new_token(struct wf_op *op, int serial)
{
    char text[16];

    if (++token_count == TOKENS_MAX) {
        abort();
    }
    tokens[token_count].serial = serial;
    snprintf(text, sizeof(text), "t%06d", token_count);
    return wf_op_keep(op, (struct wf_bytes){text, 7});
}

/* Again and again, by anybody, where it is told from others. */
static struct wish *any_wish(void)
{
    struct wish *wish = &wishes[random_below(RUNS_MAX)];

    if (!wish->starts_left) {
        return NULL;
    }
    wish->starts_left--;
    return wish;
}

static int64_t id_of(struct worker *worker, struct wish *wish)
{
    int64_t id = wf_engine_reserve(worker->engine);

    if (!wish->by_id) { /* of one that has a token only, each time another may be wanted */
        return wish->by_token && random_below(2) ? id : 0;
    }
    wish->id = wish->id ? wish->id : id;
    return wish->id;
}

static bool start(void)
{
    struct worker *worker = any_worker();
    struct grip *grip = random_below(2) ? free_grip(worker) : NULL;
    struct wish *wish = worker ? any_wish() : NULL;
    char text[2] = "";
    struct wf_op *op;

    if (!wish) {
        return false;
    }
    text[0] = (char)('0' + wish->key);
    op = wf_op_prepare(worker->engine, grip ? &grip->hand : NULL, WF_OP_START);
    op->run_id = id_of(worker, wish);
    op->definition = wf_definition_retain(definitions[wish->key]);
    op->birth = (struct wf_birth){.class_name = op->definition->class_name,
                                  .name = op->definition->name,
                                  .key = wf_op_keep(op, (struct wf_bytes){text, 1}),
                                  .tags = wish->key % 2 ? wf_op_keep(op, WF_BYTES("\003odd\003key"))
                                                        : WF_BYTES(""),
                                  .token = {wish->token, wish->by_token ? 2 : 0},
                                  .place = (enum wf_place)random_below(3),
                                  .unique = op->definition->unique,
                                  .definition = op->definition};
    op->command.by = WF_BYTES("caller");
    note("worker %d starts %s%s, id %lld, token %s", (int)(worker - workers), text,
         grip ? " in hand" : "", (long long)op->run_id, wish->by_token ? wish->token : "none");
    return grip ? ask_grip(worker, grip, op) : ask_free(worker, op);
}

static struct wf_definition *definition_of(int64_t run_id)
{
    return wf_definition_retain(definitions[run_of(run_id)->key[0] - '0']);
}

static const struct wf_definition_step *options_of(const struct wf_claim *claim)
{
    return &definitions[run_of(claim->run_id)->key[0] - '0']->steps[claim->step];
}

/* The committer is told beforehand how long it may take. */
static void enter_by(struct grip *grip)
{
    const struct wf_claim *claim = wf_hand_claim(&grip->hand);
    int64_t timeout_ms = claim->await || claim->mode ? 0 : options_of(claim)->timeout_ms;

    wf_hand_enter(&grip->hand);
    grip->entered = true;
    grants[grip->serial].entered = grip->serial != 0;
    if (timeout_ms) {
        wf_hand_limit(&grip->hand, (struct wf_limit){.timeout_ms = timeout_ms,
                                                     .definition = definition_of(claim->run_id),
                                                     .delay_ms = (int64_t)random_below(3) - 1,
                                                     .final = random_below(8) == 0});
        grants[grip->serial].deadline_mono_ms = simulated.mono_ms + timeout_ms;
    }
}

static bool enter(void)
{
    struct worker *worker = any_that(holds_untouched);
    struct grip *grip = full_grip(worker, false);

    if (!grip) {
        return false;
    }
    enter_by(grip);
    note("worker %d enters claim %d", (int)(worker - workers), grip->serial);
    return true;
}

static bool take_by(struct worker *worker)
{
    struct grip *grip = free_grip(worker);

    if (!grip || wf_hand_take(&grip->hand, 0)) {
        return false;
    }
    hold(worker, grip);
    return true;
}

static bool take(void)
{
    struct worker *worker = any_that(has_queued);

    return worker && take_by(worker);
}

/* What is found by a look at that database; who had not committed by then can do so no more. */
static bool was_committed(int serial)
{
    if (pledges[serial].outcome == OPEN) {
        pledges[serial].outcome =
            pledges[serial].heard && random_below(2) ? COMMITTED : ROLLED_BACK;
    }
    return pledges[serial].outcome == COMMITTED;
}

static enum wf_command_kind any_end(const struct grip *grip)
{
    const struct wf_claim *claim = wf_hand_claim(&grip->hand);
    uint32_t chance = random_below(10);

    if (claim->pledged) {
        return was_committed(grip->serial) ? WF_COMMAND_ACCEPT : WF_COMMAND_REJECT;
    }
    if (claim->await) {
        return chance < 6 || quiet_world ? WF_COMMAND_ACCEPT : WF_COMMAND_REJECT;
    }
    if (claim->mode == WF_MODE_REMIND) {
        return chance < 5 || quiet_world ? WF_COMMAND_COMPLETE : WF_COMMAND_FAIL;
    }
    if (claim->mode == WF_MODE_JUDGE) {
        return chance < 5 || quiet_world ? WF_COMMAND_ACCEPT
               : chance < 8              ? WF_COMMAND_REJECT
                                         : WF_COMMAND_FAIL;
    }
    if (claim->mode == WF_MODE_ASK) {
        return chance < 6 || quiet_world ? WF_COMMAND_OPEN
               : chance < 8              ? WF_COMMAND_SKIP
                                         : WF_COMMAND_FAIL;
    }
    return chance < 6 || quiet_world                        ? WF_COMMAND_COMPLETE
           : chance < 9 || claim->mode == WF_MODE_OTHERWISE ? WF_COMMAND_FAIL
                                                            : WF_COMMAND_SKIP;
}

/* A reminder has no result: its token is the reason. */
static void fill_end(struct wf_op *op, enum wf_mode mode, enum wf_command_kind kind,
                     struct wf_bytes token)
{
    op->command.kind = kind;
    op->command.by = WF_BYTES("hand");
    op->command.chance = random_below(UINT32_MAX);
    op->command.final = random_below(8) == 0;
    if (kind == WF_COMMAND_SKIP || (kind == WF_COMMAND_COMPLETE && mode == WF_MODE_REMIND)) {
        op->command.reason = token;
    } else if (kind == WF_COMMAND_COMPLETE || kind == WF_COMMAND_ACCEPT) {
        op->command.payload = token;
    } else if (kind != WF_COMMAND_OPEN) {
        op->command.error_class = WF_BYTES("Oops");
        op->command.error_message = token;
    }
}

static bool is_to_begin(const struct grip *grip)
{
    const struct wf_claim *claim = wf_hand_claim(&grip->hand);

    return !claim->await && !claim->mode && !grip->begun && options_of(claim)->once;
}

static bool tell_by(struct worker *worker, struct grip *grip, enum wf_command_kind kind)
{
    struct wf_op *op = wf_op_prepare(worker->engine, &grip->hand, WF_OP_TELL);

    op->command.kind = kind;
    op->command.by = WF_BYTES("hand");
    op->command.tells = random_below(2) ? WF_KIND_progressed : WF_KIND_noted;
    if (kind == WF_COMMAND_TELL) {
        op->command.payload = new_token(op, grip->serial);
    }
    note("worker %d tells of claim %d: %d, token %d", (int)(worker - workers), grip->serial,
         (int)kind, kind == WF_COMMAND_TELL ? token_count : 0);
    return ask_grip(worker, grip, op);
}

static bool tell_one(void)
{
    struct worker *worker = any_that(holds_entered);
    struct grip *grip = full_grip(worker, true);

    return grip && tell_by(worker, grip, WF_COMMAND_TELL);
}

static bool end_by(struct worker *worker, struct grip *grip)
{
    struct wf_op *op;
    const struct wf_claim *claim = wf_hand_claim(&grip->hand);

    if (!grip->entered) {
        enter_by(grip);
    }
    if (is_to_begin(grip)) {
        return tell_by(worker, grip, WF_COMMAND_BEGIN);
    }
    op = wf_op_prepare(worker->engine, &grip->hand, WF_OP_FINISH);

    op->definition = definition_of(claim->run_id);
    fill_end(op, claim->mode, any_end(grip), new_token(op, grip->serial));
    worker->sent.claim = *claim;
    worker->sent.claim.work = worker->sent.claim.state = (struct wf_buffer){0};
    wf_buffer_clear(&worker->sent.state);
    wf_buffer_put(&worker->sent.state, claim->state.ptr, claim->state.len);
    worker->sent.kind = op->command.kind;
    worker->sent.token = token_count;
    note("worker %d ends claim %d as %d, token %d", (int)(worker - workers), grip->serial,
         (int)op->command.kind, token_count);
    if (!grip->hand.slot->worker || random_below(2)) {
        return ask_grip(worker, grip, op);
    }
    wf_op_post(worker->engine, &grip->hand, op);
    return true;
}

static bool finish_one(void)
{
    struct worker *worker = any_that(holds_entered);
    struct grip *grip = full_grip(worker, true);

    if (grip && deadly && random_below(2)) {
        kill_worker(worker);
        open_worker(worker);
        return true;
    }
    return grip && end_by(worker, grip);
}

/* The same result comes once more. */
static bool duplicate(void)
{
    struct worker *worker = any_worker();
    struct grip *grip = worker && worker->sent.token ? free_grip(worker) : NULL;
    struct wf_buffer work, state;
    struct wf_op *op;
    char text[16];

    if (!grip || !(op = wf_op_prepare(worker->engine, &grip->hand, WF_OP_FINISH))) {
        return false;
    }
    work = grip->hand.slot->claim.work;
    state = grip->hand.slot->claim.state;
    grip->hand.slot->claim = worker->sent.claim;
    grip->hand.slot->claim.work = work;
    grip->hand.slot->claim.state = state;
    wf_buffer_clear(&grip->hand.slot->claim.state);
    wf_buffer_put(&grip->hand.slot->claim.state, worker->sent.state.ptr, worker->sent.state.len);
    grip->serial = tokens[worker->sent.token].serial;
    grip->entered = grip->begun = true;
    op->definition = definition_of(worker->sent.claim.run_id);
    snprintf(text, sizeof(text), "t%06d", worker->sent.token);
    fill_end(op, worker->sent.claim.mode, worker->sent.kind,
             wf_op_keep(op, (struct wf_bytes){text, 7}));
    note("worker %d sends token %d again", (int)(worker - workers), worker->sent.token);
    worker->sent.token = 0;
    return ask_grip(worker, grip, op);
}

static bool give_back(void)
{
    bool entered = random_below(2);
    struct worker *worker = any_that(entered ? holds_entered : holds_untouched);
    struct grip *grip = full_grip(worker, entered);

    if (!grip) {
        return false;
    }
    if (wf_hand_claim(&grip->hand)->pledged && was_committed(grip->serial)) {
        return false;
    }
    note("worker %d gives back claim %d", (int)(worker - workers), grip->serial);
    facts[FACT_untouched] += !grip->entered;
    wf_hand_give_back(&grip->hand);
    return true;
}

static struct grip *pledged_grip(const struct worker *worker)
{
    for (int i = 0; i < GRIPS && is_up(worker); i++) {
        const struct grip *grip = &worker->grips[i];

        if (!grip->asked && grip->hand.slot && wf_hand_claim(&grip->hand)->pledged) {
            return (struct grip *)(uintptr_t)grip;
        }
    }
    return NULL;
}

static bool holds_pledged(const struct worker *worker)
{
    return pledged_grip(worker) != NULL;
}

/* The connection broke at its COMMIT, or its thread goes away. */
static bool doubt(void)
{
    struct worker *worker = any_that(holds_pledged);
    struct grip *grip = worker ? pledged_grip(worker) : NULL;

    if (!grip) {
        return false;
    }
    note("worker %d doubts claim %d", (int)(worker - workers), grip->serial);
    wf_hand_doubt(&grip->hand);
    return true;
}

/* Somebody has looked at the database; it may be too early, or too late. */
static bool settle_by(struct worker *worker, const struct wf_wait_row *row)
{
    const struct run *run = run_of(row->run_id);
    int serial = serial_of(run, row->step);
    char name[2] = {(char)('a' + row->step), '\0'};
    struct wf_op *op = wf_op_prepare(worker->engine, NULL, WF_OP_SETTLE);

    op->run_id = run->id;
    op->step = wf_op_keep(op, (struct wf_bytes){name, 1});
    op->definition = definition_of(run->id);
    op->command.by = WF_BYTES("recovery");
    op->command.kind = was_committed(serial) ? WF_COMMAND_ACCEPT : WF_COMMAND_LET_GO;
    op->round = seen[run - tables.runs].folded.steps[row->step].round;
    op->fence = row->fence;
    note("worker %d settles claim %d of run %d, step %s as %d", (int)(worker - workers), serial,
         (int)(run - tables.runs), name, (int)op->command.kind);
    return ask_free(worker, op);
}

static const struct wf_wait_row *any_pledge(bool in_doubt)
{
    uint32_t from = random_below(ROWS_MAX_OF);

    for (int i = 0; i < tables.wait_count; i++) {
        const struct wf_wait_row *row =
            &tables.waits[(from + (uint32_t)i) % (uint32_t)tables.wait_count];

        if (row->pledged && (!in_doubt || row->owner == WF_OWNER_DOUBT)) {
            return row;
        }
    }
    return NULL;
}

static bool settle_one(void)
{
    struct worker *worker = any_worker();
    const struct wf_wait_row *row = worker ? any_pledge(random_below(4) != 0) : NULL;

    return row && settle_by(worker, row);
}

/* Who waits for an answer is interrupted. */
static bool abandon(void)
{
    struct worker *worker = any_worker();
    struct grip *grip = worker ? &worker->grips[random_below(GRIPS)] : NULL;

    if (!grip || !grip->asked) {
        return false;
    }
    note("worker %d abandons", (int)(worker - workers));
    wf_op_abandon(worker->engine, &grip->hand, grip->asked);
    grip->asked = NULL;
    return true;
}

/* An op that names a step of some run. NULL: there is none. */
static struct wf_op *prepare_named(struct worker *worker, struct grip *grip, enum wf_op_kind kind)
{
    int run = tables.run_count ? (int)random_below((uint32_t)tables.run_count) : 0;
    char name[2] = {(char)('a' + random_below(STEPS_MAX)), '\0'};
    struct wf_op *op;

    if (!tables.run_count) {
        return NULL;
    }
    op = wf_op_prepare(worker->engine, grip ? &grip->hand : NULL, kind);
    op->run_id = tables.runs[run].id;
    op->step = wf_op_keep(op, (struct wf_bytes){name, 1});
    op->definition = definition_of(op->run_id);
    op->command.by = WF_BYTES("person");
    op->pledged = kind == WF_OP_CLAIM_WAIT && random_below(2);
    note("worker %d is asked for %d of step %s of run %d", (int)(worker - workers), (int)kind, name,
         run);
    return op;
}

static bool claim_by_hand(enum wf_op_kind kind)
{
    struct worker *worker = any_worker();
    struct grip *grip = free_grip(worker);
    struct wf_op *op = grip ? prepare_named(worker, grip, kind) : NULL;

    return op && ask_grip(worker, grip, op);
}

static bool now_step(void)
{
    return claim_by_hand(WF_OP_CLAIM_STEP);
}

static bool submit(void)
{
    return claim_by_hand(WF_OP_CLAIM_WAIT);
}

static bool change(enum wf_command_kind kind)
{
    struct worker *worker = any_worker();
    struct wf_op *op = worker ? prepare_named(worker, NULL, WF_OP_CHANGE) : NULL;

    if (!op) {
        return false;
    }
    op->command.kind = kind;
    if (kind == WF_COMMAND_RETRY && random_below(2)) {
        op->step = (struct wf_bytes){"", 0};
    }
    return ask_free(worker, op);
}

/* A command to the whole run. */
static bool halt(enum wf_command_kind kind)
{
    struct worker *worker = any_worker();
    struct wf_op *op = worker ? prepare_named(worker, NULL, WF_OP_CHANGE) : NULL;

    if (!op) {
        return false;
    }
    op->command.kind = kind;
    op->command.reason = WF_BYTES("so said");
    op->step = (struct wf_bytes){"", 0};
    return ask_free(worker, op);
}

static bool cancel(void)
{
    return halt(WF_COMMAND_CANCEL);
}

static bool pause_run(void)
{
    return halt(WF_COMMAND_PAUSE);
}

static bool resume_run(void)
{
    return halt(WF_COMMAND_RESUME);
}

static bool omit(void)
{
    return change(WF_COMMAND_OMIT);
}

/* Who holds a step halts the run instead of ending it. */
static bool halt_instead(void)
{
    struct worker *worker = any_that(holds_entered);
    struct grip *grip = full_grip(worker, true);
    struct wf_op *op = NULL;

    if (grip && !(wf_hand_claim(&grip->hand)->pledged && was_committed(grip->serial))) {
        op = wf_op_prepare(worker->engine, &grip->hand, WF_OP_FINISH);
    }
    if (!op) {
        return false;
    }
    op->definition = definition_of(wf_hand_claim(&grip->hand)->run_id);
    op->command.kind = random_below(3) ? WF_COMMAND_PAUSE : WF_COMMAND_CANCEL;
    op->command.by = WF_BYTES("hand");
    note("worker %d halts its run as %d", (int)(worker - workers), (int)op->command.kind);
    return ask_grip(worker, grip, op);
}

static bool hurry(void)
{
    return change(WF_COMMAND_HURRY);
}

static bool retry(void)
{
    return change(WF_COMMAND_RETRY);
}

static bool keep(void)
{
    return change(WF_COMMAND_KEEP);
}

static bool commit_round(void)
{
    struct worker *worker = any_that(has_to_commit);

    if (!worker) {
        return false;
    }
    round_by(worker);
    return true;
}

static bool look_round(void)
{
    struct worker *worker = any_worker();

    if (!worker) {
        return false;
    }
    tick(worker);
    return true;
}

static bool stall(void)
{
    struct worker *worker = any_worker();

    if (!worker) {
        return false;
    }
    note("worker %d is stopped", (int)(worker - workers));
    return worker->stalled = true;
}

static bool resume(void)
{
    struct worker *worker = &workers[random_below(WORKERS)];

    if (!worker->engine || !worker->stalled) {
        return false;
    }
    note("worker %d goes on", (int)(worker - workers));
    worker->stalled = false;
    return true;
}

static bool kill_one(void)
{
    struct worker *worker = &workers[random_below(WORKERS)];

    if (!worker->engine) {
        return false;
    }
    kill_worker(worker);
    return true;
}

static bool open_one(void)
{
    struct worker *worker = &workers[random_below(WORKERS)];

    if (worker->engine) {
        return false;
    }
    open_worker(worker);
    note("worker %d is opened", (int)(worker - workers));
    return true;
}

/* As wf_engine_stop does it: what is queued goes back, what runs is given up, the last commit. */
static bool stop_one(void)
{
    struct worker *worker = any_worker();
    struct wf_op *give_up;

    if (!worker) {
        return false;
    }
    note("worker %d is stopped for good", (int)(worker - workers));
    for (struct wf_slot *slot = wf_mailbox_close(&worker->engine->mailbox), *next; slot;
         slot = next) {
        next = slot->next;
        wf_mailbox_ending(&worker->engine->mailbox, slot);
        post_release(worker->engine, slot);
    }
    give_up = wf_op_prepare(worker->engine, NULL, WF_OP_TAKEOVER);
    give_up->owner = worker->engine->committer.owner;
    give_up->entry = wf_liveness_self(&worker->engine->liveness);
    wf_committer_post(worker->engine, give_up);
    while (worker->engine && worker->engine->committer.first) {
        round_by(worker);
    }
    if (worker->engine) {
        wf_transaction_end(worker->engine);
        wf_liveness_leave(&worker->engine->liveness);
        bury(worker);
    }
    see_log();
    return true;
}

static bool pass(void)
{
    int64_t ms = random_below(60);

    simulated.mono_ms += ms;
    simulated.wall_ms += ms;
    return true;
}

/* For longer than a lease: whoever is up does meanwhile what is due. */
static void pass_by(int64_t ms)
{
    for (int64_t left_ms = ms; left_ms > 0; left_ms -= LEASE_MS / 5) {
        simulated.mono_ms += LEASE_MS / 5;
        simulated.wall_ms += LEASE_MS / 5;
        for (int i = 0; i < WORKERS; i++) {
            if (is_up(&workers[i]) && is_due(&workers[i])) {
                round_by(&workers[i]);
            }
            if (is_up(&workers[i])) {
                tick(&workers[i]);
            }
        }
    }
}

static bool pass_long(void)
{
    note("time passes");
    pass_by(LEASE_MS / 2 + random_below(2 * LEASE_MS));
    return true;
}

/* The machine: nobody ran, and all clocks are later. */
static bool suspend(void)
{
    int64_t ms = random_below(10 * LEASE_MS);

    note("the machine sleeps");
    simulated.wall_ms += ms;
    simulated.mono_ms += ms;
    return true;
}

static bool jump_forward(void)
{
    note("the wall clock jumps forward");
    simulated.wall_ms += random_below(2 * 3600 * 1000);
    return true;
}

static bool jump_backward(void)
{
    note("the wall clock jumps backward");
    simulated.wall_ms -= random_below(2 * 3600 * 1000);
    return true;
}

static bool fail_write(void)
{
    fault.write_in = 1 + (int)random_below(12);
    note("a write will fail");
    return true;
}

static bool lose_outcome(void)
{
    fault.unknown = true;
    fault.applied = random_below(2);
    fault.refused_opens = (int)random_below(3);
    note("an outcome will be lost: %d, %d", fault.applied, fault.refused_opens);
    return true;
}

#define EVENTS(X)                                                                                  \
    X(start, 8)                                                                                    \
    X(take, 30)                                                                                    \
    X(enter, 30)                                                                                   \
    X(finish_one, 30)                                                                              \
    X(duplicate, 2)                                                                                \
    X(tell_one, 3)                                                                                 \
    X(give_back, 2)                                                                                \
    X(abandon, 2)                                                                                  \
    X(now_step, 4)                                                                                 \
    X(submit, 16)                                                                                  \
    X(doubt, 8)                                                                                    \
    X(settle_one, 3)                                                                               \
    X(hurry, 4)                                                                                    \
    X(retry, 4)                                                                                    \
    X(keep, 12)                                                                                    \
    X(commit_round, 90)                                                                            \
    X(look_round, 25)                                                                              \
    X(stall, 2)                                                                                    \
    X(resume, 4)                                                                                   \
    X(kill_one, 3)                                                                                 \
    X(open_one, 20)                                                                                \
    X(stop_one, 1)                                                                                 \
    X(pass, 30)                                                                                    \
    X(pass_long, 3)                                                                                \
    X(suspend, 1)                                                                                  \
    X(jump_forward, 2)                                                                             \
    X(jump_backward, 1)                                                                            \
    X(fail_write, 1)                                                                               \
    X(lose_outcome, 1)                                                                             \
    X(cancel, 1)                                                                                   \
    X(pause_run, 4)                                                                                \
    X(resume_run, 8)                                                                               \
    X(omit, 2)                                                                                     \
    X(halt_instead, 1)

static struct {
    const char *name;
    bool (*happen)(void);
    uint32_t weight;
    int64_t happened;
} events[] = {
#define EVENT_ROW(name, weight) {#name, name, weight, 0},
    EVENTS(EVENT_ROW)
#undef EVENT_ROW
};

#define EVENT_COUNT (sizeof(events) / sizeof(events[0]))

static void happen(void)
{
    static uint32_t all;
    uint32_t chance;
    size_t i = 0;

    if (!all) {
        for (size_t e = 0; e < EVENT_COUNT; e++) {
            all += events[e].weight;
        }
    }
    chance = random_below(all);
    while (chance >= events[i].weight) {
        chance -= events[i++].weight;
    }
    events[i].happened += events[i].happen();
}

/* ---- The end of a history: nothing goes wrong any more, and everything comes to its end ---- */

static bool step_quietly(struct worker *worker)
{
    bool moved = is_due(worker);

    if (moved) {
        round_by(worker);
    }
    tick(worker);
    moved |= take_by(worker);
    if (any_pledge(true)) {
        moved |= settle_by(worker, any_pledge(true));
    }
    for (int i = 0; i < GRIPS; i++) {
        struct grip *grip = &worker->grips[i];

        if (!grip->asked && grip->hand.slot) {
            moved |= end_by(worker, grip);
        }
    }
    return moved;
}

static bool all_is_still(void)
{
    bool still = !tables.ready_count && !tables.timer_count;

    for (int i = 0; i < WORKERS; i++) {
        still &= !workers[i].engine || (!wf_mailbox_in_hand(&workers[i].engine->mailbox) &&
                                        !workers[i].engine->committer.first);
    }
    for (int i = 0; i < tables.wait_count; i++) {
        still &= !tables.waits[i].owner;
    }
    return still;
}

static void what_was_committed_is_accepted(void)
{
    for (int serial = 1; serial <= claim_serial; serial++) {
        PROMISE(pledges[serial].outcome != COMMITTED || is_accepted(serial));
    }
}

static void every_run_comes_to_an_end_or_waits_for_an_input(void)
{
    int rounds = 0;

    memset(&fault, 0, sizeof(fault));
    quiet_world = true;
    note("nothing goes wrong any more");
    for (int i = 0; i < WORKERS; i++) {
        workers[i].stalled = false;
        if (!workers[i].engine) {
            open_worker(&workers[i]);
        }
        wf_engine_work(workers[i].engine, GRIPS, WF_BYTES(""));
    }
    for (int i = 0; i < KEYS; i++) {
        resume_run(); /* some go on, and some stay paused */
    }
    while (!all_is_still() && !broken && rounds++ < DRAIN_MAX) {
        bool moved = false;

        for (int i = 0; i < WORKERS; i++) {
            moved |= step_quietly(&workers[i]);
        }
        if (!moved) {
            simulated.mono_ms += LEASE_MS / 5;
            simulated.wall_ms += LEASE_MS / 5;
        }
        if (!moved && !tables.ready_count && next_timer() > simulated.wall_ms &&
            next_timer() < INT64_MAX) {
            simulated.wall_ms = next_timer();
        }
    }
    PROMISE(all_is_still());
    what_was_committed_is_accepted();
    for (int i = 0; i < tables.run_count && !broken; i++) {
        enum wf_run_status status = wf_state_status(&seen[i].folded);

        a_replay_gives_the_same_bytes(&tables.runs[i]);
        PROMISE(status == WF_RUN_done || status == WF_RUN_expired || status == WF_RUN_failed ||
                status == WF_RUN_waiting || status == WF_RUN_cancelled || status == WF_RUN_paused);
    }
}

/* ---- A history ---- */

static struct wf_definition *random_definition(void)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct wf_definition_step steps[STEPS_MAX];
    uint16_t deps[STEPS_MAX][STEPS_MAX], count = (uint16_t)(1 + random_below(STEPS_MAX));

    for (uint16_t i = 0; i < count; i++) {
        bool await = random_below(3) == 0;

        steps[i] = (struct wf_definition_step){
            .name = {names[i], 1},
            .kind = await ? WF_STEP_AWAIT : (enum wf_step_kind)random_below(2),
            .place = random_below(4) ? WF_PLACE_ANY : (enum wf_place)random_below(3),
            .retries = random_below(3),
            .backoff_ms = random_below(2) ? 10 : WF_BACKOFF_EXPONENTIAL,
            .expires_ms = await && random_below(2) ? 1 + random_below(5000) : 0,
            .asks = await && random_below(3) == 0,
            .either = await ? (uint16_t)random_below(2) : 0,
            .early = await && random_below(2),
            .remind_ms = await && random_below(2) ? 1 + random_below(3000) : 0,
            .wait_ms = random_below(4) ? 0 : 1 + random_below(1000),
            .timeout_ms = random_below(3) ? 0 : 1 + random_below(3000),
            .once = random_below(3) == 0,
            .deps = deps[i]};
        steps[i].otherwise =
            steps[i].expires_ms && random_below(2) ? WF_BYTES("otherwise") : WF_BYTES("");
        steps[i].remind = steps[i].remind_ms ? WF_BYTES("remind") : WF_BYTES("");
        for (uint16_t d = 0; d < i; d++) {
            if (random_below(3) == 0) {
                deps[i][steps[i].dep_count++] = d;
            }
        }
    }
    return wf_definition_new(WF_BYTES("Walk"), WF_BYTES("walk"), random_below(2), steps, count);
}

static void begin_history(uint64_t seed)
{
    seed = (seed + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    random_start(seed);
    memset(&tables, 0, sizeof(tables));
    memset(&fault, 0, sizeof(fault));
    memset(lock_holders, 0, sizeof(lock_holders));
    memset(tokens, 0, sizeof(tokens));
    memset(grants, 0, sizeof(grants));
    memset(pledges, 0, sizeof(pledges));
    memset(begun_rounds, 0, sizeof(begun_rounds));
    memset(dead, 0, sizeof(dead));
    memset(simulated_map.processes, 0, PROCESSES_MAX * sizeof(simulated_map.processes[0]));
    simulated_map.ready_bell = simulated_map.log_bell = 0;
    simulated_map.reach = 0;
    simulated_map.ready_sleepers = random_below(4) == 0;
    token_count = seen_rows = claim_serial = 0;
    broken = NULL;
    quiet_world = false;
    simulated.wall_ms = 1700000000000 + random_below(1000);
    simulated.mono_ms = 1000000 + random_below(1000);
    for (int i = 0; i < RUNS_MAX; i++) {
        memset(&seen[i], 0, sizeof(seen[i]));
        wf_state_init(&seen[i].folded);
    }
    for (int i = 0; i < KEYS; i++) {
        definitions[i] = random_definition();
    }
    for (int i = 0; i < RUNS_MAX; i++) {
        bool by_id = random_below(3) == 0, by_token = random_below(3) == 0;

        wishes[i] = (struct wish){.by_id = by_id,
                                  .by_token = by_token,
                                  .token = {'w', (char)('0' + i), '\0'},
                                  .key = (int)random_below(KEYS),
                                  .starts_left = by_id || by_token ? STARTS_MAX : 1};
    }
    deadly = random_below(8) == 0;
    for (int i = 0; i < WORKERS; i++) {
        open_worker(&workers[i]);
    }
}

static void end_history(void)
{
    for (int i = 0; i < WORKERS; i++) {
        if (workers[i].engine) {
            bury(&workers[i]);
        }
    }
    for (int i = 0; i < RUNS_MAX; i++) {
        wf_state_destroy(&seen[i].folded);
    }
    for (int i = 0; i < KEYS; i++) {
        wf_definition_release(definitions[i]);
    }
}

/* What it came to, so that two of them can be compared. */
static uint64_t digest(void)
{
    uint64_t sum = 1469598103934665603u;

    for (size_t i = 0; i < tables.pool_len; i++) {
        sum = (sum ^ (unsigned char)pool[i]) * 1099511628211u;
    }
    return sum;
}

static uint64_t live_through(uint64_t seed)
{
    int count;

    begin_history(seed);
    count = 60 + (int)random_below(340);
    for (int i = 0; i < count && !broken; i++) {
        happen();
    }
    if (!broken) {
        every_run_comes_to_an_end_or_waits_for_an_input();
    }
    end_history();
    return digest();
}

static void tell_how_it_came(uint64_t seed, const char *name)
{
    fprintf(stderr, "SEED=%llu HISTORIES=1 breaks the promise %s:\n", (unsigned long long)seed,
            name);
    tracing = true;
    live_through(seed);
    tracing = false;
    if (broken != name) {
        fprintf(stderr, "  and run again it does not: %s\n", broken ? broken : "nothing");
    }
}

static void check_coverage(void)
{
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        if (!events[i].happened) {
            fprintf(stderr, "never happened: %s\n", events[i].name);
        }
        CHECK(events[i].happened > 0);
    }
    for (int i = 0; i < FACT_COUNT; i++) {
        if (!facts[i] || getenv("VERBOSE")) {
            fprintf(stderr, "%s: %lld\n", fact_names[i], (long long)facts[i]);
        }
        CHECK(facts[i] > 0);
    }
}

/* Taken as it is given: the histories have the seeds that follow it. */
static uint64_t first_seed(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 100000;

    printf("       simulation: SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

TEST(a_history_replays_exactly)
{
    uint64_t seed = first_seed();

    for (uint64_t i = 0; i < 20; i++) {
        uint64_t once = live_through(seed + i);

        CHECK(live_through(seed + i) == once);
    }
}

TEST(of_who_has_left_since_it_was_looked_at_nothing_is_taken_over)
{
    struct wf_shared_process left = {0};

    begin_history(1);
    CHECK(!take_over(workers[0].engine, WF_PEER_EXPIRED, WORKERS, &left));
    CHECK(!take_over(workers[0].engine, WF_PEER_DEAD, WORKERS, &left));
    CHECK(!workers[0].engine->committer.owner); /* its committer was not asked */
    end_history();
}

TEST(whatever_happens_the_promises_are_kept)
{
    const char *given = getenv("HISTORIES");
    uint64_t count = given ? strtoull(given, NULL, 10) : HISTORIES, seed = first_seed(), i = 0;

    memset(facts, 0, sizeof(facts));
    if (given) {
        alarm(0); /* as many as are wanted take as long as they take */
    }
    while (i < count) {
        live_through(seed + i);
        i++;
        if (broken) {
            CHECK(!"kept");
            tell_how_it_came(seed + i - 1, broken);
            break;
        }
    }
    printf("       %llu histories\n", (unsigned long long)i);
    if (i == count && count >= COVERING) {
        check_coverage();
    }
}
