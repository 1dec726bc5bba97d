/*
 * Workflow::Native::Hand: what one thread of control holds. It takes what is queued, ends it or gives it back. How it comes to hold
 * something by name is in rb_claim.c, what it does while an attempt runs in rb_attempt.c.
 */
#include "workflow.h"

struct hand {
    struct wf_hand hand;
    void *held;      /* keeps the engine */
    bool away;       /* a thread waits with it: no other may touch it */
    int64_t left_ms; /* monotonic: when it last left the interpreter's lock to take */
};

static VALUE class;

/* GC finds a hand that nobody gave back: its thread is gone. What it holds goes back without waiting, or is in doubt. */
static void hand_free(void *context)
{
    struct hand *hand = context;

    if (hand->hand.engine && !wf_engine_usable(hand->hand.engine, NULL)) {
        wf_hand_doubt(&hand->hand);
    }
    if (hand->held) {
        rb_wf_engine_drop(hand->held);
    }
    xfree(hand);
}

static size_t hand_size(const void *context)
{
    (void)context;
    return sizeof(struct hand);
}

static const rb_data_type_t type = {
    .wrap_struct_name = "Workflow::Native::Hand",
    .function = {.dfree = hand_free, .dsize = hand_size},
    /* Not FREE_IMMEDIATELY: dropping the engine may unmap and close. */
};

VALUE rb_wf_hand_new(VALUE engine)
{
    struct hand *hand;
    VALUE self = TypedData_Make_Struct(class, struct hand, &type, hand);

    hand->hand.engine = rb_wf_engine(engine);
    hand->held = rb_wf_engine_hold(engine);
    return self;
}

static struct hand *hand_of(VALUE value)
{
    struct hand *hand = rb_check_typeddata(value, &type);

    if (hand->away && !wf_engine_usable(hand->hand.engine, NULL)) {
        rb_wf_refuse("this hand is another thread's: it waits with it at this moment");
    }
    return hand;
}

struct wf_hand *rb_wf_hand(VALUE value)
{
    struct hand *hand = NIL_P(value) ? NULL : hand_of(value);
    struct wf_error error = {0};

    if (hand) {
        rb_wf_check(wf_engine_usable(hand->hand.engine, &error), &error);
    }
    return hand ? &hand->hand : NULL;
}

struct wf_hand *rb_wf_hand_even_closed(VALUE value)
{
    return &hand_of(value)->hand;
}

/* Hands begin with what the core knows of them. */
bool *rb_wf_hand_away(struct wf_hand *hand)
{
    return hand ? &((struct hand *)hand)->away : NULL;
}

/* ---- Taking ---- */

/* So long a thread may take one step after the other without leaving the interpreter's lock to others. */
#define STINT_MS 2

struct taking {
    struct wf_hand *hand;
    enum wf_status status;
};

static bool take_run(void *context, int64_t wait_ms)
{
    struct taking *taking = context;

    taking->status = wf_hand_await(taking->hand, wait_ms);
    return taking->status == WF_OK || taking->status == WF_CLOSED;
}

static void take_interrupt(void *context)
{
    struct taking *taking = context;

    wf_mailbox_interrupt(&taking->hand->engine->mailbox, &taking->hand->taker);
}

static void take_reset(void *context)
{
    ((struct taking *)context)->hand->taker.interrupted = false;
}

static void take_ensure(void *context)
{
    struct taking *taking = context;

    wf_mailbox_leave(&taking->hand->engine->mailbox, &taking->hand->taker);
}

static VALUE work_in(const struct wf_hand *hand)
{
    const struct wf_claim *claim = wf_hand_claim(hand);

    return claim ? rb_wf_work(claim) : Qnil;
}

void rb_wf_check_empty(const struct wf_hand *hand)
{
    if (hand && wf_hand_claim(hand)) {
        rb_wf_refuse("this hand holds a step already: it has to end first, or be given back");
    }
}

/* What is there is taken with the interpreter's lock held: a step that does little would else cost a hand-over of it.
 * Now and then the lock is left all the same, for the threads that wait for it. */
static VALUE hand_take(VALUE self, VALUE timeout_ms)
{
    struct hand *hand = hand_of(self);
    struct taking taking = {.hand = rb_wf_hand(self), .status = WF_TIMED_OUT};
    struct rb_wf_wait wait = {.run = take_run,
                              .interrupt = take_interrupt,
                              .reset = take_reset,
                              .ensure = take_ensure,
                              .context = &taking,
                              .until_ms = rb_wf_until_ms(timeout_ms),
                              .away = rb_wf_hand_away(taking.hand)};

    rb_wf_check_empty(taking.hand);
    take_reset(&taking);
    if (wf_clock_mono_ms() - hand->left_ms < STINT_MS) {
        taking.status = wf_hand_take(taking.hand, 0);
    }
    while (taking.status == WF_TIMED_OUT) {
        rb_wf_leave(&wait);
        hand->left_ms = wf_clock_mono_ms();
        if (taking.status != WF_OK) {
            return Qnil;
        }
        taking.status = wf_hand_take(taking.hand, 0); /* or another was quicker */
    }
    return taking.status == WF_OK ? work_in(taking.hand) : Qnil;
}

const struct wf_claim *rb_wf_holding(struct wf_hand *hand)
{
    const struct wf_claim *claim = wf_hand_claim(hand);

    if (!claim) {
        rb_wf_refuse("this hand holds nothing");
    }
    return claim;
}

static VALUE hand_met(VALUE self)
{
    struct wf_hand *hand = rb_wf_hand(self);

    rb_wf_holding(hand);
    wf_hand_met(hand);
    return Qnil;
}

static VALUE hand_is_held(VALUE self)
{
    struct hand *hand = hand_of(self);

    return wf_hand_claim(&hand->hand) ? Qtrue : Qfalse;
}

static VALUE hand_give_back(VALUE self)
{
    struct hand *hand = hand_of(self);

    if (!wf_engine_usable(hand->hand.engine, NULL)) {
        wf_hand_give_back(&hand->hand);
    }
    return Qnil;
}

/* ---- Ending ---- */

static struct wf_op *prepare_end(struct wf_hand *hand, enum wf_command_kind kind, VALUE definition)
{
    const struct wf_claim *claim = rb_wf_holding(hand);
    bool verdict = kind == WF_COMMAND_ACCEPT || kind == WF_COMMAND_REJECT;
    bool judged = claim->await || claim->mode == WF_MODE_JUDGE;
    bool of_run = kind == WF_COMMAND_CANCEL || kind == WF_COMMAND_PAUSE;
    struct wf_definition *options = rb_wf_definition(definition);
    struct wf_work work;
    struct wf_op *op;

    /* Of an input that came early it can also be said that nobody could judge it. */
    if (judged != verdict && !of_run && (claim->await || kind != WF_COMMAND_FAIL)) {
        rb_wf_refuse(judged ? "an await is accepted or rejected" : "a step completes or fails");
    }
    if (kind == WF_COMMAND_REJECT && !claim->await && !options) {
        rb_wf_refuse("an await that opens needs a definition");
    }
    op = rb_wf_prepare(hand->engine, hand, WF_OP_FINISH);
    op->definition = wf_definition_retain(options);
    op->command.kind = kind;
    op->command.met = claim->met;
    if (wf_work_read(claim, &work) == WF_OK) {
        op->command.by = wf_op_keep(op, work.by);
    }
    return op;
}

static VALUE finish(struct wf_hand *hand, struct wf_op *op, VALUE wait)
{
    struct wf_engine *engine = hand->engine;
    enum wf_status status = WF_OK;
    struct rb_wf_told told;

    if (!RTEST(wait)) {
        status = wf_op_post(engine, hand, op);
        if (status) {
            rb_wf_raise_status(status);
        }
        return Qnil;
    }
    rb_wf_ask(engine, hand, op, &told);
    return rb_ary_new_from_args(3, told.snapshot, told.events, told.work);
}

static VALUE hand_complete(VALUE self, VALUE definition, VALUE result, VALUE wait)
{
    struct wf_hand *hand = rb_wf_hand(self);
    struct wf_bytes payload = rb_wf_bytes(result);
    struct wf_op *op;

    rb_wf_check_len(result, WF_PAYLOAD_LEN_MAX, "a result");
    op = prepare_end(hand, WF_COMMAND_COMPLETE, definition);
    op->command.payload = wf_op_keep(op, payload);
    return finish(hand, op, wait);
}

static struct wf_bytes keep_text(struct wf_op *op, VALUE text)
{
    struct wf_bytes bytes = rb_wf_bytes(text);

    bytes.len = bytes.len < 64 * 1024 ? bytes.len : 64 * 1024;
    return wf_op_keep(op, bytes);
}

static VALUE hand_fail(VALUE self, VALUE definition, VALUE error_class, VALUE message, VALUE where,
                       VALUE final, VALUE delay_ms, VALUE reason, VALUE wait)
{
    struct wf_hand *hand = rb_wf_hand(self);
    int64_t delay = NIL_P(delay_ms) ? -1 : NUM2LL(delay_ms);
    VALUE texts[] = {error_class, message, where, reason};
    struct wf_op *op;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        rb_wf_bytes(texts[i]); /* raises before anything is prepared */
    }
    op = prepare_end(hand, WF_COMMAND_FAIL, definition);
    op->command.error_class = keep_text(op, error_class);
    op->command.error_message = keep_text(op, message);
    op->command.error_where = keep_text(op, where);
    op->command.reason = keep_text(op, reason);
    op->command.final = RTEST(final);
    op->command.delay_ms = delay;
    op->command.chance = (uint32_t)rb_random_ulong_limited(rb_cRandom, UINT32_MAX);
    return finish(hand, op, wait);
}

static VALUE hand_skip(VALUE self, VALUE definition, VALUE reason, VALUE wait)
{
    struct wf_hand *hand = rb_wf_hand(self);
    struct wf_op *op;

    rb_wf_bytes(reason);
    op = prepare_end(hand, WF_COMMAND_SKIP, definition);
    op->command.reason = keep_text(op, reason);
    return finish(hand, op, wait);
}

static VALUE hand_open(VALUE self, VALUE definition, VALUE wait)
{
    struct wf_hand *hand = rb_wf_hand(self);

    if (rb_wf_holding(hand)->mode != WF_MODE_ASK) {
        rb_wf_refuse("only an await whose conditions are asked is opened");
    }
    return finish(hand, prepare_end(hand, WF_COMMAND_OPEN, definition), wait);
}

/* Instead of running what is in hand, which goes back untouched. */
static VALUE halt(VALUE self, enum wf_command_kind kind, VALUE definition, VALUE reason, VALUE wait)
{
    struct wf_hand *hand = rb_wf_hand(self);
    struct wf_op *op;

    rb_wf_bytes(reason);
    op = prepare_end(hand, kind, definition);
    op->command.reason = keep_text(op, reason);
    return finish(hand, op, wait);
}

static VALUE hand_cancel(VALUE self, VALUE definition, VALUE reason, VALUE wait)
{
    return halt(self, WF_COMMAND_CANCEL, definition, reason, wait);
}

static VALUE hand_pause(VALUE self, VALUE definition, VALUE reason, VALUE wait)
{
    return halt(self, WF_COMMAND_PAUSE, definition, reason, wait);
}

static VALUE hand_part(VALUE self, VALUE reason)
{
    struct wf_hand *hand = rb_wf_hand(self);
    struct wf_bytes bytes = rb_wf_bytes(reason);

    if (!bytes.len) {
        rb_wf_refuse("why the run is to end has to be said");
    }
    rb_wf_check_len(reason, WF_NAME_LEN_MAX, "a reason");
    rb_wf_holding(hand);
    wf_hand_part(hand, bytes);
    return Qnil;
}

/* (definition, input, wait = true) */
static VALUE hand_accept(int argc, VALUE *argv, VALUE self)
{
    struct wf_hand *hand = rb_wf_hand(self);
    VALUE definition, input, wait;
    struct wf_bytes payload;
    struct wf_op *op;
    int given = rb_scan_args(argc, argv, "21", &definition, &input, &wait);

    payload = rb_wf_bytes(input);
    rb_wf_check_len(input, WF_PAYLOAD_LEN_MAX, "an input");
    op = prepare_end(hand, WF_COMMAND_ACCEPT, definition);
    op->command.payload = wf_op_keep(op, payload);
    return finish(hand, op, given < 3 ? Qtrue : wait);
}

/* (error_class, message, definition = nil, wait = true, where = nil) */
static VALUE hand_reject(int argc, VALUE *argv, VALUE self)
{
    struct wf_hand *hand = rb_wf_hand(self);
    VALUE error_class, message, definition, wait, where;
    struct wf_op *op;
    int given = rb_scan_args(argc, argv, "23", &error_class, &message, &definition, &wait, &where);

    rb_wf_bytes(error_class);
    rb_wf_bytes(message);
    rb_wf_bytes(where);
    op = prepare_end(hand, WF_COMMAND_REJECT, definition);
    op->command.error_class = keep_text(op, error_class);
    if (NIL_P(error_class)) {
        op->command.reason = keep_text(op, message);
    } else {
        op->command.error_message = keep_text(op, message);
        op->command.error_where = keep_text(op, where);
    }
    return finish(hand, op, given < 4 ? Qtrue : wait);
}

/* ---- Doubt ---- */

/* Once another op that was posted after it is answered, the doubt is on disk; or the store is ill, and it will be. Of a process that
 * dies before that, the claim is in doubt as well. */
static void wait_for_doubt(struct wf_engine *engine)
{
    struct wf_op *op = wf_op_prepare(engine, NULL, WF_OP_CHANGE);

    if (op) {
        rb_wf_answer(engine, NULL, op, NULL);
        wf_op_finish(engine, NULL, op);
    }
}

/* The hand is empty whatever happens: what it held cannot be given back any more. */
static VALUE hand_doubt(VALUE self)
{
    struct hand *hand = hand_of(self);
    struct wf_engine *engine = hand->hand.engine;

    if (wf_engine_usable(engine, NULL)) {
        return Qnil;
    }
    if (!rb_wf_holding(&hand->hand)->pledged) {
        rb_wf_refuse("only a pledged claim can be in doubt");
    }
    wf_hand_doubt(&hand->hand);
    wait_for_doubt(engine);
    return Qnil;
}

void rb_wf_init_hand(VALUE native)
{
    VALUE engine = rb_const_get(native, rb_intern("Engine"));

    class = rb_define_class_under(native, "Hand", rb_cObject);
    rb_gc_register_mark_object(class);
    rb_undef_alloc_func(class);
    rb_define_method(class, "take", hand_take, 1);
    rb_define_method(class, "complete", hand_complete, 3);
    rb_define_method(class, "fail", hand_fail, 8);
    rb_define_method(class, "doubt", hand_doubt, 0);
    rb_define_method(class, "accept", hand_accept, -1);
    rb_define_method(class, "reject", hand_reject, -1);
    rb_define_method(class, "skip", hand_skip, 3);
    rb_define_method(class, "open", hand_open, 2);
    rb_define_method(class, "met", hand_met, 0);
    rb_define_method(class, "give_back", hand_give_back, 0);
    rb_define_method(class, "held?", hand_is_held, 0);
    rb_wf_init_claim(engine, class);
    rb_wf_init_attempt(class);
    rb_define_method(class, "cancel", hand_cancel, 3);
    rb_define_method(class, "pause", hand_pause, 3);
    rb_define_method(class, "part", hand_part, 1);
}
