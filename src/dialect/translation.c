/*
 * translation.c — one exchange: which functions of which languages, in which order, and when the
 * client gets to see something. What is said in the languages is in the other files.
 */
#include "dialect/dialect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dialect/envelope.h"
#include "dialect/json_writer.h"
#include "dialect/language.h"
#include "dialect/passing.h"
#include "dialect/answer_reader.h"
#include "dialect/token_estimate.h"

static const struct client_language {
    client_read *read;
    const struct reply_sink *stream, *whole;
} client_languages[DIALECT_COUNT] = {
    [DIALECT_ANTHROPIC] = {anthropic_client_read, &anthropic_stream_sink, &anthropic_whole_sink},
    [DIALECT_CHAT] = {chat_client_read, &chat_stream_sink, &chat_whole_sink},
};

static const struct provider_language {
    provider_write *write;
    reader_event *on_event;
    reader_whole *on_whole;
    const char *path; /* Gemini's has the model in it: choose_path() */
    const char *stream_path;
} provider_languages[DIALECT_COUNT] = {
    [DIALECT_ANTHROPIC] = {anthropic_request_write, anthropic_answer_event, anthropic_answer_whole,
                           "/v1/messages", "/v1/messages"},
    [DIALECT_CHAT] = {chat_request_write, chat_answer_event, chat_answer_whole, "/chat/completions",
                      "/chat/completions"},
    [DIALECT_RESPONSES] = {responses_request_write, responses_answer_event, responses_answer_whole,
                           "/responses", "/responses"},
    [DIALECT_GEMINI] = {gemini_request_write, gemini_answer_event, gemini_answer_whole, NULL, NULL},
};

enum body_kind { BODY_UNKNOWN, BODY_STREAM, BODY_WHOLE, BODY_REFUSAL };

struct translation {
    struct translation_options options;
    struct arena arena;
    struct loss_report losses;
    struct quirks quirks;
    struct tool_names names;
    struct reply reply;
    struct reader reader;
    struct sse_parser sse;
    struct buf held; /* a whole answer, a refusal, or bytes before it is known what they are */
    enum dialect provider;
    enum body_kind body;
    bool is_plain;  /* both sides speak the same: bytes pass */
    bool is_stream; /* for the client */
    bool asks_stream;
    bool wants_again, is_head_known, has_ended, has_heard, has_spoken;
    int tries;
    int status; /* the provider's */
    int64_t retry_after_s;
    int64_t estimate; /* tokens, without the factor */
    struct str path, request_id;
    struct str stops[STOPS_MAX];
    uint64_t began_ms, head_ms, heard_ms, spoken_ms;
    bool has_begun;
};

struct translation *translation_new(const struct translation_options *options)
{
    struct translation *t = MEM_NEW(struct translation);
    assert(dialect_is_client(options->client) && options->provider < DIALECT_COUNT);
    arena_init(&t->arena);
    t->options = *options;
    t->options.model = arena_str(&t->arena, options->model);
    t->options.base_url = arena_str(&t->arena, options->base_url);
    t->options.exchange_id = arena_str(&t->arena, options->exchange_id);
    t->options.hold_ms = options->hold_ms ? options->hold_ms : 3000;
    t->options.head_hold_ms = options->head_hold_ms ? options->head_hold_ms : 10000;
    t->options.ping_ms = options->ping_ms ? options->ping_ms : 10000;
    t->options.silence_ms = options->silence_ms ? options->silence_ms : 300000;
    t->quirks = options->quirks;
    t->losses.arena = &t->arena;
    t->retry_after_s = -1;
    buf_init(&t->held, TRANSLATION_WHOLE_MAX);
    sse_parser_init(&t->sse, TRANSLATION_FRAME_MAX);
    reply_init(&t->reply, client_languages[options->client].whole, &t->arena);
    t->reply.id = t->options.exchange_id;
    t->request_id = reply_make_id(&t->reply, "req_", 0);
    t->reader.reply = &t->reply;
    return t;
}

void translation_free(struct translation *t)
{
    if (!t)
        return;
    reply_release(&t->reply);
    reader_release(&t->reader);
    sse_parser_release(&t->sse);
    buf_release(&t->held);
    arena_release(&t->arena);
    free(t);
}

/* The same provider, another language: some OpenAI models take tools only there. */
static enum dialect provider_of(const struct translation *t)
{
    bool is_switched =
        t->options.provider == DIALECT_CHAT && quirks_have(&t->quirks, QUIRK_RESPONSES);
    return is_switched ? DIALECT_RESPONSES : t->options.provider;
}

static void prepare_reply(struct translation *t, const struct neutral *n)
{
    struct reply *r = &t->reply;
    const struct client_language *client = &client_languages[t->options.client];
    t->is_stream = n->is_stream;
    r->sink = n->is_stream ? client->stream : client->whole;
    r->losses = &t->losses;
    r->names = &t->names;
    r->quirks = &t->quirks;
    r->model = arena_str(&t->arena, n->model);
    r->origin = envelope_origin(t->options.base_url);
    r->place = (struct provider_place){t->options.base_url, t->options.model, &t->arena};
    if (!r->place.model.len)
        r->place.model = r->model;
    r->shows_thinking = neutral_wants_thinking(n);
    r->hides_thinking = n->hides_thinking;
    r->wants_usage = n->wants_stream_usage;
    r->created_s = t->options.now_s;
    for (size_t i = 0; i < n->stop_count; i++)
        t->stops[i] = n->stops[i]; /* in the arena */
    stop_match_release(&r->stop);
    stop_match_init(&r->stop, t->stops, n->stop_count);
    r->think.state = quirks_have(&t->quirks, QUIRK_THINK_OPEN)   ? THINK_INSIDE
                     : quirks_have(&t->quirks, QUIRK_THINK_TAGS) ? THINK_HEAD
                                                                 : THINK_OFF;
    r->has_tools = n->tools != NULL;
    r->reads_text_calls = quirks_have(&t->quirks, QUIRK_TEXT_CALLS);
    double factor = t->options.token_factor > 0 ? t->options.token_factor : 1;
    t->estimate = token_estimate(n);
    r->input_estimate = MAX_OF(1, (int64_t)((double)t->estimate * factor));
}

/* Makes ready for an answer, the first or one after a refusal. */
static void restart(struct translation *t)
{
    reader_release(&t->reader);
    t->reader = (struct reader){.reply = &t->reply};
    sse_parser_release(&t->sse);
    sse_parser_init(&t->sse, TRANSLATION_FRAME_MAX);
    buf_clear(&t->held);
    t->names = (struct tool_names){0};
    t->losses.count = 0;
    t->losses.unlisted = 0;
    t->body = BODY_UNKNOWN;
    t->wants_again = t->is_head_known = t->has_ended = false;
}

/* As one segment of a path (RFC 3986 §2.3). */
static struct str encode(struct str text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len * 3 + 1), *at = out;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        (c && strchr("-._~", c));
        if (is_plain)
            *at++ = (char)c;
        else
            at += snprintf(at, 4, "%%%02X", c);
    }
    return str_make(out, (size_t)(at - out));
}

static void choose_path(struct translation *t, struct str model)
{
    const struct provider_language *p = &provider_languages[t->provider];
    if (t->provider == DIALECT_GEMINI) {
        if (str_starts(model, STR("models/")))
            model = str_from(model, 7);
        model = encode(model, &t->arena);
        t->path = arena_printf(&t->arena,
                               t->asks_stream ? "/models/%.*s:streamGenerateContent?alt=sse"
                                              : "/models/%.*s:generateContent",
                               STR_ARGS(model));
    } else {
        t->path = str_of(t->asks_stream ? p->stream_path : p->path);
    }
}

static enum err write_request(struct translation *t, struct neutral *n, struct buf *out)
{
    struct asking a = {.n = n,
                       .quirks = &t->quirks,
                       .names = &t->names,
                       .origin = envelope_origin(t->options.base_url),
                       .model = t->options.model.len ? t->options.model : n->model};
    if (str_ends(a.model, STR("[1m]"))) /* a mark of the client's own for a long context */
        a.model.len -= 4;
    t->names.begins_with_letter = t->provider == DIALECT_GEMINI;
    tool_names_fill(&t->names, n);
    prepare_reply(t, n);
    t->asks_stream = !quirks_have(&t->quirks, QUIRK_NO_STREAM);
    a.is_stream = t->asks_stream;
    choose_path(t, a.model);
    return provider_languages[t->provider].write(&a, out);
}

static enum err pass_request(struct translation *t, const struct json_tree *tree, struct buf *out,
                             struct fail *f)
{
    struct buf bare; /* without what a translation sealed: only we could read it */
    size_t before = out->len;
    t->path = str_of(provider_languages[t->provider].path);
    enum err err = passing_request(tree, t->options.model, out, &t->is_stream, f);
    struct str written = str_from(buf_str(out), before);
    t->asks_stream = t->is_stream;
    if (err || t->provider != DIALECT_ANTHROPIC || !passing_has_sealed(written))
        return err;
    buf_init(&bare, written.len);
    err = passing_without_sealed(written, &bare);
    out->len = before;
    if (!err)
        err = buf_append(out, buf_str(&bare));
    buf_release(&bare);
    loss_report_note(&t->losses, LOSS_KIND_DROPPED, STR("messages[].content[].thinking"), STR_NONE,
                     "another provider wrote it, and this one would refuse its signature");
    return err;
}

enum err translation_request(struct translation *t, struct str body, struct buf *out,
                             struct fail *f)
{
    struct json_tree tree;
    struct neutral n;
    restart(t);
    t->provider = provider_of(t);
    t->is_plain = t->provider == t->options.client;
    enum err err = json_tree_parse(&tree, body);
    if (err) {
        err = fail(f, ERR_BAD_REQUEST, "The request body is not valid JSON.");
    } else if (t->is_plain) {
        err = pass_request(t, &tree, out, f);
    } else {
        neutral_init(&n, &t->arena, &t->losses);
        err = client_languages[t->options.client].read(&n, &tree, f);
        if (!err)
            err = write_request(t, &n, out);
    }
    json_tree_release(&tree);
    return err;
}

struct str translation_path(const struct translation *t)
{
    return t->path;
}

bool translation_is_plain(const struct translation *t)
{
    return t->is_plain;
}

bool translation_asks_stream(const struct translation *t)
{
    return t->asks_stream;
}

void translation_answer(struct translation *t, const struct translation_answer *head)
{
    t->status = head->status;
    t->is_head_known = true;
    t->has_heard = true;
    t->head_ms = 0;
    t->retry_after_s = provider_retry_after(head->retry_after, head->date);
    if (t->retry_after_s < 0 && head->retry_after_ms.len) {
        uint64_t ms;
        if (str_to_u64(head->retry_after_ms, &ms) && ms < INT32_MAX)
            t->retry_after_s = (int64_t)((ms + 999) / 1000);
    }
    if (t->retry_after_s < 0)
        t->retry_after_s = provider_retry_after(head->ratelimit_reset, STR_NONE);
    if (t->is_plain)
        t->body = BODY_STREAM; /* whatever it is, it passes */
    else if (head->status < 200 || head->status >= 300)
        t->body = BODY_REFUSAL;
}

/* One event of the stream. */
static void on_event(void *owner, const struct sse_event *event)
{
    struct translation *t = owner;
    struct json_tree tree;
    struct str data = str_trim(event->data);
    if (t->reader.is_done || t->reply.is_over || !data.len)
        return;
    if (str_equal(data, STR("[DONE]"))) {
        t->reader.is_done = true;
        reply_end(&t->reply);
        return;
    }
    if (!json_tree_parse(&tree, data) && yyjson_is_obj(tree.root))
        provider_languages[t->provider].on_event(&t->reader, event->name, tree.root);
    else if (data.ptr[0] == '{' || str_equal(event->name, STR("error")))
        reply_fail_with(&t->reply, 502, "api_error",
                        data.ptr[0] == '{' ? STR("The provider sent an event that is not JSON.")
                                           : arena_str(&t->arena, str_head(data, 1000)));
    json_tree_release(&tree);
    if (t->reply.is_satisfied)
        reply_end(&t->reply);
}

static void fail_of(struct translation *t, int status, struct str body)
{
    struct json_tree tree;
    struct provider_error e;
    enum err err = json_tree_parse(&tree, body);
    provider_error_read(&e, &t->reply.place, status, err ? NULL : tree.root, body);
    e.retry_after_s = t->retry_after_s;
    json_tree_release(&tree);
    reply_fail(&t->reply, &e);
}

static void read_whole(struct translation *t)
{
    struct json_tree tree;
    struct str body = buf_str(&t->held);
    if (json_tree_parse(&tree, body))
        fail_of(t, 502, body);
    else
        provider_languages[t->provider].on_whole(&t->reader, tree.root, &tree);
    json_tree_release(&tree);
    reply_eof(&t->reply, true);
}

/* Is this an overflow of the context? Then there is nothing to learn but to compact. */
static bool is_overflow(struct translation *t, struct str body)
{
    struct provider_error e;
    struct json_tree tree;
    enum err err = json_tree_parse(&tree, body);
    provider_error_read(&e, &t->reply.place, t->status, err ? NULL : tree.root, body);
    json_tree_release(&tree);
    return str_contains_nocase(e.message, STR("prompt is too long")) ||
           str_contains_nocase(e.message, STR("exceed context limit"));
}

/* We went to Responses by ourselves, and there is none: then tools go without reasoning. */
static bool learn_no_responses(struct translation *t)
{
    bool is_missing = t->status == 404 || t->status == 405 || t->status == 501;
    if (!is_missing || t->provider == t->options.provider ||
        str_contains_nocase(buf_str(&t->held), STR("model_not_found")))
        return false;
    uint64_t before = t->quirks.flags;
    enum err err = quirks_parse(&t->quirks, STR("-responses,no_effort_with_tools"), NULL);
    assert(!err);
    t->quirks.learned |= before ^ t->quirks.flags;
    return true;
}

static void read_refusal(struct translation *t)
{
    struct str body = buf_str(&t->held);
    bool may_ask = t->tries < TRANSLATION_TRIES_MAX && !t->reply.next_index && !t->reply.is_over;
    if (may_ask && !is_overflow(t, body) &&
        (learn_no_responses(t) || quirks_learn(&t->quirks, t->status, body))) {
        t->tries++;
        t->wants_again = true;
        return;
    }
    fail_of(t, t->status, body);
}

/* By the first byte that is no space: providers' content types are not to be relied on. */
static void tell_kind(struct translation *t)
{
    struct str held = buf_str(&t->held);
    if (str_starts(held, STR("\xEF\xBB\xBF")))
        held = str_from(held, 3);
    size_t at = json_skip_space(held, 0);
    if (at == held.len || (held.len < 3 && (unsigned char)held.ptr[0] == 0xEF))
        return;
    bool is_whole = strchr("{[<\"", held.ptr[at]) != NULL;
    t->body = is_whole ? BODY_WHOLE : BODY_STREAM;
}

static void hold(struct translation *t, struct str bytes)
{
    if (t->body == BODY_REFUSAL)
        bytes = str_head(bytes, TRANSLATION_ERROR_MAX - MIN_OF(t->held.len, TRANSLATION_ERROR_MAX));
    if (buf_append(&t->held, bytes))
        reply_fail_with(&t->reply, 502, "api_error", STR("The provider's answer is too large."));
}

static void feed_stream(struct translation *t, struct str bytes)
{
    if (sse_parser_feed(&t->sse, bytes, on_event, t))
        reply_fail_with(&t->reply, 502, "api_error",
                        STR("The provider sent an event that is too large."));
}

/* The client hears of an error that came before anything else, by status and body. */
static enum err settle(struct translation *t, struct buf *out, size_t before)
{
    struct reply *r = &t->reply;
    if (r->is_over && r->is_error && !r->is_started && !t->has_ended) {
        t->has_ended = true;
        client_languages[t->options.client].whole->fail(r, &r->error);
    }
    t->has_spoken |= out->len > before;
    return r->err;
}

static enum err feed_plain(struct translation *t, struct str bytes, struct buf *out)
{
    t->reply.is_started = true;
    return buf_append(out, bytes);
}

enum err translation_feed(struct translation *t, struct str bytes, struct buf *out)
{
    size_t before = out->len;
    t->reply.out = out;
    t->has_heard = true;
    if (t->is_plain)
        return feed_plain(t, bytes, out);
    if (t->reply.is_over)
        return ERR_OK;
    if (t->body == BODY_STREAM) {
        feed_stream(t, bytes);
        return settle(t, out, before);
    }
    hold(t, bytes);
    if (t->body == BODY_UNKNOWN)
        tell_kind(t);
    if (t->body == BODY_STREAM) {
        feed_stream(t, buf_str(&t->held));
        buf_clear(&t->held);
    }
    return settle(t, out, before);
}

static void end_stream(struct translation *t, bool is_clean)
{
    if (is_clean && sse_parser_is_inside(&t->sse))
        feed_stream(t, STR("\n\n")); /* the last event's empty line is often forgotten */
    reply_eof(&t->reply, is_clean);
}

enum err translation_end(struct translation *t, bool is_clean, struct buf *out)
{
    size_t before = out->len;
    t->reply.out = out;
    if (t->is_plain) {
        t->reply.is_over = t->reply.is_started = true;
        t->reply.is_error = !is_clean;
        return ERR_OK;
    }
    if (t->reply.is_over)
        return ERR_OK;
    if (t->body == BODY_REFUSAL)
        read_refusal(t);
    else if (t->body == BODY_WHOLE && is_clean)
        read_whole(t);
    else
        end_stream(t, is_clean);
    return settle(t, out, before);
}

static void tick_times(struct translation *t, uint64_t now_ms)
{
    if (!t->has_begun) {
        t->has_begun = true;
        t->began_ms = t->heard_ms = t->spoken_ms = now_ms;
    }
    if (t->has_heard)
        t->heard_ms = now_ms;
    if (t->has_spoken)
        t->spoken_ms = now_ms;
    if (t->is_head_known && !t->head_ms)
        t->head_ms = now_ms ? now_ms : 1;
    t->has_heard = t->has_spoken = false;
}

/* Has the client waited long enough for a status? */
static bool is_due(const struct translation *t, uint64_t now_ms)
{
    if (!t->is_head_known)
        return now_ms - t->began_ms >= t->options.head_hold_ms;
    return t->body != BODY_REFUSAL && now_ms - t->head_ms >= t->options.hold_ms;
}

enum err translation_tick(struct translation *t, uint64_t now_ms, struct buf *out)
{
    struct reply *r = &t->reply;
    size_t before = out->len;
    r->out = out;
    tick_times(t, now_ms);
    if (r->is_over || t->is_plain)
        return ERR_OK;
    if (now_ms - t->heard_ms >= t->options.silence_ms)
        reply_fail_with(r, 504, "timeout_error", STR("The provider has been silent for too long."));
    else if (t->is_stream && !r->is_started && is_due(t, now_ms))
        reply_start(r);
    else if (t->is_stream && now_ms - t->spoken_ms >= t->options.ping_ms)
        reply_ping(r);
    enum err err = settle(t, out, before);
    if (t->has_spoken)
        t->spoken_ms = now_ms;
    return err;
}

enum err translation_refuse(struct translation *t, int status, const char *type, struct str message,
                            struct buf *out)
{
    size_t before = out->len;
    t->reply.out = out;
    reply_fail_with(&t->reply, status, type, arena_str(&t->arena, message));
    return settle(t, out, before);
}

enum translation_state translation_state(const struct translation *t)
{
    const struct reply *r = &t->reply;
    if (t->wants_again)
        return TRANSLATION_AGAIN;
    if (r->is_over)
        return TRANSLATION_DONE;
    return r->is_started && (t->is_stream || t->is_plain) ? TRANSLATION_OPEN : TRANSLATION_HELD;
}

struct translation_head translation_head(const struct translation *t)
{
    const struct reply *r = &t->reply;
    bool is_refused = r->is_error && (!r->is_started || !t->is_stream);
    struct translation_head head = {
        .status = is_refused ? r->error.status : 200,
        .content_type = t->is_stream && !is_refused ? "text/event-stream" : "application/json",
        .retry_after_s = is_refused ? r->error.retry_after_s : -1,
        .is_final = is_refused && r->error.is_final,
        .request_id = t->request_id};
    if (t->options.client == DIALECT_CHAT && head.status == 529)
        head.status = 503; /* 529 is Anthropic's own */
    if (t->is_plain && t->is_head_known) {
        head.status = t->status;
        head.content_type = NULL;
        head.retry_after_s = t->retry_after_s;
    }
    return head;
}

bool translation_is_error(const struct translation *t)
{
    return t->reply.is_error;
}

const struct loss_report *translation_losses(const struct translation *t)
{
    return &t->losses;
}

const struct quirks *translation_quirks(const struct translation *t)
{
    return &t->quirks;
}

double translation_token_factor(const struct translation *t)
{
    const struct reply_usage *u = &t->reply.usage;
    int64_t counted = u->input + u->cache_read + u->cache_write;
    if (!u->is_known || counted <= 0 || t->estimate <= 0)
        return 0;
    return (double)counted / (double)t->estimate;
}
