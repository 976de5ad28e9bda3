/*
 * json_out.h — JSON documents that are built to be sent: yyjson with memory that does not fail,
 * and text from outside that can never break the output.
 */
#ifndef API_JSON_OUT_H
#define API_JSON_OUT_H

#include <yyjson.h>

#include "base/buf.h"
#include "base/utf8.h"

yyjson_mut_doc *json_doc_new(void); /* its root is an object */

/* Writes and frees the document. The text is malloc'ed, `*len` bytes and a zero. */
char *json_doc_finish(yyjson_mut_doc *doc, size_t *len);
/* Likewise, behind what is in `out`. */
enum err json_doc_append(yyjson_mut_doc *doc, struct buf *out) MUST_CHECK;

/* A string value. `text` is borrowed until the document is finished when it is valid UTF-8. */
yyjson_mut_val *json_text(yyjson_mut_doc *doc, struct str text);

/* Members. `key` lives forever. "or_null": null when empty, or when negative (UNKNOWN). */
void json_put_text(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, struct str text);
void json_put_text_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                           struct str text);
void json_put_int_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                          int64_t value);
/* Microseconds as milliseconds with one decimal. */
void json_put_ms_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, int64_t us);
/* As it is with six digits, for a time that is given back to us. */
void json_put_exact_time(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                         int64_t wall_us);
void json_put_time(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, int64_t wall_us);
void json_put_time_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                           int64_t wall_us); /* null when 0, too */

#endif
