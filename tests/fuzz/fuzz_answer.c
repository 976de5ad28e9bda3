/*
 * fuzz_answer.c — any answer is read: numbers are counts or unknown, texts are bounded and valid
 * UTF-8, the message is JSON.
 */
#include "fuzz.h"

#include <yyjson.h>

#include "record/answer.h"

static void check_text(struct str text, size_t max)
{
    PROMISE(text.len <= max);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_doc_set_root(doc, yyjson_mut_strn(doc, text.ptr ? text.ptr : "", text.len));
    char *json = yyjson_mut_write(doc, 0, NULL); /* refuses what is no UTF-8 */
    PROMISE(json);
    free(json);
    yyjson_mut_doc_free(doc);
}

static void check_facts(struct str body, bool is_sse)
{
    struct arena arena;
    struct answer_facts f;
    arena_init(&arena);
    answer_read(body, is_sse, &arena, &f);
    check_text(f.model, 256);
    check_text(f.stop_reason, 256);
    check_text(f.error_type, 256);
    check_text(f.error_message, 300);
    const int64_t *counts = &f.usage.input_tokens;
    for (size_t i = 0; i < sizeof f.usage / sizeof *counts; i++)
        PROMISE(counts[i] >= UNKNOWN && counts[i] <= 1000000000000);
    PROMISE(f.first_token_at == SIZE_MAX || f.first_token_at < body.len);
    PROMISE(f.tool_use_count >= UNKNOWN && f.tool_use_count <= (int64_t)body.len);
    arena_release(&arena);
}

static void check_message(struct str body, bool is_sse)
{
    struct buf out;
    buf_init(&out, 16 << 20);
    if (answer_message(body, is_sse, &out) == ERR_OK) {
        yyjson_doc *doc = yyjson_read(out.ptr, out.len, 0);
        PROMISE(yyjson_obj_size(yyjson_doc_get_root(doc)) == 4);
        yyjson_doc_free(doc);
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = str_make(data, size);
    for (int is_sse = 0; is_sse < 2; is_sse++) {
        check_facts(body, is_sse);
        check_message(body, is_sse);
    }
    return 0;
}
