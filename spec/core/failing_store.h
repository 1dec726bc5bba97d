/*
 * A store that fails when it is told to: a double of the contract, which hands everything to the store on
 * SQLite. It has one engine at a time. `fail_*` says with which call, counted from 1; `fail_for` how many
 * calls fail from there on (0: one).
 */
#ifndef FAILING_STORE_H
#define FAILING_STORE_H

#include <limits.h>
#include <stdatomic.h>

#include "store.h"

enum failing_call {
    FAIL_OPEN,
    FAIL_BEGIN,
    FAIL_APPEND,
    FAIL_UPDATE,
    FAIL_COMMIT,
    FAIL_TIMER,
    FAIL_PROCESS
};
#define FAILING_CALLS 7

enum commit_failure { COMMIT_REFUSED, COMMIT_LOST, COMMIT_KEPT }; /* the last two: UNKNOWN */

static struct {
    _Atomic int calls[FAILING_CALLS], from[FAILING_CALLS], until[FAILING_CALLS];
    _Atomic int commit_failure, failed;
    _Atomic int64_t poisoned_run; /* appends to it fail */
} failing;

static struct wf_store_functions failing_functions;

static inline void fail_never(void)
{
    for (int i = 0; i < FAILING_CALLS; i++) {
        atomic_store(&failing.from[i], INT_MAX);
        atomic_store(&failing.until[i], INT_MAX);
    }
    atomic_store(&failing.poisoned_run, 0);
}

/* The nth call from now, and `more` after it. */
static inline void fail_at(enum failing_call call, int nth, int more)
{
    int now = atomic_load(&failing.calls[call]);

    atomic_store(&failing.until[call], more == INT_MAX ? INT_MAX : now + nth + more);
    atomic_store(&failing.from[call], now + nth);
}

static inline bool fails(enum failing_call call)
{
    int number = atomic_fetch_add(&failing.calls[call], 1) + 1;
    bool does =
        number >= atomic_load(&failing.from[call]) && number <= atomic_load(&failing.until[call]);

    atomic_fetch_add(&failing.failed, does);
    return does;
}

static inline enum wf_status broken(struct wf_error *error)
{
    return wf_fail(error, WF_STORE_ERROR, "made to fail");
}

static enum wf_status failing_open(struct wf_store **store, const struct wf_store_options *options,
                                   struct wf_error *error)
{
    if (!options->read_only && fails(FAIL_OPEN)) {
        *store = NULL;
        return wf_fail(error, WF_STORE_UNAVAILABLE, "made to fail");
    }
    return wf_store_sqlite.open(store, options, error);
}

static enum wf_status failing_begin(struct wf_store *store, struct wf_error *error)
{
    return fails(FAIL_BEGIN) ? broken(error) : wf_store_sqlite.begin(store, error);
}

static enum wf_status failing_append(struct wf_store *store, struct wf_event_row *row,
                                     struct wf_error *error)
{
    if (fails(FAIL_APPEND) || row->run_id == atomic_load(&failing.poisoned_run)) {
        return broken(error);
    }
    return wf_store_sqlite.append(store, row, error);
}

static enum wf_status failing_update(struct wf_store *store, const struct wf_run_row *row,
                                     struct wf_error *error)
{
    return fails(FAIL_UPDATE) ? broken(error) : wf_store_sqlite.run_update(store, row, error);
}

static enum wf_status failing_commit(struct wf_store *store, struct wf_error *error)
{
    if (!fails(FAIL_COMMIT)) {
        return wf_store_sqlite.commit(store, error);
    }
    switch ((enum commit_failure)atomic_load(&failing.commit_failure)) {
    case COMMIT_REFUSED:
        wf_store_sqlite.rollback(store);
        return broken(error);
    case COMMIT_LOST:
        wf_store_sqlite.rollback(store);
        break;
    case COMMIT_KEPT:
        wf_store_sqlite.commit(store, error);
        break;
    }
    return wf_fail(error, WF_UNKNOWN, "made to fail");
}

static enum wf_status failing_timer(struct wf_store *store, int64_t *due_ms, struct wf_error *error)
{
    return fails(FAIL_TIMER) ? broken(error) : wf_store_sqlite.timer_next(store, due_ms, error);
}

static enum wf_status failing_process(struct wf_store *store, struct wf_process_row *row,
                                      struct wf_error *error)
{
    return fails(FAIL_PROCESS) ? broken(error) : wf_store_sqlite.process_put(store, row, error);
}

static inline const struct wf_store_functions *failing_store(void)
{
    fail_never();
    failing_functions = wf_store_sqlite;
    failing_functions.name = "failing";
    failing_functions.open = failing_open;
    failing_functions.begin = failing_begin;
    failing_functions.append = failing_append;
    failing_functions.run_update = failing_update;
    failing_functions.commit = failing_commit;
    failing_functions.timer_next = failing_timer;
    failing_functions.process_put = failing_process;
    return &failing_functions;
}

#endif
