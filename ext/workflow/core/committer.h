/*
 * The committer: the one thread of a process that writes. Whatever waits in its queue goes into one
 * transaction (group commit), together with what is due: timers, claims for free threads, starts to be
 * told, the lease. Each logical append succeeds or fails alone: the scheduler refuses before the first
 * write; if a statement fails all is rolled back and the appends are run again one by one; if COMMIT
 * itself fails, the outcome is looked up before anybody is answered.
 *
 * It waits for the turnstile outside the gate and is inside the gate for the whole transaction. Its mutex
 * guards the queue, the flags and each op's `done`; all else here belongs to the thread. Files:
 * committer.c (thread, queue), transaction.c (one commit), append.c, append_claim.c, append_hold.c and carried.c (one op), record.c (what it
 * writes), pledge.c (claims that do not lapse), holders.c (who holds what, and returns), upkeep.c (what is due), timeout.c (attempts past their limits),
 * takeover.c (what others held).
 */
#ifndef WF_COMMITTER_H
#define WF_COMMITTER_H

#include <pthread.h>

#include "slot.h"
#include "store.h"

struct wf_engine;

#define WF_TAKEOVER_MAX                                                                            \
    200u /* rows in one transaction; the dispatcher asks again while there is more */
#define WF_POLL_MS 10000 /* the net under the doorbell: how often a worker looks unasked */

struct wf_committer {
    pthread_mutex_t mutex;
    pthread_cond_t work, room;
    struct wf_op *first, *last;
    int queued_count;
    size_t queued_len;
    bool poked, stopping, started;
    int64_t
        alarm_mono_ms; /* the first limit that was given since it was last looked for the next */
    int64_t wakes_mono_ms;                /* when it wakes by itself */
    char name_asked[WF_NAME_LEN_MAX + 1]; /* of the process: "worker:4712@host" */
    pthread_t thread;
    _Atomic int64_t commits, appends; /* since the start: how well the group commit works */
    _Atomic int64_t busy_mono_ms;     /* since when it is in a round; 0: it has nothing to do */
    _Atomic int64_t reached_mono_ms;  /* when a round last did at the store what was to be done */
    /* No lease of another's is taken for expired before: for longer than a quarter lease the store was out of reach, or this
     * process was stopped, and so nobody may have been able to renew. The dispatcher's, too. */
    _Atomic int64_t careful_until_mono_ms;

    /* The thread's own. */
    struct wf_store *store;
    struct wf_state state;
    struct wf_buffer row, encoded;
    struct wf_bytes stored;         /* the state, encoded, as it was loaded or written last */
    const struct wf_claim *carried; /* whose end is being written unasked (carried.c); NULL: none */
    struct wf_projection before[WF_STEPS_MAX];
    char name[WF_NAME_LEN_MAX + 1];
    char name_putting[WF_NAME_LEN_MAX + 1], /* into the process's row, by this transaction */
        name_put[WF_NAME_LEN_MAX + 1];      /* what the row says */
    int64_t owner;                          /* the process row's id; 0: not yet */
    bool works;                             /* it has threads for steps */
    bool looking, sweeping; /* this transaction is to look at timers; and at owners */
    bool posted_again;      /* a finished step could not be recorded: try again, not at once */
    bool ill;               /* the last round could not do what was due */
    bool doubtful;     /* a commit's outcome was not known: look for claims that nobody holds */
    bool orphans_left; /* this transaction could not free all of them */
    bool unheard;      /* a commit of this round may have done something that nobody was told */
    bool held_back;    /* what is to run alone was ready, and something was in hand */
    int64_t held_back_since_ms; /* monotonic; 0: it was not */
    bool unsettled;             /* appends of this round are committed and not yet in their slots */
    int64_t trying_mono_ms; /* since when this round tries to write, with those in vain before it */
    int64_t renewed_mono_ms;
    int64_t renewing_mono_ms; /* by this transaction; 0: it does not */
    int64_t next_timer_ms, polled_mono_ms;
    double drained_per_ms;
    int64_t drained_at_ns;
    struct wf_slot *claimed; /* staged in this transaction, linked by next */
    /* What this transaction did. */
    int appended, released, claimed_count, finished;
    bool timers_changed, more_ready; /* more_ready: there was no room to claim it all */
    bool gave_back;                  /* what a slot held, untouched: for other processes, too */
    int64_t witness_run,
        witness_version; /* its first append, to look for after an unknown outcome */
    struct wf_buffer witness;
    struct wf_claim
        witness_claim;       /* its first claim, where it appended nothing; without the work */
    struct wf_slot *telling; /* their starts are told by this transaction, linked by telling_next */
    struct wf_slot
        *overdue; /* failed at their limits in this transaction, linked by overdue_next */
};

void wf_committer_init(struct wf_engine *engine);
/* OK | NO_MEMORY. The store has been opened. */
enum wf_status wf_committer_start(struct wf_engine *engine, struct wf_error *error);
/* Drains the queue, then ends and joins. Whatever cannot be written any more is answered CLOSED. */
void wf_committer_stop(struct wf_engine *engine);
void wf_committer_destroy(struct wf_engine *engine);
/* What the thread does over and over: waits for work, then one commit, and its answers. false: the engine stops and
 * the queue is empty. Of the thread alone, or of a program that starts none (bench/instructions/driver.c). */
bool wf_committer_round(struct wf_engine *engine);
/* Closes the connection; with the gate closed. It is opened again when next needed. */
void wf_committer_close_store(struct wf_engine *engine);

void wf_committer_post(struct wf_engine *engine, struct wf_op *op); /* never waits */
/* Waits while the queue is full, then for the answer: OK | TIMED_OUT | INTERRUPTED | CLOSED */
enum wf_status wf_committer_wait(struct wf_engine *engine, struct wf_op *op, bool *interrupted,
                                 int64_t wait_ms);
void wf_committer_poke(struct wf_engine *engine); /* look for claims and timers */
/* Something is due then: it wakes, if it would have slept longer. */
void wf_committer_alarm(struct wf_engine *engine, int64_t mono_ms);
/* A slot's claim goes back: as lost if it was entered, else untouched. */
void wf_committer_give_back(struct wf_engine *engine, struct wf_slot *slot);
/* Its thread is gone, or does not know: if it is pledged, it is in doubt; else it goes back. */
void wf_committer_doubt(struct wf_engine *engine, struct wf_slot *slot);
void wf_committer_name(struct wf_engine *engine, struct wf_bytes name);
/* The same on the committer thread, at once, for a process that was not named: its callers name it. */
void wf_committer_name_by(struct wf_engine *engine, struct wf_bytes name);

/* ---- transaction.c: one commit of `ops` (linked by next) and of what is due, with the turnstile held and
 * the gate entered. Each op is answered in its status and error. ---- */
void wf_transaction_run(struct wf_engine *engine, struct wf_op *ops);
/* Whether the write-ahead log is so long that it is to be copied to the database file; longer where the store is busy. */
bool wf_transaction_checkpoint_due(struct wf_engine *engine, bool busy);
void wf_transaction_checkpoint(struct wf_engine *engine);
/* The last one, when the engine stops: the process's row goes, the log is checkpointed. */
void wf_transaction_end(struct wf_engine *engine);
/* Opens the connection if a fork or an error has closed it. */
enum wf_status wf_transaction_open(struct wf_engine *engine, struct wf_error *error);

/* ---- append.c: one op inside the transaction. OK: handled, op->status says how it went. Else a failure
 * of the store: the transaction is to be rolled back. ---- */
enum wf_status wf_append(struct wf_engine *engine, struct wf_op *op, struct wf_error *error);
/* What the caller is told: the run as it is now, and what was just appended. */
void wf_append_answer(struct wf_engine *engine, struct wf_op *op, bool appended);
/* Runs the op's command on the loaded run, and goes on with a `now` step if one follows. */
enum wf_status wf_append_run(struct wf_engine *engine, struct wf_op *op, struct wf_error *error);
/* After the command was run: goes on with a `now` step if one follows, and answers. */
enum wf_status wf_append_go_on(struct wf_engine *engine, struct wf_op *op, bool appended,
                               struct wf_error *error);
/* ---- carried.c: the end of a step without reading first ----
 * Keeps what is needed of the run that was loaded, or written, last. */
void wf_carried_keep(const struct wf_engine *engine, struct wf_claim *claim);
/* Ends the slot's step if its claim kept enough, and the run and the claim are as they were. Not *done: nothing was
 * written, and the run is to be loaded. STALE: something was; to be rolled back, and is not tried again. */
enum wf_status wf_carried_finish(struct wf_engine *engine, struct wf_op *op, bool *done,
                                 struct wf_error *error);
/* ---- append_claim.c: ops of a run and a step ----
 * Loads both. */
enum wf_status wf_append_load_step(struct wf_engine *engine, struct wf_op *op,
                                   struct wf_error *error);
enum wf_status wf_append_claim_step(struct wf_engine *engine, struct wf_op *op,
                                    struct wf_error *error);
enum wf_status wf_append_claim_wait(struct wf_engine *engine, struct wf_op *op,
                                    struct wf_error *error);
enum wf_status wf_append_settle(struct wf_engine *engine, struct wf_op *op, struct wf_error *error);
/* ---- pledge.c: claims of awaits that do not lapse ----
 * The claim is in doubt from now on. Loads the run. OK also when it does not stand any more. */
enum wf_status wf_pledge_doubt(struct wf_engine *engine, const struct wf_wait_row *row,
                               struct wf_error *error);
/* Of the loaded run: the step's claim is not in doubt any more, if it was. */
enum wf_status wf_pledge_over(struct wf_engine *engine, int64_t run_id, int step,
                              struct wf_error *error);
/* Sets *any if an await of the loaded run is claimed so. */
enum wf_status wf_pledge_any(struct wf_engine *engine, bool *any, struct wf_error *error);
/* Tells the op's command which. */
enum wf_status wf_pledge_tell(struct wf_engine *engine, struct wf_op *op, struct wf_error *error);
/* Sets *clash if a claim of the await (pledged or not), or an input kept for it, could come before the verdict on
 * another, of which one is pledged: the first of a group skips the others, and the end of a run cuts off all. */
enum wf_status wf_pledge_clash(struct wf_engine *engine, int step, bool pledged, bool *clash,
                               struct wf_error *error);
/* ---- record.c: the loaded run, and what an append writes of it ----
 * Folds one command into the loaded run and writes what it gives. *status: refusals. */
enum wf_status wf_append_command(struct wf_engine *engine, const struct wf_command *command,
                                 enum wf_status *status, struct wf_error *error);
/* Loads a run into committer.state. *status: OK | NOT_FOUND */
enum wf_status wf_append_load(struct wf_engine *engine, int64_t run_id, enum wf_status *status,
                              struct wf_error *error);
/* Decodes a run's row into committer.state. OK | STORE_CORRUPT | NO_MEMORY */
enum wf_status wf_append_decode(struct wf_engine *engine, const struct wf_run_row *row);
/* Says what is held from now on, of the loaded run: a step, or a reminder; or an await, by a submit. */
void wf_append_fill_claim(struct wf_engine *engine, struct wf_claim *claim, int step, int64_t fence,
                          struct wf_bytes by);
void wf_append_fill_wait(struct wf_engine *engine, struct wf_claim *claim, int step, int64_t fence,
                         struct wf_bytes by);

/* ---- append_hold.c: what the holder of a slot says ----
 * Ends what the slot holds: COMPLETE, FAIL, ACCEPT, … STALE: it stands no more. */
enum wf_status wf_append_finish(struct wf_engine *engine, struct wf_op *op, struct wf_error *error);
/* A fact of what it holds and goes on holding. */
enum wf_status wf_append_tell(struct wf_engine *engine, struct wf_op *op, struct wf_error *error);
/* The claim, and whatever the slot keeps, is everybody's again. */
enum wf_status wf_append_release(struct wf_engine *engine, struct wf_op *op,
                                 struct wf_error *error);
/* What a slot keeps of the loaded run for its caller, beside what it holds, is everybody's again. */
enum wf_status wf_append_release_kept(struct wf_engine *engine, const struct wf_slot *slot,
                                      struct wf_error *error);
/* Whether the slot keeps that step of the loaded run beside what it holds; *row: as it is. */
enum wf_status wf_append_is_kept(struct wf_engine *engine, const struct wf_slot *slot,
                                 struct wf_ready_row *row, bool *kept, struct wf_error *error);
/* Whether its pledged claim was kept is not known. */
enum wf_status wf_append_doubt(struct wf_engine *engine, const struct wf_slot *slot,
                               struct wf_error *error);
/* Whether the claim is on what the step is at. */
bool wf_append_is_at(const struct wf_step *step, const struct wf_claim *claim);
/* Whether a claim on a step of the loaded run still stands. *refused: OK | STALE */
enum wf_status wf_append_check_claim(struct wf_engine *engine, const struct wf_claim *claim,
                                     enum wf_status *refused, struct wf_error *error);
/* Whether the slot holds the step that it says, at this moment. *refused: OK | STALE */
enum wf_status wf_append_check_hold(struct wf_engine *engine, const struct wf_slot *slot,
                                    enum wf_status *refused, struct wf_error *error);

/* ---- timeout.c: attempts past their limits, inside the transaction; and what is told after the commit ---- */
enum wf_status wf_upkeep_timeouts(struct wf_engine *engine, struct wf_error *error);
void wf_upkeep_timed_out(struct wf_engine *engine);
/* ---- holders.c: who holds steps of the loaded run ----
 * Tells the op's command which steps others hold and how high their fences are, and what its own slot keeps, where that is for it to know:
 * commands that name no holder's step, and those that may end or halt the run. */
enum wf_status wf_holders_tell(struct wf_engine *engine, struct wf_op *op, struct wf_error *error);
/* A claim goes back untouched: the row is anybody's; of a halted run it is told. Loads the run. OK also when
 * the claim does not stand any more. */
enum wf_status wf_holders_release_step(struct wf_engine *engine, const struct wf_ready_row *row,
                                       struct wf_bytes by, struct wf_error *error);
enum wf_status wf_holders_release_wait(struct wf_engine *engine, const struct wf_wait_row *row,
                                       struct wf_bytes by, struct wf_error *error);

/* ---- upkeep.c: what is due, inside the transaction ---- */
enum wf_status wf_upkeep(struct wf_engine *engine, struct wf_error *error);
/* takeover.c: one op; and, now and then, what belongs to processes that left no entry. */
enum wf_status wf_upkeep_takeover(struct wf_engine *engine, struct wf_op *op,
                                  struct wf_error *error);
enum wf_status wf_upkeep_sweep(struct wf_engine *engine, struct wf_error *error);
/* Rows of our own that no slot holds go back to everybody. */
enum wf_status wf_upkeep_orphans(struct wf_engine *engine, struct wf_error *error);
/* Gives the process its row, in a transaction of its own, before its first claim; and takes it away. */
enum wf_status wf_upkeep_join(struct wf_engine *engine, struct wf_error *error);
enum wf_status wf_upkeep_part(struct wf_engine *engine, struct wf_error *error);
/* Renews the row in a transaction of its own: the small commit that an unknown one is decided by. */
enum wf_status wf_upkeep_mark(struct wf_engine *engine, struct wf_error *error);
/* Tells the shared file, after a commit, of the lease and of what is held. */
void wf_upkeep_renewed(struct wf_engine *engine);
/* Monotonic time of the next thing to do without being asked; INT64_MAX: nothing. */
int64_t wf_upkeep_next_mono_ms(struct wf_engine *engine);

#endif
