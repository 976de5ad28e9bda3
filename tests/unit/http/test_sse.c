/*
 * test_sse.c — the standard's own examples, and: however the bytes are split, the same events.
 */
#include "check.h"

#include "http/sse.h"

struct log {
    struct buf text;
    size_t copied; /* events whose data did not lie in the feed */
    struct str feed;
};

static void note(void *owner, const struct sse_event *e)
{
    struct log *log = owner;
    assert_int_equal(buf_printf(&log->text, "[%.*s|%.*s|%.*s|%llu-%llu]", STR_ARGS(e->name),
                                STR_ARGS(e->data), STR_ARGS(e->id), (unsigned long long)e->start,
                                (unsigned long long)e->end),
                     ERR_OK);
    if (e->data.len &&
        (e->data.ptr < log->feed.ptr || e->data.ptr >= log->feed.ptr + log->feed.len))
        log->copied++;
}

static enum err feed(struct sse_parser *p, struct str bytes, struct log *log)
{
    /* A copy that is freed at once: what the parser keeps must be its own. */
    char *copy = malloc(bytes.len ? bytes.len : 1);
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    log->feed = str_make(copy, bytes.len);
    enum err err = sse_parser_feed(p, log->feed, note, log);
    free(copy);
    return err;
}

static void log_init(struct log *log)
{
    *log = (struct log){0};
    buf_init(&log->text, 1 << 20);
}

static void check_events(struct str stream, const char *want)
{
    struct sse_parser p;
    struct log log;
    log_init(&log);
    sse_parser_init(&p, 1000);
    assert_int_equal(feed(&p, stream, &log), ERR_OK);
    assert_str_equal(buf_str(&log.text), str_of(want));
    sse_parser_release(&p);
    buf_release(&log.text);
}

static void standard_examples(void **state)
{
    (void)state;
    check_events(STR("data: YHOO\ndata: +2\ndata: 10\n\n"), "[|YHOO\n+2\n10||0-30]");
    check_events(STR(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
                     "data:  third event"),
                 "[|first event|1|15-40][|second event||40-62]");
    check_events(STR("data\n\ndata\ndata\n\ndata:"), "[|||0-6][|\n||6-17]");
    check_events(STR("data:test\n\ndata: test\n\n"), "[|test||0-11][|test||11-23]");
}

static void odd_streams(void **state)
{
    (void)state;
    check_events(STR("\xEF\xBB\xBF"
                     "data: a\r\rdata: b\r\n\r\n"),
                 "[|a||0-12][|b||12-22]");
    check_events(STR("event: ping\n\ndata: x\n\n"), "[|x||13-22]"); /* no data: no event, no name */
    check_events(STR("event: a\nevent: b\ndata:x\n\n"), "[b|x||0-26]");
    check_events(STR("id: a\0b\ndata: x\n\n"), "[|x||0-17]");
    check_events(STR("nonsense: 1\n:\nretry: 10\ndata: x\n\n"), "[|x||0-33]");
    check_events(STR("data: never ended\n"), "");
    check_events(STR(""), "");
    check_events(STR("\n\n\r\r\n"), "");
}

static const char sample[] =
    "\xEF\xBB\xBF: hello\r\n\r\nevent: message_start\r\nid: 7\r\n"
    "data: {\"a\":1}\r\n\r\nevent: usual\ndata: {}\n\ndata: one\ndata: two\n\n\rdata\rdata:\r\r"
    "event:x\ndata: long line with: colons\n\nretry: 3000\ndata: end\n\n"
    "data: cut off";

static void run_split(struct str stream, size_t first, size_t second, struct log *log)
{
    struct sse_parser p;
    log_init(log);
    sse_parser_init(&p, 1000);
    assert_int_equal(feed(&p, str_head(stream, first), log), ERR_OK);
    assert_int_equal(feed(&p, str_head(str_from(stream, first), second - first), log), ERR_OK);
    assert_int_equal(feed(&p, str_from(stream, second), log), ERR_OK);
    assert_int_equal(p.retry_ms, 3000);
    assert_true(sse_parser_is_inside(&p));
    sse_parser_release(&p);
}

static void every_split_is_the_same(void **state)
{
    (void)state;
    struct str stream = str_of(sample);
    struct log whole, split;
    run_split(stream, 0, 0, &whole);
    assert_int_equal(whole.copied, 2); /* the two of several lines */
    for (size_t first = 0; first <= stream.len; first++)
        for (size_t second = first; second <= stream.len; second++) {
            run_split(stream, first, second, &split);
            assert_str_equal(buf_str(&split.text), buf_str(&whole.text));
            buf_release(&split.text);
        }
    buf_release(&whole.text);
}

static void byte_by_byte(void **state)
{
    (void)state;
    struct sse_parser p;
    struct log whole, log;
    run_split(str_of(sample), 0, 0, &whole);
    log_init(&log);
    sse_parser_init(&p, 1000);
    for (size_t i = 0; i < sizeof sample - 1; i++)
        assert_int_equal(feed(&p, str_make(sample + i, 1), &log), ERR_OK);
    assert_str_equal(buf_str(&log.text), buf_str(&whole.text));
    sse_parser_release(&p);
    buf_release(&log.text);
    buf_release(&whole.text);
}

static void check_ceiling(struct str stream, size_t ceiling, size_t split, enum err want)
{
    struct sse_parser p;
    struct log log;
    log_init(&log);
    sse_parser_init(&p, ceiling);
    enum err first = feed(&p, str_head(stream, split), &log);
    enum err second = feed(&p, str_from(stream, split), &log);
    assert_int_equal(first ? first : second, want);
    if (first)
        assert_int_equal(second, stream.len > split ? first : ERR_TOO_LARGE);
    sse_parser_release(&p);
    buf_release(&log.text);
}

static void ceiling_holds(void **state)
{
    (void)state;
    struct str line = STR("data: 0123456789\n\n"), lines = STR("data:01234\ndata:01234\n\n");
    for (size_t split = 0; split <= line.len; split++) {
        check_ceiling(line, 16, split, ERR_OK);
        check_ceiling(line, 15, split, ERR_TOO_LARGE);
    }
    for (size_t split = 0; split <= lines.len; split++) {
        check_ceiling(lines, 11, split, ERR_OK);
        check_ceiling(lines, 10, split, ERR_TOO_LARGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_examples),       cmocka_unit_test(odd_streams),
        cmocka_unit_test(every_split_is_the_same), cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(ceiling_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
