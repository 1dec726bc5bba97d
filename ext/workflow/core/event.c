/*
 * Encoding of rows: a format byte, the moment, the author, then each event as kind, a mask of the fields
 * it has, and those fields in the order of the mask's bits. New fields take new bits; a reader of today
 * refuses bits that it does not know, since to skip a fact is to fold another state.
 */
#include "event.h"

#include <string.h>

#define FORMAT 4

enum field {
    HAS_STEP = 1 << 0,
    HAS_ATTEMPT = 1 << 1,
    HAS_ROUND = 1 << 2, /* absent: round 1 of a step */
    HAS_AT = 1 << 3,
    HAS_DUE = 1 << 4,
    HAS_FENCE = 1 << 5,
    HAS_METHOD = 1 << 6,
    HAS_REASON = 1 << 7,
    HAS_ERROR = 1 << 8,
    HAS_PAYLOAD = 1 << 9,
    IS_FINAL = 1 << 10,
    IS_CRASHED = 1 << 11,
    IS_MET = 1 << 12,
    HAS_MODE = 1 << 13,
    IS_ONCE = 1 << 14,
    HAS_REMINDER = 1 << 15,
    HAS_HELD = 1 << 16,
    KNOWN = (1 << 17) - 1
};

static const char *const kind_names[] = {
#define WF_KIND_TEXT(name) #name,
    WF_KINDS(WF_KIND_TEXT)
#undef WF_KIND_TEXT
};

#define KIND_COUNT (sizeof(kind_names) / sizeof(kind_names[0]))

const char *wf_kind_name(enum wf_kind kind)
{
    return (size_t)kind < KIND_COUNT ? kind_names[kind] : "unknown";
}

void wf_row_begin(struct wf_buffer *row, int64_t at_ms, struct wf_bytes by)
{
    wf_buffer_clear(row);
    wf_buffer_put_uint(row, FORMAT);
    wf_buffer_put_int(row, at_ms);
    wf_buffer_put_bytes(row, by);
}

static uint64_t mask_of(const struct wf_event *event, int64_t row_at_ms)
{
    return (event->step.len ? HAS_STEP : 0u) | (event->attempt ? HAS_ATTEMPT : 0u) |
           (event->round > 1 ? HAS_ROUND : 0u) |
           (event->at_ms && event->at_ms != row_at_ms ? HAS_AT : 0u) |
           (event->due_ms ? HAS_DUE : 0u) | (event->fence ? HAS_FENCE : 0u) |
           (event->method.len ? HAS_METHOD : 0u) | (event->reason.len ? HAS_REASON : 0u) |
           (event->error_class.len || event->error_message.len || event->error_where.len ? HAS_ERROR
                                                                                         : 0u) |
           (event->payload.len ? HAS_PAYLOAD : 0u) | (event->final ? IS_FINAL : 0u) |
           (event->crashed ? IS_CRASHED : 0u) | (event->met ? IS_MET : 0u) |
           (event->mode ? HAS_MODE : 0u) | (event->once ? IS_ONCE : 0u) |
           (event->remind_ms ? HAS_REMINDER : 0u) | (event->held.len ? HAS_HELD : 0u);
}

void wf_row_add(struct wf_buffer *row, const struct wf_event *event, int64_t row_at_ms)
{
    uint64_t mask = mask_of(event, row_at_ms);

    wf_buffer_put_uint(row, event->kind);
    wf_buffer_put_uint(row, mask);
    if (mask & HAS_STEP) {
        wf_buffer_put_bytes(row, event->step);
    }
    if (mask & HAS_ATTEMPT) {
        wf_buffer_put_uint(row, event->attempt);
    }
    if (mask & HAS_ROUND) {
        wf_buffer_put_uint(row, event->round);
    }
    if (mask & HAS_AT) {
        wf_buffer_put_int(row, event->at_ms);
    }
    if (mask & HAS_DUE) {
        wf_buffer_put_int(row, event->due_ms);
    }
    if (mask & HAS_FENCE) {
        wf_buffer_put_int(row, event->fence);
    }
    if (mask & HAS_METHOD) {
        wf_buffer_put_bytes(row, event->method);
    }
    if (mask & HAS_REASON) {
        wf_buffer_put_bytes(row, event->reason);
    }
    if (mask & HAS_ERROR) {
        wf_buffer_put_bytes(row, event->error_class);
        wf_buffer_put_bytes(row, event->error_message);
        wf_buffer_put_bytes(row, event->error_where);
    }
    if (mask & HAS_PAYLOAD) {
        wf_buffer_put_bytes(row, event->payload);
    }
    if (mask & HAS_MODE) {
        wf_buffer_put_uint(row, event->mode);
    }
    if (mask & HAS_REMINDER) {
        wf_buffer_put_int(row, event->remind_ms);
        wf_buffer_put_bytes(row, event->remind);
    }
    if (mask & HAS_HELD) {
        wf_buffer_put_bytes(row, event->held);
    }
}

enum wf_status wf_row_open(struct wf_row *row, struct wf_bytes bytes)
{
    row->reader = wf_reader_of(bytes);
    if (wf_reader_uint(&row->reader) != FORMAT) {
        return WF_STORE_CORRUPT;
    }
    row->at_ms = wf_reader_int(&row->reader);
    row->by = wf_reader_bytes(&row->reader);
    return row->reader.failed ? WF_STORE_CORRUPT : WF_OK;
}

static void read_fields(struct wf_reader *reader, uint64_t mask, struct wf_event *event)
{
    if (mask & HAS_STEP) {
        event->step = wf_reader_bytes(reader);
        event->round = 1;
    }
    if (mask & HAS_ATTEMPT) {
        event->attempt = (uint32_t)wf_reader_uint(reader);
    }
    if (mask & HAS_ROUND) {
        event->round = (uint32_t)wf_reader_uint(reader);
    }
    if (mask & HAS_AT) {
        event->at_ms = wf_reader_int(reader);
    }
    if (mask & HAS_DUE) {
        event->due_ms = wf_reader_int(reader);
    }
    if (mask & HAS_FENCE) {
        event->fence = wf_reader_int(reader);
    }
    if (mask & HAS_METHOD) {
        event->method = wf_reader_bytes(reader);
    }
    if (mask & HAS_REASON) {
        event->reason = wf_reader_bytes(reader);
    }
    if (mask & HAS_ERROR) {
        event->error_class = wf_reader_bytes(reader);
        event->error_message = wf_reader_bytes(reader);
        event->error_where = wf_reader_bytes(reader);
    }
    if (mask & HAS_PAYLOAD) {
        event->payload = wf_reader_bytes(reader);
    }
    if (mask & HAS_MODE) {
        uint64_t mode = wf_reader_uint(reader);

        reader->failed |= mode > WF_MODE_JUDGE;
        event->mode = (enum wf_mode)mode;
    }
    if (mask & HAS_REMINDER) {
        event->remind_ms = wf_reader_int(reader);
        event->remind = wf_reader_bytes(reader);
    }
    if (mask & HAS_HELD) {
        event->held = wf_reader_bytes(reader);
    }
    event->final = mask & IS_FINAL;
    event->crashed = mask & IS_CRASHED;
    event->met = mask & IS_MET;
    event->once = mask & IS_ONCE;
}

enum wf_status wf_row_next(struct wf_row *row, struct wf_event *event)
{
    struct wf_reader *reader = &row->reader;
    uint64_t kind, mask;

    if (reader->at == reader->end) {
        return WF_NOT_FOUND;
    }
    kind = wf_reader_uint(reader);
    mask = wf_reader_uint(reader);
    if (reader->failed || kind >= KIND_COUNT || mask & ~(uint64_t)KNOWN) {
        return WF_STORE_CORRUPT;
    }
    *event = (struct wf_event){.kind = (enum wf_kind)kind, .at_ms = row->at_ms, .by = row->by};
    read_fields(reader, mask, event);
    return reader->failed ? WF_STORE_CORRUPT : WF_OK;
}

int64_t wf_row_count(struct wf_bytes bytes)
{
    struct wf_event event;
    struct wf_row row;
    int64_t count = 0;

    if (wf_row_open(&row, bytes)) {
        return 0;
    }
    while (wf_row_next(&row, &event) == WF_OK) {
        count++;
    }
    return count;
}

bool wf_event_holds(struct wf_bytes held, int step)
{
    size_t at = (size_t)step / 8;

    return at < held.len && ((unsigned char)held.ptr[at] >> (step % 8) & 1);
}
