/*
 * quirks.c — their text form, and what a model's name tells.
 */
#include "dialect/quirks.h"

static const char *const quirk_names[] = {
#define QUIRK(name, text, what) text,
#include "dialect/quirks.def"
#undef QUIRK
};

static const char *const style_names[] = {"effort",   "none", "openrouter",
                                          "deepseek", "qwen", "type"};
static const char *const effort_names[] = {"none", "minimal", "low", "medium",
                                           "high", "xhigh",   "max"};
_Static_assert(COUNT_OF(style_names) == REASONING_STYLE_COUNT, "a name for each style");
_Static_assert(COUNT_OF(effort_names) == EFFORT_COUNT, "a name for each effort");
_Static_assert(QUIRK_COUNT <= 64, "flags are one word");

enum { EFFORTS_USUAL = 1 << EFFORT_LOW | 1 << EFFORT_MEDIUM | 1 << EFFORT_HIGH };

const char *effort_name(enum effort e)
{
    assert(e < EFFORT_COUNT);
    return effort_names[e];
}

static bool find(const char *const *names, size_t count, struct str name, size_t *at)
{
    for (*at = 0; *at < count; (*at)++)
        if (str_equal(str_of(names[*at]), name))
            return true;
    return false;
}

bool effort_parse(struct str text, enum effort *out)
{
    size_t at;
    if (!find(effort_names, EFFORT_COUNT, text, &at))
        return false;
    *out = (enum effort)at;
    return true;
}

enum effort quirks_effort(const struct quirks *q, enum effort wanted)
{
    uint32_t known = q->efforts ? q->efforts : EFFORTS_USUAL;
    for (int e = (int)wanted; e > EFFORT_OFF; e--)
        if (known >> e & 1)
            return (enum effort)e;
    for (int e = EFFORT_MINIMAL; e < EFFORT_COUNT; e++)
        if (known >> e & 1)
            return (enum effort)e;
    return EFFORT_OFF;
}

static bool parse_efforts(struct quirks *q, struct str list)
{
    struct str part;
    q->efforts = 0;
    while (str_next(&list, '|', &part)) {
        enum effort e;
        if (!effort_parse(part, &e))
            return false;
        q->efforts |= 1u << e;
    }
    return true;
}

static bool parse_value(struct quirks *q, struct str name, struct str value)
{
    size_t at;
    uint64_t cap;
    if (str_equal(name, STR("reasoning")) && find(style_names, REASONING_STYLE_COUNT, value, &at)) {
        q->style = (enum reasoning_style)at;
        return true;
    }
    if (str_equal(name, STR("efforts")))
        return parse_efforts(q, value);
    if (str_equal(name, STR("cap")) && str_to_u64(value, &cap) && cap <= INT32_MAX) {
        q->max_tokens = (int64_t)cap;
        return true;
    }
    return false;
}

static bool parse_word(struct quirks *q, struct str word)
{
    size_t equals = str_find(word, '='), at;
    if (equals < word.len)
        return parse_value(q, str_head(word, equals), str_from(word, equals + 1));
    bool is_off = str_starts(word, STR("-"));
    if (!find(quirk_names, QUIRK_COUNT, is_off ? str_from(word, 1) : word, &at))
        return false;
    uint64_t bit = UINT64_C(1) << at;
    q->flags = is_off ? q->flags & ~bit : q->flags | bit;
    return true;
}

enum err quirks_parse(struct quirks *q, struct str text, struct fail *f)
{
    struct str word;
    while (str_next(&text, ',', &word)) {
        word = str_trim(word);
        if (word.len && !parse_word(q, word))
            return fail(f, ERR_CONFIG, "unknown quirk \"%.*s\"", STR_ARGS(str_head(word, 60)));
    }
    return ERR_OK;
}

static enum err put_word(struct buf *out, size_t start, const char *word)
{
    enum err err = out->len > start ? buf_append_byte(out, ',') : ERR_OK;
    return err ? err : buf_append(out, str_of(word));
}

enum err quirks_format(const struct quirks *q, struct buf *out)
{
    size_t start = out->len;
    enum err err = ERR_OK;
    for (size_t i = 0; i < QUIRK_COUNT && !err; i++)
        if (q->flags >> i & 1)
            err = put_word(out, start, quirk_names[i]);
    if (!err && q->style != REASONING_EFFORT && !(err = put_word(out, start, "reasoning=")))
        err = buf_append(out, str_of(style_names[q->style]));
    if (!err && q->efforts) {
        err = put_word(out, start, "efforts=");
        for (size_t i = 0, n = 0; i < EFFORT_COUNT && !err; i++)
            if (q->efforts >> i & 1)
                err = buf_printf(out, "%s%s", n++ ? "|" : "", effort_names[i]);
    }
    if (!err && q->max_tokens && !(err = put_word(out, start, "cap=")))
        err = buf_printf(out, "%lld", (long long)q->max_tokens);
    return err;
}

/* What OpenAI's names have told so far. Refusals teach the rest. */
static const struct guess {
    const char *prefix;
    const char *quirks;
} guesses[] = {
    {"o1", "no_temperature,no_top_p,max_completion_tokens"},
    {"o3", "no_temperature,no_top_p,max_completion_tokens"},
    {"o4", "no_temperature,no_top_p,max_completion_tokens"},
    {"gpt-5-chat", "no_reasoning,max_completion_tokens"},
    {"gpt-5", "no_temperature,no_top_p,max_completion_tokens"},
    {"gpt-4", "no_reasoning"},
    {"gpt-3", "no_reasoning"},
    {"chatgpt", "no_reasoning"},
    {"gemini-1", "no_reasoning"},
    {"gemini-2.0", "no_reasoning"},
    {"gemini-2", ""},
    {"gemini-", "thought_mark,thinking_level"},
};

void quirks_guess(struct quirks *q, struct str model)
{
    for (size_t slash; (slash = str_find(model, '/')) < model.len;)
        model = str_from(model, slash + 1);
    for (size_t i = 0; i < COUNT_OF(guesses); i++)
        if (str_starts_nocase(model, str_of(guesses[i].prefix))) {
            enum err err = quirks_parse(q, str_of(guesses[i].quirks), NULL);
            assert(!err);
            return;
        }
}
