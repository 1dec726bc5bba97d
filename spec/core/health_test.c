/*
 * Probes of an engine, over real sockets: what it says of a process that is well, that stops, that cannot reach its
 * store or whose threads do not move; and that nothing that comes in over the socket does it harm.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "engine_support.h"

#ifdef __SANITIZE_THREAD__
/* A forked child ends without the threads that its parent has: no leak. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
    return "die_after_fork=0:report_thread_leaks=0";
}
#endif

#define LIVE "GET /live HTTP/1.1\r\nHost: here\r\n\r\n"
#define READY "GET /ready HTTP/1.1\r\nHost: here\r\n\r\n"

static char path[400];
static struct wf_engine *engine;
static int port;

static void begin(void)
{
    struct wf_error error = {0};

    engine = open_engine(new_path(path, "store"));
    CHECK(wf_engine_health(engine, "127.0.0.1", 0, &port, &error) == WF_OK && port > 0);
}

/* -1: nobody listens. */
static int reach(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

static void put(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = send(fd, bytes, len, MSG_NOSIGNAL);

        if (count <= 0) {
            return; /* the other side has heard enough */
        }
        bytes += count;
        len -= (size_t)count;
    }
}

/* All that is said until the other side ends it. */
static const char *hear_out(int fd)
{
    static char heard[4096];
    size_t len = 0;
    ssize_t count;

    while (len < sizeof(heard) - 1 &&
           (count = recv(fd, heard + len, sizeof(heard) - 1 - len, 0)) > 0) {
        len += (size_t)count;
    }
    heard[len] = '\0';
    close(fd);
    return heard;
}

static const char *ask_bytes(const char *request, size_t len)
{
    int fd = reach();

    CHECK(fd >= 0);
    put(fd, request, len);
    return hear_out(fd);
}

static const char *ask_text(const char *request)
{
    return ask_bytes(request, strlen(request));
}

static bool says(const char *request, const char *status)
{
    const char *heard = ask_text(request);
    bool so = strncmp(heard, "HTTP/1.1 ", 9) == 0 && strncmp(heard + 9, status, 3) == 0;

    if (!so && getenv("VERBOSE")) {
        fprintf(stderr, "%s\n", heard);
    }
    return so;
}

TEST(a_process_that_is_well_is_live_and_ready)
{
    char pid[32];
    const char *heard;

    begin();
    snprintf(pid, sizeof(pid), "\"pid\":%d,", (int)getpid());
    heard = ask_text(LIVE);
    CHECK(strstr(heard, "HTTP/1.1 200 OK\r\n") == heard);
    CHECK(strstr(heard, "{\"live\":true,\"why\":null,") && strstr(heard, pid));
    CHECK(strstr(heard, "\"threads\":0,\"in_hand\":0,\"oldest_s\":null,"));
    wf_engine_work(engine, 3, WF_BYTES("worker:1@here"));
    heard = ask_text(READY);
    CHECK(strstr(heard, "HTTP/1.1 200 OK\r\n") == heard);
    CHECK(strstr(heard, "{\"ready\":true,\"why\":null,") && strstr(heard, "\"threads\":3,"));
    CHECK(says("HEAD /live HTTP/1.0\r\n\r\n", "200") &&
          !strchr(ask_text("HEAD /live HTTP/1.0\r\n\r\n"), '{'));
    CHECK(says("GET /live?full=1 HTTP/1.1\n\n", "200"));
    close_engine(engine);
}

TEST(what_the_applications_code_is_in_is_told_with_its_age)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    const char *heard;

    begin();
    hand = hand_of(engine);
    start_run(engine, &hand, definition, "a");
    wf_hand_enter(&hand);
    atomic_fetch_sub(&hand.slot->entered_mono_ms, 90500);
    heard = ask_text(LIVE);
    CHECK(strstr(heard, "\"in_hand\":1,\"oldest_s\":90."));
    finish(&hand, definition, WF_COMMAND_COMPLETE);
    CHECK(strstr(ask_text(LIVE), "\"in_hand\":0,\"oldest_s\":null"));
    close_engine(engine);
    wf_definition_release(definition);
}

TEST(what_is_no_request_is_told_so)
{
    char long_one[5000];

    begin();
    CHECK(says("GET /elsewhere HTTP/1.1\r\n\r\n", "404") && says("GET / HTTP/1.1\r\n\r\n", "404"));
    CHECK(says("GET /livex HTTP/1.1\r\n\r\n", "404") && says("GET /liv HTTP/1.1\r\n\r\n", "404"));
    CHECK(says("POST /live HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405"));
    CHECK(says("nonsense\r\n\r\n", "400") && says("\r\n\r\n", "400") && says("\n\n", "400"));
    CHECK(says("GET /live\r\n\r\n", "400") && says("GET  /live HTTP/1.1\r\n\r\n", "400"));
    CHECK(says("GET /live HTTP/2\r\n\r\n", "400") && says("GET live HTTP/1.1\r\n\r\n", "400"));
    CHECK(strstr(ask_bytes("GET /li\0ve HTTP/1.1\r\n\r\n", 24), "HTTP/1.1 400"));
    CHECK(strstr(ask_bytes("\x16\x03\x01\x02\x00\n\n", 7), "HTTP/1.1 400"));
    memset(long_one, 'x', sizeof(long_one));
    memcpy(long_one, "GET /live HTTP/1.1\r\nA: ", 23);
    CHECK(strstr(ask_bytes(long_one, sizeof(long_one)), "HTTP/1.1 400"));
    CHECK(says(LIVE, "200"));
    close_engine(engine);
}

TEST(a_request_that_comes_in_pieces_is_answered_and_half_of_one_is_none)
{
    int fd;

    begin();
    fd = reach();
    for (const char *at = LIVE; *at; at++) {
        put(fd, at, 1);
    }
    CHECK(strstr(hear_out(fd), "HTTP/1.1 200"));
    fd = reach();
    put(fd, "GET /live HT", 12);
    shutdown(fd, SHUT_WR);
    CHECK(strstr(hear_out(fd), "HTTP/1.1 400"));
    fd = reach();
    close(fd); /* it said nothing at all */
    CHECK(says(LIVE, "200"));
    close_engine(engine);
}

TEST(who_says_nothing_is_left_and_who_comes_beside_many_of_them_is_served)
{
    int silent[WF_HEALTH_CONNECTIONS_MAX * 3], fd;
    char byte;

    begin();
    fd = reach();
    put(fd, "GET ", 4);
    CHECK(recv(fd, &byte, 1, 0) == 0); /* when its time is over */
    close(fd);
    for (int i = 0; i < WF_HEALTH_CONNECTIONS_MAX * 3; i++) {
        silent[i] = reach();
        CHECK(silent[i] >= 0);
    }
    CHECK(says(LIVE, "200"));
    for (int i = 0; i < WF_HEALTH_CONNECTIONS_MAX * 3; i++) {
        close(silent[i]);
    }
    close_engine(engine);
}

TEST(who_does_not_read_the_answer_or_goes_away_harms_nobody)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    begin();
    for (int i = 0; i < 200; i++) {
        int fd = reach();

        put(fd, LIVE, strlen(LIVE));
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
    }
    CHECK(says(READY, "200"));
    close_engine(engine);
}

TEST(what_is_random_never_ends_it)
{
    unsigned seed = 4711;
    char bytes[600];

    begin();
    for (int i = 0; i < 300; i++) {
        size_t len = (size_t)(rand_r(&seed) % (int)sizeof(bytes));
        int fd = reach();

        for (size_t j = 0; j < len; j++) {
            bytes[j] = (char)(rand_r(&seed) % 3 ? "GET /live HTTP/1.1\r\n"[rand_r(&seed) % 20]
                                                : rand_r(&seed));
        }
        put(fd, bytes, len);
        shutdown(fd, SHUT_WR);
        hear_out(fd);
    }
    CHECK(says(LIVE, "200"));
    close_engine(engine);
}

TEST(an_address_that_is_taken_or_none_is_refused_in_words)
{
    struct wf_error error = {0};
    struct wf_engine *other;
    int bound = 0;

    begin();
    other = open_engine(path);
    CHECK(wf_engine_health(other, "127.0.0.1", port, &bound, &error) == WF_BUSY && bound == -1);
    CHECK(strstr(error.message, "127.0.0.1") && strstr(error.message, "in use"));
    CHECK(wf_engine_health(other, "elsewhere", 0, &bound, &error) == WF_INVALID);
    CHECK(wf_engine_health(other, "127.0.0.1", 70000, &bound, &error) == WF_INVALID);
    CHECK(wf_engine_health(other, "203.0.113.7", 0, &bound, &error) == WF_STORE_ERROR);
    CHECK(wf_engine_health(engine, "127.0.0.1", 0, &bound, &error) == WF_INVALID);
    close_engine(engine);
    CHECK(wf_engine_health(other, "127.0.0.1", port, &bound, &error) == WF_OK && bound == port);
    CHECK(says(LIVE, "200"));
    wf_engine_stop(other, 1000);
    CHECK(wf_engine_health(other, "127.0.0.1", port, &bound, &error) == WF_CLOSED);
    CHECK(reach() == -1);
    wf_engine_free(other);
}

TEST(a_worker_that_is_quiet_is_live_and_not_ready_until_it_works_again)
{
    begin();
    wf_engine_work(engine, 2, WF_BYTES("worker:1@here"));
    CHECK(says(READY, "200"));
    wf_engine_quiet(engine);
    CHECK(says(READY, "503") && says(LIVE, "200"));
    CHECK(strstr(ask_text(READY), "\"ready\":false,\"why\":\"it stops"));
    wf_engine_work(engine, 2, WF_BYTES("worker:1@here"));
    CHECK(says(READY, "200"));
    close_engine(engine);
}

static void *stop_engine(void *context)
{
    (void)context;
    CHECK(wf_engine_stop(engine, 20000));
    return NULL;
}

TEST(while_the_engine_waits_for_what_is_in_hand_it_says_that_it_stops)
{
    struct wf_definition *definition = define("create!");
    struct wf_hand hand;
    struct wf_op *op;
    pthread_t thread;

    begin();
    hand = hand_of(engine);
    start_run(engine, &hand, definition, "a");
    thread = spawn(stop_engine, NULL);
    UNTIL(atomic_load(&engine->stopped));
    CHECK(says(READY, "503") && says(LIVE, "200"));
    op = prepare_finish(engine, &hand, definition, WF_COMMAND_COMPLETE);
    wf_op_post(engine, &hand, op);
    join(thread);
    CHECK(reach() == -1);
    wf_engine_free(engine);
    wf_definition_release(definition);
}

/* As time would: nothing of the committer's is running while the gate is closed. */
static void let_pass(int64_t ms)
{
    int64_t ago_ms = wf_clock_mono_ms() - ms;

    atomic_store(&engine->awake_mono_ms, ago_ms);
    atomic_store(&engine->committer.reached_mono_ms, ago_ms);
    atomic_store(&engine->committer.busy_mono_ms, ago_ms);
}

TEST(who_does_not_come_back_from_the_store_is_not_ready_and_in_the_end_not_live)
{
    begin();
    wf_gate_close(&engine->gate);
    wf_committer_poke(engine);
    UNTIL(atomic_load(&engine->committer.busy_mono_ms));
    CHECK(says(READY, "200"));
    UNTIL((let_pass(6000),
           says(READY, "503") && says(LIVE, "200"))); /* a round may just have ended */
    let_pass(6000);
    CHECK(strstr(ask_text(READY), "the store cannot be reached"));
    UNTIL((let_pass(61000), says(READY, "503") && says(LIVE, "503")));
    atomic_store(&engine->awake_mono_ms, wf_clock_mono_ms()); /* it had been stopped all the time */
    CHECK(says(READY, "200") && says(LIVE, "200"));
    let_pass(61000);
    wf_gate_open(&engine->gate);
    UNTIL(says(READY, "200") && says(LIVE, "200"));
    close_engine(engine);
}

TEST(a_process_that_holds_something_beyond_its_lease_is_not_ready)
{
    struct wf_shared_process *entry;

    begin();
    entry = wf_liveness_self(&engine->liveness);
    wf_gate_close(&engine->gate); /* nothing is renewed */
    atomic_store(&engine->awake_mono_ms, 1);
    atomic_store(&entry->lease_until_ms, wf_clock_mono_ms() - 100);
    CHECK(says(READY, "200"));
    UNTIL((atomic_store(&entry->lease_until_ms, wf_clock_mono_ms() - 100),
           atomic_store(&entry->holding, 1), /* a round before the gate may say otherwise, once */
           says(READY, "503")));
    CHECK(strstr(ask_text(READY), "its lease is over"));
    atomic_store(&entry->lease_until_ms, wf_clock_mono_ms() + 60000);
    CHECK(says(READY, "200"));
    atomic_store(&entry->holding, 0);
    wf_gate_open(&engine->gate);
    close_engine(engine);
}

/* Also before its committer has been refused for as long as a store may be away. */
TEST(a_process_that_has_lost_the_shared_file_is_not_ready)
{
    begin();
    CHECK(says(READY, "200"));
    CHECK(unlink(engine->shared.path) == 0);
    CHECK(says(READY, "503") && says(LIVE, "200"));
    CHECK(strstr(ask_text(READY), "the file -shared beside the log was removed"));
    close_engine(engine);
}

/* It has the committer go there. */
TEST(an_idle_process_looks_by_itself_whether_the_store_is_there)
{
    int64_t began_ms;

    begin();
    began_ms = wf_clock_mono_ms();
    UNTIL(atomic_load(&engine->committer.reached_mono_ms) > began_ms + 2 * WF_HEALTH_TICK_MS);
    CHECK(says(READY, "200"));
    close_engine(engine);
}

/* The port is free when its process has gone, though its child lives. */
static void live_on(const struct child *parent, void *context)
{
    (void)context;
    say(parent, 'l');
    CHECK(hear(parent) == 0); /* until the parent has no more to say */
}

TEST(a_forked_child_has_nothing_of_it)
{
    struct child child;
    int talking;

    begin();
    talking = reach(); /* a connection is open in the moment of the fork, too */
    put(talking, "GET ", 4);
    child = start(live_on, NULL);
    CHECK(hear(&child) == 'l');
    CHECK(says(LIVE, "200"));
    close_engine(engine);
    CHECK(reach() == -1);
    CHECK(*hear_out(talking) == '\0');
    close(child.say);
    child.say = dup(child.hear);
    end(&child);
}

static _Atomic int over;

static void *probe(void *context)
{
    (void)context;
    while (!atomic_load(&over)) {
        int fd = reach();

        CHECK(fd >= 0);
        put(fd, READY, strlen(READY));
        close(fd);
    }
    return NULL;
}

TEST(it_is_probed_while_others_fork)
{
    pthread_t threads[2];

    begin();
    atomic_store(&over, 0);
    for (int i = 0; i < 2; i++) {
        threads[i] = spawn(probe, NULL);
    }
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        int status = -1;

        if (!pid) {
            _exit(reach() >= 0 ? 0 : 1); /* the parent's */
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
    atomic_store(&over, 1);
    join(threads[0]);
    join(threads[1]);
    CHECK(says(READY, "200"));
    close_engine(engine);
}
