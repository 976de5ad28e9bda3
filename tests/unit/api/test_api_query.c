/*
 * test_api_query.c — query strings: what is taken, and that everything else is refused by name.
 */
#include "check.h"

#include "api/api_query.h"

enum { ALL = 63 };

struct fixture {
    struct arena arena;
    struct query q;
    struct query_fault fault;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_release(&f->arena);
    free(f);
    return 0;
}

static bool parse(struct fixture *f, const char *raw)
{
    return query_parse(str_of(raw), ALL, &f->arena, &f->q, &f->fault);
}

static void empty_is_default(void **state)
{
    struct fixture *f = *state;
    assert_true(parse(f, ""));
    assert_int_equal(f->q.limit, 50);
    assert_false(f->q.has_cursor || f->q.filter.has_state || f->q.is_decoded);
}

static void everything_is_read(void **state)
{
    struct fixture *f = *state;
    assert_true(parse(f, "limit=500&cursor=019aa1b2-0000-7000-8000-000000000001&model=claude%2Dopus"
                         "&status=4xx&state=running&session=s+1&agent=main&q=%C3%A9&provider=anthropic"
                         "&start=2026-11-21T00:00:00Z&end=2026-11-21T00:00:00.001Z&decoded=1"));
    assert_int_equal(f->q.limit, 500);
    assert_true(f->q.has_cursor);
    assert_str_equal(f->q.filter.model, STR("claude-opus"));
    assert_int_equal(f->q.filter.status, 4);
    assert_true(f->q.filter.has_state && f->q.filter.state == ENDING_RUNNING);
    assert_str_equal(f->q.filter.session_id, STR("s 1"));
    assert_str_equal(f->q.filter.agent_id, STR("main"));
    assert_str_equal(f->q.filter.q, STR("\xC3\xA9"));
    assert_str_equal(f->q.filter.provider, STR("anthropic"));
    assert_int_equal(f->q.filter.end_us - f->q.filter.start_us, 1000);
    assert_true(f->q.is_decoded);
    assert_true(parse(f, "status=529&decoded=0&before=2026-11-21"));
    assert_int_equal(f->q.filter.status, 529);
}

static void wrong_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *raw, *field;
    } wrong[] = {
        {"limit=0", "limit"},          {"limit=501", "limit"},       {"limit=", "limit"},
        {"limit=-1", "limit"},         {"limit=1e2", "limit"},       {"limit=5&limit=5", "limit"},
        {"limit", "limit"},            {"cursor=abc", "cursor"},     {"status=99", "status"},
        {"status=600", "status"},      {"status=1xx", "status"},     {"status=4XX", "status"},
        {"state=done", "state"},       {"q=%", "q"},                 {"q=%4", "q"},
        {"q=%zz", "q"},                {"q=%00", "q"},               {"q=%ff", "q"},
        {"start=yesterday", "start"},  {"end=1970-01-01", "end"},    {"decoded=2", "decoded"},
        {"start=2026-01-02&end=2026-01-02", "end"},                  {"before=1", "before"},
        {"page=2", "page"},            {"Limit=5", "Limit"},         {"=5", ""},
        {"%ff=1", ""},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (parse(f, wrong[i].raw))
            fail_msg("taken: %s", wrong[i].raw);
        assert_string_equal(f->fault.field, wrong[i].field);
        assert_true(f->fault.message && *f->fault.message);
    }
}

static void only_what_the_address_takes(void **state)
{
    struct fixture *f = *state;
    assert_true(query_parse(STR("limit=5"), QUERY_LIMIT, &f->arena, &f->q, &f->fault));
    assert_false(query_parse(STR("limit=5"), QUERY_RANGE, &f->arena, &f->q, &f->fault));
    assert_string_equal(f->fault.field, "limit");
    assert_false(query_parse(STR("x=1"), 0, &f->arena, &f->q, &f->fault));
}

static void long_values_are_refused(void **state)
{
    struct fixture *f = *state;
    char raw[QUERY_VALUE_MAX + 4] = "q=";
    memset(raw + 2, 'a', QUERY_VALUE_MAX);
    assert_true(parse(f, raw));
    raw[QUERY_VALUE_MAX + 2] = 'a';
    assert_false(parse(f, raw));
}

static struct record sample(void)
{
    struct record r;
    record_init(&r);
    r.id = uuid_floor(1000000);
    r.model = STR("claude-a");
    r.session_id = STR("s1");
    r.path = STR("/v1/messages");
    r.title = STR("Fix the Test");
    r.status = 404;
    r.started_us = 1000;
    return r;
}

static bool matches(struct fixture *f, const char *raw, const struct record *r)
{
    assert_true(parse(f, raw));
    return filter_matches(&f->q.filter, r);
}

static void rows_are_matched(void **state)
{
    struct fixture *f = *state;
    struct record r = sample();
    static const char *const yes[] = {"",          "model=claude-a", "session=s1", "agent=main",
                                      "status=404", "status=4xx",     "state=running", "q=fix+THE",
                                      "q=v1/mess",  "end=2026-01-01"};
    static const char *const no[] = {"model=claude",   "session=s2", "agent=a1",
                                     "status=400",     "status=5xx", "state=complete",
                                     "q=nothing",      "start=2026-01-01", "provider=x"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        if (!matches(f, yes[i], &r))
            fail_msg("not matched: %s", yes[i]);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        if (matches(f, no[i], &r))
            fail_msg("matched: %s", no[i]);
    r.agent_id = STR("a1");
    r.response_model = STR("claude-b");
    assert_false(matches(f, "agent=main", &r));
    assert_true(matches(f, "agent=a1&model=claude-b", &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_is_default, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_is_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_the_address_takes, setup, teardown),
        cmocka_unit_test_setup_teardown(long_values_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_are_matched, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
