/*
 * stats.c — which cells a question of the statistics needs, and reading them. Months, tens of days
 * and days stand for their hours wherever the range and the question let them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "record/tool_list.h"
#include "store/cell_query.h"
#include "store/stats_sums.h"

enum { STRETCHES_MAX = 7 }; /* hours, days, tens of days, months, tens of days, days, hours */

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

/* Cells of one size that follow on one another: hours [start, end). */
struct stretch {
    enum span span;
    int64_t start, end;
};

/* An open cell, which is in no span yet. */
struct open_cell {
    struct cell_key key;
    struct str data; /* in the arena */
};

struct reading {
    struct store_reader *r;
    const struct stats_ask *ask;
    bool is_open; /* nothing is asked of what a cell's requests have in common */
    bool is_of_all_agents; /* nothing of agents and projects */
    int64_t start, end; /* hours */
    struct stretch stretches[STRETCHES_MAX];
    int stretch_count;
    struct arena arena;
    struct open_cell *open; /* by hour; malloc'ed */
    size_t open_count, open_cap, open_at;
    struct stats_sums sums;
    struct cell_entries cell; /* scratch */
};

static bool is_agent_id(struct str agent)
{
    return agent.len && !str_equal(agent, STR("main")) && !str_equal(agent, STR("sub"));
}

static bool wants(const struct reading *g, enum stats_by by)
{
    return g->ask->divisions >> by & 1;
}

/* --- the filter --- */

static void read_filter(struct reading *g)
{
    const struct request_filter *f = &g->ask->filter;
    g->is_open = !f->model.len && !f->provider.len && !f->project.len && !f->agent_type.len &&
                 !f->agent_id.len && !f->status && !f->has_state;
    g->is_of_all_agents = !f->project.len && !f->agent_type.len && !f->agent_id.len &&
                          !(g->ask->divisions & (1u << STATS_BY_PROJECT | 1u << STATS_BY_AGENT));
}

/* The cells of a span whose requests may be meant. */
static void select_cells(struct reading *g, struct query *q, enum span span)
{
    static const char columns[] =
        "start, model, response_model, provider, state, status, agent_type, project, data";
    cell_query_begin(q, g->r, g->ask->only_counts ? CELL_COUNT_COLUMNS : columns, &g->ask->filter,
                     span);
}

/* --- open cells --- */

/* Where only counts are wanted, its start. Gives the data. */
static struct str read_columns(const struct reading *g, struct statement *q, struct cell_key *key)
{
    int64_t *const parts[] = {&key->start, &key->model, &key->response_model, &key->provider,
                              &key->state, &key->status, &key->agent_type, &key->project};
    int count = g->ask->only_counts ? 1 : (int)COUNT_OF(parts);
    *key = (struct cell_key){0};
    for (int i = 0; i < count; i++)
        *parts[i] = column_number(q, i);
    return column_str(q, count);
}

static void keep_open(struct statement *q, void *owner)
{
    struct reading *g = owner;
    if (g->open_count == g->open_cap) {
        g->open_cap = g->open_cap ? g->open_cap * 2 : 16;
        g->open = mem_resize(g->open, g->open_cap * sizeof *g->open);
    }
    struct open_cell *cell = &g->open[g->open_count++];
    struct str data = read_columns(g, q, &cell->key);
    cell->data = arena_str(&g->arena, data);
}

static void add_cell(struct reading *g, const struct cell_key *key, struct str data)
{
    if (g->ask->only_counts)
        g->sums.total.sums.request_count += cell_read_count(data);
    else if (cell_read(data, wants(g, STATS_BY_TOOL), &g->cell) == ERR_OK)
        stats_sums_add(&g->sums, key, key->start, &g->cell);
}

/* Those of hours before this one. */
static void add_open(struct reading *g, int64_t before)
{
    for (; g->open_at < g->open_count; g->open_at++) {
        const struct open_cell *cell = &g->open[g->open_at];
        if (cell->key.start >= before)
            return;
        if (cell->key.start >= g->start)
            add_cell(g, &cell->key, cell->data);
    }
}

/* --- the range --- */

/* The hours that there are cells of: open ones, and the others, which are from `first` to `last`. */
static void set_range(struct reading *g, int64_t first, int64_t last)
{
    const struct request_filter *f = &g->ask->filter;
    if (g->open_count) {
        first = MIN_OF(first, g->open[0].key.start);
        last = MAX_OF(last, g->open[g->open_count - 1].key.start);
    }
    g->start = MAX_OF(f->start_us / us_per_hour, first);
    g->end = last + 1;
    if (f->end_us)
        g->end = MIN_OF((f->end_us + us_per_hour - 1) / us_per_hour, g->end);
}

/* There is nothing beyond what there is: with an open end the largest cells do for it. */
static void widen(struct reading *g, enum span span)
{
    int64_t size = span_hours[span];
    if (!g->ask->filter.start_us && !wants(g, STATS_BY_HOUR))
        g->start -= g->start % size;
    if (!g->ask->filter.end_us && !wants(g, STATS_BY_HOUR))
        g->end = (g->end + size - 1) / size * size;
}

static void cut_hours(struct reading *g)
{
    bool is_cut = wants(g, STATS_BY_HOUR) && g->end - g->start > STATS_HOURS_MAX;
    if (is_cut)
        g->start = g->end - STATS_HOURS_MAX;
    if (g->ask->is_cut)
        *g->ask->is_cut = is_cut;
}

/* Where hours need no division by what their requests were, or not by all of it, fewer cells an hour
 * tell all. */
static enum span span_of_hours(const struct reading *g)
{
    const unsigned told = 1u << STATS_TOTAL | 1u << STATS_BY_TOOL | 1u << STATS_BY_HOUR |
                          1u << STATS_BY_DAY;
    if (g->is_open && !(g->ask->divisions & ~told))
        return SPAN_HOUR_TOTAL;
    return g->is_of_all_agents ? SPAN_HOUR_MODELS : SPAN_HOUR;
}

/* The largest span that the question can be answered with. */
static enum span largest_span(const struct reading *g)
{
    if (wants(g, STATS_BY_HOUR))
        return SPAN_HOUR;
    if (wants(g, STATS_BY_DAY))
        return g->sums.tz_hours ? SPAN_HOUR : SPAN_DAY;
    return SPAN_MONTH;
}

static void add_stretch(struct reading *g, enum span span, int64_t start, int64_t end)
{
    struct stretch *last = g->stretch_count ? &g->stretches[g->stretch_count - 1] : NULL;
    bool is_told_by_hours = span_of_hours(g) == SPAN_HOUR_TOTAL; /* 24 a day, not hundreds */
    if (span == SPAN_HOUR || (span == SPAN_DAY && is_told_by_hours))
        span = span_of_hours(g);
    if (last && last->span == span && last->end == start) {
        last->end = end;
        return;
    }
    assert(g->stretch_count < STRETCHES_MAX);
    g->stretches[g->stretch_count++] = (struct stretch){span, start, end};
}

/* Divides [start, end) into whole spans with smaller ones before and behind. */
static void plan(struct reading *g, enum span span, int64_t start, int64_t end)
{
    static const enum span smaller[] = {
        [SPAN_DAY] = SPAN_HOUR, [SPAN_TEN_DAYS] = SPAN_DAY, [SPAN_MONTH] = SPAN_TEN_DAYS};
    int64_t size = span_hours[span];
    int64_t low = (start + size - 1) / size * size, high = end / size * size;
    if (start >= end)
        return;
    if (span == SPAN_HOUR) {
        add_stretch(g, span, start, end);
    } else if (low >= high) {
        plan(g, smaller[span], start, end);
    } else {
        plan(g, smaller[span], start, low);
        add_stretch(g, span, low, high);
        plan(g, smaller[span], high, end);
    }
}

/* --- cells --- */

static enum err ask_stretch(struct reading *g, struct query *q, const struct stretch *stretch,
                            struct fail *f)
{
    select_cells(g, q, stretch->span);
    query_number(q, " AND start >= ?", stretch->start);
    query_number(q, " AND start < ? ORDER BY start", stretch->end);
    return query_ask(q, f);
}

static enum err read_stretch(struct reading *g, struct query *q, struct fail *f)
{
    enum err err;
    while (query_next(q, &err, f)) {
        struct cell_key key;
        struct str data = read_columns(g, q->rows, &key);
        add_open(g, key.start);
        add_cell(g, &key, data);
    }
    return err;
}

static enum err read_cells(struct reading *g, struct fail *f)
{
    enum err err = ERR_OK;
    widen(g, largest_span(g));
    plan(g, largest_span(g), g->start, g->end);
    struct query *asked = mem_alloc(STRETCHES_MAX * sizeof *asked); /* a server answers all at once */
    int count = 0;
    while (count < g->stretch_count && !err) {
        err = ask_stretch(g, &asked[count], &g->stretches[count], f);
        count++;
    }
    for (int i = 0; i < count; i++) {
        if (!err)
            err = read_stretch(g, &asked[i], f);
        query_release(&asked[i]);
    }
    free(asked);
    if (!err)
        add_open(g, g->end);
    return err;
}

/* --- rows of a session --- */

enum {
#define COLUMN(name, kind, member) COLUMN_##name,
#include "store/columns.def"
#undef COLUMN
};

static struct cell_key key_of_row(struct statement *q, const struct record *row)
{
    enum { FIRST = 1 }; /* the id stands before the columns */
    int64_t type = column_number(q, FIRST + COLUMN_agent_type);
    return (struct cell_key){
        .model = column_number(q, FIRST + COLUMN_model),
        .response_model = column_number(q, FIRST + COLUMN_response_model),
        .provider = column_number(q, FIRST + COLUMN_provider),
        .state = row->state, .status = row->status,
        .agent_type = type ? type : row->agent_id.len ? ROLLUP_TYPE_UNKNOWN : 0,
        .project = column_number(q, FIRST + COLUMN_project),
    };
}

static void add_tools_of(struct reading *g, const struct record *row, bool errors)
{
    struct tool_count c;
    struct cell_entries *cell = &g->cell;
    struct str text = errors ? row->tool_errors : row->tools;
    while (tool_list_next(&text, &c)) {
        struct cell_tool *tool = cell_tool_of(&cell->tools, reader_name_id(g->r, c.name),
                                              reader_name_id(g->r, STR(TOOL_OTHER)));
        if (errors) {
            tool->error_count += c.count;
            cell->sums.tool_error_count += c.count;
        } else {
            cell_tool_call(tool, row, c.count, 1);
            cell->sums.tool_call_count += c.count;
        }
    }
}

static void add_row(struct reading *g, struct statement *q)
{
    struct record row;
    struct cell_entries *cell = &g->cell;
    reader_row(g->r, q, &row);
    cell_entries_clear(cell);
    cell_sums_add(&cell->sums, &row, 1);
    time_entries_add(&cell->durations, row.duration_us, 1);
    time_entries_add(&cell->first_tokens, row.first_token_us, 1);
    add_tools_of(g, &row, false);
    add_tools_of(g, &row, true);
    struct cell_key key = key_of_row(q, &row);
    stats_sums_add(&g->sums, &key, row.started_us / us_per_hour, cell);
}

static enum err read_rows(struct reading *g, struct fail *f)
{
    struct request_filter filter = g->ask->filter;
    filter.start_us = g->start * us_per_hour;
    filter.end_us = g->end * us_per_hour;
    struct query q;
    query_init(&q, reader_select, g->r, &filter);
    if (!filter.session_id.len)
        query_sessions_of(&q, g->r, filter.agent_id);
    query_add(&q, " ORDER BY started_us");
    enum err err;
    while (query_next(&q, &err, f))
        add_row(g, q.rows);
    query_release(&q);
    return err;
}

/* What there is: the open cells, and how far the others go. */
static enum err look_over(struct reading *g, struct fail *f)
{
    int64_t first = INT64_MAX, last = -1;
    struct query open;
    select_cells(g, &open, SPAN_OPEN);
    query_add(&open, " ORDER BY start");
    enum err err = cell_query_look_over(&open, SPAN_HOUR_TOTAL, keep_open, g, &first, &last, f);
    if (!err)
        set_range(g, first, last);
    query_release(&open);
    return err;
}

/* An hour may be folded at any time: all is read as it is at one moment. */
static enum err read_all(struct reading *g, struct fail *f)
{
    const struct request_filter *filter = &g->ask->filter;
    enum err err = database_begin_reading(&g->r->db, f);
    read_filter(g);
    if (!err)
        err = look_over(g, f);
    if (err)
        return err;
    cut_hours(g);
    if (g->start >= g->end)
        return ERR_OK;
    bool is_by_row = filter->session_id.len || is_agent_id(filter->agent_id) || filter->tool.len ||
                     filter->q.len;
    return is_by_row ? read_rows(g, f) : read_cells(g, f);
}

enum err store_stats(struct store_reader *r, const struct stats_ask *ask, store_stats_fn *on_row,
                     void *owner, struct fail *f)
{
    enum err err = reader_go_on(r, f); /* bodies are not asked after */
    if (err)
        return err;
    found_begin(r);
    struct reading *g = MEM_NEW(struct reading);
    g->r = r;
    g->ask = ask;
    stats_sums_init(&g->sums, r, ask, on_row, owner);
    err = read_all(g, f);
    if (!err)
        stats_sums_tell(&g->sums);
    database_rollback(&r->db);
    stats_sums_release(&g->sums);
    cell_entries_release(&g->cell);
    arena_release(&g->arena);
    free(g->open);
    free(g);
    return reader_end(r, err, f);
}
