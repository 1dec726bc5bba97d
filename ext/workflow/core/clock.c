#include "clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t wf_clock_wall_ms(const struct wf_clock *clock)
{
    return read_ms(CLOCK_REALTIME) + atomic_load(&clock->offset_ms);
}

int64_t wf_clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

struct timespec wf_clock_timespec(int64_t mono_ms)
{
    return (struct timespec){.tv_sec = mono_ms / 1000, .tv_nsec = (mono_ms % 1000) * 1000000};
}

void wf_clock_boot_id(char id[WF_BOOT_ID_LEN + 1])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool read = file && fgets(id, WF_BOOT_ID_LEN + 1, file);

    if (file) {
        fclose(file);
    }
    if (!read) {
        strcpy(id, "unknown");
    }
    id[strcspn(id, "\n")] = '\0';
}
