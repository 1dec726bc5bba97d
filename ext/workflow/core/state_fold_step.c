/* The events of a step: one case for each kind, told apart in fold_fact. */
#include "state_fold.h"

#include "arena.h"

static struct wf_bytes keep(struct wf_state *state, struct wf_bytes bytes)
{
    return wf_arena_copy(&state->arena, bytes);
}

struct wf_bytes wf_fold_text(struct wf_state *state, struct wf_bytes text)
{
    if (text.len > WF_ERROR_TEXT_LEN_MAX) {
        text.len = WF_ERROR_TEXT_LEN_MAX;
        while (text.len && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--; /* not in the middle of a UTF-8 character */
        }
    }
    return keep(state, text);
}

/* Why it ended as it did, or nothing: replaces what stood there. */
static void set_error(struct wf_state *state, struct wf_step *step, const struct wf_event *event)
{
    step->reason = wf_fold_text(state, event->reason);
    step->error_class = wf_fold_text(state, event->error_class);
    step->error_message = wf_fold_text(state, event->error_message);
}

/* Nobody is reminded any more, and what was in hand of it is superseded. */
static void forget_reminder(struct wf_step *step)
{
    step->reminding = step->reminders = 0;
    step->remind_ms = step->reminding_ms = step->remind_fence = 0;
    step->remind = (struct wf_bytes){"", 0};
}

void wf_fold_cut_off(struct wf_step *step)
{
    step->status = WF_STEP_cancelled;
    step->due_ms = step->kept_version = 0;
    forget_reminder(step);
}

static void end_step(struct wf_state *state, struct wf_step *step, const struct wf_event *event,
                     enum wf_step_status status)
{
    step->status = status;
    forget_reminder(step);
    step->ended_ms = event->at_ms;
    step->due_ms = 0;
    step->held = false;
    step->by = keep(state, event->by);
    if (event->fence > step->fence) {
        step->fence = event->fence;
    }
}

/* Something can move again. */
static void go_on(struct wf_state *state)
{
    if (state->failed) {
        state->failed = false;
        state->reason = (struct wf_bytes){"", 0};
    }
}

/* The await goes on waiting. */
static void fold_reminding(struct wf_step *step, const struct wf_event *event)
{
    step->reminding = step->reminders = event->attempt;
    step->reminding_ms = event->at_ms;
    step->remind_ms = 0;
}

/* Whatever became of it: the claim is good for nothing more. */
static void fold_reminded(struct wf_step *step, const struct wf_event *event)
{
    step->reminding = 0;
    step->reminding_ms = 0;
    step->remind_ms = event->remind_ms;
    if (event->fence >= step->remind_fence) {
        step->remind_fence = event->fence + 1;
    }
}

static void fold_scheduled(struct wf_state *state, struct wf_step *step,
                           const struct wf_event *event)
{
    if (event->mode == WF_MODE_REMIND) {
        fold_reminding(step, event);
        return;
    }
    step->scheduled_ms = event->at_ms;
    step->due_ms = event->due_ms;
    step->started_ms = step->ended_ms = 0;
    if (!event->due_ms) {
        step->status = WF_STEP_ready;
        step->mode = event->mode;
        step->attempt = event->attempt;
    }
    if (event->fence > step->fence) {
        step->fence = event->fence;
    }
    step->held = false;
    step->by = (struct wf_bytes){"", 0};
    go_on(state);
}

static void fold_started(struct wf_state *state, struct wf_step *step, const struct wf_event *event)
{
    step->status = WF_STEP_running;
    step->once |= event->once;
    step->started_ms = event->at_ms;
    step->by = keep(state, event->by);
}

static void fold_completed(struct wf_state *state, struct wf_step *step,
                           const struct wf_event *event)
{
    bool otherwise = step->mode == WF_MODE_OTHERWISE;

    end_step(state, step, event, otherwise ? WF_STEP_cancelled : WF_STEP_completed);
    if (otherwise) {
        step->reason = keep(state, WF_BYTES("expired"));
    } else {
        set_error(state, step, event);
    }
    if (step->mode == WF_MODE_JUDGE) {
        step->mode = WF_MODE_STEP;
    }
    step->kept_version = 0;
    if (event->payload.len) {
        step->result_version = state->version;
    }
}

static void fold_failed(struct wf_state *state, struct wf_step *step, const struct wf_event *event)
{
    end_step(state, step, event, WF_STEP_failed);
    step->failures++;
    step->met |= event->met;
    set_error(state, step, event);
}

/* Settled: what comes after it goes on. */
static void fold_skipped(struct wf_state *state, struct wf_step *step, const struct wf_event *event)
{
    end_step(state, step, event, WF_STEP_skipped);
    set_error(state, step, event);
    step->mode = WF_MODE_STEP;
    if (state->failed && !state->paused) { /* it may be what the run had failed of */
        state->reason = wf_state_failure_reason(state);
    }
    step->kept_version = 0;
}

static void reopen_one(struct wf_step *step)
{
    forget_reminder(step);
    step->kept_version = 0;
    step->status = WF_STEP_pending;
    step->round++;
    step->attempt = step->failures = step->crashes = 0;
    step->mode = WF_MODE_STEP;
    step->met = step->once = false;
    step->progress = (struct wf_bytes){"", 0};
    step->input_version = step->result_version = 0;
    step->reason = step->error_class = step->error_message = (struct wf_bytes){"", 0};
    step->due_ms = step->scheduled_ms = step->started_ms = step->ended_ms = 0;
}

/* A person's request opens a new round of the step and of all that comes after it; behind a step that was not
 * reached yet there may be one that a person skipped. */
static void reopen(struct wf_state *state, int index)
{
    bool reached[WF_STEPS_MAX] = {false};

    wf_state_reach(state, index, reached);
    for (uint16_t i = 0; i < state->step_count; i++) {
        struct wf_step *step = &state->steps[i];

        if (i == index || (reached[i] && (step->status != WF_STEP_pending || step->due_ms))) {
            reopen_one(step);
        }
    }
}

/* What the end of the run had cut off has its next round too: else the run could never be done. Only that:
 * what comes after it and was settled otherwise, stays so. */
static void reopen_cut(struct wf_state *state)
{
    for (uint16_t i = 0; state->ended && i < state->step_count; i++) {
        if (state->steps[i].status == WF_STEP_cancelled) {
            reopen_one(&state->steps[i]);
        }
    }
}

static void fold_retried(struct wf_state *state, struct wf_step *step, const struct wf_event *event)
{
    if (event->final) {
        enum wf_mode mode = step->mode;

        if (step->status == WF_STEP_failed) { /* what comes after it was not reached, but skipped */
            reopen_one(step);
        } else {
            reopen(state, (int)(step - state->steps));
        }
        step->round = event->round;
        reopen_cut(state);
        step->mode = mode;
        state->ended = WF_RUN_none;
        state->ended_ms = 0;
        state->reason = (struct wf_bytes){"", 0};
    }
    state->failed = false;
    step->fence += !event->final; /* the attempt is over: its claim is good for nothing more */
    step->status = WF_STEP_retrying;
    step->due_ms = event->due_ms;
}

static void fold_requested(struct wf_state *state, struct wf_step *step,
                           const struct wf_event *event)
{
    step->status = WF_STEP_waiting;
    step->mode = WF_MODE_STEP;
    step->attempt = 0;
    step->method = keep(state, event->method);
    step->scheduled_ms = event->at_ms;
    step->due_ms = event->due_ms;
    step->started_ms = step->ended_ms = 0;
    step->held = false;
    forget_reminder(step);
    step->remind_ms = event->remind_ms;
    step->remind = keep(state, event->remind);
    step->kept_version = 0;
    if (event->fence > step->fence) {
        step->fence = event->fence;
    }
    go_on(state);
}

/* The input was refused: it goes on waiting, unless the run is being cancelled. */
static void fold_rejected(struct wf_state *state, struct wf_step *step,
                          const struct wf_event *event)
{
    set_error(state, step, event);
    step->held = false;
    if (event->fence > step->fence) {
        step->fence = event->fence;
    }
    if (state->cancelling) {
        wf_fold_cut_off(step);
    }
}

static void fold_expired(struct wf_state *state, struct wf_step *step, const struct wf_event *event)
{
    end_step(state, step, event, WF_STEP_cancelled);
    step->reason = keep(state, WF_BYTES("expired"));
    step->error_class = step->error_message = (struct wf_bytes){"", 0};
}

/* An await whose claim was lost goes on waiting, a step is ready; in a run that is being cancelled neither. */
static void fold_lost(const struct wf_state *state, struct wf_step *step,
                      const struct wf_event *event)
{
    if (event->mode == WF_MODE_REMIND) { /* counted by its tries: the await itself lost nothing */
        step->reminding = 0;
        step->reminding_ms = 0;
        if (event->fence > step->remind_fence) {
            step->remind_fence = event->fence;
        }
        return;
    }
    if (state->cancelling) {
        wf_fold_cut_off(step);
    } else if (step->status != WF_STEP_waiting) {
        step->status = WF_STEP_ready;
    }
    step->held = false;
    if (event->fence > step->fence) {
        step->fence = event->fence;
    }
    if (event->crashed) {
        step->crashes++;
    }
}

static enum wf_status fold_fact(struct wf_state *state, struct wf_step *step,
                                const struct wf_event *event)
{
    switch (event->kind) {
    case WF_KIND_step_scheduled:
        fold_scheduled(state, step, event);
        return WF_OK;
    case WF_KIND_step_started:
        fold_started(state, step, event);
        return WF_OK;
    case WF_KIND_step_completed:
        fold_completed(state, step, event);
        return WF_OK;
    case WF_KIND_step_failed:
        fold_failed(state, step, event);
        return WF_OK;
    case WF_KIND_step_skipped:
        fold_skipped(state, step, event);
        return WF_OK;
    case WF_KIND_step_retried:
        fold_retried(state, step, event);
        return WF_OK;
    case WF_KIND_input_requested:
        fold_requested(state, step, event);
        return WF_OK;
    case WF_KIND_input_accepted:
        step->input_version = state->version;
        return WF_OK;
    case WF_KIND_input_rejected:
        fold_rejected(state, step, event);
        return WF_OK;
    case WF_KIND_input_expired:
        fold_expired(state, step, event);
        return WF_OK;
    case WF_KIND_lease_lost:
        fold_lost(state, step, event);
        return WF_OK;
    case WF_KIND_reminded:
        fold_reminded(step, event);
        return WF_OK;
    case WF_KIND_input_kept:
        step->kept_version = state->version;
        return WF_OK;
    case WF_KIND_noted:
        return WF_OK;
    case WF_KIND_progressed:
        step->progress = keep(state, event->payload);
        return WF_OK;
    default:
        return WF_STORE_CORRUPT;
    }
}

enum wf_status wf_fold_step(struct wf_state *state, struct wf_step *step,
                            const struct wf_event *event)
{
    enum wf_status status = fold_fact(state, step, event);

    return status || wf_step_sound(step) ? status : WF_STORE_CORRUPT;
}
