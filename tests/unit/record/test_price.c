/*
 * test_price.c — what requests cost: sums worked out by hand from the public lists, and everything
 * that makes a cost unknown or an estimate.
 */
#include "check.h"

#include "record/price.h"

static struct prices *prices;

static const int64_t day_us = INT64_C(86400) * 1000000;
static const int64_t in_2026_11 = INT64_C(1795200000) * 1000000; /* 2026-11-20 18:40 */

static int make(void **state)
{
    (void)state;
    prices = prices_new(NULL, 0);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    prices_free(prices);
    return 0;
}

static struct record asked(const char *model, struct usage usage)
{
    struct record r;
    record_init(&r);
    r.state = ENDING_COMPLETE;
    r.status = 200;
    r.path = STR("/v1/messages");
    r.model = str_of(model);
    r.started_us = in_2026_11;
    r.usage = usage;
    return r;
}

static const struct usage no_usage = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN};

#define USAGE(...) ((struct usage){__VA_ARGS__})

static int64_t cost(const char *model, struct usage usage, uint32_t flags)
{
    struct record r = asked(model, usage);
    r.flags = flags;
    prices_cost(prices, &r);
    assert_true((r.cost_usd_micro == UNKNOWN) == ((r.flags & RECORD_COST_UNKNOWN) != 0));
    return r.cost_usd_micro;
}

static void every_kind_of_token(void **state)
{
    (void)state;
    /* claude-opus-5: 5, 25, 0.50, 6.25, 10 dollars a million; 10 dollars a thousand searches */
    const struct usage all = USAGE(1000, 2000, 30000, 700, 400, 300, 2);
    assert_int_equal(cost("claude-opus-5", all, 0),
                     1000 * 5 + 2000 * 25 + 30000 / 2 + 400 * 25 / 4 + 300 * 10 + 2 * 10000);
    assert_int_equal(cost("claude-opus-5", USAGE(0, 0, 0, 0, 0, 0, 0), 0), 0);
    /* 0.1 + 0.5 + 0.01 millionths: rounded once, at the end */
    assert_int_equal(cost("claude-haiku-5-5", USAGE(1, 1, 1, 0, 0, 0, 0), 0), 1);
    assert_int_equal(cost("claude-haiku-5-5", USAGE(4, 0, 0, 0, 0, 0, 0), 0), 0);
    assert_int_equal(cost("claude-haiku-5-5", USAGE(5, 0, 0, 0, 0, 0, 0), 0), 1);
    /* parts that were not told cost nothing, so long as the main ones were */
    assert_int_equal(cost("claude-opus-5", USAGE(1000, 10, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
                                                 UNKNOWN), 0), 5250);
    assert_int_equal(cost("claude-opus-5", USAGE(1000, UNKNOWN, 0, 0, 0, 0, 0), 0), UNKNOWN);
}

static void long_prompts_cost_more(void **state)
{
    (void)state;
    assert_int_equal(cost("claude-sonnet-4-5", USAGE(100000, 0, 100000, 0, 0, 0, 0), 0),
                     300000 + 30000);
    assert_int_equal(cost("claude-sonnet-4-5", USAGE(100001, 1000, 100000, 0, 0, 0, 0), 0),
                     600006 + 22500 + 60000);
    assert_int_equal(cost("claude-sonnet-4-6", USAGE(900000, 0, 0, 0, 0, 0, 0), 0), 2700000);
    assert_int_equal(cost("qwen3-coder-plus", USAGE(32000, 0, 0, 0, 0, 0, 0), 0), 32000);
    assert_int_equal(cost("qwen3-coder-plus", USAGE(32001, 0, 0, 0, 0, 0, 0), 0), 57602);
    assert_int_equal(cost("qwen3-coder-plus", USAGE(300000, 0, 0, 0, 0, 0, 0), 0), 1800000);
}

static void prices_have_dates(void **state)
{
    (void)state;
    const int64_t changed_us = INT64_C(20733) * day_us; /* 2026-10-07 */
    const struct price *before = prices_find(prices, STR("claude-sonnet-5-5"), changed_us - 1, 1);
    const struct price *after = prices_find(prices, STR("claude-sonnet-5-5"), changed_us, 1);
    assert_int_equal(before->cache_read, 200000);
    assert_int_equal(after->cache_read, 100000);
    assert_non_null(strstr(after->source, "https://"));
    assert_null(prices_find(prices, STR("claude-opus-99"), changed_us, 1));
}

static void names_become_plain(void **state)
{
    static const struct {
        const char *model, *name;
        bool is_resold;
    } names[] = {
        {"claude-opus-5", "claude-opus-5", false},
        {"Claude-Opus-4-5-20251101", "claude-opus-4-5", false},
        {"claude-sonnet-5-5[1m]", "claude-sonnet-5-5", false},
        {"claude-3-5-haiku-latest", "claude-3-5-haiku", false},
        {"claude-opus-4-0", "claude-opus-4", false},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", true},
        {"claude-sonnet-4-5@20250929", "claude-sonnet-4-5", true},
        {"publishers/anthropic/models/claude-opus-5", "claude-opus-5", true},
        {"anthropic/claude-sonnet-4.5", "claude-sonnet-4-5", true},
        {"openai/gpt-5.4-mini", "gpt-5.4-mini", true},
        {"gpt-4o-2024-08-06", "gpt-4o", false},
        {" gpt-4.1 ", "gpt-4.1", false},
        {"llama3:8b", "llama3:8b", false},
        {"", "", false},
        {"/", "", true},
        {"claude-", "claude-", false},
        {"@", "", true},
    };
    char out[PRICE_NAME_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        bool is_resold = !names[i].is_resold;
        assert_str_equal(price_name(str_of(names[i].model), out, &is_resold),
                         str_of(names[i].name));
        assert_int_equal(is_resold, names[i].is_resold);
    }
    char endless[PRICE_NAME_MAX + 1];
    bool is_resold;
    memset(endless, 'a', sizeof endless);
    assert_int_equal(price_name(str_make(endless, sizeof endless), out, &is_resold).len, 0);
}

static uint32_t flags_of(const char *model, struct usage usage, uint32_t flags)
{
    struct record r = asked(model, usage);
    r.flags = flags;
    prices_cost(prices, &r);
    return r.flags;
}

static void unknown_is_not_nothing(void **state)
{
    (void)state;
    assert_int_equal(cost("nobody-knows", USAGE(1, 1, 0, 0, 0, 0, 0), 0), UNKNOWN);
    /* a price that the list does not have is missed only where it is needed */
    assert_int_equal(cost("gemini-3.5-flash", USAGE(1000, 0, 1, 0, 0, 0, 0), 0), UNKNOWN);
    assert_int_equal(cost("gemini-3.5-flash", USAGE(1000, 0, 0, 0, 0, 0, 0), 0), 1500);
    assert_int_equal(cost("claude-opus-5", USAGE(INT64_MAX, 1, 0, 0, 0, 0, 0), 0), UNKNOWN);
    /* answered without a word on usage: it may have been charged for */
    struct record r = asked("claude-opus-5", no_usage);
    prices_cost(prices, &r);
    assert_int_equal(r.cost_usd_micro, UNKNOWN);
    assert_true(r.flags & RECORD_COST_UNKNOWN);
    /* nothing was used: neither a cost nor an unknown one */
    struct record free_ones[] = {r, r, r, r};
    free_ones[0].state = ENDING_REJECTED;
    free_ones[1].status = 529;
    free_ones[2].path = STR("/v1/messages/count_tokens");
    free_ones[3].model = STR_NONE;
    for (size_t i = 0; i < COUNT_OF(free_ones); i++) {
        prices_cost(prices, &free_ones[i]);
        assert_int_equal(free_ones[i].cost_usd_micro, UNKNOWN);
        assert_int_equal(free_ones[i].flags & RECORD_COST_UNKNOWN, 0);
    }
}

static void what_was_not_told_is_estimated(void **state)
{
    (void)state;
    const struct usage plain = USAGE(1000, 0, 0, 0, 0, 0, 0);
    assert_int_equal(flags_of("claude-opus-5", plain, 0) & RECORD_COST_ESTIMATED, 0);
    assert_true(flags_of("anthropic/claude-opus-5", plain, 0) & RECORD_COST_ESTIMATED);
    assert_true(flags_of("deepseek-flash", plain, 0) & RECORD_COST_ESTIMATED);
    assert_true(flags_of("claude-opus-5", plain, RECORD_BILLED_PRIORITY) & RECORD_COST_ESTIMATED);
    /* how long a cache write is to live was not said */
    const struct usage writes = USAGE(0, 0, 0, 1000, UNKNOWN, UNKNOWN, 0);
    assert_int_equal(cost("claude-opus-5", writes, 0), 6250);
    assert_true(flags_of("claude-opus-5", writes, 0) & RECORD_COST_ESTIMATED);
    struct record cut = asked("claude-opus-5", plain);
    cut.state = ENDING_CLIENT_DISCONNECTED;
    prices_cost(prices, &cut);
    assert_int_equal(cut.cost_usd_micro, 5000);
    assert_true(cut.flags & RECORD_COST_ESTIMATED);
}

static void the_way_of_billing_multiplies(void **state)
{
    (void)state;
    const struct usage u = USAGE(1000, 1000, 0, 0, 0, 0, 1);
    assert_int_equal(cost("claude-opus-5", u, 0), 30000 + 10000);
    assert_int_equal(cost("claude-opus-5", u, RECORD_BILLED_FAST), 60000 + 10000);
    assert_int_equal(cost("claude-opus-5", u, RECORD_BILLED_BATCH), 15000 + 10000);
    assert_int_equal(cost("claude-opus-5", u, RECORD_BILLED_IN_US), 33000 + 10000);
    assert_int_equal(cost("claude-opus-4-5", u, RECORD_BILLED_FAST), UNKNOWN); /* has no fast mode */
}

static void the_answer_says_which_model(void **state)
{
    (void)state;
    struct record r = asked("claude-opus-5", USAGE(1000, 0, 0, 0, 0, 0, 0));
    r.response_model = STR("claude-haiku-4-5-20251001");
    prices_cost(prices, &r);
    assert_int_equal(r.cost_usd_micro, 1000);
}

/* gpt-4o: 2.50, 10, 1.25 dollars a million, and writing to its cache has no price of its own. */
static void the_same_tokens_elsewhere(void **state)
{
    (void)state;
    struct record r = asked("claude-opus-5", USAGE(1000, 2000, 30000, 700, 400, 300, 2));
    r.flags = RECORD_BILLED_FAST;
    assert_int_equal(prices_cost_elsewhere(prices, &r, STR("openai:gpt-4o")),
                     1700 * 5 / 2 + 2000 * 10 + 30000 * 5 / 4);
    assert_int_equal(r.usage.input_tokens, 1000); /* it itself stays as it is */
    assert_int_equal(r.flags, RECORD_BILLED_FAST);
    assert_int_equal(prices_cost_elsewhere(prices, &r, STR("ollama:house-model")), UNKNOWN);
    r.response_model = STR("claude-opus-5");
    r.usage = USAGE(1000, 2000, 0, 0, 0, 0, 0);
    assert_int_equal(prices_cost_elsewhere(prices, &r, STR("anthropic")), 1000 * 5 + 2000 * 25);
    r.usage = no_usage;
    assert_int_equal(prices_cost_elsewhere(prices, &r, STR("openai:gpt-4o")), UNKNOWN);
}

static void own_prices_come_first(void **state)
{
    (void)state;
    static const struct price own[] = {
        {.model = "claude-opus-5", .input = 1000000, .output = 2000000, .cache_read = UNKNOWN,
         .cache_write_5m = UNKNOWN, .cache_write_1h = UNKNOWN, .web_search = UNKNOWN},
        {.model = "house-*", .input = 0, .output = 0, .cache_read = 0, .cache_write_5m = 0,
         .cache_write_1h = 0, .web_search = 0},
    };
    prices_free(prices);
    prices = prices_new(own, COUNT_OF(own));
    assert_int_equal(cost("claude-opus-5", USAGE(1000, 1000, 0, 0, 0, 0, 0), 0), 3000);
    assert_int_equal(cost("claude-opus-5", USAGE(1000, 0, 1, 0, 0, 0, 0), 0), UNKNOWN);
    assert_int_equal(cost("house-llama-3", USAGE(1000, 1000, 5, 5, 5, 0, 0), 0), 0);
    assert_int_equal(cost("claude-haiku-4-5", USAGE(1000, 0, 0, 0, 0, 0, 0), 0), 1000);
}

static void lines_become_prices(void **state)
{
    (void)state;
    struct arena arena;
    struct price p;
    struct fail why = {0};
    arena_init(&arena);
    assert_int_equal(price_parse(STR(" Z-AI/GLM-5*  input=0.6 output=2.25 cache_read=0.000001 "
                                     "cache_write_5m=999999.999999 above=200000 fast=600 "
                                     "from=2024-02-29"), &arena, &p, &why), ERR_OK);
    assert_string_equal(p.model, "glm-5*");
    assert_int_equal(p.input, 600000);
    assert_int_equal(p.output, 2250000);
    assert_int_equal(p.cache_read, 1);
    assert_int_equal(p.cache_write_5m, 999999999999);
    assert_int_equal(p.cache_write_1h, UNKNOWN);
    assert_int_equal(p.above_tokens, 200000);
    assert_int_equal(p.fast_percent, 600);
    assert_int_equal(p.from_us, INT64_C(19782) * day_us);
    static const char *const wrong[] = {
        "", " ", "m", "m input=1", "m output=1", "m input=1 output=-1", "m input=1 output=1e3",
        "m input=1 output=1.1234567", "m input=1 output=1000000", "m input=1 output=2 from=2025-02-29",
        "m input=1 output=2 from=2025-2-1", "m input=1 output=2 above=x", "m input= output=2",
        "m input=1 output=2 much", "m input=1 output=2.", "m input=.5 output=2", "input=1 output=2",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (price_parse(str_of(wrong[i]), &arena, &p, &why) != ERR_CONFIG)
            fail_msg("taken: %s", wrong[i]);
    arena_release(&arena);
}

static void fingerprints_tell_prices_apart(void **state)
{
    (void)state;
    const struct price own = {.model = "m", .input = 1, .output = 2};
    const struct price other = {.model = "m", .input = 1, .output = 3};
    const struct price *const lists[] = {NULL, &own, &other};
    uint64_t prints[COUNT_OF(lists)];
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct prices *p = prices_new(lists[i], lists[i] != NULL);
        prints[i] = prices_fingerprint(p);
        prices_free(p);
    }
    assert_true(prints[0] == prices_fingerprint(prices));
    assert_true(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_token),
        TEST(long_prompts_cost_more),
        TEST(prices_have_dates),
        TEST(names_become_plain),
        TEST(unknown_is_not_nothing),
        TEST(what_was_not_told_is_estimated),
        TEST(the_way_of_billing_multiplies),
        TEST(the_answer_says_which_model),
        TEST(the_same_tokens_elsewhere),
        TEST(own_prices_come_first),
        TEST(lines_become_prices),
        TEST(fingerprints_tell_prices_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
