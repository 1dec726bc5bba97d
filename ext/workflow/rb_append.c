/*
 * What Workflow::Native::Engine appends without a hand: words of operators, inputs that are kept, and the settling of what
 * is in doubt. Each waits for its answer, [symbol, snapshot, events]; flush for that of what others have posted.
 */
#include "workflow.h"

static VALUE engine_reserve(VALUE self)
{
    return rb_wf_run_id(wf_engine_reserve(rb_wf_engine(self)));
}

/* An op that changes nothing: the queue is a queue, so that its answer comes after the commit of what was posted before. */
static VALUE engine_flush(VALUE self, VALUE timeout_ms)
{
    struct wf_engine *engine = rb_wf_engine(self);
    int64_t until_ms = rb_wf_until_ms(timeout_ms);
    struct wf_op *op = wf_op_prepare(engine, NULL, WF_OP_CHANGE);
    bool committed;

    if (!op) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    if (!rb_wf_answer_by(engine, op, until_ms)) {
        return Qfalse;
    }
    committed = op->status == WF_NOT_FOUND; /* there is no run 0; else the store has failed */
    wf_op_finish(engine, NULL, op);
    return committed ? Qtrue : Qfalse;
}

static VALUE outcome(enum wf_status status)
{
    return status ? rb_wf_refusal(status) : ID2SYM(rb_intern("ok"));
}

static VALUE change(VALUE self, struct wf_op *op)
{
    struct rb_wf_told told;
    enum wf_status status = rb_wf_ask(rb_wf_engine(self), NULL, op, &told);

    return rb_ary_new_from_args(3, outcome(status), told.snapshot, told.events);
}

static struct wf_op *prepare_change(VALUE self, VALUE run_id, VALUE step, enum wf_command_kind kind)
{
    struct wf_bytes name = rb_wf_bytes(step);
    int64_t id = rb_wf_to_run_id(run_id);
    struct wf_op *op = wf_op_prepare(rb_wf_engine(self), NULL, WF_OP_CHANGE);

    if (!op) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    op->run_id = id;
    op->step = wf_op_keep(op, name);
    op->command.kind = kind;
    return op;
}

static VALUE engine_later(VALUE self, VALUE run_id, VALUE step)
{
    return change(self, prepare_change(self, run_id, step, WF_COMMAND_HURRY));
}

static VALUE engine_retry(VALUE self, VALUE run_id, VALUE definition, VALUE from, VALUE by)
{
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_bytes name = rb_wf_bytes(by);
    struct wf_op *op = prepare_change(self, run_id, from, WF_COMMAND_RETRY);

    op->definition = wf_definition_retain(options);
    op->command.by = wf_op_keep(op, name);
    return change(self, op);
}

static VALUE halt(VALUE self, VALUE run_id, VALUE step, enum wf_command_kind kind, VALUE definition,
                  VALUE reason, VALUE by)
{
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_bytes why = rb_wf_bytes(reason), author = rb_wf_bytes(by);
    struct wf_op *op;

    rb_wf_check_len(reason, WF_SUBJECT_LEN_MAX, "a reason");
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    op = prepare_change(self, run_id, step, kind);
    op->definition = wf_definition_retain(options);
    op->command.reason = wf_op_keep(op, why);
    op->command.by = wf_op_keep(op, author);
    return change(self, op);
}

static VALUE engine_cancel(VALUE self, VALUE run_id, VALUE definition, VALUE reason, VALUE by)
{
    return halt(self, run_id, Qnil, WF_COMMAND_CANCEL, definition, reason, by);
}

static VALUE engine_pause(VALUE self, VALUE run_id, VALUE reason, VALUE by)
{
    return halt(self, run_id, Qnil, WF_COMMAND_PAUSE, Qnil, reason, by);
}

static VALUE engine_resume(VALUE self, VALUE run_id, VALUE definition, VALUE by)
{
    return halt(self, run_id, Qnil, WF_COMMAND_RESUME, definition, Qnil, by);
}

static VALUE engine_skip(VALUE self, VALUE run_id, VALUE step, VALUE definition, VALUE reason,
                         VALUE by)
{
    if (!rb_wf_bytes(step).len) {
        rb_wf_refuse("which step is to be skipped has to be said");
    }
    return halt(self, run_id, step, WF_COMMAND_OMIT, definition, reason, by);
}

/* A change that comes with an input. */
static struct wf_op *prepare_input(VALUE self, VALUE run_id, VALUE step, enum wf_command_kind kind,
                                   VALUE definition, VALUE input, VALUE by)
{
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_bytes name = rb_wf_bytes(by), payload = rb_wf_bytes(input);
    struct wf_op *op;

    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    rb_wf_check_len(input, WF_PAYLOAD_LEN_MAX, "an input");
    op = prepare_change(self, run_id, step, kind);
    op->definition = wf_definition_retain(options);
    op->command.by = wf_op_keep(op, name);
    op->command.payload = wf_op_keep(op, payload);
    return op;
}

static VALUE engine_keep(VALUE self, VALUE run_id, VALUE step, VALUE definition, VALUE input,
                         VALUE by)
{
    return change(self, prepare_input(self, run_id, step, WF_COMMAND_KEEP, definition, input, by));
}

/* (run_id, step, round, fence, definition, accepted, input, by) */
static VALUE engine_settle(VALUE self, VALUE run_id, VALUE step, VALUE round, VALUE fence,
                           VALUE definition, VALUE accepted, VALUE input, VALUE by)
{
    enum wf_command_kind kind = RTEST(accepted) ? WF_COMMAND_ACCEPT : WF_COMMAND_LET_GO;
    uint32_t of_round = NUM2UINT(round);
    int64_t of_fence = NUM2LL(fence);
    struct rb_wf_told told;
    enum wf_status status;
    struct wf_op *op;

    if (!rb_wf_bytes(step).len) {
        rb_wf_refuse("which step is to be settled has to be said");
    }
    if (RTEST(accepted) && !rb_wf_definition(definition)) {
        rb_wf_refuse("an input that is accepted needs a definition");
    }
    op = prepare_input(self, run_id, step, kind, definition, input, by);
    op->kind = WF_OP_SETTLE;
    op->round = of_round;
    op->fence = of_fence;
    status = rb_wf_ask(rb_wf_engine(self), NULL, op, &told);
    return rb_ary_new_from_args(
        3, status == WF_OK || status == WF_NOT_FOUND ? outcome(status) : ID2SYM(rb_intern("stale")),
        told.snapshot, told.events);
}

void rb_wf_init_append(VALUE engine)
{
    rb_define_method(engine, "reserve", engine_reserve, 0);
    rb_define_method(engine, "flush", engine_flush, 1);
    rb_define_method(engine, "later", engine_later, 2);
    rb_define_method(engine, "retry", engine_retry, 4);
    rb_define_method(engine, "cancel", engine_cancel, 4);
    rb_define_method(engine, "pause", engine_pause, 3);
    rb_define_method(engine, "resume", engine_resume, 3);
    rb_define_method(engine, "skip", engine_skip, 5);
    rb_define_method(engine, "keep", engine_keep, 5);
    rb_define_method(engine, "settle", engine_settle, 8);
}
