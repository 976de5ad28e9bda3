/*
 * rollup_cells.h — the table of cells, written by the process that owns them.
 */
#ifndef STORE_ROLLUP_CELLS_H
#define STORE_ROLLUP_CELLS_H

#include "store/rollup.h"

/* An hour's cell, to be added to those of the table. */
struct rollup {
    struct cell_key key;
    struct cell cell;
};

/* To its hour's, its day's and its month's cell, and its hour's total. */
enum err rollup_cells_write(struct store *s, const struct rollup *sum, struct fail *f) MUST_CHECK;
void rollup_cells_forget(struct store *s);

#endif
