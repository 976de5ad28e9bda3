/*
 * test_stats.c — the statistics agree with the rows and with each other: random requests, then
 * every division, filter and range against sums made by hand from the list.
 */
#include "stats_scene.h"

static const struct request_filter filters[] = {
    {.model = {"claude-opus-5", 13}},
    {.provider = {"openai", 6}},
    {.status = 529},
    {.status = 4},
    {.has_state = true, .state = ENDING_UPSTREAM_ERROR},
    {.agent_id = {"main", 4}},
    {.agent_id = {"sub", 3}},
    {.agent_type = {"Explore", 7}},
    {.agent_type = {"unknown", 7}},
    {.project = {"/home/me/blog", 13}},
    {.project = {"/never/seen", 11}},
    {.model = {"claude-haiku-5-5", 16}, .project = {"/home/me/shop", 13}, .status = 2},
    {.session_id = {"s-2", 3}},
    {.session_id = {"s-1", 3}, .agent_type = {"Explore", 7}, .model = {"nobody-knows", 12}},
    {.agent_id = {"a1", 2}},
    {.tool = {"Read", 4}},
    {.q = {"haiku", 5}, .status = 2},
};

static void sums_are_the_rows_sums(void **state)
{
    struct fixture *x = *state;
    has_deleted = false;
    check_all(x, &(struct request_filter){0});
    fill(x);
    check_all(x, &(struct request_filter){0});
    for (size_t i = 0; i < COUNT_OF(filters); i++)
        check_all(x, &filters[i]);
}

static void any_range(void **state)
{
    struct fixture *x = *state;
    fill(x);
    for (int i = 0; i < 12; i++) {
        struct request_filter filter = filters[roll(x, COUNT_OF(filters))];
        if (roll(x, 2))
            filter = (struct request_filter){0};
        filter.start_us = base_us / hour_us * hour_us + (int64_t)roll(x, 24 * 60) * hour_us;
        filter.end_us = filter.start_us + (int64_t)(1 + roll(x, 24 * 40)) * hour_us;
        check_division(x, &filter, STATS_TOTAL, 0);
        check_division(x, &filter, STATS_BY_MODEL, 0);
        check_division(x, &filter, STATS_BY_HOUR, 0);
        check_division(x, &filter, STATS_BY_DAY, (int)roll(x, 27) * 60 - 12 * 60);
    }
}

static void erase(struct fixture *x, const struct request_filter *filter, int64_t until_us)
{
    struct fail f = {0};
    struct eraser eraser;
    struct uuid until = uuid_floor(until_us);
    bool more = true;
    has_deleted = true;
    eraser_init(&eraser, x->s.store, NULL, x->s.reader, ERASE_MARKS_NOTHING);
    while (more)
        assert_int_equal(eraser_step(&eraser, filter, &until, ERASE_STEP_ROWS, &more, &f), ERR_OK);
    assert_true(eraser.deleted > 0);
}

static void what_is_deleted_leaves_the_sums(void **state)
{
    static const struct request_filter nothing;
    struct fixture *x = *state;
    int64_t end_us = base_us + 24 * 71 * hour_us;
    fill(x);
    erase(x, &filters[0], end_us); /* what one asks to be deleted */
    check_all(x, &nothing);
    check_all(x, &filters[3]);
    erase(x, &nothing, base_us + 24 * 20 * hour_us); /* what is too old */
    check_all(x, &nothing);
    fill(x);
    check_all(x, &nothing);
    check_all(x, &filters[8]);
    erase(x, &nothing, end_us);
    check_all(x, &nothing);
    struct store_size size;
    struct fail f = {0};
    assert_int_equal(store_measure(x->s.reader, &size, &f), ERR_OK);
    assert_int_equal(size.requests, 0);
    assert_int_equal(database_number(&x->s.store->db, "SELECT count(*) FROM rollups", -1), 0);
}

static void a_store_opened_again_goes_on(void **state)
{
    struct fixture *x = *state;
    fill(x);
    scene_close(&x->s);
    scene_open(&x->s);
    fill(x);
    check_all(x, &(struct request_filter){0});
}

static void check_session(const struct session_row *row, void *owner)
{
    struct by_hand *hand = owner;
    char key[80];
    snprintf(key, sizeof key, "%.*s", STR_ARGS(row->session_id));
    const struct line *line = line_of(hand, key);
    assert_int_equal(row->request_count, line->requests);
    assert_int_equal(row->error_count, line->failures);
    assert_memory_equal(&row->usage, line->usage, sizeof row->usage);
    assert_int_equal(row->cost_usd_micro, line->cost);
    assert_int_equal(row->unknown_cost_count, line->unknown);
}

static void sessions_agree(void **state)
{
    static struct by_hand hand = {.by = BY_SESSION};
    struct fixture *x = *state;
    struct fail f = {0};
    fill(x);
    erase(x, &filters[1], base_us + 24 * 71 * hour_us);
    sum_by_hand(x, &(struct request_filter){0}, &hand);
    assert_int_equal(hand.count, COUNT_OF(sessions));
    assert_int_equal(store_find_sessions(x->s.reader, &(struct thread_filter){0}, 100, check_session,
                                         &hand, &f), ERR_OK);
    assert_int_equal(hand.count, COUNT_OF(sessions));
    by_hand_clear(&hand);
}

/* What has no room in its hour is summed as "(other)"; nothing is lost, and nothing grows. */
static void strange_models_are_summed_up(void **state)
{
    struct fixture *x = *state;
    enum { MORE = 12 };
    int64_t requests = 0;
    for (int batch = 0; batch < MORE; batch++) {
        for (int i = 0; i < MAKER_ROWS; i++, requests++) {
            char model[32];
            snprintf(model, sizeof model, "model-%d-%d", batch, i);
            struct record r = maker_record(base_us);
            r.model = str_of(model);
            maker_add(&x->s.maker, &r, STR("a"), STR("b"));
            x->s.maker.rows[x->s.maker.batch.row_count - 1].record.model =
                str_of(strdup(model)); /* as the batch outlives this loop */
        }
        scene_commit(&x->s);
        for (size_t i = 0; i < MAKER_ROWS; i++)
            free((char *)x->s.maker.rows[i].record.model.ptr);
    }
    static struct by_hand hand;
    hand.by = STATS_TOTAL;
    sum_by_hand(x, &(struct request_filter){0}, &hand);
    assert_int_equal(hand.lines[0].requests, requests);
    by_hand_clear(&hand);
    check_division(x, &(struct request_filter){0}, STATS_TOTAL, 0);
    check_division(x, &(struct request_filter){0}, STATS_BY_HOUR, 0);
}

#define FIXED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXED(sums_are_the_rows_sums),
        FIXED(any_range),
        FIXED(what_is_deleted_leaves_the_sums),
        FIXED(a_store_opened_again_goes_on),
        FIXED(sessions_agree),
        FIXED(strange_models_are_summed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
