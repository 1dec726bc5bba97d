/*
 * The state of a run: a pure fold of its events, bounded in size, stored with the run. No clock, no I/O,
 * no chance. Folding the same events always gives the same bytes from wf_state_encode, which is what
 * lets a rebuild be compared row by row.
 *
 * Ownership: a state owns an arena for all that its bytes point to; fold copies what it keeps of an
 * event. One thread at a time.
 */
#ifndef WF_STATE_H
#define WF_STATE_H

#include "definition.h"
#include "error.h"
#include "event.h"

/* Stored: never renumber. */
#define WF_RUN_STATUSES(X)                                                                         \
    X(none)                                                                                        \
    X(scheduled)                                                                                   \
    X(running)                                                                                     \
    X(waiting)                                                                                     \
    X(retrying)                                                                                    \
    X(paused)                                                                                      \
    X(undoing)                                                                                     \
    X(failed)                                                                                      \
    X(done)                                                                                        \
    X(expired)                                                                                     \
    X(cancelled)

enum wf_run_status {
#define WF_RUN_STATUS_NAME(name) WF_RUN_##name,
    WF_RUN_STATUSES(WF_RUN_STATUS_NAME)
#undef WF_RUN_STATUS_NAME
};

#define WF_STEP_STATUSES(X)                                                                        \
    X(pending)                                                                                     \
    X(ready)                                                                                       \
    X(running)                                                                                     \
    X(waiting)                                                                                     \
    X(retrying)                                                                                    \
    X(completed)                                                                                   \
    X(skipped)                                                                                     \
    X(failed)                                                                                      \
    X(undoing)                                                                                     \
    X(undone)                                                                                      \
    X(cancelled)

enum wf_step_status {
#define WF_STEP_STATUS_NAME(name) WF_STEP_##name,
    WF_STEP_STATUSES(WF_STEP_STATUS_NAME)
#undef WF_STEP_STATUS_NAME
};

const char *wf_run_status_name(enum wf_run_status status);
const char *wf_step_status_name(enum wf_step_status status);

struct wf_step {
    /* Pinned when the run started. */
    struct wf_bytes name;
    enum wf_step_kind kind;
    const uint16_t *deps;
    uint16_t dep_count;
    uint16_t either;
    /* Folded. */
    enum wf_step_status status;
    enum wf_mode mode; /* what runs, or ran last */
    bool met;          /* its conditions were asked in this round, and were met */
    bool once;         /* its start was told before it was entered: it is not to be entered again */
    bool held;     /* somebody held it when the run was paused or cancelled, and has not ended it */
    bool doubtful; /* a lease, neither folded nor encoded: the claim of a submit is in doubt */
    uint32_t attempt;     /* the present or last one of this round; 0 before the first */
    uint32_t round;       /* from 1 */
    uint32_t failures;    /* attempts that failed in this round */
    uint32_t crashes;     /* attempts that took their process down in this round */
    int64_t scheduled_ms; /* ready, or waiting, since */
    int64_t
        due_ms; /* retrying: when again. waiting: when it expires. pending: its delay's end. 0: no timer */
    int64_t started_ms, ended_ms;
    int64_t fence;                         /* the last one reported */
    int64_t input_version, result_version; /* of the events that hold them; 0: none */
    struct wf_bytes method;                /* of an await with `otherwise`: that method */
    uint32_t
        reminding;     /* waiting: the try at its reminder that is ready or runs, from 1; 0: none */
    int64_t remind_ms; /* waiting: when somebody is to be reminded; 0: not (any more) */
    struct wf_bytes remind;   /* the method that does */
    int64_t kept_version;     /* of the event with the input that came before its turn; 0: none */
    struct wf_bytes progress; /* what its attempts last told of how far they are */
    struct wf_bytes by, reason, error_class, error_message;
    uint32_t reminders;   /* tries at its reminder since it opened */
    int64_t reminding_ms; /* since when the one that `reminding` says is ready */
    int64_t remind_fence; /* the last one that a reminder reported; `fence` is the await's */
};

struct wf_arena;

struct wf_state {
    int64_t id, version;
    enum wf_run_status ended; /* done, expired or cancelled; else none */
    bool failed;              /* nothing can move until somebody retries */
    bool paused;              /* nothing begins until somebody resumes it */
    bool cancelling;          /* nothing begins; over when nobody holds a step of it any more */
    bool unique;
    enum wf_place place; /* asked for by start(place:) */
    int64_t started_ms, ended_ms;
    struct wf_bytes class_name, name, key, subject, args, reason;
    struct wf_bytes tags;  /* pairs of names and values, as the buffer's bytes, one after another */
    struct wf_bytes token; /* no other run of the class is started with it; empty: none */
    uint16_t step_count;
    struct wf_step *steps;
    struct wf_arena *arena; /* private to state*.c */
};

/* What run_started carries: who is born and the pinned graph. Borrows. */
struct wf_birth {
    struct wf_bytes class_name, name, key, subject, args, tags, token;
    enum wf_place place;
    bool unique;
    const struct wf_definition *definition; /* its names, kinds and dependencies are pinned */
};

void wf_birth_encode(const struct wf_birth *birth, struct wf_buffer *buffer);
/* Its reverse, into an empty state: for the fold of run_started. OK | STORE_CORRUPT | NO_MEMORY */
enum wf_status wf_birth_decode(struct wf_state *state, struct wf_bytes bytes);

void wf_state_init(struct wf_state *state); /* an empty state: no run yet */
void wf_state_destroy(struct wf_state *state);

/* Leases, no facts, are kept beside the state's bytes, and may be put behind them: a bit for each step whose claim is
 * in doubt. wf_state_decode reads them there. The bits are valid until the state's next call. */
#define WF_STEP_BITS_MAX ((WF_STEPS_MAX + 7) / 8)
struct wf_bytes wf_state_doubts(const struct wf_state *state, char bits[WF_STEP_BITS_MAX]);
void wf_state_set_doubts(struct wf_state *state, struct wf_bytes doubts);
void wf_state_put_doubts(struct wf_buffer *buffer, struct wf_bytes doubts); /* nothing if empty */

/* Makes `state` (initialised, whatever it held) what the bytes say. OK | STORE_CORRUPT | NO_MEMORY */
enum wf_status wf_state_decode(struct wf_state *state, int64_t id, struct wf_bytes bytes);
void wf_state_encode(const struct wf_state *state, struct wf_buffer *buffer);

/* OK | STORE_CORRUPT (an event that cannot follow: no such step, no run yet, damaged birth) | NO_MEMORY.
 * After a failure the state is not to be used. */
enum wf_status wf_state_fold(struct wf_state *state, const struct wf_event *event);

/* Folds all events of a row. The same returns. */
enum wf_status wf_state_fold_row(struct wf_state *state, struct wf_bytes row);

enum wf_run_status wf_state_status(const struct wf_state *state);
int wf_state_find(const struct wf_state *state, struct wf_bytes name); /* -1: no such step */
/* Whether the run has come to its step of that name, and not beyond it: it is ready, runs, waits, is to be tried again,
 * failed, is taken back, or is delayed. */
bool wf_state_at(const struct wf_state *state, struct wf_bytes name);
/* Whether its status is one that its kind can have. */
bool wf_step_sound(const struct wf_step *step);
/* Whether what comes after it may begin: it is completed or skipped. */
bool wf_step_settled(const struct wf_step *step);
/* Whether all that a step comes after is settled. */
bool wf_state_released(const struct wf_state *state, int step);

/* Marks the step and all that comes after it. */
void wf_state_reach(const struct wf_state *state, int step, bool reached[WF_STEPS_MAX]);

/* Whether it is the one run of its key that is open. */
bool wf_state_open(const struct wf_state *state);
/* Whether nothing may begin: paused, or on the way to being cancelled. */
bool wf_state_halted(const struct wf_state *state);
/* Whether somebody holds a step of it; known only while it is halted. */
bool wf_state_held(const struct wf_state *state);
/* Why the step that failed last did; empty if none did. Borrows from the state. */
struct wf_bytes wf_state_failure_reason(const struct wf_state *state);

/* The rows that a step has in the store's tables, a pure function of the state. A halted run has those of
 * what somebody holds, and no timers: so nothing is claimed, submitted, expired or tried again. */
struct wf_projection {
    bool ready, waits, timer;
    bool alone;
    int32_t priority;
    int64_t at_ms, due_ms, fence;
    uint32_t round; /* in no row: one of another round, attempt or mode is another row */
    uint32_t attempt;
    enum wf_mode mode;
    int64_t opened_ms;  /* in no row either: an await that opened again is another */
    int64_t wait_fence; /* `fence` is of the row in ready */
};

/* An await that waits and whose reminder is ready or runs has two rows, in waits and in ready: at_ms, attempt
 * and mode are then the reminder's. */
struct wf_projection wf_state_project(const struct wf_state *state, int step);

#endif
