/*
 * States, events and work as Ruby values. Built with the interpreter's lock, from bytes that the caller
 * owns; nothing here keeps a pointer.
 */
#include "workflow.h"

#include <ruby/encoding.h>

VALUE rb_wf_string(struct wf_bytes bytes)
{
    return rb_str_new(bytes.ptr, (long)bytes.len);
}

VALUE rb_wf_text(struct wf_bytes bytes)
{
    return bytes.len ? rb_utf8_str_new(bytes.ptr, (long)bytes.len) : Qnil;
}

struct wf_bytes rb_wf_bytes(VALUE string)
{
    if (NIL_P(string)) {
        return (struct wf_bytes){"", 0};
    }
    Check_Type(string, T_STRING);
    return (struct wf_bytes){RSTRING_PTR(string), (size_t)RSTRING_LEN(string)};
}

void rb_wf_check_len(VALUE string, size_t max, const char *what)
{
    struct wf_error error = {0};
    size_t len = rb_wf_bytes(string).len;

    if (len > max) {
        wf_fail(&error, WF_TOO_LARGE, "%s of %zu bytes: at most %zu are kept", what, len, max);
        rb_wf_raise(&error);
    }
}

struct wf_bytes rb_wf_token(VALUE token)
{
    struct wf_bytes bytes = rb_wf_bytes(token);

    rb_wf_check_len(token, WF_TOKEN_LEN_MAX, "a token");
    if (!NIL_P(token) && !bytes.len) {
        rb_wf_refuse("an empty token is none");
    }
    return bytes;
}

VALUE rb_wf_run_id(int64_t id)
{
    char text[WF_ID_TEXT_LEN + 1];

    wf_id_write(id, text);
    return rb_usascii_str_new(text, WF_ID_TEXT_LEN);
}

int64_t rb_wf_to_run_id(VALUE text)
{
    int64_t id;

    return wf_id_read(rb_wf_bytes(text), &id) ? id : 0;
}

static VALUE symbol(const char *name)
{
    return ID2SYM(rb_intern(name));
}

static VALUE symbol_of(struct wf_bytes name)
{
    return name.len ? ID2SYM(rb_intern3(name.ptr, (long)name.len, rb_utf8_encoding())) : Qnil;
}

static VALUE number(int64_t value)
{
    return value ? LL2NUM(value) : Qnil;
}

static void set(VALUE hash, const char *key, VALUE value)
{
    rb_hash_aset(hash, symbol(key), value);
}

static VALUE place(enum wf_place place)
{
    switch (place) {
    case WF_PLACE_ANY:
        return Qnil;
    case WF_PLACE_NOW:
        return symbol("now");
    case WF_PLACE_LATER:
        return symbol("later");
    }
    return Qnil;
}

static VALUE mode(enum wf_mode mode)
{
    static const char *const modes[] = {"step", "otherwise", "ask", "remind", "judge"};

    return symbol(modes[mode]);
}

static VALUE step_value(const struct wf_step *step)
{
    static const char *const kinds[] = {"now", "later", "await"};
    VALUE hash = rb_hash_new(), deps = rb_ary_new_capa(step->dep_count);

    for (uint16_t i = 0; i < step->dep_count; i++) {
        rb_ary_push(deps, INT2FIX(step->deps[i]));
    }
    set(hash, "name", symbol_of(step->name));
    set(hash, "kind", symbol(kinds[step->kind]));
    set(hash, "state", symbol(wf_step_status_name(step->status)));
    set(hash, "attempts", UINT2NUM(step->attempt));
    set(hash, "round", UINT2NUM(step->round));
    set(hash, "reason", rb_wf_text(step->reason));
    set(hash, "scheduled_ms", number(step->scheduled_ms));
    set(hash, "started_ms", number(step->started_ms));
    set(hash, "ended_ms", number(step->ended_ms));
    set(hash, "due_ms", number(step->due_ms));
    set(hash, "by", rb_wf_text(step->by));
    set(hash, "error_class", rb_wf_text(step->error_class));
    set(hash, "error_message", rb_wf_text(step->error_message));
    set(hash, "input_version", number(step->input_version));
    set(hash, "result_version", number(step->result_version));
    set(hash, "mode", step->mode ? mode(step->mode) : Qnil);
    set(hash, "either", number(step->either));
    set(hash, "held", step->held ? Qtrue : Qfalse);
    set(hash, "doubtful", step->doubtful ? Qtrue : Qfalse);
    set(hash, "once", step->once ? Qtrue : Qfalse);
    set(hash, "remind_ms", number(step->remind_ms));
    set(hash, "reminding", number(step->reminding));
    set(hash, "kept_version", number(step->kept_version));
    set(hash, "progress", step->progress.len ? rb_wf_string(step->progress) : Qnil);
    set(hash, "deps", deps);
    return hash;
}

/* Names and values, one after another; nil where there are none. */
static VALUE tags(struct wf_bytes pairs)
{
    struct wf_reader reader = wf_reader_of(pairs);
    VALUE list = rb_ary_new();

    while (reader.at < reader.end && !reader.failed) {
        struct wf_bytes text = wf_reader_bytes(&reader);

        rb_ary_push(list, rb_utf8_str_new(text.len ? text.ptr : "", (long)text.len));
    }
    return pairs.len ? list : Qnil;
}

static VALUE state_value(const struct wf_state *state)
{
    VALUE hash = rb_hash_new(), steps = rb_ary_new_capa(state->step_count);

    for (uint16_t i = 0; i < state->step_count; i++) {
        rb_ary_push(steps, step_value(&state->steps[i]));
    }
    set(hash, "id", rb_wf_run_id(state->id));
    set(hash, "class_name", rb_wf_text(state->class_name));
    set(hash, "name", rb_wf_text(state->name));
    set(hash, "version", LL2NUM(state->version));
    set(hash, "state", symbol(wf_run_status_name(wf_state_status(state))));
    set(hash, "subject", rb_wf_string(state->subject));
    set(hash, "key", rb_wf_text(state->key));
    set(hash, "args", state->args.len ? rb_wf_string(state->args) : Qnil);
    set(hash, "place", place(state->place));
    set(hash, "unique", state->unique ? Qtrue : Qfalse);
    set(hash, "cancelling", state->cancelling ? Qtrue : Qfalse);
    set(hash, "tags", tags(state->tags));
    set(hash, "token", rb_wf_text(state->token));
    set(hash, "started_ms", number(state->started_ms));
    set(hash, "ended_ms", number(state->ended_ms));
    set(hash, "reason", rb_wf_text(state->reason));
    set(hash, "steps", steps);
    return hash;
}

static VALUE protected_state(VALUE context)
{
    return state_value((const struct wf_state *)context);
}

VALUE rb_wf_snapshot(int64_t run_id, struct wf_bytes bytes)
{
    struct wf_state state;
    enum wf_status status;
    VALUE hash = Qnil;
    int raised = 0;

    wf_state_init(&state);
    status = wf_state_decode(&state, run_id, bytes);
    if (!status) {
        hash = rb_protect(protected_state, (VALUE)&state, &raised);
    }
    wf_state_destroy(&state);
    if (raised) {
        rb_jump_tag(raised);
    }
    if (status) {
        rb_wf_raise_status(status);
    }
    return hash;
}

static VALUE event_value(int64_t position, int64_t run_id, int64_t version,
                         const struct wf_event *event)
{
    VALUE values[] = {
        position ? LL2NUM(position) : Qnil,
        rb_wf_run_id(run_id),
        LL2NUM(version),
        symbol(wf_kind_name(event->kind)),
        symbol_of(event->step),
        event->attempt ? UINT2NUM(event->attempt) : Qnil,
        event->round ? UINT2NUM(event->round) : Qnil,
        LL2NUM(event->at_ms),
        rb_wf_text(event->by),
        number(event->kind == WF_KIND_reminded ? event->remind_ms : event->due_ms),
        rb_wf_text(event->reason),
        rb_wf_text(event->error_class),
        rb_wf_text(event->error_message),
        rb_wf_text(event->error_where),
        event->payload.len && event->kind != WF_KIND_run_started ? rb_wf_string(event->payload)
                                                                 : Qnil,
    };

    return rb_ary_new_from_values(sizeof(values) / sizeof(values[0]), values);
}

/* A position that is unique and rises within a row too: the row's, then the event's place in it. */
static int64_t position_of(int64_t row_position, int64_t index)
{
    return row_position ? row_position * 256 + (index < 255 ? index : 255) : 0;
}

VALUE rb_wf_events(int64_t position, int64_t run_id, int64_t version, struct wf_bytes bytes,
                   int64_t after, VALUE into)
{
    int64_t of_event = version - wf_row_count(bytes) + 1, index = 0;
    struct wf_event event;
    struct wf_row row;

    if (wf_row_open(&row, bytes)) {
        rb_wf_raise_status(WF_STORE_CORRUPT);
    }
    for (; wf_row_next(&row, &event) == WF_OK; of_event++, index++) {
        if (of_event > after) {
            rb_ary_push(into, event_value(position_of(position, index), run_id, of_event, &event));
        }
    }
    return into;
}

/* Names come again and again: one frozen String each; nil of none. */
static VALUE name(struct wf_bytes bytes)
{
    return !bytes.len ? Qnil : rb_enc_interned_str(bytes.ptr, (long)bytes.len, rb_utf8_encoding());
}

VALUE rb_wf_work(const struct wf_claim *claim)
{
    struct wf_work work;

    if (wf_work_read(claim, &work)) {
        rb_wf_raise_status(WF_STORE_CORRUPT);
    }
    {
        VALUE values[] = {
            rb_wf_run_id(claim->run_id),
            name(work.class_name),
            name(work.name),
            rb_wf_string(work.subject),
            name(work.step),
            name(work.method),
            UINT2NUM(claim->attempt),
            UINT2NUM(claim->round),
            LL2NUM(claim->fence),
            work.args.len ? rb_wf_string(work.args) : Qnil,
            mode(claim->mode),
            claim->met ? Qtrue : Qfalse,
            number(work.kept_version),
            work.progress.len ? rb_wf_string(work.progress) : Qnil,
        };

        return rb_ary_new_from_values(sizeof(values) / sizeof(values[0]), values);
    }
}

VALUE rb_wf_refusal(enum wf_status status)
{
    switch (status) {
    case WF_BUSY:
        return ID2SYM(rb_intern("busy"));
    case WF_DOUBTFUL:
        return ID2SYM(rb_intern("doubtful"));
    case WF_NOT_PENDING:
    case WF_STALE:
        return ID2SYM(rb_intern("not_pending"));
    case WF_NOT_WAITING:
        return ID2SYM(rb_intern("not_waiting"));
    case WF_NOT_FOUND:
        return ID2SYM(rb_intern("not_found"));
    default:
        return Qnil;
    }
}
