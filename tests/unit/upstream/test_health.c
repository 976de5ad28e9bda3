/* test_health.c — a breaker through all its states, at times that the test says. */
#include <stdio.h>

#include "check.h"
#include "upstream/health.h"

#define MS UINT64_C(1000000)

static const struct breaker_limits limits = {.is_on = true, .max_failures = 3, .timeout_ms = 100};

static struct health *fresh(struct health_book **b, const struct breaker_limits *l)
{
    *b = health_book_new();
    struct health *h = health_find(*b, STR("local"), STR("http://127.0.0.1:1"), l);
    assert_non_null(h);
    return h;
}

static void end_at(struct health_try *t, enum health_outcome outcome, uint64_t now_ns)
{
    struct health_report r = {.outcome = outcome, .now_ns = now_ns, .wall_us = 7,
                              .retry_after_s = -1, .message = "it broke"};
    health_end(t, &r);
}

static void run(struct health *h, enum health_outcome outcome, uint64_t now_ns)
{
    struct health_try t;
    assert_true(health_begin(h, now_ns, &t));
    end_at(&t, outcome, now_ns);
}

static enum breaker_state state_of(struct health *h, uint64_t now_ns)
{
    struct health_state s;
    health_read(h, now_ns, &s);
    return s.state;
}

static bool lets(struct health *h, uint64_t now_ns)
{
    struct health_try t;
    bool is_let = health_begin(h, now_ns, &t);
    if (is_let)
        end_at(&t, HEALTH_UNKNOWN, now_ns);
    return is_let;
}

static void opens_after_failures_in_a_row(void **state)
{
    (void)state;
    struct health_book *b;
    struct health *h = fresh(&b, &limits);
    run(h, HEALTH_FAILED, 0);
    run(h, HEALTH_FAILED, 0);
    run(h, HEALTH_OK, 0); /* the row is broken */
    run(h, HEALTH_FAILED, 0);
    run(h, HEALTH_FAILED, 0);
    run(h, HEALTH_UNKNOWN, 0); /* says nothing */
    assert_int_equal(state_of(h, 0), BREAKER_CLOSED);
    run(h, HEALTH_FAILED, 0);
    assert_int_equal(state_of(h, 0), BREAKER_OPEN);
    assert_int_equal(health_rests_ns(h, 40 * MS), 60 * MS);
    assert_false(lets(h, 99 * MS));
    struct health_state s;
    health_read(h, 40 * MS, &s);
    assert_int_equal(s.requests, 7);
    assert_int_equal(s.failures, 5);
    assert_int_equal(s.failures_in_row, 3);
    assert_int_equal(s.opens_for_ns, 60 * MS);
    assert_int_equal(s.failed_us, 7);
    assert_string_equal(s.message, "it broke");
    health_book_free(b);
}

static struct health *opened(struct health_book **b)
{
    struct health *h = fresh(b, &limits);
    for (int i = 0; i < 3; i++)
        run(h, HEALTH_FAILED, 0);
    return h;
}

static void lets_one_probe_through(void **state)
{
    (void)state;
    struct health_book *b;
    struct health *h = opened(&b);
    struct health_try probe, other;
    assert_true(health_begin(h, 100 * MS, &probe));
    assert_true(probe.is_probe);
    assert_int_equal(state_of(h, 100 * MS), BREAKER_HALF_OPEN);
    assert_false(health_begin(h, 5000 * MS, &other)); /* however long it takes */
    health_answered(&probe);
    assert_int_equal(state_of(h, 5000 * MS), BREAKER_CLOSED);
    assert_true(lets(h, 5000 * MS)); /* while the probe's answer still runs */
    end_at(&probe, HEALTH_OK, 6000 * MS);
    assert_int_equal(state_of(h, 6000 * MS), BREAKER_CLOSED);
    health_book_free(b);
}

static void a_probe_that_fails_opens_again(void **state)
{
    (void)state;
    struct health_book *b;
    struct health *h = opened(&b);
    run(h, HEALTH_FAILED, 150 * MS);
    assert_int_equal(state_of(h, 150 * MS), BREAKER_OPEN);
    assert_false(lets(h, 249 * MS));
    assert_true(lets(h, 250 * MS));
    health_book_free(b);
}

static void a_probe_whose_client_left_is_no_verdict(void **state)
{
    (void)state;
    struct health_book *b;
    struct health *h = opened(&b);
    run(h, HEALTH_UNKNOWN, 100 * MS);
    assert_int_equal(state_of(h, 100 * MS), BREAKER_HALF_OPEN);
    run(h, HEALTH_OK, 100 * MS); /* the next one is the probe */
    assert_int_equal(state_of(h, 100 * MS), BREAKER_CLOSED);
    health_book_free(b);
}

/* Requests that were under way when it opened say nothing of what came later. */
static void old_requests_change_nothing(void **state)
{
    (void)state;
    struct health_book *b;
    struct health *h = fresh(&b, &limits);
    struct health_try good, bad;
    assert_true(health_begin(h, 0, &good));
    assert_true(health_begin(h, 0, &bad));
    for (int i = 0; i < 3; i++)
        run(h, HEALTH_FAILED, 0);
    end_at(&good, HEALTH_OK, 10 * MS);
    end_at(&bad, HEALTH_FAILED, 90 * MS);
    assert_int_equal(state_of(h, 90 * MS), BREAKER_OPEN);
    assert_int_equal(health_rests_ns(h, 90 * MS), 10 * MS);
    health_book_free(b);
}

static void rests_as_long_as_it_asked(void **state)
{
    (void)state;
    struct health_book *b;
    struct health *h = fresh(&b, &(struct breaker_limits){true, 1, 100});
    struct health_try t;
    struct health_report r = {.outcome = HEALTH_FAILED, .retry_after_s = 20, .message = "429"};
    assert_true(health_begin(h, 0, &t));
    health_end(&t, &r);
    assert_int_equal(health_rests_ns(h, 0), 20000 * MS);
    r.retry_after_s = INT64_MAX;
    assert_true(health_begin(h, 20000 * MS, &t));
    health_end(&t, &r);
    assert_int_equal(health_rests_ns(h, 0), (uint64_t)HEALTH_RETRY_AFTER_MAX_S * 1000 * MS);
    health_book_free(b);
}

static void switched_off_it_only_counts(void **state)
{
    (void)state;
    struct health_book *b;
    struct health *h = fresh(&b, &(struct breaker_limits){false, 1, 100});
    for (int i = 0; i < 9; i++)
        run(h, HEALTH_FAILED, 0);
    assert_int_equal(state_of(h, 0), BREAKER_CLOSED);
    health_book_free(b);
}

static void is_kept_by_name_and_address(void **state)
{
    (void)state;
    struct health_book *b;
    struct health *h = opened(&b);
    assert_ptr_equal(h, health_find(b, STR("local"), STR("http://127.0.0.1:1"), &limits));
    assert_int_equal(state_of(h, 0), BREAKER_OPEN);
    assert_ptr_not_equal(h, health_find(b, STR("local"), STR("http://127.0.0.1:2"), &limits));
    assert_ptr_not_equal(h, health_find(b, STR("other"), STR("http://127.0.0.1:1"), &limits));
    health_find(b, STR("local"), STR("http://127.0.0.1:1"), &(struct breaker_limits){false, 1, 1});
    assert_true(lets(h, 0)); /* switched off while it was open */
    char name[16];
    struct health *last = h;
    for (int i = 0; i < HEALTH_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        last = health_find(b, str_of(name), STR("u"), &limits);
    }
    assert_null(last);
    struct health_try t;
    assert_true(health_begin(NULL, 0, &t));
    end_at(&t, HEALTH_FAILED, 0);
    health_book_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_failures_in_a_row),
        cmocka_unit_test(lets_one_probe_through),
        cmocka_unit_test(a_probe_that_fails_opens_again),
        cmocka_unit_test(a_probe_whose_client_left_is_no_verdict),
        cmocka_unit_test(old_requests_change_nothing),
        cmocka_unit_test(rests_as_long_as_it_asked),
        cmocka_unit_test(switched_off_it_only_counts),
        cmocka_unit_test(is_kept_by_name_and_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
