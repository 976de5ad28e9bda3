/*
 * log.c — levelled lines for people and machines, on standard error.
 *
 * A line is built whole and written with one call, so that lines of threads do not mix.
 */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

enum { LINE_BYTES = 4096 }; /* longer lines are cut */

static struct {
    atomic_int level, format; /* may change while threads log */
} settings = {LOG_INFO, LOG_TEXT};

struct line {
    char text[LINE_BYTES];
    size_t len;
};

static void put(struct line *l, const char *bytes, size_t len)
{
    len = MIN_OF(len, sizeof l->text - 8 - l->len);
    memcpy(l->text + l->len, bytes, len);
    l->len += len;
}

static void put_text(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

/* Bytes of a letter that a terminal may be shown as it is: no control (U+0080 to U+009F), none that
 * turns the direction of writing (among U+2000 to U+200F, U+2028 to U+202F, U+2060 to U+206F). 0:
 * none. */
static size_t letter_len(struct str s)
{
    size_t len = utf8_char_len(s);
    unsigned char a = (unsigned char)s.ptr[0], b = len > 1 ? (unsigned char)s.ptr[1] : 0;
    unsigned char c = len > 2 ? (unsigned char)s.ptr[2] : 0;
    bool is_control = a == 0xc2 && b < 0xa0;
    bool is_format = a == 0xe2 && ((b == 0x80 && (c < 0x90 || (c >= 0xa8 && c < 0xb0))) ||
                                   (b == 0x81 && c >= 0xa0));
    return len > 1 && !is_control && !is_format ? len : 0;
}

static void put_escaped(struct line *l, struct str s)
{
    put_text(l, "\"");
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        size_t letter = c >= 0x80 ? letter_len(str_from(s, i)) : 0;
        if (letter && l->len + letter + 8 < sizeof l->text) {
            put(l, s.ptr + i, letter);
            i += letter - 1;
        } else if (c == '"' || c == '\\') {
            char pair[2] = {'\\', (char)c};
            put(l, pair, 2);
        } else if (c < 0x20 || c >= 0x7f) {
            char hex[8];
            snprintf(hex, sizeof hex, "\\u%04x", c);
            put_text(l, hex);
        } else {
            put(l, s.ptr + i, 1);
        }
    }
    put_text(l, "\"");
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return s.len > 0;
}

static bool is_format(enum log_format format)
{
    return atomic_load_explicit(&settings.format, memory_order_relaxed) == (int)format;
}

static void put_value(struct line *l, const struct log_pair *p)
{
    char number[32];
    if (p->kind == LOG_INT) {
        snprintf(number, sizeof number, "%lld", (long long)p->number);
        put_text(l, number);
    } else if (is_format(LOG_TEXT) && is_plain(p->text)) {
        put(l, p->text.ptr, p->text.len);
    } else {
        put_escaped(l, p->text);
    }
}

void log_setup(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&settings.level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&settings.format, (int)format, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&settings.level, memory_order_relaxed);
}

void log_write(enum log_level level, const char *message, const struct log_pair *pairs,
               size_t count)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct line l = {.len = 0};
    char when[CLOCK_TEXT];
    bool json = is_format(LOG_JSON);
    clock_format(clock_wall_us(), when);
    put_text(&l, json ? "{\"time\":\"" : "");
    put_text(&l, when);
    put_text(&l, json ? "\",\"level\":\"" : " ");
    put_text(&l, names[level]);
    put_text(&l, json ? "\",\"msg\":" : " ");
    if (json)
        put_escaped(&l, str_of(message));
    else
        put_text(&l, message);
    for (size_t i = 0; i < count; i++) {
        put_text(&l, json ? ",\"" : " ");
        put_text(&l, pairs[i].key);
        put_text(&l, json ? "\":" : "=");
        put_value(&l, &pairs[i]);
    }
    put_text(&l, json ? "}" : "");
    l.text[l.len++] = '\n';
    ssize_t written = write(STDERR_FILENO, l.text, l.len);
    (void)written; /* there is nowhere left to say that the log cannot be written */
}
