/*
 * exchange_routed.c — another provider's half of an exchange: its answer comes translated, already
 * in the client's language.
 */
#include "agents/known_agents.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/url.h"
#include "io/pause.h"
#include "proxy/exchange_private.h"
#include "proxy/translated.h"
#include "record/body_decode.h"
#include "record/json_cut.h"
#include "record/json_walk.h"

enum {
    LOOK_AGAIN_MS = 20,
    LOOK_AGAIN_MAX = 10,
    TEXT_MAX = 64 << 20 /* bytes that a request is decoded to */
};

static void on_head(void *owner, struct str head, enum body_framing framing, int status)
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
    if (!chain_may_mend(status))
        health_answered(&ex->try);
    ex->has_answer = true;
    ex->status = status;
    ex->answer_framing = framing;
    tap_answer(&ex->tap, &a);
    if (ex->client)
        client_answer(ex->client, head, framing);
    exchange_wake(ex);
}

static void on_body(void *owner, struct str bytes)
{
    struct exchange *ex = owner;
    tap_answer_body(&ex->tap, bytes);
    if (!ex->client)
        return;
    ex->tap.client_bytes += bytes.len;
    if (exchange_waits_for_disk(ex) && ex->answer_framing == BODY_LENGTH) /* it comes in one piece */
        ex->last = str_make(mem_dup(bytes.ptr, bytes.len), bytes.len);
    else
        client_answer_body(ex->client, bytes);
}

/* Where the client could be told what broke, its answer is whole; else it sees the break. */
static void on_done(void *owner, const struct fail *f)
{
    struct exchange *ex = owner;
    ex->is_answer_whole = true;
    if (!ex->has_answer || !translated_was_told(ex->translated))
        fail(&ex->fail, f->code ? f->code : ERR_INTERNAL, "%s", f->detail);
    else
        ex->ending = translated_ending(ex->translated);
    exchange_wake(ex);
}

/* Goes into the journal with the answer. */
static void note_decision(struct exchange *ex)
{
    const struct route_decision *d = &ex->decision;
    const struct identity *who = d->who;
    ex->tap.decision = (struct frame_decision){
        .class = who ? str_of(class_name(who->class)) : STR_NONE,
        .class_by = who ? str_of(identity_source_name(who->class_by)) : STR_NONE,
        .agent = who ? who->agent : STR_NONE,
        .agent_by = who ? str_of(identity_source_name(who->agent_by)) : STR_NONE,
        .rule = d->rule ? d->rule->label : STR_NONE, .target = d->target,
        .is_shadow = d->rule && d->is_shadow,
        .is_background = who && who->is_background};
}

/* Nothing is kept of what says nothing, or what cannot be decoded whole. */
static void decode(struct exchange *ex)
{
    struct str encoding = head_get_id(client_head(ex->client), HEADER_CONTENT_ENCODING);
    buf_init(&ex->decoded, TEXT_MAX);
    struct str text = body_text(encoding, buf_str(&ex->early), &ex->decoded);
    if (!text.len || text.ptr == ex->early.ptr)
        buf_release(&ex->decoded);
}

struct str exchange_text(struct exchange *ex)
{
    if (!ex->is_text_known)
        decode(ex);
    ex->is_text_known = true;
    return buf_str(ex->decoded.len ? &ex->decoded : &ex->early);
}

static struct str session_of(struct exchange *ex)
{
    struct str said = head_get(client_head(ex->client), STR("x-claude-code-session-id"));
    return said.len ? arena_str(&ex->decided, said)
                    : arena_str(&ex->decided, metadata_session(json_member(exchange_text(ex), STR("metadata")), &ex->decided));
}

static void look_again(void *owner)
{
    struct exchange *ex = owner;
    ex->pause = NULL;
    exchange_wake(ex);
}

/* An agent of a project that nobody asked from before: its definitions are being read. */
static bool is_early(struct exchange *ex)
{
    const struct identity *who = ex->decision.who;
    if (!who || !who->is_early || ex->looked_again == LOOK_AGAIN_MAX)
        return false;
    ex->looked_again++;
    ex->pause = pause_start(ex->proxy->loop, LOOK_AGAIN_MS, look_again, ex);
    return true;
}

bool routed_decide(struct exchange *ex)
{
    if (ex->pause)
        return false;
    const struct router *r = ex->routes->set->router;
    struct route_question q = {.head = client_head(ex->client), .body = exchange_text(ex)};
    struct identity_sources sources = {0};
    if (r->asks_who && ex->proxy->agents) {
        sources = known_agents_take(ex->proxy->agents, addr_is_loopback(str_of(client_addr(ex->client))));
        ex->tap.spawns = sources.spawns; /* its answer may begin agents */
        ex->tap.session = session_of(ex);
    }
    q.sources = &sources;
    router_decide(r, &q, &ex->decided, &ex->decision);
    known_agents_give_back(&sources);
    if (is_early(ex))
        return false;
    note_decision(ex);
    const struct route_rule *rule = ex->decision.rule;
    if (!rule)
        return true;
    router_count(r, rule, clock_wall_us());
    ex->rule = ex->decision.is_shadow ? NULL : rule;
    return true;
}

static bool on_refused(void *owner, int status, int64_t retry_after_s, const char *what)
{
    return chain_turn(owner, &(struct chain_cause){status, retry_after_s, what});
}

static const struct translated_events events = {on_head, on_body, on_done, on_refused};

void routed_start(struct exchange *ex, bool has_next)
{
    const struct route_provider *p = ex->hop.provider;
    struct translated_options o = {
        .proxy = ex->proxy,
        .provider = p,
        .pool = &ex->routes->providers[p - ex->routes->set->router->providers]->pool,
        .routable = ex->routable,
        .id = &ex->tap.id,
        .body = exchange_text(ex),
        .model = ex->hop.model.len ? ex->hop.model : ex->decision.asked,
        .is_http10 = client_is_http10(ex->client),
        .has_next = has_next,
    };
    ex->provider = &p->upstream;
    ex->sent_us = exchange_elapsed_us(ex);
    translated_start(ex->translated = translated_new(&o, &events, ex));
}
