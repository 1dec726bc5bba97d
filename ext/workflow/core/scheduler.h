/*
 * What happens next: decide(definition, state, command, now) → events. Pure: the clock's time and the
 * die's throw come in with the command. Each event that is decided is folded at once, so that what
 * follows is decided on the state as it then is; a refusal comes before the first event and leaves the
 * state untouched. Claims and fences are not decided here: whoever calls has checked that the command
 * comes from the step's holder (wf_append_check_claim, append_hold.c).
 */
#ifndef WF_SCHEDULER_H
#define WF_SCHEDULER_H

#include "state.h"

enum wf_command_kind {
    WF_COMMAND_START,    /* birth: a run begins */
    WF_COMMAND_STARTED,  /* an attempt has been going on for long enough to be told */
    WF_COMMAND_COMPLETE, /* an attempt returned */
    WF_COMMAND_FAIL,     /* an attempt raised */
    WF_COMMAND_LOST,     /* an attempt's holder died, was stopped or was interrupted */
    WF_COMMAND_ACCEPT,   /* an await got its input */
    WF_COMMAND_REJECT,   /* an await refused it */
    WF_COMMAND_FIRE,     /* a timer is due */
    WF_COMMAND_HURRY,    /* a retrying step is wanted now: now(:step), later(:step) */
    WF_COMMAND_RETRY,    /* a person wants failed steps, or `step` and what follows, run again */
    WF_COMMAND_SKIP,     /* its conditions say that the step in hand is not to run */
    WF_COMMAND_OPEN,     /* an await's conditions are met: it asks for its input */
    WF_COMMAND_BEGIN,    /* a `once` step is about to be entered */
    WF_COMMAND_TELL,     /* its holder tells of its progress, or notes something; it goes on */
    WF_COMMAND_CANCEL, /* the run is to be over; by the holder of `step`, which goes back, or -1 */
    WF_COMMAND_PAUSE,  /* nothing is to begin; the same */
    WF_COMMAND_RESUME, /* it goes on */
    WF_COMMAND_OMIT,   /* a person does not want the step run */
    WF_COMMAND_LET_GO, /* in a halted run: the step's holder is gone, or gives it back untouched */
    WF_COMMAND_KEEP,   /* an await's input comes before its turn */
};

struct wf_command {
    enum wf_command_kind kind;
    int step; /* index; -1 for START, RETRY of whatever failed, and what is of the whole run */
    int64_t now_ms;
    struct wf_bytes by;
    const struct wf_definition
        *definition;              /* the present code's options; NULL where no step can follow */
    const struct wf_birth *birth; /* START */
    uint32_t attempt;             /* the one that is reported on */
    int64_t started_ms;           /* when it was entered */
    int64_t fence;                /* of the claim. PAUSE: no claim of the run has a higher one */
    uint32_t chance;              /* FAIL: a random number, for the jitter */
    int64_t delay_ms;    /* FAIL: until the next attempt; -1: by the definition's backoff */
    bool final, crashed; /* FAIL: no retry. LOST: with its process */
    bool met;            /* FAIL: the conditions had been asked, and were met */
    struct wf_bytes payload, reason, error_class, error_message, error_where;
    enum wf_kind tells;      /* TELL: progressed or noted */
    struct wf_bytes held;    /* CANCEL, PAUSE, OMIT, and with `parting`: a bit for each step that
                                somebody holds, but for the command's own */
    struct wf_bytes pledged; /* RETRY: a bit for each await whose claim is pledged */
    bool clashes;            /* KEEP: another await of the group is pledged */
    struct wf_bytes kept;    /* the end of a step: a bit for each that its holder keeps beside it */
    struct wf_bytes parting; /* the end of a step: the run is cancelled with this reason, unless the
                                step's end is its own */
};

/* OK: events were written to `row` (begun here) and folded into `state`; *count says how many, and may be
 * 0 where there is nothing to do: then the row is as it was. NOT_PENDING, NOT_WAITING, BUSY, STALE, INVALID: refused, state and row untouched.
 * STORE_CORRUPT, NO_MEMORY: from the fold; the state is not to be used. */
enum wf_status wf_decide(struct wf_state *state, const struct wf_command *command,
                         struct wf_buffer *row, int *count);

/* Where a step runs: as start(place:) asked, else as the present definition says, else as was pinned. */
enum wf_place wf_scheduler_place(const struct wf_state *state,
                                 const struct wf_definition *definition, int step);

/* Whether that attempt of a `once` step was begun and given up as interrupted: only its own late result can
 * say what became of it. Of its round; that the caller looks at. */
bool wf_scheduler_in_doubt(const struct wf_step *step, uint32_t attempt, int64_t fence);

/* Whether an await's input came early, and is being judged, or is to be. */
bool wf_await_is_judged(const struct wf_step *step);

/* The delay before the next attempt, after `failures` (from 1) of them. */
int64_t wf_scheduler_backoff(const struct wf_definition_step *options, uint32_t failures,
                             uint32_t chance);

#endif
