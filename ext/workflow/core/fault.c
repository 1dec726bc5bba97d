#include "fault.h"

#include "wf.h"

#ifdef WF_FAULT_POINTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_LEN_MAX 100

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool asked;
static char name_wanted[NAME_LEN_MAX];
static int times_left, trace = -1;

static void ask_locked(void)
{
    const char *point = getenv("WORKFLOW_FAULT_POINT"), *path = getenv("WORKFLOW_FAULT_TRACE");
    const char *times = point ? strrchr(point, '#') : NULL;

    asked = true;
    if (times && times - point < NAME_LEN_MAX) {
        memcpy(name_wanted, point, (size_t)(times - point));
        times_left = atoi(times + 1);
    }
    if (path) {
        trace = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    }
}

void wf_fault_point(const char *name)
{
    char line[NAME_LEN_MAX + 1];
    int len = snprintf(line, sizeof(line), "%s\n", name);

    pthread_mutex_lock(&mutex);
    if (!asked) {
        ask_locked();
    }
    if (trace >= 0 && write(trace, line, (size_t)len) != len) {
        abort();
    }
    if (strcmp(name, name_wanted) == 0 && --times_left == 0) {
        kill(getpid(), SIGKILL);
        for (;;) {
            pause();
        }
    }
    pthread_mutex_unlock(&mutex);
}

#endif
