/*
 * The contract of stores: the runs that a filter means. Beside examples, a table of random runs is asked random
 * questions, and each answer is compared with a look at every run.
 */
#include "random.h"
#include "state.h"
#include "store_contract_case.h"

#define CROWD 400
#define QUESTIONS 600
#define DENSE 3000

struct person {
    int64_t id;
    char key[32];
    const char *class_name;
    int status;
    char plan, size; /* a value each, or 0 */
};

static struct wf_bytes text(const char *words)
{
    return (struct wf_bytes){words, strlen(words)};
}

static struct wf_bytes pair(struct wf_buffer *buffer, const char *name, const char *value)
{
    wf_buffer_put_bytes(buffer, text(name));
    wf_buffer_put_bytes(buffer, text(value));
    return wf_buffer_bytes(buffer);
}

static void put(struct subject *s, int64_t id, const char *class_name, const char *key, int status,
                struct wf_bytes tags)
{
    struct wf_run_row row = run_row(id, text(key), status < WF_RUN_done, false);

    row.class_name = text(class_name);
    row.status = status;
    row.tags = tags;
    OK(run_insert, &row);
}

static bool see_run(void *context, const struct wf_run_row *row)
{
    return see(context, row->id);
}

/* In as many reads as it takes: not for ever. */
static void search(struct subject *s, const struct wf_run_filter *filter, int stop_at,
                   struct seen *seen)
{
    int64_t before = 0;
    int reads = 0;

    *seen = (struct seen){.stop_at = stop_at};
    do {
        OK(run_search, filter, &before, see_run, seen);
    } while (before && seen->count != stop_at && ++reads < 100);
    CHECK(reads < 100);
}

static int64_t count(struct subject *s, const struct wf_run_filter *filter)
{
    int64_t before = 0, found = 0;
    int reads = 0;

    do {
        OK(run_count, filter, &before, &found);
    } while (before && ++reads < 100);
    CHECK(reads < 100);
    return found;
}

#define FINDS(filter, ...)                                                                         \
    do {                                                                                           \
        search(s, filter, 0, &seen);                                                               \
        CHECK(SEEN(&seen, __VA_ARGS__));                                                           \
        CHECK(count(s, filter) == seen.count);                                                     \
    } while (0)

static void runs_are_found_by_class_and_status(struct subject *s)
{
    struct wf_run_filter filter = {.class_name = WF_BYTES("Order")};
    struct seen seen;

    begin(s);
    put(s, 1, "Order", "Order/1#w", WF_RUN_running, WF_BYTES(""));
    put(s, 2, "Orders", "Orders/1#w", WF_RUN_running, WF_BYTES(""));
    put(s, 3, "Order", "Order/2#w", WF_RUN_waiting, WF_BYTES(""));
    put(s, 4, "Order", "Order/1#x", WF_RUN_done, WF_BYTES(""));
    put(s, 5, "Order", "Order/3#w", WF_RUN_running, WF_BYTES(""));
    commit(s);
    FINDS(&filter, 5, 4, 3, 1);
    filter.statuses = WF_STATUS_BIT(WF_RUN_running);
    FINDS(&filter, 5, 1);
    filter.statuses |= WF_STATUS_BIT(WF_RUN_done);
    FINDS(&filter, 5, 4, 1);
    search(s, &filter, 2, &seen);
    CHECK(SEEN(&seen, 5, 4));
    filter.name = WF_BYTES("w");
    FINDS(&filter, 5, 1);
    filter = (struct wf_run_filter){.statuses = WF_STATUS_BIT(WF_RUN_running)};
    FINDS(&filter, 5, 2, 1);
    filter = (struct wf_run_filter){.class_name = WF_BYTES("Letter")};
    search(s, &filter, 0, &seen);
    CHECK(seen.count == 0 && count(s, &filter) == 0);
}

static void what_changes_is_found_as_it_is(struct subject *s)
{
    struct wf_run_filter running = {WF_BYTES("Order"), .statuses = WF_STATUS_BIT(WF_RUN_running)};
    struct wf_run_filter done = {WF_BYTES("Order"), .statuses = WF_STATUS_BIT(WF_RUN_done)};
    struct wf_run_row row = run_row(1, WF_BYTES("Order/1#w"), true, false);
    struct seen seen;

    begin(s);
    put(s, 1, "Order", "Order/1#w", WF_RUN_waiting, WF_BYTES(""));
    row.status = WF_RUN_running;
    CHECK(update(s, &row) == WF_OK);
    commit(s);
    FINDS(&running, 1);
    begin(s);
    row.status = WF_RUN_done;
    row.open = false;
    CHECK(update(s, &row) == WF_OK);
    FINDS(&done, 1); /* seen inside its own transaction */
    commit(s);
    CHECK(count(s, &running) == 0 && count(s, &done) == 1);
    begin(s);
    CHECK(s->does->clear_projections(s->store, &s->error) == WF_OK);
    commit(s);
    CHECK(count(s, &done) == 0);
}

static void a_subject_is_not_another_that_begins_like_it(struct subject *s)
{
    struct wf_run_filter filter = {.subject = WF_BYTES("Order/1#")};
    struct seen seen;

    begin(s);
    put(s, 1, "Order", "Order/1#w", WF_RUN_running, WF_BYTES(""));
    put(s, 2, "Order", "Order/1#.m", WF_RUN_done, WF_BYTES(""));
    put(s, 3, "Order", "Order/1#2#w", WF_RUN_running, WF_BYTES(""));
    put(s, 4, "Order", "Order/12#w", WF_RUN_running, WF_BYTES(""));
    put(s, 5, "Order", "Order/1#w", WF_RUN_failed, WF_BYTES(""));
    commit(s);
    FINDS(&filter, 5, 2, 1);
    filter.name = WF_BYTES("w");
    FINDS(&filter, 5, 1);
    filter.statuses = WF_STATUS_BIT(WF_RUN_failed);
    FINDS(&filter, 5);
    filter = (struct wf_run_filter){.subject = WF_BYTES("Order/1#2#")};
    FINDS(&filter, 3);
}

static void runs_are_found_by_tags(struct subject *s)
{
    struct wf_buffer pro = {0}, both = {0}, empty = {0};
    struct wf_run_filter filter = {.class_name = WF_BYTES("Order")};
    struct seen seen;

    pair(&pro, "plan", "pro");
    pair(&both, "plan", "pro");
    pair(&both, "size", "big");
    pair(&empty, "plan", "");
    begin(s);
    put(s, 1, "Order", "Order/1#w", WF_RUN_running, wf_buffer_bytes(&pro));
    put(s, 2, "Order", "Order/2#w", WF_RUN_running, wf_buffer_bytes(&both));
    put(s, 3, "Letter", "Letter/2#w", WF_RUN_running, wf_buffer_bytes(&both));
    put(s, 4, "Order", "Order/4#w", WF_RUN_done, wf_buffer_bytes(&both));
    put(s, 5, "Order", "Order/4#w", WF_RUN_done, wf_buffer_bytes(&empty));
    commit(s);
    filter.tags = wf_buffer_bytes(&pro);
    FINDS(&filter, 4, 2, 1);
    filter.tags = wf_buffer_bytes(&both);
    FINDS(&filter, 4, 2);
    filter.statuses = WF_STATUS_BIT(WF_RUN_running);
    FINDS(&filter, 2);
    filter.subject = WF_BYTES("Order/4#");
    search(s, &filter, 0, &seen);
    CHECK(seen.count == 0);
    filter.statuses = 0;
    FINDS(&filter, 4);
    filter =
        (struct wf_run_filter){.class_name = WF_BYTES("Order"), .tags = wf_buffer_bytes(&empty)};
    FINDS(&filter, 5);
    wf_buffer_destroy(&pro);
    wf_buffer_destroy(&both);
    wf_buffer_destroy(&empty);
}

static void tags_that_are_none_are_refused(struct subject *s)
{
    struct wf_run_filter filter = {.tags = WF_BYTES("\1n\1v")};
    struct wf_run_row row = run_row(1, WF_BYTES("Order/1#w"), true, false);
    int64_t before = 0, found = 0;

    CHECK(DO(run_count, &filter, &before, &found) == WF_INVALID); /* of which class? */
    filter.class_name = WF_BYTES("Order");
    filter.tags = WF_BYTES("\1n\5v");
    CHECK(DO(run_count, &filter, &before, &found) == WF_INVALID);
    CHECK(DO(run_search, &filter, &before, see_run, NULL) == WF_INVALID);
    row.tags = filter.tags;
    begin(s);
    CHECK(DO(run_insert, &row) == WF_STORE_CORRUPT);
    s->does->rollback(s->store);
}

/* However many there are, a read is short, and the next goes on where it ended. */
static void a_search_goes_on_where_it_ended(struct subject *s)
{
    struct wf_buffer odd = {0}, rare = {0};
    struct wf_run_filter filter = {.class_name = WF_BYTES("Order")};
    struct seen seen;
    int64_t before = 0, found = 0;

    pair(&odd, "n", "odd");
    pair(&rare, "n", "odd");
    pair(&rare, "r", "rare");
    begin(s);
    for (int i = 1; i <= DENSE; i++) {
        char key[32];

        snprintf(key, sizeof(key), "Order/%d#w", i);
        put(s, i, "Order", key, i % 2 ? WF_RUN_done : WF_RUN_waiting,
            i == 7 || i == 2001 ? wf_buffer_bytes(&rare)
            : i % 2             ? wf_buffer_bytes(&odd)
                                : WF_BYTES(""));
    }
    commit(s);
    CHECK(count(s, &filter) == DENSE);
    filter.name = WF_BYTES("x"); /* nobody's: all are looked at */
    OK(run_search, &filter, &before, see_run, &seen);
    CHECK(before > 1 && before < DENSE);
    search(s, &filter, 0, &seen);
    CHECK(seen.count == 0);
    filter.name = WF_BYTES("");
    filter.statuses = WF_STATUS_BIT(WF_RUN_waiting);
    filter.tags = wf_buffer_bytes(&odd); /* no two of them */
    CHECK(count(s, &filter) == 0);
    filter.tags = wf_buffer_bytes(&rare);
    filter.statuses = WF_STATUS_BIT(WF_RUN_done);
    before = 0;
    OK(run_count, &filter, &before, &found);
    CHECK(found == 2 && before == 0); /* what is rare makes it short */
    FINDS(&filter, 2001, 7);
    wf_buffer_destroy(&odd);
    wf_buffer_destroy(&rare);
}

/* ---- Random questions ---- */

static struct person crowd[CROWD];

static const char *one_of(const char *const *words, uint32_t count)
{
    return words[random_below(count)];
}

static void people(struct subject *s)
{
    static const char *const classes[] = {"A", "B"};
    static const char *const names[] = {"w", "x", ".m"};

    begin(s);
    for (int i = 0; i < CROWD; i++) {
        struct person *person = &crowd[i];
        struct wf_buffer tags = {0};

        *person = (struct person){.id = (i + 1) * 3,
                                  .class_name = one_of(classes, 2),
                                  .status = (int)(1 + random_below(WF_RUN_cancelled)),
                                  .plan = random_below(3) ? (char)('a' + random_below(3)) : 0,
                                  .size = random_below(3) ? 'b' : 0};
        snprintf(person->key, sizeof(person->key), "%s/%u#%s", person->class_name, random_below(12),
                 one_of(names, 3));
        if (person->plan) {
            pair(&tags, "plan", (const char[]){person->plan, 0});
        }
        if (person->size) {
            pair(&tags, "size", (const char[]){person->size, 0});
        }
        put(s, person->id, person->class_name, person->key, person->status, wf_buffer_bytes(&tags));
        wf_buffer_destroy(&tags);
    }
    commit(s);
}

struct question {
    struct wf_run_filter filter;
    char subject[16], plan, size;
    struct wf_buffer tags;
};

static void invent(struct question *question)
{
    static const char *const names[] = {"w", "x", ".m"};
    struct wf_run_filter *filter = &question->filter;

    *question = (struct question){0};
    filter->class_name = text(random_below(2) ? "A" : "B");
    if (random_below(3) == 0) {
        snprintf(question->subject, sizeof(question->subject), "%s/%u#", filter->class_name.ptr,
                 random_below(13));
        filter->subject = text(question->subject);
    }
    filter->name = text(random_below(3) ? "" : one_of(names, 3));
    filter->statuses = random_below(3) ? random_below(1u << (WF_RUN_cancelled + 1)) & ~1u : 0;
    question->plan = random_below(2) ? (char)('a' + random_below(4)) : 0;
    question->size = random_below(3) ? 0 : 'b';
    if (question->plan) {
        pair(&question->tags, "plan", (const char[]){question->plan, 0});
    }
    if (question->size) {
        pair(&question->tags, "size", (const char[]){question->size, 0});
    }
    filter->tags = wf_buffer_bytes(&question->tags);
}

static bool is_meant(const struct person *person, const struct question *question)
{
    const struct wf_run_filter *filter = &question->filter;
    const char *name = strrchr(person->key, '#') + 1;

    return !strcmp(person->class_name, filter->class_name.ptr) &&
           !strncmp(person->key, question->subject, strlen(question->subject)) &&
           (!filter->name.len || !strcmp(name, filter->name.ptr)) &&
           (!filter->statuses || filter->statuses & WF_STATUS_BIT(person->status)) &&
           (!question->plan || question->plan == person->plan) &&
           (!question->size || question->size == person->size);
}

static void any_question_is_answered_as_a_look_at_every_run_answers_it(struct subject *s)
{
    random_seed("queries");
    people(s);
    for (int i = 0; i < QUESTIONS; i++) {
        struct question question;
        struct seen seen;
        int64_t meant = 0;
        bool same = true;

        invent(&question);
        search(s, &question.filter, 0, &seen);
        for (int p = CROWD - 1; p >= 0; p--) {
            if (is_meant(&crowd[p], &question)) {
                same &= meant >= SEEN_MAX || seen.ids[meant] == crowd[p].id;
                meant++;
            }
        }
        CHECK(same && seen.count == meant && count(s, &question.filter) == meant);
        wf_buffer_destroy(&question.tags);
    }
}

const struct contract_case contract_queries_cases[] = {
    CASE(runs_are_found_by_class_and_status),
    CASE(what_changes_is_found_as_it_is),
    CASE(a_subject_is_not_another_that_begins_like_it),
    CASE(runs_are_found_by_tags),
    CASE(tags_that_are_none_are_refused),
    CASE(a_search_goes_on_where_it_ended),
    CASE(any_question_is_answered_as_a_look_at_every_run_answers_it),
    {NULL, NULL},
};
