/*
 * fuzz_dialect_request.c — any request of a client becomes a request that every provider can parse,
 * or a refusal; the same bytes make the same request, and losses can be told.
 *
 * The first byte says who asks whom, and with which quirks; the rest is the request.
 */
#include "fuzz.h"

#include <yyjson.h>

#include "dialect/dialect.h"

static const char *const quirks[] = {
    "",
    "cache_control,top_k,files,reasoning_content,reasoning=deepseek",
    "part_text,reasoning=openrouter,reasoning_details,prompt_cache_key,tool_images",
    "string_content,alternate,no_images,no_response_schema,reasoning=qwen,tool_choice_auto",
    "gemini_schema,thought_mark,thinking_level,no_prefill,efforts=none|minimal,cap=100",
    "responses,no_summary,no_parallel_tool_calls,no_temperature,no_stream",
    "adaptive_thinking,no_reasoning,max_completion_tokens",
    "no_effort_with_tools,web_plugin"};

static struct translation *make(uint8_t how)
{
    struct translation_options o = {
        .client = how & 4 ? DIALECT_CHAT : DIALECT_ANTHROPIC,
        .provider = (enum dialect)(how & 3),
        .base_url = {"https://provider.example/v1", 27},
        .exchange_id = {"fuzz", 4},
    };
    PROMISE(!quirks_parse(&o.quirks, str_of(quirks[how >> 3 & 7]), NULL));
    return translation_new(&o);
}

static void check_json(const struct buf *b)
{
    yyjson_doc *doc = yyjson_read(b->ptr, b->len, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!root)
        fprintf(stderr, "%.*s\n", (int)MIN_OF(b->len, (size_t)4000), b->ptr);
    PROMISE(yyjson_is_obj(root) || yyjson_is_arr(root));
    yyjson_doc_free(doc);
}

static bool translate(uint8_t how, struct str body, struct buf *out, struct buf *losses)
{
    struct translation *t = make(how);
    struct fail f = {0};
    enum err err = translation_request(t, body, out, &f);
    PROMISE(err == ERR_OK || err == ERR_BAD_REQUEST || err == ERR_TOO_LARGE);
    PROMISE(!loss_report_write(translation_losses(t), losses));
    if (err) {
        out->len = 0;
        PROMISE(!translation_refuse(t, 400, "invalid_request_error", str_of(f.detail), out));
        PROMISE(translation_head(t).status == 400);
    }
    translation_free(t);
    return !err;
}

static void count(struct str body)
{
    struct buf out;
    struct fail f = {0};
    buf_init(&out, 1000);
    if (!dialect_count_tokens(body, 1.5, &out, &f))
        check_json(&out);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf first, second, losses;
    if (!size)
        return 0;
    struct str body = str_make(data + 1, size - 1);
    uint8_t how = data[0];
    bool is_plain = (how & 3) == (how & 4 ? DIALECT_CHAT : DIALECT_ANTHROPIC);
    buf_init(&first, 64 << 20);
    buf_init(&second, 64 << 20);
    buf_init(&losses, 1 << 20);
    bool is_fine = translate(how, body, &first, &losses);
    if (!is_fine || !is_plain) /* what passes unchanged is as its client wrote it */
        check_json(&first);
    check_json(&losses);
    PROMISE(translate(how, body, &second, &losses) == is_fine);
    PROMISE(str_equal(buf_str(&first), buf_str(&second)));
    if (!(how & 4))
        count(body);
    buf_release(&first);
    buf_release(&second);
    buf_release(&losses);
    return 0;
}
