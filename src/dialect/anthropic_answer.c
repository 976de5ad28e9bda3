/*
 * anthropic_answer.c — reads answers in Anthropic's language, for clients of another.
 */
#include "dialect/answer_reader.h"

#include "dialect/json_writer.h"

static void read_usage(struct reader *x, yyjson_val *usage)
{
    struct reply_usage *u = &x->usage; /* message_delta tells only what has changed */
    if (!yyjson_is_obj(usage))
        return;
    u->is_known = true;
    u->input = MAX_OF(0, json_member_number(usage, "input_tokens", u->input));
    u->output = MAX_OF(0, json_member_number(usage, "output_tokens", u->output));
    u->cache_read = MAX_OF(0, json_member_number(usage, "cache_read_input_tokens", u->cache_read));
    u->cache_write =
        MAX_OF(0, json_member_number(usage, "cache_creation_input_tokens", u->cache_write));
    reply_usage(x->reply, u);
}

static void read_search_results(struct reply *r, yyjson_val *block)
{
    yyjson_arr_iter list = yyjson_arr_iter_with(yyjson_obj_get(block, "content"));
    struct buf text;
    buf_init(&text, 1 << 20);
    struct json_writer w = {.out = &text};
    json_open(&w, '[');
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));) {
        json_open(&w, '{');
        json_put_string(&w, "title", json_member_text(one, "title"));
        json_put_string(&w, "url", json_member_text(one, "url"));
        json_close(&w, '}');
    }
    json_close(&w, ']');
    reply_search(r, STR_NONE, STR_NONE, w.err ? STR("[]") : buf_str(&text));
    buf_release(&text);
}

static void sign(struct reply *r, struct str signature)
{
    r->raw_signature = arena_str_grow(r->arena, r->raw_signature, signature);
}

static void begin_call(struct reader *x, yyjson_val *block, struct str input, bool is_whole)
{
    struct call_piece piece = {.id = json_member_text(block, "id"),
                               .name = json_member_text(block, "name"),
                               .args = input,
                               .index = x->block_index,
                               .is_whole = is_whole};
    reply_call(x->reply, &piece);
}

/* `tree`: of a whole answer, whose tools' inputs are passed on as their bytes; NULL in a stream. */
static void begin_block(struct reader *x, yyjson_val *block, const struct json_tree *tree)
{
    struct reply *r = x->reply;
    yyjson_val *type = yyjson_obj_get(block, "type");
    if (json_is(type, "text")) {
        reply_text(r, json_member_text(block, "text"));
    } else if (json_is(type, "thinking")) {
        reply_reasoning(r, json_member_text(block, "thinking"));
        if (r->shows_thinking)
            sign(r, json_member_text(block, "signature"));
    } else if (json_is(type, "redacted_thinking")) {
        reply_redacted(r, json_member_text(block, "data"));
    } else if (json_is(type, "tool_use")) {
        struct str input = tree ? json_tree_member_span(tree, block, "input") : STR_NONE;
        begin_call(x, block, input, tree != NULL);
    } else if (json_is(type, "web_search_tool_result")) {
        read_search_results(r, block);
    } else if (!json_is(type, "server_tool_use")) {
        loss_drop_answer(r, "answer.content[]", "a block that the client has no word for");
    }
}

static void on_message_start(struct reader *x, yyjson_val *root)
{
    read_usage(x, yyjson_obj_get(yyjson_obj_get(root, "message"), "usage"));
}

static void on_block_start(struct reader *x, yyjson_val *root)
{
    reply_start(x->reply);
    x->block_index = json_member_number(root, "index", x->block_index + 1);
    begin_block(x, yyjson_obj_get(root, "content_block"), NULL);
}

static void on_delta(struct reader *x, yyjson_val *root)
{
    struct reply *r = x->reply;
    yyjson_val *delta = yyjson_obj_get(root, "delta"), *type = yyjson_obj_get(delta, "type");
    if (json_is(type, "text_delta")) {
        reply_text(r, json_member_text(delta, "text"));
    } else if (json_is(type, "thinking_delta")) {
        reply_reasoning(r, json_member_text(delta, "thinking"));
    } else if (json_is(type, "signature_delta")) {
        if (r->shows_thinking)
            sign(r, json_member_text(delta, "signature"));
    } else if (json_is(type, "input_json_delta")) {
        struct call_piece piece = {.args = json_member_text(delta, "partial_json"),
                                   .index = json_member_number(root, "index", x->block_index)};
        bool is_known = false; /* else it is of a server's tool */
        for (size_t i = 0; i < r->slot_count; i++)
            is_known |= reply_call_index(r, i) == piece.index;
        if (is_known)
            reply_call(r, &piece);
    }
}

static void on_block_stop(struct reader *x, yyjson_val *root)
{
    int64_t index = json_member_number(root, "index", x->block_index);
    struct reply *r = x->reply;
    reply_end_thinking(r);
    for (size_t i = 0; i < r->slot_count; i++)
        if (reply_call_index(r, i) == index) {
            struct call_piece piece = {.index = index, .is_whole = true};
            reply_call(r, &piece);
            break;
        }
}

static void on_message_delta(struct reader *x, yyjson_val *root)
{
    read_usage(x, yyjson_obj_get(root, "usage"));
    reply_finish(x->reply, json_member_text(yyjson_obj_get(root, "delta"), "stop_reason"));
}

static void on_message_stop(struct reader *x, yyjson_val *root)
{
    (void)root;
    x->is_done = true;
    if (x->reply->finish == FINISH_NONE)
        reply_eof(x->reply, false);
    else
        reply_end(x->reply);
}

static void on_error(struct reader *x, yyjson_val *root)
{
    struct provider_error e;
    provider_error_read(&e, &x->reply->place, 200, root, STR_NONE);
    reply_fail(x->reply, &e);
}

static const struct {
    const char *type;
    void (*on)(struct reader *x, yyjson_val *root);
} events[] = {
    {"message_start", on_message_start},
    {"content_block_start", on_block_start},
    {"content_block_delta", on_delta},
    {"content_block_stop", on_block_stop},
    {"message_delta", on_message_delta},
    {"message_stop", on_message_stop},
    {"error", on_error},
};

void anthropic_answer_event(struct reader *x, struct str name, yyjson_val *root)
{
    struct str type = json_member_text(root, "type");
    if (!type.len)
        type = name;
    for (size_t i = 0; i < COUNT_OF(events); i++)
        if (str_equal(type, str_of(events[i].type)))
            events[i].on(x, root);
}

void anthropic_answer_whole(struct reader *x, yyjson_val *root, const struct json_tree *tree)
{
    yyjson_arr_iter blocks = yyjson_arr_iter_with(yyjson_obj_get(root, "content"));
    if (provider_error_is(root)) {
        on_error(x, root);
        return;
    }
    if (!yyjson_is_arr(yyjson_obj_get(root, "content"))) {
        reply_fail_with(x->reply, 502, "api_error", STR("The provider's answer has no content."));
        return;
    }
    read_usage(x, yyjson_obj_get(root, "usage"));
    reply_start(x->reply);
    x->block_index = -1;
    for (yyjson_val *block; (block = yyjson_arr_iter_next(&blocks));) {
        x->block_index++;
        begin_block(x, block, tree);
        reply_end_thinking(x->reply);
    }
    reply_finish(x->reply, json_member_text(root, "stop_reason"));
    reply_end(x->reply);
}
