/*
 * chat_answer.c — reads answers in OpenAI's Chat Completions language, as its many imitators speak
 * it. A chunk of a stream and a whole answer are read by the same code.
 */
#include "dialect/answer_reader.h"

#include "dialect/envelope.h"
#include "dialect/json_writer.h"

enum { ANNOTATIONS_MAX = 64 /* citations of one chunk */ };

static int64_t first_number(yyjson_val *object, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t n = json_member_number(object, names[i], -1);
        if (n >= 0)
            return n;
    }
    return 0;
}

/* prompt_tokens counts the cached ones too; Anthropic's input_tokens does not. */
static void read_usage(struct reply *r, yyjson_val *usage)
{
    static const char *const inputs[] = {"prompt_tokens", "input_tokens"};
    static const char *const outputs[] = {"completion_tokens", "output_tokens"};
    static const char *const cached[] = {"cached_tokens", "cache_read_input_tokens"};
    static const char *const writes[] = {"cache_creation_input_tokens", "cache_write_tokens"};
    yyjson_val *details = yyjson_obj_get(usage, "prompt_tokens_details");
    struct reply_usage u = {.is_known = yyjson_is_obj(usage)};
    if (!u.is_known)
        return;
    int64_t prompt = first_number(usage, inputs, COUNT_OF(inputs));
    u.cache_read = first_number(details, cached, COUNT_OF(cached));
    if (!u.cache_read)
        u.cache_read = json_member_number(usage, "prompt_cache_hit_tokens", 0);
    u.cache_write = first_number(details, writes, COUNT_OF(writes));
    u.cache_read = MAX_OF(0, u.cache_read);
    u.input = MAX_OF(0, prompt - u.cache_read - u.cache_write);
    u.output = first_number(usage, outputs, COUNT_OF(outputs));
    u.reasoning = json_member_number(yyjson_obj_get(usage, "completion_tokens_details"),
                                     "reasoning_tokens", 0);
    reply_usage(r, &u);
}

/* One of several fields that say the same; the first that holds something. */
static void read_reasoning(struct reply *r, yyjson_val *delta)
{
    static const char *const names[] = {"reasoning_content", "reasoning", "reasoning_text"};
    yyjson_val *details = yyjson_obj_get(delta, "reasoning_details");
    if (yyjson_arr_size(details)) {
        yyjson_arr_iter list = yyjson_arr_iter_with(details);
        for (yyjson_val *d; (d = yyjson_arr_iter_next(&list));)
            reply_detail(r, d);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        yyjson_val *text = yyjson_obj_get(delta, names[i]);
        if (yyjson_is_str(text) && yyjson_get_len(text)) {
            reply_reasoning(r, json_text_of(text));
            return;
        }
    }
}

static struct str thinking_of(yyjson_val *part)
{
    yyjson_val *thinking = yyjson_obj_get(part, "thinking");
    if (yyjson_is_arr(thinking)) /* Mistral: a list of text parts */
        thinking = yyjson_obj_get(yyjson_arr_get_first(thinking), "text");
    if (yyjson_is_str(thinking))
        return json_text_of(thinking);
    return json_member_text(part, "text");
}

static void read_part(struct reply *r, yyjson_val *part)
{
    yyjson_val *type = yyjson_obj_get(part, "type");
    if (yyjson_is_str(part))
        reply_text(r, json_text_of(part));
    else if (json_is(type, "thinking") || json_is(type, "reasoning"))
        reply_reasoning(r, thinking_of(part));
    else if (json_is(type, "refusal"))
        reply_refusal(r, json_member_text(part, "refusal"));
    else
        reply_text(r, json_member_text(part, "text"));
}

static void read_content(struct reply *r, yyjson_val *content)
{
    yyjson_arr_iter parts = yyjson_arr_iter_with(content);
    if (yyjson_is_str(content))
        reply_text(r, json_text_of(content));
    for (yyjson_val *part; (part = yyjson_arr_iter_next(&parts));)
        read_part(r, part);
}

/* `is_whole`: of a whole answer, where each call comes in one piece. */
static void read_call(struct reply *r, yyjson_val *call, yyjson_val *function, bool is_whole)
{
    yyjson_val *args = yyjson_obj_get(function, "arguments");
    yyjson_val *signature = yyjson_obj_get(
        yyjson_obj_get(yyjson_obj_get(call, "extra_content"), "google"), "thought_signature");
    struct buf text;
    struct call_piece piece = {.id = json_member_text(call, "id"),
                               .name = json_member_text(function, "name"),
                               .args = json_text_of(args),
                               .index = json_member_number(call, "index", -1),
                               .is_whole = is_whole || yyjson_is_obj(args)};
    buf_init(&text, REPLY_ARGS_MAX);
    if (yyjson_is_obj(args)) { /* some send the object itself */
        struct json_writer w = {.out = &text};
        json_value(&w, args);
        piece.args = buf_str(&text);
    }
    if (yyjson_is_str(signature))
        reply_seal(r, ENVELOPE_THOUGHT, json_text_of(signature));
    reply_call(r, &piece);
    buf_release(&text);
}

static void read_calls(struct reply *r, yyjson_val *delta, bool is_whole)
{
    yyjson_val *legacy = yyjson_obj_get(delta, "function_call");
    yyjson_arr_iter calls = yyjson_arr_iter_with(yyjson_obj_get(delta, "tool_calls"));
    for (yyjson_val *call; (call = yyjson_arr_iter_next(&calls));)
        read_call(r, call, yyjson_obj_get(call, "function"), is_whole);
    if (yyjson_is_obj(legacy))
        read_call(r, legacy, legacy, is_whole);
}

/* url_citation annotations: what a provider's own web search found. */
static void read_annotations(struct reply *r, yyjson_val *delta)
{
    yyjson_arr_iter list = yyjson_arr_iter_with(yyjson_obj_get(delta, "annotations"));
    struct buf text;
    int count = 0;
    buf_init(&text, 1 << 20);
    struct json_writer w = {.out = &text};
    json_open(&w, '[');
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list)) && count < ANNOTATIONS_MAX;) {
        yyjson_val *citation = yyjson_obj_get(one, "url_citation");
        if (!yyjson_is_obj(citation))
            continue;
        json_open(&w, '{');
        json_put_string(&w, "title", json_member_text(citation, "title"));
        json_put_string(&w, "url", json_member_text(citation, "url"));
        json_close(&w, '}');
        count++;
    }
    json_close(&w, ']');
    if (count && !w.err)
        reply_search(r, STR_NONE, STR_NONE, buf_str(&text));
    buf_release(&text);
}

/* The choice with index 0; the first where none is numbered. */
static yyjson_val *main_choice(yyjson_val *choices)
{
    yyjson_arr_iter list = yyjson_arr_iter_with(choices);
    for (yyjson_val *choice; (choice = yyjson_arr_iter_next(&list));)
        if (json_member_number(choice, "index", 0) == 0)
            return choice;
    return NULL;
}

static void read_choice(struct reply *r, yyjson_val *choice, bool is_whole)
{
    yyjson_val *delta = yyjson_obj_get(choice, "delta");
    if (!yyjson_is_obj(delta))
        delta = yyjson_obj_get(choice, "message");
    reply_start(r);
    read_reasoning(r, delta);
    if (is_whole)
        read_annotations(r, delta);
    read_content(r, yyjson_obj_get(delta, "content"));
    reply_refusal(r, json_member_text(delta, "refusal"));
    if (!is_whole)
        read_annotations(r, delta);
    read_calls(r, delta, is_whole);
    reply_finish(r, json_member_text(choice, "finish_reason"));
}

static bool failed(struct reply *r, struct str name, yyjson_val *root)
{
    struct provider_error e;
    yyjson_val *choice = main_choice(yyjson_obj_get(root, "choices"));
    yyjson_val *inside = yyjson_obj_get(choice, "error"); /* OpenRouter, with finish "error" */
    bool is_error = str_equal(name, STR("error")) || provider_error_is(root);
    if (!is_error && !yyjson_is_obj(inside))
        return false;
    provider_error_read(&e, &r->place, 200, is_error ? root : choice, STR_NONE);
    reply_fail(r, &e);
    return true;
}

void chat_answer_event(struct reader *x, struct str name, yyjson_val *root)
{
    struct reply *r = x->reply;
    if (failed(r, name, root))
        return;
    read_usage(r, yyjson_obj_get(root, "usage"));
    read_usage(r, yyjson_obj_get(yyjson_obj_get(root, "x_groq"), "usage"));
    yyjson_val *choice = main_choice(yyjson_obj_get(root, "choices"));
    if (choice)
        read_choice(r, choice, false);
}

void chat_answer_whole(struct reader *x, yyjson_val *root, const struct json_tree *tree)
{
    struct reply *r = x->reply;
    yyjson_val *choice = main_choice(yyjson_obj_get(root, "choices"));
    (void)tree;
    if (failed(r, STR_NONE, root))
        return;
    if (!choice) {
        reply_fail_with(r, 502, "api_error", STR("The provider's answer has no choices."));
        return;
    }
    read_usage(r, yyjson_obj_get(root, "usage"));
    read_choice(r, choice, true);
    reply_end(r);
}
