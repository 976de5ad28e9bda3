/*
 * json_writer.c — strings go out in runs: what needs no escape is copied as it is.
 */
#include "dialect/json_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

enum { PLAIN, ESCAPED, WIDE };

/* What a byte is within a string: copied, escaped, or the head of a longer character. */
static uint8_t byte_kind(unsigned char c)
{
    if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)
        return ESCAPED;
    return c < 0x80 ? PLAIN : WIDE;
}

static void append(struct json_writer *w, struct str bytes)
{
    if (!w->err)
        w->err = buf_append(w->out, bytes);
}

static void comma(struct json_writer *w)
{
    if (w->needs_comma)
        append(w, STR(","));
    w->needs_comma = true;
}

void json_open(struct json_writer *w, char bracket)
{
    comma(w);
    append(w, str_make(&bracket, 1));
    w->needs_comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
    append(w, str_make(&bracket, 1));
    w->needs_comma = true;
}

static void escape(struct json_writer *w, unsigned char c)
{
    static const char shorts[] = "\"\"\\\\\nn\rr\tt\bb\ff";
    char out[8];
    for (size_t i = 0; shorts[i]; i += 2)
        if ((unsigned char)shorts[i] == c) {
            out[0] = '\\';
            out[1] = shorts[i + 1];
            append(w, str_make(out, 2));
            return;
        }
    append(w, str_make(out, (size_t)snprintf(out, sizeof out, "\\u%04x", c)));
}

void json_string_piece(struct json_writer *w, struct str text)
{
    size_t run = 0, at = 0;
    while (at < text.len) {
        unsigned char c = (unsigned char)text.ptr[at];
        uint8_t kind = byte_kind(c);
        if (kind == PLAIN) {
            at++;
            continue;
        }
        size_t len = kind == WIDE ? utf8_char_len(str_from(text, at)) : 0;
        if (len) {
            at += len;
            continue;
        }
        append(w, str_make(text.ptr + run, at - run));
        if (kind == ESCAPED)
            escape(w, c);
        else
            append(w, STR("\xEF\xBF\xBD"));
        at++;
        if (kind == WIDE) /* one mark for one broken character */
            while (at < text.len && (text.ptr[at] & 0xC0) == 0x80)
                at++;
        run = at;
    }
    if (run < text.len)
        append(w, str_make(text.ptr + run, text.len - run));
}

void json_string_begin(struct json_writer *w)
{
    comma(w);
    append(w, STR("\""));
}

void json_string_end(struct json_writer *w)
{
    append(w, STR("\""));
}

void json_string(struct json_writer *w, struct str text)
{
    json_string_begin(w);
    json_string_piece(w, text);
    json_string_end(w);
}

void json_key_str(struct json_writer *w, struct str key)
{
    json_string(w, key);
    append(w, STR(":"));
    w->needs_comma = false;
}

void json_key(struct json_writer *w, const char *key)
{
    comma(w);
    append(w, STR("\""));
    append(w, str_of(key));
    append(w, STR("\":"));
    w->needs_comma = false;
}

void json_raw(struct json_writer *w, struct str json)
{
    comma(w);
    append(w, json);
}

void json_int(struct json_writer *w, int64_t value)
{
    char text[24];
    json_raw(w, str_make(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)value)));
}

void json_bool(struct json_writer *w, bool value)
{
    json_raw(w, value ? STR("true") : STR("false"));
}

void json_null(struct json_writer *w)
{
    json_raw(w, STR("null"));
}

/* Strings, which may hold halves of characters, go through our own escapes; what stands in a
 * container is written by yyjson, which allows them, and mended here when there are any. */
void json_value(struct json_writer *w, yyjson_val *value)
{
    if (!value || yyjson_is_str(value)) {
        if (value)
            json_string(w, str_make(yyjson_get_str(value), yyjson_get_len(value)));
        else
            json_null(w);
        return;
    }
    size_t len = 0;
    char *text = yyjson_val_write(value, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &len);
    struct str left = str_make(text, text ? len : 0);
    comma(w);
    if (!text && !w->err)
        w->err = ERR_TOO_LARGE;
    for (size_t at = 0; at < left.len;) {
        size_t n = utf8_char_len(str_from(left, at));
        if (n) {
            at += n;
            continue;
        }
        append(w, str_head(left, at));
        append(w, STR("\xEF\xBF\xBD"));
        do
            at++;
        while (at < left.len && (left.ptr[at] & 0xC0) == 0x80);
        left = str_from(left, at);
        at = 0;
    }
    append(w, left);
    free(text);
}

void json_put_string(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_string(w, text);
}

void json_put_raw(struct json_writer *w, const char *key, struct str json)
{
    json_key(w, key);
    json_raw(w, json);
}

void json_put_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_int(w, value);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_bool(w, value);
}

void json_put_null(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_null(w);
}

void json_put_value(struct json_writer *w, const char *key, yyjson_val *value)
{
    json_key(w, key);
    json_value(w, value);
}
