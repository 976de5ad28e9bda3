/*
 * json_writer.h — JSON written straight into a buf: no tree, commas by itself, first error kept.
 *
 * Whatever bytes a string holds, what comes out is valid UTF-8: what is no character is written as
 * U+FFFD. Knows nothing of any dialect.
 */
#ifndef DIALECT_JSON_WRITER_H
#define DIALECT_JSON_WRITER_H

#include <yyjson.h>

#include "base/buf.h"

struct json_writer {
    struct buf *out;
    enum err err; /* the first; nothing is written after it */
    bool needs_comma;
};

void json_open(struct json_writer *w, char bracket); /* '{' or '[' */
void json_close(struct json_writer *w, char bracket);
void json_key(struct json_writer *w, const char *key); /* plain ASCII, ours */
void json_key_str(struct json_writer *w, struct str key);
void json_string(struct json_writer *w, struct str text);
void json_raw(struct json_writer *w, struct str json); /* one whole value */
void json_int(struct json_writer *w, int64_t value);
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_value(struct json_writer *w, yyjson_val *value); /* numbers as they are spelled */

/* A string in pieces. */
void json_string_begin(struct json_writer *w);
void json_string_piece(struct json_writer *w, struct str text);
void json_string_end(struct json_writer *w);

/* A member in one call. */
void json_put_string(struct json_writer *w, const char *key, struct str text);
void json_put_raw(struct json_writer *w, const char *key, struct str json);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_null(struct json_writer *w, const char *key);
void json_put_value(struct json_writer *w, const char *key, yyjson_val *value);

#endif
