/*
 * exchange.c — THE FLOW: one request, from its head to the end of its answer.
 *
 * The steps stand in order in one table. A step does its part and goes on, or waits; every event
 * ends in exchange_wake(), which runs steps until one waits. Bytes of bodies do not go through
 * steps: they pass straight from one side to the other, and through the tap.
 *
 * What the two kinds of providers do is in exchange_relayed.c and exchange_routed.c, how it ends in
 * exchange_end.c.
 */
#include "proxy/exchange.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/exchange_private.h"
#include "proxy/translated.h"
#include "upstream/attempt.h"

enum {
    EARLY_MAX = 512 * 1024, /* bytes of a request kept while a connection is made: of one turn */
    ROUTED_MAX = 64 << 20   /* bytes of a request that is looked into for its model */
};

static enum flow admit(struct exchange *ex);
static enum flow receive(struct exchange *ex);
static enum flow route(struct exchange *ex);
static enum flow attempt(struct exchange *ex);
static enum flow request(struct exchange *ex);
static enum flow answer(struct exchange *ex);
static enum flow stream(struct exchange *ex);

static const struct step {
    const char *name;
    enum flow (*run)(struct exchange *ex);
} steps[] = {
    {"admit", admit},                /* it is remembered from here on */
    {"receive", receive},            /* all of it, where rules have to know its model */
    {"route", route},                /* which provider the rules choose */
    {"choose", chain_choose},        /* it, or who is asked instead; from here on once for each */
    {"attempt", attempt},            /* a connection to it */
    {"request", request},            /* the head goes out, the body follows as it comes */
    {"answer", answer},              /* the answer's head has come: on to the client */
    {"stream", stream},              /* bytes are passing; wait for the end */
    {"conclude", exchange_conclude}, /* how it ended is noted, and on the disk if asked to */
    {"finish", exchange_finish},     /* the client's last byte; free the rest */
};

enum { STEP_CHOOSE = 3, STEP_CONCLUDE = COUNT_OF(steps) - 2 };

void exchange_wake(struct exchange *ex)
{
    if (ex->is_running)
        return; /* the loop below sees what has changed */
    ex->is_running = true;
    while (ex->step < COUNT_OF(steps)) {
        if (ex->is_turned)
            ex->step = STEP_CHOOSE;
        ex->is_turned = false;
        if (ex->fail.code && ex->step < STEP_CONCLUDE)
            ex->step = STEP_CONCLUDE;
        size_t step = ex->step;
        if (steps[step].run(ex) == WAIT) {
            if ((ex->fail.code && step < STEP_CONCLUDE) || ex->is_turned)
                continue;
            ex->is_running = false;
            return;
        }
        ex->step++;
    }
    free(ex);
}

uint64_t exchange_elapsed_us(const struct exchange *ex)
{
    return (clock_mono_ns() - ex->began_ns) / 1000;
}

bool exchange_waits_for_disk(const struct exchange *ex)
{
    return ex->proxy->journal && ex->proxy->durability.mode == DURABILITY_SYNC;
}

/* --- the steps --- */

static enum flow admit(struct exchange *ex)
{
    struct client *c = ex->client;
    ex->began_ns = client_began_ns(c);
    ex->request_framing = client_body_framing(c);
    ex->no_answer_body = !client_wants_body(c);
    struct uuid id = uuid_new();
    tap_begin(&ex->tap, ex->proxy, &id, client_began_us(c), ex->began_ns, str_of(client_addr(c)),
              ex->routable ? STR_NONE : ex->provider->name, client_head(c));
    if (ex->proxy->rejects_unrecorded && !tap_secure(&ex->tap))
        fail(&ex->fail, ERR_NOT_RECORDED, "the journal cannot be written");
    return GO_ON;
}

/* What is too long to be looked into goes to Anthropic, as everything does without rules. */
static enum flow receive(struct exchange *ex)
{
    if (!ex->routable || ex->is_request_whole || ex->early.len > ROUTED_MAX)
        return GO_ON;
    client_read_body(ex->client, true);
    return WAIT;
}

/* To Anthropic, where no rule says otherwise. */
static enum flow route(struct exchange *ex)
{
    if (ex->routable && ex->is_request_whole && !routed_decide(ex))
        return WAIT;
    if (ex->rule)
        ex->hop = (struct route_hop){ex->rule->provider, ex->rule->model};
    return GO_ON;
}

static enum flow attempt(struct exchange *ex)
{
    if (ex->hop.provider || ex->is_ready)
        return GO_ON;
    if (!client_has_request_ended(ex->client))
        client_read_body(ex->client, false);
    return WAIT;
}

static enum flow request(struct exchange *ex)
{
    if (!ex->is_head_sent && !ex->hop.provider) {
        relayed_send_head(ex);
        client_read_body(ex->client, true);
    }
    relayed_send_end(ex);
    return ex->has_answer ? GO_ON : WAIT;
}

/* The answer's head was handed on in on_head(), where its strings live. */
static enum flow answer(struct exchange *ex)
{
    assert(ex->has_answer);
    return GO_ON;
}

static enum flow stream(struct exchange *ex)
{
    relayed_send_end(ex);
    if (!ex->is_answer_whole)
        return WAIT;
    /* The end is noted before the client's last byte, so what waits must have gone out first. */
    if (ex->client && client_is_full(ex->client))
        return WAIT;
    return GO_ON;
}

/* --- what the client does --- */

static void on_request_body(void *owner, struct str bytes)
{
    struct exchange *ex = owner;
    tap_request_body(&ex->tap, bytes);
    if (ex->is_head_sent) {
        if (ex->attempt)
            relayed_send_body(ex, bytes);
    } else if (buf_append(&ex->early, bytes) != ERR_OK) {
        fail(&ex->fail, ERR_OVERLOADED, "the request came faster than a connection");
        exchange_wake(ex);
    } else if (ex->routable && ex->early.len > ROUTED_MAX) {
        exchange_wake(ex);
    }
}

static void on_request_end(void *owner)
{
    struct exchange *ex = owner;
    tap_request_end(&ex->tap);
    ex->is_request_whole = true;
    exchange_wake(ex);
}

static void read_on(struct exchange *ex, bool on)
{
    if (ex->attempt)
        attempt_read(ex->attempt, on);
    if (ex->translated)
        translated_read(ex->translated, on);
}

static void on_client_full(void *owner, bool is_full)
{
    struct exchange *ex = owner;
    read_on(ex, !is_full);
    if (!is_full)
        exchange_wake(ex);
}

static void on_client_gone(void *owner, enum err why)
{
    struct exchange *ex = owner;
    ex->client = NULL;
    ex->ending = why == ERR_SHUTDOWN ? ENDING_PROXY_SHUTDOWN : ENDING_CLIENT_DISCONNECTED;
    bool is_sent = ex->translated || (ex->attempt && ex->is_request_sent);
    bool goes_on = ex->proxy->drain_abandoned && why == ERR_CLIENT_GONE && is_sent;
    if (goes_on)
        read_on(ex, true);
    else
        fail(&ex->fail, why, "the client left");
    if (!ex->is_concluded || ex->is_durable)
        exchange_wake(ex);
}

static const struct client_handler client_handler = {on_request_body, on_request_end,
                                                     on_client_full, on_client_gone};

/* --- the beginning --- */

enum err exchange_dispatch(struct client *c, struct fail *f, void *owner)
{
    (void)f;
    struct proxy *p = owner;
    struct exchange *ex = MEM_NEW(struct exchange);
    ex->proxy = p;
    ex->client = c;
    ex->routes = routes_take(&p->routing);
    ex->provider = &ex->routes->set->anthropic;
    ex->retry_after_s = -1;
    ex->routable = router_may_route(ex->routes->set->router, client_head(c));
    if (!ex->routable && demoted_may_be(ex))
        ex->routable = ROUTABLE_MESSAGES; /* read whole, to see whether it asks for a stream */
    buf_init(&ex->early, ex->routable ? ROUTED_MAX + LOOP_TURN_READ_MAX : EARLY_MAX);
    ex->next = p->exchanges;
    if (ex->next)
        ex->next->prev = ex;
    p->exchanges = ex;
    atomic_fetch_add_explicit(&p->in_flight, 1, memory_order_relaxed);
    client_serve(c, &client_handler, ex);
    exchange_wake(ex);
    return ERR_OK;
}

void exchange_stop_all(struct proxy *p)
{
    for (struct exchange *ex = p->exchanges, *next; ex; ex = next) {
        next = ex->next;
        if (ex->is_concluded)
            continue;
        ex->ending = ENDING_PROXY_SHUTDOWN;
        fail(&ex->fail, ERR_SHUTDOWN, "the proxy stopped");
        exchange_wake(ex);
    }
}
