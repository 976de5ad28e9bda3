/*
 * reach.h — how far back the store reaches, and what is still to be wiped out.
 */
#ifndef STORE_REACH_H
#define STORE_REACH_H

#include "store/store.h"

struct store_reach {
    const char *engine;     /* "sqlite", "postgres" */
    int64_t oldest_us;      /* when the oldest request began; 0: there is none */
    int64_t oldest_body_us; /* likewise of those whose bodies are kept, by whole hours */
    int64_t marked_chains;  /* of blocks, see scrub.h */
};
enum err store_reach(struct store_reader *r, struct store_reach *out, struct fail *f) MUST_CHECK;
/* Appends what the last commit of this node (empty: where there is one only) said of its journal: see
 * index/journal_marks.h. Nothing, where it has said nothing. */
enum err store_reach_journal(struct store_reader *r, struct str node, struct buf *marks,
                             struct fail *f) MUST_CHECK;

#endif
