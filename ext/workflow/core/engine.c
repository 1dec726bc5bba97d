/*
 * Puts the parts together and takes them apart. Reading order: open, stop, fork; then the hand and its
 * ops. The reads are in engine_read.c.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void before_fork(void *context)
{
    struct wf_engine *engine = context;

#ifdef WF_NO_GATE /* spec/native/fork_spec.rb shows what then happens */
    (void)engine;
#else
    wf_readers_interrupt(&engine->readers);
    wf_gate_close(&engine->gate);
    wf_readers_close(&engine->readers);
    wf_committer_close_store(engine);
#endif
    wf_health_before_fork(&engine->health);
}

static void in_parent(void *context)
{
    struct wf_engine *engine = context;

    wf_health_in_parent(&engine->health);
    wf_gate_open(&engine->gate);
}

/* What was queued is the parent's. The child closes the lock descriptor and never looks back. */
static void in_child(void *context)
{
    struct wf_engine *engine = context;

    atomic_store(&engine->forked, true);
    wf_health_in_child(&engine->health);
    wf_shared_abandon(&engine->shared);
}

/* The parts without threads. Inside the gate, since a fork must not come in the middle. */
static enum wf_status open_parts(struct wf_engine *engine, struct wf_error *error)
{
    enum wf_status status = wf_shared_open(&engine->shared, engine->path, error);

    if (status) {
        return status;
    }
    wf_turnstile_init(&engine->turnstile, &engine->shared);
    wf_liveness_init(&engine->liveness, &engine->shared);
    status = wf_liveness_join(&engine->liveness, error);
    if (!status) {
        status = wf_transaction_open(engine, error);
    }
    if (!status) {
        wf_engine_count_on(engine);
    }
    if (status) {
        wf_liveness_leave(&engine->liveness);
        wf_turnstile_destroy(&engine->turnstile);
        wf_shared_close(&engine->shared);
    }
    return status;
}

static void close_parts(struct wf_engine *engine)
{
    wf_gate_close(&engine->gate);
    wf_readers_close(&engine->readers);
    wf_committer_close_store(engine);
    wf_gate_open(&engine->gate);
    wf_fork_leave(&engine->fork);
    wf_liveness_leave(&engine->liveness);
    wf_turnstile_destroy(&engine->turnstile);
    wf_shared_release(&engine->shared);
}

static enum wf_status start_threads(struct wf_engine *engine, struct wf_error *error)
{
    enum wf_status status = wf_committer_start(engine, error);

    if (!status) {
        status = wf_dispatcher_start(engine, error);
    }
    if (status) {
        wf_committer_stop(engine);
        close_parts(engine);
    }
    return status;
}

static enum wf_status start_parts(struct wf_engine *engine, struct wf_error *error)
{
    enum wf_status status;

    wf_fork_join(&engine->fork);
    wf_gate_enter(&engine->gate);
    status = open_parts(engine, error);
    wf_gate_leave(&engine->gate);
    if (status) {
        wf_fork_leave(&engine->fork);
    }
    return status ? status : start_threads(engine, error);
}

static void free_parts(struct wf_engine *engine)
{
    wf_dispatcher_destroy(engine);
    wf_committer_destroy(engine);
    wf_readers_destroy(&engine->readers);
    wf_mailbox_destroy(&engine->mailbox);
    wf_health_destroy(&engine->health);
    wf_gate_destroy(&engine->gate);
    wf_shared_close(&engine->shared);
    free(engine->path);
    free(engine);
}

/* The log is a file that other processes open by the same path: not memory, not a URI, not nothing. */
static bool is_file_path(const char *path)
{
    return path[0] && path[0] != ':' && strncmp(path, "file:", 5) != 0;
}

enum wf_status wf_engine_open(struct wf_engine **opened, const struct wf_engine_options *options,
                              struct wf_error *error)
{
    struct wf_engine *engine = calloc(1, sizeof(*engine));
    enum wf_status status;

    *opened = NULL;
    if (!is_file_path(options->path)) {
        free(engine);
        return wf_fail(error, WF_STORE_UNAVAILABLE, "\"%s\" is not the path of a file",
                       options->path);
    }
    if (!engine || !(engine->path = strdup(options->path))) {
        free(engine);
        return wf_fail(error, WF_NO_MEMORY, "out of memory");
    }
    engine->lease_ms = options->lease_ms;
    engine->does = options->store;
    engine->pid = getpid();
    engine->shared.fd = -1;
    engine->fork = (struct wf_fork_member){
        .before = before_fork, .in_parent = in_parent, .in_child = in_child, .context = engine};
    wf_gate_init(&engine->gate);
    wf_mailbox_init(&engine->mailbox);
    wf_health_init(&engine->health);
    wf_readers_init(&engine->readers, engine->does, engine->path, &engine->file, &engine->gate);
    wf_committer_init(engine);
    wf_dispatcher_init(engine);
    status = start_parts(engine, error);
    if (status) {
        free_parts(engine);
        return status;
    }
    *opened = engine;
    return WF_OK;
}

/* What nobody took goes back untouched. */
static void give_back_queued(struct wf_engine *engine)
{
    struct wf_slot *slot = wf_mailbox_close(&engine->mailbox);

    while (slot) {
        struct wf_slot *next = slot->next;

        wf_mailbox_ending(&engine->mailbox, slot);
        wf_op_clear(&slot->op);
        slot->op.kind = WF_OP_RELEASE;
        wf_committer_post(engine, &slot->op);
        slot = next;
    }
}

/* The deadline is over and some steps still run: they are told as interrupted, and are anybody's. One
 * takeover reaches only so many of them. */
static void give_up_held(struct wf_engine *engine)
{
    struct wf_shared_process *self = wf_liveness_self(&engine->liveness);

    for (unsigned i = 0; i <= WF_SLOTS_MAX / WF_TAKEOVER_MAX; i++) {
        struct wf_op *op = wf_op_prepare(engine, NULL, WF_OP_TAKEOVER);

        if (op) {
            op->owner = atomic_load(&self->owner); /* the committer may be joining anew */
            op->entry = self;
            wf_committer_post(engine, op);
        }
    }
}

bool wf_engine_stop(struct wf_engine *engine, int64_t wait_ms)
{
    struct wf_doorbell log = wf_doorbell_log(&engine->shared);
    bool drained;

    if (atomic_load(&engine->forked) || atomic_exchange(&engine->stopped, true)) {
        return true;
    }
    wf_dispatcher_stop(engine);
    give_back_queued(engine);
    drained = wf_mailbox_drained(&engine->mailbox, wf_clock_mono_ms() + wait_ms);
    if (!drained) {
        give_up_held(engine);
    }
    wf_committer_stop(engine);
    wf_health_stop(&engine->health); /* until now it has said that the process stops */
    close_parts(engine);
    wf_doorbell_ring_all(&log); /* who follows the log hears that it is over */
    return drained;
}

void wf_engine_free(struct wf_engine *engine)
{
    if (atomic_load(&engine->forked)) {
        return;
    }
    free_parts(engine);
}

enum wf_status wf_engine_usable(const struct wf_engine *engine, struct wf_error *error)
{
    if (atomic_load(&engine->forked)) {
        return wf_fail(error, WF_FORKED,
                       "this engine belongs to process %d and this is its child %d",
                       (int)engine->pid, (int)getpid());
    }
    if (atomic_load(&engine->stopped)) {
        return wf_fail(error, WF_CLOSED, "the engine on %s is stopped", engine->path);
    }
    return WF_OK;
}

void wf_engine_work(struct wf_engine *engine, int threads, struct wf_bytes name)
{
    if (name.len) {
        wf_committer_name(engine, name);
    }
    wf_mailbox_threads(&engine->mailbox, threads);
    wf_liveness_works(&engine->liveness, threads);
    wf_committer_poke(engine);
    wf_dispatcher_wake(engine);
}

void wf_engine_quiet(struct wf_engine *engine)
{
    wf_liveness_works(&engine->liveness, 0);
    wf_mailbox_quiet(&engine->mailbox);
}

void wf_engine_hurry(struct wf_engine *engine)
{
    wf_mailbox_hurry(&engine->mailbox);
}

bool wf_engine_leads(struct wf_engine *engine)
{
    return wf_engine_usable(engine, NULL) == WF_OK && wf_shared_intact(&engine->shared) &&
           wf_shared_lock_try(&engine->shared, WF_LOCK_LEAD);
}

void wf_engine_resign(struct wf_engine *engine)
{
    if (wf_engine_usable(engine, NULL) == WF_OK) {
        wf_shared_unlock(&engine->shared, WF_LOCK_LEAD);
    }
}

void wf_engine_travel(struct wf_engine *engine, int64_t ms)
{
    atomic_fetch_add(&engine->clock.offset_ms, ms);
    wf_committer_poke(engine);
}

/* ---- The hand ---- */

enum wf_status wf_hand_take(struct wf_hand *hand, int64_t wait_ms)
{
    if (atomic_load(&hand->engine->forked)) {
        return WF_FORKED;
    }
    return wf_mailbox_take(&hand->engine->mailbox, &hand->taker, wait_ms, &hand->slot);
}

enum wf_status wf_hand_await(struct wf_hand *hand, int64_t wait_ms)
{
    if (atomic_load(&hand->engine->forked)) {
        return WF_FORKED;
    }
    return wf_mailbox_await(&hand->engine->mailbox, &hand->taker, wait_ms);
}

void wf_hand_enter(struct wf_hand *hand)
{
    struct wf_engine *engine = hand->engine;
    int64_t entered_ms;

    if (atomic_load(&engine->forked)) {
        return;
    }
    entered_ms = wf_clock_wall_ms(&engine->clock); /* before what its limit is counted from */
    hand->slot->checked_mono_ms = wf_clock_mono_ms();
    atomic_store(&hand->slot->entered_mono_ms, hand->slot->checked_mono_ms);
    atomic_store(&hand->slot->entered_ms, entered_ms);
    wf_liveness_enter(&engine->liveness, hand->slot->index,
                      wf_liveness_turn(hand->slot->claim.run_id, hand->slot->claim.step,
                                       hand->slot->claim.fence));
}

void wf_hand_met(struct wf_hand *hand)
{
    hand->slot->claim.met = true;
}

void wf_hand_part(struct wf_hand *hand, struct wf_bytes reason)
{
    size_t len = reason.len < WF_NAME_LEN_MAX ? reason.len : WF_NAME_LEN_MAX;

    memcpy(hand->slot->parting, reason.ptr, len);
    hand->slot->parting[len] = '\0';
}

const struct wf_claim *wf_hand_claim(const struct wf_hand *hand)
{
    return hand->slot && hand->slot->claim.run_id ? &hand->slot->claim : NULL;
}

/* The slot leaves the hand: whatever it held is no longer being run here. */
static struct wf_slot *let_go(struct wf_hand *hand)
{
    struct wf_slot *slot = hand->slot;

    wf_liveness_exit(&hand->engine->liveness, slot->index);
    hand->slot = NULL;
    return slot;
}

/* What the hand held is the parent's: the child must touch neither its locks nor its entered bytes. */
static bool forget_after_fork(const struct wf_engine *engine, struct wf_hand *hand)
{
    bool forked = atomic_load(&engine->forked);

    if (forked && hand) {
        hand->slot = NULL;
    }
    return forked;
}

static void end_untold(struct wf_hand *hand,
                       void (*end)(struct wf_engine *engine, struct wf_slot *slot))
{
    struct wf_engine *engine = hand->engine;
    struct wf_slot *slot;

    if (forget_after_fork(engine, hand) || !hand->slot) {
        return;
    }
    slot = let_go(hand);
    if (slot->claim.run_id) {
        end(engine, slot);
    } else {
        wf_mailbox_free(&engine->mailbox, slot);
    }
}

void wf_hand_give_back(struct wf_hand *hand)
{
    end_untold(hand, wf_committer_give_back);
}

void wf_hand_doubt(struct wf_hand *hand)
{
    end_untold(hand, wf_committer_doubt);
}

/* ---- Ops ---- */

static struct wf_op *new_op(void)
{
    struct wf_op *op = calloc(1, sizeof(*op));

    if (op) {
        wf_op_init(op);
    }
    return op;
}

struct wf_op *wf_op_prepare(struct wf_engine *engine, struct wf_hand *hand, enum wf_op_kind kind)
{
    struct wf_op *op;

    if (forget_after_fork(engine, hand)) {
        return NULL;
    }
    if (hand && !hand->slot) {
        hand->slot = wf_mailbox_reserve(&engine->mailbox);
        if (!hand->slot) {
            return NULL;
        }
    }
    op = hand ? &hand->slot->op : new_op();
    if (op) {
        wf_op_clear(op);
        op->kind = kind;
        op->slot = hand ? hand->slot : NULL;
        op->command.started_ms = hand ? atomic_load(&hand->slot->entered_ms) : 0;
    }
    return op;
}

struct wf_bytes wf_op_keep(struct wf_op *op, struct wf_bytes bytes)
{
    struct wf_bytes kept = wf_arena_copy(&op->arena, bytes);

    op->cut |= kept.len != bytes.len;
    return kept;
}

enum wf_status wf_op_post(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op)
{
    if (forget_after_fork(engine, hand)) {
        return WF_FORKED;
    }
    if (op->cut) {
        return WF_NO_MEMORY;
    }
    wf_mailbox_ending(&engine->mailbox, let_go(hand));
    wf_committer_post(engine, op);
    return WF_OK;
}

enum wf_status wf_op_wait(struct wf_engine *engine, struct wf_op *op, struct wf_taker *taker,
                          int64_t wait_ms)
{
    if (atomic_load(&engine->forked)) {
        return WF_FORKED;
    }
    if (op->cut) { /* else the rest would be recorded as if it were all */
        op->status = wf_fail(&op->error, WF_NO_MEMORY, "out of memory");
        return WF_OK;
    }
    return wf_committer_wait(engine, op, &taker->interrupted, wait_ms);
}

void wf_op_interrupt(struct wf_engine *engine, struct wf_op *op, struct wf_taker *taker)
{
    pthread_mutex_lock(&engine->committer.mutex);
    taker->interrupted = true;
    pthread_cond_broadcast(&op->settled);
    pthread_cond_broadcast(&engine->committer.room);
    pthread_mutex_unlock(&engine->committer.mutex);
}

static void free_op(struct wf_op *op)
{
    wf_op_destroy(op);
    free(op);
}

void wf_op_finish(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op)
{
    if (forget_after_fork(engine, hand)) {
        return;
    }
    if (!op->slot) {
        free_op(op);
        return;
    }
    if (op->kind == WF_OP_TELL) {
        return; /* it changed nothing of what the hand holds */
    }
    if (!atomic_load(&op->slot->entered_ms)) {
        wf_liveness_exit(&engine->liveness, op->slot->index);
    }
    if (op->slot->claim.run_id) {
        wf_mailbox_hold(&engine->mailbox, op->slot);
    } else {
        hand->slot = NULL;
        wf_mailbox_free(&engine->mailbox, op->slot);
    }
}

void wf_op_abandon(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op)
{
    bool committers;

    if (forget_after_fork(engine, hand)) {
        return;
    }
    pthread_mutex_lock(&engine->committer.mutex);
    committers = op->posted && !op->done;
    op->abandoned = committers;
    if (committers && op->slot) {
        let_go(hand); /* before the mutex is left: then op and slot are the committer's */
    }
    pthread_mutex_unlock(&engine->committer.mutex);
    if (committers) {
        return;
    }
    if (op->slot && (op->kind == WF_OP_CLAIM_WAIT || op->kind == WF_OP_CLAIM_STEP)) {
        wf_hand_give_back(hand); /* nobody has heard of it */
    } else if (op->slot && (op->kind != WF_OP_TELL || !op->done)) {
        wf_hand_doubt(hand);
    } else if (!op->slot) {
        free_op(op);
    }
}
