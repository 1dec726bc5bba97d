/*
 * What an op was answered, as Ruby values. The op is read and finished, whatever is raised; the store's failures are raised.
 */
#include "workflow.h"

static VALUE tell(VALUE context)
{
    struct rb_wf_told *told = (struct rb_wf_told *)context;
    struct wf_op *op = told->op;

    told->events = rb_ary_new();
    if (op->state.len) {
        told->snapshot = rb_wf_snapshot(op->answered_id, wf_buffer_bytes(&op->state));
    }
    if (op->row.len) {
        rb_wf_events(0, op->answered_id, op->version, wf_buffer_bytes(&op->row), 0, told->events);
    }
    if (op->slot && op->slot->claim.run_id) {
        told->work = rb_wf_work(&op->slot->claim);
        told->round = UINT2NUM(op->slot->claim.round);
        told->fence = LL2NUM(op->slot->claim.fence);
    } else if (op->status == WF_DOUBTFUL) {
        told->round = UINT2NUM(op->round);
        told->fence = LL2NUM(op->fence);
    }
    return Qnil;
}

/* Waits, reads the answer, finishes the op. Raises the store's failures; returns the rest. */
enum wf_status rb_wf_ask(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op,
                         struct rb_wf_told *told)
{
    struct wf_error error;
    enum wf_status status;
    int raised = 0;

    *told = (struct rb_wf_told){
        .op = op, .snapshot = Qnil, .events = Qnil, .work = Qnil, .round = Qnil, .fence = Qnil};
    rb_wf_answer(engine, hand, op, rb_wf_hand_away(hand));
    rb_protect(tell, (VALUE)told, &raised);
    status = op->status;
    error = op->error;
    wf_op_finish(engine, hand, op);
    if (raised) {
        rb_jump_tag(raised);
    }
    if (status != WF_EXISTING && NIL_P(rb_wf_refusal(status))) {
        rb_wf_check(status, &error);
    }
    return status;
}

struct wf_op *rb_wf_prepare(struct wf_engine *engine, struct wf_hand *hand, enum wf_op_kind kind)
{
    struct wf_op *op = wf_op_prepare(engine, hand, kind);
    struct wf_error error = {WF_TOO_LARGE, "too many steps are in hand of this process"};

    if (!op) {
        rb_wf_raise(&error);
    }
    return op;
}
