/*
 * test_api.c — addresses, methods and answers, over a store and an indexer made of a few rows.
 */
#include "api_scene.h"
#include "fake_search.h"
#include "no_keeping.h"
#include "no_threads.h"

#include "record/answer.h"
#include "record/body_decode.h"
#include "store/walk.h"

/* --- a store and an indexer of a few rows --- */

static struct {
    struct record stored[600], running[8];
    size_t stored_count, running_count;
    struct str body;
    enum err store_err;
    bool is_stored_soon; /* what runs */
    struct uuid stopped; /* where the store says that its list goes on */
    int readers;
} world;

struct store_reader {
    int unused;
};

struct store_reader *store_reader_new(struct store *s)
{
    (void)s;
    world.readers++;
    return calloc(1, sizeof(struct store_reader));
}

void store_reader_free(struct store_reader *r)
{
    world.readers--;
    free(r);
}

enum err store_list_a_while(struct store_reader *r, const struct request_filter *filter,
                            const struct uuid *before, int limit, store_row_fn *on_row,
                            void *owner, struct uuid *stopped, struct fail *f)
{
    (void)r;
    (void)filter;
    *stopped = world.stopped;
    assert_true(limit >= 1 && limit <= FILTER_LIMIT_MAX);
    if (world.store_err)
        return fail(f, world.store_err, "as the test wants it");
    for (size_t i = 0; i < world.stored_count && limit; i++) {
        if (before && memcmp(world.stored[i].id.bytes, before->bytes, 16) >= 0)
            continue;
        on_row(&world.stored[i], owner);
        limit--;
    }
    return ERR_OK;
}

enum err store_walk(struct store_reader *r, const struct request_filter *filter,
                    const struct uuid *after, const struct uuid *until, int limit,
                    store_row_fn *on_row, void *owner, struct fail *f)
{
    (void)r, (void)filter, (void)after, (void)until, (void)limit, (void)on_row, (void)owner;
    return fail(f, ERR_INTERNAL, "test_export.c asks for exports"); /* not this test */
}

enum err store_newest(struct store_reader *r, const struct request_filter *filter,
                      struct uuid *newest, struct fail *f)
{
    return store_walk(r, filter, newest, newest, 0, NULL, NULL, f);
}

enum err store_count(struct store_reader *r, const struct request_filter *filter, int64_t *count,
                     bool *is_known, struct fail *f)
{
    *is_known = true;
    (void)r;
    (void)filter;
    (void)f;
    *count = (int64_t)world.stored_count;
    return ERR_OK;
}

bool store_count_is_known(const struct request_filter *filter)
{
    return !filter->q.len;
}

static struct str response_head(void)
{
    return STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
               "content-encoding: br\r\n");
}

enum err store_get(struct store_reader *r, const struct uuid *id, struct arena *arena,
                   struct record *row, struct record_detail *detail, struct fail *f)
{
    (void)r;
    (void)arena;
    for (size_t i = 0; i < world.stored_count; i++)
        if (uuid_equal(id, &world.stored[i].id)) {
            *row = world.stored[i];
            detail->response_head = response_head();
            return ERR_OK;
        }
    return fail(f, ERR_NOT_FOUND, "no such row");
}

enum err store_body(struct store_reader *r, const struct uuid *id, enum body_side side,
                    struct buf *out, struct fail *f)
{
    (void)r;
    (void)side;
    if (world.store_err)
        return fail(f, world.store_err, "as the test wants it");
    for (size_t i = 0; i < world.stored_count; i++)
        if (uuid_equal(id, &world.stored[i].id))
            return buf_append(out, world.body);
    return fail(f, ERR_NOT_FOUND, "no such row");
}

enum err store_find_sessions(struct store_reader *r, const struct thread_filter *filter, int limit,
                             store_session_fn *on_row, void *owner, struct fail *f)
{
    int64_t before_us = filter->before_us;
    (void)r;
    (void)f;
    char title[] = "borrowed";
    const struct session_row row = {.session_id = STR("s1"),
                                    .last_us = 1763685787123456,
                                    .request_count = 2,
                                    .title = str_of(title)};
    if (before_us && before_us <= row.last_us)
        return ERR_OK;
    assert_true(limit >= 1);
    on_row(&row, owner);
    memset(title, '!', sizeof title - 1);
    return ERR_OK;
}

static bool is_away; /* the store's database */

enum err store_stats(struct store_reader *r, const struct stats_ask *ask, store_stats_fn *on_row,
                     void *owner, struct fail *f)
{
    (void)r, (void)ask, (void)f;
    on_row(&(struct stats_row){.by = STATS_TOTAL, .request_count = 4}, owner);
    return is_away ? ERR_DATABASE_AWAY : ERR_OK;
}

enum err store_measure(struct store_reader *r, struct store_size *out, struct fail *f)
{
    (void)r;
    (void)f;
    *out = (struct store_size){.requests = 4, .file_bytes = 4096};
    return ERR_OK;
}

void indexer_each_running(struct indexer *x, indexer_running_fn *fn, void *owner)
{
    (void)x;
    for (size_t i = 0; i < world.running_count; i++)
        fn(&world.running[i], owner);
}

static const struct record *running(const struct uuid *id)
{
    for (size_t i = 0; i < world.running_count; i++)
        if (uuid_equal(id, &world.running[i].id))
            return &world.running[i];
    return NULL;
}

enum err indexer_running_body(struct indexer *x, const struct uuid *id, bool is_response,
                              struct buf *out)
{
    (void)x;
    (void)is_response;
    return running(id) ? buf_append(out, STR("so far")) : ERR_NOT_FOUND;
}

enum err indexer_running_get(struct indexer *x, const struct uuid *id, struct arena *arena,
                             struct record *row, struct record_detail *detail,
                             bool *is_stored_soon)
{
    (void)x;
    (void)arena;
    (void)detail;
    if (!running(id))
        return ERR_NOT_FOUND;
    *row = *running(id);
    *is_stored_soon = world.is_stored_soon;
    return ERR_OK;
}

void indexer_count(struct indexer *x, struct indexer_counters *out)
{
    (void)x;
    *out = (struct indexer_counters){.exchanges = 9, .lag_bytes = 1};
}

enum decode_result body_decode(struct str encoding, struct str bytes, struct buf *out)
{
    if (encoding.len && !str_equal(encoding, STR("br")))
        return DECODE_UNKNOWN;
    assert_int_equal(buf_append(out, STR("decoded:")), ERR_OK);
    assert_int_equal(buf_append(out, bytes), ERR_OK);
    return encoding.len ? DECODE_PARTIAL : DECODE_OK;
}

struct str body_text(struct str encoding, struct str bytes, struct buf *room)
{
    (void)encoding;
    (void)room;
    return bytes;
}

enum err answer_message(struct str body, bool is_sse, struct buf *out)
{
    return buf_printf(out, "{\"message\":\"%.*s\",\"sse\":%d}", STR_ARGS(body), is_sse);
}

/* --- the api over it --- */

static uint64_t three(void *owner)
{
    (void)owner;
    return 3;
}

static bool yes(void *owner)
{
    (void)owner;
    return true;
}

static int setup(void **state)
{
    struct scene *f = MEM_NEW(struct scene);
    memset(&world, 0, sizeof world);
    for (int i = 0; i < 5; i++)
        world.stored[world.stored_count++] = numbered_row(50 - 10 * i, ENDING_COMPLETE);
    world.running[world.running_count++] = numbered_row(35, ENDING_RUNNING);
    world.running[world.running_count++] = numbered_row(60, ENDING_RUNNING);
    world.body = STR("the body");
    const struct api_options options = {
        .version = "1.2.3", .lost_frames = three, .in_flight = three, .is_draining = yes};
    f->api = api_new(&options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct scene *f = *state;
    scene_release(f);
    assert_int_equal(world.readers, 0);
    free(f);
    return 0;
}

static void path_of(char out[128], int number, const char *rest)
{
    struct record r = numbered_row(number, ENDING_COMPLETE);
    char id[UUID_TEXT];
    snprintf(out, 128, "/api/requests/%s%s", uuid_format(&r.id, id), rest);
}

static void ask_row(struct scene *f, int status, int number, const char *rest)
{
    char path[128];
    path_of(path, number, rest);
    ask(f, status, path);
}

static void health_is_told(void **state)
{
    struct scene *f = *state;
    ask(f, 200, "/health");
    assert_string_equal(text_at(f, "/status"), "healthy");
    assert_string_equal(text_at(f, "/version"), "1.2.3");
    assert_non_null(text_at(f, "/timestamp"));
    ask(f, 200, "/livez");
    assert_int_equal(yyjson_get_int(at(f, "/in_flight")), 3);
    assert_true(yyjson_get_bool(at(f, "/draining")));
    assert_true(fake_has(&f->call.headers, "Cache-Control: no-store\r\n"));
    assert_false(fake_has(&f->call.headers, "Access-Control"));
}

static void wrong_addresses_are_not_found(void **state)
{
    struct scene *f = *state;
    static const char *const wrong[] = {"/api/",
                                        "/api",
                                        "/api/requests/",
                                        "/api/request",
                                        "/api/requests/abc",
                                        "/api/requests/abc/timeline",
                                        "/api//requests",
                                        "/health/",
                                        "/API/requests",
                                        "/"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ask(f, 404, wrong[i]);
        assert_string_equal(text_at(f, "/error/code"), "not_found");
    }
    ask_row(f, 404, 50, "/response/bodies");
    ask_row(f, 404, 51, "");
    ask_row(f, 404, 51, "/request/body");
    ask_row(f, 404, 51, "/response/message");
    ask_row(f, 404, 51, "/timeline");
}

static void wrong_methods_are_told_the_right(void **state)
{
    struct scene *f = *state;
    static const char *const methods[] = {"POST", "get", "OPTIONS", "PUT", ""};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        scene_forget(f);
        fake_init(&f->call, &f->loop, methods[i], "/api/requests");
        api_handle(&f->call, f->api);
        assert_int_equal(f->call.status, 405);
        assert_true(fake_has(&f->call.headers, "Allow: GET, HEAD, DELETE\r\n"));
        assert_true(fake_has(&f->call.body, "\"not_allowed\""));
    }
}

static void bad_params_are_named(void **state)
{
    struct scene *f = *state;
    ask(f, 400, "/api/requests?limit=9999");
    assert_string_equal(text_at(f, "/error/code"), "bad_param");
    assert_string_equal(text_at(f, "/error/field"), "limit");
    ask(f, 400, "/health?x=1");
    ask(f, 400, "/api/stream?x=1");
    ask(f, 400, "/api/stats?limit=1");
    ask_row(f, 400, 50, "?decoded=1");
}

static void list_is_merged(void **state)
{
    struct scene *f = *state;
    static const int order[] = {60, 50, 40, 35, 30, 20, 10};
    ask(f, 200, "/api/requests");
    assert_int_equal(yyjson_arr_size(at(f, "/requests")), COUNT_OF(order));
    assert_int_equal(yyjson_get_int(at(f, "/total")), 7);
    assert_true(yyjson_is_null(at(f, "/next_cursor")));
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        char pointer[32], id[UUID_TEXT];
        struct record r = numbered_row(order[i], ENDING_COMPLETE);
        snprintf(pointer, sizeof pointer, "/requests/%zu/id", i);
        assert_string_equal(text_at(f, pointer), uuid_format(&r.id, id));
    }
    assert_string_equal(text_at(f, "/requests/0/state"), "running");
}

static void pages_hold_every_row_once(void **state)
{
    struct scene *f = *state;
    for (int limit = 1; limit <= 8; limit++) {
        char target[128];
        int rows = 0, pages = 0;
        snprintf(target, sizeof target, "/api/requests?limit=%d", limit);
        for (;; pages++) {
            ask(f, 200, target);
            rows += (int)yyjson_arr_size(at(f, "/requests"));
            assert_int_equal(yyjson_get_int(at(f, "/total")), 7);
            if (yyjson_is_null(at(f, "/next_cursor")))
                break;
            snprintf(target, sizeof target, "/api/requests?limit=%d&cursor=%s", limit,
                     text_at(f, "/next_cursor"));
        }
        assert_int_equal(rows, 7);
        assert_int_equal(pages + 1, (7 + limit - 1) / limit);
    }
}

static void the_largest_page_goes_on(void **state)
{
    struct scene *f = *state;
    world.running_count = 0;
    world.stored_count = 0;
    for (int i = 0; i < 501; i++)
        world.stored[world.stored_count++] = numbered_row(1000 - i, ENDING_COMPLETE);
    ask(f, 200, "/api/requests?limit=500");
    assert_int_equal(yyjson_arr_size(at(f, "/requests")), 500);
    char target[128];
    snprintf(target, sizeof target, "/api/requests?limit=500&cursor=%s",
             text_at(f, "/next_cursor"));
    ask(f, 200, target);
    assert_int_equal(yyjson_arr_size(at(f, "/requests")), 1);
    assert_true(yyjson_is_null(at(f, "/next_cursor")));
}

static void a_list_that_takes_long_goes_on_where_it_stopped(void **state)
{
    struct scene *f = *state;
    char target[128], id[UUID_TEXT];
    world.stored_count = 0; /* nothing was found so far; running are 35 and 60 */
    world.stopped = numbered_row(50, ENDING_COMPLETE).id;
    ask(f, 200, "/api/requests?limit=5&q=seldom");
    assert_int_equal(yyjson_arr_size(at(f, "/requests")), 0);
    assert_string_equal(text_at(f, "/next_cursor"), uuid_format(&world.stopped, id));
    assert_true(yyjson_get_bool(at(f, "/total_is_minimum"))); /* nor is it counted */
    ask(f, 200, "/api/requests?limit=5&model=seldom");
    assert_false(yyjson_get_bool(at(f, "/total_is_minimum"))); /* sums can tell */
    snprintf(target, sizeof target, "/api/requests?limit=5&cursor=%s", text_at(f, "/next_cursor"));
    world.stopped = (struct uuid){{0}};
    ask(f, 200, target);
    assert_int_equal(yyjson_arr_size(at(f, "/requests")), 1); /* 35, which is older than that */
    assert_true(yyjson_is_null(at(f, "/next_cursor")));
}

static void one_that_just_ended_stands_once(void **state)
{
    struct scene *f = *state;
    world.running[0] = numbered_row(40, ENDING_RUNNING); /* and stored as 40 already */
    ask(f, 200, "/api/requests");
    assert_int_equal(yyjson_arr_size(at(f, "/requests")), 6);
    assert_int_equal(yyjson_get_int(at(f, "/total")), 6);
    assert_string_equal(text_at(f, "/requests/2/state"), "complete");
    world.is_stored_soon = true;
    ask_row(f, 200, 40, "");
    assert_string_equal(text_at(f, "/state"), "complete"); /* as in the list */
    ask_row(f, 200, 60, ""); /* not stored yet */
    assert_string_equal(text_at(f, "/state"), "running");
}

static void running_alone_asks_no_store(void **state)
{
    struct scene *f = *state;
    world.store_err = ERR_IO;
    ask(f, 200, "/api/requests?state=running");
    assert_int_equal(yyjson_arr_size(at(f, "/requests")), 2);
    ask(f, 500, "/api/requests");
    assert_string_equal(text_at(f, "/error/code"), "internal");
    assert_false(fake_has(&f->call.body, "as the test wants it"));
}

static void one_is_shown(void **state)
{
    struct scene *f = *state;
    ask_row(f, 200, 50, "");
    assert_string_equal(text_at(f, "/status_line"), "HTTP/1.1 200 OK");
    assert_string_equal(text_at(f, "/state"), "complete");
    ask_row(f, 200, 60, "");
    assert_string_equal(text_at(f, "/state"), "running");
    ask_row(f, 200, 50, "/timeline");
    assert_int_equal(yyjson_arr_size(at(f, "/chunks")), 0);
}

static void bodies_are_exact(void **state)
{
    struct scene *f = *state;
    ask_row(f, 200, 50, "/request/body");
    assert_str_equal(buf_str(&f->call.body), STR("the body"));
    assert_string_equal(f->call.type, "application/octet-stream");
    assert_true(fake_has(&f->call.headers, "Content-Disposition: attachment; filename=\"019"));
    assert_true(fake_has(&f->call.headers, "-request.bin\"\r\n"));
    assert_true(fake_has(&f->call.headers, "Content-Security-Policy: sandbox\r\n"));
    assert_true(fake_has(&f->call.headers, "nosniff"));
    ask_row(f, 200, 60, "/response/body");
    assert_str_equal(buf_str(&f->call.body), STR("so far"));
    ask_row(f, 200, 50, "/response/body?decoded=1");
    assert_str_equal(buf_str(&f->call.body), STR("decoded:the body"));
    assert_string_equal(f->call.type, "text/plain; charset=utf-8");
    assert_true(fake_has(&f->call.headers, "X-Decoded: partial\r\n"));
    assert_true(fake_has(&f->call.headers, "Content-Security-Policy: sandbox\r\n"));
    world.store_err = ERR_CORRUPT;
    ask_row(f, 500, 50, "/request/body");
    assert_string_equal(text_at(f, "/error/code"), "corrupt");
}

static void answers_become_a_message(void **state)
{
    struct scene *f = *state;
    world.body = STR("\xFFx");
    ask_row(f, 200, 50, "/response/message");
    assert_string_equal(text_at(f, "/message"), "decoded:\xEF\xBF\xBDx");
    assert_int_equal(yyjson_get_int(at(f, "/sse")), 1);
}

static void sums_are_shown(void **state)
{
    struct scene *f = *state;
    ask(f, 200, "/api/sessions?limit=1");
    assert_string_equal(text_at(f, "/sessions/0/title"), "borrowed");
    assert_string_equal(text_at(f, "/next_before"), "2025-11-21T00:43:07.123456Z");
    ask(f, 200, "/api/sessions?limit=1&before=2025-11-21T00:43:07.123456Z");
    assert_int_equal(yyjson_arr_size(at(f, "/sessions")), 0);
    assert_true(yyjson_is_null(at(f, "/next_before")));
    ask(f, 200, "/api/stats");
    assert_true(yyjson_is_null(at(f, "/search")));
    assert_int_equal(yyjson_get_int(at(f, "/total/request_count")), 4);
    assert_int_equal(yyjson_get_int(at(f, "/storage/file_bytes")), 4096);
    assert_int_equal(yyjson_get_int(at(f, "/recorder/lost_frames")), 3);
    assert_int_equal(yyjson_get_int(at(f, "/recorder/exchanges")), 9);
    is_away = true;
    ask(f, 503, "/api/stats");
    ask(f, 200, "/api/stats/recorder");
    assert_int_equal(yyjson_get_int(at(f, "/recorder/lost_frames")), 3);
    assert_true(yyjson_arr_size(at(f, "/losses")) > 0);
    is_away = false;
}

static void a_crowd_waits_or_is_sent_away(void **state)
{
    struct scene *f = *state;
    enum { CROWD = 3 + 64 + 2 };
    static struct call calls[CROWD];
    for (size_t i = 0; i < CROWD; i++) {
        fake_init(&calls[i], &f->loop, "GET", "/api/stats");
        api_handle(&calls[i], f->api);
    }
    assert_int_equal(f->loop.count, 3);
    assert_int_equal(world.readers, 3);
    assert_int_equal(calls[CROWD - 1].status, 503);
    assert_true(fake_has(&calls[CROWD - 1].body, "\"overloaded\""));
    fake_run(&f->loop);
    int served = 0;
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(calls[i].answers, 1);
        served += calls[i].status == 200;
        fake_release(&calls[i]);
    }
    assert_int_equal(served, 3 + 64);
    assert_int_equal(world.readers, 3);
}

static void draining_leaves_nobody_waiting(void **state)
{
    struct scene *f = *state;
    enum { CROWD = 3 + 5 };
    static struct call calls[CROWD];
    for (size_t i = 0; i < CROWD; i++) {
        fake_init(&calls[i], &f->loop, "GET", "/api/stats");
        api_handle(&calls[i], f->api);
    }
    api_drain(f->api);
    fake_run(&f->loop);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(calls[i].answers, 1);
        assert_int_equal(calls[i].status, i < 3 ? 200 : 503);
        fake_release(&calls[i]);
    }
    ask(f, 503, "/api/stats");
    assert_string_equal(text_at(f, "/error/code"), "shutting_down");
    ask(f, 200, "/livez");
}

static void the_stream_is_fed(void **state)
{
    struct scene *f = *state;
    struct record r = numbered_row(70, ENDING_RUNNING);
    assert_false(api_wants_progress(f->api));
    fake_init(&f->call, &f->loop, "GET", "/api/stream");
    api_handle(&f->call, f->api);
    assert_true(api_wants_progress(f->api));
    api_on_index(INDEX_STARTED, &r, f->api);
    fake_run(&f->loop);
    assert_true(fake_has(&f->call.body, "event: request.started\n"));
    api_drain(f->api);
    fake_run(&f->loop);
    assert_true(f->call.is_ended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(health_is_told),
        TEST(wrong_addresses_are_not_found),
        TEST(wrong_methods_are_told_the_right),
        TEST(bad_params_are_named),
        TEST(list_is_merged),
        TEST(pages_hold_every_row_once),
        TEST(the_largest_page_goes_on),
        TEST(a_list_that_takes_long_goes_on_where_it_stopped),
        TEST(one_that_just_ended_stands_once),
        TEST(running_alone_asks_no_store),
        TEST(one_is_shown),
        TEST(bodies_are_exact),
        TEST(answers_become_a_message),
        TEST(sums_are_shown),
        TEST(a_crowd_waits_or_is_sent_away),
        TEST(draining_leaves_nobody_waiting),
        TEST(the_stream_is_fed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
