/*
 * keeper.h — what is done about the store beside recording: old things leave it, deleted ones are
 * wiped out, losses are written down. Chores, each a small step at a time.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "base/loss.h"
#include "config/config.h"
#include "index/chores.h"
#include "index/indexer.h"
#include "store/retention.h"

struct keeper {
    struct store *store;
    struct indexer *indexer;
    struct retention retention;
    uint64_t kept_losses[LOSSES]; /* of each reason, what the store knows */
};

/* Both outlive the keeper. */
void keeper_init(struct keeper *k, const struct config *cfg, struct store *s, struct indexer *x);
void keeper_add_chores(struct keeper *k, struct chores *c);
/* After the chores' end: writes down what is left. */
void keeper_release(struct keeper *k);

#endif
