/*
 * A workflow as the present code declares it: a graph of steps with their options. Immutable once built.
 * A run pins names, kinds and dependencies when it starts; place, retries, backoff and expiry are asked
 * here, by name, whenever a decision needs them.
 *
 * Ownership: counted. The builder holds one reference; an append that waits for the committer holds
 * another. Any thread may retain and release.
 */
#ifndef WF_DEFINITION_H
#define WF_DEFINITION_H

#include <stdatomic.h>

#include "wf.h"

/* Stored: never renumber. */
enum wf_step_kind { WF_STEP_NOW = 0, WF_STEP_LATER = 1, WF_STEP_AWAIT = 2 };

enum wf_place { WF_PLACE_ANY = 0, WF_PLACE_NOW = 1, WF_PLACE_LATER = 2 };

#define WF_BACKOFF_EXPONENTIAL (-1)

struct wf_definition_step {
    struct wf_bytes name;
    enum wf_step_kind kind;
    enum wf_place place;
    uint32_t retries;
    int64_t backoff_ms; /* constant, or WF_BACKOFF_EXPONENTIAL */
    int64_t expires_ms; /* of an await, from when it opens; 0: never */
    struct wf_bytes otherwise;
    int64_t wait_ms;        /* between its turn and its start */
    int64_t timeout_ms;     /* of an attempt, from when it is entered; 0: none */
    bool once;              /* never entered twice */
    int64_t remind_ms;      /* of an await, from when it opens; 0: nobody is reminded */
    struct wf_bytes remind; /* the method that reminds */
    bool early;             /* an await that keeps an input which comes before its turn */
    bool asks; /* an await with conditions, which somebody has to ask before it opens */
    uint16_t
        either; /* awaits of one number, from 1: the first accepted skips the others; 0: none */
    const uint16_t *deps; /* indexes of the steps that this one comes after */
    uint16_t dep_count;
    const struct wf_bytes *was; /* names that it had in earlier code, which open runs still use */
    uint16_t was_count;
};

struct wf_definition {
    _Atomic int references;
    struct wf_bytes class_name, name;
    bool unique;
    uint16_t step_count;
    const struct wf_definition_step *steps;
    void *memory; /* private: what the bytes and arrays point into */
};

/* Copies everything given. NULL: out of memory. The caller owns one reference. */
struct wf_definition *wf_definition_new(struct wf_bytes class_name, struct wf_bytes name,
                                        bool unique, const struct wf_definition_step *steps,
                                        uint16_t step_count);
struct wf_definition *wf_definition_retain(struct wf_definition *definition); /* NULL is allowed */
void wf_definition_release(struct wf_definition *definition);                 /* NULL is allowed */

/* The step that has that name, or had it, or NULL; `guess` is looked at first. NULL definitions have no
 * steps. */
const struct wf_definition_step *wf_definition_find(const struct wf_definition *definition,
                                                    struct wf_bytes name, int guess);

#endif
