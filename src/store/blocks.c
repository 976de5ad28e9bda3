/*
 * blocks.c — stored bytes by block and offset: decodes a chain and remembers the last few.
 */
#include "store/keeping.h"
#include "store/reader.h"

static void forget(struct chain_cache *c)
{
    buf_release(&c->raw);
    c->count = 0;
}

void reader_blocks_release(struct store_reader *r)
{
    for (size_t i = 0; i < CHAINS_CACHED; i++)
        forget(&r->chains[i]);
    chain_reader_release(&r->decoder);
}

static bool holds(const struct chain_cache *c, struct piece_at at)
{
    size_t index = at.block - c->first;
    if (at.block < c->first || index >= c->count)
        return false;
    size_t len = c->starts[index + 1] - c->starts[index];
    return at.offset <= len && at.len <= len - at.offset;
}

static struct chain_cache *cached(struct store_reader *r, struct piece_at at)
{
    for (size_t i = 0; i < CHAINS_CACHED; i++)
        if (holds(&r->chains[i], at))
            return &r->chains[i];
    return NULL;
}

/* An empty slot, with room for one more chain within the ceiling: the oldest ones go. */
static struct chain_cache *make_room(struct store_reader *r)
{
    for (;;) {
        struct chain_cache *oldest = NULL, *empty = NULL;
        size_t bytes = 0;
        for (size_t i = 0; i < CHAINS_CACHED; i++) {
            struct chain_cache *c = &r->chains[i];
            bytes += c->raw.cap;
            if (!c->count)
                empty = c;
            else if (!oldest || c->used_at < oldest->used_at)
                oldest = c;
        }
        if (empty && bytes + CHAIN_RAW_MAX + BLOCK_RAW_MAX <= CHAIN_CACHE_BYTES_MAX)
            return empty;
        forget(oldest);
    }
}

static enum err decode_next(struct store_reader *r, struct statement *q, struct chain_cache *c)
{
    if (c->count == CHAIN_BLOCKS_MAX ||
        (uint64_t)column_number(q, 0) != c->first + c->count)
        return ERR_CORRUPT;
    enum err err = chain_read(&r->decoder, column_str(q, 2), (size_t)column_number(q, 1),
                              &c->raw);
    if (!err)
        c->starts[++c->count] = c->raw.len;
    return err;
}

/* Where the chain that begins here goes: in place of a shorter copy, for it, or its last block, has
 * grown. */
static struct chain_cache *place_for(struct store_reader *r, uint64_t chain)
{
    for (size_t i = 0; i < CHAINS_CACHED; i++)
        if (r->chains[i].count && r->chains[i].first == chain)
            forget(&r->chains[i]);
    struct chain_cache *c = make_room(r);
    buf_init(&c->raw, CHAIN_RAW_MAX + BLOCK_RAW_MAX);
    c->first = chain;
    c->count = 0;
    chain_reader_begin(&r->decoder);
    return c;
}

/* Decodes all of the block's chain that is stored so far; NULL when there is nothing. Blocks before damage can
 * still be read. */
static struct chain_cache *decode_chain(struct store_reader *r, uint64_t block, enum err *err)
{
    struct statement *q = r->statements[READ_CHAIN];
    struct chain_cache *c = NULL;
    enum err step_err;
    bind_number(q, 1, (int64_t)block);
    bind_number(q, 2, (int64_t)(block + CHAIN_BLOCKS_MAX - 1));
    *err = ERR_OK;
    while (!*err && statement_next(q, &step_err, NULL)) {
        if (!c)
            c = place_for(r, (uint64_t)column_number(q, 3));
        *err = decode_next(r, q, c);
    }
    statement_reset(q);
    if (!*err)
        *err = step_err;
    return c;
}

static struct chain_cache *chain_with(struct store_reader *r, struct piece_at at, enum err *err)
{
    struct chain_cache *c = cached(r, at);
    if (c)
        return c;
    c = decode_chain(r, at.block, err);
    if (c && holds(c, at))
        return c;
    if (!*err)
        *err = ERR_CORRUPT;
    if (c)
        forget(c);
    return NULL;
}

/* What is missing may have been dropped since this question began. */
static enum err why_missing(struct store_reader *r, uint64_t block, enum err err)
{
    if (err != ERR_CORRUPT || reader_look_at_floor(r, NULL) != ERR_OK)
        return err;
    return block < r->floor ? ERR_GONE : err;
}

void reader_leave_behind(struct store_reader *r, uint64_t block)
{
    store_raise_share_floor(r->store, block + CHAIN_BLOCKS_MAX);
}

enum err reader_load(void *reader, struct piece_at at, struct buf *out)
{
    struct store_reader *r = reader;
    enum err err = ERR_OK;
    if (at.block < reader_floor(r))
        return ERR_GONE;
    struct chain_cache *c = chain_with(r, at, &err);
    if (!c) {
        err = why_missing(r, at.block, err);
        if (err == ERR_CORRUPT)
            reader_leave_behind(r, at.block);
        return err;
    }
    c->used_at = ++r->clock;
    size_t start = c->starts[at.block - c->first];
    return buf_append(out, str_make(c->raw.ptr + start + at.offset, at.len));
}
