/*
 * chat_sink.c — writes an answer in OpenAI's Chat Completions language: as a stream of chunks, or as
 * one completion (platform.openai.com/docs/api-reference/chat).
 *
 * Thinking goes out as reasoning_content; what has to come back with it, as reasoning_details at its
 * end, with the text in it: both as OpenRouter's clients know them.
 */
#include "dialect/reply.h"

#include "dialect/json_writer.h"

static void keep_err(struct reply *r, const struct json_writer *w)
{
    if (!r->err)
        r->err = w->err;
}

static const char *finish_name(enum stop_reason reason)
{
    switch (reason) {
    case STOP_TOOL_USE:
        return "tool_calls";
    case STOP_MAX_TOKENS:
    case STOP_CONTEXT:
        return "length";
    case STOP_REFUSAL:
        return "content_filter";
    default:
        return "stop";
    }
}

static void put_head(struct reply *r, struct json_writer *w, const char *object)
{
    json_open(w, '{');
    json_put_string(w, "id", reply_make_id(r, "chatcmpl-", 0));
    json_put_string(w, "object", str_of(object));
    json_put_int(w, "created", r->created_s);
    json_put_string(w, "model", r->model);
}

static void put_usage(struct json_writer *w, const struct reply_usage *u)
{
    int64_t prompt = u->input + u->cache_read + u->cache_write;
    json_key(w, "usage");
    json_open(w, '{');
    json_put_int(w, "prompt_tokens", prompt);
    json_put_int(w, "completion_tokens", u->output);
    json_put_int(w, "total_tokens", prompt + u->output);
    json_key(w, "prompt_tokens_details");
    json_open(w, '{');
    json_put_int(w, "cached_tokens", u->cache_read);
    if (u->cache_write)
        json_put_int(w, "cache_write_tokens", u->cache_write);
    json_close(w, '}');
    json_key(w, "completion_tokens_details");
    json_open(w, '{');
    json_put_int(w, "reasoning_tokens", u->reasoning);
    json_close(w, '}');
    json_close(w, '}');
}

/* One detail: the thinking of one block, or what cannot be read of it. */
static void put_detail(struct reply *r, struct json_writer *w, struct str signature)
{
    json_open(w, '{');
    json_put_string(w, "type", r->is_redacted ? STR("reasoning.encrypted") : STR("reasoning.text"));
    if (r->is_redacted) {
        json_put_string(w, "data", signature);
    } else {
        json_put_string(w, "text", buf_str(&r->whole_more));
        json_put_string(w, "signature", signature);
    }
    json_put_int(w, "index", r->next_index - 1);
    json_close(w, '}');
}

static void put_citations(struct json_writer *w, struct str results)
{
    struct json_tree tree;
    enum err err = json_tree_parse(&tree, results);
    yyjson_arr_iter list = yyjson_arr_iter_with(err ? NULL : tree.root);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));) {
        json_open(w, '{');
        json_put_string(w, "type", STR("url_citation"));
        json_key(w, "url_citation");
        json_open(w, '{');
        json_put_string(w, "title", json_member_text(one, "title"));
        json_put_string(w, "url", json_member_text(one, "url"));
        json_close(w, '}');
        json_close(w, '}');
    }
    json_tree_release(&tree);
}

/* The error's code as OpenAI's clients know it; NULL: none. */
static const char *code_of(const struct provider_error *e)
{
    if (str_starts_nocase(e->message, STR("prompt is too long")))
        return "context_length_exceeded";
    return e->status == 401   ? "invalid_api_key"
           : e->status == 402 ? "insufficient_quota"
           : e->status == 404 ? "model_not_found"
           : e->status == 429 ? "rate_limit_exceeded"
                              : NULL;
}

static void put_error(struct json_writer *w, const struct provider_error *e)
{
    const char *code = code_of(e);
    json_open(w, '{');
    json_key(w, "error");
    json_open(w, '{');
    json_put_string(w, "message", e->message);
    json_put_string(w, "type", str_of(e->type));
    json_put_null(w, "param");
    if (code)
        json_put_string(w, "code", str_of(code));
    else
        json_put_null(w, "code");
    json_close(w, '}');
    json_close(w, '}');
}

/* A chunk up to what is in its delta. */
static struct json_writer chunk_begin(struct reply *r)
{
    struct json_writer w = {.out = r->out};
    w.err = buf_append(r->out, STR("data: "));
    put_head(r, &w, "chat.completion.chunk");
    json_key(&w, "choices");
    json_open(&w, '[');
    json_open(&w, '{');
    json_put_int(&w, "index", 0);
    json_key(&w, "delta");
    json_open(&w, '{');
    return w;
}

static void chunk_end(struct reply *r, struct json_writer *w, const char *finish_reason)
{
    json_close(w, '}');
    if (finish_reason)
        json_put_string(w, "finish_reason", str_of(finish_reason));
    else
        json_put_null(w, "finish_reason");
    json_close(w, '}');
    json_close(w, ']');
    json_close(w, '}');
    if (!w->err)
        w->err = buf_append(w->out, STR("\n\n"));
    keep_err(r, w);
}

static void stream_start(struct reply *r)
{
    struct json_writer w = chunk_begin(r);
    json_put_string(&w, "role", STR("assistant"));
    json_put_string(&w, "content", STR(""));
    chunk_end(r, &w, NULL);
}

static void call_begin(struct reply *r, struct json_writer *w)
{
    json_key(w, "tool_calls");
    json_open(w, '[');
    json_open(w, '{');
    json_put_int(w, "index", r->next_call);
}

static void stream_args(struct reply *r, struct str text)
{
    struct json_writer w = chunk_begin(r);
    call_begin(r, &w);
    json_key(&w, "function");
    json_open(&w, '{');
    json_put_string(&w, "arguments", text);
    json_close(&w, '}');
    json_close(&w, '}');
    json_close(&w, ']');
    chunk_end(r, &w, NULL);
}

static void stream_open(struct reply *r, enum reply_part part, struct str id, struct str name)
{
    buf_clear(&r->whole_more);
    if (part != PART_TOOL)
        return;
    struct json_writer w = chunk_begin(r);
    call_begin(r, &w);
    json_put_string(&w, "id", id);
    json_put_string(&w, "type", STR("function"));
    json_key(&w, "function");
    json_open(&w, '{');
    json_put_string(&w, "name", name);
    json_put_string(&w, "arguments", STR(""));
    json_close(&w, '}');
    json_close(&w, '}');
    json_close(&w, ']');
    chunk_end(r, &w, NULL);
}

static void keep_thinking(struct reply *r, struct str text)
{
    enum err err = buf_append(&r->whole_more, text);
    if (!r->err)
        r->err = err;
}

static void stream_delta(struct reply *r, struct str text)
{
    if (r->part == PART_TOOL) {
        stream_args(r, text);
        return;
    }
    if (r->part == PART_THINKING)
        keep_thinking(r, text);
    struct json_writer w = chunk_begin(r);
    json_put_string(&w, r->part == PART_THINKING ? "reasoning_content" : "content", text);
    chunk_end(r, &w, NULL);
}

static void stream_close(struct reply *r, struct str signature)
{
    if (r->part == PART_TOOL) {
        if (!r->has_delta && !r->is_over) /* clients parse whatever stands there */
            stream_args(r, STR("{}"));
        r->next_call++;
    } else if (r->part == PART_THINKING && signature.len) {
        struct json_writer w = chunk_begin(r);
        json_key(&w, "reasoning_details");
        json_open(&w, '[');
        put_detail(r, &w, signature);
        json_close(&w, ']');
        chunk_end(r, &w, NULL);
    }
}

static void stream_search(struct reply *r, struct str id, struct str query, struct str results)
{
    (void)id;
    (void)query;
    struct json_writer w = chunk_begin(r);
    json_key(&w, "annotations");
    json_open(&w, '[');
    put_citations(&w, results);
    json_close(&w, ']');
    chunk_end(r, &w, NULL);
}

static void stream_finish(struct reply *r)
{
    struct json_writer w = chunk_begin(r);
    chunk_end(r, &w, finish_name(r->stop_reason));
    if (r->wants_usage) {
        w = (struct json_writer){.out = r->out, .err = buf_append(r->out, STR("data: "))};
        put_head(r, &w, "chat.completion.chunk");
        json_put_raw(&w, "choices", STR("[]"));
        put_usage(&w, &r->usage);
        json_close(&w, '}');
        if (!w.err)
            w.err = buf_append(r->out, STR("\n\n"));
        keep_err(r, &w);
    }
    if (!r->err)
        r->err = buf_append(r->out, STR("data: [DONE]\n\n"));
}

static void stream_fail(struct reply *r, const struct provider_error *e)
{
    struct json_writer w = {.out = r->out, .err = buf_append(r->out, STR("data: "))};
    put_error(&w, e);
    if (!w.err)
        w.err = buf_append(r->out, STR("\n\n"));
    keep_err(r, &w);
}

static void stream_ping(struct reply *r)
{
    enum err err = buf_append(r->out, STR(": ping\n\n"));
    if (!r->err)
        r->err = err;
}

const struct reply_sink chat_stream_sink = {stream_start, stream_open,   stream_delta,
                                            stream_close, stream_search, stream_finish,
                                            stream_fail,  stream_ping};

/* As one completion: the text is gathered in r->whole, calls in whole_calls, details in
 * whole_details; all as JSON but for the text. */

static void whole_start(struct reply *r)
{
    (void)r;
}

static void whole_open(struct reply *r, enum reply_part part, struct str id, struct str name)
{
    buf_clear(&r->whole_more);
    if (part != PART_TOOL)
        return;
    struct json_writer w = {.out = &r->whole_calls, .needs_comma = r->whole_calls.len > 0};
    json_open(&w, '{');
    json_put_string(&w, "id", id);
    json_put_string(&w, "type", STR("function"));
    json_key(&w, "function");
    json_open(&w, '{');
    json_put_string(&w, "name", name);
    keep_err(r, &w);
}

static void whole_delta(struct reply *r, struct str text)
{
    enum err err = ERR_OK;
    if (r->part == PART_TEXT)
        err = buf_append(&r->whole, text);
    else
        keep_thinking(r, text);
    if (r->part == PART_THINKING && !err)
        err = buf_append(&r->whole_thinking, text);
    if (!r->err)
        r->err = err;
}

static void whole_close(struct reply *r, struct str signature)
{
    if (r->part == PART_TOOL) {
        struct json_writer w = {.out = &r->whole_calls, .needs_comma = true};
        struct str args = buf_str(&r->whole_more);
        json_put_string(&w, "arguments", args.len ? args : STR("{}"));
        json_close(&w, '}');
        json_close(&w, '}');
        keep_err(r, &w);
    } else if (r->part == PART_THINKING && signature.len) {
        struct json_writer w = {.out = &r->whole_details, .needs_comma = r->whole_details.len > 0};
        put_detail(r, &w, signature);
        keep_err(r, &w);
    }
}

static void whole_search(struct reply *r, struct str id, struct str query, struct str results)
{
    struct json_writer w = {.out = &r->whole_citations, .needs_comma = r->whole_citations.len > 0};
    (void)id;
    (void)query;
    put_citations(&w, results);
    keep_err(r, &w);
}

static void put_list(struct json_writer *w, const char *key, const struct buf *elements)
{
    if (!elements->len)
        return;
    json_key(w, key);
    json_open(w, '[');
    json_raw(w, buf_str(elements));
    json_close(w, ']');
}

static void whole_finish(struct reply *r)
{
    struct json_writer w = {.out = r->out};
    put_head(r, &w, "chat.completion");
    json_key(&w, "choices");
    json_open(&w, '[');
    json_open(&w, '{');
    json_put_int(&w, "index", 0);
    json_key(&w, "message");
    json_open(&w, '{');
    json_put_string(&w, "role", STR("assistant"));
    if (r->whole.len || !r->whole_calls.len)
        json_put_string(&w, "content", buf_str(&r->whole));
    else
        json_put_null(&w, "content");
    json_put_null(&w, "refusal");
    if (r->whole_thinking.len)
        json_put_string(&w, "reasoning_content", buf_str(&r->whole_thinking));
    put_list(&w, "reasoning_details", &r->whole_details);
    put_list(&w, "annotations", &r->whole_citations);
    put_list(&w, "tool_calls", &r->whole_calls);
    json_close(&w, '}');
    json_put_null(&w, "logprobs");
    json_put_string(&w, "finish_reason", str_of(finish_name(r->stop_reason)));
    json_close(&w, '}');
    json_close(&w, ']');
    put_usage(&w, &r->usage);
    json_close(&w, '}');
    keep_err(r, &w);
}

static void whole_fail(struct reply *r, const struct provider_error *e)
{
    struct json_writer w = {.out = r->out};
    put_error(&w, e);
    keep_err(r, &w);
}

static void whole_ping(struct reply *r)
{
    (void)r;
}

const struct reply_sink chat_whole_sink = {whole_start,  whole_open,   whole_delta, whole_close,
                                           whole_search, whole_finish, whole_fail,  whole_ping};
