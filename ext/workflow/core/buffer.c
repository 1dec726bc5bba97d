#include "buffer.h"

#include <stdlib.h>
#include <string.h>

#define UINT_LEN_MAX 10

void wf_buffer_destroy(struct wf_buffer *buffer)
{
    free(buffer->ptr);
    *buffer = (struct wf_buffer){0};
}

void wf_buffer_clear(struct wf_buffer *buffer)
{
    buffer->len = 0;
    buffer->failed = false;
}

static bool grow(struct wf_buffer *buffer, size_t more)
{
    size_t cap = buffer->cap ? buffer->cap : 256;
    char *ptr;

    if (buffer->failed) {
        return false;
    }
    while (cap < buffer->len + more) {
        cap *= 2;
    }
    ptr = realloc(buffer->ptr, cap);
    if (!ptr) {
        buffer->failed = true;
        return false;
    }
    buffer->ptr = ptr;
    buffer->cap = cap;
    return true;
}

static inline bool reserve(struct wf_buffer *buffer, size_t more)
{
    return (!buffer->failed && more <= buffer->cap - buffer->len) || grow(buffer, more);
}

static inline void put(struct wf_buffer *buffer, const void *ptr, size_t len)
{
    if (len && reserve(buffer, len)) {
        memcpy(buffer->ptr + buffer->len, ptr, len);
        buffer->len += len;
    }
}

static inline void put_uint(struct wf_buffer *buffer, uint64_t value)
{
    char *at;

    if (!reserve(buffer, UINT_LEN_MAX)) {
        return;
    }
    at = buffer->ptr + buffer->len;
    while (value > 0x7f) {
        *at++ = (char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (char)value;
    buffer->len = (size_t)(at - buffer->ptr);
}

void wf_buffer_put(struct wf_buffer *buffer, const void *ptr, size_t len)
{
    put(buffer, ptr, len);
}

void wf_buffer_put_uint(struct wf_buffer *buffer, uint64_t value)
{
    put_uint(buffer, value);
}

void wf_buffer_put_int(struct wf_buffer *buffer, int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;

    put_uint(buffer, ((uint64_t)value << 1) ^ sign);
}

void wf_buffer_put_bytes(struct wf_buffer *buffer, struct wf_bytes bytes)
{
    put_uint(buffer, bytes.len);
    put(buffer, bytes.ptr, bytes.len);
}

struct wf_reader wf_reader_of(struct wf_bytes bytes)
{
    if (!bytes.len) {
        return (struct wf_reader){.at = "", .end = ""};
    }
    return (struct wf_reader){.at = bytes.ptr, .end = bytes.ptr + bytes.len};
}

uint64_t wf_reader_uint(struct wf_reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
        unsigned char byte = (unsigned char)*reader->at++;

        value |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
        if (!(byte & 0x80)) {
            return value;
        }
    }
    reader->failed = true;
    return 0;
}

int64_t wf_reader_int(struct wf_reader *reader)
{
    uint64_t value = wf_reader_uint(reader);

    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

struct wf_bytes wf_reader_bytes(struct wf_reader *reader)
{
    uint64_t len = wf_reader_uint(reader);
    struct wf_bytes bytes = {reader->at, (size_t)len};

    if (reader->failed || len > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        return (struct wf_bytes){"", 0};
    }
    reader->at += len;
    return bytes;
}

bool wf_bytes_equal(struct wf_bytes a, struct wf_bytes b)
{
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}
