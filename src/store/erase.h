/*
 * erase.h — requests leave the store: rows, and what was summed up from them. What their bodies
 * were made of is marked, to be wiped out later (scrub.h).
 *
 * Any thread; each step is one short transaction.
 */
#ifndef STORE_ERASE_H
#define STORE_ERASE_H

#include "store/search.h"
#include "store/store.h"

enum {
    ERASE_STEP_ROWS = 200, /* in one transaction */
    ERASE_EXACT_ROWS = 500 /* up to so many it is worth asking each what it needs */
};

enum erase_marks {
    ERASE_MARKS_NOTHING, /* for rows that have outlived their bodies */
    ERASE_MARKS_SPAN,    /* all blocks from the oldest to the newest that a row may need */
    ERASE_MARKS_EXACT    /* those that it needs */
};

struct eraser {
    struct store *store;
    struct search *search; /* forgets their texts; NULL: there is none */
    struct store_reader *reader;
    enum erase_marks marks;
    uint64_t marked_from, marked_to; /* blocks marked so far, by span; to 0: none */
    struct uuid after;               /* rows up to this one have been looked at */
    bool has_begun;
    int64_t deleted;
};

/* `search` may be NULL: then nobody forgets the texts. */
void eraser_init(struct eraser *e, struct store *s, struct search *search, struct store_reader *r,
                 enum erase_marks marks);
/* Deletes the next rows that `filter` lets through, at most `limit` (and ERASE_STEP_ROWS), oldest
 * first, none newer than `until`. False in `*more`: there are no others. */
enum err eraser_step(struct eraser *e, const struct request_filter *filter,
                     const struct uuid *until, int limit, bool *more, struct fail *f) MUST_CHECK;
/* ERR_NOT_FOUND. */
enum err eraser_one(struct eraser *e, const struct uuid *id, struct fail *f) MUST_CHECK;

#endif
