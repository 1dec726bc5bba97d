/*
 * Memory that is freed all at once: what a run's state keeps of its events. One owner, no locks.
 */
#ifndef WF_ARENA_H
#define WF_ARENA_H

#include "wf.h"

struct wf_arena;

/* Both make the arena at first use. NULL, and {"", 0}, when out of memory: `*arena` then says failed. */
void *wf_arena_alloc(struct wf_arena **arena, size_t len); /* zeroed, aligned for anything */
struct wf_bytes wf_arena_copy(struct wf_arena **arena, struct wf_bytes bytes);
size_t wf_arena_len(const struct wf_arena *arena); /* memory in use; 0 for NULL */
bool wf_arena_failed(const struct wf_arena *arena);
void wf_arena_reset(struct wf_arena *arena); /* keeps one chunk; NULL is allowed */
void wf_arena_free(struct wf_arena *arena);  /* NULL is allowed */

#endif
