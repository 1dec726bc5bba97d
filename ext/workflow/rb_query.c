/*
 * The reads of Workflow::Native::Engine that are about many runs: what Workflow::Runs and Workflow::Preloading ask. All
 * strings are copied to the core's memory before the interpreter's lock is left; rows come back in a core buffer.
 */
#include "workflow.h"

#include "core/arena.h"

#define MANY_MAX 100000 /* keys, subjects or ids of one call */

struct query {
    VALUE self, filter, before, limit, list; /* the arguments; undefined ones are nil */
    struct wf_engine *engine;
    struct wf_search search;
    struct wf_bytes *many; /* subjects or keys */
    int many_count, max;
    int64_t count;
    struct wf_arena *arena; /* all that is pointed to */
    struct wf_buffer rows;
    struct wf_error error;
    enum wf_status status;
    enum wf_status (*read)(struct query *query);
    VALUE (*convert)(VALUE query); /* of the rows */
};

static void run(void *context)
{
    struct query *query = context;

    query->status = query->read(query);
}

static void forget(void *context)
{
    struct query *query = context;

    wf_buffer_destroy(&query->rows);
    wf_arena_free(query->arena);
    query->arena = NULL;
}

/* Calls it with the query; what it raises goes on when nothing is left behind. */
static VALUE carefully(struct query *query, VALUE (*call)(VALUE))
{
    int raised = 0;
    VALUE value = rb_protect(call, (VALUE)query, &raised);

    if (raised) {
        forget(query);
        rb_jump_tag(raised);
    }
    return value;
}

static VALUE fill(VALUE query);

static VALUE ask(struct query *query)
{
    VALUE value = Qnil;

    carefully(query, fill);
    rb_wf_leave_once(run, forget, query);
    if (!query->status && query->convert) {
        value = carefully(query, query->convert);
    }
    forget(query);
    rb_wf_check(query->status, &query->error);
    return value;
}

static VALUE to_snapshots(VALUE context)
{
    struct query *query = (struct query *)context;
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&query->rows));
    VALUE list = rb_ary_new();

    while (reader.at < reader.end && !reader.failed) {
        int64_t id = wf_reader_int(&reader);
        struct wf_bytes state = wf_reader_bytes(&reader);

        rb_ary_push(list, id ? rb_wf_snapshot(id, state) : Qnil);
    }
    return list;
}

static VALUE to_ids(VALUE context)
{
    struct query *query = (struct query *)context;
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&query->rows));
    VALUE list = rb_ary_new();

    while (reader.at < reader.end && !reader.failed) {
        rb_ary_push(list, rb_wf_run_id(wf_reader_int(&reader)));
    }
    return list;
}

/* ---- What is asked for ---- */

static struct wf_bytes keep(struct query *query, VALUE string)
{
    struct wf_bytes bytes = rb_wf_bytes(string), kept = wf_arena_copy(&query->arena, bytes);

    if (kept.len != bytes.len) { /* less would be asked for, and more be found */
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    return kept;
}

static int length_of(VALUE array)
{
    Check_Type(array, T_ARRAY);
    if (RARRAY_LEN(array) > MANY_MAX) {
        rb_wf_refuse("at most %d at once, not %ld", MANY_MAX, RARRAY_LEN(array));
    }
    return (int)RARRAY_LEN(array);
}

static void *keep_room(struct query *query, size_t len)
{
    void *room = wf_arena_alloc(&query->arena, len ? len : 1);

    if (!room) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    return room;
}

static struct wf_bytes *keep_all(struct query *query, VALUE array, int *count)
{
    struct wf_bytes *all;

    *count = length_of(array);
    all = keep_room(query, (size_t)*count * sizeof(*all));
    for (int i = 0; i < *count; i++) {
        all[i] = keep(query, rb_ary_entry(array, i));
    }
    return all;
}

static uint32_t status_bit(VALUE state)
{
    Check_Type(state, T_SYMBOL);
    for (int i = WF_RUN_scheduled; i <= WF_RUN_cancelled; i++) {
        if (rb_sym2id(state) == rb_intern(wf_run_status_name((enum wf_run_status)i))) {
            return WF_STATUS_BIT(i);
        }
    }
    rb_wf_refuse("%+" PRIsVALUE " is not a state of a run", state);
}

static uint32_t statuses_of(VALUE states)
{
    uint32_t bits = 0;

    for (int i = 0; !NIL_P(states) && i < length_of(states); i++) {
        bits |= status_bit(rb_ary_entry(states, i));
    }
    if (!NIL_P(states) && !bits) {
        rb_wf_refuse("no states at all: nil means any");
    }
    return bits;
}

static bool is_twice(VALUE texts, long at)
{
    for (long i = 0; i < at; i += 2) {
        if (wf_bytes_equal(rb_wf_bytes(rb_ary_entry(texts, i)),
                           rb_wf_bytes(rb_ary_entry(texts, at)))) {
            return true;
        }
    }
    return false;
}

VALUE rb_wf_tags(VALUE array, bool once)
{
    struct wf_buffer pairs = {0};
    VALUE kept = rb_ary_new(), string;
    bool failed;

    for (int i = 0; !NIL_P(array) && i < length_of(array); i++) {
        VALUE text = rb_ary_entry(array, i);

        Check_Type(text, T_STRING);
        rb_wf_check_len(text, WF_TAG_LEN_MAX, i % 2 ? "a tag's value" : "a tag's name");
        if (i % 2 == 0 && !RSTRING_LEN(text)) {
            rb_wf_refuse("a tag has a name");
        }
        rb_ary_push(kept, rb_str_new_frozen(text));
    }
    if (RARRAY_LEN(kept) % 2 || RARRAY_LEN(kept) > 2 * (long)WF_TAGS_MAX) {
        rb_wf_refuse("tags are at most %u names, each with a value", WF_TAGS_MAX);
    }
    for (long i = 0; once && i < RARRAY_LEN(kept); i += 2) {
        if (is_twice(kept, i)) {
            rb_wf_refuse("the tag %+" PRIsVALUE " is given twice", rb_ary_entry(kept, i));
        }
    }
    for (long i = 0; i < RARRAY_LEN(kept); i++) {
        wf_buffer_put_bytes(&pairs, rb_wf_bytes(rb_ary_entry(kept, i)));
    }
    failed = pairs.failed;
    string = failed ? Qnil : rb_str_new(pairs.ptr, (long)pairs.len);
    wf_buffer_destroy(&pairs);
    if (failed) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    return rb_str_freeze(string);
}

static VALUE get(VALUE hash, const char *name)
{
    return rb_hash_aref(hash, ID2SYM(rb_intern(name)));
}

static void fill_filter(struct query *query)
{
    struct wf_run_filter *runs = &query->search.filter;

    Check_Type(query->filter, T_HASH);
    runs->class_name = keep(query, get(query->filter, "class_name"));
    runs->subject = keep(query, get(query->filter, "subject"));
    runs->name = keep(query, get(query->filter, "name"));
    runs->statuses = statuses_of(get(query->filter, "states"));
    runs->tags = keep(query, rb_wf_tags(get(query->filter, "tags"), false));
    if (!NIL_P(get(query->filter, "steps"))) {
        query->search.steps =
            keep_all(query, get(query->filter, "steps"), &query->search.step_count);
    }
}

static void fill_page(struct query *query)
{
    query->search.before = NIL_P(query->before) ? 0 : rb_wf_to_run_id(query->before);
    if (!NIL_P(query->before) && !query->search.before) {
        rb_wf_refuse("%+" PRIsVALUE " is not a run's id", query->before);
    }
    query->max = NIL_P(query->limit) ? 1 : NUM2INT(query->limit);
    if (query->max < 1) {
        rb_wf_refuse("a limit is at least 1, not %d", query->max);
    }
}

/* Whatever is wrong with the arguments is raised here. */
static VALUE fill(VALUE context)
{
    struct query *query = (struct query *)context;

    query->engine = rb_wf_engine(query->self);
    if (!NIL_P(query->filter)) {
        fill_filter(query);
    }
    fill_page(query);
    if (!NIL_P(query->list)) {
        query->many = keep_all(query, query->list, &query->many_count);
    }
    return Qnil;
}

/* Where to go on. */
static VALUE following(const struct query *query)
{
    return query->search.before ? rb_wf_run_id(query->search.before) : Qnil;
}

/* ---- The calls ---- */

static enum wf_status search(struct query *query)
{
    return wf_engine_search(query->engine, &query->search, query->max, &query->rows, &query->error);
}

static VALUE engine_search(VALUE self, VALUE filter, VALUE before, VALUE limit)
{
    struct query query = {.self = self,
                          .filter = filter,
                          .before = before,
                          .limit = limit,
                          .list = Qnil,
                          .read = search,
                          .convert = to_snapshots};
    VALUE snapshots = ask(&query);

    return rb_assoc_new(snapshots, following(&query));
}

static enum wf_status count(struct query *query)
{
    return wf_engine_count(query->engine, &query->search, &query->count, &query->error);
}

static VALUE engine_count(VALUE self, VALUE filter, VALUE before)
{
    struct query query = {.self = self,
                          .filter = filter,
                          .before = before,
                          .limit = Qnil,
                          .list = Qnil,
                          .read = count};

    ask(&query);
    return rb_assoc_new(LL2NUM(query.count), following(&query));
}

static VALUE ask_of_many(VALUE self, VALUE filter, VALUE list,
                         enum wf_status (*read)(struct query *), VALUE (*convert)(VALUE))
{
    struct query query = {.self = self,
                          .filter = filter,
                          .before = Qnil,
                          .limit = Qnil,
                          .list = list,
                          .read = read,
                          .convert = convert};

    Check_Type(list, T_ARRAY);
    return ask(&query);
}

static enum wf_status ids(struct query *query)
{
    return wf_engine_ids(query->engine, &query->search, query->many, query->many_count,
                         &query->rows, &query->error);
}

static VALUE engine_ids(VALUE self, VALUE filter, VALUE subjects)
{
    return ask_of_many(self, filter, subjects, ids, to_ids);
}

/* What is no id is nobody's. */
static enum wf_status fetch(struct query *query)
{
    int64_t *run_ids = wf_arena_alloc(&query->arena, (size_t)query->many_count * 8 + 8);

    for (int i = 0; run_ids && i < query->many_count; i++) {
        run_ids[i] = wf_id_read(query->many[i], &run_ids[i]) ? run_ids[i] : 0;
    }
    return run_ids ? wf_engine_fetch(query->engine, run_ids, query->many_count, &query->rows,
                                     &query->error)
                   : WF_NO_MEMORY;
}

static VALUE engine_fetch(VALUE self, VALUE run_ids)
{
    return ask_of_many(self, Qnil, run_ids, fetch, to_snapshots);
}

static enum wf_status currents(struct query *query)
{
    return wf_engine_currents(query->engine, query->many, query->many_count, &query->rows,
                              &query->error);
}

static VALUE engine_currents(VALUE self, VALUE keys)
{
    return ask_of_many(self, Qnil, keys, currents, to_snapshots);
}

static enum wf_status doubts(struct query *query)
{
    return wf_engine_doubts(query->engine, query->max, &query->rows, &query->error);
}

static VALUE to_doubts(VALUE context)
{
    struct query *query = (struct query *)context;
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&query->rows));
    VALUE list = rb_ary_new();

    while (reader.at < reader.end && !reader.failed) {
        VALUE doubt = rb_ary_new_capa(7);

        rb_ary_push(doubt, rb_wf_run_id(wf_reader_int(&reader)));
        rb_ary_push(doubt, rb_wf_text(wf_reader_bytes(&reader)));
        rb_ary_push(doubt, rb_wf_text(wf_reader_bytes(&reader)));
        rb_ary_push(doubt, rb_wf_string(wf_reader_bytes(&reader)));
        rb_ary_push(doubt, rb_wf_text(wf_reader_bytes(&reader)));
        rb_ary_push(doubt, LL2NUM(wf_reader_int(&reader)));
        rb_ary_push(doubt, LL2NUM(wf_reader_int(&reader)));
        rb_ary_push(list, doubt);
    }
    return list;
}

static VALUE engine_doubts(VALUE self, VALUE limit)
{
    struct query query = {.self = self,
                          .filter = Qnil,
                          .before = Qnil,
                          .limit = limit,
                          .list = Qnil,
                          .read = doubts,
                          .convert = to_doubts};

    return ask(&query);
}

void rb_wf_init_query(VALUE engine)
{
    rb_define_method(engine, "search", engine_search, 3);
    rb_define_method(engine, "count", engine_count, 2);
    rb_define_method(engine, "ids", engine_ids, 2);
    rb_define_method(engine, "fetch", engine_fetch, 1);
    rb_define_method(engine, "currents", engine_currents, 1);
    rb_define_method(engine, "doubts", engine_doubts, 1);
}
