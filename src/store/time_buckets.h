/*
 * time_buckets.h — counts of durations by size, eight buckets to each doubling, so that sums of
 * many can be added up and still tell percentiles.
 *
 * A bucket's middle is off by at most a sixteenth of a doubling (4.5 %, and half a microsecond) from
 * anything in it, from 64 microseconds to 76 hours; what is shorter or longer is in the first or
 * last bucket.
 */
#ifndef STORE_TIME_BUCKETS_H
#define STORE_TIME_BUCKETS_H

#include "base/base.h"

enum { TIME_BUCKETS = 256 };

unsigned time_bucket_of(int64_t us);     /* not negative */
int64_t time_bucket_low_us(unsigned at); /* where it begins; that of `at` + 1 is where it ends */

/* The duration that so many thousandths of all do not exceed; -1 where there are none. A bucket's
 * middle, but never more than `max_us`, the longest of all. */
int64_t time_percentile_us(const int64_t counts[TIME_BUCKETS], int64_t max_us, int per_mille);

#endif
