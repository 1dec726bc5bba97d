/*
 * Answers probes over HTTP, in a thread of the core, so that it answers while the interpreter is busy: GET or HEAD of
 * /live and /ready, with 200 or 503 and a line of JSON. What the answers are is asked of a callback (health_report.c);
 * here are the socket and the protocol, and no more of it than a probe needs. Everything is bounded: so many
 * connections, so many bytes of a request, so long for each; nothing is allocated after the start. Who comes when all
 * places are taken gets the one of who has been there longest.
 *
 * Ownership: embedded in the engine. Threads: start, stop and the fork's functions from any; the rest is the thread's
 * own. One mutex, held while a descriptor comes or goes and across a fork, so that the child knows all of them; never
 * while waiting.
 */
#ifndef WF_HEALTH_H
#define WF_HEALTH_H

#include <pthread.h>
#include <stdatomic.h>

#include "error.h"

#define WF_HEALTH_CONNECTIONS_MAX 16
#define WF_HEALTH_REQUEST_LEN_MAX 2048
#define WF_HEALTH_BODY_LEN_MAX 400
#define WF_HEALTH_PATIENCE_MS 2000 /* from the first byte awaited to the last one sent */
#define WF_HEALTH_TICK_MS 1000

enum wf_health_question { WF_HEALTH_LIVE, WF_HEALTH_READY };

/* Both are called on the health thread, and must not wait. */
struct wf_health_source {
    /* Whether it is well; fills the body, NUL-terminated. */
    bool (*answer)(void *context, enum wf_health_question question,
                   char body[WF_HEALTH_BODY_LEN_MAX]);
    void (*tick)(void *context); /* about once a second, before any answer */
    void *context;
};

enum wf_health_phase { WF_HEALTH_NOBODY, WF_HEALTH_READING, WF_HEALTH_WRITING, WF_HEALTH_PARTING };

struct wf_health_connection {
    enum wf_health_phase phase;
    int fd;
    int64_t until_mono_ms;
    size_t len, sent;
    char bytes[WF_HEALTH_REQUEST_LEN_MAX]; /* the request, then the response */
};

struct wf_health {
    /* private to health.c */
    pthread_mutex_t mutex;
    pthread_t thread;
    struct wf_health_source source;
    bool started, closed;
    int listener, wake[2]; /* -1: none */
    int64_t ticked_mono_ms, muted_until_mono_ms;
    struct wf_health_connection connections[WF_HEALTH_CONNECTIONS_MAX];
};

void wf_health_init(struct wf_health *health);
void wf_health_destroy(struct wf_health *health);

/* Listens on a numeric address and a port (0: a free one, told in *bound) and starts the thread. OK | CLOSED (stopped) |
 * INVALID (no such address; or it answers already) | BUSY (somebody listens there) | STORE_ERROR (the system refuses) |
 * NO_MEMORY */
enum wf_status wf_health_start(struct wf_health *health, const char *host, int port,
                               const struct wf_health_source *source, int *bound,
                               struct wf_error *error);
/* Closes everything and joins. For good. Idempotent. */
void wf_health_stop(struct wf_health *health);

/* Around a fork: the child has none of the descriptors, and no thread. */
void wf_health_before_fork(struct wf_health *health);
void wf_health_in_parent(struct wf_health *health);
void wf_health_in_child(struct wf_health *health);

#endif
