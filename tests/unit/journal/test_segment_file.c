/*
 * test_segment_file.c — whenever the writer is killed, its file is whole frames and an end mark.
 */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "journal/frame.h"
#include "journal/segment_file.h"
#include "scratch.h"

enum { KILLS = 150, LIFE_BYTES = 1024 * 1024, PAYLOAD_MAX = 40 * 1024 };

/* What the writer has said, in memory that outlives it. */
struct said {
    _Atomic uint32_t life;
    _Atomic uint32_t frames; /* of this life, written */
};

static void write_frame(struct segment_file *file, uint32_t life, uint32_t seq, size_t len)
{
    static char payload[PAYLOAD_MAX];
    char head[FRAME_HEAD_BYTES];
    struct frame f = {.type = FRAME_RESP_BODY, .seq = seq, .mono_ns = life,
                      .payload = str_make(payload, len)};
    memset(payload, (int)(life + seq) | 1, len);
    frame_write_head(head, &f, f.payload, STR_NONE);
    struct iovec parts[4] = {{head, sizeof head}, {payload, len}};
    assert_int_equal(segment_file_write(file, parts, len ? 2 : 1), ERR_OK);
}

static size_t length_of(uint32_t seq)
{
    uint32_t mixed = seq * 2654435761u >> 7;
    return mixed % 16 ? mixed % 700 : mixed % PAYLOAD_MAX; /* mostly small; some past any window */
}

static void begin_life(struct segment_file *file, uint32_t life)
{
    segment_file_reset(file);
    write_frame(file, life, 0, 1);
}

static void write_until_killed(struct said *said)
{
    struct segment_file *file;
    if (segment_file_create(&file, "segment") != ERR_OK)
        _exit(1);
    for (uint32_t life = 1; ; life++) {
        atomic_store(&said->frames, 0);
        atomic_store(&said->life, life);
        begin_life(file, life);
        for (uint32_t seq = 1; segment_file_len(file) < LIFE_BYTES; seq++) {
            write_frame(file, life, seq, length_of(seq));
            atomic_store(&said->frames, seq + 1);
        }
    }
}

static struct str load(void)
{
    struct stat st;
    int fd = open("segment", O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *bytes = mem_alloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    return str_make(bytes, (size_t)st.st_size);
}

/* Returns how many frames stand there; checks that they are all of one life, in order. */
static uint32_t count_frames(struct str rest, uint64_t *life)
{
    struct frame f;
    uint32_t count = 0;
    for (size_t used; ; rest = str_from(rest, used), count++) {
        enum frame_found found = frame_read(rest, true, &f, &used);
        if (found == FRAME_NONE || !rest.len)
            return count;
        assert_int_equal(found, FRAME_WHOLE);
        assert_int_equal(f.seq, count);
        if (!count)
            *life = f.mono_ns;
        assert_int_equal(f.mono_ns, *life);
    }
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    struct said *said = mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
    assert_ptr_not_equal(said, MAP_FAILED);
    for (int i = 0; i < KILLS; i++) {
        unlink("segment");
        atomic_store(&said->life, 0);
        pid_t writer = fork();
        if (!writer)
            write_until_killed(said);
        while (!atomic_load(&said->life))
            ;
        uint64_t until_ns = clock_mono_ns() + (uint64_t)(rand() % 3000000);
        while (clock_mono_ns() < until_ns)
            ;
        kill(writer, SIGKILL);
        assert_int_equal(waitpid(writer, NULL, 0), writer);
        struct str bytes = load();
        uint64_t life = 0;
        uint32_t count = bytes.len ? count_frames(bytes, &life) : 0;
        if (life == atomic_load(&said->life)) /* else its new life had not begun */
            assert_true(count >= atomic_load(&said->frames));
        else
            assert_int_equal(atomic_load(&said->frames), 0);
        free((char *)bytes.ptr);
    }
    munmap(said, sizeof *said);
}

/* A limit on file sizes that leaves no room for a window: it is written as if there were none. */
static void without_room_for_a_window(void **state)
{
    (void)state;
    struct segment_file *file;
    struct rlimit was, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = 20000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(segment_file_create(&file, "segment"), ERR_OK);
    begin_life(file, 7);
    for (uint32_t seq = 1; seq < 20; seq++)
        write_frame(file, 7, seq, 900);
    char bytes[4000] = "";
    struct iovec parts[2] = {{bytes, sizeof bytes}};
    assert_int_equal(segment_file_write(file, parts, 1), ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    struct str all = load();
    uint64_t life;
    assert_int_equal(count_frames(all, &life), 20);
    free((char *)all.ptr);
    segment_file_close(file);
}

/* Frames before, across and behind the windows' ends; the file ends where the last frame does. */
static void windows_follow_each_other(void **state)
{
    (void)state;
    struct segment_file *file;
    struct stat st;
    assert_int_equal(segment_file_create(&file, "segment"), ERR_OK);
    begin_life(file, 9);
    uint32_t seq = 1;
    for (; segment_file_len(file) < LIFE_BYTES; seq++)
        write_frame(file, 9, seq, length_of(seq));
    size_t len = segment_file_len(file);
    segment_file_rest(file);
    write_frame(file, 9, seq++, 100);
    struct str all = load();
    uint64_t life;
    assert_int_equal(count_frames(all, &life), seq);
    free((char *)all.ptr);
    segment_file_close(file);
    assert_int_equal(stat("segment", &st), 0);
    assert_int_equal(st.st_size, len + FRAME_HEAD_BYTES + 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_at_any_moment, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(without_room_for_a_window, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(windows_follow_each_other, scratch_enter, scratch_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
