/*
 * An await from its turn to its end: its conditions, the request for an input, the judging of one that came
 * early, the verdict, the expiry; then its reminders.
 */
#include "decision.h"

#include <stdio.h>

static void request_input(struct decision *decision, int index)
{
    struct wf_event event = wf_decision_of_step(decision, index, WF_KIND_input_requested);
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
    wf_decision_emit(decision, event);
}

/* What came early is judged before anybody is asked for more. */
static void request_or_judge(struct decision *decision, int index)
{
    if (decision->state->steps[index].kept_version) {
        wf_decision_schedule(decision, index, 1, WF_MODE_JUDGE);
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

/* It asks for its input, or first somebody asks its conditions. */
void wf_await_begin(struct decision *decision, int index)
{
    const struct wf_definition_step *options = wf_definition_find(
        decision->command->definition, decision->state->steps[index].name, index);

    if (has_vanished(decision, options) || (options && options->asks)) {
        wf_decision_schedule(decision, index, 1, WF_MODE_ASK);
    } else {
        request_or_judge(decision, index);
    }
}

enum wf_status wf_await_open(struct decision *decision)
{
    int index = decision->command->step;

    if (!wf_decision_in_hand(decision) || decision->state->steps[index].mode != WF_MODE_ASK) {
        return WF_STALE;
    }
    if (wf_state_halted(decision->state)) { /* its time would run while nobody can answer */
        return wf_halt_let_go(decision);
    }
    request_or_judge(decision, index);
    return WF_OK;
}

static bool is_awaited(const struct decision *decision)
{
    return decision->state->steps[decision->command->step].status == WF_STEP_waiting &&
           wf_halt_may_report(decision);
}

bool wf_await_is_judged(const struct wf_step *step)
{
    return step->mode == WF_MODE_JUDGE &&
           (step->status == WF_STEP_ready || step->status == WF_STEP_running);
}

bool wf_await_judges(const struct decision *decision)
{
    return wf_decision_in_hand(decision) &&
           decision->state->steps[decision->command->step].mode == WF_MODE_JUDGE;
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
            !wf_step_settled(&state->steps[i]) && state->steps[i].status != WF_STEP_cancelled) {
            struct wf_event event = wf_decision_of_step(decision, i, WF_KIND_step_skipped);

            event.reason = (struct wf_bytes){reason, (size_t)len};
            wf_decision_emit(decision, event);
        }
    }
}

enum wf_status wf_await_accept(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = wf_decision_of_step(decision, command->step, WF_KIND_input_accepted);
    bool early = wf_await_judges(decision);

    if (!early && !is_awaited(decision)) {
        return WF_NOT_WAITING;
    }
    /* of what was kept: to judge that is an attempt, a submit is none */
    wf_decision_tell_start(decision);
    event.attempt = 0;
    event.payload = command->payload;
    wf_decision_emit(decision, event);
    event = wf_decision_of_step(decision, command->step, WF_KIND_step_completed);
    event.attempt = early ? command->attempt : 0;
    event.fence = command->fence;
    wf_decision_emit(decision, event);
    skip_others(decision, command->step);
    wf_decision_release(decision, (struct wf_bytes){"", 0});
    return WF_OK;
}

enum wf_status wf_await_reject(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = wf_decision_of_step(decision, command->step, WF_KIND_input_rejected);
    bool early = wf_await_judges(decision), last = wf_halt_is_last(decision);

    if (!early && !is_awaited(decision)) {
        return WF_NOT_WAITING;
    }
    wf_decision_tell_start(decision);
    event.attempt = 0;
    if (wf_state_halted(decision->state) || last) {
        event.fence = command->fence; /* its row goes, and is to come back beyond this claim */
    }
    event.reason = command->reason;
    event.error_class = command->error_class;
    event.error_message = command->error_message;
    event.error_where = command->error_where;
    wf_decision_emit(decision, event);
    if (early && !last) {
        request_input(decision, command->step);
    }
    return WF_OK;
}

/* The input of an await whose turn has not come. A later one takes its place: who corrects himself is meant. */
enum wf_status wf_await_keep(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = wf_decision_of_step(decision, command->step, WF_KIND_input_kept);
    const struct wf_step *step = &decision->state->steps[command->step];
    const struct wf_definition_step *options =
        wf_definition_find(command->definition, step->name, command->step);
    bool asked = wf_decision_in_hand(decision) && step->mode == WF_MODE_ASK;

    if (wf_state_halted(decision->state)) {
        return WF_NOT_WAITING;
    }
    if (wf_await_judges(decision)) {
        return WF_BUSY;
    }
    if (step->kind != WF_STEP_AWAIT || !options || !options->early ||
        (step->status != WF_STEP_pending && !asked)) {
        return WF_NOT_WAITING;
    }
    if (command->clashes) {
        return WF_BUSY;
    }
    event.attempt = 0;
    event.payload = command->payload;
    wf_decision_emit(decision, event);
    return WF_OK;
}

void wf_await_expire(struct decision *decision)
{
    int index = decision->command->step;
    struct wf_step *step = &decision->state->steps[index];

    wf_decision_emit(decision, wf_decision_of_step(decision, index, WF_KIND_input_expired));
    if (step->method.len) {
        wf_decision_schedule(decision, index, 1, WF_MODE_OTHERWISE);
    } else {
        wf_decision_emit(decision, (struct wf_event){.kind = WF_KIND_run_expired});
    }
}

/* ---- Reminders: beside an await that goes on waiting whatever becomes of them ---- */

/* Beyond the end of its time nobody is reminded any more. */
bool wf_reminder_is_due(const struct wf_step *step, int64_t now_ms)
{
    return step->status == WF_STEP_waiting && step->remind_ms && step->remind_ms <= now_ms &&
           (!step->due_ms || step->due_ms > now_ms);
}

bool wf_reminder_in_hand(const struct decision *decision)
{
    const struct wf_step *step = &decision->state->steps[decision->command->step];

    return step->status == WF_STEP_waiting && step->reminding && !wf_state_halted(decision->state);
}

void wf_reminder_begin(struct decision *decision, int index)
{
    wf_decision_schedule(decision, index, decision->state->steps[index].reminders + 1,
                         WF_MODE_REMIND);
}

static bool may_remind_again(const struct decision *decision)
{
    return decision->state->steps[decision->command->step].reminders < WF_REMINDERS_MAX;
}

/* It was sent, or failed: then once more after a while, or never. */
enum wf_status wf_reminder_over(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = wf_decision_of_step(decision, command->step, WF_KIND_reminded);
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
    wf_decision_emit(decision, event);
    return WF_OK;
}

enum wf_status wf_reminder_lost(struct decision *decision)
{
    const struct wf_command *command = decision->command;
    struct wf_event event = wf_decision_of_step(decision, command->step, WF_KIND_lease_lost);

    event.attempt = command->attempt;
    event.fence = command->fence;
    event.crashed = command->crashed;
    event.reason = command->reason;
    event.mode = WF_MODE_REMIND;
    wf_decision_emit(decision, event);
    if (!may_remind_again(decision)) {
        return wf_reminder_over(decision);
    }
    wf_reminder_begin(decision, command->step);
    return WF_OK;
}
