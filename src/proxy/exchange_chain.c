/*
 * exchange_chain.c — who is asked, in turn: a rule's target and, as long as the client was sent
 * nothing, its provider's fallback, and that one's.
 *
 * To one provider a request is sent once. Only where it was refused with a time to come back soon,
 * which says that nothing was done for it, the same one is asked again (docs/routing.md).
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "dialect/json_writer.h"
#include "io/pause.h"
#include "proxy/exchange_private.h"
#include "upstream/backoff.h"

enum {
    AGAIN_AFTER_MAX_S = 5, /* a longer retry-after is the client's to wait for */
    AGAIN_SPREAD_MS = 250,
    TRIED_MAX = 64 * 1024 /* bytes about providers that did not answer */
};

bool chain_may_mend(int status)
{
    return status == 402 || status == 408 || status == 429 || status >= 500;
}

/* Read whole, so that it can be sent to anybody, and again to somebody else. */
static bool is_choosable(const struct exchange *ex)
{
    return ex->routable && ex->is_request_whole;
}

static const struct route_care *care_of(const struct exchange *ex, const struct route_hop *hop)
{
    return router_care(ex->routes->set->router, hop);
}

/* --- what is remembered of those who did not answer --- */

/* One more entry; what does not fit is left out. */
static void note(struct exchange *ex, const struct route_hop *hop, const char *cause)
{
    struct buf *out = &ex->tried;
    struct json_writer w = {.out = out, .needs_comma = out->len > 0};
    size_t before = out->len;
    if (!out->ceiling)
        buf_init(out, TRIED_MAX);
    if (!before)
        json_raw(&w, STR("["));
    w.needs_comma = before > 0;
    json_open(&w, '{');
    json_put_string(&w, "provider", route_hop_name(hop));
    if (hop->provider)
        json_put_string(&w, "model", hop->model.len ? hop->model : ex->decision.asked);
    json_put_string(&w, "cause", str_head(str_of(cause), HEALTH_MESSAGE_BYTES));
    json_put_int(&w, "at_ms", (int64_t)(exchange_elapsed_us(ex) / 1000));
    json_close(&w, '}');
    if (w.err)
        out->len = before;
}

struct str chain_tried(struct exchange *ex)
{
    struct buf *list = &ex->tried;
    if (!list->len)
        return STR_NONE;
    enum err err = buf_append_byte(list, ']');
    return err ? STR_NONE : buf_str(list);
}

static void log_turn(const struct exchange *ex, const struct route_hop *next, const char *why)
{
    char id[UUID_TEXT];
    log_line(LOG_WARN, next ? "a provider did not answer, another one is asked"
                            : "a provider refused, and is asked again after a while",
             LOG_C("request_id", uuid_format(&ex->tap.id, id)),
             LOG_S("provider", route_hop_name(&ex->hop)), LOG_C("cause", why),
             LOG_S("next", next ? route_hop_name(next) : STR_NONE),
             LOG_N("elapsed_ms", exchange_elapsed_us(ex) / 1000));
}

/* --- choosing --- */

/* A count is made here, and what cannot be sent elsewhere is no question of health. */
static bool begin(const struct exchange *ex, const struct route_hop *hop, struct health_try *t)
{
    struct health *h = care_of(ex, hop)->health;
    if (!is_choosable(ex)) {
        health_begin_aside(h, t);
        return true;
    }
    bool is_ours = hop->provider && ex->routable == ROUTABLE_COUNT_TOKENS;
    return health_begin(is_ours ? NULL : h, clock_mono_ns(), t);
}

static bool has_model(const struct exchange *ex, const struct route_hop *hop)
{
    return !hop->provider || hop->model.len ||
           (ex->decision.asked.len && ex->decision.asked.len <= ROUTE_MODEL_MAX);
}

/* The whole request is still here, and its client too, who knows nothing yet. */
static bool may_turn(const struct exchange *ex)
{
    return is_choosable(ex) && (ex->hop.provider || ex->keeps_body) && ex->client &&
           !ex->has_answer && !ex->fail.code;
}

/* The first, from `hop` on, that may be asked now. */
static bool find_hop(struct exchange *ex, const struct route_hop *hop, struct route_hop *found,
                     struct health_try *t)
{
    for (;; hop = &care_of(ex, hop)->fallback) {
        if (has_model(ex, hop) && begin(ex, hop, t)) {
            *found = *hop;
            return true;
        }
        note(ex, hop, "it is left alone for a while");
        if (!care_of(ex, hop)->has_fallback)
            return false;
    }
}

static bool has_next(const struct exchange *ex)
{
    return is_choosable(ex) && care_of(ex, &ex->hop)->has_fallback;
}

/* All of them are left alone: until the first of them is tried again. */
static void refuse(struct exchange *ex)
{
    uint64_t soonest_ns = UINT64_MAX, now_ns = clock_mono_ns();
    for (const struct route_hop *hop = &ex->hop;; hop = &care_of(ex, hop)->fallback) {
        if (care_of(ex, hop)->health)
            soonest_ns = MIN_OF(soonest_ns, health_rests_ns(care_of(ex, hop)->health, now_ns));
        if (!care_of(ex, hop)->has_fallback)
            break;
    }
    ex->retry_after_s = (int64_t)(soonest_ns / 1000000000 + 1);
    fail(&ex->fail, ERR_UPSTREAM_RESTING, "%.*s is tried again in %lld s",
         STR_ARGS(route_hop_name(&ex->hop)), (long long)ex->retry_after_s);
}

enum flow chain_choose(struct exchange *ex)
{
    if (ex->pause)
        return WAIT;
    if (!ex->is_let && !find_hop(ex, &ex->hop, &ex->hop, &ex->try)) {
        refuse(ex);
        return GO_ON;
    }
    ex->is_let = false;
    if (ex->hop.provider)
        routed_start(ex, has_next(ex));
    else
        relayed_start(ex, has_next(ex));
    return GO_ON;
}

/* --- the next one --- */

static void settle(struct exchange *ex, enum health_outcome outcome, const char *what)
{
    struct health_report r = {.outcome = outcome, .retry_after_s = -1, .message = what};
    if (outcome == HEALTH_FAILED) {
        r.now_ns = clock_mono_ns();
        r.wall_us = clock_wall_us();
        r.retry_after_s = ex->retry_after_s;
    }
    health_end(&ex->try, &r);
}

static void on_pause_over(void *owner)
{
    struct exchange *ex = owner;
    ex->pause = NULL;
    exchange_wake(ex);
}

/* It said that it did nothing, and when to come back. */
static bool may_ask_again(const struct exchange *ex, const struct chain_cause *c)
{
    bool is_refusal = c->status == 429 || c->status == 503 || c->status == 529;
    return is_refusal && ex->hop.provider && c->retry_after_s >= 0 &&
           c->retry_after_s <= AGAIN_AFTER_MAX_S &&
           ex->asked_again < ex->hop.provider->upstream.max_retries;
}

static void ask_again(struct exchange *ex, const struct chain_cause *c)
{
    uint64_t spread_ms = backoff_spread_ms(AGAIN_SPREAD_MS, clock_mono_ns());
    ex->asked_again++;
    ex->pause = pause_start(ex->proxy->loop, (uint64_t)c->retry_after_s * 1000 + spread_ms,
                            on_pause_over, ex);
}

static void take_hop(struct exchange *ex, const struct route_hop *next, const struct health_try *t)
{
    ex->hop = *next;
    ex->try = *t;
    ex->is_let = true;
    ex->asked_again = 0;
}

bool chain_turn(struct exchange *ex, const struct chain_cause *c)
{
    char text[HEALTH_MESSAGE_BYTES];
    struct route_hop next;
    struct health_try t;
    if (!may_turn(ex) || (c->status && !chain_may_mend(c->status)))
        return false;
    ex->retry_after_s = c->retry_after_s;
    if (c->what && *c->what)
        snprintf(text, sizeof text, "%s", c->what);
    else
        snprintf(text, sizeof text, "it answered with status %d", c->status);
    size_t before = ex->tried.len;
    note(ex, &ex->hop, text);
    bool has_other = has_next(ex) && find_hop(ex, &care_of(ex, &ex->hop)->fallback, &next, &t);
    if (!has_other && !may_ask_again(ex, c)) {
        ex->tried.len = before; /* its refusal is the answer */
        return false;
    }
    log_turn(ex, has_other ? &next : NULL, text);
    settle(ex, HEALTH_FAILED, text);
    ex->retry_after_s = -1;
    exchange_let_go(ex);
    if (has_other)
        take_hop(ex, &next, &t);
    else
        ask_again(ex, c);
    ex->is_ready = ex->is_head_sent = ex->is_request_sent = false;
    ex->is_turned = ex->has_turned = true;
    exchange_wake(ex);
    return true;
}

/* --- the end --- */

static enum health_outcome outcome_of(const struct exchange *ex)
{
    switch (ex->ending) {
    case ENDING_COMPLETE:
        return HEALTH_OK;
    case ENDING_UPSTREAM_ERROR: /* a status of the client's making is an answer like any other */
        return ex->fail.code || ex->status < 400 || chain_may_mend(ex->status) ? HEALTH_FAILED
                                                                              : HEALTH_OK;
    case ENDING_UPSTREAM_RESET:
    case ENDING_UPSTREAM_TIMEOUT:
    case ENDING_UPSTREAM_TRUNCATED:
        return HEALTH_FAILED;
    default:
        return HEALTH_UNKNOWN;
    }
}

void chain_end(struct exchange *ex)
{
    char text[HEALTH_MESSAGE_BYTES];
    pause_cancel(ex->pause);
    ex->pause = NULL;
    if (!ex->try.health)
        return;
    enum health_outcome outcome = outcome_of(ex);
    text[0] = '\0';
    if (outcome == HEALTH_FAILED && ex->fail.code)
        snprintf(text, sizeof text, "%s", ex->fail.detail);
    else if (outcome == HEALTH_FAILED && ex->status >= 400)
        snprintf(text, sizeof text, "it answered with status %d", ex->status);
    else if (outcome == HEALTH_FAILED)
        snprintf(text, sizeof text, "its answer ended as %s", ending_name(ex->ending));
    settle(ex, outcome, text);
}
