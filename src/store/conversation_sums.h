/*
 * conversation_sums.h — a batch's sums by conversation, so that each is written once.
 */
#ifndef STORE_CONVERSATION_SUMS_H
#define STORE_CONVERSATION_SUMS_H

#include "store/rollup.h"

struct conversation_sums;

/* `*sums` is made when it is NULL. */
void conversation_sum_add(struct conversation_sums **sums, const struct record *r,
                          const struct row_names *names);
/* Through WRITE_CONVERSATION; then forgets all. NULL is fine in these three. */
enum err conversation_sums_write(struct conversation_sums *sums, struct statement *q,
                                 struct fail *f) MUST_CHECK;
void conversation_sums_clear(struct conversation_sums *sums);
void conversation_sums_free(struct conversation_sums *sums);

#endif
