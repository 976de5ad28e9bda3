/*
 * scrub.h — what deleted requests were made of is wiped out: bytes that no record needs any more
 * are overwritten with zeros and their chains compressed anew; chains that nobody needs go
 * altogether, and texts (titles, error messages) that no row has.
 *
 * Which chains to look at stands in the table `scrubs` (erase.h), so a crash only interrupts it.
 * Shared pieces are kept as long as one record needs them, which is found out by asking each
 * record that may: on a connection of its own, some at a time. Writing is a chain at a time.
 */
#ifndef STORE_SCRUB_H
#define STORE_SCRUB_H

#include "store/keeping.h"
#include "store/names_sweep.h"
#include "store/reader.h"

enum {
    SCRUB_CHAINS = 8,         /* looked at together: what is needed of them is held in memory */
    SCRUB_STEP_ROWS = 40,     /* asked in one step */
    SCRUB_ALONE_HOURS = 40 * 24, /* no other proxy may have been there: what it refers to, perhaps
                                    not stored yet, is not known here */
    SCRUB_RANGES_MERGE = 8192 /* ranges held before they are joined; doubled when that helps little */
};

/* Who writes blocks (index/indexer.h), as asked from here. */
struct scrub_source {
    void *owner;
    void (*ask_fence)(void *owner);
    uint64_t (*fence)(void *owner);        /* 0: not yet */
    uint64_t (*oldest_block)(void *owner); /* that is needed by what is not stored yet */
};

enum scrub_phase {
    SCRUB_RESTS, SCRUB_FENCES, SCRUB_WAITS, SCRUB_SWEEPS, SCRUB_PICKS, SCRUB_ASKS, SCRUB_WRITES,
    SCRUB_NAMES, SCRUB_GIVES_BACK
};

struct scrub_chain {
    uint64_t first, last; /* block numbers */
};

struct scrub_range {
    uint64_t block;
    uint32_t from, to;
};

struct scrub {
    struct store *store;
    struct store_reader *reader;
    struct scrub_source source;
    enum scrub_phase phase;
    uint64_t fence;
    struct piece_cursor pieces;
    struct scrub_chain chains[SCRUB_CHAINS];
    size_t chain_count, written;
    struct uuid after, until;   /* rows asked; the last to ask */
    struct scrub_range *ranges; /* that are needed */
    size_t range_count, range_cap, merge_at;
    struct names_sweep names;
};

void scrub_init(struct scrub *c, struct store *s, const struct scrub_source *source);
void scrub_release(struct scrub *c);
/* The chores' thread. As chore_step. */
uint64_t scrub_step(struct scrub *c);

#endif
