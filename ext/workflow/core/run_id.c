/* Run ids: how they are given, and as text. */
#include <string.h>

#include "engine.h"

#define EPOCH_MS 1577836800000 /* 2020-01-01: run ids count from here */

/* Time first, then the process's byte, then a counter: unique without asking anyone, and sorted. */
int64_t wf_engine_reserve(struct wf_engine *engine)
{
    int64_t of_process = (int64_t)engine->liveness.index << 12;
    int64_t now = ((wf_clock_wall_ms(&engine->clock) - EPOCH_MS) << 22) | of_process;
    int64_t last = atomic_load(&engine->last_id), id;

    do {
        id = now;
        if (id <= last) {
            id = last + 1;
            if ((id & 0xfff) == 0) {
                id = (((last >> 22) + 1) << 22) | of_process;
            }
        }
    } while (!atomic_compare_exchange_weak(&engine->last_id, &last, id));
    return id;
}

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* without i, l, o, u */

void wf_id_write(int64_t id, char text[WF_ID_TEXT_LEN + 1])
{
    for (int i = WF_ID_TEXT_LEN - 1; i >= 0; i--) {
        text[i] = digits[id & 31];
        id >>= 5;
    }
    text[WF_ID_TEXT_LEN] = '\0';
}

bool wf_id_read(struct wf_bytes text, int64_t *id)
{
    uint64_t value = 0;

    if (text.len != WF_ID_TEXT_LEN) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;

        if (!digit) {
            return false;
        }
        value = value << 5 | (uint64_t)(digit - digits);
    }
    *id = (int64_t)value;
    return value <= INT64_MAX;
}
