/*
 * The committer's thread and queue. Reading order: wf_committer_post and wait (the callers' side), then
 * the thread: run, round, publish.
 */
#include "committer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "fault.h"
#include "memory.h"
#include "thread.h"

#define TURN_WAIT_MS 5000 /* for the turnstile */
#define ASK_AGAIN_MS 100  /* after the store failed while finished steps wait to be recorded */
#define END_WAIT_MS 500   /* for the turnstile, when the engine stops */
#define TRIM_MS 500       /* without anything to do, before memory goes back */
#define LULL_MS 10        /* without a commit, before one is that of a store that nobody hurries */
#define STALE_MS 20       /* claims that nobody took go back after this, if others sleep */

/* ---- The callers' side ---- */

static void enqueue_locked(struct wf_committer *committer, struct wf_op *op)
{
    op->posted = true;
    op->next = NULL;
    if (committer->last) {
        committer->last->next = op;
    } else {
        committer->first = op;
    }
    committer->last = op;
    committer->queued_count++;
    committer->queued_len += wf_arena_len(op->arena);
    pthread_cond_signal(&committer->work);
}

void wf_committer_post(struct wf_engine *engine, struct wf_op *op)
{
    pthread_mutex_lock(&engine->committer.mutex);
    enqueue_locked(&engine->committer, op);
    pthread_mutex_unlock(&engine->committer.mutex);
}

/* An empty queue takes anything; else it is bounded in number and in bytes. */
static bool has_room_locked(const struct wf_committer *committer)
{
    return !committer->first || (committer->queued_count < (int)WF_QUEUE_MAX &&
                                 committer->queued_len < WF_QUEUE_LEN_MAX);
}

enum wf_status wf_committer_wait(struct wf_engine *engine, struct wf_op *op, bool *interrupted,
                                 int64_t wait_ms)
{
    struct wf_committer *committer = &engine->committer;
    struct timespec until = wf_clock_timespec(wf_clock_mono_ms() + wait_ms);
    enum wf_status status = WF_OK;

    pthread_mutex_lock(&committer->mutex);
    while (!op->posted && !*interrupted && !status) {
        if (committer->stopping) {
            status = WF_CLOSED;
        } else if (has_room_locked(committer)) {
            op->wait = true;
            enqueue_locked(committer, op);
        } else if (wf_cond_wait_until(&committer->room, &committer->mutex, &until)) {
            status = WF_TIMED_OUT;
        }
    }
    while (op->posted && !op->done && !*interrupted && !status) {
        status = wf_cond_wait_until(&op->settled, &committer->mutex, &until) ? WF_TIMED_OUT : WF_OK;
    }
    if (op->done) {
        status = WF_OK;
    } else if (*interrupted && !status) {
        status = WF_INTERRUPTED;
    }
    pthread_mutex_unlock(&committer->mutex);
    return status;
}

void wf_committer_poke(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;

    pthread_mutex_lock(&committer->mutex);
    committer->poked = true;
    pthread_cond_signal(&committer->work);
    pthread_mutex_unlock(&committer->mutex);
}

void wf_committer_alarm(struct wf_engine *engine, int64_t mono_ms)
{
    struct wf_committer *committer = &engine->committer;

    pthread_mutex_lock(&committer->mutex);
    if (mono_ms < committer->alarm_mono_ms) {
        committer->alarm_mono_ms = mono_ms;
    }
    if (mono_ms < committer->wakes_mono_ms) {
        pthread_cond_signal(&committer->work);
    }
    pthread_mutex_unlock(&committer->mutex);
}

static void ask_name_locked(struct wf_committer *committer, struct wf_bytes name)
{
    size_t len = name.len < WF_NAME_LEN_MAX ? name.len : WF_NAME_LEN_MAX;

    memcpy(committer->name_asked, name.ptr, len);
    committer->name_asked[len] = '\0';
}

void wf_committer_name(struct wf_engine *engine, struct wf_bytes name)
{
    struct wf_committer *committer = &engine->committer;

    pthread_mutex_lock(&committer->mutex);
    ask_name_locked(committer, name);
    pthread_mutex_unlock(&committer->mutex);
}

void wf_committer_name_by(struct wf_engine *engine, struct wf_bytes name)
{
    struct wf_committer *committer = &engine->committer;

    if (committer->name[0] || !name.len) {
        return;
    }
    pthread_mutex_lock(&committer->mutex);
    if (!committer->name_asked[0]) {
        ask_name_locked(committer, name);
    }
    memcpy(committer->name, committer->name_asked, sizeof(committer->name));
    pthread_mutex_unlock(&committer->mutex);
}

/* ---- The thread's side: what a commit gave is handed out ---- */

/* The claim that the op staged becomes the slot's, and what it held before is over. */
static void move_claim(struct wf_claim *to, struct wf_claim *from)
{
    struct wf_claim old = *to;

    *to = *from;
    *from = old;
    wf_claim_clear(from);
}

/* A claim whose taker is gone goes back through the queue, as an append of its own. */
static void post_release(struct wf_engine *engine, struct wf_slot *slot)
{
    wf_op_clear(&slot->op);
    slot->op.kind = WF_OP_RELEASE;
    wf_committer_post(engine, &slot->op);
}

void wf_committer_give_back(struct wf_engine *engine, struct wf_slot *slot)
{
    bool entered = atomic_load(&slot->entered_ms) != 0;
    struct wf_work work;

    wf_mailbox_ending(&engine->mailbox, slot);
    wf_op_clear(&slot->op);
    slot->op.kind = WF_OP_RELEASE;
    if (entered && !slot->claim.await) {
        slot->op.kind = WF_OP_FINISH;
        slot->op.command.kind = WF_COMMAND_LOST;
        slot->op.command.started_ms = atomic_load(&slot->entered_ms);
        slot->op.command.reason = WF_BYTES("interrupted");
        if (wf_work_read(&slot->claim, &work) == WF_OK) { /* which the slot has until the end */
            slot->op.command.by = work.by;
        }
    }
    wf_committer_post(engine, &slot->op);
}

void wf_committer_doubt(struct wf_engine *engine, struct wf_slot *slot)
{
    if (!slot->claim.pledged) {
        wf_committer_give_back(engine, slot);
        return;
    }
    wf_mailbox_ending(&engine->mailbox, slot);
    wf_op_clear(&slot->op);
    slot->op.kind = WF_OP_DOUBT;
    wf_committer_post(engine, &slot->op);
}

/* The store could not take it: whether the step is over is not decided. */
static bool store_failed(const struct wf_op *op)
{
    return op->status == WF_NO_MEMORY || op->status == WF_UNKNOWN || op->status == WF_STORE_ERROR ||
           op->status == WF_STORE_UNAVAILABLE || op->status == WF_STORE_TOO_NEW;
}

static void hold_claim(struct wf_slot *slot, struct wf_op *op)
{
    move_claim(&slot->claim, &op->claim);
    atomic_store(&slot->entered_ms, 0);
    atomic_store(&slot->timed_out, false);
    slot->told = slot->overdue = false;
    slot->checked_mono_ms = 0;
    slot->parting[0] = '\0';
}

/* Nobody waits for this op: a worker's finished step, or a caller that was interrupted. Slots that are free are linked to
 * `freed`. */
static void settle_unwatched(struct wf_engine *engine, struct wf_op *op, bool stopping,
                             struct wf_slot **freed)
{
    struct wf_slot *slot = op->slot;
    bool ends = op->kind == WF_OP_FINISH || op->kind == WF_OP_RELEASE || op->kind == WF_OP_DOUBT;

    if (!slot) {
        wf_op_destroy(op);
        free(op);
    } else if (op->claim.run_id) {
        hold_claim(slot, op);
        if (!slot->worker || !wf_mailbox_put(&engine->mailbox, slot, true)) {
            post_release(engine, slot);
        }
    } else if (op->kind == WF_OP_TELL && slot->claim.run_id) {
        wf_committer_doubt(engine, slot); /* who told it has gone away */
    } else if (ends && store_failed(op) && !stopping) {
        engine->committer.posted_again =
            true; /* a finished step is never dropped, nor one given back */
        wf_committer_post(engine, op);
    } else {
        slot->next = *freed;
        *freed = slot;
    }
}

/* Somebody waits: the slot holds the new claim, or what it held if the store failed, or nothing. */
static void settle_watched(struct wf_engine *engine, struct wf_op *op)
{
    if (op->slot && (op->claim.run_id || (op->kind == WF_OP_FINISH && !store_failed(op)))) {
        hold_claim(op->slot, op);
        wf_mailbox_goes_on(&engine->mailbox, op->slot);
    }
    op->done = true;
    pthread_cond_signal(&op->settled);
}

/* Whether somebody waits is said with the op: who does may go away, but nobody comes later. */
static bool settled_watched(struct wf_engine *engine, struct wf_op *op)
{
    struct wf_committer *committer = &engine->committer;
    bool watched;

    pthread_mutex_lock(&committer->mutex);
    watched = !op->abandoned;
    if (watched) {
        settle_watched(engine, op);
    }
    pthread_mutex_unlock(&committer->mutex);
    return watched;
}

/* A full queue's steps end by the hundred: the mailbox's mutex, which the threads that run them want, is taken once for all
 * of them. Whoever is answered finds what was posted before freed. */
static void settle_all(struct wf_engine *engine, struct wf_op *ops)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_slot *freed = NULL;
    bool stopping, alone = false;

    pthread_mutex_lock(&committer->mutex);
    stopping = committer->stopping;
    pthread_mutex_unlock(&committer->mutex);
    while (ops) {
        struct wf_op *next = ops->next;
        bool watched = false;

        alone |= ops->slot && ops->slot->claim.alone && ops->kind != WF_OP_TELL;
        if (ops->wait) {
            wf_mailbox_free_all(&engine->mailbox, freed);
            freed = NULL;
            watched = settled_watched(engine, ops);
        }
        if (!watched) {
            settle_unwatched(engine, ops, stopping, &freed);
        }
        ops = next;
    }
    wf_mailbox_free_all(&engine->mailbox, freed);
    if (alone) {
        wf_committer_poke(engine); /* there was no room beside it: only now is there any */
    }
}

static void hand_out_claims(struct wf_engine *engine)
{
    struct wf_slot *slot = engine->committer.claimed, *ordered = NULL;

    engine->committer.claimed = NULL;
    while (slot) { /* they were pushed: turn them round */
        struct wf_slot *next = slot->next;

        slot->next = ordered;
        ordered = slot;
        slot = next;
    }
    for (slot = ordered; slot; slot = slot->next) {
        move_claim(&slot->claim, &slot->op.claim);
    }
    if (wf_mailbox_put_all(&engine->mailbox, ordered)) {
        return;
    }
    while (ordered) {
        struct wf_slot *next = ordered->next;

        post_release(engine, ordered);
        ordered = next;
    }
}

static void ring(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_doorbell ready = wf_doorbell_ready(&engine->shared);
    struct wf_doorbell log = wf_doorbell_log(&engine->shared);
    bool work = committer->released > committer->claimed_count || committer->more_ready ||
                (committer->timers_changed && !committer->works);

    if (committer->unheard || (work && committer->gave_back)) { /* one might be this process */
        wf_doorbell_ring_all(&ready);
    } else if (work) {
        wf_doorbell_ring_one(&ready);
    }
    if (committer->appended || committer->unheard) {
        wf_doorbell_ring_all(&log);
    }
    committer->unheard = false;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* How fast steps end here, smoothed: what prefetch is measured by. */
static void measure(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;
    int64_t at_ns = now_ns();
    double elapsed_ms = (double)(at_ns - committer->drained_at_ns) / 1e6;

    if (!committer->works || !committer->finished) {
        return;
    }
    committer->drained_at_ns = at_ns;
    committer->drained_per_ms = committer->drained_per_ms * 0.8 +
                                0.2 * committer->finished / (elapsed_ms > 0.05 ? elapsed_ms : 0.05);
    wf_mailbox_prefetch(&engine->mailbox, committer->drained_per_ms);
}

/* A process that holds nothing renews no lease, and must not look as if it should. */
static void tell_holding(struct wf_engine *engine)
{
    struct wf_shared_process *entry = wf_liveness_self(&engine->liveness);

    if (entry && engine->committer.owner) {
        atomic_store(&entry->holding, wf_mailbox_claims(&engine->mailbox));
    }
}

static void publish(struct wf_engine *engine, struct wf_op *ops)
{
    ring(engine);
    wf_upkeep_timed_out(engine);
    WF_FAULT_POINT("log before answer");
    hand_out_claims(engine);
    settle_all(engine, ops);
    tell_holding(engine);
    measure(engine);
    wf_dispatcher_wake(engine);
}

/* ---- The loop ---- */

static struct wf_op *take_batch_locked(struct wf_committer *committer)
{
    struct wf_op *first = committer->first, *last = first;
    size_t count = 1, len = first ? wf_arena_len(first->arena) : 0;

    if (!first) {
        return NULL;
    }
    while (last->next && count < WF_BATCH_MAX && len < WF_BATCH_LEN_MAX) {
        last = last->next;
        len += wf_arena_len(last->arena);
        count++;
    }
    committer->first = last->next;
    if (!committer->first) {
        committer->last = NULL;
    }
    committer->queued_count -= (int)count;
    committer->queued_len -= len;
    last->next = NULL;
    pthread_cond_broadcast(&committer->room);
    return first;
}

/* Claims that wait behind busy threads while another process has some that are free go back to everybody. */
static void give_back_stale(struct wf_engine *engine)
{
    struct wf_slot *slot;

    if (!wf_liveness_idle_elsewhere(&engine->liveness)) {
        return;
    }
    slot = wf_mailbox_stale(&engine->mailbox, wf_clock_mono_ms() - STALE_MS);
    while (slot) {
        struct wf_slot *next = slot->next;

        wf_mailbox_ending(&engine->mailbox, slot);
        post_release(engine, slot);
        slot = next;
    }
}

/* Nothing could be written: those who wait are told, finished steps are kept for later. */
static void refuse(struct wf_engine *engine, struct wf_op *ops, const struct wf_error *error)
{
    for (struct wf_op *op = ops; op; op = op->next) {
        op->claim.run_id = 0;
        op->status = error->status;
        op->error = *error;
    }
    publish(engine, ops);
}

/* The others have waited as long as this process, or longer: also for the turn that it came late to. */
static void count_wait(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;
    int64_t waited_ms = wf_turnstile_waited_ms(&engine->turnstile);

    if (waited_ms > engine->lease_ms / 4) {
        int64_t since_ms = wf_clock_mono_ms() - waited_ms;

        committer->trying_mono_ms =
            since_ms < committer->trying_mono_ms ? since_ms : committer->trying_mono_ms;
    }
}

static void round_of(struct wf_engine *engine, struct wf_op *ops)
{
    struct wf_committer *committer = &engine->committer;
    struct wf_error error = {0};
    bool busy = (ops && ops->next) || /* who asks for one thing after the other is busy too */
                wf_clock_mono_ms() - atomic_load(&committer->reached_mono_ms) < LULL_MS;
    bool checkpoint;

    if (wf_turnstile_take(&engine->turnstile, TURN_WAIT_MS, &error)) {
        committer->released = committer->appended = committer->finished = 0;
        committer->ill = true;
        refuse(engine, ops, &error);
        return;
    }
    count_wait(engine);
    wf_gate_enter(&engine->gate);
    wf_transaction_run(engine, ops);
    checkpoint = wf_transaction_checkpoint_due(engine, busy);
    wf_gate_leave(&engine->gate);
    if (!checkpoint) {
        wf_turnstile_give(&engine->turnstile);
    }
    publish(engine, ops);
    if (checkpoint) { /* of which whoever waits for this commit need not know */
        wf_gate_enter(&engine->gate);
        wf_transaction_checkpoint(engine);
        wf_gate_leave(&engine->gate);
        wf_turnstile_give(&engine->turnstile);
    }
    committer->timers_changed &= committer->ill;
}

/* The last commit, after the queue is empty. Whoever cannot have his turn leaves it to the others. */
static void end(struct wf_engine *engine)
{
    struct wf_error error;

    if (wf_turnstile_take(&engine->turnstile, END_WAIT_MS, &error)) {
        return;
    }
    wf_gate_enter(&engine->gate);
    wf_transaction_end(engine);
    wf_gate_leave(&engine->gate);
    wf_turnstile_give(&engine->turnstile);
}

/* Before the next thing to do is looked for: a limit that is given meanwhile is not missed. */
static void set_alarm(struct wf_committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    committer->alarm_mono_ms = INT64_MAX;
    committer->wakes_mono_ms = INT64_MIN;
    pthread_mutex_unlock(&committer->mutex);
}

/* What a burst has built up and an idle process does not need goes back: spare slots, the store's cache. When, or
 * INT64_MAX: there is next to nothing. */
static int64_t trim_mono_ms(struct wf_engine *engine)
{
    return wf_mailbox_spare(&engine->mailbox) ? wf_clock_mono_ms() + TRIM_MS : INT64_MAX;
}

static void trim(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;

    if (!wf_mailbox_trim(&engine->mailbox)) {
        return; /* as many are in use: a worker of many threads */
    }
    wf_gate_enter(&engine->gate);
    if (committer->store) {
        engine->does->shrink(committer->store);
    }
    wf_gate_leave(&engine->gate);
    wf_memory_trim(); /* what was freed lies below what was not, and would stay */
}

/* Sleeps until something is to be done. false: the engine stops and the queue is empty. */
static bool await_work(struct wf_engine *engine, struct wf_op **ops)
{
    struct wf_committer *committer = &engine->committer;
    bool go_on, due = false;
    int64_t next_ms, trim_ms = trim_mono_ms(engine);

    set_alarm(committer);
    next_ms = wf_upkeep_next_mono_ms(engine);
    pthread_mutex_lock(&committer->mutex);
    while (!committer->first && !committer->poked && !committer->stopping && !due) {
        next_ms = committer->alarm_mono_ms < next_ms ? committer->alarm_mono_ms : next_ms;
        committer->wakes_mono_ms = next_ms;
        if (next_ms == INT64_MAX && trim_ms == INT64_MAX) {
            pthread_cond_wait(&committer->work, &committer->mutex);
        } else {
            struct timespec until = wf_clock_timespec(next_ms < trim_ms ? next_ms : trim_ms);
            bool late = wf_cond_wait_until(&committer->work, &committer->mutex, &until) != 0;

            due = wf_clock_mono_ms() >= next_ms;
            if (late && !due) {
                pthread_mutex_unlock(&committer->mutex);
                trim(engine);
                trim_ms = INT64_MAX;
                pthread_mutex_lock(&committer->mutex);
            }
        }
    }
    *ops = take_batch_locked(committer);
    committer->sweeping = wf_clock_mono_ms() >= committer->polled_mono_ms + WF_POLL_MS;
    committer->looking = committer->poked || committer->sweeping;
    committer->poked = false;
    memcpy(committer->name, committer->name_asked, sizeof(committer->name));
    go_on = *ops || !committer->stopping;
    pthread_mutex_unlock(&committer->mutex);
    committer->works = wf_mailbox_working(&engine->mailbox);
    if (committer->sweeping) {
        committer->polled_mono_ms = wf_clock_mono_ms();
    }
    return go_on;
}

static void begin_round(struct wf_committer *committer)
{
    int64_t now_ms = wf_clock_mono_ms();

    atomic_store(&committer->busy_mono_ms, now_ms);
    committer->trying_mono_ms = committer->trying_mono_ms ? committer->trying_mono_ms : now_ms;
}

/* A long round may have kept the others from the store, as it was kept: their next ones come after it, some of them later
 * than this process's own. */
static void end_round(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;
    int64_t now_ms = wf_clock_mono_ms();

    if (now_ms - committer->trying_mono_ms > engine->lease_ms / 4) {
        atomic_store(&committer->careful_until_mono_ms, now_ms + engine->lease_ms);
    }
    if (!committer->ill) {
        atomic_store(&committer->reached_mono_ms, now_ms);
        committer->trying_mono_ms = 0;
    }
    atomic_store(&committer->busy_mono_ms, 0);
}

bool wf_committer_round(struct wf_engine *engine)
{
    struct wf_op *ops;

    if (!await_work(engine, &ops)) {
        return false;
    }
    begin_round(&engine->committer);
    give_back_stale(engine);
    round_of(engine, ops);
    end_round(engine);
    if (engine->committer.ill || engine->committer.doubtful || engine->committer.posted_again) {
        struct timespec pause = {.tv_nsec = ASK_AGAIN_MS * 1000000L};

        nanosleep(&pause, NULL); /* the store is ill: do not ask it at full speed */
        if (engine->committer.ill || engine->committer.doubtful) {
            wf_committer_poke(engine); /* but again: what was due has not been done */
        }
        engine->committer.posted_again = false;
    }
    return true;
}

static void *run(void *context)
{
    struct wf_engine *engine = context;

    while (wf_committer_round(engine)) {
    }
    end(engine);
    return NULL;
}

/* ---- Life ---- */

void wf_committer_init(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;

    pthread_mutex_init(&committer->mutex, NULL);
    wf_cond_init(&committer->work);
    wf_cond_init(&committer->room);
    wf_state_init(&committer->state);
    committer->polled_mono_ms = -WF_POLL_MS; /* the first transaction looks at everything */
    committer->drained_at_ns = now_ns();
    atomic_store(&committer->reached_mono_ms, wf_clock_mono_ms());
}

enum wf_status wf_committer_start(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;

    if (wf_thread_start(&committer->thread, "wf-committer", run, engine)) {
        return wf_fail(error, WF_NO_MEMORY, "cannot start a thread");
    }
    committer->started = true;
    return WF_OK;
}

void wf_committer_stop(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;

    pthread_mutex_lock(&committer->mutex);
    committer->stopping = true;
    pthread_cond_broadcast(&committer->work);
    pthread_cond_broadcast(&committer->room);
    pthread_mutex_unlock(&committer->mutex);
    if (committer->started) {
        pthread_join(committer->thread, NULL);
        committer->started = false;
    }
}

void wf_committer_close_store(struct wf_engine *engine)
{
    engine->does->close(engine->committer.store);
    engine->committer.store = NULL;
}

void wf_committer_destroy(struct wf_engine *engine)
{
    struct wf_committer *committer = &engine->committer;

    wf_committer_close_store(engine);
    wf_state_destroy(&committer->state);
    wf_buffer_destroy(&committer->row);
    wf_buffer_destroy(&committer->encoded);
    wf_buffer_destroy(&committer->witness);
    pthread_cond_destroy(&committer->work);
    pthread_cond_destroy(&committer->room);
    pthread_mutex_destroy(&committer->mutex);
}
