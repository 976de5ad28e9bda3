/*
 * conn.c — one byte stream over TCP, plain or TLS.
 *
 * TLS itself is in tls.c; connecting, with its handshake, is in upstream/connect.c.
 */
#include "io/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "io/tls.h"

enum {
    SEND_PARTS = 64,              /* parts given to one system call */
    TURN_READ_MAX = 256 * 1024,   /* bytes one conn may read in one turn */
};

struct conn_part {
    struct conn_part *next;
    struct str bytes;
};

/* What the kernel has not taken yet. One write runs; what is written meanwhile queues behind. */
struct conn_pending {
    uv_write_t req;
    struct conn *conn;
    struct conn_pending *next;
    size_t len;
    char bytes[];
};

#ifdef MSG_NOSIGNAL
enum { SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };
#else
enum { SEND_FLAGS = MSG_DONTWAIT }; /* SIGPIPE is ignored (app.c) */
#endif

/* On Unix uv_buf_t is laid out as struct iovec, so that libuv can do the same. */
_Static_assert(sizeof(uv_buf_t) == sizeof(struct iovec) &&
                   offsetof(uv_buf_t, base) == offsetof(struct iovec, iov_base),
               "uv_buf_t is a struct iovec");

static void send_noted(struct loop_held *held);

void conn_init(struct conn *c, struct loop *l, const struct conn_events *events)
{
    memset(c, 0, sizeof *c);
    c->loop = l;
    c->events = events;
    c->held.fn = send_noted;
    c->parts_tail = &c->parts;
    int err = uv_tcp_init(loop_uv(l), &c->tcp);
    assert(err == 0);
    (void)err;
    c->tcp.data = c;
}

enum err conn_accept(struct conn *c, uv_stream_t *listener)
{
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0)
        return ERR_IO;
    uv_tcp_nodelay(&c->tcp, 1);
    return ERR_OK;
}

void conn_start_tls_give(struct conn *c, struct tls_stream *tls)
{
    assert(!c->tls && !c->parts && !c->pending);
    c->tls = tls;
    tls_stream_shake(tls); /* only makes the first flight: nothing has come that could fail */
    loop_hold(c->loop, &c->held);
    conn_read(c, true);
}

const struct fail *conn_tls_failure(const struct conn *c)
{
    return tls_stream_failure(c->tls);
}

static void end_once(struct conn *c, enum err why)
{
    if (c->is_ended || c->is_closing)
        return;
    c->is_ended = true;
    conn_read(c, false);
    if (c->close_when_sent)
        conn_close(c);
    else
        c->events->on_end(c, why);
}

/* --- reading --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct conn *c = handle->data;
    uint32_t turn = (uint32_t)loop_turn(c->loop);
    if (c->read_turn != turn) {
        c->read_turn = turn;
        c->turn_read = 0;
    }
    *buf = c->turn_read < TURN_READ_MAX ? loop_read_room(c->loop) : uv_buf_init(NULL, 0);
}

/* Decrypts what came, as far as it goes. */
static void read_tls(struct conn *c, struct str wire)
{
    enum { ROOM = 16 * 1024 + 64 }; /* one record */
    tls_stream_feed(c->tls, wire);
    while (!c->is_closing && !c->is_ended) {
        char *room = loop_turn_alloc(c->loop, ROOM);
        size_t got;
        enum tls_state state = tls_stream_read(c->tls, room, ROOM, &got);
        loop_turn_trim(c->loop, room, ROOM, got); /* records may be much smaller */
        if (!c->is_open && (got || state == TLS_OPEN)) {
            c->is_open = true;
            if (c->events->on_open)
                c->events->on_open(c);
        }
        if (got && !c->is_closing) {
            c->events->on_bytes(c, str_make(room, got));
            continue;
        }
        if (state == TLS_CLOSED)
            end_once(c, ERR_OK);
        else if (state == TLS_FAILED)
            end_once(c, ERR_UPSTREAM_TLS);
        break;
    }
    if (!c->is_closing && tls_stream_pending(c->tls))
        loop_hold(c->loop, &c->held);
}

/*
 * After a short read, libuv takes a hang-up for the end without asking why: a reset right behind
 * data would look like a FIN, and a body that lasts until the end like a whole one.
 */
static bool was_reset(const struct conn *c)
{
    uv_os_fd_t fd;
    int error = 0;
    socklen_t len = sizeof error;
    if (uv_fileno((const uv_handle_t *)&c->tcp, &fd) != 0)
        return false;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0;
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (nread == 0 || nread == UV_ENOBUFS)
        return; /* nothing, or this turn has read its fill: it comes again */
    if (nread < 0) {
        /* TLS that ends without close_notify was cut, whoever says so (RFC 8446 §6.1). */
        bool is_clean = nread == UV_EOF && !c->tls && !was_reset(c);
        end_once(c, is_clean ? ERR_OK : ERR_UPSTREAM_RESET);
        return;
    }
    loop_read_used(c->loop, (size_t)nread);
    loop_set_now(c->loop);
    c->turn_read += (uint32_t)nread;
    if (c->close_when_sent)
        return; /* lingering: dropped */
    struct str bytes = str_make(buf->base, (size_t)nread);
    if (c->tls)
        read_tls(c, bytes);
    else
        c->events->on_bytes(c, bytes);
}

void conn_read(struct conn *c, bool on)
{
    if (c->is_closing || c->is_reading == on || (on && c->is_ended))
        return;
    c->is_reading = on;
    if (on)
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    else
        uv_read_stop((uv_stream_t *)&c->tcp);
}

/* --- writing --- */

static void start_write(struct conn_pending *p);

static void on_written(uv_write_t *req, int status)
{
    struct conn_pending *p = OWNER_OF(req, struct conn_pending, req);
    struct conn *c = p->conn;
    c->pending = p->next;
    free(p);
    if (c->is_closing)
        return;
    if (status < 0) {
        end_once(c, ERR_UPSTREAM_RESET);
    } else if (c->pending) {
        start_write(c->pending);
    } else if (c->close_when_sent) {
        c->close_when_sent = false;
        conn_close_when_sent(c);
    } else {
        c->events->on_full(c, false);
    }
}

static void start_write(struct conn_pending *p)
{
    uv_buf_t buf = uv_buf_init(p->bytes, (unsigned)p->len);
    int err = uv_write(&p->req, (uv_stream_t *)&p->conn->tcp, &buf, 1, on_written);
    if (err)
        on_written(&p->req, err);
}

/* Copies what is left of `parts`, after `skip` bytes, to be sent when the kernel has room. */
static void keep_rest(struct conn *c, const struct conn_part *parts, size_t skip)
{
    size_t len = 0;
    for (const struct conn_part *p = parts; p; p = p->next)
        len += p->bytes.len;
    len -= skip;
    struct conn_pending *kept = mem_alloc(sizeof *kept + len);
    *kept = (struct conn_pending){.conn = c, .len = len};
    char *at = kept->bytes;
    for (const struct conn_part *p = parts; p; p = p->next) {
        struct str rest = str_from(p->bytes, skip);
        skip -= MIN_OF(skip, p->bytes.len);
        if (rest.len)
            memcpy(at, rest.ptr, rest.len);
        at += rest.len;
    }
    struct conn_pending **last = &c->pending;
    bool is_first = !c->pending;
    while (*last)
        last = &(*last)->next;
    *last = kept;
    if (is_first) {
        start_write(kept);
        if (c->pending && !c->is_closing && !c->is_ended)
            c->events->on_full(c, true);
    }
}

/* What the kernel takes now, 0 for nothing; -1 when the connection is broken. Past libuv, which has
 * nothing queued here, because send() costs less than the write() it would use. */
static ssize_t send_now(struct conn *c, uv_buf_t *bufs, unsigned count)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0)
        return -1;
    struct msghdr message = {.msg_iov = (struct iovec *)bufs, .msg_iovlen = count};
    ssize_t sent;
    do
        sent = count == 1 ? send(fd, bufs->base, bufs->len, SEND_FLAGS)
                          : sendmsg(fd, &message, SEND_FLAGS);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
        return 0;
    return sent;
}

/* Sends as much of `parts` as the kernel takes at once. */
static void send_parts(struct conn *c, struct conn_part *parts)
{
    size_t skip = 0; /* of the first part, sent already */
    while (parts && !c->pending) {
        uv_buf_t bufs[SEND_PARTS];
        unsigned count = 0;
        size_t total = 0;
        for (struct conn_part *p = parts; p && count < SEND_PARTS; p = p->next) {
            struct str rest = str_from(p->bytes, count ? 0 : skip);
            bufs[count++] = uv_buf_init((char *)rest.ptr, (unsigned)rest.len);
            total += rest.len;
        }
        ssize_t sent = total ? send_now(c, bufs, count) : 0;
        if (sent < 0) {
            end_once(c, ERR_UPSTREAM_RESET);
            return;
        }
        size_t left = (size_t)sent + skip;
        while (parts && left >= parts->bytes.len) {
            left -= parts->bytes.len;
            parts = parts->next;
        }
        skip = left;
        if ((size_t)sent < total)
            break;
    }
    if (parts)
        keep_rest(c, parts, skip);
}

static struct conn_part *make_part(struct conn *c, struct str bytes)
{
    struct conn_part *p = loop_turn_alloc(c->loop, sizeof *p);
    *p = (struct conn_part){NULL, bytes};
    return p;
}

/* What was noted becomes one encrypted part. */
static struct conn_part *encrypt_parts(struct conn *c, struct conn_part *parts)
{
    for (; parts; parts = parts->next)
        if (parts->bytes.len && tls_stream_write(c->tls, parts->bytes) != TLS_OPEN)
            break;
    size_t len = tls_stream_pending(c->tls);
    if (!len)
        return NULL;
    char *wire = loop_turn_alloc(c->loop, len);
    size_t taken = tls_stream_take(c->tls, wire, len);
    assert(taken == len);
    return make_part(c, str_make(wire, taken));
}

static void send_noted(struct loop_held *held)
{
    struct conn *c = OWNER_OF(held, struct conn, held);
    struct conn_part *parts = c->parts;
    c->parts = NULL;
    c->parts_tail = &c->parts;
    if (c->is_closing)
        return;
    if (c->tls)
        parts = encrypt_parts(c, parts);
    send_parts(c, parts);
    if (c->close_when_sent && !c->pending && !c->is_closing) {
        c->close_when_sent = false;
        conn_close_when_sent(c);
    }
}

void conn_write(struct conn *c, struct str bytes)
{
    if (c->is_closing || c->close_when_sent || !bytes.len)
        return;
    struct conn_part *p = make_part(c, bytes);
    *c->parts_tail = p;
    c->parts_tail = &p->next;
    loop_hold(c->loop, &c->held);
}

void conn_write_copy(struct conn *c, struct str bytes)
{
    if (!bytes.len)
        return;
    char *copy = loop_turn_alloc(c->loop, bytes.len);
    memcpy(copy, bytes.ptr, bytes.len);
    conn_write(c, str_make(copy, bytes.len));
}

void conn_write_framed(struct conn *c, struct str before, struct str bytes, struct str after)
{
    enum { COPY_MAX = 1024 }; /* up to here one run costs less than three */
    if (bytes.len > COPY_MAX) {
        conn_write_copy(c, before);
        conn_write(c, bytes);
        conn_write_copy(c, after);
        return;
    }
    char *at = loop_turn_alloc(c->loop, before.len + bytes.len + after.len);
    struct str whole = {at, before.len + bytes.len + after.len};
    memcpy(at, before.ptr, before.len);
    memcpy(at + before.len, bytes.ptr, bytes.len);
    memcpy(at + before.len + bytes.len, after.ptr, after.len);
    conn_write(c, whole);
}

bool conn_is_full(const struct conn *c)
{
    return c->pending != NULL;
}

size_t conn_pending_bytes(const struct conn *c)
{
    size_t sum = uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
    for (const struct conn_pending *p = c->pending ? c->pending->next : NULL; p; p = p->next)
        sum += p->len; /* the first is with libuv */
    for (const struct conn_part *p = c->parts; p; p = p->next)
        sum += p->bytes.len;
    return sum;
}

/* --- closing --- */

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    loop_unhold(c->loop, &c->held);
    while (c->pending) { /* queued behind a write that libuv has cancelled by now */
        struct conn_pending *next = c->pending->next;
        free(c->pending);
        c->pending = next;
    }
    tls_stream_free(c->tls);
    c->tls = NULL;
    c->events->on_closed(c);
}

/* TLS says that it ends here. What the kernel does not take at once is not worth waiting for. */
static void end_tls(struct conn *c)
{
    char wire[256];
    size_t len;
    if (!c->tls || c->pending)
        return;
    tls_stream_end(c->tls);
    while ((len = tls_stream_take(c->tls, wire, sizeof wire)) > 0) {
        uv_buf_t buf = uv_buf_init(wire, (unsigned)len);
        if (uv_try_write((uv_stream_t *)&c->tcp, &buf, 1) != (int)len)
            return;
    }
}

void conn_close(struct conn *c)
{
    if (c->is_closing)
        return;
    end_tls(c);
    c->is_closing = true;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void conn_close_reset(struct conn *c)
{
    if (c->is_closing)
        return;
    c->is_closing = true;
    if (uv_tcp_close_reset(&c->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void conn_close_when_sent(struct conn *c)
{
    if (c->is_closing || c->close_when_sent)
        return;
    if (c->is_ended && !c->pending && !c->parts) {
        conn_close(c);
        return;
    }
    c->close_when_sent = true;
    if (c->pending || c->parts)
        return; /* comes back from there */
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
        shutdown(fd, SHUT_WR);
    conn_read(c, true); /* until the peer is done too: closing at once could destroy our last bytes */
}

bool conn_is_stale(struct conn *c)
{
    uv_os_fd_t fd;
    char byte;
    if (c->is_ended || c->is_closing || uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0)
        return true;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

char *conn_addr_format(const struct sockaddr *addr, char out[CONN_ADDR_TEXT])
{
    char ip[INET6_ADDRSTRLEN] = "";
    out[0] = '\0';
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in4 = (const void *)addr;
        uv_ip4_name(in4, ip, sizeof ip);
        snprintf(out, CONN_ADDR_TEXT, "%s:%d", ip, ntohs(in4->sin_port));
    } else if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)addr;
        uv_ip6_name(in6, ip, sizeof ip);
        snprintf(out, CONN_ADDR_TEXT, "[%s]:%d", ip, ntohs(in6->sin6_port));
    }
    return out;
}

char *conn_peer(const struct conn *c, char out[CONN_ADDR_TEXT])
{
    struct sockaddr_storage addr;
    int len = sizeof addr;
    out[0] = '\0';
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&addr, &len) == 0)
        conn_addr_format((struct sockaddr *)&addr, out);
    return out;
}
