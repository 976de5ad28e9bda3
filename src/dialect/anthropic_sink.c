/*
 * anthropic_sink.c — writes an answer in Anthropic's language: as a stream of events, or as one
 * message (docs.anthropic.com, Messages and Streaming Messages).
 *
 * Every event has its `event` line; indexes count up from 0; usage stands in message_start (input
 * estimated) and, as the provider counted it, in message_delta.
 */
#include "dialect/reply.h"

#include "dialect/json_writer.h"

static void keep_err(struct reply *r, const struct json_writer *w)
{
    if (!r->err)
        r->err = w->err;
}

static struct json_writer event_begin(struct reply *r, const char *name)
{
    struct json_writer w = {.out = r->out};
    w.err = buf_append(r->out, STR("event: "));
    if (!w.err)
        w.err = buf_append(r->out, str_of(name));
    if (!w.err)
        w.err = buf_append(r->out, STR("\ndata: "));
    json_open(&w, '{');
    json_put_string(&w, "type", str_of(name));
    return w;
}

static void event_end(struct reply *r, struct json_writer *w)
{
    json_close(w, '}');
    if (!w->err)
        w->err = buf_append(w->out, STR("\n\n"));
    keep_err(r, w);
}

static void put_usage(struct json_writer *w, const struct reply_usage *u)
{
    json_key(w, "usage");
    json_open(w, '{');
    json_put_int(w, "input_tokens", u->input);
    json_put_int(w, "cache_creation_input_tokens", u->cache_write);
    json_put_int(w, "cache_read_input_tokens", u->cache_read);
    json_put_int(w, "output_tokens", u->output);
    json_close(w, '}');
}

static void put_head(struct reply *r, struct json_writer *w)
{
    json_put_string(w, "id", reply_make_id(r, "msg_", 0));
    json_put_string(w, "type", STR("message"));
    json_put_string(w, "role", STR("assistant"));
    json_put_string(w, "model", r->model);
}

static void stream_ping(struct reply *r)
{
    struct json_writer w = event_begin(r, "ping");
    event_end(r, &w);
}

static void stream_start(struct reply *r)
{
    struct json_writer w = event_begin(r, "message_start");
    const struct reply_usage usage = {.input = r->input_estimate, .output = 1};
    json_key(&w, "message");
    json_open(&w, '{');
    put_head(r, &w);
    json_put_raw(&w, "content", STR("[]"));
    json_put_null(&w, "stop_reason");
    json_put_null(&w, "stop_sequence");
    put_usage(&w, r->usage.is_known ? &r->usage : &usage);
    json_close(&w, '}');
    event_end(r, &w);
    stream_ping(r);
}

/* The kinds of blocks that grow: what stands in them at first, and the delta that feeds them. */
static const struct kind {
    const char *type, *first, *delta, *member;
} kinds[] = {
    [PART_THINKING] = {"thinking", "\"thinking\":\"\",\"signature\":\"\"", "thinking_delta",
                       "thinking"},
    [PART_TEXT] = {"text", "\"text\":\"\"", "text_delta", "text"},
    [PART_TOOL] = {"tool_use", NULL, "input_json_delta", "partial_json"},
};

static void stream_open(struct reply *r, enum reply_part part, struct str id, struct str name)
{
    struct json_writer w = event_begin(r, "content_block_start");
    json_put_int(&w, "index", r->next_index);
    json_key(&w, "content_block");
    json_open(&w, '{');
    json_put_string(&w, "type", str_of(kinds[part].type));
    if (part == PART_TOOL) {
        json_put_string(&w, "id", id);
        json_put_string(&w, "name", name);
        json_put_raw(&w, "input", STR("{}"));
    } else {
        json_raw(&w, str_of(kinds[part].first));
    }
    json_close(&w, '}');
    event_end(r, &w);
}

static void put_delta(struct reply *r, const char *type, const char *member, struct str text)
{
    struct json_writer w = event_begin(r, "content_block_delta");
    json_put_int(&w, "index", r->next_index - 1);
    json_key(&w, "delta");
    json_open(&w, '{');
    json_put_string(&w, "type", str_of(type));
    json_put_string(&w, member, text);
    json_close(&w, '}');
    event_end(r, &w);
}

static void stream_delta(struct reply *r, struct str text)
{
    put_delta(r, kinds[r->part].delta, kinds[r->part].member, text);
}

static void block_stop(struct reply *r, int64_t index)
{
    struct json_writer w = event_begin(r, "content_block_stop");
    json_put_int(&w, "index", index);
    event_end(r, &w);
}

static void stream_close(struct reply *r, struct str signature)
{
    if (signature.len)
        put_delta(r, "signature_delta", "signature", signature);
    block_stop(r, r->next_index - 1);
}

/* The two blocks by which a client counts searches. */
static void put_search_call(struct json_writer *w, struct str id, struct str query)
{
    json_open(w, '{');
    json_put_string(w, "type", STR("server_tool_use"));
    json_put_string(w, "id", id);
    json_put_string(w, "name", STR("web_search"));
    json_key(w, "input");
    json_open(w, '{');
    if (query.len)
        json_put_string(w, "query", query);
    json_close(w, '}');
    json_close(w, '}');
}

static void put_search_result(struct json_writer *w, struct str id, struct str results)
{
    struct json_tree tree;
    enum err err = json_tree_parse(&tree, results);
    json_open(w, '{');
    json_put_string(w, "type", STR("web_search_tool_result"));
    json_put_string(w, "tool_use_id", id);
    json_key(w, "content");
    json_open(w, '[');
    yyjson_arr_iter list = yyjson_arr_iter_with(err ? NULL : tree.root);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));) {
        json_open(w, '{');
        json_put_string(w, "type", STR("web_search_result"));
        json_put_string(w, "title", json_member_text(one, "title"));
        json_put_string(w, "url", json_member_text(one, "url"));
        json_put_string(w, "encrypted_content", STR(""));
        json_put_null(w, "page_age");
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
    json_tree_release(&tree);
}

static void stream_search(struct reply *r, struct str id, struct str query, struct str results)
{
    struct str own = id.len ? id : reply_make_id(r, "srvtoolu_", (uint64_t)r->next_index);
    for (int i = 0; i < 2; i++) {
        struct json_writer w = event_begin(r, "content_block_start");
        json_put_int(&w, "index", r->next_index);
        json_key(&w, "content_block");
        if (i == 0)
            put_search_call(&w, own, query);
        else
            put_search_result(&w, own, results);
        event_end(r, &w);
        block_stop(r, r->next_index++);
    }
}

static void stream_finish(struct reply *r)
{
    struct json_writer w = event_begin(r, "message_delta");
    json_key(&w, "delta");
    json_open(&w, '{');
    json_put_string(&w, "stop_reason", str_of(stop_reason_name(r->stop_reason)));
    if (r->stop_sequence.len)
        json_put_string(&w, "stop_sequence", r->stop_sequence);
    else
        json_put_null(&w, "stop_sequence");
    json_close(&w, '}');
    put_usage(&w, &r->usage);
    event_end(r, &w);
    w = event_begin(r, "message_stop");
    event_end(r, &w);
}

static void put_error(struct reply *r, struct json_writer *w, const struct provider_error *e)
{
    json_key(w, "error");
    json_open(w, '{');
    json_put_string(w, "type", str_of(e->type));
    json_put_string(w, "message", e->message);
    json_close(w, '}');
    json_put_string(w, "request_id", reply_make_id(r, "req_", 0));
}

static void stream_fail(struct reply *r, const struct provider_error *e)
{
    struct json_writer w = event_begin(r, "error");
    put_error(r, &w, e);
    event_end(r, &w);
}

const struct reply_sink anthropic_stream_sink = {stream_start, stream_open,   stream_delta,
                                                 stream_close, stream_search, stream_finish,
                                                 stream_fail,  stream_ping};

/* As one message: blocks are written to r->whole while they come; a string is left open between. */

static struct json_writer whole_writer(struct reply *r)
{
    return (struct json_writer){.out = &r->whole};
}

static void whole_start(struct reply *r)
{
    (void)r;
}

static void whole_open(struct reply *r, enum reply_part part, struct str id, struct str name)
{
    struct json_writer w = whole_writer(r);
    w.needs_comma = r->whole.len > 0;
    json_open(&w, '{');
    json_put_string(&w, "type", str_of(kinds[part].type));
    if (part == PART_TOOL) {
        json_put_string(&w, "id", id);
        json_put_string(&w, "name", name);
        json_key(&w, "input");
        buf_clear(&r->whole_more);
    } else {
        json_key(&w, kinds[part].member);
        json_string_begin(&w);
    }
    keep_err(r, &w);
}

static void whole_delta(struct reply *r, struct str text)
{
    struct json_writer w = whole_writer(r);
    if (r->part == PART_TOOL)
        w.err = buf_append(&r->whole_more, text);
    else
        json_string_piece(&w, text);
    keep_err(r, &w);
}

static void whole_close(struct reply *r, struct str signature)
{
    struct json_writer w = whole_writer(r);
    if (r->part == PART_TOOL) {
        struct str input = buf_str(&r->whole_more);
        json_raw(&w, json_is_object(input) ? input : STR("{}"));
    } else {
        json_string_end(&w);
        w.needs_comma = true;
        if (signature.len)
            json_put_string(&w, "signature", signature);
    }
    json_close(&w, '}');
    keep_err(r, &w);
}

static void whole_search(struct reply *r, struct str id, struct str query, struct str results)
{
    struct json_writer w = whole_writer(r);
    struct str own = id.len ? id : reply_make_id(r, "srvtoolu_", (uint64_t)r->next_index);
    w.needs_comma = r->whole.len > 0;
    put_search_call(&w, own, query);
    put_search_result(&w, own, results);
    r->next_index += 2;
    keep_err(r, &w);
}

static void whole_finish(struct reply *r)
{
    struct json_writer w = {.out = r->out};
    json_open(&w, '{');
    put_head(r, &w);
    json_key(&w, "content");
    json_open(&w, '[');
    json_raw(&w, buf_str(&r->whole));
    json_close(&w, ']');
    json_put_string(&w, "stop_reason", str_of(stop_reason_name(r->stop_reason)));
    if (r->stop_sequence.len)
        json_put_string(&w, "stop_sequence", r->stop_sequence);
    else
        json_put_null(&w, "stop_sequence");
    put_usage(&w, &r->usage);
    json_close(&w, '}');
    keep_err(r, &w);
}

static void whole_fail(struct reply *r, const struct provider_error *e)
{
    struct json_writer w = {.out = r->out};
    json_open(&w, '{');
    json_put_string(&w, "type", STR("error"));
    put_error(r, &w, e);
    json_close(&w, '}');
    keep_err(r, &w);
}

static void whole_ping(struct reply *r)
{
    (void)r;
}

const struct reply_sink anthropic_whole_sink = {whole_start, whole_open,   whole_delta,
                                                whole_close, whole_search, whole_finish,
                                                whole_fail,  whole_ping};
