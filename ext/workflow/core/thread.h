/*
 * Threads of the core: named, with all signals blocked but those that a fault of their own raises, so that
 * the application's handlers run on the application's threads.
 */
#ifndef WF_THREAD_H
#define WF_THREAD_H

#include <pthread.h>

/* 0, or errno's number. The name has at most 15 characters. */
int wf_thread_start(pthread_t *thread, const char *name, void *(*run)(void *context),
                    void *context);

/* A condition whose timed waits are on the monotonic clock (wf_clock_timespec). */
void wf_cond_init(pthread_cond_t *cond);

#endif
