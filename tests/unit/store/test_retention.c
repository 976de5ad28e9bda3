/*
 * test_retention.c — what is too old or too much leaves the store, and nothing else does.
 */
#include "check.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/loss.h"
#include "store_scene.h"
#include "store/retention.h"
#include "store/store_private.h"

enum { ROWS = 40, BODY_BYTES = 60000 };

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000; /* a whole hour in 2026 */
static const int64_t hour_us = INT64_C(3600) * 1000000;
static const uint64_t second_ns = 1000000000;

struct fixture {
    struct store_scene s;
    uint64_t first; /* block */
    struct retention retention;
    uint64_t mono_ns;
    uint64_t seed;
    struct uuid ids[ROWS];
    struct str bodies[ROWS];
    size_t count;
};

static int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    scene_begin(&x->s);
    x->mono_ns = 1000 * second_ns;
    x->seed = 42;
    x->first = store_next_block(x->s.store);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    scene_end(&x->s);
    for (size_t i = 0; i < x->count; i++)
        free((char *)x->bodies[i].ptr);
    free(x);
    return 0;
}

/* One request in a chain of its own; `reach`: it needs that many blocks before its own too. */
static void add_row(struct fixture *x, int64_t started_us, uint64_t reach)
{
    struct record r = maker_record(started_us);
    r.id = uuid_floor(started_us);
    r.id.bytes[15] = (uint8_t)x->count;
    x->ids[x->count] = r.id;
    x->bodies[x->count] = scene_random(&x->seed, BODY_BYTES);
    maker_add(&x->s.maker, &r, x->bodies[x->count++], STR("answer"));
    x->s.maker.rows[x->s.maker.batch.row_count - 1].oldest_block = x->s.maker.block - reach;
    scene_commit(&x->s);
    chain_rest(&x->s.maker.chain);
}

static void add_rows(struct fixture *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_row(x, base_us + (int64_t)i * hour_us, 0);
}

static void begin(struct fixture *x, const struct retention_options *o)
{
    retention_init(&x->retention, x->s.store, NULL, o);
}

/* One run at a time of the wall clock; the monotonic one goes on by `seconds`. */
static void run(struct fixture *x, int64_t wall_us, uint64_t seconds)
{
    x->mono_ns += seconds * second_ns;
    for (int i = 0; i < 10000; i++)
        if (retention_step(&x->retention, wall_us, x->mono_ns))
            return;
    fail_msg("it does not come to rest");
}

static enum err read_body(struct fixture *x, size_t i)
{
    return scene_body(x->s.reader, &x->ids[i], BODY_REQUEST, x->bodies[i]);
}

static bool has_aged_out(struct fixture *x, size_t i)
{
    struct arena arena;
    struct record row;
    struct record_detail detail;
    struct fail f = {0};
    arena_init(&arena);
    assert_int_equal(store_get(x->s.reader, &x->ids[i], &arena, &row, &detail, &f), ERR_OK);
    assert_int_equal(row.request_bytes, BODY_BYTES); /* the row stays whole */
    assert_int_equal(row.has_aged_out, detail.request_head.len == 0);
    arena_release(&arena);
    return row.has_aged_out;
}

static size_t count_readable(struct fixture *x)
{
    size_t readable = 0;
    for (size_t i = 0; i < x->count; i++) {
        enum err err = read_body(x, i);
        assert_true(err == ERR_OK || err == ERR_GONE);
        readable += !err;
    }
    return readable;
}

static int64_t file_bytes(struct fixture *x)
{
    struct stat st;
    assert_int_equal(stat(x->s.place.where, &st), 0);
    return st.st_size;
}

static void old_bodies_go_a_tenth_at_a_time(void **state)
{
    struct fixture *x = *state;
    int64_t now_us = base_us + 40 * hour_us;
    add_rows(x, ROWS);
    begin(x, &(struct retention_options){.max_age_us = 20 * hour_us});
    run(x, now_us, 0);
    size_t after_one = count_readable(x);
    assert_in_range(after_one, ROWS - 6, ROWS - 1); /* a tenth of 40, and no more */
    run(x, now_us + 60 * 1000000, 60);
    assert_int_equal(count_readable(x), after_one); /* the next run is in an hour */
    for (int i = 1; i < 15; i++)
        run(x, now_us + i * 1000000, 3600);
    /* the clock stood still meanwhile, so what is old is the same as at first */
    for (size_t i = 0; i < ROWS; i++) {
        bool is_old = base_us + (int64_t)i * hour_us < now_us - 20 * hour_us;
        assert_int_equal(read_body(x, i), is_old ? ERR_GONE : ERR_OK);
        assert_int_equal(has_aged_out(x, i), is_old);
    }
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM requests"), ROWS);
    assert_totals(&x->s);
    retention_release(&x->retention);
}

static void what_a_young_body_needs_stays(void **state)
{
    struct fixture *x = *state;
    add_rows(x, 30);
    add_row(x, base_us + 38 * hour_us, 25); /* needs what five of the first thirty are in */
    add_row(x, base_us + 39 * hour_us, 0);
    begin(x, &(struct retention_options){.max_age_us = 3 * hour_us});
    for (int i = 0; i < 20; i++)
        run(x, base_us + 40 * hour_us, 3600);
    for (size_t i = 0; i < x->count; i++)
        assert_int_equal(read_body(x, i), i < 5 ? ERR_GONE : ERR_OK);
    assert_totals(&x->s);
    retention_release(&x->retention);
}

static void never_without_being_asked(void **state)
{
    struct fixture *x = *state;
    add_rows(x, 10);
    begin(x, &(struct retention_options){0});
    for (int i = 0; i < 20; i++)
        run(x, base_us + (int64_t)i * 1000 * hour_us, 1000 * 3600);
    assert_int_equal(count_readable(x), 10);
    retention_release(&x->retention);
}

static void a_clock_that_jumps_is_not_believed_for_a_day(void **state)
{
    struct fixture *x = *state;
    int64_t now_us = base_us + 40 * hour_us, years_us = 10 * 365 * 24 * hour_us;
    add_rows(x, ROWS);
    begin(x, &(struct retention_options){.max_age_us = 100 * hour_us});
    run(x, now_us, 0);
    for (int i = 1; i < 24; i++)
        run(x, now_us + years_us + i * hour_us, 3600);
    assert_int_equal(count_readable(x), ROWS);
    assert_true(retention_count(&x->retention).is_held);
    for (int i = 24; i < 26; i++)
        run(x, now_us + years_us + i * hour_us, 3600);
    assert_false(retention_count(&x->retention).is_held);
    assert_in_range(count_readable(x), ROWS / 2, ROWS - 1); /* and then not all at once */
    retention_release(&x->retention);
}

static void nor_one_that_jumped_while_nobody_looked(void **state)
{
    struct fixture *x = *state;
    int64_t now_us = base_us + 40 * hour_us;
    add_rows(x, ROWS);
    begin(x, &(struct retention_options){.max_age_us = 100 * hour_us});
    run(x, now_us, 0);
    retention_release(&x->retention);
    begin(x, &(struct retention_options){.max_age_us = 100 * hour_us});
    run(x, now_us + 365 * 24 * hour_us, 10);
    assert_true(retention_count(&x->retention).is_held);
    assert_int_equal(count_readable(x), ROWS);
    retention_release(&x->retention);
    begin(x, &(struct retention_options){.max_age_us = 100 * hour_us});
    run(x, now_us + 6 * 24 * hour_us, 10); /* a week's holiday is believed */
    assert_false(retention_count(&x->retention).is_held);
    assert_true(count_readable(x) < ROWS);
    retention_release(&x->retention);
}

static void too_much_goes_and_the_disk_gets_it_back(void **state)
{
    struct fixture *x = *state;
    /* on PostgreSQL the empty partitions count, too */
    const int64_t max_bytes = place_is_postgres() ? 1600000 : 1400000;
    add_rows(x, ROWS);
    store_maintain(x->s.store);
    if (!place_is_postgres())
        assert_true(file_bytes(x) > 2400000);
    begin(x, &(struct retention_options){.max_bytes = max_bytes});
    for (int i = 0; i < 30; i++)
        run(x, base_us + 40 * hour_us, 60);
    size_t readable = count_readable(x);
    assert_in_range(readable, 10, 22);
    for (size_t i = 0; i < ROWS; i++) /* the oldest ones went */
        assert_int_equal(read_body(x, i), i < ROWS - readable ? ERR_GONE : ERR_OK);
    store_maintain(x->s.store);
    if (!place_is_postgres()) { /* which gives room back by itself, month by month */
        assert_true(scene_number(&x->s, "PRAGMA page_count") * scene_number(&x->s, "PRAGMA page_size") <=
                    max_bytes + (1 << 20) + 1024);
        assert_true(file_bytes(x) <= max_bytes + (1 << 20) + 1024);
    }
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM requests"), ROWS);
    assert_totals(&x->s);
    retention_release(&x->retention);
}

static void rows_go_later(void **state)
{
    struct fixture *x = *state;
    add_rows(x, ROWS);
    begin(x, &(struct retention_options){.rows_max_age_us = 20 * hour_us});
    for (int i = 0; i < 20; i++)
        run(x, base_us + 40 * hour_us, 3600);
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM requests"), 20);
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM blocks"), 20);
    assert_int_equal(retention_count(&x->retention).deleted_requests, 20);
    struct buf body;
    struct fail f = {0};
    buf_init(&body, 1 << 20);
    assert_int_equal(store_body(x->s.reader, &x->ids[0], BODY_REQUEST, &body, &f), ERR_NOT_FOUND);
    buf_release(&body);
    assert_int_equal(read_body(x, 30), ERR_OK);
    assert_totals(&x->s);
    retention_release(&x->retention);
}

static void numbers_only_grow(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    add_rows(x, 10);
    uint64_t next = store_next_block(x->s.store);
    int64_t dropped;
    do
        assert_int_equal(store_drop_blocks(x->s.store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    while (dropped);
    scene_close(&x->s);
    scene_open(&x->s);
    assert_true(store_next_block(x->s.store) >= next);
}

static void pieces_of_dropped_blocks_are_forgotten(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    struct piece_at at;
    for (uint64_t i = 0; i < 10; i++) {
        struct batch_maker *m = &x->s.maker;
        m->pieces[m->batch.piece_count++] = (struct batch_piece){{i, i, 600}, {m->block, 0, 600}, 0};
        add_row(x, base_us + (int64_t)i * hour_us, 0);
    }
    int64_t dropped;
    struct piece_cursor cursor = PIECE_CURSOR_START;
    bool more = true;
    assert_int_equal(store_drop_blocks(x->s.store, x->first + 5, INT64_MAX, &dropped, &f), ERR_OK);
    assert_true(dropped > 5 * BODY_BYTES);
    while (more)
        assert_int_equal(store_sweep_pieces(x->s.store, &cursor, &more, &f), ERR_OK);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(store_find_piece(x->s.store, &(struct piece_key){i, i, 600}, &at), i >= 5);
    assert_totals(&x->s);
    /* one that is stored anew is found where it is now */
    struct batch_maker *m = &x->s.maker;
    uint64_t block = m->block;
    m->pieces[m->batch.piece_count++] = (struct batch_piece){{7, 7, 600}, {block, 0, 600}, true};
    add_row(x, base_us + 11 * hour_us, 0);
    assert_true(store_find_piece(x->s.store, &(struct piece_key){7, 7, 600}, &at));
    assert_int_equal(at.block, block);
    assert_totals(&x->s);
}

/* The newest chain may still be written to, and is never cut in the middle. */
static void only_whole_chains_go(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    int64_t dropped;
    for (int i = 0; i < 12; i++) {
        struct record r = maker_record(base_us + i);
        maker_add(&x->s.maker, &r, STR("request"), STR("answer"));
        assert_int_equal(store_commit(x->s.store, maker_batch(&x->s.maker), &f), ERR_OK);
        maker_next(&x->s.maker);
        if (i % 4 == 3)
            chain_rest(&x->s.maker.chain);
    }
    assert_int_equal(store_drop_blocks(x->s.store, x->first + 3, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0);
    assert_int_equal(store_drop_blocks(x->s.store, x->first + 7, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(scene_number(&x->s, "SELECT min(number) FROM blocks"), x->first + 4);
    assert_int_equal(store_drop_blocks(x->s.store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(scene_number(&x->s, "SELECT min(number) FROM blocks"), x->first + 8);
    assert_int_equal(scene_number(&x->s, "SELECT floor FROM keeping"), x->first + 8);
    assert_totals(&x->s);
}

/* Where several proxies write to one database, what another one may be writing at stays. */
static void what_others_write_at_stays(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    char sql[256];
    int64_t dropped;
    if (!place_is_postgres())
        return; /* nobody else may write to a file */
    add_rows(x, 12);
    snprintf(sql, sizeof sql,
             "INSERT INTO writers (first_block, node, taken_us) VALUES (%llu, 'node-two', %lld),"
             " (%llu, 'node-three', %lld)",
             (unsigned long long)x->first + 7, (long long)clock_wall_us(),
             (unsigned long long)x->first + 2, (long long)(clock_wall_us() - 72 * hour_us));
    assert_int_equal(database_run(&x->s.store->db, sql, &f), ERR_OK);
    assert_int_equal(store_drop_blocks(x->s.store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(scene_number(&x->s, "SELECT min(number) FROM blocks"), x->first + 7); /* three has left */
    assert_int_equal(scene_number(&x->s, "SELECT floor FROM keeping"), x->first + 7);
    assert_totals(&x->s);
}

/* A month's blocks that are all too old and not too many go by dropping their table. */
static void a_month_goes_at_once(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    const char *kept = "SELECT count(to_regclass('blocks_2020_03'))";
    int64_t dropped;
    if (!place_is_postgres())
        skip();
    uint64_t now = x->s.maker.block, march = UINT64_C(242) << 51; /* months since 2000 */
    x->s.maker.block = march + 5;
    for (int i = 0; i < 5; i++)
        add_row(x, base_us + i * hour_us, 0);
    x->s.maker.block = now;
    add_rows(x, 5);
    assert_int_equal(scene_number(&x->s, kept), 1);
    assert_int_equal(store_drop_file(x->s.store, now, 1000, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0); /* too much at once */
    assert_int_equal(store_drop_file(x->s.store, march + 9, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0); /* not all of it is too old */
    assert_int_equal(store_drop_file(x->s.store, now, INT64_MAX, &dropped, &f), ERR_OK);
    assert_true(dropped > 5 * BODY_BYTES);
    assert_int_equal(scene_number(&x->s, kept), 0);
    assert_int_equal(store_drop_file(x->s.store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0); /* this month's stays */
    assert_totals(&x->s);
    for (size_t i = 0; i < x->count; i++)
        assert_int_equal(read_body(x, i), i < 5 ? ERR_GONE : ERR_OK);
}

/* What another proxy is writing is not dropped, however old its numbers look. */
static void others_are_not_cut_off(void **state)
{
    struct fixture *x = *state;
    struct fixture other = {.s.place = x->s.place, .seed = 7};
    int64_t dropped;
    struct fail f = {0};
    if (!place_is_postgres())
        skip();
    other.s.place.options.node = "node-two";
    scene_open(&other.s);
    add_rows(x, 3);
    for (int i = 0; i < 3; i++)
        add_row(&other, base_us + (100 + i) * hour_us, 0);
    assert_int_equal(store_drop_blocks(other.s.store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0); /* ours come first, and we go on writing */
    assert_int_equal(store_drop_blocks(x->s.store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_true(dropped > 2 * BODY_BYTES); /* all of ours; none of theirs */
    assert_int_equal(count_readable(&other), 3);
    for (size_t i = 0; i < other.count; i++)
        free((char *)other.bodies[i].ptr);
    scene_close(&other.s);
    assert_totals(&x->s);
}

static void a_run_that_fails_is_counted_and_made_again(void **state)
{
    struct fixture *x = *state;
    struct database *db = &x->s.store->db;
    struct fail f = {0};
    uint64_t before = loss_read(LOSS_RETENTION_FAILED).since_start;
    add_rows(x, 20);
    begin(x, &(struct retention_options){.max_age_us = hour_us});
    assert_int_equal(database_run(db, "ALTER TABLE keeping RENAME TO elsewhere", &f), ERR_OK);
    run(x, base_us + 40 * hour_us, 0);
    assert_int_equal(loss_read(LOSS_RETENTION_FAILED).since_start, before + 1);
    assert_int_equal(retention_count(&x->retention).runs, 0);
    assert_int_equal(database_run(db, "ALTER TABLE elsewhere RENAME TO keeping", &f), ERR_OK);
    assert_int_equal(count_readable(x), 20);
    run(x, base_us + 40 * hour_us, RETENTION_SOON_S);
    assert_int_equal(loss_read(LOSS_RETENTION_FAILED).since_start, before + 1);
    assert_int_equal(retention_count(&x->retention).runs, 1);
    assert_in_range(count_readable(x), 16, 19);
    retention_release(&x->retention);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(old_bodies_go_a_tenth_at_a_time), TEST(what_a_young_body_needs_stays),
        TEST(never_without_being_asked), TEST(a_clock_that_jumps_is_not_believed_for_a_day),
        TEST(nor_one_that_jumped_while_nobody_looked),
        TEST(too_much_goes_and_the_disk_gets_it_back), TEST(rows_go_later),
        TEST(numbers_only_grow), TEST(pieces_of_dropped_blocks_are_forgotten),
        TEST(only_whole_chains_go), TEST(what_others_write_at_stays), TEST(a_month_goes_at_once),
        TEST(others_are_not_cut_off), TEST(a_run_that_fails_is_counted_and_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
