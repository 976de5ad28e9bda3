/*
 * utf8.c — telling UTF-8 from what is none, and mending it.
 */
#include "base/utf8.h"

#include "base/mem.h"

size_t utf8_char_len(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (!s.len)
        return 0;
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || s.len < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    /* shorter forms, surrogates, past U+10FFFF */
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

size_t utf8_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    for (size_t i = more; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(c | (0xFF00u >> (more + 1) & 0xFF));
    return more + 1;
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
        step = utf8_char_len(str_from(s, at));
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
