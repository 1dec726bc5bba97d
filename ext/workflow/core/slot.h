/*
 * A slot holds one step or await that this process has claimed, from the claim until its end is durable,
 * together with the memory for its own ending: so finishing never needs room in a queue. A claim says
 * what is held; an op is one logical append on its way through the committer.
 *
 * Who owns a slot: the mailbox while it is free or queued; the thread that took it while it is taken; the
 * committer while it is ending.
 */
#ifndef WF_SLOT_H
#define WF_SLOT_H

#include <pthread.h>
#include <stdatomic.h>

#include "arena.h"
#include "scheduler.h"

struct wf_slot;

struct wf_claim {
    int64_t run_id; /* 0: nothing is held */
    int step;
    bool await;   /* an await's submit, not a step */
    bool pledged; /* it does not lapse: whoever loses it leaves it in doubt */
    bool alone;
    /* The step's conditions were asked, and are met. May be read by the committer meanwhile. */
    _Atomic bool met;
    bool keeps; /* this slot also holds `now` steps of the run that come next */
    enum wf_mode mode;
    uint32_t attempt, round;
    int64_t fence;
    struct wf_buffer work; /* what to run, and who (wf_work_read) */
    struct wf_buffer
        state; /* the run's, encoded, as it was when this was claimed (carried.c); empty: not kept */
};

enum wf_op_kind {
    WF_OP_START,      /* begin a run */
    WF_OP_FINISH,     /* end what the slot holds: COMPLETE, FAIL, LOST, SKIP, OPEN, ACCEPT, … */
    WF_OP_RELEASE,    /* give back what the slot holds, as if it had never been taken */
    WF_OP_CLAIM_STEP, /* now(:step) */
    WF_OP_CLAIM_WAIT, /* submit(:await) */
    WF_OP_CHANGE,     /* a command that needs no claim: HURRY, RETRY, CANCEL, OMIT, KEEP, … */
    WF_OP_TAKEOVER,   /* what a dead or expired process held becomes ready again */
    WF_OP_TELL,       /* BEGIN or TELL of what the slot holds, and goes on holding */
    WF_OP_DOUBT,      /* the slot's pledged claim: whether it was kept is not known */
    WF_OP_SETTLE,     /* ACCEPT or LET_GO, for a claim in doubt */
};

struct wf_op {
    enum wf_op_kind kind;
    struct wf_op *next;   /* in the committer's queue */
    struct wf_slot *slot; /* that holds, or is to hold, the claim; NULL: none */
    bool wait;            /* a thread waits for `done` */
    /* Asked. Bytes are copied into `arena`. */
    int64_t run_id; /* START: the id that the run is to have, or 0 */
    struct wf_bytes step;
    struct wf_command command;
    struct wf_birth birth;
    struct wf_definition *definition; /* a reference */
    bool pledged;                     /* CLAIM_WAIT */
    uint32_t round; /* SETTLE: of the claim; answered by CLAIM_WAIT, if DOUBTFUL */
    int64_t fence;  /* the same */
    int64_t owner;  /* TAKEOVER */
    bool dead;
    const struct wf_shared_process *entry; /* TAKEOVER: its entered bytes, or NULL */
    struct wf_arena *arena;
    bool cut; /* not all of that could be copied: it is not to be posted */
    /* What the committer finds out for the command, a bit for each step: here, so that it never wants memory. */
    char held[WF_STEP_BITS_MAX], kept[WF_STEP_BITS_MAX], pledges[WF_STEP_BITS_MAX];
    /* Answered. */
    enum wf_status status;
    struct wf_error error;
    int64_t answered_id; /* the run */
    struct wf_buffer state, row;
    int event_count;
    int64_t version;       /* of the row's last event */
    struct wf_claim claim; /* what the slot holds from now on, staged until the commit */
    bool more;             /* TAKEOVER: not all was reached */
    bool cancelling;       /* TELL: the run is being cancelled */
    /* of committer.c and engine.c, under the committer's mutex */
    bool posted, done, abandoned; /* abandoned: nobody waits any more, the committer frees it */
    pthread_cond_t settled;
};

enum wf_slot_place {
    WF_SLOT_FREE,
    WF_SLOT_RESERVED,
    WF_SLOT_QUEUED,
    WF_SLOT_TAKEN,
    WF_SLOT_ENDING
};

/* How long an attempt may take, and what follows if it takes longer: all that Ruby had to be asked for. */
struct wf_limit {
    int64_t deadline_mono_ms; /* 0: none */
    int64_t timeout_ms;
    struct wf_definition *definition; /* a reference */
    int64_t delay_ms;                 /* as in a FAIL command, and so are these */
    uint32_t chance;
    bool final;
    int64_t run_id, fence; /* of the claim that it is meant for: a slot's next one has none */
    int step;
};

struct wf_slot {
    int index; /* of its entered byte */
    enum wf_slot_place place;
    bool worker; /* claimed for the mailbox, not by a caller */
    struct wf_claim claim;
    _Atomic int64_t entered_ms; /* wall; 0: the application's code has not been reached */
    _Atomic int64_t entered_mono_ms;
    bool told; /* step_started is in the log already. Committer only */
    char parting[WF_NAME_LEN_MAX +
                 1]; /* why the run ends with what is held, if it does not by itself */
    int64_t queued_mono_ms;
    struct wf_limit limit;   /* under the mailbox's mutex */
    bool overdue;            /* past its limit, and dealt with. Committer only */
    bool written_off;        /* its thread is not counted on any more. Under the mailbox's mutex */
    _Atomic bool timed_out;  /* for the attempt to hear of, if it asks */
    int64_t checked_mono_ms; /* when it was entered, or last asked the store. The hand's own */
    struct wf_slot *overdue_next, *telling_next; /* staged in this transaction */
    struct wf_op op;                             /* its own: op.slot is this slot, always */
    struct wf_slot *next;                        /* free list or queue */
};

/* What a claim's work says. Borrows from it. OK | STORE_CORRUPT */
struct wf_work {
    struct wf_bytes class_name, name, subject, step, method, args, by, progress;
    int64_t kept_version;
};

/* `mode`: what is to be run; of an await that waits, its reminder or nothing else than its input. */
void wf_work_write(struct wf_buffer *buffer, const struct wf_state *state, int step,
                   enum wf_mode mode, struct wf_bytes by);
enum wf_status wf_work_read(const struct wf_claim *claim, struct wf_work *work);

/* When what the slot holds is to be failed; 0: never, or it has been. With the mailbox's mutex. */
int64_t wf_slot_deadline(const struct wf_slot *slot);
/* Drops the reference. */
void wf_limit_clear(struct wf_limit *limit);
struct wf_bytes wf_slot_parting(const struct wf_slot *slot); /* empty: it goes on */

void wf_claim_clear(struct wf_claim *claim); /* keeps the buffer's memory */
void wf_claim_destroy(struct wf_claim *claim);

/* An op is initialised once and cleared between uses; destroy frees what it owns. */
void wf_op_init(struct wf_op *op);
void wf_op_clear(struct wf_op *op);
void wf_op_destroy(struct wf_op *op);

#endif
