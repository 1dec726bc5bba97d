/*
 * What a probe is told of an engine. The health thread never waits for the store and takes no lock for longer than a
 * look: it reads when the committer was last at the store, and has it go there once a second.
 */
#include <stdio.h>

#include "engine.h"

#define READY_MS 5000  /* as long without the store, or a tick, a process is still ready */
#define STUCK_MS 60000 /* and then its threads do not move: only a new process helps */

struct report {
    struct wf_mailbox_census census;
    int64_t oldest_ms, store_ms, dispatcher_ms, busy_ms; /* for how long; oldest: -1: none */
    bool leased;
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What this process did not do while it was itself stopped, as a machine that sleeps stops it, is not held against it. */
static int64_t age(const struct wf_engine *engine, int64_t at_mono_ms, int64_t now_ms)
{
    return later(0, now_ms - later(at_mono_ms, atomic_load(&engine->awake_mono_ms)));
}

static void look(struct wf_engine *engine, struct report *report)
{
    struct wf_shared_process *entry = wf_liveness_self(&engine->liveness);
    int64_t now_ms = wf_clock_mono_ms(),
            busy_mono_ms = atomic_load(&engine->committer.busy_mono_ms);

    wf_mailbox_count(&engine->mailbox, &report->census);
    report->oldest_ms = report->census.oldest_entered_mono_ms
                            ? later(0, now_ms - report->census.oldest_entered_mono_ms)
                            : -1;
    report->store_ms = age(engine, atomic_load(&engine->committer.reached_mono_ms), now_ms);
    report->dispatcher_ms = age(engine, atomic_load(&engine->dispatcher.ticked_mono_ms), now_ms);
    report->busy_ms = busy_mono_ms ? age(engine, busy_mono_ms, now_ms) : 0;
    report->leased = !entry || !atomic_load(&entry->holding) ||
                     age(engine, atomic_load(&entry->lease_until_ms), now_ms) == 0;
}

static const char *why_not_live(const struct report *report)
{
    if (report->busy_ms > STUCK_MS) {
        return "the thread that writes does not come back from the store";
    }
    return report->dispatcher_ms > STUCK_MS ? "the thread that watches does not move" : NULL;
}

static const char *why_not_ready(const struct wf_engine *engine, const struct report *report)
{
    if (atomic_load(&engine->stopped) || report->census.quiet) {
        return "it stops: it takes no more steps";
    }
    if (!wf_shared_intact(&engine->shared)) {
        return "the file -shared beside the log was removed: start all its processes anew";
    }
    if (report->store_ms > READY_MS) {
        return "the store cannot be reached, or another process has its lock";
    }
    if (!report->leased) {
        return "its lease is over: others may take its steps";
    }
    return report->dispatcher_ms > READY_MS ? "the thread that watches does not move"
                                            : why_not_live(report);
}

static bool answer(void *context, enum wf_health_question question,
                   char body[WF_HEALTH_BODY_LEN_MAX])
{
    struct wf_engine *engine = context;
    struct report report;
    const char *why;
    char oldest[32] = "null";

    look(engine, &report);
    why = question == WF_HEALTH_LIVE ? why_not_live(&report) : why_not_ready(engine, &report);
    if (report.oldest_ms >= 0) {
        snprintf(oldest, sizeof(oldest), "%.1f", (double)report.oldest_ms / 1000);
    }
    snprintf(body, WF_HEALTH_BODY_LEN_MAX,
             "{\"%s\":%s,\"why\":%s%s%s,\"pid\":%d,\"threads\":%d,\"in_hand\":%d,"
             "\"oldest_s\":%s,\"store_s\":%.1f,\"dispatcher_s\":%.1f}\n",
             question == WF_HEALTH_LIVE ? "live" : "ready", why ? "false" : "true", why ? "\"" : "",
             why ? why : "null", why ? "\"" : "", (int)engine->pid, report.census.threads,
             report.census.in_hand, oldest, (double)report.store_ms / 1000,
             (double)report.dispatcher_ms / 1000);
    return !why;
}

/* An idle process is not at the store by itself. A tick that comes late says that this one was stopped. */
static void tick(void *context)
{
    struct wf_engine *engine = context;
    int64_t now_ms = wf_clock_mono_ms();

    if (now_ms - atomic_exchange(&engine->health_ticked_mono_ms, now_ms) > READY_MS) {
        atomic_store(&engine->awake_mono_ms, now_ms);
    }
    wf_committer_poke(engine);
}

enum wf_status wf_engine_health(struct wf_engine *engine, const char *host, int port, int *bound,
                                struct wf_error *error)
{
    const struct wf_health_source source = {.answer = answer, .tick = tick, .context = engine};
    int64_t now_ms = wf_clock_mono_ms();
    enum wf_status status = wf_engine_usable(engine, error);

    if (status) {
        return status;
    }
    atomic_store(&engine->health_ticked_mono_ms, now_ms);
    atomic_store(&engine->awake_mono_ms, now_ms);
    wf_committer_poke(engine);
    return wf_health_start(&engine->health, host, port, &source, bound, error);
}
