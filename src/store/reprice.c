/*
 * reprice.c — looks at all rows in the order of their ids, and writes those whose cost is another.
 */
#include "store/reprice.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/query.h"
#include "store/rollup.h"

static const uint64_t pause_ns = UINT64_C(2) * 1000000;          /* between steps */
static const uint64_t retry_ns = UINT64_C(60) * 1000 * 1000000; /* after a failure */

/* One step's rows, as they are and as they should be. */
struct repricing {
    struct arena arena;
    struct repriced {
        struct record before, after;
    } rows[REPRICE_STEP_ROWS];
    size_t count, looked_at;
    struct uuid last;
};

void repricer_init(struct repricer *r, struct store *s, const struct prices *prices)
{
    *r = (struct repricer){.store = s, .reader = store_reader_new(s), .prices = prices};
}

void repricer_release(struct repricer *r)
{
    store_reader_free(r->reader);
    r->reader = NULL;
}

/* --- which prices were applied last --- */

static enum err are_applied(struct repricer *r, bool *out, struct fail *f)
{
    struct statement *q;
    uint64_t fingerprint = prices_fingerprint(r->prices);
    enum err err = database_prepare(&r->reader->db, "SELECT value FROM meta WHERE key = 'prices'",
                                    &q, f);
    if (err)
        return err;
    struct str value = statement_next(q, &err, f) ? column_str(q, 0) : STR_NONE;
    *out = value.len == sizeof fingerprint &&
           memcmp(value.ptr, &fingerprint, sizeof fingerprint) == 0;
    statement_free(q);
    return err;
}

static enum err note_applied(struct repricer *r, struct fail *f)
{
    struct store *s = r->store;
    struct statement *q;
    uint64_t fingerprint = prices_fingerprint(r->prices);
    uv_mutex_lock(&s->writing);
    enum err err = database_prepare(&s->db,
                                    "INSERT INTO meta (key, value) VALUES ('prices', ?)"
                                    " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                                    &q, f);
    if (!err) {
        bind_blob(q, 1, str_make(&fingerprint, sizeof fingerprint));
        err = statement_run(q, f);
        statement_free(q);
    }
    uv_mutex_unlock(&s->writing);
    return err;
}

/* --- which rows --- */

static void look_at(struct repricer *r, struct repricing *x, struct statement *q)
{
    struct repriced *row = &x->rows[x->count];
    reader_row(r->reader, q, &row->before);
    x->last = row->before.id;
    x->looked_at++;
    row->after = row->before;
    prices_cost(r->prices, &row->after);
    if (row->after.cost_usd_micro == row->before.cost_usd_micro &&
        row->after.flags == row->before.flags)
        return;
    record_keep(&row->before, &x->arena);
    struct record *after = &row->after;
    int64_t cost_usd_micro = after->cost_usd_micro;
    uint32_t flags = after->flags;
    *after = row->before;
    after->cost_usd_micro = cost_usd_micro;
    after->flags = flags;
    x->count++;
}

static enum err find_rows(struct repricer *r, struct repricing *x, struct fail *f)
{
    struct query q;
    query_init(&q, reader_select, r->reader, &(struct request_filter){0});
    if (r->has_begun)
        query_id(&q, " AND id > ?", &r->after);
    query_number(&q, " ORDER BY id LIMIT ?", REPRICE_STEP_ROWS);
    enum err err;
    while (query_next(&q, &err, f))
        look_at(r, x, q.rows);
    query_release(&q);
    return reader_end(r->reader, err, f);
}

/* --- writing --- */

/* Only a row that still is what was read: it may have been deleted, or another may be at it. */
static const char update_sql[] =
    "UPDATE requests SET cost_usd_micro = ?, flags = ? WHERE id = ?"
    " AND coalesce(cost_usd_micro, -1) = ? AND flags = ?";

/* One that has no sums yet will have those of its rows. */
static enum err write_conversation(struct store *s, const struct record *before,
                                   const struct record *after, struct fail *f)
{
    struct statement *q;
    if (before->conversation <= 0)
        return ERR_OK;
    enum err err = database_prepare(&s->db,
                                    "UPDATE conversations SET cost_usd_micro = cost_usd_micro + ?,"
                                    " unknown_cost_count = unknown_cost_count + ?"
                                    " WHERE conversation = ?", &q, f);
    if (err)
        return err;
    bind_number(q, 1, MAX_OF(after->cost_usd_micro, 0) - MAX_OF(before->cost_usd_micro, 0));
    bind_number(q, 2, (int64_t)((after->flags & RECORD_COST_UNKNOWN) != 0) -
                          (int64_t)((before->flags & RECORD_COST_UNKNOWN) != 0));
    bind_number(q, 3, before->conversation);
    err = statement_run(q, f);
    statement_free(q);
    return err;
}

static enum err write_row(struct store *s, struct statement *q, const struct repriced *row,
                          bool *is_written, struct fail *f)
{
    const struct record *before = &row->before, *after = &row->after;
    if (after->cost_usd_micro == UNKNOWN)
        bind_null(q, 1);
    else
        bind_number(q, 1, after->cost_usd_micro);
    bind_number(q, 2, after->flags);
    bind_blob(q, 3, str_make(before->id.bytes, sizeof before->id.bytes));
    bind_number(q, 4, before->cost_usd_micro);
    bind_number(q, 5, before->flags);
    enum err err = statement_run(q, f);
    *is_written = !err && statement_changes(q) > 0;
    struct row_names names;
    if (!*is_written)
        return err;
    err = write_conversation(s, before, after, f);
    if (!err)
        err = rollup_names(s, before, &names, f);
    if (!err)
        err = rollup_subtract(s, before, &names, f);
    return err ? err : rollup_add(s, after, &names, false, f);
}

static enum err write_rows(struct store *s, const struct repricing *x, int64_t *changed,
                           struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&s->db, update_sql, &q, f);
    for (size_t i = 0; i < x->count && !err; i++) {
        bool is_written;
        err = write_row(s, q, &x->rows[i], &is_written, f);
        *changed += is_written;
    }
    statement_free(q);
    return err ? err : rollup_write(s, f);
}

static enum err write_all(struct repricer *r, const struct repricing *x, struct fail *f)
{
    struct store *s = r->store;
    int64_t changed = 0;
    uv_mutex_lock(&s->writing);
    enum err err = database_begin(&s->db, f);
    if (!err)
        err = write_rows(s, x, &changed, f);
    if (!err)
        err = database_commit(&s->db, f);
    if (err)
        commit_undo(s);
    else
        r->changed += changed;
    s->needs_maintenance = true;
    uv_mutex_unlock(&s->writing);
    return err;
}

/* --- steps --- */

static enum err next_rows(struct repricer *r, bool *more, struct fail *f)
{
    struct repricing *x = MEM_NEW(struct repricing);
    arena_init(&x->arena);
    enum err err = find_rows(r, x, f);
    if (!err && x->count)
        err = write_all(r, x, f);
    if (!err && x->looked_at) {
        r->after = x->last;
        r->has_begun = true;
        r->looked_at += (int64_t)x->looked_at;
    }
    *more = x->looked_at == REPRICE_STEP_ROWS;
    arena_release(&x->arena);
    free(x);
    return err;
}

static enum err step(struct repricer *r, bool *more, struct fail *f)
{
    bool are_known = false;
    *more = false;
    enum err err = reader_begin(r->reader, f);
    if (!err && !r->has_begun)
        err = are_applied(r, &are_known, f);
    r->is_over |= are_known;
    if (err || r->is_over)
        return err;
    err = next_rows(r, more, f);
    if (err || *more)
        return err;
    if (r->changed)
        log_line(LOG_INFO, "prices have changed: what was recorded before is priced anew",
                 LOG_N("requests", r->looked_at), LOG_N("changed", r->changed));
    err = note_applied(r, f);
    r->is_over = !err;
    return err;
}

uint64_t repricer_step(struct repricer *r)
{
    bool more;
    struct fail f = {0};
    enum err err = step(r, &more, &f);
    if (!err)
        return more ? pause_ns : UINT64_MAX;
    if (err != ERR_DATABASE_AWAY)
        log_line(LOG_WARN, "pricing what was recorded before failed", LOG_C("cause", f.detail));
    return retry_ns;
}
