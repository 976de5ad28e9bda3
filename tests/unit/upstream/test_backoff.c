/* test_backoff.c — waits grow, have a ceiling, and differ. */
#include "check.h"
#include "upstream/backoff.h"

static void grows_to_its_ceiling(void **state)
{
    (void)state;
    static const uint64_t whole_ms[] = {100, 200, 400, 800, 1600, 2000, 2000};
    for (size_t i = 0; i < COUNT_OF(whole_ms); i++)
        for (uint64_t seed = 0; seed < 1000; seed++)
            assert_in_range(backoff_ms((int)i + 1, seed * 977), whole_ms[i] / 2, whole_ms[i]);
    assert_in_range(backoff_ms(1000000, 7), BACKOFF_MAX_MS / 2, BACKOFF_MAX_MS);
}

static void is_spread(void **state)
{
    (void)state;
    bool seen[51] = {false};
    int different = 0;
    for (uint64_t seed = 0; seed < 2000; seed++)
        seen[backoff_ms(1, seed) - 50] = true;
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        different += seen[i];
    assert_int_equal(different, 51);
    assert_int_equal(backoff_spread_ms(0, 12345), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grows_to_its_ceiling),
                                       cmocka_unit_test(is_spread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
