/*
 * chain.h — blocks compressed one after another, each with the ones before it as its window.
 *
 * A chain is one zstd frame that is flushed after every block, so that a block costs only what
 * its neighbours do not hold already. It is never ended: it is simply not continued. A chain
 * begins anew after CHAIN_BLOCKS_MAX flushes or CHAIN_RAW_MAX bytes, so that reading a block never
 * means decoding more than that, and old chains can be dropped whole; and where blocks turn from
 * small to large or back: large ones are compressed in haste.
 */
#ifndef RECORD_CHAIN_H
#define RECORD_CHAIN_H

#include "base/buf.h"

enum {
    CHAIN_BLOCKS_MAX = 128,
    CHAIN_RAW_MAX = 2 << 20, /* bytes; a chain longer than this takes no more blocks */
    BLOCK_RAW_MAX = 1 << 20, /* bytes of one block */
};

struct chain_writer {
    void *context;        /* zstd's, at most 1.5 MB; made when needed */
    uint64_t first, next; /* block numbers: the chain's first; the one that may follow */
    uint64_t raw_bytes;   /* in the chain so far */
    bool is_hasty;        /* compresses faster, and less */
    bool is_bound;        /* goes on whatever comes */
    int parts;            /* flushed so far */
};

void chain_writer_init(struct chain_writer *w);
void chain_writer_release(struct chain_writer *w);
/* The blocks that follow, from `first` on, go into one chain, however many and however large they
 * are: for a chain that is written again. */
void chain_begin_again(struct chain_writer *w, uint64_t first);
/* Gives the memory back; the next block begins a new chain. */
void chain_rest(struct chain_writer *w);
/* Appends block `number`, compressed, to `out`; `*chain` is the number of its chain's first
 * block. Numbers ascend; a gap begins a new chain; the same number once more is more of that block, in
 * the same chain. ERR_TOO_LARGE: `out` is full. */
enum err chain_write(struct chain_writer *w, uint64_t number, struct str raw, struct buf *out,
                     uint64_t *chain) MUST_CHECK;

struct chain_reader {
    void *context;
};

void chain_reader_init(struct chain_reader *r);
void chain_reader_release(struct chain_reader *r);
void chain_reader_begin(struct chain_reader *r); /* the next block is a chain's first */
/* Appends the next block's `raw_len` bytes to `out`. ERR_CORRUPT when `data` does not hold
 * exactly that; ERR_TOO_LARGE: `out` is full. */
enum err chain_read(struct chain_reader *r, struct str data, size_t raw_len,
                    struct buf *out) MUST_CHECK;

#endif
