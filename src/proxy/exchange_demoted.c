/*
 * exchange_demoted.c — Anthropic is asked for a stream where the client asked for none; the client
 * hears nothing of it before its end. So as long as it comes, somebody else can be asked instead.
 */
#include <stdio.h>

#include "base/mem.h"
#include "proxy/demoted.h"
#include "proxy/exchange_private.h"
#include "upstream/attempt.h"

bool demoted_may_be(const struct exchange *ex)
{
    const struct head *h = client_head(ex->client);
    return ex->routes->set->demotes && str_equal(h->method, STR("POST")) &&
           str_equal(str_head(h->target, str_find(h->target, '?')), STR("/v1/messages")) &&
           !head_has_id(h, HEADER_CONTENT_ENCODING);
}

struct str demoted_ask(struct exchange *ex)
{
    struct buf changed;
    struct str body = STR_NONE;
    if (ex->demoted)
        ex->demoted->is_collecting = false;
    if (!ex->routes->set->demotes || !ex->is_request_whole || !demoted_may_be(ex))
        return body;
    buf_init(&changed, ex->early.len + 64);
    if (demoted_request(buf_str(&ex->early), &changed)) {
        size_t len;
        char *bytes = buf_take(&changed, &len);
        loop_turn_give(ex->proxy->loop, bytes);
        body = str_make(bytes, len);
        ex->demoted = ex->demoted ? ex->demoted : demoted_new();
        ex->request_framing = BODY_LENGTH;
    }
    buf_release(&changed);
    return body;
}

bool demoted_is_kept(const struct exchange *ex)
{
    return ex->demoted && ex->demoted->is_collecting;
}

bool demoted_on_head(struct exchange *ex, const struct head *h)
{
    struct demoted *d = ex->demoted;
    if (!d || !demoted_takes(d, ex->proxy->loop, h))
        return false;
    snprintf(d->addr, sizeof d->addr, "%s", attempt_addr(ex->attempt));
    d->is_reused = attempt_is_reused(ex->attempt);
    d->connect_us = attempt_connect_us(ex->attempt);
    return true;
}

bool demoted_on_body(struct exchange *ex, struct str bytes)
{
    if (!demoted_is_kept(ex))
        return false;
    if (demoted_add(ex->demoted, bytes) == ERR_OK)
        return true;
    attempt_abort(ex->attempt);
    ex->attempt = NULL;
    fail(&ex->fail, ERR_UPSTREAM_TRUNCATED, "the provider's answer is too large");
    exchange_wake(ex);
    return true;
}

static void give_answer(struct exchange *ex, const struct demoted_answer *one)
{
    const struct demoted *d = ex->demoted;
    struct tap_answer a = {
        .head = one->head, .upstream_addr = str_of(d->addr), .provider = ex->provider->name,
        .is_demoted = true, .is_reused = d->is_reused, .connect_us = d->connect_us,
        .sent_us = ex->sent_us,
    };
    if (!chain_may_mend(one->status))
        health_answered(&ex->try);
    ex->has_answer = ex->is_answer_whole = true;
    ex->status = one->status;
    ex->answer_framing = BODY_LENGTH;
    tap_answer(&ex->tap, &a);
    tap_answer_body(&ex->tap, one->body);
    if (!ex->client)
        return;
    client_answer(ex->client, one->head, BODY_LENGTH);
    ex->tap.client_bytes += one->body.len;
    if (exchange_waits_for_disk(ex))
        ex->last = str_make(mem_dup(one->body.ptr, one->body.len), one->body.len);
    else
        client_answer_body(ex->client, one->body);
}

void demoted_on_done(struct exchange *ex)
{
    struct demoted_answer one;
    struct fail why = {0};
    enum err err = demoted_finish(ex->demoted, ex->proxy->loop, &one, &why);
    struct chain_cause cause = {err ? 0 : one.status, -1, err ? why.detail : NULL};
    if ((err || chain_may_mend(one.status)) && chain_turn(ex, &cause))
        return;
    if (err)
        fail(&ex->fail, err, "%s", why.detail);
    else
        give_answer(ex, &one);
    exchange_wake(ex);
}
