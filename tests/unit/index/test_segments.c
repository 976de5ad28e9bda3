/* test_segments.c — what the reader may rely on while it looks at a journal's files. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "index/segments.h"

enum { FILES = SEGMENTS_OPEN_MAX + 4, PAYLOAD_BYTES = 1000 };

static void no_bell(void *owner)
{
    (void)owner;
}

/* Segments of this process, one frame in each, all letters of their own. */
static void fill(struct journal *j)
{
    char payload[PAYLOAD_BYTES];
    for (int i = 0; i < FILES; i++) {
        memset(payload, 'a' + i, sizeof payload);
        struct frame f = {.type = FRAME_RESP_BODY, .payload = str_make(payload, sizeof payload)};
        journal_add(j, &f);
        assert_int_equal(journal_flush(j), ERR_OK);
        journal_rotate(j);
    }
}

static void expect_letters(struct str bytes, char letter)
{
    assert_true(bytes.len >= PAYLOAD_BYTES);
    for (size_t i = bytes.len - PAYLOAD_BYTES; i < bytes.len; i++)
        assert_int_equal(bytes.ptr[i], letter);
}

/* A body's bytes lie in more files than are kept open: the frame being read stays in memory. */
static void test_a_window_outlives_loads_from_many_files(void **state)
{
    (void)state;
    char path[] = "/tmp/test_segments.XXXXXX";
    assert_non_null(mkdtemp(path));
    struct journal_dir *dir;
    struct fail f = {0};
    assert_int_equal(journal_dir_open(&dir, path, no_bell, NULL, &f), ERR_OK);
    struct journal *j = journal_new(dir, 0);
    fill(j);
    struct segments s;
    segments_init(&s, path, dir);
    segments_look(&s);

    struct str bytes;
    assert_int_equal(segments_read(&s, s.first, SEGMENTS_READ_BYTES, &bytes), ERR_OK);
    expect_letters(bytes, 'a');
    struct buf loaded;
    buf_init(&loaded, PAYLOAD_BYTES * 2);
    int i = 0;
    for (struct segment *g = s.first; g; g = g->next, i++) {
        buf_clear(&loaded);
        size_t len = (size_t)(g->limit - g->read_to);
        assert_int_equal(segments_load(&s, g, g->read_to, len, &loaded), ERR_OK);
        expect_letters(buf_str(&loaded), (char)('a' + i));
    }
    assert_int_equal(i, FILES);
    expect_letters(bytes, 'a');

    buf_release(&loaded);
    for (struct segment *g = s.first; g; g = g->next)
        g->is_done = true;
    segments_read_end(&s);
    journal_free(j);
    segments_tidy(&s, true);
    segments_release(&s);
    journal_dir_rest(dir);
    journal_dir_close(dir);
    assert_int_equal(rmdir(path), 0);
}

/* Segments come and go, of one writer, while another's stays: the next is seen at once. */
static void test_a_segment_is_seen_at_once_whatever_its_number(void **state)
{
    (void)state;
    char path[] = "/tmp/test_segments.XXXXXX";
    assert_non_null(mkdtemp(path));
    struct journal_dir *dir;
    struct fail f = {0};
    assert_int_equal(journal_dir_open(&dir, path, no_bell, NULL, &f), ERR_OK);
    struct journal *quiet = journal_new(dir, 0), *busy = journal_new(dir, 1);
    struct frame frame = {.type = FRAME_RESP_BODY, .payload = STR("x")};
    struct segments s;
    segments_init(&s, path, dir);
    journal_add(quiet, &frame);
    assert_int_equal(journal_flush(quiet), ERR_OK);
    segments_look(&s);
    uint64_t order = 0, number = s.first->number;
    for (int i = 0; i < 20; i++) {
        journal_add(busy, &frame);
        assert_int_equal(journal_flush(busy), ERR_OK);
        if (i == 19)
            break;
        journal_rotate(busy);
        journal_dir_forget(dir, number + 1 + (uint64_t)i);
    }
    segments_look(&s);
    assert_non_null(s.first->next);
    assert_int_equal(s.first->next->number, number + 20);
    assert_true(s.first->next->limit > s.first->next->read_to);
    assert_true(journal_dir_next(dir, &order, &number) && number == s.first->number);
    assert_true(journal_dir_next(dir, &order, &number) && number == s.first->next->number);
    assert_false(journal_dir_next(dir, &order, &number));
    journal_free(quiet);
    journal_free(busy);
    segments_release(&s);
    journal_dir_close(dir);
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_window_outlives_loads_from_many_files),
        cmocka_unit_test(test_a_segment_is_seen_at_once_whatever_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
