/*
 * detail.h — what is known of an exchange beside its row, as bytes in a block: heads, where its
 * bodies are, their hashes, the timeline.
 */
#ifndef RECORD_DETAIL_H
#define RECORD_DETAIL_H

#include "base/arena.h"
#include "record/recipe.h"

enum { TIMELINE_MAX = 1 << 16 }; /* marks; what follows is added to the last one */

struct detail {
    struct record_detail facts;
    struct piece_at request;  /* its body's recipe; len 0: it had none */
    struct recipe response;   /* its body */
};

/* Room that detail_write() needs at most. */
size_t detail_bound(const struct detail *d);
/* `block` is the one that the detail will be stored in. */
enum err detail_write(struct buf *out, uint64_t block, const struct detail *d) MUST_CHECK;
/* Strings and the timeline go to `arena`; `d->response` must be released. ERR_CORRUPT. */
enum err detail_read(struct str bytes, uint64_t block, struct arena *arena,
                     struct detail *d) MUST_CHECK;

/* XXH3-128 of a whole body, in canonical (big-endian) order. */
void body_hash(struct str body, uint8_t out[16]);

#endif
