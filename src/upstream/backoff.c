/*
 * backoff.c — doubling, with a spread.
 */
#include "upstream/backoff.h"

uint64_t backoff_spread_ms(uint64_t max_ms, uint64_t seed)
{
    return (seed * UINT64_C(0x9E3779B97F4A7C15) >> 33) % (max_ms + 1);
}

uint64_t backoff_ms(int number, uint64_t seed)
{
    assert(number >= 1);
    uint64_t whole_ms = BACKOFF_FIRST_MS;
    for (int i = 1; i < number && whole_ms < BACKOFF_MAX_MS; i++)
        whole_ms *= 2;
    whole_ms = MIN_OF(whole_ms, (uint64_t)BACKOFF_MAX_MS);
    return whole_ms / 2 + backoff_spread_ms(whole_ms - whole_ms / 2, seed);
}
