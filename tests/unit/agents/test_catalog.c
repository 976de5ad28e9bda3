/*
 * test_catalog.c — prompts that are known again, in any layout; whose agent it is when several have
 * the same; and the same by fingerprints.
 */
#include "agents/catalog.h"
#include "agents/fingerprint.h"
#include "check.h"

static const struct {
    struct agent agent;
    const char *prompt;
} known[] = {
    {{.name = STR("finder"), .file = STR("f.md")}, "\nYou find words.\n\n---\n\nAll  of them.\n\n"},
    {{.name = STR("short")}, "Hm"},
    {{.name = STR("long")}, "You find words.\r\n---\r\nAll of them.\r\nAnd more, \"quoted\" \xc3\xa4 \\ too."},
    {{.name = STR("plugin:open"), .scope = AGENT_PLUGIN}, "Look into ${CLAUDE_PLUGIN_ROOT}/x and say."},
    {{.name = STR("users"), .scope = AGENT_USER}, "The same."},
    {{.name = STR("plugins"), .scope = AGENT_PLUGIN}, "The same."},
    {{.name = STR("projects"), .scope = AGENT_PROJECT, .root = STR("/srv/app")}, "The same."},
    {{.name = STR("inner"), .scope = AGENT_PROJECT, .root = STR("/srv/app/in")}, "The same."},
};

static const struct row {
    const char *label, *raw, *project, *name;
} rows[] = {
    {"as written", "\"You find words.\\n\\n---\\n\\nAll  of them.\"", "", "finder"},
    {"with something behind it", "\"You find words.\\n---\\nAll of them.\\n\\nNotes:\\n- x\"", "", "finder"},
    {"CR LF", "\"You find words.\\r\\n\\r\\n---\\r\\nAll of them. \\r\\nNotes\"", "", "finder"},
    {"blanks before it", "\" \\n\\tYou find words.\\n---\\nAll of them.\"", "", "finder"},
    {"escaped otherwise", "\"\\u0059ou find words.\\u000a---\\u000aAll of them.\"", "", "finder"},
    {"the longer one", "\"You find words.\\n---\\nAll of them.\\nAnd more, \\\"quoted\\\" \\u00e4 \\\\ too.\\nx\"",
     "", "long"},
    {"the longer one, not to its end", "\"You find words.\\n---\\nAll of them.\\nAnd more, x\"", "", "finder"},
    {"goes on in its line", "\"You find words.\\n---\\nAll of them. Really.\"", "", ""},
    {"cut", "\"You find words.\\n---\\nAll of\"", "", ""},
    {"other", "\"You seek words.\\n---\\nAll of them.\"", "", ""},
    {"short", "\"Hm\"", "", "short"},
    {"short, with more", "\"Hm\\nx\"", "", "short"},
    {"short, but another word", "\"Hmm\"", "", ""},
    {"up to what the client fills in", "\"Look into /home/me/p/x and say.\"", "", "plugin:open"},
    {"nobody's project", "\"The same.\"", "", "users"},
    {"another project", "\"The same.\"", "/srv/apple", "users"},
    {"a project", "\"The same.\"", "/srv/app", "projects"},
    {"below a project", "\"The same.\"", "/srv/app/src", "projects"},
    {"the nearest", "\"The same.\"", "/srv/app/in/x", "inner"},
    {"empty", "\"\"", "", ""},
    {"no string", "7", "", ""},
};

static struct agent_catalog *make(void)
{
    struct agent_catalog *c = catalog_new();
    for (size_t i = 0; i < COUNT_OF(known); i++)
        assert_true(catalog_add(c, &known[i].agent, str_of(known[i].prompt)));
    assert_false(catalog_add(c, &known[0].agent, STR(" \r\n ")));
    catalog_seal(c);
    assert_true(c->has_ties);
    return c;
}

static void check_rows(const struct agent_catalog *c, bool with_projects)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        const struct agent *found = catalog_find(c, str_of(row->raw), str_of(row->project), &arena);
        struct str name = found ? found->name : STR_NONE;
        if (strstr(row->raw, "The same") && !with_projects)
            assert_non_null(found);
        else if (!str_equal(name, str_of(row->name)))
            fail_msg("%s: %.*s", row->label, STR_ARGS(name));
    }
    arena_release(&arena);
}

static void test_rows(void **state)
{
    (void)state;
    struct agent_catalog *c = make();
    check_rows(c, true);
    catalog_drop(catalog_hold(c));
    catalog_drop(c);
}

static void test_fingerprints(void **state)
{
    (void)state;
    struct agent_catalog *c = make(), *read = catalog_new();
    struct buf text, again;
    buf_init(&text, FINGERPRINTS_BYTES_MAX);
    buf_init(&again, FINGERPRINTS_BYTES_MAX);
    assert_int_equal(fingerprints_write(&text, c), ERR_OK);
    assert_int_equal(fingerprints_read(read, buf_str(&text), NULL), ERR_OK);
    catalog_seal(read);
    assert_int_equal(read->count, c->count);
    check_rows(read, false);
    assert_int_equal(fingerprints_write(&again, read), ERR_OK);
    assert_str_equal(buf_str(&again), buf_str(&text));
    buf_release(&text);
    buf_release(&again);
    catalog_drop(c);
    catalog_drop(read);
}

static void test_wrong_fingerprints(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "[]", "{\"version\":2,\"agents\":[]}", "{\"version\":1,\"agents\":{}}",
        "{\"version\":1,\"agents\":[{\"name\":\"a\"}]}",
        "{\"version\":1,\"agents\":[{\"name\":\"a\",\"length\":2,\"head\":\"00\",\"hash\":\"\"}]}",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct agent_catalog *c = catalog_new();
        struct fail why = {0};
        if (fingerprints_read(c, str_of(wrong[i]), &why) != ERR_PARSE)
            fail_msg("%s", wrong[i]);
        catalog_drop(c);
    }
}

static void test_none(void **state)
{
    (void)state;
    struct agent_catalog *c = catalog_new();
    struct arena arena;
    arena_init(&arena);
    catalog_seal(c);
    assert_null(catalog_find(c, STR("\"x\""), STR_NONE, &arena));
    catalog_drop(c);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_wrong_fingerprints),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
