/*
 * no_keeping.h — a store from which nothing can be deleted, for tests that do not try;
 * test_api_delete.c asks a real one.
 */
#ifndef TESTS_NO_KEEPING_H
#define TESTS_NO_KEEPING_H

#include "store/erase.h"
#include "store/reach.h"

void eraser_init(struct eraser *e, struct store *s, struct search *search, struct store_reader *r,
                 enum erase_marks marks)
{
    *e = (struct eraser){.store = s, .search = search, .reader = r, .marks = marks};
}

enum err eraser_step(struct eraser *e, const struct request_filter *filter,
                     const struct uuid *until, int limit, bool *more, struct fail *f)
{
    (void)e, (void)filter, (void)until, (void)limit, (void)more;
    return fail(f, ERR_INTERNAL, "this test deletes nothing");
}

enum err eraser_one(struct eraser *e, const struct uuid *id, struct fail *f)
{
    return eraser_step(e, NULL, id, 0, NULL, f);
}

enum err store_reach(struct store_reader *r, struct store_reach *out, struct fail *f)
{
    (void)r, (void)out;
    return fail(f, ERR_INTERNAL, "this test does not ask");
}

#endif
