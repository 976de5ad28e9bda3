/*
 * requests.c — reading requests: lists, one with its detail, its bodies.
 */
#include "base/clock.h"
#include "record/detail.h"
#include "record/stream_fold.h"
#include "store/days.h"

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

struct listing {
    struct store_reader *r;
    const struct request_filter *filter;
    struct uuid before; /* all zeros: from the newest on */
    int left;
    store_row_fn *on_row;
    void *owner;
};

static bool has_begun(const struct listing *l)
{
    static const struct uuid none;
    return !uuid_equal(&l->before, &none);
}

/* Ids in [low, high); NULL: no such bound. */
static enum err list_some(struct listing *l, const struct uuid *low, const struct uuid *high,
                          struct fail *f)
{
    struct query q;
    query_init(&q, reader_select, l->r, l->filter);
    if (has_begun(l))
        query_id(&q, " AND id < ?", &l->before);
    if (low)
        query_id(&q, " AND id >= ?", low);
    if (high)
        query_id(&q, " AND id < ?", high);
    query_number(&q, " ORDER BY id DESC LIMIT ?", l->left);
    enum err err;
    while (query_next(&q, &err, f)) {
        struct record row;
        reader_row(l->r, q.rows, &row);
        l->before = row.id;
        l->on_row(&row, l->owner);
        l->left--;
    }
    query_release(&q);
    return err || !l->r->name_err ? err : fail(f, l->r->name_err, "a name could not be read");
}

/* An id's first 48 bits are its time in milliseconds (RFC 9562, section 5.7). */
static int64_t ms_of(const struct uuid *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms;
}

/* --- by the days that there is anything on --- */

static enum err list_days(struct listing *l, struct fail *f)
{
    struct day_runs runs;
    enum err err;
    int64_t before = INT64_MAX, sure = INT64_MAX;
    if (has_begun(l)) { /* an id's time and the row's may differ a little */
        before = ms_of(&l->before) / (us_per_hour / 1000) + 2;
        sure = before - 3;
    }
    if (l->filter->end_us) {
        before = MIN_OF(before, l->filter->end_us / us_per_hour + 1);
        sure = MIN_OF(sure, before - 1);
    }
    do {
        err = days_find(l->r, l->filter, before, sure, l->left, &runs, f);
        for (size_t i = 0; i < runs.count && l->left && !err; i++) {
            const struct day_run *run = &runs.list[i];
            struct uuid low = uuid_floor(MAX_OF(run->start * us_per_hour - QUERY_ID_SLACK_US, 0));
            struct uuid high = uuid_floor(run->end * us_per_hour + QUERY_ID_SLACK_US);
            err = list_some(l, &low, &high, f);
        }
        before = runs.from;
    } while (!err && l->left && runs.from); /* fewer than the sums made us think */
    return err;
}

/* --- by looking at rows, a slice of time after the other --- */

/* Neither sums nor an index tell where there is something. */
static bool must_look(const struct request_filter *f)
{
    bool is_one_agent = f->agent_id.len && !str_equal(f->agent_id, STR("main")) &&
                        !str_equal(f->agent_id, STR("sub"));
    return (f->class.len || f->route.len || f->q.len || f->tool.len || is_one_agent) &&
           !f->session_id.len;
}

/* What an id's time is, for the rows that a list may look at. */
struct extent {
    int64_t oldest_us, end_us;
};

static int64_t us_of_column(struct statement *q, int column)
{
    struct uuid id;
    struct str bytes = column_str(q, column);
    if (column_is_null(q, column))
        return 0;
    assert(bytes.len == sizeof id.bytes);
    memcpy(id.bytes, bytes.ptr, sizeof id.bytes);
    return ms_of(&id) * 1000;
}

/* The times of the oldest and the newest row; 0 when there is none. */
static enum err times_of_ends(struct store_reader *r, struct extent *out, struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&r->db, "SELECT (SELECT id FROM requests ORDER BY id LIMIT 1),"
                                            " (SELECT id FROM requests ORDER BY id DESC LIMIT 1)",
                                    &q, f);
    if (err)
        return err;
    if (statement_next(q, &err, f))
        *out = (struct extent){us_of_column(q, 0), us_of_column(q, 1)};
    statement_free(q);
    return err;
}

static enum err find_extent(const struct listing *l, struct extent *out, struct fail *f)
{
    const struct request_filter *filter = l->filter;
    enum err err = times_of_ends(l->r, out, f);
    if (has_begun(l))
        out->end_us = ms_of(&l->before) * 1000;
    if (err)
        return err;
    if (filter->end_us)
        out->end_us = MIN_OF(out->end_us, filter->end_us + QUERY_ID_SLACK_US);
    if (filter->start_us)
        out->oldest_us = MAX_OF(out->oldest_us, filter->start_us - QUERY_ID_SLACK_US);
    out->end_us += 1000; /* an id's time has milliseconds: the one it ends with belongs to it */
    return ERR_OK;
}

/* There may be a row a day, or thousands a second: so that a slice takes some ten milliseconds. */
static int64_t next_size(int64_t size_us, uint64_t took_ns)
{
    static const uint64_t tiny_ns = 5000000, short_ns = 25000000, long_ns = 100000000;
    if (took_ns < short_ns)
        return size_us * (took_ns < tiny_ns ? 8 : 2);
    return took_ns > long_ns ? MAX_OF(size_us / 2, (int64_t)1000000) : size_us;
}

static enum err list_slices(struct listing *l, struct uuid *stopped, struct fail *f)
{
    struct extent x = {0};
    enum err err = find_extent(l, &x, f);
    uint64_t begun_ns = clock_mono_ns();
    int64_t size_us = us_per_hour;
    while (!err && l->left && x.end_us > x.oldest_us) {
        uint64_t slice_ns = clock_mono_ns();
        if (!l->r->is_patient && slice_ns - begun_ns > STORE_LIST_MS * UINT64_C(1000000)) {
            *stopped = uuid_floor(x.end_us);
            break;
        }
        struct uuid low = uuid_floor(MAX_OF(x.end_us - size_us, 0)), high = uuid_floor(x.end_us);
        err = list_some(l, &low, &high, f);
        x.end_us -= size_us;
        size_us = next_size(size_us, clock_mono_ns() - slice_ns);
    }
    return err;
}

static enum err list(struct listing *l, struct uuid *stopped, struct fail *f)
{
    enum err err = reader_begin(l->r, f);
    if (err)
        return err;
    if (days_are_known(l->filter))
        return list_days(l, f);
    return stopped && must_look(l->filter) ? list_slices(l, stopped, f)
                                           : list_some(l, NULL, NULL, f);
}

enum err store_list(struct store_reader *r, const struct request_filter *filter,
                    const struct uuid *before, int limit, store_row_fn *on_row, void *owner,
                    struct fail *f)
{
    return store_list_a_while(r, filter, before, limit, on_row, owner, NULL, f);
}

enum err store_list_a_while(struct store_reader *r, const struct request_filter *filter,
                            const struct uuid *before, int limit, store_row_fn *on_row,
                            void *owner, struct uuid *stopped, struct fail *f)
{
    struct listing l = {r, filter, before ? *before : (struct uuid){{0}},
                        MIN_OF(limit, (int)FILTER_LIMIT_MAX), on_row, owner};
    if (stopped)
        *stopped = (struct uuid){{0}};
    return list(&l, stopped, f);
}

/* Strings of the row go to `arena`. */
static enum err read_one(struct store_reader *r, const struct uuid *id, struct arena *arena,
                         struct record *row, struct piece_at *detail, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct query q;
    query_begin(&q, r, STR_NONE);
    query_add(&q, reader_select);
    query_id(&q, " WHERE id = ?", id);
    bool is_found = query_next(&q, &err, f);
    if (is_found) {
        int at = READER_COLUMNS;
        reader_row(r, q.rows, row);
        record_keep(row, arena);
        *detail = (struct piece_at){(uint64_t)column_number(q.rows, at),
                                    (uint32_t)column_number(q.rows, at + 1),
                                    (uint32_t)column_number(q.rows, at + 2)};
    }
    query_release(&q);
    return err ? err : is_found ? ERR_OK : ERR_NOT_FOUND;
}

enum err reader_detail(struct store_reader *r, struct piece_at at, struct arena *arena,
                            struct detail *d, struct fail *f)
{
    struct buf bytes;
    buf_init(&bytes, BLOCK_RAW_MAX);
    enum err err = reader_load(r, at, &bytes);
    if (!err)
        err = detail_read(buf_str(&bytes), at.block, arena, d);
    buf_release(&bytes);
    return err ? fail(f, err, "the details in block %llu cannot be read",
                      (unsigned long long)at.block)
               : ERR_OK;
}

enum err store_get(struct store_reader *r, const struct uuid *id, struct arena *arena,
                   struct record *row, struct record_detail *detail, struct fail *f)
{
    struct piece_at at;
    enum err err = read_one(r, id, arena, row, &at, f);
    if (err || !detail)
        return err;
    struct detail d;
    err = reader_detail(r, at, arena, &d, f);
    if (err == ERR_GONE) {
        *detail = (struct record_detail){0};
        return ERR_OK;
    }
    if (err)
        return err;
    *detail = d.facts;
    detail_release(&d);
    return ERR_OK;
}

enum err reader_load_all(struct store_reader *r, const struct recipe *from, struct buf *out)
{
    enum err err = buf_reserve(out, from->bytes);
    for (size_t i = 0; i < from->count && !err; i++)
        err = reader_load(r, from->list[i], out);
    return err;
}

enum err reader_answer(struct store_reader *r, const struct detail *d, struct buf *out)
{
    struct buf folded;
    if (!d->is_folded)
        return reader_load_all(r, &d->response, out);
    buf_init(&folded, out->ceiling);
    enum err err = reader_load_all(r, &d->response, &folded);
    if (!err)
        err = stream_unfold(buf_str(&folded), d->facts.timeline, d->facts.timeline_len, out);
    buf_release(&folded);
    return err;
}

/* A body that is not what was recorded is damage, whatever else went right. */
static enum err check_hash(struct str body, const uint8_t want[16], struct fail *f)
{
    uint8_t got[16];
    body_hash(body, got);
    return memcmp(got, want, 16) == 0 ? ERR_OK
                                      : fail(f, ERR_CORRUPT, "the stored body is damaged");
}

enum err store_body(struct store_reader *r, const struct uuid *id, enum body_side side,
                    struct buf *out, struct fail *f)
{
    struct arena arena;
    struct record row;
    struct piece_at at;
    struct detail d = {0};
    struct recipe request;
    size_t before = out->len;
    arena_init(&arena);
    recipe_init(&request);
    enum err err = read_one(r, id, &arena, &row, &at, f);
    if (!err)
        err = reader_detail(r, at, &arena, &d, f);
    if (!err && side == BODY_REQUEST && d.request.len)
        err = recipe_read(d.request, reader_load, r, &request);
    if (!err)
        err = side == BODY_REQUEST ? reader_load_all(r, &request, out) : reader_answer(r, &d, out);
    if (!err)
        err = check_hash(str_make(out->ptr + before, out->len - before),
                         side == BODY_REQUEST ? d.facts.request_hash : d.facts.response_hash, f);
    if (err == ERR_CORRUPT) /* whichever block it is, it is not behind the one that holds this */
        reader_leave_behind(r, at.block);
    if (err) {
        out->len = before;
        fail(f, err, "the body cannot be read");
    }
    detail_release(&d);
    recipe_release(&request);
    arena_release(&arena);
    return err;
}
