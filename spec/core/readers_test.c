#include "engine_support.h"

static char path[400];
static struct wf_gate gate;
static struct wf_readers readers;
static _Atomic int lent, most, stop, reads;

static void make_file(void)
{
    struct wf_store_options options = {.path = new_path(path, "store"), .busy_ms = 5000};
    struct wf_store *store;

    CHECK(wf_store_sqlite.open(&store, &options, NULL) == WF_OK);
    wf_store_sqlite.close(store);
    wf_gate_init(&gate);
    wf_readers_init(&readers, &wf_store_sqlite, path, NULL, &gate);
}

static void *read_often(void *context)
{
    (void)context;
    while (!atomic_load(&stop)) {
        struct wf_store *store;
        int64_t position;
        int now;

        CHECK(wf_readers_take(&readers, &store, NULL) == WF_OK);
        now = atomic_fetch_add(&lent, 1) + 1;
        if (now > atomic_load(&most)) {
            atomic_store(&most, now);
        }
        CHECK(wf_store_sqlite.last_position(store, &position, NULL) <= WF_INTERRUPTED);
        atomic_fetch_sub(&lent, 1);
        atomic_fetch_add(&reads, 1);
        wf_readers_give(&readers, store);
    }
    return NULL;
}

/* As a fork does it. */
static void close_and_open(void)
{
    wf_readers_interrupt(&readers);
    wf_gate_close(&gate);
    CHECK(atomic_load(&lent) == 0);
    wf_readers_close(&readers);
    wf_gate_open(&gate);
}

TEST(a_few_connections_serve_many_threads_and_are_closed_while_nobody_reads)
{
    pthread_t threads[8];

    make_file();
    for (int i = 0; i < 8; i++) {
        threads[i] = spawn(read_often, NULL);
    }
    for (int i = 0; i < 30; i++) {
        int before = atomic_load(&reads);

        close_and_open();
        UNTIL(atomic_load(&reads) > before);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 8; i++) {
        join(threads[i]);
    }
    CHECK(atomic_load(&most) >= 1 && atomic_load(&most) <= WF_READERS_MAX);
    wf_readers_destroy(&readers);
    wf_gate_destroy(&gate);
}

static enum wf_status refuse(struct wf_store **store, const struct wf_store_options *options,
                             struct wf_error *error)
{
    (void)options;
    *store = NULL;
    return wf_fail(error, WF_STORE_UNAVAILABLE, "made to fail");
}

TEST(a_connection_that_cannot_be_opened_is_not_lent)
{
    struct wf_store_functions broken = wf_store_sqlite;
    struct wf_error error;
    struct wf_store *store;

    make_file();
    broken.open = refuse;
    readers.does = &broken;
    for (int i = 0; i < 3 * WF_READERS_MAX; i++) {
        CHECK(wf_readers_take(&readers, &store, &error) == WF_STORE_UNAVAILABLE &&
              gate.inside == 0);
    }
    readers.does = &wf_store_sqlite;
    CHECK(wf_readers_take(&readers, &store, &error) == WF_OK && gate.inside == 1);
    wf_readers_give(&readers, store);
    wf_readers_destroy(&readers);
    wf_gate_destroy(&gate);
}
