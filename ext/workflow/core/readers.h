/*
 * A few connections for reading, for threads that have left the interpreter: opened when needed, lent to
 * one thread at a time, closed before a fork. One mutex; a lent connection is used without it, inside the
 * gate.
 */
#ifndef WF_READERS_H
#define WF_READERS_H

#include <pthread.h>

#include "gate.h"
#include "store.h"

#define WF_READERS_MAX 4

struct wf_readers {
    const struct wf_store_functions *does;
    /* borrowed from the engine */
    const char *path;
    struct wf_store_file *file; /* NULL: any. Known before the first is taken */
    struct wf_gate *gate;
    /* private to readers.c */
    pthread_mutex_t mutex;
    pthread_cond_t given;
    struct wf_store *stores[WF_READERS_MAX];
    bool lent[WF_READERS_MAX];
};

void wf_readers_init(struct wf_readers *readers, const struct wf_store_functions *does,
                     const char *path, struct wf_store_file *file, struct wf_gate *gate);
void wf_readers_destroy(struct wf_readers *readers);

/* Waits for a free one, enters the gate, opens it if need be, and looks whether it still reads the log. OK, or open's and
 * check's statuses (then nothing is lent and the gate is left). */
enum wf_status wf_readers_take(struct wf_readers *readers, struct wf_store **store,
                               struct wf_error *error);
void wf_readers_give(struct wf_readers *readers, struct wf_store *store);

void wf_readers_interrupt(struct wf_readers *readers); /* ends long reads: a fork waits for them */
void wf_readers_close(struct wf_readers *readers);     /* with the gate closed: nobody reads */

#endif
