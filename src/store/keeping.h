/*
 * keeping.h — how old things leave the store, a small step at a time. When and how much is
 * retention.c's; this only does it.
 *
 * Block numbers only grow, and every row knows the oldest block that its bodies reach back to. So
 * bodies age out by dropping the oldest blocks, whole chains of them, up to a floor: rows that
 * need a block before the floor have outlived their bodies, without being touched. So that what is
 * young does not hang on what is old, nothing new may refer to blocks before the share floor,
 * which moves on well ahead of the other one.
 *
 * All but what reads atomics is for the chores' thread; each call is one short transaction.
 */
#ifndef STORE_KEEPING_H
#define STORE_KEEPING_H

#include "store/store.h"

enum {
    KEEPING_STEP_BYTES = 2 << 20, /* of blocks dropped in one step */
    KEEPING_STEP_PIECES = 4000,   /* looked at in one step */
    KEEPING_STEP_PAGES = 1024,    /* given back in one step */
    KEEPING_ROOM_MS = 2000,       /* room that was made for deleting is not recorded into for so long */
    KEEPING_OTHERS_HOURS = 48     /* who gave no sign for so long writes nothing; a day would do, but
                                     clocks differ, and the database may be away for a while */
};

/* What to do when the disk is full and something is to be deleted: `make_room` says whether it
 * could do something about it, so that it is worth trying again. */
void store_on_full(struct store *s, bool (*make_room)(void *owner), void *owner);

/* Any thread. It only grows. */
void store_raise_share_floor(struct store *s, uint64_t block);

/* The oldest block that a request begun at `since_us` or later needs (by whole hours); the next
 * free one when there are none. */
enum err store_block_needed(struct store *s, int64_t since_us, uint64_t *block,
                            struct fail *f) MUST_CHECK;
/* Likewise the first block that was written for them. */
enum err store_block_written(struct store *s, int64_t since_us, uint64_t *block,
                             struct fail *f) MUST_CHECK;

/* When the first request began whose bodies may be there still (by whole hours). */
enum err store_bodies_since(struct store *s, int64_t *since_us, struct fail *f) MUST_CHECK;

struct store_space {
    int64_t used_bytes;   /* of the database's file, without what is free within it */
    int64_t free_bytes;   /* within the file */
    int64_t stored_bytes; /* of blocks */
    int64_t blocks, requests;
    uint64_t floor;
};
enum err store_space(struct store *s, struct store_space *out, struct fail *f) MUST_CHECK;

/* Drops the oldest blocks before `below`, whole chains until `bytes` are gone, but never the
 * newest chain, which may still grow. `*dropped_bytes` 0: there is nothing to drop. */
enum err store_drop_blocks(struct store *s, uint64_t below, int64_t bytes, int64_t *dropped_bytes,
                           struct fail *f) MUST_CHECK;

/* Where the engine keeps blocks in files of their own (months): drops the oldest such file, if all of
 * it is before `below` and not larger than `bytes`, at once. */
enum err store_drop_file(struct store *s, uint64_t below, int64_t bytes, int64_t *dropped_bytes,
                         struct fail *f) MUST_CHECK;

struct piece_cursor {
    int64_t high, low, len;
};
#define PIECE_CURSOR_START ((struct piece_cursor){INT64_MIN, INT64_MIN, INT64_MIN})
/* Forgets the next pieces that are in dropped blocks. False in `*more`: all have been looked at. */
enum err store_sweep_pieces(struct store *s, struct piece_cursor *at, bool *more,
                            struct fail *f) MUST_CHECK;

/* Gives free pages back to the disk, but for `keep_bytes`. False in `*more`: nothing is left. */
enum err store_shrink(struct store *s, int64_t keep_bytes, bool *more, struct fail *f) MUST_CHECK;

/* When retention last ran, by the wall clock; 0: never. */
enum err store_keeping_ran(struct store *s, int64_t *ran_us, struct fail *f) MUST_CHECK;
enum err store_keeping_note(struct store *s, int64_t ran_us, struct fail *f) MUST_CHECK;

#endif
