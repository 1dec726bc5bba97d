/*
 * The store on SQLite: the runs that a filter means, newest first.
 *
 * An index gives the ids of one status of a class, of one key, or of one tag in falling order, and finds the
 * next one below any id at once. So a search is a walk of several such ranges: of some (the statuses, or the
 * subject's keys) any will do, the tags must all agree; whoever is behind says how far down the others may
 * go. What is rare makes it short, whichever it is. The rest is looked up in the run's row.
 *
 * One read is one transaction, and ends after LOOKED_MAX ids; only a range that is counted is read as a whole.
 */
#include "store_sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "state.h"

#define LOOKED_MAX 1000
#define STATUS_COUNT (WF_RUN_cancelled + 1)
#define STATUSES_ALL (WF_STATUS_BIT(STATUS_COUNT) - 1 - WF_STATUS_BIT(WF_RUN_none))

enum range_kind { OF_ALL, OF_STATUS, OF_KEY, OF_TAG };

/* A range of an index, and the newest id in it that is not above the bar. */
struct range {
    enum range_kind kind;
    int status;
    struct wf_bytes key, name, value;
    int64_t id; /* 0: there is none */
};

struct walk {
    struct wf_store *store;
    const struct wf_run_filter *filter;
    struct range *any; /* owned, with their keys; it is in one of them … */
    int any_count, any_max;
    struct range tags[WF_TAGS_MAX]; /* … and in all of these */
    int tag_count;
    int looked;
    bool began;
    enum wf_status status;
    struct wf_error *error;
};

static uint32_t statuses_of(const struct wf_run_filter *filter)
{
    return filter->statuses ? filter->statuses & STATUSES_ALL : STATUSES_ALL;
}

/* The range, from the id downwards, into a query's first parameters. */
static void bind_range(struct wf_query *query, const struct walk *walk, const struct range *range)
{
    switch (range->kind) {
    case OF_ALL:
        break;
    case OF_STATUS:
        wf_query_bytes(query, walk->filter->class_name);
        wf_query_int(query, range->status);
        break;
    case OF_KEY:
        wf_query_bytes(query, range->key);
        break;
    case OF_TAG:
        wf_query_bytes(query, walk->filter->class_name);
        wf_query_bytes(query, range->name);
        wf_query_bytes(query, range->value);
        break;
    }
}

/* Brings the range down to the bar. */
static void seek(struct walk *walk, struct range *range, int64_t bar)
{
    static const enum wf_sqlite_statement statements[] = {
        WF_SQLITE_RUN_SEEK, WF_SQLITE_RUN_SEEK_STATUS, WF_SQLITE_RUN_SEEK_KEY,
        WF_SQLITE_RUN_SEEK_TAG};
    struct wf_query query;

    if (walk->status || range->id <= bar) {
        return;
    }
    query = wf_query_start(walk->store, statements[range->kind]);
    wf_query_int(&query, bar);
    bind_range(&query, walk, range);
    range->id = wf_query_row(&query) ? sqlite3_column_int64(query.statement, 0) : 0;
    walk->status = wf_query_end(&query, walk->error);
}

/* The newest id not above the bar that is in one of the ranges; 0: none. */
static int64_t newest(struct walk *walk, int64_t bar)
{
    int64_t id = 0;

    for (int i = 0; i < walk->any_count; i++) {
        seek(walk, &walk->any[i], bar);
        id = walk->any[i].id > id ? walk->any[i].id : id;
    }
    return id;
}

/* The newest id not above *bar on which all agree; 0: there is none, or (*bar > 0) it was not reached. */
static int64_t next(struct walk *walk, int64_t *bar)
{
    while (*bar > 0 && walk->looked++ < LOOKED_MAX) {
        int64_t id = newest(walk, *bar), lowest = id;

        for (int i = 0; i < walk->tag_count && lowest; i++) {
            seek(walk, &walk->tags[i], lowest);
            lowest = walk->tags[i].id;
        }
        if (walk->status || !lowest) {
            *bar = 0;
            return 0;
        }
        *bar = lowest;
        if (lowest == id) {
            return id;
        }
    }
    return 0;
}

/* Which ranges */

static struct range *add_range(struct walk *walk, enum range_kind kind)
{
    if (walk->any_count == walk->any_max) {
        int max = walk->any_max ? walk->any_max * 2 : STATUS_COUNT;
        struct range *more = realloc(walk->any, (size_t)max * sizeof(*more));

        if (!more) {
            walk->status = wf_fail(walk->error, WF_NO_MEMORY, "no memory for a query");
            return NULL;
        }
        walk->any = more;
        walk->any_max = max;
    }
    walk->any[walk->any_count] = (struct range){.kind = kind, .id = INT64_MAX};
    return &walk->any[walk->any_count++];
}

static void add_statuses(struct walk *walk)
{
    uint32_t statuses = statuses_of(walk->filter);

    for (int i = 0; i < STATUS_COUNT; i++) {
        struct range *range = statuses & WF_STATUS_BIT(i) ? add_range(walk, OF_STATUS) : NULL;

        if (range) {
            range->status = i;
        }
    }
}

/* Whether the key is the subject and the name, or any name. A subject of another name may begin as this one
 * does: "Order/a#b#workflow" is not about "Order/a#". */
static bool is_of_subject(const struct wf_run_filter *filter, struct wf_bytes key)
{
    struct wf_bytes name = {key.ptr + filter->subject.len, key.len - filter->subject.len};

    return filter->name.len ? wf_bytes_equal(name, filter->name) : !memchr(name.ptr, '#', name.len);
}

static void add_key(struct walk *walk, struct wf_bytes key)
{
    struct range *range = add_range(walk, OF_KEY);
    char *copy = range ? malloc(key.len) : NULL;

    if (copy) {
        memcpy(copy, key.ptr, key.len);
        range->key = (struct wf_bytes){copy, key.len};
    } else if (range) {
        walk->status = wf_fail(walk->error, WF_NO_MEMORY, "no memory for a query");
    }
}

/* The first key between the two, into `key`; false: none. */
static bool next_key(struct walk *walk, struct wf_bytes after, struct wf_bytes end,
                     struct wf_buffer *key)
{
    struct wf_query query = wf_query_start(walk->store, WF_SQLITE_RUN_NEXT_KEY);
    bool found;

    wf_query_bytes(&query, after);
    wf_query_bytes(&query, end);
    wf_buffer_clear(key);
    found = wf_query_row(&query);
    if (found) {
        struct wf_bytes bytes = wf_sqlite_bytes(query.statement, 0);

        wf_buffer_put(key, bytes.ptr, bytes.len);
    }
    walk->status = wf_query_end(&query, walk->error);
    return found && !walk->status;
}

/* The keys of a subject, one for each of its workflows and methods: from one to the next. */
static void add_keys(struct walk *walk)
{
    struct wf_bytes subject = walk->filter->subject;
    struct wf_buffer end = {0}, keys[2] = {{0}, {0}};
    int at = 0;

    wf_sqlite_prefix_end(subject, &end);
    wf_buffer_put(&keys[0], subject.ptr, subject.len);
    while (!end.failed && !keys[at].failed &&
           next_key(walk, wf_buffer_bytes(&keys[at]), wf_buffer_bytes(&end), &keys[!at])) {
        at = !at;
        if (!keys[at].failed && is_of_subject(walk->filter, wf_buffer_bytes(&keys[at]))) {
            add_key(walk, wf_buffer_bytes(&keys[at]));
        }
    }
    if (!walk->status && (end.failed || keys[at].failed)) {
        walk->status = wf_fail(walk->error, WF_NO_MEMORY, "no memory for a query");
    }
    wf_buffer_destroy(&end);
    wf_buffer_destroy(&keys[0]);
    wf_buffer_destroy(&keys[1]);
}

static void add_tags(struct walk *walk)
{
    struct wf_reader reader = wf_reader_of(walk->filter->tags);

    while (reader.at < reader.end && !reader.failed && walk->tag_count < (int)WF_TAGS_MAX) {
        struct wf_bytes name = wf_reader_bytes(&reader), value = wf_reader_bytes(&reader);

        walk->tags[walk->tag_count++] =
            (struct range){.kind = OF_TAG, .name = name, .value = value, .id = INT64_MAX};
    }
    if (reader.failed || reader.at < reader.end) {
        walk->status = wf_fail(walk->error, WF_INVALID, "tags are at most %u pairs", WF_TAGS_MAX);
    } else if (walk->tag_count && !walk->filter->class_name.len) {
        walk->status = wf_fail(walk->error, WF_INVALID, "tags are those of a class");
    }
}

static void add_ranges(struct walk *walk)
{
    const struct wf_run_filter *filter = walk->filter;

    add_tags(walk);
    if (walk->status) {
        return;
    }
    if (filter->subject.len) {
        add_keys(walk);
    } else if (!filter->class_name.len) {
        add_range(walk, OF_ALL);
    } else if (walk->tag_count && statuses_of(filter) == STATUSES_ALL) {
        struct range *range = add_range(walk, OF_TAG);

        if (range) {
            *range = walk->tags[--walk->tag_count];
        }
    } else {
        add_statuses(walk);
    }
}

/* One read */

static enum wf_status run_statement(struct wf_store *store, enum wf_sqlite_statement statement,
                                    struct wf_error *error)
{
    struct wf_query query = wf_query_start(store, statement);

    return wf_query_run(&query, NULL, error);
}

/* Inside the committer's transaction there is nothing to begin. */
static void begin_walk(struct walk *walk)
{
    struct wf_sqlite *store = (struct wf_sqlite *)walk->store;

    if (!store->begun) {
        walk->status = run_statement(walk->store, WF_SQLITE_READ_BEGIN, walk->error);
        walk->began = !walk->status;
    }
    if (!walk->status) {
        add_ranges(walk);
    }
}

static enum wf_status end_walk(struct walk *walk)
{
    struct wf_sqlite *store = (struct wf_sqlite *)walk->store;

    for (int i = 0; i < walk->any_count; i++) {
        free((char *)(uintptr_t)walk->any[i].key.ptr);
    }
    free(walk->any);
    if (walk->began && !sqlite3_get_autocommit(store->db)) {
        run_statement(walk->store, WF_SQLITE_ROLLBACK, NULL); /* nothing was written */
    }
    return walk->status;
}

static bool is_named(struct wf_bytes key, struct wf_bytes name)
{
    return !name.len || (key.len > name.len && key.ptr[key.len - name.len - 1] == '#' &&
                         !memcmp(key.ptr + key.len - name.len, name.ptr, name.len));
}

/* Whether the ids do not tell all. */
static bool needs_row(const struct wf_run_filter *filter)
{
    return (filter->name.len && !filter->subject.len) ||
           (filter->statuses && (filter->subject.len || !filter->class_name.len));
}

/* Calls `each` (if there is one) with the run, if its row is as the filter says: *good. */
static bool look(struct walk *walk, int64_t id, wf_run_fn *each, void *context, bool *good)
{
    struct wf_query query = wf_query_start(walk->store, WF_SQLITE_RUN_LOAD);
    bool more = true;

    *good = false;
    wf_query_int(&query, id);
    if (wf_query_row(&query)) {
        struct wf_run_row row = wf_sqlite_run_of(query.statement);

        *good = (statuses_of(walk->filter) & WF_STATUS_BIT(row.status)) &&
                is_named(row.key, walk->filter->name);
        more = !*good || !each || each(context, &row);
    }
    walk->status = wf_query_end(&query, walk->error);
    return more && !walk->status;
}

enum wf_status wf_sqlite_run_search(struct wf_store *store, const struct wf_run_filter *filter,
                                    int64_t *before, wf_run_fn *each, void *context,
                                    struct wf_error *error)
{
    struct walk walk = {.store = store, .filter = filter, .error = error};
    int64_t bar = *before ? *before - 1 : INT64_MAX - 1, id;
    bool more = true, good;

    begin_walk(&walk);
    while (more && !walk.status && (id = next(&walk, &bar))) {
        more = look(&walk, id, each, context, &good);
        bar = id - 1;
    }
    *before = bar > 0 ? bar + 1 : 0;
    return end_walk(&walk);
}

/* Counting */

static void count_range(struct walk *walk, const struct range *range, int64_t *count)
{
    struct wf_query query = wf_query_start(
        walk->store, range->kind == OF_TAG ? WF_SQLITE_COUNT_TAG : WF_SQLITE_COUNT_STATUS);

    bind_range(&query, walk, range);
    if (wf_query_row(&query)) {
        *count += sqlite3_column_int64(query.statement, 0);
    }
    walk->status = wf_query_end(&query, walk->error);
}

/* When a run is in one of the ranges, and nothing else is asked, they are counted by the index alone: a read that is
 * not short where there are millions, but so much shorter than that of each. */
static enum wf_status count_ranges(struct walk *walk, int64_t *before, int64_t *count)
{
    *before = 0;
    add_ranges(walk);
    for (int i = 0; i < walk->any_count && !walk->status; i++) {
        count_range(walk, &walk->any[i], count);
    }
    return end_walk(walk);
}

static bool is_plain(const struct wf_run_filter *filter)
{
    struct wf_reader reader = wf_reader_of(filter->tags);

    wf_reader_bytes(&reader);
    wf_reader_bytes(&reader);
    return filter->class_name.len && !filter->subject.len && !filter->name.len &&
           (!filter->tags.len || (reader.at == reader.end && statuses_of(filter) == STATUSES_ALL));
}

enum wf_status wf_sqlite_run_count(struct wf_store *store, const struct wf_run_filter *filter,
                                   int64_t *before, int64_t *count, struct wf_error *error)
{
    struct walk walk = {.store = store, .filter = filter, .error = error};
    int64_t bar = *before ? *before - 1 : INT64_MAX - 1, id;
    bool good = true;

    if (!*before && is_plain(filter)) {
        return count_ranges(&walk, before, count);
    }
    begin_walk(&walk);
    while (!walk.status && (id = next(&walk, &bar))) {
        if (needs_row(filter)) {
            look(&walk, id, NULL, NULL, &good);
        }
        *count += good;
        bar = id - 1;
    }
    *before = bar > 0 ? bar + 1 : 0;
    return end_walk(&walk);
}
