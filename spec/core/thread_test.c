#include "process.h"

#include <pthread.h>

#include "clock.h"
#include "thread.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool told;

static int wait_until(int64_t mono_ms)
{
    struct timespec until = wf_clock_timespec(mono_ms);
    int failed = 0;

    pthread_mutex_lock(&mutex);
    while (!told && !failed) {
        failed = wf_cond_wait_until(&changed, &mutex, &until);
    }
    pthread_mutex_unlock(&mutex);
    return failed;
}

TEST(a_wait_ends_at_its_moment_of_the_monotonic_clock)
{
    int64_t began_ms = wf_clock_mono_ms();

    wf_cond_init(&changed);
    told = false;
    CHECK(wait_until(began_ms + 50) == ETIMEDOUT);
    CHECK(wf_clock_mono_ms() >= began_ms + 50);
    CHECK(wait_until(began_ms) == ETIMEDOUT); /* it is past */
    CHECK(wf_clock_mono_ms() < began_ms + DEADLINE_MS);
    pthread_cond_destroy(&changed);
}

static void *tell(void *context)
{
    pthread_mutex_lock(&mutex);
    told = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
    return context;
}

TEST(a_wait_ends_with_what_was_waited_for)
{
    pthread_t thread;

    wf_cond_init(&changed);
    told = false;
    CHECK(wf_thread_start(&thread, "wf-test", tell, NULL) == 0);
    CHECK(wait_until(wf_clock_mono_ms() + DEADLINE_MS) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    pthread_cond_destroy(&changed);
}
