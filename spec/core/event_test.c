#include "test.h"

#include "event.h"
#include "random.h"

#define AT_MS 1700000000000

static bool same(struct wf_bytes a, struct wf_bytes b)
{
    return wf_bytes_equal(a, b);
}

static struct wf_event full(enum wf_kind kind)
{
    return (struct wf_event){.kind = kind,
                             .step = WF_BYTES("step"),
                             .attempt = 3,
                             .round = 2,
                             .at_ms = AT_MS - 50,
                             .due_ms = AT_MS + 1000,
                             .fence = 77,
                             .final = true,
                             .crashed = true,
                             .met = true,
                             .once = true,
                             .mode = WF_MODE_JUDGE,
                             .remind_ms = AT_MS + 500,
                             .remind = WF_BYTES("nudge"),
                             .held = WF_BYTES("\x05\x80"),
                             .method = WF_BYTES("otherwise"),
                             .reason = WF_BYTES("because"),
                             .error_class = WF_BYTES("Oops"),
                             .error_message = WF_BYTES("it broke"),
                             .error_where = WF_BYTES("app/a.rb:3"),
                             .payload = WF_BYTES("\0binary\xff")};
}

static struct wf_event empty(enum wf_kind kind)
{
    return (struct wf_event){.kind = kind};
}

static void check_equal(const struct wf_event *a, const struct wf_event *b)
{
    CHECK(a->kind == b->kind && same(a->step, b->step) && a->attempt == b->attempt);
    CHECK(a->round == b->round && a->due_ms == b->due_ms && a->fence == b->fence);
    CHECK(a->final == b->final && a->crashed == b->crashed && same(a->method, b->method));
    CHECK(same(a->reason, b->reason) && same(a->error_class, b->error_class));
    CHECK(same(a->error_message, b->error_message) && same(a->error_where, b->error_where));
    CHECK(same(a->payload, b->payload) && a->met == b->met && a->mode == b->mode);
    CHECK(a->once == b->once && a->remind_ms == b->remind_ms && same(a->remind, b->remind));
    CHECK(same(a->held, b->held));
}

TEST(every_kind_comes_back_with_all_its_fields_and_with_none)
{
    struct wf_buffer buffer = {0};
    struct wf_event event;
    struct wf_row row;
    int kind = 0;

    for (; strcmp(wf_kind_name((enum wf_kind)kind), "unknown") != 0; kind++) {
        struct wf_event written = full((enum wf_kind)kind), bare = empty((enum wf_kind)kind);

        wf_row_begin(&buffer, AT_MS, WF_BYTES("me"));
        wf_row_add(&buffer, &written, AT_MS);
        wf_row_add(&buffer, &bare, AT_MS);
        CHECK(!buffer.failed && wf_row_count(wf_buffer_bytes(&buffer)) == 2);
        CHECK(wf_row_open(&row, wf_buffer_bytes(&buffer)) == WF_OK);
        CHECK(wf_row_next(&row, &event) == WF_OK && event.at_ms == AT_MS - 50);
        CHECK(same(event.by, WF_BYTES("me")));
        check_equal(&event, &written);
        CHECK(wf_row_next(&row, &event) == WF_OK && event.at_ms == AT_MS);
        check_equal(&event, &bare);
        CHECK(wf_row_next(&row, &event) == WF_NOT_FOUND);
    }
    CHECK(kind > 20);
    wf_buffer_destroy(&buffer);
}

TEST(an_error_without_a_class_keeps_its_message)
{
    struct wf_buffer buffer = {0};
    struct wf_event written = {.kind = WF_KIND_step_failed, .error_message = WF_BYTES("it broke")},
                    event;
    struct wf_row row;

    wf_row_begin(&buffer, AT_MS, WF_BYTES("me"));
    wf_row_add(&buffer, &written, AT_MS);
    CHECK(wf_row_open(&row, wf_buffer_bytes(&buffer)) == WF_OK &&
          wf_row_next(&row, &event) == WF_OK);
    CHECK(same(event.error_message, WF_BYTES("it broke")));
    wf_buffer_destroy(&buffer);
}

/* Reads all there is; every byte that an event points to is looked at. */
static enum wf_status read_all(struct wf_bytes bytes, unsigned *sum)
{
    struct wf_event event;
    struct wf_row row;
    enum wf_status status = wf_row_open(&row, bytes);

    while (!status && !(status = wf_row_next(&row, &event))) {
        const struct wf_bytes fields[] = {event.step,        event.by,          event.method,
                                          event.reason,      event.error_class, event.error_message,
                                          event.error_where, event.payload};

        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
            for (size_t at = 0; at < fields[i].len; at++) {
                *sum += (unsigned char)fields[i].ptr[at];
            }
        }
        *sum += wf_kind_name(event.kind)[0];
    }
    return status;
}

static struct wf_bytes row_of_three(struct wf_buffer *buffer)
{
    struct wf_event events[] = {full(WF_KIND_step_failed), empty(WF_KIND_run_done),
                                full(WF_KIND_noted)};

    wf_row_begin(buffer, AT_MS, WF_BYTES("me"));
    for (int i = 0; i < 3; i++) {
        wf_row_add(buffer, &events[i], AT_MS);
    }
    return wf_buffer_bytes(buffer);
}

TEST(a_row_cut_short_is_refused_unless_it_is_cut_between_events)
{
    struct wf_buffer buffer = {0};
    struct wf_bytes whole = row_of_three(&buffer);
    unsigned sum = 0;
    int whole_ones = 0;

    for (size_t len = 0; len <= whole.len; len++) {
        char *copy = malloc(len ? len : 1); /* exactly so long, for the sanitizer */
        enum wf_status status;

        memcpy(copy, whole.ptr, len);
        status = read_all((struct wf_bytes){copy, len}, &sum);
        CHECK(status == WF_STORE_CORRUPT || status == WF_NOT_FOUND);
        whole_ones += status == WF_NOT_FOUND;
        free(copy);
    }
    CHECK(whole_ones == 4); /* none, one, two, three events */
    wf_buffer_destroy(&buffer);
}

TEST(a_field_or_kind_of_tomorrow_is_refused)
{
    struct wf_buffer buffer = {0};
    unsigned sum = 0;

    wf_row_begin(&buffer, AT_MS, WF_BYTES("me"));
    wf_buffer_put_uint(&buffer, WF_KIND_noted);
    wf_buffer_put_uint(&buffer, 1u << 20);
    CHECK(read_all(wf_buffer_bytes(&buffer), &sum) == WF_STORE_CORRUPT);
    wf_row_begin(&buffer, AT_MS, WF_BYTES("me"));
    wf_buffer_put_uint(&buffer, 200);
    wf_buffer_put_uint(&buffer, 0);
    CHECK(read_all(wf_buffer_bytes(&buffer), &sum) == WF_STORE_CORRUPT);
    wf_buffer_clear(&buffer);
    wf_buffer_put_uint(&buffer, 2); /* another format */
    CHECK(read_all(wf_buffer_bytes(&buffer), &sum) == WF_STORE_CORRUPT);
    wf_buffer_destroy(&buffer);
}

TEST(damaged_rows_are_read_or_refused_but_never_beyond_their_end)
{
    struct wf_buffer buffer = {0};
    struct wf_bytes whole = row_of_three(&buffer);
    unsigned sum = 0;

    random_seed("damaged rows");
    for (int i = 0; i < 50000; i++) {
        size_t len = random_below(4) ? whole.len : random_below((uint32_t)whole.len + 1);
        char *copy = malloc(len ? len : 1);

        memcpy(copy, whole.ptr, len);
        for (uint32_t flips = 1 + random_below(4); flips && len; flips--) {
            copy[random_below((uint32_t)len)] ^= (char)(1 << random_below(8));
        }
        read_all((struct wf_bytes){copy, len}, &sum);
        free(copy);
    }
    CHECK(sum);
    wf_buffer_destroy(&buffer);
}
