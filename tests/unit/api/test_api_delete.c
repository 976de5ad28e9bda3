/*
 * test_api_delete.c — requests are deleted through the API, and its figures of the store, over a
 * real store.
 */
#include "fake_call.h"
#include "fake_loop.h"

#include <stdio.h>
#include <yyjson.h>

#include "../store/batches.h"
#include "api/api.h"
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
                             struct record *row, struct record_detail *detail)
{
    (void)x, (void)arena, (void)detail;
    *row = running;
    return uuid_equal(id, &running.id) ? ERR_OK : ERR_NOT_FOUND;
}

void indexer_count(struct indexer *x, struct indexer_counters *out)
{
    (void)x;
    *out = (struct indexer_counters){.lag_bytes = 77};
}

/* --- the scene --- */

struct scene {
    char dir[64], path[96];
    struct store *store;
    struct batch_maker maker;
    struct uuid ids[ROWS];
    struct arena arena;
    struct api *api;
    struct loop loop;
    struct call call;
    yyjson_doc *doc;
    int told; /* how often the owner heard that requests were deleted */
};

static uint64_t none(void *owner)
{
    (void)owner;
    return 0;
}

static bool no(void *owner)
{
    (void)owner;
    return false;
}

static void deleted(void *owner)
{
    ((struct scene *)owner)->told++;
}

static void upkeep(void *owner, struct api_upkeep *out)
{
    (void)owner;
    *out = (struct api_upkeep){.max_age_ms = 5000, .runs = 3, .ran_us = base_us, .is_held = true,
                               .disk_free_bytes = -1, .reserve_bytes = 9};
}

/* Every other row is of another model. */
static void add_rows(struct scene *s)
{
    struct fail f = {0};
    for (int i = 0; i < ROWS; i++) {
        struct record r = maker_record(base_us + i * hour_us);
        r.id = uuid_floor(r.started_us);
        r.model = i % 2 ? STR("odd") : STR("even");
        r.session_id = i < 2 ? STR("pair") : STR_NONE;
        s->ids[i] = r.id;
        maker_add(&s->maker, &r, STR("request"), STR("answer"));
    }
    assert_int_equal(store_commit(s->store, maker_batch(&s->maker), &f), ERR_OK);
    maker_next(&s->maker);
}

static int setup(void **state)
{
    struct scene *s = MEM_NEW(struct scene);
    snprintf(s->dir, sizeof s->dir, "/tmp/test_api.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof s->path, "%s/requests.db", s->dir);
    assert_int_equal(store_open(&s->store, &(struct store_options){.where = s->path}, NULL),
                     ERR_OK);
    maker_init(&s->maker, s->store);
    add_rows(s);
    running = maker_record(base_us);
    running.state = ENDING_RUNNING;
    const struct api_options options = {.store = s->store, .version = "1", .owner = s,
                                        .is_draining = no, .lost_frames = none,
                                        .deleted = deleted, .upkeep = upkeep};
    s->api = api_new(&options);
    *state = s;
    return 0;
}

static void forget(struct scene *s)
{
    if (s->call.answers)
        fake_release(&s->call);
    yyjson_doc_free(s->doc);
    s->doc = NULL;
    s->call.answers = 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    forget(s);
    api_free(s->api);
    maker_release(&s->maker);
    store_close(s->store);
    arena_release(&s->arena);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

/* `confirmation`: NULL for none. */
static void ask(struct scene *s, int status, const char *method, const char *target,
                const char *confirmation)
{
    forget(s);
    fake_init(&s->call, &s->loop, method, target);
    if (confirmation)
        head_add(&s->call.head, &s->call.arena, STR("x-confirm-delete"), str_of(confirmation));
    api_handle(&s->call, s->api);
    fake_run(&s->loop);
    assert_int_equal(s->call.answers, 1);
    if (s->call.status != status)
        fail_msg("%s: %d %.*s", target, s->call.status, STR_ARGS(buf_str(&s->call.body)));
    s->doc = yyjson_read(s->call.body.ptr, s->call.body.len, 0);
    assert_non_null(s->doc);
}

static void ask_id(struct scene *s, int status, const char *method, const struct uuid *id)
{
    char text[UUID_TEXT];
    struct str target = arena_printf(&s->arena, "/api/requests/%s", uuid_format(id, text));
    ask(s, status, method, target.ptr, NULL);
}

static yyjson_val *at(struct scene *s, const char *pointer)
{
    yyjson_val *value = yyjson_doc_ptr_get(s->doc, pointer);
    if (!value)
        fail_msg("there is no %s in %.*s", pointer, STR_ARGS(buf_str(&s->call.body)));
    return value;
}

static void assert_left(struct scene *s, int count)
{
    ask(s, 200, "GET", "/api/requests?state=complete", NULL);
    assert_int_equal(yyjson_get_int(at(s, "/total")), count);
    ask(s, 200, "GET", "/api/stats", NULL);
    assert_int_equal(yyjson_get_int(at(s, "/total/request_count")), count);
    assert_int_equal(yyjson_get_int(at(s, "/storage/requests")), count);
}

/* --- tests --- */

static void nothing_goes_without_confirmation(void **state)
{
    struct scene *s = *state;
    ask(s, 400, "DELETE", "/api/requests", NULL);
    assert_string_equal(yyjson_get_str(at(s, "/error/field")), "X-Confirm-Delete");
    ask(s, 400, "DELETE", "/api/requests", "matching"); /* a filter was meant, and forgotten */
    ask(s, 400, "DELETE", "/api/requests?model=odd", "all");
    ask(s, 400, "DELETE", "/api/requests?model=odd", NULL);
    ask(s, 400, "DELETE", "/api/requests?limit=1", "matching");
    ask(s, 400, "DELETE", "/api/requests?modle=odd", "matching");
    assert_left(s, ROWS);
    assert_int_equal(s->told, 0);
}

static void all_of_them_go(void **state)
{
    struct scene *s = *state;
    ask(s, 200, "DELETE", "/api/requests", "all");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), ROWS);
    assert_true(yyjson_get_bool(at(s, "/done")));
    assert_int_equal(s->told, 1);
    assert_left(s, 0);
    ask(s, 200, "GET", "/api/sessions", NULL);
    assert_int_equal(yyjson_arr_size(at(s, "/sessions")), 0);
    ask(s, 200, "DELETE", "/api/requests", "all");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), 0);
    assert_int_equal(s->told, 1);
}

static void those_that_match_go(void **state)
{
    struct scene *s = *state;
    ask(s, 200, "DELETE", "/api/requests?model=odd", "matching");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), ROWS / 2);
    assert_left(s, ROWS / 2);
    ask(s, 200, "GET", "/api/requests?model=odd", NULL);
    assert_int_equal(yyjson_get_int(at(s, "/total")), 0);
    ask(s, 200, "GET", "/api/sessions", NULL); /* one of its two requests is left */
    assert_int_equal(yyjson_get_int(at(s, "/sessions/0/request_count")), 1);
    char time[40], end[96];
    snprintf(end, sizeof end, "/api/requests?end=%s", clock_format(base_us + 5 * hour_us, time));
    ask(s, 200, "DELETE", end, "matching");
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), 3); /* 0, 2 and 4 */
    assert_left(s, ROWS / 2 - 3);
}

static void one_goes(void **state)
{
    struct scene *s = *state;
    ask_id(s, 200, "DELETE", &s->ids[3]);
    assert_int_equal(yyjson_get_int(at(s, "/deleted")), 1);
    assert_left(s, ROWS - 1);
    ask_id(s, 404, "GET", &s->ids[3]);
    ask_id(s, 404, "DELETE", &s->ids[3]);
    ask_id(s, 200, "GET", &s->ids[4]);
    ask_id(s, 409, "DELETE", &running.id);
    assert_string_equal(yyjson_get_str(at(s, "/error/code")), "running");
}

static void addresses_tell_all_their_methods(void **state)
{
    struct scene *s = *state;
    ask(s, 405, "POST", "/api/requests", NULL);
    assert_true(fake_has(&s->call.headers, "Allow: GET, HEAD, DELETE\r\n"));
    ask(s, 405, "DELETE", "/api/storage", NULL);
    assert_true(fake_has(&s->call.headers, "Allow: GET, HEAD\r\n"));
}

static void figures_are_told(void **state)
{
    struct scene *s = *state;
    ask(s, 200, "GET", "/api/storage", NULL);
    assert_string_equal(yyjson_get_str(at(s, "/engine")), "sqlite");
    assert_int_equal(yyjson_get_int(at(s, "/requests")), ROWS);
    assert_int_equal(yyjson_get_int(at(s, "/raw_bytes")), ROWS * (int)sizeof "requestanswer" - ROWS);
    assert_true(yyjson_get_real(at(s, "/ratio")) > 0);
    assert_int_equal(yyjson_get_int(at(s, "/lag_bytes")), 77);
    assert_true(yyjson_is_null(at(s, "/disk_free_bytes")));
    assert_int_equal(yyjson_get_int(at(s, "/reserve_bytes")), 9);
    char time[40];
    assert_string_equal(yyjson_get_str(at(s, "/oldest_request_at")), clock_format(base_us, time));
    assert_string_equal(yyjson_get_str(at(s, "/oldest_body_at")), time);
    assert_int_equal(yyjson_get_int(at(s, "/retention/max_age_ms")), 5000);
    assert_true(yyjson_is_null(at(s, "/retention/max_bytes")));
    assert_true(yyjson_get_bool(at(s, "/retention/held")));
    assert_int_equal(yyjson_get_int(at(s, "/wiping_chains")), 0);
    ask(s, 200, "DELETE", "/api/requests", "all");
    ask(s, 200, "GET", "/api/storage", NULL);
    assert_int_equal(yyjson_get_int(at(s, "/wiping_chains")), 1); /* the keeper's work, here nobody's */
    assert_true(yyjson_is_null(at(s, "/oldest_request_at")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_goes_without_confirmation), TEST(all_of_them_go), TEST(those_that_match_go),
        TEST(one_goes), TEST(addresses_tell_all_their_methods), TEST(figures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
