/*
 * test_api_stats.c — what is asked reaches the statistics, and what they tell is shown.
 */
#include "api_scene.h"
#include "store/time_buckets.h"

static struct stats_ask asked;

enum err store_stats(struct store_reader *r, const struct stats_ask *ask, store_stats_fn *on_row,
                     void *owner, struct fail *f)
{
    (void)r;
    (void)f;
    static const int64_t buckets[TIME_BUCKETS] = {[64] = 3, [65] = 1};
    asked = *ask;
    struct stats_row row = {
        .by = STATS_BY_MODEL,
        .key = STR("claude-a"),
        .request_count = 4,
        .usage = {.input_tokens = 100, .cache_read_input_tokens = 300},
        .duration = {4, 10000, 17000, 18000, 19000, buckets},
        .first_token = {0, 0, UNKNOWN, UNKNOWN, UNKNOWN, buckets},
        .speed_tokens = 50,
        .speed_us = 2000000,
    };
    for (row.by = STATS_BY_MODEL; row.by < STATS_DIVISIONS; row.by++)
        on_row(&row, owner);
    row.by = STATS_TOTAL;
    row.key = STR_NONE;
    on_row(&row, owner);
    *ask->is_cut = true;
    return ERR_OK;
}

static struct indexer *indexer;

static uint64_t next_block(void *owner)
{
    (void)owner;
    return 1;
}

static uint64_t lost_frames(void *owner)
{
    (void)owner;
    return 0;
}

static int setup(void **state)
{
    struct scene *f = MEM_NEW(struct scene);
    scene_open_store(f);
    const struct index_store port = {.secret = store_secret(f->store), .next_block = next_block};
    indexer = indexer_new(&port, f->place.dir); /* never started */
    const struct api_options options = {
        .version = "1.2.3", .store = f->store, .indexer = indexer, .lost_frames = lost_frames};
    f->api = api_new(&options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct scene *f = *state;
    scene_release(f);
    indexer_free(indexer);
    scene_close_store(f);
    free(f);
    return 0;
}

static void sums_are_shown(void **state)
{
    struct scene *f = *state;
    ask(f, 200, "/api/stats");
    assert_true(yyjson_is_null(at(f, "/total/key")));
    assert_true(yyjson_get_num(at(f, "/total/duration_ms/avg")) == 2.5);
    assert_true(yyjson_is_null(at(f, "/total/ttfb_ms/avg")));
    assert_string_equal(text_at(f, "/models/0/key"), "claude-a");
    assert_true(yyjson_get_num(at(f, "/models/0/duration_ms/p95")) == 18);
    assert_true(yyjson_is_null(at(f, "/total/first_token_ms/p50")));
    assert_true(yyjson_get_num(at(f, "/total/cache_hit_rate")) == 0.75);
    assert_true(yyjson_get_num(at(f, "/total/tokens_per_second")) == 25);
    assert_true(!yyjson_doc_ptr_get(f->doc, "/hours"));
}

static void statistics_have_addresses(void **state)
{
    static const struct {
        const char *address, *member;
    } addresses[] = {
        {"/api/stats/hourly", "/hours/0/key"},       {"/api/stats/daily", "/days/0/key"},
        {"/api/stats/models", "/models/0/key"},      {"/api/stats/providers", "/providers/0/key"},
        {"/api/stats/states", "/states/0/key"},      {"/api/stats/projects", "/projects/0/key"},
        {"/api/stats/subagents", "/agents/0/key"},   {"/api/stats/tools", "/tools/0/key"},
        {"/api/stats/performance", "/models/0/key"},
    };
    struct scene *f = *state;
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        ask(f, 200, addresses[i].address);
        assert_string_equal(text_at(f, addresses[i].member), "claude-a");
    }
    assert_int_equal(yyjson_get_int(at(f, "/duration_histogram/0/2")), 3);
    assert_true(yyjson_get_num(at(f, "/duration_histogram/0/0")) == 16.384);
    ask(f, 200, "/api/stats/hourly");
    assert_true(yyjson_get_bool(at(f, "/truncated")));
    ask(f, 200, "/api/stats/daily?tz=-210&agent_type=a&project=p&agent=sub&status=4xx");
    assert_int_equal(asked.tz_minutes, -210);
    assert_int_equal(asked.filter.status, 4);
    assert_int_equal(asked.divisions, 1u << STATS_BY_DAY);
    ask(f, 400, "/api/stats/daily?tz=900");
    ask(f, 400, "/api/stats/models?tz=60");
    ask(f, 200, "/api/stats?q=x&tool=Bash");
    assert_str_equal(asked.filter.tool, STR("Bash"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sums_are_shown),
        TEST(statistics_have_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
