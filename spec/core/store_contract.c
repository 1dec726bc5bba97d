/*
 * The contract of stores: opening, transactions, the log, upkeep, and the runner at the end. Runs are in
 * store_contract_runs.c, what can be claimed in store_contract_claims.c.
 */
#include "store_contract_case.h"

#include <pthread.h>
#include <stdlib.h>

#define BIG_LEN (1u << 20)

static enum wf_status append(struct subject *s, int64_t run_id, int64_t version,
                             struct wf_bytes events, int64_t *position)
{
    struct wf_event_row row = {.run_id = run_id, .version = version, .events = events};
    enum wf_status status = DO(append, &row);

    if (status == WF_OK && position) {
        *position = row.position;
    }
    return status;
}

static bool see_event(void *context, const struct wf_event_row *row)
{
    return see(context, row->version);
}

static int64_t events_in(struct subject *s, struct wf_store *store)
{
    struct seen seen = {0};

    CHECK(s->does->read_log(store, 0, SEEN_MAX, see_event, &seen, &s->error) == WF_OK);
    return seen.count;
}

/* Opening */

static void a_reader_never_creates(struct subject *s)
{
    char path[512];
    struct wf_store_options options = {.path = path, .read_only = true, .busy_ms = BUSY_MS};
    struct wf_store *store = s->store;

    snprintf(path, sizeof(path), "%s-of-nobody", s->path);
    CHECK(s->does->open(&store, &options, &s->error) == WF_STORE_UNAVAILABLE);
    CHECK(!store);
    CHECK(s->error.message[0]);
    CHECK(s->does->open(&store, &options, NULL) == WF_STORE_UNAVAILABLE);
    s->does->close(NULL);
}

static void a_reader_sees_what_is_committed_and_writes_nothing(struct subject *s)
{
    struct wf_store *reader = open_another(s, true);
    struct wf_event_row row = {.run_id = 2, .version = 1};

    begin(s);
    CHECK(append(s, 1, 1, WF_BYTES("e"), NULL) == WF_OK);
    CHECK(events_in(s, reader) == 0);
    CHECK(events_in(s, s->store) == 1);
    commit(s);
    CHECK(events_in(s, reader) == 1);
    CHECK(s->does->begin(reader, &s->error) != WF_OK);
    CHECK(s->does->append(reader, &row, &s->error) != WF_OK);
    CHECK(events_in(s, reader) == 1);
    s->does->close(reader);
}

/* Transactions */

static void what_is_committed_stays(struct subject *s)
{
    begin(s);
    CHECK(append(s, 1, 1, WF_BYTES("kept"), NULL) == WF_OK);
    commit(s);
    begin(s);
    CHECK(append(s, 1, 2, WF_BYTES("lost"), NULL) == WF_OK);
    reopen(s); /* without a commit */
    CHECK(events_in(s, s->store) == 1);
}

static void a_rollback_undoes_everything(struct subject *s)
{
    int64_t before = 0, again = 0;

    begin(s);
    CHECK(append(s, 1, 1, WF_BYTES("a"), &before) == WF_OK);
    CHECK(insert(s, 1, WF_BYTES("k"), true, true) == WF_OK);
    s->does->rollback(s->store);
    s->does->rollback(s->store); /* harmless */
    CHECK(events_in(s, s->store) == 0);
    begin(s);
    CHECK(append(s, 1, 1, WF_BYTES("a"), &again) == WF_OK);
    CHECK(insert(s, 1, WF_BYTES("k"), true, true) == WF_OK);
    commit(s);
    CHECK(again > 0);
}

static void wrote_tells_whether_anything_was(struct subject *s)
{
    CHECK(!s->does->wrote(s->store));
    begin(s);
    CHECK(!s->does->wrote(s->store));
    OK(ready_delete, 1, 1);
    CHECK(events_in(s, s->store) == 0);
    CHECK(!s->does->wrote(s->store));
    CHECK(append(s, 1, 1, WF_BYTES("a"), NULL) == WF_OK);
    CHECK(s->does->wrote(s->store));
    commit(s);
    CHECK(!s->does->wrote(s->store));
    begin(s);
    CHECK(!s->does->wrote(s->store));
    commit(s);
}

static void nothing_is_written_outside_a_transaction(struct subject *s)
{
    CHECK(s->does->commit(s->store, &s->error) == WF_STORE_ERROR);
    CHECK(append(s, 1, 1, WF_BYTES("a"), NULL) != WF_OK);
    CHECK(insert(s, 1, WF_BYTES("k"), true, true) != WF_OK);
    begin(s);
    CHECK(s->does->begin(s->store, &s->error) != WF_OK);
    CHECK(append(s, 1, 1, WF_BYTES("a"), NULL) == WF_OK); /* the first goes on */
    commit(s);
    CHECK(events_in(s, s->store) == 1);
}

static void a_second_writer_waits_and_gives_up(struct subject *s)
{
    struct wf_store *other = open_another(s, false);

    begin(s);
    CHECK(s->does->begin(other, &s->error) == WF_STORE_UNAVAILABLE);
    CHECK(s->error.message[0]);
    commit(s);
    CHECK(s->does->begin(other, &s->error) == WF_OK);
    CHECK(s->does->commit(other, &s->error) == WF_OK);
    s->does->close(other);
}

static void a_refusal_leaves_the_transaction_whole(struct subject *s)
{
    begin(s);
    CHECK(append(s, 1, 1, WF_BYTES("a"), NULL) == WF_OK);
    CHECK(append(s, 1, 1, WF_BYTES("b"), NULL) == WF_STALE);
    CHECK(insert(s, 1, WF_BYTES("k"), true, true) == WF_OK);
    CHECK(insert(s, 2, WF_BYTES("k"), true, true) == WF_EXISTING);
    commit(s);
    reopen(s);
    CHECK(events_in(s, s->store) == 1);
}

/* The log */

static void positions_rise_over_the_whole_log(struct subject *s)
{
    int64_t last = 0, position;

    OK(last_position, &position);
    CHECK(position == 0);
    for (int i = 1; i <= 6; i++) {
        begin(s);
        CHECK(append(s, i % 2, i, WF_BYTES("e"), &position) == WF_OK);
        CHECK(position > last);
        last = position;
        OK(last_position, &position);
        CHECK(position == last);
        commit(s);
    }
}

static void a_version_exists_once_in_a_run(struct subject *s)
{
    begin(s);
    CHECK(append(s, 7, 3, WF_BYTES("a"), NULL) == WF_OK);
    commit(s);
    begin(s);
    CHECK(append(s, 7, 3, WF_BYTES("b"), NULL) == WF_STALE);
    CHECK(s->error.status == WF_STALE);
    CHECK(append(s, 8, 3, WF_BYTES("c"), NULL) == WF_OK);
    CHECK(append(s, 7, 5, WF_BYTES("d"), NULL) == WF_OK);
    commit(s);
}

static void events_are_read_by_run_and_by_log(struct subject *s)
{
    int64_t positions[8];
    struct seen log = {0}, run = {0}, some = {0}, stopped = {.stop_at = 2}, none = {0};

    begin(s);
    for (int i = 0; i < 8; i++) { /* run 1: versions 10, 12, 14, 16; run 2: 11, 13, 15, 17 */
        CHECK(append(s, 1 + i % 2, 10 + i, WF_BYTES("e"), &positions[i]) == WF_OK);
    }
    commit(s);
    OK(read_log, 0, 100, see_event, &log);
    CHECK(SEEN(&log, 10, 11, 12, 13, 14, 15, 16, 17));
    OK(read_run, 2, 0, 100, see_event, &run);
    CHECK(SEEN(&run, 11, 13, 15, 17));
    OK(read_run, 2, 13, 1, see_event, &some);
    OK(read_log, positions[5], 100, see_event, &some);
    OK(read_log, positions[0], 2, see_event, &some);
    CHECK(SEEN(&some, 15, 16, 17, 11, 12));
    OK(read_run, 1, 0, 100, see_event, &stopped);
    CHECK(SEEN(&stopped, 10, 12));
    OK(read_run, 3, 0, 100, see_event, &none);
    OK(read_run, 1, 16, 100, see_event, &none);
    OK(read_log, positions[7], 100, see_event, &none);
    CHECK(none.count == 0);
}

struct expected {
    struct subject *s;
    struct wf_bytes bytes[4];
    int count;
};

static bool expect_events(void *context, const struct wf_event_row *row)
{
    struct expected *expected = context;
    struct subject *s = expected->s;

    CHECK(wf_bytes_equal(row->events, expected->bytes[expected->count]));
    expected->count++;
    return true;
}

static struct wf_bytes big_bytes(char *memory)
{
    for (size_t i = 0; i < BIG_LEN; i++) {
        memory[i] = (char)(i * 31 + i / 251);
    }
    return (struct wf_bytes){memory, BIG_LEN};
}

static void any_bytes_come_back(struct subject *s)
{
    char *memory = malloc(BIG_LEN);
    struct expected expected = {
        s, {WF_BYTES("a\0b\0"), {NULL, 0}, WF_BYTES("\xff\xfe"), big_bytes(memory)}, 0};
    struct wf_run_row row;

    begin(s);
    for (int i = 0; i < 4; i++) {
        struct wf_run_row run = run_row(i + 1, expected.bytes[i], true, true);

        run.state = expected.bytes[3 - i];
        CHECK(append(s, 1, i + 1, expected.bytes[i], NULL) == WF_OK);
        OK(run_insert, &run);
    }
    commit(s);
    reopen(s);
    OK(read_run, 1, 0, 10, expect_events, &expected);
    CHECK(expected.count == 4);
    for (int i = 0; i < 4; i++) {
        OK(run_load, i + 1, &row);
        CHECK(wf_bytes_equal(row.key, expected.bytes[i]));
        CHECK(wf_bytes_equal(row.state, expected.bytes[3 - i]));
        OK(run_find, expected.bytes[i], &row);
        CHECK(row.id == i + 1);
        CHECK(wf_bytes_equal(row.state, expected.bytes[3 - i]));
    }
    free(memory);
}

/* Upkeep */

static void a_checkpoint_empties_the_log_of_pages(struct subject *s)
{
    int left = -1;

    begin(s);
    CHECK(append(s, 1, 1, WF_BYTES("a"), NULL) == WF_OK);
    CHECK(DO(checkpoint, &left) != WF_OK); /* not in a transaction */
    commit(s);
    CHECK(s->does->pages(s->store) > 0);
    OK(checkpoint, &left);
    CHECK(left == 0 && s->does->pages(s->store) == 0);
    s->does->shrink(s->store); /* nothing is lost by it */
    OK(checkpoint, &left);     /* with nothing to do */
    CHECK(left == 0);
    begin(s);
    CHECK(append(s, 1, 2, WF_BYTES("b"), NULL) == WF_OK);
    commit(s);
    CHECK(s->does->pages(s->store) > 0);
    CHECK(events_in(s, s->store) == 2);
}

struct interruption {
    struct subject *s;
    int rows;
};

static void *interrupt(void *context)
{
    struct subject *s = context;

    s->does->interrupt(s->store);
    return NULL;
}

static bool interrupt_from_a_thread(void *context, const struct wf_event_row *row)
{
    struct interruption *interruption = context;
    struct subject *s = interruption->s;
    pthread_t thread;

    (void)row;
    interruption->rows++;
    CHECK(pthread_create(&thread, NULL, interrupt, s) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return true;
}

static void a_read_can_be_interrupted(struct subject *s)
{
    struct interruption interruption = {s, 0};

    begin(s);
    for (int i = 1; i <= 20; i++) {
        CHECK(append(s, 1, i, WF_BYTES("e"), NULL) == WF_OK);
    }
    commit(s);
    CHECK(DO(read_log, 0, 100, interrupt_from_a_thread, &interruption) == WF_INTERRUPTED);
    CHECK(interruption.rows == 1);
    CHECK(events_in(s, s->store) == 20); /* only that read */
    s->does->interrupt(s->store);        /* with nothing to interrupt */
    CHECK(events_in(s, s->store) == 20);
}

static const struct contract_case cases[] = {
    CASE(a_reader_never_creates),
    CASE(a_reader_sees_what_is_committed_and_writes_nothing),
    CASE(what_is_committed_stays),
    CASE(a_rollback_undoes_everything),
    CASE(wrote_tells_whether_anything_was),
    CASE(nothing_is_written_outside_a_transaction),
    CASE(a_second_writer_waits_and_gives_up),
    CASE(a_refusal_leaves_the_transaction_whole),
    CASE(positions_rise_over_the_whole_log),
    CASE(a_version_exists_once_in_a_run),
    CASE(events_are_read_by_run_and_by_log),
    CASE(any_bytes_come_back),
    CASE(a_checkpoint_empties_the_log_of_pages),
    CASE(a_read_can_be_interrupted),
    {NULL, NULL},
};

static int run_case(const struct contract_case *one, const struct wf_store_functions *does,
                    const char *path)
{
    struct subject subject = {.does = does, .path = path};
    struct subject *s = &subject;

    s->store = open_another(s, false);
    if (s->store) {
        one->run(s);
        does->close(s->store);
    }
    if (s->failures) {
        fprintf(stderr, "the %s store breaks the contract: %s\n", does->name, one->name);
    }
    return s->failures != 0;
}

int store_contract(const struct wf_store_functions *does, store_contract_path_fn *fresh_path)
{
    const struct contract_case *lists[] = {cases, contract_runs_cases, contract_claims_cases,
                                           contract_queries_cases};
    int failed = 0;

    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        for (const struct contract_case *one = lists[i]; one->name; one++) {
            failed += run_case(one, does, fresh_path());
        }
    }
    return failed;
}
