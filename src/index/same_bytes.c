/*
 * same_bytes.c — comparing bodies, most of which are the same for many kilobytes.
 */
#include "index/same_bytes.h"

enum {
    STRIDE = 1024,  /* bytes that memcmp() is given at once */
    WORD = 8,
    AGAIN_MIN = 32, /* bytes that must be the same behind a gap */
};

size_t parts_copy(const struct body_parts *p, size_t at, size_t len, char *out)
{
    size_t done = 0;
    for (size_t i = 0; i < p->count && done < len; i++) {
        struct str part = p->list[i];
        if (at >= part.len) {
            at -= part.len;
            continue;
        }
        part = str_head(str_from(part, at), len - done);
        memcpy(out + done, part.ptr, part.len);
        done += part.len;
        at = 0;
    }
    return done;
}

static size_t same_start(struct str a, struct str b)
{
    size_t max = MIN_OF(a.len, b.len), at = 0;
    while (max - at >= STRIDE && memcmp(a.ptr + at, b.ptr + at, STRIDE) == 0)
        at += STRIDE;
    while (max - at >= WORD && memcmp(a.ptr + at, b.ptr + at, WORD) == 0)
        at += WORD;
    while (at < max && a.ptr[at] == b.ptr[at])
        at++;
    return at;
}

static size_t same_end(struct str a, struct str b, size_t max)
{
    const char *end_a = a.ptr + a.len, *end_b = b.ptr + b.len;
    size_t at = 0;
    while (max - at >= STRIDE && memcmp(end_a - at - STRIDE, end_b - at - STRIDE, STRIDE) == 0)
        at += STRIDE;
    while (max - at >= WORD && memcmp(end_a - at - WORD, end_b - at - WORD, WORD) == 0)
        at += WORD;
    while (at < max && end_a[-1 - (ptrdiff_t)at] == end_b[-1 - (ptrdiff_t)at])
        at++;
    return at;
}

/* How much of `older` stands in `newer` from `from` on. */
static size_t same_from(struct str older, const struct body_parts *newer, size_t from)
{
    size_t at = 0;
    for (size_t i = 0; i < newer->count; i++) {
        struct str part = newer->list[i];
        if (from >= part.len) {
            from -= part.len;
            continue;
        }
        part = str_from(part, from);
        from = 0;
        size_t same = same_start(str_from(older, at), part);
        at += same;
        if (same < part.len)
            break;
    }
    return at;
}

size_t same_at_start(struct str older, const struct body_parts *newer)
{
    return same_from(older, newer, 0);
}

size_t same_at_end(struct str older, const struct body_parts *newer, size_t max)
{
    size_t at = 0;
    for (size_t i = newer->count; i-- > 0 && at < max;) {
        struct str part = newer->list[i];
        size_t same = same_end(str_head(older, older.len - at), part, MIN_OF(max - at, part.len));
        at += same;
        if (same < part.len)
            break;
    }
    return at;
}

/* --- gaps --- */

/* How many bytes of `older` have to go so that it goes on like `newer`; 0: not so few. */
static size_t gap_at_start(struct str older, const struct body_parts *newer, size_t from)
{
    char wanted[AGAIN_MIN];
    if (parts_copy(newer, from, AGAIN_MIN, wanted) < AGAIN_MIN || !older.len)
        return 0;
    struct str within = str_head(str_from(older, 1), GAP_BYTES_MAX - 1 + AGAIN_MIN);
    const char *again = memmem(within.ptr, within.len, wanted, AGAIN_MIN);
    return again ? (size_t)(again - older.ptr) : 0;
}

void gaps_find(struct body_gaps *g, struct str older, const struct body_parts *newer, size_t *same)
{
    size_t at = *same;
    g->count = 0;
    while (g->count < GAPS_MAX) {
        size_t len = gap_at_start(str_from(older, at), newer, *same);
        if (!len)
            return;
        g->list[g->count++] = (struct body_gap){at, len};
        size_t more = same_from(str_from(older, at + len), newer, *same);
        at += len + more;
        *same += more;
    }
}

size_t gaps_bytes(const struct body_gaps *g)
{
    size_t bytes = 0;
    for (size_t i = 0; i < g->count; i++)
        bytes += g->list[i].len;
    return bytes;
}

void gaps_close(const struct body_gaps *g, char *bytes, size_t len)
{
    size_t to = g->count ? g->list[0].at : len;
    for (size_t i = 0; i < g->count; i++) {
        size_t from = g->list[i].at + g->list[i].len;
        size_t end = i + 1 < g->count ? g->list[i + 1].at : len;
        memmove(bytes + to, bytes + from, end - from);
        to += end - from;
    }
}
