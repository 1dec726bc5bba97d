/*
 * The bounded queue between the committer, which fills it with claimed steps, and the threads that run
 * them. It hands out slots and takes them back, and says how many more may be claimed: a thread's one in
 * hand, and behind it what drains in 20 ms, at least one a thread.
 *
 * Threads: any. One mutex; public functions take it, static ones that need it end in _locked.
 */
#ifndef WF_MAILBOX_H
#define WF_MAILBOX_H

#include <pthread.h>

#include "slot.h"

struct wf_mailbox {
    /* private to mailbox.c */
    pthread_mutex_t mutex;
    pthread_cond_t filled;  /* something was queued, or closed, or a taker was interrupted */
    pthread_cond_t emptied; /* something was freed */
    struct wf_slot *slots[WF_SLOTS_MAX];
    int slot_count, free_count, queued_count, worker_count, busy_count;
    int worker_slots; /* with those whose step is ending */
    struct wf_slot *free, *first, *last;
    int threads, prefetch;
    struct wf_slot *alone; /* the one whose step runs with nothing beside it, or NULL */
    /* Woken threads come one at a time: the one that takes wakes the next if there is more. With the
     * interpreter's lock between waking and taking, more than one would only queue up for it. */
    const struct wf_taker *coming;
    bool quiet, closed;
    int written_off;         /* threads of workers that a step keeps beyond its limit */
    bool hurried;            /* steps of workers are asked to give back at once */
    pthread_cond_t replaced; /* written_off changed, or nobody is to wait for that any more */
};

void wf_mailbox_init(struct wf_mailbox *mailbox);
void wf_mailbox_destroy(struct wf_mailbox *mailbox); /* nobody may be inside any more */

/* A slot for a caller's own claim, place RESERVED. NULL: all are in use, or out of memory. */
struct wf_slot *wf_mailbox_reserve(struct wf_mailbox *mailbox);
/* The same for claims of the committer's, at most `count` and as many as there is room for, linked by `next`. */
struct wf_slot *wf_mailbox_reserve_workers(struct wf_mailbox *mailbox, int count);
/* Whether a burst has left many slots; frees them from the last until one is in use, and says whether any was. Nobody
 * keeps a free slot's address. */
bool wf_mailbox_spare(struct wf_mailbox *mailbox);
bool wf_mailbox_trim(struct wf_mailbox *mailbox);
/* Back to the free ones; all that are linked by `next`. The claims are cleared. */
void wf_mailbox_free(struct wf_mailbox *mailbox, struct wf_slot *slot);
void wf_mailbox_free_all(struct wf_mailbox *mailbox, struct wf_slot *slots);

/* How many steps may be claimed for the threads now. */
int wf_mailbox_room(struct wf_mailbox *mailbox);
bool wf_mailbox_saturated(struct wf_mailbox *mailbox); /* every thread is busy */
bool wf_mailbox_working(struct wf_mailbox *mailbox);   /* whether there are threads at all */
void wf_mailbox_threads(struct wf_mailbox *mailbox, int threads);
void wf_mailbox_prefetch(struct wf_mailbox *mailbox, double drained_per_ms);

/* The thread that has it goes on with another step, or with none. */
void wf_mailbox_goes_on(struct wf_mailbox *mailbox, struct wf_slot *slot);

/* Queues it for a thread; all that are linked by `next`, behind the others. false: closed, and the slots are still the
 * caller's, linked as they were. */
bool wf_mailbox_put(struct wf_mailbox *mailbox, struct wf_slot *slot, bool first);
bool wf_mailbox_put_all(struct wf_mailbox *mailbox, struct wf_slot *slots);

/* One waiting thread: interrupted is set by wf_mailbox_interrupt, from any thread. */
struct wf_taker {
    bool interrupted;
};

/* Waits until there is something to take, and takes nothing. OK | TIMED_OUT | INTERRUPTED | CLOSED (quiet, and
 * nothing is left). After OK nobody else is woken until this taker takes, or leaves. */
enum wf_status wf_mailbox_await(struct wf_mailbox *mailbox, struct wf_taker *taker,
                                int64_t wait_ms);
void wf_mailbox_leave(struct wf_mailbox *mailbox, struct wf_taker *taker);
/* The same statuses, up to wait_ms; 0 never waits. On OK the slot is the caller's. */
enum wf_status wf_mailbox_take(struct wf_mailbox *mailbox, struct wf_taker *taker, int64_t wait_ms,
                               struct wf_slot **slot);
void wf_mailbox_interrupt(struct wf_mailbox *mailbox, struct wf_taker *taker);

/* A caller's own claim: its slot is taken without having been queued. */
void wf_mailbox_hold(struct wf_mailbox *mailbox, struct wf_slot *slot);
/* Taken → ending: the slot's thread is free again, its memory is not. */
void wf_mailbox_ending(struct wf_mailbox *mailbox, struct wf_slot *slot);

/* Gives what the slot holds a limit; the definition's reference becomes the slot's. */
void wf_mailbox_limit(struct wf_mailbox *mailbox, struct wf_slot *slot, struct wf_limit *limit);
/* The attempt in the slot is over, but its code is not: a worker's thread is not counted on until it is back. */
void wf_mailbox_write_off(struct wf_mailbox *mailbox, struct wf_slot *slot);
/* Waits until the number of threads written off is not `seen`. OK | TIMED_OUT | INTERRUPTED | CLOSED (also quiet) */
enum wf_status wf_mailbox_written_off(struct wf_mailbox *mailbox, struct wf_taker *taker, int seen,
                                      int64_t wait_ms, int *written_off);
/* Workers' steps that ask are to give back at once; also until there are threads again. */
void wf_mailbox_hurry(struct wf_mailbox *mailbox);
bool wf_mailbox_hurried(struct wf_mailbox *mailbox);

/* Nothing more is to be claimed; takers drain what is queued. */
void wf_mailbox_quiet(struct wf_mailbox *mailbox);
/* Also takes back what is queued: the list, linked by `next`, is the caller's. */
struct wf_slot *wf_mailbox_close(struct wf_mailbox *mailbox);
/* What has been queued since before `mono_ms`, newest last, when every thread is busy: to be given back. If there is any, nothing is
 * claimed ahead of the threads until the next call of wf_mailbox_prefetch. */
struct wf_slot *wf_mailbox_stale(struct wf_mailbox *mailbox, int64_t mono_ms);

/* Whether the slot of that index holds this claim, or keeps the step for its caller. Committer only: no
 * other thread changes one. */
bool wf_mailbox_holds(struct wf_mailbox *mailbox, int index, int64_t run_id, int step,
                      int64_t fence);
/* How many claims there are, also of steps that are ending. Committer only. */
int wf_mailbox_claims(struct wf_mailbox *mailbox);
/* Slots that are not free: queued, taken, reserved or ending. */
int wf_mailbox_in_hand(struct wf_mailbox *mailbox);
/* Waits until that is 0 or until `mono_ms`. */
bool wf_mailbox_drained(struct wf_mailbox *mailbox, int64_t mono_ms);
/* How it stands, in one look. */
struct wf_mailbox_census {
    int threads, in_hand;
    bool quiet;                     /* nothing more is to be claimed */
    int64_t oldest_entered_mono_ms; /* of what the application's code is in; 0: nothing */
};
void wf_mailbox_count(struct wf_mailbox *mailbox, struct wf_mailbox_census *census);
/* What a step that is to run alone would run beside: workers' slots that are not free, without those whose threads are
 * written off; and what callers hold, if that counts. Committer only. */
int wf_mailbox_counted(struct wf_mailbox *mailbox, bool callers);

/* Calls `each` for every slot that is not free, with the mutex held: it may read, and set `told`. */
void wf_mailbox_each(struct wf_mailbox *mailbox, void (*each)(void *context, struct wf_slot *slot),
                     void *context);

#endif
