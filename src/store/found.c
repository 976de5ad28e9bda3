/*
 * found.c — which names hold a text.
 */
#include "store/found.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/query.h"

/* Where names have no numbers that ascend, they are looked at by where they lie: a new one may lie
 * where an old one was. */
static const uint64_t forget_ns = UINT64_C(10000000000);

static void begin(struct found *x, struct str text)
{
    x->len = text.len <= sizeof x->text ? text.len : 0;
    if (x->len)
        memcpy(x->text, text.ptr, x->len);
    x->next = 0;
    x->is_complete = x->is_fresh = x->are_many = false;
    x->begun_ns = clock_mono_ns();
    x->count = 0;
}

static bool is_too_old(const struct store_reader *r, const struct found *x)
{
    return r->store->engine->has_hashed_names && x->is_complete &&
           clock_mono_ns() - x->begun_ns > forget_ns;
}

/* What is remembered of this text; else in the place of what was used least of late. */
static struct found *slot_of(struct store_reader *r, struct str text)
{
    struct found *oldest = &r->found[0];
    for (size_t i = 0; i < FOUND_TEXTS; i++) {
        struct found *x = &r->found[i];
        if (x->len && str_equal(str_make(x->text, x->len), text))
            return x;
        if (x->used_ns < oldest->used_ns)
            oldest = x;
    }
    begin(oldest, text);
    return oldest;
}

static void add(struct found *x, int64_t id)
{
    for (size_t i = 0; i < x->count; i++)
        if (x->ids[i] == id)
            return;
    if (x->count == FOUND_NAMES_MAX) {
        x->are_many = true;
        return;
    }
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 64;
        x->ids = mem_resize(x->ids, x->cap * sizeof *x->ids);
    }
    x->ids[x->count++] = id;
}

static enum err look_at_part(struct store_reader *r, struct found *x, struct str text,
                             struct fail *f)
{
    const struct engine *engine = r->store->engine;
    struct query q;
    enum err err;
    query_begin(&q, r, STR_NONE);
    query_number(&q, engine->names_part[0], x->next);
    query_number(&q, engine->names_part[1], x->next + engine->names_step);
    query_add(&q, " AND ");
    query_like(&q, "text", text);
    while (query_next(&q, &err, f) && !x->are_many)
        add(x, column_number(q.rows, 0));
    query_release(&q);
    return err;
}

/* Behind the last part. */
static enum err find_end(struct store_reader *r, int64_t *end, struct fail *f)
{
    struct query q;
    enum err err;
    query_begin(&q, r, STR_NONE);
    query_add(&q, r->store->engine->names_end);
    *end = query_next(&q, &err, f) ? column_number(q.rows, 0) : 0;
    query_release(&q);
    return err;
}

static enum err look(struct store_reader *r, struct found *x, struct str text, uint64_t until_ns,
                     struct fail *f)
{
    const struct engine *engine = r->store->engine;
    int64_t end;
    enum err err = find_end(r, &end, f);
    if (err)
        return err;
    x->is_complete = false;
    while (x->next < end && !x->are_many) {
        err = look_at_part(r, x, text, f);
        if (err)
            return err;
        x->next = MIN_OF(x->next + engine->names_step, end);
        if (until_ns && x->next < end && clock_mono_ns() > until_ns)
            return ERR_OK;
    }
    x->next = MAX_OF(end - engine->names_again, 0);
    x->is_complete = x->is_fresh = true;
    return ERR_OK;
}

enum err found_look(struct store_reader *r, struct str text, uint64_t until_ns,
                    struct found **out, struct fail *f)
{
    struct found *x = slot_of(r, text);
    enum err err = ERR_OK;
    if (is_too_old(r, x))
        begin(x, text);
    if (!x->len) /* the next call would not go on */
        until_ns = 0;
    if (!x->is_fresh && !(x->is_complete && x->are_many))
        err = look(r, x, text, until_ns, f);
    x->used_ns = clock_mono_ns();
    if (err)
        begin(x, STR_NONE);
    *out = x;
    return err;
}

void found_begin(struct store_reader *r)
{
    for (size_t i = 0; i < FOUND_TEXTS; i++)
        r->found[i].is_fresh = false;
}

void found_release(struct store_reader *r)
{
    for (size_t i = 0; i < FOUND_TEXTS; i++)
        free(r->found[i].ids);
}
