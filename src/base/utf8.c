/*
 * utf8.c — telling UTF-8 from what is none, and mending it.
 */
#include "base/utf8.h"

#include "base/mem.h"

/* Length of the sequence that `p` begins, or 0 when it is none. `left` is at least 1. */
static size_t utf8_step(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF; /* bounds of the second byte */
    size_t len;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        len = 2;
    else if ((p[0] & 0xF0) == 0xE0)
        len = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        len = 4;
    else
        return 0;
    if (len > left)
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0; /* shorter forms exist */
    else if (p[0] == 0xED)
        high = 0x9F; /* surrogates */
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F; /* past U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

size_t utf8_valid(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t at = 0, step;
    while (at < s.len) {
        uint64_t eight;
        if (s.len - at >= sizeof eight) {
            memcpy(&eight, p + at, sizeof eight);
            if (!(eight & UINT64_C(0x8080808080808080))) {
                at += sizeof eight;
                continue;
            }
        }
        step = utf8_step(p + at, s.len - at);
        if (!step)
            break;
        at += step;
    }
    return at;
}

char *utf8_repair(struct str s, size_t *len)
{
    size_t bad = 0;
    for (struct str rest = s; rest.len; bad++) {
        rest = str_from(rest, utf8_valid(rest));
        if (!rest.len)
            break;
        rest = str_from(rest, 1);
    }
    char *out = mem_alloc(s.len + 2 * bad + 1), *to = out;
    for (struct str rest = s; rest.len;) {
        size_t good = utf8_valid(rest);
        memcpy(to, rest.ptr, good);
        to += good;
        rest = str_from(rest, good);
        if (rest.len) {
            memcpy(to, "\xEF\xBF\xBD", 3);
            to += 3;
            rest = str_from(rest, 1);
        }
    }
    *to = '\0';
    *len = (size_t)(to - out);
    return out;
}
