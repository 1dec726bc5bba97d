/*
 * What an attempt says, and what is said of one that can say nothing any more: it was begun, told of its progress,
 * returned, raised, was lost or was not to be. A retry is decided in wf_attempt_fail, a crash in wf_attempt_lost.
 */
#include "decision.h"

#define BACKOFF_FIRST_MS 3000
#define BACKOFF_MAX_MS (60 * 60 * 1000)

enum wf_status wf_attempt_started(struct decision *decision)
{
    if (wf_decision_in_hand(decision)) {
        wf_decision_tell_start(decision);
    }
    return WF_OK;
}

/* Durable before the method is entered; from then on the step is not begun again in this round. */
enum wf_status wf_attempt_begin(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    const struct wf_step *step = &decision->state->steps[command->step];
    struct wf_event event = wf_decision_of_step(decision, command->step, WF_KIND_step_started);

    if (!wf_decision_in_hand(decision) || step->once || step->mode ||
        step->attempt != command->attempt) {
        return WF_STALE;
    }
    event.once = true;
    wf_decision_emit(decision, event);
    return WF_OK;
}

/* A fact in the middle of an attempt, or of the judging of an input. */
enum wf_status wf_attempt_tell(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = wf_decision_of_step(decision, command->step, command->tells);

    if (command->tells != WF_KIND_progressed && command->tells != WF_KIND_noted) {
        return WF_INVALID;
    }
    if (!wf_decision_in_hand(decision) &&
        decision->state->steps[command->step].status != WF_STEP_waiting) {
        return WF_STALE;
    }
    wf_decision_tell_start(decision);
    event.attempt = command->attempt;
    event.reason = command->reason;
    event.payload = command->payload;
    wf_decision_emit(decision, event);
    return WF_OK;
}

/* The holder's own result, after its `once` step was given up: it says what nobody else can know. */
static bool settles_doubt(const struct decision *decision)
{
    const struct wf_command *command = decision->command;

    return wf_scheduler_in_doubt(&decision->state->steps[command->step], command->attempt,
                                 command->fence);
}

enum wf_status wf_attempt_complete(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event;
    bool otherwise;

    if (wf_reminder_in_hand(decision)) {
        return wf_reminder_over(decision);
    }
    if ((!wf_decision_in_hand(decision) || wf_await_judges(decision)) && !settles_doubt(decision)) {
        /* an input is accepted or rejected */
        return WF_STALE;
    }
    wf_decision_tell_start(decision);
    event = wf_decision_of_step(decision, command->step, WF_KIND_step_completed);
    event.attempt = command->attempt;
    event.fence = command->fence;
    event.payload = command->payload;
    otherwise = decision->state->steps[command->step].mode == WF_MODE_OTHERWISE;
    wf_decision_emit(decision, event);
    if (otherwise && !decision->state->cancelling) {
        wf_decision_emit(decision, (struct wf_event){.kind = WF_KIND_run_expired});
    } else {
        wf_decision_release(decision, (struct wf_bytes){"", 0});
    }
    return WF_OK;
}

static void fail_attempt(struct decision *decision, bool final, struct wf_bytes reason)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = wf_decision_of_step(decision, command->step, WF_KIND_step_failed);

    event.attempt = command->attempt;
    event.fence = command->fence;
    event.final = final;
    event.reason = reason;
    event.error_class = command->error_class;
    event.error_message = command->error_message;
    event.error_where = command->error_where;
    event.met = command->met;
    wf_decision_emit(decision, event);
}

enum wf_status wf_attempt_fail(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_step *step = &decision->state->steps[command->step];
    const struct wf_definition_step *options =
        wf_definition_find(command->definition, step->name, command->step);
    uint32_t retries = options && !step->mode ? options->retries : 0;
    bool final =
        command->final || wf_halt_is_last(decision) || step->failures >= retries || step->once;
    struct wf_event event;

    if (wf_reminder_in_hand(decision)) {
        return wf_reminder_over(decision);
    }
    if (!wf_decision_in_hand(decision) && !settles_doubt(decision)) {
        return WF_STALE;
    }
    wf_decision_tell_start(decision);
    fail_attempt(decision, final, command->reason);
    if (final) {
        wf_decision_release(decision, command->reason);
        return WF_OK;
    }
    event = wf_decision_of_step(decision, command->step, WF_KIND_step_retried);
    event.attempt = step->attempt + 1;
    event.due_ms =
        command->now_ms + (command->delay_ms >= 0
                               ? command->delay_ms
                               : wf_scheduler_backoff(options, step->failures, command->chance));
    wf_decision_emit(decision, event);
    return WF_OK;
}

/* A `once` step that was begun is not begun again: what it did is not known. */
void wf_attempt_interrupt(struct decision *decision, int index)
{
    struct wf_event event = wf_decision_of_step(decision, index, WF_KIND_step_failed);

    event.fence = decision->command->fence;
    event.final = true;
    event.reason = WF_BYTES("interrupted");
    event.error_class = WF_BYTES("Workflow::Interrupted");
    event.error_message =
        WF_BYTES("it was begun and did not end, and runs once: whether it had its effect "
                 "is not known. Look, then retry it if it had not");
    wf_decision_emit(decision, event);
    wf_decision_release(decision, event.reason);
}

/* Three crashes park the step; before that it is ready again at once. */
enum wf_status wf_attempt_lost(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_step *step = &decision->state->steps[command->step];
    struct wf_event event;

    if (wf_reminder_in_hand(decision)) {
        return wf_reminder_lost(decision);
    }
    if (!wf_decision_in_hand(decision)) {
        return WF_STALE;
    }
    wf_decision_tell_start(decision);
    event = wf_decision_of_step(decision, command->step, WF_KIND_lease_lost);
    event.attempt = command->attempt;
    event.fence = command->fence;
    event.crashed = command->crashed;
    event.reason = command->reason;
    wf_decision_emit(decision, event);
    if (decision->state->cancelling) {
        return WF_OK;
    }
    if (step->once) {
        wf_attempt_interrupt(decision, command->step);
    } else if (step->crashes >= WF_CRASHES_MAX) {
        fail_attempt(decision, true, WF_BYTES("crashed"));
        wf_decision_release(decision, WF_BYTES("crashed"));
    } else {
        wf_decision_schedule(decision, command->step, step->attempt + 1, step->mode);
    }
    return WF_OK;
}

enum wf_status wf_attempt_skip(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = wf_decision_of_step(decision, command->step, WF_KIND_step_skipped);

    if (!wf_decision_in_hand(decision)) {
        return WF_STALE;
    }
    event.fence = command->fence;
    event.reason = command->reason;
    wf_decision_emit(decision, event);
    wf_decision_release(decision, (struct wf_bytes){"", 0});
    return WF_OK;
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
