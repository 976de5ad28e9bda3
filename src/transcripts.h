/*
 * transcripts.h — the transcripts that a client keeps on this machine: where they are, and how
 * the store gets to know them.
 */
#ifndef TRANSCRIPTS_H
#define TRANSCRIPTS_H

#include "config/config.h"
#include "index/chores.h"
#include "store/store.h"
#include "transcript/transcript_reader.h"

struct transcripts {
    struct store *store;
    struct store_reader *store_reader;
    struct transcript_reader *reader; /* NULL: they are not followed */
    char *place; /* this folder, among those of all machines that share a database */
};

/* The store outlives it. */
void transcripts_init(struct transcripts *t, const struct config *cfg, struct store *s);
void transcripts_add_chores(struct transcripts *t, struct chores *c);
void transcripts_release(struct transcripts *t); /* after the chores' end */

#endif
