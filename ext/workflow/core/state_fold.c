/*
 * The fold: what an event makes of a run's state is said here and, for the events of a step, in state_fold_step.c,
 * and nowhere else; what may happen next is the scheduler's. Reading order: wf_state_fold, then the cases.
 */
#include "state_fold.h"

#include "arena.h"

static void end_run(struct wf_state *state, const struct wf_event *event, enum wf_run_status status)
{
    state->ended = status;
    state->ended_ms = event->at_ms;
    state->failed = state->paused = state->cancelling = false;
    state->reason = wf_fold_text(state, event->reason);
    for (uint16_t i = 0; i < state->step_count; i++) {
        struct wf_step *step = &state->steps[i];

        step->held = false;
        if (!wf_step_settled(step)) {
            wf_fold_cut_off(step);
        }
    }
}

static bool is_claimable(const struct wf_step *step)
{
    return step->status == WF_STEP_ready || step->status == WF_STEP_running ||
           step->status == WF_STEP_waiting;
}

/* Nothing begins from here on. What somebody holds stays as it is until he ends it; of the rest the rows are hidden,
 * and the event knows how high their fences are. */
static void fold_paused(struct wf_state *state, const struct wf_event *event)
{
    state->paused = true;
    state->reason = wf_fold_text(state, event->reason);
    for (uint16_t i = 0; i < state->step_count; i++) {
        struct wf_step *step = &state->steps[i];

        step->held = wf_event_holds(event->held, i);
        if (is_claimable(step) && !step->held && event->fence > step->fence) {
            step->fence = event->fence;
        }
        if (step->reminding && event->fence > step->remind_fence) {
            step->remind_fence = event->fence;
        }
    }
}

/* Rows that were hidden come back: whoever held one of them, before the pause or in it, was refused meanwhile, and is
 * refused still. */
static void fold_resumed(struct wf_state *state)
{
    state->paused = false;
    state->reason = state->failed ? wf_state_failure_reason(state) : (struct wf_bytes){"", 0};
    for (uint16_t i = 0; i < state->step_count; i++) {
        struct wf_step *step = &state->steps[i];

        step->fence += is_claimable(step) && !step->held;
        step->remind_fence += step->reminding != 0;
        step->held = false;
    }
}

static void fold_cancelling(struct wf_state *state, const struct wf_event *event)
{
    state->cancelling = true;
    state->failed = state->paused = false;
    state->reason = wf_fold_text(state, event->reason);
    for (uint16_t i = 0; i < state->step_count; i++) {
        struct wf_step *step = &state->steps[i];
        bool settled = wf_step_settled(step);

        step->held = !settled && wf_event_holds(event->held, i);
        if (!settled && !step->held) {
            wf_fold_cut_off(step);
        }
    }
}

static enum wf_status fold_run(struct wf_state *state, const struct wf_event *event)
{
    switch (event->kind) {
    case WF_KIND_run_started:
        state->started_ms = event->at_ms;
        return wf_birth_decode(state, event->payload);
    case WF_KIND_run_failed:
        state->failed = true;
        state->reason = wf_fold_text(state, event->reason);
        return WF_OK;
    case WF_KIND_run_done:
        end_run(state, event, WF_RUN_done);
        return WF_OK;
    case WF_KIND_run_expired:
        end_run(state, event, WF_RUN_expired);
        return WF_OK;
    case WF_KIND_run_cancelled:
        end_run(state, event, WF_RUN_cancelled);
        return WF_OK;
    case WF_KIND_cancel_requested:
        fold_cancelling(state, event);
        return WF_OK;
    case WF_KIND_run_paused:
        fold_paused(state, event);
        return WF_OK;
    case WF_KIND_run_resumed:
        fold_resumed(state);
        return WF_OK;
    case WF_KIND_noted:
        return WF_OK;
    default:
        return WF_STORE_CORRUPT;
    }
}

enum wf_status wf_state_fold(struct wf_state *state, const struct wf_event *event)
{
    enum wf_status status;
    int step;

    if ((event->kind == WF_KIND_run_started) != (state->version == 0) ||
        state->version == INT64_MAX) {
        return WF_STORE_CORRUPT;
    }
    state->version++;
    if (!event->step.len) {
        status = fold_run(state, event);
    } else {
        step = wf_state_find(state, event->step);
        status = step < 0 ? WF_STORE_CORRUPT : wf_fold_step(state, &state->steps[step], event);
    }
    if (status) {
        return status;
    }
    /* A run has an arena, with its steps in it: where there is none it could not be made. */
    return wf_arena_failed(state->arena) ? WF_NO_MEMORY : WF_OK;
}

enum wf_status wf_state_fold_row(struct wf_state *state, struct wf_bytes bytes)
{
    struct wf_event event;
    struct wf_row row;
    enum wf_status status = wf_row_open(&row, bytes);

    while (!status && !(status = wf_row_next(&row, &event))) {
        status = wf_state_fold(state, &event);
    }
    return status == WF_NOT_FOUND ? WF_OK : status;
}
