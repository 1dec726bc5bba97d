#include "engine_support.h"

static struct wf_gate gate;
static _Atomic int inside, closed, stop, entered;

static void *come_and_go(void *context)
{
    (void)context;
    while (!atomic_load(&stop)) {
        wf_gate_enter(&gate);
        atomic_fetch_add(&inside, 1);
        CHECK(!atomic_load(&closed));
        atomic_fetch_add(&entered, 1);
        atomic_fetch_sub(&inside, 1);
        wf_gate_leave(&gate);
    }
    return NULL;
}

static void *close_and_open(void *context)
{
    (void)context;
    for (int i = 0; i < 2000; i++) {
        wf_gate_close(&gate);
        CHECK(!atomic_exchange(&closed, 1)); /* one at a time */
        CHECK(atomic_load(&inside) == 0);
        atomic_store(&closed, 0);
        wf_gate_open(&gate);
    }
    return NULL;
}

TEST(while_the_gate_is_closed_nobody_is_inside)
{
    pthread_t threads[5];

    wf_gate_init(&gate);
    for (int i = 0; i < 5; i++) {
        threads[i] = spawn(i < 3 ? come_and_go : close_and_open, NULL);
    }
    join(threads[3]);
    join(threads[4]);
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++) {
        join(threads[i]);
    }
    CHECK(atomic_load(&entered) > 0 && gate.inside == 0 && !gate.closed);
    wf_gate_destroy(&gate);
}
