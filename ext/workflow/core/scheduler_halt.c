/*
 * Cancel, pause, resume, and a step that a person skips. Who holds what comes in with the command, as bits:
 * claims are no facts. Once a run is halted, the state knows whom it waits for (`held`), and each end of such
 * a step, even its being given back untouched, is an event: the last one ends a run that is being cancelled.
 */
#include "decision.h"

bool wf_halt_may_report(const struct decision *decision)
{
    return !wf_state_halted(decision->state) ||
           decision->state->steps[decision->command->step].held;
}

bool wf_halt_is_last(const struct decision *decision)
{
    return decision->state->cancelling || decision->command->parting.len;
}

/* Nobody holds it any more, and nothing has become of it. A step is scheduled as it was; an await, and what is
 * not going to be run again, is told as lost, without an attempt. */
static void let_go(struct decision *decision, int index)
{
    const struct wf_step *step = &decision->state->steps[index];
    struct wf_event event;

    if (!decision->state->cancelling && step->status == WF_STEP_ready) {
        event = wf_decision_of_step(decision, index, WF_KIND_step_scheduled);
        event.mode = step->mode;
    } else {
        event = wf_decision_of_step(decision, index, WF_KIND_lease_lost);
        event.attempt = 0;
        event.reason = WF_BYTES("given back");
    }
    event.fence = decision->command->fence;
    wf_decision_emit(decision, event);
}

/* It had been told as begun, and nobody runs it any more: the attempt is over. */
static void lose(struct decision *decision, int index)
{
    const struct wf_step *step = &decision->state->steps[index];
    struct wf_event event = wf_decision_of_step(decision, index, WF_KIND_lease_lost);

    event.fence = decision->command->fence;
    event.reason = WF_BYTES("given back");
    wf_decision_emit(decision, event);
    if (!decision->state->cancelling && step->once) {
        wf_attempt_interrupt(decision, index);
    } else if (!decision->state->cancelling) {
        wf_decision_schedule(decision, index, step->attempt + 1, step->mode);
    }
}

static void give_back(struct decision *decision, int index)
{
    if (decision->state->steps[index].status == WF_STEP_running) {
        lose(decision, index);
    } else {
        let_go(decision, index);
    }
}

enum wf_status wf_halt_let_go(struct decision *decision)
{
    if (!wf_state_halted(decision->state) || !wf_halt_may_report(decision)) {
        return WF_STALE;
    }
    give_back(decision, decision->command->step);
    return WF_OK;
}

/* A holder that asks for what was asked for already: its own step goes back. */
static enum wf_status again(struct decision *decision)
{
    if (decision->command->step >= 0 && wf_halt_may_report(decision)) {
        give_back(decision, decision->command->step);
    }
    return WF_OK;
}

static void request_cancel(struct decision *decision, struct wf_bytes reason)
{
    wf_decision_emit(decision, (struct wf_event){.kind = WF_KIND_cancel_requested,
                                                 .reason = reason,
                                                 .held = decision->command->held});
}

enum wf_status wf_halt_cancel(struct decision *decision)
{
    const struct wf_state *state = decision->state;

    if (state->ended) {
        return state->ended == WF_RUN_cancelled ? WF_OK : WF_NOT_PENDING;
    }
    if (state->cancelling) {
        return again(decision);
    }
    request_cancel(decision, decision->command->reason);
    return WF_OK;
}

enum wf_status wf_halt_pause(struct decision *decision)
{
    const struct wf_state *state = decision->state;
    const struct wf_command *command = decision->command;

    if (state->ended) {
        return WF_NOT_PENDING;
    }
    if (wf_state_halted(state)) {
        return state->paused || command->step >= 0 ? again(decision) : WF_NOT_PENDING;
    }
    for (uint16_t i = 0; i < state->step_count; i++) {
        if (state->steps[i].status == WF_STEP_running && !wf_event_holds(command->held, i)) {
            lose(decision, i);
        }
    }
    wf_decision_emit(decision, (struct wf_event){.kind = WF_KIND_run_paused,
                                                 .reason = command->reason,
                                                 .fence = command->fence,
                                                 .held = command->held});
    return WF_OK;
}

enum wf_status wf_halt_resume(struct decision *decision)
{
    if (!decision->state->paused) {
        return WF_NOT_PENDING;
    }
    wf_decision_emit(decision, (struct wf_event){.kind = WF_KIND_run_resumed});
    wf_decision_release(decision, wf_state_failure_reason(decision->state));
    return WF_OK;
}

enum wf_status wf_halt_omit(struct decision *decision)
{
    const struct wf_state *state = decision->state;
    const struct wf_command *command = decision->command;
    struct wf_event event;

    if (state->ended || state->cancelling || wf_step_settled(&state->steps[command->step])) {
        return WF_NOT_PENDING;
    }
    if (wf_event_holds(command->held, command->step)) {
        return WF_BUSY;
    }
    event = wf_decision_of_step(decision, command->step, WF_KIND_step_skipped);
    event.fence = command->fence;
    event.reason = command->reason;
    wf_decision_emit(decision, event);
    wf_decision_release(decision, wf_state_failure_reason(decision->state));
    return WF_OK;
}

void wf_halt_settle(struct decision *decision)
{
    const struct wf_state *state = decision->state;
    const struct wf_command *command = decision->command;

    if (!decision->count || state->ended) {
        return;
    }
    if (command->parting.len && !state->cancelling) {
        request_cancel(decision, command->parting);
    }
    for (uint16_t i = 0; wf_state_halted(state) && i < state->step_count; i++) {
        if (state->steps[i].held && wf_event_holds(command->kept, i)) {
            give_back(decision, i);
        }
    }
    if (state->cancelling && !wf_state_held(state)) {
        wf_decision_emit(decision,
                         (struct wf_event){.kind = WF_KIND_run_cancelled, .reason = state->reason});
    }
}
