/*
 * test_retention.c — what is too old or too much leaves the store, and nothing else does.
 */
#include "check.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "batches.h"
#include "place.h"
#include "store/retention.h"
#include "store/store_private.h"

enum { ROWS = 40, BODY_BYTES = 60000 };

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000; /* a whole hour in 2026 */
static const int64_t hour_us = INT64_C(3600) * 1000000;
static const uint64_t second_ns = 1000000000;

struct fixture {
    struct place place;
    uint64_t first; /* block */
    struct store *store;
    struct store_reader *reader;
    struct batch_maker maker;
    struct retention retention;
    uint64_t mono_ns;
    uint64_t seed;
    struct uuid ids[ROWS];
    struct str bodies[ROWS];
    size_t count;
};

static void open_it(struct fixture *x)
{
    struct fail f = {0};
    assert_int_equal(store_open(&x->store, &x->place.options, &f), ERR_OK);
    x->reader = store_reader_new(x->store);
    maker_init(&x->maker, x->store);
}

static void close_it(struct fixture *x)
{
    maker_release(&x->maker);
    store_reader_free(x->reader);
    store_close(x->store);
}

static int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    place_make(&x->place);
    x->mono_ns = 1000 * second_ns;
    x->seed = 42;
    open_it(x);
    x->first = store_next_block(x->store);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    close_it(x);
    for (size_t i = 0; i < x->count; i++)
        free((char *)x->bodies[i].ptr);
    place_remove(&x->place);
    free(x);
    return 0;
}

/* Bytes that no compression makes smaller. */
static struct str random_body(struct fixture *x, size_t len)
{
    char *bytes = mem_alloc(len);
    for (size_t i = 0; i < len; i++) {
        x->seed = x->seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (char)(x->seed >> 56);
    }
    return str_make(bytes, len);
}

/* One request in a chain of its own; `reach`: it needs that many blocks before its own too. */
static void add_row(struct fixture *x, int64_t started_us, uint64_t reach)
{
    struct fail f = {0};
    struct record r = maker_record(started_us);
    r.id = uuid_floor(started_us);
    r.id.bytes[15] = (uint8_t)x->count;
    x->ids[x->count] = r.id;
    x->bodies[x->count] = random_body(x, BODY_BYTES);
    maker_add(&x->maker, &r, x->bodies[x->count++], STR("answer"));
    x->maker.rows[x->maker.batch.row_count - 1].oldest_block = x->maker.block - reach;
    assert_int_equal(store_commit(x->store, maker_batch(&x->maker), &f), ERR_OK);
    maker_next(&x->maker);
    chain_rest(&x->maker.chain);
}

static void add_rows(struct fixture *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_row(x, base_us + (int64_t)i * hour_us, 0);
}

static void begin(struct fixture *x, const struct retention_options *o)
{
    retention_init(&x->retention, x->store, NULL, o);
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
    struct buf body;
    struct fail f = {0};
    buf_init(&body, 1 << 20);
    enum err err = store_body(x->reader, &x->ids[i], BODY_REQUEST, &body, &f);
    if (!err)
        assert_str_equal(buf_str(&body), x->bodies[i]);
    buf_release(&body);
    return err;
}

static bool has_aged_out(struct fixture *x, size_t i)
{
    struct arena arena;
    struct record row;
    struct record_detail detail;
    struct fail f = {0};
    arena_init(&arena);
    assert_int_equal(store_get(x->reader, &x->ids[i], &arena, &row, &detail, &f), ERR_OK);
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

static int64_t number(struct fixture *x, const char *sql)
{
    return database_number(&x->store->db, sql, -1);
}

static int64_t file_bytes(struct fixture *x)
{
    struct stat st;
    assert_int_equal(stat(x->place.where, &st), 0);
    return st.st_size;
}

static void assert_totals(struct fixture *x)
{
    assert_int_equal(number(x, "SELECT blocks FROM totals"),
                     number(x, "SELECT count(*) FROM blocks"));
    assert_int_equal(number(x, "SELECT stored_bytes FROM totals"),
                     number(x, "SELECT coalesce(sum(length(data)), 0) FROM blocks"));
    assert_int_equal(number(x, "SELECT requests FROM totals"),
                     number(x, "SELECT count(*) FROM requests"));
    assert_int_equal(number(x, "SELECT pieces FROM totals"),
                     number(x, "SELECT count(*) FROM pieces"));
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
    assert_int_equal(number(x, "SELECT count(*) FROM requests"), ROWS);
    assert_totals(x);
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
    assert_totals(x);
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
    store_maintain(x->store);
    if (!place_is_postgres())
        assert_true(file_bytes(x) > 2400000);
    begin(x, &(struct retention_options){.max_bytes = max_bytes});
    for (int i = 0; i < 30; i++)
        run(x, base_us + 40 * hour_us, 60);
    size_t readable = count_readable(x);
    assert_in_range(readable, 10, 22);
    for (size_t i = 0; i < ROWS; i++) /* the oldest ones went */
        assert_int_equal(read_body(x, i), i < ROWS - readable ? ERR_GONE : ERR_OK);
    store_maintain(x->store);
    if (!place_is_postgres()) { /* which gives room back by itself, month by month */
        assert_true(number(x, "PRAGMA page_count") * number(x, "PRAGMA page_size") <= max_bytes + (1 << 20) + 1024);
        assert_true(file_bytes(x) <= max_bytes + (1 << 20) + 1024);
    }
    assert_int_equal(number(x, "SELECT count(*) FROM requests"), ROWS);
    assert_totals(x);
    retention_release(&x->retention);
}

static void rows_go_later(void **state)
{
    struct fixture *x = *state;
    add_rows(x, ROWS);
    begin(x, &(struct retention_options){.rows_max_age_us = 20 * hour_us});
    for (int i = 0; i < 20; i++)
        run(x, base_us + 40 * hour_us, 3600);
    assert_int_equal(number(x, "SELECT count(*) FROM requests"), 20);
    assert_int_equal(number(x, "SELECT count(*) FROM blocks"), 20);
    assert_int_equal(retention_count(&x->retention).deleted_requests, 20);
    struct buf body;
    struct fail f = {0};
    buf_init(&body, 1 << 20);
    assert_int_equal(store_body(x->reader, &x->ids[0], BODY_REQUEST, &body, &f), ERR_NOT_FOUND);
    buf_release(&body);
    assert_int_equal(read_body(x, 30), ERR_OK);
    assert_totals(x);
    retention_release(&x->retention);
}

static void numbers_only_grow(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    add_rows(x, 10);
    uint64_t next = store_next_block(x->store);
    int64_t dropped;
    do
        assert_int_equal(store_drop_blocks(x->store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    while (dropped);
    close_it(x);
    open_it(x);
    assert_true(store_next_block(x->store) >= next);
}

static void pieces_of_dropped_blocks_are_forgotten(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    struct piece_at at;
    for (uint64_t i = 0; i < 10; i++) {
        struct batch_maker *m = &x->maker;
        m->pieces[m->batch.piece_count++] = (struct batch_piece){{i, i, 600}, {m->block, 0, 600}, 0};
        add_row(x, base_us + (int64_t)i * hour_us, 0);
    }
    int64_t dropped;
    struct piece_cursor cursor = PIECE_CURSOR_START;
    bool more = true;
    assert_int_equal(store_drop_blocks(x->store, x->first + 5, INT64_MAX, &dropped, &f), ERR_OK);
    assert_true(dropped > 5 * BODY_BYTES);
    while (more)
        assert_int_equal(store_sweep_pieces(x->store, &cursor, &more, &f), ERR_OK);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(store_find_piece(x->store, &(struct piece_key){i, i, 600}, &at), i >= 5);
    assert_totals(x);
    /* one that is stored anew is found where it is now */
    struct batch_maker *m = &x->maker;
    uint64_t block = m->block;
    m->pieces[m->batch.piece_count++] = (struct batch_piece){{7, 7, 600}, {block, 0, 600}, true};
    add_row(x, base_us + 11 * hour_us, 0);
    assert_true(store_find_piece(x->store, &(struct piece_key){7, 7, 600}, &at));
    assert_int_equal(at.block, block);
    assert_totals(x);
}

/* The newest chain may still be written to, and is never cut in the middle. */
static void only_whole_chains_go(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    int64_t dropped;
    for (int i = 0; i < 12; i++) {
        struct record r = maker_record(base_us + i);
        maker_add(&x->maker, &r, STR("request"), STR("answer"));
        assert_int_equal(store_commit(x->store, maker_batch(&x->maker), &f), ERR_OK);
        maker_next(&x->maker);
        if (i % 4 == 3)
            chain_rest(&x->maker.chain);
    }
    assert_int_equal(store_drop_blocks(x->store, x->first + 3, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0);
    assert_int_equal(store_drop_blocks(x->store, x->first + 7, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(number(x, "SELECT min(number) FROM blocks"), x->first + 4);
    assert_int_equal(store_drop_blocks(x->store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(number(x, "SELECT min(number) FROM blocks"), x->first + 8);
    assert_int_equal(number(x, "SELECT floor FROM keeping"), x->first + 8);
    assert_totals(x);
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
    assert_int_equal(database_run(&x->store->db, sql, &f), ERR_OK);
    assert_int_equal(store_drop_blocks(x->store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(number(x, "SELECT min(number) FROM blocks"), x->first + 7); /* three has left */
    assert_int_equal(number(x, "SELECT floor FROM keeping"), x->first + 7);
    assert_totals(x);
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
    uint64_t now = x->maker.block, march = UINT64_C(242) << 51; /* months since 2000 */
    x->maker.block = march + 5;
    for (int i = 0; i < 5; i++)
        add_row(x, base_us + i * hour_us, 0);
    x->maker.block = now;
    add_rows(x, 5);
    assert_int_equal(number(x, kept), 1);
    assert_int_equal(store_drop_file(x->store, now, 1000, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0); /* too much at once */
    assert_int_equal(store_drop_file(x->store, march + 9, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0); /* not all of it is too old */
    assert_int_equal(store_drop_file(x->store, now, INT64_MAX, &dropped, &f), ERR_OK);
    assert_true(dropped > 5 * BODY_BYTES);
    assert_int_equal(number(x, kept), 0);
    assert_int_equal(store_drop_file(x->store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0); /* this month's stays */
    assert_totals(x);
    for (size_t i = 0; i < x->count; i++)
        assert_int_equal(read_body(x, i), i < 5 ? ERR_GONE : ERR_OK);
}

/* What another proxy is writing is not dropped, however old its numbers look. */
static void others_are_not_cut_off(void **state)
{
    struct fixture *x = *state;
    struct fixture other = {.place = x->place, .seed = 7};
    int64_t dropped;
    struct fail f = {0};
    if (!place_is_postgres())
        skip();
    other.place.options.node = "node-two";
    open_it(&other);
    add_rows(x, 3);
    for (int i = 0; i < 3; i++)
        add_row(&other, base_us + (100 + i) * hour_us, 0);
    assert_int_equal(store_drop_blocks(other.store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_int_equal(dropped, 0); /* ours come first, and we go on writing */
    assert_int_equal(store_drop_blocks(x->store, UINT64_MAX, INT64_MAX, &dropped, &f), ERR_OK);
    assert_true(dropped > 2 * BODY_BYTES); /* all of ours; none of theirs */
    assert_int_equal(count_readable(&other), 3);
    for (size_t i = 0; i < other.count; i++)
        free((char *)other.bodies[i].ptr);
    close_it(&other);
    assert_totals(x);
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
        TEST(others_are_not_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
