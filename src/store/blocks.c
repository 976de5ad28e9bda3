/*
 * blocks.c — stored bytes by block and offset: decodes a chain and remembers the last few.
 */
#include <xxhash.h>

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
    r->decoding = NULL;
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

/* The slot that was used least of late, emptied: its memory is used again. Others give theirs back where
 * there would be no room for it to grow to a whole chain within the ceiling. */
static struct chain_cache *make_room(struct store_reader *r)
{
    struct chain_cache *slot = &r->chains[0];
    for (size_t i = 1; i < CHAINS_CACHED; i++)
        if (r->chains[i].used_at < slot->used_at)
            slot = &r->chains[i];
    slot->count = 0;
    buf_clear(&slot->raw);
    for (;;) {
        struct chain_cache *oldest = NULL;
        size_t bytes = 0;
        for (size_t i = 0; i < CHAINS_CACHED; i++) {
            struct chain_cache *c = &r->chains[i];
            if (c == slot)
                continue;
            bytes += c->raw.cap;
            if (c->raw.cap && (!oldest || c->used_at < oldest->used_at))
                oldest = c;
        }
        if (bytes + CHAIN_RAW_MAX + BLOCK_RAW_MAX <= CHAIN_CACHE_BYTES_MAX)
            return slot;
        forget(oldest);
    }
}

static uint64_t hash_of(uint64_t before, struct str data)
{
    return XXH3_64bits_withSeed(data.ptr, data.len, before);
}

static enum err decode_next(struct store_reader *r, struct statement *q, struct chain_cache *c)
{
    if (c->count == CHAIN_BLOCKS_MAX ||
        (uint64_t)column_number(q, 0) != c->first + c->count)
        return ERR_CORRUPT;
    struct str data = column_str(q, 2);
    enum err err = chain_read(&r->decoder, data, (size_t)column_number(q, 1), &c->raw);
    if (err)
        return err;
    c->starts[++c->count] = c->raw.len;
    c->hash = hash_of(c->hash, data);
    return ERR_OK;
}

/* Where the chain that begins here goes: in place of a shorter copy, for it, or its last block, has
 * grown. */
static struct chain_cache *place_for(struct store_reader *r, uint64_t chain)
{
    for (size_t i = 0; i < CHAINS_CACHED; i++)
        if (r->chains[i].count && r->chains[i].first == chain)
            r->chains[i].count = r->chains[i].used_at = 0;
    struct chain_cache *c = make_room(r);
    c->first = chain;
    c->hash = 0;
    c->used_at = ++r->clock;
    chain_reader_begin(&r->decoder);
    return r->decoding = c;
}

/* The chain that the block belongs to, where some of it has been decoded before; or the one before. */
static struct chain_cache *begun_with(struct store_reader *r, uint64_t block)
{
    struct chain_cache *begun = NULL;
    for (size_t i = 0; i < CHAINS_CACHED; i++) {
        struct chain_cache *c = &r->chains[i];
        bool may_hold = c->count && c->first <= block && block - c->first < CHAIN_BLOCKS_MAX;
        if (may_hold && (!begun || c->first > begun->first))
            begun = c;
    }
    return begun;
}

/* The chain's blocks up to `until`. `begun`: it is gone on with behind its last block, where it is this chain
 * and its blocks are what they were; if they are not, for the last one has grown or all have been written
 * again (scrub.c), `*err` is ERR_BUSY. */
static struct chain_cache *decode_some(struct store_reader *r, uint64_t block, uint64_t until,
                                       struct chain_cache *begun, enum err *err)
{
    struct statement *q = r->statements[READ_CHAIN];
    struct chain_cache *c = NULL;
    uint64_t known = 0, hash = 0; /* blocks to come that are decoded; of those that came */
    enum err step_err;
    bind_number(q, 1, (int64_t)block);
    bind_number(q, 2, (int64_t)until);
    *err = ERR_OK;
    while (!*err && statement_next(q, &step_err, NULL)) {
        uint64_t chain = (uint64_t)column_number(q, 3);
        if (!c) {
            bool goes_on = begun && begun->first == chain;
            c = goes_on ? begun : place_for(r, chain);
            known = goes_on ? c->count : 0;
        }
        if (known) {
            hash = hash_of(hash, column_str(q, 2));
            *err = --known || hash == c->hash ? ERR_OK : ERR_BUSY;
        } else {
            *err = decode_next(r, q, c);
        }
    }
    statement_reset(q);
    if (*err)
        r->decoding = NULL;
    else
        *err = step_err;
    return c;
}

/* Decodes the block's chain up to it; NULL when there is nothing. Who comes again for more of the chain will
 * come for the rest, too. Blocks before damage can still be read. */
static struct chain_cache *decode_chain(struct store_reader *r, uint64_t block, enum err *err)
{
    struct chain_cache *begun = begun_with(r, block);
    uint64_t until = begun ? block + CHAIN_BLOCKS_MAX - 1 : block;
    bool goes_on = begun && begun == r->decoding && block >= begun->first + begun->count - 1;
    struct chain_cache *c = decode_some(r, block, until, goes_on ? begun : NULL, err);
    return *err == ERR_BUSY ? decode_some(r, block, until, NULL, err) : c;
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
