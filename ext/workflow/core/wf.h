/*
 * The vocabulary of the core: statuses, borrowed bytes, identifiers, limits. Everything under core/
 * is plain C11 and POSIX threads. It never includes ruby.h, never exits the process, and keeps no
 * mutable globals but the list of engines that a fork has to visit (fork.c).
 *
 * Units come last in a name: `lease_ms`, `payload_len_max`. Wall times are milliseconds since 1970.
 */
#ifndef WF_H
#define WF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every fallible function returns one of these; details go to `struct wf_error *`. */
#define WF_STATUSES(X)                                                                             \
    X(OK, "ok")                                                                                    \
    X(EXISTING, "the run exists already")                                                          \
    X(TIMED_OUT, "nothing within the time given")                                                  \
    X(INTERRUPTED, "the waiting thread was interrupted")                                           \
    X(BUSY, "held by another")                                                                     \
    X(DOUBTFUL, "whether an input was accepted is in doubt")                                       \
    X(NOT_FOUND, "no such run or step")                                                            \
    X(NOT_PENDING, "the step is not pending")                                                      \
    X(NOT_WAITING, "the step is not awaited")                                                      \
    X(STALE, "superseded: the step was claimed again or is over")                                  \
    X(TOO_LARGE, "over a limit")                                                                   \
    X(INVALID, "bad arguments")                                                                    \
    X(CLOSED, "the engine is stopped")                                                             \
    X(FORKED, "the engine belongs to another process")                                             \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(UNKNOWN, "the outcome of a commit is not known")                                             \
    X(STORE_ERROR, "the store refused")                                                            \
    X(STORE_UNAVAILABLE, "the store cannot be reached")                                            \
    X(STORE_TOO_NEW, "the store was written by a newer version")                                   \
    X(STORE_CORRUPT, "the store is damaged")

enum wf_status {
#define WF_STATUS_NAME(name, text) WF_##name,
    WF_STATUSES(WF_STATUS_NAME)
#undef WF_STATUS_NAME
};

/* Bytes that belong to somebody else; valid as long as the owner says. Empty is {NULL or any, 0}. */
struct wf_bytes {
    const char *ptr;
    size_t len;
};

#define WF_BYTES(literal) ((struct wf_bytes){(literal), sizeof(literal) - 1})

#define WF_PAYLOAD_LEN_MAX (1u << 20) /* arguments, an input, a result */
#define WF_NAME_LEN_MAX 200u          /* a step's, a class's, a process's name */
#define WF_SUBJECT_LEN_MAX (64u << 10)
#define WF_TOKEN_LEN_MAX 200u      /* what makes a start idempotent */
#define WF_ERROR_TEXT_LEN_MAX 500u /* of an error's message, as kept in a run's state */
#define WF_PROGRESS_LEN_MAX 4096u  /* what a step's state keeps of how far it is */
#define WF_STEPS_MAX 200u
#define WF_TAGS_MAX 20u
#define WF_TAG_LEN_MAX 200u /* a name or a value */
#define WF_CRASHES_MAX 3u   /* after so many a step is parked as failed */
#define WF_REMINDERS_MAX 3u /* tries at the reminder of an await, until it opens again */
#define WF_PROCESSES_MAX 1024u
#define WF_SLOTS_MAX 1024u  /* steps in hand of one process */
#define WF_QUEUE_MAX 65536u /* appends waiting for the committer of one process */
#define WF_QUEUE_LEN_MAX (64u << 20)
#define WF_BATCH_MAX 1000u /* appends in one commit */
#define WF_BATCH_LEN_MAX (8u << 20)

#endif
