/*
 * gemini_answer.c — reads answers in Gemini's own language: each event is an answer of its own,
 * with what is new since the last.
 */
#include "dialect/answer_reader.h"

#include "dialect/envelope.h"
#include "dialect/json_writer.h"

static void read_usage(struct reply *r, yyjson_val *usage)
{
    struct reply_usage u = {.is_known = yyjson_is_obj(usage)};
    u.cache_read = MAX_OF(0, json_member_number(usage, "cachedContentTokenCount", 0));
    u.input = json_member_number(usage, "promptTokenCount", 0) +
              json_member_number(usage, "toolUsePromptTokenCount", 0);
    u.input = MAX_OF(0, u.input - u.cache_read);
    u.reasoning = MAX_OF(0, json_member_number(usage, "thoughtsTokenCount", 0));
    u.output = MAX_OF(0, json_member_number(usage, "candidatesTokenCount", 0)) + u.reasoning;
    reply_usage(r, &u);
}

static void read_call(struct reply *r, yyjson_val *call)
{
    struct buf text;
    struct call_piece piece = {.id = json_member_text(call, "id"),
                               .name = json_member_text(call, "name"),
                               .index = -1,
                               .is_whole = true};
    buf_init(&text, REPLY_ARGS_MAX);
    struct json_writer w = {.out = &text};
    yyjson_val *args = yyjson_obj_get(call, "args");
    if (yyjson_is_obj(args))
        json_value(&w, args);
    piece.args = buf_str(&text);
    if (w.err)
        reply_fail_with(r, 502, "api_error", STR("The provider's tool call is too large."));
    else
        reply_call(r, &piece);
    buf_release(&text);
}

/* Code that the provider ran itself, and what came of it: shown as text. */
static void read_code(struct reply *r, yyjson_val *code, const char *member, const char *fence)
{
    if (!yyjson_is_obj(code))
        return;
    reply_text(r, str_of(fence));
    reply_text(r, json_member_text(code, member));
    reply_text(r, STR("\n```\n"));
}

static void read_part(struct reply *r, yyjson_val *part)
{
    struct str thought = json_member_text(part, "thoughtSignature");
    struct str text = json_member_text(part, "text");
    yyjson_val *call = yyjson_obj_get(part, "functionCall");
    if (yyjson_is_true(yyjson_obj_get(part, "thought")))
        reply_reasoning(r, text);
    if (thought.len && yyjson_is_obj(call)) /* only calls need theirs back */
        reply_seal(r, ENVELOPE_THOUGHT, thought);
    if (!yyjson_is_true(yyjson_obj_get(part, "thought")))
        reply_text(r, text);
    if (yyjson_is_obj(call))
        read_call(r, call);
    read_code(r, yyjson_obj_get(part, "executableCode"), "code", "\n```\n");
    read_code(r, yyjson_obj_get(part, "codeExecutionResult"), "output", "\n```\n");
    if (yyjson_obj_get(part, "inlineData"))
        loss_drop_answer(r, "answer.inlineData", "the client expects no pictures in an answer");
}

/* What the provider's own search found. */
static void read_search(struct reply *r, yyjson_val *grounding)
{
    yyjson_arr_iter chunks = yyjson_arr_iter_with(yyjson_obj_get(grounding, "groundingChunks"));
    yyjson_val *queries = yyjson_obj_get(grounding, "webSearchQueries");
    struct buf text;
    if (!yyjson_arr_size(queries))
        return;
    buf_init(&text, 1 << 20);
    struct json_writer w = {.out = &text};
    json_open(&w, '[');
    for (yyjson_val *chunk; (chunk = yyjson_arr_iter_next(&chunks));) {
        yyjson_val *web = yyjson_obj_get(chunk, "web");
        if (!yyjson_is_obj(web))
            continue;
        json_open(&w, '{');
        json_put_string(&w, "title", json_member_text(web, "title"));
        json_put_string(&w, "url", json_member_text(web, "uri"));
        json_close(&w, '}');
    }
    json_close(&w, ']');
    reply_search(r, STR_NONE, json_text_of(yyjson_arr_get_first(queries)),
                 w.err ? STR("[]") : buf_str(&text));
    buf_release(&text);
}

static void read_candidate(struct reply *r, yyjson_val *candidate)
{
    yyjson_arr_iter parts =
        yyjson_arr_iter_with(yyjson_obj_get(yyjson_obj_get(candidate, "content"), "parts"));
    reply_start(r);
    for (yyjson_val *part; (part = yyjson_arr_iter_next(&parts));)
        read_part(r, part);
    read_search(r, yyjson_obj_get(candidate, "groundingMetadata"));
    reply_finish(r, json_member_text(candidate, "finishReason"));
}

static yyjson_val *main_candidate(yyjson_val *root)
{
    yyjson_arr_iter list = yyjson_arr_iter_with(yyjson_obj_get(root, "candidates"));
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));)
        if (json_member_number(one, "index", 0) == 0)
            return one;
    return NULL;
}

static void read_answer(struct reply *r, yyjson_val *root)
{
    yyjson_val *candidate = main_candidate(root);
    struct str blocked = json_member_text(yyjson_obj_get(root, "promptFeedback"), "blockReason");
    struct provider_error e;
    if (provider_error_is(root)) {
        provider_error_read(&e, &r->place, 200, root, STR_NONE);
        reply_fail(r, &e);
        return;
    }
    read_usage(r, yyjson_obj_get(root, "usageMetadata"));
    if (candidate)
        read_candidate(r, candidate);
    if (candidate || !blocked.len)
        return;
    reply_refusal(r, arena_printf(r->arena, "The provider blocked the prompt: %.*s",
                                  STR_ARGS(str_head(blocked, 200))));
    reply_finish(r, STR("SAFETY"));
}

void gemini_answer_event(struct reader *x, struct str name, yyjson_val *root)
{
    (void)name;
    read_answer(x->reply, root);
}

/* A list of answers, too: what a stream is without alt=sse. */
void gemini_answer_whole(struct reader *x, yyjson_val *root, const struct json_tree *tree)
{
    struct reply *r = x->reply;
    yyjson_arr_iter list = yyjson_arr_iter_with(root);
    (void)tree;
    if (!yyjson_is_arr(root))
        read_answer(r, root);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));)
        read_answer(r, one);
    if (!r->is_over && r->finish == FINISH_NONE && !r->is_started)
        reply_fail_with(r, 502, "api_error", STR("The provider's answer has no candidates."));
    reply_end(r);
}
