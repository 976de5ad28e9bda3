/*
 * recipe.c — how a body is put together from bytes that are stored.
 *
 * Stored form: depth; for a child its parent's place; then entries to the end. An entry is
 * `len * 2 + of_parent`, and where: an offset in the parent's body, or block and offset.
 * Block numbers are written as distances from the recipe's own block.
 */
#include "record/recipe.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/wire.h"
#include "record/chain.h"

enum { RECIPE_BYTES_MAX = 8 << 20 }; /* of one stored recipe */

void recipe_init(struct recipe *r)
{
    *r = (struct recipe){0};
}

void recipe_release(struct recipe *r)
{
    free(r->list);
    recipe_init(r);
}

void recipe_clear(struct recipe *r)
{
    r->count = 0;
    r->bytes = 0;
}

uint64_t recipe_oldest_block(const struct recipe *r)
{
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < r->count; i++)
        oldest = MIN_OF(oldest, r->list[i].block);
    return oldest;
}

static bool joins(const struct piece_at *a, struct piece_at b)
{
    return a->block == b.block && (uint64_t)a->offset + a->len == b.offset &&
           (uint64_t)a->len + b.len <= UINT32_MAX;
}

enum err recipe_add(struct recipe *r, struct piece_at at)
{
    if (!at.len)
        return ERR_OK;
    r->bytes += at.len;
    if (r->count && joins(&r->list[r->count - 1], at)) {
        r->list[r->count - 1].len += at.len;
        return ERR_OK;
    }
    if (r->count == RECIPE_RANGES_MAX)
        return ERR_TOO_LARGE;
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->list = mem_resize(r->list, r->cap * sizeof *r->list);
    }
    r->list[r->count++] = at;
    return ERR_OK;
}

enum err recipe_add_part(struct recipe *r, const struct recipe *from, uint64_t start, uint64_t len)
{
    if (start > from->bytes || len > from->bytes - start)
        return ERR_CORRUPT;
    for (size_t i = 0; i < from->count && len; i++) {
        struct piece_at at = from->list[i];
        if (start >= at.len) {
            start -= at.len;
            continue;
        }
        at.offset += (uint32_t)start;
        at.len = (uint32_t)MIN_OF((uint64_t)at.len - start, len);
        start = 0;
        len -= at.len;
        enum err err = recipe_add(r, at);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* The first failure is kept, so that a row of numbers can be written as a row. */
struct put {
    struct buf *out;
    enum err err;
};

static void put(struct put *p, uint64_t number)
{
    if (!p->err)
        p->err = wire_put_varint(p->out, number);
}

static void put_block(struct put *p, uint64_t own, uint64_t block)
{
    put(p, wire_zigzag((int64_t)(own - block)));
}

static void put_ranges(struct put *p, uint64_t own, const struct recipe *r)
{
    for (size_t i = 0; i < r->count; i++) {
        put(p, (uint64_t)r->list[i].len << 1);
        put_block(p, own, r->list[i].block);
        put(p, r->list[i].offset);
    }
}

static void put_span(struct put *p, const struct recipe_span *s)
{
    if (!s->len)
        return;
    put(p, s->len << 1 | 1);
    put(p, s->start);
}

enum err recipe_write(struct buf *out, uint64_t block, const struct recipe *whole)
{
    struct put p = {out, ERR_OK};
    put(&p, 0);
    put_ranges(&p, block, whole);
    return p.err;
}

enum err recipe_write_child(struct buf *out, uint64_t block, const struct recipe_child *c)
{
    assert(c->depth > 0 && c->depth <= RECIPE_DEPTH_MAX);
    struct put p = {out, ERR_OK};
    put(&p, c->depth);
    put_block(&p, block, c->parent.block);
    put(&p, c->parent.offset);
    put(&p, c->parent.len);
    for (size_t i = 0; i < c->before_count; i++)
        put_span(&p, &c->before[i]);
    put_ranges(&p, block, c->middle);
    put_span(&p, &c->after);
    return p.err;
}

static enum err read_entry(struct wire_reader *r, uint64_t own, const struct recipe *parent,
                           struct recipe *whole)
{
    uint64_t head = wire_get_varint(r), len = head >> 1;
    if (head & 1) {
        uint64_t start = wire_get_varint(r);
        return r->bad || !parent ? ERR_CORRUPT : recipe_add_part(whole, parent, start, len);
    }
    uint64_t block = own - (uint64_t)wire_unzigzag(wire_get_varint(r));
    uint64_t offset = wire_get_varint(r);
    if (r->bad || len > BLOCK_RAW_MAX || offset > BLOCK_RAW_MAX)
        return ERR_CORRUPT;
    return recipe_add(whole, (struct piece_at){block, (uint32_t)offset, (uint32_t)len});
}

static enum err read_at(struct piece_at at, uint64_t depth_below, recipe_load *load, void *owner,
                        struct recipe *whole);

static enum err read_parent(struct wire_reader *r, uint64_t own, uint64_t depth, recipe_load *load,
                            void *owner, struct recipe *parent)
{
    struct piece_at at = {.block = own - (uint64_t)wire_unzigzag(wire_get_varint(r))};
    at.offset = (uint32_t)wire_get_varint(r);
    at.len = (uint32_t)wire_get_varint(r);
    return r->bad ? ERR_CORRUPT : read_at(at, depth, load, owner, parent);
}

/* `depth_below`: only shallower recipes are taken, so that damage cannot make a circle. */
static enum err read_at(struct piece_at at, uint64_t depth_below, recipe_load *load, void *owner,
                        struct recipe *whole)
{
    struct buf bytes;
    struct recipe parent;
    buf_init(&bytes, RECIPE_BYTES_MAX);
    recipe_init(&parent);
    enum err err = load(owner, at, &bytes);
    if (err)
        goto out;
    struct wire_reader r = {buf_str(&bytes), false};
    uint64_t depth = wire_get_varint(&r);
    err = r.bad || depth >= depth_below ? ERR_CORRUPT : ERR_OK;
    if (!err && depth)
        err = read_parent(&r, at.block, depth, load, owner, &parent);
    while (!err && r.rest.len)
        err = read_entry(&r, at.block, depth ? &parent : NULL, whole);
out:
    recipe_release(&parent);
    buf_release(&bytes);
    return err;
}

enum err recipe_read(struct piece_at at, recipe_load *load, void *owner, struct recipe *whole)
{
    return read_at(at, RECIPE_DEPTH_MAX + 1, load, owner, whole);
}
