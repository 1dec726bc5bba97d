#include "error.h"

#include <stdarg.h>
#include <stdio.h>

enum wf_status wf_fail(struct wf_error *error, enum wf_status status, const char *format, ...)
{
    va_list arguments;

    if (!error) {
        return status;
    }
    error->status = status;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return status;
}

enum wf_status wf_fail_moved(struct wf_error *error, const char *path)
{
    return wf_fail(error, WF_STORE_UNAVAILABLE,
                   "%s: the file was removed, renamed or replaced while this process has it "
                   "open: start all its processes anew",
                   path);
}

const char *wf_status_text(enum wf_status status)
{
    switch (status) {
#define WF_STATUS_CASE(name, text)                                                                 \
    case WF_##name:                                                                                \
        return text;
        WF_STATUSES(WF_STATUS_CASE)
#undef WF_STATUS_CASE
    }
    return "unknown status";
}
