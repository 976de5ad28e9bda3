/*
 * test_http_parser.c — heads and bodies come out the same however the bytes are cut; what is
 * ambiguous is refused with the status it deserves.
 */
#include "check.h"

#include <stdio.h>

#include "base/buf.h"
#include "http/http_parser.h"

/* Everything a parser tells, as one text that can be compared. */
struct log {
    struct http_parser parser;
    struct arena arena;
    struct buf text;
    bool no_body;
};

static enum err on_head(void *owner, bool *no_body)
{
    struct log *l = owner;
    const struct head *h = &l->parser.head;
    assert_int_equal(buf_printf(&l->text, "[%.*s %.*s %d]", STR_ARGS(h->method),
                                STR_ARGS(h->target), h->status),
                     ERR_OK);
    for (size_t i = 0; i < h->count; i++)
        assert_int_equal(buf_printf(&l->text, "%.*s=%.*s;", STR_ARGS(h->headers[i].name),
                                    STR_ARGS(h->headers[i].value)),
                         ERR_OK);
    *no_body = l->no_body;
    return ERR_OK;
}

static void on_body(void *owner, struct str bytes)
{
    struct log *l = owner;
    assert_int_equal(buf_append(&l->text, bytes), ERR_OK);
}

static void on_done(void *owner)
{
    struct log *l = owner;
    assert_int_equal(buf_append(&l->text, STR("|")), ERR_OK);
}

static const struct http_events events = {on_head, on_body, on_done};

static void log_begin(struct log *l, bool is_request)
{
    arena_init(&l->arena);
    buf_init(&l->text, 1 << 20);
    l->no_body = false;
    http_parser_init(&l->parser, is_request, &events, l, &l->arena);
}

static void log_end(struct log *l)
{
    arena_release(&l->arena);
    buf_release(&l->text);
}

/* Feeds one message; returns the error. */
static enum err feed(struct log *l, struct str bytes)
{
    size_t used;
    enum err err = http_parser_feed(&l->parser, bytes, &used);
    return err;
}

static enum err whole(bool is_request, struct str wire, struct str want)
{
    struct log l;
    log_begin(&l, is_request);
    enum err err = feed(&l, wire);
    if (want.ptr)
        assert_str_equal(buf_str(&l.text), want);
    log_end(&l);
    return err;
}

static void every_cut(bool is_request, struct str wire)
{
    struct log one;
    log_begin(&one, is_request);
    enum err want = feed(&one, wire);
    for (size_t cut = 0; cut <= wire.len; cut++) {
        struct log two;
        log_begin(&two, is_request);
        enum err err = feed(&two, str_head(wire, cut));
        if (!err && !two.parser.is_done)
            err = feed(&two, str_from(wire, cut));
        assert_int_equal(err, want);
        assert_str_equal(buf_str(&two.text), buf_str(&one.text));
        log_end(&two);
    }
    log_end(&one);
}

#define HOST "Host: h\r\n"

static void messages_survive_every_cut(void **state)
{
    (void)state;
    every_cut(true, STR("POST /v1/messages?beta=true HTTP/1.1\r\n" HOST
                        "X-Odd-Case: Some Value\r\nContent-Length: 5\r\n\r\nhello"));
    every_cut(true, STR("POST /v1/x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                        "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n"));
    every_cut(false, STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
    every_cut(false, STR("HTTP/1.1 529 \r\nContent-Length: 2\r\n\r\n{}"));
    every_cut(true, STR("GET  /v1/x HTTP/1.1\r\n" HOST "\r\n"));
    every_cut(true, STR("\r\nGET /v1/x HTTP/1.1\r\n" HOST "\r\n"));
}

static void heads_keep_order_and_spelling(void **state)
{
    (void)state;
    assert_int_equal(whole(true, STR("GET /v1/a?b=%20 HTTP/1.1\r\nhOsT: h\r\nB: 2\r\na:1\r\nB: 3\r\n\r\n"),
                           STR("[GET /v1/a?b=%20 0]hOsT=h;B=2;a=1;B=3;|")),
                     ERR_OK);
}

static void interim_answers_are_skipped(void **state)
{
    (void)state;
    assert_int_equal(whole(false, STR("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n"),
                           STR("[  204]|")),
                     ERR_OK);
    assert_int_equal(whole(false, STR("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), STR("")),
                     ERR_UPSTREAM_PROTOCOL);
}

static void what_follows_is_left(void **state)
{
    (void)state;
    struct log l;
    size_t used;
    struct str wire = STR("GET /v1/a HTTP/1.1\r\n" HOST "\r\nGET /canary HTTP/1.1\r\n\r\n");
    log_begin(&l, true);
    assert_int_equal(http_parser_feed(&l.parser, wire, &used), ERR_OK);
    assert_true(str_starts(str_from(wire, used), STR("GET /canary")));
    log_end(&l);
}

static void ends_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        enum err want;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\nuntil close", ERR_OK},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", ERR_UPSTREAM_TRUNCATED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", ERR_UPSTREAM_TRUNCATED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", ERR_UPSTREAM_TRUNCATED},
        {"", ERR_OK},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct log l;
        log_begin(&l, false);
        assert_int_equal(feed(&l, str_of(rows[i].wire)), ERR_OK);
        assert_int_equal(http_parser_finish(&l.parser), rows[i].want);
        log_end(&l);
    }
}

static void ambiguous_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        enum err want;
    } rows[] = {
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", ERR_BAD_REQUEST},
        {"Content-Length: 5\r\nContent-Length: 5\r\n", ERR_BAD_REQUEST},
        {"Content-Length: 007\r\n", ERR_BAD_REQUEST},
        {"Content-Length: +5\r\n", ERR_BAD_REQUEST},
        {"Content-Length: 99999999999999999999\r\n", ERR_BAD_REQUEST},
        {"Transfer-Encoding: gzip\r\n", ERR_NOT_IMPLEMENTED},
        {"Transfer-Encoding: gzip, chunked\r\n", ERR_NOT_IMPLEMENTED},
        {"Transfer-Encoding: chunked, chunked\r\n", ERR_BAD_REQUEST},
        {"Transfer-Encoding : chunked\r\n", ERR_BAD_REQUEST},
        {"Transfer_Encoding: chunked\r\n", ERR_BAD_REQUEST},
        {"Host: other\r\n", ERR_BAD_REQUEST},
        {"A: b\x01\r\n", ERR_BAD_REQUEST},
        {": x\r\n", ERR_BAD_REQUEST},
        {"x-api-key: a\r\nX-Api-Key: b\r\n", ERR_BAD_REQUEST},
        {"Expect: cake\r\n", ERR_EXPECTATION},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char wire[512];
        snprintf(wire, sizeof wire, "POST /v1/x HTTP/1.1\r\n" HOST "%s\r\n", rows[i].lines);
        enum err got = whole(true, str_of(wire), STR_NONE);
        if (got != rows[i].want)
            print_error("%s", rows[i].lines);
        assert_int_equal(got, rows[i].want);
    }
}

static void odd_targets_are_refused(void **state)
{
    (void)state;
    static const char *const targets[] = {"/v1/../x", "/v1/%2e%2e/x", "//v1", "/v1\\x", "/%00",
                                          "/%0d%0aX:", "http://evil/v1/", "/a%", "/v1/.%2e"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        char wire[512];
        snprintf(wire, sizeof wire, "GET %s HTTP/1.1\r\n" HOST "\r\n", targets[i]);
        assert_int_equal(whole(true, str_of(wire), STR("")), ERR_BAD_REQUEST);
    }
    assert_int_equal(whole(true, STR("GET /v1/a..b/.c/...d HTTP/1.1\r\n" HOST "\r\n"), STR_NONE),
                     ERR_OK);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct buf wire;
    buf_init(&wire, 1 << 20);
    assert_int_equal(buf_printf(&wire, "GET /v1/x HTTP/1.1\r\n" HOST), ERR_OK);
    for (int i = 0; i < HEAD_HEADERS_MAX; i++)
        assert_int_equal(buf_printf(&wire, "h%d: x\r\n", i), ERR_OK);
    assert_int_equal(buf_printf(&wire, "\r\n"), ERR_OK);
    assert_int_equal(whole(true, buf_str(&wire), STR("")), ERR_HEADERS_TOO_LARGE);
    buf_clear(&wire);
    assert_int_equal(buf_printf(&wire, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", HEAD_TARGET_MAX, 1),
                     ERR_OK);
    assert_int_equal(whole(true, buf_str(&wire), STR("")), ERR_URI_TOO_LONG);
    buf_clear(&wire);
    assert_int_equal(buf_printf(&wire, "POST /v1/x HTTP/1.1\r\n" HOST
                                       "Transfer-Encoding: chunked\r\n\r\n"), ERR_OK);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(buf_printf(&wire, "1\r\nx\r\n"), ERR_OK);
    assert_int_equal(whole(true, buf_str(&wire), STR_NONE), ERR_BAD_REQUEST);
    buf_release(&wire);
}

/* A head that comes byte by byte costs little more memory than one that comes at once. */
#define CHUNKED "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static void chunk_sizes_have_sixteen_digits_at_most(void **state)
{
    (void)state;
    static const struct {
        const char *wire, *gives;
        enum err end;
    } rows[] = {
        {CHUNKED "0000000000000005\r\nhello\r\n03;ext=00000000000000000000\r\nabc\r\n0\r\n"
                 "aaaaaaaaaaaaaaaaaaaaaaaa: a trailer\r\n\r\n", "helloabc|", ERR_OK},
        {CHUNKED "00000000000000005\r\nhello\r\n0\r\n\r\n", "", ERR_BAD_REQUEST},
        {CHUNKED "5\r\nhello\r\n00000000000000005\r\nhello\r\n", "hello", ERR_BAD_REQUEST},
        {CHUNKED "5\r\nhello\r\n00000000000000000\r\n\r\n", "hello", ERR_BAD_REQUEST},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t cut = 0; cut <= strlen(rows[i].wire); cut++) {
            struct log l;
            log_begin(&l, true);
            enum err err = feed(&l, str_head(str_of(rows[i].wire), cut));
            if (!err)
                err = feed(&l, str_from(str_of(rows[i].wire), cut));
            if (err != rows[i].end || !str_ends(buf_str(&l.text), str_of(rows[i].gives)))
                fail_msg("row %zu cut at %zu: %s %.*s", i, cut, err_name(err), (int)l.text.len,
                         l.text.ptr);
            log_end(&l);
        }
}

static void crumbs_cost_no_more(void **state)
{
    (void)state;
    enum { LEN = 60000 };
    struct log l;
    struct buf wire;
    log_begin(&l, true);
    buf_init(&wire, LEN + 100);
    assert_int_equal(buf_append(&wire, STR("GET / HTTP/1.1\r\nHost: a\r\nX: ")), ERR_OK);
    for (size_t i = 0; i < LEN; i++)
        assert_int_equal(buf_append_byte(&wire, (char)('a' + i % 23)), ERR_OK);
    size_t used, moved = 0;
    const char *was = NULL;
    for (size_t i = 0; i < wire.len; i++) {
        assert_int_equal(http_parser_feed(&l.parser, str_make(wire.ptr + i, 1), &used), ERR_OK);
        const struct head *h = &l.parser.head;
        const char *at = h->count == 2 ? h->headers[1].value.ptr : NULL;
        moved += at != was;
        was = at;
    }
    assert_in_range(moved, 1, 24); /* each time into twice the room */
    const struct header *x = &l.parser.head.headers[1];
    assert_str_equal(x->value, str_make(wire.ptr + wire.len - LEN, LEN));
    buf_release(&wire);
    log_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_survive_every_cut),
        cmocka_unit_test(heads_keep_order_and_spelling),
        cmocka_unit_test(interim_answers_are_skipped),
        cmocka_unit_test(what_follows_is_left),
        cmocka_unit_test(ends_are_told_apart),
        cmocka_unit_test(ambiguous_requests_are_refused),
        cmocka_unit_test(odd_targets_are_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(chunk_sizes_have_sixteen_digits_at_most),
        cmocka_unit_test(crumbs_cost_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
