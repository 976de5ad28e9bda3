/*
 * stats_sums.c — groups of cells, and what is told of each.
 */
#include "store/stats_sums.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    SLOTS = 2048, /* more than GROUPS_MAX + 1, a power of two */
    KEY_OTHER = -2
};

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

void stats_sums_init(struct stats_sums *s, struct store_reader *r, const struct stats_ask *ask,
                     store_stats_fn *on_row, void *owner)
{
    *s = (struct stats_sums){.reader = r, .divisions = ask->divisions, .on_row = on_row,
                             .owner = owner};
    int day = 24 * 60, minutes = ask->tz_minutes + day; /* not negative, as offsets go */
    assert(minutes >= 0);
    s->tz_hours = minutes / 60 - 24; /* rounded down to a whole hour */
}

static void release_groups(struct groups *g)
{
    for (size_t i = 0; i < g->count; i++)
        free(g->list[i]);
    free(g->list);
    free(g->slots);
}

void stats_sums_release(struct stats_sums *s)
{
    for (int i = 0; i < STATS_DIVISIONS; i++)
        release_groups(&s->groups[i]);
    free(s->period);
}

/* --- adding --- */

static struct group *group_new(int64_t key)
{
    struct group *g = MEM_NEW(struct group);
    g->key = key;
    return g;
}

static uint32_t *slot_of(struct groups *g, int64_t key)
{
    size_t at = (uint64_t)key * 0x9e3779b97f4a7c15u >> 53 & (SLOTS - 1);
    while (g->slots[at] && g->list[g->slots[at] - 1]->key != key)
        at = (at + 1) & (SLOTS - 1);
    return &g->slots[at];
}

static struct group *group_of(struct groups *g, int64_t key)
{
    if (!g->slots) {
        g->slots = mem_zeroed(SLOTS * sizeof *g->slots);
        g->list = mem_zeroed((GROUPS_MAX + 1) * sizeof(struct group *));
    }
    uint32_t *slot = slot_of(g, key);
    if (!*slot && g->count >= GROUPS_MAX)
        slot = slot_of(g, key = KEY_OTHER);
    if (!*slot) {
        g->list[g->count++] = group_new(key);
        *slot = (uint32_t)g->count;
    }
    return g->list[*slot - 1];
}

static bool wants(const struct stats_sums *s, enum stats_by by)
{
    return s->divisions >> by & 1;
}

static void add_by(struct stats_sums *s, enum stats_by by, int64_t key,
                   const struct cell_entries *cell)
{
    if (wants(s, by))
        cell_add_but_tools(&group_of(&s->groups[by], key)->cell, cell);
}

static void add_tools(struct stats_sums *s, const struct cell_entries *cell)
{
    for (size_t i = 0; i < cell->tools.count; i++) {
        const struct cell_tool *t = &cell->tools.list[i];
        cell_add_as_tool(&group_of(&s->groups[STATS_BY_TOOL], t->tool)->cell, t);
    }
}

static void tell(struct stats_sums *s, enum stats_by by, const struct group *g);

static void end_period(struct stats_sums *s)
{
    if (s->period && s->period->cell.sums.request_count)
        tell(s, wants(s, STATS_BY_HOUR) ? STATS_BY_HOUR : STATS_BY_DAY, s->period);
    free(s->period);
    s->period = NULL;
}

static void add_period(struct stats_sums *s, int64_t hour, const struct cell_entries *cell)
{
    int64_t key = wants(s, STATS_BY_HOUR) ? hour : (hour + s->tz_hours) / 24;
    if (s->period && s->period->key != key)
        end_period(s);
    if (!s->period)
        s->period = group_new(key);
    cell_add_but_tools(&s->period->cell, cell);
}

void stats_sums_add(struct stats_sums *s, const struct cell_key *key, int64_t hour,
                    const struct cell_entries *cell)
{
    cell_add_but_tools(&s->total, cell);
    add_by(s, STATS_BY_MODEL, key->model, cell);
    add_by(s, STATS_BY_PROVIDER, key->provider, cell);
    add_by(s, STATS_BY_STATE, key->state, cell);
    add_by(s, STATS_BY_PROJECT, key->project, cell);
    add_by(s, STATS_BY_AGENT, key->agent_type, cell);
    if (wants(s, STATS_BY_TOOL))
        add_tools(s, cell);
    if (wants(s, STATS_BY_HOUR) || wants(s, STATS_BY_DAY))
        add_period(s, hour, cell);
}

/* --- telling --- */

static struct stats_times times_of(int64_t count, int64_t sum_us, const struct time_counts *times)
{
    struct stats_times t = {count, sum_us, UNKNOWN, UNKNOWN, UNKNOWN, NULL};
    if (!times)
        return t;
    t.buckets = times->counts;
    t.p50_us = time_percentile_us(t.buckets, times->max_us, 500);
    t.p95_us = time_percentile_us(t.buckets, times->max_us, 950);
    t.p99_us = time_percentile_us(t.buckets, times->max_us, 990);
    return t;
}

static struct str key_text(struct stats_sums *s, enum stats_by by, int64_t key,
                           char text[CLOCK_TEXT])
{
    if (key == KEY_OTHER)
        return STR("(other)");
    switch (by) {
    case STATS_BY_STATE:
        return str_of(ending_name((enum ending)key));
    case STATS_BY_AGENT:
        return !key ? STR("main") : key < 0 ? STR("unknown") : reader_name(s->reader, key);
    case STATS_BY_HOUR:
        clock_format(key * us_per_hour, text);
        memcpy(text + strlen("2026-11-21T14:00:00"), "Z", 2);
        return str_of(text);
    case STATS_BY_DAY:
        return str_head(str_of(clock_format(key * 24 * us_per_hour, text)), strlen("2026-11-21"));
    case STATS_TOTAL:
        return STR_NONE;
    default:
        return reader_name(s->reader, key);
    }
}

static void tell(struct stats_sums *s, enum stats_by by, const struct group *g)
{
    char text[CLOCK_TEXT];
    const struct cell *c = &g->cell;
    const struct cell_sums *n = &c->sums;
    reader_names_trim(s->reader);
    struct stats_row row = {
        .by = by, .key = key_text(s, by, g->key, text),
        .request_count = n->request_count, .error_count = n->error_count,
        .cost_usd_micro = n->cost_usd_micro, .unknown_cost_count = n->unknown_cost_count,
        .estimated_cost_count = n->estimated_cost_count,
        .request_bytes = n->request_bytes, .response_bytes = n->response_bytes,
        .tool_call_count = n->tool_call_count, .tool_error_count = n->tool_error_count,
        .duration = times_of(n->duration_count, n->duration_us, &c->durations),
        .first_token = times_of(n->first_token_count, n->first_token_us, &c->first_tokens),
        .ttfb = times_of(n->ttfb_count, n->ttfb_us, NULL),
        .speed_tokens = n->speed_tokens, .speed_us = n->speed_us,
    };
    memcpy(&row.usage, n->usage, sizeof row.usage);
    s->on_row(&row, s->owner);
}

static int by_requests(const void *a, const void *b)
{
    const struct group *x = *(const struct group *const *)a, *y = *(const struct group *const *)b;
    int64_t more = y->cell.sums.request_count - x->cell.sums.request_count;
    return more ? (more > 0 ? 1 : -1) : x->key < y->key ? -1 : x->key > y->key;
}

static void tell_groups(struct stats_sums *s, enum stats_by by)
{
    struct groups *g = &s->groups[by];
    if (g->count)
        qsort(g->list, g->count, sizeof(struct group *), by_requests);
    for (size_t i = 0; i < g->count; i++)
        if (g->list[i]->cell.sums.request_count || g->list[i]->cell.sums.tool_error_count)
            tell(s, by, g->list[i]);
}

void stats_sums_tell(struct stats_sums *s)
{
    end_period(s);
    for (int by = 0; by < STATS_DIVISIONS; by++)
        tell_groups(s, (enum stats_by)by);
    struct group *total = group_new(0);
    total->cell = s->total;
    tell(s, STATS_TOTAL, total);
    free(total);
}
