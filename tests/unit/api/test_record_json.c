/*
 * test_record_json.c — records as JSON: names and nulls as docs/api.md says, and that no bytes from
 * outside can break it.
 */
#include "check.h"

#include "api/record_json.h"

static yyjson_doc *shown(const struct record *r, const struct record_detail *d)
{
    yyjson_mut_doc *doc = json_doc_new();
    record_json_fill(doc, yyjson_mut_doc_get_root(doc), r);
    if (d) {
        record_json_fill_detail(doc, yyjson_mut_doc_get_root(doc), r, d);
        record_json_fill_timeline(doc, yyjson_mut_doc_get_root(doc), r, d);
    }
    size_t len;
    char *text = json_doc_finish(doc, &len);
    yyjson_doc *read = yyjson_read(text, len, 0);
    assert_non_null(read);
    free(text);
    return read;
}

static yyjson_val *at(yyjson_doc *doc, const char *pointer)
{
    yyjson_val *value = yyjson_doc_ptr_get(doc, pointer);
    if (!value)
        fail_msg("there is no %s", pointer);
    return value;
}

static void unknown_is_null(void **state)
{
    (void)state;
    struct record r;
    record_init(&r);
    r.started_us = 1763685787123456;
    yyjson_doc *doc = shown(&r, NULL);
    static const char *const nulls[] = {
        "/status", "/provider", "/model", "/session_id", "/agent_id", "/error", "/title",
        "/connect_ms", "/ttfb_ms", "/first_token_ms", "/duration_ms", "/usage/input_tokens",
        "/usage/web_search_requests", "/message_count", "/max_tokens", "/stop_reason"};
    for (size_t i = 0; i < COUNT_OF(nulls); i++)
        assert_true(yyjson_is_null(at(doc, nulls[i])));
    assert_string_equal(yyjson_get_str(at(doc, "/state")), "running");
    assert_string_equal(yyjson_get_str(at(doc, "/started_at")), "2025-11-21T00:43:07.123Z");
    assert_int_equal(yyjson_arr_size(at(doc, "/flags")), 0);
    assert_int_equal(yyjson_get_int(at(doc, "/response_bytes")), 0);
    yyjson_doc_free(doc);
}

static void known_is_shown(void **state)
{
    (void)state;
    struct record r;
    record_init(&r);
    r.state = ENDING_UPSTREAM_ERROR;
    r.status = 529;
    r.is_stream = true;
    r.flags = RECORD_IS_REUSED | RECORD_DECODE_PARTIAL;
    r.error_type = STR("overloaded_error");
    r.duration_us = 5120749;
    r.connect_us = 0;
    r.usage.input_tokens = 0;
    yyjson_doc *doc = shown(&r, NULL);
    assert_int_equal(yyjson_get_int(at(doc, "/status")), 529);
    assert_true(yyjson_get_bool(at(doc, "/stream")));
    assert_string_equal(yyjson_get_str(at(doc, "/state")), "upstream_error");
    assert_string_equal(yyjson_get_str(at(doc, "/error/type")), "overloaded_error");
    assert_true(yyjson_is_null(at(doc, "/error/message")));
    assert_true(yyjson_get_num(at(doc, "/duration_ms")) == 5120.7);
    assert_true(yyjson_get_num(at(doc, "/connect_ms")) == 0);
    assert_int_equal(yyjson_get_int(at(doc, "/usage/input_tokens")), 0);
    assert_string_equal(yyjson_get_str(at(doc, "/flags/0")), "decode_partial");
    assert_string_equal(yyjson_get_str(at(doc, "/flags/1")), "reused");
    yyjson_doc_free(doc);
}

static void bad_bytes_do_not_break_it(void **state)
{
    (void)state;
    struct record r;
    record_init(&r);
    r.title = STR("a\xFF\"\n\0b\xE2\x82");
    r.path = STR("/\xC0\xAF\xED\xA0\x80\xF5");
    yyjson_doc *doc = shown(&r, NULL);
    static const char want[] = "a\xEF\xBF\xBD\"\n\0b\xEF\xBF\xBD\xEF\xBF\xBD";
    yyjson_val *title = at(doc, "/title");
    assert_int_equal(yyjson_get_len(title), sizeof want - 1);
    assert_memory_equal(yyjson_get_str(title), want, sizeof want - 1);
    assert_int_equal(yyjson_get_len(at(doc, "/path")), 1 + 6 * 3);
    yyjson_doc_free(doc);
}

static void every_pair_of_bytes_survives(void **state)
{
    (void)state;
    for (int high = 0; high < 256; high++)
        for (int low = 0; low < 256; low++) {
            char bytes[] = {'x', (char)high, (char)low, '\x80', 'x'};
            size_t len;
            char *fixed = utf8_repair(str_make(bytes, sizeof bytes), &len);
            assert_int_equal(utf8_valid(str_make(fixed, len)), len);
            yyjson_doc *doc = NULL;
            yyjson_mut_doc *made = json_doc_new();
            json_put_text(made, yyjson_mut_doc_get_root(made), "k", str_make(bytes, sizeof bytes));
            size_t text_len;
            char *text = json_doc_finish(made, &text_len);
            doc = yyjson_read(text, text_len, 0);
            assert_non_null(doc);
            assert_int_equal(yyjson_get_len(at(doc, "/k")), len);
            yyjson_doc_free(doc);
            free(text);
            free(fixed);
        }
}

static void utf8_is_told_from_noise(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t valid;
    } cases[] = {
        {"", 0}, {"plain ascii text", 16}, {"12345678\xC3\xA9", 10}, {"\xC3\xA9", 2},
        {"\xE2\x82\xAC", 3}, {"\xF0\x9F\x98\x80", 4}, {"\xF4\x8F\xBF\xBF", 4},
        {"\xF4\x90\x80\x80", 0}, {"\xE0\x9F\xBF", 0}, {"\xED\xA0\x80", 0}, {"\xF0\x8F\xBF\xBF", 0},
        {"\xC1\x81", 0}, {"ab\xE2\x82", 2}, {"12345678abc\x80", 11}, {"\xFE", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(utf8_valid(str_of(cases[i].text)), cases[i].valid);
}

static void heads_are_pairs(void **state)
{
    (void)state;
    struct record r;
    record_init(&r);
    struct chunk_mark marks[] = {{10, 100}, {20, 7}};
    struct record_detail d = {
        .request_head = STR("POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-A:  b : c \r\nempty:\r\n"),
        .timeline = marks, .timeline_len = 2, .sent_us = 1234};
    memset(d.request_hash, 0xAB, 16);
    yyjson_doc *doc = shown(&r, &d);
    assert_string_equal(yyjson_get_str(at(doc, "/request_line")), "POST /v1/messages HTTP/1.1");
    assert_int_equal(yyjson_arr_size(at(doc, "/request_headers")), 3);
    assert_string_equal(yyjson_get_str(at(doc, "/request_headers/1/0")), "X-A");
    assert_string_equal(yyjson_get_str(at(doc, "/request_headers/1/1")), "b : c");
    assert_string_equal(yyjson_get_str(at(doc, "/request_headers/2/1")), "");
    assert_true(yyjson_is_null(at(doc, "/status_line")));
    assert_int_equal(yyjson_arr_size(at(doc, "/response_headers")), 0);
    assert_true(yyjson_is_null(at(doc, "/request_hash")));
    assert_int_equal(yyjson_get_int(at(doc, "/chunks/1/1")), 7);
    yyjson_doc_free(doc);
    r.state = ENDING_COMPLETE;
    doc = shown(&r, &d);
    assert_string_equal(yyjson_get_str(at(doc, "/request_hash")), "abababababababababababababababab");
    assert_true(yyjson_is_null(at(doc, "/response_hash"))); /* not known */
    yyjson_doc_free(doc);
}

static void headers_are_found(void **state)
{
    (void)state;
    struct str head = STR("HTTP/1.1 200 OK\r\ncontent-ENCODING: gzip \r\nB: 2\r\n");
    assert_str_equal(recorded_header(head, STR("Content-Encoding")), STR("gzip"));
    assert_str_equal(recorded_header(head, STR("C")), STR_NONE);
    assert_str_equal(recorded_header(STR_NONE, STR("C")), STR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_is_null),           cmocka_unit_test(known_is_shown),
        cmocka_unit_test(bad_bytes_do_not_break_it), cmocka_unit_test(every_pair_of_bytes_survives),
        cmocka_unit_test(utf8_is_told_from_noise),   cmocka_unit_test(heads_are_pairs),
        cmocka_unit_test(headers_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
