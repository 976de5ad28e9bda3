/*
 * exchange_relayed.c — Anthropic's half of an exchange: the request goes out and the answer comes
 * back byte for byte.
 */
#include "base/mem.h"
#include "dialect/json_writer.h"
#include "dialect/provider_error.h"
#include "http/chunk.h"
#include "proxy/exchange_private.h"
#include "proxy/forward_head.h"
#include "upstream/attempt.h"

/* --- what the provider does --- */

static void on_ready(void *owner)
{
    struct exchange *ex = owner;
    ex->is_ready = true;
    exchange_wake(ex);
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

/* Is it somebody else's turn now? */
static bool is_turned_down(struct exchange *ex, const struct head *h)
{
    ex->retry_after_s = provider_retry_after(head_get(h, STR("retry-after")),
                                             head_get(h, STR("date")));
    return chain_turn(ex, &(struct chain_cause){h->status, ex->retry_after_s, NULL});
}

static void on_head(void *owner, const struct head *h, bool *no_body)
{
    struct exchange *ex = owner;
    *no_body = ex->no_answer_body;
    if (chain_may_mend(h->status) && is_turned_down(ex, h))
        return;
    if (demoted_on_head(ex, h))
        return;
    health_answered(&ex->try);
    ex->has_answer = true;
    ex->status = h->status;
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
    if (exchange_waits_for_disk(ex) && ex->answer_framing == BODY_LENGTH &&
        !str_to_u64(head_get_id(h, HEADER_CONTENT_LENGTH), &ex->answer_length))
        ex->answer_length = 0;
    if (ex->client)
        client_answer(ex->client, a.head, ex->answer_framing);
    exchange_wake(ex);
}

static void on_body(void *owner, struct str bytes)
{
    struct exchange *ex = owner;
    if (demoted_on_body(ex, bytes))
        return;
    tap_answer_body(&ex->tap, bytes);
    if (!ex->client)
        return;
    ex->tap.client_bytes += bytes.len;
    if (ex->answer_length && ex->tap.response_bytes == ex->answer_length)
        ex->last = str_make(mem_dup(bytes.ptr, bytes.len), bytes.len);
    else
        client_answer_body(ex->client, bytes);
}

static void on_done(void *owner)
{
    struct exchange *ex = owner;
    ex->attempt = NULL;
    if (demoted_is_kept(ex)) {
        demoted_on_done(ex);
        return;
    }
    ex->is_answer_whole = true;
    exchange_wake(ex);
}

static void on_failed(void *owner, enum err err, const struct fail *f)
{
    struct exchange *ex = owner;
    ex->attempt = NULL;
    if (chain_turn(ex, &(struct chain_cause){.retry_after_s = -1, .what = f->detail}))
        return;
    fail(&ex->fail, err, "%s", f->detail);
    exchange_wake(ex);
}

static void on_full(void *owner, bool is_full)
{
    struct exchange *ex = owner;
    if (ex->client && !ex->is_request_whole)
        client_read_body(ex->client, !is_full);
}

static const struct attempt_events attempt_events = {on_ready, on_head,   on_body,
                                                     on_done,  on_failed, on_full};

/* --- the request --- */

/* Of the user's own login, for who brings no credentials. */
static bool gets_token(const struct exchange *ex)
{
    return ex->routes->set->injects_token && !forward_has_credentials(client_head(ex->client));
}

static struct str token_for(struct exchange *ex)
{
    char token[TOKEN_MAX];
    if (!gets_token(ex) || oauth_token(ex->proxy->oauth, token) != OAUTH_READY)
        return STR_NONE; /* the provider says that credentials are missing */
    size_t len = strlen(token);
    return str_make(memcpy(loop_turn_alloc(ex->proxy->loop, len), token, len), len);
}

static bool waits_for_token(const struct exchange *ex)
{
    char unused[TOKEN_MAX];
    return gets_token(ex) && oauth_token(ex->proxy->oauth, unused) == OAUTH_RENEWING;
}

void relayed_start(struct exchange *ex, bool has_next)
{
    ex->provider = &ex->routes->set->anthropic;
    ex->keeps_body = has_next;
    ex->awaits_token = waits_for_token(ex);
    if (ex->awaits_token)
        return; /* until relayed_on_token() */
    ex->attempt = attempt_new(&ex->routes->anthropic->pool, &attempt_events, ex);
    if (has_next)
        attempt_connect_once(ex->attempt);
    attempt_start(ex->attempt);
}

void relayed_on_token(struct proxy *p)
{
    for (struct exchange *ex = p->exchanges, *next; ex; ex = next) {
        next = ex->next;
        if (ex->awaits_token && ex->client && !ex->is_concluded)
            relayed_start(ex, ex->keeps_body);
    }
}

void relayed_send_body(struct exchange *ex, struct str bytes)
{
    if (ex->request_framing == BODY_CHUNKED)
        attempt_write_chunk(ex->attempt, bytes);
    else
        attempt_write(ex->attempt, bytes);
}

/* What stands in a body, and what is sent in its place. */
struct edit {
    size_t at, len;
    struct str text; /* until the turn's end */
};

/* A rule wants another model of Anthropic's: its name is all that changes. */
static struct edit edit_model(struct exchange *ex, struct str body)
{
    struct request_parts parts;
    if (!ex->hop.model.len)
        return (struct edit){0};
    request_parts_read(body, NULL, &parts);
    assert(parts.model.len); /* else no rule fits */
    struct buf text;
    struct json_writer w = {.out = &text};
    size_t len;
    buf_init(&text, 8 * ROUTE_MODEL_MAX);
    json_string(&w, ex->hop.model);
    assert(!w.err);
    char *bytes = buf_take(&text, &len);
    loop_turn_give(ex->proxy->loop, bytes);
    return (struct edit){(size_t)(parts.model.ptr - body.ptr), parts.model.len,
                         str_make(bytes, len)};
}

static void send_edited(struct exchange *ex, struct str body, const struct edit *edit)
{
    struct str parts[] = {body, STR_NONE, STR_NONE};
    if (edit->len) {
        parts[0] = str_head(body, edit->at);
        parts[1] = edit->text;
        parts[2] = str_from(body, edit->at + edit->len);
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (parts[i].len)
            relayed_send_body(ex, parts[i]);
}

void relayed_send_head(struct exchange *ex)
{
    ex->is_head_sent = true;
    ex->sent_us = exchange_elapsed_us(ex);
    struct str changed = demoted_ask(ex), own = buf_str(&ex->early);
    struct str body = changed.len ? changed : ex->hop.model.len ? exchange_text(ex) : own;
    struct edit edit = edit_model(ex, body);
    int64_t grown_bytes = (int64_t)edit.text.len - (int64_t)edit.len;
    bool is_decoded = !changed.len && body.ptr != own.ptr;
    struct forward_more more = {
        .version = ex->routes->set->version,
        .token = token_for(ex),
        .new_length = changed.len ? (size_t)((int64_t)changed.len + grown_bytes) : 0,
        .grown_bytes = grown_bytes + (is_decoded ? (int64_t)body.len - (int64_t)own.len : 0),
        .is_decoded = is_decoded,
    };
    attempt_write(ex->attempt,
                  forward_request_head(ex->proxy->loop, client_head(ex->client), ex->provider,
                                       ex->request_framing, &more));
    if (body.len && body.ptr == own.ptr && !ex->keeps_body) {
        size_t len;
        char *bytes = buf_take(&ex->early, &len);
        loop_turn_give(ex->proxy->loop, bytes);
    }
    if (body.len)
        send_edited(ex, body, &edit);
}

void relayed_send_end(struct exchange *ex)
{
    if (!ex->is_request_whole || ex->is_request_sent || !ex->attempt)
        return;
    if (ex->request_framing == BODY_CHUNKED)
        attempt_write(ex->attempt, CHUNK_LAST);
    ex->is_request_sent = true;
    ex->sent_us = exchange_elapsed_us(ex);
    attempt_sent(ex->attempt);
}
