/*
 * reach.c — how far back the store reaches, and what is still to be wiped out.
 */
#include "store/reach.h"

#include "store/reader.h"

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

enum err store_reach(struct store_reader *r, struct store_reach *out, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    out->engine = r->store->engine->name;
    out->oldest_us =
        database_number(&r->db, "SELECT started_us FROM requests ORDER BY id LIMIT 1", 0);
    int64_t hour = database_number(&r->db, "SELECT min(hour) FROM spans WHERE last_block >="
                                           " (SELECT floor FROM keeping)", 0);
    out->oldest_body_us = out->oldest_us ? MAX_OF(hour * us_per_hour, out->oldest_us) : 0;
    out->marked_chains = database_number(&r->db, "SELECT count(*) FROM scrubs", 0);
    return ERR_OK;
}

enum err store_reach_journal(struct store_reader *r, struct str node, struct buf *marks,
                             struct fail *f)
{
    struct statement *q = NULL;
    const struct engine *engine = r->store->engine;
    enum err err = reader_begin(r, f);
    if (!err)
        err = database_prepare(&r->db, engine->read_journal_marks, &q, f);
    if (!err && engine->is_shared)
        bind_text(q, 1, node);
    if (!err && statement_next(q, &err, f))
        err = buf_append(marks, column_str(q, 0));
    statement_free(q);
    return err;
}
