#include "arena.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CHUNK_LEN 240 /* what most appends need: there are hundreds of arenas, of slots */
#define CHUNK_LEN 2048

struct chunk {
    struct chunk *next;
    size_t len, cap;
    _Alignas(16) char memory[];
};

struct wf_arena {
    struct chunk *first;
    bool failed;
};

static struct chunk *chunk_new(size_t cap)
{
    struct chunk *chunk = malloc(sizeof(*chunk) + cap);

    if (chunk) {
        chunk->next = NULL;
        chunk->len = 0;
        chunk->cap = cap;
    }
    return chunk;
}

/* A large piece gets a chunk of its own behind the first, which goes on being filled. */
static char *grow(struct wf_arena *arena, size_t len)
{
    size_t cap = arena->first || len > FIRST_CHUNK_LEN ? CHUNK_LEN : FIRST_CHUNK_LEN;
    bool large = len > CHUNK_LEN / 4;
    struct chunk *chunk = chunk_new(large ? len : cap);

    if (!chunk) {
        arena->failed = true;
        return NULL;
    }
    if (large && arena->first) {
        chunk->next = arena->first->next;
        arena->first->next = chunk;
    } else {
        chunk->next = arena->first;
        arena->first = chunk;
    }
    chunk->len = len;
    return chunk->memory;
}

static char *take(struct wf_arena **arena, size_t len)
{
    struct chunk *chunk;

    if (!*arena && !(*arena = calloc(1, sizeof(**arena)))) {
        return NULL;
    }
    chunk = (*arena)->first;
    if (!chunk || chunk->cap - chunk->len < len) {
        return grow(*arena, len);
    }
    chunk->len += len;
    return chunk->memory + chunk->len - len;
}

void *wf_arena_alloc(struct wf_arena **arena, size_t len)
{
    char *ptr;

    len = (len + 15) & ~(size_t)15;
    if (*arena && (*arena)->first) {
        struct chunk *chunk = (*arena)->first;
        size_t aligned = (chunk->len + 15) & ~(size_t)15;

        chunk->len = aligned < chunk->cap ? aligned : chunk->cap;
    }
    ptr = take(arena, len);
    return ptr ? memset(ptr, 0, len) : NULL;
}

struct wf_bytes wf_arena_copy(struct wf_arena **arena, struct wf_bytes bytes)
{
    char *ptr = bytes.len ? take(arena, bytes.len) : NULL;

    if (!ptr) {
        return (struct wf_bytes){"", 0};
    }
    memcpy(ptr, bytes.ptr, bytes.len);
    return (struct wf_bytes){ptr, bytes.len};
}

size_t wf_arena_len(const struct wf_arena *arena)
{
    size_t len = 0;

    for (const struct chunk *chunk = arena ? arena->first : NULL; chunk; chunk = chunk->next) {
        len += chunk->len;
    }
    return len;
}

bool wf_arena_failed(const struct wf_arena *arena)
{
    return !arena || arena->failed;
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk) {
        struct chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

void wf_arena_reset(struct wf_arena *arena)
{
    if (!arena) {
        return;
    }
    arena->failed = false;
    if (arena->first) {
        free_chunks(arena->first->next);
        arena->first->next = NULL;
        arena->first->len = 0;
    }
}

void wf_arena_free(struct wf_arena *arena)
{
    if (arena) {
        free_chunks(arena->first);
        free(arena);
    }
}
