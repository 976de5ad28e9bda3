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
    struct buf body;
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
    buf_release(&c->body);
    free(c);
}

static void on_body(void *owner, struct str bytes)
{
    struct call *c = owner;
    if (c->is_answered)
        return;
    if (buf_append(&c->body, bytes) != ERR_OK)
        call_fail(c, ERR_TOO_LARGE, NULL, "the body is larger than 1 MiB");
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
    buf_init(&c->body, CALL_BODY_MAX);
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

struct str call_body(const struct call *c)
{
    return buf_str(&c->body);
}

struct arena *call_arena(struct call *c)
{
    return &c->arena;
}

struct loop *call_loop(struct call *c)
{
    return c->loop;
}

static int hex(char d)
{
    if (d >= '0' && d <= '9')
        return d - '0';
    d = (char)(d | 0x20);
    return d >= 'a' && d <= 'f' ? d - 'a' + 10 : -1;
}

/* Undoes percent-encoding and '+'. False on a broken escape or a zero byte. */
static bool decode(struct arena *arena, struct str raw, struct str *out)
{
    char *text = arena_alloc(arena, raw.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char d = raw.ptr[i];
        if (d == '%') {
            if (i + 2 >= raw.len || hex(raw.ptr[i + 1]) < 0 || hex(raw.ptr[i + 2]) < 0)
                return false;
            d = (char)(hex(raw.ptr[i + 1]) * 16 + hex(raw.ptr[i + 2]));
            i += 2;
        } else if (d == '+') {
            d = ' ';
        }
        if (d == '\0')
            return false;
        text[n++] = d;
    }
    text[n] = '\0';
    *out = str_make(text, n);
    return true;
}

enum call_param call_param(struct call *c, const char *name, struct str *value)
{
    struct str rest = call_query(c), part;
    enum call_param found = PARAM_ABSENT;
    while (str_next(&rest, '&', &part)) {
        size_t equals = str_find(part, '=');
        if (!str_equal(str_head(part, equals), str_of(name)))
            continue;
        if (found != PARAM_ABSENT || !decode(&c->arena, str_from(part, equals + 1), value))
            return PARAM_BAD;
        found = PARAM_PRESENT;
    }
    return found;
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

void call_reply(struct call *c, const struct reply *r, struct str body)
{
    call_reply_give(c, r, body.len ? mem_dup(body.ptr, body.len) : NULL, body.len);
}

void call_reply_static(struct call *c, const struct reply *r, struct str body)
{
    if (!begin_answer(c, r, body.len))
        return;
    client_answer_body(c->client, body);
    client_answer_end(c->client);
    call_free(c);
}

void call_fail(struct call *c, enum err code, const char *field, const char *message)
{
    char name[64];
    err_code(code, name, sizeof name);
    bool bad_param = code == ERR_BAD_REQUEST && field;
    struct str body = arena_printf(
        &c->arena, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"%s%s%s}}",
        bad_param ? "bad_param" : name, message ? message : err_public(code),
        field ? ",\"field\":\"" : "", field ? field : "", field ? "\"" : "");
    call_reply(c, &(struct reply){.status = err_status(code), .content_type = "application/json"},
               body);
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
