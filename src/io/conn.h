/*
 * conn.h — one byte stream over TCP, plain or TLS: read, write, close. It knows no HTTP.
 *
 * Writing only notes the bytes; they go out, in one send, at the end of the turn. What the kernel
 * does not take is copied, and the conn is *full* until it has: its source should pause. So a
 * conn never keeps more than what one turn gave it.
 */
#ifndef IO_CONN_H
#define IO_CONN_H

#include "io/loop.h"

struct conn;
struct tls_stream;

/* All are called on the loop. After on_end nothing more is read; the owner closes. Those that cannot
 * come (nothing is read before conn_read()) may be NULL. */
struct conn_events {
    void (*on_bytes)(struct conn *c, struct str bytes); /* valid until the end of the turn */
    /* The stream ended: ERR_OK the peer finished in order, else it broke. Once. */
    void (*on_end)(struct conn *c, enum err why);
    void (*on_full)(struct conn *c, bool is_full); /* and false when all has been taken again */
    void (*on_closed)(struct conn *c);             /* last call: free it */
    void (*on_open)(struct conn *c);               /* connected, or the TLS handshake is over */
};

struct conn_part;
struct conn_pending;

struct conn {
    uv_poll_t poll;
    int fd;
    uint32_t turn_read;               /* bytes read in turn `read_turn` */
    struct loop *loop;
    const struct conn_events *events;
    void *owner;                      /* for those that do not embed it */
    struct tls_stream *tls;           /* NULL: plain */
    struct loop_held held;
    struct conn_part *parts, **parts_tail; /* noted this turn; in the turn's memory */
    struct conn_pending *pending;     /* what the kernel has not taken; NULL: not full */
    int error;                        /* errno of connecting */
    uint32_t read_turn;
    uint8_t watched;                  /* UV_READABLE, UV_WRITABLE: what the loop looks out for */
    bool is_connecting;
    bool is_open;                     /* TLS: handshake over */
    bool is_reading, is_ended, is_closing, close_when_sent;
    bool tells_leaving;               /* the owner's: while nothing is read, on_end comes as soon as
                                         the peer has closed, whatever it has sent before. Where
                                         the system can tell (Linux); else reading finds out */
};

/* A conn for a stream socket, which it takes: connected, or new. Reading is off. */
void conn_init_take(struct conn *c, struct loop *l, const struct conn_events *events, int fd);
/* Connects a new socket: on_open, or on_end and, for a short time, conn_error(). Fails at once when
 * there is no way there. */
enum err conn_connect(struct conn *c, const struct sockaddr *addr, struct fail *f) MUST_CHECK;
/* From here on everything is encrypted; `tls` is given. Begins the handshake. When it is over,
 * on_open; when it fails, on_end and conn_tls_failure(). Nothing must wait to be sent. */
void conn_start_tls_give(struct conn *c, struct tls_stream *tls);
const struct fail *conn_tls_failure(const struct conn *c);
const char *conn_error(const struct conn *c); /* the system's words for why it could not connect */

void conn_read(struct conn *c, bool on); /* reads, or pauses */
void conn_write(struct conn *c, struct str bytes);      /* borrowed until the turn's end */
void conn_write_copy(struct conn *c, struct str bytes);
/* Three runs of bytes that belong together; the outer two are copied. */
void conn_write_framed(struct conn *c, struct str before, struct str bytes, struct str after);
bool conn_is_full(const struct conn *c);
size_t conn_pending_bytes(const struct conn *c); /* written, not yet taken by the kernel */

void conn_rest(struct conn *c);            /* idle for a while: gives memory back */
void conn_close(struct conn *c);           /* now; what was noted this turn is dropped */
void conn_close_when_sent(struct conn *c); /* after all that was written has gone out: sends FIN,
                                              then drops what still comes until the peer closes.
                                              The owner closes it if that takes too long. */
void conn_close_reset(struct conn *c);     /* now, with RST */
/* Has the peer closed or sent anything unasked? For conns that wait in a pool. */
bool conn_is_stale(struct conn *c);
/* "127.0.0.1:53124" or "[::1]:53124" into `out`; empty when unknown. */
enum { CONN_ADDR_TEXT = 72 };
char *conn_peer(int fd, char out[CONN_ADDR_TEXT]);
char *conn_addr_format(const struct sockaddr *addr, char out[CONN_ADDR_TEXT]);

#endif
