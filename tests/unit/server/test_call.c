/*
 * test_call.c — a client's connection with our own handlers behind it, over a pair of sockets.
 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/call_dispatch.h"

static struct {
    struct loop *loop;
    struct server server;
    struct guard *guard;
    int peer;
    char got[4096];
    size_t len;
    struct call *stream;
    int gone;
} t;

static void on_gone(void *owner)
{
    (void)owner;
    t.gone++;
    t.stream = NULL;
}

/* A stream that its maker never ends. */
static void stream(struct call *c, void *owner)
{
    (void)owner;
    t.stream = c;
    call_stream_begin(c, &(struct reply){200, "text/event-stream", STR_NONE}, on_gone, NULL);
}

static void hello(struct call *c, void *owner)
{
    (void)owner;
    call_reply_static(c, &(struct reply){.status = 200, .content_type = "text/plain"},
                      STR("hello"));
}

static int set_up(void **state)
{
    static struct call_route streams = {stream, NULL}, others = {hello, NULL};
    int fds[2];
    (void)state;
    memset(&t, 0, sizeof t);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    t.peer = fds[1];
    fcntl(t.peer, F_SETFL, O_NONBLOCK);
    t.loop = loop_new();
    t.guard = guard_new();
    guard_allow(t.guard, STR("x"), 0);
    const struct server_options options = {.max_connections = 4, .guard = t.guard,
                                           .max_body_bytes = 4 << 20, .idle_timeout_ms = 60000,
                                           .read_timeout_ms = 60000, .write_timeout_ms = 60000};
    server_init(&t.server, t.loop, &options);
    server_route(&t.server, "/stream", call_dispatch, &streams);
    server_route(&t.server, "*", call_dispatch, &others);
    client_accept_take(&t.server, fds[0]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    server_stop(&t.server);
    while (!server_is_empty(&t.server))
        uv_run(loop_uv(t.loop), UV_RUN_ONCE);
    server_release(&t.server);
    loop_free(t.loop);
    guard_free(t.guard);
    close(t.peer);
    return 0;
}

static void say(const char *text)
{
    assert_int_equal(write(t.peer, text, strlen(text)), strlen(text));
}

/* Turns of the loop until the peer has got `text`, or some seconds have passed. */
static bool hears(const char *text)
{
    for (int quiet = 0; quiet < 5; quiet++) {
        uv_run(loop_uv(t.loop), UV_RUN_ONCE); /* a timer wakes it once a second */
        ssize_t n = read(t.peer, t.got + t.len, sizeof t.got - 1 - t.len);
        if (n > 0) {
            t.len += (size_t)n;
            quiet = 0;
        }
        t.got[t.len] = '\0';
        if (strstr(t.got, text))
            return true;
    }
    return false;
}

static void a_stream_for_head_ends_at_once(void **state)
{
    (void)state;
    say("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hears("hello"));
    assert_non_null(strstr(t.got, "Content-Type: text/event-stream"));
    assert_int_equal(t.gone, 1);
}

static void a_stream_for_get_goes_on(void **state)
{
    (void)state;
    say("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hears("\r\n\r\n"));
    assert_int_equal(t.gone, 0);
    assert_true(call_stream_write(t.stream, STR("data: 1\n\n")));
    assert_true(hears("data: 1"));
    call_stream_end(t.stream);
    assert_int_equal(t.gone, 1);
    assert_true(hears("\r\n0\r\n\r\n"));
}

static void a_body_that_nobody_reads_has_a_limit(void **state)
{
    (void)state;
    static char piece[64 << 10];
    say("POST /next HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n");
    for (size_t sent = 0; sent <= CALL_BODY_MAX;) {
        ssize_t n = write(t.peer, piece, sizeof piece);
        sent += n > 0 ? (size_t)n : 0;
        uv_run(loop_uv(t.loop), UV_RUN_NOWAIT);
    }
    assert_true(hears("larger than 1 MiB"));
    assert_non_null(strstr(t.got, "HTTP/1.1 413 "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_stream_for_head_ends_at_once),
                                       TEST(a_stream_for_get_goes_on),
                                       TEST(a_body_that_nobody_reads_has_a_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
