/* What is asked of many runs at once: by the steps that they are at, in parts, by ids and by keys. */
#include "engine_support.h"

#define RUNS 2500 /* more than one read looks at */

static struct wf_engine *engine;
static char path[400];

static struct wf_search search_of(const struct wf_bytes *steps, int step_count)
{
    return (struct wf_search){
        .filter = {.class_name = WF_BYTES("Signup")}, .steps = steps, .step_count = step_count};
}

/* In as many parts as it takes; the ids, newest first. */
static int found(struct wf_search search, int limit, int64_t *ids, int max)
{
    struct wf_error error = {0};
    int count = 0;

    do {
        struct wf_buffer rows = {0};
        struct wf_reader reader;

        CHECK(wf_engine_search(engine, &search, limit, &rows, &error) == WF_OK);
        reader = wf_reader_of(wf_buffer_bytes(&rows));
        while (reader.at < reader.end) {
            int64_t id = wf_reader_int(&reader);

            CHECK(wf_reader_bytes(&reader).len > 0);
            if (count < max) {
                ids[count] = id;
            }
            count++;
        }
        wf_buffer_destroy(&rows);
    } while (search.before);
    return count;
}

static int64_t counted(struct wf_search search)
{
    struct wf_error error = {0};
    int64_t count = 0;

    do {
        CHECK(wf_engine_count(engine, &search, &count, &error) == WF_OK);
    } while (search.before);
    return count;
}

TEST(runs_are_found_by_the_steps_that_they_are_at)
{
    struct wf_definition *definition = define("a! b<a c?<a d<b,c");
    const struct wf_bytes steps[] = {WF_BYTES("b"), WF_BYTES("c"), WF_BYTES("a"), WF_BYTES("d")};
    struct wf_hand hand = {0};
    int64_t ids[3], seen[3];

    engine = open_engine(new_path(path, "store"));
    hand = hand_of(engine);
    ids[0] = start_run(engine, &hand, definition, "first").id;
    finish(&hand, definition, WF_COMMAND_COMPLETE); /* at b and c */
    ids[1] = start_run(engine, &hand, definition, "second").id;
    finish(&hand, definition, WF_COMMAND_FAIL); /* at a, where it failed */
    ids[2] = start_run(engine, &hand, definition, "third").id;
    finish(&hand, definition, WF_COMMAND_COMPLETE);
    claim(&hand, WF_OP_CLAIM_WAIT, ids[2], "c");
    finish(&hand, definition, WF_COMMAND_ACCEPT); /* at b */

    CHECK(found(search_of(steps, 1), 10, seen, 3) == 2 && seen[0] == ids[2] && seen[1] == ids[0]);
    CHECK(found(search_of(steps, 1), 1, seen, 3) == 2 && seen[0] == ids[2] && seen[1] == ids[0]);
    CHECK(found(search_of(steps, 2), 10, seen, 3) == 1 && seen[0] == ids[0]); /* at both */
    CHECK(found(search_of(steps + 2, 1), 10, seen, 3) == 1 && seen[0] == ids[1]);
    CHECK(found(search_of(steps + 3, 1), 10, seen, 3) == 0); /* untouched */
    CHECK(counted(search_of(steps, 1)) == 2 && counted(search_of(steps + 3, 1)) == 0);
    CHECK(counted(search_of(steps, 0)) == 3);
    close_engine(engine);
    wf_definition_release(definition);
}

TEST(a_long_search_is_told_in_parts)
{
    struct wf_definition *definition = define("a b");
    const struct wf_bytes first[] = {WF_BYTES("a")}, later[] = {WF_BYTES("b")};
    struct wf_buffer rows = {0};
    struct wf_search search;
    struct wf_error error = {0};

    engine = open_engine(new_path(path, "store"));
    for (int i = 0; i < RUNS; i++) {
        char key[16];

        snprintf(key, sizeof(key), "key-%d", i);
        start_run(engine, NULL, definition, key);
    }
    search = search_of(later, 1);
    CHECK(wf_engine_search(engine, &search, 1, &rows, &error) == WF_OK);
    CHECK(search.before && !rows.len); /* not looked at all of them: none is there */
    wf_buffer_destroy(&rows);
    CHECK(found(search_of(later, 1), 10, NULL, 0) == 0 && counted(search_of(later, 1)) == 0);
    CHECK(found(search_of(first, 1), 300, NULL, 0) == RUNS && counted(search_of(first, 1)) == RUNS);
    close_engine(engine);
    wf_definition_release(definition);
}

TEST(many_are_read_by_id_by_key_and_by_subject)
{
    struct wf_definition *definition = define("a");
    const struct wf_bytes keys[] = {WF_BYTES("one#w"), WF_BYTES("none#w"), WF_BYTES("two#w")};
    const struct wf_bytes subjects[] = {WF_BYTES("two#"), WF_BYTES("none#"), WF_BYTES("one#")};
    struct wf_search search = {.filter = {.statuses = WF_STATUS_BIT(WF_RUN_running)}};
    struct wf_buffer rows = {0};
    struct wf_error error = {0};
    struct wf_reader reader;
    int64_t ids[3];

    engine = open_engine(new_path(path, "store"));
    ids[0] = start_run(engine, NULL, definition, "one#w").id;
    ids[1] = 77;
    ids[2] = start_run(engine, NULL, definition, "two#w").id;

    CHECK(wf_engine_fetch(engine, ids, 3, &rows, &error) == WF_OK);
    reader = wf_reader_of(wf_buffer_bytes(&rows));
    CHECK(wf_reader_int(&reader) == ids[0] && wf_reader_bytes(&reader).len);
    CHECK(wf_reader_int(&reader) == ids[2] && wf_reader_bytes(&reader).len);
    CHECK(reader.at == reader.end);

    wf_buffer_clear(&rows);
    CHECK(wf_engine_currents(engine, keys, 3, &rows, &error) == WF_OK);
    reader = wf_reader_of(wf_buffer_bytes(&rows));
    CHECK(wf_reader_int(&reader) == ids[0] && wf_reader_bytes(&reader).len);
    CHECK(wf_reader_int(&reader) == 0 && !wf_reader_bytes(&reader).len);
    CHECK(wf_reader_int(&reader) == ids[2] && wf_reader_bytes(&reader).len);

    wf_buffer_clear(&rows);
    CHECK(wf_engine_ids(engine, &search, subjects, 3, &rows, &error) == WF_OK);
    reader = wf_reader_of(wf_buffer_bytes(&rows));
    CHECK(wf_reader_int(&reader) == ids[2] && wf_reader_int(&reader) == ids[0]);
    CHECK(reader.at == reader.end);
    search.filter.statuses = WF_STATUS_BIT(WF_RUN_failed);
    wf_buffer_clear(&rows);
    CHECK(wf_engine_ids(engine, &search, subjects, 3, &rows, &error) == WF_OK && !rows.len);
    wf_buffer_destroy(&rows);
    close_engine(engine);
    wf_definition_release(definition);
}
