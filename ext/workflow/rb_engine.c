/*
 * Workflow::Native::Engine. The core's engine is freed when the Ruby object and all hands made from it are
 * gone and it has been stopped; GC never stops one, since that waits. Its reads are in rb_read.c and rb_query.c, what it
 * appends in rb_append.c.
 */
#include "workflow.h"

struct holder {
    struct wf_engine *engine;
    int users; /* the Ruby object and its hands; only with the interpreter's lock */
    _Atomic bool stopped;
};

#define LEASE_MS_MAX (1000LL * 60 * 60 * 24)
#define TRAVEL_MS_MAX (LEASE_MS_MAX * 366 * 1000)

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

/* ---- Opening ---- */

struct opening {
    struct wf_engine_options options;
    struct wf_engine *engine;
    struct wf_error error;
    enum wf_status status;
};

static void open_it(void *context)
{
    struct opening *opening = context;

    opening->status = wf_engine_open(&opening->engine, &opening->options, &opening->error);
}

/* Something is raised: it is nobody's. */
static void close_it(void *context)
{
    struct opening *opening = context;

    if (opening->engine) {
        wf_engine_stop(opening->engine, 0);
        wf_engine_free(opening->engine);
    }
}

static VALUE engine_initialize(VALUE self, VALUE path, VALUE lease_ms, VALUE host)
{
    struct holder *holder = holder_of(self);
    struct opening opening = {.status = WF_OK};
    VALUE copy;

    Check_Type(host, T_STRING);
    if (holder->engine) {
        rb_wf_refuse("this engine is open already");
    }
    opening.options = (struct wf_engine_options){
        .store = &wf_store_sqlite, .path = StringValueCStr(path), .lease_ms = NUM2LL(lease_ms)};
    if (opening.options.lease_ms < 1 || opening.options.lease_ms > LEASE_MS_MAX) {
        rb_wf_refuse("a lease lasts from 1 ms to a day, not %lld ms",
                     (long long)opening.options.lease_ms);
    }
    copy = rb_str_new_frozen(path); /* it may be changed while the interpreter's lock is away */
    opening.options.path = RSTRING_PTR(copy);
    rb_wf_leave_once(open_it, close_it, &opening);
    RB_GC_GUARD(copy);
    rb_wf_check(opening.status, &opening.error);
    holder->engine = opening.engine;
    return self;
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

struct counting {
    struct wf_engine *engine;
    int seen, count;
    struct wf_taker taker;
    enum wf_status status;
};

static bool written_off_run(void *context, int64_t wait_ms)
{
    struct counting *counting = context;

    counting->status = wf_mailbox_written_off(&counting->engine->mailbox, &counting->taker,
                                              counting->seen, wait_ms, &counting->count);
    return counting->status == WF_OK || counting->status == WF_CLOSED;
}

static void written_off_interrupt(void *context)
{
    struct counting *counting = context;

    wf_mailbox_interrupt(&counting->engine->mailbox, &counting->taker);
}

static void written_off_reset(void *context)
{
    ((struct counting *)context)->taker.interrupted = false;
}

static VALUE engine_written_off(VALUE self, VALUE seen, VALUE timeout_ms)
{
    struct counting counting = {.engine = rb_wf_engine(self), .seen = NUM2INT(seen)};
    struct rb_wf_wait wait = {.run = written_off_run,
                              .interrupt = written_off_interrupt,
                              .reset = written_off_reset,
                              .context = &counting,
                              .until_ms = rb_wf_until_ms(timeout_ms)};

    rb_wf_leave(&wait);
    return counting.status == WF_CLOSED ? Qnil : INT2NUM(counting.count);
}

/* ---- The end ---- */

struct stopping {
    struct holder *holder;
    int64_t wait_ms;
    bool stopped;
};

static void stop(void *context)
{
    struct stopping *stopping = context;

    stopping->stopped = wf_engine_stop(stopping->holder->engine, stopping->wait_ms);
    stopping->holder->stopped = true;
}

static VALUE engine_stop(VALUE self, VALUE timeout_ms)
{
    struct stopping stopping = {.holder = holder_of(self)};

    stopping.wait_ms = rb_wf_until_ms(timeout_ms) - wf_clock_mono_ms();
    if (!stopping.holder->engine || stopping.holder->stopped) {
        return Qtrue;
    }
    rb_wf_leave_once(stop, NULL, &stopping);
    return stopping.stopped ? Qtrue : Qfalse;
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

static VALUE engine_health(VALUE self, VALUE host, VALUE port)
{
    struct wf_error error = {0};
    int bound = -1;

    rb_wf_check(
        wf_engine_health(rb_wf_engine(self), StringValueCStr(host), NUM2INT(port), &bound, &error),
        &error);
    return INT2NUM(bound);
}

static VALUE engine_leads(VALUE self)
{
    return wf_engine_leads(rb_wf_engine(self)) ? Qtrue : Qfalse;
}

static VALUE engine_resign(VALUE self)
{
    wf_engine_resign(rb_wf_engine(self));
    return Qnil;
}

static VALUE engine_now_ms(VALUE self)
{
    return LL2NUM(wf_clock_wall_ms(&rb_wf_engine(self)->clock));
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
    rb_wf_init_read(class);
    rb_wf_init_query(class);
    rb_wf_init_append(class);
    rb_define_method(class, "initialize", engine_initialize, 3);
    rb_define_method(class, "work", engine_work, 2);
    rb_define_method(class, "quiet", engine_quiet, 0);
    rb_define_method(class, "hurry", engine_hurry, 0);
    rb_define_method(class, "written_off", engine_written_off, 2);
    rb_define_method(class, "stop", engine_stop, 1);
    rb_define_method(class, "alive?", engine_is_alive, 0);
    rb_define_method(class, "in_hand", engine_in_hand, 0);
    rb_define_method(class, "attended?", engine_is_attended, 0);
    rb_define_method(class, "stats", engine_stats, 0);
    rb_define_method(class, "health", engine_health, 2);
    rb_define_method(class, "leads?", engine_leads, 0);
    rb_define_method(class, "resign", engine_resign, 0);
    rb_define_method(class, "now_ms", engine_now_ms, 0);
    rb_define_method(class, "travel", engine_travel, 1);
    rb_define_method(class, "hand", engine_hand, 0);
}
