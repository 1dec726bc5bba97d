/*
 * Whether a store's projections are what its log says: rebuilt into an empty file, and compared row by row
 * through the functions of the contract. A lease (owner, slot, a fence that rose) is in no event and is
 * left out.
 */
#ifndef STORE_COMPARE_H
#define STORE_COMPARE_H

#include "process.h"
#include "rebuild.h"

#define COMPARE_MAX 20000

struct compare {
    const struct wf_store_functions *does;
    struct wf_store *kept, *rebuilt;
    struct wf_store *counted; /* the one that a callback is for */
    struct wf_error error;
    struct wf_timer_row *timers;
    int64_t *runs;
    int run_count, timer_count, rows, differences;
    int64_t owners[64];
    int owner_count;
};

static inline void differ(struct compare *compare, const char *what, int64_t run_id, int step)
{
    if (compare->differences++ < 5 && getenv("VERBOSE")) {
        fprintf(stderr, "differs: %s of run %lld, step %d\n", what, (long long)run_id, step);
    }
}

static inline bool same_bytes(struct wf_bytes a, struct wf_bytes b)
{
    return a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len));
}

static inline void compare_ready(struct compare *compare, int64_t run_id, int step)
{
    struct wf_ready_row kept = {.run_id = run_id, .step = step}, rebuilt = kept;
    enum wf_status a = compare->does->ready_get(compare->kept, &kept, &compare->error);
    enum wf_status b = compare->does->ready_get(compare->rebuilt, &rebuilt, &compare->error);

    compare->rows -= !a;
    if (a != b || (!a && (kept.priority != rebuilt.priority || kept.at_ms != rebuilt.at_ms ||
                          kept.alone != rebuilt.alone || kept.fence < rebuilt.fence))) {
        differ(compare, "ready", run_id, step);
    }
}

static inline void compare_wait(struct compare *compare, int64_t run_id, int step)
{
    struct wf_wait_row kept = {.run_id = run_id, .step = step}, rebuilt = kept;
    enum wf_status a = compare->does->wait_get(compare->kept, &kept, &compare->error);
    enum wf_status b = compare->does->wait_get(compare->rebuilt, &rebuilt, &compare->error);

    if (a != b || (!a && kept.fence < rebuilt.fence)) {
        differ(compare, "wait", run_id, step);
    }
}

static inline int64_t count_tagged(struct compare *compare, struct wf_store *store,
                                   const struct wf_run_filter *filter)
{
    int64_t before = 0, count = 0;

    do {
        CHECK(!compare->does->run_count(store, filter, &before, &count, &compare->error));
    } while (before);
    return count;
}

/* Each tag of the run's state is found in both, with as many runs. */
static inline void compare_tags(struct compare *compare, const struct wf_state *state)
{
    struct wf_reader reader = wf_reader_of(state->tags);

    while (reader.at < reader.end && !reader.failed) {
        const char *at = reader.at;
        struct wf_run_filter filter = {.class_name = state->class_name};
        int64_t kept;

        wf_reader_bytes(&reader);
        wf_reader_bytes(&reader);
        filter.tags = (struct wf_bytes){at, (size_t)(reader.at - at)};
        kept = count_tagged(compare, compare->kept, &filter);
        if (!kept || kept != count_tagged(compare, compare->rebuilt, &filter)) {
            differ(compare, "tags", state->id, -1);
        }
    }
}

/* The run's token finds it in both. */
static inline void compare_key(struct compare *compare, const struct wf_state *state)
{
    struct wf_run_row kept, rebuilt;

    if (state->token.len && (compare->does->run_keyed(compare->kept, state->class_name,
                                                      state->token, &kept, &compare->error) ||
                             compare->does->run_keyed(compare->rebuilt, state->class_name,
                                                      state->token, &rebuilt, &compare->error) ||
                             kept.id != state->id || rebuilt.id != state->id)) {
        differ(compare, "token", state->id, -1);
    }
}

static inline bool compare_run(void *context, const struct wf_run_row *row)
{
    struct compare *compare = context;
    struct wf_state state;
    struct wf_run_row other;

    wf_state_init(&state);
    if (compare->does->run_load(compare->rebuilt, row->id, &other, &compare->error) ||
        !same_bytes(row->key, other.key) || row->open != other.open ||
        !same_bytes(row->class_name, other.class_name) || row->unique != other.unique ||
        row->status != other.status || row->version != other.version ||
        row->started_ms != other.started_ms || row->ended_ms != other.ended_ms ||
        !same_bytes(row->state, other.state)) {
        differ(compare, "run", row->id, -1);
    }
    if (wf_state_decode(&state, row->id, row->state)) {
        differ(compare, "state", row->id, -1);
        state.step_count = 0;
    }
    for (int i = 0; i < state.step_count; i++) {
        compare_ready(compare, row->id, i);
        compare_wait(compare, row->id, i);
    }
    compare_tags(compare, &state);
    compare_key(compare, &state);
    wf_state_destroy(&state);
    compare->run_count++;
    return true;
}

static inline bool count_run(void *context, const struct wf_run_row *row)
{
    (void)row;
    ((struct compare *)context)->run_count--;
    return true;
}

static inline bool collect_timer(void *context, const struct wf_timer_row *row)
{
    struct compare *compare = context;

    compare->timers[compare->timer_count++] = *row;
    return true;
}

/* Timers of awaits in doubt are not told: that is a lease too. */
static inline bool is_in_doubt(struct compare *compare, const struct wf_timer_row *row)
{
    struct wf_wait_row wait = {.run_id = row->run_id, .step = row->step};

    return !compare->does->wait_get(compare->kept, &wait, &compare->error) &&
           wait.owner == WF_OWNER_DOUBT;
}

static inline bool compare_timer(void *context, const struct wf_timer_row *row)
{
    struct compare *compare = context;
    const struct wf_timer_row *kept;

    if (is_in_doubt(compare, row)) {
        return true;
    }
    kept = &compare->timers[compare->rows++];
    if (compare->rows > compare->timer_count || kept->run_id != row->run_id ||
        kept->step != row->step || kept->due_ms != row->due_ms) {
        differ(compare, "timer", row->run_id, row->step);
    }
    return true;
}

static inline bool count_ready(void *context, const struct wf_ready_row *row)
{
    (void)row;
    ((struct compare *)context)->rows++;
    return true;
}

static inline bool count_owned(void *context, const struct wf_process_row *row)
{
    struct compare *compare = context;

    if (compare->owner_count < 64) {
        compare->owners[compare->owner_count++] = row->id;
    }
    return true;
}

/* How many rows of `path` are not what its log gives. -1: it cannot be rebuilt. */
static inline int projections_differ(const struct wf_store_functions *does, const char *path)
{
    struct compare compare = {.does = does};
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = 5000};
    char rebuilt[400];
    int64_t runs = 0;

    new_path(rebuilt, "rebuilt");
    if (wf_rebuild(does, path, rebuilt, &runs, &compare.error) ||
        does->open(&compare.kept, &options, &compare.error)) {
        fprintf(stderr, "rebuild: %s\n", compare.error.message);
        return -1;
    }
    options.path = rebuilt;
    CHECK(does->open(&compare.rebuilt, &options, &compare.error) == WF_OK);
    compare.timers = calloc(COMPARE_MAX, sizeof(*compare.timers));
    /* Every ready row belongs to a step of a run: counted here, taken off again as they are compared. */
    CHECK(!does->ready_claimable(compare.kept, COMPARE_MAX, count_ready, &compare, &compare.error));
    CHECK(!does->owners(compare.kept, count_owned, &compare, &compare.error));
    for (int i = 0; i < compare.owner_count; i++) {
        CHECK(!does->ready_owned(compare.kept, compare.owners[i], COMPARE_MAX, count_ready,
                                 &compare, &compare.error));
    }
    CHECK(!does->run_list(compare.kept, WF_BYTES(""), 0, COMPARE_MAX, compare_run, &compare,
                          &compare.error));
    if (compare.rows) {
        differ(&compare, "number of ready rows", 0, compare.rows);
    }
    CHECK(!does->run_list(compare.rebuilt, WF_BYTES(""), 0, COMPARE_MAX, count_run, &compare,
                          &compare.error));
    if (compare.run_count) {
        differ(&compare, "number of runs", 0, compare.run_count);
    }
    compare.rows = 0;
    CHECK(!does->timer_due(compare.kept, INT64_MAX, COMPARE_MAX, collect_timer, &compare,
                           &compare.error));
    CHECK(!does->timer_due(compare.rebuilt, INT64_MAX, COMPARE_MAX, compare_timer, &compare,
                           &compare.error));
    if (compare.rows != compare.timer_count) {
        differ(&compare, "number of timers", 0, compare.rows);
    }
    does->close(compare.kept);
    does->close(compare.rebuilt);
    free(compare.timers);
    return compare.differences;
}

#endif
