/*
 * walk.c — all rows that a filter lets through, a page at a time, oldest first.
 */
#include "store/walk.h"

#include "store/query.h"

enum err store_walk(struct store_reader *r, const struct request_filter *filter,
                    const struct uuid *after, const struct uuid *until, int limit,
                    store_row_fn *on_row, void *owner, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct query q;
    query_init(&q, reader_select, r, filter);
    if (after)
        query_id(&q, " AND id > ?", after);
    query_id(&q, " AND id <= ?", until);
    query_number(&q, " ORDER BY id LIMIT ?", MIN_OF(limit, FILTER_LIMIT_MAX));
    while (query_next(&q, &err, f)) {
        struct record row;
        reader_row(r, q.rows, &row);
        on_row(&row, owner);
    }
    query_release(&q);
    return reader_end(r, err, f);
}

struct newest {
    struct uuid id;
    bool is_found;
};

static void note_newest(const struct record *row, void *owner)
{
    *(struct newest *)owner = (struct newest){row->id, true};
}

enum err store_newest(struct store_reader *r, const struct request_filter *filter,
                      struct uuid *newest, struct fail *f)
{
    struct newest found = {.is_found = false};
    enum err err = store_list(r, filter, NULL, 1, note_newest, &found, f);
    *newest = found.id;
    return err ? err : found.is_found ? ERR_OK : ERR_NOT_FOUND;
}
