/*
 * The facts. An event says what happened to a run or to one of its steps; state is a fold of them and of
 * nothing else (state_fold.c). What one append wrote is one row of the log: a list of events that share a
 * moment and an author, so that a step that starts, completes and ends its run costs one row.
 *
 * A `struct wf_event` borrows all its bytes. Pure: no I/O, no clock, no locks.
 */
#ifndef WF_EVENT_H
#define WF_EVENT_H

#include "buffer.h"

/* Stored: never renumber, only add at the end. */
#define WF_KINDS(X)                                                                                \
    X(run_started)                                                                                 \
    X(step_scheduled)                                                                              \
    X(step_started)                                                                                \
    X(step_completed)                                                                              \
    X(step_failed)                                                                                 \
    X(step_retried)                                                                                \
    X(step_skipped)                                                                                \
    X(undo_started)                                                                                \
    X(step_undone)                                                                                 \
    X(undo_failed)                                                                                 \
    X(input_requested)                                                                             \
    X(input_accepted)                                                                              \
    X(input_rejected)                                                                              \
    X(input_expired)                                                                               \
    X(reminded)                                                                                    \
    X(progressed)                                                                                  \
    X(noted)                                                                                       \
    X(cancel_requested)                                                                            \
    X(run_paused)                                                                                  \
    X(run_resumed)                                                                                 \
    X(run_failed)                                                                                  \
    X(run_cancelled)                                                                               \
    X(run_expired)                                                                                 \
    X(run_done)                                                                                    \
    X(lease_lost)                                                                                  \
    X(input_kept)

/* What is run when a step is run. Stored: never renumber. */
enum wf_mode {
    WF_MODE_STEP = 0,      /* its own method */
    WF_MODE_OTHERWISE = 1, /* of an expired await: its `otherwise` */
    WF_MODE_ASK = 2,       /* of an await: its conditions, before it opens */
    WF_MODE_REMIND = 3,    /* of an await that goes on waiting: its reminder */
    WF_MODE_JUDGE = 4,     /* of an await: its own method, with the input that came early */
};

enum wf_kind {
#define WF_KIND_NAME(name) WF_KIND_##name,
    WF_KINDS(WF_KIND_NAME)
#undef WF_KIND_NAME
};

const char *wf_kind_name(enum wf_kind kind); /* "step_completed" */

/* Unknown or absent values are 0 or empty, and cost nothing when encoded. */
struct wf_event {
    enum wf_kind kind;
    struct wf_bytes step; /* its name; empty for an event of the whole run */
    uint32_t attempt;     /* of the step in this round, from 1 */
    uint32_t round;       /* of the step, from 1 */
    int64_t at_ms;        /* when it happened; 0 in a row: the row's moment */
    struct wf_bytes by;   /* who: "worker:4712@host" */
    int64_t
        due_ms; /* step_retried: when again. input_requested: when it expires. step_scheduled: not
                       before, and then it is told once more */
    int64_t fence; /* of the claim that is reported on */
    bool final;    /* step_failed: no retry follows. step_retried: a person asked for a new round */
    bool crashed;  /* lease_lost: the process went down with the step entered */
    bool met;      /* step_failed: its conditions had been asked, and were met */
    bool
        once; /* step_started: committed before the method was entered, never to be entered again */
    enum wf_mode mode;      /* step_scheduled */
    struct wf_bytes method; /* input_requested: its `otherwise` */
    int64_t remind_ms;      /* input_requested, reminded: when somebody is to be reminded (again) */
    struct wf_bytes remind; /* input_requested: the method that does */
    struct wf_bytes
        held; /* cancel_requested, run_paused: a bit for each step that somebody holds */
    struct wf_bytes reason; /* a word or a sentence */
    struct wf_bytes
        error_class; /* of the exception, with its message and place in the application */
    struct wf_bytes error_message;
    struct wf_bytes error_where;
    struct wf_bytes
        payload; /* run_started: wf_birth. Else the application's bytes: input, result, note */
};

/* Builds a row: begin, add…, then the buffer's bytes are what the store keeps. */
void wf_row_begin(struct wf_buffer *row, int64_t at_ms, struct wf_bytes by);
void wf_row_add(struct wf_buffer *row, const struct wf_event *event, int64_t row_at_ms);

/* Walks over a row. Events come with at_ms and by filled; they borrow from the row's bytes. */
struct wf_row {
    struct wf_reader reader;
    int64_t at_ms;
    struct wf_bytes by;
};

/* OK | STORE_CORRUPT */
enum wf_status wf_row_open(struct wf_row *row, struct wf_bytes bytes);
/* OK | NOT_FOUND (no more) | STORE_CORRUPT */
enum wf_status wf_row_next(struct wf_row *row, struct wf_event *event);

/* How many events a row holds, so that the version of its first is known. */
int64_t wf_row_count(struct wf_bytes bytes);

/* Whether `held` has the step's bit; what is behind its end is not set. */
bool wf_event_holds(struct wf_bytes held, int step);

#endif
