#include <stdarg.h>

#include "workflow.h"

static const char *class_name(enum wf_status status)
{
    switch (status) {
    case WF_STORE_UNAVAILABLE:
        return "StoreUnavailable";
    case WF_STORE_TOO_NEW:
        return "StoreTooNew";
    case WF_STORE_CORRUPT:
        return "StoreCorrupt";
    case WF_TOO_LARGE:
        return "PayloadTooLarge";
    default:
        return "StoreError";
    }
}

void rb_wf_raise(const struct wf_error *error)
{
    VALUE workflow = rb_const_get(rb_cObject, rb_intern("Workflow"));
    VALUE class = rb_const_get(workflow, rb_intern(class_name(error->status)));

    if (error->status == WF_NO_MEMORY) {
        class = rb_eNoMemError;
    } else if (error->status == WF_INVALID) {
        class = rb_eArgError;
    }
    rb_raise(class, "%s", error->message[0] ? error->message : wf_status_text(error->status));
}

void rb_wf_refuse(const char *format, ...)
{
    va_list arguments;
    VALUE message;

    va_start(arguments, format);
    message = rb_vsprintf(format, arguments);
    va_end(arguments);
    rb_exc_raise(rb_exc_new_str(rb_eArgError, message));
}

void rb_wf_raise_status(enum wf_status status)
{
    struct wf_error error = {.status = status};

    rb_wf_raise(&error);
}

void rb_wf_check(enum wf_status status, const struct wf_error *error)
{
    struct wf_error copy = *error;

    if (status) {
        copy.status = status;
        rb_wf_raise(&copy);
    }
}
