/*
 * keeper.h — what is done about the store beside recording: old things leave it, deleted ones are
 * wiped out, losses are written down, changed prices applied. Chores, each a small step at a time.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "api/api.h"
#include "base/loss.h"
#include "config/config.h"
#include "index/chores.h"
#include "index/indexer.h"
#include "reserve.h"
#include "store/reprice.h"
#include "store/retention.h"
#include "store/scrub.h"

struct keeper {
    struct store *store;
    struct indexer *indexer;
    struct retention retention;
    struct scrub scrub;
    struct reserve reserve;
    struct repricer repricer;
    uint64_t kept_losses[LOSSES]; /* of each reason, what the store knows */
    bool knows_losses;            /* those of earlier processes */
};

/* All outlive the keeper; `search` may be NULL. */
void keeper_init(struct keeper *k, const struct config *cfg, struct store *s, struct indexer *x,
                 struct search *search, const struct prices *prices);
void keeper_add_chores(struct keeper *k, struct chores *c);
/* After the chores' end: writes down what is left. */
void keeper_release(struct keeper *k);

/* Any thread. Is there less room on the disk than the reserve wants? Then what can wait does. */
bool keeper_lacks_room(const struct keeper *k);
/* Any thread. */
void keeper_tell(struct keeper *k, struct api_upkeep *out);

#endif
