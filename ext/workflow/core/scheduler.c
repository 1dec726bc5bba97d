/*
 * Reading order: wf_decide, one function a command, then release (what became ready, whether the run
 * ended), then emit. A retry is decided in fail(), an expiry in fire(), a crash in lost().
 */
#include "scheduler_halt.h"

#include <assert.h>
#include <stdio.h>

#include "arena.h"

#define BACKOFF_FIRST_MS 3000
#define BACKOFF_MAX_MS (60 * 60 * 1000)

static void emit(struct decision *decision, struct wf_event event)
{
    event.at_ms = event.at_ms ? event.at_ms : decision->command->now_ms;
    event.by = decision->command->by;
    if (decision->status) {
        return;
    }
    if (!decision->count) {
        wf_row_begin(decision->row, decision->command->now_ms, decision->command->by);
    }
    wf_row_add(decision->row, &event, decision->command->now_ms);
    decision->status = wf_state_fold(decision->state, &event);
    decision->count++;
}

static struct wf_event of_step(const struct decision *decision, int index, enum wf_kind kind)
{
    const struct wf_step *step = &decision->state->steps[index];

    return (struct wf_event){
        .kind = kind, .step = step->name, .attempt = step->attempt, .round = step->round};
}

static void schedule(struct decision *decision, int index, uint32_t attempt, enum wf_mode mode)
{
    struct wf_event event = of_step(decision, index, WF_KIND_step_scheduled);

    event.attempt = attempt;
    event.mode = mode;
    if (decision->command->kind == WF_COMMAND_OPEN) {
        event.fence = decision->command->fence; /* of the claim that asked the conditions */
    }
    emit(decision, event);
}

static void request_input(struct decision *decision, int index)
{
    struct wf_event event = of_step(decision, index, WF_KIND_input_requested);
    const struct wf_definition_step *options =
        wf_definition_find(decision->command->definition, event.step, index);

    event.attempt = 0; /* an input is not attempted */
    if (decision->command->kind == WF_COMMAND_OPEN ||
        decision->command->kind == WF_COMMAND_REJECT) {
        event.fence = decision->command->fence;
    }
    if (options && options->expires_ms) {
        event.due_ms = decision->command->now_ms + options->expires_ms;
        event.method = options->otherwise;
    }
    if (options && options->remind_ms) {
        event.remind_ms = decision->command->now_ms + options->remind_ms;
        event.remind = options->remind;
    }
    emit(decision, event);
}

/* What came early is judged before anybody is asked for more. */
static void request_or_judge(struct decision *decision, int index)
{
    if (decision->state->steps[index].kept_version) {
        schedule(decision, index, 1, WF_MODE_JUDGE);
    } else {
        request_input(decision, index);
    }
}

/* Whether the present code says nothing of an await of that name: somebody else has to find that out, and stop
 * the run, before anybody is asked for an input. Where no definition came along, nothing is known. */
static bool has_vanished(const struct decision *decision, const struct wf_definition_step *options)
{
    return decision->command->definition && (!options || options->kind != WF_STEP_AWAIT);
}

/* An await asks for its input, or first somebody asks its conditions. */
static void open_await(struct decision *decision, int index,
                       const struct wf_definition_step *options)
{
    if (has_vanished(decision, options) || (options && options->asks)) {
        schedule(decision, index, 1, WF_MODE_ASK);
    } else {
        request_or_judge(decision, index);
    }
}

/* A step's turn has come. */
static void begin_step(struct decision *decision, int index)
{
    const struct wf_step *step = &decision->state->steps[index];
    const struct wf_definition_step *options =
        wf_definition_find(decision->command->definition, step->name, index);

    if (options && options->wait_ms) {
        struct wf_event event = of_step(decision, index, WF_KIND_step_scheduled);

        event.due_ms = decision->command->now_ms + options->wait_ms;
        emit(decision, event);
    } else if (step->kind == WF_STEP_AWAIT) {
        open_await(decision, index, options);
    } else {
        schedule(decision, index, 1, WF_MODE_STEP);
    }
}

static bool is_settled(const struct wf_step *step)
{
    return step->status == WF_STEP_completed || step->status == WF_STEP_skipped;
}

static bool all_settled(const struct wf_state *state)
{
    for (uint16_t i = 0; i < state->step_count; i++) {
        if (!is_settled(&state->steps[i])) {
            return false;
        }
    }
    return true;
}

/* After every fact: steps whose dependencies are settled become ready, or the run ends, or it fails. */
static void release(struct decision *decision, struct wf_bytes reason)
{
    struct wf_state *state = decision->state;
    bool halted = wf_state_halted(state) || wf_halt_is_last(decision);

    for (uint16_t i = 0; i < state->step_count && !halted && !decision->status; i++) {
        const struct wf_step *step = &state->steps[i];

        if (step->status == WF_STEP_pending && !step->due_ms && wf_state_released(state, i)) {
            begin_step(decision, i);
        }
    }
    if (all_settled(state) && !state->cancelling) {
        emit(decision, (struct wf_event){.kind = WF_KIND_run_done});
    } else if (!halted && wf_state_status(state) == WF_RUN_failed && !state->failed) {
        emit(decision, (struct wf_event){.kind = WF_KIND_run_failed, .reason = reason});
    }
}

static enum wf_status start(struct decision *decision)
{
    struct wf_buffer payload = {0};

    if (decision->state->version || !decision->command->birth ||
        !decision->command->birth->definition->step_count) {
        return WF_INVALID;
    }
    wf_birth_encode(decision->command->birth, &payload);
    if (payload.failed) {
        wf_buffer_destroy(&payload);
        return WF_NO_MEMORY;
    }
    emit(decision,
         (struct wf_event){.kind = WF_KIND_run_started, .payload = wf_buffer_bytes(&payload)});
    wf_buffer_destroy(&payload);
    release(decision, (struct wf_bytes){"", 0});
    return WF_OK;
}

/* The attempt's start is told together with its end, unless it was told before. */
static void tell_start(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    const struct wf_step *step = &decision->state->steps[command->step];
    struct wf_event event;

    if (step->status != WF_STEP_ready || step->attempt != command->attempt) {
        return;
    }
    event = of_step(decision, command->step, WF_KIND_step_started);
    event.at_ms = command->started_ms;
    emit(decision, event);
}

static bool in_hand(const struct decision *decision)
{
    enum wf_step_status status = decision->state->steps[decision->command->step].status;

    return (status == WF_STEP_ready || status == WF_STEP_running) && wf_halt_may_report(decision);
}

static bool is_awaited(const struct decision *decision)
{
    return decision->state->steps[decision->command->step].status == WF_STEP_waiting &&
           wf_halt_may_report(decision);
}

/* The holder's own result, after its `once` step was given up: it says what nobody else can know. */
static bool settles_doubt(const struct decision *decision)
{
    const struct wf_command *command = decision->command;

    return wf_scheduler_in_doubt(&decision->state->steps[command->step], command->attempt,
                                 command->fence);
}

/* Whether what is in hand is an input that came early. */
static bool judges(const struct decision *decision)
{
    return in_hand(decision) &&
           decision->state->steps[decision->command->step].mode == WF_MODE_JUDGE;
}

/* ---- Reminders: beside an await that goes on waiting whatever becomes of them ---- */

/* Whether what is in hand is a reminder: of a step that waits, nothing else completes, fails or is lost. */
static bool reminds(const struct decision *decision)
{
    const struct wf_step *step = &decision->state->steps[decision->command->step];

    return step->status == WF_STEP_waiting && step->reminding && !wf_state_halted(decision->state);
}

static void remind(struct decision *decision, int index)
{
    schedule(decision, index, decision->state->steps[index].reminders + 1, WF_MODE_REMIND);
}

static bool may_remind_again(const struct decision *decision)
{
    return decision->state->steps[decision->command->step].reminders < WF_REMINDERS_MAX;
}

/* It was sent, or failed: then once more after a while, or never. */
static enum wf_status reminded(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = of_step(decision, command->step, WF_KIND_reminded);
    uint32_t tries = decision->state->steps[command->step].reminders;

    event.attempt = command->attempt;
    event.fence = command->fence;
    event.reason = command->reason;
    event.error_class = command->error_class;
    event.error_message = command->error_message;
    event.error_where = command->error_where;
    if (command->kind == WF_COMMAND_FAIL && !command->final && may_remind_again(decision)) {
        event.remind_ms =
            command->now_ms + (command->delay_ms >= 0
                                   ? command->delay_ms
                                   : wf_scheduler_backoff(NULL, tries, command->chance));
    }
    emit(decision, event);
    return WF_OK;
}

static enum wf_status lose_reminder(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = of_step(decision, command->step, WF_KIND_lease_lost);

    event.attempt = command->attempt;
    event.fence = command->fence;
    event.crashed = command->crashed;
    event.reason = command->reason;
    event.mode = WF_MODE_REMIND;
    emit(decision, event);
    if (!may_remind_again(decision)) {
        return reminded(decision);
    }
    remind(decision, command->step);
    return WF_OK;
}

static enum wf_status started(struct decision *decision)
{
    if (in_hand(decision)) {
        tell_start(decision);
    }
    return WF_OK;
}

static enum wf_status complete(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event;
    bool otherwise;

    if (reminds(decision)) {
        return reminded(decision);
    }
    if ((!in_hand(decision) || judges(decision)) && !settles_doubt(decision)) {
        /* an input is accepted or rejected */
        return WF_STALE;
    }
    tell_start(decision);
    event = of_step(decision, command->step, WF_KIND_step_completed);
    event.attempt = command->attempt;
    event.fence = command->fence;
    event.payload = command->payload;
    otherwise = decision->state->steps[command->step].mode == WF_MODE_OTHERWISE;
    emit(decision, event);
    if (otherwise && !decision->state->cancelling) {
        emit(decision, (struct wf_event){.kind = WF_KIND_run_expired});
    } else {
        release(decision, (struct wf_bytes){"", 0});
    }
    return WF_OK;
}

static void fail_attempt(struct decision *decision, bool final, struct wf_bytes reason)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = of_step(decision, command->step, WF_KIND_step_failed);

    event.attempt = command->attempt;
    event.fence = command->fence;
    event.final = final;
    event.reason = reason;
    event.error_class = command->error_class;
    event.error_message = command->error_message;
    event.error_where = command->error_where;
    event.met = command->met;
    emit(decision, event);
}

static enum wf_status fail(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_step *step = &decision->state->steps[command->step];
    const struct wf_definition_step *options =
        wf_definition_find(command->definition, step->name, command->step);
    uint32_t retries = options && !step->mode ? options->retries : 0;
    bool final =
        command->final || wf_halt_is_last(decision) || step->failures >= retries || step->once;
    struct wf_event event;

    if (reminds(decision)) {
        return reminded(decision);
    }
    if (!in_hand(decision) && !settles_doubt(decision)) {
        return WF_STALE;
    }
    tell_start(decision);
    fail_attempt(decision, final, command->reason);
    if (final) {
        release(decision, command->reason);
        return WF_OK;
    }
    event = of_step(decision, command->step, WF_KIND_step_retried);
    event.attempt = step->attempt + 1;
    event.due_ms =
        command->now_ms + (command->delay_ms >= 0
                               ? command->delay_ms
                               : wf_scheduler_backoff(options, step->failures, command->chance));
    emit(decision, event);
    return WF_OK;
}

/* A `once` step that was begun is not begun again: what it did is not known. */
static void interrupt_attempt(struct decision *decision, int index)
{
    struct wf_event event = of_step(decision, index, WF_KIND_step_failed);

    event.fence = decision->command->fence;
    event.final = true;
    event.reason = WF_BYTES("interrupted");
    event.error_class = WF_BYTES("Workflow::Interrupted");
    event.error_message =
        WF_BYTES("it was begun and did not end, and runs once: whether it had its effect "
                 "is not known. Look, then retry it if it had not");
    emit(decision, event);
    release(decision, event.reason);
}

/* Three crashes park the step; before that it is ready again at once. */
static enum wf_status lost(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_step *step = &decision->state->steps[command->step];
    struct wf_event event;

    if (reminds(decision)) {
        return lose_reminder(decision);
    }
    if (!in_hand(decision)) {
        return WF_STALE;
    }
    tell_start(decision);
    event = of_step(decision, command->step, WF_KIND_lease_lost);
    event.attempt = command->attempt;
    event.fence = command->fence;
    event.crashed = command->crashed;
    event.reason = command->reason;
    emit(decision, event);
    if (decision->state->cancelling) {
        return WF_OK;
    }
    if (step->once) {
        interrupt_attempt(decision, command->step);
    } else if (step->crashes >= WF_CRASHES_MAX) {
        fail_attempt(decision, true, WF_BYTES("crashed"));
        release(decision, WF_BYTES("crashed"));
    } else {
        schedule(decision, command->step, step->attempt + 1, step->mode);
    }
    return WF_OK;
}

static enum wf_status skip(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = of_step(decision, command->step, WF_KIND_step_skipped);

    if (!in_hand(decision)) {
        return WF_STALE;
    }
    event.fence = command->fence;
    event.reason = command->reason;
    emit(decision, event);
    release(decision, (struct wf_bytes){"", 0});
    return WF_OK;
}

static enum wf_status open(struct decision *decision)
{
    int index = decision->command->step;

    if (!in_hand(decision) || decision->state->steps[index].mode != WF_MODE_ASK) {
        return WF_STALE;
    }
    if (wf_state_halted(decision->state)) { /* its time would run while nobody can answer */
        return wf_halt_let_go(decision);
    }
    request_or_judge(decision, index);
    return WF_OK;
}

/* Durable before the method is entered; from then on the step is not begun again in this round. */
static enum wf_status begin(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    const struct wf_step *step = &decision->state->steps[command->step];
    struct wf_event event = of_step(decision, command->step, WF_KIND_step_started);

    if (!in_hand(decision) || step->once || step->mode || step->attempt != command->attempt) {
        return WF_STALE;
    }
    event.once = true;
    emit(decision, event);
    return WF_OK;
}

/* A fact in the middle of an attempt, or of the judging of an input. */
static enum wf_status tell(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = of_step(decision, command->step, command->tells);

    if (command->tells != WF_KIND_progressed && command->tells != WF_KIND_noted) {
        return WF_INVALID;
    }
    if (!in_hand(decision) && decision->state->steps[command->step].status != WF_STEP_waiting) {
        return WF_STALE;
    }
    tell_start(decision);
    event.attempt = command->attempt;
    event.reason = command->reason;
    event.payload = command->payload;
    emit(decision, event);
    return WF_OK;
}

/* The first of several awaits has its input: nobody waits for the others any more. */
static void skip_others(struct decision *decision, int index)
{
    struct wf_state *state = decision->state;
    struct wf_bytes name = state->steps[index].name;
    char reason[WF_NAME_LEN_MAX + sizeof("either: ")];
    int len = snprintf(reason, sizeof(reason), "either: %.*s", (int)name.len, name.ptr);

    for (uint16_t i = 0; state->steps[index].either && i < state->step_count; i++) {
        if (i != index && state->steps[i].either == state->steps[index].either &&
            !is_settled(&state->steps[i]) && state->steps[i].status != WF_STEP_cancelled) {
            struct wf_event event = of_step(decision, i, WF_KIND_step_skipped);

            event.reason = (struct wf_bytes){reason, (size_t)len};
            emit(decision, event);
        }
    }
}

static enum wf_status accept(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = of_step(decision, command->step, WF_KIND_input_accepted);
    bool early = judges(decision);

    if (!early && !is_awaited(decision)) {
        return WF_NOT_WAITING;
    }
    tell_start(decision); /* of what was kept: to judge that is an attempt, a submit is none */
    event.attempt = 0;
    event.payload = command->payload;
    emit(decision, event);
    event = of_step(decision, command->step, WF_KIND_step_completed);
    event.attempt = early ? command->attempt : 0;
    event.fence = command->fence;
    emit(decision, event);
    skip_others(decision, command->step);
    release(decision, (struct wf_bytes){"", 0});
    return WF_OK;
}

static enum wf_status reject(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = of_step(decision, command->step, WF_KIND_input_rejected);
    bool early = judges(decision);

    if (!early && !is_awaited(decision)) {
        return WF_NOT_WAITING;
    }
    tell_start(decision);
    event.attempt = 0;
    event.reason = command->reason;
    event.error_class = command->error_class;
    event.error_message = command->error_message;
    event.error_where = command->error_where;
    emit(decision, event);
    if (early && !decision->state->cancelling) {
        request_input(decision, command->step);
    }
    return WF_OK;
}

/* The input of an await whose turn has not come. A later one takes its place: who corrects himself is meant. */
static enum wf_status keep(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = of_step(decision, command->step, WF_KIND_input_kept);
    const struct wf_step *step = &decision->state->steps[command->step];
    const struct wf_definition_step *options =
        wf_definition_find(command->definition, step->name, command->step);
    bool asked = in_hand(decision) && step->mode == WF_MODE_ASK;

    if (wf_state_halted(decision->state)) {
        return WF_NOT_WAITING;
    }
    if (judges(decision)) {
        return WF_BUSY;
    }
    if (step->kind != WF_STEP_AWAIT || !options || !options->early ||
        (step->status != WF_STEP_pending && !asked)) {
        return WF_NOT_WAITING;
    }
    event.attempt = 0;
    event.payload = command->payload;
    emit(decision, event);
    return WF_OK;
}

static void expire(struct decision *decision)
{
    int index = decision->command->step;
    struct wf_step *step = &decision->state->steps[index];

    emit(decision, of_step(decision, index, WF_KIND_input_expired));
    if (step->method.len) {
        schedule(decision, index, 1, WF_MODE_OTHERWISE);
    } else {
        emit(decision, (struct wf_event){.kind = WF_KIND_run_expired});
    }
}

/* Beyond the end of its time nobody is reminded any more. */
static bool reminder_is_due(const struct wf_step *step, int64_t now_ms)
{
    return step->status == WF_STEP_waiting && step->remind_ms && step->remind_ms <= now_ms &&
           (!step->due_ms || step->due_ms > now_ms);
}

static enum wf_status fire(struct decision *decision)
{
    struct wf_step *step = &decision->state->steps[decision->command->step];

    if (wf_state_halted(decision->state)) {
        return WF_OK;
    }
    if (reminder_is_due(step, decision->command->now_ms)) {
        remind(decision, decision->command->step);
        return WF_OK;
    }
    if (!step->due_ms || step->due_ms > decision->command->now_ms) {
        return WF_OK;
    }
    if (step->status == WF_STEP_waiting) {
        expire(decision);
    } else if (step->status == WF_STEP_retrying) {
        schedule(decision, decision->command->step, step->attempt + 1, step->mode);
    } else if (step->status ==
               WF_STEP_pending) { /* its delay is over; whether to ask is not known */
        schedule(decision, decision->command->step, 1,
                 step->kind == WF_STEP_AWAIT ? WF_MODE_ASK : WF_MODE_STEP);
    }
    return WF_OK;
}

static enum wf_status hurry(struct decision *decision)
{
    struct wf_step *step = &decision->state->steps[decision->command->step];

    if (wf_state_halted(decision->state)) {
        return WF_NOT_PENDING;
    }
    switch (step->status) {
    case WF_STEP_ready:
    case WF_STEP_running: /* somebody's: whoever wants to claim it will find that out */
        return step->mode == WF_MODE_ASK || step->mode == WF_MODE_JUDGE ? WF_NOT_PENDING : WF_OK;
    case WF_STEP_retrying:
        schedule(decision, decision->command->step, step->attempt + 1, step->mode);
        return WF_OK;
    case WF_STEP_pending:
        if (!step->due_ms || step->kind == WF_STEP_AWAIT) {
            return WF_NOT_PENDING;
        }
        schedule(decision, decision->command->step, 1, WF_MODE_STEP);
        return WF_OK;
    default:
        return WF_NOT_PENDING;
    }
}

static void retry_step(struct decision *decision, int index)
{
    struct wf_event event = of_step(decision, index, WF_KIND_step_retried);
    const struct wf_step *step = &decision->state->steps[index];
    bool otherwise = step->status == WF_STEP_failed && step->mode == WF_MODE_OTHERWISE;

    event.attempt = 1;
    event.round++;
    event.final = true;
    emit(decision, event);
    if (step->kind == WF_STEP_AWAIT && !otherwise) {
        open_await(decision, index,
                   wf_definition_find(decision->command->definition, step->name, index));
    } else {
        schedule(decision, index, 1, otherwise ? WF_MODE_OTHERWISE : WF_MODE_STEP);
    }
}

static enum wf_status retry(struct decision *decision)
{
    struct wf_state *state = decision->state;
    int step = decision->command->step;

    if (wf_state_halted(state)) {
        return WF_NOT_PENDING;
    }
    if (step >= 0) {
        enum wf_step_status status = state->steps[step].status;

        if (status == WF_STEP_pending || status == WF_STEP_ready || status == WF_STEP_running ||
            !wf_state_released(state, step)) {
            return WF_NOT_PENDING;
        }
        retry_step(decision, step);
        release(decision, (struct wf_bytes){"", 0}); /* what the run's end had cut goes on too */
        return WF_OK;
    }
    for (uint16_t i = 0; i < state->step_count; i++) {
        if (state->steps[i].status == WF_STEP_failed) {
            retry_step(decision, i);
        }
    }
    return decision->count ? WF_OK : WF_NOT_PENDING;
}

static enum wf_status run_command(struct decision *decision)
{
    switch (decision->command->kind) {
    case WF_COMMAND_START:
        return start(decision);
    case WF_COMMAND_STARTED:
        return started(decision);
    case WF_COMMAND_COMPLETE:
        return complete(decision);
    case WF_COMMAND_FAIL:
        return fail(decision);
    case WF_COMMAND_LOST:
        return lost(decision);
    case WF_COMMAND_ACCEPT:
        return accept(decision);
    case WF_COMMAND_REJECT:
        return reject(decision);
    case WF_COMMAND_FIRE:
        return fire(decision);
    case WF_COMMAND_HURRY:
        return hurry(decision);
    case WF_COMMAND_RETRY:
        return retry(decision);
    case WF_COMMAND_SKIP:
        return skip(decision);
    case WF_COMMAND_OPEN:
        return open(decision);
    case WF_COMMAND_BEGIN:
        return begin(decision);
    case WF_COMMAND_TELL:
        return tell(decision);
    case WF_COMMAND_CANCEL:
        return wf_halt_cancel(decision);
    case WF_COMMAND_PAUSE:
        return wf_halt_pause(decision);
    case WF_COMMAND_RESUME:
        return wf_halt_resume(decision);
    case WF_COMMAND_OMIT:
        return wf_halt_omit(decision);
    case WF_COMMAND_LET_GO:
        return wf_halt_let_go(decision);
    case WF_COMMAND_KEEP:
        return keep(decision);
    }
    return WF_INVALID;
}

void wf_decision_emit(struct decision *decision, struct wf_event event)
{
    emit(decision, event);
}

struct wf_event wf_decision_of_step(const struct decision *decision, int step, enum wf_kind kind)
{
    return of_step(decision, step, kind);
}

void wf_decision_schedule(struct decision *decision, int step, uint32_t attempt, enum wf_mode mode)
{
    schedule(decision, step, attempt, mode);
}

void wf_decision_interrupt(struct decision *decision, int step)
{
    interrupt_attempt(decision, step);
}

void wf_decision_release(struct decision *decision, struct wf_bytes reason)
{
    release(decision, reason);
}

enum wf_status wf_decide(struct wf_state *state, const struct wf_command *command,
                         struct wf_buffer *row, int *count)
{
    struct decision decision = {.state = state, .command = command, .row = row};
    bool of_run = command->kind == WF_COMMAND_START || command->kind == WF_COMMAND_RETRY ||
                  command->kind == WF_COMMAND_CANCEL || command->kind == WF_COMMAND_PAUSE ||
                  command->kind == WF_COMMAND_RESUME;
    enum wf_status status;

    *count = 0;
    if (command->step >= (int)state->step_count || (command->step < 0 && !of_run)) {
        return WF_INVALID;
    }
    status = run_command(&decision);
    wf_halt_settle(&decision);
    *count = decision.count;
    if (decision.status) {
        return decision.status;
    }
    return decision.count && row->failed ? WF_NO_MEMORY : status;
}

enum wf_place wf_scheduler_place(const struct wf_state *state,
                                 const struct wf_definition *definition, int index)
{
    const struct wf_step *step = &state->steps[index];
    const struct wf_definition_step *options = wf_definition_find(definition, step->name, index);

    assert(step->kind != WF_STEP_AWAIT || step->mode || step->reminding);
    if (step->mode == WF_MODE_OTHERWISE || step->reminding) {
        return WF_PLACE_LATER;
    }
    if (state->place || step->mode == WF_MODE_ASK || step->mode == WF_MODE_JUDGE) {
        return state->place ? state->place : WF_PLACE_NOW;
    }
    if (options && options->place) {
        return options->place;
    }
    return step->kind == WF_STEP_NOW ? WF_PLACE_NOW : WF_PLACE_LATER;
}

bool wf_scheduler_in_doubt(const struct wf_step *step, uint32_t attempt, int64_t fence)
{
    return step->once && step->status == WF_STEP_failed && step->attempt == attempt &&
           step->fence == fence && wf_bytes_equal(step->reason, WF_BYTES("interrupted"));
}

/* 3 s x 2^n, a quarter up or down by chance, at most an hour. */
int64_t wf_scheduler_backoff(const struct wf_definition_step *options, uint32_t failures,
                             uint32_t chance)
{
    uint32_t doublings = failures > 1 ? failures - 1 : 0;
    int64_t delay_ms = BACKOFF_MAX_MS;

    if (options && options->backoff_ms != WF_BACKOFF_EXPONENTIAL) {
        return options->backoff_ms;
    }
    if (doublings < 20 && ((int64_t)BACKOFF_FIRST_MS << doublings) < BACKOFF_MAX_MS) {
        delay_ms = (int64_t)BACKOFF_FIRST_MS << doublings;
    }
    delay_ms = delay_ms * 3 / 4 + (int64_t)((double)delay_ms / 2 * (chance / 4294967296.0));
    return delay_ms < BACKOFF_MAX_MS ? delay_ms : BACKOFF_MAX_MS;
}
