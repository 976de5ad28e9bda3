/*
 * keeping.c — how old things leave the store, a small step at a time.
 */
#include "store/keeping.h"

#include "base/clock.h"
#include "store/store_private.h"

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

/* --- what rows need --- */

static enum err write_span(struct store *s, int64_t hour, const struct batch_row *row,
                           struct fail *f)
{
    struct statement *q = s->statements[WRITE_SPAN];
    int64_t block = (int64_t)row->detail.block;
    bind_number(q, 1, hour);
    bind_number(q, 2, block);
    bind_number(q, 3, block);
    bind_number(q, 4, row->oldest_block ? (int64_t)row->oldest_block : block);
    return statement_queue(q, NULL, f);
}

enum err spans_write(struct store *s, const struct batch *b, struct fail *f)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < b->row_count && !err;) {
        int64_t hour = b->rows[i].record.started_us / us_per_hour;
        struct batch_row span = b->rows[i];
        uint64_t oldest = UINT64_MAX, last = 0;
        for (; i < b->row_count && b->rows[i].record.started_us / us_per_hour == hour; i++) {
            const struct batch_row *row = &b->rows[i];
            oldest = MIN_OF(oldest, row->oldest_block ? row->oldest_block : row->detail.block);
            last = MAX_OF(last, row->detail.block);
        }
        span.oldest_block = oldest;
        err = write_span(s, hour, &span, f);
        span.detail.block = last;
        if (!err)
            err = write_span(s, hour, &span, f);
    }
    return err;
}

void store_wipes(struct store *s, bool wipes)
{
    if (s->engine->wipe)
        s->engine->wipe(s, wipes);
}

void store_on_full(struct store *s, bool (*make_room)(void *owner), void *owner)
{
    s->make_room = make_room;
    s->room_owner = owner;
}

bool store_make_room(struct store *s)
{
    bool is_room = s->make_room && s->make_room(s->room_owner);
    uv_mutex_lock(&s->writing);
    if (is_room)
        s->room_made_ns = clock_mono_ns();
    if (s->engine->maintain)
        s->engine->maintain(s, false); /* a log that has been taken in gives room back too */
    uv_mutex_unlock(&s->writing);
    return is_room;
}

/* --- small questions --- */

static enum err number(struct store *s, const char *sql, int64_t bound, int64_t otherwise,
                       int64_t *out, struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&s->db, sql, &q, f);
    if (err)
        return err;
    *out = otherwise;
    bind_number(q, 1, bound);
    if (statement_next(q, &err, f) && !column_is_null(q, 0))
        *out = column_number(q, 0);
    statement_free(q);
    return err;
}

static enum err block_since(struct store *s, const char *sql, int64_t since_us, uint64_t *block,
                            struct fail *f)
{
    int64_t found;
    uv_mutex_lock(&s->writing);
    enum err err = number(s, sql, since_us / us_per_hour, (int64_t)s->next_block, &found, f);
    uv_mutex_unlock(&s->writing);
    *block = (uint64_t)found;
    return err;
}

enum err store_block_needed(struct store *s, int64_t since_us, uint64_t *block, struct fail *f)
{
    return block_since(s, "SELECT min(oldest_block) FROM spans WHERE hour >= ?", since_us, block,
                       f);
}

enum err store_block_written(struct store *s, int64_t since_us, uint64_t *block, struct fail *f)
{
    return block_since(s, "SELECT min(first_block) FROM spans WHERE hour >= ?", since_us, block,
                       f);
}

enum err store_bodies_since(struct store *s, int64_t *since_us, struct fail *f)
{
    int64_t hour;
    uv_mutex_lock(&s->writing);
    enum err err = number(s, "SELECT min(hour) FROM spans WHERE last_block >= (SELECT floor FROM"
                             " keeping) AND hour >= ?", INT64_MIN, 0, &hour, f);
    uv_mutex_unlock(&s->writing);
    *since_us = err ? 0 : hour * us_per_hour;
    return err;
}

uint64_t store_share_floor(struct store *s)
{
    return atomic_load_explicit(&s->share_floor, memory_order_acquire);
}

void store_raise_share_floor(struct store *s, uint64_t block)
{
    uint64_t now = store_share_floor(s);
    while (now < block && !atomic_compare_exchange_weak(&s->share_floor, &now, block))
        ;
}

enum err store_space(struct store *s, struct store_space *out, struct fail *f)
{
    static const char sql[] = "SELECT stored_bytes, blocks, requests, (SELECT floor FROM keeping)"
                              " FROM totals";
    struct statement *q;
    *out = (struct store_space){0};
    uv_mutex_lock(&s->writing);
    s->engine->space(s, &out->used_bytes, &out->free_bytes);
    enum err err = database_prepare(&s->db, sql, &q, f);
    if (err)
        goto out;
    if (statement_next(q, &err, f)) {
        out->stored_bytes = column_number(q, 0);
        out->blocks = column_number(q, 1);
        out->requests = column_number(q, 2);
        out->floor = (uint64_t)column_number(q, 3);
    }
    statement_free(q);
out:
    uv_mutex_unlock(&s->writing);
    return err;
}

/* --- blocks --- */

struct drop {
    int64_t end; /* blocks before this one go: a chain's first */
    int64_t blocks, bytes;
};

/* The newest place not behind `below` where a chain begins, the newest chain's at the latest. */
static enum err chain_border(struct store *s, uint64_t below, int64_t *border, struct fail *f)
{
    int64_t newest = 0, there;
    int64_t want = (int64_t)MIN_OF(below, (uint64_t)INT64_MAX);
    enum err err = number(s, "SELECT chain FROM blocks WHERE number <= ?"
                             " ORDER BY number DESC LIMIT 1", INT64_MAX, 0, &newest, f);
    if (!err)
        err = number(s, "SELECT chain FROM blocks WHERE number >= ? ORDER BY number LIMIT 1", want,
                     newest, &there, f);
    uint64_t others = UINT64_MAX;
    if (!err && s->engine->others_from)
        err = s->engine->others_from(s, KEEPING_OTHERS_HOURS, &others, f);
    newest = MIN_OF(newest, (int64_t)MIN_OF(others, (uint64_t)INT64_MAX));
    *border = err ? 0 : MIN_OF(MIN_OF(want, there), newest);
    return err;
}

/* Looks at DROP_BLOCKS_MAX blocks; the chain that these end in stays, unless nothing is behind it. */
static enum err plan_drop(struct store *s, int64_t border, int64_t bytes, struct drop *d,
                          struct fail *f)
{
    enum { DROP_BLOCKS_MAX = 4000 };
    struct statement *q;
    enum err err = database_prepare(&s->db, "SELECT number, chain, length(data) FROM blocks"
                                            " WHERE number < ? ORDER BY number LIMIT ?", &q, f);
    if (err)
        return err;
    bind_number(q, 1, border);
    bind_number(q, 2, DROP_BLOCKS_MAX);
    int64_t chain = -1, looked_at = 0;
    bool is_enough = false;
    struct drop whole = {0}; /* up to where the chain begins that is being looked at */
    *d = (struct drop){.end = border};
    while (statement_next(q, &err, f)) {
        if (column_number(q, 1) != chain) {
            whole = (struct drop){column_number(q, 0), d->blocks, d->bytes};
            is_enough = d->bytes >= bytes;
            if (is_enough)
                break;
        }
        chain = column_number(q, 1);
        d->blocks++;
        d->bytes += column_number(q, 2);
        looked_at++;
    }
    if (is_enough || looked_at == DROP_BLOCKS_MAX)
        *d = whole;
    statement_free(q);
    return err;
}

/* Blocks before the end are gone: says so. */
static enum err note_drop(struct store *s, const struct drop *d, struct fail *f)
{
    const int64_t end[] = {d->end, d->end}, sums[] = {d->blocks, d->bytes};
    enum err err = database_change(&s->db, "UPDATE keeping SET floor = ? WHERE floor < ?", end, 2,
                                   NULL, f);
    if (!err)
        err = database_change(&s->db,
                              "UPDATE totals SET blocks = blocks - ?, stored_bytes = stored_bytes - ?",
                              sums, 2, NULL, f);
    return err;
}

static enum err drop(struct store *s, const struct drop *d, struct fail *f)
{
    enum err err = database_change(&s->db, "DELETE FROM blocks WHERE number < ?", &d->end, 1, NULL,
                                   f);
    return err ? err : note_drop(s, d, f);
}

/* Others may be dropping too: one at a time. */
static enum err begin_drop(struct store *s, uint64_t below, int64_t *border, struct fail *f)
{
    enum err err = database_begin(&s->db, f);
    if (!err && s->engine->is_shared)
        err = database_change(&s->db, "UPDATE keeping SET floor = floor", NULL, 0, NULL, f);
    return err ? err : chain_border(s, below, border, f);
}

static enum err end_drop(struct store *s, const struct drop *d, enum err err, int64_t *bytes,
                         struct fail *f)
{
    if (!err)
        err = database_commit(&s->db, f);
    if (err)
        database_rollback(&s->db);
    else
        *bytes = d->bytes;
    s->needs_maintenance |= d->blocks > 0;
    return err;
}

enum err store_drop_file(struct store *s, uint64_t below, int64_t bytes, int64_t *dropped_bytes,
                         struct fail *f)
{
    struct drop d = {0};
    int64_t border;
    *dropped_bytes = 0;
    if (!s->engine->drop_file)
        return ERR_OK;
    uv_mutex_lock(&s->writing);
    enum err err = begin_drop(s, below, &border, f);
    if (!err)
        err = s->engine->drop_file(s, border, bytes, &d.end, &d.blocks, &d.bytes, f);
    if (!err && d.end)
        err = note_drop(s, &d, f);
    err = end_drop(s, &d, err, dropped_bytes, f);
    uv_mutex_unlock(&s->writing);
    return err;
}

enum err store_drop_blocks(struct store *s, uint64_t below, int64_t bytes, int64_t *dropped_bytes,
                           struct fail *f)
{
    struct drop d = {0};
    int64_t border;
    *dropped_bytes = 0;
    uv_mutex_lock(&s->writing);
    enum err err = begin_drop(s, below, &border, f);
    if (!err)
        err = plan_drop(s, border, bytes, &d, f);
    if (!err && d.blocks)
        err = drop(s, &d, f);
    err = end_drop(s, &d, err, dropped_bytes, f);
    uv_mutex_unlock(&s->writing);
    return err;
}

/* --- pieces --- */

/* The key some way on from `at`; false at the end. */
static bool next_border(struct store *s, const struct piece_cursor *at, struct piece_cursor *to,
                        enum err *err, struct fail *f)
{
    struct statement *q;
    *err = database_prepare(&s->db, "SELECT high, low, len FROM pieces WHERE (high, low, len) >"
                                    " (?, ?, ?) ORDER BY high, low, len LIMIT 1 OFFSET ?", &q, f);
    if (*err)
        return false;
    bind_number(q, 1, at->high);
    bind_number(q, 2, at->low);
    bind_number(q, 3, at->len);
    bind_number(q, 4, KEEPING_STEP_PIECES - 1);
    bool is_found = statement_next(q, err, f);
    *to = is_found ? (struct piece_cursor){column_number(q, 0), column_number(q, 1),
                                           column_number(q, 2)}
                   : (struct piece_cursor){INT64_MAX, INT64_MAX, INT64_MAX};
    statement_free(q);
    return is_found;
}

static enum err sweep(struct store *s, struct piece_cursor *at, bool *more, struct fail *f)
{
    struct piece_cursor to;
    enum err err;
    *more = next_border(s, at, &to, &err, f);
    if (err)
        return err;
    const int64_t range[] = {at->high, at->low, at->len, to.high, to.low, to.len};
    int64_t gone = 0;
    err = database_change(&s->db, "DELETE FROM pieces WHERE (high, low, len) > (?, ?, ?)"
                    " AND (high, low, len) <= (?, ?, ?) AND (block < (SELECT floor FROM keeping)"
                    " OR EXISTS (SELECT 1 FROM blocks b JOIN scrubs s ON s.chain = b.chain"
                    " WHERE b.number = pieces.block AND s.is_due = 1))",
                 range, COUNT_OF(range), &gone, f);
    if (!err && gone)
        err = database_change(&s->db, "UPDATE totals SET pieces = pieces - ?", &gone, 1, NULL, f);
    *at = to;
    return err;
}

enum err store_sweep_pieces(struct store *s, struct piece_cursor *at, bool *more, struct fail *f)
{
    struct piece_cursor before = *at;
    *more = false;
    uv_mutex_lock(&s->writing);
    enum err err = database_begin(&s->db, f);
    if (!err)
        err = sweep(s, at, more, f);
    if (!err)
        err = database_commit(&s->db, f);
    if (err) {
        database_rollback(&s->db);
        *at = before;
    }
    uv_mutex_unlock(&s->writing);
    return err;
}

/* --- space --- */

enum err store_shrink(struct store *s, int64_t keep_bytes, bool *more, struct fail *f)
{
    *more = false;
    if (!s->engine->shrink)
        return ERR_OK;
    uv_mutex_lock(&s->writing);
    enum err err = s->engine->shrink(s, KEEPING_STEP_PAGES, keep_bytes, more, f);
    if (!err && !*more && s->engine->maintain)
        s->engine->maintain(s, false); /* or the file has what was wiped until something is recorded */
    uv_mutex_unlock(&s->writing);
    return err;
}

enum err store_keeping_ran(struct store *s, int64_t *ran_us, struct fail *f)
{
    uv_mutex_lock(&s->writing);
    enum err err = number(s, "SELECT ran_us FROM keeping WHERE one = ?", 1, 0, ran_us, f);
    uv_mutex_unlock(&s->writing);
    return err;
}

enum err store_keeping_note(struct store *s, int64_t ran_us, struct fail *f)
{
    uv_mutex_lock(&s->writing);
    enum err err = database_change(&s->db, "UPDATE keeping SET ran_us = ?", &ran_us, 1, NULL, f);
    uv_mutex_unlock(&s->writing);
    return err;
}
