/*
 * test_config_diff.c — which keys are said to differ between two readings.
 */
#include "check.h"
#include "scratch.h"

#include "config/config_diff.h"

static struct config *load(const char *text)
{
    struct problems p = {.count = 0};
    struct config_flags flags = {.file = "config.yaml"};
    scratch_write("config.yaml", text, strlen(text));
    struct config *c = config_load(&flags, &p);
    if (!c)
        fail_msg("%s", p.items[0].text);
    problems_release(&p);
    return c;
}

static void expect(const char *old_text, const char *new_text, bool is_live, const char *wanted)
{
    struct config *old = load(old_text), *new = load(new_text);
    struct buf names;
    buf_init(&names, 4096);
    assert_int_equal(config_diff(old, new, is_live, &names), ERR_OK);
    assert_str_equal(buf_str(&names), str_of(wanted));
    buf_release(&names);
    config_free(old);
    config_free(new);
}

static const char plain[] = "server: {port: 3001}\n";

static void same_is_no_difference(void **state)
{
    (void)state;
    expect(plain, plain, true, "");
    expect(plain, plain, false, "");
    expect(plain, "server:\n  port: 3001\n", true, ""); /* written otherwise */
}

static void live_and_others_apart(void **state)
{
    (void)state;
    static const char changed[] = "server: {port: 3002, timeouts: {read: 5s}, allowed_hosts: [a]}\n"
                                  "routing: {models: {'*haiku*': 'openai:gpt-4o'}}\n"
                                  "logging: {level: debug}\n";
    expect(plain, changed, true, "routing.models logging.level");
    expect(plain, changed, false, "server.port server.allowed_hosts server.timeouts.read");
    expect(changed, plain, true, "routing.models logging.level");
}

static void of_a_map_its_order_counts(void **state)
{
    (void)state;
    expect("routing: {models: {a: 'openai:x', b: 'openai:y'}}\n",
           "routing: {models: {b: 'openai:y', a: 'openai:x'}}\n", true, "routing.models");
}

static void providers_by_name(void **state)
{
    (void)state;
    static const char one[] = "providers: {x: {format: openai, base_url: 'https://x', api_key: k1}}\n";
    expect(one, one, true, "");
    expect(one, "providers: {x: {format: openai, base_url: 'https://x', api_key: k2}}\n", true,
           "providers.x.api_key");
    expect(one, "providers: {y: {format: openai, base_url: 'https://x'}}\n", true,
           "providers.x providers.y");
    expect("providers: {anthropic: {proxy: 'http://u:p1@h:1'}}\n",
           "providers: {anthropic: {proxy: 'http://u:p2@h:1'}}\n", true,
           "providers.anthropic.proxy"); /* printed, both would be the same */
}

static void too_many_is_said(void **state)
{
    (void)state;
    struct config *old = load(plain), *new = load("server: {port: 1, max_connections: 5}\n");
    struct buf names;
    buf_init(&names, 16);
    assert_int_equal(config_diff(old, new, false, &names), ERR_TOO_LARGE);
    assert_str_equal(buf_str(&names), STR("server.port"));
    buf_release(&names);
    config_free(old);
    config_free(new);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(same_is_no_difference), IN_SCRATCH(live_and_others_apart),
        IN_SCRATCH(of_a_map_its_order_counts), IN_SCRATCH(providers_by_name),
        IN_SCRATCH(too_many_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
