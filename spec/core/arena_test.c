#include "test.h"

#include <stdint.h>

#include "arena.h"

TEST(pieces_are_zeroed_aligned_and_do_not_overlap)
{
    struct wf_arena *arena = NULL;
    unsigned char *pieces[600];

    for (int i = 0; i < 600; i++) {
        size_t len = (size_t)(i * 37 % 701);

        CHECK(wf_arena_copy(&arena, WF_BYTES("x")).ptr[0] == 'x'); /* makes the next one crooked */
        pieces[i] = wf_arena_alloc(&arena, len);
        CHECK(pieces[i] && (uintptr_t)pieces[i] % 16 == 0);
        for (size_t at = 0; at < len; at++) {
            CHECK(pieces[i][at] == 0);
        }
        memset(pieces[i], i % 256, len);
    }
    for (int i = 0; i < 600; i++) {
        for (size_t at = 0; at < (size_t)(i * 37 % 701); at++) {
            CHECK(pieces[i][at] == i % 256);
        }
    }
    wf_arena_free(arena);
}

TEST(a_copy_is_ones_own_and_nothing_costs_nothing)
{
    struct wf_arena *arena = NULL;
    char source[] = "abc";
    struct wf_bytes copy;

    CHECK(wf_arena_copy(&arena, (struct wf_bytes){NULL, 0}).len == 0 && !arena);
    copy = wf_arena_copy(&arena, (struct wf_bytes){source, 3});
    source[0] = 'z';
    CHECK(copy.len == 3 && memcmp(copy.ptr, "abc", 3) == 0);
    CHECK(!wf_arena_failed(arena));
    wf_arena_free(arena);
    wf_arena_free(NULL);
}

TEST(after_a_reset_it_is_used_again_however_large_its_pieces_were)
{
    struct wf_arena *arena = NULL;
    static char large[100000];

    wf_arena_reset(NULL);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 5; i++) {
            struct wf_bytes copy =
                wf_arena_copy(&arena, (struct wf_bytes){large, (size_t)(i * 20000)});

            CHECK(copy.len == (size_t)(i * 20000));
            CHECK(wf_arena_alloc(&arena, 10));
        }
        wf_arena_reset(arena);
    }
    wf_arena_free(arena);
}
