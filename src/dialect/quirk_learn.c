/*
 * quirk_learn.c — what a provider's refusal says about what it would accept.
 *
 * Rows are tried in order; the first whose words all stand in the body, and whose lesson is new,
 * counts. Wordings are those of OpenAI, Azure, vLLM, llama.cpp, Ollama, DeepSeek, Gemini, Groq.
 */
#include "dialect/quirks.h"

#include "dialect/json_tree.h"

enum { BODY_READ_MAX = 16384 /* bytes of a refusal that are looked at */ };

static const struct lesson {
    const char *words[3]; /* all of them, in any case */
    const char *quirks;   /* learned; see quirks_parse() */
} lessons[] = {
    {{"reasoning_effort", "/v1/responses"}, "responses"},
    {{"reasoning_effort", "/v1/responses"}, "no_effort_with_tools"},
    {{"only supported in v1/responses"}, "responses"},
    {{"verified", "reasoning summaries"}, "no_summary"},
    {{"reasoning.summary", "unsupported"}, "no_summary"},
    {{"reasoning.summary", "not supported"}, "no_summary"},
    {{"encrypted content", "not supported"}, "no_reasoning"},
    {{"use 'max_completion_tokens'"}, "max_completion_tokens"},
    {{"use `max_completion_tokens`"}, "max_completion_tokens"},
    {{"unsupported", "max_tokens", "max_completion_tokens"}, "max_completion_tokens"},
    {{"max_completion_tokens", "extra"}, "-max_completion_tokens"},
    {{"max_completion_tokens", "unknown"}, "-max_completion_tokens"},
    {{"max_completion_tokens", "unrecognized"}, "-max_completion_tokens"},
    {{"max_completion_tokens", "unsupported"}, "no_max_tokens"},
    {{"max_completion_tokens", "not supported"}, "no_max_tokens"},
    {{"temperature", "does not support"}, "no_temperature"},
    {{"temperature", "unsupported"}, "no_temperature"},
    {{"temperature", "not supported"}, "no_temperature"},
    {{"temperature", "deprecated"}, "no_temperature"},
    {{"top_p", "does not support"}, "no_top_p"},
    {{"top_p", "unsupported"}, "no_top_p"},
    {{"top_p", "not supported"}, "no_top_p"},
    {{"temperature", "top_p", "both"}, "no_top_p"},
    {{"top_k", "unknown"}, "-top_k"},
    {{"top_k", "unsupported"}, "-top_k"},
    {{"top_k", "unrecognized"}, "-top_k"},
    {{"top_k", "extra"}, "-top_k"},
    {{"stream_options"}, "no_stream_options"},
    {{"parallel_tool_calls"}, "no_parallel_tool_calls"},
    {{"reasoning_content", "passed back"}, "reasoning_content"},
    {{"reasoning_content", "missing"}, "reasoning_content"},
    {{"thinking", "reasoning_content"}, "reasoning_content"},
    {{"adaptive thinking is not supported"}, "-adaptive_thinking"},
    {{"thinking.type.enabled", "not supported"}, "adaptive_thinking"},
    {{"thinking", "enabled", "adaptive"}, "adaptive_thinking"},
    {{"reasoning_effort", "unrecognized"}, "no_reasoning"},
    {{"reasoning_effort", "unknown"}, "no_reasoning"},
    {{"reasoning_effort", "not support"}, "no_reasoning"},
    {{"reasoning_effort", "unsupported parameter"}, "no_reasoning"},
    {{"reasoning_effort", "extra"}, "no_reasoning"},
    {{"reasoning.effort", "not support"}, "no_reasoning"},
    {{"does not support thinking"}, "no_reasoning"},
    {{"enable_thinking"}, "no_reasoning"},
    {{"tool_choice", "required"}, "tool_choice_auto"},
    {{"tool_choice", "not support"}, "tool_choice_auto"},
    {{"cache_control"}, "-cache_control"},
    {{"image_url", "not support"}, "no_images"},
    {{"image_url", "unknown variant"}, "no_images"},
    {{"image input", "support"}, "no_images"},
    {{"does not support image"}, "no_images"},
    {{"not a multimodal model"}, "no_images"},
    {{"file", "unknown variant"}, "-files"},
    {{"roles must alternate"}, "alternate"},
    {{"content", "should be a valid string"}, "string_content"},
    {{"content", "must be a string"}, "string_content"},
    {{"invalid type: sequence, expected a string"}, "string_content"},
    {{"response_format", "json_schema"}, "no_response_schema"},
    {{"response_format", "not support"}, "no_response_schema"},
    {{"prompt_cache_key"}, "-prompt_cache_key"},
    {{"prefill"}, "no_prefill"},
    {{"thought_signature", "missing"}, "thought_mark"},
    {{"thinking_level", "not support"}, "-thinking_level"},
    {{"thinking level", "not support"}, "-thinking_level"},
    {{"thinking_budget", "not support"}, "thinking_level"},
    {{"thinking", "only works in thinking mode"}, "no_reasoning"},
    {{"thinking is not", "support"}, "no_reasoning"},
    {{"additionalproperties", "function_declarations"}, "gemini_schema"},
    {{"invalid json payload", "unknown name", "parameters"}, "gemini_schema"},
};

static bool contains_all(struct str body, const char *const words[3])
{
    for (size_t i = 0; i < 3 && words[i]; i++)
        if (!str_contains_nocase(body, str_of(words[i])))
            return false;
    return true;
}

/* The number behind `words`, as in "supports at most 16384 completion tokens". */
static bool number_behind(struct str body, const char *words, int64_t *out)
{
    struct str mark = str_of(words);
    for (size_t i = 0; i + mark.len < body.len; i++) {
        if (!str_equal_nocase(str_head(str_from(body, i), mark.len), mark))
            continue;
        struct str rest = str_from(body, i + mark.len);
        while (rest.len && (rest.ptr[0] == ' ' || rest.ptr[0] == '`' || rest.ptr[0] == '['))
            rest = str_from(rest, 1);
        size_t digits = 0;
        while (digits < rest.len && digits < 9 && rest.ptr[digits] >= '0' &&
               rest.ptr[digits] <= '9')
            digits++;
        uint64_t value;
        if (str_to_u64(str_head(rest, digits), &value) && value > 0) {
            *out = (int64_t)value;
            return true;
        }
    }
    return false;
}

/* "max_tokens is too large: 32000. This model supports at most 16384 completion tokens" */
static bool learn_cap(struct quirks *q, struct str body)
{
    static const char *const marks[] = {"at most ",
                                        "less than or equal to ",
                                        "maximum value for `max_tokens` is less than ",
                                        "maximum allowed value is ",
                                        " > ", /* Anthropic: max_tokens: 65536 > 64000 */
                                        "the valid range of max_tokens is [1, ",
                                        "range of max_tokens should be [1, ",
                                        "from 1 (inclusive) to "};
    bool is_about = str_contains_nocase(body, STR("max_tokens")) ||
                    str_contains_nocase(body, STR("max_completion_tokens")) ||
                    str_contains_nocase(body, STR("max_output_tokens")) ||
                    str_contains_nocase(body, STR("maxOutputTokens"));
    int64_t cap;
    for (size_t i = 0; i < COUNT_OF(marks) && is_about; i++)
        if (number_behind(body, marks[i], &cap) && (!q->max_tokens || cap < q->max_tokens)) {
            q->max_tokens = cap;
            q->has_learned_values = true;
            return true;
        }
    return false;
}

/* "Supported values are: 'low', 'medium', and 'high'." */
static bool learn_efforts(struct quirks *q, struct str body)
{
    bool is_about = str_contains_nocase(body, STR("effort")) &&
                    (str_contains_nocase(body, STR("supported values are")) ||
                     str_contains_nocase(body, STR("must be one of")) ||
                     str_contains_nocase(body, STR("expected one of")));
    uint32_t known = 0;
    for (size_t at = 0; at < body.len && is_about; at++) {
        char quote = body.ptr[at];
        enum effort e;
        if (quote != '\'' && quote != '`')
            continue;
        struct str rest = str_from(body, at + 1);
        size_t end = str_find(rest, quote);
        bool is_refused =
            at > 0 &&
            str_contains_nocase(str_head(str_from(body, at + 1 + end + 1), 24), STR("not support"));
        if (effort_parse(str_head(rest, end), &e) && !is_refused)
            known |= 1u << e;
    }
    if (!known || known == q->efforts)
        return false;
    q->efforts = known;
    q->has_learned_values = true;
    return true;
}

static bool learn_words(struct quirks *q, struct str body)
{
    for (size_t i = 0; i < COUNT_OF(lessons); i++) {
        struct quirks after = *q;
        if (!contains_all(body, lessons[i].words))
            continue;
        enum err err = quirks_parse(&after, str_of(lessons[i].quirks), NULL);
        assert(!err);
        if (after.flags == q->flags)
            continue;
        after.learned |= after.flags ^ q->flags;
        *q = after;
        return true;
    }
    return false;
}

/* Providers put JSON into JSON: quotes may stand escaped, which our words do not mind. */
bool quirks_learn(struct quirks *q, int status, struct str body)
{
    body = str_head(body, BODY_READ_MAX);
    if ((status != 400 && status != 404 && status != 422) || !body.len)
        return false;
    return learn_cap(q, body) || learn_efforts(q, body) || learn_words(q, body);
}
