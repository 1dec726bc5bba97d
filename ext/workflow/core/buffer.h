/*
 * A growing buffer and a reader over bytes: the encoding of events, state and work. Integers are
 * little-endian base-128 (zigzag for signed ones); bytes are a length and the bytes. Both carry a
 * sticky `failed`, so a writer or reader checks once at the end. One owner at a time; no locks.
 */
#ifndef WF_BUFFER_H
#define WF_BUFFER_H

#include "wf.h"

struct wf_buffer {
    char *ptr; /* owned; freed by wf_buffer_destroy */
    size_t len, cap;
    bool failed; /* out of memory: the content is not to be used */
};

struct wf_reader {
    const char *at, *end;
    bool failed; /* ran over the end, or an integer of more than ten bytes */
};

void wf_buffer_destroy(struct wf_buffer *buffer);
void wf_buffer_clear(struct wf_buffer *buffer); /* keeps the memory */
void wf_buffer_put(struct wf_buffer *buffer, const void *ptr, size_t len);
void wf_buffer_put_uint(struct wf_buffer *buffer, uint64_t value);
void wf_buffer_put_int(struct wf_buffer *buffer, int64_t value);
void wf_buffer_put_bytes(struct wf_buffer *buffer, struct wf_bytes bytes);

struct wf_reader wf_reader_of(struct wf_bytes bytes);
uint64_t wf_reader_uint(struct wf_reader *reader);
int64_t wf_reader_int(struct wf_reader *reader);
struct wf_bytes wf_reader_bytes(struct wf_reader *reader); /* borrows from what is read */

static inline struct wf_bytes wf_buffer_bytes(const struct wf_buffer *buffer)
{
    return (struct wf_bytes){buffer->ptr, buffer->len};
}

bool wf_bytes_equal(struct wf_bytes a, struct wf_bytes b);

#endif
