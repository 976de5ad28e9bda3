/*
 * export_json.c — exchanges as JSON: a line each, or one document.
 *
 * An exchange is a Request as the API shows it, with its heads, bodies and timeline beside it.
 */
#include "api/export_item.h"
#include "api/record_json.h"
#include "base/base64.h"
#include "record/answer.h"

enum { ANSWER_MAX = 64 << 20 };

/* --- an exchange --- */

/* The members that tell of one body. `scratch` is borrowed until the document is finished. */
static void put_body(yyjson_mut_doc *doc, yyjson_mut_val *obj, bool is_request,
                     const struct export_body *b, struct buf *scratch)
{
    static const char *const results[] = {[DECODE_OK] = "whole",
                                          [DECODE_PARTIAL] = "partial",
                                          [DECODE_LIMITED] = "limited",
                                          [DECODE_UNKNOWN] = "unknown_encoding"};
    static const char *const keys[2][4] = {
        {"response_body", "response_body_encoding", "response_body_decoded",
         "response_body_missing"},
        {"request_body", "request_body_encoding", "request_body_decoded", "request_body_missing"}};
    const char *const *key = keys[is_request];
    const char *missing = body_fate_name(b->fate), *encoding = "utf-8";
    struct str text = b->text;
    bool has_text = text.len > 0;
    if (has_text && utf8_valid(text) < text.len) {
        enum err err = base64_encode(text, scratch);
        assert(!err); /* its ceiling is far above that of bodies */
        text = buf_str(scratch);
        encoding = "base64";
    }
    json_put_text_or_null(doc, obj, key[0], text);
    json_put_text_or_null(doc, obj, key[1], has_text ? str_of(encoding) : STR_NONE);
    bool was_coded = b->is_decoded || b->result != DECODE_OK;
    json_put_text_or_null(doc, obj, key[2], was_coded ? str_of(results[b->result]) : STR_NONE);
    json_put_text_or_null(doc, obj, key[3], str_of(missing));
}

/* The answer as one message, where there is one. */
static void put_answer(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct export_item *item,
                       struct buf *json)
{
    struct str text = item->response.text, key = STR("answer");
    if (!text.len || item->response.result == DECODE_UNKNOWN ||
        answer_message(text, item->row->is_stream, json) || utf8_valid(buf_str(json)) < json->len) {
        yyjson_mut_obj_add_null(doc, obj, key.ptr);
        return;
    }
    yyjson_mut_obj_add_val(doc, obj, key.ptr, yyjson_mut_rawn(doc, json->ptr, json->len));
}

static enum err add_exchange(const struct export_item *item, struct buf *out)
{
    struct buf scratch[3];
    for (size_t i = 0; i < COUNT_OF(scratch); i++)
        buf_init(&scratch[i], 2 * (size_t)ANSWER_MAX);
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_int(doc, root, "export_version", 1);
    record_json_fill(doc, root, item->row);
    yyjson_mut_obj_add_sint(doc, root, "started_us", item->row->started_us);
    record_json_fill_detail(doc, root, item->row, item->detail);
    put_body(doc, root, true, &item->request, &scratch[0]);
    put_body(doc, root, false, &item->response, &scratch[1]);
    put_answer(doc, root, item, &scratch[2]);
    record_json_fill_timeline(doc, yyjson_mut_obj_add_obj(doc, root, "timeline"), item->row,
                              item->detail);
    enum err err = json_doc_append(doc, out);
    for (size_t i = 0; i < COUNT_OF(scratch); i++)
        buf_release(&scratch[i]);
    return err;
}

/* --- the forms --- */

static enum err add_line(void *state, const struct export_item *item, struct buf *out)
{
    (void)state;
    enum err err = add_exchange(item, out);
    return err ? err : buf_append(out, STR("\n"));
}

static enum err begin_document(void *state, const struct export_about *about, struct buf *out)
{
    (void)state;
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_int(doc, root, "export_version", 1);
    json_put_text(doc, root, "version", str_of(about->version));
    json_put_time(doc, root, "exported_at", about->now_us);
    enum err err = json_doc_append(doc, out);
    if (err)
        return err;
    out->len--; /* its closing bracket */
    return buf_append(out, STR(",\"requests\":["));
}

static enum err add_member(void *state, const struct export_item *item, struct buf *out)
{
    (void)state;
    enum err err = buf_append(out, item->is_first ? STR("\n") : STR(",\n"));
    return err ? err : add_exchange(item, out);
}

static enum err end_document(void *state, struct buf *out)
{
    (void)state;
    return buf_append(out, STR("\n]}\n"));
}

const struct export_kind export_jsonl = {
    .name = "jsonl",
    .content_type = "application/x-ndjson",
    .extension = "jsonl",
    .wants_details = true,
    .wants_text = true,
    .body_max = EXPORT_TEXT_BODY_MAX,
    .add = add_line,
};

const struct export_kind export_json = {
    .name = "json",
    .content_type = "application/json",
    .extension = "json",
    .wants_details = true,
    .wants_text = true,
    .body_max = EXPORT_TEXT_BODY_MAX,
    .begin = begin_document,
    .add = add_member,
    .end = end_document,
};
