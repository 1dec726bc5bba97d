#include "test.h"

#include <stdlib.h>

#include "buffer.h"

static const uint64_t unsigned_values[] = {
    0, 1, 127, 128, 16383, 16384, 255, 1u << 20, UINT32_MAX, 1ull << 62, 1ull << 63, UINT64_MAX};
static const int64_t signed_values[] = {0,   1,         -1,        63,        -64,      64,
                                        -65, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

TEST(integers_come_back)
{
    struct wf_buffer buffer = {0};
    struct wf_reader reader;

    for (size_t i = 0; i < COUNT(unsigned_values); i++) {
        wf_buffer_put_uint(&buffer, unsigned_values[i]);
    }
    for (size_t i = 0; i < COUNT(signed_values); i++) {
        wf_buffer_put_int(&buffer, signed_values[i]);
    }
    CHECK(!buffer.failed);
    reader = wf_reader_of(wf_buffer_bytes(&buffer));
    for (size_t i = 0; i < COUNT(unsigned_values); i++) {
        CHECK(wf_reader_uint(&reader) == unsigned_values[i]);
    }
    for (size_t i = 0; i < COUNT(signed_values); i++) {
        CHECK(wf_reader_int(&reader) == signed_values[i]);
    }
    CHECK(!reader.failed && reader.at == reader.end);
    wf_buffer_destroy(&buffer);
}

TEST(small_integers_take_one_byte)
{
    struct wf_buffer buffer = {0};

    wf_buffer_put_uint(&buffer, 127);
    CHECK(buffer.len == 1);
    wf_buffer_put_int(&buffer, -64);
    CHECK(buffer.len == 2);
    wf_buffer_put_uint(&buffer, UINT64_MAX);
    CHECK(buffer.len == 12);
    wf_buffer_destroy(&buffer);
}

TEST(bytes_come_back_with_zeros_and_empty)
{
    struct wf_buffer buffer = {0};
    struct wf_reader reader;

    wf_buffer_put_bytes(&buffer, WF_BYTES("a\0b"));
    wf_buffer_put_bytes(&buffer, (struct wf_bytes){NULL, 0});
    wf_buffer_put_bytes(&buffer, WF_BYTES("end"));
    reader = wf_reader_of(wf_buffer_bytes(&buffer));
    CHECK(wf_bytes_equal(wf_reader_bytes(&reader), WF_BYTES("a\0b")));
    CHECK(wf_reader_bytes(&reader).len == 0);
    CHECK(wf_bytes_equal(wf_reader_bytes(&reader), WF_BYTES("end")));
    CHECK(!reader.failed && reader.at == reader.end);
    wf_buffer_destroy(&buffer);
}

TEST(grows_and_keeps_its_memory_when_cleared)
{
    struct wf_buffer buffer = {0};
    char block[1000];
    size_t cap;

    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 1000; i++) {
        wf_buffer_put(&buffer, block, sizeof(block));
    }
    CHECK(buffer.len == 1000 * sizeof(block) && !buffer.failed);
    CHECK(buffer.ptr[buffer.len - 1] == 'x');
    cap = buffer.cap;
    wf_buffer_clear(&buffer);
    CHECK(buffer.len == 0 && buffer.cap == cap);
    wf_buffer_destroy(&buffer);
    CHECK(!buffer.ptr && !buffer.cap);
}

/* Copied to a block of its exact size, so that the sanitizer sees a reader that goes too far. */
static struct wf_bytes exactly(const void *ptr, size_t len)
{
    char *copy = malloc(len ? len : 1);

    memcpy(copy, ptr, len);
    return (struct wf_bytes){copy, len};
}

TEST(every_cut_of_a_message_fails_and_stays_failed)
{
    struct wf_buffer buffer = {0};

    wf_buffer_put_uint(&buffer, UINT64_MAX);
    wf_buffer_put_bytes(&buffer, WF_BYTES("four"));
    for (size_t len = 0; len < buffer.len; len++) {
        struct wf_bytes cut = exactly(buffer.ptr, len);
        struct wf_reader reader = wf_reader_of(cut);

        wf_reader_uint(&reader);
        CHECK(wf_reader_bytes(&reader).len == 0);
        CHECK(reader.failed);
        wf_reader_uint(&reader);
        CHECK(reader.failed);
        free((void *)(uintptr_t)cut.ptr);
    }
    wf_buffer_destroy(&buffer);
}

TEST(refuses_an_endless_integer_and_a_length_beyond_the_end)
{
    struct wf_reader endless =
        wf_reader_of(WF_BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    struct wf_reader longer =
        wf_reader_of(WF_BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01rest"));

    CHECK(wf_reader_uint(&endless) == 0 && endless.failed);
    CHECK(wf_reader_bytes(&longer).len == 0 && longer.failed);
}

TEST(noise_never_reads_out_of_bounds)
{
    unsigned seed = 1;

    for (int round = 0; round < 20000; round++) {
        unsigned char noise[24];
        struct wf_bytes bytes;
        struct wf_reader reader;

        for (size_t i = 0; i < sizeof(noise); i++) {
            seed = seed * 1103515245u + 12345u;
            noise[i] = (unsigned char)(seed >> 16);
        }
        bytes = exactly(noise, (size_t)round % sizeof(noise));
        reader = wf_reader_of(bytes);
        while (!reader.failed) {
            wf_reader_bytes(&reader);
            wf_reader_int(&reader);
        }
        CHECK(reader.at <= reader.end);
        free((void *)(uintptr_t)bytes.ptr);
    }
}

TEST(a_failed_buffer_takes_nothing_more)
{
    struct wf_buffer buffer = {.failed = true};

    wf_buffer_put(&buffer, "x", 1);
    wf_buffer_put_uint(&buffer, 1);
    CHECK(buffer.failed && buffer.len == 0);
    wf_buffer_clear(&buffer);
    wf_buffer_put(&buffer, "x", 1);
    CHECK(!buffer.failed && buffer.len == 1);
    wf_buffer_destroy(&buffer);
}

TEST(equal_bytes)
{
    CHECK(wf_bytes_equal(WF_BYTES(""), (struct wf_bytes){NULL, 0}));
    CHECK(wf_bytes_equal(WF_BYTES("ab"), WF_BYTES("ab")));
    CHECK(!wf_bytes_equal(WF_BYTES("ab"), WF_BYTES("a")));
    CHECK(!wf_bytes_equal(WF_BYTES("ab"), WF_BYTES("ac")));
}
