/*
 * names_sweep.h — titles and error messages that no row has any more are deleted.
 *
 * Names that are looked for (models, sessions, paths) stay: a new row may find them at any time.
 */
#ifndef STORE_NAMES_SWEEP_H
#define STORE_NAMES_SWEEP_H

#include "store/reader.h"

enum { NAMES_SWEEP_ROWS = 2000 /* in one step */ };

struct names_sweep {
    bool is_under_way;
    int64_t limit;   /* names from this one on are younger than the sweep */
    uint8_t *used;   /* a bit for each name before the limit */
    size_t column;   /* being looked at; then the names themselves */
    struct uuid after;
    int64_t after_number;
};

/* The chores' thread: a step of it; the first one begins it. False in `*more`: it is done. */
enum err names_sweep_step(struct names_sweep *n, struct store *s, struct store_reader *r,
                          bool *more, struct fail *f) MUST_CHECK;
void names_sweep_release(struct names_sweep *n);

#endif
