/*
 * json_walk.c — the cursor, and reading the few values that are wanted.
 */
#include "record/json_walk.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "record/json_cut.h"

void json_walk_init(struct json_walk *w, struct str text)
{
    *w = (struct json_walk){.text = text, .scan = json_scan_best()};
}

static bool stuck(struct json_walk *w)
{
    w->is_stuck = true;
    w->flags |= JSON_SCAN_INVALID;
    return false;
}

bool json_enter(struct json_walk *w, char bracket)
{
    if (w->is_stuck || json_peek(w) != bracket)
        return false;
    w->at++;
    w->is_first = true;
    if (++w->depth > JSON_DEPTH_MAX)
        w->flags |= JSON_SCAN_TOO_DEEP;
    return true;
}

/* Past the comma to what follows; false (behind the bracket) at the container's end. */
static bool step(struct json_walk *w, char closing)
{
    if (w->is_stuck)
        return false;
    int c = json_peek(w);
    if (c == closing) {
        w->at++;
        w->depth--;
        w->is_first = false;
        return false;
    }
    if (!w->is_first) {
        if (c != ',')
            return stuck(w);
        w->at++;
        c = json_peek(w);
    }
    w->is_first = false;
    return c >= 0 && c != closing ? true : stuck(w);
}

/* Behind the string whose opening quote is at `at`. Most are short: no need to load a block. */
static size_t skip_string(struct json_walk *w, size_t at)
{
    enum { SHORT = 24 };
    size_t end = MIN_OF(at + 1 + SHORT, w->text.len);
    for (at++; at < end; at++) {
        unsigned char c = (unsigned char)w->text.ptr[at];
        if (c == '"')
            return at + 1;
        if (c == '\\' || c < 0x20)
            break;
    }
    return w->scan->string(w->text, at, &w->flags);
}

bool json_next_key(struct json_walk *w, struct str *key)
{
    if (!step(w, '}'))
        return false;
    size_t start = w->at;
    if (w->text.ptr[start] != '"')
        return stuck(w);
    size_t end = w->at = skip_string(w, start);
    if (json_peek(w) != ':')
        return stuck(w);
    *key = str_make(w->text.ptr + start + 1, end - 1 - (start + 1));
    w->at++;
    return json_peek(w) >= 0 ? true : stuck(w);
}

bool json_next_element(struct json_walk *w)
{
    return step(w, ']');
}

static size_t skip_digits(struct str s, size_t at)
{
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    return at;
}

/* RFC 8259 §6 */
static bool is_number(struct str s)
{
    size_t at = s.len && s.ptr[0] == '-', start = at;
    at = skip_digits(s, at);
    if (at == start || (s.ptr[start] == '0' && at > start + 1))
        return false;
    if (at < s.len && s.ptr[at] == '.') {
        start = ++at;
        if ((at = skip_digits(s, at)) == start)
            return false;
    }
    if (at < s.len && (s.ptr[at] | 0x20) == 'e') {
        at++;
        at += at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-');
        start = at;
        if ((at = skip_digits(s, at)) == start)
            return false;
    }
    return at == s.len;
}

static struct str take_scalar(struct json_walk *w)
{
    size_t start = w->at;
    for (; w->at < w->text.len; w->at++) {
        char c = w->text.ptr[w->at];
        if (json_is_space(c) || c == ',' || c == ']' || c == '}' || c == ':' || c == '"')
            break;
    }
    struct str raw = str_make(w->text.ptr + start, w->at - start);
    if (!raw.len) {
        stuck(w);
        return STR_NONE;
    }
    if (!str_equal(raw, STR("true")) && !str_equal(raw, STR("false")) &&
        !str_equal(raw, STR("null")) && !is_number(raw))
        w->flags |= JSON_SCAN_INVALID;
    return raw;
}

struct str json_take(struct json_walk *w)
{
    if (w->is_stuck)
        return STR_NONE;
    int c = json_peek(w);
    size_t start = w->at;
    if (c == '"')
        w->at = skip_string(w, start);
    else if (c == '{' || c == '[')
        w->at = w->scan->container(w->text, start, w->depth, w->marks, &w->flags);
    else
        return take_scalar(w);
    return str_make(w->text.ptr + start, w->at - start);
}

bool json_key_is_written(struct str key, struct str name)
{
    if (!name.len || (key.ptr[0] != name.ptr[0] && key.ptr[0] != '\\'))
        return false;
    size_t at = 0, matched = 0;
    while (at < key.len && matched < name.len)
        if (json_char(key, &at) != (unsigned char)name.ptr[matched++])
            return false;
    return at == key.len && matched == name.len;
}

struct str json_member(struct str object, struct str name)
{
    struct json_walk w;
    struct str key;
    json_walk_init(&w, object);
    if (!json_enter(&w, '{'))
        return STR_NONE;
    while (json_next_key(&w, &key)) {
        struct str raw = json_take(&w);
        if (json_key_is(key, name))
            return raw;
    }
    return STR_NONE;
}

static uint32_t hex4(struct str s, size_t at)
{
    uint32_t value = 0;
    if (at + 4 > s.len)
        return UINT32_MAX;
    for (size_t i = at; i < at + 4; i++) {
        int digit = hex_value(s.ptr[i]);
        if (digit < 0)
            return UINT32_MAX;
        value = value << 4 | (uint32_t)digit;
    }
    return value;
}

static bool is_high(uint32_t c)
{
    return c >= 0xD800 && c < 0xDC00;
}

static bool is_low(uint32_t c)
{
    return c >= 0xDC00 && c < 0xE000;
}

/* `at`: behind "\u". */
static uint32_t unicode_escape(struct str s, size_t *at)
{
    uint32_t c = hex4(s, *at);
    if (c == UINT32_MAX)
        return UTF8_REPLACEMENT;
    *at += 4;
    if (is_high(c) && *at + 6 <= s.len && s.ptr[*at] == '\\' && s.ptr[*at + 1] == 'u') {
        uint32_t low = hex4(s, *at + 2);
        if (low != UINT32_MAX && is_low(low)) {
            *at += 6;
            return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return is_high(c) || is_low(c) ? UTF8_REPLACEMENT : c;
}

static uint32_t escape(struct str s, size_t *at)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char c = s.ptr[(*at)++];
    if (c == 'u')
        return unicode_escape(s, at);
    const char *hit = c ? strchr(from, c) : NULL;
    return (unsigned char)(hit ? to[hit - from] : c);
}

static uint32_t multibyte(struct str s, size_t *at)
{
    size_t len = utf8_char_len(str_from(s, *at));
    uint32_t c = (uint8_t)s.ptr[*at] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((uint8_t)s.ptr[*at + i] & 0x3F);
    *at += MAX_OF(len, 1);
    return len ? c : UTF8_REPLACEMENT;
}

uint32_t json_char(struct str inside, size_t *at)
{
    uint8_t c = (uint8_t)inside.ptr[*at];
    if (c >= 0x80)
        return multibyte(inside, at);
    ++*at;
    return c == '\\' && *at < inside.len ? escape(inside, at) : c;
}

/* How many bytes stand for themselves: ASCII, but no escapes. Most of a text does, so eight are
 * looked at at once. */
static size_t plain_run(struct str s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t len = 0;
    for (; s.len - len >= 8; len += 8) {
        uint64_t word;
        memcpy(&word, s.ptr + len, 8);
        uint64_t mixed = word ^ ones * '\\'; /* a zero where a backslash is */
        if ((word | ((mixed - ones) & ~mixed)) & tops)
            break;
    }
    while (len < s.len && s.ptr[len] != '\\' && (unsigned char)s.ptr[len] < 0x80)
        len++;
    return len;
}

struct str json_read_inside(struct str inside, size_t max, struct arena *arena)
{
    enum { CHAR_MAX_BYTES = 4, GROWTH = 3 }; /* a byte that is no UTF-8 becomes three */
    size_t len = plain_run(str_head(inside, max)), at = len;
    if (len == MIN_OF(inside.len, max))
        return str_head(inside, max);
    char *out = arena_alloc(arena, MIN_OF(max, inside.len * GROWTH) + CHAR_MAX_BYTES);
    memcpy(out, inside.ptr, len);
    while (at < inside.len) {
        struct str run = str_from(inside, at);
        run.len = plain_run(str_head(run, max - len));
        if (run.len) {
            memcpy(out + len, run.ptr, run.len);
            len += run.len;
            at += run.len;
            continue;
        }
        size_t bytes = utf8_put(out + len, json_char(inside, &at));
        if (len + bytes > max)
            break;
        len += bytes;
    }
    return str_make(out, len);
}

struct str json_read_text(struct str raw, size_t max, struct arena *arena)
{
    if (raw.len < 2 || raw.ptr[0] != '"' || raw.ptr[raw.len - 1] != '"')
        return STR_NONE;
    return json_read_inside(str_make(raw.ptr + 1, raw.len - 2), max, arena);
}

enum json_int_result json_read_int(struct str raw, int64_t max, int64_t *out)
{
    uint64_t value;
    if (!raw.len || str_equal(raw, STR("null")))
        return JSON_INT_NULL;
    if (!is_number(raw) || !str_to_u64(raw, &value) || value > (uint64_t)max)
        return JSON_INT_BAD;
    *out = (int64_t)value;
    return JSON_INT_OK;
}
