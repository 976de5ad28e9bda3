/*
 * exchange_end.c — how an exchange ends: what is noted of it, our own answer where no other came,
 * and the client's last byte.
 */
#include <stdlib.h>

#include "base/log.h"
#include "dialect/dialect.h"
#include "http/reason.h"
#include "proxy/demoted.h"
#include "proxy/exchange_private.h"
#include "proxy/translated.h"
#include "server/error_text.h"
#include "upstream/attempt.h"

void exchange_let_go(struct exchange *ex)
{
    if (ex->attempt)
        attempt_abort(ex->attempt);
    ex->attempt = NULL;
    translated_free(ex->translated);
    ex->translated = NULL;
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
    case ERR_UPSTREAM_RESTING:
        return ex->has_turned ? ENDING_UPSTREAM_ERROR : ENDING_REJECTED;
    default:
        return ex->has_answer ? ENDING_UPSTREAM_TRUNCATED : ENDING_UPSTREAM_ERROR;
    }
}

/* One line for each forward that failed. Where it is recorded, the record's reader says it, who
 * knows more. */
static void log_failure(struct exchange *ex, const struct head *h)
{
    char id[UUID_TEXT];
    struct buf *target = &ex->proxy->scratch;
    buf_clear(target);
    if (h && redact_target(ex->proxy->redactor, h->target, target) != ERR_OK)
        buf_clear(target);
    size_t path_len = str_find(buf_str(target), '?');
    log_line(LOG_WARN, "forward failed", LOG_C("request_id", uuid_format(&ex->tap.id, id)),
             LOG_N("body_bytes", ex->tap.request_bytes),
             LOG_S("anthropic_beta", h ? head_get_id(h, HEADER_ANTHROPIC_BETA) : STR_NONE),
             LOG_S("path", str_head(buf_str(target), path_len)),
             LOG_S("query", str_from(buf_str(target), MIN_OF(path_len + 1, target->len))),
             LOG_N("elapsed_ms", exchange_elapsed_us(ex) / 1000),
             LOG_C("end", ending_name(ex->ending)), LOG_C("error", err_name(ex->fail.code)),
             LOG_C("detail", ex->fail.detail));
}

/* As error_text(), for who speaks OpenAI's language. */
static void openai_error_text(struct exchange *ex, struct str id, struct str *head,
                              struct str *body)
{
    struct arena *arena = client_arena(ex->client);
    int status = err_status(ex->fail.code) == 529 ? 503 : err_status(ex->fail.code);
    struct str text = arena_printf(arena, "%s %s", err_public(ex->fail.code), ex->fail.detail);
    struct buf out;
    buf_init(&out, 64 * 1024);
    enum err err = dialect_write_error(DIALECT_CHAT, err_type(ex->fail.code), text, id, &out);
    assert(!err); /* a message of bounded length */
    (void)err;
    *body = arena_str(arena, buf_str(&out));
    *head = arena_printf(arena, "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\n"
                         "content-length: %zu\r\nrequest-id: %.*s\r\n", status,
                         http_reason(status), body->len, STR_ARGS(id));
    buf_release(&out);
}

/* No answer came: ours, in the client's language. */
static void answer_for_provider(struct exchange *ex)
{
    struct client *c = ex->client;
    struct str head, body;
    char id[UUID_TEXT];
    uuid_format(&ex->tap.id, id);
    if (ex->routable == ROUTABLE_CHAT)
        openai_error_text(ex, str_of(id), &head, &body);
    else
        error_text(client_arena(c), ex->fail.code, &ex->fail, NULL, str_of(id), &head, &body);
    if (ex->fail.code == ERR_UPSTREAM_RESTING)
        head = arena_printf(client_arena(c), "%.*sretry-after: %lld\r\n", STR_ARGS(head),
                            (long long)ex->retry_after_s);
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
    exchange_wake(ex);
}

enum flow exchange_conclude(struct exchange *ex)
{
    struct client *c = ex->client;
    if (ex->is_concluded)
        return ex->is_durable ? GO_ON : WAIT;
    ex->is_concluded = true;
    ex->ending = ending_of(ex);
    if (tap_is_lost(&ex->tap) && ex->fail.code && ex->fail.code != ERR_NOT_RECORDED &&
        ex->ending != ENDING_CLIENT_DISCONNECTED && ex->ending != ENDING_PROXY_SHUTDOWN)
        log_failure(ex, c ? client_head(c) : NULL);
    ex->is_ours = ex->fail.code && c && !client_has_answer_begun(c);
    if (ex->is_ours)
        answer_for_provider(ex);
    chain_end(ex);
    tap_end(&ex->tap, ex->ending, &ex->fail,
            ex->translated ? translated_losses(ex->translated) : STR_NONE, chain_tried(ex));
    exchange_let_go(ex); /* nothing of the provider's has a place any more, while the disk is waited for */
    ex->is_durable = !exchange_waits_for_disk(ex);
    ex->wait.fn = on_durable;
    if (!ex->is_durable)
        durability_wait(&ex->proxy->durability, &ex->wait);
    return ex->is_durable ? GO_ON : WAIT;
}

/* What was written of it this turn is on its way from this very memory. */
static void give_body(struct exchange *ex)
{
    size_t len;
    if (ex->early.len)
        loop_turn_give(ex->proxy->loop, buf_take(&ex->early, &len));
    if (ex->decoded.len)
        loop_turn_give(ex->proxy->loop, buf_take(&ex->decoded, &len));
    buf_release(&ex->early);
    buf_release(&ex->decoded);
}

enum flow exchange_finish(struct exchange *ex)
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
    give_body(ex);
    buf_release(&ex->tried);
    arena_release(&ex->decided);
    routes_drop(ex->routes);
    demoted_free(ex->demoted);
    atomic_fetch_sub_explicit(&ex->proxy->in_flight, 1, memory_order_relaxed);
    return GO_ON;
}
