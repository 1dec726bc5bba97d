/*
 * The engine's reads of many runs at once, each on one connection lent by readers.c: what `workflows` and
 * `preload_workflows` ask. What no index knows, which step a run is at, is seen in its state, here, so that
 * nothing is made of a run that is not meant.
 */
#include <string.h>

#include "engine.h"

struct asked {
    struct wf_engine *engine;
    struct wf_store *store;
    const struct wf_search *search;
    struct wf_buffer *rows; /* NULL: they are only counted */
    bool ids_only;
    int64_t count, limit;
    struct wf_state state;
    enum wf_status status;
    struct wf_error *error;
};

static enum wf_status begin_asking(struct asked *asked, struct wf_error *error)
{
    enum wf_status status = wf_engine_usable(asked->engine, error);

    asked->error = error;
    wf_state_init(&asked->state);
    return status ? status : wf_readers_take(&asked->engine->readers, &asked->store, error);
}

static enum wf_status end_asking(struct asked *asked, enum wf_status status)
{
    wf_readers_give(&asked->engine->readers, asked->store);
    wf_state_destroy(&asked->state);
    if (!status && asked->status) {
        status = wf_fail(asked->error, asked->status, "the state of a run in %s cannot be read",
                         asked->engine->path);
    }
    return !status && asked->rows && asked->rows->failed ? WF_NO_MEMORY : status;
}

/* Whether the run is at a step of one of these names, with NULs between them: what renamings made of one. */
static bool is_at_any(const struct wf_state *state, struct wf_bytes names)
{
    const char *end = names.ptr + names.len, *at = names.ptr;
    bool found = false;

    while (!found && at < end) {
        const char *stop = memchr(at, 0, (size_t)(end - at));

        stop = stop ? stop : end;
        found = wf_state_at(state, (struct wf_bytes){at, (size_t)(stop - at)});
        at = stop + 1;
    }
    return found;
}

/* Whether the run is at all the steps. */
static bool is_at(struct asked *asked, const struct wf_run_row *row)
{
    const struct wf_search *search = asked->search;

    if (search->step_count) {
        asked->status = wf_state_decode(&asked->state, row->id, row->state);
    }
    for (int i = 0; i < search->step_count && !asked->status; i++) {
        if (!is_at_any(&asked->state, search->steps[i])) {
            return false;
        }
    }
    return !asked->status;
}

static bool take_run(void *context, const struct wf_run_row *row)
{
    struct asked *asked = context;

    if (is_at(asked, row)) {
        asked->count++;
        if (asked->rows) {
            wf_buffer_put_int(asked->rows, row->id);
        }
        if (asked->rows && !asked->ids_only) {
            wf_run_row_put(asked->rows, row);
        }
    }
    return !asked->status && asked->count < asked->limit && !(asked->rows && asked->rows->failed);
}

enum wf_status wf_engine_search(struct wf_engine *engine, struct wf_search *search, int limit,
                                struct wf_buffer *rows, struct wf_error *error)
{
    size_t len = rows->len;
    int64_t before;
    enum wf_status status;

    do { /* a fork ends long reads; whoever read begins again once it is over */
        struct asked asked = {.engine = engine, .search = search, .rows = rows, .limit = limit};

        before = search->before;
        rows->len = len;
        status = begin_asking(&asked, error);
        if (!status) {
            status = engine->does->run_search(asked.store, &search->filter, &before, take_run,
                                              &asked, error);
            status = end_asking(&asked, status);
        }
    } while (status == WF_INTERRUPTED);
    search->before = before;
    return status;
}

enum wf_status wf_engine_count(struct wf_engine *engine, struct wf_search *search, int64_t *count,
                               struct wf_error *error)
{
    int64_t before, found;
    enum wf_status status;

    do {
        struct asked asked = {.engine = engine, .search = search, .limit = INT64_MAX};

        before = search->before;
        found = 0;
        status = begin_asking(&asked, error);
        if (status) {
            return status;
        }
        status = search->step_count ? engine->does->run_search(asked.store, &search->filter,
                                                               &before, take_run, &asked, error)
                                    : engine->does->run_count(asked.store, &search->filter, &before,
                                                              &found, error);
        found += asked.count;
        status = end_asking(&asked, status);
    } while (status == WF_INTERRUPTED);
    search->before = before;
    *count += found;
    return status;
}

/* All ids of one subject, in as many reads as it takes. */
static enum wf_status ids_of(struct asked *asked, struct wf_run_filter filter,
                             struct wf_error *error)
{
    int64_t before = 0;
    enum wf_status status;

    do {
        status =
            asked->engine->does->run_search(asked->store, &filter, &before, take_run, asked, error);
    } while (!status && !asked->status && before);
    return status;
}

enum wf_status wf_engine_ids(struct wf_engine *engine, const struct wf_search *search,
                             const struct wf_bytes *subjects, int subject_count,
                             struct wf_buffer *ids, struct wf_error *error)
{
    size_t len = ids->len;
    enum wf_status status;

    do {
        struct asked asked = {
            .engine = engine, .search = search, .rows = ids, .ids_only = true, .limit = INT64_MAX};

        ids->len = len;
        status = begin_asking(&asked, error);
        if (status) {
            return status;
        }
        for (int i = 0; i < subject_count && !status; i++) {
            struct wf_run_filter filter = search->filter;

            filter.subject = subjects[i];
            status = ids_of(&asked, filter, error);
        }
        status = end_asking(&asked, status);
    } while (status == WF_INTERRUPTED);
    return status;
}

/* One run after another, by id or by key. NOT_FOUND: nothing, or 0 for a key. */
static enum wf_status each_run(struct asked *asked, const int64_t *ids, const struct wf_bytes *keys,
                               int count, struct wf_error *error)
{
    enum wf_status status = WF_OK;

    for (int i = 0; i < count && !status; i++) {
        const struct wf_store_functions *does = asked->engine->does;
        struct wf_run_row row = {0}; /* no bytes where there is none */

        status = ids ? does->run_load(asked->store, ids[i], &row, error)
                     : does->run_find(asked->store, keys[i], &row, error);
        if (!status || (keys && status == WF_NOT_FOUND)) {
            wf_buffer_put_int(asked->rows, status ? 0 : row.id);
            wf_run_row_put(asked->rows, &row);
        }
        status = status == WF_NOT_FOUND ? WF_OK : status;
    }
    return status;
}

static enum wf_status ask_each(struct wf_engine *engine, const int64_t *ids,
                               const struct wf_bytes *keys, int count, struct wf_buffer *rows,
                               struct wf_error *error)
{
    size_t len = rows->len;
    enum wf_status status;

    do {
        struct asked asked = {.engine = engine, .rows = rows};

        rows->len = len;
        status = begin_asking(&asked, error);
        if (!status) {
            status = end_asking(&asked, each_run(&asked, ids, keys, count, error));
        }
    } while (status == WF_INTERRUPTED);
    return status;
}

enum wf_status wf_engine_fetch(struct wf_engine *engine, const int64_t *ids, int count,
                               struct wf_buffer *rows, struct wf_error *error)
{
    return ask_each(engine, ids, NULL, count, rows, error);
}

enum wf_status wf_engine_currents(struct wf_engine *engine, const struct wf_bytes *keys, int count,
                                  struct wf_buffer *rows, struct wf_error *error)
{
    return ask_each(engine, NULL, keys, count, rows, error);
}

/* ---- Claims in doubt ---- */

static bool put_claim(void *context, const struct wf_wait_row *row)
{
    struct wf_buffer *claims = context;

    wf_buffer_put_int(claims, row->run_id);
    wf_buffer_put_int(claims, row->step);
    wf_buffer_put_int(claims, row->fence);
    return !claims->failed;
}

static void put_doubt(struct wf_buffer *rows, const struct wf_state *state, int step, int64_t fence)
{
    wf_buffer_put_int(rows, state->id);
    wf_buffer_put_bytes(rows, state->class_name);
    wf_buffer_put_bytes(rows, state->name);
    wf_buffer_put_bytes(rows, state->subject);
    wf_buffer_put_bytes(rows, state->steps[step].name);
    wf_buffer_put_int(rows, state->steps[step].round);
    wf_buffer_put_int(rows, fence);
}

/* One of them may be settled between the two looks: then it is left out. */
static enum wf_status name_claim(struct asked *asked, int64_t run_id, int step, int64_t fence)
{
    struct wf_run_row row;
    enum wf_status status = asked->engine->does->run_load(asked->store, run_id, &row, asked->error);

    if (status) {
        return status == WF_NOT_FOUND ? WF_OK : status;
    }
    asked->status = wf_state_decode(&asked->state, row.id, row.state);
    if (!asked->status && step < asked->state.step_count && wf_event_holds(row.doubts, step)) {
        put_doubt(asked->rows, &asked->state, step, fence);
    }
    return WF_OK;
}

static enum wf_status name_claims(struct asked *asked, struct wf_bytes claims)
{
    struct wf_reader reader = wf_reader_of(claims);
    enum wf_status status = WF_OK;

    while (!status && !asked->status && reader.at < reader.end) {
        int64_t run_id = wf_reader_int(&reader);
        int step = (int)wf_reader_int(&reader);

        status = name_claim(asked, run_id, step, wf_reader_int(&reader));
    }
    return status;
}

enum wf_status wf_engine_doubts(struct wf_engine *engine, int limit, struct wf_buffer *rows,
                                struct wf_error *error)
{
    struct wf_buffer claims = {0};
    size_t len = rows->len;
    enum wf_status status;

    do {
        struct asked asked = {.engine = engine, .rows = rows};

        rows->len = len;
        wf_buffer_clear(&claims);
        status = begin_asking(&asked, error);
        if (!status) {
            status = engine->does->wait_doubts(asked.store, limit, put_claim, &claims, error);
            status = status ? status : name_claims(&asked, wf_buffer_bytes(&claims));
            status = end_asking(&asked, status);
        }
    } while (status == WF_INTERRUPTED);
    status = !status && claims.failed ? WF_NO_MEMORY : status;
    wf_buffer_destroy(&claims);
    return status;
}
