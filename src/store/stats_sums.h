/*
 * stats_sums.h — cells of the statistics added up in several ways at once.
 */
#ifndef STORE_STATS_SUMS_H
#define STORE_STATS_SUMS_H

#include "store/cell.h"
#include "store/reader.h"
#include "store/rollup.h"

enum { GROUPS_MAX = 1000 /* of one division; the rest is summed as "(other)" */ };

struct group {
    int64_t key; /* a name, a state, an hour or a day */
    struct cell cell;
};

struct groups {
    struct group **list; /* each malloc'ed */
    size_t count;
    uint32_t *slots; /* by key: index + 1; 0: empty */
};

struct stats_sums {
    struct store_reader *reader;
    unsigned divisions; /* 1 << STATS_… */
    int64_t tz_hours;   /* a day begins so many hours before UTC's */
    store_stats_fn *on_row;
    void *owner;
    struct cell total;
    struct groups groups[STATS_DIVISIONS];
    struct group *period; /* of the hour or day being added up; NULL: none */
};

void stats_sums_init(struct stats_sums *s, struct store_reader *r, const struct stats_ask *ask,
                     store_stats_fn *on_row, void *owner);
void stats_sums_release(struct stats_sums *s);
/* Cells in the order of their hours. */
void stats_sums_add(struct stats_sums *s, const struct cell_key *key, int64_t hour,
                    const struct cell_entries *cell);
void stats_sums_tell(struct stats_sums *s); /* calls on_row for all */

#endif
