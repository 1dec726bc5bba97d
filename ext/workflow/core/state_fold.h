/*
 * Private to state_fold.c and state_fold_step.c.
 */
#ifndef WF_STATE_FOLD_H
#define WF_STATE_FOLD_H

#include "state.h"

/* A copy that lives as long as the state, cut to what is kept of an error's text. */
struct wf_bytes wf_fold_text(struct wf_state *state, struct wf_bytes text);

/* It is not going to happen. */
void wf_fold_cut_off(struct wf_step *step);

/* OK | STORE_CORRUPT: no event of a step, or one that its kind cannot have */
enum wf_status wf_fold_step(struct wf_state *state, struct wf_step *step,
                            const struct wf_event *event);

#endif
