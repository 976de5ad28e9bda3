/*
 * ranges.h — every stored byte that a record needs: its detail, its recipes with their parents, and
 * what they put together.
 */
#ifndef STORE_RANGES_H
#define STORE_RANGES_H

#include "store/reader.h"

typedef void range_fn(struct piece_at at, void *owner);

/* `detail`: as its row says. What was too old to be kept is passed over. */
enum err reader_ranges(struct store_reader *r, struct piece_at detail, range_fn *fn, void *owner,
                       struct fail *f) MUST_CHECK;

#endif
