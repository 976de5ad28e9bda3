/*
 * test_database.c — statements that are asked again in the same words.
 */
#include "check.h"

#include <stdio.h>

#include "base/log.h"
#include "store_scene.h"
#include "store/reader.h"

static const int64_t base_us = INT64_C(1795000000000000);

static int setup(void **state)
{
    struct fail f = {0};
    scene_setup(state);
    struct store_scene *x = *state;
    assert_int_equal(reader_go_on(x->reader, &f), ERR_OK);
    return 0;
}

static struct statement *prepare(struct store_scene *x, const char *sql)
{
    struct statement *q;
    struct fail f = {0};
    assert_int_equal(database_prepare(&x->reader->db, sql, &q, &f), ERR_OK);
    return q;
}

static void assert_number(struct statement *q, int64_t want)
{
    enum err err;
    struct fail f = {0};
    assert_true(statement_next(q, &err, &f));
    assert_int_equal(column_number(q, 0), want);
}

static const char number_sql[] = "SELECT CAST(? AS bigint), CAST(? AS bigint)";

static void the_same_words_are_one_statement(void **state)
{
    struct store_scene *x = *state;
    struct statement *first = NULL;
    enum err err;
    for (int i = 0; i < 4; i++) { /* the second one is the first that a server prepares */
        struct statement *q = prepare(x, number_sql);
        assert_true(!first || q == first);
        first = q;
        bind_number(q, 1, i);
        if (i == 0)
            bind_number(q, 2, 7);
        assert_number(q, i);
        assert_int_equal(column_is_null(q, 1), i > 0); /* nothing of what was bound before is left */
        if (i % 2)
            assert_false(statement_next(q, &err, NULL));
        statement_free(q);
    }
}

static void who_asks_within_gets_another(void **state)
{
    struct store_scene *x = *state;
    struct statement *a = prepare(x, number_sql), *b = prepare(x, number_sql);
    assert_ptr_not_equal(a, b);
    bind_number(a, 1, 1);
    bind_number(b, 1, 2);
    assert_number(a, 1);
    assert_number(b, 2);
    assert_int_equal(column_number(a, 0), 1);
    statement_free(a);
    statement_free(b);
}

static int64_t prepared_on_server(struct store_scene *x)
{
    return database_number(&x->reader->db, "SELECT count(*) FROM pg_prepared_statements", -1);
}

static void no_more_are_kept_than_it_says(void **state)
{
    struct store_scene *x = *state;
    char sql[40];
    for (int i = 0; i < STATEMENTS_KEPT * 3; i++)
        for (int again = 0; again < 3; again++) {
            snprintf(sql, sizeof sql, "SELECT CAST(? AS bigint) + %d", i);
            struct statement *q = prepare(x, sql);
            bind_number(q, 1, again);
            assert_number(q, i + again);
            statement_free(q);
        }
    assert_int_equal(x->reader->db.kept_count, STATEMENTS_KEPT);
    if (place_is_postgres())
        assert_in_range(prepared_on_server(x), STATEMENTS_KEPT - 1, STATEMENTS_KEPT + READ_STATEMENTS);
}

/* A question that is stopped each time is not prepared anew each time. */
static void what_took_too_long_stays_prepared(void **state)
{
    struct store_scene *x = *state;
    struct fail f = {0};
    enum err err;
    if (!place_is_postgres())
        skip();
    int64_t before = prepared_on_server(x);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(database_limit(&x->reader->db, 1, &f), ERR_OK);
        struct statement *q = prepare(x, "SELECT 1 FROM pg_sleep(CAST(? AS bigint))");
        bind_number(q, 1, 60);
        assert_false(statement_next(q, &err, &f));
        assert_int_equal(err, ERR_TIMEOUT);
        statement_free(q);
        assert_int_equal(database_limit(&x->reader->db, READ_LIMIT_MS, &f), ERR_OK);
    }
    assert_int_equal(prepared_on_server(x), before + 1 + 1); /* this one and what counts */
}

/* It was never prepared, and is asked again nevertheless. */
static void what_comes_behind_a_failure_can_be_asked_again(void **state)
{
    struct store_scene *x = *state;
    struct fail f = {0};
    enum err err;
    for (int i = 0; i < 4; i++) {
        struct statement *first = prepare(x, "SELECT CAST(? AS bigint) / CAST(? AS bigint)");
        struct statement *q = prepare(x, number_sql);
        bind_number(first, 1, 1);
        bind_number(first, 2, i != 1); /* by zero */
        bind_number(q, 1, i);
        assert_int_equal(statement_ask(first, &f), ERR_OK);
        assert_int_equal(statement_ask(q, &f), ERR_OK);
        bool fails = !statement_next(first, &err, &f);
        assert_int_equal(fails, i == 1 && place_is_postgres());
        if (!fails)
            assert_number(q, i);
        statement_free(first);
        statement_free(q);
    }
}

/* NULL has no type, and what has one is prepared anew; what was prepared before goes. */
static void what_is_prepared_anew_takes_the_place_of_the_old(void **state)
{
    struct store_scene *x = *state;
    if (!place_is_postgres())
        skip();
    int64_t before = prepared_on_server(x);
    for (int i = 0; i < 9; i++) {
        struct statement *q = prepare(x, number_sql);
        bind_number(q, 1, i);
        if (i % 3 == 1)
            bind_double(q, 2, 0.5);
        else if (i % 3 == 2)
            bind_number(q, 2, i);
        assert_number(q, i);
        statement_free(q);
    }
    assert_int_equal(prepared_on_server(x), before + 1 + 1); /* this one and what counts */
}

static void run(struct store_scene *x, const char *sql)
{
    char in_schema[256];
    snprintf(in_schema, sizeof in_schema, "SET search_path = %s; %s", x->place.schema, sql);
    place_run(&x->place, in_schema);
}

/* A server that lost something takes over, and the first connection to it fails half-way. */
static void a_set_back_is_told_though_late(void **state)
{
    struct store_scene *x = *state;
    struct fail f = {0};
    enum err err;
    if (!place_is_postgres())
        skip();
    struct record r = maker_record(base_us);
    maker_add(&x->maker, &r, STR("request"), STR("answer"));
    scene_commit(x);
    run(x, "ALTER TABLE writers RENAME TO taken_away");
    err = database_run(&x->store->db, "SELECT pg_terminate_backend(pg_backend_pid())", &f);
    assert_int_equal(err, ERR_DATABASE_AWAY);
    r = maker_record(base_us + 1);
    maker_add(&x->maker, &r, STR("request"), STR("answer"));
    const struct batch *b = maker_batch(&x->maker);
    assert_int_equal(store_commit(x->store, b, &f), ERR_INTERNAL);
    run(x, "ALTER TABLE taken_away RENAME TO writers; DELETE FROM writers");
    assert_int_equal(store_commit(x->store, b, &f), ERR_GONE);
    assert_int_equal(store_commit(x->store, b, &f), ERR_OK); /* told once */
}

int main(void)
{
    log_setup(LOG_WARN, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_words_are_one_statement, setup, scene_teardown),
        cmocka_unit_test_setup_teardown(who_asks_within_gets_another, setup, scene_teardown),
        cmocka_unit_test_setup_teardown(no_more_are_kept_than_it_says, setup, scene_teardown),
        cmocka_unit_test_setup_teardown(what_took_too_long_stays_prepared, setup, scene_teardown),
        cmocka_unit_test_setup_teardown(what_comes_behind_a_failure_can_be_asked_again, setup, scene_teardown),
        cmocka_unit_test_setup_teardown(what_is_prepared_anew_takes_the_place_of_the_old, setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_set_back_is_told_though_late, setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
