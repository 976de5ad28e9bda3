/*
 * JSON in and out: numbers as they are spelled, bytes as they stand, never broken Unicode.
 */
#include "check.h"

#include "dialect/json_progress.h"
#include "dialect/json_tree.h"
#include "dialect/json_writer.h"

static void check_value(const char *in, const char *want)
{
    struct json_tree t;
    struct buf out;
    buf_init(&out, 10000);
    assert_int_equal(json_tree_parse(&t, str_of(in)), ERR_OK);
    struct json_writer w = {.out = &out};
    json_value(&w, t.root);
    assert_int_equal(w.err, ERR_OK);
    assert_str_equal(buf_str(&out), str_of(want));
    json_tree_release(&t);
    buf_release(&out);
}

static void numbers_and_order_stay(void **state)
{
    (void)state;
    check_value("{\"b\":12345678901234567890,\"a\":1.0,\"c\":1e400,\"a\":-0}",
                "{\"b\":12345678901234567890,\"a\":1.0,\"c\":1e400,\"a\":-0}");
}

static void halves_of_characters_are_replaced(void **state)
{
    (void)state;
    check_value("[\"a\\ud83d\"]", "[\"a\xEF\xBF\xBD\"]");
    check_value("[\"\\ude00b\"]", "[\"\xEF\xBF\xBD"
                                  "b\"]");
    check_value("[\"\\ud83d\\ude00\"]", "[\"\xF0\x9F\x98\x80\"]");
    check_value("[\"\xff\xfe x\"]", "[\"\xEF\xBF\xBD\xEF\xBF\xBD x\"]");
    check_value("\"\\u0000\"", "\"\\u0000\"");
}

static void spans_are_the_very_bytes(void **state)
{
    struct json_tree t;
    (void)state;
    assert_int_equal(
        json_tree_parse(&t,
                        STR("{ \"x\\\"y\" : 1, \"in\" :  { \"a\" : [1 , 2.50] } , \"z\":null}")),
        ERR_OK);
    assert_str_equal(json_tree_member_span(&t, t.root, "in"), STR("{ \"a\" : [1 , 2.50] }"));
    assert_str_equal(json_tree_member_span(&t, t.root, "z"), STR("null"));
    assert_str_equal(json_tree_member_span(&t, t.root, "no"), STR_NONE);
    json_tree_release(&t);
}

static void numbers_are_read_however_they_are_spelled(void **state)
{
    struct json_tree t;
    (void)state;
    assert_int_equal(
        json_tree_parse(&t, STR("{\"a\":17,\"b\":1e3,\"c\":\"5\",\"d\":1.9,\"e\":-3,\"f\":true,"
                                "\"g\":99999999999999999999}")),
        ERR_OK);
    assert_int_equal(json_member_number(t.root, "a", -1), 17);
    assert_int_equal(json_member_number(t.root, "b", -1), 1000);
    assert_int_equal(json_member_number(t.root, "c", -1), 5);
    assert_int_equal(json_member_number(t.root, "d", -1), 1);
    assert_int_equal(json_member_number(t.root, "e", -1), -3);
    assert_int_equal(json_member_number(t.root, "f", -1), -1);
    assert_int_equal(json_member_number(t.root, "g", -1), -1);
    assert_int_equal(json_member_number(t.root, "h", -1), -1);
    json_tree_release(&t);
}

static void check_repair(const char *args, const char *want)
{
    struct buf out;
    buf_init(&out, 10000);
    bool is_fine = json_args_repair(str_of(args), &out);
    assert_int_equal(is_fine, want != NULL);
    if (want)
        assert_str_equal(buf_str(&out), str_of(want));
    buf_release(&out);
}

static void arguments_are_repaired(void **state)
{
    (void)state;
    check_repair("{\"a\":1}", "{\"a\":1}");
    check_repair("\"{\\\"a\\\":1}\"", "{\"a\":1}");
    check_repair("{'a': 'b'}", "{\"a\": \"b\"}");
    check_repair("", "{}");
    check_repair("17", NULL);
    check_repair("{\"a\":", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_order_stay),
        cmocka_unit_test(halves_of_characters_are_replaced),
        cmocka_unit_test(spans_are_the_very_bytes),
        cmocka_unit_test(numbers_are_read_however_they_are_spelled),
        cmocka_unit_test(arguments_are_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
