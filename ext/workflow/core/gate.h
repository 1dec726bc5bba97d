/*
 * The gate that a fork closes. Every thread of the core is inside while it is in SQLite, and outside while
 * it waits for anything else (the turnstile above all). A child forked while a thread was inside would
 * find SQLite's mutexes locked for ever; one that inherited open connections would take no locks. One
 * mutex, never held while inside.
 */
#ifndef WF_GATE_H
#define WF_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct wf_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int inside;
    bool closed;
};

void wf_gate_init(struct wf_gate *gate);
void wf_gate_destroy(struct wf_gate *gate);
void wf_gate_enter(struct wf_gate *gate); /* waits while it is closed */
void wf_gate_leave(struct wf_gate *gate);
void wf_gate_close(struct wf_gate *gate); /* returns when nobody is inside */
void wf_gate_open(struct wf_gate *gate);

#endif
