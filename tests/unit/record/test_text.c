/*
 * test_text.c — every text of a request and of its answer, once and with its kind; the same text
 * however it was sent.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "record/json_walk.h"
#include "record/text.h"

struct told {
    char lines[8192]; /* "kind tool|content" and a line end each */
    size_t len;
};

static void tell(const struct text *text, void *owner)
{
    struct told *t = owner;
    t->len += (size_t)snprintf(t->lines + t->len, sizeof t->lines - t->len, "%s%s%.*s|%.*s\n",
                               text_kind_name(text->kind), text->tool.len ? " " : "",
                               STR_ARGS(text->tool), STR_ARGS(text->content));
    assert_true(t->len < sizeof t->lines);
}

enum how { REQUEST, MESSAGES, ANSWER, STREAM };

static void read_as(struct told *t, enum how how, struct str body)
{
    struct arena arena;
    struct text_reader r;
    arena_init(&arena);
    text_reader_init(&r, &arena, tell, t);
    switch (how) {
    case REQUEST:
        text_read_request(&r, body);
        break;
    case MESSAGES:
        text_read_messages(&r, body);
        break;
    case ANSWER:
    case STREAM:
        text_read_answer(&r, body, how == STREAM);
        break;
    }
    text_reader_release(&r);
    arena_release(&arena);
}

static void assert_texts(enum how how, const char *body, const char *want)
{
    struct told t = {.lines = ""};
    read_as(&t, how, str_of(body));
    assert_string_equal(t.lines, want);
}

static const char claude_request[] =
    "{\"model\":\"claude-opus-5\",\"system\":[{\"type\":\"text\",\"text\":\"You are Claude Code.\","
    "\"cache_control\":{\"type\":\"ephemeral\"}}],"
    "\"tools\":[{\"name\":\"Bash\",\"description\":\"Runs a command.\",\"input_schema\":{\"type\":"
    "\"object\",\"properties\":{\"command\":{\"type\":\"string\",\"description\":\"What to run\"}}}}],"
    "\"messages\":[{\"role\":\"user\",\"content\":\"Fix \\u201cit\\u201d\\n\"},"
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"Look first.\","
    "\"signature\":\"c2lnbmF0dXJl\"},{\"type\":\"text\",\"text\":\"I'll look.\"},"
    "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Bash\",\"input\":{\"command\":\"ls /tmp\","
    "\"timeout\":5,\"env\":{\"A\":\"b\"}}}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":"
    "[{\"type\":\"text\",\"text\":\"a.c\"},{\"type\":\"text\",\"text\":\"b.c\"}]},"
    "{\"type\":\"text\",\"text\":\"<system-reminder>Be brief.</system-reminder>\"}]}],"
    "\"metadata\":{\"user_id\":\"secret\"},\"max_tokens\":32000}";

static void a_request_of_claude_code(void **state)
{
    (void)state;
    assert_texts(REQUEST, claude_request,
                 "system|You are Claude Code.\n"
                 "tool Bash|Bash\nRuns a command.\nWhat to run\n"
                 "user|Fix “it”\n"
                 "thinking|Look first.\n"
                 "assistant|I'll look.\n"
                 "tool_input Bash|ls /tmp\nb\n"
                 "tool_result Bash|a.c\nb.c\n"
                 "user|<system-reminder>Be brief.</system-reminder>\n");
}

static void some_messages(void **state)
{
    (void)state;
    assert_texts(MESSAGES,
                 " ,{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"x\","
                 "\"content\":\"out\",\"is_error\":true}]},{\"content\":\"then\",\"role\":\"assistant\"}",
                 "tool_result|out\nassistant|then\n");
    assert_texts(MESSAGES, "", "");
    assert_texts(MESSAGES, ",{\"role\":\"user\",\"content\":\"a\"},}{", "user|a\n");
}

static void an_answer_as_json(void **state)
{
    (void)state;
    assert_texts(ANSWER,
                 "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"Hi.\"},"
                 "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Read\",\"input\":{\"file_path\":\"/a\"}}]}",
                 "assistant|Hi.\ntool_input Read|/a\n");
    assert_texts(ANSWER, "{\"type\":\"error\",\"error\":{\"message\":\"no\"}}", "");
}

#define EVENT(json) "data: " json "\n\n"

static void a_streamed_answer(void **state)
{
    (void)state;
    assert_texts(
        STREAM,
        EVENT("{\"type\":\"message_start\",\"message\":{\"content\":[]}}")
        EVENT("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}")
        EVENT("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Look \"}}")
        EVENT("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"first.\"}}")
        EVENT("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"abc\"}}")
        EVENT("{\"type\":\"content_block_stop\",\"index\":0}")
        EVENT("{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}")
        EVENT("{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"I'll\\n\"}}")
        EVENT("{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"look.\"}}")
        EVENT("{\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{}}}")
        EVENT("{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"comm\"}}")
        EVENT("{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"and\\\": \\\"ls\\\"}\"}}"),
        "thinking|Look first.\nassistant|I'll\nlook.\ntool_input Bash|ls\n");
}

static void openai(void **state)
{
    (void)state;
    assert_texts(REQUEST,
                 "{\"messages\":[{\"role\":\"developer\",\"content\":\"Rules\"},{\"role\":\"user\",\"content\":"
                 "[{\"type\":\"text\",\"text\":\"Hi\"}]},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":"
                 "[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":\\\"y\\\"}\"}}]},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"z\"}],"
                 "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"does\"}}]}",
                 "system|Rules\nuser|Hi\ntool_input f|y\ntool_result f|z\ntool f|f\ndoes\n");
    assert_texts(STREAM,
                 EVENT("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}")
                 EVENT("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}")
                 EVENT("{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}")
                 EVENT("{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\":\\\"y\\\"}\"}}]}}]}")
                 EVENT("[DONE]"),
                 "tool_input f|y\nassistant|Hello\n");
    assert_texts(REQUEST,
                 "{\"instructions\":\"Rules\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Hi\"}]},"
                 "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{\\\"x\\\":\\\"y\\\"}\"},"
                 "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"z\"}]}",
                 "system|Rules\nuser|Hi\ntool_input f|y\ntool_result f|z\n");
}

static void pictures_are_left_out(void **state)
{
    (void)state;
    static char body[4096];
    char data[1024];
    memset(data, 'Q', sizeof data - 1);
    data[sizeof data - 1] = '\0';
    snprintf(body, sizeof body,
             "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
             "\"media_type\":\"image/png\",\"data\":\"%s\"}},{\"type\":\"tool_result\",\"content\":[{\"type\":"
             "\"image\",\"source\":{\"data\":\"%s\"}},{\"type\":\"text\",\"text\":\"seen\"}]},{\"type\":\"document\","
             "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"a paper\"}}]}]}",
             data, data);
    assert_texts(REQUEST, body, "tool_result|seen\nuser|a paper\n");
}

static void what_is_broken_has_what_came_before(void **state)
{
    (void)state;
    assert_texts(REQUEST, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":", "user|a\n");
    assert_texts(REQUEST, "[1,2", "");
    assert_texts(REQUEST, "null", "");
    assert_texts(REQUEST, "{\"system\":7,\"messages\":{},\"tools\":[3,null,\"x\"]}", "");
    assert_texts(STREAM, "data: {\"type\":\"content_block_delta\",\"delta\":3}\n\n: x\n\ndata", "");
}

static void tell_len(const struct text *text, void *owner)
{
    *(size_t *)owner = text->content.len;
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    struct buf body;
    buf_init(&body, 4 << 20);
    assert_int_equal(buf_append(&body, STR("{\"system\":\"")), ERR_OK);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buf_append(&body, STR("word\\n ")), ERR_OK);
    assert_int_equal(buf_append(&body, STR("\"}")), ERR_OK);
    struct arena arena;
    struct text_reader r;
    arena_init(&arena);
    size_t len = 0;
    text_reader_init(&r, &arena, tell_len, &len);
    text_read_request(&r, buf_str(&body));
    assert_in_range(len, TEXT_BYTES_MAX - 8, TEXT_BYTES_MAX);
    text_reader_release(&r);
    arena_release(&arena);
    buf_release(&body);
}

static void no_cut_of_it_harms(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof claude_request; len++) {
        static struct told t;
        t.len = 0;
        read_as(&t, REQUEST, str_make(claude_request, len));
        t.len = 0;
        read_as(&t, MESSAGES, str_make(claude_request + len, sizeof claude_request - 1 - len));
        t.len = 0;
        read_as(&t, STREAM, str_make(claude_request + len, sizeof claude_request - 1 - len));
    }
}

static void kinds_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < TEXT_KINDS; i++) {
        enum text_kind kind = TEXT_KINDS;
        assert_true(text_kind_parse(str_of(text_kind_name((enum text_kind)i)), &kind));
        assert_int_equal(kind, i);
    }
    enum text_kind kind;
    assert_false(text_kind_parse(STR("x"), &kind));
}

/* As json_read_text() says, a character at a time. */
static struct str read_slowly(struct str inside, size_t max, struct arena *arena)
{
    char *out = arena_alloc(arena, inside.len * 3 + 4);
    size_t len = 0, at = 0;
    while (at < inside.len) {
        size_t bytes = utf8_put(out + len, json_char(inside, &at));
        if (len + bytes > max)
            break;
        len += bytes;
    }
    return str_make(out, len);
}

static void strings_are_read_the_same_way_fast_and_slowly(void **state)
{
    static const char *const parts[] = {"a", "plain te", "\\n", "\\u00e9", "\xc3\xa9", "\x80", "\\ud83d\\ude00",
                                        "\\\"", "\xff\xff", "seventeen letters", "\\ud800", "\x7f"};
    struct arena arena;
    char text[512];
    (void)state;
    arena_init(&arena);
    srand(3);
    for (int round = 0; round < 20000; round++) {
        size_t len = 1, count = (size_t)rand() % 12;
        text[0] = '"';
        for (size_t i = 0; i < count; i++) {
            const char *part = parts[(size_t)rand() % COUNT_OF(parts)];
            memcpy(text + len, part, strlen(part));
            len += strlen(part);
        }
        text[len++] = '"';
        size_t max = (size_t)rand() % 90;
        struct str inside = str_make(text + 1, len - 2);
        struct str fast = json_read_text(str_make(text, len), max, &arena);
        struct str slow = read_slowly(inside, max, &arena);
        assert_int_equal(fast.len, slow.len);
        assert_memory_equal(fast.len ? fast.ptr : "", slow.ptr, fast.len);
        arena_clear(&arena);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_of_claude_code), cmocka_unit_test(some_messages),
        cmocka_unit_test(an_answer_as_json),        cmocka_unit_test(a_streamed_answer),
        cmocka_unit_test(openai),                   cmocka_unit_test(pictures_are_left_out),
        cmocka_unit_test(what_is_broken_has_what_came_before),
        cmocka_unit_test(long_texts_are_cut),       cmocka_unit_test(no_cut_of_it_harms),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(strings_are_read_the_same_way_fast_and_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
