/*
 * Who is alive: each process holds a lock on one byte of its own for as long as it lives (the kernel
 * frees it, however the process ends) and fills the entry of the same index in the shared file. A freed
 * byte means dead. A held one proves nothing beyond the lease: its process may be stopped. Pids are not
 * asked, since they come again.
 */
#ifndef WF_LIVENESS_H
#define WF_LIVENESS_H

#include "shared.h"

struct wf_liveness {
    struct wf_shared *shared; /* borrowed */
    int index;                /* this process's byte and entry; -1 before join */
};

void wf_liveness_init(struct wf_liveness *liveness, struct wf_shared *shared);

/* Takes a byte whose entry is free (owner 0) and lockable. OK | TOO_LARGE (all are taken). */
enum wf_status wf_liveness_join(struct wf_liveness *liveness, struct wf_error *error);
/* Fills the entry, pid and owner last; the entered bytes are all 0 then. */
void wf_liveness_announce(struct wf_liveness *liveness, int64_t owner);
/* Clears the entry (owner first) and frees the byte. Only when nothing is in hand any more. */
void wf_liveness_leave(struct wf_liveness *liveness);
struct wf_shared_process *wf_liveness_self(struct wf_liveness *liveness); /* NULL before join */

enum wf_peer { WF_PEER_ALIVE, WF_PEER_EXPIRED, WF_PEER_DEAD };

/* Calls `each` for every other entry in use that is dead (its byte is free) or whose lease ran out
 * (it holds something and lease_until_ms < now). While it runs for a dead one, this process holds that
 * byte, so that one process at a time takes over. If it returns true the entry of a dead one is cleared. */
typedef bool wf_peer_fn(void *context, enum wf_peer peer, int index,
                        struct wf_shared_process *entry);
void wf_liveness_scan(struct wf_liveness *liveness, int64_t mono_now_ms, wf_peer_fn *each,
                      void *context);

/* Whether this owner stands in an entry whose byte is held: alive, as far as the kernel knows. */
bool wf_liveness_alive(struct wf_liveness *liveness, int64_t owner);

/* Whether it stands in any entry, alive or dead. listed: in any that scan looks at, without touching more of the file. */
bool wf_liveness_known(struct wf_liveness *liveness, int64_t owner);
bool wf_liveness_listed(const struct wf_liveness *liveness, int64_t owner);

/* Tells the others how many threads this process has for steps. */
void wf_liveness_works(struct wf_liveness *liveness, int threads);
/* Whether a process that is alive, this one or another, has threads for steps. Any thread. */
bool wf_liveness_attended(struct wf_liveness *liveness);
/* Whether another process that is alive has more threads for steps than it has in hand. Any thread. */
bool wf_liveness_idle_elsewhere(struct wf_liveness *liveness);

/* The entered mark of a slot, set just before the step's code runs and cleared after it. A slot may keep
 * several steps of a run, one of them entered: so the turn says which step, and which claim of it. And it says of
 * which run: where the outcome of a commit was not known, the log may have given the slot to a run that the process
 * never heard of, before it was used for the next. */
uint64_t wf_liveness_turn(int64_t run_id, int step, int64_t fence);
void wf_liveness_enter(struct wf_liveness *liveness, int slot, uint64_t turn);
void wf_liveness_exit(struct wf_liveness *liveness, int slot);
bool wf_liveness_entered(const struct wf_shared_process *entry, int slot, uint64_t turn);

#endif
