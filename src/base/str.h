/*
 * str.h — a borrowed view of bytes. It owns nothing and is not zero-terminated.
 *
 * Valid as long as what it points into; keep one past a callback only with arena_str().
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/base.h"

#include <string.h>

struct str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

#define STR(literal)  ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE      ((struct str){NULL, 0})
#define STR_ARGS(s)   (int)(s).len, (s).ptr /* for "%.*s" */

static inline struct str str_of(const char *text) /* NULL gives STR_NONE */
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline struct str str_make(const void *ptr, size_t len)
{
    return (struct str){ptr, len};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool str_equal_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_contains_nocase(struct str s, struct str part);
struct str str_trim(struct str s); /* spaces and tabs at both ends */

/* The first `len` bytes, or all. */
static inline struct str str_head(struct str s, size_t len)
{
    return (struct str){s.ptr, MIN_OF(len, s.len)};
}

/* All after the first `start` bytes. */
static inline struct str str_from(struct str s, size_t start)
{
    return start < s.len ? (struct str){s.ptr + start, s.len - start} : STR_NONE;
}

/* Index of the first `c`, or s.len. */
static inline size_t str_find(struct str s, char c)
{
    const char *at = s.len ? (const char *)memchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : s.len;
}

/* Takes the part before the next `separator` off `rest`. False when nothing is left. */
bool str_next(struct str *rest, char separator, struct str *part);
/* Decimal digits only, no sign, no spaces. False on anything else and on overflow. */
bool str_to_u64(struct str s, uint64_t *out);
int str_compare(struct str a, struct str b); /* like memcmp, shorter first */

#endif
