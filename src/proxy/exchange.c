/*
 * exchange.c — THE FLOW: one request, from its head to the end of its answer.
 *
 * The steps stand in order in one table. A step does its part and goes on, or waits; every event
 * ends in wake(), which runs steps until one waits. Bytes of bodies do not go through steps: they
 * pass straight from one side to the other, and through the tap.
 */
#include "proxy/exchange.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loss.h"
#include "base/mem.h"
#include "http/chunk.h"
#include "proxy/forward_head.h"
#include "proxy/router.h"
#include "proxy/tap.h"
#include "proxy/translated.h"
#include "upstream/attempt.h"

enum flow { GO_ON, WAIT };

enum {
    EARLY_MAX = 512 * 1024, /* bytes of a request kept while a connection is made: of one turn */
    ROUTED_MAX = 64 << 20   /* bytes of a request that is looked into for its model */
};

struct exchange {
    struct proxy *proxy;
    struct exchange *prev, *next;
    struct client *client;          /* NULL: it has left, the answer is only recorded */
    struct attempt *attempt;        /* NULL: not begun, or over */
    struct translated *translated;  /* instead of it, for another provider than Anthropic */
    const struct route_rule *rule;  /* NULL: to Anthropic */
    enum routable routable;         /* if so, read whole before it goes anywhere */
    const struct provider *provider;
    struct tap tap;
    size_t step;
    struct buf early;               /* the body's first bytes, until there is a connection */
    uint64_t began_ns;
    uint64_t sent_us;
    int status;
    enum body_framing request_framing, answer_framing;
    bool is_ready;                  /* a connection stands */
    bool is_head_sent;
    bool is_request_whole, is_request_sent;
    bool has_answer;                /* its head has come */
    bool is_answer_whole;
    bool no_answer_body;            /* answers HEAD */
    bool is_running;                /* wake() is on the stack */
    enum ending ending;             /* RUNNING: as the rest says */
    bool is_concluded, is_durable;  /* its end is noted; and on the disk, where that is asked */
    bool is_ours;                   /* we answered for the provider */
    struct durability_wait wait;
    struct str last;                /* sync: the last bytes of an answer with a length, held back
                                       until its end is on the disk; malloc'ed */
    uint64_t answer_length;         /* sync: that length; 0: not known */
    struct fail fail;
};

static enum flow admit(struct exchange *ex);
static enum flow receive(struct exchange *ex);
static enum flow route(struct exchange *ex);
static enum flow attempt(struct exchange *ex);
static enum flow request(struct exchange *ex);
static enum flow answer(struct exchange *ex);
static enum flow stream(struct exchange *ex);
static enum flow conclude(struct exchange *ex);
static enum flow finish(struct exchange *ex);

static const struct step {
    const char *name;
    enum flow (*run)(struct exchange *ex);
} steps[] = {
    {"admit", admit},     /* it is remembered from here on                 */
    {"receive", receive}, /* all of it, where rules have to know its model */
    {"route", route},     /* which provider                                */
    {"attempt", attempt}, /* a connection to it                            */
    {"request", request}, /* the head goes out, the body follows as it comes */
    {"answer", answer},   /* the answer's head has come: on to the client  */
    {"stream", stream},   /* bytes are passing; wait for the end           */
    {"conclude", conclude}, /* note how it ended, and have that on the disk if asked to */
    {"finish", finish},   /* the client's last byte; free the rest         */
};

enum { STEP_CONCLUDE = COUNT_OF(steps) - 2 };

/* Every event that concerns `ex` ends up here. It may be gone afterwards. */
static void wake(struct exchange *ex)
{
    if (ex->is_running)
        return; /* the loop below sees what has changed */
    ex->is_running = true;
    while (ex->step < COUNT_OF(steps)) {
        if (ex->fail.code && ex->step < STEP_CONCLUDE)
            ex->step = STEP_CONCLUDE;
        size_t step = ex->step;
        if (steps[step].run(ex) == WAIT) {
            if (ex->fail.code && step < STEP_CONCLUDE)
                continue;
            ex->is_running = false;
            return;
        }
        ex->step++;
    }
    free(ex);
}

static uint64_t elapsed_us(const struct exchange *ex)
{
    return (clock_mono_ns() - ex->began_ns) / 1000;
}

/* --- the steps --- */

static const struct client_handler client_handler;
static const struct attempt_events attempt_events;
static const struct translated_events translated_events;

static enum flow admit(struct exchange *ex)
{
    struct client *c = ex->client;
    ex->began_ns = client_began_ns(c);
    ex->request_framing = client_body_framing(c);
    ex->no_answer_body = !client_wants_body(c);
    struct uuid id = uuid_new();
    tap_begin(&ex->tap, ex->proxy, &id, client_began_us(c), ex->began_ns, str_of(client_addr(c)),
              ex->routable ? STR_NONE : ex->provider->name, client_head(c));
    if (ex->proxy->rejects_unrecorded && !tap_secure(&ex->tap)) {
        loss_note(LOSS_NOT_RECORDED, 1, NULL);
        fail(&ex->fail, ERR_NOT_RECORDED, "the journal cannot be written");
    }
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

static void start_translated(struct exchange *ex, struct str model)
{
    struct translated_options o = {
        .proxy = ex->proxy,
        .rule = ex->rule,
        .pool = (size_t)(ex->rule->provider - ex->proxy->router->providers),
        .routable = ex->routable,
        .id = &ex->tap.id,
        .body = buf_str(&ex->early),
        .model = model,
        .is_http10 = client_is_http10(ex->client),
    };
    ex->provider = &ex->rule->provider->upstream;
    ex->sent_us = elapsed_us(ex);
    translated_start(ex->translated = translated_new(&o, &translated_events, ex));
}

/* To Anthropic, where no rule says otherwise. */
static enum flow route(struct exchange *ex)
{
    struct str model = STR_NONE;
    if (ex->routable && ex->is_request_whole)
        ex->rule = router_decide(ex->proxy->router, buf_str(&ex->early), client_arena(ex->client),
                                 &model);
    if (ex->rule) {
        start_translated(ex, model);
    } else {
        ex->attempt = attempt_new(&ex->proxy->anthropic, &attempt_events, ex);
        attempt_start(ex->attempt);
    }
    return GO_ON;
}

static enum flow attempt(struct exchange *ex)
{
    if (ex->rule || ex->is_ready)
        return GO_ON;
    if (!client_has_request_ended(ex->client))
        client_read_body(ex->client, false);
    return WAIT;
}

static void send_body(struct exchange *ex, struct str bytes)
{
    if (ex->request_framing == BODY_CHUNKED)
        attempt_write_chunk(ex->attempt, bytes);
    else
        attempt_write(ex->attempt, bytes);
}

/* Once the client has sent all of it, be the answer on its way already or not. */
static void send_request_end(struct exchange *ex)
{
    if (!ex->is_request_whole || ex->is_request_sent || !ex->attempt)
        return;
    if (ex->request_framing == BODY_CHUNKED)
        attempt_write(ex->attempt, CHUNK_LAST);
    ex->is_request_sent = true;
    ex->sent_us = elapsed_us(ex);
    attempt_sent(ex->attempt);
}

static enum flow request(struct exchange *ex)
{
    if (!ex->is_head_sent && !ex->rule) {
        ex->is_head_sent = true;
        ex->sent_us = elapsed_us(ex);
        attempt_write(ex->attempt,
                      forward_request_head(ex->proxy->loop, client_head(ex->client), ex->provider,
                                           ex->request_framing, ex->proxy->version));
        if (ex->early.len) {
            size_t len;
            char *bytes = buf_take(&ex->early, &len);
            loop_turn_give(ex->proxy->loop, bytes);
            send_body(ex, str_make(bytes, len));
        }
        client_read_body(ex->client, true);
    }
    send_request_end(ex);
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
    send_request_end(ex);
    if (!ex->is_answer_whole)
        return WAIT;
    /* The end is noted before the client's last byte, so what waits must have gone out first. */
    if (ex->client && client_is_full(ex->client))
        return WAIT;
    return GO_ON;
}

static enum ending ending_of(const struct exchange *ex)
{
    if (ex->ending != ENDING_RUNNING)
        return ex->ending;
    switch (ex->fail.code) {
    case ERR_OK:
        return ex->status >= 400 ? ENDING_UPSTREAM_ERROR : ENDING_COMPLETE;
    case ERR_UPSTREAM_TIMEOUT:
        return ENDING_UPSTREAM_TIMEOUT;
    case ERR_UPSTREAM_RESET:
        return ENDING_UPSTREAM_RESET;
    case ERR_UPSTREAM_TRUNCATED:
        return ENDING_UPSTREAM_TRUNCATED;
    default:
        return ex->has_answer ? ENDING_UPSTREAM_TRUNCATED : ENDING_UPSTREAM_ERROR;
    }
}

/* One line for each forward that failed. With a journal its reader says it, who knows more. */
static void log_failure(struct exchange *ex, const struct head *h)
{
    char id[UUID_TEXT];
    struct buf *target = &ex->proxy->scratch;
    buf_clear(target);
    if (h && redact_target(ex->proxy->redactor, h->target, target) != ERR_OK)
        buf_clear(target);
    log_line(LOG_WARN, "forward failed", LOG_C("request_id", uuid_format(&ex->tap.id, id)),
             LOG_N("body_bytes", ex->tap.request_bytes),
             LOG_S("anthropic_beta", h ? head_get_id(h, HEADER_ANTHROPIC_BETA) : STR_NONE),
             LOG_S("target", buf_str(target)), LOG_N("elapsed_ms", elapsed_us(ex) / 1000),
             LOG_C("end", ending_name(ex->ending)), LOG_C("error", err_name(ex->fail.code)),
             LOG_C("detail", ex->fail.detail));
}

/* No answer came: ours, in the provider's shape. */
static void answer_for_provider(struct exchange *ex)
{
    struct client *c = ex->client;
    struct str head, body;
    char id[UUID_TEXT];
    uuid_format(&ex->tap.id, id);
    client_error_text(client_arena(c), ex->fail.code, &ex->fail, str_of(id), &head, &body);
    bool has_body = client_wants_body(c);
    body = has_body ? body : STR_NONE;
    char *copy = loop_turn_alloc(ex->proxy->loop, body.len + 1);
    if (body.len)
        memcpy(copy, body.ptr, body.len);
    body = str_make(copy, body.len);
    struct tap_answer a = {.head = head, .is_ours = true, .sent_us = ex->sent_us,
                           .provider = ex->routable ? ex->provider->name : STR_NONE};
    tap_answer(&ex->tap, &a);
    tap_answer_body(&ex->tap, body);
    client_answer(c, head, has_body ? BODY_LENGTH : BODY_NONE);
    client_answer_body(c, body);
    ex->tap.client_bytes += body.len;
}

static void on_durable(struct durability_wait *w)
{
    struct exchange *ex = OWNER_OF(w, struct exchange, wait);
    ex->is_durable = true;
    wake(ex);
}

static bool waits_for_disk(const struct exchange *ex)
{
    return ex->proxy->journal && ex->proxy->durability.mode == DURABILITY_SYNC;
}

static void let_go(struct exchange *ex)
{
    if (ex->attempt)
        attempt_abort(ex->attempt);
    ex->attempt = NULL;
    translated_free(ex->translated);
    ex->translated = NULL;
}

static enum flow conclude(struct exchange *ex)
{
    struct client *c = ex->client;
    if (ex->is_concluded)
        return ex->is_durable ? GO_ON : WAIT;
    ex->is_concluded = true;
    ex->ending = ending_of(ex);
    if (!ex->proxy->journal && ex->fail.code && ex->ending != ENDING_CLIENT_DISCONNECTED &&
        ex->ending != ENDING_PROXY_SHUTDOWN)
        log_failure(ex, c ? client_head(c) : NULL);
    ex->is_ours = ex->fail.code && c && !client_has_answer_begun(c);
    if (ex->is_ours)
        answer_for_provider(ex);
    tap_end(&ex->tap, ex->ending, &ex->fail,
            ex->translated ? translated_losses(ex->translated) : STR_NONE);
    let_go(ex); /* nothing of the provider's has a place any more, while the disk is waited for */
    ex->is_durable = !waits_for_disk(ex);
    ex->wait.fn = on_durable;
    if (!ex->is_durable)
        durability_wait(&ex->proxy->durability, &ex->wait);
    return ex->is_durable ? GO_ON : WAIT;
}

static enum flow finish(struct exchange *ex)
{
    struct client *c = ex->client;
    if (c && ex->last.len) {
        client_answer_body(c, ex->last);
        loop_turn_give(ex->proxy->loop, (char *)ex->last.ptr);
    } else {
        free((char *)ex->last.ptr);
    }
    if (c && ex->fail.code && !ex->is_ours)
        client_answer_break(c);
    else if (c)
        client_answer_end(c);
    if (ex->prev)
        ex->prev->next = ex->next;
    else
        ex->proxy->exchanges = ex->next;
    if (ex->next)
        ex->next->prev = ex->prev;
    buf_release(&ex->early);
    atomic_fetch_sub_explicit(&ex->proxy->in_flight, 1, memory_order_relaxed);
    return GO_ON;
}

/* --- what the client does --- */

static void on_request_body(void *owner, struct str bytes)
{
    struct exchange *ex = owner;
    tap_request_body(&ex->tap, bytes);
    if (ex->is_head_sent) {
        if (ex->attempt)
            send_body(ex, bytes);
    } else if (buf_append(&ex->early, bytes) != ERR_OK) {
        fail(&ex->fail, ERR_OVERLOADED, "the request came faster than a connection");
        wake(ex);
    } else if (ex->routable && ex->early.len > ROUTED_MAX) {
        wake(ex);
    }
}

static void on_request_end(void *owner)
{
    struct exchange *ex = owner;
    tap_request_end(&ex->tap);
    ex->is_request_whole = true;
    wake(ex);
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
        wake(ex);
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
        wake(ex);
}

static const struct client_handler client_handler = {on_request_body, on_request_end,
                                                     on_client_full, on_client_gone};

/* --- what the provider does --- */

static void on_ready(void *owner)
{
    struct exchange *ex = owner;
    ex->is_ready = true;
    wake(ex);
}

/* How the body goes to this client: by length when it has one, else in chunks. */
static enum body_framing choose_framing(const struct exchange *ex)
{
    enum body_framing came = attempt_framing(ex->attempt);
    if (ex->no_answer_body || came == BODY_NONE)
        return BODY_NONE;
    if (came == BODY_LENGTH)
        return came;
    return client_is_http10(ex->client) ? BODY_UNTIL_CLOSE : BODY_CHUNKED;
}

static void on_answer_head(void *owner, const struct head *h, bool *no_body)
{
    struct exchange *ex = owner;
    ex->has_answer = true;
    ex->status = h->status;
    *no_body = ex->no_answer_body;
    ex->answer_framing = ex->client ? choose_framing(ex) : BODY_CHUNKED;
    enum body_framing said = ex->no_answer_body ? attempt_framing(ex->attempt) : ex->answer_framing;
    struct tap_answer a = {
        .head = forward_answer_head(ex->proxy->loop, h, said),
        .upstream_addr = str_of(attempt_addr(ex->attempt)),
        .is_reused = attempt_is_reused(ex->attempt),
        .provider = ex->routable ? ex->provider->name : STR_NONE,
        .connect_us = attempt_connect_us(ex->attempt),
        .sent_us = ex->sent_us,
    };
    tap_answer(&ex->tap, &a);
    if (waits_for_disk(ex) && ex->answer_framing == BODY_LENGTH &&
        !str_to_u64(head_get_id(h, HEADER_CONTENT_LENGTH), &ex->answer_length))
        ex->answer_length = 0;
    if (ex->client)
        client_answer(ex->client, a.head, ex->answer_framing);
    wake(ex);
}

static void on_answer_body(void *owner, struct str bytes)
{
    struct exchange *ex = owner;
    tap_answer_body(&ex->tap, bytes);
    if (!ex->client)
        return;
    ex->tap.client_bytes += bytes.len;
    if (ex->answer_length && ex->tap.response_bytes == ex->answer_length)
        ex->last = str_make(mem_dup(bytes.ptr, bytes.len), bytes.len);
    else
        client_answer_body(ex->client, bytes);
}

static void on_answer_done(void *owner)
{
    struct exchange *ex = owner;
    ex->attempt = NULL;
    ex->is_answer_whole = true;
    wake(ex);
}

static void on_attempt_failed(void *owner, enum err err, const struct fail *f)
{
    struct exchange *ex = owner;
    ex->attempt = NULL;
    fail(&ex->fail, err, "%s", f->detail);
    wake(ex);
}

static void on_attempt_full(void *owner, bool is_full)
{
    struct exchange *ex = owner;
    if (ex->client && !ex->is_request_whole)
        client_read_body(ex->client, !is_full);
}

static const struct attempt_events attempt_events = {on_ready,       on_answer_head,
                                                     on_answer_body, on_answer_done,
                                                     on_attempt_failed, on_attempt_full};

/* --- what a provider of another language does --- */

static void on_translated_head(void *owner, struct str head, enum body_framing framing, int status)
{
    struct exchange *ex = owner;
    const struct translated *t = ex->translated;
    struct tap_answer a = {
        .head = head,
        .upstream_addr = str_of(translated_addr(t)),
        .provider = ex->provider->name,
        .model = translated_model(t), .is_translated = true,
        .is_ours = framing == BODY_LENGTH && !*translated_addr(t),
        .is_reused = translated_is_reused(t), .connect_us = translated_connect_us(t),
        .sent_us = ex->sent_us,
    };
    ex->has_answer = true;
    ex->status = status;
    ex->answer_framing = framing;
    tap_answer(&ex->tap, &a);
    if (ex->client)
        client_answer(ex->client, head, framing);
    wake(ex);
}

static void on_translated_body(void *owner, struct str bytes)
{
    struct exchange *ex = owner;
    tap_answer_body(&ex->tap, bytes);
    if (!ex->client)
        return;
    ex->tap.client_bytes += bytes.len;
    if (waits_for_disk(ex) && ex->answer_framing == BODY_LENGTH) /* it comes in one piece */
        ex->last = str_make(mem_dup(bytes.ptr, bytes.len), bytes.len);
    else
        client_answer_body(ex->client, bytes);
}

/* Where the client could be told what broke, its answer is whole; else it sees the break. */
static void on_translated_done(void *owner, const struct fail *f)
{
    struct exchange *ex = owner;
    ex->is_answer_whole = true;
    if (!ex->has_answer || !translated_was_told(ex->translated))
        fail(&ex->fail, f->code ? f->code : ERR_INTERNAL, "%s", f->detail);
    else
        ex->ending = translated_ending(ex->translated);
    wake(ex);
}

static const struct translated_events translated_events = {on_translated_head, on_translated_body,
                                                           on_translated_done};

/* --- the beginning --- */

enum err exchange_dispatch(struct client *c, struct fail *f, void *owner)
{
    (void)f;
    struct proxy *p = owner;
    struct exchange *ex = MEM_NEW(struct exchange);
    ex->proxy = p;
    ex->client = c;
    ex->provider = p->anthropic.shared.provider;
    ex->routable = router_may_route(p->router, client_head(c));
    buf_init(&ex->early, ex->routable ? ROUTED_MAX + LOOP_TURN_READ_MAX : EARLY_MAX);
    ex->next = p->exchanges;
    if (ex->next)
        ex->next->prev = ex;
    p->exchanges = ex;
    atomic_fetch_add_explicit(&p->in_flight, 1, memory_order_relaxed);
    client_serve(c, &client_handler, ex);
    wake(ex);
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
        wake(ex);
    }
}
