/*
 * json_tree.c — parsing in a copy, so that a string's place in the copy is its place in the text.
 */
#include "dialect/json_tree.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "dialect/json_writer.h"

static bool parse_copy(struct json_tree *t, yyjson_read_flag extra, bool *is_bad_string)
{
    yyjson_read_err problem;
    free(t->copy);
    t->copy = mem_alloc(t->text.len + YYJSON_PADDING_SIZE);
    if (t->text.len)
        memcpy(t->copy, t->text.ptr, t->text.len);
    memset(t->copy + t->text.len, 0, YYJSON_PADDING_SIZE);
    t->doc =
        yyjson_read_opts(t->copy, t->text.len,
                         YYJSON_READ_NUMBER_AS_RAW | YYJSON_READ_INSITU | extra, NULL, &problem);
    t->root = yyjson_doc_get_root(t->doc);
    *is_bad_string = !t->doc && problem.code == YYJSON_READ_ERROR_INVALID_STRING;
    return t->doc != NULL;
}

/* The value of \uXXXX at `at`; -1 when it is none. */
static int32_t read_escape(struct str text, size_t at)
{
    int32_t value = 0;
    if (at + 6 > text.len || text.ptr[at] != '\\' || text.ptr[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + 6; i++) {
        char c = text.ptr[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* An escape at `at`: as it is, or as three bytes when it is half a pair. Returns its length. */
static size_t mend_escape(struct buf *out, struct str text, size_t at, enum err *err)
{
    int32_t first = read_escape(text, at);
    size_t len = first < 0 ? MIN_OF(2, text.len - at) : 6;
    if (first >= 0xD800 && first <= 0xDBFF) {
        int32_t second = read_escape(text, at + 6);
        if (second >= 0xDC00 && second <= 0xDFFF)
            len = 12;
    }
    if (first < 0xD800 || first > 0xDFFF || len == 12) {
        *err = buf_append(out, str_make(text.ptr + at, len));
        return len;
    }
    char half[UTF8_CHAR_MAX];
    *err = buf_append(out, str_make(half, utf8_put(half, first)));
    return len;
}

/* Line ends and the like that stand in strings as they are become escapes, too. */
static enum err mend(struct str text, struct buf *out)
{
    enum err err = ERR_OK;
    size_t at = 0;
    bool is_inside = false;
    while (at < text.len && !err) {
        size_t n = utf8_char_len(str_from(text, at));
        is_inside ^= text.ptr[at] == '"';
        if (is_inside && (unsigned char)text.ptr[at] < 0x20) {
            err = buf_printf(out, "\\u%04x", (unsigned char)text.ptr[at]);
            at++;
        } else if (text.ptr[at] == '\\') {
            at += mend_escape(out, text, at, &err);
        } else if (n) {
            err = buf_append(out, str_make(text.ptr + at, n));
            at += n;
        } else {
            err = buf_append(out, STR("\xEF\xBF\xBD"));
            at++;
        }
    }
    return err;
}

enum err json_tree_parse(struct json_tree *t, struct str text)
{
    bool is_bad_string;
    *t = (struct json_tree){.text = text};
    buf_init(&t->mended, text.len > SIZE_MAX / 8 ? SIZE_MAX : text.len * 6 + 16);
    if (!text.len)
        return ERR_PARSE;
    if (parse_copy(t, 0, &is_bad_string))
        return ERR_OK;
    if (!is_bad_string || mend(text, &t->mended))
        return ERR_PARSE;
    t->text = buf_str(&t->mended);
    return parse_copy(t, YYJSON_READ_ALLOW_INVALID_UNICODE, &is_bad_string) ? ERR_OK : ERR_PARSE;
}

void json_tree_release(struct json_tree *t)
{
    yyjson_doc_free(t->doc);
    free(t->copy);
    buf_release(&t->mended);
    *t = (struct json_tree){0};
}

size_t json_skip_space(struct str text, size_t at)
{
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\n' || text.ptr[at] == '\r' ||
                             text.ptr[at] == '\t'))
        at++;
    return at;
}

struct str json_trim(struct str text)
{
    text = str_from(text, json_skip_space(text, 0));
    while (text.len && strchr(" \n\r\t", text.ptr[text.len - 1]) && text.ptr[text.len - 1])
        text.len--;
    return text;
}

/* `at`: behind the opening quote. Behind the closing one afterwards. */
static size_t string_end(struct str text, size_t at)
{
    while (at < text.len && text.ptr[at] != '"')
        at += text.ptr[at] == '\\' ? 2 : 1;
    return MIN_OF(at + 1, text.len);
}

size_t json_value_end(struct str text, size_t at)
{
    size_t depth = 0;
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '"') {
            at = string_end(text, at + 1) - 1;
        } else if (c == '{' || c == '[') {
            depth++;
            continue;
        } else if (c == '}' || c == ']') {
            if (!depth--)
                return at;
        } else if (!depth) {
            while (at < text.len && !strchr(",]} \t\r\n", text.ptr[at]))
                at++;
            return at;
        }
        if (!depth)
            return at + 1;
    }
    return text.len;
}

struct str json_tree_span(const struct json_tree *t, yyjson_val *key)
{
    size_t at = (size_t)(yyjson_get_str(key) - t->copy);
    assert(at < t->text.len);
    at = json_skip_space(t->text, string_end(t->text, at));
    at = json_skip_space(t->text, at + 1); /* the colon */
    return str_make(t->text.ptr + at, json_value_end(t->text, at) - at);
}

struct str json_tree_member_span(const struct json_tree *t, yyjson_val *object, const char *name)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    yyjson_val *key;
    while ((key = yyjson_obj_iter_next(&members)))
        if (yyjson_equals_str(key, name))
            return json_tree_span(t, key);
    return STR_NONE;
}

struct str json_text_of(yyjson_val *value)
{
    if (yyjson_is_str(value))
        return str_make(yyjson_get_str(value), yyjson_get_len(value));
    if (yyjson_is_raw(value))
        return str_make(yyjson_get_raw(value), yyjson_get_len(value));
    return STR_NONE;
}

struct str json_member_text(yyjson_val *object, const char *name)
{
    return json_text_of(yyjson_obj_get(object, name));
}

struct str json_key_text(yyjson_val *key)
{
    return str_make(yyjson_get_str(key), yyjson_get_len(key));
}

bool json_is(yyjson_val *value, const char *text)
{
    return yyjson_equals_str(value, text);
}

int64_t json_number(yyjson_val *value, int64_t fallback)
{
    struct str text = json_text_of(value);
    char copy[48], *end;
    uint64_t whole;
    if (str_to_u64(text, &whole))
        return whole <= INT64_MAX ? (int64_t)whole : fallback;
    if (!text.len || text.len >= sizeof copy)
        return fallback;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double number = strtod(copy, &end);
    if (*end || !(number > -9e15 && number < 9e15))
        return fallback;
    return (int64_t)number;
}

int64_t json_member_number(yyjson_val *object, const char *name, int64_t fallback)
{
    return json_number(yyjson_obj_get(object, name), fallback);
}

/* The parser is lenient with these where it is with broken Unicode; clients are not. */
static bool has_raw_control(struct str text)
{
    bool is_inside = false;
    for (size_t i = 0; i < text.len; i++) {
        if (is_inside && text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            is_inside = !is_inside;
        else if (is_inside && (unsigned char)text.ptr[i] < 0x20)
            return true;
    }
    return false;
}

bool json_is_object(struct str text)
{
    struct json_tree tree;
    bool is_object = !json_tree_parse(&tree, text) && yyjson_is_obj(tree.root) &&
                     !(tree.mended.len && has_raw_control(text));
    json_tree_release(&tree);
    return is_object;
}
