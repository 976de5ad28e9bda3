/*
 * test_config_print.c — that the pages made from the table are current, and say what is so.
 */
#include "check.h"
#include "scratch.h"

#include "config/config_file.h"
#include "config/config_key.h"

static void expect_current(const char *path, enum err (*print)(struct buf *out),
                           const char *command)
{
    struct config_file file;
    struct buf made;
    buf_init(&made, CONFIG_PRINT_MAX);
    assert_int_equal(print(&made), ERR_OK);
    if (config_file_read(&file, path, NULL) || !str_equal(buf_str(&file.bytes), buf_str(&made)))
        fail_msg("%s is not what `claude-code-proxy %s` prints", path, command);
    config_file_release(&file);
    buf_release(&made);
}

static void pages_are_current(void **state)
{
    (void)state;
    expect_current(SOURCE_ROOT "/config.yaml.example", config_print_example, "config example");
    expect_current(SOURCE_ROOT "/docs/config.md", config_print_docs, "config docs");
}

/* The example, every key switched on, is a right file that changes nothing. */
static void example_holds_the_defaults(void **state)
{
    (void)state;
    struct config_flags flags = {.file = "c.yaml"}, none = {.file = NULL};
    struct problems p = {.count = 0};
    struct buf made;
    buf_init(&made, CONFIG_PRINT_MAX);
    assert_int_equal(config_print_example(&made), ERR_OK);
    size_t kept = 0;
    for (size_t i = 0; i < made.len; i++)
        if (made.ptr[i] != '#' || made.ptr[i + 1] == ' ') /* "#port: 3001", not "# Port …" */
            made.ptr[kept++] = made.ptr[i];
    assert_int_equal(made.len - kept, CONFIG_KEYS);
    made.len = kept;
    scratch_write("c.yaml", made.ptr, made.len);
    struct config *all = config_load(&flags, &p);
    if (!all)
        fail_msg("%s", p.items[0].text);
    struct config *plain = config_load(&none, &p);
    assert_int_equal(p.count, 0);
    assert_int_equal(all->server_max_body_bytes, plain->server_max_body_bytes);
    assert_string_equal(all->storage_db_path, plain->storage_db_path);
    assert_int_equal(strncmp(all->sources[CONFIG_logging_format], "c.yaml:", 7), 0);
    config_free(all);
    config_free(plain);
    buf_release(&made);
}

static void show_says_where_from_and_masks(void **state)
{
    (void)state;
    struct config_flags flags = {.file = "c.yaml"};
    struct problems p = {.count = 0};
    struct buf out;
    static const char text[] = "providers: {anthropic: {proxy: 'http://u:canary@p:1'}}";
    scratch_write("c.yaml", text, sizeof text - 1);
    flags.values[CONFIG_server_port] = "4000";
    struct config *c = config_load(&flags, &p);
    assert_non_null(c);
    buf_init(&out, CONFIG_PRINT_MAX);
    assert_int_equal(config_print(c, &out), ERR_OK);
    assert_int_equal(buf_append_byte(&out, '\0'), ERR_OK);
    assert_null(strstr(out.ptr, "canary"));
    assert_non_null(strstr(out.ptr, "http://u:***@p:1 "));
    assert_non_null(strstr(out.ptr, "# c.yaml:1:32\n"));
    assert_non_null(strstr(out.ptr, "# flag --port\n"));
    buf_release(&out);
    config_free(c);
    problems_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_current),
        cmocka_unit_test(example_holds_the_defaults),
        cmocka_unit_test(show_says_where_from_and_masks),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
