/*
 * A test is one .c file: TEST(name) { … CHECK(…); } as often as wanted. This header brings main,
 * which runs every case in order (or those whose names contain an argument), prints one line each,
 * and exits with 1 if a CHECK failed. A failed CHECK is counted and the case goes on. A case that
 * hangs is ended by SIGALRM after CASE_SECONDS.
 */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CASE_SECONDS 120
#define CASES_MAX 200

static struct {
    const char *name;
    void (*run)(void);
} test_cases[CASES_MAX];
static int test_case_count;
static int test_failures; /* in this process: a forked child reports by its exit status */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __atomic_fetch_add(&test_failures, 1, __ATOMIC_RELAXED);                               \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition);  \
        }                                                                                          \
    } while (0)

#define TEST(case_name)                                                                            \
    static void case_name(void);                                                                   \
    __attribute__((constructor)) static void add_##case_name(void)                                 \
    {                                                                                              \
        test_cases[test_case_count].name = #case_name;                                             \
        test_cases[test_case_count++].run = case_name;                                             \
    }                                                                                              \
    static void case_name(void)

int main(int argc, char **argv)
{
    int failed = 0, ran = 0;

    for (int i = 0; i < test_case_count; i++) {
        int before = test_failures, wanted = argc < 2;

        for (int j = 1; j < argc; j++) {
            wanted |= strstr(test_cases[i].name, argv[j]) != NULL;
        }
        if (!wanted) {
            continue;
        }
        alarm(CASE_SECONDS);
        test_cases[i].run();
        ran++;
        failed += test_failures != before;
        printf("%s %s\n", test_failures == before ? "ok    " : "FAILED", test_cases[i].name);
        fflush(stdout);
    }
    printf("%d cases, %d failed\n", ran, failed);
    return failed || !ran;
}

#endif
