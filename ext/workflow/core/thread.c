#include "thread.h"

#include <signal.h>

#include "clock.h"

int wf_thread_start(pthread_t *thread, const char *name, void *(*run)(void *context), void *context)
{
    sigset_t blocked, before;
    int failed;

    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    failed = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
#ifdef __linux__
    if (!failed) {
        pthread_setname_np(*thread, name);
    }
#else
    (void)name;
#endif
    return failed;
}

void wf_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
#ifndef __APPLE__
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

int wf_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
#ifdef __APPLE__ /* no condition has a clock there, but a wait may have a length */
    int64_t until_ms = (int64_t)until->tv_sec * 1000 + until->tv_nsec / 1000000;
    int64_t left_ms = until_ms - wf_clock_mono_ms();
    struct timespec left = wf_clock_timespec(left_ms > 0 ? left_ms : 0);

    return pthread_cond_timedwait_relative_np(cond, mutex, &left);
#else
    return pthread_cond_timedwait(cond, mutex, until);
#endif
}
