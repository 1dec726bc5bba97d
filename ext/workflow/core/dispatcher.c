#include "dispatcher.h"

#include <stdlib.h>

#include "engine.h"
#include "thread.h"

#define TICK_MS 250 /* how soon a freed byte is seen */

/* Has the committer take over, and waits for it: the dead one's byte is held meanwhile. */
static bool take_over(void *context, enum wf_peer peer, int index, struct wf_shared_process *entry)
{
    struct wf_engine *engine = context;
    int64_t owner = atomic_load(&entry->owner); /* once: it may leave meanwhile */
    bool done = false, interrupted = false, more = true;

    (void)index;
    if (!owner || peer == WF_PEER_ALIVE ||
        (peer == WF_PEER_EXPIRED &&
         wf_clock_mono_ms() < atomic_load(&engine->committer.careful_until_mono_ms))) {
        return false;
    }
    while (more) {
        struct wf_op *op = wf_op_prepare(engine, NULL, WF_OP_TAKEOVER);

        atomic_store(&engine->dispatcher.ticked_mono_ms, wf_clock_mono_ms());

        if (!op) {
            return false;
        }
        op->owner = owner;
        op->dead = peer == WF_PEER_DEAD;
        op->entry = entry;
        if (wf_committer_wait(engine, op, &interrupted, engine->lease_ms)) {
            wf_op_abandon(engine, NULL, op);
            return false;
        }
        done = op->status == WF_OK;
        more = done && op->more;
        wf_op_finish(engine, NULL, op);
    }
    return done;
}

/* A gap between two ticks says that this process was itself stopped or starved: others may have been as well, and get one
 * full lease before their claims are taken. The committer sees to it after a long wait for the store. */
static void watch(struct wf_engine *engine, int64_t *ticked_ms)
{
    int64_t now_ms = wf_clock_mono_ms();

    if (now_ms - *ticked_ms > engine->lease_ms / 4 + TICK_MS) {
        atomic_store(&engine->committer.careful_until_mono_ms, now_ms + engine->lease_ms);
    }
    *ticked_ms = now_ms; /* from before the scan: it may be stopped in there */
    wf_liveness_scan(&engine->liveness, now_ms, take_over, engine);
}

/* With room for a step: on the doorbell. Without: until there is room, or the tick is over. */
static void listen(struct wf_engine *engine, uint32_t seen)
{
    struct wf_dispatcher *dispatcher = &engine->dispatcher;
    struct wf_doorbell bell = wf_doorbell_ready(&engine->shared);
    struct timespec until = wf_clock_timespec(wf_clock_mono_ms() + TICK_MS);
    bool late = false;

    pthread_mutex_lock(&dispatcher->mutex);
    dispatcher->woken = false;
    pthread_mutex_unlock(&dispatcher->mutex);
    if (wf_mailbox_room(&engine->mailbox)) {
        wf_doorbell_wait(&bell, seen, TICK_MS);
        return;
    }
    pthread_mutex_lock(&dispatcher->mutex);
    while (!dispatcher->woken && !dispatcher->stopping && !late) {
        late = wf_cond_wait_until(&dispatcher->changed, &dispatcher->mutex, &until) != 0;
    }
    pthread_mutex_unlock(&dispatcher->mutex);
}

static bool is_stopping(struct wf_dispatcher *dispatcher)
{
    bool stopping;

    pthread_mutex_lock(&dispatcher->mutex);
    stopping = dispatcher->stopping;
    pthread_mutex_unlock(&dispatcher->mutex);
    return stopping;
}

static void *run(void *context)
{
    struct wf_engine *engine = context;
    struct wf_doorbell bell = wf_doorbell_ready(&engine->shared);
    uint32_t seen = wf_doorbell_read(&bell);
    int64_t ticked_ms = wf_clock_mono_ms();

    while (!is_stopping(&engine->dispatcher)) {
        uint32_t now;

        atomic_store(&engine->dispatcher.ticked_mono_ms, wf_clock_mono_ms());
        listen(engine, seen);
        now = wf_doorbell_read(&bell);
        if (now != seen && wf_mailbox_room(&engine->mailbox)) {
            seen = now;
            wf_committer_poke(engine);
        }
        if (wf_clock_mono_ms() - ticked_ms >= TICK_MS) {
            watch(engine, &ticked_ms);
        }
    }
    return NULL;
}

void wf_dispatcher_wake(struct wf_engine *engine)
{
    struct wf_dispatcher *dispatcher = &engine->dispatcher;

    if (!wf_mailbox_room(&engine->mailbox)) {
        return;
    }
    pthread_mutex_lock(&dispatcher->mutex);
    if (!dispatcher->woken) {
        dispatcher->woken = true;
        pthread_cond_signal(&dispatcher->changed);
    }
    pthread_mutex_unlock(&dispatcher->mutex);
}

void wf_dispatcher_init(struct wf_engine *engine)
{
    struct wf_dispatcher *dispatcher = &engine->dispatcher;

    pthread_mutex_init(&dispatcher->mutex, NULL);
    wf_cond_init(&dispatcher->changed);
    atomic_store(&dispatcher->ticked_mono_ms, wf_clock_mono_ms());
}

enum wf_status wf_dispatcher_start(struct wf_engine *engine, struct wf_error *error)
{
    struct wf_dispatcher *dispatcher = &engine->dispatcher;

    if (wf_thread_start(&dispatcher->thread, "wf-dispatcher", run, engine)) {
        return wf_fail(error, WF_NO_MEMORY, "cannot start a thread");
    }
    dispatcher->started = true;
    return WF_OK;
}

void wf_dispatcher_stop(struct wf_engine *engine)
{
    struct wf_dispatcher *dispatcher = &engine->dispatcher;
    struct wf_doorbell bell = wf_doorbell_ready(&engine->shared);

    if (!dispatcher->started) {
        return;
    }
    pthread_mutex_lock(&dispatcher->mutex);
    dispatcher->stopping = true;
    pthread_cond_signal(&dispatcher->changed);
    pthread_mutex_unlock(&dispatcher->mutex);
    wf_doorbell_nudge(&bell);
    pthread_join(dispatcher->thread, NULL);
    dispatcher->started = false;
}

void wf_dispatcher_destroy(struct wf_engine *engine)
{
    pthread_cond_destroy(&engine->dispatcher.changed);
    pthread_mutex_destroy(&engine->dispatcher.mutex);
}
