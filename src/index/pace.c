/*
 * pace.c — when a chore that can wait should.
 */
#include "index/pace.h"

static const uint64_t ms_ns = 1000000;

static void look(struct pace *p, uint64_t exchanges, uint64_t now_ns)
{
    uint64_t passed_ms = (now_ns - p->looked_ns) / ms_ns;
    if (passed_ms < PACE_LOOK_MS)
        return;
    p->is_busy = (exchanges - p->exchanges) * 1000 / passed_ms >= PACE_BUSY_PER_S;
    p->exchanges = exchanges;
    p->looked_ns = now_ns;
}

bool pace_allows(struct pace *p, uint64_t exchanges, uint64_t now_ns)
{
    look(p, exchanges, now_ns);
    if (p->is_busy && now_ns - p->stepped_ns < PACE_BUSY_EVERY_MS * ms_ns)
        return false;
    p->stepped_ns = now_ns;
    return true;
}
