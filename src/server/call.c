/*
 * call.c — one request to the proxy itself, read whole, and its answer.
 *
 * The client's connection does the framing (client.c); what is asked and answered is in api/.
 */
#include "server/call.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/reason.h"
#include "server/call_dispatch.h"
#include "server/client.h"

struct call {
    struct client *client; /* NULL when the client has left */
    struct arena arena;
    struct head head;      /* copied: it outlives the client */
    size_t body_bytes;     /* of what was sent with it: nothing reads it */
    call_handler *handler;
    void *owner;
    void (*on_gone)(void *owner);
    void (*on_room)(void *owner);
    void *gone_owner;
    struct loop *loop;
    bool is_asked; /* the handler has it */
    bool is_answered, is_stream;
};

static void call_free(struct call *c)
{
    if (c->on_gone)
        c->on_gone(c->gone_owner);
    arena_release(&c->arena);
    free(c);
}

static void refuse_body(struct call *c)
{
    static const char text[] = "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\","
                               "\"code\":\"too_large\","
                               "\"message\":\"the body is larger than 1 MiB\"}}";
    const struct reply r = {.status = err_status(ERR_TOO_LARGE), .content_type = "application/json"};
    call_reply_static(c, &r, str_make(text, sizeof text - 1));
}

static void on_body(void *owner, struct str bytes)
{
    struct call *c = owner;
    if (c->is_answered)
        return;
    c->body_bytes += bytes.len;
    if (c->body_bytes > CALL_BODY_MAX)
        refuse_body(c);
}

static void on_request_end(void *owner)
{
    struct call *c = owner;
    c->is_asked = true;
    if (!c->is_answered)
        c->handler(c, c->owner);
}

static void on_full(void *owner, bool is_full)
{
    struct call *c = owner; /* a whole answer has been handed over; a stream asks before it writes */
    if (!is_full && c->on_room)
        c->on_room(c->gone_owner);
}

static void on_gone(void *owner, enum err why)
{
    struct call *c = owner;
    (void)why;
    c->client = NULL;
    if (c->is_answered || !c->is_asked)
        call_free(c);
    /* else a handler still works on it and will answer into the void */
}

static const struct client_handler handler = {on_body, on_request_end, on_full, on_gone};

enum err call_dispatch(struct client *client, struct fail *f, void *owner)
{
    (void)f;
    const struct call_route *route = owner;
    struct call *c = MEM_NEW(struct call);
    arena_init(&c->arena);
    c->client = client;
    c->loop = client_loop(client);
    c->handler = route->handler;
    c->owner = route->owner;
    const struct head *h = client_head(client);
    c->head = *h;
    c->head.method = arena_str(&c->arena, h->method);
    c->head.target = arena_str(&c->arena, h->target);
    c->head.headers = arena_alloc(&c->arena, (h->count + 1) * sizeof *h->headers);
    for (size_t i = 0; i < h->count; i++) {
        c->head.headers[i].name = arena_str(&c->arena, h->headers[i].name);
        c->head.headers[i].value = arena_str(&c->arena, h->headers[i].value);
    }
    client_serve(client, &handler, c);
    return ERR_OK;
}

/* --- what was asked --- */

const struct head *call_head(const struct call *c)
{
    return &c->head;
}

struct str call_method(const struct call *c)
{
    return c->head.method;
}

struct str call_path(const struct call *c)
{
    return str_head(c->head.target, str_find(c->head.target, '?'));
}

struct str call_query(const struct call *c)
{
    return str_from(c->head.target, str_find(c->head.target, '?') + 1);
}

struct arena *call_arena(struct call *c)
{
    return &c->arena;
}

struct loop *call_loop(struct call *c)
{
    return c->loop;
}

/* --- the answer --- */

static void answer_head(struct call *c, const struct reply *r, const char *framing)
{
    struct str head = arena_printf(&c->arena, "HTTP/1.1 %d %s\r\n%s%s%s%s%.*s", r->status,
                                   http_reason(r->status), r->content_type ? "Content-Type: " : "",
                                   r->content_type ? r->content_type : "",
                                   r->content_type ? "\r\n" : "", framing, STR_ARGS(r->headers));
    bool has_body = client_wants_body(c->client) && r->status != 304 && r->status != 204;
    enum body_framing how = !has_body        ? BODY_NONE
                            : !c->is_stream  ? BODY_LENGTH
                            : client_is_http10(c->client) ? BODY_UNTIL_CLOSE
                                                          : BODY_CHUNKED;
    client_answer(c->client, head, how);
}

/* Begins the answer; true when its body still has to be sent. */
static bool begin_answer(struct call *c, const struct reply *r, size_t len)
{
    assert(!c->is_answered);
    c->is_answered = true;
    if (!c->client) {
        call_free(c);
        return false;
    }
    char framing[64] = "";
    if (r->status != 304 && r->status != 204)
        snprintf(framing, sizeof framing, "Content-Length: %zu\r\n", len);
    answer_head(c, r, framing);
    return true;
}

void call_reply_give(struct call *c, const struct reply *r, char *body, size_t len)
{
    loop_turn_give(c->loop, body);
    call_reply_static(c, r, str_make(body, len));
}

void call_reply_static(struct call *c, const struct reply *r, struct str body)
{
    if (!begin_answer(c, r, body.len))
        return;
    client_answer_body(c->client, body);
    client_answer_end(c->client);
    call_free(c);
}

void call_stream_begin(struct call *c, const struct reply *r, void (*gone)(void *owner),
                       void *owner)
{
    assert(!c->is_answered);
    c->is_answered = c->is_stream = true;
    c->on_gone = gone;
    c->gone_owner = owner;
    if (c->client)
        answer_head(c, r, client_is_http10(c->client) ? "" : "Transfer-Encoding: chunked\r\n");
    if (c->client && !client_wants_body(c->client)) { /* HEAD: that was all */
        client_answer_end(c->client);
        c->client = NULL;
    }
    if (!c->client)
        call_free(c);
}

bool call_stream_write(struct call *c, struct str bytes)
{
    if (!c->client || client_pending_bytes(c->client) + bytes.len > CALL_STREAM_MAX)
        return false;
    char *copy = loop_turn_alloc(c->loop, bytes.len);
    memcpy(copy, bytes.ptr, bytes.len);
    client_answer_body(c->client, str_make(copy, bytes.len));
    return true;
}

void call_stream_on_room(struct call *c, void (*on_room)(void *owner))
{
    c->on_room = on_room;
}

bool call_stream_is_full(const struct call *c)
{
    return c->client && client_is_full(c->client);
}

void call_stream_break(struct call *c)
{
    if (c->client)
        client_answer_break(c->client);
    call_free(c);
}

void call_stream_end(struct call *c)
{
    if (c->client)
        client_answer_end(c->client);
    call_free(c);
}
