/*
 * requests.c — reading requests: lists, one with its detail, its bodies.
 */
#include "record/detail.h"
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

/* `run`: only what began on these days; NULL: all. */
static enum err list_some(struct listing *l, const struct day_run *run, struct fail *f)
{
    struct query q;
    query_init(&q, reader_select, l->r, l->filter);
    if (has_begun(l))
        query_id(&q, " AND id < ?", &l->before);
    if (run) {
        struct uuid low = uuid_floor(MAX_OF(run->start * us_per_hour - QUERY_ID_SLACK_US, 0));
        struct uuid high = uuid_floor(run->end * us_per_hour + QUERY_ID_SLACK_US);
        query_id(&q, " AND id >= ?", &low);
        query_id(&q, " AND id < ?", &high);
    }
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
    return err;
}

/* An id's first 48 bits are its time in milliseconds (RFC 9562, section 5.7). */
static int64_t hour_of(const struct uuid *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms / (us_per_hour / 1000);
}

static enum err list_days(struct listing *l, struct fail *f)
{
    struct day_runs runs;
    enum err err;
    int64_t before = INT64_MAX, sure = INT64_MAX;
    if (has_begun(l)) { /* an id's time and the row's may differ a little */
        before = hour_of(&l->before) + 2;
        sure = before - 3;
    }
    if (l->filter->end_us) {
        before = MIN_OF(before, l->filter->end_us / us_per_hour + 1);
        sure = MIN_OF(sure, before - 1);
    }
    do {
        err = days_find(l->r, l->filter, before, sure, l->left, &runs, f);
        for (size_t i = 0; i < runs.count && l->left && !err; i++)
            err = list_some(l, &runs.list[i], f);
        before = runs.from;
    } while (!err && l->left && runs.from); /* fewer than the sums made us think */
    return err;
}

enum err store_list(struct store_reader *r, const struct request_filter *filter,
                    const struct uuid *before, int limit, store_row_fn *on_row, void *owner,
                    struct fail *f)
{
    struct listing l = {r, filter, before ? *before : (struct uuid){{0}},
                        MIN_OF(limit, (int)FILTER_LIMIT_MAX), on_row, owner};
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    return days_are_known(filter) ? list_days(&l, f) : list_some(&l, NULL, f);
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

static enum err put_together(struct store_reader *r, const struct recipe *body, struct buf *out)
{
    enum err err = buf_reserve(out, body->bytes);
    for (size_t i = 0; i < body->count && !err; i++)
        err = reader_load(r, body->list[i], out);
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
        err = put_together(r, side == BODY_REQUEST ? &request : &d.response, out);
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
