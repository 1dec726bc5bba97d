/*
 * Attempts that take longer than they may: each is failed at its deadline, in the committer's transaction,
 * as if it had raised; whatever its code does afterwards is refused as stale. Once that is durable its
 * thread is written off, so that another can take its place. Runs on the committer thread.
 */
#include <stdio.h>
#include <string.h>

#include "engine.h"

#define ROWS_MAX 256

struct overdue {
    struct wf_slot *slots[ROWS_MAX];
    struct wf_limit limits[ROWS_MAX];
    int count;
    int64_t now_mono_ms;
};

static void collect(void *context, struct wf_slot *slot)
{
    struct overdue *overdue = context;
    int64_t deadline_mono_ms = wf_slot_deadline(slot);

    if (overdue->count < ROWS_MAX && deadline_mono_ms && deadline_mono_ms <= overdue->now_mono_ms) {
        overdue->limits[overdue->count] = slot->limit;
        wf_definition_retain(slot->limit.definition);
        overdue->slots[overdue->count++] = slot;
    }
}

/* "the step charge took longer than its timeout of 1.5 s" */
static struct wf_bytes message(char *text, size_t size, struct wf_bytes step, int64_t timeout_ms)
{
    int len = snprintf(text, size, "the step %.*s took longer than its timeout of %lld",
                       (int)step.len, step.ptr, (long long)(timeout_ms / 1000));

    if (timeout_ms % 1000) {
        len += snprintf(text + len, size - (size_t)len, ".%03d", (int)(timeout_ms % 1000));
        while (text[len - 1] == '0') {
            len--;
        }
    }
    len += snprintf(text + len, size - (size_t)len, " s");
    return (struct wf_bytes){text, (size_t)len};
}

static enum wf_status fail(struct wf_engine *engine, const struct wf_slot *slot,
                           const struct wf_limit *limit, struct wf_error *error)
{
    const struct wf_claim *claim = &slot->claim;
    char text[WF_NAME_LEN_MAX + 100];
    struct wf_work work;
    struct wf_command command = {.kind = WF_COMMAND_FAIL,
                                 .step = claim->step,
                                 .now_ms = wf_clock_wall_ms(&engine->clock),
                                 .definition = limit->definition,
                                 .attempt = claim->attempt,
                                 .started_ms = atomic_load(&slot->entered_ms),
                                 .fence = claim->fence,
                                 .chance = limit->chance,
                                 .delay_ms = limit->delay_ms,
                                 .final = limit->final,
                                 .met = claim->met,
                                 .reason = WF_BYTES("timeout"),
                                 .error_class = WF_BYTES("Workflow::Interrupted")};
    enum wf_status refused;

    if (wf_work_read(claim, &work)) {
        return WF_OK;
    }
    command.by = work.by;
    command.error_message = message(text, sizeof(text), work.step, limit->timeout_ms);
    engine->committer.row.len = 0;
    return wf_append_command(engine, &command, &refused, error);
}

/* The same claim may be gone already: lost, or ended by what this transaction has just written. */
static enum wf_status time_out(struct wf_engine *engine, struct wf_slot *slot,
                               const struct wf_limit *limit, struct wf_error *error)
{
    struct wf_committer *committer = &engine->committer;
    enum wf_status refused, status = wf_append_load(engine, slot->claim.run_id, &refused, error);

    if (!status && !refused) {
        status = wf_append_check_hold(engine, slot, &refused, error);
    }
    if (!status && !refused) {
        status = fail(engine, slot, limit, error);
    }
    if (!status && slot->claim.keeps) { /* nobody knows when this caller comes to them */
        status = wf_append_release_kept(engine, slot, error);
    }
    if (!status) {
        slot->overdue_next = committer->overdue;
        committer->overdue = slot;
    }
    return status;
}

enum wf_status wf_upkeep_timeouts(struct wf_engine *engine, struct wf_error *error)
{
    struct overdue overdue; /* kilobytes, in each transaction: not to be zeroed */
    enum wf_status status = WF_OK;

    overdue.count = 0;
    overdue.now_mono_ms = wf_clock_mono_ms();
    wf_mailbox_each(&engine->mailbox, collect, &overdue);
    for (int i = 0; i < overdue.count; i++) {
        status = status ? status : time_out(engine, overdue.slots[i], &overdue.limits[i], error);
        wf_limit_clear(&overdue.limits[i]);
    }
    return status;
}

void wf_upkeep_timed_out(struct wf_engine *engine)
{
    struct wf_slot *slot = engine->committer.overdue;

    engine->committer.overdue = NULL;
    if (slot) {
        wf_committer_poke(engine); /* there is room for another thread's step */
    }
    while (slot) {
        struct wf_slot *next = slot->overdue_next;

        slot->overdue = true;
        wf_mailbox_write_off(&engine->mailbox, slot);
        slot = next;
    }
}
