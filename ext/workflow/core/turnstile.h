/*
 * Writers of several processes take turns: take Q, take L, drop Q. All commits and checkpoints of a
 * store happen under L, one at a time, because SQLite before 3.51.3 can damage a WAL that two
 * connections commit to and checkpoint at once, and because its own busy handler starves writers.
 *
 * A blocking lock call has no time-out, so the caller (the committer) only tries; if refused, a helper
 * thread blocks and hands the lock over. The wait has a deadline; a helper that acquires what nobody
 * wants any more gives it back. Locks: one mutex, never held while blocking in the kernel's lock call.
 */
#ifndef WF_TURNSTILE_H
#define WF_TURNSTILE_H

#include "shared.h"

struct wf_turnstile {
    struct wf_shared *shared; /* borrowed */
    /* private to turnstile.c */
    struct wf_turnstile_desk *desk; /* shared with the helper; NULL before one was needed */
    _Atomic int64_t waited_ms;
    bool held;
};

void wf_turnstile_init(struct wf_turnstile *turnstile, struct wf_shared *shared);
/* Leaves a helper that is blocked in the kernel behind (detached; it holds nothing that is freed: see the
 * .c file for how), else joins it. */
void wf_turnstile_destroy(struct wf_turnstile *turnstile);

/* OK: this process holds L, and its pid and the time stand in the shared file. STORE_UNAVAILABLE: not
 * within `wait_ms`; the message names the holder's pid and since when. Or the shared file is not that of its path any more.
 * One thread of a process at a time. */
enum wf_status wf_turnstile_take(struct wf_turnstile *turnstile, int64_t wait_ms,
                                 struct wf_error *error);
void wf_turnstile_give(struct wf_turnstile *turnstile);

/* For how long the store was out of reach when the last take ended, ms: it waited, and what whoever had the turn when it
 * came had had of it by then counts too. A long one makes its process careful with takeovers. */
int64_t wf_turnstile_waited_ms(const struct wf_turnstile *turnstile);

#endif
