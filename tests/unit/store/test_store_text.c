/*
 * test_store_text.c — looking for a text in many rows and many names, a page at a time.
 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "store_scene.h"
#include "store/reader.h"

enum { ROWS = 5000 }; /* more titles than are noted one by one, more rows than a slice has */

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000, second_us = 1000000;

static void add_row(struct store_scene *x, int i, const char *title)
{
    struct record r = maker_record(base_us + i * second_us);
    r.title = str_of(title);
    maker_add(&x->maker, &r, STR("a"), STR("b"));
    if (x->maker.batch.row_count == MAKER_ROWS || i >= ROWS - 1)
        scene_commit(x);
}

static int setup(void **state)
{
    char titles[MAKER_ROWS][32]; /* borrowed until they are committed */
    scene_setup(state);
    for (int i = 0; i < ROWS; i++) {
        char *title = titles[i % MAKER_ROWS];
        snprintf(title, sizeof titles[0], "%s %d", i % 1000 == 7 ? "Seldom" : "common", i);
        add_row(*state, i, title);
    }
    return 0;
}

struct seen {
    struct uuid ids[ROWS + 1];
    int count;
};

static void see(const struct record *row, void *owner)
{
    struct seen *s = owner;
    assert_in_range(s->count, 0, ROWS);
    s->ids[s->count++] = row->id;
}

static const struct uuid none;

/* As the API does: on from the last row of a full page, else from where the list stopped. */
static void page_through(struct store_reader *r, struct request_filter filter, int limit,
                         struct seen *out)
{
    struct uuid before = none, stopped;
    struct fail f = {0};
    int found, pages = 0;
    out->count = 0;
    do {
        found = out->count;
        assert_int_equal(store_list_a_while(r, &filter, pages ? &before : NULL, limit, see, out,
                                            &stopped, &f), ERR_OK);
        assert_in_range(++pages, 1, 10 * ROWS);
        found = out->count - found;
        before = found == limit ? out->ids[out->count - 1] : stopped;
    } while (!uuid_equal(&before, &none));
}

static void assert_pages(struct store_scene *x, struct request_filter filter, int limit, int want)
{
    struct seen *all = MEM_NEW(struct seen), *paged = MEM_NEW(struct seen);
    page_through(x->patient, filter, limit, all);
    assert_int_equal(all->count, want);
    page_through(x->reader, filter, limit, paged);
    assert_int_equal(paged->count, want);
    assert_memory_equal(paged->ids, all->ids, sizeof all->ids[0] * (size_t)want);
    free(all);
    free(paged);
}

static void pages_leave_nothing_out(void **state)
{
    struct store_scene *x = *state;
    assert_pages(x, (struct request_filter){.q = STR("seldom")}, 500, ROWS / 1000);
    assert_pages(x, (struct request_filter){.q = STR("SELDOM")}, 2, ROWS / 1000);
    assert_pages(x, (struct request_filter){.q = STR("seldom 4007")}, 50, 1);
    assert_pages(x, (struct request_filter){.q = STR("nowhere")}, 50, 0);
    assert_pages(x, (struct request_filter){.q = STR("seldom"),
                                            .start_us = base_us + 1500 * second_us,
                                            .end_us = base_us + 4007 * second_us}, 50, 2);
}

static void more_names_than_are_noted(void **state)
{
    struct store_scene *x = *state;
    assert_pages(x, (struct request_filter){.q = STR("Common")}, 500, ROWS - ROWS / 1000);
    assert_pages(x, (struct request_filter){.q = STR("common 49")}, 50, 111);
}

static void what_cannot_be_is_not_looked_for(void **state)
{
    struct store_scene *x = *state;
    struct seen *seen = MEM_NEW(struct seen);
    struct store_reader *r = store_reader_new(x->store);
    page_through(r, (struct request_filter){.tool = STR("NobodyCalls")}, 50, seen);
    assert_int_equal(seen->count, 0);
    page_through(r, (struct request_filter){.q = STR("nowhere")}, 50, seen);
    assert_int_equal(seen->count, 0);
    assert_int_equal(r->rows_per_ms, 0); /* no slice of rows was looked at */
    store_reader_free(r);
    free(seen);
}

/* Each takes the place of another, and all of them come to an end. */
static void many_texts_in_turns(void **state)
{
    struct store_scene *x = *state;
    char text[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 7; i++) {
            int want = i == 0 ? 0 : i < 5 ? 11 : 1; /* 199, 1990 to 1999; 599 */
            snprintf(text, sizeof text, "common %d99", i);
            assert_pages(x, (struct request_filter){.q = str_of(text)}, 50, want);
        }
}

static void new_names_are_found_by_who_asks_again(void **state)
{
    struct store_scene *x = *state;
    for (int round = 0; round < 3; round++) {
        assert_pages(x, (struct request_filter){.q = STR("seldom")}, 50, ROWS / 1000 + round);
        add_row(x, ROWS + round, round ? "this is seldom, too" : "seldom it is");
    }
}

int main(void)
{
    log_setup(LOG_WARN, LOG_TEXT);
    const struct CMUnitTest tests[] = { /* the last one adds */
        cmocka_unit_test(pages_leave_nothing_out),
        cmocka_unit_test(what_cannot_be_is_not_looked_for),
        cmocka_unit_test(more_names_than_are_noted),
        cmocka_unit_test(many_texts_in_turns),
        cmocka_unit_test(new_names_are_found_by_who_asks_again),
    };
    return cmocka_run_group_tests(tests, setup, scene_teardown);
}
