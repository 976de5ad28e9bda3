/*
 * test_transcript_folder.c — nothing but plain files beneath the folder can be reached.
 */
#include "check.h"
#include "scratch.h"

#include "transcript/transcript_folder.h"

static enum err try_path(struct str path)
{
    int folder, fd;
    struct stat st;
    assert_int_equal(transcript_folder_open("projects", &folder, NULL), ERR_OK);
    enum err err = transcript_open(folder, path, &fd, &st, NULL);
    assert_true(err ? fd == -1 : fd >= 0);
    if (!err)
        close(fd);
    close(folder);
    return err;
}

static void make_tree(void)
{
    assert_int_equal(mkdir("projects", 0700), 0);
    assert_int_equal(mkdir("projects/p", 0700), 0);
    assert_int_equal(mkdir("projects/p/s", 0700), 0);
    assert_int_equal(mkdir("other", 0700), 0);
    scratch_write("projects/p/a.jsonl", "{}\n", 3);
    scratch_write("projects/p/s/agent-1.jsonl", "{}\n", 3);
    scratch_write("projects/p/notes.txt", "x", 1);
    scratch_write("projects/top.jsonl", "{}\n", 3);
    scratch_write("other/secret.jsonl", "{}\n", 3);
    assert_int_equal(symlink("../../other/secret.jsonl", "projects/p/link.jsonl"), 0);
    assert_int_equal(symlink("../other", "projects/linked"), 0);
    assert_int_equal(symlink("loop", "projects/loop"), 0);
    assert_int_equal(mkfifo("projects/p/pipe.jsonl", 0600), 0);
}

static void opens_what_is_ours_only(void **state)
{
    (void)state;
    make_tree();
    assert_int_equal(try_path(STR("p/a.jsonl")), ERR_OK);
    assert_int_equal(try_path(STR("p/s/agent-1.jsonl")), ERR_OK);
    static const char *const bad[] = {
        "",
        "/",
        "/etc/passwd",
        ".",
        "..",
        "p",
        "p/",
        "p/../p/a.jsonl",
        "p//a.jsonl",
        "../other/secret.jsonl",
        "p/./a.jsonl",
        "p/pipe.jsonl",
        "p/link.jsonl",
        "linked/secret.jsonl",
        "loop/x.jsonl",
        "p/none.jsonl",
        "none/a.jsonl",
        "p/a.jsonl/b.jsonl",
        "1/2/3/4/5/6/7/8/9",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        enum err err = try_path(str_of(bad[i]));
        if (err != ERR_FORBIDDEN && err != ERR_NOT_FOUND)
            fail_msg("%s: %d", bad[i], err);
    }
    assert_int_equal(try_path(STR("p/none.jsonl")), ERR_NOT_FOUND);
    assert_int_equal(try_path(STR("p/link.jsonl")), ERR_FORBIDDEN);
    assert_int_equal(try_path(STR("p/pipe.jsonl")), ERR_FORBIDDEN);
    assert_int_equal(try_path(STR("p/a.jsonl\0x")), ERR_FORBIDDEN);
    char longest[2000];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(try_path(str_make(longest, sizeof longest)), ERR_FORBIDDEN);
    assert_int_equal(try_path(str_make(longest, 300)), ERR_FORBIDDEN);
    int folder;
    assert_int_equal(transcript_folder_open("nowhere", &folder, NULL), ERR_NOT_FOUND);
}

static void walks_over_all_transcripts(void **state)
{
    (void)state;
    make_tree();
    int folder, count = 0;
    bool has_a = false, has_agent = false;
    struct transcript_walk walk;
    struct str path;
    struct stat st;
    enum transcript_step step;
    assert_int_equal(transcript_folder_open("projects", &folder, NULL), ERR_OK);
    transcript_walk_begin(&walk, folder);
    while ((step = transcript_walk_next(&walk, &path, &st)) != TRANSCRIPT_WALK_END) {
        if (step != TRANSCRIPT_WALK_FILE)
            continue;
        count++;
        has_a |= str_equal(path, STR("p/a.jsonl"));
        has_agent |= str_equal(path, STR("p/s/agent-1.jsonl"));
        assert_int_equal(st.st_size, 3);
    }
    assert_int_equal(count, 2);
    assert_true(has_a && has_agent && !walk.has_failed);
}

static void a_walk_is_not_endlessly_deep(void **state)
{
    (void)state;
    char path[256] = "projects";
    for (int i = 0; i < 12; i++) {
        assert_int_equal(mkdir(path, 0700), 0);
        strcat(path, "/d");
    }
    int folder, steps = 0;
    struct transcript_walk walk;
    struct str found;
    struct stat st;
    assert_int_equal(transcript_folder_open("projects", &folder, NULL), ERR_OK);
    transcript_walk_begin(&walk, folder);
    while (transcript_walk_next(&walk, &found, &st) != TRANSCRIPT_WALK_END)
        assert_true(++steps < 100);
    assert_int_equal(walk.depth, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_what_is_ours_only),
        TEST(walks_over_all_transcripts),
        TEST(a_walk_is_not_endlessly_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
