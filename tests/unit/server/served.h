/*
 * served.h — a server with one client, whose end of the connection the test reads and writes itself.
 */
#ifndef TESTS_UNIT_SERVER_SERVED_H
#define TESTS_UNIT_SERVER_SERVED_H

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/server.h"

struct served {
    struct loop *loop;
    struct server server; /* its routes are the test's */
    struct guard *guard;
    int peer; /* does not block */
};

/* `patience_ms`: for a request, and for the next one. */
static inline void served_begin(struct served *s, uint64_t patience_ms)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    s->peer = fds[1];
    fcntl(s->peer, F_SETFL, O_NONBLOCK);
    s->loop = loop_new();
    s->guard = guard_new();
    guard_allow(s->guard, STR("x"), 0);
    const struct server_options options = {.max_connections = 4, .guard = s->guard,
                                           .max_body_bytes = 4 << 20,
                                           .idle_timeout_ms = patience_ms,
                                           .read_timeout_ms = patience_ms,
                                           .write_timeout_ms = 60000};
    server_init(&s->server, s->loop, &options);
    client_accept_take(&s->server, fds[0]);
}

static inline void served_end(struct served *s)
{
    server_stop(&s->server);
    while (!server_is_empty(&s->server))
        uv_run(loop_uv(s->loop), UV_RUN_ONCE);
    server_release(&s->server);
    loop_free(s->loop);
    guard_free(s->guard);
    close(s->peer);
}

static inline void served_say(struct served *s, const char *text)
{
    assert_int_equal(write(s->peer, text, strlen(text)), strlen(text));
}

/* Until something happens: a timer wakes the loop once a second. */
static inline void served_turn(struct served *s)
{
    uv_run(loop_uv(s->loop), UV_RUN_ONCE);
}

#endif
