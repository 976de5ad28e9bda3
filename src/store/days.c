/*
 * days.c — on which days there is anything that a filter lets through.
 */
#include "store/days.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/cell_query.h"

enum { DAY_HOURS = 24, WINDOW_HOURS = 4 * DAY_HOURS };

bool days_are_known(const struct request_filter *f)
{
    bool asks = f->model.len || f->provider.len || f->agent_type.len || f->project.len ||
                f->status || (f->has_state && f->state != ENDING_COMPLETE);
    return asks && !f->session_id.len && !f->class.len && !f->route.len && !f->tool.len && !f->q.len &&
           (!f->agent_id.len || str_equal(f->agent_id, STR("main")) ||
            str_equal(f->agent_id, STR("sub")));
}

/* Or an hour: of the newest days, which most questions end with, the hours are looked at. */
struct day {
    int64_t start, end, count;
};

struct finding {
    struct store_reader *r;
    const struct request_filter *filter;
    int64_t sure, wanted;
    struct day *days; /* as they were met; malloc'ed */
    size_t count, cap;
};

static void take(struct finding *x, int64_t start, int64_t hours, int64_t count)
{
    if (x->count && x->days[x->count - 1].start == start) {
        x->days[x->count - 1].count += count;
        return;
    }
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 32;
        x->days = mem_resize(x->days, x->cap * sizeof *x->days);
    }
    x->days[x->count++] = (struct day){start, start + hours, count};
}

/* Cells that begin in [start, end). */
static void select_between(struct finding *x, struct query *q, enum span span, int64_t start,
                           int64_t end)
{
    cell_query_begin(q, x->r, CELL_COUNT_COLUMNS, x->filter, span);
    query_number(q, " AND start >= ?", start);
    query_number(q, " AND start < ? ORDER BY start DESC", end);
}

static enum err read_cells(struct finding *x, enum span span, int64_t start, int64_t end,
                           struct fail *f)
{
    struct query q;
    int64_t hours = span == SPAN_DAY ? DAY_HOURS : 1;
    enum err err;
    select_between(x, &q, span, start, end);
    while (query_next(&q, &err, f))
        take(x, column_number(q.rows, 0), hours, cell_read_count(column_str(q.rows, 1)));
    query_release(&q);
    return err;
}

static void take_open(struct statement *row, void *owner)
{
    take(owner, column_number(row, 0), 1, cell_read_count(column_str(row, 1)));
}

/* The open cells, of hours that are not folded yet; and which days have others. */
static enum err read_open(struct finding *x, int64_t before, int64_t *first, int64_t *last,
                          struct fail *f)
{
    struct query open;
    select_between(x, &open, SPAN_OPEN, 0, before);
    enum err err = cell_query_look_over(&open, SPAN_DAY, take_open, x, first, last, f);
    query_release(&open);
    return err;
}

/* Is what is wanted in days from `start` on? Of one that ends after `sure` nobody knows. */
static bool has_enough(const struct finding *x, int64_t start)
{
    int64_t found = 0;
    for (size_t i = 0; i < x->count; i++)
        if (x->days[i].start >= start && x->days[i].end <= x->sure)
            found += x->days[i].count;
    return found >= x->wanted;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const struct day *)a)->start, y = ((const struct day *)b)->start;
    return (x < y) - (x > y);
}

static void put_runs(struct finding *x, int64_t from, struct day_runs *out)
{
    if (x->count)
        qsort(x->days, x->count, sizeof *x->days, newest_first);
    for (size_t i = 0; i < x->count && x->days[i].start >= from; i++) {
        const struct day *day = &x->days[i];
        struct day_run *last = out->count ? &out->list[out->count - 1] : NULL;
        if (last && last->start <= day->end)
            last->start = MIN_OF(last->start, day->start);
        else if (out->count < DAY_RUNS_MAX)
            out->list[out->count++] = (struct day_run){day->start, day->end};
        else
            last->start = 0;
    }
}

enum err days_find(struct store_reader *r, const struct request_filter *filter, int64_t before,
                   int64_t sure, int64_t wanted, struct day_runs *out, struct fail *f)
{
    struct finding x = {.r = r, .filter = filter, .sure = sure, .wanted = wanted};
    int64_t first = INT64_MAX, last = 0;
    enum err err = read_open(&x, before, &first, &last, f);
    int64_t newest = MIN_OF(last + DAY_HOURS, before), size = WINDOW_HOURS, from = 0;
    int64_t end = (newest - 1) / DAY_HOURS * DAY_HOURS; /* days before, hours from here on */
    *out = (struct day_runs){.count = 0};
    if (!err && newest > end)
        err = read_cells(&x, SPAN_HOUR, end, newest, f);
    if (has_enough(&x, end))
        from = end;
    for (; !err && !from && end > first; end -= size, size *= 2) {
        err = read_cells(&x, SPAN_DAY, end - size, end, f);
        if (has_enough(&x, end - size))
            from = end - size;
    }
    put_runs(&x, from, out);
    out->from = MAX_OF(from, 0);
    free(x.days);
    return err;
}
