/*
 * The fold: one case for each kind of event. What an event means for a run is said here and nowhere
 * else; what may happen next is scheduler.c's. Reading order: wf_state_fold, the cases, the questions.
 */
#include "state.h"

#include <assert.h>

#include "arena.h"

static const char *const run_names[] = {
#define WF_RUN_TEXT(name) #name,
    WF_RUN_STATUSES(WF_RUN_TEXT)
#undef WF_RUN_TEXT
};

static const char *const step_names[] = {
#define WF_STEP_TEXT(name) #name,
    WF_STEP_STATUSES(WF_STEP_TEXT)
#undef WF_STEP_TEXT
};

const char *wf_run_status_name(enum wf_run_status status)
{
    return run_names[status];
}

const char *wf_step_status_name(enum wf_step_status status)
{
    return step_names[status];
}

void wf_state_init(struct wf_state *state)
{
    *state = (struct wf_state){0};
}

void wf_state_destroy(struct wf_state *state)
{
    wf_arena_free(state->arena);
    *state = (struct wf_state){0};
}

static struct wf_bytes keep(struct wf_state *state, struct wf_bytes bytes)
{
    return wf_arena_copy(&state->arena, bytes);
}

static struct wf_bytes keep_text(struct wf_state *state, struct wf_bytes text)
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
    step->reason = keep_text(state, event->reason);
    step->error_class = keep_text(state, event->error_class);
    step->error_message = keep_text(state, event->error_message);
}

/* Nobody is reminded any more, and what was in hand of it is superseded. */
static void forget_reminder(struct wf_step *step)
{
    step->reminding = step->reminders = 0;
    step->remind_ms = step->reminding_ms = step->remind_fence = 0;
    step->remind = (struct wf_bytes){"", 0};
}

/* It is not going to happen. */
static void cut_off(struct wf_step *step)
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

static bool follows(const struct wf_step *step, const bool *reached)
{
    for (uint16_t i = 0; i < step->dep_count; i++) {
        if (reached[step->deps[i]]) {
            return true;
        }
    }
    return false;
}

/* A person's request opens a new round of the step and of all that comes after it; behind a step that was not
 * reached yet there may be one that a person skipped. */
static void reopen(struct wf_state *state, int index)
{
    bool reached[WF_STEPS_MAX] = {false}, more = true;

    reached[index] = true;
    reopen_one(&state->steps[index]);
    while (more) {
        more = false;
        for (uint16_t i = 0; i < state->step_count; i++) {
            struct wf_step *step = &state->steps[i];

            if (reached[i] || !follows(step, reached)) {
                continue;
            }
            reached[i] = more = true;
            if (step->status != WF_STEP_pending || step->due_ms) {
                reopen_one(step);
            }
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
    if (state->cancelling) {
        cut_off(step);
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
        cut_off(step);
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

static void end_run(struct wf_state *state, const struct wf_event *event, enum wf_run_status status)
{
    state->ended = status;
    state->ended_ms = event->at_ms;
    state->failed = state->paused = state->cancelling = false;
    state->reason = keep_text(state, event->reason);
    for (uint16_t i = 0; i < state->step_count; i++) {
        struct wf_step *step = &state->steps[i];

        step->held = false;
        if (step->status != WF_STEP_completed && step->status != WF_STEP_skipped) {
            cut_off(step);
        }
    }
}

/* Nothing begins from here on. What somebody holds stays as it is until he ends it; the event's fence is beyond
 * every claim that there was, so that a holder of old is refused when the rows come back. */
static void fold_paused(struct wf_state *state, const struct wf_event *event)
{
    state->paused = true;
    state->reason = keep_text(state, event->reason);
    for (uint16_t i = 0; i < state->step_count; i++) {
        struct wf_step *step = &state->steps[i];

        step->held = wf_event_holds(event->held, i);
        if (!step->held && event->fence > step->fence) {
            step->fence = event->fence;
        }
        if (step->reminding && event->fence > step->remind_fence) {
            step->remind_fence = event->fence;
        }
    }
}

static void fold_resumed(struct wf_state *state)
{
    state->paused = false;
    state->reason = state->failed ? wf_state_failure_reason(state) : (struct wf_bytes){"", 0};
    for (uint16_t i = 0; i < state->step_count; i++) {
        state->steps[i].held = false;
    }
}

static void fold_cancelling(struct wf_state *state, const struct wf_event *event)
{
    state->cancelling = true;
    state->failed = state->paused = false;
    state->reason = keep_text(state, event->reason);
    for (uint16_t i = 0; i < state->step_count; i++) {
        struct wf_step *step = &state->steps[i];
        bool settled = step->status == WF_STEP_completed || step->status == WF_STEP_skipped;

        step->held = !settled && wf_event_holds(event->held, i);
        if (!settled && !step->held) {
            cut_off(step);
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
        state->reason = keep_text(state, event->reason);
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

/* Only what waits is reminded of. A reminder is no mode of its await: that goes on waiting. */
bool wf_step_sound(const struct wf_step *step)
{
    if (step->mode == WF_MODE_REMIND || (step->reminding && step->status != WF_STEP_waiting)) {
        return false;
    }
    if (step->kind == WF_STEP_AWAIT) {
        return step->mode || (step->status != WF_STEP_ready && step->status != WF_STEP_running);
    }
    return !step->mode && step->status != WF_STEP_waiting;
}

static enum wf_status fold_step(struct wf_state *state, struct wf_step *step,
                                const struct wf_event *event)
{
    enum wf_status status = fold_fact(state, step, event);

    return status || wf_step_sound(step) ? status : WF_STORE_CORRUPT;
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
        status = step < 0 ? WF_STORE_CORRUPT : fold_step(state, &state->steps[step], event);
    }
    if (status) {
        return status;
    }
    return state->arena && wf_arena_failed(state->arena) ? WF_NO_MEMORY : WF_OK;
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

/* The first that applies: paused, running, retrying, waiting, scheduled, failed. So failed says that nothing can
 * move. A run that is being cancelled has a step in hand. */
enum wf_run_status wf_state_status(const struct wf_state *state)
{
    bool retrying = false, waiting = false, scheduled = false;

    if (state->ended || state->version == 0) {
        return state->ended;
    }
    if (state->paused || state->cancelling) {
        return state->paused ? WF_RUN_paused : WF_RUN_running;
    }
    for (uint16_t i = 0; i < state->step_count; i++) {
        enum wf_step_status status = state->steps[i].status;

        if (status == WF_STEP_ready || status == WF_STEP_running) {
            return WF_RUN_running;
        }
        retrying |= status == WF_STEP_retrying;
        waiting |= status == WF_STEP_waiting;
        scheduled |= status == WF_STEP_pending && state->steps[i].due_ms;
    }
    if (retrying) {
        return WF_RUN_retrying;
    }
    if (waiting) {
        return WF_RUN_waiting;
    }
    return scheduled ? WF_RUN_scheduled : WF_RUN_failed;
}

int wf_state_find(const struct wf_state *state, struct wf_bytes name)
{
    for (uint16_t i = 0; i < state->step_count; i++) {
        if (wf_bytes_equal(state->steps[i].name, name)) {
            return i;
        }
    }
    return -1;
}

bool wf_state_at(const struct wf_state *state, struct wf_bytes name)
{
    int index = wf_state_find(state, name);

    switch (index < 0 ? WF_STEP_skipped : state->steps[index].status) {
    case WF_STEP_ready:
    case WF_STEP_running:
    case WF_STEP_waiting:
    case WF_STEP_retrying:
    case WF_STEP_failed:
    case WF_STEP_undoing:
        return true;
    case WF_STEP_pending:
        return state->steps[index].due_ms;
    case WF_STEP_completed:
    case WF_STEP_skipped:
    case WF_STEP_undone:
    case WF_STEP_cancelled:
        return false;
    }
    return false;
}

bool wf_state_released(const struct wf_state *state, int index)
{
    const struct wf_step *step = &state->steps[index];

    for (uint16_t i = 0; i < step->dep_count; i++) {
        enum wf_step_status status = state->steps[step->deps[i]].status;

        if (status != WF_STEP_completed && status != WF_STEP_skipped) {
            return false;
        }
    }
    return true;
}

bool wf_state_halted(const struct wf_state *state)
{
    return state->paused || state->cancelling;
}

bool wf_state_held(const struct wf_state *state)
{
    for (uint16_t i = 0; i < state->step_count; i++) {
        if (state->steps[i].held) {
            return true;
        }
    }
    return false;
}

struct wf_bytes wf_state_failure_reason(const struct wf_state *state)
{
    const struct wf_step *last = NULL;

    for (uint16_t i = 0; i < state->step_count; i++) {
        const struct wf_step *step = &state->steps[i];

        if (step->status == WF_STEP_failed && (!last || step->ended_ms >= last->ended_ms)) {
            last = step;
        }
    }
    return last ? last->reason : (struct wf_bytes){"", 0};
}

/* What comes first of an await's reminder and its expiry. */
static int64_t timer_of(const struct wf_step *step)
{
    bool reminds = step->status == WF_STEP_waiting && step->remind_ms;

    return reminds && (!step->due_ms || step->remind_ms < step->due_ms) ? step->remind_ms
                                                                        : step->due_ms;
}

struct wf_projection wf_state_project(const struct wf_state *state, int index)
{
    const struct wf_step *step = &state->steps[index];
    bool halted = wf_state_halted(state), shown = !halted || step->held;
    struct wf_projection rows = {.at_ms = step->scheduled_ms,
                                 .fence = step->fence,
                                 .round = step->round,
                                 .attempt = step->attempt,
                                 .mode = step->mode,
                                 .opened_ms = step->scheduled_ms,
                                 .wait_fence = step->fence};

    assert(index < state->step_count);
    rows.ready = shown && (step->status == WF_STEP_ready || step->status == WF_STEP_running);
    rows.waits = shown && step->status == WF_STEP_waiting;
    rows.timer =
        !halted &&
        (rows.waits || step->status == WF_STEP_retrying || step->status == WF_STEP_pending) &&
        timer_of(step);
    rows.due_ms = rows.timer ? timer_of(step) : 0;
    rows.alone = rows.ready && step->crashes + 1 == WF_CRASHES_MAX;
    if (rows.waits && step->reminding && !halted) {
        rows.ready = true;
        rows.at_ms = step->reminding_ms;
        rows.fence = step->remind_fence;
        rows.attempt = step->reminding;
        rows.mode = WF_MODE_REMIND;
    }
    return rows;
}
