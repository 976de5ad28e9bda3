/*
 * rollup_cells.h — the table of cells, written by the process that owns them.
 */
#ifndef STORE_ROLLUP_CELLS_H
#define STORE_ROLLUP_CELLS_H

#include "store/rollup.h"

/* An open cell. */
struct rollup {
    struct cell_key key; /* of the hour's */
    struct cell cell;
    bool is_changed, is_written; /* since the last commit; at all */
};

/* All open cells of this process that the table has. */
enum err rollup_cells_load(struct store *s, struct fail *f) MUST_CHECK;
/* To the table. */
enum err rollup_cells_write(struct store *s, struct rollup *sum, struct fail *f) MUST_CHECK;
/* To its cell of every span; it is open no longer. */
enum err rollup_cells_fold(struct store *s, const struct rollup *sum, struct fail *f) MUST_CHECK;
void rollup_cells_forget(struct store *s);
void rollup_cells_release(struct store *s);

#endif
