/*
 * walk.h — all rows that a filter lets through, a page at a time, oldest first: for exports.
 */
#ifndef STORE_WALK_H
#define STORE_WALK_H

#include "store/store.h"

/* Oldest first: rows with id > *after (when not NULL) and id <= *until. At most FILTER_LIMIT_MAX. */
enum err store_walk(struct store_reader *r, const struct request_filter *filter,
                    const struct uuid *after, const struct uuid *until, int limit,
                    store_row_fn *on_row, void *owner, struct fail *f) MUST_CHECK;
/* The id of the newest row that the filter lets through. ERR_NOT_FOUND when there is none. */
enum err store_newest(struct store_reader *r, const struct request_filter *filter,
                      struct uuid *newest, struct fail *f) MUST_CHECK;

#endif
