/*
 * packer.c — puts bytes worth keeping into blocks and makes the batch.
 */
#include "index/packer.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

void packer_init(struct packer *p, const struct index_store *store)
{
    *p = (struct packer){.store = store};
    packer_number(p);
    chain_writer_init(&p->chain);
    buf_init(&p->raw, BLOCK_RAW_MAX);
    buf_init(&p->compressed, BLOCK_RAW_MAX * 2);
}

void packer_release(struct packer *p)
{
    packer_rest(p);
    packer_clear(p);
    buf_release(&p->raw);
    free(p->batch.blocks);
    free(p->batch.pieces);
    free(p->batch.rows);
}

/* Makes room for one more of `size` bytes in a list. */
static void *one_more(void *list, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return list;
    *cap = *cap ? *cap * 2 : 16;
    return mem_resize(list, *cap * size);
}

/* What comes goes into the next block. */
static void end_block(struct packer *p)
{
    assert(!p->raw.len);
    p->block += p->sealed_bytes > 0;
    p->sealed_bytes = 0;
    buf_clear(&p->compressed);
}

static void seal_block(struct packer *p)
{
    if (!p->raw.len)
        return;
    struct batch *b = &p->batch;
    b->blocks = one_more(b->blocks, b->block_count, &p->block_cap, sizeof *b->blocks);
    struct batch_block *block = &b->blocks[b->block_count++];
    *block = (struct batch_block){.number = p->block, .raw_len = p->sealed_bytes + p->raw.len,
                                  .known_len = p->compressed.len};
    enum err err = chain_write(&p->chain, p->block, buf_str(&p->raw), &p->compressed,
                               &block->chain);
    assert(!err); /* `compressed` has room for the largest block */
    block->data = str_make(mem_dup(p->compressed.ptr, p->compressed.len), p->compressed.len);
    p->packed_bytes += p->compressed.len - block->known_len;
    p->sealed_bytes += p->raw.len;
    buf_clear(&p->raw);
    if (p->compressed.len >= BLOCK_GROWS_BYTES || p->chain.is_hasty)
        end_block(p);
}

void packer_rest(struct packer *p)
{
    if (p->sealed_bytes) {
        seal_block(p); /* it cannot be gone on with */
        end_block(p);
    }
    chain_rest(&p->chain);
    buf_release(&p->compressed);
    if (!p->raw.len)
        buf_release(&p->raw);
    free(p->known);
    p->known = NULL;
}

static size_t block_len(const struct packer *p)
{
    return p->sealed_bytes + p->raw.len;
}

void packer_room(struct packer *p, size_t len)
{
    assert(len <= BLOCK_RAW_MAX);
    if (block_len(p) + len <= BLOCK_RAW_WANTED)
        return;
    seal_block(p);
    end_block(p);
}

struct piece_at packer_put(struct packer *p, struct str bytes)
{
    packer_room(p, bytes.len);
    struct piece_at at = {p->block, (uint32_t)block_len(p), (uint32_t)bytes.len};
    enum err err = buf_append(&p->raw, bytes);
    assert(!err); /* room was made */
    return at;
}

enum err packer_put_body(struct packer *p, struct str bytes, struct recipe *body)
{
    enum err err = ERR_OK;
    while (bytes.len && !err) {
        size_t room = BLOCK_RAW_WANTED - MIN_OF(block_len(p), (size_t)BLOCK_RAW_WANTED);
        struct str part = str_head(bytes, room ? room : BLOCK_RAW_WANTED);
        err = recipe_add(body, packer_put(p, part));
        bytes = str_from(bytes, part.len);
    }
    return err;
}

static struct batch_piece *known_slot(struct packer *p, const struct piece_key *key)
{
    if (!p->known)
        p->known = mem_zeroed(PIECES_KNOWN * sizeof *p->known);
    return &p->known[key->high & (PIECES_KNOWN - 1)];
}

static bool key_equal(const struct piece_key *a, const struct piece_key *b)
{
    return a->high == b->high && a->low == b->low && a->len == b->len;
}

enum err packer_put_piece(struct packer *p, struct str bytes, bool is_new, struct recipe *body)
{
    struct str secret = p->store->secret;
    XXH128_hash_t hash = XXH3_128bits_withSecret(bytes.ptr, bytes.len, secret.ptr, secret.len);
    struct batch_piece piece = {.key = {hash.high64, hash.low64, (uint32_t)bytes.len}};
    struct batch_piece *known = known_slot(p, &piece.key);
    uint64_t floor = packer_share_floor(p);
    if (key_equal(&known->key, &piece.key) && known->at.block >= floor)
        return recipe_add(body, known->at);
    bool is_found = !is_new && p->store->find_piece(p->store->owner, &piece.key, &piece.at);
    if (!is_found || piece.at.block < floor) {
        piece.is_moved = is_found;
        struct batch *b = &p->batch;
        piece.at = packer_put(p, bytes);
        b->pieces = one_more(b->pieces, b->piece_count, &p->piece_cap, sizeof *b->pieces);
        b->pieces[b->piece_count++] = piece;
        piece.is_moved = false;
    }
    *known = piece;
    return recipe_add(body, piece.at);
}

uint64_t packer_share_floor(const struct packer *p)
{
    return p->store->share_floor ? p->store->share_floor(p->store->owner) : 0;
}

void packer_add_row(struct packer *p, const struct record *record, struct piece_at detail,
                    uint64_t oldest_block)
{
    struct batch *b = &p->batch;
    b->rows = one_more(b->rows, b->row_count, &p->row_cap, sizeof *b->rows);
    b->rows[b->row_count++] = (struct batch_row){*record, detail, MIN_OF(oldest_block, detail.block)};
}

uint64_t packer_fence(struct packer *p)
{
    seal_block(p);
    end_block(p);
    chain_rest(&p->chain);
    return p->block;
}

struct batch *packer_seal(struct packer *p)
{
    seal_block(p);
    return &p->batch;
}

void packer_clear(struct packer *p)
{
    for (size_t i = 0; i < p->batch.block_count; i++)
        free((char *)p->batch.blocks[i].data.ptr);
    p->batch.block_count = p->batch.piece_count = p->batch.row_count = 0;
    p->packed_bytes = 0;
}

void packer_number(struct packer *p)
{
    assert(!p->raw.len); /* what is in a block has been told its number */
    uint64_t next = p->store->next_block(p->store->owner);
    if (p->sealed_bytes && next <= p->block + 1)
        return; /* it is gone on with */
    end_block(p);
    p->block = MAX_OF(p->block, next);
}
