/*
 * What Ruby sees of the core: Workflow::Native. README.md in this folder has the list. Reading order:
 * workflow.h.
 */
#include <dlfcn.h>

#include "core/rebuild.h"
#include "workflow.h"

static VALUE native_library_path(VALUE self)
{
    Dl_info info;

    (void)self;
    if (!dladdr((void *)(uintptr_t)native_library_path, &info) || !info.dli_fname) {
        rb_wf_raise_status(WF_STORE_ERROR);
    }
    return rb_str_new_cstr(info.dli_fname);
}

static VALUE native_set_sqlite_api(VALUE self, VALUE address)
{
    struct wf_error error = {0};

    (void)self;
    rb_wf_check(wf_store_sqlite_use((const void *)(uintptr_t)NUM2ULL(address), &error), &error);
    return address;
}

struct rebuilding {
    const char *from, *to;
    int64_t runs;
    enum wf_status status;
    struct wf_error error;
};

static void rebuild(void *context)
{
    struct rebuilding *rebuilding = context;

    rebuilding->status = wf_rebuild(&wf_store_sqlite, rebuilding->from, rebuilding->to,
                                    &rebuilding->runs, &rebuilding->error);
}

static VALUE native_rebuild(VALUE self, VALUE from, VALUE to)
{
    VALUE from_copy = rb_str_new_frozen(StringValue(from)),
          to_copy = rb_str_new_frozen(StringValue(to));
    struct rebuilding rebuilding = {.from = StringValueCStr(from_copy),
                                    .to = StringValueCStr(to_copy)};

    (void)self;
    rb_wf_leave_once(rebuild, NULL, &rebuilding);
    RB_GC_GUARD(from_copy);
    RB_GC_GUARD(to_copy);
    rb_wf_check(rebuilding.status, &rebuilding.error);
    return LL2NUM(rebuilding.runs);
}

__attribute__((visibility("default"))) void Init_workflow(void);

void Init_workflow(void)
{
    VALUE workflow = rb_define_module("Workflow");
    VALUE native = rb_define_module_under(workflow, "Native");

    rb_define_singleton_method(native, "library_path", native_library_path, 0);
    rb_define_singleton_method(native, "sqlite_api=", native_set_sqlite_api, 1);
    rb_define_singleton_method(native, "rebuild", native_rebuild, 2);
    rb_wf_init_definition(native);
    rb_wf_init_engine(native);
    rb_wf_init_hand(native);
}
