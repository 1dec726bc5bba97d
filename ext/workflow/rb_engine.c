/*
 * Workflow::Native::Engine. The core's engine is freed when the Ruby object and all hands made from it are
 * gone and it has been stopped; GC never stops one, since that waits. Reads copy into a core buffer
 * without the interpreter's lock and become Ruby values with it.
 */
#include "workflow.h"

struct holder {
    struct wf_engine *engine;
    int users; /* the Ruby object and its hands; only with the interpreter's lock */
    _Atomic bool stopped;
};

#define LEASE_MS_MAX (1000LL * 60 * 60 * 24)
#define TRAVEL_MS_MAX (LEASE_MS_MAX * 366 * 1000)
#define ROWS_MAX 1000000 /* of one read */

static VALUE class;

void rb_wf_engine_drop(void *held)
{
    struct holder *holder = held;

    if (--holder->users > 0) {
        return;
    }
    if (holder->engine && holder->stopped) {
        wf_engine_free(holder->engine); /* else it is left to the end of the process */
    }
    xfree(holder);
}

static size_t engine_size(const void *held)
{
    const struct holder *holder = held;

    return sizeof(*holder) + (holder->engine ? sizeof(*holder->engine) : 0);
}

static const rb_data_type_t type = {
    .wrap_struct_name = "Workflow::Native::Engine",
    .function = {.dfree = rb_wf_engine_drop, .dsize = engine_size},
    /* Not FREE_IMMEDIATELY: freeing unmaps and closes. */
};

static VALUE engine_alloc(VALUE klass)
{
    struct holder *holder;
    VALUE self = TypedData_Make_Struct(klass, struct holder, &type, holder);

    holder->users = 1;
    return self;
}

static struct holder *holder_of(VALUE self)
{
    return rb_check_typeddata(self, &type);
}

void *rb_wf_engine_hold(VALUE value)
{
    struct holder *holder = holder_of(value);

    holder->users++;
    return holder;
}

struct wf_engine *rb_wf_engine(VALUE value)
{
    struct holder *holder = holder_of(value);
    struct wf_error error = {0};

    if (!holder->engine) {
        rb_wf_raise_status(WF_CLOSED);
    }
    rb_wf_check(wf_engine_usable(holder->engine, &error), &error);
    return holder->engine;
}

/* ---- Calls that wait: one struct for all of them ---- */

struct call {
    struct wf_engine *engine, *opened;
    struct wf_engine_options options;
    int64_t run_id, number;
    int limit;
    struct wf_bytes key, class_name;
    struct wf_buffer buffer;
    struct wf_error error;
    struct wf_taker taker;
    enum wf_status status;
    bool result;
    _Atomic bool *stopped; /* to be told */
    enum wf_status (*read)(struct call *call);
    VALUE value; /* what the copy of the bytes becomes */
};

static bool without_lock(void *context, int64_t wait_ms)
{
    struct call *call = context;

    (void)wait_ms;
    call->status = call->read(call);
    return true;
}

/* Something is raised: what the call has brought is nobody's. */
static void undo(void *context)
{
    struct call *call = context;

    wf_buffer_destroy(&call->buffer);
    if (call->opened) {
        wf_engine_stop(call->opened, 0);
        wf_engine_free(call->opened);
    }
}

static void never_mind(void *context)
{
    (void)context;
}

/* They end by themselves, so nothing interrupts them; what came meanwhile is raised before or after. */
static void wait_for(struct call *call)
{
    struct rb_wf_wait wait = {.run = without_lock,
                              .interrupt = never_mind,
                              .reset = never_mind,
                              .ensure = undo,
                              .context = call,
                              .until_ms = rb_wf_until_ms(INT2FIX(0))};

    rb_wf_leave(&wait);
}

static enum wf_status call_open(struct call *call)
{
    return wf_engine_open(&call->opened, &call->options, &call->error);
}

static VALUE engine_initialize(VALUE self, VALUE path, VALUE lease_ms, VALUE host)
{
    struct holder *holder = holder_of(self);
    struct call call = {.read = call_open};
    VALUE copy;

    Check_Type(host, T_STRING);
    if (holder->engine) {
        rb_wf_refuse("this engine is open already");
    }
    call.options = (struct wf_engine_options){
        .store = &wf_store_sqlite, .path = StringValueCStr(path), .lease_ms = NUM2LL(lease_ms)};
    if (call.options.lease_ms < 1 || call.options.lease_ms > LEASE_MS_MAX) {
        rb_wf_refuse("a lease lasts from 1 ms to a day, not %lld ms",
                     (long long)call.options.lease_ms);
    }
    copy = rb_str_new_frozen(path); /* it may be changed while the interpreter's lock is away */
    call.options.path = RSTRING_PTR(copy);
    wait_for(&call);
    RB_GC_GUARD(copy);
    rb_wf_check(call.status, &call.error);
    holder->engine = call.opened;
    return self;
}

/* ---- Reads ---- */

/* Another thread may change the caller's string while the interpreter's lock is away. */
static VALUE copy_of(VALUE string)
{
    Check_Type(string, T_STRING);
    return rb_str_new_frozen(string);
}

static VALUE to_value(VALUE context)
{
    struct call *call = (struct call *)context;
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&call->buffer));

    call->value = rb_ary_new();
    while (reader.at < reader.end && !reader.failed) {
        int64_t id = wf_reader_int(&reader);

        rb_ary_push(call->value, rb_wf_snapshot(id, wf_reader_bytes(&reader)));
    }
    return call->value;
}

static VALUE to_snapshot(VALUE context)
{
    struct call *call = (struct call *)context;

    return rb_wf_snapshot(call->run_id, wf_buffer_bytes(&call->buffer));
}

/* `number` is a version of the run, or a position of an event in the log. */
static VALUE to_events(VALUE context)
{
    struct call *call = (struct call *)context;
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&call->buffer));
    VALUE events = rb_ary_new(), later;

    while (reader.at < reader.end && !reader.failed) {
        int64_t position = wf_reader_int(&reader), run_id = wf_reader_int(&reader),
                version = wf_reader_int(&reader);

        rb_wf_events(position, run_id, version, wf_reader_bytes(&reader),
                     call->run_id ? call->number : 0, events);
    }
    if (call->run_id) {
        return events;
    }
    later = rb_ary_new();
    for (long i = 0; i < RARRAY_LEN(events); i++) {
        VALUE event = rb_ary_entry(events, i);

        if (NUM2LL(rb_ary_entry(event, 0)) > call->number) {
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
static VALUE read_as(struct call *call, VALUE (*convert)(VALUE))
{
    VALUE value = Qnil;
    int raised = 0;

    wait_for(call);
    if (!call->status) {
        value = rb_protect(convert, (VALUE)call, &raised);
    }
    wf_buffer_destroy(&call->buffer);
    if (raised) {
        rb_jump_tag(raised);
    }
    if (call->status != WF_NOT_FOUND) {
        rb_wf_check(call->status, &call->error);
    }
    return value;
}

static enum wf_status call_find(struct call *call)
{
    return wf_engine_find(call->engine, call->run_id, &call->buffer, &call->error);
}

static VALUE engine_find(VALUE self, VALUE run_id)
{
    struct call call = {
        .engine = rb_wf_engine(self), .read = call_find, .run_id = rb_wf_to_run_id(run_id)};

    return call.run_id ? read_as(&call, to_snapshot) : Qnil;
}

static enum wf_status call_current(struct call *call)
{
    return wf_engine_current(call->engine, call->key, &call->run_id, &call->buffer, &call->error);
}

static VALUE engine_current(VALUE self, VALUE key)
{
    struct call call = {.engine = rb_wf_engine(self), .read = call_current};
    VALUE copy = copy_of(key), value;

    call.key = rb_wf_bytes(copy);
    value = read_as(&call, to_snapshot);
    RB_GC_GUARD(copy);
    return value;
}

static enum wf_status call_keyed(struct call *call)
{
    return wf_engine_keyed(call->engine, call->class_name, call->key, &call->run_id, &call->buffer,
                           &call->error);
}

static VALUE engine_keyed(VALUE self, VALUE class_name, VALUE token)
{
    struct call call = {.engine = rb_wf_engine(self), .read = call_keyed};
    VALUE name = copy_of(class_name), copy = copy_of(token), value;

    call.class_name = rb_wf_bytes(name);
    call.key = rb_wf_token(copy);
    value = read_as(&call, to_snapshot);
    RB_GC_GUARD(name);
    RB_GC_GUARD(copy);
    return value;
}

static enum wf_status call_list(struct call *call)
{
    return wf_engine_list(call->engine, call->key, call->number, call->limit, &call->buffer,
                          &call->error);
}

static VALUE engine_list(VALUE self, VALUE prefix, VALUE before, VALUE limit)
{
    struct call call = {.engine = rb_wf_engine(self), .read = call_list, .limit = limit_of(limit)};
    VALUE copy = copy_of(prefix), value;

    call.key = rb_wf_bytes(copy);
    call.number = NIL_P(before) ? 0 : rb_wf_to_run_id(before);
    if (!NIL_P(before) && !call.number) {
        rb_wf_refuse("%+" PRIsVALUE " is not a run's id", before);
    }
    value = read_as(&call, to_value);
    RB_GC_GUARD(copy);
    return value;
}

static enum wf_status call_events(struct call *call)
{
    int64_t after = call->run_id ? call->number : (call->number >> 8) - 1;

    return wf_engine_events(call->engine, call->run_id, after, call->limit, &call->buffer,
                            &call->error);
}

static VALUE engine_events(VALUE self, VALUE run_id, VALUE after, VALUE limit)
{
    struct call call = {.engine = rb_wf_engine(self),
                        .read = call_events,
                        .run_id = rb_wf_to_run_id(run_id),
                        .number = NUM2LL(after),
                        .limit = limit_of(limit)};

    return call.run_id ? read_as(&call, to_events) : rb_ary_new();
}

static VALUE engine_log(VALUE self, VALUE after, VALUE limit)
{
    struct call call = {.engine = rb_wf_engine(self),
                        .read = call_events,
                        .number = NUM2LL(after),
                        .limit =
                            limit_of(limit) + 1}; /* the first row may have been read already */

    return read_as(&call, to_events);
}

static enum wf_status call_last(struct call *call)
{
    return wf_engine_last_position(call->engine, &call->number, &call->error);
}

static VALUE engine_last_position(VALUE self)
{
    struct call call = {.engine = rb_wf_engine(self), .read = call_last};

    wait_for(&call);
    rb_wf_check(call.status, &call.error);
    return LL2NUM(call.number * 256 + 255);
}

/* ---- Following the log ---- */

static bool log_run(void *context, int64_t wait_ms)
{
    struct call *call = context;

    call->status =
        wf_engine_wait_log(call->engine, call->number >> 8, wait_ms, &call->taker, &call->error);
    return call->status != WF_INTERRUPTED && call->status != WF_TIMED_OUT;
}

static void log_interrupt(void *context)
{
    struct call *call = context;

    wf_engine_interrupt_log(call->engine, &call->taker);
}

static void log_reset(void *context)
{
    ((struct call *)context)->taker.interrupted = false;
}

static VALUE engine_wait_log(VALUE self, VALUE after, VALUE timeout_ms)
{
    struct call call = {
        .engine = rb_wf_engine(self), .number = NUM2LL(after), .status = WF_TIMED_OUT};
    struct rb_wf_wait wait = {.run = log_run,
                              .interrupt = log_interrupt,
                              .reset = log_reset,
                              .context = &call,
                              .until_ms = rb_wf_until_ms(timeout_ms)};

    rb_wf_leave(&wait);
    if (call.status == WF_INTERRUPTED || call.status == WF_TIMED_OUT) {
        return Qfalse;
    }
    rb_wf_check(call.status, &call.error);
    return Qtrue;
}

/* ---- Appends without a hand ---- */

static VALUE engine_reserve(VALUE self)
{
    return rb_wf_run_id(wf_engine_reserve(rb_wf_engine(self)));
}

static VALUE refusal(enum wf_status status)
{
    switch (status) {
    case WF_OK:
        return ID2SYM(rb_intern("ok"));
    case WF_BUSY:
        return ID2SYM(rb_intern("busy"));
    case WF_NOT_PENDING:
    case WF_STALE:
        return ID2SYM(rb_intern("not_pending"));
    case WF_NOT_WAITING:
        return ID2SYM(rb_intern("not_waiting"));
    case WF_NOT_FOUND:
        return ID2SYM(rb_intern("not_found"));
    default:
        return Qnil;
    }
}

struct told {
    struct wf_op *op;
    VALUE snapshot, events;
};

static VALUE tell(VALUE context)
{
    struct told *told = (struct told *)context;
    struct wf_op *op = told->op;

    told->snapshot =
        op->state.len ? rb_wf_snapshot(op->answered_id, wf_buffer_bytes(&op->state)) : Qnil;
    told->events = rb_ary_new();
    if (op->row.len) {
        rb_wf_events(0, op->answered_id, op->version, wf_buffer_bytes(&op->row), 0, told->events);
    }
    return Qnil;
}

/* Waits, reads the answer, finishes the op. Raises the store's failures; returns the rest. */
static enum wf_status answer(VALUE self, struct told *told)
{
    struct wf_engine *engine = rb_wf_engine(self);
    struct wf_op *op = told->op;
    enum wf_status status;
    struct wf_error error;
    int raised = 0;

    rb_wf_answer(engine, NULL, op, NULL);
    rb_protect(tell, (VALUE)told, &raised);
    status = op->status;
    error = op->error;
    wf_op_finish(engine, NULL, op);
    if (raised) {
        rb_jump_tag(raised);
    }
    if (NIL_P(refusal(status))) {
        rb_wf_check(status, &error);
    }
    return status;
}

static VALUE change(VALUE self, struct wf_op *op)
{
    struct told told = {.op = op, .snapshot = Qnil, .events = Qnil};
    enum wf_status status = answer(self, &told);

    return rb_ary_new_from_args(3, refusal(status), told.snapshot, told.events);
}

static struct wf_op *prepare_change(VALUE self, VALUE run_id, VALUE step, enum wf_command_kind kind)
{
    struct wf_bytes name = rb_wf_bytes(step);
    int64_t id = rb_wf_to_run_id(run_id);
    struct wf_op *op = wf_op_prepare(rb_wf_engine(self), NULL, WF_OP_CHANGE);

    if (!op) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    op->run_id = id;
    op->step = wf_op_keep(op, name);
    op->command.kind = kind;
    return op;
}

static VALUE engine_later(VALUE self, VALUE run_id, VALUE step)
{
    return change(self, prepare_change(self, run_id, step, WF_COMMAND_HURRY));
}

static VALUE engine_retry(VALUE self, VALUE run_id, VALUE definition, VALUE from, VALUE by)
{
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_bytes name = rb_wf_bytes(by);
    struct wf_op *op = prepare_change(self, run_id, from, WF_COMMAND_RETRY);

    op->definition = wf_definition_retain(options);
    op->command.by = wf_op_keep(op, name);
    return change(self, op);
}

static VALUE halt(VALUE self, VALUE run_id, VALUE step, enum wf_command_kind kind, VALUE definition,
                  VALUE reason, VALUE by)
{
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_bytes why = rb_wf_bytes(reason), author = rb_wf_bytes(by);
    struct wf_op *op;

    rb_wf_check_len(reason, WF_SUBJECT_LEN_MAX, "a reason");
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    op = prepare_change(self, run_id, step, kind);
    op->definition = wf_definition_retain(options);
    op->command.reason = wf_op_keep(op, why);
    op->command.by = wf_op_keep(op, author);
    return change(self, op);
}

static VALUE engine_cancel(VALUE self, VALUE run_id, VALUE definition, VALUE reason, VALUE by)
{
    return halt(self, run_id, Qnil, WF_COMMAND_CANCEL, definition, reason, by);
}

static VALUE engine_pause(VALUE self, VALUE run_id, VALUE reason, VALUE by)
{
    return halt(self, run_id, Qnil, WF_COMMAND_PAUSE, Qnil, reason, by);
}

static VALUE engine_resume(VALUE self, VALUE run_id, VALUE definition, VALUE by)
{
    return halt(self, run_id, Qnil, WF_COMMAND_RESUME, definition, Qnil, by);
}

static VALUE engine_skip(VALUE self, VALUE run_id, VALUE step, VALUE definition, VALUE reason,
                         VALUE by)
{
    if (!rb_wf_bytes(step).len) {
        rb_wf_refuse("which step is to be skipped has to be said");
    }
    return halt(self, run_id, step, WF_COMMAND_OMIT, definition, reason, by);
}

static VALUE engine_keep(VALUE self, VALUE run_id, VALUE step, VALUE definition, VALUE input,
                         VALUE by)
{
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_bytes name = rb_wf_bytes(by), payload = rb_wf_bytes(input);
    struct wf_op *op;

    rb_wf_bytes(step);
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    rb_wf_check_len(input, WF_PAYLOAD_LEN_MAX, "an input");
    op = prepare_change(self, run_id, step, WF_COMMAND_KEEP);
    op->definition = wf_definition_retain(options);
    op->command.by = wf_op_keep(op, name);
    op->command.payload = wf_op_keep(op, payload);
    return change(self, op);
}

/* (run_id, step, round, fence, definition, accepted, input, by) */
static VALUE engine_settle(VALUE self, VALUE run_id, VALUE step, VALUE round, VALUE fence,
                           VALUE definition, VALUE accepted, VALUE input, VALUE by)
{
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_bytes name = rb_wf_bytes(by), payload = rb_wf_bytes(input);
    uint32_t of_round = NUM2UINT(round);
    int64_t of_fence = NUM2LL(fence);
    struct told told = {.snapshot = Qnil, .events = Qnil};
    enum wf_status status;

    if (!rb_wf_bytes(step).len) {
        rb_wf_refuse("which step is to be settled has to be said");
    }
    if (RTEST(accepted) && !options) {
        rb_wf_refuse("an input that is accepted needs a definition");
    }
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    rb_wf_check_len(input, WF_PAYLOAD_LEN_MAX, "an input");
    told.op =
        prepare_change(self, run_id, step, RTEST(accepted) ? WF_COMMAND_ACCEPT : WF_COMMAND_LET_GO);
    told.op->kind = WF_OP_SETTLE;
    told.op->round = of_round;
    told.op->fence = of_fence;
    told.op->definition = wf_definition_retain(options);
    told.op->command.by = wf_op_keep(told.op, name);
    told.op->command.payload = wf_op_keep(told.op, payload);
    status = answer(self, &told);
    RB_GC_GUARD(definition);
    return rb_ary_new_from_args(
        3, status == WF_OK || status == WF_NOT_FOUND ? refusal(status) : ID2SYM(rb_intern("stale")),
        told.snapshot, told.events);
}

/* ---- Work and life ---- */

static VALUE engine_work(VALUE self, VALUE threads, VALUE by)
{
    int count = NUM2INT(threads);

    if (count < 0 || count > (int)WF_SLOTS_MAX / 2) {
        rb_wf_refuse("threads for steps are from 0 to %d, not %d", (int)WF_SLOTS_MAX / 2, count);
    }
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "a name");
    wf_engine_work(rb_wf_engine(self), count, rb_wf_bytes(by));
    return Qnil;
}

static VALUE engine_quiet(VALUE self)
{
    wf_engine_quiet(rb_wf_engine(self));
    return Qnil;
}

static VALUE engine_hurry(VALUE self)
{
    wf_engine_hurry(rb_wf_engine(self));
    return Qnil;
}

/* ---- Threads that a step keeps beyond its limit ---- */

static bool written_off_run(void *context, int64_t wait_ms)
{
    struct call *call = context;

    call->status = wf_mailbox_written_off(&call->engine->mailbox, &call->taker, (int)call->number,
                                          wait_ms, &call->limit);
    return call->status == WF_OK || call->status == WF_CLOSED;
}

static void written_off_interrupt(void *context)
{
    struct call *call = context;

    wf_mailbox_interrupt(&call->engine->mailbox, &call->taker);
}

static VALUE engine_written_off(VALUE self, VALUE seen, VALUE timeout_ms)
{
    struct call call = {.engine = rb_wf_engine(self), .number = NUM2INT(seen)};
    struct rb_wf_wait wait = {.run = written_off_run,
                              .interrupt = written_off_interrupt,
                              .reset = log_reset,
                              .context = &call,
                              .until_ms = rb_wf_until_ms(timeout_ms)};

    rb_wf_leave(&wait);
    return call.status == WF_CLOSED ? Qnil : INT2NUM(call.limit);
}

static enum wf_status call_stop(struct call *call)
{
    call->result = wf_engine_stop(call->engine, call->number);
    *call->stopped = true;
    return WF_OK;
}

static VALUE engine_stop(VALUE self, VALUE timeout_ms)
{
    struct holder *holder = holder_of(self);
    struct call call = {.engine = holder->engine, .read = call_stop, .stopped = &holder->stopped};

    call.number = rb_wf_until_ms(timeout_ms) - wf_clock_mono_ms();
    if (!holder->engine || holder->stopped) {
        return Qtrue;
    }
    wait_for(&call);
    return call.result ? Qtrue : Qfalse;
}

static VALUE engine_is_alive(VALUE self)
{
    struct holder *holder = holder_of(self);

    return holder->engine && !wf_engine_usable(holder->engine, NULL) ? Qtrue : Qfalse;
}

static VALUE engine_is_attended(VALUE self)
{
    return wf_liveness_attended(&rb_wf_engine(self)->liveness) ? Qtrue : Qfalse;
}

static VALUE engine_in_hand(VALUE self)
{
    return INT2NUM(wf_mailbox_in_hand(&rb_wf_engine(self)->mailbox));
}

static VALUE engine_stats(VALUE self)
{
    struct wf_engine *engine = rb_wf_engine(self);
    VALUE hash = rb_hash_new();

    rb_hash_aset(hash, ID2SYM(rb_intern("commits")),
                 LL2NUM(atomic_load(&engine->committer.commits)));
    rb_hash_aset(hash, ID2SYM(rb_intern("appends")),
                 LL2NUM(atomic_load(&engine->committer.appends)));
    return hash;
}

static VALUE engine_travel(VALUE self, VALUE ms)
{
    int64_t distance_ms = NUM2LL(ms);

    if (distance_ms > TRAVEL_MS_MAX || distance_ms < -TRAVEL_MS_MAX) {
        rb_wf_refuse("a thousand years are the most: %lld ms", (long long)distance_ms);
    }
    wf_engine_travel(rb_wf_engine(self), distance_ms);
    return Qnil;
}

static VALUE engine_hand(VALUE self)
{
    rb_wf_engine(self);
    return rb_wf_hand_new(self);
}

void rb_wf_init_engine(VALUE native)
{
    class = rb_define_class_under(native, "Engine", rb_cObject);
    rb_gc_register_mark_object(class);
    rb_define_alloc_func(class, engine_alloc);
    rb_define_method(class, "initialize", engine_initialize, 3);
    rb_define_method(class, "find", engine_find, 1);
    rb_define_method(class, "current", engine_current, 1);
    rb_define_method(class, "keyed", engine_keyed, 2);
    rb_define_method(class, "reserve", engine_reserve, 0);
    rb_define_method(class, "list", engine_list, 3);
    rb_define_method(class, "events", engine_events, 3);
    rb_define_method(class, "log", engine_log, 2);
    rb_define_method(class, "last_position", engine_last_position, 0);
    rb_define_method(class, "wait_log", engine_wait_log, 2);
    rb_define_method(class, "later", engine_later, 2);
    rb_define_method(class, "retry", engine_retry, 4);
    rb_define_method(class, "cancel", engine_cancel, 4);
    rb_define_method(class, "pause", engine_pause, 3);
    rb_define_method(class, "resume", engine_resume, 3);
    rb_define_method(class, "skip", engine_skip, 5);
    rb_define_method(class, "keep", engine_keep, 5);
    rb_define_method(class, "settle", engine_settle, 8);
    rb_define_method(class, "work", engine_work, 2);
    rb_define_method(class, "quiet", engine_quiet, 0);
    rb_define_method(class, "hurry", engine_hurry, 0);
    rb_define_method(class, "written_off", engine_written_off, 2);
    rb_define_method(class, "stop", engine_stop, 1);
    rb_define_method(class, "alive?", engine_is_alive, 0);
    rb_define_method(class, "in_hand", engine_in_hand, 0);
    rb_define_method(class, "attended?", engine_is_attended, 0);
    rb_define_method(class, "stats", engine_stats, 0);
    rb_define_method(class, "travel", engine_travel, 1);
    rb_define_method(class, "hand", engine_hand, 0);
}
