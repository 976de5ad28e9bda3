/*
 * test_answer.c — what streams, JSON and error bodies say; what broken ones do not.
 */
#include "check.h"

#include <stdio.h>

#include "record/answer.h"

#define EVENT(name, data) "event: " name "\ndata: " data "\n\n"

static const char stream[] = EVENT(
    "message_start",
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":"
    "\"assistant\","
    "\"model\":\"claude-y\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":12,"
    "\"cache_creation_input_tokens\":1200,\"cache_read_input_tokens\":48000,\"cache_creation\":"
    "{\"ephemeral_5m_input_tokens\":1000,\"ephemeral_1h_input_tokens\":200},\"output_tokens\":1,"
    "\"service_tier\":\"standard\"}}}") EVENT("ping", "{\"type\": \"ping\"}")
    EVENT("content_block_start", "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{"
                                 "\"type\":\"text\",\"text\":\"\"}}")
        EVENT("content_block_delta", "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
                                     "\"type\":\"text_delta\",\"text\":\"Hi\"}}")
            EVENT("content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}") EVENT(
                "content_block_start",
                "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":"
                "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"Bash\",\"input\":{}}}")
                EVENT("content_block_delta",
                      "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
                      "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}")
                    EVENT("content_block_stop", "{\"type\":\"content_block_stop\",\"index\":1}")
                        EVENT("message_delta",
                              "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\","
                              "\"stop_sequence\":null},\"usage\":{\"output_tokens\":340,\"cache_"
                              "read_input_tokens\":null,"
                              "\"server_tool_use\":{\"web_search_requests\":2}}}")
                            EVENT("message_stop", "{\"type\":\"message_stop\"}");

static struct arena arena;

static struct answer_facts read_answer(struct str body, bool is_sse)
{
    struct answer_facts f;
    arena_release(&arena);
    answer_read(body, is_sse, &arena, &f);
    return f;
}

static void whole_stream(void **state)
{
    (void)state;
    struct answer_facts f = read_answer(str_of(stream), true);
    assert_int_equal(f.flags, 0);
    assert_true(f.is_complete && !f.is_error);
    assert_str_equal(f.model, STR("claude-y"));
    assert_str_equal(f.stop_reason, STR("tool_use"));
    assert_int_equal(f.usage.input_tokens, 12);
    assert_int_equal(f.usage.output_tokens, 340);
    assert_int_equal(f.usage.cache_read_input_tokens, 48000);
    assert_int_equal(f.usage.cache_creation_input_tokens, 1200);
    assert_int_equal(f.usage.cache_creation_5m_tokens, 1000);
    assert_int_equal(f.usage.cache_creation_1h_tokens, 200);
    assert_int_equal(f.usage.web_search_requests, 2);
    assert_int_equal(f.tool_use_count, 1);
    assert_int_equal(f.first_token_at, strstr(stream, "event: content_block_delta") - stream);
}

static void every_cut_is_incomplete(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof stream - 2; len++) {
        char *copy = malloc(len ? len : 1);
        memcpy(copy, stream, len);
        struct answer_facts f = read_answer(str_make(copy, len), true);
        assert_false(f.is_complete);
        assert_int_equal(f.flags, 0);
        free(copy);
    }
}

static void plain_json(void **state)
{
    (void)state;
    struct answer_facts f = read_answer(
        STR("{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"claude-z\",\"content\":[{\"type\":"
            "\"text\","
            "\"text\":\"tool_use\"},{\"type\":\"tool_use\",\"input\":{}},{\"type\":\"tool_use\"}],"
            "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}\n"),
        false);
    assert_int_equal(f.flags, 0);
    assert_true(f.is_complete && !f.is_error);
    assert_str_equal(f.model, STR("claude-z"));
    assert_int_equal(f.tool_use_count, 2);
    assert_int_equal(f.usage.input_tokens, 3);
    assert_int_equal(f.usage.output_tokens, 4);
    assert_int_equal(f.usage.cache_read_input_tokens, UNKNOWN);
    assert_int_equal(f.first_token_at, SIZE_MAX);
    f = read_answer(STR("{\"data\":[{\"id\":\"m\"}]}"), false);
    assert_int_equal(f.flags, 0);
    assert_int_equal(f.tool_use_count, UNKNOWN);
    f = read_answer(STR("<html>"), false);
    assert_int_equal(f.flags, RECORD_RESPONSE_INVALID);
    assert_false(f.is_complete);
    f = read_answer(STR(""), false);
    assert_int_equal(f.flags, 0);
}

static void errors(void **state)
{
    (void)state;
    struct answer_facts f = read_answer(STR("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_"
                                            "error\",\"message\":\"Over\\u00e9\"}}"),
                                        false);
    assert_true(f.is_error);
    assert_str_equal(f.error_type, STR("overloaded_error"));
    assert_str_equal(f.error_message, STR("Over\xc3\xa9"));
    f = read_answer(STR("{\"error\":\"not found\"}"), false);
    assert_true(f.is_error);
    assert_str_equal(f.error_message, STR("not found"));
    f = read_answer(STR("{\"object\":\"response\",\"error\":null}"), false);
    assert_false(f.is_error);
    f = read_answer(
        STR(EVENT("error",
                  "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}")),
        true);
    assert_true(f.is_error && !f.is_complete);
    assert_str_equal(f.error_type, STR("api_error"));
    assert_int_equal(f.flags, 0);
    f = read_answer(
        STR("data: {\"type\":\"error\",\ndata: \"error\":{\"type\":\"in two lines\"}}\n\n"
            "data: another event\ndata: in the same place, and longer than the first was\n\n"),
        true);
    assert_str_equal(f.error_type, STR("in two lines"));
    f = read_answer(STR(EVENT("error", "{\"error\":{\"type\":\"t\",\"message\":\"m\"}}")), true);
    assert_str_equal(f.error_type, STR("t"));
}

static void long_error_message_is_cut(void **state)
{
    (void)state;
    char body[1200] = "{\"error\":{\"message\":\"a";
    for (int i = 0; i < 200; i++)
        strcat(body, "\xe2\x82\xac");
    strcat(body, "\"}}");
    struct answer_facts f = read_answer(str_of(body), false);
    assert_int_equal(f.error_message.len, 298);
}

static void check_usage(const char *start, const char *delta, int64_t output, uint32_t flags)
{
    char body[1000];
    snprintf(body, sizeof body,
             "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"output_tokens\":%s}}}\n\n"
             "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":%s}}\n\n",
             start, delta);
    struct answer_facts f = read_answer(str_of(body), true);
    assert_int_equal(f.usage.output_tokens, output);
    assert_int_equal(f.flags, flags);
}

static void odd_numbers(void **state)
{
    (void)state;
    check_usage("1", "50", 50, 0);
    check_usage("1", "null", 1, 0);
    check_usage("null", "null", UNKNOWN, 0);
    check_usage("1", "0", 0, 0);
    check_usage("1", "-5", UNKNOWN, RECORD_PROTOCOL_VIOLATION);
    check_usage("1", "\"50\"", UNKNOWN, RECORD_PROTOCOL_VIOLATION);
    check_usage("1", "5.5", UNKNOWN, RECORD_PROTOCOL_VIOLATION);
    check_usage("1", "18446744073709551616", UNKNOWN, RECORD_PROTOCOL_VIOLATION);
    check_usage("1", "9007199254740993", UNKNOWN, RECORD_PROTOCOL_VIOLATION);
    check_usage("-1", "7", 7, RECORD_PROTOCOL_VIOLATION);
}

#define START "data: {\"type\":\"message_start\",\"message\":{}}\n\n"
#define BLOCK(index)                                                                               \
    "data: {\"type\":\"content_block_start\",\"index\":" index                                     \
    ",\"content_block\":{\"type\":\"text\"}}\n\n"
#define DELTA(index) "data: {\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":{}}\n\n"
#define STOP(index)  "data: {\"type\":\"content_block_stop\",\"index\":" index "}\n\n"
#define END          "data: {\"type\":\"message_stop\"}\n\n"

static void violations(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        DELTA("0"),
        START DELTA("0"),
        START BLOCK("1"),
        START BLOCK("0") DELTA("1"),
        START START,
        START BLOCK("0") BLOCK("1"),
        START BLOCK("-1"),
        START BLOCK("4294967296"),
        START BLOCK("\"0\""),
        START BLOCK("0") STOP("0") DELTA("0"),
        START END BLOCK("0"),
        START BLOCK("0") END,
        END,
        START BLOCK("0") "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\n\n",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(read_answer(str_of(wrong[i]), true).flags, RECORD_PROTOCOL_VIOLATION);
    static const char *const right[] = {
        START,
        START BLOCK("0") DELTA("0") STOP("0") BLOCK("1") DELTA("1") STOP("1") END,
        START "data: {\"index\":0,\"type\":\"content_block_start\"}\n\n" DELTA(" 0 "),
        START "event: new_thing\ndata: {\"type\":\"new_thing\"}\n\n" END,
        ": ping\n\n",
        "eve",
    };
    for (size_t i = 0; i < COUNT_OF(right); i++)
        assert_int_equal(read_answer(str_of(right[i]), true).flags, 0);
}

static void others_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(
        read_answer(STR("data: {\"candidates\":[]}\n\n"), true)
            .flags,
        RECORD_RESPONSE_INVALID);
    assert_int_equal(read_answer(STR("<html>\n\n"), true).flags, RECORD_RESPONSE_INVALID);
    /* the wrong Content-Type */
    assert_str_equal(read_answer(str_of(stream), false).model, STR("claude-y"));
    assert_str_equal(read_answer(STR(" {\"model\":\"m\"}"), true).model, STR("m"));
}

#define CHUNK(choices, more) "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-y\",\"choices\":" choices more "}\n\n"

static const char chat[] =
    CHUNK("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]", "")
    CHUNK("[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]", "")
    CHUNK("[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"Bash\",\"arguments\":\"\"}}]}}]", "")
    CHUNK("[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}]", "")
    CHUNK("[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]", "")
    CHUNK("[]", ",\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":40}}");

static void chat_completions_streamed(void **state)
{
    (void)state;
    char text[4096];
    snprintf(text, sizeof text, "%sdata: [DONE]\n\n", chat);
    struct answer_facts f = read_answer(str_of(text), true);
    assert_int_equal(f.flags, 0);
    assert_true(f.is_complete && !f.is_error);
    assert_str_equal(f.model, STR("gpt-y"));
    assert_str_equal(f.stop_reason, STR("tool_calls"));
    assert_int_equal(f.usage.input_tokens, 60);
    assert_int_equal(f.usage.cache_read_input_tokens, 40);
    assert_int_equal(f.usage.output_tokens, 7);
    assert_int_equal(f.tool_use_count, 1);
    assert_int_equal(f.first_token_at, (size_t)(strstr(text + 6, "data: ") - text));
    f = read_answer(str_head(str_of(text), (size_t)(strstr(text, "\"tool_calls\"") - text)), true);
    assert_false(f.is_complete);
    f = read_answer(STR("data: {\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n"), true);
    assert_true(f.is_error);
    assert_str_equal(f.error_type, STR("overloaded_error"));
}

static void chat_completions_whole(void **state)
{
    (void)state;
    struct answer_facts f = read_answer(
        STR("{\"object\":\"chat.completion\",\"choices\":[{\"message\":{\"content\":\"Hi\",\"tool_calls\":"
            "[{\"function\":{\"name\":\"a\"}},{\"function\":{\"name\":\"b\"}}]},\"finish_reason\":\"stop\"}],"
            "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2},\"model\":\"gpt-y\"}"), false);
    assert_int_equal(f.flags, 0);
    assert_true(f.is_complete);
    assert_str_equal(f.model, STR("gpt-y"));
    assert_str_equal(f.stop_reason, STR("stop"));
    assert_int_equal(f.usage.input_tokens, 5);
    assert_int_equal(f.usage.output_tokens, 2);
    assert_int_equal(f.tool_use_count, 2);
    assert_int_equal(f.first_token_at, SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_stream),
        cmocka_unit_test(chat_completions_streamed),
        cmocka_unit_test(chat_completions_whole),
        cmocka_unit_test(every_cut_is_incomplete),
        cmocka_unit_test(plain_json),
        cmocka_unit_test(errors),
        cmocka_unit_test(long_error_message_is_cut),
        cmocka_unit_test(odd_numbers),
        cmocka_unit_test(violations),
        cmocka_unit_test(others_are_told_apart),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
