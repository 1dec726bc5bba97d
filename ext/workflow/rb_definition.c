#include <ruby/encoding.h>

#include "workflow.h"

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

/* Names become Symbols, and are kept with every run. `kept` holds what the bytes are borrowed from. */
static struct wf_bytes name_of(VALUE string, VALUE kept, const char *what)
{
    struct wf_bytes bytes = rb_wf_bytes(string);
    VALUE copy;

    if (!bytes.len || memchr(bytes.ptr, 0, bytes.len)) {
        rb_wf_refuse("the name of a %s is empty, or has a NUL in it", what);
    }
    rb_wf_check_len(string, WF_NAME_LEN_MAX, "a name");
    copy = rb_utf8_str_new(bytes.ptr, (long)bytes.len);
    if (rb_enc_str_coderange(copy) == ENC_CODERANGE_BROKEN) {
        rb_wf_refuse("the name of a %s is not UTF-8: %+" PRIsVALUE, what, string);
    }
    rb_ary_push(kept, copy);
    return rb_wf_bytes(copy);
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

/* The names that a step had before; their array is a Ruby String, kept with what they are borrowed from. */
static void read_was(VALUE list, struct wf_definition_step *step, VALUE kept)
{
    long count = NIL_P(list) ? 0 : (Check_Type(list, T_ARRAY), RARRAY_LEN(list));
    VALUE memory = rb_str_new(NULL, count * (long)sizeof(struct wf_bytes));
    struct wf_bytes *was = (struct wf_bytes *)RSTRING_PTR(memory);

    if (count > (long)WF_STEPS_MAX) {
        rb_wf_refuse("a step had at most %u names before, not %ld", WF_STEPS_MAX, count);
    }
    rb_ary_push(kept, memory);
    for (long i = 0; i < count; i++) {
        was[i] = name_of(rb_ary_entry(list, i), kept, "step");
    }
    step->was = was;
    step->was_count = (uint16_t)count;
}

/* `deps` has room for them all: it is a Ruby String, so that a raise on the way frees it. */
static void read_step(VALUE hash, struct wf_definition_step *step, uint16_t *deps, long step_count,
                      VALUE kept)
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
        .name = name_of(fetch(hash, "name"), kept, "step"),
        .kind = (enum wf_step_kind)kind,
        .place = place < 0 ? WF_PLACE_ANY : (enum wf_place)place,
        .retries = (uint32_t)number(hash, "retries", RETRIES_MAX, 0),
        .backoff_ms = number(hash, "backoff", MS_MAX, WF_BACKOFF_EXPONENTIAL),
        .expires_ms = number(hash, "expires_ms", MS_MAX, 0),
        .wait_ms = number(hash, "wait_ms", MS_MAX, 0),
        .timeout_ms = number(hash, "timeout_ms", MS_MAX, 0),
        .once = RTEST(fetch(hash, "once")),
        .remind_ms = number(hash, "remind_ms", MS_MAX, 0),
        .remind = NIL_P(remind) ? rb_wf_bytes(Qnil) : name_of(remind, kept, "method"),
        .early = RTEST(fetch(hash, "early")),
        .asks = RTEST(fetch(hash, "asks")),
        .either = (uint16_t)number(hash, "either", WF_STEPS_MAX, 0),
        .otherwise = NIL_P(otherwise) ? rb_wf_bytes(Qnil) : name_of(otherwise, kept, "method"),
        .deps = deps,
        .dep_count = (uint16_t)RARRAY_LEN(list),
    };
    read_deps(list, deps, step_count);
    read_was(fetch(hash, "was"), step, kept);
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

static void read_steps(VALUE list, struct wf_definition_step *steps, uint16_t *deps, VALUE kept)
{
    long count = RARRAY_LEN(list);

    for (long i = 0; i < count; i++) {
        read_step(rb_ary_entry(list, i), &steps[i], deps + i * count, count, kept);
        if (has_name(steps, i, steps[i].name)) {
            rb_wf_refuse("two steps have one name: %.*s", (int)steps[i].name.len,
                         steps[i].name.ptr);
        }
    }
    if (has_cycle(steps, count)) {
        rb_wf_refuse("steps depend on each other in a circle");
    }
}

static VALUE definition_initialize(VALUE self, VALUE class_name, VALUE name, VALUE unique,
                                   VALUE list)
{
    long count = (Check_Type(list, T_ARRAY), RARRAY_LEN(list));
    VALUE memory, deps_memory, kept = rb_ary_new();
    struct wf_definition_step *steps;

    if (RTYPEDDATA_DATA(self)) {
        rb_wf_refuse("a definition does not change");
    }
    if (count < 1 || count > (long)WF_STEPS_MAX) {
        rb_wf_refuse("a workflow has from 1 to %u steps, not %ld", WF_STEPS_MAX, count);
    }
    list = rb_ary_dup(list); /* number conversions may call the application's code */
    memory = rb_str_new(NULL, count * (long)sizeof(*steps));
    deps_memory = rb_str_new(NULL, count * count * (long)sizeof(uint16_t));
    steps = (struct wf_definition_step *)RSTRING_PTR(memory);
    read_steps(list, steps, (uint16_t *)RSTRING_PTR(deps_memory), kept);
    RTYPEDDATA_DATA(self) =
        wf_definition_new(name_of(class_name, kept, "class"), name_of(name, kept, "workflow"),
                          RTEST(unique), steps, (uint16_t)count);
    RB_GC_GUARD(memory);
    RB_GC_GUARD(deps_memory);
    RB_GC_GUARD(kept);
    if (!RTYPEDDATA_DATA(self)) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    return self;
}

void rb_wf_init_definition(VALUE native)
{
    class = rb_define_class_under(native, "Definition", rb_cObject);
    rb_gc_register_mark_object(class);
    rb_define_alloc_func(class, definition_alloc);
    rb_define_method(class, "initialize", definition_initialize, 4);
}
