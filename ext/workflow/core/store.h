/*
 * The store contract: where the log and its projections are kept. One `struct wf_store` is one
 * connection; one thread at a time uses it (the committer its own, readers theirs, under their pool).
 * A backend is one const struct of functions, and its handle begins with a pointer to it. Every store
 * passes spec/core/store_contract.h.
 *
 * The truth is `events`: a row is what one append wrote, an encoded list of events (event.h) whose last
 * one has the row's version. `runs`, `tags`, `keys`, `ready`, `waits` and `timers` are projections of it, written
 * in the same transaction. The columns owner, slot, fence and pledged of `ready` and `waits`, and doubts of `runs`,
 * are leases, not facts: they are in no event, and a rebuild leaves them empty.
 *
 * Borrowed bytes in a row handed out are valid until the next call of the same function or the end of
 * the callback. Functions that write are to be called between begin and commit.
 */
#ifndef WF_STORE_H
#define WF_STORE_H

#include "error.h"
#include "wf.h"

struct wf_store;

/* Which log it is, whatever has its name by now: what a process knows of one, its owner's id above all, says nothing of
 * another. */
struct wf_store_file {
    uint64_t device, inode; /* inode 0: not known yet */
    int64_t
        born_ns; /* once a file is gone its inode is given again; 0 where the system does not tell */
};

struct wf_store_options {
    const char *path;
    bool read_only; /* a reader: queries only, never creates the schema */
    int busy_ms;    /* how long a statement may wait for a lock of somebody outside the turnstile */
    struct wf_store_file *
        file; /* NULL: any. One that is not known yet is told by open; of one that is, no other is opened, and none is made */
};

struct wf_event_row {
    int64_t position; /* given by the store; rises over the whole log, never reused */
    int64_t run_id;
    int64_t version; /* of the row's last event */
    struct wf_bytes events;
};

struct wf_run_row {
    int64_t id;
    struct wf_bytes key; /* subject and name: what `current` looks up */
    bool
        open; /* the open one of its key, if it is unique: not ended. (Versions before also said so of others.) */
    bool unique;
    int status; /* enum wf_run_status */
    /* For run_update, all as they were loaded: the run is still at that version, and no more is written than changes. */
    bool was_open;
    int was_status;
    int64_t was_version;
    int64_t version, started_ms, ended_ms;
    struct wf_bytes state; /* wf_state_encode */
    struct wf_bytes class_name;
    struct wf_bytes tags;  /* for run_insert: as in a state; not read back, the state has them */
    struct wf_bytes token; /* the same */
    struct wf_bytes
        doubts; /* a bit for each await whose claim is in doubt: a lease. run_doubt writes it */
};

/* Which runs are meant. Zero and empty: any. */
struct wf_run_filter {
    struct wf_bytes class_name;
    struct wf_bytes subject; /* "Order/42#": keys that are this and a name without another '#' */
    struct wf_bytes name;    /* of the workflow: what follows the last '#' of the key */
    uint32_t statuses;       /* WF_STATUS_BIT of each that will do */
    struct wf_bytes tags;    /* as in a state: all of them; only with a class_name */
};

#define WF_STATUS_BIT(status) (1u << (status))

/* A step that may run, or runs. Claimable while owner is 0. */
struct wf_ready_row {
    int64_t run_id;
    int32_t step;
    int32_t priority; /* lower first */
    int64_t at_ms;    /* ready since; the order within a priority */
    bool alone;       /* crashed twice: to be run with nothing else in hand */
    int64_t owner;    /* a process id, or 0 */
    int32_t slot;     /* the owner's slot, for its entered byte */
    int64_t fence;    /* rises with every claim of this step */
};

/* An await that is open. A submit claims it while its method runs. A pledged claim does not lapse: whoever loses it
 * leaves it in doubt. */
struct wf_wait_row {
    int64_t run_id;
    int32_t step;
    int64_t owner; /* a process id, 0, or WF_OWNER_DOUBT */
    int32_t slot;
    int64_t fence;
    bool pledged;
};

#define WF_OWNER_DOUBT (-1) /* nobody's any more, and nobody else's before it is settled */

struct wf_timer_row {
    int64_t run_id;
    int32_t step;
    int64_t due_ms;
};

/* A process that holds claims: its lease, on the monotonic clock of its boot. */
struct wf_process_row {
    int64_t id;
    int32_t byte;         /* its liveness byte (liveness.h) */
    struct wf_bytes name; /* "worker:4712@host" */
    struct wf_bytes boot; /* wf_clock_boot_id */
    int64_t lease_until_ms;
};

/* Return false to stop. The row is borrowed. */
typedef bool wf_event_fn(void *context, const struct wf_event_row *row);
typedef bool wf_run_fn(void *context, const struct wf_run_row *row);
typedef bool wf_ready_fn(void *context, const struct wf_ready_row *row);
typedef bool wf_wait_fn(void *context, const struct wf_wait_row *row);
typedef bool wf_timer_fn(void *context, const struct wf_timer_row *row);
typedef bool wf_process_fn(void *context, const struct wf_process_row *row);

struct wf_store_functions {
    const char *name;

    /* OK | STORE_UNAVAILABLE | STORE_CORRUPT | STORE_TOO_NEW | STORE_ERROR | NO_MEMORY. On failure
     * nothing is left open and *store is NULL. A writer creates file (0600) and schema if needed. */
    enum wf_status (*open)(struct wf_store **store, const struct wf_store_options *options,
                           struct wf_error *error);
    void (*close)(struct wf_store *store); /* never checkpoints; NULL is allowed */
    /* Whether its path still leads to it: OK | STORE_UNAVAILABLE. To be asked before a read; begin does it by itself. */
    enum wf_status (*check)(struct wf_store *store, struct wf_error *error);

    /* begin: OK | STORE_UNAVAILABLE (locked by an outsider beyond busy_ms) | STORE_*.
     * commit: OK | UNKNOWN (close, reopen, commit something small, and look, before answering anyone) | STORE_ERROR (rolled back).
     * rollback never fails. wrote: whether anything was written since begin (else commit syncs nothing). */
    enum wf_status (*begin)(struct wf_store *store, struct wf_error *error);
    enum wf_status (*commit)(struct wf_store *store, struct wf_error *error);
    void (*rollback)(struct wf_store *store);
    bool (*wrote)(struct wf_store *store);

    /* Log. append fills row->position. OK | STALE (that version exists) | STORE_*. */
    enum wf_status (*append)(struct wf_store *store, struct wf_event_row *row,
                             struct wf_error *error);
    /* Rows of one run whose version is > after, in order; of the log whose position is > after. */
    enum wf_status (*read_run)(struct wf_store *store, int64_t run_id, int64_t after, int limit,
                               wf_event_fn *each, void *context, struct wf_error *error);
    enum wf_status (*read_log)(struct wf_store *store, int64_t after, int limit, wf_event_fn *each,
                               void *context, struct wf_error *error);
    enum wf_status (*last_position)(struct wf_store *store, int64_t *position,
                                    struct wf_error *error);

    /* Runs. state: of what load reads only id, state and doubts. load, find: OK | NOT_FOUND | STORE_*. find: the open unique run of the key if there is one,
     * else the newest of that key. keyed: the run of that class that was inserted with the token.
     * insert: OK | EXISTING (the id, the class's token, or an open unique run of the key).
     * list: newest first; keys that begin with `prefix` (empty: all); ids < before (0: from the newest). */
    enum wf_status (*run_load)(struct wf_store *store, int64_t id, struct wf_run_row *row,
                               struct wf_error *error);
    enum wf_status (*run_state)(struct wf_store *store, int64_t id, struct wf_run_row *row,
                                struct wf_error *error);
    enum wf_status (*run_find)(struct wf_store *store, struct wf_bytes key, struct wf_run_row *row,
                               struct wf_error *error);
    enum wf_status (*run_keyed)(struct wf_store *store, struct wf_bytes class_name,
                                struct wf_bytes token, struct wf_run_row *row,
                                struct wf_error *error);
    enum wf_status (*run_insert)(struct wf_store *store, const struct wf_run_row *row,
                                 struct wf_error *error);
    enum wf_status (*run_update)(
        struct wf_store *store, const struct wf_run_row *row,
        struct wf_error *error); /* by id: open, status, version, ended, state. OK | STALE */
    enum wf_status (*run_doubt)(struct wf_store *store, int64_t id, struct wf_bytes doubts,
                                struct wf_error *error);
    enum wf_status (*run_list)(struct wf_store *store, struct wf_bytes prefix, int64_t before,
                               int limit, wf_run_fn *each, void *context, struct wf_error *error);

    /* Queries. search: newest first, ids < *before (0: from the newest), until `each` returns false. It looks at some
     * thousand runs at most, so that no read is long: *before says where to go on, 0 that there is no more.
     * count: adds to *count, in the same manner. INVALID: tags without a class, or tags that are no pairs. */
    enum wf_status (*run_search)(struct wf_store *store, const struct wf_run_filter *filter,
                                 int64_t *before, wf_run_fn *each, void *context,
                                 struct wf_error *error);
    enum wf_status (*run_count)(struct wf_store *store, const struct wf_run_filter *filter,
                                int64_t *before, int64_t *count, struct wf_error *error);

    /* Ready. put inserts or replaces by (run, step). get: OK | NOT_FOUND. claimable: unclaimed rows in
     * the order priority, at, run, step. owned: rows of one owner, none of 0. claim sets owner, slot, fence + 1 of an
     * unclaimed row that has row->fence: OK (row->fence is the new one) | BUSY | NOT_FOUND. release sets owner and slot to 0 of a row
     * with this owner and fence: OK | STALE. */
    enum wf_status (*ready_put)(struct wf_store *store, const struct wf_ready_row *row,
                                struct wf_error *error);
    enum wf_status (*ready_get)(struct wf_store *store, struct wf_ready_row *row,
                                struct wf_error *error);
    enum wf_status (*ready_delete)(struct wf_store *store, int64_t run_id, int32_t step,
                                   struct wf_error *error); /* OK also when there is none */
    enum wf_status (*ready_end)(
        struct wf_store *store, int64_t run_id, int32_t step, int64_t fence,
        struct wf_error *error); /* deletes the row that has this fence: OK | STALE */
    enum wf_status (*ready_claim)(struct wf_store *store, struct wf_ready_row *row,
                                  struct wf_error *error);
    enum wf_status (*ready_release)(struct wf_store *store, const struct wf_ready_row *row,
                                    struct wf_error *error);
    enum wf_status (*ready_claimable)(struct wf_store *store, int limit, wf_ready_fn *each,
                                      void *context, struct wf_error *error);
    enum wf_status (*ready_owned)(struct wf_store *store, int64_t owner, int limit,
                                  wf_ready_fn *each, void *context, struct wf_error *error);

    /* Waits: the same, without order. A claim may be pledged. doubt: a pledged row with this owner and fence is
     * WF_OWNER_DOUBT's: OK | STALE. doubts: those, in the order run, step. */
    enum wf_status (*wait_put)(struct wf_store *store, const struct wf_wait_row *row,
                               struct wf_error *error);
    enum wf_status (*wait_get)(struct wf_store *store, struct wf_wait_row *row,
                               struct wf_error *error);
    enum wf_status (*wait_delete)(struct wf_store *store, int64_t run_id, int32_t step,
                                  struct wf_error *error);
    enum wf_status (*wait_claim)(struct wf_store *store, struct wf_wait_row *row,
                                 struct wf_error *error);
    enum wf_status (*wait_release)(struct wf_store *store, const struct wf_wait_row *row,
                                   struct wf_error *error);
    enum wf_status (*wait_owned)(struct wf_store *store, int64_t owner, int limit, wf_wait_fn *each,
                                 void *context, struct wf_error *error);

    enum wf_status (*wait_doubt)(struct wf_store *store, const struct wf_wait_row *row,
                                 struct wf_error *error);
    enum wf_status (*wait_doubts)(struct wf_store *store, int limit, wf_wait_fn *each,
                                  void *context, struct wf_error *error);

    /* Timers. due: rows with due_ms <= now, earliest first, but of awaits in doubt. next: the earliest due_ms of
     * the same, INT64_MAX if none. */
    enum wf_status (*timer_put)(struct wf_store *store, const struct wf_timer_row *row,
                                struct wf_error *error);
    enum wf_status (*timer_delete)(struct wf_store *store, int64_t run_id, int32_t step,
                                   struct wf_error *error);
    enum wf_status (*timer_due)(struct wf_store *store, int64_t now_ms, int limit,
                                wf_timer_fn *each, void *context, struct wf_error *error);
    enum wf_status (*timer_next)(struct wf_store *store, int64_t *due_ms, struct wf_error *error);

    /* Processes. put inserts (id 0: the store gives one, never reused, and fills row->id) or renews by id.
     * list: all. owners: every distinct owner (not 0) in ready and waits, with or without a process row:
     * the callback gets a row with only the id filled where there is none. */
    enum wf_status (*process_put)(struct wf_store *store, struct wf_process_row *row,
                                  struct wf_error *error);
    enum wf_status (*process_delete)(struct wf_store *store, int64_t id, struct wf_error *error);
    enum wf_status (*process_list)(struct wf_store *store, wf_process_fn *each, void *context,
                                   struct wf_error *error);
    enum wf_status (*owners)(struct wf_store *store, wf_process_fn *each, void *context,
                             struct wf_error *error);

    /* Upkeep. checkpoint: passive, outside a transaction, under the turnstile; *pages_left is what the
     * write-ahead log still holds. pages: the same number without working. interrupt: from any thread,
     * ends a long read of this connection (its callback sees no more rows; INTERRUPTED). */
    enum wf_status (*checkpoint)(struct wf_store *store, int *pages_left, struct wf_error *error);
    int (*pages)(struct wf_store *store);
    void (*shrink)(
        struct wf_store *store); /* gives back memory that is a cache, outside a transaction */
    void (*interrupt)(struct wf_store *store);

    /* Rebuild's help: delete every row of runs, tags, keys, ready, waits and timers. */
    enum wf_status (*clear_projections)(struct wf_store *store, struct wf_error *error);
};

/* A backend's handle begins with this. */
struct wf_store {
    const struct wf_store_functions *does;
};

extern const struct wf_store_functions wf_store_sqlite;

/* The gem's own SQLite (store_sqlite.c): the address of its API table, as handed over by the loadable
 * extension's function. OK | STORE_ERROR (NULL, or a version below the minimum: the message names both).
 * To be called once before the first open; a core built with SQLITE_CORE does not need it. */
enum wf_status wf_store_sqlite_use(const void *api, struct wf_error *error);

#endif
