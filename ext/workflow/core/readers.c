#include "readers.h"

#define BUSY_MS 5000

void wf_readers_init(struct wf_readers *readers, const struct wf_store_functions *does,
                     const char *path, struct wf_store_file *file, struct wf_gate *gate)
{
    *readers = (struct wf_readers){.does = does, .path = path, .file = file, .gate = gate};
    pthread_mutex_init(&readers->mutex, NULL);
    pthread_cond_init(&readers->given, NULL);
}

void wf_readers_destroy(struct wf_readers *readers)
{
    wf_readers_close(readers);
    pthread_cond_destroy(&readers->given);
    pthread_mutex_destroy(&readers->mutex);
}

static int lend(struct wf_readers *readers)
{
    for (;;) {
        for (int i = 0; i < WF_READERS_MAX; i++) {
            if (!readers->lent[i]) {
                readers->lent[i] = true;
                return i;
            }
        }
        pthread_cond_wait(&readers->given, &readers->mutex);
    }
}

static void give_index(struct wf_readers *readers, int index)
{
    pthread_mutex_lock(&readers->mutex);
    readers->lent[index] = false;
    pthread_cond_signal(&readers->given);
    pthread_mutex_unlock(&readers->mutex);
}

static enum wf_status open_lent(struct wf_readers *readers, int index, struct wf_error *error)
{
    struct wf_store_options options = {
        .path = readers->path, .read_only = true, .busy_ms = BUSY_MS, .file = readers->file};
    struct wf_store *opened = NULL;
    enum wf_status status = readers->does->open(&opened, &options, error);

    pthread_mutex_lock(&readers->mutex);
    readers->stores[index] = opened;
    pthread_mutex_unlock(&readers->mutex);
    return status;
}

enum wf_status wf_readers_take(struct wf_readers *readers, struct wf_store **store,
                               struct wf_error *error)
{
    enum wf_status status = WF_OK;
    int index;

    pthread_mutex_lock(&readers->mutex);
    index = lend(readers);
    pthread_mutex_unlock(&readers->mutex);

    wf_gate_enter(readers->gate);
    if (!readers->stores[index]) { /* ours while lent; a fork closes it only with the gate closed */
        status = open_lent(readers, index, error);
    }
    if (!status) { /* else it would be read for ever as it was when it lost its name */
        status = readers->does->check(readers->stores[index], error);
    }
    *store = readers->stores[index];
    if (status) {
        wf_gate_leave(readers->gate);
        give_index(readers, index);
    }
    return status;
}

void wf_readers_give(struct wf_readers *readers, struct wf_store *store)
{
    int index = 0;

    pthread_mutex_lock(&readers->mutex);
    while (readers->stores[index] != store) {
        index++;
    }
    pthread_mutex_unlock(&readers->mutex);
    wf_gate_leave(readers->gate);
    give_index(readers, index);
}

void wf_readers_interrupt(struct wf_readers *readers)
{
    pthread_mutex_lock(&readers->mutex);
    for (int i = 0; i < WF_READERS_MAX; i++) {
        if (readers->lent[i] && readers->stores[i]) {
            readers->does->interrupt(readers->stores[i]);
        }
    }
    pthread_mutex_unlock(&readers->mutex);
}

void wf_readers_close(struct wf_readers *readers)
{
    pthread_mutex_lock(&readers->mutex);
    for (int i = 0; i < WF_READERS_MAX; i++) {
        readers->does->close(readers->stores[i]);
        readers->stores[i] = NULL;
    }
    pthread_mutex_unlock(&readers->mutex);
}
