/*
 * The contract of stores: runs.
 */
#include "store_contract_case.h"

static bool see_run(void *context, const struct wf_run_row *row)
{
    return see(context, row->id);
}

static void a_run_is_loaded_as_it_was_inserted(struct subject *s)
{
    struct wf_run_row row = {.id = INT64_MAX / 2,
                             .key = WF_BYTES("key"),
                             .unique = true,
                             .status = 4,
                             .version = 77,
                             .started_ms = 1785000000000,
                             .ended_ms = 1785000000001,
                             .state = WF_BYTES("the state"),
                             .class_name = WF_BYTES("Order")};
    struct wf_run_row loaded;

    begin(s);
    OK(run_insert, &row);
    OK(run_load, row.id, &loaded);
    commit(s);
    CHECK(loaded.id == row.id && !loaded.open && loaded.unique && loaded.status == 4);
    CHECK(loaded.version == 77 && loaded.started_ms == row.started_ms);
    CHECK(loaded.ended_ms == row.ended_ms);
    CHECK(wf_bytes_equal(loaded.key, row.key) && wf_bytes_equal(loaded.state, row.state));
    CHECK(wf_bytes_equal(loaded.class_name, row.class_name));
    CHECK(DO(run_load, 1, &loaded) == WF_NOT_FOUND);
    OK(run_state, row.id, &loaded);
    CHECK(loaded.id == row.id && wf_bytes_equal(loaded.state, row.state) && !loaded.doubts.len);
    CHECK(DO(run_state, 1, &loaded) == WF_NOT_FOUND);
    CHECK(DO(run_find, WF_BYTES("ke"), &loaded) == WF_NOT_FOUND);
}

static void lent_bytes_last_until_the_same_call(struct subject *s)
{
    struct wf_run_row loaded, found, other;

    begin(s);
    CHECK(insert(s, 1, WF_BYTES("one"), true, true) == WF_OK);
    CHECK(insert(s, 2, WF_BYTES("two"), true, true) == WF_OK);
    OK(run_load, 1, &loaded);
    OK(run_find, WF_BYTES("two"), &found);
    as_it_was(&loaded, &loaded);
    loaded.status = 9;
    OK(run_update, &loaded); /* with the bytes that it lent */
    commit(s);
    CHECK(wf_bytes_equal(loaded.key, WF_BYTES("one")));
    CHECK(wf_bytes_equal(found.key, WF_BYTES("two")));
    CHECK(wf_bytes_equal(found.state, WF_BYTES("state")));
    OK(run_load, 1, &other);
    CHECK(other.status == 9 && wf_bytes_equal(other.state, WF_BYTES("state")));
}

static void a_key_has_one_open_unique_run(struct subject *s)
{
    struct wf_run_row row = run_row(1, WF_BYTES("k"), false, true);

    begin(s);
    CHECK(insert(s, 1, WF_BYTES("k"), true, true) == WF_OK);
    CHECK(insert(s, 2, WF_BYTES("k"), true, true) == WF_EXISTING);
    CHECK(s->error.status == WF_EXISTING);
    CHECK(insert(s, 1, WF_BYTES("other"), true, true) == WF_EXISTING); /* the id */
    CHECK(insert(s, 3, WF_BYTES("k"), true, false) == WF_OK);
    CHECK(insert(s, 4, WF_BYTES("k"), true, false) == WF_OK);
    CHECK(insert(s, 5, WF_BYTES("k"), false, true) == WF_OK);
    CHECK(insert(s, 6, WF_BYTES("k2"), true, true) == WF_OK);
    CHECK(update(s, &row) == WF_OK); /* ended */
    CHECK(insert(s, 7, WF_BYTES("k"), true, true) == WF_OK);
    row.open = true;
    CHECK(update(s, &row) == WF_STORE_ERROR); /* two of them */
    row.open = false;
    CHECK(update(s, &row) == WF_OK);
    commit(s);
    begin(s);
    CHECK(insert(s, 8, WF_BYTES("k"), true, true) == WF_EXISTING);
    commit(s);
}

static void a_token_is_one_runs_in_its_class(struct subject *s)
{
    struct wf_run_row row = run_row(1, WF_BYTES("k"), false, false), found;

    row.class_name = WF_BYTES("Order");
    row.token = WF_BYTES("once\0more");
    begin(s);
    OK(run_insert, &row);
    row.id = 2;
    CHECK(DO(run_insert, &row) == WF_EXISTING && s->error.status == WF_EXISTING);
    s->does->rollback(s->store); /* the run's row is there already */
    CHECK(DO(run_keyed, row.class_name, row.token, &found) == WF_NOT_FOUND);
    begin(s);
    row.id = 1;
    OK(run_insert, &row);
    row = (struct wf_run_row){.id = 3, .class_name = WF_BYTES("Other"), .token = row.token};
    OK(run_insert, &row);
    row = (struct wf_run_row){.id = 4, .class_name = WF_BYTES("Order"), .token = WF_BYTES("once")};
    OK(run_insert, &row);
    commit(s);
    reopen(s);
    OK(run_keyed, WF_BYTES("Order"), WF_BYTES("once\0more"), &found);
    CHECK(found.id == 1 && wf_bytes_equal(found.key, WF_BYTES("k")));
    OK(run_keyed, WF_BYTES("Other"), WF_BYTES("once\0more"), &found);
    CHECK(found.id == 3);
    OK(run_keyed, WF_BYTES("Order"), WF_BYTES("once"), &found);
    CHECK(found.id == 4);
    CHECK(DO(run_keyed, WF_BYTES("Other"), WF_BYTES("once"), &found) == WF_NOT_FOUND);
    begin(s);
    CHECK(s->does->clear_projections(s->store, &s->error) == WF_OK);
    row.id = 5;
    OK(run_insert, &row);
    commit(s);
}

static void find_prefers_the_open_unique_run(struct subject *s)
{
    struct wf_run_row row = run_row(2, WF_BYTES("k"), false, true);
    struct wf_run_row found;

    begin(s);
    CHECK(insert(s, 1, WF_BYTES("k"), false, true) == WF_OK);
    CHECK(insert(s, 2, WF_BYTES("k"), true, true) == WF_OK);
    CHECK(insert(s, 3, WF_BYTES("k"), true, false) == WF_OK);
    CHECK(insert(s, 4, WF_BYTES("k"), false, true) == WF_OK);
    CHECK(insert(s, 5, WF_BYTES("kk"), false, true) == WF_OK);
    commit(s);
    OK(run_find, WF_BYTES("k"), &found);
    CHECK(found.id == 2);
    begin(s);
    CHECK(update(s, &row) == WF_OK);
    commit(s);
    OK(run_find, WF_BYTES("k"), &found);
    CHECK(found.id == 4); /* the newest */
}

static void an_update_changes_what_it_says(struct subject *s)
{
    struct wf_run_row row = run_row(1, WF_BYTES("not this"), true, false), loaded;

    begin(s);
    CHECK(insert(s, 1, WF_BYTES("k"), true, true) == WF_OK);
    row.status = 2;
    row.version = 9;
    row.started_ms = 1;
    row.ended_ms = 5;
    row.state = WF_BYTES("a longer state");
    CHECK(update(s, &row) == WF_OK);
    OK(run_load, 1, &loaded);
    CHECK(loaded.open && loaded.status == 2 && loaded.version == 9 && loaded.ended_ms == 5);
    CHECK(wf_bytes_equal(loaded.state, row.state));
    CHECK(loaded.unique && loaded.started_ms == 1001 && wf_bytes_equal(loaded.key, WF_BYTES("k")));
    row.open = false;
    CHECK(update(s, &row) == WF_OK);
    OK(run_load, 1, &loaded);
    CHECK(!loaded.open);
    row.id = 2;
    CHECK(DO(run_update, &row) == WF_STALE);
    commit(s);
}

static void an_update_is_of_the_version_that_was_loaded(struct subject *s)
{
    struct wf_run_row row = run_row(1, WF_BYTES("k"), true, true), loaded;

    begin(s);
    CHECK(insert(s, 1, WF_BYTES("k"), true, true) == WF_OK);
    OK(run_load, 1, &loaded);
    as_it_was(&row, &loaded);
    row.version = 3; /* two events */
    OK(run_update, &row);
    row.version = 2; /* by somebody who has not seen them */
    row.state = WF_BYTES("other");
    for (int changes = 0; changes < 3; changes++) { /* each of the statements */
        row.status = row.was_status + (changes > 0);
        row.open = changes < 2;
        CHECK(DO(run_update, &row) == WF_STALE && s->error.status == WF_STALE);
    }
    OK(run_load, 1, &loaded);
    CHECK(loaded.version == 3 && loaded.open && wf_bytes_equal(loaded.state, WF_BYTES("state")));
    commit(s);
}

static void lists_runs(struct subject *s, struct wf_bytes prefix, int64_t before, int limit,
                       struct seen *seen)
{
    *seen = (struct seen){.stop_at = seen->stop_at};
    OK(run_list, prefix, before, limit, see_run, seen);
}

static void runs_are_listed_newest_first(struct subject *s)
{
    const struct wf_bytes keys[] = {WF_BYTES("a"),
                                    WF_BYTES("ab"),
                                    WF_BYTES("a\0"),
                                    WF_BYTES("b"),
                                    WF_BYTES("ab"),
                                    WF_BYTES("a\xff"),
                                    WF_BYTES("\xff"),
                                    WF_BYTES("\xff\xff"
                                             "z"),
                                    WF_BYTES("a\xff\xff"),
                                    {NULL, 0}};
    struct seen seen = {0};

    begin(s);
    for (int i = 0; i < 10; i++) {
        CHECK(insert(s, 10 + i, keys[i], true, false) == WF_OK);
    }
    commit(s);
    lists_runs(s, WF_BYTES(""), 0, 100, &seen);
    CHECK(SEEN(&seen, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10));
    lists_runs(s, WF_BYTES(""), 17, 2, &seen);
    CHECK(SEEN(&seen, 16, 15));
    lists_runs(s, WF_BYTES("a"), 0, 100, &seen);
    CHECK(SEEN(&seen, 18, 15, 14, 12, 11, 10));
    lists_runs(s, WF_BYTES("a"), 0, 2, &seen);
    CHECK(SEEN(&seen, 18, 15));
    lists_runs(s, WF_BYTES("a"), 15, 2, &seen);
    CHECK(SEEN(&seen, 14, 12));
    lists_runs(s, WF_BYTES("ab"), 0, 100, &seen);
    CHECK(SEEN(&seen, 14, 11));
    lists_runs(s, WF_BYTES("a\0"), 0, 100, &seen);
    CHECK(SEEN(&seen, 12));
    lists_runs(s, WF_BYTES("a\xff"), 0, 100, &seen);
    CHECK(SEEN(&seen, 18, 15));
    lists_runs(s, WF_BYTES("\xff"), 0, 100, &seen);
    CHECK(SEEN(&seen, 17, 16));
    lists_runs(s, WF_BYTES("\xff"), 0, 1, &seen);
    CHECK(SEEN(&seen, 17));
    lists_runs(s, WF_BYTES("c"), 0, 100, &seen);
    CHECK(seen.count == 0);
    seen.stop_at = 1;
    lists_runs(s, WF_BYTES("a"), 0, 100, &seen);
    CHECK(SEEN(&seen, 18));
}

const struct contract_case contract_runs_cases[] = {
    CASE(a_run_is_loaded_as_it_was_inserted),
    CASE(lent_bytes_last_until_the_same_call),
    CASE(a_key_has_one_open_unique_run),
    CASE(a_token_is_one_runs_in_its_class),
    CASE(find_prefers_the_open_unique_run),
    CASE(an_update_changes_what_it_says),
    CASE(an_update_is_of_the_version_that_was_loaded),
    CASE(runs_are_listed_newest_first),
    {NULL, NULL},
};
