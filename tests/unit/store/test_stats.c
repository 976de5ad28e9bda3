/*
 * test_stats.c — the statistics agree with the rows and with each other: random requests, then
 * every division, filter and range against sums made by hand from the list.
 */
#include "check.h"

#include <stdio.h>
#include <time.h>

#include "batches.h"
#include "place.h"
#include "record/price.h"
#include "record/tool_list.h"
#include "store/rollup.h"
#include "store/time_buckets.h"

enum { BATCHES = 24, ROWS = BATCHES * MAKER_ROWS };

static const int64_t hour_us = INT64_C(3600) * 1000000;
static const int64_t base_us = INT64_C(1790000000) * 1000000; /* 2026-09-21 */

struct fixture {
    struct place place;
    struct store *store;
    struct store_reader *reader;
    struct batch_maker maker;
    struct prices *prices;
    uint64_t dice;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct fail f = {0};
    place_make(&x->place);
    assert_int_equal(store_open(&x->store, &x->place.options, &f), ERR_OK);
    x->reader = store_reader_new(x->store);
    maker_init(&x->maker, x->store);
    x->prices = prices_new(NULL, 0);
    x->dice = 0x9e3779b97f4a7c15u;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    maker_release(&x->maker);
    store_reader_free(x->reader);
    store_close(x->store);
    prices_free(x->prices);
    place_remove(&x->place);
    free(x);
    return 0;
}

/* --- random requests --- */

static uint64_t roll(struct fixture *x, uint64_t sides)
{
    x->dice ^= x->dice << 13;
    x->dice ^= x->dice >> 7;
    x->dice ^= x->dice << 17;
    return x->dice % sides;
}

static int64_t maybe(struct fixture *x, uint64_t sides)
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

static struct record random_record(struct fixture *x)
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
    prices_cost(x->prices, &r, (unsigned)roll(x, 16));
    return r;
}

static void commit(struct fixture *x)
{
    struct fail f = {0};
    assert_int_equal(store_commit(x->store, maker_batch(&x->maker), &f), ERR_OK);
    maker_next(&x->maker);
}

static void fill(struct fixture *x)
{
    for (int batch = 0; batch < BATCHES; batch++) {
        for (int i = 0; i < MAKER_ROWS; i++) {
            struct record r = random_record(x);
            char body[16] = "0123456789abcde";
            maker_add(&x->maker, &r, str_head(str_of(body), roll(x, 15)), STR("answer"));
        }
        commit(x);
    }
}

/* --- sums by hand --- */

enum { KEYS_MAX = 2000 };

struct by_hand {
    enum stats_by by;
    int tz_hours;
    int count;
    struct line {
        char key[80];
        struct cell cell;
        int64_t tool_requests, calls, errors;
    } lines[KEYS_MAX];
};

static struct line *line_of(struct by_hand *h, const char *key)
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

static void put_day(char *out, size_t size, int64_t us, int tz_hours, bool by_hour)
{
    time_t seconds = (time_t)(us / 1000000 + (by_hour ? 0 : tz_hours * 3600));
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(out, size, by_hour ? "%Y-%m-%dT%H:00:00Z" : "%Y-%m-%d", &tm);
}

static void key_by_hand(const struct by_hand *h, const struct record *r, char key[80])
{
    const struct str texts[] = {[STATS_BY_MODEL] = r->model, [STATS_BY_PROVIDER] = r->provider,
                                [STATS_BY_STATE] = str_of(ending_name(r->state)),
                                [STATS_BY_PROJECT] = r->project};
    struct str text = STR_NONE;
    if (h->by < COUNT_OF(texts))
        text = texts[h->by];
    else if (h->by == STATS_BY_AGENT)
        text = !r->agent_id.len ? STR("main") : r->agent_type.len ? r->agent_type : STR("unknown");
    snprintf(key, 80, "%.*s", STR_ARGS(text));
    if (h->by == STATS_BY_HOUR || h->by == STATS_BY_DAY)
        put_day(key, 80, r->started_us, h->tz_hours, h->by == STATS_BY_HOUR);
}

static void add_tools(struct by_hand *h, struct str text, bool errors)
{
    struct tool_count c;
    char key[80];
    while (tool_list_next(&text, &c)) {
        snprintf(key, sizeof key, "%.*s", STR_ARGS(c.name));
        struct line *line = line_of(h, key);
        line->tool_requests += !errors;
        *(errors ? &line->errors : &line->calls) += c.count;
    }
}

static int64_t count_of(struct str text)
{
    int64_t sum = 0;
    struct tool_count c;
    while (tool_list_next(&text, &c))
        sum += c.count;
    return sum;
}

static void add_by_hand(const struct record *r, void *owner)
{
    struct by_hand *h = owner;
    char key[80];
    if (h->by == STATS_BY_TOOL) {
        add_tools(h, r->tools, false);
        add_tools(h, r->tool_errors, true);
        return;
    }
    key_by_hand(h, r, key);
    struct cell *cell = &line_of(h, key)->cell;
    cell_add_record(cell, r, 1);
    cell->sums.tool_call_count += count_of(r->tools);
    cell->sums.tool_error_count += count_of(r->tool_errors);
}

/* All rows that the list has under this filter. */
struct page {
    struct by_hand *sums;
    struct uuid last;
    int count;
};

static void on_row(const struct record *r, void *owner)
{
    struct page *page = owner;
    add_by_hand(r, page->sums);
    page->last = r->id;
    page->count++;
}

static void sum_by_hand(struct fixture *x, const struct request_filter *filter, struct by_hand *h)
{
    struct fail f = {0};
    struct page page = {.sums = h};
    struct uuid before;
    h->count = 0;
    for (bool is_first = true; is_first || page.count == FILTER_LIMIT_MAX; is_first = false) {
        before = page.last;
        page.count = 0;
        assert_int_equal(store_list(x->reader, filter, is_first ? NULL : &before,
                                    FILTER_LIMIT_MAX, on_row, &page, &f), ERR_OK);
    }
}

/* --- the comparison --- */

struct check {
    struct by_hand *hand;
    int lines;
    struct stats_row total;
    struct cell added; /* all lines of the division */
};

static void check_line(const struct stats_row *row, const struct line *line)
{
    const struct cell_sums *n = &line->cell.sums;
    assert_int_equal(row->request_count, n->request_count);
    assert_int_equal(row->error_count, n->error_count);
    assert_memory_equal(&row->usage, n->usage, sizeof row->usage);
    assert_int_equal(row->cost_usd_micro, n->cost_usd_micro);
    assert_int_equal(row->unknown_cost_count, n->unknown_cost_count);
    assert_int_equal(row->estimated_cost_count, n->estimated_cost_count);
    assert_int_equal(row->request_bytes, n->request_bytes);
    assert_int_equal(row->response_bytes, n->response_bytes);
    assert_int_equal(row->tool_call_count, n->tool_call_count);
    assert_int_equal(row->tool_error_count, n->tool_error_count);
    assert_int_equal(row->duration.count, n->duration_count);
    assert_int_equal(row->duration.sum_us, n->duration_us);
    assert_int_equal(row->duration.p95_us, time_percentile_us(line->cell.durations, 950));
    assert_int_equal(row->first_token.p50_us, time_percentile_us(line->cell.first_tokens, 500));
    assert_int_equal(row->ttfb.sum_us, n->ttfb_us);
    assert_int_equal(row->speed_us, n->speed_us);
    assert_int_equal(row->speed_tokens, n->speed_tokens);
}

static void on_stats(const struct stats_row *row, void *owner)
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
        assert_int_equal(row->request_count, line->tool_requests);
        assert_int_equal(row->tool_call_count, line->calls);
        assert_int_equal(row->tool_error_count, line->errors);
        return;
    }
    check_line(row, line);
    c->added.sums.request_count += row->request_count;
    c->added.sums.cost_usd_micro += row->cost_usd_micro;
    c->added.sums.usage[1] += row->usage.output_tokens;
}

/* The division has the lines that the rows say, and adds up to the total. */
static void check_division(struct fixture *x, const struct request_filter *filter,
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
    assert_int_equal(store_stats(x->reader, &ask, on_stats, &check, &f), ERR_OK);
    assert_true(check.lines == lines || (by == STATS_TOTAL && check.lines == 1 && !lines));
    if (by == STATS_BY_TOOL)
        return;
    assert_int_equal(check.added.sums.request_count, check.total.request_count);
    assert_int_equal(check.added.sums.cost_usd_micro, check.total.cost_usd_micro);
    assert_int_equal(check.added.sums.usage[1], check.total.usage.output_tokens);
}

static void check_all(struct fixture *x, const struct request_filter *filter)
{
    for (int by = 0; by < STATS_DIVISIONS; by++)
        check_division(x, filter, (enum stats_by)by, 0);
    check_division(x, filter, STATS_BY_DAY, 9 * 60);
    check_division(x, filter, STATS_BY_DAY, -7 * 60);
}

static const struct request_filter filters[] = {
    {.model = {"claude-opus-5", 13}},
    {.provider = {"openai", 6}},
    {.status = 529},
    {.status = 4},
    {.has_state = true, .state = ENDING_UPSTREAM_ERROR},
    {.agent_id = {"main", 4}},
    {.agent_id = {"sub", 3}},
    {.agent_type = {"Explore", 7}},
    {.agent_type = {"unknown", 7}},
    {.project = {"/home/me/blog", 13}},
    {.project = {"/never/seen", 11}},
    {.model = {"claude-haiku-5-5", 16}, .project = {"/home/me/shop", 13}, .status = 2},
    {.session_id = {"s-2", 3}},
    {.session_id = {"s-1", 3}, .agent_type = {"Explore", 7}, .model = {"nobody-knows", 12}},
    {.agent_id = {"a1", 2}},
};

static void sums_are_the_rows_sums(void **state)
{
    struct fixture *x = *state;
    check_all(x, &(struct request_filter){0});
    fill(x);
    check_all(x, &(struct request_filter){0});
    for (size_t i = 0; i < COUNT_OF(filters); i++)
        check_all(x, &filters[i]);
}

static void any_range(void **state)
{
    struct fixture *x = *state;
    fill(x);
    for (int i = 0; i < 12; i++) {
        struct request_filter filter = filters[roll(x, COUNT_OF(filters))];
        if (roll(x, 2))
            filter = (struct request_filter){0};
        filter.start_us = base_us / hour_us * hour_us + (int64_t)roll(x, 24 * 60) * hour_us;
        filter.end_us = filter.start_us + (int64_t)(1 + roll(x, 24 * 40)) * hour_us;
        check_division(x, &filter, STATS_TOTAL, 0);
        check_division(x, &filter, STATS_BY_MODEL, 0);
        check_division(x, &filter, STATS_BY_HOUR, 0);
        check_division(x, &filter, STATS_BY_DAY, (int)roll(x, 27) * 60 - 12 * 60);
    }
}

static void a_store_opened_again_goes_on(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    fill(x);
    store_reader_free(x->reader);
    store_close(x->store);
    maker_release(&x->maker);
    assert_int_equal(store_open(&x->store, &x->place.options, &f), ERR_OK);
    x->reader = store_reader_new(x->store);
    maker_init(&x->maker, x->store);
    fill(x);
    check_all(x, &(struct request_filter){0});
}

/* What has no room in its hour is summed as "(other)"; nothing is lost, and nothing grows. */
static void strange_models_are_summed_up(void **state)
{
    struct fixture *x = *state;
    enum { MORE = 12 };
    int64_t requests = 0;
    for (int batch = 0; batch < MORE; batch++) {
        for (int i = 0; i < MAKER_ROWS; i++, requests++) {
            char model[32];
            snprintf(model, sizeof model, "model-%d-%d", batch, i);
            struct record r = maker_record(base_us);
            r.model = str_of(model);
            maker_add(&x->maker, &r, STR("a"), STR("b"));
            x->maker.rows[x->maker.batch.row_count - 1].record.model =
                str_of(strdup(model)); /* as the batch outlives this loop */
        }
        commit(x);
        for (size_t i = 0; i < MAKER_ROWS; i++)
            free((char *)x->maker.rows[i].record.model.ptr);
    }
    static struct by_hand hand;
    hand.by = STATS_TOTAL;
    sum_by_hand(x, &(struct request_filter){0}, &hand);
    assert_int_equal(hand.lines[0].cell.sums.request_count, requests);
    check_division(x, &(struct request_filter){0}, STATS_TOTAL, 0);
    check_division(x, &(struct request_filter){0}, STATS_BY_HOUR, 0);
}

static void buckets_are_near(void **state)
{
    (void)state;
    for (int64_t us = 64; us < INT64_C(1) << 38; us += 1 + us / 97) {
        int64_t counts[TIME_BUCKETS] = {0};
        unsigned at = time_bucket_of(us);
        assert_true(at < TIME_BUCKETS);
        assert_true(time_bucket_low_us(at) <= us && us <= time_bucket_low_us(at + 1));
        counts[at] = 1;
        int64_t middle = time_percentile_us(counts, 500);
        double off = (double)(middle - us);
        assert_true(off <= (double)us * 0.0453 + 0.5 && off >= (double)us * -0.0453 - 0.5);
    }
    assert_int_equal(time_bucket_of(0), 0);
    assert_int_equal(time_bucket_of(INT64_MAX), TIME_BUCKETS - 1);
}

static void percentiles_are_ranks(void **state)
{
    (void)state;
    int64_t counts[TIME_BUCKETS] = {0};
    assert_int_equal(time_percentile_us(counts, 500), -1);
    counts[time_bucket_of(1000)] = 95;
    counts[time_bucket_of(1000000)] = 5;
    int64_t p50 = time_percentile_us(counts, 500), p95 = time_percentile_us(counts, 950);
    int64_t p99 = time_percentile_us(counts, 990);
    assert_int_equal(p50, p95);
    assert_true(p50 > 950 && p50 < 1050);
    assert_true(p99 > 955000 && p99 < 1046000);
}

static void cells_come_back(void **state)
{
    (void)state;
    static struct cell one, sum;
    static struct cell_entries entries;
    struct buf bytes;
    buf_init(&bytes, CELL_BYTES_MAX);
    struct record r = maker_record(base_us);
    r.first_token_us = 77;
    cell_clear(&one);
    cell_add_record(&one, &r, 1);
    cell_add_tool(&one, &(struct cell_tool){7, 1, 2, 3}, 99);
    assert_int_equal(cell_write(&bytes, &one), ERR_OK);
    assert_int_equal(cell_read(buf_str(&bytes), &entries), ERR_OK);
    cell_clear(&sum);
    cell_add(&sum, &entries, 99);
    assert_memory_equal(&sum, &one, sizeof sum);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(cell_read(str_head(buf_str(&bytes), len), &entries), ERR_CORRUPT);
    cell_add_record(&sum, &r, -1);
    assert_true(cell_is_empty(&sum));
    for (int64_t tool = 0; tool < 3 * CELL_TOOLS_MAX; tool++)
        cell_add_tool(&sum, &(struct cell_tool){tool, 1, 1, 0}, 1000);
    assert_int_equal(sum.tool_count, CELL_TOOLS_MAX);
    buf_release(&bytes);
}

#define FIXED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXED(sums_are_the_rows_sums),
        FIXED(any_range),
        FIXED(a_store_opened_again_goes_on),
        FIXED(strange_models_are_summed_up),
        cmocka_unit_test(buckets_are_near),
        cmocka_unit_test(percentiles_are_ranks),
        cmocka_unit_test(cells_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
