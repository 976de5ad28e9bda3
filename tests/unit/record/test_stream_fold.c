/*
 * test_stream_fold.c — streams come back byte for byte, however they were cut into chunks; what is
 * no stream is left alone; damaged forms are refused or give something else, and never crash.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "record/stream_fold.h"

static struct buf stream;
static struct chunk_mark marks[4096];
static size_t mark_count;

static void say(const char *text)
{
    assert_int_equal(buf_append(&stream, str_of(text)), ERR_OK);
}

/* Chunks of 1 to `most` events; 0: of any bytes. */
static void cut_into_chunks(int most)
{
    mark_count = 0;
    size_t start = 0, at = 0;
    for (int events = 0; at < stream.len;) {
        bool ends = at > start && (at + 1 == stream.len ||
                                   (stream.ptr[at] == '\n' && stream.ptr[at - 1] == '\n' &&
                                    ++events >= 1 + (most ? rand() % most : 0)));
        if (!most)
            ends = rand() % 90 == 0 || at + 1 == stream.len;
        at++;
        if (!ends)
            continue;
        assert_true(mark_count < COUNT_OF(marks));
        marks[mark_count++] = (struct chunk_mark){(int64_t)at * 7, (int64_t)(at - start)};
        start = at;
        events = 0;
    }
}

static void delta(const char *kind, const char *text)
{
    char event[1024];
    snprintf(event, sizeof event,
             "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
             "\"delta\":{\"type\":\"%s_delta\",\"%s\":\"%s\"}}\n\n", kind, kind, text);
    say(event);
}

static void make_anthropic(void)
{
    static const char *const words[] = {"the ", "", "a \\\"b\\\" c", "\\n  ", "\\u00e9", "th", "x:\\\"y"};
    buf_clear(&stream);
    say("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n");
    say("event: ping\ndata: {\"type\": \"ping\"}\n\n");
    for (int i = 0; i < 200; i++) {
        delta(i / 50 % 2 ? "thinking" : "text", words[rand() % (int)COUNT_OF(words)]);
        if (i % 37 == 0)
            say("event: ping\ndata: {\"type\": \"ping\"}\n\n");
    }
    say("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static void make_chat(void)
{
    buf_clear(&stream);
    for (int i = 0; i < 150; i++) {
        char event[256];
        snprintf(event, sizeof event, "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{"
                 "\"content\":\"%.*s\"},\"finish_reason\":null}]}\n\n", rand() % 9, "some text here");
        say(event);
    }
    say("data: [DONE]\n\n");
}

/* The folded length; 0: it was not folded. */
static size_t round_trip(void)
{
    struct buf folded, back;
    buf_init(&folded, 1 << 20);
    buf_init(&back, 1 << 20);
    assert_int_equal(buf_append(&folded, STR("ab")), ERR_OK);
    assert_int_equal(buf_append(&back, STR("cde")), ERR_OK);
    bool is_folded = stream_fold(buf_str(&stream), marks, mark_count, &folded);
    size_t len = folded.len - 2;
    if (is_folded) {
        assert_int_equal(stream_unfold(str_from(buf_str(&folded), 2), marks, mark_count, &back),
                         ERR_OK);
        assert_str_equal(str_from(buf_str(&back), 3), buf_str(&stream));
    } else {
        assert_int_equal(len, 0);
    }
    buf_release(&folded);
    buf_release(&back);
    return len;
}

static void streams_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        (i % 2 ? make_chat : make_anthropic)();
        cut_into_chunks(i % 5);
        size_t len = round_trip();
        assert_true(len > 0 && len < stream.len / 4);
    }
}

static void cut_off_streams_too(void **state)
{
    (void)state;
    make_anthropic();
    cut_into_chunks(1);
    for (size_t whole = stream.len; stream.len > whole - 400; stream.len--)
        assert_true(round_trip() > 0); /* marks say more than there is */
    mark_count = 0;
    assert_true(round_trip() > 0);
}

/* Where chunks are events, lengths are told by the timeline. */
static void lengths_are_told_once(void **state)
{
    (void)state;
    make_chat();
    cut_into_chunks(1);
    size_t with = round_trip();
    struct buf folded;
    buf_init(&folded, 1 << 20);
    assert_true(stream_fold(buf_str(&stream), marks, mark_count, &folded));
    size_t zeros = 0;
    for (size_t i = 0; i < folded.len; i++)
        zeros += folded.ptr[i] == 0;
    assert_true(zeros >= 149);
    assert_true(with < stream.len / 4);
    buf_release(&folded);
}

static void others_are_left_alone(void **state)
{
    (void)state;
    static const char *const alone[] = {"", "\n\n\n\n", "{\"a\":\"b\"}", "data: x\n\ndata: y\n\n"};
    mark_count = 0;
    for (size_t i = 0; i < COUNT_OF(alone); i++) {
        buf_clear(&stream);
        say(alone[i]);
        assert_int_equal(round_trip(), 0);
    }
    for (int i = 0; i < 300; i++) { /* wild bytes, some of which mean something */
        buf_clear(&stream);
        for (int j = 0; j < 900; j++)
            assert_int_equal(buf_append_byte(&stream, "\n\n\":ab,}"[rand() % 8]), ERR_OK);
        round_trip();
    }
}

static void damage_is_no_crash(void **state)
{
    (void)state;
    struct buf folded, back;
    buf_init(&folded, 1 << 20);
    buf_init(&back, 1 << 20);
    make_anthropic();
    cut_into_chunks(1);
    assert_true(stream_fold(buf_str(&stream), marks, mark_count, &folded));
    for (size_t cut = 0; cut < folded.len; cut++) {
        buf_clear(&back);
        enum err err = stream_unfold(str_make(folded.ptr, cut), marks, mark_count, &back);
        assert_true(err || !str_equal(buf_str(&back), buf_str(&stream)));
    }
    for (size_t at = 0; at < folded.len; at++) {
        buf_clear(&back);
        folded.ptr[at] = (char)(folded.ptr[at] ^ 0xff);
        enum err err = stream_unfold(buf_str(&folded), marks, mark_count, &back);
        assert_true(err || !str_equal(buf_str(&back), buf_str(&stream)));
        folded.ptr[at] = (char)(folded.ptr[at] ^ 0xff);
    }
    buf_clear(&back);
    assert_int_equal(stream_unfold(buf_str(&folded), marks, mark_count, &back), ERR_OK);
    buf_release(&folded);
    buf_release(&back);
}

int main(void)
{
    srand(4);
    buf_init(&stream, 1 << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_come_back),     cmocka_unit_test(cut_off_streams_too),
        cmocka_unit_test(lengths_are_told_once), cmocka_unit_test(others_are_left_alone),
        cmocka_unit_test(damage_is_no_crash),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&stream);
    return failed;
}
