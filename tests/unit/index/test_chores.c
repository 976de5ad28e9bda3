/* test_chores.c — whose turn it is among work that can wait. */
#include <stdatomic.h>

#include <uv.h>

#include "check.h"
#include "index/chores.h"

struct worker {
    uint64_t pause_ns;
    atomic_int wanted, done;
    uv_sem_t enough;
};

static uint64_t step(void *owner)
{
    struct worker *w = owner;
    int wanted = atomic_load(&w->wanted); /* before the one who waits may change it */
    int done = atomic_fetch_add(&w->done, 1) + 1;
    if (done == wanted)
        uv_sem_post(&w->enough);
    return done < wanted ? w->pause_ns : CHORE_SLEEPS;
}

static void begin(struct worker *w, struct chores *c)
{
    uv_sem_init(&w->enough, 0);
    chores_add(c, "test", step, w);
}

static void start(struct chores *c)
{
    struct fail f = {0};
    assert_int_equal(chores_start(c, &f), ERR_OK);
}

static void test_each_has_its_turns(void **state)
{
    (void)state;
    struct worker greedy = {.wanted = 1000}, patient = {.pause_ns = 1000, .wanted = 50};
    struct chores *c = chores_new();
    begin(&greedy, c);
    begin(&patient, c);
    start(c);
    uv_sem_wait(&greedy.enough);
    uv_sem_wait(&patient.enough);
    chores_stop(c);
    assert_int_equal(atomic_load(&greedy.done), 1000);
    assert_int_equal(atomic_load(&patient.done), 50);
    chores_free(c);
}

static void test_a_sleeper_is_woken_by_the_bell_only(void **state)
{
    (void)state;
    struct worker sleeper = {.wanted = 1};
    struct chores *c = chores_new();
    begin(&sleeper, c);
    start(c);
    uv_sem_wait(&sleeper.enough);
    atomic_store(&sleeper.wanted, 2);
    chores_ring(c);
    uv_sem_wait(&sleeper.enough);
    chores_stop(c);
    assert_int_equal(atomic_load(&sleeper.done), 2);
    chores_free(c);
}

static void test_stops_with_a_long_pause_ahead(void **state)
{
    (void)state;
    struct worker slow = {.pause_ns = UINT64_C(3600000000000), .wanted = 1 << 30};
    struct chores *c = chores_new();
    begin(&slow, c);
    start(c);
    chores_ring(c);
    chores_stop(c);
    chores_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_has_its_turns),
        cmocka_unit_test(test_a_sleeper_is_woken_by_the_bell_only),
        cmocka_unit_test(test_stops_with_a_long_pause_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
