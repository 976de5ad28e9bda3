/*
 * test_search_words.c — words side by side, which only the texts themselves can tell.
 */
#include "check.h"

#include "base/log.h"
#include "search_scene.h"

/* The index does not know in which order words stand: the texts do. */
static void order_of_words(void **state)
{
    struct fixture *x = *state;
    char text[64];
    for (int i = 0; i < 120; i++) { /* more than a page of texts that hold the words */
        snprintf(text, sizeof text, "round %d: beta alpha gamma", i);
        say(x, "s", i % 40 ? text : "alpha, BETA gamma", "");
        if (i % 40 == 1)
            say(x, "other", "alphaBeta delta", "al\\u0070h\\u00c1-b\\u00e9ta\\u0301 gamma");
    }
    index_all(x);
    assert_int_equal(ask(x, "\"alpha beta\""), 3); /* the first text is one, however often it was said */
    assert_int_equal(ask(x, "alpha_beta"), 3);
    assert_int_equal(ask(x, "\"alpha be\"*"), 3);
    assert_int_equal(ask(x, "\"beta alpha gamma\""), 50);
    assert_true(x->end.has_more);
    assert_int_equal(ask(x, "\"beta alpha gamma\" -\"round 5\" -\"round 119\""), 50);
    assert_null(strstr(x->hits[0].snippet.text.ptr, "119"));
    assert_int_equal(ask(x, "alpha -\"beta alpha\""), 3);
    assert_int_equal(ask(x, "\"alpha beta\" OR \"round 7\""), 4);
    assert_int_equal(ask(x, "gamma \"alpha beta\" OR \"round 7\""), 3);
    assert_int_equal(ask(x, "alphaBeta"), 3);
    assert_int_equal(ask(x, "alphabeta"), 1);
    assert_int_equal(ask(x, "\"alpha gamma beta\""), 0);
    assert_int_equal(ask_in(x, "\"alpha beta\"", "other"), 2);
    assert_int_equal(ask_in(x, "\"beta alpha\"", "other"), 0);
    assert_int_equal(find(x, (struct search_ask){.question = STR("\"alpha beta\""),
                                                 .has_kind = true, .kind = TEXT_ASSISTANT}), 1);
}

/* Texts are looked into for a while only: the next page goes on from there, and nothing is left out. */
static void looking_takes_several_pages(void **state)
{
    struct fixture *x = *state;
    char text[64];
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof text, i % 10 ? "beta alpha %d" : "alpha beta %d", i);
        say(x, "s", text, "");
        if (i % 5 == 0)
            say(x, "other", text, "");
    }
    index_all(x);
    x->search->look_ns = 0;
    static const char *const sessions[] = {"", "s", "other"};
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        int found = 0, pages = 0;
        struct search_ask ask = {.question = STR("\"alpha beta\""), .limit = 50,
                                 .session_id = str_of(sessions[i])};
        struct fail f = {0};
        do {
            struct search_place before = ask.before;
            x->count = 0;
            arena_clear(&x->s.arena);
            assert_int_equal(search_find(x->search, x->s.reader, &ask, &x->s.arena, keep, x, &x->end, &f),
                             ERR_OK);
            found += x->count;
            ask.before = x->end.next;
            assert_true(!before.text || !x->end.has_more || ask.before.text < before.text);
            assert_true(x->end.is_complete == !x->end.has_more);
        } while (x->end.has_more && ++pages < 100);
        assert_int_equal(found, 3);
        assert_true(pages >= 3);
    }
}

/* What stands in a text is no tag, whatever it is. */
static void tags_are_ours(void **state)
{
    struct fixture *x = *state;
    say(x, "s", "\\u0001k2 needle \\u0001k2\\u0001k3", "");
    index_all(x);
    assert_int_equal(ask(x, "needle k3"), 1);
    assert_int_equal(find(x, (struct search_ask){.question = STR("needle"), .has_kind = true,
                                                 .kind = TEXT_USER}), 1);
    assert_int_equal(find(x, (struct search_ask){.question = STR("needle"), .has_kind = true,
                                                 .kind = TEXT_ASSISTANT}), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(order_of_words), TEST(looking_takes_several_pages), TEST(tags_are_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
