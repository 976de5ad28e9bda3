/*
 * test_loss_report.c — the report is bounded, and says when it is.
 */
#include "check.h"

#include <stdio.h>

#include "dialect/loss_report.h"

static void equal_ones_are_counted_and_the_rest_too(void **state)
{
    (void)state;
    enum { DIFFERENT = LOSS_REPORT_MAX + 3 };
    struct arena arena;
    struct buf out;
    arena_init(&arena);
    buf_init(&out, 1 << 20);
    struct loss_report r = {.arena = &arena};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < DIFFERENT; i++)
            loss_report_note(&r, LOSS_KIND_DROPPED,
                             arena_printf(&arena, "tools[%d]", i), STR_NONE, "why");
    assert_int_equal(loss_report_write(&r, &out), ERR_OK);
    struct str text = buf_str(&out);
    assert_true(str_contains_nocase(text, STR("{\"what\":\"dropped\",\"path\":\"tools[127]\",\"why\":\"why\",\"count\":2}")));
    assert_false(str_contains_nocase(text, STR("tools[128]")));
    assert_true(str_ends(text, STR("\"count\":6}]")));
    assert_true(str_contains_nocase(text, STR("{\"what\":\"unlisted\",\"path\":\"\"")));
    buf_release(&out);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_ones_are_counted_and_the_rest_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
