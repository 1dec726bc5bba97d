/*
 * The small file beside the store ("<store>-shared"), mapped by every process that uses it: who holds
 * the turnstile, the doorbell's words, one entry a living process, and a mark for each slot
 * that says what was "entered". Bytes of the same file carry the locks (OFD locks: close-on-exec, closed in a forked
 * child). It is preallocated, mode 0600, and never truncated or recreated while the store lives:
 * truncation would kill its users with SIGBUS. While nobody uses it, losing it costs latency, never work. Whoever has one that
 * was lost takes no more turns (turnstile.c): those who come then have another, and locks of two files exclude nobody.
 *
 * Ownership: `struct wf_shared` is embedded in the engine. Threads: the words are atomics, any thread.
 */
#ifndef WF_SHARED_H
#define WF_SHARED_H

#include <stdatomic.h>

#include "error.h"
#include "wf.h"

#define WF_SHARED_MAGIC 0x57464c57u /* "WLFW" */
#define WF_SHARED_FORMAT 4u

/* Offsets of the lock bytes: far beyond the mapped part, so that they can never meet it. */
#define WF_LOCK_QUEUE 0x40000000L /* Q: who is next */
#define WF_LOCK_STORE 0x40000001L /* L: who commits or checkpoints */
#define WF_LOCK_LEAD 0x40000003L  /* who keeps mirrored columns */
#define WF_LOCK_LIVE 0x40001000L  /* + index: who is alive */

struct wf_shared_process {
    _Atomic int64_t owner; /* the process row's id; 0: the entry is free */
    _Atomic int32_t pid;
    _Atomic int32_t holding; /* steps and awaits in hand */
    _Atomic int32_t threads; /* that it has for steps; believed of who is alive, owner or not */
    _Atomic int64_t lease_until_ms; /* mirror of the row's, so that watching costs no query */
    _Atomic uint16_t entered[WF_SLOTS_MAX]; /* 0, or the mark of the claim that was entered */
};

struct wf_shared_map {
    uint32_t magic, format;
    _Atomic int32_t holder_pid;               /* of the turnstile, for the error message */
    _Atomic int64_t holder_since_ms;          /* monotonic */
    _Atomic int32_t reach;                    /* past the last of `processes` that was ever used */
    _Alignas(64) _Atomic uint32_t ready_bell; /* there is work: wake one */
    _Atomic uint32_t ready_sleepers;
    _Alignas(64) _Atomic uint32_t log_bell; /* the log grew: wake all */
    _Atomic uint32_t log_sleepers;
    _Alignas(64) struct wf_shared_process processes[WF_PROCESSES_MAX];
};

struct wf_shared {
    int fd; /* -1 when closed. Locks are taken on this description */
    struct wf_shared_map *map;
    char path[4096];
};

/* Opens or creates and maps. OK | STORE_UNAVAILABLE (with errno's words and the path) | TOO_LARGE (path).
 * A file with another magic or a newer format is an error of its own, STORE_TOO_NEW; one that an older version left is prepared
 * anew, unless somebody uses it: STORE_UNAVAILABLE. Refuses network file
 * systems (NFS, SMB, CIFS, 9p, FUSE) by name: STORE_UNAVAILABLE. Any number of processes at once. */
enum wf_status wf_shared_open(struct wf_shared *shared, const char *store_path,
                              struct wf_error *error);
/* Frees the locks and closes the descriptor; the mapping stays for threads that may still look at it. */
void wf_shared_release(struct wf_shared *shared);
void wf_shared_close(struct wf_shared *shared);

/* The forked child's: closes the descriptor (its locks stay the parent's) and keeps the mapping, since
 * another thread's copy of a pointer into it may still be read. */
void wf_shared_abandon(struct wf_shared *shared);

/* Whether the file at the path is still the one that is mapped; false once it was deleted or replaced. Any thread, but not
 * while it is closed. */
bool wf_shared_intact(const struct wf_shared *shared);

/* Locks of one byte, exclusive. try: true if taken. wait: blocks until taken, or until a signal (false). */
bool wf_shared_lock_try(struct wf_shared *shared, long offset);
bool wf_shared_lock_wait(struct wf_shared *shared, long offset);
void wf_shared_unlock(struct wf_shared *shared, long offset);
/* Whether somebody else (another open description) holds the byte. */
bool wf_shared_locked(struct wf_shared *shared, long offset);

#endif
