/*
 * A run without an engine: commands go to the scheduler, rows are kept, and after each of them all rows are
 * folded again from nothing and must give the same bytes.
 */
#ifndef SCHEDULER_CASE_H
#define SCHEDULER_CASE_H

#include "test.h"

#include "graph.h"
#include "scheduler.h"

#define T0_MS 1700000000000
#define ROWS_MAX 4000

struct simulation {
    struct wf_definition *definition;
    struct wf_state state;
    struct wf_buffer row, rows[ROWS_MAX];
    int row_count;
    int64_t now_ms, fence;
};

static inline struct wf_bytes bytes_of(const char *string)
{
    return (struct wf_bytes){string, strlen(string)};
}

static inline void simulation_begin(struct simulation *simulation, struct wf_definition *definition)
{
    *simulation = (struct simulation){.definition = definition, .now_ms = T0_MS};
    wf_state_init(&simulation->state);
    simulation->state.id = 1;
}

static inline void simulation_end(struct simulation *simulation)
{
    for (int i = 0; i < simulation->row_count; i++) {
        wf_buffer_destroy(&simulation->rows[i]);
    }
    wf_buffer_destroy(&simulation->row);
    wf_state_destroy(&simulation->state);
    wf_definition_release(simulation->definition);
}

/* Whether folding all rows gives this state, and its encoding reads back as itself. */
static inline bool folds_equal(const struct simulation *simulation)
{
    struct wf_buffer kept = {0}, folded = {0};
    struct wf_state state;
    bool equal = true;

    wf_state_init(&state);
    for (int i = 0; i < simulation->row_count; i++) {
        int64_t before = state.version, count = wf_row_count(wf_buffer_bytes(&simulation->rows[i]));

        equal &= wf_state_fold_row(&state, wf_buffer_bytes(&simulation->rows[i])) == WF_OK;
        equal &= count > 0 && state.version == before + count;
    }
    wf_state_encode(&simulation->state, &kept);
    wf_state_encode(&state, &folded);
    equal &= wf_bytes_equal(wf_buffer_bytes(&kept), wf_buffer_bytes(&folded));
    equal &= wf_state_decode(&state, 1, wf_buffer_bytes(&kept)) == WF_OK;
    wf_state_encode(&state, &folded);
    equal &= wf_bytes_equal(wf_buffer_bytes(&kept), wf_buffer_bytes(&folded));
    wf_buffer_destroy(&kept);
    wf_buffer_destroy(&folded);
    wf_state_destroy(&state);
    return equal;
}

/* Decides; a refusal must leave state and row as they were. `fold` is the expensive check. */
static inline enum wf_status simulate(struct simulation *simulation, struct wf_command *command,
                                      bool fold)
{
    static const char mark[] = "a row that is not touched";
    struct wf_birth birth = {.class_name = WF_BYTES("Signup"),
                             .name = WF_BYTES("signup"),
                             .key = WF_BYTES("key"),
                             .subject = WF_BYTES("subject"),
                             .args = WF_BYTES("args"),
                             .unique = simulation->definition && simulation->definition->unique,
                             .definition = simulation->definition};
    struct wf_buffer before = {0}, after = {0};
    enum wf_status status;
    int count = -1;

    command->now_ms = simulation->now_ms;
    command->definition = simulation->definition;
    command->birth = &birth;
    command->by = WF_BYTES("me");
    wf_buffer_clear(&simulation->row);
    wf_buffer_put(&simulation->row, mark, sizeof(mark));
    wf_state_encode(&simulation->state, &before);
    status = wf_decide(&simulation->state, command, &simulation->row, &count);
    if (status || !count) {
        wf_state_encode(&simulation->state, &after);
        CHECK(count == 0 && wf_bytes_equal(wf_buffer_bytes(&before), wf_buffer_bytes(&after)));
        CHECK(simulation->row.len == sizeof(mark) &&
              !memcmp(simulation->row.ptr, mark, sizeof(mark)));
    } else {
        CHECK(wf_row_count(wf_buffer_bytes(&simulation->row)) == count);
        CHECK(simulation->row_count < ROWS_MAX);
        wf_buffer_put(&simulation->rows[simulation->row_count++], simulation->row.ptr,
                      simulation->row.len);
        CHECK(!fold || folds_equal(simulation));
    }
    wf_buffer_destroy(&before);
    wf_buffer_destroy(&after);
    return status;
}

#endif
