/*
 * What went wrong, in words for the user: filled by the function that knows, read by the glue, which
 * turns it into an exception. Owned by the caller (usually on its stack); no allocation.
 */
#ifndef WF_ERROR_H
#define WF_ERROR_H

#include "wf.h"

struct wf_error {
    enum wf_status status;
    char message[512];
};

/* Fills `error` (which may be NULL) and returns `status`, so that a caller can `return wf_fail(...)`. */
enum wf_status wf_fail(struct wf_error *error, enum wf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* STORE_UNAVAILABLE, of a file of the store whose name leads elsewhere by now, or nowhere. */
enum wf_status wf_fail_moved(struct wf_error *error, const char *path);

/* The words of WF_STATUSES. */
const char *wf_status_text(enum wf_status status);

#endif
