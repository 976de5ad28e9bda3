/*
 * provider_error.c — tables: by code, by wording, by status.
 *
 * Wordings and codes as seen from OpenAI, Azure, OpenRouter, Gemini, DeepSeek, vLLM, llama.cpp.
 */
#include "dialect/provider_error.h"

enum {
    MESSAGE_MAX = 4096, /* bytes of a provider's own words */
    TOKENS_MIN = 256    /* smaller numbers in a message are no token counts */
};

struct meaning {
    const char *mark;
    int status;
    const char *type;
    bool is_final;
};

/* error.code, error.type, error.status: any of them, whole. */
static const struct meaning codes[] = {
    {"context_length_exceeded", 400, "invalid_request_error", false},
    {"model_max_prompt_tokens_exceeded", 400, "invalid_request_error", false},
    {"insufficient_quota", 402, "billing_error", true},
    {"billing_hard_limit_reached", 402, "billing_error", true},
    {"invalid_api_key", 401, "authentication_error", true},
    {"server_is_overloaded", 529, "overloaded_error", false},
    {"slow_down", 529, "overloaded_error", false},
    {"overloaded_error", 529, "overloaded_error", false},
    {"engine_overloaded_error", 529, "overloaded_error", false},
    {"UNAVAILABLE", 529, "overloaded_error", false},
    {"insufficient_system_resource", 529, "overloaded_error", false},
    {"rate_limit_exceeded", 429, "rate_limit_error", false},
    {"rate_limit_error", 429, "rate_limit_error", false},
    {"RESOURCE_EXHAUSTED", 429, "rate_limit_error", false},
    {"tokens", 429, "rate_limit_error", false},
    {"requests", 429, "rate_limit_error", false},
    {"server_error", 500, "api_error", false},
    {"INTERNAL", 500, "api_error", false},
    {"cyber_policy", 400, "invalid_request_error", false},
    {"INVALID_ARGUMENT", 400, "invalid_request_error", false},
    {"invalid_request_error", 400, "invalid_request_error", false},
    {"BadRequestError", 400, "invalid_request_error", false},
    {"usage_not_included", 403, "permission_error", true},
    {"PERMISSION_DENIED", 403, "permission_error", false},
    {"UNAUTHENTICATED", 401, "authentication_error", true},
    {"model_not_found", 404, "not_found_error", false},
    {"NOT_FOUND", 404, "not_found_error", false},
    {"DEADLINE_EXCEEDED", 504, "timeout_error", false},
};

static const struct meaning statuses[] = {
    {NULL, 400, "invalid_request_error", false},
    {NULL, 401, "authentication_error", true},
    {NULL, 402, "billing_error", true},
    {NULL, 403, "permission_error", false},
    {NULL, 404, "not_found_error", false},
    {NULL, 408, "timeout_error", false},
    {NULL, 409, "invalid_request_error", false},
    {NULL, 413, "request_too_large", false},
    {NULL, 429, "rate_limit_error", false},
    {NULL, 500, "api_error", false},
    {NULL, 502, "api_error", false},
    {NULL, 504, "timeout_error", false},
    {NULL, 529, "overloaded_error", false},
};

/* The client compacts a conversation when a message says "prompt is too long". */
static const char *const overflows[] = {
    "context_length_exceeded",
    "model_max_prompt_tokens_exceeded",
    "maximum context length",
    "exceeds the context window",
    "exceed the context window",
    "exceeds the available context size",
    "longer than the model's context length",
    "context length exceeded",
    "context window exceeded",
    "too many tokens",
    "token count exceeds",
    "prompt is too long",
    "input is too long",
    "input token count",
    "exceeds maximum allowed input",
    "exceed context limit",
    "range of input length should be",
    "please reduce the length of the messages",
};

static yyjson_val *inner(yyjson_val *root)
{
    if (yyjson_is_arr(root))
        root = yyjson_arr_get_first(root); /* Gemini's streams of JSON */
    yyjson_val *error = yyjson_obj_get(root, "error"), *response = yyjson_obj_get(root, "response");
    if (yyjson_is_obj(error) || yyjson_is_str(error))
        return error;
    error = yyjson_obj_get(response, "error"); /* response.failed */
    return yyjson_is_obj(error) ? error : root;
}

bool provider_error_is(yyjson_val *root)
{
    yyjson_val *error = yyjson_obj_get(root, "error"), *object = yyjson_obj_get(root, "object");
    yyjson_val *message = yyjson_obj_get(root, "message");
    if (yyjson_is_obj(error) || (yyjson_is_str(error) && yyjson_get_len(error)))
        return true;
    if (json_is(object, "error") || json_is(yyjson_obj_get(root, "type"), "error"))
        return true;
    return yyjson_is_str(message) && yyjson_obj_get(root, "code") &&
           !yyjson_obj_get(root, "choices");
}

static const struct meaning *by_code(yyjson_val *error)
{
    static const char *const members[] = {"code", "type", "status"};
    for (size_t m = 0; m < COUNT_OF(members); m++) {
        struct str code = json_member_text(error, members[m]);
        for (size_t i = 0; i < COUNT_OF(codes) && code.len; i++)
            if (str_equal(code, str_of(codes[i].mark)))
                return &codes[i];
    }
    return NULL;
}

static const struct meaning *by_status(int64_t status)
{
    if (status == 503)
        status = 529; /* a client of Anthropic's waits longer for this one */
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (statuses[i].status == status)
            return &statuses[i];
    return status >= 500 ? by_status(500) : status >= 400 ? by_status(400) : NULL;
}

static bool is_overflow(struct str text)
{
    for (size_t i = 0; i < COUNT_OF(overflows); i++)
        if (str_contains_nocase(text, str_of(overflows[i])))
            return true;
    return false;
}

/* The numbers of a message that may be token counts, in order. */
static size_t find_counts(struct str text, int64_t *counts, size_t max)
{
    size_t n = 0;
    for (size_t at = 0; at < text.len && n < max;) {
        int64_t value = 0;
        size_t digits = 0;
        while (at < text.len && digits < 12 &&
               ((text.ptr[at] >= '0' && text.ptr[at] <= '9') || (digits && text.ptr[at] == ','))) {
            if (text.ptr[at] != ',')
                value = value * 10 + (text.ptr[at] - '0');
            digits++;
            at++;
        }
        if (value >= TOKENS_MIN)
            counts[n++] = value;
        at += !digits;
    }
    return n;
}

/* "… 8192 tokens. However, you requested 9000 tokens (1000 in the messages, 8000 in the
 * completion)": only the wish for output is too large, and the client can ask for less. */
static bool is_output_overflow(const int64_t *counts, size_t n, struct str text, int64_t *input,
                               int64_t *output, int64_t *limit)
{
    if (n < 3 || !(str_contains_nocase(text, STR("completion")) ||
                   str_contains_nocase(text, STR("max_tokens"))))
        return false;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < n; k++)
                if (i != j && counts[i] + counts[j] == counts[k]) {
                    *limit = counts[0] == counts[k] && n > 3 ? counts[1] : counts[0];
                    *input = counts[i];
                    *output = counts[j];
                    return *input<*limit && * input + *output> * limit;
                }
    return false;
}

static struct str overflow_message(struct arena *a, struct str text)
{
    int64_t counts[6], input, output, limit;
    size_t n = find_counts(text, counts, COUNT_OF(counts));
    if (is_output_overflow(counts, n, text, &input, &output, &limit))
        return arena_printf(a,
                            "input length and `max_tokens` exceed context limit: %lld + %lld > "
                            "%lld, decrease input length or `max_tokens` and try again",
                            (long long)input, (long long)output, (long long)limit);
    int64_t most = 0, next = 0;
    for (size_t i = 0; i < n; i++) {
        if (counts[i] > most) {
            next = most;
            most = counts[i];
        } else if (counts[i] > next && counts[i] < most) {
            next = counts[i];
        }
    }
    if (most && next)
        return arena_printf(a, "prompt is too long: %lld tokens > %lld maximum", (long long)most,
                            (long long)next);
    return arena_printf(a, "prompt is too long: %.*s", STR_ARGS(str_head(text, MESSAGE_MAX)));
}

static struct str cut(struct str text, size_t max)
{
    if (text.len <= max)
        return text;
    while (max && (text.ptr[max] & 0xC0) == 0x80)
        max--;
    return str_head(text, max);
}

/* The provider's own words: error.message, message, error, detail; OpenRouter's raw text inside. */
static struct str words_of(struct arena *a, yyjson_val *root)
{
    yyjson_val *error = inner(root);
    struct str message =
        yyjson_is_str(error) ? json_text_of(error) : json_member_text(error, "message");
    struct str raw = json_member_text(yyjson_obj_get(error, "metadata"), "raw");
    if (!message.len)
        message = json_member_text(error, "detail");
    if (!message.len)
        message = json_member_text(root, "message");
    if (!raw.len)
        return cut(message, MESSAGE_MAX);
    return arena_printf(a, "%.*s: %.*s", STR_ARGS(cut(message, MESSAGE_MAX)),
                        STR_ARGS(cut(raw, MESSAGE_MAX)));
}

static struct str sentence(const struct provider_place *p, int status, struct str words,
                           struct str body)
{
    struct str start = str_from(body, json_skip_space(body, 0));
    if (str_starts(start, STR("<")))
        return arena_printf(p->arena, "%.*s answered with HTML, not JSON: check the base URL",
                            STR_ARGS(p->base_url));
    if (!words.len)
        words = cut(start, 512);
    if (status == 401)
        return arena_printf(p->arena, "The key for %.*s was rejected: %.*s", STR_ARGS(p->base_url),
                            STR_ARGS(words));
    if (status == 404)
        return arena_printf(p->arena, "%.*s (model %.*s at %.*s)", STR_ARGS(words),
                            STR_ARGS(p->model), STR_ARGS(p->base_url));
    if (!words.len)
        return arena_printf(p->arena, "The provider answered with status %d", status);
    return arena_str(p->arena, words);
}

void provider_error_make(struct provider_error *e, int status, const char *type, struct str message)
{
    *e = (struct provider_error){
        .status = status, .type = type, .message = message, .retry_after_s = -1};
}

void provider_error_read(struct provider_error *e, const struct provider_place *p, int status,
                         yyjson_val *root, struct str body)
{
    yyjson_val *error = inner(root);
    struct str words = words_of(p->arena, root);
    bool is_ok = status >= 200 && status < 300;
    int64_t number = json_member_number(error, "code", 0);
    const struct meaning *m = by_code(error);
    if (is_ok && number >= 400 && number < 600)
        m = by_status(number);
    else if (!is_ok && (!m || m->status == 400 || status == 401 || status == 403 || status == 404 ||
                        status == 413))
        m = by_status(status);
    provider_error_make(e, m ? m->status : 502, m ? m->type : "api_error", STR_NONE);
    e->is_final = m && m->is_final;
    if (is_overflow(words) || is_overflow(json_member_text(error, "code")) ||
        (!root && is_overflow(cut(body, MESSAGE_MAX)))) {
        provider_error_make(e, 400, "invalid_request_error",
                            overflow_message(p->arena, words.len ? words : cut(body, MESSAGE_MAX)));
        return;
    }
    e->message = sentence(p, e->status, words, body);
}

static bool take_number(struct str *s, double *out)
{
    size_t n = 0;
    double value = 0, scale = 0;
    for (; n < s->len && n < 18; n++) {
        char c = s->ptr[n];
        if (c == '.' && scale == 0)
            scale = 1;
        else if (c >= '0' && c <= '9')
            value = value * 10 + (c - '0'), scale *= 10;
        else
            break;
    }
    *s = str_from(*s, n);
    *out = scale > 1 ? value / scale : value;
    return n > 0;
}

/* Days since 1970 of a civil date. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, year = y - era * 400;
    int64_t day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

/* "Wed, 21 Oct 2015 07:28:00 GMT" in seconds since 1970; -1 when it is none. */
static int64_t http_date(struct str s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint64_t day, year, hour, minute, second;
    if (s.len < 29 || !str_to_u64(str_head(str_from(s, 5), 2), &day) ||
        !str_to_u64(str_head(str_from(s, 12), 4), &year) ||
        !str_to_u64(str_head(str_from(s, 17), 2), &hour) ||
        !str_to_u64(str_head(str_from(s, 20), 2), &minute) ||
        !str_to_u64(str_head(str_from(s, 23), 2), &second))
        return -1;
    for (int64_t m = 0; m < 12; m++)
        if (memcmp(months + 3 * m, s.ptr + 8, 3) == 0)
            return days_of((int64_t)year, m + 1, (int64_t)day) * 86400 +
                   (int64_t)(hour * 3600 + minute * 60 + second);
    return -1;
}

int64_t provider_retry_after(struct str value, struct str date)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 0.001}, {"h", 3600}, {"m", 60}, {"s", 1}};
    double total = 0, number;
    value = str_trim(value);
    int64_t then = http_date(value), now = http_date(str_trim(date));
    if (then >= 0)
        return now >= 0 && then >= now ? then - now : 0;
    if (!value.len || !(value.ptr[0] >= '0' && value.ptr[0] <= '9'))
        return -1;
    while (value.len) {
        size_t i = 0;
        if (!take_number(&value, &number))
            return -1;
        while (i < COUNT_OF(units) && !str_starts(value, str_of(units[i].unit)))
            i++;
        if (i == COUNT_OF(units) && value.len)
            return -1;
        total += number * (i < COUNT_OF(units) ? units[i].seconds : 1);
        value = i < COUNT_OF(units) ? str_from(value, strlen(units[i].unit)) : STR_NONE;
    }
    if (total > 86400.0 * 30)
        return -1;
    int64_t whole = (int64_t)total;
    return whole + (total > (double)whole);
}
