/*
 * test_api_setup.c — GET /api/setup: the lines to connect, the configuration in force, no secrets.
 */
#include "fake_call.h"
#include "scratch.h"

#include <yyjson.h>

#include "api/api_setup.h"
#include "config/connect_lines.h"

struct fixture {
    struct config *config;
    struct call call;
    yyjson_doc *doc;
};

static void ask(struct fixture *f, const char *yaml)
{
    struct problems p = {.count = 0};
    struct config_flags flags = {.file = "c.yaml"};
    scratch_write("c.yaml", yaml, strlen(yaml));
    f->config = config_load(&flags, &p);
    if (!f->config)
        fail_msg("%s", p.items[0].text);
    problems_release(&p);
    const struct api_options to = {.version = "1.2.3", .config = f->config};
    fake_init(&f->call, NULL, "GET", "/api/setup");
    setup_answer(&f->call, &to);
    assert_int_equal(f->call.answers, 1);
    assert_int_equal(f->call.status, 200);
    f->doc = yyjson_read(f->call.body.ptr, f->call.body.len, 0);
    assert_non_null(f->doc);
}

static void forget(struct fixture *f)
{
    yyjson_doc_free(f->doc);
    fake_release(&f->call);
    config_free(f->config);
}

static const char *text_at(struct fixture *f, const char *pointer)
{
    return yyjson_get_str(yyjson_doc_ptr_get(f->doc, pointer));
}

/* A member of the key of that name. */
static const char *of_key(struct fixture *f, const char *name, const char *member)
{
    size_t i, max;
    yyjson_val *key;
    yyjson_arr_foreach(yyjson_doc_ptr_get(f->doc, "/config"), i, max,
                       key) if (strcmp(yyjson_get_str(yyjson_obj_get(key, "name")), name) ==
                                0) return yyjson_get_str(yyjson_obj_get(key, member));
    fail_msg("there is no key %s", name);
    return NULL;
}

static void tells_every_key_and_its_source(void **state)
{
    (void)state;
    struct fixture f;
    ask(&f, "server:\n  port: 4000\n");
    assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(f.doc, "/config")), CONFIG_KEYS);
    assert_string_equal(text_at(&f, "/version"), "1.2.3");
    assert_string_equal(text_at(&f, "/config_file"), "c.yaml");
    assert_true(yyjson_is_null(yyjson_doc_ptr_get(f.doc, "/public_url")));
    assert_string_equal(of_key(&f, "server.port", "value"), "4000");
    assert_string_equal(of_key(&f, "server.port", "default"), "3001");
    assert_string_equal(of_key(&f, "server.port", "source"), "c.yaml:2:9");
    assert_string_equal(of_key(&f, "server.host", "source"), "default");
    forget(&f);
}

static void tells_how_to_connect(void **state)
{
    (void)state;
    struct fixture f;
    setenv("PROXY_PUBLIC_URL", "https://proxy.example.com", 1);
    ask(&f, "server:\n  port: 4000\n");
    assert_string_equal(text_at(&f, "/public_url"), "https://proxy.example.com");
    assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(f.doc, "/variables")), CONNECT_VARIABLES);
    assert_string_equal(text_at(&f, "/variables/0/name"), "ENABLE_TOOL_SEARCH");
    forget(&f);
}

static void masks_passwords(void **state)
{
    (void)state;
    struct fixture f;
    ask(&f, "providers:\n  anthropic:\n    proxy: http://ada:hunter2@127.0.0.1:3128\n");
    assert_false(fake_has(&f.call.body, "hunter2"));
    assert_true(fake_has(&f.call.body, "127.0.0.1:3128"));
    forget(&f);
}

static void finds_a_base_url(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *url;
    } rows[] = {
        {"server: {port: 3999}\n", "http://127.0.0.1:3999"},
        {"server: {host: 0.0.0.0, port: 3999}\n", "http://127.0.0.1:3999"},
        {"server: {host: '::1', port: 3999}\n", "http://[::1]:3999"},
        {"server: {public_url: 'https://p.example.com'}\n", "https://p.example.com"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        ask(&f, rows[i].yaml);
        struct str url = connect_base_url(f.config, &f.config->arena);
        assert_true(str_equal(url, str_of(rows[i].url)));
        forget(&f);
    }
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(tells_every_key_and_its_source),
        IN_SCRATCH(tells_how_to_connect),
        IN_SCRATCH(masks_passwords),
        IN_SCRATCH(finds_a_base_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
