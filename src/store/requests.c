/*
 * requests.c — reading requests: lists, one with its detail, its bodies.
 */
#include "base/clock.h"
#include "record/detail.h"
#include "record/stream_fold.h"
#include "store/days.h"

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

static const struct uuid none;

struct listing {
    struct store_reader *r;
    const struct request_filter *filter;
    struct uuid before; /* all zeros: from the newest on */
    int left;
    store_row_fn *on_row;
    void *owner;
    uint64_t until_ns;    /* whoever asks waits no longer; 0: as long as it takes */
    struct uuid *stopped; /* where it was not enough; NULL: it takes as long as it takes */
};

static bool has_begun(const struct listing *l)
{
    return !uuid_equal(&l->before, &none);
}

static bool has_stopped(const struct listing *l)
{
    return l->stopped && !uuid_equal(l->stopped, &none);
}

static enum err take_rows(struct listing *l, struct query *q, struct fail *f)
{
    enum err err;
    bool is_row = query_next(q, &err, f);
    if (is_row)
        reader_rows_ahead(l->r, q->rows);
    for (; is_row; is_row = query_next(q, &err, f)) {
        struct record row;
        reader_row(l->r, q->rows, &row);
        l->before = row.id;
        l->on_row(&row, l->owner);
        l->left--;
    }
    return err;
}

static void select_rows(struct listing *l, struct query *q, const struct uuid *low,
                        const struct uuid *high)
{
    query_init(q, reader_select, l->r, l->filter);
    if (has_begun(l))
        query_id(q, " AND id < ?", &l->before);
    if (low)
        query_id(q, " AND id >= ?", low);
    if (high)
        query_id(q, " AND id < ?", high);
}

/* Ids in [low, high); NULL: no such bound. */
static enum err list_some(struct listing *l, const struct uuid *low, const struct uuid *high,
                          struct fail *f)
{
    struct query q;
    select_rows(l, &q, low, high);
    query_number(&q, " ORDER BY id DESC LIMIT ?", l->left);
    enum err err = take_rows(l, &q, f);
    query_release(&q);
    return err;
}

/* --- by looking at rows, a slice after the other --- */

static struct uuid id_of_column(struct statement *q, int column)
{
    struct uuid id = none;
    struct str bytes = column_str(q, column);
    if (bytes.len == sizeof id.bytes)
        memcpy(id.bytes, bytes.ptr, bytes.len);
    return id;
}

/* The id of the row after which a slice has had its rows. */
static void add_end(struct query *q, const struct uuid *low, const struct uuid *high, int64_t rows)
{
    query_id(q, "SELECT id FROM requests WHERE id >= ?", low);
    query_id(q, " AND id < ?", high);
    query_number(q, " ORDER BY id DESC LIMIT 1 OFFSET ?", rows);
}

/* Looks at so many rows of [low, *high), and moves *high there; all zeros when that was all. Where the
 * slice ends is asked twice, last by itself: a row that comes in between is looked at twice,
 * not left out. Both are one way to a server and back. */
static enum err list_slice(struct listing *l, const struct uuid *low, struct uuid *high,
                           int64_t rows, struct fail *f)
{
    struct query q, end;
    enum err err;
    select_rows(l, &q, NULL, high);
    query_add(&q, " AND id >= COALESCE((");
    add_end(&q, low, high, rows);
    query_id(&q, "), ?)", low);
    query_number(&q, " ORDER BY id DESC LIMIT ?", l->left);
    query_begin(&end, l->r, STR_NONE);
    add_end(&end, low, high, rows);
    end.is_empty = q.is_empty; /* nothing can match, in no slice */
    err = query_ask(&q, f);
    if (!err)
        err = query_ask(&end, f);
    if (!err)
        err = take_rows(l, &q, f);
    *high = none;
    if (!err && query_next(&end, &err, f))
        *high = id_of_column(end.rows, 0);
    query_release(&end);
    query_release(&q);
    return err;
}

/* Slices are such that looking at one takes about a millisecond. Where no time is left, names have
 * taken it: a small one, so that each page comes further. */
static int64_t next_size(const struct listing *l, uint64_t now_ns)
{
    enum { SLICE_MS = 1, LEAST = 1000, MOST = 50000 };
    int64_t rows = l->r->rows_per_ms * SLICE_MS;
    bool is_late = l->until_ns && now_ns > l->until_ns;
    return is_late ? LEAST : MAX_OF(LEAST, MIN_OF(rows, MOST));
}

static enum err list_slices(struct listing *l, const struct uuid *low, struct uuid high,
                            struct fail *f)
{
    enum err err = ERR_OK;
    while (!err && l->left && !uuid_equal(&high, &none)) {
        uint64_t begun_ns = clock_mono_ns();
        int64_t rows = next_size(l, begun_ns);
        err = list_slice(l, low, &high, rows, f);
        uint64_t now_ns = clock_mono_ns(), us = (now_ns - begun_ns) / 1000 + 1;
        if (l->left && !uuid_equal(&high, &none)) {
            l->r->rows_per_ms = rows * 1000 / (int64_t)us + 1;
            bool is_late = now_ns + (now_ns - begun_ns) > l->until_ns; /* with one more slice */
            if (l->until_ns && is_late) {
                *l->stopped = high;
                break;
            }
        }
    }
    return err;
}

/* Where sums or an index tell more than when. */
static bool is_indexed(const struct request_filter *f)
{
    return f->session_id.len || f->status >= 400 || (f->status >= 4 && f->status < 100) ||
           (f->has_state && f->state != ENDING_COMPLETE);
}

static enum err list_between(struct listing *l, const struct uuid *low, const struct uuid *high,
                             struct fail *f)
{
    return l->stopped && !is_indexed(l->filter) ? list_slices(l, low, *high, f)
                                                : list_some(l, low, high, f);
}

static const struct uuid *older(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) < 0 ? a : b;
}

/* --- by the days that there is anything on --- */

/* An id's first 48 bits are its time in milliseconds (RFC 9562, section 5.7). */
static int64_t ms_of(const struct uuid *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms;
}

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
        for (size_t i = 0; i < runs.count && l->left && !err && !has_stopped(l); i++) {
            const struct day_run *run = &runs.list[i];
            struct uuid low = uuid_floor(MAX_OF(run->start * us_per_hour - QUERY_ID_SLACK_US, 0));
            struct uuid high = uuid_floor(run->end * us_per_hour + QUERY_ID_SLACK_US);
            err = list_between(l, &low, has_begun(l) ? older(&l->before, &high) : &high, f);
        }
        before = runs.from;
    } while (!err && l->left && runs.from && !has_stopped(l)); /* fewer than the sums made us think */
    return err;
}

/* --- whatever tells --- */

/* Neither sums nor an index tell where there is something. */
static bool must_look(const struct request_filter *f)
{
    bool is_one_agent = f->agent_id.len && !str_equal(f->agent_id, STR("main")) &&
                        !str_equal(f->agent_id, STR("sub"));
    return (f->class.len || f->route.len || f->q.len || f->tool.len || is_one_agent) &&
           !f->session_id.len;
}

static enum err look(struct listing *l, struct fail *f)
{
    const struct request_filter *filter = l->filter;
    struct uuid low = none, high;
    enum err err = ERR_OK;
    memset(high.bytes, 0xff, sizeof high.bytes);
    if (has_begun(l))
        high = l->before;
    if (filter->q.len) {
        struct found *found;
        err = found_look(l->r, filter->q, l->until_ns, &found, f);
        if (!err && !found->is_complete) {
            *l->stopped = high;
            return ERR_OK;
        }
    }
    if (filter->start_us)
        low = uuid_floor(MAX_OF(filter->start_us - QUERY_ID_SLACK_US, 0));
    if (filter->end_us) {
        struct uuid end = uuid_floor(filter->end_us + QUERY_ID_SLACK_US);
        high = *older(&high, &end);
    }
    return err ? err : list_slices(l, &low, high, f);
}

static enum err list(struct listing *l, struct fail *f)
{
    enum err err = reader_begin(l->r, f);
    if (err)
        return err;
    if (l->stopped && !l->r->is_patient)
        l->until_ns = clock_mono_ns() + STORE_LIST_MS * UINT64_C(1000000);
    if (days_are_known(l->filter))
        return list_days(l, f);
    return l->stopped && must_look(l->filter) ? look(l, f) : list_some(l, NULL, NULL, f);
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
    struct listing l = {.r = r, .filter = filter, .before = before ? *before : none,
                        .left = MIN_OF(limit, (int)FILTER_LIMIT_MAX), .on_row = on_row,
                        .owner = owner, .stopped = stopped};
    if (stopped)
        *stopped = none;
    return reader_end(r, list(&l, f), f);
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
    err = reader_end(r, err, f);
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

/* What cannot be read may be that of a request that was deleted meanwhile, and is being wiped. */
static enum err why_unreadable(struct store_reader *r, const struct uuid *id, enum err err)
{
    struct arena arena;
    struct record row;
    struct piece_at at;
    if (err != ERR_CORRUPT)
        return err;
    arena_init(&arena);
    bool has_gone = read_one(r, id, &arena, &row, &at, NULL) == ERR_NOT_FOUND;
    arena_release(&arena);
    return has_gone ? ERR_NOT_FOUND : err;
}

enum err store_get(struct store_reader *r, const struct uuid *id, struct arena *arena,
                   struct record *row, struct record_detail *detail, struct fail *f)
{
    struct piece_at at;
    enum err err = read_one(r, id, arena, row, &at, f);
    if (err || !detail)
        return err;
    struct detail d;
    err = why_unreadable(r, id, reader_detail(r, at, arena, &d, f));
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
    err = why_unreadable(r, id, err);
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
