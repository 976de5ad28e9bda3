/*
 * test_url.c — what is a URL to us, and which hosts are loopback or no host at all.
 */
#include "check.h"

#include "config/url.h"

static void takes_a_url_apart(void **state)
{
    (void)state;
    struct url u;
    assert_int_equal(url_parse(&u, STR("HTTPS://me:pw@Example.org:8443/base/v1"), NULL), ERR_OK);
    assert_true(u.tls);
    assert_str_equal(u.userinfo, STR("me:pw"));
    assert_str_equal(u.host, STR("Example.org"));
    assert_int_equal(u.port, 8443);
    assert_str_equal(u.path, STR("/base/v1"));
    assert_int_equal(url_parse(&u, STR("http://[::1]"), NULL), ERR_OK);
    assert_str_equal(u.host, STR("::1"));
    assert_int_equal(u.port, 80);
    assert_false(u.port_given);
    assert_int_equal(u.path.len, 0);
    assert_null(u.userinfo.ptr);
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "x",
        "ftp://a",
        "file:///etc/passwd",
        "//a",
        "http://",
        "http:///x",
        "http://:80",
        "http://a:",
        "http://a:0",
        "http://a:080",
        "http://a:65536",
        "http://a:8x",
        "http://a b",
        "http://a\r\nX: y",
        "http://a#f",
        "http://a?q",
        "http://[::1",
        "http://[::1]x",
        "http://[a]",
        "http://[127.0.0.1]",
        "http://::1",
        "http://a..b",
        "http://.a",
        "http://-a",
        "http://2130706433",
        "http://127.1",
        "http://0x7f.0.0.1",
        "http://1.2.3.4.",
        "http://\xd0\xb0nthropic.com",
        "http://a@b@c",
        "http://a%2eb",
        "http://a\\b",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct url u;
        struct fail why = {0};
        if (url_parse(&u, str_of(wrong[i]), &why) != ERR_CONFIG)
            fail_msg("taken: %s", wrong[i]);
        assert_int_not_equal(why.detail[0], 0);
    }
}

static void knows_loopback(void **state)
{
    (void)state;
    static const char *const loopback[] = {"localhost",        "LocalHost.", "a.localhost",
                                           "127.0.0.1",        "127.9.9.9",  "::1",
                                           "::ffff:127.0.0.1", "0:0::1"};
    static const char *const others[] = {
        "localhost.evil.org", "128.0.0.1",  "::2",        "0.0.0.0", "::",
        "::ffff:10.0.0.1",    "alocalhost", ".localhost", "a"};
    for (size_t i = 0; i < COUNT_OF(loopback); i++)
        if (!host_is_loopback(str_of(loopback[i])))
            fail_msg("not loopback: %s", loopback[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (host_is_loopback(str_of(others[i])))
            fail_msg("loopback: %s", others[i]);
}

static void knows_where_no_provider_is(void **state)
{
    (void)state;
    static const char *const forbidden[] = {
        "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "febf::1", "0.0.0.0", "::",
        "224.0.0.1",       "255.255.255.255",        "ff02::1"};
    static const char *const fine[] = {"10.0.0.1", "fec0::1", "2001:db8::1", "a.example", "::1"};
    for (size_t i = 0; i < COUNT_OF(forbidden); i++)
        if (!host_is_forbidden(str_of(forbidden[i])))
            fail_msg("allowed: %s", forbidden[i]);
    for (size_t i = 0; i < COUNT_OF(fine); i++)
        if (host_is_forbidden(str_of(fine[i])))
            fail_msg("forbidden: %s", fine[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_url_apart),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(knows_loopback),
        cmocka_unit_test(knows_where_no_provider_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
