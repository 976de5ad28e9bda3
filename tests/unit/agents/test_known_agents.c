/*
 * test_known_agents.c — what is shared: projects are wanted once and read once, what is held stays
 * while something newer is in force.
 */
#include <stdio.h>

#include "agents/known_agents.h"
#include "check.h"

static int rung;

static void ring(void *owner)
{
    (void)owner;
    rung++;
}

static struct agent_catalog *catalog_of(struct str name)
{
    struct agent_catalog *c = catalog_new();
    const struct agent agent = {.name = name};
    assert_true(catalog_add(c, &agent, STR("You are it.")));
    catalog_seal(c);
    return c;
}

static void projects_are_wanted(void **state)
{
    (void)state;
    struct known_agents k;
    struct str list[PROJECTS_MAX];
    struct arena arena;
    arena_init(&arena);
    known_agents_init(&k);
    k.wanted = ring;
    rung = 0;
    assert_true(known_agents_want(&k, STR_NONE));
    assert_true(known_agents_want(&k, STR("C:\\work")));
    assert_int_equal(known_agents_projects(&k, list, &arena), 0);
    assert_false(known_agents_want(&k, STR("/srv/app")));
    assert_false(known_agents_want(&k, STR("/srv/app")));
    assert_int_equal(rung, 1);
    assert_int_equal(known_agents_projects(&k, list, &arena), 1);
    assert_str_equal(list[0], STR("/srv/app"));
    assert_false(known_agents_want(&k, STR("/srv/other"))); /* while that is being read */
    known_agents_put_give(&k, catalog_of(STR("a")), NULL, list, 1);
    assert_true(known_agents_want(&k, STR("/srv/app")));
    assert_false(known_agents_want(&k, STR("/srv/other")));
    known_agents_release(&k);
    arena_release(&arena);
}

static void the_oldest_is_forgotten(void **state)
{
    (void)state;
    struct known_agents k;
    struct str list[PROJECTS_MAX];
    struct arena arena;
    char path[32];
    arena_init(&arena);
    known_agents_init(&k);
    for (int i = 0; i < PROJECTS_MAX; i++) {
        snprintf(path, sizeof path, "/p/%d", i);
        known_agents_want(&k, str_of(path));
    }
    known_agents_want(&k, STR("/p/0"));
    known_agents_want(&k, STR("/p/new"));
    bool has_first = false, has_second = false;
    size_t count = known_agents_projects(&k, list, &arena);
    assert_int_equal(count, PROJECTS_MAX);
    for (size_t i = 0; i < count; i++) {
        has_first |= str_equal(list[i], STR("/p/0"));
        has_second |= str_equal(list[i], STR("/p/1"));
    }
    assert_true(has_first);
    assert_false(has_second);
    known_agents_release(&k);
    arena_release(&arena);
}

static void what_is_held_stays(void **state)
{
    (void)state;
    struct known_agents k;
    struct arena arena;
    arena_init(&arena);
    known_agents_init(&k);
    known_agents_put_give(&k, catalog_of(STR("old")), NULL, NULL, 0);
    struct identity_sources before = known_agents_take(&k, false), after;
    known_agents_put_give(&k, catalog_of(STR("new")), NULL, NULL, 0);
    after = known_agents_take(&k, true);
    assert_null(before.known);
    assert_ptr_equal(after.known, &k);
    assert_str_equal(catalog_find(before.catalog, STR("\"You are it.\""), STR_NONE, &arena)->name, STR("old"));
    assert_str_equal(catalog_find(after.catalog, STR("\"You are it.\""), STR_NONE, &arena)->name, STR("new"));
    known_agents_give_back(&before);
    known_agents_give_back(&after);
    known_agents_release(&k);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(projects_are_wanted),
        cmocka_unit_test(the_oldest_is_forgotten),
        cmocka_unit_test(what_is_held_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
