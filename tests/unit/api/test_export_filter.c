/*
 * test_export_filter.c — an export keeps its filter: whoever asked for it may be gone while it goes on.
 */
#include "check.h"

#include "api/export.h"
#include "store/walk.h"

static struct request_filter seen;
static char seen_text[10][16];

static struct str copy_of(int i, struct str s)
{
    assert_true(s.len < sizeof seen_text[i]);
    memcpy(seen_text[i], s.ptr, s.len);
    return str_make(seen_text[i], s.len);
}

enum err store_newest(struct store_reader *r, const struct request_filter *filter,
                      struct uuid *newest, struct fail *f)
{
    (void)r, (void)newest, (void)f;
    seen = *filter;
    seen.model = copy_of(0, filter->model);
    seen.session_id = copy_of(1, filter->session_id);
    seen.agent_id = copy_of(2, filter->agent_id);
    seen.agent_type = copy_of(3, filter->agent_type);
    seen.project = copy_of(4, filter->project);
    seen.tool = copy_of(5, filter->tool);
    seen.provider = copy_of(6, filter->provider);
    seen.q = copy_of(7, filter->q);
    seen.class = copy_of(8, filter->class);
    seen.route = copy_of(9, filter->route);
    return ERR_NOT_FOUND; /* an empty store */
}

enum err store_walk(struct store_reader *r, const struct request_filter *filter,
                    const struct uuid *after, const struct uuid *until, int limit,
                    store_row_fn *on_row, void *owner, struct fail *f)
{
    (void)r, (void)filter, (void)after, (void)until, (void)limit, (void)on_row, (void)owner;
    return fail(f, ERR_INTERNAL, "there is nothing to walk over");
}

static void every_string_is_kept(void **state)
{
    (void)state;
    char texts[10][8] = {"model", "session", "agent", "type", "project",
                         "tool", "prov", "text", "class", "route"};
    const struct request_filter filter = {
        .model = str_of(texts[0]), .session_id = str_of(texts[1]), .agent_id = str_of(texts[2]),
        .agent_type = str_of(texts[3]), .project = str_of(texts[4]), .tool = str_of(texts[5]),
        .provider = str_of(texts[6]), .q = str_of(texts[7]), .class = str_of(texts[8]),
        .route = str_of(texts[9]), .status = 200};
    const struct export_about about = {"1", 0};
    struct export *x = export_new(&export_jsonl, &filter, &about);
    memset(texts, '!', sizeof texts);
    struct buf out;
    bool is_over;
    buf_init(&out, 1 << 20);
    assert_int_equal(export_step(x, NULL, &out, &is_over, NULL), ERR_OK);
    assert_true(is_over);
    assert_str_equal(seen.model, STR("model"));
    assert_str_equal(seen.session_id, STR("session"));
    assert_str_equal(seen.agent_id, STR("agent"));
    assert_str_equal(seen.agent_type, STR("type"));
    assert_str_equal(seen.project, STR("project"));
    assert_str_equal(seen.tool, STR("tool"));
    assert_str_equal(seen.provider, STR("prov"));
    assert_str_equal(seen.q, STR("text"));
    assert_str_equal(seen.class, STR("class"));
    assert_str_equal(seen.route, STR("route"));
    assert_int_equal(seen.status, 200);
    buf_release(&out);
    export_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_string_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
