/*
 * What a state says: the questions, and the rows that a step has. What an event makes of a state is state_fold.c's,
 * its bytes are state_codec.c's.
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

bool wf_step_settled(const struct wf_step *step)
{
    return step->status == WF_STEP_completed || step->status == WF_STEP_skipped;
}

bool wf_state_released(const struct wf_state *state, int index)
{
    const struct wf_step *step = &state->steps[index];

    for (uint16_t i = 0; i < step->dep_count; i++) {
        if (!wf_step_settled(&state->steps[step->deps[i]])) {
            return false;
        }
    }
    return true;
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

void wf_state_reach(const struct wf_state *state, int index, bool reached[WF_STEPS_MAX])
{
    bool more = true;

    reached[index] = true;
    while (more) {
        more = false;
        for (uint16_t i = 0; i < state->step_count; i++) {
            if (!reached[i] && follows(&state->steps[i], reached)) {
                reached[i] = more = true;
            }
        }
    }
}

bool wf_state_open(const struct wf_state *state)
{
    return state->unique && !state->ended;
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
