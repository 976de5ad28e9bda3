/*
 * conn.c — one byte stream over TCP, plain or TLS.
 *
 * TLS itself is in tls.c; connecting, with its handshake, is in upstream/connect.c.
 */
#include "io/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

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

/* What the kernel has not taken yet. */
struct conn_pending {
    struct conn_pending *next;
    size_t len, sent;
    char bytes[];
};

#ifdef MSG_NOSIGNAL
enum { SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };
#else
enum { SEND_FLAGS = MSG_DONTWAIT }; /* SIGPIPE is ignored (app.c) */
#endif

static void send_noted(struct loop_held *held);

static void on_ready(uv_poll_t *poll, int status, int events);

static bool listens_for_leaving(const struct conn *c)
{
    return c->tells_leaving && !c->is_reading && !c->is_ended;
}

/* Tells the loop what to look out for. Does nothing, mostly. */
static void watch(struct conn *c)
{
    bool wants_room = c->pending || c->is_connecting;
    int events = (c->is_reading ? UV_READABLE : 0) | (wants_room ? UV_WRITABLE : 0) |
                 (listens_for_leaving(c) ? UV_DISCONNECT : 0);
    if (events == c->watched || c->is_closing)
        return;
    c->watched = (uint8_t)events;
    if (events)
        uv_poll_start(&c->poll, events, on_ready);
    else
        uv_poll_stop(&c->poll);
}

void conn_init_take(struct conn *c, struct loop *l, const struct conn_events *events, int fd)
{
    memset(c, 0, sizeof *c);
    c->loop = l;
    c->events = events;
    c->held.fn = send_noted;
    c->parts_tail = &c->parts;
    c->fd = fd;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int err = uv_poll_init(loop_uv(l), &c->poll, fd); /* makes it non-blocking, too */
    assert(err == 0);
    (void)err;
    c->poll.data = c;
}

/* --- connecting --- */

static void end_once(struct conn *c, enum err why);

enum err conn_connect(struct conn *c, const struct sockaddr *addr, struct fail *f)
{
    socklen_t len = addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                               : sizeof(struct sockaddr_in6);
    int result;
    do
        result = connect(c->fd, addr, len);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EINPROGRESS)
        return fail(f, ERR_UPSTREAM_CONNECT, "connect: %s", strerror(errno));
    c->is_connecting = true;
    watch(c);
    return ERR_OK;
}

static void finish_connecting(struct conn *c)
{
    socklen_t len = sizeof c->error;
    c->is_connecting = false;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &c->error, &len) != 0)
        c->error = errno;
    if (c->error)
        end_once(c, ERR_UPSTREAM_CONNECT);
    else
        c->events->on_open(c);
}

const char *conn_error(const struct conn *c)
{
    return strerror(c->error);
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

/* Room for a read; none when this conn, or the turn, has read its fill: the rest comes again. */
static uv_buf_t read_room(struct conn *c)
{
    uint32_t turn = (uint32_t)loop_turn(c->loop);
    if (c->read_turn != turn) {
        c->read_turn = turn;
        c->turn_read = 0;
    }
    return c->turn_read < TURN_READ_MAX ? loop_read_room(c->loop) : uv_buf_init(NULL, 0);
}

static void take_read(struct conn *c, struct str bytes)
{
    loop_read_used(c->loop, bytes.len);
    loop_set_now(c->loop);
    c->turn_read += (uint32_t)bytes.len;
    if (c->close_when_sent)
        return; /* lingering: dropped */
    if (c->tls)
        read_tls(c, bytes);
    else
        c->events->on_bytes(c, bytes);
}

static void read_some(struct conn *c)
{
    while (c->is_reading && !c->is_closing) {
        uv_buf_t room = read_room(c);
        if (!room.len)
            return;
        ssize_t n = recv(c->fd, room.base, room.len, 0);
        if (n > 0)
            take_read(c, str_make(room.base, (size_t)n));
        else if (n == 0) /* TLS that ends without close_notify was cut (RFC 8446 §6.1) */
            end_once(c, c->tls ? ERR_UPSTREAM_RESET : ERR_OK);
        else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
            end_once(c, ERR_UPSTREAM_RESET);
        if (n < (ssize_t)room.len && !(n < 0 && errno == EINTR))
            return; /* there was no more; if some has come since, the loop says so */
    }
}

void conn_read(struct conn *c, bool on)
{
    if (c->is_closing || c->is_reading == on || (on && c->is_ended))
        return;
    c->is_reading = on;
    if (on)
        watch(c); /* a pause is told to the loop when bytes come: it may be over by then */
}

/* --- writing --- */

/* Copies what is left of `parts`, after `skip` bytes, to be sent when the kernel has room. */
static void keep_rest(struct conn *c, const struct conn_part *parts, size_t skip)
{
    size_t len = 0;
    for (const struct conn_part *p = parts; p; p = p->next)
        len += p->bytes.len;
    len -= skip;
    struct conn_pending *kept = mem_alloc(sizeof *kept + len);
    *kept = (struct conn_pending){.len = len};
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
    watch(c);
    if (is_first)
        c->events->on_full(c, true);
}

/* What the kernel takes now, 0 for nothing; -1 when the connection is broken. */
static ssize_t send_now(struct conn *c, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;
    do
        sent = count == 1 ? send(c->fd, parts->iov_base, parts->iov_len, SEND_FLAGS)
                          : sendmsg(c->fd, &message, SEND_FLAGS);
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
        struct iovec bufs[SEND_PARTS];
        size_t count = 0;
        size_t total = 0;
        for (struct conn_part *p = parts; p && count < SEND_PARTS; p = p->next) {
            struct str rest = str_from(p->bytes, count ? 0 : skip);
            bufs[count++] = (struct iovec){(char *)rest.ptr, rest.len};
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

/* There is room again for what waits. */
static void send_pending(struct conn *c)
{
    while (c->pending) {
        struct conn_pending *p = c->pending;
        struct iovec rest = {p->bytes + p->sent, p->len - p->sent};
        ssize_t sent = send_now(c, &rest, 1);
        if (sent < 0) {
            end_once(c, ERR_UPSTREAM_RESET);
            return;
        }
        p->sent += (size_t)sent;
        if (p->sent < p->len)
            return;
        c->pending = p->next;
        free(p);
    }
    if (c->close_when_sent) {
        c->close_when_sent = false;
        conn_close_when_sent(c);
    } else {
        c->events->on_full(c, false);
    }
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
    size_t sum = 0;
    for (const struct conn_pending *p = c->pending; p; p = p->next)
        sum += p->len - p->sent;
    for (const struct conn_part *p = c->parts; p; p = p->next)
        sum += p->bytes.len;
    return sum;
}

/* --- the loop's word --- */

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct conn *c = poll->data;
    if (status < 0) { /* an error waits, and libuv looks no longer: who reads or writes is told */
        c->watched = 0;
        events = UV_READABLE | UV_WRITABLE | UV_DISCONNECT;
    }
    if (c->is_connecting) {
        finish_connecting(c);
    } else {
        if (events & UV_READABLE)
            read_some(c);
        if ((events & UV_WRITABLE) && c->pending && !c->is_closing)
            send_pending(c);
        if ((events & UV_DISCONNECT) && listens_for_leaving(c) && !c->is_closing)
            end_once(c, status < 0 ? ERR_UPSTREAM_RESET : ERR_OK);
    }
    watch(c);
}

void conn_rest(struct conn *c)
{
    if (c->tls && !c->is_closing)
        tls_stream_rest(c->tls);
}

/* --- closing --- */

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    loop_unhold(c->loop, &c->held);
    while (c->pending) {
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
        struct iovec part = {wire, len};
        if (send_now(c, &part, 1) != (ssize_t)len)
            return;
    }
}

static void close_now(struct conn *c)
{
    c->is_closing = true;
    uv_close((uv_handle_t *)&c->poll, on_closed); /* which looks no longer at the socket */
    close(c->fd);
}

void conn_close(struct conn *c)
{
    if (c->is_closing)
        return;
    end_tls(c);
    close_now(c);
}

void conn_close_reset(struct conn *c)
{
    if (c->is_closing)
        return;
    struct linger at_once = {.l_onoff = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close_now(c);
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
    shutdown(c->fd, SHUT_WR);
    conn_read(c, true); /* until the peer is done too: closing at once could destroy our last bytes */
}

bool conn_is_stale(struct conn *c)
{
    char byte;
    if (c->is_ended || c->is_closing)
        return true;
    ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
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

char *conn_peer(int fd, char out[CONN_ADDR_TEXT])
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    out[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&addr, &len) == 0)
        conn_addr_format((struct sockaddr *)&addr, out);
    return out;
}
