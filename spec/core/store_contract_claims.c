/*
 * The contract of stores: ready, waits, timers, processes.
 */
#include "store_contract_case.h"

static bool see_ready(void *context, const struct wf_ready_row *row)
{
    struct seen *seen = context;

    seen->ready[seen->count % SEEN_MAX] = *row;
    return see(seen, row->run_id * 100 + row->step);
}

static bool see_wait(void *context, const struct wf_wait_row *row)
{
    struct seen *seen = context;

    seen->waits[seen->count % SEEN_MAX] = *row;
    return see(seen, row->run_id * 100 + row->step);
}

static bool see_timer(void *context, const struct wf_timer_row *row)
{
    struct seen *seen = context;

    seen->timers[seen->count % SEEN_MAX] = *row;
    return see(seen, row->run_id * 100 + row->step);
}

static void put_ready(struct subject *s, int64_t run_id, int32_t step, int32_t priority,
                      int64_t at_ms)
{
    struct wf_ready_row row = {
        .run_id = run_id, .step = step, .priority = priority, .at_ms = at_ms};

    OK(ready_put, &row);
}

static struct wf_ready_row ready_lease(int64_t run_id, int32_t step, int64_t owner, int32_t slot)
{
    return (struct wf_ready_row){.run_id = run_id, .step = step, .owner = owner, .slot = slot};
}

static struct seen claimable(struct subject *s, int limit)
{
    struct seen seen = {0};

    OK(ready_claimable, limit, see_ready, &seen);
    return seen;
}

static struct seen owned(struct subject *s, int64_t owner, int limit)
{
    struct seen seen = {0};

    OK(ready_owned, owner, limit, see_ready, &seen);
    return seen;
}

/* Ready */

static void a_ready_row_comes_back(struct subject *s)
{
    struct wf_ready_row row = {INT64_MAX, INT32_MAX, INT32_MIN, INT64_MIN, true, 0, 0, 0};
    struct wf_ready_row held = {1, 2, 3, 4, false, INT64_MAX, INT32_MAX, INT64_MAX / 2};
    struct wf_ready_row got = {.run_id = INT64_MAX, .step = INT32_MAX};

    begin(s);
    CHECK(DO(ready_get, &got) == WF_NOT_FOUND);
    OK(ready_put, &row);
    OK(ready_put, &held);
    OK(ready_get, &got);
    CHECK(got.run_id == INT64_MAX && got.step == INT32_MAX && got.priority == INT32_MIN);
    CHECK(got.at_ms == INT64_MIN && got.alone && !got.owner && !got.slot && !got.fence);
    got = ready_lease(1, 2, 0, 0);
    OK(ready_get, &got);
    CHECK(got.priority == 3 && got.at_ms == 4 && !got.alone && got.owner == INT64_MAX);
    CHECK(got.slot == INT32_MAX && got.fence == INT64_MAX / 2);
    OK(ready_delete, 1, 2);
    OK(ready_delete, 1, 2); /* also when there is none */
    CHECK(DO(ready_get, &got) == WF_NOT_FOUND);
    commit(s);
}

static void a_put_replaces(struct subject *s)
{
    struct wf_ready_row row = {.run_id = 1, .step = 1, .priority = 5, .at_ms = 9, .fence = 3};
    struct seen seen;

    begin(s);
    put_ready(s, 1, 1, 0, 1);
    put_ready(s, 1, 2, 1, 1);
    OK(ready_put, &row); /* now after the other */
    seen = claimable(s, 10);
    CHECK(SEEN(&seen, 102, 101));
    CHECK(seen.ready[1].priority == 5 && seen.ready[1].at_ms == 9 && seen.ready[1].fence == 3);
    row.owner = 8;
    OK(ready_put, &row); /* claimed by the put */
    seen = claimable(s, 10);
    CHECK(SEEN(&seen, 102));
    seen = owned(s, 8, 10);
    CHECK(SEEN(&seen, 101));
    commit(s);
}

static void only_its_own_fence_ends_a_step(struct subject *s)
{
    struct wf_ready_row row = ready_lease(1, 1, 7, 3), got = row;

    begin(s);
    put_ready(s, 1, 1, 0, 1);
    OK(ready_claim, &row);
    CHECK(DO(ready_end, 1, 1, row.fence - 1) == WF_STALE);
    CHECK(DO(ready_end, 1, 1, row.fence + 1) == WF_STALE);
    OK(ready_get, &got);
    OK(ready_end, 1, 1, row.fence);
    CHECK(DO(ready_get, &got) == WF_NOT_FOUND);
    CHECK(DO(ready_end, 1, 1, row.fence) == WF_STALE);
    CHECK(DO(ready_end, 2, 1, 0) == WF_STALE);
    commit(s);
}

static void a_step_is_claimed_once(struct subject *s)
{
    struct wf_ready_row mine = ready_lease(1, 1, 7, 3), other = ready_lease(1, 1, 8, 0), got = mine;

    begin(s);
    CHECK(DO(ready_claim, &mine) == WF_NOT_FOUND);
    put_ready(s, 1, 1, 0, 50);
    OK(ready_claim, &mine);
    CHECK(mine.fence == 1);
    CHECK(DO(ready_claim, &other) == WF_BUSY);
    CHECK(DO(ready_claim, &mine) == WF_BUSY); /* not even again by its owner */
    CHECK(mine.fence == 1);
    commit(s);
    begin(s);
    OK(ready_get, &got);
    CHECK(got.owner == 7 && got.slot == 3 && got.fence == 1 && got.at_ms == 50);
    CHECK(DO(ready_claim, &other) == WF_BUSY);
    commit(s);
}

static void a_release_needs_owner_and_fence(struct subject *s)
{
    struct wf_ready_row mine = ready_lease(1, 1, 7, 3), wrong, next = ready_lease(1, 1, 8, 1), got;

    begin(s);
    CHECK(DO(ready_release, &mine) == WF_STALE);
    put_ready(s, 1, 1, 2, 50);
    OK(ready_claim, &mine);
    wrong = mine;
    wrong.owner = 8;
    CHECK(DO(ready_release, &wrong) == WF_STALE);
    wrong = mine;
    wrong.fence--;
    CHECK(DO(ready_release, &wrong) == WF_STALE);
    OK(ready_release, &mine);
    CHECK(DO(ready_release, &mine) == WF_STALE);
    got = mine;
    OK(ready_get, &got);
    CHECK(!got.owner && !got.slot && got.fence == 1 && got.priority == 2 && got.at_ms == 50);
    CHECK(DO(ready_claim, &next) == WF_BUSY); /* it has been claimed since it was read */
    next.fence = 1;
    OK(ready_claim, &next);
    CHECK(next.fence == 2);
    CHECK(DO(ready_release, &mine) == WF_STALE);
    OK(ready_release, &next);
    mine.fence = 2;
    OK(ready_claim, &mine);
    CHECK(mine.fence == 3);
    commit(s);
}

static void claimable_is_in_order_without_the_claimed(struct subject *s)
{
    struct wf_ready_row claim = ready_lease(3, 1, 7, 0);
    struct seen seen, stopped = {.stop_at = 2};

    begin(s);
    put_ready(s, 5, 1, 0, 100);
    put_ready(s, 1, 1, 1, 10);
    put_ready(s, 2, 2, 0, 100);
    put_ready(s, 2, 1, 0, 100);
    put_ready(s, 3, 1, -1, 900);
    put_ready(s, 4, 1, 0, 90);
    put_ready(s, 6, 1, -1, 901);
    seen = claimable(s, 100);
    CHECK(SEEN(&seen, 301, 601, 401, 201, 202, 501, 101));
    OK(ready_claim, &claim);
    seen = claimable(s, 3);
    CHECK(SEEN(&seen, 601, 401, 201));
    CHECK(seen.ready[1].at_ms == 90 && seen.ready[1].priority == 0 && !seen.ready[1].owner);
    OK(ready_claimable, 100, see_ready, &stopped);
    CHECK(SEEN(&stopped, 601, 401));
    OK(ready_release, &claim);
    seen = claimable(s, 1);
    CHECK(SEEN(&seen, 301));
    commit(s);
}

static void owned_lists_one_owner(struct subject *s)
{
    struct wf_ready_row claims[] = {ready_lease(1, 1, 7, 1), ready_lease(1, 2, 8, 2),
                                    ready_lease(1, 3, 7, 3)};
    struct seen seen, stopped = {.stop_at = 1};

    begin(s);
    for (int i = 0; i < 3; i++) {
        put_ready(s, 1, i + 1, 0, 10 + i);
        OK(ready_claim, &claims[i]);
    }
    put_ready(s, 1, 4, 0, 1);
    seen = owned(s, 7, 100);
    CHECK(seen.count == 2 && seen.ids[0] + seen.ids[1] == 204);
    CHECK(seen.ready[0].owner == 7 && seen.ready[0].fence == 1);
    CHECK(seen.ready[0].slot == seen.ready[0].step);
    seen = owned(s, 7, 1);
    CHECK(seen.count == 1);
    OK(ready_owned, 7, 100, see_ready, &stopped);
    CHECK(stopped.count == 1);
    seen = owned(s, 9, 100);
    CHECK(seen.count == 0);
    seen = owned(s, 0, 100);
    CHECK(seen.count == 0); /* what nobody has is no owner's */
    commit(s);
}

/* Waits */

static void a_wait_is_claimed_and_released(struct subject *s)
{
    struct wf_wait_row row = {.run_id = 1, .step = 1};
    struct wf_wait_row mine = {1, 1, 7, 3, 0, false}, other = {1, 1, 8, 1, 0, false},
                       got = {.run_id = 1, .step = 1};

    begin(s);
    CHECK(DO(wait_get, &got) == WF_NOT_FOUND);
    CHECK(DO(wait_claim, &mine) == WF_NOT_FOUND);
    CHECK(DO(wait_release, &mine) == WF_STALE);
    OK(wait_put, &row);
    OK(wait_claim, &mine);
    CHECK(mine.fence == 1);
    CHECK(DO(wait_claim, &other) == WF_BUSY);
    OK(wait_get, &got);
    CHECK(got.owner == 7 && got.slot == 3 && got.fence == 1);
    other.fence = 1;
    CHECK(DO(wait_release, &other) == WF_STALE);
    OK(wait_release, &mine);
    CHECK(DO(wait_release, &mine) == WF_STALE);
    OK(wait_claim, &other);
    CHECK(other.fence == 2);
    CHECK(DO(wait_release, &mine) == WF_STALE);
    OK(wait_put, &row); /* replaces */
    OK(wait_get, &got);
    CHECK(!got.owner && !got.slot && !got.fence);
    OK(wait_delete, 1, 1);
    OK(wait_delete, 1, 1);
    CHECK(DO(wait_get, &got) == WF_NOT_FOUND);
    commit(s);
}

static void waits_of_an_owner(struct subject *s)
{
    struct wf_wait_row rows[] = {{1, 1, 7, 1, 4, false},
                                 {1, 2, 0, 0, 4, false},
                                 {2, 1, 8, 1, 4, false},
                                 {2, 2, 7, 2, 4, true}};
    struct seen seen = {0}, one = {0}, stopped = {.stop_at = 1}, none = {0};

    begin(s);
    for (int i = 0; i < 4; i++) {
        OK(wait_put, &rows[i]);
    }
    commit(s);
    OK(wait_owned, 7, 100, see_wait, &seen);
    CHECK(seen.count == 2 && seen.ids[0] + seen.ids[1] == 303);
    CHECK(seen.waits[0].owner == 7 && seen.waits[0].fence == 4 && seen.waits[0].slot);
    OK(wait_owned, 7, 1, see_wait, &one);
    CHECK(one.count == 1);
    OK(wait_owned, 7, 100, see_wait, &stopped);
    CHECK(stopped.count == 1);
    OK(wait_owned, 9, 100, see_wait, &none);
    OK(wait_owned, 0, 100, see_wait, &none);
    CHECK(none.count == 0);
}

static void a_pledged_claim_is_put_in_doubt_and_released(struct subject *s)
{
    struct wf_wait_row row = {.run_id = 1, .step = 1}, got = row;
    struct wf_wait_row mine = {1, 1, 7, 3, 0, true}, doubt = {1, 1, WF_OWNER_DOUBT, 0, 1, true};
    struct wf_wait_row other = {1, 1, 8, 1, 0, false};
    struct seen owned = {0};

    begin(s);
    OK(wait_put, &row);
    OK(wait_claim, &mine);
    OK(wait_get, &got);
    CHECK(got.pledged && got.owner == 7 && got.fence == 1);
    mine.fence = 2;
    CHECK(DO(wait_doubt, &mine) == WF_STALE);
    mine.fence = other.fence = 1;
    CHECK(DO(wait_doubt, &other) == WF_STALE);
    OK(wait_doubt, &mine);
    OK(wait_get, &got);
    CHECK(got.pledged && got.owner == WF_OWNER_DOUBT && !got.slot && got.fence == 1);
    CHECK(DO(wait_doubt, &mine) == WF_STALE);
    CHECK(DO(wait_release, &mine) == WF_STALE);
    CHECK(DO(wait_claim, &other) == WF_BUSY);
    OK(wait_owned, 7, 10, see_wait, &owned);
    CHECK(owned.count == 0);
    OK(wait_release, &doubt);
    OK(wait_get, &got);
    CHECK(!got.pledged && !got.owner);
    OK(wait_claim, &other);
    OK(wait_get, &got);
    CHECK(!got.pledged && got.owner == 8 && got.fence == 2);
    CHECK(DO(wait_doubt, &other) == WF_STALE); /* it was not pledged */
    commit(s);
}

static void doubts_are_in_order_and_have_no_timers(struct subject *s)
{
    struct wf_wait_row rows[] = {{2, 1, WF_OWNER_DOUBT, 0, 3, true},
                                 {1, 2, WF_OWNER_DOUBT, 0, 4, true},
                                 {1, 1, 7, 1, 4, true},
                                 {1, 3, WF_OWNER_DOUBT, 0, 5, true}};
    struct wf_timer_row timers[] = {{1, 2, 10}, {1, 1, 20}, {2, 2, 30}, {2, 1, 5}};
    struct seen all = {0}, two = {0}, stopped = {.stop_at = 1}, due = {0}, one = {0};
    int64_t due_ms = 0;

    begin(s);
    for (int i = 0; i < 4; i++) {
        OK(wait_put, &rows[i]);
        OK(timer_put, &timers[i]);
    }
    commit(s);
    reopen(s);
    OK(wait_doubts, 10, see_wait, &all);
    CHECK(SEEN(&all, 102, 103, 201));
    CHECK(all.waits[0].fence == 4 && all.waits[2].run_id == 2 && all.waits[2].fence == 3);
    OK(wait_doubts, 2, see_wait, &two);
    CHECK(SEEN(&two, 102, 103));
    OK(wait_doubts, 10, see_wait, &stopped);
    CHECK(stopped.count == 1);
    OK(timer_due, 100, 100, see_timer, &due);
    CHECK(SEEN(&due, 101, 202));
    OK(timer_next, &due_ms);
    CHECK(due_ms == 20);
    begin(s);
    OK(wait_release, &rows[1]);
    commit(s);
    OK(timer_next, &due_ms);
    CHECK(due_ms == 10);
    OK(timer_due, 100, 1, see_timer, &one);
    CHECK(SEEN(&one, 102));
}

static void a_run_says_what_is_in_doubt(struct subject *s)
{
    struct wf_run_row loaded, found;

    begin(s);
    CHECK(insert(s, 1, WF_BYTES("k"), true, true) == WF_OK);
    OK(run_load, 1, &loaded);
    CHECK(!loaded.doubts.len);
    OK(run_doubt, 1, WF_BYTES("\0\1"));
    OK(run_load, 1, &loaded);
    OK(run_find, WF_BYTES("k"), &found);
    CHECK(wf_bytes_equal(loaded.doubts, WF_BYTES("\0\1")) &&
          wf_bytes_equal(found.doubts, loaded.doubts));
    loaded.doubts.len = 0;
    as_it_was(&loaded, &loaded);
    OK(run_update, &loaded); /* is no business of it */
    OK(run_load, 1, &loaded);
    CHECK(wf_bytes_equal(loaded.doubts, WF_BYTES("\0\1")));
    CHECK(wf_bytes_equal(loaded.state, WF_BYTES("state")));
    OK(run_doubt, 1, WF_BYTES(""));
    OK(run_load, 1, &loaded);
    CHECK(!loaded.doubts.len);
    CHECK(DO(run_doubt, 2, WF_BYTES("\1")) == WF_NOT_FOUND);
    commit(s);
}

/* Timers */

static void timers_are_due_in_order(struct subject *s)
{
    struct wf_timer_row rows[] = {
        {3, 1, 30}, {1, 2, 20}, {1, 1, 20}, {2, 1, 10}, {4, 1, INT64_MAX}};
    struct wf_timer_row moved = {2, 1, 25};
    struct seen all = {0}, some = {0}, stopped = {.stop_at = 1}, later = {0};
    int64_t due_ms = 0;

    begin(s);
    OK(timer_next, &due_ms);
    CHECK(due_ms == INT64_MAX);
    for (int i = 0; i < 5; i++) {
        OK(timer_put, &rows[i]);
    }
    OK(timer_next, &due_ms);
    CHECK(due_ms == 10);
    OK(timer_due, 9, 100, see_timer, &later);
    CHECK(later.count == 0);
    OK(timer_due, 30, 100, see_timer, &all);
    CHECK(SEEN(&all, 201, 101, 102, 301));
    CHECK(all.timers[0].due_ms == 10 && all.timers[3].due_ms == 30);
    OK(timer_due, 29, 2, see_timer, &some);
    CHECK(SEEN(&some, 201, 101));
    OK(timer_due, 30, 100, see_timer, &stopped);
    CHECK(SEEN(&stopped, 201));
    OK(timer_put, &moved); /* replaces */
    OK(timer_delete, 1, 1);
    OK(timer_delete, 1, 1);
    OK(timer_due, 25, 100, see_timer, &later);
    CHECK(SEEN(&later, 102, 201));
    OK(timer_next, &due_ms);
    CHECK(due_ms == 20);
    commit(s);
}

/* Processes */

struct processes {
    struct subject *s;
    int count;
    struct wf_process_row rows[8]; /* without their bytes */
    bool named[8];                 /* whether name and boot were as put_process puts them */
};

static bool see_process(void *context, const struct wf_process_row *row)
{
    struct processes *seen = context;
    int i = seen->count++ % 8;

    seen->rows[i] = *row;
    seen->named[i] = wf_bytes_equal(row->name, WF_BYTES("worker:1@host")) &&
                     wf_bytes_equal(row->boot, WF_BYTES("boot\0id"));
    return true;
}

static bool see_one_process(void *context, const struct wf_process_row *row)
{
    see_process(context, row);
    return false;
}

static int64_t put_process(struct subject *s, int32_t byte, int64_t lease_until_ms)
{
    struct wf_process_row row = {.byte = byte,
                                 .name = WF_BYTES("worker:1@host"),
                                 .boot = WF_BYTES("boot\0id"),
                                 .lease_until_ms = lease_until_ms};

    OK(process_put, &row);
    return row.id;
}

static void processes_are_put_renewed_and_deleted(struct subject *s)
{
    struct processes seen = {.s = s}, after = {.s = s}, one = {.s = s};
    struct wf_process_row renewed = {.byte = 4,
                                     .name = WF_BYTES("worker:1@host"),
                                     .boot = WF_BYTES("boot\0id"),
                                     .lease_until_ms = 99};
    int64_t first, second;

    begin(s);
    first = put_process(s, 1, 10);
    second = put_process(s, 2, 20);
    CHECK(first > 0 && second > first);
    OK(process_list, see_process, &seen);
    CHECK(seen.count == 2 && seen.named[0] && seen.named[1]);
    CHECK(seen.rows[0].id + seen.rows[1].id == first + second);
    CHECK(seen.rows[0].byte * 10 == seen.rows[0].lease_until_ms);
    OK(process_list, see_one_process, &one);
    CHECK(one.count == 1);
    renewed.id = second;
    OK(process_put, &renewed);
    CHECK(renewed.id == second);
    OK(process_delete, first);
    OK(process_delete, first);
    OK(process_list, see_process, &after);
    CHECK(after.count == 1 && after.rows[0].id == second && after.rows[0].lease_until_ms == 99);
    CHECK(after.rows[0].byte == 4 && after.named[0]);
    renewed.id = first;
    CHECK(DO(process_put, &renewed) == WF_NOT_FOUND); /* taken for dead: it must know */
    commit(s);
}

static void an_id_of_a_process_is_never_given_again(struct subject *s)
{
    int64_t first, second;

    begin(s);
    first = put_process(s, 1, 10);
    OK(process_delete, first);
    commit(s);
    reopen(s);
    begin(s);
    second = put_process(s, 1, 10);
    commit(s);
    CHECK(second > first);
}

static void owners_are_known_or_only_their_ids(struct subject *s)
{
    struct processes seen = {.s = s}, one = {.s = s};
    struct wf_wait_row waits[] = {{1, 1, 0, 0, 0, false},
                                  {2, 1, 500, 0, 1, false},
                                  {3, 1, 600, 0, 1, true},
                                  {4, 1, WF_OWNER_DOUBT, 0, 1, true}};
    struct wf_ready_row claims[] = {{1, 1, 0, 0, false, 0, 0, 0},
                                    {1, 2, 0, 0, false, 0, 0, 1},
                                    {1, 3, 0, 0, false, 500, 0, 1},
                                    {1, 4, 0, 0, false, 500, 1, 1}};
    int64_t known;

    begin(s);
    known = put_process(s, 3, 30);
    put_process(s, 4, 40); /* owns nothing */
    claims[1].owner = known;
    for (int i = 0; i < 4; i++) {
        OK(ready_put, &claims[i]);
    }
    for (int i = 0; i < 4; i++) {
        OK(wait_put, &waits[i]);
    }
    commit(s);
    OK(owners, see_process, &seen);
    CHECK(seen.count == 3);
    for (int i = 0; i < 3 && i < seen.count; i++) {
        struct wf_process_row *row = &seen.rows[i];
        bool is_known = row->id == known;

        CHECK(is_known || row->id == 500 || row->id == 600);
        CHECK(row->byte == (is_known ? 3 : 0) && row->lease_until_ms == (is_known ? 30 : 0));
        CHECK(seen.named[i] == is_known && (is_known || (!row->name.len && !row->boot.len)));
    }
    OK(owners, see_one_process, &one);
    CHECK(one.count == 1);
}

/* Rebuild */

static bool count_event(void *context, const struct wf_event_row *row)
{
    return see(context, row->version);
}

static void clearing_leaves_events_and_processes(struct subject *s)
{
    struct wf_event_row event = {.run_id = 1, .version = 1, .events = WF_BYTES("e")};
    struct wf_run_row run = {.id = 1, .open = true, .unique = true}, loaded;
    struct wf_wait_row wait = {.run_id = 1, .step = 2};
    struct wf_timer_row timer = {1, 3, 10};
    struct processes processes = {.s = s};
    struct seen events = {0}, seen;
    int64_t due_ms = 0;

    begin(s);
    OK(append, &event);
    OK(run_insert, &run);
    put_ready(s, 1, 1, 0, 0);
    OK(wait_put, &wait);
    OK(timer_put, &timer);
    put_process(s, 1, 1);
    commit(s);
    begin(s);
    CHECK(s->does->clear_projections(s->store, &s->error) == WF_OK);
    CHECK(s->does->wrote(s->store));
    commit(s);
    seen = claimable(s, 10);
    CHECK(seen.count == 0);
    CHECK(DO(run_load, 1, &loaded) == WF_NOT_FOUND);
    CHECK(DO(wait_get, &wait) == WF_NOT_FOUND);
    OK(timer_next, &due_ms);
    CHECK(due_ms == INT64_MAX);
    OK(read_log, 0, 10, count_event, &events);
    OK(process_list, see_process, &processes);
    CHECK(events.count == 1 && processes.count == 1);
}

const struct contract_case contract_claims_cases[] = {
    CASE(a_ready_row_comes_back),
    CASE(a_put_replaces),
    CASE(only_its_own_fence_ends_a_step),
    CASE(a_step_is_claimed_once),
    CASE(a_release_needs_owner_and_fence),
    CASE(claimable_is_in_order_without_the_claimed),
    CASE(owned_lists_one_owner),
    CASE(a_wait_is_claimed_and_released),
    CASE(waits_of_an_owner),
    CASE(a_pledged_claim_is_put_in_doubt_and_released),
    CASE(doubts_are_in_order_and_have_no_timers),
    CASE(a_run_says_what_is_in_doubt),
    CASE(timers_are_due_in_order),
    CASE(processes_are_put_renewed_and_deleted),
    CASE(an_id_of_a_process_is_never_given_again),
    CASE(owners_are_known_or_only_their_ids),
    CASE(clearing_leaves_events_and_processes),
    {NULL, NULL},
};
