/*
 * recipe.h — how a body is put together from bytes that are stored: a list of ranges.
 *
 * As stored, a recipe says "bytes [a, b) of the body that the parent recipe makes", and "these
 * bytes of that block". A turn of a conversation so needs a line or two however long it is. A
 * chain of parents is at most RECIPE_DEPTH_MAX long; then a recipe is written out in full.
 */
#ifndef RECORD_RECIPE_H
#define RECORD_RECIPE_H

#include "record/batch.h"

enum {
    RECIPE_DEPTH_MAX = 32,
    RECIPE_SPANS_MAX = 5,       /* of the parent's, before what is new */
    RECIPE_RANGES_MAX = 1 << 15 /* of one body: written, they fit into a block */
};

/* A body, as ranges of stored bytes. */
struct recipe {
    struct piece_at *list; /* malloc'ed; neighbours are joined */
    size_t count, cap;
    uint64_t bytes;
};

void recipe_init(struct recipe *r);
void recipe_release(struct recipe *r);
void recipe_clear(struct recipe *r);
/* The oldest block of its ranges; UINT64_MAX when it has none. */
uint64_t recipe_oldest_block(const struct recipe *r);
enum err recipe_add(struct recipe *r, struct piece_at at) MUST_CHECK; /* ERR_TOO_LARGE */
/* Adds bytes [start, start + len) of `from`. ERR_CORRUPT when it has not that many. */
enum err recipe_add_part(struct recipe *r, const struct recipe *from, uint64_t start,
                         uint64_t len) MUST_CHECK;

/* Bytes of the parent's body. */
struct recipe_span {
    uint64_t start, len;
};

/* A body that is its parent's but for some bytes. */
struct recipe_child {
    struct piece_at parent; /* where the parent's recipe is stored */
    uint32_t depth;         /* the parent's plus one, at most RECIPE_DEPTH_MAX */
    struct recipe_span before[RECIPE_SPANS_MAX];
    size_t before_count;
    const struct recipe *middle; /* what is new */
    struct recipe_span after;
};

/* `block` is the one that the recipe will be stored in. */
enum err recipe_write(struct buf *out, uint64_t block, const struct recipe *whole) MUST_CHECK;
enum err recipe_write_child(struct buf *out, uint64_t block,
                            const struct recipe_child *child) MUST_CHECK;

/* Appends stored bytes to `out`. */
typedef enum err recipe_load(void *owner, struct piece_at at, struct buf *out);
/* Reads the recipe stored at `at`, and its parents', into the ranges of the whole body. */
enum err recipe_read(struct piece_at at, recipe_load *load, void *owner,
                     struct recipe *whole) MUST_CHECK;

#endif
