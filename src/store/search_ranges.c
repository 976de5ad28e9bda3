/*
 * search_ranges.c — in which order the store's rows are read for the search index.
 *
 * Rows are followed by where their details are, which is the order they were committed in as long
 * as one process gives block numbers. Where several proxies write to one database each has ranges
 * of numbers for itself, and each range is followed by itself.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/search_private.h"

/* A range whose writer has had another one for so long gets no rows any more. */
static const int64_t done_after_us = INT64_C(86400) * 1000000;

const char search_after_cursor[] =
    "(detail_block, detail_offset) > (?, ?) AND detail_block < ?";

void search_bind_cursor(const struct search *x, struct statement *q, int at,
                        const struct search_cursor *c)
{
    int bits = x->store->engine->range_bits;
    bind_number(q, at, (int64_t)c->block);
    bind_number(q, at + 1, c->offset);
    bind_number(q, at + 2, bits ? c->range + (INT64_C(1) << bits) : INT64_MAX);
}

static struct search_cursor *find(struct search *x, int64_t range)
{
    for (size_t i = x->cursor_count; i-- > 0;)
        if (x->cursors[i].range == range)
            return &x->cursors[i];
    return NULL;
}

static void add(struct search *x, int64_t range)
{
    x->cursors = mem_resize(x->cursors, (x->cursor_count + 1) * sizeof *x->cursors);
    x->cursors[x->cursor_count++] = (struct search_cursor){
        .range = range, .block = range ? (uint64_t)range - 1 : 0, .offset = range ? UINT32_MAX : 0};
}

/* Its writer has another one, and all of it has been read. */
static enum err finish(struct search *x, struct search_cursor *c, struct fail *f)
{
    static const char sql[] = "SELECT detail_block FROM requests WHERE (detail_block,"
                              " detail_offset) > (?, ?) AND detail_block < ? LIMIT 1";
    struct statement *q;
    enum err err = database_prepare(&x->reader->db, sql, &q, f);
    if (err)
        return err;
    search_bind_cursor(x, q, 1, c);
    bool has_more = statement_next(q, &err, f);
    statement_free(q);
    if (err || has_more)
        return err;
    c->is_done = true;
    err = search_file_begin(&x->current, f);
    x->current.cursor = *c;
    return err ? err : search_file_commit(&x->current, f);
}

static enum err take_range(struct search *x, int64_t range, bool has_successor, struct fail *f)
{
    struct search_cursor *c = find(x, range);
    if (!c) {
        uv_mutex_lock(&x->listing);
        add(x, range);
        uv_mutex_unlock(&x->listing);
        return ERR_OK;
    }
    return has_successor && !c->is_done ? finish(x, c, f) : ERR_OK;
}

enum err search_learn_ranges(struct search *x, struct fail *f)
{
    static const char sql[] =
        "SELECT w.first_block, CASE WHEN EXISTS (SELECT 1 FROM writers n WHERE n.node = w.node"
        " AND n.first_block > w.first_block AND n.taken_us < ?) THEN 1 ELSE 0 END"
        " FROM writers w ORDER BY w.first_block";
    struct statement *q;
    if (!x->store->engine->range_bits)
        return x->cursor_count ? ERR_OK : take_range(x, 0, false, f);
    enum err err = reader_begin(x->reader, f);
    if (!err)
        err = database_prepare(&x->reader->db, sql, &q, f);
    if (err)
        return err;
    bind_number(q, 1, clock_wall_us() - done_after_us);
    while (!err && statement_next(q, &err, f))
        err = take_range(x, column_number(q, 0), column_number(q, 1) != 0, f);
    statement_free(q);
    return err;
}
