/*
 * json_tree.h — a JSON text as yyjson's tree, with what translating needs besides: numbers as they
 * are spelled, the very bytes of a member's value, and texts that are not quite Unicode.
 */
#ifndef DIALECT_JSON_TREE_H
#define DIALECT_JSON_TREE_H

#include <yyjson.h>

#include "base/buf.h"

struct json_tree {
    struct str text; /* what was parsed: as it came (borrowed), or mended */
    yyjson_val *root;
    yyjson_doc *doc;
    char *copy;        /* strings of the tree lie in it, where they lie in `text` */
    struct buf mended; /* at most 6 × the text */
};

/* ERR_PARSE when it is no JSON. Halves of surrogate pairs written as escapes come as three bytes
 * (as UTF-8 would have them), other broken bytes as U+FFFD; json_writer never lets them out.
 * `text` is borrowed until json_tree_release(), which is fine after any result. */
enum err json_tree_parse(struct json_tree *t, struct str text) MUST_CHECK;
void json_tree_release(struct json_tree *t);

/* The bytes of the value behind `key`, which is a key of this tree. */
struct str json_tree_span(const struct json_tree *t, yyjson_val *key);
/* The same, of the first member called `name`; empty when there is none. */
struct str json_tree_member_span(const struct json_tree *t, yyjson_val *object, const char *name);

/* A string's text, a number's spelling; empty for anything else. */
struct str json_text_of(yyjson_val *value);
/* The same of the member `name`. */
struct str json_member_text(yyjson_val *object, const char *name);
struct str json_key_text(yyjson_val *key);
bool json_is(yyjson_val *value, const char *text); /* the string `text`? */
/* A whole number, also where it is spelled 1.0, 1e3 or "17"; `fallback` for anything else. */
int64_t json_number(yyjson_val *value, int64_t fallback);
int64_t json_member_number(yyjson_val *object, const char *name, int64_t fallback);

/* Is `text` one whole JSON object? */
bool json_is_object(struct str text);
/* Index behind the value at `at` (its first byte); text.len when it does not end. */
size_t json_value_end(struct str text, size_t at);
/* Without the white space of JSON at both ends. */
struct str json_trim(struct str text);
size_t json_skip_space(struct str text, size_t at);

#endif
