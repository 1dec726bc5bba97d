/*
 * Pledged claims. Whoever submits an input within a transaction of the application's own database knows only after
 * its COMMIT whether the input is to be accepted. So nothing may come before that verdict: such a claim does not
 * lapse. Whoever holds it and is gone leaves it in doubt, until somebody who has looked at that database settles it.
 *
 * A doubt is a lease, no fact: WF_OWNER_DOUBT in the await's row, and a bit in the run's, for its readers. Runs on the
 * committer thread, inside its transaction.
 */
#include <string.h>

#include "engine.h"

static enum wf_status mark(struct wf_engine *engine, int step, bool doubtful,
                           struct wf_error *error)
{
    struct wf_state *state = &engine->committer.state;
    char bits[WF_STEP_BITS_MAX];

    state->steps[step].doubtful = doubtful;
    return engine->does->run_doubt(engine->committer.store, state->id, wf_state_doubts(state, bits),
                                   error);
}

enum wf_status wf_pledge_doubt(struct wf_engine *engine, const struct wf_wait_row *row,
                               struct wf_error *error)
{
    enum wf_status refused, status = wf_append_load(engine, row->run_id, &refused, error);

    if (!status) {
        status = engine->does->wait_doubt(engine->committer.store, row, error);
    }
    if (status || refused || row->step >= engine->committer.state.step_count) {
        return status == WF_STALE ? WF_OK : status; /* it is not this claim's any more */
    }
    return mark(engine, row->step, true, error);
}

enum wf_status wf_pledge_over(struct wf_engine *engine, int64_t run_id, int step,
                              struct wf_error *error)
{
    const struct wf_state *state = &engine->committer.state;
    bool doubtful = state->id == run_id && step < state->step_count && state->steps[step].doubtful;

    return doubtful ? mark(engine, step, false, error) : WF_OK;
}

/* The row of a step of the loaded run, as nobody's if there is none. */
static enum wf_status look(struct wf_engine *engine, int step, struct wf_wait_row *row,
                           struct wf_error *error)
{
    enum wf_status status = WF_NOT_FOUND;

    *row = (struct wf_wait_row){.run_id = engine->committer.state.id, .step = step};
    if (engine->committer.state.steps[step].status == WF_STEP_waiting) {
        status = engine->does->wait_get(engine->committer.store, row, error);
    }
    return status == WF_NOT_FOUND ? WF_OK : status;
}

enum wf_status wf_pledge_any(struct wf_engine *engine, bool *any, struct wf_error *error)
{
    enum wf_status status = WF_OK;

    for (int i = 0; i < engine->committer.state.step_count && !status && !*any; i++) {
        struct wf_wait_row row;

        status = look(engine, i, &row, error);
        *any = row.pledged;
    }
    return status;
}

enum wf_status wf_pledge_tell(struct wf_engine *engine, struct wf_op *op, struct wf_error *error)
{
    char *bits = op->pledges;
    size_t len = 0;
    enum wf_status status = WF_OK;

    memset(bits, 0, sizeof(op->pledges));
    for (int i = 0; i < engine->committer.state.step_count && !status; i++) {
        struct wf_wait_row row;

        status = look(engine, i, &row, error);
        if (row.pledged) {
            bits[i / 8] = (char)(bits[i / 8] | 1 << (i % 8));
            len = (size_t)i / 8 + 1;
        }
    }
    op->command.pledged = (struct wf_bytes){bits, len};
    return status;
}

/* An expired await's own step is about to end the run. */
static bool ends_the_run(const struct wf_step *step)
{
    return step->mode == WF_MODE_OTHERWISE &&
           (step->status == WF_STEP_ready || step->status == WF_STEP_running ||
            step->status == WF_STEP_retrying);
}

/* There is an input, and it will be judged, or is. */
static bool has_input(const struct wf_step *step)
{
    return wf_await_is_judged(step) || (step->kept_version && step->status != WF_STEP_failed);
}

enum wf_status wf_pledge_clash(struct wf_engine *engine, int step, bool pledged, bool *clash,
                               struct wf_error *error)
{
    const struct wf_state *state = &engine->committer.state;
    uint16_t group = state->steps[step].either;
    enum wf_status status = WF_OK;

    for (int i = 0; i < state->step_count && !status && !*clash; i++) {
        const struct wf_step *other = &state->steps[i];
        struct wf_wait_row row = {.owner = 0};

        if (i != step && group && other->either == group) {
            *clash = pledged && has_input(other);
            status = look(engine, i, &row, error);
        }
        *clash |= row.pledged || (pledged && (row.owner || ends_the_run(other)));
    }
    return status;
}
