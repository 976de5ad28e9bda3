/*
 * postgres_months.h — months as numbers, the block numbers that begin with them, and the monthly
 * partitions of `requests` and `blocks`.
 *
 * A block's number is its month, the number of a range that this process has for itself, and a
 * count within the range: 12, 31 and 20 bits. So numbers ascend with the months, no two proxies
 * give the same, and a month's blocks stand together.
 */
#ifndef STORE_POSTGRES_MONTHS_H
#define STORE_POSTGRES_MONTHS_H

#include "store/store_private.h"

enum { MONTH_BITS_AT = 51, RANGE_BITS_AT = 20 };

/* Months since January 2000. 0: before 2020 or after 2199, which no month of ours is. */
int month_of(int64_t wall_us);
int64_t month_start_us(int month);

/* Sees to partitions for what the batch holds. Outside of transactions. */
enum err months_make(struct store *s, const struct batch *b, struct fail *f) MUST_CHECK;

/* The oldest month's blocks at once; see struct engine. */
enum err months_drop(struct store *s, int64_t border, int64_t bytes, int64_t *end,
                     int64_t *blocks, int64_t *dropped_bytes, struct fail *f) MUST_CHECK;
/* Drops what is left of past months when nothing is in it; the same. */
enum err months_shrink(struct store *s, int pages, int64_t keep_bytes, bool *more,
                       struct fail *f) MUST_CHECK;

#endif
