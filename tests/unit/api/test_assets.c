/*
 * test_assets.c — the dashboard's files: which one, in which form, with which headers.
 */
#include "fake_call.h"

#include "api/assets.h"

static const struct asset list[] = {
    {"/_app/immutable/a.js", "text/javascript", "aa", true, {"plain-js", 8}, {"gz", 2}, {"b", 1}},
    {"/index.html", "text/html; charset=utf-8", "ii", false, {"<html>", 6}, {NULL, 0}, {NULL, 0}},
    {"/robots.txt", "text/plain", "rr", false, {"r", 1}, {NULL, 0}, {NULL, 0}},
};
static struct asset_table table = {list, COUNT_OF(list), true};

struct want {
    const char *method, *target, *header, *value;
    int status;
    const char *body, *has;
};

static void check(const struct want *w)
{
    struct call c;
    fake_init(&c, NULL, w->method, w->target);
    if (w->header)
        head_add(&c.head, &c.arena, str_of(w->header), str_of(w->value));
    assets_handle(&c, &table);
    assert_int_equal(c.answers, 1);
    if (c.status != w->status)
        fail_msg("%s: %d", w->target, c.status);
    if (w->body)
        assert_str_equal(buf_str(&c.body), str_of(w->body));
    if (w->has && !fake_has(&c.headers, w->has))
        fail_msg("%s: no %s in %.*s", w->target, w->has, STR_ARGS(buf_str(&c.headers)));
    fake_release(&c);
}

static void files_and_fallback(void **state)
{
    (void)state;
    static const char accept[] = "Accept", page[] = "text/html,application/xhtml+xml,*/*;q=0.8";
    static const struct want wants[] = {
        {"GET", "/", NULL, NULL, 200, "<html>", "no-cache"},
        {"GET", "/monitor", accept, page, 200, "<html>", "default-src 'none'"},
        {"GET", "/requests/019aa1b2?x=1", accept, page, 200, "<html>", "nosniff"},
        {"GET", "/monitor", NULL, NULL, 200, "<html>", "default-src 'none'"},
        {"GET", "/sessions", NULL, NULL, 404, NULL, NULL},
        {"HEAD", "/mcp", accept, "application/json, text/event-stream", 404, NULL, NULL},
        {"HEAD", "/index.html", NULL, NULL, 200, NULL, "Cross-Origin-Opener-Policy: same-origin"},
        {"GET", "/robots.txt", NULL, NULL, 200, "r", "ETag: \"rr\""},
        {"GET", "/_app/immutable/a.js", NULL, NULL, 200, "plain-js", "immutable"},
        {"GET", "/_app/immutable/b.js", NULL, NULL, 404, NULL, NULL},
        {"GET", "/favicon.ico", NULL, NULL, 404, NULL, NULL},
        {"GET", "/../etc/passwd", accept, page, 200, "<html>", NULL},
        {"POST", "/", NULL, NULL, 405, NULL, "Allow: GET, HEAD"},
    };
    for (size_t i = 0; i < COUNT_OF(wants); i++)
        check(&wants[i]);
}

static void the_best_form_is_sent(void **state)
{
    (void)state;
    static const char js[] = "/_app/immutable/a.js", accept[] = "Accept-Encoding";
    static const struct want wants[] = {
        {"GET", js, accept, "gzip, deflate, br, zstd", 200, "b", "Content-Encoding: br"},
        {"GET", js, accept, "gzip, deflate", 200, "gz", "Content-Encoding: gzip"},
        {"GET", js, accept, "br;q=0, gzip;q=0.5", 200, "gz", "ETag: \"aa-gz\""},
        {"GET", js, accept, "br;q=0.000,gzip; q=0", 200, "plain-js", "ETag: \"aa\""},
        {"GET", js, accept, "BR;q=0.01", 200, "b", "Vary: Accept, Accept-Encoding"},
        {"GET", js, accept, "identity", 200, "plain-js", NULL},
        {"GET", "/", accept, "br", 200, "<html>", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(wants); i++)
        check(&wants[i]);
}

static void what_is_known_is_not_sent(void **state)
{
    (void)state;
    static const struct want wants[] = {
        {"GET", "/", "If-None-Match", "\"ii\"", 304, "", "ETag: \"ii\""},
        {"GET", "/", "If-None-Match", "\"x\", W/\"ii\"", 304, "", NULL},
        {"GET", "/", "If-None-Match", "*", 304, "", NULL},
        {"GET", "/", "If-None-Match", "\"ii-gz\"", 200, "<html>", NULL},
        {"GET", "/", "If-None-Match", "ii", 200, "<html>", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(wants); i++)
        check(&wants[i]);
}

static void the_embedded_ones_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 1; i < assets_embedded.count; i++)
        assert_true(strcmp(assets_embedded.list[i - 1].path, assets_embedded.list[i].path) < 0);
    struct call c;
    fake_init(&c, NULL, "GET", "/");
    assets_handle(&c, NULL);
    assert_int_equal(c.status, 200);
    assert_true(fake_has(&c.body, "</html>"));
    assert_false(fake_has(&c.body, "<script>"));
    fake_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_fallback),
        cmocka_unit_test(the_best_form_is_sent),
        cmocka_unit_test(what_is_known_is_not_sent),
        cmocka_unit_test(the_embedded_ones_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
