/*
 * test_answer_message.c — streams become messages, whatever they are made of and wherever they
 * break off.
 */
#include "check.h"

#include <stdio.h>

#include <yyjson.h>

#include "record/answer.h"

static void check(struct str body, bool is_sse, const char *want)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(answer_message(body, is_sse, &out), ERR_OK);
    if (!str_equal(buf_str(&out), str_of(want)))
        print_error("got %.*s\nnot %s\n", STR_ARGS(buf_str(&out)), want);
    assert_str_equal(buf_str(&out), str_of(want));
    buf_release(&out);
}

#define EVENT(data) "data: " data "\n\n"
#define START                                                                                      \
    EVENT("{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\","            \
          "\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}")
#define BLOCK(index, block)                                                                        \
    EVENT("{\"type\":\"content_block_start\",\"index\":" index ",\"content_block\":" block "}")
#define DELTA(index, delta)                                                                        \
    EVENT("{\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":" delta "}")
#define END                                                                                        \
    EVENT("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{"       \
          "\"input_tokens\":null,\"output_tokens\":9}}")                                           \
    EVENT("{\"type\":\"message_stop\"}")
#define BEGUN "{\"message\":{\"id\":\"m\",\"type\":\"message\","
#define USAGE "\"usage\":{\"input_tokens\":5,\"output_tokens\":1}"

static void text_and_usage(void **state)
{
    (void)state;
    check(STR(START BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}")
                  DELTA("0", "{\"type\":\"text_delta\",\"text\":\"Hel\"}")
                      DELTA("0", "{\"type\":\"text_delta\",\"text\":\"lo \\ud83d\\ude00\"}") END),
          true,
          BEGUN "\"content\":[{\"type\":\"text\",\"text\":\"Hello \xf0\x9f\x98\x80\"}],"
                "\"usage\":{\"input_tokens\":5,\"output_tokens\":9},\"stop_reason\":\"end_turn\"},"
                "\"complete\":true,\"error\":null,"
                "\"events\":{\"message_start\":1,\"content_block_start\":1,\"content_block_delta\":"
                "2,\"message_delta\":1,\"message_stop\":1}}");
}

static void check_block(const char *start, const char *deltas, const char *want)
{
    char stream[4000], result[4000];
    int count = 0;
    for (const char *at = deltas; (at = strstr(at, "data:")); at++)
        count++;
    char counts[60] = "";
    if (count)
        snprintf(counts, sizeof counts, ",\"content_block_delta\":%d", count);
    snprintf(stream, sizeof stream, "%s" BLOCK("0", "%s") "%s", START, start, deltas);
    snprintf(result, sizeof result,
             BEGUN "\"content\":[%s]," USAGE "},\"complete\":false,\"error\":null,"
                   "\"events\":{\"message_start\":1,\"content_block_start\":1%s}}",
             want, counts);
    check(str_of(stream), true, result);
}

static void kinds_of_blocks(void **state)
{
    (void)state;
    check_block("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}",
                DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"a\"}")
                    DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"b\"}")
                        DELTA("0", "{\"type\":\"signature_delta\",\"signature\":\"Sg==\"}"),
                "{\"type\":\"thinking\",\"thinking\":\"ab\",\"signature\":\"Sg==\"}");
    check_block("{\"type\":\"redacted_thinking\",\"data\":\"xyz\"}", "",
                "{\"type\":\"redacted_thinking\",\"data\":\"xyz\"}");
    check_block(
        "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"url\":\"u\"}]}",
        "",
        "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"url\":\"u\"}]"
        "}");
    check_block("{\"type\":\"server_tool_use\",\"id\":\"s\",\"input\":{}}",
                DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"query\\\":\"}")
                    DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"q\\\"}\"}"),
                "{\"type\":\"server_tool_use\",\"id\":\"s\",\"input\":{\"query\":\"q\"}}");
    check_block("{\"type\":\"text\",\"text\":\"x\"}",
                DELTA("0", "{\"type\":\"citations_delta\",\"citation\":{\"n\":1}}")
                    DELTA("0", "{\"type\":\"citations_delta\",\"citation\":{\"n\":2}}")
                        DELTA("0", "{\"type\":\"text_delta\",\"text\":\"y\"}"),
                "{\"type\":\"text\",\"text\":\"xy\",\"citations\":[{\"n\":1},{\"n\":2}]}");
    check_block(
        "{\"type\":\"hologram\",\"beam\":1.0}", DELTA("0", "{\"type\":\"beam_delta\",\"beam\":2}"),
        "{\"type\":\"hologram\",\"beam\":1.0,\"deltas\":[{\"type\":\"beam_delta\",\"beam\":2}]}");
}

#define TOOL "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{}"

static void tool_input(void **state)
{
    (void)state;
    check_block(TOOL "}",
                DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"z\\\":"
                           "12345678901234567890123,\\\"a\\\":1.0}\"}"),
                "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{\"z\":"
                "12345678901234567890123,\"a\":1.0}}");
    check_block(TOOL "}", DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}"),
                TOOL "}");
    check_block(TOOL "}",
                DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}"),
                TOOL ",\"input_json\":\"{\\\"a\\\":\"}");
}

static void bad_indexes_make_nothing(void **state)
{
    (void)state;
    const char *one = "{\"type\":\"text\",\"text\":\"x\"}";
    check_block(one,
                DELTA("1", "{\"type\":\"text_delta\",\"text\":\"lost\"}")
                    DELTA("-1", "{\"type\":\"text_delta\",\"text\":\"lost\"}")
                        DELTA("99999999999", "{\"type\":\"text_delta\",\"text\":\"lost\"}")
                            DELTA("\"0\"", "{\"type\":\"text_delta\",\"text\":\"lost\"}")
                                DELTA("0", "\"no object\"")
                                    DELTA("0", "{\"type\":\"text_delta\",\"text\":\"!\"}"),
                "{\"type\":\"text\",\"text\":\"x!\"}");
}

static void broken_text_is_mended(void **state)
{
    (void)state;
    check_block("{\"type\":\"text\",\"text\":\"\"}",
                DELTA("0", "{\"type\":\"text_delta\",\"text\":\"a\\ud83d\\n\"}")
                    DELTA("0", "{\"type\":\"text_delta\",\"text\":\"b\xff\\\"\"}")
                        DELTA("0", "{\"type\":\"text_delta\",\"text\":\"c\""), /* no JSON at all */
                "{\"type\":\"text\",\"text\":\"a\xef\xbf\xbd\\nb\xef\xbf\xbd\\\"\"}");
}

static void other_answers(void **state)
{
    (void)state;
    check(STR("{\"id\":\"m\",\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}],"
              "\"n\":1.50}\n"),
          false,
          "{\"message\":{\"id\":\"m\",\"type\":\"message\",\"content\":[{\"type\":\"text\","
          "\"text\":\"x\"}],\"n\":1.50},"
          "\"complete\":true,\"error\":null,\"events\":{}}");
    check(STR("{\"type\":\"error\",\"error\":{\"type\":\"t\",\"message\":\"m\",\"x\":1}}"), false,
          "{\"message\":null,\"complete\":true,\"error\":{\"type\":\"t\",\"message\":\"m\"},"
          "\"events\":{}}");
    check(STR("{\"error\":\"no\"}"), false,
          "{\"message\":null,\"complete\":true,\"error\":{\"type\":null,\"message\":\"no\"},"
          "\"events\":{}}");
    check(STR("{\"object\":\"chat.completion\"}"), false,
          "{\"message\":null,\"complete\":true,\"error\":null,\"events\":{}}");
    check(STR("<html>"), false,
          "{\"message\":null,\"complete\":false,\"error\":null,\"events\":{}}");
    check(STR(""), true, "{\"message\":null,\"complete\":false,\"error\":null,\"events\":{}}");
    check(STR("data: {\"choices\":[]}\n\ndata: [DONE]\n\n"), true,
          "{\"message\":null,\"complete\":false,\"error\":null,\"events\":{\"message\":2}}");
    check(STR("event: error\ndata: "
              "{\"error\":{\"type\":\"overloaded_error\",\"message\":\"Over\"}}\n\n"),
          true,
          "{\"message\":null,\"complete\":false,\"error\":{\"type\":\"overloaded_error\","
          "\"message\":\"Over\"},\"events\":{\"error\":1}}");
}

static void many_blocks_and_events_stay_bounded(void **state)
{
    (void)state;
    struct buf body, out;
    buf_init(&body, 8 << 20);
    buf_init(&out, 8 << 20);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(
            buf_printf(&body, BLOCK("%d", "{\"type\":\"text\"}") "event: e%d\ndata: x\n\n", i, i),
            ERR_OK);
    assert_int_equal(answer_message(buf_str(&body), true, &out), ERR_OK);
    yyjson_doc *doc = yyjson_read(out.ptr, out.len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_arr_size(yyjson_ptr_get(root, "/message/content")), 4096);
    assert_int_equal(yyjson_obj_size(yyjson_obj_get(root, "events")), 32);
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(root, "/events/other")), 4970);
    yyjson_doc_free(doc);
    struct buf small;
    buf_init(&small, 100);
    assert_int_equal(answer_message(buf_str(&body), true, &small), ERR_TOO_LARGE);
    assert_int_equal(small.len, 0);
    buf_release(&small);
    buf_release(&body);
    buf_release(&out);
}

static void every_cut_gives_json(void **state)
{
    (void)state;
    static const char stream[] = START BLOCK("0", TOOL "}")
        DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}") END;
    for (size_t len = 0; len < sizeof stream; len++) {
        struct buf out;
        buf_init(&out, 1 << 20);
        char *copy = malloc(len ? len : 1);
        memcpy(copy, stream, len);
        assert_int_equal(answer_message(str_make(copy, len), true, &out), ERR_OK);
        yyjson_doc *doc = yyjson_read(out.ptr, out.len, 0);
        assert_non_null(doc);
        yyjson_doc_free(doc);
        free(copy);
        buf_release(&out);
    }
}

static void unstream(struct str body, enum answer_outcome wanted, const char *want)
{
    struct buf out;
    enum answer_outcome outcome;
    buf_init(&out, 1 << 20);
    assert_int_equal(answer_unstream(body, &out, &outcome), ERR_OK);
    assert_int_equal(outcome, wanted);
    assert_str_equal(buf_str(&out), str_of(want));
    buf_release(&out);
}

static void a_stream_in_one_piece(void **state)
{
    (void)state;
    static const char stream[] = START BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}")
        DELTA("0", "{\"type\":\"text_delta\",\"text\":\"hi\"}") END;
    unstream(str_of(stream), ANSWER_WHOLE,
             "{\"id\":\"m\",\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],"
             "\"usage\":{\"input_tokens\":5,\"output_tokens\":9},\"stop_reason\":\"end_turn\"}");
    unstream(STR(START EVENT("{\"type\":\"message_delta\",\"delta\":{\"container\":{\"id\":1.50}},"
                             "\"context_management\":{\"n\":1e2}}")
                     EVENT("{\"type\":\"message_stop\"}")),
             ANSWER_WHOLE,
             "{\"id\":\"m\",\"type\":\"message\",\"content\":[]," USAGE
             ",\"container\":{\"id\":1.50},\"context_management\":{\"n\":1e2}}");
    unstream(STR(START EVENT("{\"type\":\"error\",\"error\":{\"type\":\"x\"},\"n\":1.0}")), ANSWER_ERROR,
             "{\"type\":\"error\",\"error\":{\"type\":\"x\"},\"n\":1.0}");
    unstream(STR(EVENT("{\"type\":\"message_stop\"}")), ANSWER_CUT, "");
    for (size_t len = 0; len < sizeof stream - 1; len++)
        unstream(str_make(stream, len), ANSWER_CUT, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_usage),
        cmocka_unit_test(kinds_of_blocks),
        cmocka_unit_test(tool_input),
        cmocka_unit_test(bad_indexes_make_nothing),
        cmocka_unit_test(broken_text_is_mended),
        cmocka_unit_test(other_answers),
        cmocka_unit_test(many_blocks_and_events_stay_bounded),
        cmocka_unit_test(every_cut_gives_json),
        cmocka_unit_test(a_stream_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
