/*
 * packer.h — puts bytes worth keeping into blocks and makes the batch that the store commits.
 *
 * Used on the indexer's thread only. Pieces are shared by their keyed hash: those used of late
 * are known here, older ones are asked for.
 */
#ifndef INDEX_PACKER_H
#define INDEX_PACKER_H

#include "index/indexer.h"
#include "record/chain.h"
#include "record/recipe.h"

enum {
    PIECE_BYTES_MIN = 512,           /* shorter ones cost more to know than to store again */
    MESSAGE_BYTES_MIN = 2048,        /* likewise; a message is mostly shared through its parent */
    PIECE_BYTES_MAX = BLOCK_RAW_MAX / 2,
    BLOCK_RAW_WANTED = 192 << 10,    /* bytes: compressed before they leave the processor's cache */
    BLOCK_GROWS_BYTES = 16 << 10,    /* compressed; a shorter one is gone on with */
    PIECES_KNOWN = 8192,             /* slots, a power of two; 48 bytes each */
};

struct packer {
    const struct index_store *store;
    struct chain_writer chain;
    struct buf raw;        /* of the block being filled; past BLOCK_RAW_WANTED it is sealed */
    struct buf compressed; /* what is sealed of it */
    size_t sealed_bytes;   /* how long that is, raw */
    uint64_t block;        /* number of the block being filled */
    struct batch batch;
    size_t block_cap, piece_cap, row_cap;
    size_t packed_bytes;   /* of the batch's sealed blocks */
    struct batch_piece *known;
};

void packer_init(struct packer *p, const struct index_store *store);
void packer_release(struct packer *p);
void packer_rest(struct packer *p); /* idle: gives memory back; the next block begins a chain */

/* Makes sure that the next `len` bytes (at most BLOCK_RAW_MAX) fall into one block: p->block. */
void packer_room(struct packer *p, size_t len);
struct piece_at packer_put(struct packer *p, struct str bytes); /* at most BLOCK_RAW_MAX */
/* Any length; adds where they went to `body`. */
enum err packer_put_body(struct packer *p, struct str bytes, struct recipe *body) MUST_CHECK;
/* Stores them only if they are not stored yet. `is_new`: surely nobody has stored them, so the
 * store need not be asked. */
enum err packer_put_piece(struct packer *p, struct str bytes, bool is_new,
                          struct recipe *body) MUST_CHECK;
/* `oldest_block`: that its bodies need. */
void packer_add_row(struct packer *p, const struct record *record, struct piece_at detail,
                    uint64_t oldest_block);
/* Blocks before this one are going or gone: nothing may be shared with them. */
uint64_t packer_share_floor(const struct packer *p);

/* Bytes that the batch would hold. */
static inline size_t packer_bytes(const struct packer *p)
{
    return p->packed_bytes + p->raw.len;
}

/* From here on blocks go into new chains, and have at least the number that is returned. */
uint64_t packer_fence(struct packer *p);
/* Compresses what is still raw. Owned by the packer until packer_clear(). */
struct batch *packer_seal(struct packer *p);
void packer_clear(struct packer *p); /* the batch is committed */
/* Asks which number the next block should have: when the store is ready, and after each commit. */
void packer_number(struct packer *p);

#endif
