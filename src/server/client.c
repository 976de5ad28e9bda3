/*
 * client.c — one client's connection: requests in turn, answers framed, timeouts.
 */
#include "server/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "http/chunk.h"
#include "server/error_text.h"
#include "server/server.h"

enum {
    AHEAD_MAX = 256 * 1024, /* bytes kept of further requests while one is served; one read more */
    HELD_MAX = 4 << 20,     /* bytes kept of a body that is held up; one read more */
    HELD_ALL_MAX = 16 << 20, /* of all those of a worker */
    FEED_MAX = 256 * 1024,   /* of what was kept, given to the parser at once */
    HEAD_TIMEOUT_MS = 10000,
    LINGER_MS = 2000
};

/* The request in service: from its first byte until its answer has ended. */
struct request {
    struct arena arena;
    struct http_parser parser;
    const struct client_handler *handler; /* NULL: nobody (any more) */
    void *owner;
    int64_t began_us;
    uint64_t began_ns;
    enum body_framing answer_framing;
    bool has_ended;     /* whole */
    bool is_answering, is_answered;
    bool close_after;
    bool is_held_up;    /* who serves has paused its body */
    size_t held_bytes;  /* counted in the server's: what was read ahead of it */
};

struct client {
    struct conn conn;
    struct server *server;
    struct client *prev, *next;
    struct request *request;
    struct buf ahead;       /* what came behind the request in service */
    size_t ahead_used;      /* of that, parsed already */
    struct loop_held serve_next;
    uint64_t active_ns;     /* last time bytes came or went */
    uint32_t unsent_bytes;  /* at the last sweep */
    bool in_feed;           /* the parser is on the stack */
    bool is_retiring;
    char addr[];
};

static const struct conn_events conn_events;
static const struct http_events http_events;
static void finish_request(struct client *c);
static void serve_next(struct loop_held *held);

/* --- life --- */

struct client *client_accept_take(struct server *s, int fd)
{
    char addr[CONN_ADDR_TEXT];
    size_t len = strlen(conn_peer(fd, addr)) + 1;
    struct client *c = mem_zeroed(sizeof *c + len);
    memcpy(c->addr, addr, len);
    c->server = s;
    conn_init_take(&c->conn, s->loop, &conn_events, fd);
    c->conn.tells_leaving = true;
    buf_init(&c->ahead, HELD_MAX + LOOP_READ_BYTES);
    c->serve_next.fn = serve_next;
    c->next = s->clients;
    if (c->next)
        c->next->prev = c;
    s->clients = c;
    s->client_count++;
    c->active_ns = clock_mono_ns();
    conn_read(&c->conn, true);
    return c;
}

/* Says how much of `ahead` is of a body that is held up. */
static void count_held(struct client *c, size_t bytes)
{
    c->server->held_bytes += bytes - c->request->held_bytes;
    c->request->held_bytes = bytes;
}

static void free_request(struct client *c)
{
    if (!c->request)
        return;
    count_held(c, 0);
    arena_release(&c->request->arena);
    free(c->request);
    c->request = NULL;
}

static void on_closed(struct conn *conn)
{
    struct client *c = OWNER_OF(conn, struct client, conn);
    struct server *s = c->server;
    free_request(c);
    loop_unhold(s->loop, &c->serve_next);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->clients = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->client_count--;
    buf_release(&c->ahead);
    free(c);
}

static void tell_gone(struct client *c, enum err why)
{
    struct request *r = c->request;
    if (!r || !r->handler)
        return;
    const struct client_handler *handler = r->handler;
    r->handler = NULL;
    handler->on_gone(r->owner, why);
}

void client_kill(struct client *c, enum err why)
{
    tell_gone(c, why);
    conn_close(&c->conn);
}

/* Nothing of a request has come yet, but perhaps empty lines. */
static bool is_idle(const struct client *c)
{
    return !c->request || !http_parser_has_begun(&c->request->parser);
}

void client_retire(struct client *c)
{
    c->is_retiring = true;
    if (!is_idle(c))
        return;
    if (conn_pending_bytes(&c->conn))
        conn_close_when_sent(&c->conn); /* the end of its last answer */
    else if (!c->conn.close_when_sent)
        conn_close(&c->conn);
}

/* --- a request comes --- */

static struct request *begin_request(struct client *c)
{
    struct request *r = MEM_NEW(struct request);
    arena_init(&r->arena);
    http_parser_init(&r->parser, true, &http_events, c, &r->arena);
    r->began_us = clock_wall_us();
    r->began_ns = c->active_ns;
    c->request = r;
    return r;
}

/* Answers what cannot be served, once, and closes. */
static void refuse(struct client *c, enum err err, const struct fail *f)
{
    struct request *r = c->request;
    bool was_served = r->handler != NULL;
    tell_gone(c, err);
    if (r->is_answering) {
        client_answer_break(c);
        return;
    }
    struct refusal refusal = {.id = uuid_new(), .err = err, .fail = f};
    char id[UUID_TEXT];
    bool is_relayed = server_is_relayed(c->server, r->parser.head.target);
    error_text(&r->arena, err, f, is_relayed ? NULL : err_code(err),
               str_of(uuid_format(&refusal.id, id)), &refusal.head, &refusal.body);
    if (!client_wants_body(c))
        refusal.body = STR_NONE;
    if (c->server->on_refused && !was_served)
        c->server->on_refused(c, &refusal, c->server->refused_owner);
    r->close_after = true;
    client_answer(c, refusal.head, refusal.body.len ? BODY_LENGTH : BODY_NONE);
    conn_write_copy(&c->conn, refusal.body);
    client_answer_end(c);
}

static enum err on_head(void *owner, bool *no_body)
{
    struct client *c = owner;
    struct request *r = c->request;
    struct fail *f = &r->parser.fail;
    const struct head *h = &r->parser.head;
    (void)no_body;
    r->close_after = !http_parser_keeps_alive(&r->parser) || c->is_retiring;
    uint64_t length;
    if (str_to_u64(head_get_id(h, HEADER_CONTENT_LENGTH), &length) &&
        length > c->server->options.max_body_bytes)
        return fail(f, ERR_TOO_LARGE, "the body is larger than server.max_body_bytes");
    enum err err = guard_check(c->server->options.guard, h, f);
    if (!err)
        err = server_dispatch_request(c->server, c, f);
    if (!err && head_has_id(h, HEADER_EXPECT) && !r->is_answering)
        conn_write(&c->conn, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    return err;
}

static void on_body(void *owner, struct str bytes)
{
    struct client *c = owner;
    struct request *r = c->request;
    if (r->parser.body_bytes > c->server->options.max_body_bytes) {
        r->parser.err = fail(&r->parser.fail, ERR_TOO_LARGE,
                             "the body is larger than server.max_body_bytes");
        return;
    }
    if (r->handler)
        r->handler->on_body(r->owner, bytes);
}

static void on_done(void *owner)
{
    struct client *c = owner;
    struct request *r = c->request;
    r->has_ended = true;
    if (r->handler)
        r->handler->on_request_end(r->owner);
}

static const struct http_events http_events = {on_head, on_body, on_done};

void client_turn_away(struct client *c)
{
    struct fail f = {0};
    begin_request(c);
    fail(&f, ERR_OVERLOADED, "too many connections");
    refuse(c, ERR_OVERLOADED, &f);
}

/* Feeds the request in service, or begins one. Gives how many bytes it took: none that lie behind
 * its end. */
static size_t feed(struct client *c, struct str bytes)
{
    struct request *r = c->request ? c->request : begin_request(c);
    size_t used = 0;
    if (r->has_ended)
        return 0;
    c->in_feed = true;
    enum err err = http_parser_feed(&r->parser, bytes, &used);
    c->in_feed = false;
    if (err) {
        refuse(c, err, &r->parser.fail);
        return bytes.len;
    }
    if (r->is_answered)
        finish_request(c);
    return used;
}

static bool is_held_up(const struct client *c)
{
    return c->request && c->request->is_held_up && !c->request->has_ended;
}

/* Where what comes must wait: a further request behind the one in service, and behind answers that
 * have not gone out, for who does not read must not make us answer more; a body that is held up. */
static bool must_wait(const struct client *c)
{
    return c->request ? c->request->has_ended || is_held_up(c) : conn_is_full(&c->conn);
}

static size_t ahead_bytes(const struct client *c)
{
    return c->ahead.len - c->ahead_used;
}

static bool has_room_ahead(const struct client *c)
{
    if (!is_held_up(c))
        return ahead_bytes(c) < AHEAD_MAX;
    return ahead_bytes(c) < HELD_MAX && c->server->held_bytes < HELD_ALL_MAX;
}

static void keep_ahead(struct client *c, struct str bytes)
{
    if (!bytes.len || c->conn.is_closing || c->conn.close_when_sent)
        return;
    buf_drop(&c->ahead, c->ahead_used);
    c->ahead_used = 0;
    enum err err = buf_append(&c->ahead, bytes);
    assert(!err); /* nothing more is read from here on, see below */
    if (is_held_up(c))
        count_held(c, c->ahead.len);
    if (!has_room_ahead(c))
        conn_read(&c->conn, false);
    if (!c->request)
        loop_hold(c->server->loop, &c->serve_next);
}

/* What came ahead has become less: is there room for more? A body that is held up stays so. */
static void read_on(struct client *c)
{
    if (!is_held_up(c) && has_room_ahead(c))
        conn_read(&c->conn, true);
}

/* That a client has left is told behind all that it has sent. So what is held up is read on after a
 * while, as far as there is room: who leaves in the middle of an upload would upload the rest of it. */
static void look_ahead(struct client *c)
{
    if (is_held_up(c) && has_room_ahead(c))
        conn_read(&c->conn, true);
}

/* Runs when what was noted has been sent. What is parsed here stays where it is until the turn's
 * end, for only on_bytes() changes `ahead`. */
static void serve_next(struct loop_held *held)
{
    struct client *c = OWNER_OF(held, struct client, serve_next);
    if (!ahead_bytes(c) || must_wait(c) || c->conn.is_closing || c->conn.close_when_sent)
        return;
    c->ahead_used += feed(c, str_head(str_from(buf_str(&c->ahead), c->ahead_used), FEED_MAX));
    size_t len = c->ahead.len;
    if (c->ahead_used == len) {
        loop_turn_give(c->server->loop, buf_take(&c->ahead, &len));
        c->ahead_used = 0;
    } else if (!must_wait(c)) {
        loop_hold(c->server->loop, &c->serve_next);
    }
    read_on(c);
}

static void on_bytes(struct conn *conn, struct str bytes)
{
    struct client *c = OWNER_OF(conn, struct client, conn);
    c->active_ns = loop_now_ns(conn->loop);
    size_t used = c->ahead.len || must_wait(c) ? 0 : feed(c, bytes);
    keep_ahead(c, str_from(bytes, used));
}

static void on_end(struct conn *conn, enum err why)
{
    struct client *c = OWNER_OF(conn, struct client, conn);
    (void)why;
    client_kill(c, ERR_CLIENT_GONE);
}

static void on_full(struct conn *conn, bool is_full)
{
    struct client *c = OWNER_OF(conn, struct client, conn);
    struct request *r = c->request;
    c->active_ns = clock_mono_ns();
    if (r && r->handler)
        r->handler->on_full(r->owner, is_full);
    if (!is_full && !r && c->ahead.len)
        loop_hold(c->server->loop, &c->serve_next);
}

static const struct conn_events conn_events = {on_bytes, on_end, on_full, on_closed};

/* --- the answer --- */

void client_serve(struct client *c, const struct client_handler *handler, void *owner)
{
    assert(!c->request->handler);
    c->request->handler = handler;
    c->request->owner = owner;
}

void client_answer(struct client *c, struct str head, enum body_framing framing)
{
    struct request *r = c->request;
    assert(!r->is_answering);
    r->is_answering = true;
    r->answer_framing = framing;
    if (framing == BODY_UNTIL_CLOSE || c->is_retiring || c->server->is_draining || !r->has_ended)
        r->close_after = true;
    struct str tail = r->close_after ? STR("Connection: close\r\n\r\n") : STR("\r\n");
    char *text = loop_turn_alloc(c->server->loop, head.len + tail.len);
    memcpy(text, head.ptr, head.len);
    memcpy(text + head.len, tail.ptr, tail.len);
    conn_write(&c->conn, str_make(text, head.len + tail.len));
}

void client_answer_body(struct client *c, struct str bytes)
{
    struct request *r = c->request;
    assert(r->is_answering && !r->is_answered);
    if (!bytes.len || r->answer_framing == BODY_NONE)
        return;
    c->active_ns = loop_now_ns(c->server->loop);
    if (r->answer_framing != BODY_CHUNKED) {
        conn_write(&c->conn, bytes);
        return;
    }
    char size[CHUNK_HEAD_MAX];
    size_t n = chunk_head(bytes.len, size);
    conn_write_framed(&c->conn, str_make(size, n), bytes, CHUNK_TAIL);
}

void client_answer_end(struct client *c)
{
    struct request *r = c->request;
    assert(r->is_answering && !r->is_answered);
    if (r->answer_framing == BODY_CHUNKED)
        conn_write(&c->conn, CHUNK_LAST);
    r->is_answered = true;
    r->handler = NULL;
    if (!c->in_feed)
        finish_request(c);
}

void client_answer_break(struct client *c)
{
    struct request *r = c->request;
    r->handler = NULL;
    /* Where the end of the connection would look like the end of the body, only RST tells. */
    if (r->answer_framing == BODY_UNTIL_CLOSE)
        conn_close_reset(&c->conn);
    else
        conn_close_when_sent(&c->conn);
}

/* The answer has been written: on to the next request, or the end. */
static void finish_request(struct client *c)
{
    struct request *r = c->request;
    bool close = r->close_after || !r->has_ended || c->is_retiring || c->server->is_draining;
    free_request(c);
    c->active_ns = loop_now_ns(c->server->loop); /* an answer without a body has not said so yet */
    if (close) {
        conn_close_when_sent(&c->conn);
        return;
    }
    read_on(c);
    if (c->ahead.len)
        loop_hold(c->server->loop, &c->serve_next);
}

/* --- timeouts --- */

static uint64_t timeout_ms(const struct client *c, const struct request *r)
{
    const struct server_options *o = &c->server->options;
    if (conn_is_full(&c->conn) && (!r || r->parser.is_past_head))
        return o->write_timeout_ms;
    if (c->conn.close_when_sent)
        return LINGER_MS;
    if (!r)
        return o->idle_timeout_ms;
    if (!r->parser.is_past_head)
        return HEAD_TIMEOUT_MS;
    if (!r->has_ended && !r->is_held_up)
        return o->read_timeout_ms;
    return 0; /* waiting for the provider, which has its own limits */
}

/* A client that takes a little now and then is slow, not stalled. */
static void watch_sending(struct client *c, uint64_t now_ns)
{
    size_t unsent = conn_is_full(&c->conn) ? conn_pending_bytes(&c->conn) : 0;
    if (unsent < c->unsent_bytes)
        c->active_ns = now_ns;
    c->unsent_bytes = (uint32_t)unsent;
}

void client_sweep(struct client *c, uint64_t now_ns)
{
    watch_sending(c, now_ns);
    look_ahead(c);
    struct request *r = is_idle(c) ? NULL : c->request;
    uint64_t limit_ms = timeout_ms(c, r);
    bool is_head = r && !r->parser.is_past_head;
    uint64_t since_ns = is_head ? r->began_ns : c->active_ns; /* a head has a total limit */
    if (!limit_ms || now_ns < since_ns || now_ns - since_ns < limit_ms * 1000000u)
        return;
    if (r && !r->is_answering && !c->conn.close_when_sent && !conn_is_full(&c->conn)) {
        struct fail f = {0};
        fail(&f, ERR_CLIENT_TIMEOUT, "it stalled");
        refuse(c, ERR_CLIENT_TIMEOUT, &f);
    } else {
        client_kill(c, ERR_CLIENT_TIMEOUT);
    }
}

/* --- small questions --- */

struct client *client_next(const struct client *c)
{
    return c->next;
}

const struct head *client_head(const struct client *c)
{
    return &c->request->parser.head;
}

struct arena *client_arena(struct client *c)
{
    return &c->request->arena;
}

struct loop *client_loop(const struct client *c)
{
    return c->server->loop;
}

const char *client_addr(const struct client *c)
{
    return c->addr;
}

int64_t client_began_us(const struct client *c)
{
    return c->request->began_us;
}

uint64_t client_began_ns(const struct client *c)
{
    return c->request->began_ns;
}

enum body_framing client_body_framing(const struct client *c)
{
    return http_parser_framing(&c->request->parser);
}

bool client_has_request_ended(const struct client *c)
{
    return c->request->has_ended;
}

bool client_wants_body(const struct client *c)
{
    return !str_equal(c->request->parser.head.method, STR("HEAD"));
}

bool client_is_http10(const struct client *c)
{
    return c->request->parser.head.version_minor == 0;
}

bool client_has_answer_begun(const struct client *c)
{
    return c->request->is_answering;
}

bool client_is_full(const struct client *c)
{
    return conn_is_full(&c->conn);
}

size_t client_pending_bytes(const struct client *c)
{
    return conn_pending_bytes(&c->conn);
}

void client_read_body(struct client *c, bool on)
{
    bool has_more = c->request && !c->request->has_ended;
    if (on && is_held_up(c))
        c->active_ns = clock_mono_ns(); /* it could not go on before */
    if (c->request)
        c->request->is_held_up = has_more && !on;
    if (has_more)
        count_held(c, on ? 0 : c->ahead.len);
    if (has_more && !on)
        conn_read(&c->conn, false);
    if (!on)
        return;
    if (c->ahead.len)
        loop_hold(c->server->loop, &c->serve_next);
    read_on(c);
}
