/*
 * When to try again, in all spellings. covers: S83
 */
#include "check.h"

#include "dialect/provider_error.h"

static void every_spelling_is_seconds(void **state)
{
    static const struct {
        const char *value, *date;
        int64_t seconds;
    } cases[] = {{"17", "", 17},
                 {"0.2", "", 1},
                 {"6s", "", 6},
                 {"1m2s", "", 62},
                 {"12ms", "", 1},
                 {"1h", "", 3600},
                 {"Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:27:30 GMT", 30},
                 {"Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:29:00 GMT", 0},
                 {"Fri, 01 Mar 2024 00:00:10 GMT", "Thu, 29 Feb 2024 23:59:50 GMT", 20},
                 {"Wed, 21 Oct 2015 07:28:00 GMT", "", 0},
                 {"", "", -1},
                 {"soon", "", -1},
                 {"5 apples", "", -1},
                 {"99999999999", "", -1}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(provider_retry_after(str_of(cases[i].value), str_of(cases[i].date)),
                         cases[i].seconds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_spelling_is_seconds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
