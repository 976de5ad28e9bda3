/*
 * What the golden cases cannot say: time, sizes, tries, and ends of our own making.
 */
#include "check.h"

#include <stdio.h>

#include "dialect/dialect.h"

static const char request[] =
    "{\"model\":\"claude-x\",\"max_tokens\":100,\"stream\":true,\"tools\":[{\"name\":\"Read\","
    "\"input_schema\":{\"type\":\"object\"}}],\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
    "}";

struct run {
    struct translation *t;
    struct buf out, upstream;
    struct fail fail;
};

static void begin(struct run *r, struct str body, struct str quirks)
{
    struct translation_options o = {.client = DIALECT_ANTHROPIC,
                                    .provider = DIALECT_CHAT,
                                    .base_url = STR("http://provider.example/v1"),
                                    .exchange_id = STR("test")};
    *r = (struct run){0};
    assert_int_equal(quirks_parse(&o.quirks, quirks, &r->fail), ERR_OK);
    buf_init(&r->out, 64 << 20);
    buf_init(&r->upstream, 64 << 20);
    r->t = translation_new(&o);
    assert_int_equal(translation_request(r->t, body, &r->upstream, &r->fail), ERR_OK);
}

static void end(struct run *r)
{
    translation_free(r->t);
    buf_release(&r->out);
    buf_release(&r->upstream);
}

static void answer(struct run *r, int status)
{
    struct translation_answer head = {.status = status};
    translation_answer(r->t, &head);
}

static void feed(struct run *r, struct str bytes)
{
    assert_int_equal(translation_feed(r->t, bytes, &r->out), ERR_OK);
}

static void tick(struct run *r, uint64_t now_ms)
{
    assert_int_equal(translation_tick(r->t, now_ms, &r->out), ERR_OK);
}

static size_t count(const struct buf *b, const char *text)
{
    size_t n = 0, len = strlen(text);
    for (size_t i = 0; i + len <= b->len; i++)
        n += memcmp(b->ptr + i, text, len) == 0;
    return n;
}

/* covers: S79 */
static void pings_while_the_provider_is_silent(void **state)
{
    struct run r;
    (void)state;
    begin(&r, str_of(request), STR_NONE);
    tick(&r, 1000);
    answer(&r, 200);
    tick(&r, 2000);
    assert_int_equal(translation_state(r.t), TRANSLATION_HELD);
    assert_int_equal(r.out.len, 0);
    tick(&r, 5000); /* three seconds after the head: the status is settled */
    assert_int_equal(translation_state(r.t), TRANSLATION_OPEN);
    assert_int_equal(count(&r.out, "event: message_start"), 1);
    for (uint64_t s = 6; s <= 65; s++)
        tick(&r, s * 1000);
    assert_true(count(&r.out, "event: ping") >= 5); /* in a minute: at most 15 s apart */
    size_t pings = count(&r.out, "event: ping");
    feed(&r, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"));
    tick(&r, 66000);
    assert_int_equal(count(&r.out, "event: ping"), pings); /* we have just spoken */
    end(&r);
}

static void holds_the_head_until_the_provider_answers(void **state)
{
    struct run r;
    (void)state;
    begin(&r, str_of(request), STR_NONE);
    tick(&r, 1000);
    tick(&r, 10000);
    assert_int_equal(translation_state(r.t), TRANSLATION_HELD);
    tick(&r, 11000); /* ten seconds without any head: the client must hear something */
    assert_int_equal(translation_state(r.t), TRANSLATION_OPEN);
    answer(&r, 429);
    feed(&r, STR("{\"error\":{\"message\":\"slow\"}}"));
    assert_int_equal(translation_end(r.t, true, &r.out), ERR_OK);
    assert_int_equal(translation_head(r.t).status, 200);
    assert_int_equal(count(&r.out, "event: error"), 1);
    assert_int_equal(count(&r.out, "rate_limit_error"), 1);
    end(&r);
}

/* covers: S80 */
static void gives_up_a_provider_that_stays_silent(void **state)
{
    struct run r;
    (void)state;
    begin(&r, str_of(request), STR_NONE);
    tick(&r, 0);
    answer(&r, 200);
    feed(&r, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"));
    for (uint64_t s = 1; s < 300; s++)
        tick(&r, s * 1000);
    assert_int_equal(translation_state(r.t), TRANSLATION_OPEN);
    tick(&r, 302000);
    assert_int_equal(translation_state(r.t), TRANSLATION_DONE);
    assert_true(translation_is_error(r.t));
    assert_int_equal(count(&r.out, "timeout_error"), 1);
    end(&r);
}

/* covers: S85 S91 */
static void an_end_of_our_own_has_a_status_and_an_id(void **state)
{
    struct run r;
    (void)state;
    begin(&r, str_of(request), STR_NONE);
    assert_int_equal(translation_refuse(r.t, 502, "api_error", STR("connection refused"), &r.out),
                     ERR_OK);
    struct translation_head head = translation_head(r.t);
    assert_int_equal(head.status, 502);
    assert_string_equal(head.content_type, "application/json");
    assert_true(head.request_id.len > 4);
    char id[64];
    snprintf(id, sizeof id, "\"request_id\":\"%.*s\"", STR_ARGS(head.request_id));
    assert_int_equal(count(&r.out, id), 1);
    end(&r);
}

/* covers: S32 S65 */
static void large_arguments_stream_through(void **state)
{
    struct run r;
    struct buf big;
    (void)state;
    begin(&r, str_of(request), STR_NONE);
    answer(&r, 200);
    feed(&r, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":"
                 "\"call_00000001\",\"function\":{\"name\":\"Read\",\"arguments\":\"{\\\"a\\\":\\\""
                 "\"}}]}}]}\n\n"));
    buf_init(&big, 16 << 20);
    assert_int_equal(buf_printf(&big,
                                "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"
                                "\"index\":0,\"function\":{\"arguments\":\""),
                     ERR_OK);
    size_t head = big.len;
    assert_int_equal(buf_reserve(&big, 8 << 20), ERR_OK);
    memset(big.ptr + head, 'x', 8 << 20);
    big.len += 8 << 20;
    assert_int_equal(buf_append(&big, STR("\"}}]}}]}\n\n")), ERR_OK);
    feed(&r, buf_str(&big));
    assert_true(r.out.len > 8 << 20); /* went out at once, not at the end */
    feed(&r, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
                 "\"function\":{\"arguments\":\"\\\"}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n"
                 "data: [DONE]\n\n"));
    assert_int_equal(translation_state(r.t), TRANSLATION_DONE);
    assert_false(translation_is_error(r.t));
    assert_int_equal(count(&r.out, "\"stop_reason\":\"tool_use\""), 1);
    buf_release(&big);
    end(&r);
}

/* covers: S65 */
static void an_event_past_the_ceiling_is_an_error(void **state)
{
    struct run r;
    char *piece = malloc(1 << 20);
    (void)state;
    memset(piece, 'x', 1 << 20);
    begin(&r, str_of(request), STR_NONE);
    answer(&r, 200);
    feed(&r, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: "
                 "{\"x\":\""));
    for (int i = 0; i < 40 && translation_state(r.t) != TRANSLATION_DONE; i++)
        feed(&r, str_make(piece, 1 << 20));
    assert_int_equal(translation_state(r.t), TRANSLATION_DONE);
    assert_true(translation_is_error(r.t));
    assert_int_equal(count(&r.out, "event: error"), 1);
    free(piece);
    end(&r);
}

static void learns_at_most_three_times(void **state)
{
    static const char *const refusals[] = {
        "{\"error\":{\"message\":\"Unsupported parameter: 'stream_options'\"}}",
        ("{\"error\":{\"message\":\"Unsupported parameter: 'max_tokens' is not supported with this "
         "model. Use 'max_completion_tokens' instead.\"}}"),
        "{\"error\":{\"message\":\"parallel_tool_calls is unknown\"}}",
        "{\"error\":{\"message\":\"tool_choice required is not supported\"}}"};
    struct run r;
    (void)state;
    begin(&r, str_of(request), STR_NONE);
    for (int i = 0; i < 4; i++) {
        answer(&r, 400);
        feed(&r, str_of(refusals[i]));
        assert_int_equal(translation_end(r.t, true, &r.out), ERR_OK);
        assert_int_equal(translation_state(r.t), i < 3 ? TRANSLATION_AGAIN : TRANSLATION_DONE);
        if (i == 3)
            break;
        buf_clear(&r.upstream);
        assert_int_equal(translation_request(r.t, str_of(request), &r.upstream, &r.fail), ERR_OK);
    }
    assert_true(quirks_have(translation_quirks(r.t), QUIRK_NO_STREAM_OPTIONS));
    assert_true(quirks_have(translation_quirks(r.t), QUIRK_MAX_COMPLETION_TOKENS));
    assert_int_equal(translation_head(r.t).status, 400);
    end(&r);
}

static void tells_how_far_the_estimate_was_off(void **state)
{
    struct run r;
    (void)state;
    begin(&r, str_of(request), STR_NONE);
    answer(&r, 200);
    assert_true(translation_token_factor(r.t) == 0);
    feed(&r, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":"
                 "\"stop\"}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":1}}\n\n"
                 "data: [DONE]\n\n"));
    assert_true(translation_token_factor(r.t) > 1);
    end(&r);
}

static int64_t tokens_of(const char *body, double factor)
{
    struct buf out;
    struct fail f = {0};
    long long n = -1;
    buf_init(&out, 1000);
    if (dialect_count_tokens(str_of(body), factor, &out, &f) == ERR_OK) {
        assert_int_equal(buf_append_byte(&out, '\0'), ERR_OK);
        assert_int_equal(sscanf(out.ptr, "{\"input_tokens\":%lld}", &n), 1);
    }
    buf_release(&out);
    return n;
}

/* covers: S92 */
static void counts_tokens(void **state)
{
    static const char text[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello "
        "there, how are you today?\"}]}";
    static const char tool[] =
        "{\"model\":\"m\",\"tools\":[{\"name\":\"Read\",\"description\":\"Reads "
        "a file from the disk.\",\"input_schema\":{\"type\":\"object\"}}],"
        "\"messages\":[{\"role\":\"user\",\"content\":\"Hello there, how are "
        "you today?\"}]}";
    static const char image[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
        "\"source\":{"
        "\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]}]}";
    (void)state;
    int64_t plain = tokens_of(text, 0);
    assert_true(plain >= 5 && plain <= 25);
    assert_true(tokens_of(tool, 0) > plain + 5);
    assert_true(tokens_of(image, 0) > 100);
    assert_true(tokens_of(text, 2) >= 2 * plain - 1);
    assert_int_equal(tokens_of("{\"model\":\"m\"}", 0), -1);
    assert_int_equal(tokens_of("nonsense", 0), -1);
}

static void a_full_buffer_is_an_error_of_ours(void **state)
{
    struct run r;
    struct buf small;
    (void)state;
    begin(&r, str_of(request), STR_NONE);
    answer(&r, 200);
    buf_init(&small, 64);
    assert_int_equal(
        translation_feed(
            r.t, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"),
            &small),
        ERR_TOO_LARGE);
    buf_release(&small);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_while_the_provider_is_silent),
        cmocka_unit_test(holds_the_head_until_the_provider_answers),
        cmocka_unit_test(gives_up_a_provider_that_stays_silent),
        cmocka_unit_test(an_end_of_our_own_has_a_status_and_an_id),
        cmocka_unit_test(large_arguments_stream_through),
        cmocka_unit_test(an_event_past_the_ceiling_is_an_error),
        cmocka_unit_test(learns_at_most_three_times),
        cmocka_unit_test(tells_how_far_the_estimate_was_off),
        cmocka_unit_test(counts_tokens),
        cmocka_unit_test(a_full_buffer_is_an_error_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
