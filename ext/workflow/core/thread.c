#include "thread.h"

#include <signal.h>

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
