/*
 * head.c — looking things up in a head.
 */
#include "http/head.h"

static const struct {
    struct str name;
    unsigned traits;
} known[] = {
    {{NULL, 0}, 0},
#define HEADER(NAME, name, traits) {{name, sizeof(name) - 1}, traits},
#include "http/header_names.def"
#undef HEADER
};

enum { KNOWN_LENGTH_MAX = 32 };

/* The ids of each length, as bits: most names are told apart by that alone. */
static uint32_t ids_of_length[KNOWN_LENGTH_MAX];
_Static_assert(HEADER_IDS <= 32, "an id is a bit");

__attribute__((constructor)) static void fill_lengths(void)
{
    for (int i = 1; i < HEADER_IDS; i++)
        ids_of_length[known[i].name.len] |= UINT32_C(1) << i;
}

enum header_id header_id_of(struct str name)
{
    if (!name.len || name.len >= KNOWN_LENGTH_MAX)
        return HEADER_OTHER;
    char first = (char)(name.ptr[0] | 0x20);
    for (uint32_t left = ids_of_length[name.len]; left; left &= left - 1) {
        int i = __builtin_ctz(left);
        if (known[i].name.ptr[0] == first && str_equal_nocase(known[i].name, name))
            return (enum header_id)i;
    }
    return HEADER_OTHER;
}

unsigned header_traits(enum header_id id)
{
    return known[id].traits;
}

struct str head_get(const struct head *h, struct str name)
{
    for (size_t i = 0; i < h->count; i++)
        if (str_equal_nocase(h->headers[i].name, name))
            return h->headers[i].value;
    return STR_NONE;
}

struct str head_get_id(const struct head *h, enum header_id id)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->headers[i].id == id)
            return h->headers[i].value;
    return STR_NONE;
}

bool head_has_id(const struct head *h, enum header_id id)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->headers[i].id == id)
            return true;
    return false;
}

bool head_has_token(const struct head *h, enum header_id id, struct str token)
{
    for (size_t i = 0; i < h->count; i++) {
        if (h->headers[i].id != id)
            continue;
        struct str rest = h->headers[i].value, part;
        while (str_next(&rest, ',', &part))
            if (str_equal_nocase(str_trim(part), token))
                return true;
    }
    return false;
}

void head_recognise(struct head *h)
{
    h->lists_hops = false;
    for (size_t i = 0; i < h->count; i++) {
        struct header *each = &h->headers[i];
        each->id = header_id_of(each->name);
        if (each->id == HEADER_CONNECTION && !str_equal_nocase(each->value, STR("keep-alive")) &&
            !str_equal_nocase(each->value, STR("close")))
            h->lists_hops = true;
    }
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
    h->headers[h->count++] = (struct header){name, value, HEADER_OTHER};
}
