#include "workflow.h"

static VALUE class;

static void definition_free(void *definition)
{
    wf_definition_release(definition); /* frees memory and nothing else: allowed in GC */
}

static size_t definition_size(const void *context)
{
    const struct wf_definition *definition = context;

    return definition ? sizeof(*definition) + definition->step_count * sizeof(*definition->steps) : 0;
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

static int word(VALUE symbol, const char *const *words, int count)
{
    ID id = NIL_P(symbol) ? 0 : rb_sym2id(symbol);

    for (int i = 0; i < count; i++) {
        if (id && id == rb_intern(words[i])) {
            return i;
        }
    }
    return -1;
}

static int64_t number(VALUE value, int64_t otherwise)
{
    return NIL_P(value) ? otherwise : NUM2LL(value);
}

/* `deps` has room for them all: it is a Ruby String, so that a raise on the way frees it. */
static void read_step(VALUE hash, struct wf_definition_step *step, uint16_t *deps, long step_count)
{
    static const char *const kinds[] = {"now", "later", "await"};
    static const char *const places[] = {"any", "now", "later"};
    VALUE list = fetch(hash, "deps");
    int kind = word(fetch(hash, "kind"), kinds, 3), place = word(fetch(hash, "place"), places, 3);

    Check_Type(list, T_ARRAY);
    if (kind < 0 || RARRAY_LEN(list) >= step_count) {
        rb_wf_raise_status(WF_INVALID);
    }
    *step = (struct wf_definition_step){
        .name = rb_wf_bytes(fetch(hash, "name")),
        .kind = (enum wf_step_kind)kind,
        .place = place < 0 ? WF_PLACE_ANY : (enum wf_place)place,
        .retries = (uint32_t)number(fetch(hash, "retries"), 0),
        .backoff_ms = number(fetch(hash, "backoff"), WF_BACKOFF_EXPONENTIAL),
        .expires_ms = number(fetch(hash, "expires_ms"), 0),
        .otherwise = rb_wf_bytes(fetch(hash, "otherwise")),
        .deps = deps,
        .dep_count = (uint16_t)RARRAY_LEN(list),
    };
    for (long i = 0; i < RARRAY_LEN(list); i++) {
        long dep = NUM2LONG(rb_ary_entry(list, i));

        if (dep < 0 || dep >= step_count) {
            rb_wf_raise_status(WF_INVALID);
        }
        deps[i] = (uint16_t)dep;
    }
}

static VALUE definition_initialize(VALUE self, VALUE class_name, VALUE name, VALUE unique, VALUE list)
{
    long count = (Check_Type(list, T_ARRAY), RARRAY_LEN(list));
    VALUE memory, deps_memory;
    struct wf_definition_step *steps;
    uint16_t *deps;

    if (count < 1 || count > (long)WF_STEPS_MAX) {
        rb_wf_raise_status(WF_INVALID);
    }
    memory = rb_str_new(NULL, count * (long)sizeof(*steps));
    deps_memory = rb_str_new(NULL, count * count * (long)sizeof(*deps));
    steps = (struct wf_definition_step *)RSTRING_PTR(memory);
    deps = (uint16_t *)RSTRING_PTR(deps_memory);
    for (long i = 0; i < count; i++) {
        read_step(rb_ary_entry(list, i), &steps[i], deps + i * count, count);
    }
    RTYPEDDATA_DATA(self) = wf_definition_new(rb_wf_bytes(class_name), rb_wf_bytes(name), RTEST(unique),
                                              steps, (uint16_t)count);
    RB_GC_GUARD(memory);
    RB_GC_GUARD(deps_memory);
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
