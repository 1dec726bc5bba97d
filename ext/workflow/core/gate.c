#include "gate.h"

void wf_gate_init(struct wf_gate *gate)
{
    *gate = (struct wf_gate){0};
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

void wf_gate_destroy(struct wf_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
}

void wf_gate_enter(struct wf_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->closed) {
        pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    gate->inside++;
    pthread_mutex_unlock(&gate->mutex);
}

void wf_gate_leave(struct wf_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->inside--;
    if (gate->closed && !gate->inside) {
        pthread_cond_broadcast(&gate->changed);
    }
    pthread_mutex_unlock(&gate->mutex);
}

void wf_gate_close(struct wf_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->closed) {
        pthread_cond_wait(&gate->changed, &gate->mutex); /* another thread forks at this moment */
    }
    gate->closed = true;
    while (gate->inside) {
        pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    pthread_mutex_unlock(&gate->mutex);
}

void wf_gate_open(struct wf_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->closed = false;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}
