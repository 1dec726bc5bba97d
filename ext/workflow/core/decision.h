/*
 * Private to the scheduler's files: a decision under way, what all of them say of it, and the commands.
 */
#ifndef WF_DECISION_H
#define WF_DECISION_H

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
/* Whether the command's step is ready or runs, and may be reported on. */
bool wf_decision_in_hand(const struct decision *decision);
/* The attempt's start is told together with its end, unless it was told before. */
void wf_decision_tell_start(struct decision *decision);
/* After every fact: steps whose dependencies are settled become ready, or the run ends, or it fails. */
void wf_decision_release(struct decision *decision, struct wf_bytes reason);

/* ---- scheduler_attempt.c: one function a command, but for the last ---- */
enum wf_status wf_attempt_started(struct decision *decision);
enum wf_status wf_attempt_begin(struct decision *decision);
enum wf_status wf_attempt_tell(struct decision *decision);
enum wf_status wf_attempt_complete(struct decision *decision);
enum wf_status wf_attempt_fail(struct decision *decision);
enum wf_status wf_attempt_lost(struct decision *decision);
enum wf_status wf_attempt_skip(struct decision *decision);
void wf_attempt_interrupt(struct decision *decision, int step); /* of a `once` step in doubt */

/* ---- scheduler_await.c: its commands, then what others ask of it ---- */
enum wf_status wf_await_open(struct decision *decision);
enum wf_status wf_await_accept(struct decision *decision);
enum wf_status wf_await_reject(struct decision *decision);
enum wf_status wf_await_keep(struct decision *decision);
void wf_await_begin(struct decision *decision, int step); /* its turn has come */
void wf_await_expire(struct decision *decision);
/* Whether what is in hand is an input that came early. */
bool wf_await_judges(const struct decision *decision);

bool wf_reminder_is_due(const struct wf_step *step, int64_t now_ms);
/* Whether what is in hand is a reminder: of a step that waits, nothing else completes, fails or is lost. */
bool wf_reminder_in_hand(const struct decision *decision);
void wf_reminder_begin(struct decision *decision, int step);
enum wf_status wf_reminder_over(struct decision *decision);
enum wf_status wf_reminder_lost(struct decision *decision);

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
