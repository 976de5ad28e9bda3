/*
 * count.c — how many requests a filter lets through, without counting rows wherever the sums of the
 * statistics can tell.
 */
#include "store/query.h"

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

static bool is_unfiltered(const struct request_filter *f)
{
    return !f->model.len && !f->session_id.len && !f->agent_id.len && !f->provider.len &&
           !f->agent_type.len && !f->class.len && !f->route.len && !f->project.len &&
           !f->tool.len && !f->q.len && !f->status && !f->has_state && !f->start_us && !f->end_us;
}

/* Sums are kept by all but these. */
static bool sums_tell(const struct request_filter *f)
{
    return !f->session_id.len && !f->class.len && !f->route.len && !f->tool.len && !f->q.len &&
           (!f->agent_id.len || str_equal(f->agent_id, STR("main")) ||
            str_equal(f->agent_id, STR("sub")));
}

bool store_count_is_known(const struct request_filter *filter)
{
    return is_unfiltered(filter) || sums_tell(filter);
}

static enum err take_count(struct query *q, int64_t *count, struct fail *f)
{
    enum err err;
    if (query_next(q, &err, f))
        *count += column_number(q->rows, 0);
    query_release(q);
    return reader_end(q->reader, err, f);
}

static enum err count_all(struct store_reader *r, int64_t *count, struct fail *f)
{
    struct query q;
    query_begin(&q, r, STR_NONE);
    query_add(&q, "SELECT requests FROM totals");
    return take_count(&q, count, f);
}

static enum err count_rows(struct store_reader *r, const struct request_filter *filter,
                           int64_t *count, struct fail *f)
{
    struct query q;
    query_init(&q, "SELECT count(*) FROM requests", r, filter);
    return take_count(&q, count, f);
}

static void take_total(const struct stats_row *row, void *owner)
{
    int64_t *count = owner;
    if (row->by == STATS_TOTAL)
        *count += row->request_count;
}

static enum err count_hours(struct store_reader *r, const struct request_filter *filter,
                            int64_t *count, struct fail *f)
{
    struct stats_ask ask = {.filter = *filter, .only_counts = true};
    return store_stats(r, &ask, take_total, count, f);
}

/* Rows of what is left of an hour, at either end; sums of the hours between. */
static enum err count_by_sums(struct store_reader *r, const struct request_filter *filter,
                              int64_t *count, struct fail *f)
{
    struct request_filter part = *filter;
    int64_t first = (filter->start_us + us_per_hour - 1) / us_per_hour * us_per_hour;
    int64_t last = filter->end_us / us_per_hour * us_per_hour; /* 0: open */
    enum err err = ERR_OK;
    if (filter->end_us && first >= last)
        return count_rows(r, filter, count, f);
    if (first > filter->start_us) {
        part.end_us = first;
        err = count_rows(r, &part, count, f);
    }
    if (!err && filter->end_us > last) {
        part.start_us = last;
        part.end_us = filter->end_us;
        err = count_rows(r, &part, count, f);
    }
    part.start_us = first;
    part.end_us = last;
    return err ? err : count_hours(r, &part, count, f);
}

/* Past the time limit nobody knows; nor where the server did not even stop in time. */
static enum err count_for_a_while(struct store_reader *r, const struct request_filter *filter,
                                  int64_t *count, bool *is_known, struct fail *f)
{
    struct fail why = {0};
    enum err err = r->is_patient ? ERR_OK : database_limit(&r->db, STORE_COUNT_MS, f);
    if (err)
        return err;
    err = count_rows(r, filter, count, &why);
    *is_known = err != ERR_TIMEOUT && err != ERR_DATABASE_AWAY;
    if (!*is_known) {
        *count = 0;
        err = ERR_OK;
    }
    if (!err && !r->is_patient && database_is_connected(&r->db))
        return database_limit(&r->db, READ_LIMIT_MS, f);
    return err ? fail(f, err, "%s", why.detail) : ERR_OK;
}

enum err store_count(struct store_reader *r, const struct request_filter *filter, int64_t *count,
                     bool *is_known, struct fail *f)
{
    *count = 0;
    *is_known = true;
    enum err err = reader_go_on(r, f);
    if (err)
        return err;
    if (is_unfiltered(filter))
        return count_all(r, count, f);
    if (sums_tell(filter))
        return count_by_sums(r, filter, count, f);
    return count_for_a_while(r, filter, count, is_known, f);
}
