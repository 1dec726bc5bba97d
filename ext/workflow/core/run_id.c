/* Run ids: how they are given, and as text. */
#include <string.h>

#include "engine.h"

#define EPOCH_MS 1577836800000 /* 2020-01-01: run ids count from here */
#define MS_SHIFT 22            /* below the time: the process's byte, and a counter */
#define BYTE_SHIFT 12

static bool note_id(void *context, const struct wf_run_row *row)
{
    *(int64_t *)context = row->id;
    return false;
}

/* A clock that was set back gives the milliseconds again in which this process's byte may have been another's. */
void wf_engine_count_on(struct wf_engine *engine)
{
    int64_t last = 0;

    engine->does->run_list(engine->committer.store, WF_BYTES(""), 0, 1, note_id, &last, NULL);
    atomic_store(&engine->last_id, last | (((int64_t)1 << MS_SHIFT) - 1));
}

/* Time first, then the process's byte, then a counter: unique without asking anyone, and sorted. */
int64_t wf_engine_reserve(struct wf_engine *engine)
{
    int64_t of_process = (int64_t)engine->liveness.index << BYTE_SHIFT;
    int64_t now = ((wf_clock_wall_ms(&engine->clock) - EPOCH_MS) << MS_SHIFT) | of_process;
    int64_t last = atomic_load(&engine->last_id), id;

    do {
        id = now;
        if (id <= last) {
            id = last + 1;
            if ((id & (((int64_t)1 << BYTE_SHIFT) - 1)) == 0) {
                id = (((last >> MS_SHIFT) + 1) << MS_SHIFT) | of_process;
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
