/* test_router.c — patterns. What rules say is tried in test_route_rules.c, and from outside. */
#include "check.h"
#include "proxy/router.h"

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"claude-haiku-4-5", "claude-haiku-4-5", true},
        {"claude-haiku-4-5", "claude-haiku-4-5-20251001", false},
        {"claude-haiku-4-5", "laude-haiku-4-5", false},
        {"*haiku*", "claude-haiku-4-5", true},
        {"*haiku*", "haiku", true},
        {"*haiku*", "haik", false},
        {"*", "", true},
        {"*", "anything", true},
        {"", "", true},
        {"", "a", false},
        {"?", "", false},
        {"?", "a", true},
        {"gpt-?o", "gpt-4o", true},
        {"gpt-?o", "gpt-44o", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"*aab", "aaaab", true},
        {"**", "x", true},
        {"gpt-*", "gpt-", true},
        {"gpt-*", "gpt", false},
        {"gpt-*", "a-gpt-4", false},
        {"*a*", "bcd", false},
        {"*a*", "", false},
        {"*?*", "", false},
        {"a?*", "ab", true},
        {"a**", "a", true},
        {"[ab]", "a", false}, /* brackets stand for themselves: opus[1m] */
        {"opus[1m]", "opus[1m]", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct glob made = glob_make(str_of(cases[i].pattern)); /* must say the same, sooner */
        if (glob_matches(str_of(cases[i].pattern), str_of(cases[i].text)) != cases[i].fits ||
            glob_fits(&made, str_of(cases[i].text)) != cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patterns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
