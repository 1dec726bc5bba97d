/*
 * How a hand comes to hold something by name: Engine#start, Hand#now and Hand#submit. The slot is in the hand before
 * anything can be raised, so an `ensure` can always give it back.
 */
#include "workflow.h"

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
    struct rb_wf_told told;
    struct wf_op *op;

    if (!definition) {
        rb_wf_refuse("a run needs a definition");
    }
    rb_wf_check_empty(hand);
    rb_wf_check_len(subject, WF_SUBJECT_LEN_MAX, "a subject");
    rb_wf_check_len(key, WF_SUBJECT_LEN_MAX, "a key");
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    rb_wf_check_len(args, WF_PAYLOAD_LEN_MAX, "arguments");
    op = rb_wf_prepare(engine, hand, WF_OP_START);
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
    status = rb_wf_ask(engine, hand, op, &told);
    RB_GC_GUARD(definition_value);
    RB_GC_GUARD(pairs);
    return rb_ary_new_from_args(4,
                                ID2SYM(rb_intern(status == WF_EXISTING ? "existing" : "started")),
                                told.snapshot, told.events, told.work);
}

/* ---- Claiming by name ---- */

static VALUE verdict(enum wf_status status)
{
    VALUE refusal = rb_wf_refusal(status);

    return NIL_P(refusal) ? ID2SYM(rb_intern("claimed")) : refusal;
}

static enum wf_status claim(VALUE self, enum wf_op_kind kind, VALUE run_id, VALUE step, VALUE by,
                            bool pledged, struct rb_wf_told *told)
{
    struct wf_hand *hand = rb_wf_hand(self);
    struct wf_bytes name = rb_wf_bytes(step), author = rb_wf_bytes(by);
    int64_t id = rb_wf_to_run_id(run_id);
    struct wf_op *op;

    rb_wf_check_empty(hand);
    rb_wf_check_len(by, WF_NAME_LEN_MAX, "an author");
    op = rb_wf_prepare(hand->engine, hand, kind);
    op->run_id = id;
    op->step = wf_op_keep(op, name);
    op->command.by = wf_op_keep(op, author);
    op->pledged = pledged;
    return rb_wf_ask(hand->engine, hand, op, told);
}

static VALUE hand_now(VALUE self, VALUE run_id, VALUE step, VALUE by)
{
    struct rb_wf_told told;
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
    struct rb_wf_told told;
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

void rb_wf_init_claim(VALUE engine, VALUE hand)
{
    rb_define_method(engine, "start", engine_start, -1);
    rb_define_method(hand, "now", hand_now, 3);
    rb_define_method(hand, "submit", hand_submit, -1);
}
