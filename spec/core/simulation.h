/*
 * A small world for simulation_test.c: one thread, a wall clock and a monotonic clock that move only when they
 * are told to, a store in memory whose commits can fail or leave their outcome open, locks of the liveness
 * bytes. On it run the engine's real parts: mailbox, append, record, upkeep, takeover and transaction are
 * linked as they are; committer.c, dispatcher.c and liveness.c are compiled in here a second time, so
 * that their inner functions can be called in turn instead of by threads, and a wait never waits.
 */
#ifndef SIMULATION_H
#define SIMULATION_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "definition.h"

/* ---- The clocks: all of the core reads them through this, in place of the C library's ---- */

static struct {
    int64_t wall_ms, mono_ms;
} simulated;

int clock_gettime(clockid_t id, struct timespec *now)
{
    int64_t ms = id == CLOCK_REALTIME ? simulated.wall_ms : simulated.mono_ms;

    *now = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return 0;
}

/* ---- The parts that are compiled again, under other names ---- */

#include "engine.h"
#include "thread.h"

static enum wf_status wait_by_rounds(struct wf_engine *engine, struct wf_op *op, bool *interrupted,
                                     int64_t wait_ms);
static bool simulated_try(struct wf_shared *shared, long offset);
static void simulated_unlock(struct wf_shared *shared, long offset);

static inline int never_wait(const struct timespec *until)
{
    (void)until;
    return 1;
}

#define wf_cond_wait_until(cond, mutex, until) never_wait(until)
#define pthread_cond_wait(cond, mutex) abort()
#define nanosleep(pause, left) ((void)(pause))
#define wf_committer_init simulated_committer_init
#define wf_committer_start simulated_committer_start
#define wf_committer_stop simulated_committer_stop
#define wf_committer_destroy simulated_committer_destroy
#define wf_committer_close_store simulated_committer_close_store
#define wf_committer_post simulated_committer_post
#define wf_committer_wait simulated_committer_wait
#define wf_committer_poke simulated_committer_poke
#define wf_committer_name simulated_committer_name
#define wf_committer_alarm simulated_committer_alarm
#define wf_committer_give_back simulated_committer_give_back
#define wf_committer_doubt simulated_committer_doubt
#define wf_committer_name_by simulated_committer_name_by
#define wf_committer_round simulated_committer_round
#define run committer_run
#include "../../ext/workflow/core/committer.c"
#undef run
#undef wf_committer_wait

#define wf_liveness_init simulated_liveness_init
#define wf_liveness_join simulated_liveness_join
#define wf_liveness_announce simulated_liveness_announce
#define wf_liveness_leave simulated_liveness_leave
#define wf_liveness_self simulated_liveness_self
#define wf_liveness_scan simulated_liveness_scan
#define wf_liveness_alive simulated_liveness_alive
#define wf_liveness_known simulated_liveness_known
#define wf_liveness_listed simulated_liveness_listed
#define wf_liveness_works simulated_liveness_works
#define wf_liveness_attended simulated_liveness_attended
#define wf_liveness_idle_elsewhere simulated_liveness_idle_elsewhere
#define wf_liveness_turn simulated_liveness_turn
#define wf_liveness_enter simulated_liveness_enter
#define wf_liveness_exit simulated_liveness_exit
#define wf_liveness_entered simulated_liveness_entered
struct wf_shared_process *simulated_liveness_self(struct wf_liveness *liveness);
void simulated_liveness_works(struct wf_liveness *liveness, int threads);
#define wf_shared_lock_try simulated_try
#define wf_shared_unlock simulated_unlock
#include "../../ext/workflow/core/liveness.c"

#define wf_committer_wait wait_by_rounds
#define wf_dispatcher_init simulated_dispatcher_init
#define wf_dispatcher_start simulated_dispatcher_start
#define wf_dispatcher_stop simulated_dispatcher_stop
#define wf_dispatcher_destroy simulated_dispatcher_destroy
#define wf_dispatcher_wake simulated_dispatcher_wake
#define run dispatcher_run
#include "../../ext/workflow/core/dispatcher.c"
#undef run

/* ---- Who is alive ---- */

static struct wf_shared_map simulated_map;
static const struct wf_shared *lock_holders[WF_PROCESSES_MAX];

static bool simulated_try(struct wf_shared *shared, long offset)
{
    const struct wf_shared **holder = &lock_holders[offset - WF_LOCK_LIVE];

    if (*holder && *holder != shared) {
        return false;
    }
    *holder = shared;
    return true;
}

static void simulated_unlock(struct wf_shared *shared, long offset)
{
    (void)shared;
    lock_holders[offset - WF_LOCK_LIVE] = NULL;
}

/* ---- The store ---- */

#define RUNS_MAX 3
#define STEPS_MAX 6
#define ROWS_MAX_OF (RUNS_MAX * STEPS_MAX)
#define CLAIMS_MAX (2 * STEPS_MAX) /* of steps and reminders, then of awaits by submits */
#define STATE_MAX 4096
#define LOG_MAX 4000
#define POOL_MAX (1 << 20)
#define PROCESSES_MAX 64
#define ACCEPTED_MAX 256

/* Who claimed a step, or an await, last: what a late result is judged by, apart from fences. */
struct last_claim {
    int64_t owner;
    int32_t slot;
    int serial;
};

struct run {
    int64_t id;
    bool open, unique;
    int64_t version;
    char key[8], token[8], state[STATE_MAX], doubts[WF_STEP_BITS_MAX];
    size_t key_len, token_len, state_len, doubts_len;
    struct last_claim claims[CLAIMS_MAX];
};

struct log_row {
    int64_t run_id, version;
    size_t at, len;
};

struct tables {
    struct run runs[RUNS_MAX];
    struct wf_ready_row ready[ROWS_MAX_OF];
    struct wf_wait_row waits[ROWS_MAX_OF];
    struct wf_timer_row timers[ROWS_MAX_OF];
    int64_t processes[PROCESSES_MAX], leases[PROCESSES_MAX];
    char names[PROCESSES_MAX][16];
    int32_t bytes[PROCESSES_MAX];
    int run_count, ready_count, wait_count, timer_count, process_count, log_count;
    size_t pool_len;
    int64_t process_id;
    int accepted[ACCEPTED_MAX], accepted_count; /* serials of pledged claims */
};

struct memory {
    struct wf_store base;
    bool wrote;
};

static struct tables tables, tables_before;
static struct log_row log_rows[LOG_MAX];
static char pool[POOL_MAX];
static int claim_serial;

/* What is to go wrong: after so many writes one fails; the outcome of the next commit stays open. */
static struct {
    int write_in;
    bool unknown, applied;
    int refused_opens;
} fault;

/* Told before an event's row is stored, while the tables are as they were. */
static void on_event(const struct run *of, const struct wf_event *event);
/* Told when a step or an await of a run is claimed. */
static void on_claim(const struct run *of);
/* Told when one more run is begun than there are places for. */
static void on_surplus_run(void);
/* Told before an await's row goes, is put anew, or is anybody's again, and after its claim is in doubt. */
static void on_wait_lost(const struct run *of, const struct wf_wait_row *row);
static void on_wait_doubt(const struct run *of, const struct wf_wait_row *row);

static enum wf_status write_fails(struct wf_store *store, struct wf_error *error)
{
    ((struct memory *)store)->wrote = true;
    if (fault.write_in && --fault.write_in == 0) {
        return wf_fail(error, WF_STORE_ERROR, "simulated");
    }
    return WF_OK;
}

static const struct wf_store_functions memory_functions;

static enum wf_status memory_open(struct wf_store **store, const struct wf_store_options *options,
                                  struct wf_error *error)
{
    struct memory *memory = calloc(1, sizeof(*memory));

    (void)options;
    *store = NULL;
    if (fault.refused_opens) {
        fault.refused_opens--;
        free(memory);
        return wf_fail(error, WF_STORE_UNAVAILABLE, "simulated");
    }
    memory->base.does = &memory_functions;
    *store = &memory->base;
    return WF_OK;
}

static void memory_close(struct wf_store *store)
{
    free(store);
}

static enum wf_status memory_begin(struct wf_store *store, struct wf_error *error)
{
    (void)error;
    ((struct memory *)store)->wrote = false;
    tables_before = tables;
    return WF_OK;
}

static enum wf_status memory_commit(struct wf_store *store, struct wf_error *error)
{
    if (fault.unknown && ((struct memory *)store)->wrote) {
        fault.unknown = false;
        if (!fault.applied) {
            tables = tables_before;
        }
        return wf_fail(error, WF_UNKNOWN, "simulated");
    }
    return WF_OK;
}

static void memory_rollback(struct wf_store *store)
{
    (void)store;
    tables = tables_before;
}

static bool memory_wrote(struct wf_store *store)
{
    return ((struct memory *)store)->wrote;
}

static struct run *run_of(int64_t id)
{
    for (int i = 0; i < tables.run_count; i++) {
        if (tables.runs[i].id == id) {
            return &tables.runs[i];
        }
    }
    return NULL;
}

static void tell_events(const struct wf_event_row *row)
{
    struct wf_event event;
    struct wf_row reader;

    if (wf_row_open(&reader, row->events)) {
        abort();
    }
    while (wf_row_next(&reader, &event) == WF_OK) {
        on_event(run_of(row->run_id), &event);
    }
}

static enum wf_status memory_append(struct wf_store *store, struct wf_event_row *row,
                                    struct wf_error *error)
{
    if (write_fails(store, error)) {
        return WF_STORE_ERROR;
    }
    if (tables.log_count == LOG_MAX || tables.pool_len + row->events.len > POOL_MAX) {
        abort();
    }
    for (int i = 0; i < tables.log_count; i++) {
        if (log_rows[i].run_id == row->run_id && log_rows[i].version == row->version) {
            return wf_fail(error, WF_STALE, "simulated");
        }
    }
    tell_events(row);
    memcpy(pool + tables.pool_len, row->events.ptr, row->events.len);
    log_rows[tables.log_count++] =
        (struct log_row){row->run_id, row->version, tables.pool_len, row->events.len};
    tables.pool_len += row->events.len;
    row->position = tables.log_count;
    return WF_OK;
}

static struct wf_bytes log_bytes(int index)
{
    return (struct wf_bytes){pool + log_rows[index].at, log_rows[index].len};
}

static enum wf_status memory_read_run(struct wf_store *store, int64_t run_id, int64_t after,
                                      int limit, wf_event_fn *each, void *context,
                                      struct wf_error *error)
{
    (void)store;
    (void)error;
    for (int i = 0; i < tables.log_count && limit; i++) {
        struct wf_event_row row = {i + 1, run_id, log_rows[i].version, log_bytes(i)};

        if (log_rows[i].run_id == run_id && row.version > after) {
            limit--;
            if (!each(context, &row)) {
                break;
            }
        }
    }
    return WF_OK;
}

static void tell_run(const struct run *run, struct wf_run_row *row)
{
    *row = (struct wf_run_row){.id = run->id,
                               .key = {run->key, run->key_len},
                               .open = run->open,
                               .unique = run->unique,
                               .version = run->version,
                               .state = {run->state, run->state_len},
                               .doubts = {run->doubts, run->doubts_len}};
}

static enum wf_status memory_run_load(struct wf_store *store, int64_t id, struct wf_run_row *row,
                                      struct wf_error *error)
{
    const struct run *run = run_of(id);

    (void)store;
    (void)error;
    if (run) {
        tell_run(run, row);
    }
    return run ? WF_OK : WF_NOT_FOUND;
}

static enum wf_status memory_run_find(struct wf_store *store, struct wf_bytes key,
                                      struct wf_run_row *row, struct wf_error *error)
{
    const struct run *found = NULL;

    (void)store;
    (void)error;
    for (int i = 0; i < tables.run_count; i++) {
        const struct run *run = &tables.runs[i];
        bool same = wf_bytes_equal(key, (struct wf_bytes){run->key, run->key_len});

        if (same && (!found || !(found->open && found->unique))) {
            found = run;
        }
    }
    if (found) {
        tell_run(found, row);
    }
    return found ? WF_OK : WF_NOT_FOUND;
}

/* All are of one class. */
static enum wf_status memory_run_keyed(struct wf_store *store, struct wf_bytes class_name,
                                       struct wf_bytes token, struct wf_run_row *row,
                                       struct wf_error *error)
{
    (void)store;
    (void)class_name;
    (void)error;
    for (int i = 0; i < tables.run_count; i++) {
        const struct run *run = &tables.runs[i];

        if (wf_bytes_equal(token, (struct wf_bytes){run->token, run->token_len})) {
            tell_run(run, row);
            return WF_OK;
        }
    }
    return WF_NOT_FOUND;
}

static void put_run(struct run *run, const struct wf_run_row *row)
{
    if (row->state.len > STATE_MAX) {
        abort();
    }
    run->open = row->open;
    run->version = row->version;
    run->state_len = row->state.len;
    memcpy(run->state, row->state.ptr, row->state.len);
}

static enum wf_status memory_run_insert(struct wf_store *store, const struct wf_run_row *row,
                                        struct wf_error *error)
{
    struct run *run = &tables.runs[tables.run_count];

    if (write_fails(store, error)) {
        return WF_STORE_ERROR;
    }
    if (row->key.len > sizeof(run->key) || row->token.len > sizeof(run->token)) {
        abort();
    }
    if (run_of(row->id)) {
        return wf_fail(error, WF_EXISTING, "simulated");
    }
    if (tables.run_count == RUNS_MAX) {
        on_surplus_run();
        return wf_fail(error, WF_STORE_ERROR, "simulated");
    }
    *run = (struct run){
        .id = row->id, .unique = row->unique, .key_len = row->key.len, .token_len = row->token.len};
    memcpy(run->key, row->key.ptr, row->key.len);
    if (row->token.len) {
        memcpy(run->token, row->token.ptr, row->token.len);
    }
    put_run(run, row);
    tables.run_count++;
    return WF_OK;
}

static enum wf_status memory_run_update(struct wf_store *store, const struct wf_run_row *row,
                                        struct wf_error *error)
{
    if (write_fails(store, error)) {
        return WF_STORE_ERROR;
    }
    if (!run_of(row->id) || run_of(row->id)->version != row->was_version) {
        return wf_fail(error, WF_STALE, "simulated");
    }
    put_run(run_of(row->id), row);
    return WF_OK;
}

static enum wf_status memory_run_doubt(struct wf_store *store, int64_t id, struct wf_bytes doubts,
                                       struct wf_error *error)
{
    struct run *run = run_of(id);

    if (write_fails(store, error)) {
        return WF_STORE_ERROR;
    }
    run->doubts_len = doubts.len;
    memcpy(run->doubts, doubts.ptr, doubts.len);
    return WF_OK;
}

#define LOSE_NOTHING(row)
#define LOSE_WAIT(row) on_wait_lost(run_of((row)->run_id), (row))

/* Ready, waits and timers differ in their rows and in nothing else that is to be found or deleted. */
#define DEFINE_ROWS(name, plural, lose)                                                            \
    static struct wf_##name##_row *name##_row_of(int64_t run_id, int32_t step)                     \
    {                                                                                              \
        for (int i = 0; i < tables.name##_count; i++) {                                            \
            if (tables.plural[i].run_id == run_id && tables.plural[i].step == step) {              \
                return &tables.plural[i];                                                          \
            }                                                                                      \
        }                                                                                          \
        return NULL;                                                                               \
    }                                                                                              \
                                                                                                   \
    static enum wf_status memory_##name##_put(                                                     \
        struct wf_store *store, const struct wf_##name##_row *row, struct wf_error *error)         \
    {                                                                                              \
        struct wf_##name##_row *old = name##_row_of(row->run_id, row->step);                       \
                                                                                                   \
        if (write_fails(store, error)) {                                                           \
            return WF_STORE_ERROR;                                                                 \
        }                                                                                          \
        if (old) {                                                                                 \
            lose(old);                                                                             \
        }                                                                                          \
        *(old ? old : &tables.plural[tables.name##_count++]) = *row;                               \
        return WF_OK;                                                                              \
    }                                                                                              \
                                                                                                   \
    static enum wf_status memory_##name##_delete(struct wf_store *store, int64_t run_id,           \
                                                 int32_t step, struct wf_error *error)             \
    {                                                                                              \
        struct wf_##name##_row *old = name##_row_of(run_id, step);                                 \
                                                                                                   \
        if (write_fails(store, error)) {                                                           \
            return WF_STORE_ERROR;                                                                 \
        }                                                                                          \
        if (old) {                                                                                 \
            lose(old);                                                                             \
            *old = tables.plural[--tables.name##_count];                                           \
        }                                                                                          \
        return WF_OK;                                                                              \
    }

/* And what can be claimed. */
#define DEFINE_CLAIMS(name, plural, first_claim, take, lose)                                       \
    static enum wf_status memory_##name##_get(struct wf_store *store, struct wf_##name##_row *row, \
                                              struct wf_error *error)                              \
    {                                                                                              \
        const struct wf_##name##_row *old = name##_row_of(row->run_id, row->step);                 \
                                                                                                   \
        (void)store;                                                                               \
        (void)error;                                                                               \
        if (old) {                                                                                 \
            *row = *old;                                                                           \
        }                                                                                          \
        return old ? WF_OK : WF_NOT_FOUND;                                                         \
    }                                                                                              \
                                                                                                   \
    static enum wf_status memory_##name##_claim(                                                   \
        struct wf_store *store, struct wf_##name##_row *row, struct wf_error *error)               \
    {                                                                                              \
        struct wf_##name##_row *old = name##_row_of(row->run_id, row->step);                       \
                                                                                                   \
        if (write_fails(store, error)) {                                                           \
            return WF_STORE_ERROR;                                                                 \
        }                                                                                          \
        if (!old || old->owner || old->fence != row->fence) {                                      \
            return old ? WF_BUSY : WF_NOT_FOUND;                                                   \
        }                                                                                          \
        old->owner = row->owner;                                                                   \
        old->slot = row->slot;                                                                     \
        row->fence = ++old->fence;                                                                 \
        take(old, row);                                                                            \
        on_claim(run_of(row->run_id));                                                             \
        run_of(row->run_id)->claims[first_claim + row->step] =                                     \
            (struct last_claim){row->owner, row->slot, ++claim_serial};                            \
        return WF_OK;                                                                              \
    }                                                                                              \
                                                                                                   \
    static enum wf_status memory_##name##_release(                                                 \
        struct wf_store *store, const struct wf_##name##_row *row, struct wf_error *error)         \
    {                                                                                              \
        struct wf_##name##_row *old = name##_row_of(row->run_id, row->step);                       \
                                                                                                   \
        if (write_fails(store, error)) {                                                           \
            return WF_STORE_ERROR;                                                                 \
        }                                                                                          \
        if (!old || old->owner != row->owner || old->fence != row->fence) {                        \
            return WF_STALE;                                                                       \
        }                                                                                          \
        lose(old);                                                                                 \
        old->owner = 0;                                                                            \
        old->slot = 0;                                                                             \
        take(old, (&(struct wf_##name##_row){.owner = 0}));                                        \
        return WF_OK;                                                                              \
    }                                                                                              \
                                                                                                   \
    static enum wf_status memory_##name##_owned(struct wf_store *store, int64_t owner, int limit,  \
                                                wf_##name##_fn *each, void *context,               \
                                                struct wf_error *error)                            \
    {                                                                                              \
        (void)store;                                                                               \
        (void)error;                                                                               \
        for (int i = 0; i < tables.name##_count && limit; i++) {                                   \
            if (tables.plural[i].owner == owner && owner > 0) {                                    \
                limit--;                                                                           \
                if (!each(context, &tables.plural[i])) {                                           \
                    break;                                                                         \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        return WF_OK;                                                                              \
    }

DEFINE_ROWS(ready, ready, LOSE_NOTHING)
DEFINE_ROWS(wait, waits, LOSE_WAIT)
DEFINE_ROWS(timer, timers, LOSE_NOTHING)
#define TAKE_STEP(old, row)
#define TAKE_WAIT(old, row) ((old)->pledged = (row)->pledged)
DEFINE_CLAIMS(ready, ready, 0, TAKE_STEP, LOSE_NOTHING)
DEFINE_CLAIMS(wait, waits, STEPS_MAX, TAKE_WAIT, LOSE_WAIT)

static enum wf_status memory_ready_end(struct wf_store *store, int64_t run_id, int32_t step,
                                       int64_t fence, struct wf_error *error)
{
    const struct wf_ready_row *old = ready_row_of(run_id, step);

    if (write_fails(store, error)) {
        return WF_STORE_ERROR;
    }
    return old && old->fence == fence ? memory_ready_delete(store, run_id, step, error)
                                      : wf_fail(error, WF_STALE, "simulated");
}

static enum wf_status memory_wait_doubt(struct wf_store *store, const struct wf_wait_row *row,
                                        struct wf_error *error)
{
    struct wf_wait_row *old = wait_row_of(row->run_id, row->step);

    if (write_fails(store, error)) {
        return WF_STORE_ERROR;
    }
    if (!old || old->owner != row->owner || old->fence != row->fence || !old->pledged) {
        return WF_STALE;
    }
    old->owner = WF_OWNER_DOUBT;
    old->slot = 0;
    on_wait_doubt(run_of(row->run_id), old);
    return WF_OK;
}

static bool is_certain(const struct wf_timer_row *timer)
{
    const struct wf_wait_row *wait = wait_row_of(timer->run_id, timer->step);

    return !wait || wait->owner != WF_OWNER_DOUBT;
}

static int ready_order(const void *a, const void *b)
{
    const struct wf_ready_row *x = a, *y = b;

    if (x->priority != y->priority) {
        return x->priority < y->priority ? -1 : 1;
    }
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    if (x->run_id != y->run_id) {
        return x->run_id < y->run_id ? -1 : 1;
    }
    return x->step - y->step;
}

static enum wf_status memory_ready_claimable(struct wf_store *store, int limit, wf_ready_fn *each,
                                             void *context, struct wf_error *error)
{
    struct wf_ready_row rows[ROWS_MAX_OF];
    int count = 0;

    (void)store;
    (void)error;
    for (int i = 0; i < tables.ready_count; i++) {
        if (!tables.ready[i].owner) {
            rows[count++] = tables.ready[i];
        }
    }
    qsort(rows, (size_t)count, sizeof(rows[0]), ready_order);
    for (int i = 0; i < count && i < limit && each(context, &rows[i]); i++) {
    }
    return WF_OK;
}

static int timer_order(const void *a, const void *b)
{
    const struct wf_timer_row *x = a, *y = b;

    if (x->due_ms != y->due_ms) {
        return x->due_ms < y->due_ms ? -1 : 1;
    }
    if (x->run_id != y->run_id) {
        return x->run_id < y->run_id ? -1 : 1;
    }
    return x->step - y->step;
}

static enum wf_status memory_timer_due(struct wf_store *store, int64_t now_ms, int limit,
                                       wf_timer_fn *each, void *context, struct wf_error *error)
{
    struct wf_timer_row rows[ROWS_MAX_OF];
    int count = 0;

    (void)store;
    (void)error;
    for (int i = 0; i < tables.timer_count; i++) {
        if (tables.timers[i].due_ms <= now_ms && is_certain(&tables.timers[i])) {
            rows[count++] = tables.timers[i];
        }
    }
    qsort(rows, (size_t)count, sizeof(rows[0]), timer_order);
    for (int i = 0; i < count && i < limit && each(context, &rows[i]); i++) {
    }
    return WF_OK;
}

static int64_t next_timer(void)
{
    int64_t due_ms = INT64_MAX;

    for (int i = 0; i < tables.timer_count; i++) {
        if (tables.timers[i].due_ms < due_ms && is_certain(&tables.timers[i])) {
            due_ms = tables.timers[i].due_ms;
        }
    }
    return due_ms;
}

static enum wf_status memory_timer_next(struct wf_store *store, int64_t *due_ms,
                                        struct wf_error *error)
{
    (void)store;
    (void)error;
    *due_ms = next_timer();
    return WF_OK;
}

static enum wf_status memory_process_put(struct wf_store *store, struct wf_process_row *row,
                                         struct wf_error *error)
{
    int at = 0;

    if (write_fails(store, error)) {
        return WF_STORE_ERROR;
    }
    row->id = row->id ? row->id : ++tables.process_id;
    while (at < tables.process_count && tables.processes[at] != row->id) {
        at++;
    }
    tables.process_count += at == tables.process_count;
    if (at >= PROCESSES_MAX) {
        abort();
    }
    tables.processes[at] = row->id;
    tables.leases[at] = row->lease_until_ms;
    tables.bytes[at] = row->byte;
    snprintf(tables.names[at], sizeof(tables.names[at]), "%.*s", (int)row->name.len, row->name.ptr);
    return WF_OK;
}

static enum wf_status memory_process_delete(struct wf_store *store, int64_t id,
                                            struct wf_error *error)
{
    if (write_fails(store, error)) {
        return WF_STORE_ERROR;
    }
    for (int i = 0; i < tables.process_count; i++) {
        if (tables.processes[i] == id) {
            int last = --tables.process_count;

            tables.processes[i] = tables.processes[last];
            tables.leases[i] = tables.leases[last];
            tables.bytes[i] = tables.bytes[last];
            memcpy(tables.names[i], tables.names[last], sizeof(tables.names[i]));
        }
    }
    return WF_OK;
}

static enum wf_status memory_process_list(struct wf_store *store, wf_process_fn *each,
                                          void *context, struct wf_error *error)
{
    static char boot[WF_BOOT_ID_LEN + 1];

    (void)store;
    (void)error;
    if (!boot[0]) {
        wf_clock_boot_id(boot);
    }
    for (int i = 0; i < tables.process_count; i++) {
        struct wf_process_row row = {.id = tables.processes[i],
                                     .byte = tables.bytes[i],
                                     .name = {tables.names[i], strlen(tables.names[i])},
                                     .boot = {boot, strlen(boot)},
                                     .lease_until_ms = tables.leases[i]};

        if (!each(context, &row)) {
            break;
        }
    }
    return WF_OK;
}

static enum wf_status memory_owners(struct wf_store *store, wf_process_fn *each, void *context,
                                    struct wf_error *error)
{
    int64_t told[2 * ROWS_MAX_OF];
    int count = 0;

    (void)store;
    (void)error;
    for (int i = 0; i < tables.ready_count + tables.wait_count; i++) {
        int64_t owner = i < tables.ready_count ? tables.ready[i].owner
                                               : tables.waits[i - tables.ready_count].owner;
        struct wf_process_row row = {.id = owner};
        int at = 0;

        while (at < count && told[at] != owner) {
            at++;
        }
        if (owner > 0 && at == count) {
            told[count++] = owner;
            if (!each(context, &row)) {
                break;
            }
        }
    }
    return WF_OK;
}

static enum wf_status memory_checkpoint(struct wf_store *store, int *left, struct wf_error *error)
{
    (void)store;
    (void)error;
    *left = 0;
    return WF_OK;
}

static int memory_pages(struct wf_store *store)
{
    (void)store;
    return 0;
}

static void memory_shrink(struct wf_store *store)
{
    (void)store;
}

/* What only readers and a rebuild ask for is not there. */
static const struct wf_store_functions memory_functions = {
    .name = "memory",
    .open = memory_open,
    .close = memory_close,
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .wrote = memory_wrote,
    .append = memory_append,
    .read_run = memory_read_run,
    .run_load = memory_run_load,
    .run_state = memory_run_load,
    .run_find = memory_run_find,
    .run_keyed = memory_run_keyed,
    .run_insert = memory_run_insert,
    .run_update = memory_run_update,
    .run_doubt = memory_run_doubt,
    .ready_put = memory_ready_put,
    .ready_get = memory_ready_get,
    .ready_delete = memory_ready_delete,
    .ready_end = memory_ready_end,
    .ready_claim = memory_ready_claim,
    .ready_release = memory_ready_release,
    .ready_claimable = memory_ready_claimable,
    .ready_owned = memory_ready_owned,
    .wait_put = memory_wait_put,
    .wait_get = memory_wait_get,
    .wait_delete = memory_wait_delete,
    .wait_claim = memory_wait_claim,
    .wait_release = memory_wait_release,
    .wait_owned = memory_wait_owned,
    .wait_doubt = memory_wait_doubt,
    .timer_put = memory_timer_put,
    .timer_delete = memory_timer_delete,
    .timer_due = memory_timer_due,
    .timer_next = memory_timer_next,
    .process_put = memory_process_put,
    .process_delete = memory_process_delete,
    .process_list = memory_process_list,
    .owners = memory_owners,
    .checkpoint = memory_checkpoint,
    .pages = memory_pages,
    .shrink = memory_shrink,
};

#endif
