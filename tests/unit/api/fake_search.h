/*
 * fake_search.h — no search: for tests whose store is made of a few rows.
 */
#ifndef TESTS_API_FAKE_SEARCH_H
#define TESTS_API_FAKE_SEARCH_H

#include "store/search.h"

enum err search_find(struct search *x, struct store_reader *r, const struct search_ask *ask,
                     struct arena *arena, search_hit_fn *on_hit, void *owner,
                     struct search_end *end, struct fail *f)
{
    (void)x, (void)r, (void)ask, (void)arena, (void)on_hit, (void)owner, (void)end;
    return fail(f, ERR_INTERNAL, "this test has no search");
}

enum err search_count(struct search *x, struct store_reader *r, struct search_counters *out,
                      struct fail *f)
{
    (void)x, (void)r, (void)out;
    return fail(f, ERR_INTERNAL, "this test has no search");
}

#endif
