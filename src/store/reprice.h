/*
 * reprice.h — when prices have changed since they were last applied, what was recorded before is
 * priced again: rows, and the sums they are in. A chore, a few rows at a time; it begins anew where
 * it was interrupted.
 */
#ifndef STORE_REPRICE_H
#define STORE_REPRICE_H

#include "record/price.h"
#include "store/store.h"

enum { REPRICE_STEP_ROWS = 200 /* in one transaction */ };

struct repricer {
    struct store *store;
    struct store_reader *reader;
    const struct prices *prices;
    bool has_begun, is_over;
    struct uuid after; /* rows up to this one have been looked at */
    int64_t looked_at, changed;
};

void repricer_init(struct repricer *r, struct store *s, const struct prices *prices);
void repricer_release(struct repricer *r);
/* The next few rows. Returns nanoseconds until it wants to go on; UINT64_MAX: all is done. */
uint64_t repricer_step(struct repricer *r);

#endif
