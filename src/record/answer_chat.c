/*
 * answer_chat.c — Chat Completions: https://platform.openai.com/docs/api-reference/chat
 *
 * The words are the provider's own ("stop", "tool_calls"); counts are told as Anthropic's are: what
 * came from the cache is no part of the input.
 */
#include "record/answer_chat.h"

#include "record/json_walk.h"

enum { NAME_MAX_BYTES = 256 /* of a model, a finish reason */ };

static const int64_t count_max = 1000000000000; /* more tokens than anyone can have meant */

static int64_t count_at(struct str object, struct str name)
{
    int64_t count = UNKNOWN;
    json_read_int(json_member(object, name), count_max, &count);
    return count;
}

/* Cumulative where it is told more than once. */
static void read_usage(struct str usage, struct usage *u)
{
    int64_t prompt = count_at(usage, STR("prompt_tokens"));
    int64_t cached = count_at(json_member(usage, STR("prompt_tokens_details")),
                              STR("cached_tokens"));
    int64_t completion = count_at(usage, STR("completion_tokens"));
    if (prompt != UNKNOWN) {
        cached = MIN_OF(MAX_OF(cached, INT64_C(0)), prompt);
        u->input_tokens = prompt - cached;
        u->cache_read_input_tokens = cached;
    }
    if (completion != UNKNOWN)
        u->output_tokens = completion;
}

/* A call has its name once: in its first piece. */
static void read_calls(struct str calls, struct arena *arena, struct answer_facts *f)
{
    struct json_walk w;
    json_walk_init(&w, calls);
    if (!json_enter(&w, '['))
        return;
    while (json_next_element(&w)) {
        struct str function = json_member(json_take(&w), STR("function"));
        struct str name = json_read_text(json_member(function, STR("name")), TOOL_NAME_MAX, arena);
        if (!name.len)
            continue;
        f->tool_use_count++;
        tool_list_add(&f->tools, arena_str(arena, name), 1);
    }
}

static bool says_something(struct str raw)
{
    return raw.len > 2 && raw.ptr[0] != 'n'; /* not "", [] or null */
}

/* What a choice says: `delta` in a stream, `message` in a whole answer. */
static void read_said(struct str said, size_t start, struct arena *arena, struct answer_facts *f)
{
    struct str calls = json_member(said, STR("tool_calls"));
    bool is_first = f->first_token_at == SIZE_MAX &&
                    (says_something(calls) || says_something(json_member(said, STR("content"))) ||
                     says_something(json_member(said, STR("reasoning_content"))));
    if (is_first)
        f->first_token_at = start;
    read_calls(calls, arena, f);
}

static void read_name(struct str raw, struct arena *arena, struct str *out)
{
    struct str text = json_read_text(raw, NAME_MAX_BYTES, arena);
    if (text.len)
        *out = arena_str(arena, text);
}

bool answer_chat_read(struct str object, size_t start, struct arena *arena,
                      struct answer_facts *facts)
{
    struct json_walk w;
    json_walk_init(&w, json_member(object, STR("choices")));
    if (!json_enter(&w, '['))
        return false;
    facts->tool_use_count = MAX_OF(facts->tool_use_count, INT64_C(0));
    while (json_next_element(&w)) {
        struct str choice = json_take(&w), delta = json_member(choice, STR("delta"));
        bool is_whole = !delta.len;
        read_said(is_whole ? json_member(choice, STR("message")) : delta,
                  is_whole ? SIZE_MAX : start, arena, facts);
        read_name(json_member(choice, STR("finish_reason")), arena, &facts->stop_reason);
    }
    facts->is_complete |= facts->stop_reason.len > 0;
    read_name(json_member(object, STR("model")), arena, &facts->model);
    read_usage(json_member(object, STR("usage")), &facts->usage);
    return true;
}
