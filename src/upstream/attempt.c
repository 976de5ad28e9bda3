/*
 * attempt.c — one try at getting an answer from a provider.
 */
#include "upstream/attempt.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/chunk.h"
#include "io/pause.h"
#include "upstream/attempt_sweep.h"
#include "upstream/backoff.h"

struct attempt {
    struct pool *pool;
    struct attempt *prev, *next;
    const struct attempt_events *events;
    void *owner;
    struct connector *connector; /* while connecting */
    struct uplink *uplink;
    struct pause *retry;         /* while waiting to connect again */
    int tries, retries_max;
    struct arena arena;
    struct http_parser parser;
    uint64_t start_ns, connect_us;
    uint64_t waiting_since_ns;   /* last progress of the answer; 0: not waiting for it */
    uint64_t unsent_since_ns;    /* last progress of what the provider has not taken */
    size_t unsent_bytes;
    bool is_sent, has_head, is_reused, is_paused, in_feed, is_over;
};

static const struct conn_events uplink_events;
static const struct http_events http_events;
static void start_connect(struct attempt *a);

/* --- the end --- */

static void attempt_free(struct attempt *a)
{
    if (a->connector)
        connector_cancel(a->connector);
    pause_cancel(a->retry);
    if (a->uplink) {
        a->uplink->attempt = NULL;
        conn_close(&a->uplink->conn);
    }
    if (a->prev)
        a->prev->next = a->next;
    else
        a->pool->attempts = a->next;
    if (a->next)
        a->next->prev = a->prev;
    arena_release(&a->arena);
    free(a);
}

void attempt_abort(struct attempt *a)
{
    if (a->in_feed)
        a->is_over = true; /* freed when the parser is off the stack */
    else
        attempt_free(a);
}

/* Tells the owner, once, and is gone. */
static void give_up(struct attempt *a, enum err err, const struct fail *f)
{
    const struct attempt_events *events = a->events;
    void *owner = a->owner;
    struct fail copy = *f;
    attempt_free(a);
    events->on_fail(owner, err, &copy);
}

static void give_up_because(struct attempt *a, enum err err, const char *why)
{
    struct fail f = {0};
    fail(&f, err, "%s", why);
    give_up(a, err, &f);
}

/* --- connecting --- */

static void begin_on(struct attempt *a, struct uplink *u)
{
    a->uplink = u;
    u->attempt = a;
    u->conn.events = &uplink_events;
    http_parser_init(&a->parser, false, &http_events, a, &a->arena);
    conn_read(&u->conn, !a->is_paused);
    a->events->on_ready(a->owner);
}

static void on_connected(void *owner, struct conn *conn, const char *addr)
{
    struct attempt *a = owner;
    struct uplink *u = OWNER_OF(conn, struct uplink, conn);
    a->connector = NULL;
    a->connect_us = (clock_mono_ns() - a->start_ns) / 1000;
    u->pool = a->pool;
    a->pool->open_count++;
    memcpy(u->addr, addr, sizeof u->addr);
    begin_on(a, u);
}

static void on_retry(void *owner)
{
    struct attempt *a = owner;
    a->retry = NULL;
    start_connect(a);
}

static void on_connect_failed(void *owner, enum err err, const struct fail *f)
{
    struct attempt *a = owner;
    a->connector = NULL;
    bool may_pass = err == ERR_UPSTREAM_CONNECT || err == ERR_UPSTREAM_RESOLVE;
    if (!may_pass || a->tries > a->retries_max) {
        give_up(a, err, f);
        return;
    }
    a->retry = pause_start(a->pool->shared.loop, backoff_ms(a->tries, clock_mono_ns()), on_retry, a);
}

static const struct connect_events connect_events = {on_connected, on_connect_failed};

static void start_connect(struct attempt *a)
{
    a->tries++;
    a->connector = connector_start(&a->pool->shared, sizeof(struct uplink), &connect_events, a);
}

struct attempt *attempt_new(struct pool *p, const struct attempt_events *events, void *owner)
{
    struct attempt *a = MEM_NEW(struct attempt);
    a->pool = p;
    a->events = events;
    a->owner = owner;
    a->retries_max = p->shared.provider->max_retries;
    a->start_ns = clock_mono_ns();
    arena_init(&a->arena);
    a->next = p->attempts;
    if (a->next)
        a->next->prev = a;
    p->attempts = a;
    return a;
}

void attempt_connect_once(struct attempt *a)
{
    a->retries_max = 0;
}

void attempt_start(struct attempt *a)
{
    struct uplink *u = pool_take(a->pool);
    a->is_reused = u != NULL;
    if (u)
        begin_on(a, u);
    else
        start_connect(a);
}

/* --- the request --- */

void attempt_write(struct attempt *a, struct str bytes)
{
    conn_write(&a->uplink->conn, bytes);
}

void attempt_write_chunk(struct attempt *a, struct str bytes)
{
    char size[CHUNK_HEAD_MAX];
    size_t n = chunk_head(bytes.len, size);
    conn_write_framed(&a->uplink->conn, str_make(size, n), bytes, CHUNK_TAIL);
}

void attempt_sent(struct attempt *a)
{
    a->is_sent = true;
    a->waiting_since_ns = clock_mono_ns();
}

static void on_full(struct conn *conn, bool is_full)
{
    struct attempt *a = OWNER_OF(conn, struct uplink, conn)->attempt;
    a->unsent_since_ns = clock_mono_ns(); /* it has taken all there was, though more may follow at once */
    a->events->on_full(a->owner, is_full);
}

/* --- the answer --- */

static enum err on_head(void *owner, bool *no_body)
{
    struct attempt *a = owner;
    a->has_head = true;
    a->events->on_head(a->owner, &a->parser.head, no_body);
    http_parser_drop_head(&a->parser); /* a stream may be long, and there may be thousands */
    return ERR_OK;
}

static void on_body(void *owner, struct str bytes)
{
    struct attempt *a = owner;
    if (!a->is_over)
        a->events->on_body(a->owner, bytes);
}

static void on_done(void *owner)
{
    (void)owner; /* seen by feed(), when the parser is off the stack */
}

static const struct http_events http_events = {on_head, on_body, on_done};

/* The answer is whole: the connection may serve again if both sides are even. */
static void finish(struct attempt *a, bool has_extra)
{
    const struct attempt_events *events = a->events;
    void *owner = a->owner;
    struct uplink *u = a->uplink;
    if (a->is_sent && !has_extra && http_parser_keeps_alive(&a->parser) &&
        !conn_is_full(&u->conn)) {
        a->uplink = NULL;
        pool_give(a->pool, u);
    }
    attempt_free(a);
    events->on_done(owner);
}

static void on_bytes(struct conn *conn, struct str bytes)
{
    struct attempt *a = OWNER_OF(conn, struct uplink, conn)->attempt;
    size_t used;
    a->waiting_since_ns = a->is_sent ? loop_now_ns(a->pool->shared.loop) : 0;
    a->in_feed = true;
    enum err err = http_parser_feed(&a->parser, bytes, &used);
    a->in_feed = false;
    if (a->is_over)
        attempt_free(a);
    else if (err)
        give_up(a, err, &a->parser.fail);
    else if (a->parser.is_done)
        finish(a, used < bytes.len);
}

static void on_end(struct conn *conn, enum err why)
{
    struct attempt *a = OWNER_OF(conn, struct uplink, conn)->attempt;
    bool in_order = why == ERR_OK;
    if (in_order && a->has_head && http_parser_finish(&a->parser) == ERR_OK) {
        const struct attempt_events *events = a->events;
        void *owner = a->owner;
        attempt_free(a);
        events->on_done(owner);
    } else if (a->has_head && in_order) {
        give_up_because(a, ERR_UPSTREAM_TRUNCATED, "it ended inside the body");
    } else {
        give_up_because(a, ERR_UPSTREAM_RESET,
                        a->has_head ? "the connection broke inside the body"
                                    : "the connection ended before an answer");
    }
}

static const struct conn_events uplink_events = {on_bytes, on_end, on_full, uplink_on_closed};

void attempt_read(struct attempt *a, bool on)
{
    a->is_paused = !on;
    a->waiting_since_ns = a->is_sent ? clock_mono_ns() : 0;
    if (a->uplink)
        conn_read(&a->uplink->conn, on);
}

static bool is_over(uint64_t since_ns, uint64_t now_ns, uint64_t limit_ms)
{
    return since_ns && now_ns > since_ns && now_ns - since_ns >= limit_ms * 1000000u;
}

/* A provider that takes a little now and then is slow, not stalled. */
static void watch_sending(struct attempt *a, uint64_t now_ns)
{
    const struct conn *c = &a->uplink->conn;
    size_t unsent = conn_is_full(c) ? conn_pending_bytes(c) : 0;
    if (!a->unsent_bytes || unsent < a->unsent_bytes)
        a->unsent_since_ns = now_ns;
    a->unsent_bytes = unsent;
}

/* What the provider has not done in time; NULL: all is well. */
static const char *what_stalled(struct attempt *a, uint64_t now_ns)
{
    const struct provider *p = a->pool->shared.provider;
    if (!a->uplink)
        return NULL; /* connecting has a limit of its own */
    watch_sending(a, now_ns);
    if (a->unsent_bytes && is_over(a->unsent_since_ns, now_ns, p->idle_timeout_ms))
        return "it took no more of the request";
    if (a->is_paused)
        return NULL;
    if (a->has_head)
        return is_over(a->waiting_since_ns, now_ns, p->idle_timeout_ms) ? "the answer stalled" : NULL;
    return is_over(a->waiting_since_ns, now_ns, p->head_timeout_ms)
               ? "no answer within response_header_timeout" : NULL;
}

void attempt_sweep_all(struct pool *p, uint64_t now_ns)
{
    for (struct attempt *a = p->attempts, *next; a; a = next) {
        next = a->next;
        const char *why = what_stalled(a, now_ns);
        if (why) {
            give_up_because(a, ERR_UPSTREAM_TIMEOUT, why);
            next = p->attempts; /* telling the owner may have changed the list */
        }
    }
}

/* --- small questions --- */

const char *attempt_addr(const struct attempt *a)
{
    return a->uplink ? a->uplink->addr : "";
}

bool attempt_is_reused(const struct attempt *a)
{
    return a->is_reused;
}

uint64_t attempt_connect_us(const struct attempt *a)
{
    return a->connect_us;
}

enum body_framing attempt_framing(const struct attempt *a)
{
    return http_parser_framing(&a->parser);
}
