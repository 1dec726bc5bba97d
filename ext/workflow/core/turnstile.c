/*
 * Take Q, take L, drop Q; on behalf of the taker, a helper does so blocking. What the two share is
 * the desk, on the heap: while `state` is WAITING the protocol is the helper's, otherwise the
 * taker's. That matters because OFD locks do not tell the threads of one description apart.
 *
 * A helper blocked in the kernel cannot be called back, so destroy leaves it behind: it keeps the
 * desk and the descriptor's number (which thus cannot become another file's under it), `shared`
 * gets a duplicate, and what the helper then acquires it unlocks at once. As both numbers are one
 * description, a `shared` whose turnstile was destroyed is to be closed, not given to another.
 * Locks: the desk's mutex guards all of the desk; never held in a lock call that blocks.
 */
#include "turnstile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "thread.h"

#define HELPER_STACK_LEN (256u << 10)

enum desk_state {
    DESK_IDLE,
    DESK_WAITING, /* the helper is asked to get L, or at it */
    DESK_HANDED,  /* L is held and the taker's */
    DESK_FAILED,  /* the system refused: `failure` */
};

struct wf_turnstile_desk {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t helper;
    struct wf_shared shared; /* a copy, for its descriptor's number */
    enum desk_state state;
    int failure;
    bool wanted;   /* a taker waits for L */
    bool stopping; /* the turnstile is gone */
    bool orphaned; /* it did not wait: the helper frees desk and descriptor */
};

static bool take_at_once(struct wf_turnstile *turnstile);
static enum wf_status take_through_helper(struct wf_turnstile *turnstile, int64_t until_ms,
                                          struct wf_error *error);
static enum wf_status refuse(struct wf_turnstile *turnstile, struct wf_error *error);
static enum wf_status refuse_lost(struct wf_turnstile *turnstile, struct wf_error *error);
static void leave_behind_locked(struct wf_turnstile_desk *desk, struct wf_shared *shared);
static void desk_free(struct wf_turnstile_desk *desk);

void wf_turnstile_init(struct wf_turnstile *turnstile, struct wf_shared *shared)
{
    turnstile->shared = shared;
    turnstile->desk = NULL;
    turnstile->held = false;
    atomic_init(&turnstile->waited_ms, 0);
}

void wf_turnstile_destroy(struct wf_turnstile *turnstile)
{
    struct wf_turnstile_desk *desk = turnstile->desk;
    bool join;

    if (turnstile->held) {
        wf_turnstile_give(turnstile);
    }
    if (!desk) {
        return;
    }
    turnstile->desk = NULL;
    pthread_mutex_lock(&desk->mutex);
    desk->stopping = true;
    join = desk->state != DESK_WAITING;
    if (!join) {
        leave_behind_locked(desk, turnstile->shared);
    }
    pthread_cond_broadcast(&desk->changed);
    pthread_mutex_unlock(&desk->mutex);
    if (join) {
        pthread_join(desk->helper, NULL);
        desk_free(desk);
    }
}

/* Whoever came too late to wait for most of a long turn has found the store out of reach for all of it. */
static int64_t earlier_turn(const struct wf_shared_map *map, int64_t since_ms)
{
    int64_t held_ms = atomic_load(&map->holder_pid) ? atomic_load(&map->holder_since_ms) : since_ms;

    return held_ms < since_ms ? held_ms : since_ms;
}

enum wf_status wf_turnstile_take(struct wf_turnstile *turnstile, int64_t wait_ms,
                                 struct wf_error *error)
{
    struct wf_shared_map *map = turnstile->shared->map;
    int64_t since_ms = wf_clock_mono_ms(), until_ms = since_ms + wait_ms, now_ms;
    enum wf_status status = WF_OK;

    assert(!turnstile->held);
    if (!take_at_once(turnstile)) {
        since_ms = earlier_turn(map, since_ms);
        status = take_through_helper(turnstile, until_ms, error);
    }
    if (status == WF_OK && !wf_shared_intact(turnstile->shared)) {
        status = refuse_lost(turnstile, error);
    }
    now_ms = wf_clock_mono_ms();
    atomic_store(&turnstile->waited_ms, now_ms - since_ms);
    if (status == WF_OK) {
        turnstile->held = true;
        atomic_store(&map->holder_since_ms, now_ms);
        atomic_store(&map->holder_pid, (int32_t)getpid());
    }
    return status;
}

void wf_turnstile_give(struct wf_turnstile *turnstile)
{
    assert(turnstile->held);
    turnstile->held = false;
    atomic_store(&turnstile->shared->map->holder_pid, 0);
    wf_shared_unlock(turnstile->shared, WF_LOCK_STORE);
}

int64_t wf_turnstile_waited_ms(const struct wf_turnstile *turnstile)
{
    return atomic_load(&turnstile->waited_ms);
}

static bool helper_is_waiting(struct wf_turnstile_desk *desk)
{
    bool waiting;

    if (!desk) {
        return false;
    }
    pthread_mutex_lock(&desk->mutex);
    waiting = desk->state == DESK_WAITING;
    pthread_mutex_unlock(&desk->mutex);
    return waiting;
}

/* If only L was refused, Q stays taken: the helper goes on from there, and nobody gets past. */
static bool take_at_once(struct wf_turnstile *turnstile)
{
    struct wf_shared *shared = turnstile->shared;

    if (helper_is_waiting(turnstile->desk) || !wf_shared_lock_try(shared, WF_LOCK_QUEUE) ||
        !wf_shared_lock_try(shared, WF_LOCK_STORE)) {
        return false;
    }
    wf_shared_unlock(shared, WF_LOCK_QUEUE);
    return true;
}

static void *helper_run(void *argument);

/* Synchronous signals stay open: blocked, a fault would end the process without a word. */
static bool helper_start(struct wf_turnstile_desk *desk)
{
    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t blocked, before;
    pthread_attr_t attributes;
    bool started;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++) {
        sigdelset(&blocked, synchronous[i]);
    }
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    pthread_attr_setstacksize(&attributes, HELPER_STACK_LEN);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    started = pthread_create(&desk->helper, &attributes, helper_run, desk) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static struct wf_turnstile_desk *desk_new(const struct wf_shared *shared)
{
    struct wf_turnstile_desk *desk = calloc(1, sizeof(*desk));

    if (!desk) {
        return NULL;
    }
    desk->shared = *shared;
    pthread_mutex_init(&desk->mutex, NULL);
    wf_cond_init(&desk->changed);
    if (!helper_start(desk)) {
        desk_free(desk);
        return NULL;
    }
    return desk;
}

static void desk_free(struct wf_turnstile_desk *desk)
{
    pthread_cond_destroy(&desk->changed);
    pthread_mutex_destroy(&desk->mutex);
    free(desk);
}

/* False once the time is up. */
static bool wait_locked(struct wf_turnstile_desk *desk, int64_t until_ms)
{
    struct timespec until = wf_clock_timespec(until_ms);

    return wf_cond_wait_until(&desk->changed, &desk->mutex, &until) != ETIMEDOUT;
}

/* Asks the helper, or joins a wait that an earlier take gave up. What it holds by then comes along,
 * even if the time is up. */
static enum desk_state ask_helper(struct wf_turnstile_desk *desk, int64_t until_ms, int *failure)
{
    enum desk_state state;

    pthread_mutex_lock(&desk->mutex);
    desk->state = DESK_WAITING;
    desk->wanted = true;
    pthread_cond_broadcast(&desk->changed);
    while (desk->state == DESK_WAITING && wait_locked(desk, until_ms)) {
    }
    state = desk->state;
    *failure = desk->failure;
    desk->wanted = false;
    if (state != DESK_WAITING) {
        desk->state = DESK_IDLE;
    }
    pthread_mutex_unlock(&desk->mutex);
    return state;
}

static enum wf_status take_through_helper(struct wf_turnstile *turnstile, int64_t until_ms,
                                          struct wf_error *error)
{
    int failure = 0;

    if (until_ms <= wf_clock_mono_ms() && !helper_is_waiting(turnstile->desk)) {
        wf_shared_unlock(turnstile->shared, WF_LOCK_QUEUE); /* nobody is going to wait */
        return refuse(turnstile, error);
    }
    if (!turnstile->desk) {
        turnstile->desk = desk_new(turnstile->shared);
    }
    if (!turnstile->desk) {
        wf_shared_unlock(turnstile->shared, WF_LOCK_QUEUE);
        return wf_fail(error, WF_STORE_UNAVAILABLE,
                       "the store is busy, and the thread to wait for it cannot be started: the "
                       "system or this user has too many threads");
    }
    switch (ask_helper(turnstile->desk, until_ms, &failure)) {
    case DESK_HANDED:
        return WF_OK;
    case DESK_FAILED:
        return wf_fail(error, WF_STORE_UNAVAILABLE, "cannot lock %s: %s", turnstile->shared->path,
                       strerror(failure));
    case DESK_WAITING:
    case DESK_IDLE:
        break;
    }
    return refuse(turnstile, error);
}

/* The path comes last, where a long one can be cut. */
static enum wf_status refuse(struct wf_turnstile *turnstile, struct wf_error *error)
{
    struct wf_shared_map *map = turnstile->shared->map;
    int holder = atomic_load(&map->holder_pid);
    long long held_ms = wf_clock_mono_ms() - atomic_load(&map->holder_since_ms);

    if (holder) {
        return wf_fail(
            error, WF_STORE_UNAVAILABLE,
            "process %d has been writing for %lld ms, others had to give up (end it if it is "
            "stopped): %s",
            holder, held_ms, turnstile->shared->path);
    }
    return wf_fail(error, WF_STORE_UNAVAILABLE,
                   "the process whose turn it is does not take it (look for one that is stopped, "
                   "and end it): %s",
                   turnstile->shared->path);
}

/* Whoever came since has made a file of his own, and takes turns there: his locks and ours exclude nobody. The new one is
 * not mapped instead, since others of us may still be at the old one. */
static enum wf_status refuse_lost(struct wf_turnstile *turnstile, struct wf_error *error)
{
    wf_shared_unlock(turnstile->shared, WF_LOCK_STORE);
    return wf_fail_moved(error, turnstile->shared->path);
}

static void leave_behind_locked(struct wf_turnstile_desk *desk, struct wf_shared *shared)
{
    desk->orphaned = true;
    pthread_detach(desk->helper);
    /* If no duplicate can be had (-1), the locks go when the helper ends, or the process. */
    shared->fd = fcntl(desk->shared.fd, F_DUPFD_CLOEXEC, 0);
    /* It may stand at L with Q in hand, and would hold up everybody else. */
    wf_shared_unlock(&desk->shared, WF_LOCK_QUEUE);
}

static void name_thread(void)
{
#ifdef __APPLE__
    pthread_setname_np("wf-turnstile");
#else
    pthread_setname_np(pthread_self(), "wf-turnstile");
#endif
}

static bool is_stopping(struct wf_turnstile_desk *desk)
{
    bool stopping;

    pthread_mutex_lock(&desk->mutex);
    stopping = desk->stopping;
    pthread_mutex_unlock(&desk->mutex);
    return stopping;
}

static int wait_for(struct wf_turnstile_desk *desk, long offset)
{
    while (!wf_shared_lock_wait(&desk->shared, offset)) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* Without the mutex: blocks in the kernel for as long as others take. */
static int acquire(struct wf_turnstile_desk *desk)
{
    int failure = wait_for(desk, WF_LOCK_QUEUE);

    if (!failure && !is_stopping(desk)) {
        failure = wait_for(desk, WF_LOCK_STORE);
    }
    wf_shared_unlock(&desk->shared, WF_LOCK_QUEUE);
    return failure;
}

static void settle_locked(struct wf_turnstile_desk *desk, int failure)
{
    desk->failure = failure;
    if (desk->wanted) {
        desk->state = failure ? DESK_FAILED : DESK_HANDED;
    } else {
        wf_shared_unlock(&desk->shared, WF_LOCK_STORE);
        desk->state = DESK_IDLE;
    }
    pthread_cond_broadcast(&desk->changed);
}

static void *helper_run(void *argument)
{
    struct wf_turnstile_desk *desk = argument;
    bool orphaned;

    name_thread();
    pthread_mutex_lock(&desk->mutex);
    while (!desk->stopping) {
        if (desk->state == DESK_WAITING) {
            int failure;

            pthread_mutex_unlock(&desk->mutex);
            failure = acquire(desk);
            pthread_mutex_lock(&desk->mutex);
            settle_locked(desk, failure);
        } else {
            pthread_cond_wait(&desk->changed, &desk->mutex);
        }
    }
    orphaned = desk->orphaned;
    pthread_mutex_unlock(&desk->mutex);
    if (orphaned) {
        close(desk->shared.fd);
        desk_free(desk);
    }
    return NULL;
}
