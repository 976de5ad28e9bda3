/*
 * test_api_delete.c — requests are deleted through the API, and its figures of the store, over a
 * real store.
 */
#include "api_scene.h"

#include "../store/batches.h"
#include "base/clock.h"

enum { ROWS = 12 };

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000;
static const int64_t hour_us = INT64_C(3600) * 1000000;

/* --- an indexer in which one request runs --- */

static struct record running;

void indexer_each_running(struct indexer *x, indexer_running_fn *fn, void *owner)
{
    (void)x;
    fn(&running, owner);
}

enum err indexer_running_body(struct indexer *x, const struct uuid *id, bool is_response,
                              struct buf *out)
{
    (void)x, (void)id, (void)is_response, (void)out;
    return ERR_NOT_FOUND;
}

enum err indexer_running_get(struct indexer *x, const struct uuid *id, struct arena *arena,
                             struct record *row, struct record_detail *detail,
                             bool *is_stored_soon)
{
    (void)x, (void)arena, (void)detail, (void)is_stored_soon;
    *row = running;
    return uuid_equal(id, &running.id) ? ERR_OK : ERR_NOT_FOUND;
}

void indexer_count(struct indexer *x, struct indexer_counters *out)
{
    (void)x;
    *out = (struct indexer_counters){.lag_bytes = 77};
}

/* --- the scene --- */

static struct batch_maker maker;
static struct uuid ids[ROWS];
static int told; /* how often the owner heard that requests were deleted */

static uint64_t none(void *owner)
{
    (void)owner;
    return 0;
}

static bool ends_now; /* after each step */

static bool is_draining(void *owner)
{
    (void)owner;
    return ends_now;
}

static void deleted(void *owner)
{
    ++*(int *)owner;
}

static void upkeep(void *owner, struct api_upkeep *out)
{
    (void)owner;
    *out = (struct api_upkeep){.max_age_ms = 5000,
                               .runs = 3,
                               .ran_us = base_us,
                               .is_held = true,
                               .disk_free_bytes = -1,
                               .reserve_bytes = 9};
}

/* Every other row is of another model. */
static void add_rows(struct store *store)
{
    struct fail f = {0};
    for (int i = 0; i < ROWS; i++) {
        struct record r = maker_record(base_us + i * hour_us);
        r.id = uuid_floor(r.started_us);
        r.model = i % 2 ? STR("odd") : STR("even");
        r.session_id = i < 2 ? STR("pair") : STR_NONE;
        ids[i] = r.id;
        maker_add(&maker, &r, STR("request"), STR("answer"));
    }
    assert_int_equal(store_commit(store, maker_batch(&maker), &f), ERR_OK);
    maker_next(&maker);
}

static int setup(void **state)
{
    struct scene *s = MEM_NEW(struct scene);
    told = 0;
    ends_now = false;
    scene_open_store(s);
    maker_init(&maker, s->store);
    add_rows(s->store);
    running = maker_record(base_us);
    running.state = ENDING_RUNNING;
    const struct api_options options = {.store = s->store,
                                        .version = "1",
                                        .owner = &told,
                                        .is_draining = is_draining,
                                        .lost_frames = none,
                                        .deleted = deleted,
                                        .upkeep = upkeep};
    s->api = api_new(&options);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    scene_release(s);
    maker_release(&maker);
    scene_close_store(s);
    free(s);
    return 0;
}

static void ask_id(struct scene *s, int status, const char *method, const struct uuid *id)
{
    char text[UUID_TEXT];
    struct str target = arena_printf(&s->arena, "/api/requests/%s", uuid_format(id, text));
    ask_with(s, status, method, target.ptr, NULL);
}

static void assert_left(struct scene *s, int count)
{
    ask(s, 200, "/api/requests?state=complete");
    assert_int_equal(yyjson_get_int(at(s, "/total")), count);
    ask(s, 200, "/api/stats");
    assert_int_equal(yyjson_get_int(at(s, "/total/request_count")), count);
    assert_int_equal(yyjson_get_int(at(s, "/storage/requests")), count);
}

/* --- tests --- */

static void nothing_goes_without_confirmation(void **state)
{
    struct scene *s = *state;
    ask_with(s, 400, "DELETE", "/api/requests", NULL);
    assert_string_equal(text_at(s, "/error/field"), "X-Confirm-Delete");
    ask_with(s, 400, "DELETE", "/api/requests", "matching"); /* a filter was meant, and forgotten */
    ask_with(s, 400, "DELETE", "/api/requests?model=odd", "all");
    ask_with(s, 400, "DELETE", "/api/requests?model=odd", NULL);
    ask_with(s, 400, "DELETE", "/api/requests?limit=1", "matching");
    ask_with(s, 400, "DELETE", "/api/requests?modle=odd", "matching");
    assert_left(s, ROWS);
    assert_int_equal(told, 0);
}

static void add_row(struct store *store, int64_t started_us)
{
    struct fail f = {0};
    struct record r = maker_record(started_us);
    maker_add(&maker, &r, STR("request"), STR("answer"));
    assert_int_equal(store_commit(store, maker_batch(&maker), &f), ERR_OK);
    maker_next(&maker);
}

/* What is recorded while it goes on in several answers stays. */
static void the_next_answer_has_the_same_end(void **state)
{
    struct scene *s = *state;
    enum { MORE = 300 };
    for (int i = 0; i < MORE; i++)
        add_row(s->store, base_us + i);
    ends_now = true;
    ask_with(s, 200, "DELETE", "/api/requests", "all");
    assert_false(yyjson_get_bool(at(s, "/done")));
    int first = (int)yyjson_get_int(at(s, "/deleted"));
    assert_in_range(first, 1, ROWS + MORE - 1);
    char again[96];
    snprintf(again, sizeof again, "/api/requests?end=%s", text_at(s, "/end"));
    add_row(s->store, clock_wall_us());
    ask_with(s, 200, "DELETE", again, "matching");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), ROWS + MORE - first);
    assert_true(yyjson_get_bool(at(s, "/done")));
    assert_left(s, 1);
}

static void all_of_them_go(void **state)
{
    struct scene *s = *state;
    ask_with(s, 200, "DELETE", "/api/requests", "all");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), ROWS);
    assert_true(yyjson_get_bool(at(s, "/done")));
    assert_int_equal(told, 1);
    assert_left(s, 0);
    ask(s, 200, "/api/sessions");
    assert_int_equal(yyjson_arr_size(at(s, "/sessions")), 0);
    ask_with(s, 200, "DELETE", "/api/requests", "all");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), 0);
    assert_int_equal(told, 1);
}

static void those_that_match_go(void **state)
{
    struct scene *s = *state;
    ask_with(s, 200, "DELETE", "/api/requests?model=odd", "matching");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), ROWS / 2);
    assert_left(s, ROWS / 2);
    ask(s, 200, "/api/requests?model=odd");
    assert_int_equal(yyjson_get_int(at(s, "/total")), 0);
    ask(s, 200, "/api/sessions"); /* one of its two requests is left */
    assert_int_equal(yyjson_get_int(at(s, "/sessions/0/request_count")), 1);
    char time[40], end[96];
    snprintf(end, sizeof end, "/api/requests?end=%s", clock_format(base_us + 5 * hour_us, time));
    ask_with(s, 200, "DELETE", end, "matching");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), 3); /* 0, 2 and 4 */
    assert_left(s, ROWS / 2 - 3);
}

static void one_goes(void **state)
{
    struct scene *s = *state;
    ask_id(s, 200, "DELETE", &ids[3]);
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), 1);
    assert_left(s, ROWS - 1);
    ask_id(s, 404, "GET", &ids[3]);
    ask_id(s, 404, "DELETE", &ids[3]);
    ask_id(s, 200, "GET", &ids[4]);
    ask_id(s, 409, "DELETE", &running.id);
    assert_string_equal(text_at(s, "/error/code"), "running");
}

static void addresses_tell_all_their_methods(void **state)
{
    struct scene *s = *state;
    ask_with(s, 405, "POST", "/api/requests", NULL);
    assert_true(fake_has(&s->call.headers, "Allow: GET, HEAD, DELETE\r\n"));
    ask_with(s, 405, "DELETE", "/api/storage", NULL);
    assert_true(fake_has(&s->call.headers, "Allow: GET, HEAD\r\n"));
}

static void figures_are_told(void **state)
{
    struct scene *s = *state;
    ask(s, 200, "/api/storage");
    assert_string_equal(text_at(s, "/engine"), "sqlite");
    assert_int_equal(yyjson_get_int(at(s, "/requests")), ROWS);
    assert_int_equal(yyjson_get_int(at(s, "/raw_bytes")),
                     ROWS * (int)sizeof "requestanswer" - ROWS);
    assert_true(yyjson_get_real(at(s, "/ratio")) > 0);
    assert_int_equal(yyjson_get_int(at(s, "/lag_bytes")), 77);
    assert_true(yyjson_is_null(at(s, "/disk_free_bytes")));
    assert_int_equal(yyjson_get_int(at(s, "/reserve_bytes")), 9);
    char time[40];
    assert_string_equal(text_at(s, "/oldest_request_at"), clock_format(base_us, time));
    assert_string_equal(text_at(s, "/oldest_body_at"), time);
    assert_int_equal(yyjson_get_int(at(s, "/retention/max_age_ms")), 5000);
    assert_true(yyjson_is_null(at(s, "/retention/max_bytes")));
    assert_true(yyjson_get_bool(at(s, "/retention/held")));
    assert_int_equal(yyjson_get_int(at(s, "/wiping_chains")), 0);
    ask_with(s, 200, "DELETE", "/api/requests", "all");
    ask(s, 200, "/api/storage");
    assert_int_equal(yyjson_get_int(at(s, "/wiping_chains")),
                     1); /* the keeper's work, here nobody's */
    assert_true(yyjson_is_null(at(s, "/oldest_request_at")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_goes_without_confirmation),
        TEST(the_next_answer_has_the_same_end),
        TEST(all_of_them_go),
        TEST(those_that_match_go),
        TEST(one_goes),
        TEST(addresses_tell_all_their_methods),
        TEST(figures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
