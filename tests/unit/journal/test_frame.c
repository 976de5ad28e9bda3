/*
 * test_frame.c — frames survive the round trip, every cut and every flipped byte is noticed.
 */
#include "check.h"

#include "journal/frame.h"

static struct frame sample(struct str payload)
{
    return (struct frame){.type = FRAME_RESP_BODY, .flags = FRAME_LAST, .seq = 7, .id = uuid_new(),
                          .mono_ns = 123456789, .payload = payload};
}

static size_t write_sample(char *out, struct frame *f)
{
    frame_write_head(out, f, f->payload, STR_NONE);
    memcpy(out + FRAME_HEAD_BYTES, f->payload.ptr, f->payload.len);
    return FRAME_HEAD_BYTES + f->payload.len;
}

static void round_trip(void **state)
{
    (void)state;
    char bytes[256];
    struct frame in = sample(STR("data: {}\n\n")), out;
    size_t len = write_sample(bytes, &in), used = 0;
    assert_int_equal(frame_read(str_make(bytes, len), true, &out, &used), FRAME_WHOLE);
    assert_int_equal(used, len);
    assert_int_equal(out.type, in.type);
    assert_int_equal(out.flags, in.flags);
    assert_int_equal(out.seq, in.seq);
    assert_int_equal(out.mono_ns, in.mono_ns);
    assert_true(uuid_equal(&out.id, &in.id));
    assert_true(str_equal(out.payload, in.payload));
}

static void decisions_round_trip(void **state)
{
    (void)state;
    const struct frame_resp_head in = {
        .head = STR("HTTP/1.1 200 OK\r\n"), .connect_us = 5, .is_demoted = true,
        .decision = {.class = STR("agent"), .class_by = STR("header"), .agent = STR("reviewer"),
                     .agent_by = STR("spawn"), .rule = STR("subagents.mappings.reviewer"),
                     .target = STR("openai:gpt-4o"), .is_background = true}};
    struct frame_resp_head out;
    struct buf bytes;
    buf_init(&bytes, 4096);
    assert_int_equal(frame_resp_head_write(&bytes, &in), ERR_OK);
    assert_int_equal(frame_resp_head_read(buf_str(&bytes), &out), ERR_OK);
    const struct frame_decision *want = &in.decision, *got = &out.decision;
    assert_str_equal(got->class, want->class);
    assert_str_equal(got->class_by, want->class_by);
    assert_str_equal(got->agent, want->agent);
    assert_str_equal(got->agent_by, want->agent_by);
    assert_str_equal(got->rule, want->rule);
    assert_str_equal(got->target, want->target);
    assert_true(out.is_demoted);
    assert_false(out.is_translated);
    assert_false(got->is_shadow);
    assert_true(got->is_background);
    assert_int_equal(out.provider.len, 0);
    assert_int_equal(frame_resp_head_read(str_head(buf_str(&bytes), bytes.len - 3), &out), ERR_CORRUPT);
    buf_release(&bytes);
}

static void every_cut_is_short(void **state)
{
    (void)state;
    char bytes[256];
    struct frame in = sample(STR("payload")), out;
    size_t len = write_sample(bytes, &in), used;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(frame_read(str_make(bytes, cut), true, &out, &used), FRAME_SHORT);
}

static void every_flip_is_noticed(void **state)
{
    (void)state;
    char bytes[256];
    struct frame in = sample(STR("payload")), out;
    size_t len = write_sample(bytes, &in), used;
    for (size_t at = 0; at < len; at++)
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] = (char)(bytes[at] ^ (1 << bit));
            assert_int_not_equal(frame_read(str_make(bytes, len), true, &out, &used), FRAME_WHOLE);
            bytes[at] = (char)(bytes[at] ^ (1 << bit));
        }
}

static void resync_finds_the_next(void **state)
{
    (void)state;
    char bytes[512] = {0};
    struct frame in = sample(STR("x"));
    memcpy(bytes, "CCP CCPx garbage", 16);
    write_sample(bytes + 16, &in);
    assert_int_equal(frame_resync(str_make(bytes, 200)), 16);
    assert_int_equal(frame_resync(str_make(bytes, 17)), 17);
}

static void payloads_round_trip(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    struct frame_begin begin = {-5, STR("127.0.0.1:1"), STR("anthropic"), STR("GET / HTTP/1.1\r\n")};
    assert_int_equal(frame_begin_write(&b, &begin), ERR_OK);
    for (size_t cut = 0; cut < b.len; cut++) {
        struct frame_begin cut_off;
        assert_int_equal(frame_begin_read(str_make(b.ptr, cut), &cut_off), ERR_CORRUPT);
    }
    struct frame_begin got;
    assert_int_equal(frame_begin_read(buf_str(&b), &got), ERR_OK);
    assert_int_equal(got.wall_us, -5);
    assert_true(str_equal(got.head, begin.head));
    buf_clear(&b);
    struct frame_end end = {ENDING_COMPLETE, STR_NONE, STR_NONE, 1, 2, 3}, end_got;
    assert_int_equal(frame_end_write(&b, &end), ERR_OK);
    assert_int_equal(frame_end_read(buf_str(&b), &end_got), ERR_OK);
    assert_int_equal(end_got.client_bytes, 3);
    assert_int_equal(end_got.losses.len + end_got.tried.len, 0);
    buf_clear(&b);
    end.tried = STR("[{}]");
    assert_int_equal(frame_end_write(&b, &end), ERR_OK);
    assert_int_equal(frame_end_read(buf_str(&b), &end_got), ERR_OK);
    assert_int_equal(end_got.losses.len, 0);
    assert_true(str_equal(end_got.tried, end.tried));
    buf_release(&b);
}

static void endings_have_names(void **state)
{
    (void)state;
    for (int i = 0; i <= ENDING_PROXY_CRASH; i++) {
        enum ending back;
        assert_true(ending_parse(str_of(ending_name((enum ending)i)), &back));
        assert_int_equal(back, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),          cmocka_unit_test(every_cut_is_short),
        cmocka_unit_test(every_flip_is_noticed), cmocka_unit_test(resync_finds_the_next),
        cmocka_unit_test(payloads_round_trip), cmocka_unit_test(decisions_round_trip), cmocka_unit_test(endings_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
