/*
 * writing.h — what the writers of requests hand from function to function.
 */
#ifndef DIALECT_WRITING_H
#define DIALECT_WRITING_H

#include "dialect/json_writer.h"
#include "dialect/language.h"

struct writing {
    const struct asking *a;
    struct neutral *n;
    const struct quirks *q;
    struct json_writer *w;
};

static inline bool has(const struct writing *x, enum quirk flag)
{
    return quirks_have(x->q, flag);
}

#endif
