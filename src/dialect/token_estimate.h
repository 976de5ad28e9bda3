/*
 * token_estimate.h — how many tokens a request has, without anybody's tokenizer: by kinds of bytes.
 * Meant to be corrected by a factor learned from what providers count.
 */
#ifndef DIALECT_TOKEN_ESTIMATE_H
#define DIALECT_TOKEN_ESTIMATE_H

#include "dialect/neutral.h"

enum { TOKENS_PER_IMAGE = 1600 /* where its size is unknown, and at most */ };

/* At least 1. */
int64_t token_estimate(const struct neutral *n);
int64_t token_estimate_text(struct str text);

#endif
