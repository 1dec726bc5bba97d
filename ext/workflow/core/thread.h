/*
 * Threads of the core: named, with all signals blocked but those that a fault of their own raises, so that
 * the application's handlers run on the application's threads.
 */
#ifndef WF_THREAD_H
#define WF_THREAD_H

#include <pthread.h>
#include <time.h>

/* 0, or errno's number. The name has at most 15 characters. */
int wf_thread_start(pthread_t *thread, const char *name, void *(*run)(void *context),
                    void *context);

/* A condition whose timed waits are on the monotonic clock, and such a wait: until a moment of wf_clock_timespec, as
 * pthread_cond_timedwait. 0 | ETIMEDOUT */
void wf_cond_init(pthread_cond_t *cond);
int wf_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);

#endif
