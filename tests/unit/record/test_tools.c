/*
 * test_tools.c — lists of tools as text, results that are errors, sub-agents that an answer begins,
 * and the project that a prompt names.
 */
#include "check.h"

#include <stdio.h>

#include "record/answer.h"
#include "record/json_cut.h"
#include "record/project.h"

struct fixture {
    struct arena arena;
    struct json_cuts cuts;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    arena_release(&x->arena);
    json_cuts_release(&x->cuts);
    free(x);
    return 0;
}

static void lists_are_texts(void **state)
{
    struct fixture *x = *state;
    struct tool_list list = {0};
    assert_int_equal(tool_list_text(&list, &x->arena).len, 0);
    tool_list_add(&list, STR("Read"), 1);
    tool_list_add(&list, STR("Bash"), 2);
    tool_list_add(&list, STR("Read"), 3);
    tool_list_add(&list, STR("a,b 1\n"), 1);
    struct str text = tool_list_text(&list, &x->arena);
    assert_str_equal(text, STR("Bash 2,Read 4,a_b_1_ 1"));
    assert_true(tool_list_has(text, STR("Read")));
    assert_false(tool_list_has(text, STR("Rea")));
    struct tool_count c;
    int64_t sum = 0;
    while (tool_list_next(&text, &c))
        sum += c.count;
    assert_int_equal(sum, 7);
}

static void long_lists_end_in_others(void **state)
{
    struct fixture *x = *state;
    struct tool_list list = {0};
    char names[3 * TOOL_LIST_MAX][16];
    for (int i = 0; i < 3 * TOOL_LIST_MAX; i++) {
        snprintf(names[i], sizeof names[i], "tool%d", i);
        tool_list_add(&list, str_of(names[i]), 1);
    }
    struct str text = tool_list_text(&list, &x->arena), rest = text;
    struct tool_count c;
    int64_t sum = 0, count = 0;
    for (; tool_list_next(&rest, &c); count++)
        sum += c.count;
    assert_int_equal(count, TOOL_LIST_MAX);
    assert_int_equal(sum, 3 * TOOL_LIST_MAX);
    assert_true(tool_list_has(text, STR(TOOL_OTHER)));
}

static const struct request_facts *cut(struct fixture *x, const char *body)
{
    static struct request_facts facts;
    x->cuts.count = 0;
    json_cut(str_of(body), &x->arena, &x->cuts, &facts);
    return &facts;
}

#define CALLS                                                                                      \
    "{\"role\":\"user\",\"content\":\"go\"},{\"role\":\"assistant\",\"content\":["                \
    "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Bash\",\"input\":{}},"                       \
    "{\"input\":{\"id\":\"t1\"},\"id\":\"t2\",\"name\":\"Ed\\u0069t\",\"type\":\"tool_use\"}]},"

static void errors_of_tools(void **state)
{
    struct fixture *x = *state;
    const struct request_facts *f = cut(
        x, "{\"messages\":[" CALLS "{\"role\":\"user\",\"content\":["
           "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"fine\"},"
           "{\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"is_error\":true,"
           "\"content\":[{\"type\":\"text\",\"text\":\"no\",\"is_error\":true}]}]}]}");
    assert_int_equal(f->tool_error_count, 1);
    assert_str_equal(f->tool_errors[0].name, STR("Edit"));
    f = cut(x, "{\"messages\":[" CALLS "{\"role\":\"user\",\"content\":["
               "{\"is_error\":true,\"type\":\"tool_result\",\"tool_use_id\":\"t9\"}]},"
               "{\"role\":\"system\",\"content\":\"a reminder\"}]}");
    assert_int_equal(f->tool_error_count, 1);
    assert_int_equal(f->tool_errors[0].name.len, 0); /* whose call is not there */
    f = cut(x, "{\"messages\":[" CALLS "{\"role\":\"user\",\"content\":["
               "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"is_error\":false}]}]}");
    assert_int_equal(f->tool_error_count, 0);
    f = cut(x, "{\"messages\":[{\"is_error\":true},7,[],{\"content\":[{\"type\":\"tool_result\","
               "\"is_error\":true");
    assert_true(f->tool_error_count <= 1);
}

static void projects(void **state)
{
    static const struct {
        const char *system, *path;
    } cases[] = {
        {"\"# Environment\\n - Primary working directory: /home/me/shop\\n - Is a git repo\"",
         "/home/me/shop"},
        {"[{\"type\":\"text\",\"text\":\"Working directory: /a b/c/\\n\"}]", "/a b/c"},
        {"\"Working directory: C:\\\\Users\\\\me\\\\x\\r\\nmore\"", "C:\\Users\\me\\x"},
        {"\"Working directory: relative\"", ""},
        {"\"Working directory: see below. Working directory: /x\"", "/x"},
        {"\"orking directory: \"", ""},
        {"\"Working directory: /\"", "/"},
        {"\"no word of it\"", ""},
        {"7", ""},
    };
    struct fixture *x = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_str_equal(project_find(str_of(cases[i].system), &x->arena), str_of(cases[i].path));
    const struct request_facts *f =
        cut(x, "{\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\\n"
               "Primary working directory: /srv/app\\n\"}],\"messages\":[]}");
    assert_str_equal(f->project, STR("/srv/app"));
}

static void project_in_messages(void **state)
{
    static const struct {
        const char *messages, *path;
    } cases[] = {
        {"[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":"
         "\"# Environment\\n - Primary working directory: /srv/app\\n\"}]",
         "/srv/app"},
        {"[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"<system-reminder>\\n"
         "# Environment\\n - Working directory: /srv/b\\n</system-reminder>\"}]}]",
         "/srv/b"},
        {"[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"Tools:\\nA\\n\\n"
         "# Environment\\nYou are here: \\n - Primary working directory: /srv/c\\n\"}]",
         "/srv/c"},
        {"[{\"role\":\"user\",\"content\":\"Working directory: /srv/app\"}]", ""},
        {"[{\"role\":\"user\",\"content\":\"see # Environment\\nWorking directory: /srv/app\"}]", ""},
        {"[{\"role\":\"user\",\"content\":[\"# Environment\\n\",\"Working directory: /x\"]}]", ""},
        {"[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
         "{\"role\":\"user\",\"content\":\"# Environment\\nWorking directory: /late\"}]",
         ""},
        {"[]", ""},
    };
    struct fixture *x = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str body = arena_printf(&x->arena, "{\"messages\":%s}", cases[i].messages);
        assert_str_equal(cut(x, body.ptr)->project, str_of(cases[i].path));
    }
}

static void sub_agents_begin(void **state)
{
    static const char stream[] =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\","
        "\"content\":[],\"usage\":{\"input_tokens\":1,\"speed\":\"fast\",\"service_tier\":"
        "\"batch\",\"inference_geo\":\"us\"}}}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Agent\",\"input\":{}}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"subagent_type\\\":\\\"finder\\\",\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        "{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"prompt\\\":\\\"find\\\\nit\\\"}\"}}\n\n"
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    struct fixture *x = *state;
    struct answer_facts f;
    answer_read(str_of(stream), true, &x->arena, &f);
    assert_int_equal(f.spawn_count, 1);
    assert_str_equal(f.spawns[0].agent_type, STR("finder"));
    assert_true(f.spawns[0].prompt_hash == spawn_hash(STR("find\nit")));
    assert_int_equal(f.flags, RECORD_BILLED_FAST | RECORD_BILLED_BATCH | RECORD_BILLED_IN_US);
    assert_str_equal(tool_list_text(&f.tools, &x->arena), STR("Agent 1"));
    answer_read(STR("{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"name\":\"Task\","
                    "\"input\":{\"subagent_type\":\"finder\",\"prompt\":\"find\\nit\"}},"
                    "{\"type\":\"tool_use\",\"name\":\"Bash\"}],\"usage\":{\"input_tokens\":1,"
                    "\"service_tier\":\"standard\"}}"), false, &x->arena, &f);
    assert_int_equal(f.spawn_count, 1);
    assert_true(f.spawns[0].prompt_hash == spawn_hash(STR("find\nit")));
    assert_int_equal(f.flags, 0);
    assert_str_equal(tool_list_text(&f.tools, &x->arena), STR("Bash 1,Task 1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_are_texts),
        TEST(long_lists_end_in_others),
        TEST(errors_of_tools),
        TEST(projects),
        TEST(project_in_messages),
        TEST(sub_agents_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
