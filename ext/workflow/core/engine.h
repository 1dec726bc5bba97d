/*
 * One engine a process and store: it owns the shared file, the turnstile, the liveness byte, the mailbox,
 * the readers and two threads (committer.c writes, dispatcher.c watches). This header is what the glue
 * and the C tests use; nothing else of the core is needed outside it but rebuild.h.
 *
 * Threads: any thread may call anything but open, stop and free. Functions that wait say so; the glue
 * calls those without the interpreter's lock. After a fork the child's engine is dead: every call returns
 * FORKED, and free leaks it on purpose.
 */
#ifndef WF_ENGINE_H
#define WF_ENGINE_H

#include <sys/types.h>

#include "clock.h"
#include "committer.h"
#include "dispatcher.h"
#include "doorbell.h"
#include "fork.h"
#include "gate.h"
#include "health.h"
#include "liveness.h"
#include "mailbox.h"
#include "readers.h"
#include "store.h"
#include "turnstile.h"

struct wf_engine {
    char *path;
    struct wf_store_file file; /* that the path led to when it was opened first */
    int64_t lease_ms;
    pid_t pid;
    const struct wf_store_functions *does;
    struct wf_clock clock;
    struct wf_shared shared;
    struct wf_turnstile turnstile;
    struct wf_liveness liveness;
    struct wf_gate gate;
    struct wf_readers readers;
    struct wf_mailbox mailbox;
    struct wf_committer committer;
    struct wf_dispatcher dispatcher;
    struct wf_fork_member fork;
    struct wf_health health;
    /* Of the health check: its last tick, and since when this process has not been stopped. */
    _Atomic int64_t health_ticked_mono_ms, awake_mono_ms;
    _Atomic int64_t last_id; /* the last run id given */
    _Atomic bool forked, stopped;
};

struct wf_engine_options {
    const struct wf_store_functions *store;
    const char *path;
    int64_t lease_ms;
};

/* Opens the store, creating it if need be, takes a liveness byte and starts the threads. OK, or the
 * store's statuses, or NO_MEMORY; on failure *engine is NULL and nothing is left. Waits. */
enum wf_status wf_engine_open(struct wf_engine **engine, const struct wf_engine_options *options,
                              struct wf_error *error);

/* No more claims; what nobody took goes back; waits for what is in hand until the deadline; drains the
 * committer, gives back the lease, checkpoints, closes, joins. true: all had ended. Idempotent. Waits. */
bool wf_engine_stop(struct wf_engine *engine, int64_t wait_ms);
/* After stop, or in a forked child. No hand may be used afterwards. */
void wf_engine_free(struct wf_engine *engine);

/* OK | CLOSED | FORKED */
enum wf_status wf_engine_usable(const struct wf_engine *engine, struct wf_error *error);

/* Begins to claim for so many threads, also after quiet; 0 ends claiming. */
void wf_engine_work(struct wf_engine *engine, int threads, struct wf_bytes name);
void wf_engine_quiet(struct wf_engine *engine);
void wf_engine_hurry(struct wf_engine *engine); /* workers' steps that ask are to give back */
/* Answers probes at a numeric address from now on, until the engine stops; port 0 is a free one, told in *bound.
 * health_report.c. OK | CLOSED | FORKED | health.h's statuses */
enum wf_status wf_engine_health(struct wf_engine *engine, const char *host, int port, int *bound,
                                struct wf_error *error);
/* Whether this process is the one of all on the store that does what one has to do (keep mirrored columns); if nobody
 * is, it becomes it. Until the engine stops or the process ends. Never waits. */
bool wf_engine_leads(struct wf_engine *engine);
void wf_engine_resign(struct wf_engine *engine);             /* it is not any more, if it was */
void wf_engine_travel(struct wf_engine *engine, int64_t ms); /* moves the wall clock */

/* ---- What one thread of control holds: at most one claim ---- */

struct wf_hand {
    struct wf_engine *engine;
    struct wf_slot *slot; /* NULL: nothing in hand */
    struct wf_taker taker;
};

/* Waits up to wait_ms for a claimed step; 0 never waits. OK | TIMED_OUT | INTERRUPTED | CLOSED */
enum wf_status wf_hand_take(struct wf_hand *hand, int64_t wait_ms);
/* Only waits until there is one to take: the hand is to take then, or leave (mailbox.h). The same statuses. */
enum wf_status wf_hand_await(struct wf_hand *hand, int64_t wait_ms);
/* To be called right before the application's code runs. */
void wf_hand_enter(struct wf_hand *hand);
/* The conditions of the step in hand were asked, and are met: told if the attempt fails. */
void wf_hand_met(struct wf_hand *hand);
/* The run is not to go on after what is in hand: unless it ends by that, it is cancelled with this reason. */
void wf_hand_part(struct wf_hand *hand, struct wf_bytes reason);
/* What is held: its claim, or NULL. Valid until the hand ends it. */
const struct wf_claim *wf_hand_claim(const struct wf_hand *hand);
/* How long the attempt may take, from when it was entered: then the committer fails it. Takes the limit's
 * reference; timeout_ms and what follows a failure are to be filled. attempt.c, as are the next ones. */
void wf_hand_limit(struct wf_hand *hand, struct wf_limit limit);

/* Why an attempt is to end now. */
enum wf_halt {
    WF_HALT_NONE,
    WF_HALT_TIMEOUT,   /* it has been failed at its limit */
    WF_HALT_LOST,      /* the step was claimed again, or is over */
    WF_HALT_CANCELLED, /* the run is being cancelled */
    WF_HALT_STOPPING,  /* the worker, or the engine, stops */
};
/* What is known without the store; whether it is time to ask the store; its answer, which waits. */
enum wf_halt wf_hand_hear(const struct wf_hand *hand);
bool wf_hand_asks(struct wf_hand *hand);
enum wf_halt wf_hand_ask(struct wf_hand *hand);
/* Gives back what is held, if anything; never waits, never fails. */
void wf_hand_give_back(struct wf_hand *hand);

/* The same of a hand whose thread is gone, or does not know whether its transaction was committed: a pledged claim is
 * in doubt. */
void wf_hand_doubt(struct wf_hand *hand);

/* ---- Appends: prepare an op, keep bytes in it, post it, wait for it, read its answer, finish ---- */

/* With a hand, the op is its slot's (one is reserved when it holds none, and a claim that the op makes
 * lands in it). Without, it is of its own. NULL: no slot is free, or out of memory. */
struct wf_op *wf_op_prepare(struct wf_engine *engine, struct wf_hand *hand, enum wf_op_kind kind);
/* Copies them. Out of memory: empty, and the op will not be posted. */
struct wf_bytes wf_op_keep(struct wf_op *op, struct wf_bytes bytes);
/* Hands a finished step over without waiting; the hand is empty then. OK | FORKED | NO_MEMORY: something could not be kept, and
 * the hand holds what it held. */
enum wf_status wf_op_post(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op);
/* Posts at the first call, then waits. OK: answered, look at op->status (NO_MEMORY also if something could not be kept). TIMED_OUT: wait_ms are over.
 * INTERRUPTED: taker says so; call again, or abandon. FULL queues are waited for. */
enum wf_status wf_op_wait(struct wf_engine *engine, struct wf_op *op, struct wf_taker *taker,
                          int64_t wait_ms);
void wf_op_interrupt(struct wf_engine *engine, struct wf_op *op, struct wf_taker *taker);
/* Answered and read: frees it, or gives its slot to the hand (if it claimed) or back to the mailbox. */
void wf_op_finish(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op);
/* Not answered and no longer wanted: it may still commit; what it then claims is given back, and so is what
 * a TELL's slot holds. */
void wf_op_abandon(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op);

/* ---- Reads; all wait ---- */

/* OK | NOT_FOUND | STORE_*. The state's bytes are copied to `state`. */
enum wf_status wf_engine_find(struct wf_engine *engine, int64_t run_id, struct wf_buffer *state,
                              struct wf_error *error);
/* Whether the claim still stands, and whether its run is being cancelled. */
enum wf_status wf_engine_claim_stands(struct wf_engine *engine, const struct wf_claim *claim,
                                      bool *stands, bool *cancelling, struct wf_error *error);
enum wf_status wf_engine_current(struct wf_engine *engine, struct wf_bytes key, int64_t *run_id,
                                 struct wf_buffer *state, struct wf_error *error);
/* The run that was started with that token. */
enum wf_status wf_engine_keyed(struct wf_engine *engine, struct wf_bytes class_name,
                               struct wf_bytes token, int64_t *run_id, struct wf_buffer *state,
                               struct wf_error *error);
/* Rows one after another: id and state, or position, run, version and events, each as the buffer's ints
 * and bytes. `run_id` 0 reads the whole log after a position, else a run after a version. */
enum wf_status wf_engine_list(struct wf_engine *engine, struct wf_bytes prefix, int64_t before,
                              int limit, struct wf_buffer *rows, struct wf_error *error);
/* Which runs are asked for: those of the filter that are at all of these steps. A step may have several names, with
 * NULs between them. */
struct wf_search {
    struct wf_run_filter filter;
    const struct wf_bytes *steps;
    int step_count;
    int64_t before; /* ids below it; 0: from the newest. Out: where to go on, 0: there is no more */
};

/* Newest first, at most `limit` of them, rows as above; a part of them where a search is long. count: adds. ids: of each of
 * these subjects, all, in no order. fetch: those that there are. currents: each key's open unique run, else its newest;
 * 0 and no bytes where it has none. OK | STORE_* | INVALID (as run_search) | NO_MEMORY */
enum wf_status wf_engine_search(struct wf_engine *engine, struct wf_search *search, int limit,
                                struct wf_buffer *rows, struct wf_error *error);
enum wf_status wf_engine_count(struct wf_engine *engine, struct wf_search *search, int64_t *count,
                               struct wf_error *error);
enum wf_status wf_engine_ids(struct wf_engine *engine, const struct wf_search *search,
                             const struct wf_bytes *subjects, int subject_count,
                             struct wf_buffer *ids, struct wf_error *error);
enum wf_status wf_engine_fetch(struct wf_engine *engine, const int64_t *ids, int count,
                               struct wf_buffer *rows, struct wf_error *error);
enum wf_status wf_engine_currents(struct wf_engine *engine, const struct wf_bytes *keys, int count,
                                  struct wf_buffer *rows, struct wf_error *error);
/* Claims in doubt, in the order of their runs: id, class, name, subject, step, round, fence. */
enum wf_status wf_engine_doubts(struct wf_engine *engine, int limit, struct wf_buffer *rows,
                                struct wf_error *error);
/* The run's state, as rows have it: with its doubts behind it. */
void wf_run_row_put(struct wf_buffer *rows, const struct wf_run_row *row);
enum wf_status wf_engine_events(struct wf_engine *engine, int64_t run_id, int64_t after, int limit,
                                struct wf_buffer *rows, struct wf_error *error);
enum wf_status wf_engine_last_position(struct wf_engine *engine, int64_t *position,
                                       struct wf_error *error);
/* OK: the log is longer than `after`. TIMED_OUT | INTERRUPTED | STORE_*. */
enum wf_status wf_engine_wait_log(struct wf_engine *engine, int64_t after, int64_t wait_ms,
                                  struct wf_taker *taker, struct wf_error *error);
void wf_engine_interrupt_log(struct wf_engine *engine, struct wf_taker *taker);

/* An id for a run that is to be started with it (op->run_id), now or later, by anybody. Nothing is written.
 * run_id.c, as are the next ones. */
int64_t wf_engine_reserve(struct wf_engine *engine);
/* When the engine opens: ids that are given come after all in the log from now on, whatever the clock says. Without the log's
 * answer they are of the clock alone. */
void wf_engine_count_on(struct wf_engine *engine);

/* Run ids as 13 characters that sort by time: base 32, digits before letters. */
#define WF_ID_TEXT_LEN 13
void wf_id_write(int64_t id, char text[WF_ID_TEXT_LEN + 1]);
bool wf_id_read(struct wf_bytes text, int64_t *id);

#endif
