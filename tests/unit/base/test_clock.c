/*
 * Times as people write them: what is one is read, and what is none is refused.
 */
#include "check.h"

#include "base/clock.h"

static void what_is_a_time_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-02", INT64_C(86400000000)},
        {"2024-02-29T12:00:00.5Z", INT64_C(1709208000500000)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
        {"2026-12-31T23:59:60Z", INT64_C(1798761600000000)},
        {"1970-01-01T02:00:00+02:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t us = -1;
        if (!clock_parse(rows[i].text, &us) || us != rows[i].us)
            fail_msg("%s: %lld", rows[i].text, (long long)us);
    }
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",           "2026",       "2026-02-29T00:00:00Z", "1900-02-29", "2026-02-30", "2026-04-31",
        "2026-13-01", "2026-00-01", "2026-01-00",           "2026-01-32", "2026-12-32",
        "2026-01-01T24:00:00Z",      "2026-01-01T00:60:00Z", "2026-01-01T00:00:00+2:00",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60", "2026-01-01T00:00:00+-1:00",
        "2026-01-01T00:00:00Zx",     "99999-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t us;
        if (clock_parse(rows[i], &us))
            fail_msg("%s was taken for a time", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_a_time_is_read),
                                       cmocka_unit_test(what_is_none_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
