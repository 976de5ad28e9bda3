/*
 * accumulate.c — a small state machine over the events, written apart from the code it checks.
 */
#include "accumulate.h"

#include <stdlib.h>
#include <yyjson.h>

#include "http/sse.h"

struct accumulator {
    const char *wrong;
    bool is_started, is_open, is_over, has_delta, was_signed;
    long next;
    char type[32];
    struct buf input;
    bool has_bad_input; /* a tool's input that is no object: only max_tokens excuses it */
    const char *stop_reason;
};

/* Arguments as a client's JSON.parse takes them: halves of surrogate pairs are fine as escapes. */
static bool is_json_object(const struct buf *text)
{
    char *copy = malloc(text->len + 1);
    if (text->len)
        memcpy(copy, text->ptr, text->len);
    for (size_t i = 0; i + 6 <= text->len; i++) {
        if (copy[i] != '\\')
            continue;
        /* \uD800 to \uDFFF: any character does for this check */
        if (copy[i + 1] == 'u' && (copy[i + 2] | 32) == 'd' &&
            strchr("89abcdefABCDEF", copy[i + 3]))
            memcpy(copy + i, "\\u0041", 6);
        i++;
    }
    yyjson_doc *doc = yyjson_read(copy, text->len, YYJSON_READ_NUMBER_AS_RAW);
    bool is_object = yyjson_is_obj(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    free(copy);
    return is_object;
}

static bool need(struct accumulator *a, bool condition, const char *what)
{
    if (!condition && !a->wrong)
        a->wrong = what;
    return condition;
}

static void on_start(struct accumulator *a, yyjson_val *data)
{
    yyjson_val *m = yyjson_obj_get(data, "message");
    need(a, !a->is_started, "a second message_start");
    a->is_started = true;
    need(a, yyjson_is_str(yyjson_obj_get(m, "id")), "message without an id");
    need(a, yyjson_is_str(yyjson_obj_get(m, "model")), "message without a model");
    need(a, yyjson_is_arr(yyjson_obj_get(m, "content")), "message without content");
    need(a, yyjson_is_int(yyjson_obj_get(yyjson_obj_get(m, "usage"), "input_tokens")),
         "message without usage");
}

static void on_block_start(struct accumulator *a, yyjson_val *data)
{
    yyjson_val *block = yyjson_obj_get(data, "content_block");
    const char *type = yyjson_get_str(yyjson_obj_get(block, "type"));
    need(a, a->is_started && !a->is_open && !a->has_delta, "block start out of order");
    need(a, yyjson_get_sint(yyjson_obj_get(data, "index")) == a->next, "block index not the next");
    if (!need(a, type && strlen(type) < sizeof a->type, "block without a type"))
        return;
    strcpy(a->type, type);
    a->is_open = true;
    a->was_signed = false;
    buf_clear(&a->input);
    if (strcmp(type, "tool_use") == 0) {
        need(a, yyjson_get_len(yyjson_obj_get(block, "id")) > 0, "tool without an id");
        need(a, yyjson_is_str(yyjson_obj_get(block, "name")), "tool without a name");
        need(a, yyjson_is_obj(yyjson_obj_get(block, "input")), "tool without input");
    }
}

static void on_delta(struct accumulator *a, yyjson_val *data)
{
    static const char *const kinds[][3] = {{"text", "text_delta", "text"},
                                           {"thinking", "thinking_delta", "thinking"},
                                           {"thinking", "signature_delta", "signature"},
                                           {"tool_use", "input_json_delta", "partial_json"}};
    yyjson_val *delta = yyjson_obj_get(data, "delta");
    const char *type = yyjson_get_str(yyjson_obj_get(delta, "type"));
    bool is_known = false;
    need(a, a->is_open && yyjson_get_sint(yyjson_obj_get(data, "index")) == a->next,
         "delta for a block that is not open");
    for (size_t i = 0; i < 4 && type; i++) {
        yyjson_val *text = yyjson_obj_get(delta, kinds[i][2]);
        if (strcmp(type, kinds[i][1]) != 0)
            continue;
        is_known = strcmp(a->type, kinds[i][0]) == 0 && yyjson_is_str(text);
        need(a, yyjson_get_len(text) > 0, "empty delta");
        need(a, i == 2 || !a->was_signed, "delta behind the signature");
        need(a, i != 2 || !a->was_signed, "two signatures");
        a->was_signed |= i == 2;
        if (i == 3 && buf_append(&a->input, str_make(yyjson_get_str(text), yyjson_get_len(text))))
            need(a, false, "input too large");
    }
    need(a, is_known, "delta of another kind than its block");
}

static void on_block_stop(struct accumulator *a, yyjson_val *data)
{
    need(a, a->is_open && yyjson_get_sint(yyjson_obj_get(data, "index")) == a->next,
         "stop of a block that is not open");
    if (a->input.len) {
        a->has_bad_input |= !is_json_object(&a->input);
    }
    a->is_open = false;
    a->next++;
}

static void on_message_delta(struct accumulator *a, yyjson_val *data)
{
    static const char *const reasons[] = {"end_turn",
                                          "tool_use",
                                          "max_tokens",
                                          "refusal",
                                          "stop_sequence",
                                          "pause_turn",
                                          "model_context_window_exceeded"};
    const char *reason =
        yyjson_get_str(yyjson_obj_get(yyjson_obj_get(data, "delta"), "stop_reason"));
    yyjson_val *usage = yyjson_obj_get(data, "usage");
    need(a, a->is_started && !a->is_open && !a->has_delta, "message_delta out of order");
    a->has_delta = true;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons && reason; i++)
        if (strcmp(reason, reasons[i]) == 0)
            a->stop_reason = reasons[i];
    need(a, a->stop_reason != NULL, "unknown stop_reason");
    need(a, yyjson_is_uint(yyjson_obj_get(usage, "output_tokens")), "no output_tokens");
    need(a, yyjson_is_uint(yyjson_obj_get(usage, "input_tokens")), "no input_tokens");
    need(a, !a->has_bad_input || (a->stop_reason && strcmp(a->stop_reason, "max_tokens") == 0),
         "a tool's input is no JSON object");
}

static void on_stop(struct accumulator *a, yyjson_val *data)
{
    (void)data;
    need(a, a->has_delta && a->next > 0, "message_stop out of order");
    a->is_over = true;
}

static void on_error(struct accumulator *a, yyjson_val *data)
{
    yyjson_val *error = yyjson_obj_get(data, "error");
    need(a, yyjson_is_str(yyjson_obj_get(error, "type")), "error without a type");
    need(a, yyjson_is_str(yyjson_obj_get(error, "message")), "error without a message");
    a->is_over = true;
}

static void on_ping(struct accumulator *a, yyjson_val *data)
{
    (void)data;
    need(a, a->is_started, "ping before message_start");
}

static const struct {
    const char *name;
    void (*on)(struct accumulator *a, yyjson_val *data);
} events[] = {
    {"message_start", on_start},
    {"content_block_start", on_block_start},
    {"content_block_delta", on_delta},
    {"content_block_stop", on_block_stop},
    {"message_delta", on_message_delta},
    {"message_stop", on_stop},
    {"error", on_error},
    {"ping", on_ping},
};

static void on_event(void *owner, const struct sse_event *event)
{
    struct accumulator *a = owner;
    yyjson_doc *doc = yyjson_read(event->data.ptr, event->data.len, 0);
    yyjson_val *data = yyjson_doc_get_root(doc);
    bool is_known = false;
    need(a, !a->is_over, "an event behind the last");
    need(a, yyjson_is_obj(data), "an event that is no JSON");
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (str_equal(event->name, str_of(events[i].name)) &&
            yyjson_equals_str(yyjson_obj_get(data, "type"), events[i].name)) {
            is_known = true;
            events[i].on(a, data);
        }
    need(a, is_known, "an unknown event, or one whose type is another");
    yyjson_doc_free(doc);
}

/* OpenAI's chunks. */
struct chat_accumulator {
    const char *wrong;
    bool is_started, is_finished, has_usage, is_over;
    long calls;
    struct buf args;
};

static bool need_chat(struct chat_accumulator *a, bool condition, const char *what)
{
    if (!condition && !a->wrong)
        a->wrong = what;
    return condition;
}

static void end_args(struct chat_accumulator *a, bool is_cut)
{
    need_chat(a, !a->calls || is_cut || is_json_object(&a->args),
              "a tool's arguments are no JSON object");
    buf_clear(&a->args);
}

static void on_call(struct chat_accumulator *a, yyjson_val *call)
{
    yyjson_val *function = yyjson_obj_get(call, "function");
    yyjson_val *args = yyjson_obj_get(function, "arguments");
    long index = (long)yyjson_get_sint(yyjson_obj_get(call, "index"));
    if (yyjson_obj_get(call, "id")) {
        end_args(a, false);
        need_chat(a, index == a->calls, "a call whose index is not the next");
        need_chat(a, yyjson_is_str(yyjson_obj_get(function, "name")), "a call without a name");
        a->calls++;
    }
    need_chat(a, index == a->calls - 1, "arguments for a call that is not the last");
    need_chat(a, yyjson_is_str(args), "arguments that are no string");
    if (buf_append(&a->args, str_make(yyjson_get_str(args), yyjson_get_len(args))))
        need_chat(a, false, "arguments too large");
}

static void on_choice(struct chat_accumulator *a, yyjson_val *choice)
{
    static const char *const reasons[] = {"stop", "length", "tool_calls", "content_filter"};
    yyjson_val *delta = yyjson_obj_get(choice, "delta"), *call;
    const char *reason = yyjson_get_str(yyjson_obj_get(choice, "finish_reason"));
    yyjson_arr_iter calls = yyjson_arr_iter_with(yyjson_obj_get(delta, "tool_calls"));
    need_chat(a, a->is_started == !yyjson_obj_get(delta, "role"),
              "the role stands first, and once");
    need_chat(a, !a->is_finished, "a choice behind the finish");
    a->is_started = true;
    while ((call = yyjson_arr_iter_next(&calls)))
        on_call(a, call);
    if (!reason)
        return;
    a->is_finished = true;
    end_args(a, strcmp(reason, "length") == 0);
    bool is_known = false;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        is_known |= strcmp(reason, reasons[i]) == 0;
    need_chat(a, is_known, "unknown finish_reason");
}

static void on_chunk(void *owner, const struct sse_event *event)
{
    struct chat_accumulator *a = owner;
    need_chat(a, !a->is_over, "an event behind the last");
    if (str_equal(event->data, STR("[DONE]"))) {
        need_chat(a, a->is_finished, "[DONE] without a finish");
        a->is_over = true;
        return;
    }
    yyjson_doc *doc = yyjson_read(event->data.ptr, event->data.len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *choices = yyjson_obj_get(root, "choices");
    if (yyjson_is_obj(yyjson_obj_get(root, "error"))) {
        a->is_over = true;
    } else if (need_chat(a, yyjson_is_arr(choices), "a chunk without choices")) {
        need_chat(a, yyjson_is_str(yyjson_obj_get(root, "id")), "a chunk without an id");
        if (yyjson_arr_size(choices))
            on_choice(a, yyjson_arr_get_first(choices));
        else
            need_chat(a, a->is_finished && yyjson_obj_get(root, "usage"), "an empty chunk");
    }
    yyjson_doc_free(doc);
}

const char *accumulate_check_chat(struct str stream)
{
    struct chat_accumulator a = {0};
    struct sse_parser p;
    buf_init(&a.args, 1 << 28);
    sse_parser_init(&p, 1 << 28);
    if (sse_parser_feed(&p, stream, on_chunk, &a))
        need_chat(&a, false, "an event past the ceiling");
    need_chat(&a, !stream.len || a.is_over, "no terminal event");
    sse_parser_release(&p);
    buf_release(&a.args);
    return a.wrong;
}

const char *accumulate_check(struct str stream, bool is_ended)
{
    struct accumulator a = {0};
    struct sse_parser p;
    buf_init(&a.input, 1 << 28);
    sse_parser_init(&p, 1 << 28);
    if (sse_parser_feed(&p, stream, on_event, &a))
        need(&a, false, "an event past the ceiling");
    need(&a, !sse_parser_is_inside(&p), "an event that does not end");
    if (is_ended && stream.len)
        need(&a, a.is_over, "no terminal event");
    sse_parser_release(&p);
    buf_release(&a.input);
    return a.wrong;
}
