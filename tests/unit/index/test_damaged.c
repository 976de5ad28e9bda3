/*
 * test_damaged.c — of damaged segments the newest are kept, up to a ceiling.
 */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "index/damaged.h"

struct fixture {
    char dir[64];
};

static void put(struct fixture *x, const char *name, size_t bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", x->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < bytes; i++)
        fputc('x', file);
    fclose(file);
}

static bool is_there(struct fixture *x, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", x->dir, name);
    return access(path, F_OK) == 0;
}

static int setup(void **state)
{
    static struct fixture x;
    snprintf(x.dir, sizeof x.dir, "/tmp/test_damaged.XXXXXX");
    assert_non_null(mkdtemp(x.dir));
    put(&x, "0000000000000002.seg.damaged", 100);
    put(&x, "000000000000000a.seg.damaged", 100);
    put(&x, "0000000000000001.seg.damaged", 100);
    put(&x, "0000000000000010.seg.damaged", 100);
    put(&x, "0000000000000000.seg", 100);
    *state = &x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", x->dir);
    assert_int_equal(system(command), 0);
    return 0;
}

static void few_are_kept(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(damaged_trim(x->dir, 4, 400), 0);
    assert_true(is_there(x, "0000000000000001.seg.damaged"));
}

static void too_many_lose_the_oldest(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(damaged_trim(x->dir, 3, 4000), 1);
    assert_false(is_there(x, "0000000000000001.seg.damaged"));
    assert_true(is_there(x, "0000000000000002.seg.damaged"));
    assert_true(is_there(x, "0000000000000000.seg")); /* is none of them */
}

static void too_large_ones_too(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(damaged_trim(x->dir, 10, 250), 2);
    assert_false(is_there(x, "0000000000000002.seg.damaged"));
    assert_true(is_there(x, "000000000000000a.seg.damaged"));
}

static void the_newest_always_stays(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(damaged_trim(x->dir, 10, 50), 3);
    assert_true(is_there(x, "0000000000000010.seg.damaged"));
    assert_int_equal(damaged_trim("/nonexistent", 10, 50), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(few_are_kept), TEST(too_many_lose_the_oldest), TEST(too_large_ones_too),
        TEST(the_newest_always_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
