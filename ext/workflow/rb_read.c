/*
 * The reads of Workflow::Native::Engine that are about one run or the log. They copy into a core buffer without the
 * interpreter's lock, which becomes Ruby values with it.
 */
#include "workflow.h"

#define ROWS_MAX 1000000 /* of one read */

struct read {
    struct wf_engine *engine;
    enum wf_status (*call)(struct read *read);
    int64_t run_id;
    int64_t number; /* a version of the run, or a position in the log */
    int limit;
    struct wf_bytes key, class_name;
    struct wf_buffer buffer;
    struct wf_error error;
    struct wf_taker taker;
    enum wf_status status;
    VALUE value; /* what the rows become */
};

static void run(void *context)
{
    struct read *read = context;

    read->status = read->call(read);
}

/* Something is raised: what the read has brought is nobody's. */
static void undo(void *context)
{
    wf_buffer_destroy(&((struct read *)context)->buffer);
}

/* Another thread may change the caller's string while the interpreter's lock is away. */
static VALUE copy_of(VALUE string)
{
    Check_Type(string, T_STRING);
    return rb_str_new_frozen(string);
}

static VALUE to_value(VALUE context)
{
    struct read *read = (struct read *)context;
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&read->buffer));

    read->value = rb_ary_new();
    while (reader.at < reader.end && !reader.failed) {
        int64_t id = wf_reader_int(&reader);

        rb_ary_push(read->value, rb_wf_snapshot(id, wf_reader_bytes(&reader)));
    }
    return read->value;
}

static VALUE to_snapshot(VALUE context)
{
    struct read *read = (struct read *)context;

    return rb_wf_snapshot(read->run_id, wf_buffer_bytes(&read->buffer));
}

static VALUE to_events(VALUE context)
{
    struct read *read = (struct read *)context;
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&read->buffer));
    VALUE events = rb_ary_new(), later;

    while (reader.at < reader.end && !reader.failed) {
        int64_t position = wf_reader_int(&reader), run_id = wf_reader_int(&reader),
                version = wf_reader_int(&reader);

        rb_wf_events(position, run_id, version, wf_reader_bytes(&reader),
                     read->run_id ? read->number : 0, events);
    }
    if (read->run_id) {
        return events;
    }
    later = rb_ary_new();
    for (long i = 0; i < RARRAY_LEN(events); i++) {
        VALUE event = rb_ary_entry(events, i);

        if (NUM2LL(rb_ary_entry(event, 0)) > read->number) {
            rb_ary_push(later, event);
        }
    }
    return later;
}

static int limit_of(VALUE number)
{
    int limit = NUM2INT(number);

    if (limit < 0) {
        rb_wf_refuse("a limit is not negative: %d", limit);
    }
    return limit < ROWS_MAX ? limit : ROWS_MAX;
}

/* Runs the read, converts, frees the buffer whatever is raised. nil: NOT_FOUND. */
static VALUE read_as(struct read *read, VALUE (*convert)(VALUE))
{
    VALUE value = Qnil;
    int raised = 0;

    rb_wf_leave_once(run, undo, read);
    if (!read->status) {
        value = rb_protect(convert, (VALUE)read, &raised);
    }
    wf_buffer_destroy(&read->buffer);
    if (raised) {
        rb_jump_tag(raised);
    }
    if (read->status != WF_NOT_FOUND) {
        rb_wf_check(read->status, &read->error);
    }
    return value;
}

static enum wf_status read_find(struct read *read)
{
    return wf_engine_find(read->engine, read->run_id, &read->buffer, &read->error);
}

static VALUE engine_find(VALUE self, VALUE run_id)
{
    struct read read = {
        .engine = rb_wf_engine(self), .call = read_find, .run_id = rb_wf_to_run_id(run_id)};

    return read.run_id ? read_as(&read, to_snapshot) : Qnil;
}

static enum wf_status read_current(struct read *read)
{
    return wf_engine_current(read->engine, read->key, &read->run_id, &read->buffer, &read->error);
}

static VALUE engine_current(VALUE self, VALUE key)
{
    struct read read = {.engine = rb_wf_engine(self), .call = read_current};
    VALUE copy = copy_of(key), value;

    read.key = rb_wf_bytes(copy);
    value = read_as(&read, to_snapshot);
    RB_GC_GUARD(copy);
    return value;
}

static enum wf_status read_keyed(struct read *read)
{
    return wf_engine_keyed(read->engine, read->class_name, read->key, &read->run_id, &read->buffer,
                           &read->error);
}

static VALUE engine_keyed(VALUE self, VALUE class_name, VALUE token)
{
    struct read read = {.engine = rb_wf_engine(self), .call = read_keyed};
    VALUE name = copy_of(class_name), copy = copy_of(token), value;

    read.class_name = rb_wf_bytes(name);
    read.key = rb_wf_token(copy);
    value = read_as(&read, to_snapshot);
    RB_GC_GUARD(name);
    RB_GC_GUARD(copy);
    return value;
}

static enum wf_status read_list(struct read *read)
{
    return wf_engine_list(read->engine, read->key, read->number, read->limit, &read->buffer,
                          &read->error);
}

static VALUE engine_list(VALUE self, VALUE prefix, VALUE before, VALUE limit)
{
    struct read read = {.engine = rb_wf_engine(self), .call = read_list, .limit = limit_of(limit)};
    VALUE copy = copy_of(prefix), value;

    read.key = rb_wf_bytes(copy);
    read.number = NIL_P(before) ? 0 : rb_wf_to_run_id(before);
    if (!NIL_P(before) && !read.number) {
        rb_wf_refuse("%+" PRIsVALUE " is not a run's id", before);
    }
    value = read_as(&read, to_value);
    RB_GC_GUARD(copy);
    return value;
}

static enum wf_status read_events(struct read *read)
{
    int64_t after = read->run_id ? read->number : (read->number >> 8) - 1;

    return wf_engine_events(read->engine, read->run_id, after, read->limit, &read->buffer,
                            &read->error);
}

static VALUE engine_events(VALUE self, VALUE run_id, VALUE after, VALUE limit)
{
    struct read read = {.engine = rb_wf_engine(self),
                        .call = read_events,
                        .run_id = rb_wf_to_run_id(run_id),
                        .number = NUM2LL(after),
                        .limit = limit_of(limit)};

    return read.run_id ? read_as(&read, to_events) : rb_ary_new();
}

static VALUE engine_log(VALUE self, VALUE after, VALUE limit)
{
    struct read read = {.engine = rb_wf_engine(self),
                        .call = read_events,
                        .number = NUM2LL(after),
                        .limit =
                            limit_of(limit) + 1}; /* the first row may have been read already */

    return read_as(&read, to_events);
}

static enum wf_status read_last(struct read *read)
{
    return wf_engine_last_position(read->engine, &read->number, &read->error);
}

static VALUE engine_last_position(VALUE self)
{
    struct read read = {.engine = rb_wf_engine(self), .call = read_last};

    rb_wf_leave_once(run, undo, &read);
    rb_wf_check(read.status, &read.error);
    return LL2NUM(read.number * 256 + 255);
}

/* ---- Following the log ---- */

static bool log_run(void *context, int64_t wait_ms)
{
    struct read *read = context;

    read->status =
        wf_engine_wait_log(read->engine, read->number >> 8, wait_ms, &read->taker, &read->error);
    return read->status != WF_INTERRUPTED && read->status != WF_TIMED_OUT;
}

static void log_interrupt(void *context)
{
    struct read *read = context;

    wf_engine_interrupt_log(read->engine, &read->taker);
}

static void log_reset(void *context)
{
    ((struct read *)context)->taker.interrupted = false;
}

static VALUE engine_wait_log(VALUE self, VALUE after, VALUE timeout_ms)
{
    struct read read = {
        .engine = rb_wf_engine(self), .number = NUM2LL(after), .status = WF_TIMED_OUT};
    struct rb_wf_wait wait = {.run = log_run,
                              .interrupt = log_interrupt,
                              .reset = log_reset,
                              .context = &read,
                              .until_ms = rb_wf_until_ms(timeout_ms)};

    rb_wf_leave(&wait);
    if (read.status == WF_INTERRUPTED || read.status == WF_TIMED_OUT) {
        return Qfalse;
    }
    rb_wf_check(read.status, &read.error);
    return Qtrue;
}

void rb_wf_init_read(VALUE engine)
{
    rb_define_method(engine, "find", engine_find, 1);
    rb_define_method(engine, "current", engine_current, 1);
    rb_define_method(engine, "keyed", engine_keyed, 2);
    rb_define_method(engine, "list", engine_list, 3);
    rb_define_method(engine, "events", engine_events, 3);
    rb_define_method(engine, "log", engine_log, 2);
    rb_define_method(engine, "last_position", engine_last_position, 0);
    rb_define_method(engine, "wait_log", engine_wait_log, 2);
}
