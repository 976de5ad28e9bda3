/*
 * test_journal.c — a journal's files against what was added: order, further segments, and what is
 * lost and counted when the disk takes no more.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/loss.h"
#include "base/mem.h"
#include "journal/journal.h"
#include "scratch.h"

enum { NUMBERS_MAX = 512 };

static struct journal_dir *dir;
static struct journal *journal;
static int bells;

static void ring(void *owner)
{
    __atomic_fetch_add((int *)owner, 1, __ATOMIC_RELAXED);
}

static int set_up(void **state)
{
    struct fail f = {0};
    bells = 0;
    if (scratch_enter(state) || journal_dir_open(&dir, "journal", ring, &bells, &f) != ERR_OK)
        return -1;
    journal = journal_new(dir, 3);
    return 0;
}

static int tear_down(void **state)
{
    journal_free(journal);
    journal_dir_close(dir);
    return scratch_leave(state);
}

/* --- adding and reading back --- */

static struct uuid id_of(uint32_t seq)
{
    struct uuid id = {{0}};
    memcpy(id.bytes, &seq, sizeof seq);
    return id;
}

/* The payload stays until the flush: it is part of a block that is never changed. */
static struct str payload_of(uint32_t seq, size_t len)
{
    static char block[256 * 1024 + 256];
    if (!block[1])
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (char)(i * 2654435761u >> 11);
    return str_make(block + seq % 256, len);
}

static void add(uint32_t seq, size_t len)
{
    struct frame f = {.type = FRAME_RESP_BODY, .seq = seq, .id = id_of(seq), .mono_ns = seq + 1,
                      .payload = payload_of(seq, len)};
    journal_add(journal, &f);
}

/* Numbers of the segments that lie there, ascending. */
static size_t list_segments(uint64_t numbers[NUMBERS_MAX])
{
    size_t count = 0;
    DIR *d = opendir("journal");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        unsigned long long number;
        char tail[8] = "";
        if (sscanf(e->d_name, "%16llx.%4s", &number, tail) != 2 || strcmp(tail, "seg") != 0)
            continue;
        assert_true(count < NUMBERS_MAX);
        size_t at = count++;
        for (; at && numbers[at - 1] > number; at--)
            numbers[at] = numbers[at - 1];
        numbers[at] = number;
    }
    closedir(d);
    return count;
}

static struct str load(uint64_t number, size_t len)
{
    char path[64];
    snprintf(path, sizeof path, "journal/%016llx.seg", (unsigned long long)number);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *bytes = mem_alloc(len + 1);
    assert_int_equal(fread(bytes, 1, len, file), len);
    fclose(file);
    return str_make(bytes, len);
}

/* Checks the head and every frame as far as the writer says that one may read; the frames that
 * must be there are `want`, ascending. Gives how many were there. */
static size_t read_segment(uint64_t number, const uint32_t *want, size_t len)
{
    uint64_t bytes;
    bool is_closed;
    struct segment_head head;
    assert_true(journal_dir_progress(dir, number, &bytes, &is_closed));
    struct str all = load(number, (size_t)bytes), rest = str_from(all, SEGMENT_HEAD_BYTES);
    if (!bytes)
        return free((char *)all.ptr), 0;
    assert_int_equal(segment_head_read(all, &head), ERR_OK);
    assert_int_equal(head.number, number);
    assert_int_equal(head.worker, 3);
    assert_memory_equal(head.boot.bytes, journal_dir_boot(dir)->bytes, 16);
    size_t count = 0;
    for (size_t used; rest.len; rest = str_from(rest, used), count++) {
        struct frame f;
        assert_int_equal(frame_read(rest, true, &f, &used), FRAME_WHOLE);
        assert_int_equal(f.seq, want[count]);
        assert_int_equal(f.mono_ns, want[count] + 1);
        assert_str_equal(f.payload, payload_of(want[count], len));
    }
    free((char *)all.ptr);
    return count;
}

/* All segments, one after another. */
static void expect_frames(const uint32_t *want, size_t count, size_t len)
{
    uint64_t numbers[NUMBERS_MAX];
    size_t segments = list_segments(numbers), found = 0;
    for (size_t i = 0; i < segments; i++)
        found += read_segment(numbers[i], want + found, len);
    assert_int_equal(found, count);
}

static void expect_first(uint32_t count, size_t len)
{
    uint32_t *want = mem_alloc((count + 1) * sizeof *want);
    for (uint32_t i = 0; i <= count; i++)
        want[i] = i;
    expect_frames(want, count, len);
    free(want);
}

/* --- */

static void nothing_is_written_before_there_is_something(void **state)
{
    (void)state;
    uint64_t numbers[NUMBERS_MAX];
    assert_false(journal_is_dirty(journal));
    assert_int_equal(journal_flush(journal), ERR_OK);
    assert_int_equal(list_segments(numbers), 0);
    assert_int_equal(bells, 0);
}

static void frames_come_back_in_order(void **state)
{
    (void)state;
    uint32_t seq = 0;
    for (int turn = 0; turn < 20; turn++) {
        for (int i = 0; i < turn * 40; i++) /* more than one system call takes */
            add(seq++, 33);
        assert_int_equal(journal_is_dirty(journal), turn > 0);
        assert_int_equal(journal_flush(journal), ERR_OK);
        assert_false(journal_is_dirty(journal));
    }
    assert_int_equal(bells, 19);
    expect_first(seq, 33);
    assert_int_equal(journal_lost_frames(journal), 0);
}

static void empty_and_largest_payloads(void **state)
{
    (void)state;
    add(0, 0);
    assert_int_equal(journal_flush(journal), ERR_OK);
    expect_first(1, 0);
    char *large = mem_zeroed(FRAME_PAYLOAD_MAX);
    struct frame f = {.type = FRAME_REQ_BODY, .seq = 1, .payload = {large, FRAME_PAYLOAD_MAX}};
    for (int i = 0; i < 40; i++)
        journal_add(journal, &f);
    assert_int_equal(journal_flush(journal), ERR_OK);
    assert_int_equal(journal_lost_frames(journal), 0);
    free(large);
}

static void files_are_private(void **state)
{
    (void)state;
    struct stat st;
    uint64_t numbers[NUMBERS_MAX];
    char path[64];
    add(0, 10);
    assert_int_equal(journal_flush(journal), ERR_OK);
    assert_int_equal(list_segments(numbers), 1);
    snprintf(path, sizeof path, "journal/%016llx.seg", (unsigned long long)numbers[0]);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat("journal", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void full_segments_are_followed_by_others(void **state)
{
    (void)state;
    enum { LEN = 200 * 1024, COUNT = 200 };
    for (uint32_t seq = 0; seq < COUNT; seq++) {
        add(seq, LEN);
        if (seq % 3 == 0)
            assert_int_equal(journal_flush(journal), ERR_OK);
    }
    assert_int_equal(journal_flush(journal), ERR_OK);
    uint64_t numbers[NUMBERS_MAX], bytes;
    size_t count = list_segments(numbers);
    assert_in_range(count, 2, NUMBERS_MAX);
    for (size_t i = 0; i < count; i++) {
        bool is_closed;
        assert_true(journal_dir_progress(dir, numbers[i], &bytes, &is_closed));
        assert_int_equal(is_closed, i + 1 < count);
    }
    expect_first(COUNT, LEN);
}

static void rotation_when_asked(void **state)
{
    (void)state;
    uint64_t numbers[NUMBERS_MAX], bytes;
    bool is_closed;
    uint32_t seq = 0;
    add(seq++, 10);
    assert_int_equal(journal_flush(journal), ERR_OK);
    assert_int_equal(list_segments(numbers), 1);
    journal_dir_ask_rotate(dir, numbers[0]);
    for (int i = 0; i < 2; i++) { /* at the next flush, or at the one after that */
        add(seq++, 10);
        assert_int_equal(journal_flush(journal), ERR_OK);
    }
    assert_int_equal(list_segments(numbers), 2);
    assert_true(journal_dir_progress(dir, numbers[0], &bytes, &is_closed));
    assert_true(is_closed);
    expect_first(seq, 10);
    /* The reader is done with it: its file has gone, and so has all knowledge of it. */
    journal_dir_retire(dir, numbers[0]);
    assert_false(journal_dir_progress(dir, numbers[0], &bytes, &is_closed));
    assert_int_equal(list_segments(numbers), 1);
    assert_false(journal_dir_progress(dir, 12345, &bytes, &is_closed));
}

static void assert_blank(uint64_t number)
{
    char path[64], start[4] = "full";
    snprintf(path, sizeof path, "journal/%016llx.free", (unsigned long long)number);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(start, 1, sizeof start, file), sizeof start);
    fclose(file);
    assert_memory_equal(start, "\0\0\0", sizeof start);
}

/* Files that were used before hold old frames: none of them must come back. */
static void used_files_tell_nothing_of_their_former_life(void **state)
{
    (void)state;
    uint64_t numbers[NUMBERS_MAX];
    for (uint32_t life = 0; life < 10; life++) {
        for (uint32_t i = 0; i < 100 - life * 9; i++)
            add(life * 1000 + i, 50);
        assert_int_equal(journal_flush(journal), ERR_OK);
        assert_int_equal(list_segments(numbers), 1);
        uint32_t want[101];
        for (uint32_t i = 0; i < 101; i++)
            want[i] = life * 1000 + i;
        assert_int_equal(read_segment(numbers[0], want, 50), 100 - life * 9);
        journal_rotate(journal);
        journal_dir_retire(dir, numbers[0]);
        assert_blank(numbers[0]); /* killed before the next one has its head, it would be read whole */
    }
    journal_dir_rest(dir);
    assert_int_equal(rmdir("journal"), 0); /* empty */
    assert_int_equal(mkdir("journal", 0700), 0);
}

static void numbers_go_on_after_a_restart(void **state)
{
    (void)state;
    uint64_t numbers[NUMBERS_MAX];
    struct fail f = {0};
    add(0, 10);
    assert_int_equal(journal_flush(journal), ERR_OK);
    journal_free(journal);
    journal_dir_close(dir);
    assert_int_equal(journal_dir_open(&dir, "journal", ring, &bells, &f), ERR_OK);
    journal = journal_new(dir, 3);
    add(1, 10);
    assert_int_equal(journal_flush(journal), ERR_OK);
    assert_int_equal(list_segments(numbers), 2);
    assert_true(numbers[1] > numbers[0]);
    uint64_t bytes;
    bool is_closed;
    assert_false(journal_dir_progress(dir, numbers[0], &bytes, &is_closed)); /* another boot's */
}

/* --- a disk that takes no more --- */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = MIN_OF(bytes, limit.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Flushes until one succeeds: a journal may wait a moment before it tries again. Gives how often
 * it failed; each time the frame was lost. */
static uint32_t add_until_written(uint32_t seq)
{
    uint32_t lost = 0;
    for (uint64_t before; lost < 100000; lost++) {
        before = journal_lost_frames(journal);
        add(seq + lost, 5000);
        if (journal_flush(journal) == ERR_OK && journal_lost_frames(journal) == before)
            return lost;
        assert_int_equal(journal_lost_frames(journal), before + 1);
        usleep(1000);
    }
    fail_msg("the journal did not recover");
    return 0;
}

/* The limit cuts a write short. What did not fit is counted, what did is there, and when there is
 * room again the journal goes on. */
static void short_writes_are_counted_and_survived(void **state)
{
    (void)state;
    enum { LIMIT = 64 * 1024, LEN = 5000 };
    uint32_t want[64], count = 0, seq = 0;
    signal(SIGXFSZ, SIG_IGN);
    limit_file_size(LIMIT);
    for (; seq < 30; seq++) {
        uint64_t before = journal_lost_frames(journal);
        add(seq, LEN);
        enum err err = journal_flush(journal);
        if (journal_lost_frames(journal) == before)
            want[count++] = seq;
        else
            assert_int_equal(journal_lost_frames(journal), before + 1);
        assert_true(err == ERR_OK || journal_lost_frames(journal) > before);
    }
    limit_file_size(RLIM_INFINITY);
    assert_in_range(count, 1, 29);
    assert_int_equal(journal_lost_frames(journal), 30 - count);
    seq += add_until_written(seq);
    want[count++] = seq;
    want[count] = UINT32_MAX;
    expect_frames(want, count, LEN);
}

static void what_is_refused_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(rmdir("journal"), 0);
    uint64_t refused = loss_read(LOSS_NOT_RECORDED).since_start;
    add(0, 5000); /* of another exchange */
    add(1, 5000);
    assert_int_equal(journal_flush_or_refuse(journal), ERR_IO);
    assert_int_equal(journal_lost_frames(journal), 1);
    add(2, 0);
    assert_int_equal(journal_flush_or_refuse(journal), ERR_IO);
    assert_int_equal(journal_lost_frames(journal), 1);
    assert_int_equal(loss_read(LOSS_NOT_RECORDED).since_start, refused + 2);
    assert_int_equal(mkdir("journal", 0700), 0);
    uint32_t want[2] = {3 + add_until_written(3), UINT32_MAX};
    expect_frames(want, 1, 5000);
}

static void a_folder_that_has_gone(void **state)
{
    (void)state;
    assert_int_equal(rmdir("journal"), 0);
    add(0, 5000);
    enum err err = journal_flush(journal);
    assert_true(err != ERR_OK || journal_lost_frames(journal) == 1);
    assert_int_equal(journal_lost_frames(journal), 1);
    assert_int_equal(mkdir("journal", 0700), 0);
    uint32_t want[2] = {1 + add_until_written(1), UINT32_MAX};
    expect_frames(want, 1, 5000);
}

/* --- a disk and a reader that are far behind --- */

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void waiting_segments_do_not_take_descriptors(void **state)
{
    (void)state;
    uint64_t numbers[NUMBERS_MAX];
    int before = open_descriptors();
    for (uint32_t seq = 0; seq < 40; seq++) {
        add(seq, 10);
        assert_int_equal(journal_flush(journal), ERR_OK);
        journal_rotate(journal);
    }
    assert_int_equal(list_segments(numbers), 40);
    assert_in_range(open_descriptors() - before, 0, 5);
    expect_first(40, 10);
    for (int i = 0; i < 40; i++)
        journal_dir_retire(dir, numbers[i]);
    assert_int_equal(list_segments(numbers), 0);
    journal_dir_rest(dir);
    assert_int_equal(open_descriptors(), before);
}

static void what_is_not_on_the_disk_is_handed_over_once(void **state)
{
    (void)state;
    int fds[JOURNAL_UNSYNCED_MAX], before = open_descriptors();
    struct stat st;
    journal_keep_unsynced(journal);
    assert_int_equal(journal_take_unsynced(journal, fds), 0);
    uint32_t seq = 0;
    for (int segments = 1; segments < 20; segments++) {
        for (int i = 0; i < segments; i++) {
            journal_rotate(journal);
            add(seq++, 10);
            assert_int_equal(journal_flush(journal), ERR_OK);
        }
        size_t count = journal_take_unsynced(journal, fds);
        assert_int_equal(count, MIN_OF(segments, JOURNAL_UNSYNCED_MAX - 1) + 1);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(fstat(fds[i], &st), 0);
            assert_int_equal(S_ISDIR(st.st_mode) != 0, i + 1 == count); /* new names, last */
            close(fds[i]);
        }
        assert_int_equal(journal_take_unsynced(journal, fds), 0);
    }
    add(seq++, 10); /* no new name */
    assert_int_equal(journal_flush(journal), ERR_OK);
    assert_int_equal(journal_take_unsynced(journal, fds), 1);
    close(fds[0]);
    assert_in_range(open_descriptors() - before, 0, 5);
}

/* --- a reader on another thread --- */

struct reading {
    atomic_bool stop;
    atomic_size_t frames; /* read so far, some of them often */
};

static void *read_along(void *owner)
{
    struct reading *r = owner;
    while (!atomic_load(&r->stop)) {
        uint64_t numbers[NUMBERS_MAX], bytes;
        bool is_closed;
        size_t count = list_segments(numbers);
        for (size_t i = 0; i < count; i++) {
            if (!journal_dir_progress(dir, numbers[i], &bytes, &is_closed) || !bytes)
                continue;
            struct str all = load(numbers[i], (size_t)bytes), rest = str_from(all, SEGMENT_HEAD_BYTES);
            struct frame f;
            for (size_t used; rest.len; rest = str_from(rest, used), atomic_fetch_add(&r->frames, 1))
                if (frame_read(rest, true, &f, &used) != FRAME_WHOLE)
                    abort(); /* less was written than was said */
            free((char *)all.ptr);
            journal_dir_ask_rotate(dir, numbers[i]);
            if (is_closed)
                journal_dir_retire(dir, numbers[i]);
        }
    }
    return NULL;
}

static void what_is_said_to_be_written_is_there(void **state)
{
    (void)state;
    enum { FRAMES = 3000, FRAMES_READ = 3000 };
    struct reading r = {0};
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_along, &r), 0);
    for (uint32_t seq = 0; seq < FRAMES || atomic_load(&r.frames) < FRAMES_READ; seq++) {
        add(seq, seq % 3000);
        assert_int_equal(journal_flush(journal), ERR_OK);
    }
    atomic_store(&r.stop, true);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(journal_lost_frames(journal), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_written_before_there_is_something, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(frames_come_back_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empty_and_largest_payloads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_private, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_segments_are_followed_by_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rotation_when_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(used_files_tell_nothing_of_their_former_life, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(numbers_go_on_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_writes_are_counted_and_survived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_has_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_refused_is_not_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waiting_segments_do_not_take_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_on_the_disk_is_handed_over_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_said_to_be_written_is_there, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
