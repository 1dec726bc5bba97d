/*
 * An entry is in use while its owner is not 0; the byte of its index says whether that owner
 * lives. Only who holds the byte writes the entry: its process while alive, afterwards the one
 * scanner that got the byte. So an index comes free only when its entry was cleared, and nobody
 * inherits the entered bytes of a process whose steps were not yet looked after.
 *
 * Threads: join, announce, leave and scan on one thread at a time; the rest anywhere. No locks but
 * the bytes, of which `shared` must hold no more than this module takes (OFD locks do not count).
 */
#include "liveness.h"

#include <assert.h>
#include <unistd.h>

static void clear(struct wf_shared_process *entry);
static void look_at(struct wf_liveness *liveness, int index, int64_t mono_now_ms, wf_peer_fn *each,
                    void *context);

static long byte_of(int index)
{
    return WF_LOCK_LIVE + index;
}

static struct wf_shared_process *entry_of(const struct wf_liveness *liveness, int index)
{
    return &liveness->shared->map->processes[index];
}

void wf_liveness_init(struct wf_liveness *liveness, struct wf_shared *shared)
{
    liveness->shared = shared;
    liveness->index = -1;
}

/* Before the entry says anything. */
static void reach_to(struct wf_liveness *liveness, int index)
{
    _Atomic int32_t *reach = &liveness->shared->map->reach;
    int32_t seen = atomic_load(reach);

    while (seen <= index && !atomic_compare_exchange_weak(reach, &seen, index + 1)) {
    }
}

/* Of the file's two megabytes, what nobody uses is no page of anybody's memory. */
static int reach_of(const struct wf_liveness *liveness)
{
    int32_t reach = atomic_load(&liveness->shared->map->reach);

    return reach < (int32_t)WF_PROCESSES_MAX ? reach : (int)WF_PROCESSES_MAX;
}

enum wf_status wf_liveness_join(struct wf_liveness *liveness, struct wf_error *error)
{
    assert(liveness->index < 0);
    for (int i = 0; i < (int)WF_PROCESSES_MAX; i++) {
        struct wf_shared_process *entry = entry_of(liveness, i);

        if (atomic_load(&entry->owner) || !wf_shared_lock_try(liveness->shared, byte_of(i))) {
            continue;
        }
        if (!atomic_load(&entry->owner)) {
            liveness->index = i;
            reach_to(liveness, i);
            wf_liveness_works(liveness, 0);
            return WF_OK;
        }
        wf_shared_unlock(liveness->shared, byte_of(i)); /* one came and died in between */
    }
    return wf_fail(error, WF_TOO_LARGE, "more than %u processes use %s", WF_PROCESSES_MAX,
                   liveness->shared->path);
}

void wf_liveness_announce(struct wf_liveness *liveness, int64_t owner)
{
    struct wf_shared_process *self = wf_liveness_self(liveness);

    assert(self && owner);
    clear(self);
    atomic_store(&self->pid, (int32_t)getpid());
    atomic_store(&self->owner, owner);
}

void wf_liveness_leave(struct wf_liveness *liveness)
{
    if (liveness->index >= 0) {
        wf_liveness_works(liveness, 0);
        clear(entry_of(liveness, liveness->index));
        wf_shared_unlock(liveness->shared, byte_of(liveness->index));
        liveness->index = -1;
    }
}

struct wf_shared_process *wf_liveness_self(struct wf_liveness *liveness)
{
    return liveness->index < 0 ? NULL : entry_of(liveness, liveness->index);
}

void wf_liveness_scan(struct wf_liveness *liveness, int64_t mono_now_ms, wf_peer_fn *each,
                      void *context)
{
    for (int i = 0; i < reach_of(liveness); i++) {
        if (i != liveness->index && atomic_load(&entry_of(liveness, i)->owner)) {
            look_at(liveness, i, mono_now_ms, each, context);
        }
    }
}

bool wf_liveness_alive(struct wf_liveness *liveness, int64_t owner)
{
    for (int i = 0; owner && i < reach_of(liveness); i++) {
        if (atomic_load(&entry_of(liveness, i)->owner) != owner) {
            continue;
        }
        /* A process's own locks do not refuse it, so it would look dead to itself. */
        if (i == liveness->index || wf_shared_locked(liveness->shared, byte_of(i))) {
            return true;
        }
    }
    return false;
}

static int find(const struct wf_liveness *liveness, int64_t owner, int end)
{
    for (int i = 0; i < end; i++) {
        if (atomic_load(&entry_of(liveness, i)->owner) == owner) {
            return i;
        }
    }
    return -1;
}

bool wf_liveness_listed(const struct wf_liveness *liveness, int64_t owner)
{
    return find(liveness, owner, reach_of(liveness)) >= 0;
}

/* Asked in vain, it looks beyond the reach too: a machine that lost power may have kept the entry and not the header. */
bool wf_liveness_known(struct wf_liveness *liveness, int64_t owner)
{
    int index = find(liveness, owner, (int)WF_PROCESSES_MAX);

    if (index >= 0) {
        reach_to(liveness, index);
    }
    return index >= 0;
}

void wf_liveness_works(struct wf_liveness *liveness, int threads)
{
    struct wf_shared_process *self = wf_liveness_self(liveness);

    if (self) {
        atomic_store(&self->threads, threads);
    }
}

bool wf_liveness_attended(struct wf_liveness *liveness)
{
    for (int i = 0; i < reach_of(liveness); i++) {
        if (atomic_load(&entry_of(liveness, i)->threads) > 0 &&
            (i == liveness->index || wf_shared_locked(liveness->shared, byte_of(i)))) {
            return true;
        }
    }
    return false;
}

bool wf_liveness_idle_elsewhere(struct wf_liveness *liveness)
{
    for (int i = 0; i < reach_of(liveness); i++) {
        const struct wf_shared_process *entry = entry_of(liveness, i);

        if (i != liveness->index && atomic_load(&entry->threads) > atomic_load(&entry->holding) &&
            wf_shared_locked(liveness->shared, byte_of(i))) {
            return true;
        }
    }
    return false;
}

/* Runs whose ids follow each other lie far apart. */
uint64_t wf_liveness_turn(int64_t run_id, int step, int64_t fence)
{
    uint64_t run = (uint64_t)run_id * 0x9e3779b97f4a7c15u;

    return run + (uint64_t)fence * WF_STEPS_MAX + (uint64_t)step;
}

static uint16_t mark_of(uint64_t turn)
{
    return (uint16_t)(1 + turn % UINT16_MAX);
}

void wf_liveness_enter(struct wf_liveness *liveness, int slot, uint64_t turn)
{
    struct wf_shared_process *self = wf_liveness_self(liveness);

    assert(slot >= 0 && slot < (int)WF_SLOTS_MAX);
    if (self) { /* a step may outlast its engine */
        atomic_store(&self->entered[slot], mark_of(turn));
    }
}

void wf_liveness_exit(struct wf_liveness *liveness, int slot)
{
    struct wf_shared_process *self = wf_liveness_self(liveness);

    assert(slot >= 0 && slot < (int)WF_SLOTS_MAX);
    if (self) {
        atomic_store(&self->entered[slot], 0);
    }
}

bool wf_liveness_entered(const struct wf_shared_process *entry, int slot, uint64_t turn)
{
    return slot >= 0 && slot < (int)WF_SLOTS_MAX &&
           atomic_load(&entry->entered[slot]) == mark_of(turn);
}

/* The owner goes first: without one, nobody believes the rest. */
static void clear(struct wf_shared_process *entry)
{
    atomic_store(&entry->owner, 0);
    atomic_store(&entry->pid, 0);
    atomic_store(&entry->holding, 0);
    atomic_store(&entry->lease_until_ms, 0);
    for (unsigned i = 0; i < WF_SLOTS_MAX; i++) {
        atomic_store_explicit(&entry->entered[i], 0, memory_order_relaxed);
    }
}

static void look_at(struct wf_liveness *liveness, int index, int64_t mono_now_ms, wf_peer_fn *each,
                    void *context)
{
    struct wf_shared_process *entry = entry_of(liveness, index);

    if (wf_shared_lock_try(liveness->shared, byte_of(index))) {
        /* Another scanner may have cleared it before this one got the byte. */
        if (atomic_load(&entry->owner) && each(context, WF_PEER_DEAD, index, entry)) {
            clear(entry);
        }
        wf_shared_unlock(liveness->shared, byte_of(index));
    } else if (atomic_load(&entry->holding) > 0 &&
               atomic_load(&entry->lease_until_ms) < mono_now_ms) {
        each(context, WF_PEER_EXPIRED, index, entry);
    }
}
