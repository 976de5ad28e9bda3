/*
 * test_reprice.c — new prices reach what was recorded before: rows and all sums, once.
 */
#include "stats_scene.h"

#include "store/reprice.h"

static int64_t price_again(struct fixture *x, const struct prices *prices, int most_steps)
{
    struct repricer r;
    repricer_init(&r, x->s.store, prices);
    for (int i = 0; i < most_steps; i++)
        if (repricer_step(&r) == UINT64_MAX)
            break;
    int64_t changed = r.changed;
    repricer_release(&r);
    return changed;
}

static struct prices *other_prices(void)
{
    static const struct price own[] = {
        {.model = "nobody-knows", .input = 1000000, .output = 3000000, .cache_read = 10000,
         .cache_write_5m = 1250000, .cache_write_1h = 2000000, .web_search = 10000000,
         .fast_percent = 200},
        {.model = "claude-opus-5", .input = 7000000, .output = UNKNOWN, .cache_read = UNKNOWN,
         .cache_write_5m = UNKNOWN, .cache_write_1h = UNKNOWN, .web_search = UNKNOWN},
    };
    return prices_new(own, COUNT_OF(own));
}

/* Every row costs what these prices say. */
struct expected {
    const struct prices *prices;
    struct by_hand *sums;
    int64_t rows;
};

static void check_row(const struct record *r, void *owner)
{
    struct expected *e = owner;
    struct record priced = *r;
    prices_cost(e->prices, &priced);
    assert_int_equal(priced.cost_usd_micro, r->cost_usd_micro);
    assert_int_equal(priced.flags, r->flags);
    e->rows++;
}

static void check_prices(struct fixture *x, const struct prices *prices)
{
    struct fail f = {0};
    struct expected e = {.prices = prices};
    assert_int_equal(store_list(x->s.reader, &(struct request_filter){0}, NULL, FILTER_LIMIT_MAX,
                                check_row, &e, &f), ERR_OK);
    assert_true(e.rows > 0);
    check_all(x, &(struct request_filter){0});
    check_all(x, &(struct request_filter){.model = STR("nobody-knows")});
}

static void new_prices_reach_old_requests(void **state)
{
    struct fixture *x = *state;
    struct prices *other = other_prices();
    fill(x);
    assert_int_equal(price_again(x, x->prices, 1000), 0); /* nothing has changed */
    check_prices(x, x->prices);
    assert_true(price_again(x, other, 1000) > ROWS / 4);
    check_prices(x, other);
    assert_int_equal(price_again(x, other, 1), 0);
    assert_true(price_again(x, x->prices, 1000) > ROWS / 4); /* and back */
    check_prices(x, x->prices);
    prices_free(other);
}

static void an_interrupted_one_begins_anew(void **state)
{
    struct fixture *x = *state;
    struct prices *other = other_prices();
    fill(x);
    assert_true(price_again(x, other, 2) > 0);
    check_all(x, &(struct request_filter){0});
    fill(x); /* meanwhile recording goes on, at prices of before */
    assert_true(price_again(x, other, 1000) > 0);
    check_prices(x, other);
    prices_free(other);
}

#define COSTS   "coalesce(sum(cost_usd_micro), 0)"
#define UNKNOWN_COSTS "coalesce(sum(CASE WHEN " COST_IS_UNKNOWN " THEN 1 ELSE 0 END), 0)"

static void conversations_follow(void **state)
{
    static const char all_in_one[] =
        "UPDATE requests SET conversation = 7;"
        "INSERT INTO conversations (conversation, first_us, last_us, request_count, error_count,"
        " message_count, input_tokens, output_tokens, cache_read_input_tokens,"
        " cache_creation_input_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens,"
        " web_search_requests, cost_usd_micro, unknown_cost_count)"
        " SELECT 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, " COSTS ", " UNKNOWN_COSTS " FROM requests";
    struct fixture *x = *state;
    struct database *db = &x->s.store->db;
    struct prices *other = other_prices();
    struct fail f = {0};
    fill(x);
    assert_int_equal(database_run(db, all_in_one, &f), ERR_OK);
    int64_t before = database_number(db, "SELECT cost_usd_micro FROM conversations", -1);
    assert_true(price_again(x, other, 1000) > 0);
    int64_t cost = database_number(db, "SELECT cost_usd_micro FROM conversations", -1);
    assert_true(cost != before);
    assert_int_equal(cost, database_number(db, "SELECT " COSTS " FROM requests", -2));
    assert_int_equal(database_number(db, "SELECT unknown_cost_count FROM conversations", -1),
                     database_number(db, "SELECT " UNKNOWN_COSTS " FROM requests", -2));
    prices_free(other);
}

#define FIXED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXED(new_prices_reach_old_requests),
        FIXED(an_interrupted_one_begins_anew),
        FIXED(conversations_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
