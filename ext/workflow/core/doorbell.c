/*
 * The futex is not private: its word lies in a file that other processes map too. Ringing changes
 * the word, then looks for sleepers; sleeping counts itself, then the kernel compares the word.
 * Both in one total order (seq_cst), so one of the two always sees the other. A wake may come late,
 * when its word was seen already: then a later wait ends early and says false. No locks, any thread.
 */
#include "doorbell.h"

#include <limits.h>
#include <time.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "clock.h"

static void sleep_while(const struct wf_doorbell *bell, uint32_t seen, int64_t wait_ms);
static void wake(const struct wf_doorbell *bell, int count);

struct wf_doorbell wf_doorbell_ready(struct wf_shared *shared)
{
    return (struct wf_doorbell){&shared->map->ready_bell, &shared->map->ready_sleepers};
}

struct wf_doorbell wf_doorbell_log(struct wf_shared *shared)
{
    return (struct wf_doorbell){&shared->map->log_bell, &shared->map->log_sleepers};
}

uint32_t wf_doorbell_read(const struct wf_doorbell *bell)
{
    return atomic_load(bell->word);
}

void wf_doorbell_ring_one(const struct wf_doorbell *bell)
{
    atomic_fetch_add(bell->word, 1);
    wake(bell, 1);
}

void wf_doorbell_ring_all(const struct wf_doorbell *bell)
{
    atomic_fetch_add(bell->word, 1);
    wake(bell, INT_MAX);
}

void wf_doorbell_nudge(const struct wf_doorbell *bell)
{
    wake(bell, INT_MAX);
}

bool wf_doorbell_wait(const struct wf_doorbell *bell, uint32_t seen, int64_t wait_ms)
{
    if (wait_ms > 0 && atomic_load(bell->word) == seen) {
        atomic_fetch_add(bell->sleepers, 1);
        sleep_while(bell, seen, wait_ms);
        atomic_fetch_sub(bell->sleepers, 1);
    }
    return atomic_load(bell->word) != seen;
}

#ifdef __linux__

/* A 32-bit system has two calls, by the width of its time. */
static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
                  const struct timespec *wait)
{
#ifdef SYS_futex_time64
    if (sizeof(wait->tv_sec) > sizeof(long)) {
        return syscall(SYS_futex_time64, word, operation, value, wait, NULL, 0);
    }
#endif
    return syscall(SYS_futex, word, operation, value, wait, NULL, 0);
}

static void sleep_while(const struct wf_doorbell *bell, uint32_t seen, int64_t wait_ms)
{
    struct timespec wait = wf_clock_timespec(wait_ms);

    futex(bell->word, FUTEX_WAIT, seen, &wait);
}

static void wake(const struct wf_doorbell *bell, int count)
{
    if (atomic_load(bell->sleepers)) {
        futex(bell->word, FUTEX_WAKE, (uint32_t)count, NULL);
    }
}

#else

#define POLL_MS 2

/* Polls, and so sees no nudge before its time is up. */
static void sleep_while(const struct wf_doorbell *bell, uint32_t seen, int64_t wait_ms)
{
    const struct timespec pause = wf_clock_timespec(POLL_MS);
    int64_t until_ms = wf_clock_mono_ms() + wait_ms;

    while (atomic_load(bell->word) == seen && wf_clock_mono_ms() < until_ms &&
           nanosleep(&pause, NULL) == 0) {
    }
}

static void wake(const struct wf_doorbell *bell, int count)
{
    (void)bell;
    (void)count;
}

#endif
