/*
 * ranges.c — every stored byte that a record needs.
 */
#include "store/ranges.h"

#include "record/detail.h"

struct visit {
    struct store_reader *reader;
    range_fn *fn;
    void *owner;
};

/* As reader_load(), for recipes: they are needed too. */
static enum err load_noted(void *owner, struct piece_at at, struct buf *out)
{
    struct visit *v = owner;
    v->fn(at, v->owner);
    return reader_load(v->reader, at, out);
}

static void visit_all(struct visit *v, const struct recipe *body)
{
    for (size_t i = 0; i < body->count; i++)
        v->fn(body->list[i], v->owner);
}

static enum err visit_request(struct visit *v, struct piece_at recipe)
{
    struct recipe whole;
    recipe_init(&whole);
    enum err err = recipe.len ? recipe_read(recipe, load_noted, v, &whole) : ERR_OK;
    if (!err)
        visit_all(v, &whole);
    recipe_release(&whole);
    return err == ERR_GONE ? ERR_OK : err;
}

enum err reader_ranges(struct store_reader *r, struct piece_at detail, range_fn *fn, void *owner,
                       struct fail *f)
{
    struct visit v = {r, fn, owner};
    struct detail d = {0};
    struct arena arena;
    arena_init(&arena);
    enum err err = reader_detail(r, detail, &arena, &d, f);
    if (!err) {
        fn(detail, owner);
        err = visit_request(&v, d.request);
        visit_all(&v, &d.response);
        detail_release(&d);
    }
    arena_release(&arena);
    return err == ERR_GONE ? ERR_OK : err;
}
