/*
 * Reading order: wf_decide, which commands there are, then wf_decision_release (what became ready, whether the
 * run ended), then wf_decision_emit. What an attempt says is decided in scheduler_attempt.c, what comes of an
 * await and its reminders in scheduler_await.c, cancelling, pausing and skipping in scheduler_halt.c.
 */
#include "decision.h"

#include <assert.h>

void wf_decision_emit(struct decision *decision, struct wf_event event)
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

struct wf_event wf_decision_of_step(const struct decision *decision, int index, enum wf_kind kind)
{
    const struct wf_step *step = &decision->state->steps[index];

    return (struct wf_event){
        .kind = kind, .step = step->name, .attempt = step->attempt, .round = step->round};
}

void wf_decision_schedule(struct decision *decision, int index, uint32_t attempt, enum wf_mode mode)
{
    struct wf_event event = wf_decision_of_step(decision, index, WF_KIND_step_scheduled);

    event.attempt = attempt;
    event.mode = mode;
    if (decision->command->kind == WF_COMMAND_OPEN) {
        event.fence = decision->command->fence; /* of the claim that asked the conditions */
    }
    wf_decision_emit(decision, event);
}

bool wf_decision_in_hand(const struct decision *decision)
{
    enum wf_step_status status = decision->state->steps[decision->command->step].status;

    return (status == WF_STEP_ready || status == WF_STEP_running) && wf_halt_may_report(decision);
}

void wf_decision_tell_start(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    const struct wf_step *step = &decision->state->steps[command->step];
    struct wf_event event;

    if (step->status != WF_STEP_ready || step->attempt != command->attempt) {
        return;
    }
    event = wf_decision_of_step(decision, command->step, WF_KIND_step_started);
    event.at_ms = command->started_ms;
    wf_decision_emit(decision, event);
}

/* A step's turn has come. */
static void begin_step(struct decision *decision, int index)
{
    const struct wf_step *step = &decision->state->steps[index];
    const struct wf_definition_step *options =
        wf_definition_find(decision->command->definition, step->name, index);

    if (options && options->wait_ms) {
        struct wf_event event = wf_decision_of_step(decision, index, WF_KIND_step_scheduled);

        event.due_ms = decision->command->now_ms + options->wait_ms;
        wf_decision_emit(decision, event);
    } else if (step->kind == WF_STEP_AWAIT) {
        wf_await_begin(decision, index);
    } else {
        wf_decision_schedule(decision, index, 1, WF_MODE_STEP);
    }
}

static bool all_settled(const struct wf_state *state)
{
    for (uint16_t i = 0; i < state->step_count; i++) {
        if (!wf_step_settled(&state->steps[i])) {
            return false;
        }
    }
    return true;
}

void wf_decision_release(struct decision *decision, struct wf_bytes reason)
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
        wf_decision_emit(decision, (struct wf_event){.kind = WF_KIND_run_done});
    } else if (!halted && wf_state_status(state) == WF_RUN_failed && !state->failed) {
        wf_decision_emit(decision, (struct wf_event){.kind = WF_KIND_run_failed, .reason = reason});
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
    wf_decision_emit(decision, (struct wf_event){.kind = WF_KIND_run_started,
                                                 .payload = wf_buffer_bytes(&payload)});
    wf_buffer_destroy(&payload);
    wf_decision_release(decision, (struct wf_bytes){"", 0});
    return WF_OK;
}

static enum wf_status fire(struct decision *decision)
{
    struct wf_step *step = &decision->state->steps[decision->command->step];

    if (wf_state_halted(decision->state)) {
        return WF_OK;
    }
    if (wf_reminder_is_due(step, decision->command->now_ms)) {
        wf_reminder_begin(decision, decision->command->step);
        return WF_OK;
    }
    if (!step->due_ms || step->due_ms > decision->command->now_ms) {
        return WF_OK;
    }
    if (step->status == WF_STEP_waiting) {
        wf_await_expire(decision);
    } else if (step->status == WF_STEP_retrying) {
        wf_decision_schedule(decision, decision->command->step, step->attempt + 1, step->mode);
    } else if (step->status == WF_STEP_pending) {
        /* its delay is over; whether to ask is not known */
        wf_decision_schedule(decision, decision->command->step, 1,
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
        wf_decision_schedule(decision, decision->command->step, step->attempt + 1, step->mode);
        return WF_OK;
    case WF_STEP_pending:
        if (!step->due_ms || step->kind == WF_STEP_AWAIT) {
            return WF_NOT_PENDING;
        }
        wf_decision_schedule(decision, decision->command->step, 1, WF_MODE_STEP);
        return WF_OK;
    default:
        return WF_NOT_PENDING;
    }
}

static void retry_step(struct decision *decision, int index)
{
    struct wf_event event = wf_decision_of_step(decision, index, WF_KIND_step_retried);
    const struct wf_step *step = &decision->state->steps[index];
    bool otherwise = step->status == WF_STEP_failed && step->mode == WF_MODE_OTHERWISE;

    event.attempt = 1;
    event.round++;
    event.final = true;
    wf_decision_emit(decision, event);
    if (step->kind == WF_STEP_AWAIT && !otherwise) {
        wf_await_begin(decision, index);
    } else {
        wf_decision_schedule(decision, index, 1, otherwise ? WF_MODE_OTHERWISE : WF_MODE_STEP);
    }
}

/* Whether the new round of the step would take away an await that somebody has pledged himself to: with it what
 * comes after it is asked anew, or its end would be the run's. */
static bool takes_away(const struct decision *decision, int index)
{
    const struct wf_state *state = decision->state;
    const struct wf_step *step = &state->steps[index];
    bool reached[WF_STEPS_MAX] = {false};

    if (step->status == WF_STEP_failed) {
        return step->mode == WF_MODE_OTHERWISE && decision->command->pledged.len;
    }
    if (decision->command->pledged.len) {
        wf_state_reach(state, index, reached);
    }
    for (uint16_t i = 0; i < state->step_count; i++) {
        if (reached[i] && wf_event_holds(decision->command->pledged, i)) {
            return true;
        }
    }
    return false;
}

static bool takes_any_away(const struct decision *decision)
{
    for (uint16_t i = 0; i < decision->state->step_count; i++) {
        if (decision->state->steps[i].status == WF_STEP_failed && takes_away(decision, i)) {
            return true;
        }
    }
    return false;
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
        if (takes_away(decision, step)) {
            return WF_BUSY;
        }
        retry_step(decision, step);
        /* what the run's end had cut goes on too */
        wf_decision_release(decision, (struct wf_bytes){"", 0});
        return WF_OK;
    }
    if (takes_any_away(decision)) {
        return WF_BUSY;
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
        return wf_attempt_started(decision);
    case WF_COMMAND_COMPLETE:
        return wf_attempt_complete(decision);
    case WF_COMMAND_FAIL:
        return wf_attempt_fail(decision);
    case WF_COMMAND_LOST:
        return wf_attempt_lost(decision);
    case WF_COMMAND_ACCEPT:
        return wf_await_accept(decision);
    case WF_COMMAND_REJECT:
        return wf_await_reject(decision);
    case WF_COMMAND_FIRE:
        return fire(decision);
    case WF_COMMAND_HURRY:
        return hurry(decision);
    case WF_COMMAND_RETRY:
        return retry(decision);
    case WF_COMMAND_SKIP:
        return wf_attempt_skip(decision);
    case WF_COMMAND_OPEN:
        return wf_await_open(decision);
    case WF_COMMAND_BEGIN:
        return wf_attempt_begin(decision);
    case WF_COMMAND_TELL:
        return wf_attempt_tell(decision);
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
        return wf_await_keep(decision);
    }
    return WF_INVALID;
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
