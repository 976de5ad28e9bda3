/*
 * learned.h — what refusals and counts have taught about endpoints, kept between exchanges: quirks
 * and the token factor, by base URL and model. In memory.
 *
 * Not for several threads at once: the caller locks, or has one for each.
 */
#ifndef DIALECT_LEARNED_H
#define DIALECT_LEARNED_H

#include "dialect/quirks.h"

enum {
    LEARNED_MAX = 512,      /* endpoints; past it the one that was not asked for longest goes */
    LEARNED_KEY_MAX = 1024  /* bytes of base URL and model; longer ones are not kept */
};

struct learned_entry;

struct learned {
    struct learned_entry *entries;
    size_t count, cap;
    uint64_t clock; /* counts questions, for their age */
};

void learned_init(struct learned *l);
void learned_release(struct learned *l);

/* Adds to `q` what was learned about this endpoint; the factor, or 0 where none was. */
double learned_apply(struct learned *l, struct str base_url, struct str model, struct quirks *q);
/* After an exchange: `q` as translation_quirks() has it, `factor` as translation_token_factor(). */
void learned_keep(struct learned *l, struct str base_url, struct str model, const struct quirks *q,
                  double factor);

#endif
