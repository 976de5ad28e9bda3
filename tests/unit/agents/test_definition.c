/*
 * test_definition.c — what is an agent's file, and what it says: one row a case.
 */
#include "agents/definition.h"
#include "check.h"

static const struct row {
    const char *label, *file;
    const char *wrong; /* NULL: it is an agent */
    const char *name, *model, *prompt;
} rows[] = {
    {"plain", "---\nname: finder\nmodel: haiku\n---\nFind.\n", NULL, "finder", "haiku", "Find.\n"},
    {"CR LF", "---\r\nname: finder\r\n---\r\nFind.\r\nAll.\r\n", NULL, "finder", "", "Find.\r\nAll.\r\n"},
    {"byte order mark", "\xef\xbb\xbf---\nname: a\n---\nx", NULL, "a", "", "x"},
    {"a rule in the prompt", "---\nname: a\n---\none\n\n---\ntwo", NULL, "a", "", "one\n\n---\ntwo"},
    {"blanks behind the rules", "---  \nname: a\n--- \t\nx", NULL, "a", "", "x"},
    {"no prompt", "---\nname: a\n---\n", NULL, "a", "", ""},
    {"no prompt, no last line end", "---\nname: a\n---", NULL, "a", "", ""},
    {"quoted", "---\nname: \"a: b\"\ndescription: 'it''s'\n---\nx", NULL, "a: b", "", "x"},
    {"folded", "---\nname: a\ndescription: >\n  one\n  name: not this\nmodel: opus\n---\nx", NULL, "a",
     "opus", "x"},
    {"lists and maps beside", "---\nname: a\ntools: [Read, Bash]\nhooks:\n  Stop:\n    - name: no\n---\nx",
     NULL, "a", "", "x"},
    {"a comment", "---\n# name: no\nname: a # yes\n---\nx", NULL, "a", "", "x"},
    {"no YAML: a colon in the description",
     "---\nname: reviewer\ndescription: Use it so. Examples: <example>user: \"hi\" model: x</example>\n"
     "model: sonnet\n---\nx",
     NULL, "reviewer", "sonnet", "x"},
    {"no YAML, quoted name", "---\nname: 'a b'\ndescription: a: b: c\n---\nx", NULL, "a b", "", "x"},
    {"a number for a name", "---\nname: 7\n---\nx", NULL, "7", "", "x"},
    {"no front matter", "You are a finder.\n", "has no front matter", NULL, NULL, NULL},
    {"not at the beginning", "\n---\nname: a\n---\nx", "has no front matter", NULL, NULL, NULL},
    {"not closed", "---\nname: a\nx\n", "has no front matter", NULL, NULL, NULL},
    {"four dashes", "----\nname: a\n----\nx", "has no front matter", NULL, NULL, NULL},
    {"empty", "", "has no front matter", NULL, NULL, NULL},
    {"empty front matter", "---\n---\nx", "has no name", NULL, NULL, NULL},
    {"no name", "---\ndescription: x\n---\nx", "has no name", NULL, NULL, NULL},
    {"a list for a name", "---\nname: [a]\n---\nx", "has no name", NULL, NULL, NULL},
    {"a list for front matter", "---\n- name: a\n---\nx", "has no name", NULL, NULL, NULL},
};

static void test_rows(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        struct definition d;
        const char *wrong = definition_read(str_of(row->file), &arena, &d);
        if ((wrong == NULL) != (row->wrong == NULL) || (wrong && strcmp(wrong, row->wrong)))
            fail_msg("%s: %s", row->label, wrong ? wrong : "is one");
        if (wrong)
            continue;
        if (!str_equal(d.name, str_of(row->name)) || !str_equal(d.model, str_of(row->model)) ||
            !str_equal(d.prompt, str_of(row->prompt)))
            fail_msg("%s: %.*s, %.*s, %.*s", row->label, STR_ARGS(d.name), STR_ARGS(d.model),
                     STR_ARGS(d.prompt));
    }
    arena_release(&arena);
}

static void test_background(void **state)
{
    (void)state;
    struct arena arena;
    struct definition d;
    arena_init(&arena);
    assert_null(definition_read(STR("---\nname: a\nbackground: true\n---\nx"), &arena, &d));
    assert_true(d.is_background);
    arena_release(&arena);
}

static void test_sizes(void **state)
{
    (void)state;
    struct arena arena;
    struct definition d;
    arena_init(&arena);
    char *file = malloc(DEFINITION_BYTES_MAX + 1);
    memset(file, 'x', DEFINITION_BYTES_MAX + 1);
    memcpy(file, "---\nname: a\n---\n", 16);
    assert_null(definition_read(str_make(file, DEFINITION_BYTES_MAX), &arena, &d));
    assert_string_equal(definition_read(str_make(file, DEFINITION_BYTES_MAX + 1), &arena, &d),
                        "is too long");
    memset(file, '#', DEFINITION_BYTES_MAX);
    memcpy(file, "---\nname: ", 10);
    memcpy(file + FRONT_MATTER_MAX + 10, "\n---\n", 5);
    assert_string_equal(definition_read(str_make(file, DEFINITION_BYTES_MAX), &arena, &d),
                        "has too long a front matter");
    file[10 + AGENT_NAME_MAX + 1] = '\n';
    memset(file + 10, 'n', AGENT_NAME_MAX + 1);
    memcpy(file + 10 + AGENT_NAME_MAX + 1, "\n---\n", 5);
    assert_string_equal(definition_read(str_make(file, 4096), &arena, &d), "has too long a name");
    free(file);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_background),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
