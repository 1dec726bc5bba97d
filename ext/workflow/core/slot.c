#include "slot.h"

#include <string.h>

#include "thread.h"

static struct wf_bytes method_of(const struct wf_step *step, enum wf_mode mode)
{
    return mode == WF_MODE_OTHERWISE ? step->method
           : mode == WF_MODE_REMIND  ? step->remind
                                     : step->name;
}

void wf_work_write(struct wf_buffer *buffer, const struct wf_state *state, int index,
                   enum wf_mode mode, struct wf_bytes by)
{
    const struct wf_step *step = &state->steps[index];

    wf_buffer_clear(buffer);
    wf_buffer_put_bytes(buffer, state->class_name);
    wf_buffer_put_bytes(buffer, state->name);
    wf_buffer_put_bytes(buffer, state->subject);
    wf_buffer_put_bytes(buffer, step->name);
    wf_buffer_put_bytes(buffer, method_of(step, mode));
    wf_buffer_put_bytes(buffer, state->args);
    wf_buffer_put_bytes(buffer, by);
    wf_buffer_put_bytes(buffer, step->progress);
    wf_buffer_put_int(buffer, step->kept_version);
}

enum wf_status wf_work_read(const struct wf_claim *claim, struct wf_work *work)
{
    struct wf_reader reader = wf_reader_of(wf_buffer_bytes(&claim->work));

    work->class_name = wf_reader_bytes(&reader);
    work->name = wf_reader_bytes(&reader);
    work->subject = wf_reader_bytes(&reader);
    work->step = wf_reader_bytes(&reader);
    work->method = wf_reader_bytes(&reader);
    work->args = wf_reader_bytes(&reader);
    work->by = wf_reader_bytes(&reader);
    work->progress = wf_reader_bytes(&reader);
    work->kept_version = wf_reader_int(&reader);
    return reader.failed ? WF_STORE_CORRUPT : WF_OK;
}

int64_t wf_slot_deadline(const struct wf_slot *slot)
{
    const struct wf_limit *limit = &slot->limit;
    const struct wf_claim *claim = &slot->claim;
    bool meant = limit->run_id == claim->run_id && limit->step == claim->step &&
                 limit->fence == claim->fence;

    return slot->place == WF_SLOT_TAKEN && !slot->overdue && meant ? limit->deadline_mono_ms : 0;
}

void wf_limit_clear(struct wf_limit *limit)
{
    wf_definition_release(limit->definition);
    *limit = (struct wf_limit){0};
}

struct wf_bytes wf_slot_parting(const struct wf_slot *slot)
{
    return (struct wf_bytes){slot->parting, strlen(slot->parting)};
}

void wf_claim_clear(struct wf_claim *claim)
{
    struct wf_buffer work = claim->work, state = claim->state;

    wf_buffer_clear(&work);
    wf_buffer_clear(&state);
    *claim = (struct wf_claim){.work = work, .state = state};
}

void wf_claim_destroy(struct wf_claim *claim)
{
    wf_buffer_destroy(&claim->work);
    wf_buffer_destroy(&claim->state);
    *claim = (struct wf_claim){0};
}

void wf_op_init(struct wf_op *op)
{
    *op = (struct wf_op){0};
    wf_cond_init(&op->settled);
}

void wf_op_clear(struct wf_op *op)
{
    wf_definition_release(op->definition);
    wf_arena_reset(op->arena);
    wf_buffer_clear(&op->state);
    wf_buffer_clear(&op->row);
    wf_claim_clear(&op->claim);
    op->definition = NULL;
    op->next = NULL;
    op->wait = op->posted = op->done = op->abandoned = op->more = op->dead = false;
    op->cancelling = op->pledged = op->cut = false;
    op->round = 0;
    op->fence = 0;
    op->run_id = op->answered_id = op->version = op->owner = 0;
    op->entry = NULL;
    op->step = (struct wf_bytes){"", 0};
    op->command = (struct wf_command){.step = -1, .delay_ms = -1};
    op->birth = (struct wf_birth){0};
    op->status = WF_OK;
    op->error.status = WF_OK;
    op->error.message[0] = '\0';
    op->event_count = 0;
}

void wf_op_destroy(struct wf_op *op)
{
    wf_definition_release(op->definition);
    wf_arena_free(op->arena);
    wf_buffer_destroy(&op->state);
    wf_buffer_destroy(&op->row);
    wf_claim_destroy(&op->claim);
    pthread_cond_destroy(&op->settled);
}
