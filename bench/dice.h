/*
 * dice.h — seeded randomness for the bench: the same seed gives the same bytes everywhere.
 */
#ifndef BENCH_DICE_H
#define BENCH_DICE_H

#include <stdint.h>

struct dice {
    uint64_t state;
};

/* splitmix64 (Steele, Lea, Flood 2014): one multiply chain, no bad seeds. */
static inline uint64_t dice_roll(struct dice *d)
{
    uint64_t z = (d->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 … below-1; `below` under 2^32. The bias is under 2^-32 × below. */
static inline uint32_t dice_below(struct dice *d, uint32_t below)
{
    return (uint32_t)(((dice_roll(d) >> 32) * below) >> 32);
}

static inline uint32_t dice_between(struct dice *d, uint32_t low, uint32_t high)
{
    return low + dice_below(d, high - low + 1);
}

/* Small numbers far more often than large ones, as words are used. */
static inline uint32_t dice_skewed(struct dice *d, uint32_t below)
{
    uint64_t r = dice_roll(d);
    uint64_t a = r & 0xffff, b = (r >> 16) & 0xffff, c = (r >> 32) & 0xffff;

    return (uint32_t)((((a * b) >> 16) * c >> 16) * below >> 16);
}

/* Above 0, up to 1. */
static inline double dice_unit(struct dice *d)
{
    return ((double)(dice_roll(d) >> 11) + 1.0) / 9007199254740992.0;
}

#endif
