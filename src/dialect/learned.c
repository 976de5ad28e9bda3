/*
 * learned.c — a short list, searched from its beginning: endpoints in use are few.
 */
#include "dialect/learned.h"

#include <stdlib.h>

#include "base/mem.h"

struct learned_entry {
    char *key; /* base URL, a tab, model */
    size_t key_len;
    uint64_t mask, flags; /* which flags were learned, and what they are */
    uint32_t efforts;     /* 0: not learned */
    int64_t max_tokens;   /* 0: not learned */
    double factor;        /* 0: nothing was counted */
    uint64_t asked;
};

/* A new count moves the factor by a fifth, so that one odd request does little. */
static const double weight = 0.2;
/* Counts that are further off say something about the request, not about the tokenizer. */
static const double factor_min = 0.2, factor_max = 5;

void learned_init(struct learned *l)
{
    *l = (struct learned){0};
}

void learned_release(struct learned *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->entries[i].key);
    free(l->entries);
    *l = (struct learned){0};
}

static bool is_key(const struct learned_entry *e, struct str base_url, struct str model)
{
    struct str key = str_make(e->key, e->key_len);
    return key.len == base_url.len + 1 + model.len && str_starts(key, base_url) &&
           key.ptr[base_url.len] == '\t' && str_ends(key, model);
}

static struct learned_entry *find(struct learned *l, struct str base_url, struct str model)
{
    for (size_t i = 0; i < l->count; i++)
        if (is_key(&l->entries[i], base_url, model)) {
            l->entries[i].asked = ++l->clock;
            return &l->entries[i];
        }
    return NULL;
}

/* The place of the entry that was not asked for longest, emptied. */
static struct learned_entry *oldest(struct learned *l)
{
    struct learned_entry *e = &l->entries[0];
    for (size_t i = 1; i < l->count; i++)
        if (l->entries[i].asked < e->asked)
            e = &l->entries[i];
    free(e->key);
    return e;
}

static struct learned_entry *add(struct learned *l, struct str base_url, struct str model)
{
    struct learned_entry *e;
    size_t len = base_url.len + 1 + model.len;
    if (len > LEARNED_KEY_MAX || memchr(base_url.ptr ? base_url.ptr : "", '\t', base_url.len))
        return NULL;
    if (l->count == LEARNED_MAX) {
        e = oldest(l);
    } else {
        if (l->count == l->cap) {
            l->cap = l->cap ? l->cap * 2 : 8;
            l->entries = mem_resize(l->entries, l->cap * sizeof *l->entries);
        }
        e = &l->entries[l->count++];
    }
    *e = (struct learned_entry){.key = mem_alloc(len), .key_len = len, .asked = ++l->clock};
    if (base_url.len)
        memcpy(e->key, base_url.ptr, base_url.len);
    e->key[base_url.len] = '\t';
    if (model.len)
        memcpy(e->key + base_url.len + 1, model.ptr, model.len);
    return e;
}

double learned_apply(struct learned *l, struct str base_url, struct str model, struct quirks *q)
{
    const struct learned_entry *e = find(l, base_url, model);
    if (!e)
        return 0;
    q->flags = (q->flags & ~e->mask) | (e->flags & e->mask);
    q->learned |= e->mask;
    if (e->efforts)
        q->efforts = e->efforts;
    if (e->max_tokens && (!q->max_tokens || e->max_tokens < q->max_tokens))
        q->max_tokens = e->max_tokens;
    return e->factor;
}

void learned_keep(struct learned *l, struct str base_url, struct str model, const struct quirks *q,
                  double factor)
{
    bool is_count = factor >= factor_min && factor <= factor_max;
    struct learned_entry *e = find(l, base_url, model);
    if (!e && (q->learned || q->has_learned_values || is_count))
        e = add(l, base_url, model);
    if (!e)
        return;
    e->mask |= q->learned;
    e->flags = q->flags;
    if (q->has_learned_values) {
        e->efforts = q->efforts;
        e->max_tokens = q->max_tokens;
    }
    if (is_count)
        e->factor = e->factor > 0 ? e->factor * (1 - weight) + factor * weight : factor;
}
