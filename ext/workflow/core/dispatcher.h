/*
 * The dispatcher: the thread that watches. It waits for the doorbell, so that work which another process
 * made ready is claimed here at once; it looks a few times a second at who is alive and has the committer
 * take over what the dead held; it notices when it has itself been stopped for long, and is careful then.
 * It never touches the store.
 */
#ifndef WF_DISPATCHER_H
#define WF_DISPATCHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "error.h"

struct wf_engine;

struct wf_dispatcher {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, stopping, woken;
    _Atomic int64_t ticked_mono_ms; /* when it last came round, for the health check */
};

void wf_dispatcher_init(struct wf_engine *engine);
enum wf_status wf_dispatcher_start(struct wf_engine *engine, struct wf_error *error);
void wf_dispatcher_stop(struct wf_engine *engine);
void wf_dispatcher_destroy(struct wf_engine *engine);
/* A parked dispatcher (nothing can be claimed) looks again whether it should listen. Cheap. */
void wf_dispatcher_wake(struct wf_engine *engine);

#endif
