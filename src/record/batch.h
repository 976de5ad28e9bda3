/*
 * batch.h — what the indexer gives the store in one transaction.
 *
 * Bytes worth keeping (new pieces, answers, details) are written one after another into the
 * batch's block, which is compressed with the blocks before it in its chain (record/chain.h) and
 * stored as one row. A small block is gone on with by the next batches: rows of a kilobyte would
 * leave much of the database's pages empty. Everything else refers to bytes as (block, offset, len).
 */
#ifndef RECORD_BATCH_H
#define RECORD_BATCH_H

#include "record/record.h"

/* Keyed XXH3-128 of a piece's exact bytes, and its length. */
struct piece_key {
    uint64_t high, low;
    uint32_t len;
};

/* Where bytes stand, uncompressed: `offset` within the block's own raw bytes. */
struct piece_at {
    uint64_t block;
    uint32_t offset;
    uint32_t len;
};

struct batch_piece {
    struct piece_key key;
    struct piece_at at;
    bool is_moved; /* it is stored already, in a block that nothing may share any more */
};

/* The newest block may come again, longer by what has been added to it. */
struct batch_block {
    uint64_t number;
    uint64_t chain;     /* number of the block that begins its chain; itself when it is first */
    uint64_t raw_len;   /* bytes when decompressed */
    struct str data;    /* compressed: the next part of the chain's zstd frame */
    size_t known_len;   /* bytes of `data` that were there before; 0: the block is new */
};

struct batch_row {
    struct record record;
    struct piece_at detail; /* headers, recipe, timeline, hashes: see record/detail.h */
    uint64_t oldest_block;  /* the oldest that the detail and both bodies need; 0: the detail's */
};

struct batch {
    struct batch_block *blocks;
    size_t block_count;
    struct batch_piece *pieces;
    size_t piece_count;
    struct batch_row *rows;
    size_t row_count;
    struct str journal_marks; /* how far the journal is in the store with it: see
                                 index/journal_marks.h. Empty: as was said before */
};

#endif
