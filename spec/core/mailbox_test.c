#include "engine_support.h"

static struct wf_mailbox mailbox;

static void begin(int threads)
{
    wf_mailbox_init(&mailbox);
    wf_mailbox_threads(&mailbox, threads);
}

static struct wf_slot *put(bool alone, bool first)
{
    struct wf_slot *slot = wf_mailbox_reserve_workers(&mailbox, 1);

    if (slot) {
        slot->claim.run_id = 1;
        slot->claim.alone = alone;
        CHECK(wf_mailbox_put(&mailbox, slot, first));
    }
    return slot;
}

static struct wf_slot *take_one(void)
{
    struct wf_taker taker = {false};
    struct wf_slot *slot = NULL;

    return wf_mailbox_take(&mailbox, &taker, 0, &slot) == WF_OK ? slot : NULL;
}

static void end_one(struct wf_slot *slot)
{
    wf_mailbox_ending(&mailbox, slot);
    wf_mailbox_free(&mailbox, slot);
}

TEST(there_is_room_for_a_step_in_hand_and_what_is_prefetched)
{
    struct wf_slot *slot;

    begin(0);
    CHECK(!wf_mailbox_working(&mailbox) && wf_mailbox_room(&mailbox) == 0);
    wf_mailbox_threads(&mailbox, 2);
    CHECK(wf_mailbox_working(&mailbox) && wf_mailbox_room(&mailbox) == 4);
    put(false, false);
    CHECK(wf_mailbox_room(&mailbox) == 3);
    slot = take_one();
    CHECK(slot && wf_mailbox_room(&mailbox) == 3 && wf_mailbox_in_hand(&mailbox) == 1);
    CHECK(wf_mailbox_claims(&mailbox) == 1 && wf_mailbox_holds(&mailbox, slot->index, 1, 0, 0));
    CHECK(!wf_mailbox_holds(&mailbox, slot->index, 2, 0, 0) &&
          !wf_mailbox_holds(&mailbox, 99, 1, 0, 0));
    wf_mailbox_ending(&mailbox, slot);
    CHECK(wf_mailbox_room(&mailbox) == 4); /* its thread is free, its memory is not */
    CHECK(wf_mailbox_in_hand(&mailbox) == 1);
    wf_mailbox_free(&mailbox, slot);
    CHECK(wf_mailbox_in_hand(&mailbox) == 0 && mailbox.worker_count == 0 &&
          mailbox.busy_count == 0);
    wf_mailbox_prefetch(&mailbox, 1.0);
    CHECK(wf_mailbox_room(&mailbox) == 22); /* what drains in 20 ms */
    wf_mailbox_prefetch(&mailbox, 1e9);
    CHECK(wf_mailbox_room(&mailbox) == 514);
    wf_mailbox_prefetch(&mailbox, 0);
    CHECK(wf_mailbox_room(&mailbox) == 4);
    wf_mailbox_destroy(&mailbox);
}

TEST(callers_slots_take_no_room_and_there_is_an_end_to_them)
{
    struct wf_slot *slots[WF_SLOTS_MAX];

    begin(1);
    for (unsigned i = 0; i < WF_SLOTS_MAX; i++) {
        slots[i] = wf_mailbox_reserve(&mailbox);
        CHECK(slots[i] && slots[i]->index == (int)i && slots[i]->op.slot == slots[i]);
    }
    CHECK(wf_mailbox_room(&mailbox) == 2);
    CHECK(!wf_mailbox_reserve(&mailbox) && !wf_mailbox_reserve_workers(&mailbox, 1));
    for (unsigned i = 0; i < WF_SLOTS_MAX; i++) {
        wf_mailbox_free(&mailbox, slots[i]);
    }
    CHECK(wf_mailbox_in_hand(&mailbox) == 0 && wf_mailbox_drained(&mailbox, 0));
    wf_mailbox_destroy(&mailbox);
}

TEST(many_are_reserved_queued_and_freed_at_once_in_their_order)
{
    struct wf_slot *slots, *taken[4], *last = NULL;
    int count = 0;

    begin(2);
    slots = wf_mailbox_reserve_workers(&mailbox, 3);
    for (struct wf_slot *slot = slots; slot; slot = slot->next) {
        slot->claim.run_id = ++count;
    }
    CHECK(count == 3 && wf_mailbox_room(&mailbox) == 1);
    CHECK(wf_mailbox_put_all(&mailbox, slots) && wf_mailbox_put_all(&mailbox, NULL));
    slots = wf_mailbox_reserve_workers(&mailbox, 3);
    CHECK(slots && !slots->next); /* no more than there is room for */
    slots->claim.run_id = 4;
    CHECK(!wf_mailbox_reserve_workers(&mailbox, 1) && wf_mailbox_put_all(&mailbox, slots));
    for (int i = 0; i < 4; i++) {
        taken[i] = take_one();
        CHECK(taken[i] && taken[i]->claim.run_id == i + 1 && !taken[i]->next);
        wf_mailbox_ending(&mailbox, taken[i]);
        taken[i]->next = last;
        last = taken[i];
    }
    wf_mailbox_free_all(&mailbox, last);
    wf_mailbox_free_all(&mailbox, NULL);
    CHECK(wf_mailbox_in_hand(&mailbox) == 0 && mailbox.worker_slots == 0);
    CHECK(mailbox.worker_count == 0 && mailbox.busy_count == 0 && mailbox.queued_count == 0);
    slots = wf_mailbox_reserve_workers(&mailbox, 2);
    wf_mailbox_close(&mailbox);
    CHECK(!wf_mailbox_put_all(&mailbox, slots) && slots->next && !slots->next->next);
    wf_mailbox_free_all(&mailbox, slots);
    CHECK(wf_mailbox_drained(&mailbox, 0));
    wf_mailbox_destroy(&mailbox);
}

TEST(what_is_ending_leaves_slots_to_callers)
{
    struct wf_slot *slots[WF_SLOTS_MAX];
    unsigned count = 0, callers = 0;

    begin(2);
    wf_mailbox_prefetch(&mailbox, 1e9);
    while (count < WF_SLOTS_MAX && wf_mailbox_room(&mailbox)) {
        slots[count] = put(false, false);
        CHECK(take_one() == slots[count]);
        wf_mailbox_ending(&mailbox, slots[count++]); /* its commit takes its time */
    }
    CHECK(count == WF_SLOTS_MAX / 4 * 3 && !wf_mailbox_reserve_workers(&mailbox, 1));
    while (count < WF_SLOTS_MAX && (slots[count] = wf_mailbox_reserve(&mailbox))) {
        count++;
        callers++;
    }
    CHECK(callers == WF_SLOTS_MAX / 4);
    wf_mailbox_free(&mailbox, slots[0]);
    CHECK(wf_mailbox_room(&mailbox) == 1);
    while (count-- > 1) {
        wf_mailbox_free(&mailbox, slots[count]);
    }
    CHECK(mailbox.worker_slots == 0);
    wf_mailbox_threads(&mailbox, WF_SLOTS_MAX);
    CHECK(wf_mailbox_room(&mailbox) == WF_SLOTS_MAX); /* who has so many threads wants them busy */
    wf_mailbox_destroy(&mailbox);
}

TEST(what_a_burst_left_goes_back_but_for_what_is_in_use_and_below_it)
{
    struct wf_slot *slots[200];

    begin(1);
    for (int i = 0; i < 200; i++) {
        slots[i] = wf_mailbox_reserve(&mailbox);
        CHECK(slots[i]);
    }
    for (int i = 0; i < 200; i++) {
        if (i != 10 && i != 150) {
            wf_mailbox_free(&mailbox, slots[i]);
        }
    }
    CHECK(wf_mailbox_spare(&mailbox));
    CHECK(wf_mailbox_trim(&mailbox) && !wf_mailbox_trim(&mailbox));
    CHECK(mailbox.slot_count == 151 && wf_mailbox_in_hand(&mailbox) == 2);
    wf_mailbox_free(&mailbox, slots[150]);
    wf_mailbox_trim(&mailbox);
    CHECK(mailbox.slot_count == 64 && !wf_mailbox_spare(&mailbox));
    CHECK(wf_mailbox_in_hand(&mailbox) == 1);
    for (int i = 0; i < 64; i++) { /* the others, each once, the first first */
        if (i != 10) {
            CHECK(wf_mailbox_reserve(&mailbox) == slots[i] && slots[i]->index == i);
        }
    }
    slots[64] = wf_mailbox_reserve(&mailbox);
    CHECK(slots[64] && slots[64]->index == 64 && wf_mailbox_in_hand(&mailbox) == 65);
    for (int i = 0; i <= 64; i++) {
        wf_mailbox_free(&mailbox, slots[i]);
    }
    wf_mailbox_destroy(&mailbox);
}

TEST(steps_come_in_order_but_for_one_that_is_put_first)
{
    struct wf_slot *a, *b, *c;

    begin(3);
    a = put(false, false);
    b = put(false, false);
    c = put(false, true);
    CHECK(take_one() == c && take_one() == a && take_one() == b && !take_one());
    end_one(a);
    end_one(b);
    end_one(c);
    wf_mailbox_destroy(&mailbox);
}

TEST(beside_a_step_that_runs_alone_there_is_no_room)
{
    struct wf_slot *slot;

    begin(2);
    slot = put(true, false);
    CHECK(wf_mailbox_room(&mailbox) == 0 && take_one() == slot);
    CHECK(wf_mailbox_room(&mailbox) == 0);
    end_one(slot);
    CHECK(wf_mailbox_room(&mailbox) == 4);
    slot = put(true, false);
    CHECK(take_one() == slot);
    wf_mailbox_ending(&mailbox, slot);
    slot->claim.alone = false; /* the next step of its run, in the same slot */
    CHECK(wf_mailbox_put(&mailbox, slot, true));
    CHECK(wf_mailbox_room(&mailbox) == 3);
    CHECK(take_one() == slot);
    end_one(slot);
    CHECK(wf_mailbox_room(&mailbox) == 4);
    wf_mailbox_destroy(&mailbox);
}

TEST(what_waits_behind_busy_threads_can_be_given_back)
{
    struct wf_slot *busy, *waiting, *stale;

    begin(1);
    busy = put(false, false);
    waiting = put(false, false);
    CHECK(!wf_mailbox_stale(&mailbox, INT64_MAX)); /* a thread is free to take it */
    CHECK(take_one() == busy);
    CHECK(!wf_mailbox_stale(&mailbox, 0));
    stale = wf_mailbox_stale(&mailbox, INT64_MAX);
    CHECK(stale == waiting && !stale->next);
    end_one(stale);
    CHECK(!take_one());
    CHECK(wf_mailbox_saturated(&mailbox));
    end_one(busy);
    CHECK(wf_mailbox_room(&mailbox) == 1 && mailbox.worker_count == 0);
    wf_mailbox_prefetch(&mailbox, 0); /* a step has ended: again some are claimed ahead */
    CHECK(wf_mailbox_room(&mailbox) == 2 && !wf_mailbox_saturated(&mailbox));
    wf_mailbox_destroy(&mailbox);
}

struct waiter {
    struct wf_taker taker;
    _Atomic enum wf_status status;
    struct wf_slot *slot;
};

static void *wait_long(void *context)
{
    struct waiter *waiter = context;

    atomic_store(&waiter->status,
                 wf_mailbox_take(&mailbox, &waiter->taker, ANSWER_MS, &waiter->slot));
    return NULL;
}

TEST(an_interrupted_taker_leaves_and_the_step_goes_to_another)
{
    for (int i = 0; i < 200; i++) {
        struct waiter first = {.slot = NULL}, second = {.slot = NULL};
        pthread_t threads[2];

        begin(2);
        threads[0] = spawn(wait_long, &first);
        threads[1] = spawn(wait_long, &second);
        wf_mailbox_interrupt(&mailbox, &first.taker);
        put(false, false);
        join(threads[1]);
        CHECK(second.status == WF_OK || first.status == WF_OK);
        join(threads[0]);
        CHECK(first.status == WF_INTERRUPTED && second.status == WF_OK && second.slot);
        end_one(second.slot);
        wf_mailbox_destroy(&mailbox);
    }
}

static void *await_long(void *context)
{
    struct waiter *waiter = context;

    atomic_store(&waiter->status, wf_mailbox_await(&mailbox, &waiter->taker, ANSWER_MS));
    return NULL;
}

static int come(const struct waiter waiters[3])
{
    return (waiters[0].status == WF_OK) + (waiters[1].status == WF_OK) +
           (waiters[2].status == WF_OK);
}

TEST(one_waiter_comes_at_a_time_and_the_one_that_takes_calls_the_next)
{
    struct waiter waiters[3] = {
        {.status = WF_CLOSED}, {.status = WF_CLOSED}, {.status = WF_CLOSED}};
    struct wf_slot *slot;
    pthread_t threads[3];

    begin(3);
    for (int i = 0; i < 3; i++) {
        atomic_store(&waiters[i].status, WF_TIMED_OUT);
        threads[i] = spawn(await_long, &waiters[i]);
    }
    put(false, false);
    UNTIL(come(waiters) == 1);
    put(false, false); /* calls nobody: one is on the way */
    for (int i = 0; i < 3; i++) {
        if (waiters[i].status == WF_OK) {
            CHECK(mailbox.coming == &waiters[i].taker);
            CHECK(wf_mailbox_take(&mailbox, &waiters[i].taker, 0, &slot) == WF_OK);
            end_one(slot);
            break;
        }
    }
    UNTIL(come(waiters) == 2);
    CHECK(wf_mailbox_take(&mailbox, &(struct wf_taker){false}, 0, &slot) == WF_OK);
    end_one(slot);
    for (int i = 0; i < 3; i++) { /* the third has nothing to come for */
        wf_mailbox_interrupt(&mailbox, &waiters[i].taker);
        join(threads[i]);
    }
    CHECK((waiters[0].status == WF_INTERRUPTED) + (waiters[1].status == WF_INTERRUPTED) +
              (waiters[2].status == WF_INTERRUPTED) ==
          1);
    wf_mailbox_destroy(&mailbox);
}

TEST(a_waiter_that_comes_and_takes_nothing_leaves_it_to_another)
{
    struct waiter first = {.slot = NULL}, second = {.slot = NULL};
    pthread_t thread;

    begin(2);
    put(false, false);
    CHECK(wf_mailbox_await(&mailbox, &first.taker, 0) == WF_OK && mailbox.coming == &first.taker);
    CHECK(wf_mailbox_await(&mailbox, &second.taker, 0) == WF_TIMED_OUT);
    thread = spawn(wait_long, &second); /* who asks for it at once need not wait for the other */
    join(thread);
    CHECK(second.status == WF_OK);
    put(false, false);
    thread = spawn(await_long, &second);
    wf_mailbox_leave(&mailbox, &first.taker);
    join(thread);
    CHECK(second.status == WF_OK && mailbox.coming == &second.taker);
    CHECK(wf_mailbox_take(&mailbox, &first.taker, 0, &first.slot) == WF_OK);
    end_one(second.slot);
    end_one(first.slot);
    wf_mailbox_destroy(&mailbox);
}

TEST(in_quiet_nobody_leaves_while_something_is_left)
{
    struct wf_taker coming = {false}, waiting = {false};
    struct wf_slot *a;

    begin(2);
    a = put(false, false);
    CHECK(wf_mailbox_await(&mailbox, &coming, ANSWER_MS) == WF_OK);
    wf_mailbox_quiet(&mailbox);
    CHECK(wf_mailbox_await(&mailbox, &waiting, 0) == WF_TIMED_OUT); /* it may be left to this one */
    wf_mailbox_leave(&mailbox, &coming);
    CHECK(wf_mailbox_await(&mailbox, &waiting, ANSWER_MS) == WF_OK);
    CHECK(wf_mailbox_await(&mailbox, &coming, 0) == WF_TIMED_OUT);
    CHECK(wf_mailbox_take(&mailbox, &waiting, 0, &a) == WF_OK);
    CHECK(wf_mailbox_await(&mailbox, &coming, ANSWER_MS) == WF_CLOSED);
    end_one(a);
    wf_mailbox_destroy(&mailbox);
}

TEST(quiet_drains_and_close_takes_back)
{
    struct wf_slot *a, *b, *back;
    struct wf_taker taker = {false};

    begin(2);
    a = put(false, false);
    b = put(false, false);
    wf_mailbox_quiet(&mailbox);
    CHECK(wf_mailbox_room(&mailbox) == 0 && take_one() == a);
    back = wf_mailbox_close(&mailbox);
    CHECK(back == b && !back->next);
    CHECK(wf_mailbox_take(&mailbox, &taker, ANSWER_MS, &back) == WF_CLOSED);
    CHECK(!wf_mailbox_put(&mailbox, b, false) && !wf_mailbox_reserve(&mailbox));
    CHECK(!wf_mailbox_drained(&mailbox, 0));
    end_one(a);
    end_one(b);
    CHECK(wf_mailbox_drained(&mailbox, 0));
    wf_mailbox_destroy(&mailbox);
}

/* ---- Threads ---- */

#define PUTS 20000

static _Atomic int taken, given;

static void *take_many(void *context)
{
    struct wf_taker taker = {false};
    struct wf_slot *slot;

    (void)context;
    while (wf_mailbox_take(&mailbox, &taker, ANSWER_MS, &slot) == WF_OK) {
        CHECK(slot->claim.run_id == 1);
        atomic_fetch_add(&taken, 1);
        end_one(slot);
    }
    return NULL;
}

static void *reserve_many(void *context)
{
    (void)context;
    while (atomic_load(&given) < PUTS) {
        struct wf_slot *slot = wf_mailbox_reserve(&mailbox);

        if (slot) {
            wf_mailbox_hold(&mailbox, slot);
            wf_mailbox_free(&mailbox, slot);
        }
    }
    return NULL;
}

TEST(many_threads_take_what_one_puts_and_each_step_once)
{
    pthread_t threads[5];

    begin(4);
    for (int i = 0; i < 5; i++) {
        threads[i] = spawn(i < 4 ? take_many : reserve_many, NULL);
    }
    while (atomic_load(&given) < PUTS) {
        if (put(false, false)) {
            atomic_fetch_add(&given, 1);
        }
    }
    wf_mailbox_quiet(&mailbox);
    for (int i = 0; i < 5; i++) {
        join(threads[i]);
    }
    CHECK(atomic_load(&taken) == PUTS && wf_mailbox_in_hand(&mailbox) == 0);
    CHECK(mailbox.worker_count == 0 && mailbox.busy_count == 0);
    wf_mailbox_destroy(&mailbox);
}
