/*
 * test_config_value.c — values from text and back, one table of right and wrong ones.
 */
#include "check.h"

#include "config/config_value.h"

struct sample {
    const char *path, *text, *printed; /* printed NULL: must be refused */
};

static const struct sample samples[] = {
    {"server.port", "3001", "3001"},
    {"server.port", "0", "0"},
    {"server.port", "65535", "65535"},
    {"server.port", "65536", NULL},
    {"server.port", "99999", NULL},
    {"server.port", "-1", NULL},
    {"server.port", "+1", NULL},
    {"server.port", "0x50", NULL},
    {"server.port", "080", NULL},
    {"server.port", "1e3", NULL},
    {"server.port", "", NULL},
    {"server.port", " 80", NULL},
    {"server.port", "1:30", NULL},
    {"server.port", "18446744073709551617", NULL},
    {"server.workers", "0", NULL},
    {"server.workers", "65", NULL},
    {"server.timeouts.read", "90", "90s"},
    {"server.timeouts.read", "90s", "90s"},
    {"server.timeouts.read", "5m", "5m"},
    {"server.timeouts.read", "60m", "1h"},
    {"server.timeouts.read", "500ms", "500ms"},
    {"server.timeouts.read", "24h", "1d"},
    {"server.timeouts.read", "1d", "1d"},
    {"server.timeouts.read", "2d", NULL},
    {"server.timeouts.read", "25h", NULL},
    {"server.timeouts.read", "10x", NULL},
    {"server.timeouts.read", "-5s", NULL},
    {"server.timeouts.read", "1e9h", NULL},
    {"server.timeouts.read", "5 m", NULL},
    {"server.timeouts.read", "5M", NULL},
    {"server.timeouts.read", "0", NULL},
    {"server.timeouts.read", "s", NULL},
    {"server.timeouts.read", "1:30", NULL},
    {"server.timeouts.read", "5124095576030432h", NULL}, /* wraps to 384 ms */
    {"server.max_body_bytes", "4096", "4KiB"},
    {"server.max_body_bytes", "32MB", "32MB"},
    {"server.max_body_bytes", "32MiB", "32MiB"},
    {"server.max_body_bytes", "1025", "1025B"},
    {"server.max_body_bytes", "32 mb", NULL},
    {"server.max_body_bytes", "32mb", NULL},
    {"server.max_body_bytes", "18EB", NULL},
    {"server.max_body_bytes", "1", NULL},
    {"server.max_body_bytes", "17179869185GiB", NULL}, /* wraps to 1 GiB */
    {"storage.record", "true", "true"},
    {"storage.record", "false", "false"},
    {"storage.record", "yes", NULL},
    {"storage.record", "off", NULL},
    {"storage.record", "1", NULL},
    {"storage.record", "True", NULL},
    {"storage.durability", "sync", "sync"},
    {"storage.durability", "Sync", NULL},
    {"storage.durability", "", NULL},
    {"logging.level", "error", "error"},
    {"logging.level", "loud", NULL},
    {"server.on_client_disconnect", "drain", "drain"},
    {"server.host", "::1", "::1"},
    {"server.host", "no", "no"},
    {"server.host", "", NULL},
    {"server.host", "a b", NULL},
    {"server.host", "[::1]", NULL},
    {"server.host", "1.2.3", NULL},
    {"server.allowed_hosts", "a.example, b", "[a.example, b]"},
    {"server.allowed_hosts", "", "[]"},
    {"server.allowed_hosts", "a:80", NULL},
    {"server.allowed_hosts", "a,,b", NULL},
    {"prices.own", "m input=1 output=2,n", "[m input=1 output=2, n]"},
    {"prices.own", "", "[]"},
    {"prices.own", "a\x01", NULL},
    {"providers.anthropic.version", "2023-06-01", "2023-06-01"},
    {"providers.anthropic.version", "a\r\nX: y", NULL},
    {"providers.anthropic.version", "", NULL},
    {"providers.anthropic.version", "a b", NULL},
    {"providers.anthropic.base_url", "https://a/b", "https://a/b"},
    {"providers.anthropic.base_url", "", NULL},
    {"providers.anthropic.base_url", "ftp://a", NULL},
    {"providers.anthropic.base_url", "https://u:p@a", NULL},
    {"providers.anthropic.base_url", "http://169.254.169.254", NULL},
    {"providers.anthropic.proxy", "", "\"\""},
    {"providers.anthropic.proxy", "env", "env"},
    {"providers.anthropic.proxy", "http://p:3128", "http://p:3128"},
    {"providers.anthropic.proxy", "http://u:canary@p:3128", "http://u:***@p:3128"},
    {"providers.anthropic.proxy", "http://canary@p:3128", "http://***@p:3128"},
    {"providers.anthropic.proxy", "https://p:3128", NULL},
    {"providers.anthropic.proxy", "http://u:canary@p", NULL},
    {"providers.anthropic.proxy", "http://u:canary@p:1/x", NULL},
    {"providers.anthropic.proxy", "http://u:canary@p@q:1", NULL},
    {"storage.db_path", "/a b/\xc3\xa4.db", "/a b/\xc3\xa4.db"},
    {"storage.db_path", "/a\nb", NULL},
    {"storage.db_path", "/\xff", NULL},
    {"storage.db_path", "/\xc3", NULL},
    {"storage.db_path", "/\xed\xa0\x80", NULL},
    {"storage.db_path", "/\xe0\x80\x80", NULL},
    {"storage.db_path", "/\xf4\x90\x80\x80", NULL},
};

static void check(const struct sample *s)
{
    struct config c = {.file = NULL};
    struct fail why = {0};
    struct buf out;
    const struct config_key *k = key_find(str_of(s->path));
    assert_non_null(k);
    arena_init(&c.arena);
    buf_init(&out, 4096);
    enum err err = value_parse(k, str_of(s->text), &(struct key_owner){&c, &c.arena}, &why);
    if (err != (s->printed ? ERR_OK : ERR_CONFIG))
        fail_msg("%s: %s: %s %s", s->path, s->text, err_name(err), why.detail);
    assert_true(s->printed || why.detail[0]);
    assert_null(strstr(why.detail, "canary"));
    if (s->printed) {
        assert_int_equal(value_print(k, &c, &out), ERR_OK);
        assert_str_equal(buf_str(&out), str_of(s->printed));
    }
    buf_release(&out);
    arena_release(&c.arena);
}

static void reads_and_prints_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++)
        check(&samples[i]);
}

static void refuses_endless_text(void **state)
{
    (void)state;
    static char text[1 << 20];
    memset(text, 'a', sizeof text - 1);
    check(&(struct sample){"storage.db_path", text, NULL});
}

static void suggests_what_was_meant(void **state)
{
    (void)state;
    assert_str_equal(key_suggest(STR("server.prot")), STR("server.port"));
    assert_str_equal(key_suggest(STR("port")), STR("server.port"));
    assert_str_equal(key_suggest(STR("sevrer")), STR("server"));
    assert_str_equal(key_suggest(STR("provider.anthropic.base_url")),
                     STR("providers.anthropic.base_url"));
    assert_int_equal(key_suggest(STR("colour")).len, 0);
    assert_int_equal(key_suggest(STR("x")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_prints_values),
        cmocka_unit_test(refuses_endless_text),
        cmocka_unit_test(suggests_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
