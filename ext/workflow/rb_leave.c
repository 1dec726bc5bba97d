/*
 * The only place that leaves the interpreter's lock. RB_NOGVL_INTR_FAIL: the call does not raise inside,
 * so what C has done is never lost; whatever was taken is in a slot by then, and an `ensure` gives it
 * back. Interrupts are looked at between two calls. While they are masked (Thread.handle_interrupt) the
 * call is refused at once; then the wait is done in slices, or this would spin. In a process with one
 * Ruby thread the interpreter starts another for each call that it could interrupt, which costs more than
 * most calls; so those that are brief, or end by themselves, cannot be.
 */
#include "workflow.h"

#include <ruby/thread.h> /* after ruby.h, which that of Ruby 3.3 does not include itself */

#define SLICE_MS 10
#define BRIEF_MS 10 /* a commit */
#define FOREVER_MS (1000LL * 60 * 60 * 24)

struct call {
    struct rb_wf_wait *wait;
    int64_t wait_ms;
    bool called, done, brief;
};

static void *run(void *context)
{
    struct call *call = context;

    call->called = true;
    call->done = call->wait->run(call->wait->context, call->wait_ms);
    return NULL;
}

static void unblock(void *context)
{
    struct call *call = context;

    call->wait->interrupt(call->wait->context);
}

static VALUE check_interrupts(VALUE unused)
{
    rb_thread_check_ints();
    return unused;
}

static void go(struct call *call, bool sliced)
{
    int64_t left_ms = call->wait->until_ms - wf_clock_mono_ms();

    if (call->wait->reset) {
        call->wait->reset(call->wait->context);
    }
    call->called = false;
    call->wait_ms = left_ms > 0 ? left_ms : 0;
    if (sliced && call->wait_ms > SLICE_MS) {
        call->wait_ms = SLICE_MS;
    }
    if (call->brief && call->wait_ms > call->wait->brief_ms) {
        call->wait_ms = call->wait->brief_ms;
    }
    rb_nogvl(run, call, call->brief || !call->wait->interrupt ? NULL : unblock, call,
             sliced ? 0 : RB_NOGVL_INTR_FAIL);
    call->brief = false;
}

static VALUE loop(VALUE context)
{
    struct call *call = (struct call *)context;
    bool refused = false;

    for (;;) {
        go(call, refused);
        if (call->done || (call->called && wf_clock_mono_ms() >= call->wait->until_ms)) {
            return Qnil;
        }
        refused = !call->called;
        check_interrupts(Qnil);
    }
}

void rb_wf_leave(struct rb_wf_wait *wait)
{
    struct call call = {.wait = wait, .brief = wait->brief_ms > 0};
    int raised = 0;

    if (wait->away) {
        *wait->away = true;
    }
    rb_protect(loop, (VALUE)&call, &raised);
    if (wait->away) {
        *wait->away = false;
    }
    if (raised) {
        if (wait->ensure) {
            wait->ensure(wait->context);
        }
        rb_jump_tag(raised);
    }
}

struct once {
    void (*run)(void *context), (*undo)(void *context);
    void *context;
};

static bool once_run(void *context, int64_t wait_ms)
{
    struct once *once = context;

    (void)wait_ms;
    once->run(once->context);
    return true;
}

static void once_undo(void *context)
{
    struct once *once = context;

    if (once->undo) {
        once->undo(once->context);
    }
}

void rb_wf_leave_once(void (*run_once)(void *), void (*undo)(void *), void *context)
{
    struct once once = {run_once, undo, context};
    struct rb_wf_wait wait = {
        .run = once_run, .ensure = once_undo, .context = &once, .until_ms = wf_clock_mono_ms()};

    rb_wf_leave(&wait);
}

int64_t rb_wf_until_ms(VALUE wait_ms)
{
    int64_t ms = NUM2LL(wait_ms);

    ms = ms < 0 ? 0 : ms;
    return wf_clock_mono_ms() + (ms < FOREVER_MS ? ms : FOREVER_MS);
}

/* ---- An op's answer ---- */

struct answer {
    struct wf_engine *engine;
    struct wf_hand *hand;
    struct wf_op *op;
    struct wf_taker taker;
    enum wf_status status;
};

static bool answer_run(void *context, int64_t wait_ms)
{
    struct answer *answer = context;

    answer->status = wf_op_wait(answer->engine, answer->op, &answer->taker, wait_ms);
    return answer->status == WF_OK || answer->status == WF_CLOSED;
}

static void answer_interrupt(void *context)
{
    struct answer *answer = context;

    wf_op_interrupt(answer->engine, answer->op, &answer->taker);
}

static void answer_reset(void *context)
{
    struct answer *answer = context;

    answer->taker.interrupted = false;
}

static void answer_ensure(void *context)
{
    struct answer *answer = context;

    wf_op_abandon(answer->engine, answer->hand, answer->op);
}

static enum wf_status answer_until(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op,
                                   bool *away, int64_t until_ms)
{
    struct answer answer = {.engine = engine, .hand = hand, .op = op};
    struct rb_wf_wait wait = {.run = answer_run,
                              .interrupt = answer_interrupt,
                              .reset = answer_reset,
                              .ensure = answer_ensure,
                              .context = &answer,
                              .away = away,
                              .until_ms = until_ms,
                              .brief_ms = BRIEF_MS};

    rb_wf_leave(&wait);
    if (answer.status) {
        wf_op_abandon(engine, hand, op);
    }
    return answer.status;
}

void rb_wf_answer(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op, bool *away)
{
    enum wf_status status = answer_until(engine, hand, op, away, wf_clock_mono_ms() + FOREVER_MS);

    if (status) {
        rb_wf_raise_status(status);
    }
}

bool rb_wf_answer_by(struct wf_engine *engine, struct wf_op *op, int64_t until_ms)
{
    enum wf_status status = answer_until(engine, NULL, op, NULL, until_ms);

    if (status == WF_CLOSED) {
        rb_wf_raise_status(status);
    }
    return !status;
}
