/*
 * stats_scene.h — a store of random requests, and the statistics worked out by hand from its rows, for
 * tests of the sums that are kept beside them.
 */
#ifndef TESTS_STORE_STATS_SCENE_H
#define TESTS_STORE_STATS_SCENE_H

#include "check.h"

#include <stdio.h>
#include <time.h>

#include "store_scene.h"
#include "store/store_threads.h"
#include "record/price.h"
#include "record/tool_list.h"
#include "store/erase.h"
#include "store/rollup.h"

enum { BATCHES = 24, ROWS = BATCHES * MAKER_ROWS };

static const int64_t hour_us = INT64_C(3600) * 1000000;
static const int64_t base_us = INT64_C(1790000000) * 1000000; /* 2026-09-21 */

struct fixture {
    struct store_scene s;
    struct prices *prices;
    uint64_t dice;
};

static inline int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    scene_begin(&x->s);
    x->prices = prices_new(NULL, 0);
    x->dice = 0x9e3779b97f4a7c15u;
    *state = x;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *x = *state;
    prices_free(x->prices);
    scene_end(&x->s);
    free(x);
    return 0;
}

/* --- random requests --- */

static inline uint64_t roll(struct fixture *x, uint64_t sides)
{
    x->dice ^= x->dice << 13;
    x->dice ^= x->dice >> 7;
    x->dice ^= x->dice << 17;
    return x->dice % sides;
}

static inline int64_t maybe(struct fixture *x, uint64_t sides)
{
    return roll(x, 5) ? (int64_t)roll(x, sides) : UNKNOWN;
}

static const char *const models[] = {"claude-opus-5", "claude-haiku-5-5", "claude-sonnet-5-5",
                                     "nobody-knows"};
static const char *const sessions[] = {"s-1", "s-2", "s-3", ""};
static const char *const types[] = {"Explore", "code-reviewer", ""};
static const char *const projects[] = {"/home/me/shop", "/home/me/blog", ""};
static const char *const tools[] = {"Bash 1", "Bash 2,Read 1", "Edit 1,Read 3", ""};

#define PICK(x, list) str_of((list)[roll((x), COUNT_OF(list))])

static inline struct record random_record(struct fixture *x)
{
    struct record r = maker_record(base_us + (int64_t)roll(x, 24 * 70) * hour_us +
                                   (int64_t)roll(x, 3600) * 1000000);
    r.id = uuid_floor(r.started_us);
    for (size_t i = 8; i < sizeof r.id.bytes; i++)
        r.id.bytes[i] = (uint8_t)roll(x, 256);
    r.model = PICK(x, models);
    r.response_model = roll(x, 4) ? r.model : PICK(x, models);
    r.provider = roll(x, 3) ? STR("anthropic") : STR("openai");
    r.session_id = PICK(x, sessions);
    r.state = roll(x, 6) ? ENDING_COMPLETE : ENDING_UPSTREAM_ERROR;
    r.status = r.state == ENDING_COMPLETE ? 200 : roll(x, 2) ? 529 : 400;
    if (r.session_id.len && roll(x, 2)) {
        r.agent_id = roll(x, 2) ? STR("a1") : STR("a2");
        r.agent_type = PICK(x, types);
    }
    r.project = PICK(x, projects);
    r.tools = PICK(x, tools);
    r.tool_errors = roll(x, 8) ? STR_NONE : STR("Bash 1");
    r.duration_us = (int64_t)(roll(x, 1000) * roll(x, 100000));
    r.first_token_us = roll(x, 3) ? r.duration_us / (int64_t)(1 + roll(x, 9)) : UNKNOWN;
    r.ttfb_us = maybe(x, 900000);
    r.usage = (struct usage){maybe(x, 5000), maybe(x, 9000), maybe(x, 150000), maybe(x, 8000),
                             maybe(x, 4000), maybe(x, 4000), maybe(x, 3)};
    r.flags = (uint32_t)roll(x, 16) * RECORD_BILLED_FAST;
    prices_cost(x->prices, &r);
    return r;
}

static inline void fill(struct fixture *x)
{
    for (int batch = 0; batch < BATCHES; batch++) {
        for (int i = 0; i < MAKER_ROWS; i++) {
            struct record r = random_record(x);
            char body[16] = "0123456789abcde";
            maker_add(&x->s.maker, &r, str_head(str_of(body), roll(x, 15)), STR("answer"));
        }
        scene_commit(&x->s);
    }
}

/* --- sums by hand --- */

enum { KEYS_MAX = 2000, BY_SESSION = STATS_DIVISIONS };

/* Durations one by one: what percentiles really are. */
struct times {
    int64_t *list;
    size_t count, cap;
    int64_t sum_us;
};

struct by_hand {
    int by; /* enum stats_by, or BY_SESSION */
    int tz_hours;
    int count;
    struct line {
        char key[80];
        int64_t requests, failures, usage[USAGE_PARTS], cost, unknown, estimated;
        int64_t bytes_in, bytes_out, speed_tokens, speed_us, ttfb_us, ttfb_count;
        struct times durations, first_tokens;
        int64_t calls, errors;
    } lines[KEYS_MAX];
};

static inline void by_hand_clear(struct by_hand *h)
{
    for (int i = 0; i < h->count; i++) {
        free(h->lines[i].durations.list);
        free(h->lines[i].first_tokens.list);
    }
    h->count = 0;
}

static inline struct line *line_of(struct by_hand *h, const char *key)
{
    for (int i = 0; i < h->count; i++)
        if (strcmp(h->lines[i].key, key) == 0)
            return &h->lines[i];
    assert_true(h->count < KEYS_MAX);
    struct line *line = &h->lines[h->count++];
    memset(line, 0, sizeof *line);
    snprintf(line->key, sizeof line->key, "%s", key);
    return line;
}

static inline void put_day(char *out, size_t size, int64_t us, int tz_hours, bool by_hour)
{
    time_t seconds = (time_t)(us / 1000000 + (by_hour ? 0 : tz_hours * 3600));
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(out, size, by_hour ? "%Y-%m-%dT%H:00:00Z" : "%Y-%m-%d", &tm);
}

static inline void key_by_hand(const struct by_hand *h, const struct record *r, char key[80])
{
    const struct str texts[] = {[STATS_BY_MODEL] = r->model, [STATS_BY_PROVIDER] = r->provider,
                                [STATS_BY_STATE] = str_of(ending_name(r->state)),
                                [STATS_BY_PROJECT] = r->project};
    struct str text = STR_NONE;
    if (h->by == BY_SESSION)
        text = r->session_id;
    else if (h->by < (int)COUNT_OF(texts))
        text = texts[h->by];
    else if (h->by == STATS_BY_AGENT)
        text = !r->agent_id.len ? STR("main") : r->agent_type.len ? r->agent_type : STR("unknown");
    snprintf(key, 80, "%.*s", STR_ARGS(text));
    if (h->by == STATS_BY_HOUR || h->by == STATS_BY_DAY)
        put_day(key, 80, r->started_us, h->tz_hours, h->by == STATS_BY_HOUR);
}

static inline int64_t count_of(struct str text)
{
    int64_t sum = 0;
    struct tool_count c;
    while (tool_list_next(&text, &c))
        sum += c.count;
    return sum;
}

static inline void add_time(struct times *t, int64_t us)
{
    if (us == UNKNOWN)
        return;
    if (t->count == t->cap)
        t->list = mem_resize(t->list, (t->cap = t->cap ? t->cap * 2 : 8) * sizeof *t->list);
    t->list[t->count++] = us;
    t->sum_us += us;
}

static inline void add_usage(struct line *line, const struct usage *u)
{
    if (u->input_tokens != UNKNOWN)
        line->usage[0] += u->input_tokens;
    if (u->output_tokens != UNKNOWN)
        line->usage[1] += u->output_tokens;
    if (u->cache_read_input_tokens != UNKNOWN)
        line->usage[2] += u->cache_read_input_tokens;
    if (u->cache_creation_input_tokens != UNKNOWN)
        line->usage[3] += u->cache_creation_input_tokens;
    if (u->cache_creation_5m_tokens != UNKNOWN)
        line->usage[4] += u->cache_creation_5m_tokens;
    if (u->cache_creation_1h_tokens != UNKNOWN)
        line->usage[5] += u->cache_creation_1h_tokens;
    if (u->web_search_requests != UNKNOWN)
        line->usage[6] += u->web_search_requests;
}

static inline void add_tools(struct by_hand *h, const struct record *r, bool errors)
{
    struct tool_count c;
    char key[80];
    struct str text = errors ? r->tool_errors : r->tools;
    while (tool_list_next(&text, &c)) {
        snprintf(key, sizeof key, "%.*s", STR_ARGS(c.name));
        struct line *line = line_of(h, key);
        if (errors) {
            line->errors += c.count;
            continue;
        }
        line->requests++;
        line->calls += c.count;
        add_usage(line, &r->usage);
        line->cost += r->cost_usd_micro == UNKNOWN ? 0 : r->cost_usd_micro;
        line->unknown += (r->flags & RECORD_COST_UNKNOWN) != 0;
        add_time(&line->durations, r->duration_us);
        add_time(&line->first_tokens, r->first_token_us);
    }
}

static inline void add_line(struct line *line, const struct record *r)
{
    line->requests++;
    line->failures += r->state != ENDING_COMPLETE;
    add_usage(line, &r->usage);
    line->cost += r->cost_usd_micro == UNKNOWN ? 0 : r->cost_usd_micro;
    line->unknown += (r->flags & RECORD_COST_UNKNOWN) != 0;
    line->estimated += (r->flags & RECORD_COST_ESTIMATED) != 0;
    line->bytes_in += r->request_bytes;
    line->bytes_out += r->response_bytes;
    add_time(&line->durations, r->duration_us);
    add_time(&line->first_tokens, r->first_token_us);
    line->ttfb_us += r->ttfb_us == UNKNOWN ? 0 : r->ttfb_us;
    line->ttfb_count += r->ttfb_us != UNKNOWN;
    if (r->first_token_us != UNKNOWN && r->duration_us > r->first_token_us &&
        r->usage.output_tokens > 0) {
        line->speed_tokens += r->usage.output_tokens;
        line->speed_us += r->duration_us - r->first_token_us;
    }
    line->calls += count_of(r->tools);
    line->errors += count_of(r->tool_errors);
}

static inline void add_by_hand(const struct record *r, void *owner)
{
    struct by_hand *h = owner;
    char key[80];
    if (h->by == STATS_BY_TOOL) {
        add_tools(h, r, false);
        add_tools(h, r, true);
        return;
    }
    key_by_hand(h, r, key);
    add_line(line_of(h, key), r);
}

/* All rows that the list has under this filter. */
struct page {
    struct by_hand *sums;
    struct uuid last;
    int count;
};

static inline void on_row(const struct record *r, void *owner)
{
    struct page *page = owner;
    add_by_hand(r, page->sums);
    page->last = r->id;
    page->count++;
}

static inline void sum_by_hand(struct fixture *x, const struct request_filter *filter, struct by_hand *h)
{
    struct fail f = {0};
    struct page page = {.sums = h};
    struct uuid before;
    by_hand_clear(h);
    for (bool is_first = true; is_first || page.count == FILTER_LIMIT_MAX; is_first = false) {
        before = page.last;
        page.count = 0;
        assert_int_equal(store_list(x->s.reader, filter, is_first ? NULL : &before,
                                    FILTER_LIMIT_MAX, on_row, &page, &f), ERR_OK);
    }
}

/* --- the comparison --- */

struct check {
    struct by_hand *hand;
    int lines;
    struct stats_row total;
    int64_t requests, cost, output_tokens; /* all lines of the division */
};

static inline int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Rows were deleted: nobody knows the longest of those that are left. */
static bool has_deleted;

/* Off by no more than buckets are wide, and not above the longest (but for how exactly that is kept). */
static inline void check_percentile(const struct times *t, int64_t told_us, size_t per_mille)
{
    if (!t->count) {
        assert_int_equal(told_us, UNKNOWN);
        return;
    }
    size_t rank = MAX_OF((t->count * per_mille + 999) / 1000, 1);
    double real = (double)t->list[rank - 1], off = (double)told_us - real;
    if (real < 64)
        assert_in_range(told_us, 0, 70);
    else
        assert_true(off <= real * 0.0453 + 0.5 && off >= real * -0.0453 - 0.5);
    assert_true(has_deleted || (double)told_us <= (double)t->list[t->count - 1] * 1.001 + 1);
}

static inline void check_times(struct times *t, const struct stats_times *told)
{
    assert_int_equal(told->count, t->count);
    assert_int_equal(told->sum_us, t->sum_us);
    if (t->count)
        qsort(t->list, t->count, sizeof *t->list, compare_times);
    check_percentile(t, told->p50_us, 500);
    check_percentile(t, told->p95_us, 950);
    check_percentile(t, told->p99_us, 990);
}

static inline void check_line(const struct stats_row *row, struct line *line)
{
    assert_int_equal(row->request_count, line->requests);
    assert_int_equal(row->error_count, line->failures);
    assert_memory_equal(&row->usage, line->usage, sizeof row->usage);
    assert_int_equal(row->cost_usd_micro, line->cost);
    assert_int_equal(row->unknown_cost_count, line->unknown);
    assert_int_equal(row->estimated_cost_count, line->estimated);
    assert_int_equal(row->request_bytes, line->bytes_in);
    assert_int_equal(row->response_bytes, line->bytes_out);
    assert_int_equal(row->tool_call_count, line->calls);
    assert_int_equal(row->tool_error_count, line->errors);
    check_times(&line->durations, &row->duration);
    check_times(&line->first_tokens, &row->first_token);
    assert_int_equal(row->ttfb.sum_us, line->ttfb_us);
    assert_int_equal(row->ttfb.count, line->ttfb_count);
    assert_int_equal(row->speed_us, line->speed_us);
    assert_int_equal(row->speed_tokens, line->speed_tokens);
}

static inline void on_stats(const struct stats_row *row, void *owner)
{
    struct check *c = owner;
    char key[80];
    snprintf(key, sizeof key, "%.*s", STR_ARGS(row->key));
    if (row->by == STATS_TOTAL) {
        c->total = *row;
        if (c->hand->by != STATS_TOTAL)
            return;
    }
    int before = c->hand->count;
    struct line *line = line_of(c->hand, key);
    assert_true(c->hand->count == before || !row->request_count);
    c->lines++;
    if (row->by == STATS_BY_TOOL) {
        assert_int_equal(row->request_count, line->requests);
        assert_int_equal(row->tool_call_count, line->calls);
        assert_int_equal(row->tool_error_count, line->errors);
        assert_memory_equal(&row->usage, line->usage, sizeof row->usage);
        assert_int_equal(row->cost_usd_micro, line->cost);
        assert_int_equal(row->unknown_cost_count, line->unknown);
        check_times(&line->durations, &row->duration);
        check_times(&line->first_tokens, &row->first_token);
        return;
    }
    check_line(row, line);
    c->requests += row->request_count;
    c->cost += row->cost_usd_micro;
    c->output_tokens += row->usage.output_tokens;
}

/* The division has the lines that the rows say, and adds up to the total. */
static inline void check_division(struct fixture *x, const struct request_filter *filter,
                           enum stats_by by, int tz_minutes)
{
    static struct by_hand hand;
    struct fail f = {0};
    hand.by = by;
    hand.tz_hours = tz_minutes / 60;
    sum_by_hand(x, filter, &hand);
    int lines = hand.count;
    struct check check = {.hand = &hand};
    struct stats_ask ask = {
        .filter = *filter, .divisions = 1u << by, .tz_minutes = tz_minutes};
    assert_int_equal(store_stats(x->s.reader, &ask, on_stats, &check, &f), ERR_OK);
    assert_true(check.lines == lines || (by == STATS_TOTAL && check.lines == 1 && !lines));
    by_hand_clear(&hand);
    if (by == STATS_BY_TOOL)
        return;
    assert_int_equal(check.requests, check.total.request_count);
    assert_int_equal(check.cost, check.total.cost_usd_micro);
    assert_int_equal(check.output_tokens, check.total.usage.output_tokens);
}

static inline void check_all(struct fixture *x, const struct request_filter *filter)
{
    for (int by = 0; by < STATS_DIVISIONS; by++)
        check_division(x, filter, (enum stats_by)by, 0);
    check_division(x, filter, STATS_BY_DAY, 9 * 60);
    check_division(x, filter, STATS_BY_DAY, -7 * 60);
}

#endif
