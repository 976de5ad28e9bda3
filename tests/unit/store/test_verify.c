/*
 * test_verify.c — bodies that do not come back as they were relayed are found, and only those.
 */
#include "check.h"

#include <stdio.h>

#include "base/log.h"
#include "store_scene.h"
#include "store/keeping.h"
#include "store/store_private.h"
#include "store/verify.h"

enum { ROWS = 150 /* several steps */ };

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000;

struct fixture {
    struct store_scene s;
    struct uuid ids[ROWS];
    struct uuid damaged[ROWS * 2];
    size_t damaged_count;
};

static void add_rows(struct fixture *x)
{
    struct fail f = {0};
    for (int i = 0; i < ROWS; i++) {
        char body[64];
        struct record r = maker_record(base_us + i * 1000000);
        r.id = x->ids[i] = uuid_floor(r.started_us);
        snprintf(body, sizeof body, "this is what request %d says", i);
        maker_add(&x->s.maker, &r, str_of(body), i % 3 ? STR("answer") : STR_NONE);
        if (i % 10 < 9)
            continue;
        assert_int_equal(store_commit(x->s.store, maker_batch(&x->s.maker), &f), ERR_OK);
        maker_next(&x->s.maker);
        chain_rest(&x->s.maker.chain);
    }
}

static int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    scene_begin(&x->s);
    add_rows(x);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    scene_end(&x->s);
    free(x);
    return 0;
}

static void note_damage(const struct uuid *id, enum body_side side, const char *why, void *owner)
{
    struct fixture *x = owner;
    assert_true(side == BODY_REQUEST || side == BODY_RESPONSE);
    assert_true(*why);
    x->damaged[x->damaged_count++] = *id;
}

static struct verify_counts run(struct fixture *x)
{
    struct fail f = {0};
    struct verify v;
    bool more = true;
    int steps = 0;
    x->damaged_count = 0;
    verify_init(&v, x->s.reader, note_damage, x);
    for (; more; steps++)
        assert_int_equal(verify_step(&v, &more, &f), ERR_OK);
    assert_true(steps <= ROWS / VERIFY_STEP_ROWS + 1);
    struct verify_counts counts = v.counts;
    verify_release(&v);
    return counts;
}

static void run_sql(struct fixture *x, const char *sql)
{
    struct fail f = {0};
    assert_int_equal(database_run(&x->s.store->db, sql, &f), ERR_OK);
}

static void whole_ones_are_whole(void **state)
{
    struct fixture *x = *state;
    struct verify_counts n = run(x);
    assert_int_equal(n.requests, ROWS);
    assert_int_equal(n.bodies, 2 * ROWS);
    assert_int_equal(n.damaged + n.aged_out + n.too_long, 0);
    assert_in_range(n.bytes, ROWS * 25, ROWS * 40);
}

/* Chain 3 is lost: ten requests, both sides of each. */
static void missing_blocks_are_found(void **state)
{
    struct fixture *x = *state;
    char sql[128];
    uint64_t first = x->s.maker.block - ROWS / 10;
    snprintf(sql, sizeof sql, "DELETE FROM blocks WHERE number = %llu",
             (unsigned long long)(first + 3));
    run_sql(x, sql);
    struct verify_counts n = run(x);
    assert_int_equal(n.requests, ROWS);
    assert_int_equal(n.damaged, 20);
    assert_int_equal(n.bodies, 2 * ROWS - 20);
    assert_int_equal(x->damaged_count, 20);
    for (size_t i = 0; i < 20; i++)
        assert_true(uuid_equal(&x->damaged[i], &x->ids[30 + i / 2]));
}

/* Everything can be read, but one body says something else. */
static void changed_bytes_are_found(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    struct record r = maker_record(base_us + ROWS * INT64_C(1000000));
    maker_add(&x->s.maker, &r, STR("a unique request body"), STR("answer"));
    char *at = memmem(x->s.maker.raw.ptr, x->s.maker.raw.len, "unique", 6);
    assert_non_null(at);
    *at = 'U';
    assert_int_equal(store_commit(x->s.store, maker_batch(&x->s.maker), &f), ERR_OK);
    struct verify_counts n = run(x);
    assert_int_equal(n.requests, ROWS + 1);
    assert_int_equal(n.damaged, 1);
    assert_int_equal(n.bodies, 2 * ROWS + 1);
    assert_true(uuid_equal(&x->damaged[0], &r.id));
}

static void aged_out_is_not_damaged(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    int64_t dropped;
    assert_int_equal(store_drop_blocks(x->s.store, x->s.maker.block - 10, INT64_MAX, &dropped, &f),
                     ERR_OK);
    struct verify_counts n = run(x);
    assert_int_equal(n.requests, ROWS);
    assert_int_equal(n.aged_out, ROWS - 100);
    assert_int_equal(n.bodies, 200);
    assert_int_equal(n.damaged, 0);
}

static void an_empty_store_is_fine(void **state)
{
    struct fixture *x = *state;
    run_sql(x, "DELETE FROM requests");
    assert_int_equal(run(x).requests, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_setup(LOG_WARN, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(whole_ones_are_whole), TEST(missing_blocks_are_found), TEST(changed_bytes_are_found),
        TEST(aged_out_is_not_damaged), TEST(an_empty_store_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
