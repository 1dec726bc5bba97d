/* The fold of each kind of event is specified by scheduler_test.c; here are bytes, damaged and not. */
#include "scheduler_case.h"

#include "random.h"

static struct simulation simulation;

/* A run that has seen much. */
static void live(void)
{
    static const enum wf_command_kind kinds[] = {
        WF_COMMAND_START, WF_COMMAND_STARTED,  WF_COMMAND_FAIL,   WF_COMMAND_RETRY,
        WF_COMMAND_LOST,  WF_COMMAND_COMPLETE, WF_COMMAND_REJECT, WF_COMMAND_ACCEPT};
    static const int steps[] = {-1, 0, 0, 0, 0, 0, 1, 1};

    simulation_begin(&simulation, define("create! confirm? thank mail<create"));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct wf_command command = {.kind = kinds[i],
                                     .step = steps[i],
                                     .attempt = 1,
                                     .crashed = true,
                                     .fence = (int64_t)i,
                                     .delay_ms = -1,
                                     .payload = WF_BYTES("payload"),
                                     .error_class = WF_BYTES("Oops"),
                                     .error_message = WF_BYTES("it broke")};

        simulation.now_ms += 7;
        CHECK(simulate(&simulation, &command, true) == WF_OK);
    }
}

/* Whatever the bytes say, the state can be asked, decided on, and written again. */
static void use(struct wf_state *state)
{
    struct wf_buffer row = {0}, encoded = {0};

    CHECK(wf_state_status(state) <= WF_RUN_cancelled);
    for (int i = 0; i < state->step_count; i++) {
        wf_state_project(state, i);
        wf_state_released(state, i);
    }
    wf_state_encode(state, &encoded);
    for (int kind = WF_COMMAND_STARTED; kind <= WF_COMMAND_RETRY && state->step_count; kind++) {
        struct wf_command command = {.kind = (enum wf_command_kind)kind,
                                     .step = kind % state->step_count,
                                     .now_ms = T0_MS,
                                     .definition = simulation.definition,
                                     .delay_ms = -1};
        int count;

        wf_decide(state, &command, &row, &count);
    }
    wf_buffer_destroy(&row);
    wf_buffer_destroy(&encoded);
}

static char *damaged(struct wf_bytes whole, size_t *len)
{
    char *copy;

    *len = random_below(4) ? whole.len : random_below((uint32_t)whole.len + 1);
    copy = malloc(*len ? *len : 1);
    memcpy(copy, whole.ptr, *len);
    for (uint32_t flips = 1 + random_below(3); flips && *len; flips--) {
        copy[random_below((uint32_t)*len)] ^= (char)(1 << random_below(8));
    }
    return copy;
}

TEST(a_state_cut_short_or_too_long_is_refused)
{
    struct wf_buffer encoded = {0};
    struct wf_state state;

    live();
    wf_state_init(&state);
    wf_state_encode(&simulation.state, &encoded);
    for (size_t len = 0; len < encoded.len; len++) {
        char *copy = malloc(len ? len : 1);

        memcpy(copy, encoded.ptr, len);
        CHECK(wf_state_decode(&state, 1, (struct wf_bytes){copy, len}) == WF_STORE_CORRUPT);
        free(copy);
    }
    CHECK(wf_state_decode(&state, 1, wf_buffer_bytes(&encoded)) == WF_OK && state.step_count == 4);
    wf_buffer_put(&encoded, "", 1);
    CHECK(wf_state_decode(&state, 1, wf_buffer_bytes(&encoded)) == WF_STORE_CORRUPT);
    wf_buffer_destroy(&encoded);
    wf_state_destroy(&state);
    simulation_end(&simulation);
}

TEST(a_damaged_state_is_refused_or_usable)
{
    struct wf_buffer encoded = {0};
    struct wf_state state;
    int usable = 0;

    live();
    wf_state_init(&state);
    wf_state_encode(&simulation.state, &encoded);
    random_seed("damaged states");
    for (int i = 0; i < 40000; i++) {
        size_t len;
        char *copy = damaged(wf_buffer_bytes(&encoded), &len);

        if (wf_state_decode(&state, 1, (struct wf_bytes){copy, len}) == WF_OK) {
            usable++;
            use(&state);
        }
        free(copy);
    }
    CHECK(usable > 100);
    wf_buffer_destroy(&encoded);
    wf_state_destroy(&state);
    simulation_end(&simulation);
}

TEST(damaged_rows_are_refused_or_fold_to_something_usable)
{
    int usable = 0;

    live();
    random_seed("damaged rows");
    for (int i = 0; i < 20000; i++) {
        int hurt = (int)random_below((uint32_t)simulation.row_count);
        enum wf_status status = WF_OK;
        struct wf_state state;

        wf_state_init(&state);
        for (int r = 0; r < simulation.row_count && !status; r++) {
            struct wf_bytes row = wf_buffer_bytes(&simulation.rows[r]);
            char *copy = NULL;

            if (r == hurt) {
                row.ptr = copy = damaged(row, &row.len);
            }
            status = wf_state_fold_row(&state, row);
            free(copy);
        }
        if (status == WF_OK) {
            usable++;
            use(&state);
        } else {
            CHECK(status == WF_STORE_CORRUPT);
        }
        wf_state_destroy(&state);
    }
    CHECK(usable > 100);
    simulation_end(&simulation);
}

TEST(an_event_that_cannot_follow_is_refused)
{
    const struct wf_event events[] = {
        {.kind = WF_KIND_run_started},                                 /* a second birth */
        {.kind = WF_KIND_step_completed, .step = WF_BYTES("nobody")},  /* no such step */
        {.kind = WF_KIND_step_completed},                              /* of no step */
        {.kind = WF_KIND_run_done, .step = WF_BYTES("create")},        /* of a step */
        {.kind = WF_KIND_input_requested, .step = WF_BYTES("create")}, /* not an await */
        {.kind = WF_KIND_step_scheduled, .step = WF_BYTES("confirm")}, /* an await, not expired */
        {.kind = WF_KIND_undo_started, .step = WF_BYTES("create")},    /* not known to this fold */
    };

    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
        live();
        CHECK(wf_state_fold(&simulation.state, &events[i]) == WF_STORE_CORRUPT);
        simulation_end(&simulation);
    }
    simulation_begin(&simulation, define("a"));
    CHECK(wf_state_fold(&simulation.state, &(struct wf_event){.kind = WF_KIND_noted}) ==
          WF_STORE_CORRUPT);
    CHECK(wf_state_fold(&simulation.state, &(struct wf_event){.kind = WF_KIND_run_started}) ==
          WF_STORE_CORRUPT); /* without a birth */
    simulation_end(&simulation);
}

TEST(a_long_error_is_cut_between_characters)
{
    struct wf_buffer encoded = {0};
    struct wf_state state;
    char message[WF_ERROR_TEXT_LEN_MAX + 20];
    struct wf_event event = {.kind = WF_KIND_step_failed,
                             .step = WF_BYTES("create"),
                             .error_message = {message, sizeof(message)}};

    for (size_t i = 0; i + 1 < sizeof(message); i += 2) {
        memcpy(message + i, "\xc3\xa4", 2);
    }
    message[0] = 'x'; /* so that the limit falls in the middle of a character */
    message[1] = 'x';
    memmove(message + 1, message + 2, sizeof(message) - 2);
    live();
    CHECK(wf_state_fold(&simulation.state, &event) == WF_OK);
    CHECK(simulation.state.steps[0].error_message.len == WF_ERROR_TEXT_LEN_MAX - 1);
    wf_state_init(&state);
    wf_state_encode(&simulation.state, &encoded);
    CHECK(wf_state_decode(&state, 1, wf_buffer_bytes(&encoded)) == WF_OK);
    CHECK(wf_bytes_equal(state.steps[0].error_message, simulation.state.steps[0].error_message));
    wf_buffer_destroy(&encoded);
    wf_state_destroy(&state);
    simulation_end(&simulation);
}
