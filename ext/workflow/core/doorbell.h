/*
 * Wakes a sleeper in another process: a futex on a word of the shared file (7–10 µs one way, no CPU
 * asleep). A count of sleepers saves the call when nobody sleeps; a sleeper that was killed leaves the
 * count too high, which costs a system call and nothing else. Elsewhere than Linux the wait is a poll
 * of the word every few ms. Any thread, no locks.
 */
#ifndef WF_DOORBELL_H
#define WF_DOORBELL_H

#include "shared.h"

struct wf_doorbell {
    _Atomic uint32_t *word, *sleepers; /* borrowed from the mapping */
};

struct wf_doorbell wf_doorbell_ready(struct wf_shared *shared);
struct wf_doorbell wf_doorbell_log(struct wf_shared *shared);

/* What the word is now. Read it, look at the store, then wait on what was read: nothing is missed. */
uint32_t wf_doorbell_read(const struct wf_doorbell *bell);
/* Changes the word and wakes one sleeper, or all. */
void wf_doorbell_ring_one(const struct wf_doorbell *bell);
void wf_doorbell_ring_all(const struct wf_doorbell *bell);
/* Wakes all without changing the word: for a thread that has to look at its own flags. */
void wf_doorbell_nudge(const struct wf_doorbell *bell);
/* Sleeps while the word is `seen`. true: it changed. false: time is up, or a nudge or a signal came. */
bool wf_doorbell_wait(const struct wf_doorbell *bell, uint32_t seen, int64_t wait_ms);

#endif
