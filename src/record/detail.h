/*
 * detail.h — what is known of an exchange beside its row, as bytes in a block: heads, where its
 * bodies are, their hashes, the timeline.
 */
#ifndef RECORD_DETAIL_H
#define RECORD_DETAIL_H

#include "base/arena.h"
#include "record/recipe.h"

enum { TIMELINE_MAX = 1 << 16 }; /* marks; what follows is added to the last one */

/* What of a request's body the requests before it did not hold: for who reads every text once. */
enum fresh_part {
    FRESH_ALL,  /* or nobody knows */
    FRESH_NONE, /* it was sent again as it was, or is too long to be read */
    FRESH_SOME  /* the elements of `messages` that `fresh` makes, commas and all */
};

struct detail {
    struct record_detail facts;
    struct piece_at request;  /* its body's recipe; len 0: it had none */
    struct recipe response;   /* its body */
    bool is_folded;           /* what `response` makes is to be unfolded: see record/stream_fold.h */
    enum fresh_part fresh_part;
    struct recipe fresh;      /* at most FRESH_RANGES_MAX */
};

enum { FRESH_RANGES_MAX = 64 }; /* what is in more places is FRESH_ALL */

/* Room that detail_write() needs at most. */
size_t detail_bound(const struct detail *d);
/* `block` is the one that the detail will be stored in. */
enum err detail_write(struct buf *out, uint64_t block, const struct detail *d) MUST_CHECK;
/* Strings and the timeline go to `arena`; detail_release() afterwards. ERR_CORRUPT. */
enum err detail_read(struct str bytes, uint64_t block, struct arena *arena,
                     struct detail *d) MUST_CHECK;
void detail_release(struct detail *d); /* its recipes */

/* XXH3-128 of a whole body, in canonical (big-endian) order. */
void body_hash(struct str body, uint8_t out[16]);

#endif
