/*
 * What was learned is applied to the same endpoint only.
 */
#include "check.h"

#include <stdio.h>

#include "dialect/learned.h"

static const struct str url = {"https://a.example/v1", 20};

static void lessons_stay_with_their_endpoint(void **state)
{
    struct learned l;
    struct quirks q = {0}, other = {0}, same = {0};
    (void)state;
    learned_init(&l);
    assert_true(quirks_learn(&q, 400, STR("Unknown parameter: stream_options")));
    learned_keep(&l, url, STR("m"), &q, 1.5);
    assert_true(learned_apply(&l, url, STR("n"), &other) == 0);
    assert_int_equal(other.flags, 0);
    assert_true(learned_apply(&l, url, STR("m"), &same) == 1.5);
    assert_true(quirks_have(&same, QUIRK_NO_STREAM_OPTIONS));
    learned_release(&l);
}

static void what_a_refusal_took_away_stays_away(void **state)
{
    struct learned l;
    struct quirks q = {0}, next = {0};
    (void)state;
    learned_init(&l);
    assert_int_equal(quirks_parse(&q, STR("top_k"), NULL), ERR_OK);
    next = q;
    assert_true(quirks_learn(&q, 400, STR("top_k: extra inputs are not permitted")));
    learned_keep(&l, url, STR("m"), &q, 0);
    learned_apply(&l, url, STR("m"), &next);
    assert_false(quirks_have(&next, QUIRK_TOP_K));
    learned_release(&l);
}

static void one_odd_count_moves_little(void **state)
{
    struct learned l;
    struct quirks q = {0};
    (void)state;
    learned_init(&l);
    learned_keep(&l, url, STR("m"), &q, 1);
    learned_keep(&l, url, STR("m"), &q, 2);
    double factor = learned_apply(&l, url, STR("m"), &q);
    assert_true(factor > 1.1 && factor < 1.3);
    learned_keep(&l, url, STR("m"), &q, 1000); /* no tokenizer is so far off */
    assert_true(learned_apply(&l, url, STR("m"), &q) == factor);
    learned_release(&l);
}

static void a_limit_is_kept_beside_a_quirk(void **state)
{
    struct learned l;
    struct quirks q = {0}, back = {0};
    (void)state;
    learned_init(&l);
    assert_true(quirks_learn(&q, 400, STR("max_tokens is too large; at most 16384 are supported")));
    learned_keep(&l, url, STR("m"), &q, 1.25);
    learned_apply(&l, url, STR("m"), &back);
    assert_int_equal(back.max_tokens, 16384);
    learned_release(&l);
}

static void memory_is_bounded(void **state)
{
    struct learned l;
    struct quirks q = {0};
    char model[32];
    (void)state;
    learned_init(&l);
    for (int i = 0; i < LEARNED_MAX + 100; i++) {
        snprintf(model, sizeof model, "m%d", i);
        learned_keep(&l, url, str_of(model), &q, 1);
    }
    assert_int_equal(l.count, LEARNED_MAX);
    assert_true(learned_apply(&l, url, STR("m0"), &q) == 0);
    assert_true(learned_apply(&l, url, STR("m600"), &q) == 1);
    learned_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lessons_stay_with_their_endpoint),
        cmocka_unit_test(what_a_refusal_took_away_stays_away),
        cmocka_unit_test(one_odd_count_moves_little),
        cmocka_unit_test(a_limit_is_kept_beside_a_quirk),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
