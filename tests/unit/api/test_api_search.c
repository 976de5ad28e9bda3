/*
 * test_api_search.c — what is asked reaches the search, and what it finds is told.
 */
#include "api_scene.h"
#include "no_keeping.h"

enum err search_find(struct search *x, struct store_reader *r, const struct search_ask *ask,
                     struct arena *arena, search_hit_fn *on_hit, void *owner,
                     struct search_end *end, struct fail *f)
{
    (void)x, (void)r, (void)arena, (void)f;
    *end = (struct search_end){.is_complete = true};
    if (!str_equal(ask->question, STR("needle")))
        return ERR_OK;
    assert_int_equal(ask->limit, 3);
    assert_true(ask->has_kind && ask->kind == TEXT_TOOL_RESULT);
    assert_str_equal(ask->tool, STR("Bash"));
    assert_str_equal(ask->session_id, STR("s"));
    assert_int_equal(ask->before.file, 2);
    assert_int_equal(ask->before.text, 77);
    for (int i = 0; i < 3; i++) {
        struct search_hit hit = {.row = numbered_row(i, ENDING_COMPLETE),
                                 .kind = TEXT_TOOL_RESULT,
                                 .tool = STR("Bash"),
                                 .place = {1, 9 - i}};
        hit.row.session_id = i ? STR("s") : STR_NONE;
        hit.snippet = (struct snippet){.text = STR("a needle"), .marks = {{2, 6}}, .mark_count = 1};
        on_hit(&hit, owner);
        end->next = hit.place;
    }
    end->has_more = true;
    return ERR_OK;
}

enum err search_count(struct search *x, struct store_reader *r, struct search_counters *out,
                      struct fail *f)
{
    (void)x, (void)r, (void)out;
    return fail(f, ERR_INTERNAL, "test_api.c asks"); /* not this test */
}

static int setup(void **state)
{
    struct scene *f = MEM_NEW(struct scene);
    scene_open_store(f);
    const struct api_options options = {
        .version = "1.2.3", .store = f->store, .search = (struct search *)(void *)f};
    f->api = api_new(&options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct scene *f = *state;
    scene_release(f);
    scene_close_store(f);
    free(f);
    return 0;
}

static void texts_are_found(void **state)
{
    struct scene *f = *state;
    ask(f, 200, "/api/search?q=needle&limit=3&role=tool_result&tool=Bash&session=s&cursor=2.77");
    assert_int_equal(yyjson_arr_size(at(f, "/results")), 3);
    assert_string_equal(text_at(f, "/results/1/kind"), "tool_result");
    assert_string_equal(text_at(f, "/results/1/tool"), "Bash");
    assert_string_equal(text_at(f, "/results/1/session_id"), "s");
    assert_true(yyjson_is_null(at(f, "/results/0/session_id")));
    assert_string_equal(text_at(f, "/results/1/snippet"), "a needle");
    assert_int_equal(yyjson_get_int(at(f, "/results/1/highlights/0/0")), 2);
    assert_int_equal(yyjson_get_int(at(f, "/results/1/highlights/0/1")), 6);
    assert_int_equal(yyjson_arr_size(at(f, "/sessions")), 2);
    assert_int_equal(yyjson_get_int(at(f, "/sessions/1/results")), 2);
    assert_string_equal(text_at(f, "/next_cursor"), "1.7");
    assert_true(yyjson_get_bool(at(f, "/complete")));
    ask(f, 200, "/api/search?q=nothing");
    assert_int_equal(yyjson_arr_size(at(f, "/results")), 0);
    assert_true(yyjson_is_null(at(f, "/next_cursor")));
    static const char *const bad[] = {
        "role=x",         "cursor=", "cursor=1", "cursor=0.1", "cursor=-1.2", "cursor=1.2.3",
        "state=complete", "q=",      "limit=0",  "",           "limit=3"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char target[128];
        snprintf(target, sizeof target, "/api/search?%s%s", i < 7 ? "q=a&" : "", bad[i]);
        ask(f, 400, target);
    }
    static const char *const wordless[] = {"***", "-needle", "%22%22", "OR", "...", "+"};
    for (size_t i = 0; i < COUNT_OF(wordless); i++) {
        char target[64];
        snprintf(target, sizeof target, "/api/search?q=%s", wordless[i]);
        ask(f, 400, target);
        assert_string_equal(text_at(f, "/error/field"), "q");
        assert_string_equal(text_at(f, "/error/message"), "has no word to look for");
    }
    ask(f, 400, "/api/requests?role=user");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_are_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
