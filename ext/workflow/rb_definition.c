#include <ruby/encoding.h>

#include "workflow.h"

#include "core/arena.h"

#define RETRIES_MAX 1000000
#define MS_MAX (1000LL * 60 * 60 * 24 * 366 * 100)

static VALUE class;

static void definition_free(void *definition)
{
    wf_definition_release(definition); /* frees memory and nothing else: allowed in GC */
}

static size_t definition_size(const void *context)
{
    const struct wf_definition *definition = context;

    return definition ? sizeof(*definition) + definition->step_count * sizeof(*definition->steps)
                      : 0;
}

static const rb_data_type_t type = {
    .wrap_struct_name = "Workflow::Native::Definition",
    .function = {.dfree = definition_free, .dsize = definition_size},
    .flags = RUBY_TYPED_FREE_IMMEDIATELY,
};

static VALUE definition_alloc(VALUE klass)
{
    return TypedData_Wrap_Struct(klass, &type, NULL);
}

struct wf_definition *rb_wf_definition(VALUE value)
{
    return NIL_P(value) ? NULL : rb_check_typeddata(value, &type);
}

static VALUE fetch(VALUE hash, const char *key)
{
    return rb_hash_lookup(hash, ID2SYM(rb_intern(key)));
}

/* -1: nil. Anything else that is not one of the words is refused. */
static int word(VALUE symbol, const char *const *words, int count, const char *what)
{
    if (NIL_P(symbol)) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (rb_sym2id(symbol) == rb_intern(words[i])) {
            return i;
        }
    }
    rb_wf_refuse("%+" PRIsVALUE " is not a %s", symbol, what);
}

static int64_t number(VALUE hash, const char *key, int64_t most, int64_t otherwise)
{
    VALUE value = fetch(hash, key);
    int64_t given = NIL_P(value) ? otherwise : NUM2LL(value);

    if (!NIL_P(value) && (given < 0 || given > most)) {
        rb_wf_refuse("%s is from 0 to %lld, not %lld", key, (long long)most, (long long)given);
    }
    return given;
}

/* What `new` is given; and memory for what is made of it, since bytes of Ruby's strings move when the heap is compacted. */
struct reading {
    VALUE self, class_name, name, unique, list;
    struct wf_arena *arena;
};

static void *room(struct reading *reading, size_t len)
{
    void *room = wf_arena_alloc(&reading->arena, len);

    if (!room) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    return room;
}

/* Names become Symbols, and are kept with every run. */
static struct wf_bytes name_of(VALUE string, struct reading *reading, const char *what)
{
    struct wf_bytes bytes = rb_wf_bytes(string);
    char *kept;

    if (!bytes.len || memchr(bytes.ptr, 0, bytes.len)) {
        rb_wf_refuse("the name of a %s is empty, or has a NUL in it", what);
    }
    rb_wf_check_len(string, WF_NAME_LEN_MAX, "a name");
    kept = memcpy(room(reading, bytes.len), bytes.ptr, bytes.len);
    if (rb_enc_str_coderange(rb_utf8_str_new(kept, (long)bytes.len)) == ENC_CODERANGE_BROKEN) {
        rb_wf_refuse("the name of a %s is not UTF-8: %+" PRIsVALUE, what, string);
    }
    return (struct wf_bytes){kept, bytes.len};
}

static void read_deps(VALUE list, uint16_t *deps, long step_count)
{
    for (long i = 0; i < RARRAY_LEN(list); i++) {
        long dep = NUM2LONG(rb_ary_entry(list, i));

        if (dep < 0 || dep >= step_count) {
            rb_wf_refuse("a step depends on step %ld of %ld", dep, step_count);
        }
        for (long other = 0; other < i; other++) {
            if (deps[other] == dep) {
                rb_wf_refuse("a step depends on step %ld twice", dep);
            }
        }
        deps[i] = (uint16_t)dep;
    }
}

static void read_was(VALUE list, struct wf_definition_step *step, struct reading *reading)
{
    long count = NIL_P(list) ? 0 : (Check_Type(list, T_ARRAY), RARRAY_LEN(list));
    struct wf_bytes *was;

    if (count > (long)WF_STEPS_MAX) {
        rb_wf_refuse("a step had at most %u names before, not %ld", WF_STEPS_MAX, count);
    }
    was = count ? room(reading, (size_t)count * sizeof(*was)) : NULL;
    for (long i = 0; i < count; i++) {
        was[i] = name_of(rb_ary_entry(list, i), reading, "step");
    }
    step->was = was;
    step->was_count = (uint16_t)count;
}

/* `deps` has room for them all. */
static void read_step(VALUE hash, struct wf_definition_step *step, uint16_t *deps, long step_count,
                      struct reading *reading)
{
    static const char *const kinds[] = {"now", "later", "await"};
    static const char *const places[] = {"any", "now", "later"};
    VALUE list = (Check_Type(hash, T_HASH), fetch(hash, "deps")),
          otherwise = fetch(hash, "otherwise"), remind = fetch(hash, "remind");
    int kind = word(fetch(hash, "kind"), kinds, 3, "kind of step");
    int place = word(fetch(hash, "place"), places, 3, "place");

    Check_Type(list, T_ARRAY);
    if (kind < 0 || RARRAY_LEN(list) >= step_count) {
        rb_wf_refuse("a step has no kind, or depends on more steps than there are others");
    }
    *step = (struct wf_definition_step){
        .name = name_of(fetch(hash, "name"), reading, "step"),
        .kind = (enum wf_step_kind)kind,
        .place = place < 0 ? WF_PLACE_ANY : (enum wf_place)place,
        .retries = (uint32_t)number(hash, "retries", RETRIES_MAX, 0),
        .backoff_ms = number(hash, "backoff", MS_MAX, WF_BACKOFF_EXPONENTIAL),
        .expires_ms = number(hash, "expires_ms", MS_MAX, 0),
        .wait_ms = number(hash, "wait_ms", MS_MAX, 0),
        .timeout_ms = number(hash, "timeout_ms", MS_MAX, 0),
        .once = RTEST(fetch(hash, "once")),
        .remind_ms = number(hash, "remind_ms", MS_MAX, 0),
        .remind = NIL_P(remind) ? rb_wf_bytes(Qnil) : name_of(remind, reading, "method"),
        .early = RTEST(fetch(hash, "early")),
        .asks = RTEST(fetch(hash, "asks")),
        .either = (uint16_t)number(hash, "either", WF_STEPS_MAX, 0),
        .otherwise = NIL_P(otherwise) ? rb_wf_bytes(Qnil) : name_of(otherwise, reading, "method"),
        .deps = deps,
        .dep_count = (uint16_t)RARRAY_LEN(list),
    };
    read_deps(list, deps, step_count);
    read_was(fetch(hash, "was"), step, reading);
}

static bool has_name(const struct wf_definition_step *steps, long count, struct wf_bytes name)
{
    for (long i = 0; i < count; i++) {
        if (wf_bytes_equal(steps[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* A step of which all dependencies are settled is settled: what is left over waits for itself. */
static bool has_cycle(const struct wf_definition_step *steps, long count)
{
    bool settled[WF_STEPS_MAX] = {false}, went_on = true;
    long left = count;

    while (went_on && left) {
        went_on = false;
        for (long i = 0; i < count; i++) {
            bool ready = !settled[i];

            for (uint16_t dep = 0; ready && dep < steps[i].dep_count; dep++) {
                ready = settled[steps[i].deps[dep]];
            }
            if (ready) {
                settled[i] = went_on = true;
                left--;
            }
        }
    }
    return left > 0;
}

static struct wf_definition_step *read_steps(struct reading *reading)
{
    VALUE list = reading->list;
    size_t count = (size_t)RARRAY_LEN(list);
    struct wf_definition_step *steps = room(reading, count * sizeof(*steps));
    uint16_t *deps = room(reading, count * count * sizeof(*deps));

    for (long i = 0; i < (long)count; i++) {
        read_step(rb_ary_entry(list, i), &steps[i], deps + i * (long)count, (long)count, reading);
        if (has_name(steps, i, steps[i].name)) {
            rb_wf_refuse("two steps have one name: %.*s", (int)steps[i].name.len,
                         steps[i].name.ptr);
        }
    }
    if (has_cycle(steps, (long)count)) {
        rb_wf_refuse("steps depend on each other in a circle");
    }
    return steps;
}

static VALUE read_all(VALUE context)
{
    struct reading *reading = (struct reading *)context;
    struct wf_definition_step *steps = read_steps(reading);
    struct wf_bytes class_name = name_of(reading->class_name, reading, "class");
    struct wf_bytes name = name_of(reading->name, reading, "workflow");

    RTYPEDDATA_DATA(reading->self) = wf_definition_new(class_name, name, RTEST(reading->unique),
                                                       steps, (uint16_t)RARRAY_LEN(reading->list));
    if (!RTYPEDDATA_DATA(reading->self)) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    return reading->self;
}

static VALUE forget(VALUE context)
{
    wf_arena_free(((struct reading *)context)->arena);
    return Qnil;
}

static VALUE definition_initialize(VALUE self, VALUE class_name, VALUE name, VALUE unique,
                                   VALUE list)
{
    long count = (Check_Type(list, T_ARRAY), RARRAY_LEN(list));
    struct reading reading = {self, class_name, name, unique, .arena = NULL};

    if (RTYPEDDATA_DATA(self)) {
        rb_wf_refuse("a definition does not change");
    }
    if (count < 1 || count > (long)WF_STEPS_MAX) {
        rb_wf_refuse("a workflow has from 1 to %u steps, not %ld", WF_STEPS_MAX, count);
    }
    reading.list = rb_ary_dup(list); /* number conversions may call the application's code */
    return rb_ensure(read_all, (VALUE)&reading, forget, (VALUE)&reading);
}

void rb_wf_init_definition(VALUE native)
{
    class = rb_define_class_under(native, "Definition", rb_cObject);
    rb_gc_register_mark_object(class);
    rb_define_alloc_func(class, definition_alloc);
    rb_define_method(class, "initialize", definition_initialize, 4);
}
