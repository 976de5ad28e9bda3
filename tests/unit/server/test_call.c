/*
 * test_call.c — a client's connection with our own handlers behind it, over a pair of sockets.
 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "served.h"
#include "server/call_dispatch.h"

static struct {
    struct served served;
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
    (void)state;
    memset(&t, 0, sizeof t);
    served_begin(&t.served, 60000);
    server_route(&t.served.server, "/stream", call_dispatch, &streams);
    server_route(&t.served.server, "*", call_dispatch, &others);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    served_end(&t.served);
    return 0;
}

/* Turns of the loop until the peer has got `text`, or some seconds have passed. */
static bool hears(const char *text)
{
    for (int quiet = 0; quiet < 5; quiet++) {
        served_turn(&t.served);
        ssize_t n = read(t.served.peer, t.got + t.len, sizeof t.got - 1 - t.len);
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
    served_say(&t.served, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n"
                          "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hears("hello"));
    assert_non_null(strstr(t.got, "Content-Type: text/event-stream"));
    assert_int_equal(t.gone, 1);
}

static void a_stream_for_get_goes_on(void **state)
{
    (void)state;
    served_say(&t.served, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
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
    served_say(&t.served, "POST /next HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n");
    for (size_t sent = 0; sent <= CALL_BODY_MAX;) {
        ssize_t n = write(t.served.peer, piece, sizeof piece);
        sent += n > 0 ? (size_t)n : 0;
        uv_run(loop_uv(t.served.loop), UV_RUN_NOWAIT);
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
