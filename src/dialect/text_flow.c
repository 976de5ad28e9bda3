/*
 * text_flow.c — three small machines, one behind the other.
 */
#include "dialect/text_flow.h"

#include "base/utf8.h"

#define REPLACEMENT STR("\xEF\xBF\xBD")

enum { STOP_MAX = 16384 /* bytes of one stop sequence that are compared */ };

void text_joint_init(struct text_joint *j)
{
    *j = (struct text_joint){0};
    buf_init(&j->joined, SIZE_MAX / 2);
}

void text_joint_release(struct text_joint *j)
{
    buf_release(&j->joined);
}

/* 1: first half of a pair, 2: second half, 0: neither. As three bytes of WTF-8. */
static int half_at(struct str s, size_t at)
{
    if (at + 3 > s.len || (unsigned char)s.ptr[at] != 0xED)
        return 0;
    unsigned char second = (unsigned char)s.ptr[at + 1];
    return second < 0xA0 ? 0 : second < 0xB0 ? 1 : 2;
}

static void put(struct buf *out, struct str bytes)
{
    enum err err = buf_append(out, bytes);
    assert(!err); /* no larger than three times a piece, which has a ceiling */
}

static void put_pair(struct buf *out, const char *first, const char *second)
{
    uint32_t high = ((uint32_t)first[1] & 0x0F) << 6 | ((uint32_t)first[2] & 0x3F);
    uint32_t low = ((uint32_t)second[1] & 0x0F) << 6 | ((uint32_t)second[2] & 0x3F);
    uint32_t c = 0x10000 + (high << 10 | low);
    char utf8[UTF8_CHAR_MAX];
    put(out, str_make(utf8, utf8_put(utf8, c)));
}

struct str text_joint_feed(struct text_joint *j, struct str piece)
{
    size_t at = 0, run = 0;
    if (!piece.len || (!j->is_held && str_find(piece, '\xED') == piece.len))
        return piece;
    buf_clear(&j->joined);
    while (at < piece.len) {
        int half = half_at(piece, at);
        if (!half && !j->is_held) {
            at++;
            continue;
        }
        put(&j->joined, str_make(piece.ptr + run, at - run));
        if (half == 2 && j->is_held) {
            put_pair(&j->joined, j->half, piece.ptr + at);
            j->is_held = false;
        } else {
            if (j->is_held || half == 2)
                put(&j->joined, REPLACEMENT);
            j->is_held = half == 1;
            if (half == 1)
                memcpy(j->half, piece.ptr + at, 3);
        }
        at += half ? 3 : 0;
        run = at;
    }
    put(&j->joined, str_make(piece.ptr + run, at - run));
    return buf_str(&j->joined);
}

struct str text_joint_end(struct text_joint *j)
{
    bool was_held = j->is_held;
    j->is_held = false;
    return was_held ? REPLACEMENT : STR_NONE;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void to_text(const struct text_sink *sink, struct str text)
{
    if (text.len)
        sink->text(sink->owner, text);
}

static void to_thinking(const struct text_sink *sink, struct str text)
{
    if (text.len)
        sink->thinking(sink->owner, text);
}

/* Could `s`, with more behind it, begin with `tag`? */
static bool is_prefix(struct str s, struct str tag)
{
    return s.len < tag.len && str_equal(s, str_head(tag, s.len));
}

/* False: the byte does not go on with what is held; that was let out, and the byte is to be looked
 * at again. What is held is ASCII, so no character is ever cut. */
static bool take_byte(struct think_split *t, char c, const struct text_sink *sink)
{
    bool is_head = t->state == THINK_HEAD;
    struct str tag = is_head ? STR("<think>") : STR("</think>"), rest;
    t->held[t->held_len] = c;
    rest = str_make(t->held, t->held_len + 1);
    while (is_head && rest.len && is_space(rest.ptr[0]))
        rest = str_make(rest.ptr + 1, rest.len - 1);
    if (t->held_len + 1 < THINK_HELD_MAX && is_prefix(rest, tag)) {
        t->held_len++;
        return true;
    }
    if (str_equal(rest, tag)) {
        t->state = is_head ? THINK_INSIDE : THINK_BEHIND;
        t->held_len = 0;
        return true;
    }
    (is_head ? to_text : to_thinking)(sink, str_make(t->held, t->held_len));
    t->held_len = 0;
    t->state = is_head ? THINK_OFF : THINK_INSIDE;
    return false;
}

void think_split_feed(struct think_split *t, struct str piece, const struct text_sink *sink)
{
    while (piece.len) {
        if (t->state == THINK_OFF) {
            to_text(sink, piece);
            return;
        }
        if (t->state == THINK_BEHIND) { /* the empty lines behind the tag belong to neither */
            if (is_space(piece.ptr[0])) {
                piece = str_from(piece, 1);
                continue;
            }
            t->state = THINK_OFF;
            continue;
        }
        if (t->state == THINK_INSIDE && !t->held_len) {
            size_t plain = str_find(piece, '<');
            to_thinking(sink, str_head(piece, plain));
            piece = str_from(piece, plain);
            if (!piece.len)
                return;
        }
        if (take_byte(t, piece.ptr[0], sink))
            piece = str_from(piece, 1);
    }
}

void think_split_end(struct think_split *t, const struct text_sink *sink)
{
    struct str held = str_make(t->held, t->held_len);
    if (t->state == THINK_INSIDE)
        to_thinking(sink, held);
    else
        to_text(sink, held);
    t->held_len = 0;
    t->state = THINK_OFF;
}

void stop_match_init(struct stop_match *m, const struct str *stops, size_t count)
{
    *m = (struct stop_match){.stops = stops, .stop_count = count};
    buf_init(&m->held, SIZE_MAX / 2);
}

void stop_match_release(struct stop_match *m)
{
    buf_release(&m->held);
}

static struct str stop_at(const struct stop_match *m, size_t i)
{
    return str_head(m->stops[i], STOP_MAX);
}

/* Where the first whole stop sequence begins; text.len when there is none. */
static size_t find_stop(const struct stop_match *m, struct str text, struct str *which)
{
    size_t first = text.len;
    for (size_t i = 0; i < m->stop_count; i++) {
        struct str stop = stop_at(m, i);
        for (size_t at = 0; at + stop.len <= text.len && at < first; at++) {
            const char *hit = memchr(text.ptr + at, stop.ptr[0], text.len - at);
            if (!hit)
                break;
            at = (size_t)(hit - text.ptr);
            if (at < first && at + stop.len <= text.len && memcmp(hit, stop.ptr, stop.len) == 0) {
                first = at;
                *which = m->stops[i];
            }
        }
    }
    return first;
}

/* Where the first stop sequence that may go on behind the text begins; text.len for none. */
static size_t find_part(const struct stop_match *m, struct str text)
{
    size_t first = text.len;
    for (size_t i = 0; i < m->stop_count; i++) {
        struct str stop = stop_at(m, i);
        size_t at = text.len > stop.len - 1 ? text.len - (stop.len - 1) : 0;
        for (; at < first; at++)
            if (memcmp(text.ptr + at, stop.ptr, text.len - at) == 0)
                first = at;
    }
    return first;
}

void stop_match_feed(struct stop_match *m, struct str piece, const struct text_sink *sink)
{
    struct str text = piece, which = STR_NONE;
    if (m->is_hit)
        return;
    if (!m->stop_count) {
        to_text(sink, piece);
        return;
    }
    if (m->held.len) {
        put(&m->held, piece);
        text = buf_str(&m->held);
    }
    size_t at = find_stop(m, text, &which);
    if (at < text.len) {
        m->is_hit = true;
        m->hit = which;
        to_text(sink, str_head(text, at));
        buf_clear(&m->held);
        return;
    }
    at = find_part(m, text);
    to_text(sink, str_head(text, at));
    if (m->held.len) {
        buf_drop(&m->held, at);
    } else {
        put(&m->held, str_from(text, at));
    }
}

void stop_match_end(struct stop_match *m, const struct text_sink *sink)
{
    if (!m->is_hit)
        to_text(sink, buf_str(&m->held));
    buf_clear(&m->held);
}
