/*
 * Workflow::Native::Hand: what one thread of control holds, and Engine#start, which fills one. The slot is
 * in the hand before anything can be raised, so an `ensure` can always give it back.
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

static void check_empty(const struct wf_hand *hand)
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

    check_empty(taking.hand);
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

static const struct wf_claim *claim_of(struct wf_hand *hand)
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

    claim_of(hand);
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

/* ---- Answers ---- */

struct told {
    struct wf_op *op;
    struct wf_hand *hand;
    VALUE snapshot, events, work;
    VALUE round, fence; /* of a claim by submit, or of the one in doubt */
};

static VALUE tell(VALUE context)
{
    struct told *told = (struct told *)context;
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
static enum wf_status answer(struct wf_engine *engine, struct wf_hand *hand, struct wf_op *op,
                             struct told *told)
{
    struct wf_error error;
    enum wf_status status;
    int raised = 0;

    *told = (struct told){.op = op,
                          .hand = hand,
                          .snapshot = Qnil,
                          .events = Qnil,
                          .work = Qnil,
                          .round = Qnil,
                          .fence = Qnil};
    rb_wf_answer(engine, hand, op, rb_wf_hand_away(hand));
    rb_protect(tell, (VALUE)told, &raised);
    status = op->status;
    error = op->error;
    wf_op_finish(engine, hand, op);
    if (raised) {
        rb_jump_tag(raised);
    }
    switch (status) {
    case WF_OK:
    case WF_EXISTING:
    case WF_BUSY:
    case WF_DOUBTFUL:
    case WF_NOT_FOUND:
    case WF_NOT_PENDING:
    case WF_NOT_WAITING:
    case WF_STALE:
        return status;
    default:
        rb_wf_check(status, &error);
        return status;
    }
}

static struct wf_op *prepare(struct wf_engine *engine, struct wf_hand *hand, enum wf_op_kind kind)
{
    struct wf_op *op = wf_op_prepare(engine, hand, kind);
    struct wf_error error = {WF_TOO_LARGE, "too many steps are in hand of this process"};

    if (!op) {
        rb_wf_raise(&error);
    }
    return op;
}

/* ---- Starting ---- */

static enum wf_place place_of(VALUE symbol)
{
    if (NIL_P(symbol)) {
        return WF_PLACE_ANY;
    }
    if (rb_sym2id(symbol) == rb_intern("now")) {
        return WF_PLACE_NOW;
    }
    if (rb_sym2id(symbol) != rb_intern("later")) {
        rb_wf_refuse("a place is :now or :later, not %+" PRIsVALUE, symbol);
    }
    return WF_PLACE_LATER;
}

static int64_t given_id(VALUE id)
{
    int64_t run_id = NIL_P(id) ? 0 : rb_wf_to_run_id(id);

    if (!NIL_P(id) && !run_id) {
        rb_wf_refuse("%+" PRIsVALUE " is not a run's id", id);
    }
    return run_id;
}

/* hand, definition, subject, key, args, place, by; and tags, id and token, which may be left out */
static VALUE engine_start(int argc, VALUE *argv, VALUE self)
{
    VALUE hand_value, definition_value, subject, key, args, place, by, tags, id, token;
    int given = rb_scan_args(argc, argv, "73", &hand_value, &definition_value, &subject, &key,
                             &args, &place, &by, &tags, &id, &token);
    VALUE pairs = rb_wf_tags(given > 7 ? tags : Qnil, true);
    int64_t run_id = given_id(id);
    struct wf_engine *engine = rb_wf_engine(self);
    struct wf_hand *hand = rb_wf_hand(hand_value);
    struct wf_definition *definition = rb_wf_definition(definition_value);
    struct wf_bytes subject_bytes = rb_wf_bytes(subject), key_bytes = rb_wf_bytes(key),
                    args_bytes = rb_wf_bytes(args), by_bytes = rb_wf_bytes(by),
                    token_bytes = rb_wf_token(token);
    enum wf_place asked = place_of(place);
    enum wf_status status;
    struct told told;
    struct wf_op *op;

    if (!definition) {
        rb_wf_refuse("a run needs a definition");
    }
    check_empty(hand);
    rb_wf_check_len(subject, WF_SUBJECT_LEN_MAX, "a subject");
    rb_wf_check_len(key, WF_SUBJECT_LEN_MAX, "a key");
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    rb_wf_check_len(args, WF_PAYLOAD_LEN_MAX, "arguments");
    op = prepare(engine, hand, WF_OP_START);
    op->definition = wf_definition_retain(definition);
    op->birth = (struct wf_birth){.class_name = definition->class_name,
                                  .name = definition->name,
                                  .key = wf_op_keep(op, key_bytes),
                                  .subject = wf_op_keep(op, subject_bytes),
                                  .args = wf_op_keep(op, args_bytes),
                                  .tags = wf_op_keep(op, rb_wf_bytes(pairs)),
                                  .token = wf_op_keep(op, token_bytes),
                                  .place = asked,
                                  .unique = definition->unique,
                                  .definition = definition};
    op->run_id = run_id;
    op->command.by = wf_op_keep(op, by_bytes);
    status = answer(engine, hand, op, &told);
    RB_GC_GUARD(definition_value);
    RB_GC_GUARD(pairs);
    return rb_ary_new_from_args(4,
                                ID2SYM(rb_intern(status == WF_EXISTING ? "existing" : "started")),
                                told.snapshot, told.events, told.work);
}

/* ---- Ending ---- */

static struct wf_op *prepare_end(struct wf_hand *hand, enum wf_command_kind kind, VALUE definition)
{
    const struct wf_claim *claim = claim_of(hand);
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
    op = prepare(hand->engine, hand, WF_OP_FINISH);
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
    struct told told;

    if (!RTEST(wait)) {
        wf_op_post(engine, hand, op);
        return Qnil;
    }
    answer(engine, hand, op, &told);
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

    if (claim_of(hand)->mode != WF_MODE_ASK) {
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
    claim_of(hand);
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

/* ---- Claiming by name ---- */

static VALUE verdict(enum wf_status status)
{
    VALUE refusal = rb_wf_refusal(status);

    return NIL_P(refusal) ? ID2SYM(rb_intern("claimed")) : refusal;
}

static enum wf_status claim(VALUE self, enum wf_op_kind kind, VALUE run_id, VALUE step, VALUE by,
                            bool pledged, struct told *told)
{
    struct wf_hand *hand = rb_wf_hand(self);
    struct wf_bytes name = rb_wf_bytes(step), author = rb_wf_bytes(by);
    int64_t id = rb_wf_to_run_id(run_id);
    struct wf_op *op;

    check_empty(hand);
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    op = prepare(hand->engine, hand, kind);
    op->run_id = id;
    op->step = wf_op_keep(op, name);
    op->command.by = wf_op_keep(op, author);
    op->pledged = pledged;
    return answer(hand->engine, hand, op, told);
}

static VALUE hand_now(VALUE self, VALUE run_id, VALUE step, VALUE by)
{
    struct told told;
    enum wf_status status = claim(self, WF_OP_CLAIM_STEP, run_id, step, by, false, &told);

    return rb_ary_new_from_args(3, verdict(status), told.snapshot, told.work);
}

/* Another holds the await: until the log grows (its verdict is an event), or a moment is over, since a
 * holder that died leaves no event. `seen` is what the doorbell said before the await was asked for. */
struct verdict_wait {
    struct wf_doorbell bell;
    uint32_t seen;
    _Atomic bool interrupted;
};

static bool verdict_run(void *context, int64_t wait_ms)
{
    struct verdict_wait *wait = context;

    return wf_doorbell_wait(&wait->bell, wait->seen, wait_ms) && !atomic_load(&wait->interrupted);
}

static void verdict_interrupt(void *context)
{
    struct verdict_wait *wait = context;

    atomic_store(&wait->interrupted, true);
    wf_doorbell_ring_all(&wait->bell); /* a nudge could come just before the sleep */
}

static void verdict_reset(void *context)
{
    atomic_store(&((struct verdict_wait *)context)->interrupted, false);
}

static void wait_for_verdict(struct verdict_wait *context, struct wf_hand *hand, int64_t until_ms)
{
    int64_t moment_ms = wf_clock_mono_ms() + 100;
    struct rb_wf_wait wait = {.run = verdict_run,
                              .interrupt = verdict_interrupt,
                              .reset = verdict_reset,
                              .context = context,
                              .until_ms = moment_ms < until_ms ? moment_ms : until_ms,
                              .away = rb_wf_hand_away(hand)};

    rb_wf_leave(&wait);
}

/* (run_id, step, by, timeout_ms, pledged = false) */
static VALUE hand_submit(int argc, VALUE *argv, VALUE self)
{
    struct wf_hand *hand = rb_wf_hand(self);
    struct verdict_wait wait = {.bell = wf_doorbell_log(&hand->engine->shared)};
    VALUE run_id, step, by, timeout_ms, pledged;
    enum wf_status status;
    struct told told;
    int64_t until_ms;

    rb_scan_args(argc, argv, "41", &run_id, &step, &by, &timeout_ms, &pledged);
    until_ms = rb_wf_until_ms(timeout_ms);
    for (;;) {
        wait.seen = wf_doorbell_read(&wait.bell);
        status = claim(self, WF_OP_CLAIM_WAIT, run_id, step, by, RTEST(pledged), &told);
        if (status != WF_BUSY || wf_clock_mono_ms() >= until_ms) {
            return rb_ary_new_from_args(4, verdict(status), told.snapshot, told.round, told.fence);
        }
        wait_for_verdict(&wait, hand, until_ms);
    }
}

/* Once another op that was posted after it is answered, the doubt is on disk. */
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
    if (!claim_of(&hand->hand)->pledged) {
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
    rb_define_method(engine, "start", engine_start, -1);
    rb_define_method(class, "take", hand_take, 1);
    rb_define_method(class, "complete", hand_complete, 3);
    rb_define_method(class, "fail", hand_fail, 8);
    rb_define_method(class, "submit", hand_submit, -1);
    rb_define_method(class, "doubt", hand_doubt, 0);
    rb_define_method(class, "accept", hand_accept, -1);
    rb_define_method(class, "reject", hand_reject, -1);
    rb_define_method(class, "now", hand_now, 3);
    rb_define_method(class, "skip", hand_skip, 3);
    rb_define_method(class, "open", hand_open, 2);
    rb_define_method(class, "met", hand_met, 0);
    rb_define_method(class, "give_back", hand_give_back, 0);
    rb_define_method(class, "held?", hand_is_held, 0);
    rb_wf_init_attempt(class);
    rb_define_method(class, "cancel", hand_cancel, 3);
    rb_define_method(class, "pause", hand_pause, 3);
    rb_define_method(class, "part", hand_part, 1);
}
