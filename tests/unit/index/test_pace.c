/* test_pace.c — work that can wait makes way for recording, and yet gets on. */
#include "check.h"
#include "index/pace.h"

static const uint64_t ms_ns = 1000000, start_ns = 7000000000000;

/* Asks every 200 ms for `ms`, while `per_s` exchanges are recorded; gives how often it may. */
static int steps(struct pace *p, uint64_t *at_ms, uint64_t *exchanges, uint64_t ms, uint64_t per_s)
{
    int allowed = 0;
    for (uint64_t end_ms = *at_ms + ms; *at_ms < end_ms; *at_ms += 200, *exchanges += per_s / 5)
        allowed += pace_allows(p, *exchanges, start_ns + *at_ms * ms_ns);
    return allowed;
}

static void test_it_waits_while_much_is_recorded(void **state)
{
    (void)state;
    struct pace p = {0};
    uint64_t at_ms = 0, exchanges = 0;
    assert_int_equal(steps(&p, &at_ms, &exchanges, 10000, 100), 50);
    assert_int_equal(steps(&p, &at_ms, &exchanges, 200, 1000), 1); /* the rate is not seen yet */
    assert_int_equal(steps(&p, &at_ms, &exchanges, 20000, 1000), 4);
    assert_int_equal(steps(&p, &at_ms, &exchanges, 200, 100), 0);
    assert_int_equal(steps(&p, &at_ms, &exchanges, 10000, 100), 50);
}

/* A single exchange between two questions that follow each other at once is no load. */
static void test_short_spans_say_nothing(void **state)
{
    (void)state;
    struct pace p = {0};
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(pace_allows(&p, i / 10, start_ns + i * 10 * ms_ns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_waits_while_much_is_recorded),
        cmocka_unit_test(test_short_spans_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
