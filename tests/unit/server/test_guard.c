/*
 * test_guard.c — which Host, Origin and Sec-Fetch-Site pass.
 */
#include "check.h"

#include <stdio.h>

#include "server/guard.h"

static struct guard *g;
static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    g = guard_new();
    guard_allow(g, STR("127.0.0.1"), 3001);
    guard_allow(g, STR("localhost"), 3001);
    guard_allow(g, STR("::1"), 3001);
    guard_allow(g, STR("box.lan"), 0);
    guard_allow(g, STR("named.example:8080"), 0);
    assert_true(guard_allow_url(g, STR("https://ccp.example.com/monitor")));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guard_free(g);
    arena_release(&arena);
    return 0;
}

/* "Name: value" lines; NULL ends them. */
static enum err check_at(const char *method, const char *target, const char *const *lines)
{
    struct fail f = {0};
    struct head h = {.method = str_of(method), .target = str_of(target), .version_minor = 1};
    for (; *lines; lines++) {
        struct str line = str_of(*lines);
        size_t colon = str_find(line, ':');
        head_add(&h, &arena, str_head(line, colon), str_trim(str_from(line, colon + 1)));
    }
    head_recognise(&h);
    enum err err = guard_check(g, &h, &f);
    assert_int_equal(err != ERR_OK, f.code != ERR_OK); /* refused with a reason */
    return err;
}

#define CHECK(...) check_at("POST", "/v1/messages", (const char *const[]){__VA_ARGS__, NULL})

static void hosts(void **state)
{
    (void)state;
    static const char *const ours[] = {
        "Host: 127.0.0.1:3001", "Host: localhost:3001", "Host: LOCALHOST:3001", "Host: [::1]:3001",
        "Host: box.lan", "Host: box.lan:1", "Host: Box.Lan:65535", "Host: named.example:8080",
        "Host: ccp.example.com", "Host: ccp.example.com:443"};
    static const char *const foreign[] = {
        "Host: 127.0.0.1", /* port 80 is somebody else's */
        "Host: 127.0.0.1:3002", "Host: localhost", "Host: localhost.evil.example:3001",
        "Host: evil.example", "Host: xbox.lan", "Host: box.lan.", "Host: [::2]:3001",
        "Host: 127.0.0.1:3001x", "Host: 127.0.0.1:", "Host: [::1]3001", "Host: user@localhost:3001",
        "Host: named.example", "Host: named.example:80", "Host: ccp.example.com:80",
        "Host: http://localhost:3001", "Host: :3001"};
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        if (CHECK(ours[i]) != ERR_OK)
            fail_msg("refused: %s", ours[i]);
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        if (CHECK(foreign[i]) != ERR_HOST_NOT_ALLOWED)
            fail_msg("let pass: %s", foreign[i]);
}

static void without_host(void **state)
{
    (void)state;
    struct fail f = {0};
    struct head h = {.method = STR("GET"), .target = STR("/"), .version_minor = 1};
    assert_int_equal(guard_check(g, &h, &f), ERR_HOST_NOT_ALLOWED);
    h.version_minor = 0; /* HTTP/1.0 has none; no browser speaks it */
    assert_int_equal(guard_check(g, &h, &f), ERR_OK);
}

static void origins(void **state)
{
    (void)state;
    static const char *const ours[] = {
        "Origin: http://127.0.0.1:3001", "Origin: http://localhost:3001", "Origin: http://[::1]:3001",
        "Origin: https://ccp.example.com", "Origin: https://box.lan", "Origin: http://BOX.lan:99"};
    static const char *const foreign[] = {
        "Origin: null", "Origin: http://localhost", "Origin: http://localhost:3002",
        "Origin: https://localhost", "Origin: http://ccp.example.com", "Origin: http://evil.example",
        "Origin: http://localhost:3001.evil.example", "Origin: file://", "Origin: ",
        "Origin: ftp://localhost:3001", "Origin: localhost:3001",
        "Origin: http://evil.example/http://localhost:3001"};
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        if (CHECK("Host: localhost:3001", ours[i]) != ERR_OK)
            fail_msg("refused: %s", ours[i]);
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        if (CHECK("Host: localhost:3001", foreign[i]) != ERR_FORBIDDEN)
            fail_msg("let pass: %s", foreign[i]);
    assert_int_equal(CHECK("Host: localhost:3001", "Origin: http://localhost:3001",
                           "Origin: http://evil.example"), ERR_FORBIDDEN);
}

static void other_sites(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *site, *mode;
        enum err want;
    } rows[] = {
        {"POST", "/v1/messages", "same-origin", "cors", ERR_OK},
        {"GET", "/", "none", "navigate", ERR_OK}, /* typed into the address bar */
        {"GET", "/monitor", "cross-site", "navigate", ERR_OK}, /* a link elsewhere */
        {"POST", "/monitor", "cross-site", "navigate", ERR_FORBIDDEN}, /* a form elsewhere */
        {"GET", "/api/requests", "cross-site", "navigate", ERR_FORBIDDEN},
        {"GET", "/v1/models", "cross-site", "navigate", ERR_FORBIDDEN},
        {"GET", "/monitor", "cross-site", "no-cors", ERR_FORBIDDEN}, /* <img>, <script> */
        {"GET", "/monitor", "cross-site", "", ERR_FORBIDDEN},
        {"GET", "/api/requests", "same-site", "cors", ERR_FORBIDDEN}, /* another port or subdomain */
        {"GET", "/api/requests", "anything", "cors", ERR_FORBIDDEN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char site[64], mode[64];
        snprintf(site, sizeof site, "Sec-Fetch-Site: %s", rows[i].site);
        snprintf(mode, sizeof mode, "Sec-Fetch-Mode: %s", rows[i].mode);
        const char *const lines[] = {"Host: localhost:3001", site, mode, NULL};
        if (check_at(rows[i].method, rows[i].target, lines) != rows[i].want)
            fail_msg("row %zu", i);
    }
}

/* As many as configuration allows, and ours. */
static void many_hosts(void **state)
{
    (void)state;
    for (int i = 0; i < 64; i++) {
        char name[32];
        snprintf(name, sizeof name, "host-%d.example", i);
        guard_allow(g, str_of(name), 0);
    }
    assert_int_equal(CHECK("Host: host-63.example"), ERR_OK);
}

static void urls(void **state)
{
    (void)state;
    assert_false(guard_allow_url(g, STR("ccp.example.com")));
    assert_false(guard_allow_url(g, STR("ftp://ccp.example.com")));
    assert_false(guard_allow_url(g, STR("https://")));
    assert_false(guard_allow_url(g, STR("https://a b/")));
    assert_true(guard_allow_url(g, STR("http://plain.example:81")));
    assert_int_equal(CHECK("Host: plain.example:81"), ERR_OK);
    assert_int_equal(CHECK("Host: plain.example"), ERR_HOST_NOT_ALLOWED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hosts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(origins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_sites, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_hosts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(urls, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
