/*
 * api_reply.c — answers of the API.
 */
#include "api/api_reply.h"

void api_reply_json(struct call *c, int status, yyjson_mut_doc *doc)
{
    size_t len;
    char *text = json_doc_finish(doc, &len);
    const struct reply r = {status, "application/json", STR(API_HEADERS)};
    call_reply_give(c, &r, text, len);
}

void api_refuse(struct call *c, enum err err, const char *field, const char *message,
                const char *headers)
{
    yyjson_mut_doc *doc = json_doc_new();
    /* `type` twice is Anthropic's shape: its clients ask at addresses that are not there. */
    yyjson_mut_obj_add_str(doc, yyjson_mut_doc_get_root(doc), "type", "error");
    yyjson_mut_val *error = yyjson_mut_obj_add_obj(doc, yyjson_mut_doc_get_root(doc), "error");
    yyjson_mut_obj_add_str(doc, error, "type", err_type(err));
    yyjson_mut_obj_add_str(doc, error, "code", field ? "bad_param" : err_code(err));
    json_put_text(doc, error, "message", str_of(message));
    if (field)
        json_put_text(doc, error, "field", str_of(field));
    size_t len;
    char *text = json_doc_finish(doc, &len);
    const struct reply r = {
        err_status(err), "application/json",
        arena_printf(call_arena(c), "%s%s", API_HEADERS, headers ? headers : "")};
    call_reply_give(c, &r, text, len);
}
