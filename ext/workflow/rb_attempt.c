/*
 * Workflow::Native::Hand, while an attempt runs: entering it, with its limit; what it tells the log; and whether
 * it is to go on. The rest of a hand is in rb_hand.c.
 */
#include "workflow.h"

#define TIMEOUT_MS_MAX (1000LL * 60 * 60 * 24 * 366 * 10)

static struct wf_hand *holding(VALUE self)
{
    struct wf_hand *hand = rb_wf_hand(self);

    rb_wf_holding(hand);
    return hand;
}

/* ---- Entering ---- */

static struct wf_limit limit_of(VALUE timeout_ms, VALUE definition, VALUE delay_ms, VALUE final)
{
    struct wf_limit limit = {.timeout_ms = NUM2LL(timeout_ms),
                             .delay_ms = NIL_P(delay_ms) ? -1 : NUM2LL(delay_ms),
                             .chance = (uint32_t)rb_random_ulong_limited(rb_cRandom, UINT32_MAX),
                             .final = RTEST(final)};

    if (limit.timeout_ms < 1 || limit.timeout_ms > TIMEOUT_MS_MAX) {
        rb_wf_refuse("a timeout is from 1 to %lld ms, not %lld", (long long)TIMEOUT_MS_MAX,
                     (long long)limit.timeout_ms);
    }
    limit.definition = wf_definition_retain(rb_wf_definition(definition));
    return limit;
}

static VALUE hand_enter(int argc, VALUE *argv, VALUE self)
{
    VALUE timeout_ms, definition, delay_ms, final;
    struct wf_hand *hand = holding(self);

    rb_scan_args(argc, argv, "04", &timeout_ms, &definition, &delay_ms, &final);
    if (NIL_P(timeout_ms)) {
        wf_hand_enter(hand);
    } else {
        struct wf_limit limit = limit_of(timeout_ms, definition, delay_ms, final);

        wf_hand_limit(hand, limit);
    }
    return Qnil;
}

/* ---- Telling ---- */

static struct wf_op *prepare(struct wf_hand *hand, enum wf_command_kind kind)
{
    struct wf_op *op = wf_op_prepare(hand->engine, hand, WF_OP_TELL);
    struct wf_work work;

    if (!op) {
        rb_wf_raise_status(WF_NO_MEMORY);
    }
    op->command.kind = kind;
    if (wf_work_read(wf_hand_claim(hand), &work) == WF_OK) {
        op->command.by = wf_op_keep(op, work.by);
    }
    return op;
}

/* Waits until it is durable. :stale: what the hand holds is not its own any more, and nothing was recorded. */
static VALUE told(struct wf_hand *hand, struct wf_op *op)
{
    struct wf_engine *engine = hand->engine;
    enum wf_status status;
    struct wf_error error;
    bool cancelling;

    rb_wf_answer(engine, hand, op, rb_wf_hand_away(hand));
    status = op->status;
    error = op->error;
    cancelling = op->cancelling;
    wf_op_finish(engine, hand, op);
    if (status == WF_STALE || status == WF_NOT_FOUND) {
        return ID2SYM(rb_intern("stale"));
    }
    rb_wf_check(status, &error);
    return ID2SYM(rb_intern(cancelling ? "cancelled" : "ok"));
}

static VALUE hand_begin(VALUE self, VALUE definition)
{
    struct wf_hand *hand = holding(self);
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_op *op;

    if (wf_hand_claim(hand)->await || wf_hand_claim(hand)->mode) {
        rb_wf_refuse("only a step is begun");
    }
    if (!atomic_load(&hand->slot->entered_ms)) {
        wf_hand_enter(hand); /* from here on it does not go back untouched */
    }
    op = prepare(hand, WF_COMMAND_BEGIN);
    op->definition = wf_definition_retain(options);
    return told(hand, op);
}

static enum wf_kind kind_of(VALUE symbol)
{
    ID id = rb_sym2id(symbol);

    if (id == rb_intern("noted")) {
        return WF_KIND_noted;
    }
    if (id != rb_intern("progressed")) {
        rb_wf_refuse("a step tells :progressed or :noted, not %+" PRIsVALUE, symbol);
    }
    return WF_KIND_progressed;
}

static VALUE hand_tell(VALUE self, VALUE kind, VALUE name, VALUE payload)
{
    struct wf_hand *hand = holding(self);
    enum wf_kind tells = kind_of(kind);
    struct wf_bytes word = rb_wf_bytes(name), bytes = rb_wf_bytes(payload);
    struct wf_op *op;

    rb_wf_check_len(name, WF_NAME_LEN_MAX, "the kind of a note");
    rb_wf_check_len(payload, tells == WF_KIND_progressed ? WF_PROGRESS_LEN_MAX : WF_PAYLOAD_LEN_MAX,
                    tells == WF_KIND_progressed ? "progress" : "a note");
    op = prepare(hand, WF_COMMAND_TELL);
    op->command.tells = tells;
    op->command.reason = wf_op_keep(op, word);
    op->command.payload = wf_op_keep(op, bytes);
    return told(hand, op);
}

/* ---- Hearing ---- */

struct asking {
    struct wf_hand *hand;
    enum wf_halt halt;
};

static bool ask(void *context, int64_t wait_ms)
{
    struct asking *asking = context;

    (void)wait_ms;
    asking->halt = wf_hand_ask(asking->hand);
    return true;
}

static VALUE hand_check(VALUE self)
{
    static const char *const halts[] = {"", "timeout", "lost", "cancelled", "stopping"};
    struct wf_hand *hand = rb_wf_hand_even_closed(self);
    struct asking asking = {.hand = hand, .halt = wf_hand_hear(hand)};

    if (!asking.halt && wf_hand_asks(hand)) {
        struct rb_wf_wait wait = {.run = ask,
                                  .context = &asking,
                                  .away = rb_wf_hand_away(hand),
                                  .until_ms = wf_clock_mono_ms()};

        rb_wf_leave(&wait);
    }
    return asking.halt ? ID2SYM(rb_intern(halts[asking.halt])) : Qnil;
}

void rb_wf_init_attempt(VALUE hand)
{
    rb_define_method(hand, "enter", hand_enter, -1);
    rb_define_method(hand, "begin", hand_begin, 1);
    rb_define_method(hand, "tell", hand_tell, 3);
    rb_define_method(hand, "check", hand_check, 0);
}
