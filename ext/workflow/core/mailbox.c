#include "mailbox.h"

#include <stdlib.h>

#include "clock.h"
#include "thread.h"

#define DRAIN_MS 20
#define PREFETCH_MAX 512
#define SLOTS_KEPT 64                           /* by a process with nothing to do */
#define WORKER_SLOTS_MAX (WF_SLOTS_MAX / 4 * 3) /* the others are callers' */

void wf_mailbox_init(struct wf_mailbox *mailbox)
{
    *mailbox = (struct wf_mailbox){0};
    pthread_mutex_init(&mailbox->mutex, NULL);
    wf_cond_init(&mailbox->filled);
    wf_cond_init(&mailbox->emptied);
    wf_cond_init(&mailbox->replaced);
}

static void free_slot(struct wf_slot *slot)
{
    wf_op_destroy(&slot->op);
    wf_claim_destroy(&slot->claim);
    wf_limit_clear(&slot->limit);
    free(slot);
}

void wf_mailbox_destroy(struct wf_mailbox *mailbox)
{
    for (int i = 0; i < mailbox->slot_count; i++) {
        free_slot(mailbox->slots[i]);
    }
    pthread_cond_destroy(&mailbox->filled);
    pthread_cond_destroy(&mailbox->emptied);
    pthread_cond_destroy(&mailbox->replaced);
    pthread_mutex_destroy(&mailbox->mutex);
}

bool wf_mailbox_spare(struct wf_mailbox *mailbox)
{
    bool spare;

    pthread_mutex_lock(&mailbox->mutex);
    spare = mailbox->slot_count > SLOTS_KEPT;
    pthread_mutex_unlock(&mailbox->mutex);
    return spare;
}

bool wf_mailbox_trim(struct wf_mailbox *mailbox)
{
    int count;

    pthread_mutex_lock(&mailbox->mutex);
    count = mailbox->slot_count;
    while (mailbox->slot_count > SLOTS_KEPT &&
           mailbox->slots[mailbox->slot_count - 1]->place == WF_SLOT_FREE) {
        free_slot(mailbox->slots[--mailbox->slot_count]);
    }
    mailbox->free = NULL;
    mailbox->free_count = 0;
    for (int i = mailbox->slot_count - 1; i >= 0; i--) {
        if (mailbox->slots[i]->place == WF_SLOT_FREE) {
            mailbox->slots[i]->next = mailbox->free;
            mailbox->free = mailbox->slots[i];
            mailbox->free_count++;
        }
    }
    count -= mailbox->slot_count;
    pthread_mutex_unlock(&mailbox->mutex);
    return count > 0;
}

static struct wf_slot *new_slot_locked(struct wf_mailbox *mailbox)
{
    struct wf_slot *slot;

    if (mailbox->slot_count == WF_SLOTS_MAX || !(slot = calloc(1, sizeof(*slot)))) {
        return NULL;
    }
    slot->index = mailbox->slot_count;
    wf_op_init(&slot->op);
    slot->op.slot = slot;
    mailbox->slots[mailbox->slot_count++] = slot;
    return slot;
}

static struct wf_slot *reserve_locked(struct wf_mailbox *mailbox, bool worker)
{
    struct wf_slot *slot = mailbox->free;

    if (slot) {
        mailbox->free = slot->next;
        mailbox->free_count--;
    } else {
        slot = new_slot_locked(mailbox);
    }
    if (slot) {
        slot->next = NULL;
        slot->place = WF_SLOT_RESERVED;
        slot->worker = worker;
        slot->told = slot->overdue = false;
        slot->checked_mono_ms = 0;
        slot->parting[0] = '\0';
        atomic_store(&slot->entered_ms, 0);
        atomic_store(&slot->timed_out, false);
        mailbox->worker_count += worker;
        mailbox->worker_slots += worker;
    }
    return slot;
}

struct wf_slot *wf_mailbox_reserve(struct wf_mailbox *mailbox)
{
    struct wf_slot *slot;

    pthread_mutex_lock(&mailbox->mutex);
    slot = mailbox->closed ? NULL : reserve_locked(mailbox, false);
    pthread_mutex_unlock(&mailbox->mutex);
    return slot;
}

/* Threads that are written off are replaced, once each. */
static int capacity_locked(const struct wf_mailbox *mailbox)
{
    return mailbox->threads +
           (mailbox->written_off < mailbox->threads ? mailbox->written_off : mailbox->threads);
}

/* A step that is to run alone fills the process: nothing is claimed beside it. */
static int room_locked(const struct wf_mailbox *mailbox)
{
    int capacity = capacity_locked(mailbox), most = WORKER_SLOTS_MAX;
    int room = capacity + mailbox->prefetch - mailbox->worker_count;
    int slots = (most > capacity ? most : capacity) - mailbox->worker_slots;

    if (mailbox->quiet || mailbox->closed || mailbox->threads == 0 || mailbox->alone) {
        return 0;
    }
    room = room < slots ? room : slots;
    return room > 0 ? room : 0;
}

struct wf_slot *wf_mailbox_reserve_workers(struct wf_mailbox *mailbox, int count)
{
    struct wf_slot *slots = NULL, **last = &slots;
    int room;

    pthread_mutex_lock(&mailbox->mutex);
    room = room_locked(mailbox);
    for (int i = 0; i < count && i < room && (*last = reserve_locked(mailbox, true)); i++) {
        last = &(*last)->next;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return slots;
}

/* The slot's thread is heard of again: it has left what it was written off for. */
static void back_locked(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    if (slot->written_off) {
        slot->written_off = false;
        mailbox->written_off--;
        pthread_cond_broadcast(&mailbox->replaced);
    }
}

static void leave_worker_locked(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    if (slot->worker && slot->place != WF_SLOT_ENDING) {
        mailbox->worker_count--;
    }
    if (slot->place == WF_SLOT_TAKEN && slot->worker) {
        mailbox->busy_count--;
    }
    if (mailbox->alone == slot) {
        mailbox->alone = NULL;
    }
    back_locked(mailbox, slot);
    wf_limit_clear(&slot->limit);
}

static void free_locked(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    leave_worker_locked(mailbox, slot);
    wf_claim_clear(&slot->claim);
    mailbox->worker_slots -= slot->worker;
    slot->place = WF_SLOT_FREE;
    slot->next = mailbox->free;
    mailbox->free = slot;
    mailbox->free_count++;
}

void wf_mailbox_free(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    slot->next = NULL;
    wf_mailbox_free_all(mailbox, slot);
}

void wf_mailbox_free_all(struct wf_mailbox *mailbox, struct wf_slot *slots)
{
    if (!slots) {
        return;
    }
    pthread_mutex_lock(&mailbox->mutex);
    while (slots) {
        struct wf_slot *next = slots->next;

        free_locked(mailbox, slots);
        slots = next;
    }
    pthread_cond_broadcast(&mailbox->emptied);
    pthread_mutex_unlock(&mailbox->mutex);
}

int wf_mailbox_room(struct wf_mailbox *mailbox)
{
    int room;

    pthread_mutex_lock(&mailbox->mutex);
    room = room_locked(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    return room;
}

bool wf_mailbox_saturated(struct wf_mailbox *mailbox)
{
    bool saturated;

    pthread_mutex_lock(&mailbox->mutex);
    saturated = mailbox->busy_count >= capacity_locked(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    return saturated;
}

bool wf_mailbox_working(struct wf_mailbox *mailbox)
{
    bool working;

    pthread_mutex_lock(&mailbox->mutex);
    working = mailbox->threads > 0;
    pthread_mutex_unlock(&mailbox->mutex);
    return working;
}

void wf_mailbox_threads(struct wf_mailbox *mailbox, int threads)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->threads = threads;
    mailbox->prefetch = threads;
    mailbox->quiet &= threads == 0; /* a worker after one that went quiet works */
    mailbox->hurried &= threads == 0;
    pthread_mutex_unlock(&mailbox->mutex);
}

void wf_mailbox_prefetch(struct wf_mailbox *mailbox, double drained_per_ms)
{
    double wanted = drained_per_ms * DRAIN_MS;

    pthread_mutex_lock(&mailbox->mutex);
    if (wanted < mailbox->threads) {
        wanted = mailbox->threads;
    }
    mailbox->prefetch = wanted < PREFETCH_MAX ? (int)wanted : PREFETCH_MAX;
    pthread_mutex_unlock(&mailbox->mutex);
}

static void alone_locked(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    if (slot->claim.alone) {
        mailbox->alone = slot;
    } else if (mailbox->alone == slot) {
        mailbox->alone = NULL;
    }
}

/* Somebody is to come, if there is something and nobody is on the way. */
static void call_locked(struct wf_mailbox *mailbox)
{
    if (!mailbox->first && mailbox->quiet) {
        pthread_cond_broadcast(&mailbox->filled); /* nothing will come any more */
    } else if (mailbox->first && !mailbox->coming) {
        pthread_cond_signal(&mailbox->filled);
    }
}

static void put_locked(struct wf_mailbox *mailbox, struct wf_slot *slot, bool first,
                       int64_t mono_ms)
{
    if (slot->place == WF_SLOT_ENDING) {
        mailbox->worker_count++; /* a `now` step after the one that just ended, in the same slot */
    }
    mailbox->busy_count -= slot->worker && slot->place == WF_SLOT_TAKEN;
    back_locked(mailbox, slot);
    slot->place = WF_SLOT_QUEUED;
    slot->queued_mono_ms = mono_ms;
    alone_locked(mailbox, slot);
    if (first || !mailbox->first) {
        slot->next = mailbox->first;
        mailbox->first = slot;
        mailbox->last = mailbox->last ? mailbox->last : slot;
    } else {
        slot->next = NULL;
        mailbox->last->next = slot;
        mailbox->last = slot;
    }
    mailbox->queued_count++;
}

static bool put(struct wf_mailbox *mailbox, struct wf_slot *slots, bool first)
{
    int64_t mono_ms = wf_clock_mono_ms();
    bool open;

    pthread_mutex_lock(&mailbox->mutex);
    open = !mailbox->closed;
    while (open && slots) {
        struct wf_slot *next = slots->next;

        put_locked(mailbox, slots, first, mono_ms);
        slots = next;
    }
    call_locked(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    return open;
}

bool wf_mailbox_put(struct wf_mailbox *mailbox, struct wf_slot *slot, bool first)
{
    slot->next = NULL;
    return put(mailbox, slot, first);
}

bool wf_mailbox_put_all(struct wf_mailbox *mailbox, struct wf_slot *slots)
{
    return !slots || put(mailbox, slots, false);
}

static struct wf_slot *shift_locked(struct wf_mailbox *mailbox)
{
    struct wf_slot *slot = mailbox->first;

    mailbox->first = slot->next;
    if (!mailbox->first) {
        mailbox->last = NULL;
    }
    slot->next = NULL;
    mailbox->queued_count--;
    return slot;
}

static void leave_locked(struct wf_mailbox *mailbox, const struct wf_taker *taker)
{
    if (mailbox->coming == taker) {
        mailbox->coming = NULL;
    }
}

static enum wf_status none_locked(const struct wf_mailbox *mailbox, const struct wf_taker *taker)
{
    if (taker->interrupted) {
        return WF_INTERRUPTED;
    }
    return mailbox->closed || (mailbox->quiet && !mailbox->first) ? WF_CLOSED : WF_TIMED_OUT;
}

enum wf_status wf_mailbox_await(struct wf_mailbox *mailbox, struct wf_taker *taker, int64_t wait_ms)
{
    struct timespec until = wf_clock_timespec(wf_clock_mono_ms() + wait_ms);
    enum wf_status status = WF_OK;
    bool late = wait_ms <= 0;

    pthread_mutex_lock(&mailbox->mutex);
    leave_locked(mailbox, taker);
    while ((!mailbox->first || mailbox->coming) && !taker->interrupted && !mailbox->closed &&
           !(mailbox->quiet && !mailbox->first) && !late) {
        late = wf_cond_wait_until(&mailbox->filled, &mailbox->mutex, &until) != 0;
    }
    if (mailbox->first && !mailbox->coming && !taker->interrupted) {
        mailbox->coming = taker;
    } else {
        status = none_locked(mailbox, taker);
        call_locked(mailbox); /* a signal may have been ours: pass it on */
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return status;
}

void wf_mailbox_leave(struct wf_mailbox *mailbox, struct wf_taker *taker)
{
    pthread_mutex_lock(&mailbox->mutex);
    leave_locked(mailbox, taker);
    call_locked(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
}

static enum wf_status take(struct wf_mailbox *mailbox, struct wf_taker *taker,
                           struct wf_slot **slot)
{
    enum wf_status status = WF_OK;

    pthread_mutex_lock(&mailbox->mutex);
    leave_locked(mailbox, taker);
    if (mailbox->first && !taker->interrupted) {
        *slot = shift_locked(mailbox);
        (*slot)->place = WF_SLOT_TAKEN;
        mailbox->busy_count += (*slot)->worker;
    } else {
        status = none_locked(mailbox, taker);
    }
    call_locked(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    return status;
}

enum wf_status wf_mailbox_take(struct wf_mailbox *mailbox, struct wf_taker *taker, int64_t wait_ms,
                               struct wf_slot **slot)
{
    int64_t until_ms = wait_ms > 0 ? wf_clock_mono_ms() + wait_ms : 0, left_ms = wait_ms;
    enum wf_status status;

    while ((status = take(mailbox, taker, slot)) == WF_TIMED_OUT && left_ms > 0) {
        wf_mailbox_await(mailbox, taker, left_ms);
        left_ms = until_ms - wf_clock_mono_ms();
    }
    return status;
}

void wf_mailbox_interrupt(struct wf_mailbox *mailbox, struct wf_taker *taker)
{
    pthread_mutex_lock(&mailbox->mutex);
    taker->interrupted = true;
    pthread_cond_broadcast(&mailbox->filled);
    pthread_cond_broadcast(&mailbox->replaced);
    pthread_mutex_unlock(&mailbox->mutex);
}

void wf_mailbox_hold(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    pthread_mutex_lock(&mailbox->mutex);
    slot->place = WF_SLOT_TAKEN;
    back_locked(mailbox, slot);
    pthread_mutex_unlock(&mailbox->mutex);
}

void wf_mailbox_goes_on(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    if (!slot->worker) {
        return;
    }
    pthread_mutex_lock(&mailbox->mutex);
    alone_locked(mailbox, slot);
    pthread_mutex_unlock(&mailbox->mutex);
}

void wf_mailbox_ending(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    pthread_mutex_lock(&mailbox->mutex);
    if (slot->worker && slot->place != WF_SLOT_ENDING) {
        mailbox->worker_count--;
        mailbox->busy_count -= slot->place == WF_SLOT_TAKEN;
    }
    slot->place = WF_SLOT_ENDING;
    back_locked(mailbox, slot);
    pthread_mutex_unlock(&mailbox->mutex);
}

void wf_mailbox_limit(struct wf_mailbox *mailbox, struct wf_slot *slot, struct wf_limit *limit)
{
    pthread_mutex_lock(&mailbox->mutex);
    wf_limit_clear(&slot->limit);
    slot->limit = *limit;
    pthread_mutex_unlock(&mailbox->mutex);
}

void wf_mailbox_write_off(struct wf_mailbox *mailbox, struct wf_slot *slot)
{
    pthread_mutex_lock(&mailbox->mutex);
    if (slot->place == WF_SLOT_TAKEN) { /* else its thread has come back meanwhile */
        atomic_store(&slot->timed_out, true);
        if (slot->worker && !slot->written_off) {
            slot->written_off = true;
            mailbox->written_off++;
            mailbox->alone = mailbox->alone == slot ? NULL : mailbox->alone;
            pthread_cond_broadcast(&mailbox->replaced);
        }
    }
    pthread_mutex_unlock(&mailbox->mutex);
}

enum wf_status wf_mailbox_written_off(struct wf_mailbox *mailbox, struct wf_taker *taker, int seen,
                                      int64_t wait_ms, int *written_off)
{
    struct timespec until = wf_clock_timespec(wf_clock_mono_ms() + wait_ms);
    enum wf_status status = WF_OK;
    bool late = wait_ms <= 0;

    pthread_mutex_lock(&mailbox->mutex);
    while (mailbox->written_off == seen && !taker->interrupted && !mailbox->closed &&
           !mailbox->quiet && !late) {
        late = wf_cond_wait_until(&mailbox->replaced, &mailbox->mutex, &until) != 0;
    }
    *written_off = mailbox->written_off;
    if (mailbox->written_off == seen) {
        status = taker->interrupted                  ? WF_INTERRUPTED
                 : mailbox->closed || mailbox->quiet ? WF_CLOSED
                                                     : WF_TIMED_OUT;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return status;
}

void wf_mailbox_hurry(struct wf_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->hurried = true;
    pthread_mutex_unlock(&mailbox->mutex);
}

bool wf_mailbox_hurried(struct wf_mailbox *mailbox)
{
    bool hurried;

    pthread_mutex_lock(&mailbox->mutex);
    hurried = mailbox->hurried;
    pthread_mutex_unlock(&mailbox->mutex);
    return hurried;
}

void wf_mailbox_quiet(struct wf_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->quiet = true;
    pthread_cond_broadcast(&mailbox->filled);
    pthread_cond_broadcast(&mailbox->replaced);
    pthread_mutex_unlock(&mailbox->mutex);
}

struct wf_slot *wf_mailbox_close(struct wf_mailbox *mailbox)
{
    struct wf_slot *queued;

    pthread_mutex_lock(&mailbox->mutex);
    mailbox->closed = true;
    queued = mailbox->first;
    mailbox->first = mailbox->last = NULL;
    mailbox->queued_count = 0;
    pthread_cond_broadcast(&mailbox->filled);
    pthread_cond_broadcast(&mailbox->replaced);
    pthread_mutex_unlock(&mailbox->mutex);
    return queued;
}

struct wf_slot *wf_mailbox_stale(struct wf_mailbox *mailbox, int64_t mono_ms)
{
    struct wf_slot *stale = NULL;

    pthread_mutex_lock(&mailbox->mutex);
    while (mailbox->busy_count >= capacity_locked(mailbox) && mailbox->first &&
           mailbox->first->queued_mono_ms < mono_ms) {
        struct wf_slot *slot = shift_locked(mailbox);

        slot->next = stale;
        stale = slot;
    }
    if (stale) {
        mailbox->prefetch = 0;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return stale;
}

bool wf_mailbox_holds(struct wf_mailbox *mailbox, int index, int64_t run_id, int step,
                      int64_t fence)
{
    bool holds = false;

    pthread_mutex_lock(&mailbox->mutex);
    if (index >= 0 && index < mailbox->slot_count && mailbox->slots[index]->place != WF_SLOT_FREE) {
        const struct wf_claim *claim = &mailbox->slots[index]->claim;

        holds =
            claim->run_id == run_id && (claim->step == step ? claim->fence == fence : claim->keeps);
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return holds;
}

int wf_mailbox_claims(struct wf_mailbox *mailbox)
{
    int count = 0;

    pthread_mutex_lock(&mailbox->mutex);
    for (int i = 0; i < mailbox->slot_count; i++) {
        count += mailbox->slots[i]->place != WF_SLOT_FREE && mailbox->slots[i]->claim.run_id != 0;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return count;
}

static int in_hand_locked(const struct wf_mailbox *mailbox)
{
    return mailbox->slot_count - mailbox->free_count;
}

int wf_mailbox_in_hand(struct wf_mailbox *mailbox)
{
    int count;

    pthread_mutex_lock(&mailbox->mutex);
    count = in_hand_locked(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    return count;
}

void wf_mailbox_count(struct wf_mailbox *mailbox, struct wf_mailbox_census *census)
{
    pthread_mutex_lock(&mailbox->mutex);
    *census = (struct wf_mailbox_census){.threads = mailbox->threads,
                                         .in_hand = in_hand_locked(mailbox),
                                         .quiet = mailbox->quiet || mailbox->closed};
    for (int i = 0; i < mailbox->slot_count; i++) {
        struct wf_slot *slot = mailbox->slots[i];
        int64_t entered_ms = atomic_load(&slot->entered_mono_ms);

        if (slot->place == WF_SLOT_TAKEN && atomic_load(&slot->entered_ms) &&
            (!census->oldest_entered_mono_ms || entered_ms < census->oldest_entered_mono_ms)) {
            census->oldest_entered_mono_ms = entered_ms;
        }
    }
    pthread_mutex_unlock(&mailbox->mutex);
}

/* A slot that a caller has reserved holds nothing before its append has claimed something. */
static bool counts(const struct wf_slot *slot, bool callers)
{
    if (slot->place == WF_SLOT_FREE) {
        return false;
    }
    return slot->worker ? !slot->written_off : callers && slot->claim.run_id;
}

int wf_mailbox_counted(struct wf_mailbox *mailbox, bool callers)
{
    int count = 0;

    pthread_mutex_lock(&mailbox->mutex);
    for (int i = 0; i < mailbox->slot_count; i++) {
        count += counts(mailbox->slots[i], callers);
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return count;
}

bool wf_mailbox_drained(struct wf_mailbox *mailbox, int64_t mono_ms)
{
    struct timespec until = wf_clock_timespec(mono_ms);
    bool drained, late = false;

    pthread_mutex_lock(&mailbox->mutex);
    while (!(drained = in_hand_locked(mailbox) == 0) && !late) {
        late = wf_cond_wait_until(&mailbox->emptied, &mailbox->mutex, &until) != 0;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return drained;
}

void wf_mailbox_each(struct wf_mailbox *mailbox, void (*each)(void *context, struct wf_slot *slot),
                     void *context)
{
    pthread_mutex_lock(&mailbox->mutex);
    for (int i = 0; i < mailbox->slot_count; i++) {
        if (mailbox->slots[i]->place != WF_SLOT_FREE) {
            each(context, mailbox->slots[i]);
        }
    }
    pthread_mutex_unlock(&mailbox->mutex);
}
