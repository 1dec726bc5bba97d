/*
 * Shared by the glue only: classes, the bridge out of the interpreter's lock, and conversions.
 *
 * Reading order: workflow.c (what Ruby sees), rb_leave.c (the one place that leaves the GVL),
 * rb_engine.c, rb_hand.c, rb_definition.c (one class each), rb_read.c, rb_query.c and rb_append.c (the engine's reads of one
 * run, of many, and what it appends), rb_claim.c and rb_attempt.c (how a hand comes to hold something by name; what it does while an
 * attempt runs), rb_answer.c (what an op was answered), rb_value.c (states, events and
 * work as Ruby values), rb_error.c (the only raise).
 */
#ifndef RB_WORKFLOW_H
#define RB_WORKFLOW_H

#include <ruby.h>

#include "core/engine.h"

/* ---- rb_error.c: the only rb_raise ---- */
NORETURN(void rb_wf_raise(const struct wf_error *error));
NORETURN(void rb_wf_raise_status(enum wf_status status));
NORETURN(void rb_wf_refuse(const char *format, ...));                  /* ArgumentError */
void rb_wf_check(enum wf_status status, const struct wf_error *error); /* raises unless WF_OK */

/* ---- rb_leave.c: waiting without the interpreter's lock ---- */

/* `run` is called without the lock, again and again until it returns true; in between, Ruby's interrupts
 * are looked at, which may raise. `interrupt` makes a running `run` return early; `reset` is called before
 * each call; both are NULL where it ends by itself. If something is raised, `ensure` (may be NULL) is called with the
 * lock before it goes on. */
struct rb_wf_wait {
    bool (*run)(void *context, int64_t wait_ms);
    void (*interrupt)(void *context);
    void (*reset)(void *context);
    void (*ensure)(void *context);
    void *context;
    int64_t until_ms; /* monotonic; after it, `run` is not called again */
    int64_t brief_ms; /* so long the first call cannot be interrupted, as it nearly always ends */
    bool *away;       /* true meanwhile: whose hand it is, if any */
};

void rb_wf_leave(struct rb_wf_wait *wait);

/* The same for what ends by itself: what came meanwhile is raised before or after it. `undo` (may be NULL) is called, if
 * something is raised, with whatever `run` has brought, if it was called. */
void rb_wf_leave_once(void (*run)(void *context), void (*undo)(void *context), void *context);

/* The end, on the monotonic clock, of a wait of so many milliseconds; negative is none, the most a day. */
int64_t rb_wf_until_ms(VALUE wait_ms);

/* Waits until the op is answered, whatever interrupts; then the caller reads and finishes it. `away` as
 * above, NULL without a hand. */
void rb_wf_answer(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op, bool *away);
/* The same without a hand, until then on the monotonic clock. false: time is up, and the op is not the caller's any more. */
bool rb_wf_answer_by(struct wf_engine *engine, struct wf_op *op, int64_t until_ms);

/* ---- rb_definition.c ---- */
void rb_wf_init_definition(VALUE native);
struct wf_definition *rb_wf_definition(VALUE value); /* NULL for nil; borrowed from the object */

/* ---- rb_engine.c ---- */
void rb_wf_init_engine(VALUE native);
struct wf_engine *rb_wf_engine(VALUE value); /* usable, or raises */
void *rb_wf_engine_hold(VALUE value); /* counts a user, so that the engine outlives its hands */
void rb_wf_engine_drop(void *held);

/* ---- rb_hand.c ---- */
void rb_wf_init_hand(VALUE native);
VALUE rb_wf_hand_new(VALUE engine);
struct wf_hand *rb_wf_hand(VALUE value); /* NULL for nil */
struct wf_hand *
rb_wf_hand_even_closed(VALUE value);         /* its engine may be stopped, or another process's */
bool *rb_wf_hand_away(struct wf_hand *hand); /* true while a thread waits with it */

const struct wf_claim *
rb_wf_holding(struct wf_hand *hand); /* what it holds; ArgumentError if nothing */
void rb_wf_check_empty(
    const struct wf_hand *hand); /* ArgumentError if it holds something; NULL does not */

/* ---- rb_claim.c: how a hand comes to hold something by name ---- */
void rb_wf_init_claim(VALUE engine, VALUE hand);

/* ---- rb_answer.c: what an op was answered ---- */
struct rb_wf_told {
    struct wf_op *op; /* finished by now */
    VALUE snapshot, events, work;
    VALUE round, fence; /* of a claim by submit, or of the one in doubt */
};

/* For the hand, which may be NULL. Raises if too many steps are in hand. */
struct wf_op *rb_wf_prepare(struct wf_engine *engine, struct wf_hand *hand, enum wf_op_kind kind);
/* Waits, reads the answer, finishes the op. Raises the store's failures; returns the rest. The values are on the stack then. */
enum wf_status rb_wf_ask(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op,
                         struct rb_wf_told *told);

/* ---- rb_attempt.c: what a hand does while an attempt runs ---- */
void rb_wf_init_attempt(VALUE hand);

/* ---- rb_read.c ---- */
void rb_wf_init_read(VALUE engine);

/* ---- rb_append.c ---- */
void rb_wf_init_append(VALUE engine);

/* ---- rb_query.c ---- */
void rb_wf_init_query(VALUE engine);
/* A binary String of tags as a state keeps them, of [name, value, …]; "" for nil. `once`: no name
 * twice. PayloadTooLarge, ArgumentError, TypeError */
VALUE rb_wf_tags(VALUE names_and_values, bool once);

/* ---- rb_value.c ---- */
VALUE rb_wf_snapshot(int64_t run_id, struct wf_bytes state); /* a Hash */
VALUE rb_wf_events(int64_t position, int64_t run_id, int64_t version, struct wf_bytes row,
                   int64_t after, VALUE into); /* pushes events whose version is > after */
VALUE rb_wf_work(const struct wf_claim *claim);
VALUE rb_wf_refusal(enum wf_status status); /* a Symbol; nil of OK and of failures */
VALUE rb_wf_run_id(int64_t id);
int64_t rb_wf_to_run_id(VALUE text);       /* 0: not an id */
VALUE rb_wf_string(struct wf_bytes bytes); /* binary */
VALUE rb_wf_text(struct wf_bytes bytes);   /* UTF-8, nil if empty */
struct wf_bytes rb_wf_bytes(VALUE string); /* borrowed; nil is empty */
struct wf_bytes rb_wf_token(VALUE string); /* the same, and neither empty nor too long */
void rb_wf_check_len(VALUE string, size_t max, const char *what); /* PayloadTooLarge; TypeError */

#endif
