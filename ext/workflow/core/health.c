/*
 * One thread, one poll over the listener, a pipe that says stop, and a few connections. A connection reads until an
 * empty line, gets its answer, and is then read to its end for a moment, since closing a socket with bytes unread
 * would take the answer back. Reading order: run, serve, respond.
 */
#include "health.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "thread.h"

#define BACKLOG 16
#define MUTE_MS 100 /* when no descriptor is left: the others are served meanwhile */

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* the thread blocks SIGPIPE all the same */
#endif

/* ---- Descriptors ---- */

static bool tune(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && flags >= 0 &&
           fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static int open_socket(const struct addrinfo *address)
{
#ifdef SOCK_CLOEXEC
    return socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
#else
    return socket(address->ai_family, address->ai_socktype, 0);
#endif
}

static int accept_one(int listener)
{
#ifdef __linux__
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    int fd = accept(listener, NULL, NULL);

    if (fd >= 0 && !tune(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
#endif
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void hang_up_locked(struct wf_health_connection *connection)
{
    connection->phase = WF_HEALTH_NOBODY;
    close_fd(&connection->fd);
}

static void hang_up(struct wf_health *health, struct wf_health_connection *connection)
{
    pthread_mutex_lock(&health->mutex);
    hang_up_locked(connection);
    pthread_mutex_unlock(&health->mutex);
}

static void close_all_locked(struct wf_health *health)
{
    for (int i = 0; i < WF_HEALTH_CONNECTIONS_MAX; i++) {
        hang_up_locked(&health->connections[i]);
    }
    close_fd(&health->listener);
    close_fd(&health->wake[0]);
    close_fd(&health->wake[1]);
}

/* ---- What is said ---- */

struct request {
    const char *path;
    size_t path_len;
    bool head, known;
};

static bool is_word(struct wf_bytes bytes, const char *word)
{
    return bytes.len == strlen(word) && memcmp(bytes.ptr, word, bytes.len) == 0;
}

/* Up to the next blank; what is between two of them is a word. */
static struct wf_bytes next_word(struct wf_bytes *line)
{
    const char *blank = memchr(line->ptr, ' ', line->len);
    size_t len = blank ? (size_t)(blank - line->ptr) : line->len;
    struct wf_bytes word = {line->ptr, len};

    line->ptr += blank ? len + 1 : len;
    line->len -= blank ? len + 1 : len;
    return word;
}

static bool is_printable(struct wf_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] <= ' ' || bytes.ptr[i] == 0x7f) {
            return false;
        }
    }
    return bytes.len > 0;
}

/* The first line: method, path, version. false: it is none. */
static bool parse(const char *bytes, size_t len, struct request *request)
{
    const char *end = memchr(bytes, '\n', len), *query;
    struct wf_bytes line = {bytes, end ? (size_t)(end - bytes) : 0}, method, path, version;

    if (line.len && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    method = next_word(&line);
    path = next_word(&line);
    version = line;
    if (!is_printable(method) || !is_printable(path) || path.ptr[0] != '/' ||
        !(is_word(version, "HTTP/1.1") || is_word(version, "HTTP/1.0"))) {
        return false;
    }
    query = memchr(path.ptr, '?', path.len);
    request->path = path.ptr;
    request->path_len = query ? (size_t)(query - path.ptr) : path.len;
    request->head = is_word(method, "HEAD");
    request->known = request->head || is_word(method, "GET");
    return true;
}

static const char *answer_to(struct wf_health *health, const struct request *request,
                             char body[WF_HEALTH_BODY_LEN_MAX])
{
    struct wf_bytes path = {request->path, request->path_len};
    enum wf_health_question question = is_word(path, "/live") ? WF_HEALTH_LIVE : WF_HEALTH_READY;

    if (!request->known) {
        snprintf(body, WF_HEALTH_BODY_LEN_MAX, "{\"error\":\"GET or HEAD\"}\n");
        return "405 Method Not Allowed\r\nAllow: GET, HEAD";
    }
    if (question == WF_HEALTH_READY && !is_word(path, "/ready")) {
        snprintf(body, WF_HEALTH_BODY_LEN_MAX, "{\"error\":\"there are /live and /ready\"}\n");
        return "404 Not Found";
    }
    return health->source.answer(health->source.context, question, body)
               ? "200 OK"
               : "503 Service Unavailable";
}

/* The response takes the request's place. */
static void respond(struct wf_health *health, struct wf_health_connection *connection)
{
    struct request request = {.head = false};
    char body[WF_HEALTH_BODY_LEN_MAX] = "{\"error\":\"not a request\"}\n";
    const char *status = "400 Bad Request";

    if (parse(connection->bytes, connection->len, &request)) {
        status = answer_to(health, &request, body);
    }
    connection->len =
        (size_t)snprintf(connection->bytes, sizeof(connection->bytes),
                         "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                         "Cache-Control: no-store\r\nConnection: close\r\n\r\n%s",
                         status, strlen(body), request.head ? "" : body);
    connection->sent = 0;
    connection->phase = WF_HEALTH_WRITING;
}

/* ---- One connection ---- */

/* Whether the empty line behind the headers has come. */
static bool is_whole(const struct wf_health_connection *connection)
{
    const char *at = connection->bytes, *end = at + connection->len;

    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if (at < end && *at == '\r') {
            at++;
        }
        if (at < end && *at == '\n') {
            return true;
        }
    }
    return false;
}

static bool would_wait(ssize_t count)
{
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static void send_some(struct wf_health *health, struct wf_health_connection *connection)
{
    ssize_t count = send(connection->fd, connection->bytes + connection->sent,
                         connection->len - connection->sent, MSG_NOSIGNAL);

    if (would_wait(count)) {
        return;
    }
    if (count < 0) {
        hang_up(health, connection);
        return;
    }
    connection->sent += (size_t)count;
    if (connection->sent == connection->len) {
        shutdown(connection->fd, SHUT_WR);
        connection->phase = WF_HEALTH_PARTING;
    }
}

static void read_some(struct wf_health *health, struct wf_health_connection *connection)
{
    size_t room = sizeof(connection->bytes) - connection->len;
    ssize_t count = recv(connection->fd, connection->bytes + connection->len, room, 0);

    if (would_wait(count)) {
        return;
    }
    if (count < 0 || (count == 0 && connection->len == 0)) {
        hang_up(health, connection);
        return;
    }
    connection->len += (size_t)count;
    if (count == 0 || is_whole(connection) || connection->len == sizeof(connection->bytes)) {
        if (!is_whole(connection)) {
            connection->len = 0; /* half a request, or more than one: answered as none */
        }
        respond(health, connection);
        send_some(health, connection);
    }
}

/* Nothing of it is wanted any more. */
static void read_off(struct wf_health *health, struct wf_health_connection *connection)
{
    ssize_t count = recv(connection->fd, connection->bytes, sizeof(connection->bytes), 0);

    if (count == 0 || (count < 0 && !would_wait(count))) {
        hang_up(health, connection);
    }
}

static void serve(struct wf_health *health, struct wf_health_connection *connection)
{
    switch (connection->phase) {
    case WF_HEALTH_READING:
        read_some(health, connection);
        break;
    case WF_HEALTH_WRITING:
        send_some(health, connection);
        break;
    case WF_HEALTH_PARTING:
        read_off(health, connection);
        break;
    case WF_HEALTH_NOBODY:
        break;
    }
}

/* ---- All of them ---- */

/* A free place, or that of who has been there longest. */
static struct wf_health_connection *place_for_one(struct wf_health *health)
{
    struct wf_health_connection *oldest = &health->connections[0];

    for (int i = 0; i < WF_HEALTH_CONNECTIONS_MAX; i++) {
        struct wf_health_connection *connection = &health->connections[i];

        if (connection->phase == WF_HEALTH_NOBODY) {
            return connection;
        }
        oldest = connection->until_mono_ms < oldest->until_mono_ms ? connection : oldest;
    }
    return oldest;
}

static void welcome(struct wf_health *health, int64_t now_ms)
{
    struct wf_health_connection *connection = place_for_one(health);
    int fd;

    pthread_mutex_lock(&health->mutex);
    fd = accept_one(health->listener);
    if (fd >= 0) {
        hang_up_locked(connection);
        connection->fd = fd;
        connection->phase = WF_HEALTH_READING;
        connection->until_mono_ms = now_ms + WF_HEALTH_PATIENCE_MS;
        connection->len = connection->sent = 0;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        health->muted_until_mono_ms = now_ms + MUTE_MS;
    }
    pthread_mutex_unlock(&health->mutex);
}

static void tick(struct wf_health *health, int64_t now_ms)
{
    for (int i = 0; i < WF_HEALTH_CONNECTIONS_MAX; i++) {
        struct wf_health_connection *connection = &health->connections[i];

        if (connection->phase != WF_HEALTH_NOBODY && connection->until_mono_ms <= now_ms) {
            hang_up(health, connection);
        }
    }
    if (now_ms - health->ticked_mono_ms >= WF_HEALTH_TICK_MS) {
        health->ticked_mono_ms = now_ms;
        health->source.tick(health->source.context);
    }
}

/* Sleeps until one of them has something, or a tick is due. Their numbers are those of `connections`, then the
 * listener and the pipe. */
static void await_any(struct wf_health *health, struct pollfd polled[WF_HEALTH_CONNECTIONS_MAX + 2])
{
    int64_t now_ms = wf_clock_mono_ms(), until_ms = health->ticked_mono_ms + WF_HEALTH_TICK_MS;
    bool muted = now_ms < health->muted_until_mono_ms;

    for (int i = 0; i < WF_HEALTH_CONNECTIONS_MAX; i++) {
        struct wf_health_connection *connection = &health->connections[i];
        bool there = connection->phase != WF_HEALTH_NOBODY;

        polled[i] =
            (struct pollfd){.fd = there ? connection->fd : -1,
                            .events = connection->phase == WF_HEALTH_WRITING ? POLLOUT : POLLIN};
        if (there && connection->until_mono_ms < until_ms) {
            until_ms = connection->until_mono_ms;
        }
    }
    if (muted && health->muted_until_mono_ms < until_ms) {
        until_ms = health->muted_until_mono_ms;
    }
    polled[WF_HEALTH_CONNECTIONS_MAX] =
        (struct pollfd){.fd = muted ? -1 : health->listener, .events = POLLIN};
    polled[WF_HEALTH_CONNECTIONS_MAX + 1] =
        (struct pollfd){.fd = health->wake[0], .events = POLLIN};
    poll(polled, WF_HEALTH_CONNECTIONS_MAX + 2, until_ms > now_ms ? (int)(until_ms - now_ms) : 0);
}

static void *run(void *context)
{
    struct wf_health *health = context;
    struct pollfd polled[WF_HEALTH_CONNECTIONS_MAX + 2];

    for (;;) {
        await_any(health, polled);
        if (polled[WF_HEALTH_CONNECTIONS_MAX + 1].revents) {
            return NULL;
        }
        tick(health, wf_clock_mono_ms());
        for (int i = 0; i < WF_HEALTH_CONNECTIONS_MAX; i++) {
            if (polled[i].revents) {
                serve(health, &health->connections[i]);
            }
        }
        if (polled[WF_HEALTH_CONNECTIONS_MAX].revents) {
            welcome(health, wf_clock_mono_ms());
        }
    }
}

/* ---- Life ---- */

void wf_health_init(struct wf_health *health)
{
    *health = (struct wf_health){.listener = -1, .wake = {-1, -1}};
    pthread_mutex_init(&health->mutex, NULL);
    for (int i = 0; i < WF_HEALTH_CONNECTIONS_MAX; i++) {
        health->connections[i].fd = -1;
    }
}

void wf_health_destroy(struct wf_health *health)
{
    pthread_mutex_destroy(&health->mutex);
}

static int bound_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    char port[16];

    if (getsockname(fd, (struct sockaddr *)&address, &len) ||
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof(port),
                    NI_NUMERICSERV)) {
        return -1;
    }
    return (int)strtol(port, NULL, 10);
}

static enum wf_status listen_on(struct wf_health *health, const struct addrinfo *address,
                                const char *host, int port, struct wf_error *error)
{
    int on = 1, fd = open_socket(address);

    health->listener = fd;
    if (fd >= 0 && tune(fd) && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
        !bind(fd, address->ai_addr, address->ai_addrlen) && !listen(fd, BACKLOG)) {
        return WF_OK;
    }
    return wf_fail(error, errno == EADDRINUSE ? WF_BUSY : WF_STORE_ERROR,
                   "cannot listen on %s, port %d: %s", host, port, strerror(errno));
}

static enum wf_status open_listener_locked(struct wf_health *health, const char *host, int port,
                                           struct wf_error *error)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *address = NULL;
    char service[16];
    enum wf_status status;

    snprintf(service, sizeof(service), "%d", port);
    if (port < 0 || port > 65535 || getaddrinfo(host, service, &hints, &address)) {
        return wf_fail(error, WF_INVALID, "%s, port %d is no address to listen on", host, port);
    }
    status = listen_on(health, address, host, port, error);
    freeaddrinfo(address);
    return status;
}

static enum wf_status start_locked(struct wf_health *health, const char *host, int port,
                                   struct wf_error *error)
{
    enum wf_status status;

    if (health->closed || health->started) {
        return wf_fail(error, health->closed ? WF_CLOSED : WF_INVALID, "%s",
                       health->closed ? "the engine is stopped" : "it answers probes already");
    }
    status = open_listener_locked(health, host, port, error);
    if (!status && (pipe(health->wake) || !tune(health->wake[0]) || !tune(health->wake[1]))) {
        status = wf_fail(error, WF_STORE_ERROR, "cannot make a pipe: %s", strerror(errno));
    }
    health->ticked_mono_ms = wf_clock_mono_ms();
    if (!status && wf_thread_start(&health->thread, "wf-health", run, health)) {
        status = wf_fail(error, WF_NO_MEMORY, "cannot start a thread");
    }
    if (status) {
        close_all_locked(health);
    }
    health->started = !status;
    return status;
}

enum wf_status wf_health_start(struct wf_health *health, const char *host, int port,
                               const struct wf_health_source *source, int *bound,
                               struct wf_error *error)
{
    enum wf_status status;

    pthread_mutex_lock(&health->mutex);
    if (!health->started) {
        health->source = *source;
    }
    status = start_locked(health, host, port, error);
    *bound = status ? -1 : bound_port(health->listener);
    pthread_mutex_unlock(&health->mutex);
    return status;
}

void wf_health_stop(struct wf_health *health)
{
    bool started;

    pthread_mutex_lock(&health->mutex);
    started = health->started;
    health->closed = true;
    health->started = false;
    if (started && write(health->wake[1], "", 1) < 0) {
        started = false; /* an empty pipe takes a byte */
    }
    pthread_mutex_unlock(&health->mutex);
    if (started) {
        pthread_join(health->thread, NULL);
        pthread_mutex_lock(&health->mutex);
        close_all_locked(health);
        pthread_mutex_unlock(&health->mutex);
    }
}

void wf_health_before_fork(struct wf_health *health)
{
    pthread_mutex_lock(&health->mutex);
}

void wf_health_in_parent(struct wf_health *health)
{
    pthread_mutex_unlock(&health->mutex);
}

void wf_health_in_child(struct wf_health *health)
{
    close_all_locked(health);
    health->started = false;
    health->closed = true;
    pthread_mutex_unlock(&health->mutex);
}
