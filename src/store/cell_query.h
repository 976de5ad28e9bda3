/*
 * cell_query.h — the cells of the sums (rollup.h) that a filter lets through, as SQL.
 */
#ifndef STORE_CELL_QUERY_H
#define STORE_CELL_QUERY_H

#include "store/query.h"
#include "store/rollup.h"

/* Where only counts are wanted: what cell_read_count() reads of the data is in its first bytes. */
#define CELL_COUNT_COLUMNS "start, substr(data, 1, 10)"

/* "SELECT `columns` FROM rollups" with the filter's conditions, to be added to. Of the filter only what
 * cells are divided by counts: not its times, sessions, tools, routes and texts. */
void cell_query_begin(struct query *q, struct store_reader *r, const char *columns,
                      const struct request_filter *f, enum span span);

typedef void cell_query_fn(struct statement *row, void *owner);

/* What there is: calls on_open for the rows of `open`, and tells which the first and last hours are
 * that cells of `span` begin in; where there are none `*first` and `*last` stay. Both questions go to
 * a server at once. */
enum err cell_query_look_over(struct query *open, enum span span, cell_query_fn *on_open,
                              void *owner, int64_t *first, int64_t *last,
                              struct fail *f) MUST_CHECK;

#endif
