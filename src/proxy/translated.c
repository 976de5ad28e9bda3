/*
 * translated.c — a translation and the attempts it asks for.
 */
#include "proxy/translated.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/reason.h"
#include "upstream/attempt.h"

enum {
    OUT_MAX = 128 << 20,    /* bytes of one request, or of what one read brings the client */
    LOSSES_MAX = 256 * 1024 /* bytes of the report */
};

struct translated {
    struct proxy *proxy;
    const struct route_provider *provider;
    struct pool *pool;
    struct translation *translation;
    const struct translated_events *events;
    void *owner;
    struct attempt *attempt; /* NULL: none runs */
    struct str body;
    struct buf out;
    struct loop_sweep sweep;
    struct fail fail;
    char addr[CONN_ADDR_TEXT];
    char content_type[128]; /* the provider's */
    struct str model;       /* asked for there */
    char model_text[ROUTE_MODEL_MAX];
    uint64_t connect_us;
    double token_factor;
    bool is_reused, is_http10, has_next;
    bool is_count;     /* asks for a count of tokens only */
    bool is_answering; /* the client has the head */
    bool is_whole;     /* and all of the body; only the provider's last bytes are waited for */
    bool is_over;
    bool is_paused;    /* the client is full */
    bool is_broken;    /* and the client could not be told why */
};

static void ask(struct translated *t);

/* --- towards the client --- */

static struct str answer_head(struct translated *t, bool is_whole, enum body_framing *framing)
{
    struct translation_head h = translation_head(t->translation);
    struct buf head;
    buf_init(&head, 4096);
    *framing = is_whole ? BODY_LENGTH : t->is_http10 ? BODY_UNTIL_CLOSE : BODY_CHUNKED;
    enum err err = buf_printf(&head, "HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncache-control: no-cache\r\n",
                              h.status, http_reason(h.status),
                              h.content_type      ? h.content_type
                              : *t->content_type ? t->content_type
                                                 : "application/json");
    if (!err && h.request_id.len)
        err = buf_printf(&head, "request-id: %.*s\r\n", STR_ARGS(h.request_id));
    if (!err && h.retry_after_s >= 0)
        err = buf_printf(&head, "retry-after: %lld\r\n", (long long)h.retry_after_s);
    if (!err && h.is_final)
        err = buf_append(&head, STR("x-should-retry: false\r\n"));
    if (!err && *framing == BODY_LENGTH)
        err = buf_printf(&head, "content-length: %zu\r\n", t->out.len);
    else if (!err && *framing == BODY_CHUNKED)
        err = buf_append(&head, STR("transfer-encoding: chunked\r\n"));
    assert(!err); /* a status line and six headers of bounded length */
    size_t len;
    char *bytes = buf_take(&head, &len);
    loop_turn_give(t->proxy->loop, bytes);
    return str_make(bytes, len);
}

static void hand_over(struct translated *t)
{
    size_t len;
    if (!t->out.len)
        return;
    char *bytes = buf_take(&t->out, &len);
    loop_turn_give(t->proxy->loop, bytes);
    t->events->on_body(t->owner, str_make(bytes, len));
}

static void learn(struct translated *t)
{
    const struct route_provider *p = t->provider;
    learned_keep(&t->proxy->learned, p->base_url, t->model,
                 translation_quirks(t->translation), translation_token_factor(t->translation));
}

static void finish(struct translated *t)
{
    t->is_over = true;
    loop_sweep_remove(t->proxy->loop, &t->sweep);
    learn(t);
    t->events->on_done(t->owner, &t->fail);
}

/* Is it somebody else's turn now? Then nothing is touched after this. */
static bool is_turned_down(struct translated *t)
{
    struct translation_head h = translation_head(t->translation);
    return t->events->on_refused(t->owner, h.status, h.retry_after_s, t->fail.detail);
}

/* After anything that was told to the translation. May end in on_done, which frees: nothing is
 * touched after this. The same holds for all that call it. */
static void pump(struct translated *t)
{
    enum translation_state state = translation_state(t->translation);
    if (t->is_over || t->is_whole || state == TRANSLATION_HELD)
        return;
    if (state == TRANSLATION_AGAIN) {
        if (t->attempt)
            attempt_abort(t->attempt);
        t->attempt = NULL;
        learn(t);
        ask(t);
        return;
    }
    bool is_whole = state == TRANSLATION_DONE;
    if (is_whole && !t->is_answering && translation_is_error(t->translation) && is_turned_down(t))
        return;
    if (!t->is_answering) {
        enum body_framing framing;
        struct str head = answer_head(t, is_whole, &framing);
        t->is_answering = true;
        t->events->on_head(t->owner, head, framing, translation_head(t->translation).status);
    }
    hand_over(t);
    t->is_whole = is_whole;
    if (is_whole && !t->attempt)
        finish(t);
}

/* The client sees the break, if it has seen anything. */
static void break_off(struct translated *t)
{
    if (!t->is_answering && t->events->on_refused(t->owner, 502, -1, t->fail.detail))
        return;
    t->is_broken = true;
    finish(t);
}

/* No more room for what comes: an end of our own. */
static void give_up(struct translated *t, enum err err, const char *what)
{
    if (t->attempt)
        attempt_abort(t->attempt);
    t->attempt = NULL;
    fail(&t->fail, err, "%s", what);
    err = translation_end(t->translation, false, &t->out);
    if (!err && translation_state(t->translation) == TRANSLATION_DONE)
        pump(t);
    else
        break_off(t); /* no room for that either */
}

static void refuse(struct translated *t, int status, const char *type, struct str message)
{
    enum err err = translation_refuse(t->translation, status, type, message, &t->out);
    if (err)
        give_up(t, err, "no room for an error");
    else
        pump(t);
}

/* --- towards the provider --- */

/* Nothing of the client's head goes along: its credentials are Anthropic's. */
static struct str request_head(struct translated *t, size_t body_bytes)
{
    const struct route_provider *p = t->provider;
    const struct provider *up = &p->upstream;
    struct str path = translation_path(t->translation);
    struct buf head;
    buf_init(&head, 64 * 1024);
    enum err err = buf_printf(
        &head,
        "POST %.*s%.*s HTTP/1.1\r\nhost: %.*s\r\nuser-agent: claude-code-proxy/" VERSION "\r\n"
        "content-type: application/json\r\naccept: %s\r\naccept-encoding: identity\r\n"
        "%.*s%scontent-length: %zu\r\n\r\n",
        STR_ARGS(up->base_path), STR_ARGS(path), STR_ARGS(up->host_header),
        translation_asks_stream(t->translation) ? "text/event-stream" : "application/json",
        STR_ARGS(p->headers),
        p->dialect == DIALECT_ANTHROPIC ? "anthropic-version: 2023-06-01\r\n" : "", body_bytes);
    assert(!err); /* all of it is configuration, which is bounded */
    size_t len;
    char *bytes = buf_take(&head, &len);
    loop_turn_give(t->proxy->loop, bytes);
    return str_make(bytes, len);
}

static void on_ready(void *owner)
{
    struct translated *t = owner;
    size_t len;
    struct str head = request_head(t, t->out.len);
    char *body = buf_take(&t->out, &len);
    loop_turn_give(t->proxy->loop, body);
    attempt_write(t->attempt, head);
    attempt_write(t->attempt, str_make(body, len));
    attempt_sent(t->attempt);
}

static void on_head(void *owner, const struct head *h, bool *no_body)
{
    struct translated *t = owner;
    struct translation_answer answer = {
        .status = h->status,
        .retry_after = head_get(h, STR("retry-after")),
        .retry_after_ms = head_get(h, STR("retry-after-ms")),
        .ratelimit_reset = head_get(h, STR("x-ratelimit-reset")),
        .date = head_get(h, STR("date")),
    };
    struct str coding = head_get(h, STR("content-encoding"));
    *no_body = false;
    snprintf(t->addr, sizeof t->addr, "%s", attempt_addr(t->attempt));
    t->is_reused = attempt_is_reused(t->attempt);
    t->connect_us = attempt_connect_us(t->attempt);
    struct str type = head_get(h, STR("content-type"));
    if (type.len < sizeof t->content_type)
        snprintf(t->content_type, sizeof t->content_type, "%.*s", STR_ARGS(type));
    if (coding.len && !str_equal_nocase(coding, STR("identity"))) {
        refuse(t, 502, "api_error", STR("The provider compressed its answer without being asked."));
        return;
    }
    translation_answer(t->translation, &answer);
    if (translation_is_plain(t->translation) && h->status >= 400 && is_turned_down(t))
        return; /* what it says of that would pass as it is */
    pump(t);
}

static void on_body(void *owner, struct str bytes)
{
    struct translated *t = owner;
    if (t->is_whole || t->is_over)
        return;
    enum err err = translation_feed(t->translation, bytes, &t->out);
    if (err)
        give_up(t, err, "the provider's answer is too large");
    else
        pump(t);
}

static void on_attempt_over(struct translated *t, bool is_clean)
{
    t->attempt = NULL;
    if (t->is_whole) {
        finish(t);
        return;
    }
    if (!is_clean && translation_is_plain(t->translation)) {
        break_off(t); /* what the provider had begun cannot be ended for it */
        return;
    }
    enum err err = translation_end(t->translation, is_clean, &t->out);
    if (err)
        give_up(t, err, "no room for the answer's end");
    else
        pump(t);
}

static void on_done(void *owner)
{
    on_attempt_over(owner, true);
}

static void on_fail(void *owner, enum err err, const struct fail *f)
{
    struct translated *t = owner;
    bool has_answer = t->addr[0];
    if (!t->is_whole)
        fail(&t->fail, err, "%s", f->detail);
    if (has_answer) {
        on_attempt_over(t, false);
        return;
    }
    t->attempt = NULL;
    bool is_late = err == ERR_UPSTREAM_TIMEOUT;
    refuse(t, is_late ? 504 : 502, is_late ? "timeout_error" : "api_error", str_of(t->fail.detail));
}

static void on_full(void *owner, bool is_full)
{
    (void)owner, (void)is_full; /* the request is whole and in memory already */
}

static const struct attempt_events attempt_events = {on_ready, on_head, on_body,
                                                     on_done,  on_fail, on_full};

static void ask(struct translated *t)
{
    struct fail why = {0};
    buf_clear(&t->out);
    t->addr[0] = t->content_type[0] = '\0';
    t->fail = (struct fail){0};
    enum err err = translation_request(t->translation, t->body, &t->out, &why);
    if (err) {
        buf_clear(&t->out);
        fail(&t->fail, err, "%s", why.detail);
        refuse(t, err == ERR_TOO_LARGE ? 413 : 400,
               err == ERR_TOO_LARGE ? "request_too_large" : "invalid_request_error",
               why.detail[0] ? str_of(why.detail) : STR("The request is too large to translate."));
        return;
    }
    t->attempt = attempt_new(t->pool, &attempt_events, t);
    if (t->has_next)
        attempt_connect_once(t->attempt);
    attempt_start(t->attempt);
}

/* No other provider counts as Anthropic does: by estimate, corrected by what was counted before. */
static void count(struct translated *t)
{
    struct fail why = {0};
    enum body_framing framing;
    enum err err = dialect_count_tokens(t->body, t->token_factor, &t->out, &why);
    if (err) {
        buf_clear(&t->out);
        fail(&t->fail, ERR_BAD_REQUEST, "%s", why.detail);
        refuse(t, 400, "invalid_request_error", str_of(why.detail));
        return;
    }
    struct str head = answer_head(t, true, &framing);
    t->events->on_head(t->owner, head, framing, 200);
    hand_over(t);
    finish(t);
}

/* --- time --- */

static void on_sweep(struct loop_sweep *sweep, uint64_t now_ns)
{
    struct translated *t = OWNER_OF(sweep, struct translated, sweep);
    if (t->is_whole) { /* a second has passed since its last byte: let go of the connection */
        if (t->attempt)
            attempt_abort(t->attempt);
        t->attempt = NULL;
        finish(t);
        return;
    }
    if (t->is_paused || (t->attempt && !t->addr[0] && t->out.len))
        return; /* the client has enough; the request waits in `out` for a connection */
    enum err err = translation_tick(t->translation, now_ns / 1000000, &t->out);
    if (err)
        give_up(t, err, "no room for a sign of life");
    else
        pump(t);
}

/* --- the beginning and the end --- */

struct translated *translated_new(const struct translated_options *o,
                                  const struct translated_events *events, void *owner)
{
    const struct route_provider *p = o->provider;
    struct translated *t = MEM_NEW(struct translated);
    char id[UUID_TEXT];
    struct str model = o->model;
    if (str_ends(model, STR("[1m]"))) /* a mark of the client's own for a long context */
        model.len -= 4;
    assert(model.len <= sizeof t->model_text); /* the router matches no longer one */
    memcpy(t->model_text, model.ptr, model.len);
    t->model = str_make(t->model_text, model.len);
    struct translation_options options = {
        .client = o->routable == ROUTABLE_CHAT ? DIALECT_CHAT : DIALECT_ANTHROPIC,
        .provider = p->dialect, .model = t->model,
        .base_url = p->base_url, .exchange_id = str_of(uuid_format(o->id, id)),
        .now_s = clock_wall_us() / 1000000,
        .silence_ms = (uint32_t)MIN_OF(MAX_OF(p->upstream.head_timeout_ms,
                                              p->upstream.idle_timeout_ms) + 1000,
                                       (uint64_t)UINT32_MAX),
    };
    if (o->has_next)
        options.head_hold_ms = options.silence_ms;
    enum err err = preset_quirks(p->preset, t->model, p->quirks, &options.quirks, NULL);
    assert(!err); /* tried when the router was made */
    (void)err;
    options.token_factor =
        learned_apply(&o->proxy->learned, p->base_url, t->model, &options.quirks);
    t->proxy = o->proxy;
    t->provider = p;
    t->has_next = o->has_next;
    t->pool = o->pool;
    t->body = o->body;
    t->is_http10 = o->is_http10;
    t->is_count = o->routable == ROUTABLE_COUNT_TOKENS;
    t->token_factor = options.token_factor;
    t->events = events;
    t->owner = owner;
    t->translation = translation_new(&options);
    t->sweep.fn = on_sweep;
    buf_init(&t->out, OUT_MAX);
    return t;
}

void translated_start(struct translated *t)
{
    loop_sweep_add(t->proxy->loop, &t->sweep);
    if (t->is_count)
        count(t);
    else
        ask(t);
}

void translated_read(struct translated *t, bool on)
{
    t->is_paused = !on;
    if (t->attempt)
        attempt_read(t->attempt, on);
}

void translated_free(struct translated *t)
{
    if (!t)
        return;
    loop_sweep_remove(t->proxy->loop, &t->sweep);
    if (t->attempt)
        attempt_abort(t->attempt);
    translation_free(t->translation);
    buf_release(&t->out);
    free(t);
}

const char *translated_addr(const struct translated *t)
{
    return t->addr;
}

bool translated_is_reused(const struct translated *t)
{
    return t->is_reused;
}

uint64_t translated_connect_us(const struct translated *t)
{
    return t->connect_us;
}

struct str translated_model(const struct translated *t)
{
    return t->model;
}

bool translated_was_told(const struct translated *t)
{
    return !t->is_broken;
}

enum ending translated_ending(const struct translated *t)
{
    switch (t->fail.code) {
    case ERR_OK:
        return translation_is_error(t->translation) ? ENDING_UPSTREAM_ERROR : ENDING_RUNNING;
    case ERR_UPSTREAM_TIMEOUT:
        return ENDING_UPSTREAM_TIMEOUT;
    case ERR_UPSTREAM_RESET:
        return ENDING_UPSTREAM_RESET;
    case ERR_UPSTREAM_TRUNCATED:
        return ENDING_UPSTREAM_TRUNCATED;
    case ERR_BAD_REQUEST:
    case ERR_TOO_LARGE:
        return ENDING_REJECTED;
    default:
        return ENDING_UPSTREAM_ERROR;
    }
}

struct str translated_losses(const struct translated *t)
{
    const struct loss_report *report = translation_losses(t->translation);
    struct buf out;
    size_t len;
    if (!report->count)
        return STR_NONE;
    buf_init(&out, LOSSES_MAX);
    if (loss_report_write(report, &out)) {
        buf_release(&out);
        return STR_NONE;
    }
    char *text = buf_take(&out, &len);
    loop_turn_give(t->proxy->loop, text);
    return str_make(text, len);
}
