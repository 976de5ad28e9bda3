/*
 * test_splitter.c — lines and elements come out the same however the bytes are cut.
 */
#include "check.h"

#include <stdio.h>

#include "import/splitter.h"

static struct {
    struct buf text; /* "<…>" of each, one after another; "!" for one that was too long */
    enum err end;
} got;

static enum err note(struct str text, uint64_t number, bool is_too_long, void *owner)
{
    (void)owner;
    char mark[32];
    snprintf(mark, sizeof mark, "%llu", (unsigned long long)number);
    assert_int_equal(buf_append(&got.text, str_of(mark)), ERR_OK);
    assert_int_equal(buf_append(&got.text, is_too_long ? STR("!") : STR("<")), ERR_OK);
    return buf_append(&got.text, is_too_long ? STR("") : text);
}

static void split(struct splitter *s, struct str bytes, size_t cut)
{
    buf_clear(&got.text);
    enum err err = splitter_feed(s, str_head(bytes, cut));
    if (!err)
        err = splitter_feed(s, str_from(bytes, cut));
    got.end = err ? err : splitter_end(s);
    splitter_release(s);
}

static void lines(void **state)
{
    (void)state;
    struct str text = STR("one\n\ntwo\r\na line that is too long\nlast");
    buf_init(&got.text, 4096);
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct splitter s;
        splitter_init_lines(&s, 12, note, NULL);
        split(&s, text, cut);
        assert_int_equal(got.end, ERR_OK);
        assert_true(str_equal(buf_str(&got.text), STR("1<one2<3<two\r4!5<last")));
    }
    buf_release(&got.text);
}

static void elements(void **state)
{
    (void)state;
    static const struct {
        const char *text, *gives;
        enum err end;
    } rows[] = {
        {"{\"log\":{\"pages\":[{\"no\":1}],\"entries\":[{\"a\":[1,{}]}, {\"b\":\"}\\\"]\"}]}}",
         "1<{\"a\":[1,{}]}2<{\"b\":\"}\\\"]\"}", ERR_OK},
        {"{\"entries\":[]}", "", ERR_OK},
        {"{\"x\":\"entries\",\"y\":[{}],\"entries\" : [ {\"entries\":[{}]} ]}",
         "1<{\"entries\":[{}]}", ERR_OK},
        {"{\"entries\":{\"a\":[{}]}}", "", ERR_OK},
        {"{\"entries\":[{\"a\":1},{\"b\"", "1<{\"a\":1}", ERR_CORRUPT},
        {"{\"entries\":[{\"a\":1}]}}", "1<{\"a\":1}", ERR_CORRUPT},
        {"{\"entries\":[{\"a\":\"far too long for this test's ceiling of bytes\"},{}]}", "1!2<{}",
         ERR_OK},
    };
    buf_init(&got.text, 4096);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t cut = 0; cut <= strlen(rows[i].text); cut++) {
            struct splitter s;
            splitter_init_elements(&s, "entries", 30, note, NULL);
            split(&s, str_of(rows[i].text), cut);
            if (got.end != rows[i].end || !str_equal(buf_str(&got.text), str_of(rows[i].gives)))
                fail_msg("row %zu cut at %zu: %s %.*s", i, cut, err_name(got.end),
                         (int)got.text.len, got.text.ptr);
        }
    buf_release(&got.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(elements)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
