/*
 * test_loop.c — what happens in a turn and in which order: the flush, then held sends, then the
 * turn's memory is gone; calls from other threads; sweeps.
 */
#include "check.h"

#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"
#include "io/loop.h"

static struct loop *l;
static char story[256]; /* what happened, a letter each */

static void tell(char c)
{
    size_t len = strlen(story);
    assert_true(len + 1 < sizeof story);
    story[len] = c;
    story[len + 1] = '\0';
}

struct note {
    struct loop_held held;
    char name;
    struct loop_held *then; /* held by this one's call */
};

static void on_held(struct loop_held *held)
{
    struct note *n = (struct note *)held;
    tell(n->name);
    if (n->then)
        loop_hold(l, n->then);
}

static void on_flush(void *owner)
{
    (void)owner;
    tell('.');
}

static void turn(void)
{
    uv_run(loop_uv(l), UV_RUN_NOWAIT);
}

static int set_up(void **state)
{
    (void)state;
    l = loop_new();
    turn();
    story[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(l);
    return 0;
}

/* Flush, the first send, what it gave is flushed, the next … */
static void held_calls_follow_the_flush_in_order(void **state)
{
    (void)state;
    struct note c = {{.fn = on_held}, 'c', NULL}, b = {{.fn = on_held}, 'b', NULL};
    struct note a = {{.fn = on_held}, 'a', &c.held};
    loop_on_flush(l, on_flush, NULL);
    loop_hold(l, &a.held);
    loop_hold(l, &b.held);
    loop_hold(l, &a.held); /* is held already */
    turn();
    story[7] = 0; /* later turns of the same run flush too */
    assert_string_equal(story, ".a.b.c.");
}

static void held_again_in_the_next_turn(void **state)
{
    (void)state;
    struct note a = {{.fn = on_held}, 'a', NULL};
    for (int i = 0; i < 3; i++) {
        loop_hold(l, &a.held);
        turn();
    }
    assert_string_equal(story, "aaa");
}

static void unhold_first_middle_and_last(void **state)
{
    (void)state;
    struct note n[4];
    for (int i = 0; i < 4; i++)
        n[i] = (struct note){{.fn = on_held}, (char)('a' + i), NULL};
    for (int gone = 0; gone < 4; gone++) {
        story[0] = '\0';
        for (int i = 0; i < 3; i++)
            loop_hold(l, &n[i].held);
        loop_unhold(l, &n[gone].held); /* the fourth is not held: nothing happens */
        loop_hold(l, &n[3].held);
        turn();
        static const char *const want[] = {"bcd", "acd", "abd", "abcd"};
        assert_string_equal(story, want[gone]);
    }
}

static void turn_memory(void **state)
{
    (void)state;
    uint64_t before = loop_turn(l);
    char *a = loop_turn_alloc(l, 1000), *b;
    loop_turn_trim(l, a, 1000, 17);
    b = loop_turn_alloc(l, 1);
    assert_ptr_equal(b, a + 32);
    loop_turn_trim(l, b, 1, 0);
    assert_ptr_equal(loop_turn_alloc(l, 1), b);
    for (int i = 0; i < 100; i++) { /* more than a block holds, and one larger than a block */
        char *p = loop_turn_alloc(l, i == 50 ? 1 << 20 : 10000);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 'x', i == 50 ? 1 << 20 : 10000);
    }
    loop_turn_give(l, mem_alloc(100));
    loop_turn_give(l, NULL);
    turn();
    assert_true(loop_turn(l) > before);
}

static void reads_of_a_turn_have_a_ceiling(void **state)
{
    (void)state;
    size_t sum = 0;
    for (uv_buf_t room; (room = loop_read_room(l)).len; sum += room.len) {
        assert_int_equal(room.len, LOOP_READ_BYTES);
        loop_read_used(l, room.len);
    }
    assert_int_equal(sum, LOOP_TURN_READ_MAX);
    turn();
    assert_int_equal(loop_read_room(l).len, LOOP_READ_BYTES);
}

static void on_posted(void *owner)
{
    tell((char)(uintptr_t)owner);
    if (strlen(story) == 26)
        loop_stop(l);
}

static void *post_all(void *unused)
{
    for (char c = 'a'; c <= 'z'; c++)
        loop_post(l, on_posted, (void *)(uintptr_t)c);
    return unused;
}

static void calls_from_another_thread_keep_their_order(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_all, NULL), 0);
    loop_run(l);
    pthread_join(thread, NULL);
    assert_string_equal(story, "abcdefghijklmnopqrstuvwxyz");
}

static void calls_that_come_too_late_are_dropped(void **state)
{
    (void)state;
    post_all(NULL);
}

static void work(void *owner)
{
    *(pthread_t *)owner = pthread_self();
}

static void on_done(void *owner)
{
    (void)owner;
    tell('d');
    loop_stop(l);
}

static void work_is_on_another_thread_and_its_end_on_the_loop(void **state)
{
    (void)state;
    pthread_t where = pthread_self();
    loop_work(l, work, on_done, &where);
    loop_run(l);
    assert_string_equal(story, "d");
    assert_false(pthread_equal(where, pthread_self()));
}

static struct loop_sweep sweeps[3];

/* The first removes itself and the next one. */
static void on_sweep(struct loop_sweep *s, uint64_t now_ns)
{
    assert_true(now_ns > 0);
    tell((char)('0' + (s - sweeps)));
    if (s == &sweeps[0]) {
        loop_sweep_remove(l, &sweeps[0]);
        loop_sweep_remove(l, &sweeps[1]);
    } else {
        loop_stop(l);
    }
}

static void sweeps_may_remove_each_other(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        sweeps[i] = (struct loop_sweep){.fn = on_sweep};
        loop_sweep_add(l, &sweeps[i]);
    }
    loop_run(l);
    assert_string_equal(story, "02");
    loop_sweep_remove(l, &sweeps[1]); /* fine if not added */
    loop_sweep_remove(l, &sweeps[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(held_calls_follow_the_flush_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(held_again_in_the_next_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unhold_first_middle_and_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(turn_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_of_a_turn_have_a_ceiling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_from_another_thread_keep_their_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(calls_that_come_too_late_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(work_is_on_another_thread_and_its_end_on_the_loop, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sweeps_may_remove_each_other, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
