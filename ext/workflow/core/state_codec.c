/*
 * State and birth as bytes. A step in its first days costs its name, its kind, its dependencies and one
 * zero; what has happened to it is behind a mask. Decoding copies the bytes once and borrows from that
 * copy.
 */
#include <string.h>

#include "arena.h"
#include "state.h"

#define FORMAT 4

enum step_field {
    STEP_STATUS = 1 << 0,
    STEP_ATTEMPT = 1 << 1,
    STEP_ROUND = 1 << 2,
    STEP_FAILURES = 1 << 3,
    STEP_CRASHES = 1 << 4,
    STEP_SCHEDULED = 1 << 5,
    STEP_DUE = 1 << 6,
    STEP_STARTED = 1 << 7,
    STEP_ENDED = 1 << 8,
    STEP_FENCE = 1 << 9,
    STEP_INPUT = 1 << 10,
    STEP_RESULT = 1 << 11,
    STEP_METHOD = 1 << 12,
    STEP_BY = 1 << 13,
    STEP_REASON = 1 << 14,
    STEP_ERROR = 1 << 15,
    STEP_MODE = 1 << 16,
    STEP_MET = 1 << 17,
    STEP_ONCE = 1 << 18,
    STEP_HELD = 1 << 19,
    STEP_REMINDER = 1 << 20,
    STEP_REMINDING = 1 << 21,
    STEP_KEPT = 1 << 22,
    STEP_PROGRESS = 1 << 23,
    STEP_KNOWN = (1 << 24) - 1,
};

enum run_flag {
    RUN_FAILED = 1 << 0,
    RUN_UNIQUE = 1 << 1,
    RUN_PAUSED = 1 << 2,
    RUN_CANCELLING = 1 << 3,
    RUN_TOKEN = 1 << 4,
    RUN_KNOWN = (1 << 5) - 1
};

/* Of a birth. */
enum birth_flag { BIRTH_UNIQUE = 1 << 0, BIRTH_TOKEN = 1 << 1, BIRTH_KNOWN = (1 << 2) - 1 };

static void put_shape(struct wf_buffer *buffer, struct wf_bytes name, enum wf_step_kind kind,
                      const uint16_t *deps, uint16_t dep_count, uint16_t either)
{
    wf_buffer_put_bytes(buffer, name);
    wf_buffer_put_uint(buffer, kind);
    wf_buffer_put_uint(buffer, dep_count);
    for (uint16_t i = 0; i < dep_count; i++) {
        wf_buffer_put_uint(buffer, deps[i]);
    }
    wf_buffer_put_uint(buffer, either);
}

static void put_if(struct wf_buffer *buffer, uint32_t mask, uint32_t field, int64_t value)
{
    if (mask & field) {
        wf_buffer_put_int(buffer, value);
    }
}

static void put_text_if(struct wf_buffer *buffer, uint32_t mask, uint32_t field,
                        struct wf_bytes text)
{
    if (mask & field) {
        wf_buffer_put_bytes(buffer, text);
    }
}

void wf_birth_encode(const struct wf_birth *birth, struct wf_buffer *buffer)
{
    const struct wf_definition *definition = birth->definition;

    wf_buffer_put_bytes(buffer, birth->class_name);
    wf_buffer_put_bytes(buffer, birth->name);
    wf_buffer_put_bytes(buffer, birth->key);
    wf_buffer_put_bytes(buffer, birth->subject);
    wf_buffer_put_bytes(buffer, birth->args);
    wf_buffer_put_bytes(buffer, birth->tags);
    wf_buffer_put_uint(buffer, birth->place);
    wf_buffer_put_uint(buffer,
                       (birth->unique ? BIRTH_UNIQUE : 0u) | (birth->token.len ? BIRTH_TOKEN : 0u));
    put_text_if(buffer, birth->token.len ? BIRTH_TOKEN : 0, BIRTH_TOKEN, birth->token);
    wf_buffer_put_uint(buffer, definition->step_count);
    for (uint16_t i = 0; i < definition->step_count; i++) {
        const struct wf_definition_step *step = &definition->steps[i];

        put_shape(buffer, step->name, step->kind, step->deps, step->dep_count, step->either);
    }
}

static uint32_t step_mask(const struct wf_step *step)
{
    return (step->status ? STEP_STATUS : 0u) | (step->attempt ? STEP_ATTEMPT : 0u) |
           (step->round > 1 ? STEP_ROUND : 0u) | (step->failures ? STEP_FAILURES : 0u) |
           (step->crashes ? STEP_CRASHES : 0u) | (step->scheduled_ms ? STEP_SCHEDULED : 0u) |
           (step->due_ms ? STEP_DUE : 0u) | (step->started_ms ? STEP_STARTED : 0u) |
           (step->ended_ms ? STEP_ENDED : 0u) | (step->fence ? STEP_FENCE : 0u) |
           (step->input_version ? STEP_INPUT : 0u) | (step->result_version ? STEP_RESULT : 0u) |
           (step->method.len ? STEP_METHOD : 0u) | (step->by.len ? STEP_BY : 0u) |
           (step->reason.len ? STEP_REASON : 0u) |
           (step->error_class.len || step->error_message.len ? STEP_ERROR : 0u) |
           (step->mode ? STEP_MODE : 0u) | (step->met ? STEP_MET : 0u) |
           (step->once ? STEP_ONCE : 0u) | (step->held ? STEP_HELD : 0u) |
           (step->remind_ms || step->remind.len ? STEP_REMINDER : 0u) |
           (step->reminders ? STEP_REMINDING : 0u) | (step->kept_version ? STEP_KEPT : 0u) |
           (step->progress.len ? STEP_PROGRESS : 0u);
}

static void put_step(struct wf_buffer *buffer, const struct wf_step *step)
{
    uint32_t mask = step_mask(step);

    put_shape(buffer, step->name, step->kind, step->deps, step->dep_count, step->either);
    wf_buffer_put_uint(buffer, mask);
    put_if(buffer, mask, STEP_STATUS, step->status);
    put_if(buffer, mask, STEP_ATTEMPT, step->attempt);
    put_if(buffer, mask, STEP_ROUND, step->round);
    put_if(buffer, mask, STEP_FAILURES, step->failures);
    put_if(buffer, mask, STEP_CRASHES, step->crashes);
    put_if(buffer, mask, STEP_SCHEDULED, step->scheduled_ms);
    put_if(buffer, mask, STEP_DUE, step->due_ms);
    put_if(buffer, mask, STEP_STARTED, step->started_ms);
    put_if(buffer, mask, STEP_ENDED, step->ended_ms);
    put_if(buffer, mask, STEP_FENCE, step->fence);
    put_if(buffer, mask, STEP_INPUT, step->input_version);
    put_if(buffer, mask, STEP_RESULT, step->result_version);
    put_text_if(buffer, mask, STEP_METHOD, step->method);
    put_text_if(buffer, mask, STEP_BY, step->by);
    put_text_if(buffer, mask, STEP_REASON, step->reason);
    put_text_if(buffer, mask, STEP_ERROR, step->error_class);
    put_text_if(buffer, mask, STEP_ERROR, step->error_message);
    put_if(buffer, mask, STEP_MODE, step->mode);
    put_if(buffer, mask, STEP_REMINDER, step->remind_ms);
    put_text_if(buffer, mask, STEP_REMINDER, step->remind);
    put_if(buffer, mask, STEP_REMINDING, step->reminders);
    put_if(buffer, mask, STEP_REMINDING, step->reminding);
    put_if(buffer, mask, STEP_REMINDING, step->reminding_ms);
    put_if(buffer, mask, STEP_REMINDING, step->remind_fence);
    put_if(buffer, mask, STEP_KEPT, step->kept_version);
    put_text_if(buffer, mask, STEP_PROGRESS, step->progress);
}

void wf_state_encode(const struct wf_state *state, struct wf_buffer *buffer)
{
    wf_buffer_clear(buffer);
    wf_buffer_put_uint(buffer, FORMAT);
    wf_buffer_put_int(buffer, state->version);
    wf_buffer_put_uint(buffer, state->ended);
    wf_buffer_put_uint(
        buffer, (state->failed ? RUN_FAILED : 0u) | (state->unique ? RUN_UNIQUE : 0u) |
                    (state->paused ? RUN_PAUSED : 0u) | (state->cancelling ? RUN_CANCELLING : 0u) |
                    (state->token.len ? RUN_TOKEN : 0u));
    wf_buffer_put_uint(buffer, state->place);
    wf_buffer_put_int(buffer, state->started_ms);
    wf_buffer_put_int(buffer, state->ended_ms);
    wf_buffer_put_bytes(buffer, state->class_name);
    wf_buffer_put_bytes(buffer, state->name);
    wf_buffer_put_bytes(buffer, state->key);
    wf_buffer_put_bytes(buffer, state->subject);
    wf_buffer_put_bytes(buffer, state->args);
    wf_buffer_put_bytes(buffer, state->tags);
    wf_buffer_put_bytes(buffer, state->reason);
    put_text_if(buffer, state->token.len ? RUN_TOKEN : 0, RUN_TOKEN, state->token);
    wf_buffer_put_uint(buffer, state->step_count);
    for (uint16_t i = 0; i < state->step_count; i++) {
        put_step(buffer, &state->steps[i]);
    }
}

static int64_t get_if(struct wf_reader *reader, uint64_t mask, uint32_t field)
{
    return mask & field ? wf_reader_int(reader) : 0;
}

static struct wf_bytes get_text_if(struct wf_reader *reader, uint64_t mask, uint32_t field)
{
    return mask & field ? wf_reader_bytes(reader) : (struct wf_bytes){"", 0};
}

/* Dependencies point backwards or forwards, never at the step itself nor beyond the last one. */
static void get_shape(struct wf_state *state, struct wf_reader *reader, uint16_t index)
{
    struct wf_step *step = &state->steps[index];
    uint64_t kind, dep_count, either;
    uint16_t *deps;

    step->name = wf_reader_bytes(reader);
    kind = wf_reader_uint(reader);
    dep_count = wf_reader_uint(reader);
    step->round = 1;
    if (reader->failed || kind > WF_STEP_AWAIT || dep_count >= state->step_count) {
        reader->failed = true;
        return;
    }
    step->kind = (enum wf_step_kind)kind;
    deps = dep_count ? wf_arena_alloc(&state->arena, dep_count * sizeof(*deps)) : NULL;
    for (uint64_t i = 0; deps && i < dep_count; i++) {
        uint64_t dep = wf_reader_uint(reader);

        reader->failed |= dep >= state->step_count || dep == index;
        deps[i] = (uint16_t)dep;
    }
    step->deps = deps;
    step->dep_count = deps ? (uint16_t)dep_count : 0;
    either = wf_reader_uint(reader);
    reader->failed |= either > WF_STEPS_MAX;
    step->either = (uint16_t)either;
}

static void get_step(struct wf_state *state, struct wf_reader *reader, uint16_t index)
{
    struct wf_step *step = &state->steps[index];
    uint64_t mask;

    get_shape(state, reader, index);
    mask = wf_reader_uint(reader);
    step->status = (enum wf_step_status)get_if(reader, mask, STEP_STATUS);
    step->attempt = (uint32_t)get_if(reader, mask, STEP_ATTEMPT);
    step->round = mask & STEP_ROUND ? (uint32_t)wf_reader_int(reader) : 1;
    step->failures = (uint32_t)get_if(reader, mask, STEP_FAILURES);
    step->crashes = (uint32_t)get_if(reader, mask, STEP_CRASHES);
    step->scheduled_ms = get_if(reader, mask, STEP_SCHEDULED);
    step->due_ms = get_if(reader, mask, STEP_DUE);
    step->started_ms = get_if(reader, mask, STEP_STARTED);
    step->ended_ms = get_if(reader, mask, STEP_ENDED);
    step->fence = get_if(reader, mask, STEP_FENCE);
    step->input_version = get_if(reader, mask, STEP_INPUT);
    step->result_version = get_if(reader, mask, STEP_RESULT);
    step->method = get_text_if(reader, mask, STEP_METHOD);
    step->by = get_text_if(reader, mask, STEP_BY);
    step->reason = get_text_if(reader, mask, STEP_REASON);
    step->error_class = get_text_if(reader, mask, STEP_ERROR);
    step->error_message = get_text_if(reader, mask, STEP_ERROR);
    step->mode = (enum wf_mode)get_if(reader, mask, STEP_MODE);
    step->remind_ms = get_if(reader, mask, STEP_REMINDER);
    step->remind = get_text_if(reader, mask, STEP_REMINDER);
    step->reminders = (uint32_t)get_if(reader, mask, STEP_REMINDING);
    step->reminding = (uint32_t)get_if(reader, mask, STEP_REMINDING);
    step->reminding_ms = get_if(reader, mask, STEP_REMINDING);
    step->remind_fence = get_if(reader, mask, STEP_REMINDING);
    step->kept_version = get_if(reader, mask, STEP_KEPT);
    step->progress = get_text_if(reader, mask, STEP_PROGRESS);
    step->met = mask & STEP_MET;
    step->once = mask & STEP_ONCE;
    step->held = mask & STEP_HELD;
    reader->failed |= step->status > WF_STEP_cancelled || step->mode > WF_MODE_JUDGE ||
                      mask & ~(uint64_t)STEP_KNOWN || !wf_step_sound(step);
}

/* The number of steps, and room for them. */
static void get_steps(struct wf_state *state, struct wf_reader *reader,
                      void (*get)(struct wf_state *, struct wf_reader *, uint16_t))
{
    uint64_t count = wf_reader_uint(reader);

    if (reader->failed || count > WF_STEPS_MAX) {
        reader->failed = true;
        return;
    }
    state->steps = wf_arena_alloc(&state->arena, (count ? count : 1) * sizeof(*state->steps));
    if (!state->steps) {
        return;
    }
    state->step_count = (uint16_t)count;
    for (uint16_t i = 0; i < state->step_count && !reader->failed; i++) {
        get(state, reader, i);
    }
}

/* Behind the state, if there are any. */
static void get_doubts(struct wf_state *state, struct wf_reader *reader)
{
    struct wf_bytes doubts;

    if (reader->failed || reader->at == reader->end) {
        return;
    }
    doubts = wf_reader_bytes(reader);
    reader->failed |= !doubts.len || doubts.len > WF_STEP_BITS_MAX || !doubts.ptr[doubts.len - 1];
    if (!reader->failed) {
        wf_state_set_doubts(state, doubts);
    }
}

/* Nothing may be left over: to skip a fact is to read another state. */
static enum wf_status read_status(const struct wf_state *state, const struct wf_reader *reader,
                                  struct wf_bytes bytes)
{
    if (bytes.len && wf_arena_failed(state->arena)) {
        return WF_NO_MEMORY;
    }
    return reader->failed || reader->at != reader->end ? WF_STORE_CORRUPT : WF_OK;
}

enum wf_status wf_state_decode(struct wf_state *state, int64_t id, struct wf_bytes bytes)
{
    struct wf_arena *arena = state->arena;
    struct wf_reader reader;
    uint64_t flags;

    wf_arena_reset(arena);
    *state = (struct wf_state){.id = id, .arena = arena};
    reader = wf_reader_of(wf_arena_copy(&state->arena, bytes));
    if (wf_reader_uint(&reader) != FORMAT) {
        return WF_STORE_CORRUPT;
    }
    state->version = wf_reader_int(&reader);
    state->ended = (enum wf_run_status)wf_reader_uint(&reader);
    flags = wf_reader_uint(&reader);
    state->failed = flags & RUN_FAILED;
    state->unique = flags & RUN_UNIQUE;
    state->paused = flags & RUN_PAUSED;
    state->cancelling = flags & RUN_CANCELLING;
    state->place = (enum wf_place)wf_reader_uint(&reader);
    state->started_ms = wf_reader_int(&reader);
    state->ended_ms = wf_reader_int(&reader);
    state->class_name = wf_reader_bytes(&reader);
    state->name = wf_reader_bytes(&reader);
    state->key = wf_reader_bytes(&reader);
    state->subject = wf_reader_bytes(&reader);
    state->args = wf_reader_bytes(&reader);
    state->tags = wf_reader_bytes(&reader);
    state->reason = wf_reader_bytes(&reader);
    state->token = get_text_if(&reader, flags, RUN_TOKEN);
    reader.failed |= state->version < 1 || flags & ~(uint64_t)RUN_KNOWN ||
                     (state->ended && state->ended < WF_RUN_done) ||
                     state->ended > WF_RUN_cancelled || state->place > WF_PLACE_LATER;
    get_steps(state, &reader, get_step);
    get_doubts(state, &reader);
    return read_status(state, &reader, bytes);
}

struct wf_bytes wf_state_doubts(const struct wf_state *state, char bits[WF_STEP_BITS_MAX])
{
    size_t len = 0;

    memset(bits, 0, WF_STEP_BITS_MAX);
    for (uint16_t i = 0; i < state->step_count; i++) {
        if (state->steps[i].doubtful) {
            bits[i / 8] = (char)(bits[i / 8] | 1 << (i % 8));
            len = (size_t)i / 8 + 1;
        }
    }
    return (struct wf_bytes){bits, len};
}

void wf_state_set_doubts(struct wf_state *state, struct wf_bytes doubts)
{
    for (uint16_t i = 0; doubts.len && i < state->step_count; i++) {
        state->steps[i].doubtful = wf_event_holds(doubts, i);
    }
}

void wf_state_put_doubts(struct wf_buffer *buffer, struct wf_bytes doubts)
{
    if (doubts.len) {
        wf_buffer_put_bytes(buffer, doubts);
    }
}

enum wf_status wf_birth_decode(struct wf_state *state, struct wf_bytes bytes)
{
    struct wf_reader reader = wf_reader_of(wf_arena_copy(&state->arena, bytes));
    uint64_t flags;

    state->class_name = wf_reader_bytes(&reader);
    state->name = wf_reader_bytes(&reader);
    state->key = wf_reader_bytes(&reader);
    state->subject = wf_reader_bytes(&reader);
    state->args = wf_reader_bytes(&reader);
    state->tags = wf_reader_bytes(&reader);
    state->place = (enum wf_place)wf_reader_uint(&reader);
    flags = wf_reader_uint(&reader);
    state->unique = flags & BIRTH_UNIQUE;
    state->token = get_text_if(&reader, flags, BIRTH_TOKEN);
    reader.failed |= state->place > WF_PLACE_LATER || flags & ~(uint64_t)BIRTH_KNOWN;
    get_steps(state, &reader, get_shape);
    return read_status(state, &reader, bytes);
}
