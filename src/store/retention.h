/*
 * retention.h — what grows too old or too large leaves the store by itself: bodies first, rows
 * later. When, how much and in which order; the steps are keeping.c's.
 *
 * A run removes at most a tenth of what there is (of few rows, a thousand). The wall clock is believed only as long as it
 * goes along with the monotonic one: after a jump nothing is removed for a day of running.
 */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

#include <uv.h>

#include "store/erase.h"
#include "store/keeping.h"

enum {
    RETENTION_RUN_S = 3600,     /* between runs */
    RETENTION_SOON_S = 60,      /* between looks at the size, and runs while there is too much */
    RETENTION_SHARE = 10,       /* a run removes at most one of so many */
    RETENTION_JUMP_S = 86400,   /* the clocks may differ by so much */
    RETENTION_AWAY_DAYS = 30,   /* so long a stop is believed */
    RETENTION_HOLD_S = 86400,   /* after a jump */
    RETENTION_SHARED_S = 86400, /* what is older is stored anew instead of being referred to */
};

struct retention_options {
    int64_t max_age_us;      /* of bodies, since the request began; 0: any */
    int64_t rows_max_age_us; /* likewise of rows, and so of bodies; 0: any */
    int64_t max_bytes;       /* of the database; 0: any */
};

enum retention_phase {
    RETENTION_RESTS, RETENTION_AGES, RETENTION_SHRINKS, RETENTION_SWEEPS, RETENTION_FORGETS,
    RETENTION_GIVES_BACK
};

struct retention_counts {
    uint64_t runs;
    uint64_t dropped_bytes, deleted_requests; /* since the start */
    int64_t ran_us;                           /* wall clock of the last run; 0: none yet */
    bool is_held;                             /* the clock has jumped */
};

struct retention {
    struct store *store;
    struct search *search; /* NULL: there is none */
    struct store_reader *reader;
    struct retention_options options;
    enum retention_phase phase;
    uint64_t next_ns;                 /* monotonic: of the next look */
    uint64_t run_ns;                  /* and of the next run by age */
    int64_t last_wall_us;             /* both clocks at the last look; 0: none yet */
    uint64_t last_mono_ns;
    uint64_t held_until_ns;           /* 0: not held */
    int64_t noted_us;                 /* wall clock: what the store was told of the last run */
    /* of the run under way */
    int64_t wall_us;
    uint64_t below;                   /* blocks that are too old */
    int64_t budget_bytes, budget_rows;
    int64_t excess_bytes;
    bool has_tried_file;              /* to drop blocks by the file: there is none that fits */
    struct piece_cursor pieces;
    struct eraser eraser;
    bool has_dropped, is_over;
    uv_mutex_t mutex;                 /* guards the counts */
    struct retention_counts counts;
};

/* `search` may be NULL. */
void retention_init(struct retention *r, struct store *s, struct search *search,
                    const struct retention_options *o);
void retention_release(struct retention *r);
/* The chores' thread: the next small step, at this time. Returns nanoseconds until it wants the
 * one after. */
uint64_t retention_step(struct retention *r, int64_t wall_us, uint64_t mono_ns);
/* Any thread. */
struct retention_counts retention_count(struct retention *r);

#endif
