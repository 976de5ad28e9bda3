/*
 * pair.h — a conn, and the plain socket at its other end, which the test reads and writes itself.
 */
#ifndef TESTS_UNIT_IO_PAIR_H
#define TESTS_UNIT_IO_PAIR_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/conn.h"

struct pair {
    struct conn conn; /* first */
    struct loop *loop;
    int peer; /* does not block */
    struct buf got;
    int full_count, not_full_count, end_count;
    enum err end;
    bool is_closed;
};

static inline void pair_on_bytes(struct conn *c, struct str bytes)
{
    assert_int_equal(buf_append(&((struct pair *)c)->got, bytes), ERR_OK);
}

static inline void pair_on_end(struct conn *c, enum err why)
{
    struct pair *p = (struct pair *)c;
    p->end_count++;
    p->end = why;
}

static inline void pair_on_full(struct conn *c, bool is_full)
{
    struct pair *p = (struct pair *)c;
    if (is_full)
        p->full_count++;
    else
        p->not_full_count++;
}

static inline void pair_on_closed(struct conn *c)
{
    ((struct pair *)c)->is_closed = true;
}

static const struct conn_events pair_events = {pair_on_bytes, pair_on_end, pair_on_full,
                                               pair_on_closed, NULL};

/* Small buffers in the kernel, so that a write of some hundred KB does not fit. */
static inline void pair_shrink(int fd)
{
    int bytes = 16 * 1024;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static inline struct pair *pair_new(struct loop *l)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM, 0), peer = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    pair_shrink(listener);
    pair_shrink(peer);
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&addr, len), 0);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    close(listener);
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(peer, F_SETFL, O_NONBLOCK);
    struct pair *p = MEM_NEW(struct pair);
    buf_init(&p->got, 64 << 20);
    conn_init_take(&p->conn, l, &pair_events, fd);
    p->loop = l;
    p->peer = peer;
    return p;
}

/* Turns of the loop, until `is_true`; fails the test when it never comes. */
#define TURN_UNTIL(l, is_true)                                                                     \
    do {                                                                                           \
        int left_ = 20; /* the loop wakes once a second by itself */                               \
        while (!(is_true) && left_) {                                                              \
            uint64_t before_ = uv_hrtime();                                                        \
            uv_run(loop_uv(l), UV_RUN_ONCE);                                                       \
            left_ -= uv_hrtime() - before_ > 900000000;                                            \
        }                                                                                          \
        assert_true(is_true);                                                                      \
    } while (0)

static inline void turn(struct loop *l)
{
    uv_run(loop_uv(l), UV_RUN_NOWAIT);
}

static inline void pair_free(struct pair *p)
{
    conn_close(&p->conn);
    TURN_UNTIL(p->loop, p->is_closed);
    if (p->peer >= 0)
        close(p->peer);
    buf_release(&p->got);
    free(p);
}

/* All that stands in the peer's socket, added to `into`. True when the end has come. */
static inline bool peer_drain(struct pair *p, struct buf *into)
{
    char bytes[65536];
    ssize_t n;
    while ((n = recv(p->peer, bytes, sizeof bytes, 0)) > 0)
        assert_int_equal(buf_append(into, str_make(bytes, (size_t)n)), ERR_OK);
    assert_true(n == 0 || errno == EAGAIN || errno == EWOULDBLOCK);
    return n == 0;
}

/* Turns of the loop until the peer has read `bytes` in all. */
static inline void peer_expect(struct pair *p, struct str bytes)
{
    struct buf read;
    buf_init(&read, bytes.len + 1);
    for (int quiet = 0; read.len < bytes.len && quiet < 100000; quiet++) {
        turn(p->loop);
        size_t was = read.len;
        peer_drain(p, &read);
        quiet = read.len > was ? 0 : quiet;
    }
    assert_str_equal(buf_str(&read), bytes);
    buf_release(&read);
}

#endif
