/*
 * Two clocks. The wall clock drives timers and expiry, and a test can move it (`offset_ms`). The
 * monotonic clock drives leases and waits, and nobody can move it; it counts from boot, so a lease is
 * kept together with the id of the boot. Any thread may call anything here.
 */
#ifndef WF_CLOCK_H
#define WF_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

struct wf_clock {
    _Atomic int64_t offset_ms; /* added to the wall clock; 0 outside tests */
};

int64_t wf_clock_wall_ms(const struct wf_clock *clock);
int64_t wf_clock_mono_ms(void);

/* The moment `mono_ms` on CLOCK_MONOTONIC, for wf_cond_wait_until and futexes. */
struct timespec wf_clock_timespec(int64_t mono_ms);

#define WF_BOOT_ID_LEN 36

/* This boot's id, NUL-terminated; "unknown" where the system does not tell. */
void wf_clock_boot_id(char id[WF_BOOT_ID_LEN + 1]);

#endif
