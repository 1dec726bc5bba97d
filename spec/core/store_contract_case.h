/*
 * For the cases of the contract only: the store under test, opened anew for each case, and what the
 * cases are written with.
 */
#ifndef STORE_CONTRACT_CASE_H
#define STORE_CONTRACT_CASE_H

#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "store_contract.h"

#define BUSY_MS 50 /* also what a begin waits for a lock */
#define SEEN_MAX 64

struct subject {
    const struct wf_store_functions *does;
    const char *path;
    struct wf_store *store; /* a writer */
    struct wf_error error;
    int failures;
};

struct contract_case {
    const char *name;
    void (*run)(struct subject *s);
};

/* Each ends with {NULL, NULL}. */
extern const struct contract_case contract_runs_cases[], contract_claims_cases[],
    contract_queries_cases[];

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

/* What a callback was given: the first integer of each row, or the whole row where it is small. */
struct seen {
    int count;
    int stop_at; /* the callback returns false with this row; 0: never */
    int64_t ids[SEEN_MAX];
    struct wf_ready_row ready[SEEN_MAX];
    struct wf_wait_row waits[SEEN_MAX];
    struct wf_timer_row timers[SEEN_MAX];
};

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            s->failures++;                                                                         \
            fprintf(stderr, "%s:%d: %s: not so: %s (last error: %s)\n", __FILE__, __LINE__,        \
                    __func__, #condition, s->error.message);                                       \
        }                                                                                          \
    } while (0)

/* Calls a function of the store; the status is the value. */
#define DO(function, ...) (s->does->function(s->store, __VA_ARGS__, &s->error))
#define OK(function, ...) CHECK(DO(function, __VA_ARGS__) == WF_OK)

static inline void begin(struct subject *s)
{
    CHECK(s->does->begin(s->store, &s->error) == WF_OK);
}

static inline void commit(struct subject *s)
{
    CHECK(s->does->commit(s->store, &s->error) == WF_OK);
}

static inline struct wf_store *open_another(struct subject *s, bool read_only)
{
    struct wf_store_options options = {.path = s->path, .read_only = read_only, .busy_ms = BUSY_MS};
    struct wf_store *store = NULL;

    CHECK(s->does->open(&store, &options, &s->error) == WF_OK);
    return store;
}

/* Closes and opens: what is seen then was kept. */
static inline void reopen(struct subject *s)
{
    s->does->close(s->store);
    s->store = open_another(s, false);
}

static inline bool see(struct seen *seen, int64_t id)
{
    if (seen->count < SEEN_MAX) {
        seen->ids[seen->count] = id;
    }
    return ++seen->count != seen->stop_at;
}

/* Whether exactly these ids were seen, in this order: SEEN(&seen, 1, 2, 3). */
#define SEEN(seen, ...)                                                                            \
    seen_exactly(seen, (const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / 8)

static inline bool seen_exactly(const struct seen *seen, const int64_t *ids, size_t count)
{
    return (size_t)seen->count == count && memcmp(seen->ids, ids, count * sizeof(*ids)) == 0;
}

static inline struct wf_run_row run_row(int64_t id, struct wf_bytes key, bool open, bool unique)
{
    return (struct wf_run_row){.id = id,
                               .key = key,
                               .open = open,
                               .unique = unique,
                               .status = 1,
                               .version = 1,
                               .started_ms = 1000 + id,
                               .state = WF_BYTES("state")};
}

static inline enum wf_status insert(struct subject *s, int64_t id, struct wf_bytes key, bool open,
                                    bool unique)
{
    struct wf_run_row row = run_row(id, key, open, unique);

    return DO(run_insert, &row);
}

/* The row is to replace what is there. */
static inline void as_it_was(struct wf_run_row *row, const struct wf_run_row *loaded)
{
    row->was_open = loaded->open;
    row->was_status = loaded->status;
    row->was_version = loaded->version;
}

static inline enum wf_status update(struct subject *s, struct wf_run_row *row)
{
    struct wf_run_row loaded;
    enum wf_status status = DO(run_load, row->id, &loaded);

    if (status) {
        return status;
    }
    as_it_was(row, &loaded);
    return DO(run_update, row);
}

#endif
