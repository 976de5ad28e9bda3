/*
 * pace.h — when a chore that can wait should: while much is recorded, it gets a fiftieth of the time.
 *
 * The full-text index takes three times the CPU of recording itself. On a machine that is short of
 * processors its thread would be in the relay's way whenever it runs.
 */
#ifndef INDEX_PACE_H
#define INDEX_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_LOOK_MS = 100,     /* the rate is that of at least so long */
    PACE_BUSY_PER_S = 500,  /* exchanges; a hundred people at work make some ten */
    PACE_BUSY_EVERY_MS = 5000 /* a step in so long, however busy it is */
};

struct pace {
    uint64_t looked_ns, stepped_ns;
    uint64_t exchanges; /* when it was looked */
    bool is_busy;
};

/* May the next step be made now? `exchanges`: recorded since the start. */
bool pace_allows(struct pace *p, uint64_t exchanges, uint64_t now_ns);

#endif
