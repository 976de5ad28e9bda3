/*
 * backoff.h — how long to wait before trying again.
 */
#ifndef UPSTREAM_BACKOFF_H
#define UPSTREAM_BACKOFF_H

#include "base/base.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 2000 };

/* Before try `number` + 1 (from 1 on): doubled with each, at most BACKOFF_MAX_MS; of that, half at
 * least, and the rest as `seed` has it, so that those who failed together do not come together. */
uint64_t backoff_ms(int number, uint64_t seed);
/* A part of `max_ms` by `seed`: what is added to a time that somebody else set. */
uint64_t backoff_spread_ms(uint64_t max_ms, uint64_t seed);

#endif
