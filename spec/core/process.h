/*
 * For tests with real processes: a directory that goes away, children that say and hear single
 * bytes, and waiting for a condition. Nothing here sleeps in place of a wait, and every wait has a
 * deadline.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "test.h"

#define DEADLINE_MS 20000

struct child {
    pid_t pid;     /* 0 in the child itself */
    int hear, say; /* ends of two pipes */
};

static char test_directory[256];
static pid_t test_pid;

static inline int remove_entry(const char *path, const struct stat *file, int flag,
                               struct FTW *walk)
{
    (void)file, (void)flag, (void)walk;
    return remove(path);
}

static inline void remove_directory(void)
{
    if (getpid() == test_pid) {
        nftw(test_directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
}

/* A path in this program's directory: a new one with every call. */
static inline const char *new_path(char path[400], const char *name)
{
    static int count;
    const char *parent = getenv("TMPDIR");

    if (!test_directory[0]) {
        snprintf(test_directory, sizeof(test_directory), "%s/wf-test-XXXXXX",
                 parent ? parent : "/tmp");
        if (!mkdtemp(test_directory)) {
            perror(test_directory);
            exit(1);
        }
        test_pid = getpid();
        atexit(remove_directory);
    }
    snprintf(path, 400, "%s/%d-%s", test_directory, ++count, name);
    return path;
}

static inline int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Looks until the condition holds; a failed check if it does not within the deadline. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int64_t until_ms_ = now_ms() + DEADLINE_MS;                                                \
        bool holds_;                                                                               \
        while (!(holds_ = (condition)) && now_ms() < until_ms_) {                                  \
            poll(NULL, 0, 1);                                                                      \
        }                                                                                          \
        CHECK(holds_ &&#condition);                                                                \
    } while (0)

static inline void say(const struct child *child, char byte)
{
    CHECK(write(child->say, &byte, 1) == 1);
}

/* The next byte of the other side; 0 if it is gone, '?' if nothing came in time. */
static inline char hear_within(const struct child *child, int wait_ms)
{
    struct pollfd ready = {.fd = child->hear, .events = POLLIN};
    char byte = 0;

    if (poll(&ready, 1, wait_ms) != 1) {
        return '?';
    }
    return read(child->hear, &byte, 1) == 1 ? byte : 0;
}

static inline char hear(const struct child *child)
{
    return hear_within(child, DEADLINE_MS);
}

/* The child runs `body` and exits with 1 if one of its checks failed. It dies with its parent. */
static inline struct child start(void (*body)(const struct child *parent, void *context),
                                 void *context)
{
    int down[2], up[2], ends = pipe2(down, O_CLOEXEC) | pipe2(up, O_CLOEXEC);
    struct child child = {.hear = up[0], .say = down[1]};

    CHECK(ends == 0);
    signal(SIGPIPE, SIG_IGN); /* saying something to a dead one is a failed check */
    fflush(NULL);
    child.pid = fork();
    CHECK(child.pid >= 0);
    if (child.pid == 0) {
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        close(up[0]);
        close(down[1]);
        child = (struct child){.hear = down[0], .say = up[1]};
        test_failures = 0;
        alarm(CASE_SECONDS);
        body(&child, context);
        fflush(NULL);
        _exit(test_failures != 0);
    }
    close(down[0]);
    close(up[1]);
    return child;
}

static inline int reap(const struct child *child)
{
    int status = -1;

    CHECK(waitpid(child->pid, &status, 0) == child->pid);
    close(child->hear);
    close(child->say);
    return status;
}

static inline void end(const struct child *child)
{
    CHECK(reap(child) == 0);
}

static inline void end_by(const struct child *child, int signal)
{
    int status;

    CHECK(kill(child->pid, signal) == 0);
    status = reap(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signal);
}

static inline void stop_and_see(const struct child *child)
{
    int status = 0;

    CHECK(kill(child->pid, SIGSTOP) == 0);
    CHECK(waitpid(child->pid, &status, WUNTRACED) == child->pid && WIFSTOPPED(status));
}

/* 'S' while it sleeps in the kernel: the third word of its line, after a name in brackets. */
static inline char state_of(pid_t pid)
{
    char path[64], line[512] = "";
    const char *bracket;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    bracket = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return bracket ? bracket[2] : 0;
}

/* Zeroed memory that forked children share. */
static inline void *shared_memory(size_t len)
{
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

#endif
