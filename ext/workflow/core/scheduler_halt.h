/*
 * Private to scheduler.c and scheduler_halt.c: a decision under way, and what both say of it.
 */
#ifndef WF_SCHEDULER_HALT_H
#define WF_SCHEDULER_HALT_H

#include "scheduler.h"

struct decision {
    struct wf_state *state;
    const struct wf_command *command;
    struct wf_buffer *row;
    int count;
    enum wf_status status; /* the first fold that failed, and nothing is emitted after it */
};

/* ---- scheduler.c ---- */
void wf_decision_emit(struct decision *decision, struct wf_event event);
struct wf_event wf_decision_of_step(const struct decision *decision, int step, enum wf_kind kind);
void wf_decision_schedule(struct decision *decision, int step, uint32_t attempt, enum wf_mode mode);
void wf_decision_interrupt(struct decision *decision, int step); /* of a `once` step in doubt */
void wf_decision_release(struct decision *decision, struct wf_bytes reason);

/* ---- scheduler_halt.c: one function a command ---- */
enum wf_status wf_halt_cancel(struct decision *decision);
enum wf_status wf_halt_pause(struct decision *decision);
enum wf_status wf_halt_resume(struct decision *decision);
enum wf_status wf_halt_omit(struct decision *decision);
enum wf_status wf_halt_let_go(struct decision *decision);

/* Whether the command's step may be reported on: in a halted run only by who holds it. */
bool wf_halt_may_report(const struct decision *decision);
/* Whether nothing follows the end of the command's step: the run is being cancelled, or is to be. */
bool wf_halt_is_last(const struct decision *decision);
/* After every command: what its holder kept beside it goes back, a run that nobody holds any more is over. */
void wf_halt_settle(struct decision *decision);

#endif
