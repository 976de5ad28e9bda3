/*
 * conversation_sums.h — a batch's sums by conversation, so that each is written once.
 *
 * A conversation of one request costs nothing: it is entered, from its rows, when it goes on.
 */
#ifndef STORE_CONVERSATION_SUMS_H
#define STORE_CONVERSATION_SUMS_H

#include "store/rollup.h"

struct conversation_sums;

/* `*sums` is made when it is NULL. */
void conversation_sum_add(struct conversation_sums **sums, const struct record *r,
                          const struct row_names *names);
/* After the batch's requests have been written; then forgets all. */
enum err conversation_sums_write(struct store *s, struct fail *f) MUST_CHECK;
/* NULL is fine in these two. */
void conversation_sums_clear(struct conversation_sums *sums);
void conversation_sums_free(struct conversation_sums *sums);

#endif
