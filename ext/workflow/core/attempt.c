/*
 * What an attempt is told while it runs: how long it may take, and whether it is still wanted. The limit is
 * kept by the committer (timeout.c), whether or not the code ever asks; the rest is for code that does.
 * On the hand's own thread.
 */
#include "engine.h"

#define ASK_MS 200 /* how often, at most, an attempt asks the store about its claim */

void wf_hand_limit(struct wf_hand *hand, struct wf_limit limit)
{
    struct wf_slot *slot = hand->slot;

    if (atomic_load(&hand->engine->forked)) {
        wf_limit_clear(&limit);
        return;
    }
    if (!atomic_load(&slot->entered_ms)) {
        wf_hand_enter(hand);
    }
    /* It entered within that millisecond, not at its beginning: nothing is failed before its time. */
    limit.deadline_mono_ms = atomic_load(&slot->entered_mono_ms) + limit.timeout_ms + 1;
    limit.run_id = slot->claim.run_id;
    limit.step = slot->claim.step;
    limit.fence = slot->claim.fence;
    wf_mailbox_limit(&hand->engine->mailbox, slot, &limit);
    wf_committer_alarm(hand->engine, limit.deadline_mono_ms);
}

enum wf_halt wf_hand_hear(const struct wf_hand *hand)
{
    struct wf_engine *engine = hand->engine;

    if (atomic_load(&engine->forked) || !wf_hand_claim(hand)) {
        return WF_HALT_LOST;
    }
    if (atomic_load(&hand->slot->timed_out)) {
        return WF_HALT_TIMEOUT;
    }
    if (atomic_load(&engine->stopped) ||
        (hand->slot->worker && wf_mailbox_hurried(&engine->mailbox))) {
        return WF_HALT_STOPPING;
    }
    return WF_HALT_NONE;
}

bool wf_hand_asks(struct wf_hand *hand)
{
    int64_t now_ms = wf_clock_mono_ms();

    if (now_ms - hand->slot->checked_mono_ms < ASK_MS) {
        return false;
    }
    hand->slot->checked_mono_ms = now_ms;
    return true;
}

enum wf_halt wf_hand_ask(struct wf_hand *hand)
{
    bool stands = true, cancelling = false;
    struct wf_error error;

    if (wf_engine_claim_stands(hand->engine, &hand->slot->claim, &stands, &cancelling, &error)) {
        return WF_HALT_NONE; /* a store that cannot be read says nothing against the attempt */
    }
    if (!stands) { /* a limit that was reached a moment ago says why */
        return atomic_load(&hand->slot->timed_out) ? WF_HALT_TIMEOUT : WF_HALT_LOST;
    }
    return cancelling ? WF_HALT_CANCELLED : WF_HALT_NONE;
}
