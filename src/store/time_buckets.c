/*
 * time_buckets.c — buckets that grow by the eighth root of two.
 */
#include "store/time_buckets.h"

enum { FIRST_OCTAVE = 6, LAST_OCTAVE = 37, STEPS = 8, POINT = 16 /* bits behind the point */ };

/* 2^(i/8) in 65536ths, rounded up: what is not below begins step i. */
static const uint32_t borders[STEPS] = {65536, 71468, 77936, 84990, 92682, 101071, 110218, 120194};

unsigned time_bucket_of(int64_t us)
{
    if (us < 1 << FIRST_OCTAVE)
        return 0;
    unsigned octave = 63u - (unsigned)__builtin_clzll((unsigned long long)us);
    if (octave > LAST_OCTAVE)
        return TIME_BUCKETS - 1;
    uint64_t part = octave > POINT ? (uint64_t)us >> (octave - POINT)
                                   : (uint64_t)us << (POINT - octave);
    unsigned step = 0;
    while (step + 1 < STEPS && part >= borders[step + 1])
        step++;
    return (octave - FIRST_OCTAVE) * STEPS + step;
}

int64_t time_bucket_low_us(unsigned at)
{
    if (!at)
        return 0;
    unsigned octave = FIRST_OCTAVE + at / STEPS;
    return (int64_t)(((uint64_t)borders[at % STEPS] << octave) >> POINT);
}

static int64_t middle_us(unsigned at)
{
    const uint64_t half_step = 68438; /* 2^(1/16) in 65536ths */
    unsigned octave = FIRST_OCTAVE + at / STEPS;
    uint64_t middle = borders[at % STEPS] * half_step >> POINT << octave;
    return (int64_t)((middle + (1 << (POINT - 1))) >> POINT);
}

int64_t time_percentile_us(const int64_t counts[TIME_BUCKETS], int64_t max_us, int per_mille)
{
    int64_t total = 0, seen = 0;
    for (unsigned i = 0; i < TIME_BUCKETS; i++)
        total += counts[i];
    if (total <= 0)
        return -1;
    int64_t rank = MAX_OF((total * per_mille + 999) / 1000, 1);
    for (unsigned i = 0; i < TIME_BUCKETS; i++) {
        seen += counts[i];
        if (seen >= rank)
            return MIN_OF(middle_us(i), max_us);
    }
    return -1;
}
