/*
 * head.c — looking things up in a head.
 */
#include "http/head.h"

struct str head_get(const struct head *h, struct str name)
{
    for (size_t i = 0; i < h->count; i++)
        if (str_equal_nocase(h->headers[i].name, name))
            return h->headers[i].value;
    return STR_NONE;
}

bool head_has(const struct head *h, struct str name)
{
    return head_count(h, name) > 0;
}

size_t head_count(const struct head *h, struct str name)
{
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++)
        count += str_equal_nocase(h->headers[i].name, name);
    return count;
}

bool head_has_token(const struct head *h, struct str name, struct str token)
{
    for (size_t i = 0; i < h->count; i++) {
        if (!str_equal_nocase(h->headers[i].name, name))
            continue;
        struct str rest = h->headers[i].value, part;
        while (str_next(&rest, ',', &part))
            if (str_equal_nocase(str_trim(part), token))
                return true;
    }
    return false;
}

void head_add(struct head *h, struct arena *a, struct str name, struct str value)
{
    if (h->count == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 32;
        struct header *grown = arena_alloc(a, cap * sizeof *grown);
        if (h->count)
            memcpy(grown, h->headers, h->count * sizeof *grown);
        h->headers = grown;
        h->cap = cap;
    }
    h->headers[h->count++] = (struct header){name, value};
}
