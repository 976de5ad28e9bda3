/*
 * Digits become the bytes that they are, and nothing else does.
 */
#include "check.h"

#include "base/hex.h"

static void every_byte_comes_back(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i, back = 0;
        char text[2], large[2];
        hex_write(text, &byte, 1);
        for (int j = 0; j < 2; j++)
            large[j] = (char)(text[j] >= 'a' ? text[j] - 'a' + 'A' : text[j]);
        assert_true(hex_read(str_make(text, 2), &back, 1));
        assert_int_equal(back, i);
        assert_true(hex_read(str_make(large, 2), &back, 1));
        assert_int_equal(back, i);
    }
}

static void sixteen_digits_and_no_more(void **state)
{
    (void)state;
    int digits = 0;
    for (int c = 0; c < 256; c++)
        digits += hex_value((char)c) >= 0;
    assert_int_equal(digits, 22);
    assert_int_equal(hex_value('\x10'), -1); /* a digit but for one bit */
    uint8_t bytes[2];
    assert_false(hex_read(STR("abc"), bytes, 2));
    assert_false(hex_read(STR("abcde"), bytes, 2));
    assert_false(hex_read(STR("ab d"), bytes, 2));
}

static void escapes_are_whole(void **state)
{
    (void)state;
    assert_int_equal(hex_escape(STR("a%2Fb"), 1), '/');
    assert_int_equal(hex_escape(STR("%fF"), 0), 0xFF);
    assert_int_equal(hex_escape(STR("a%2F"), 0), -1);
    assert_int_equal(hex_escape(STR("%2"), 0), -1);
    assert_int_equal(hex_escape(STR("%2F"), 1), -1);
    assert_int_equal(hex_escape(STR("%2G"), 0), -1);
    assert_int_equal(hex_escape(STR_NONE, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte_comes_back),
                                       cmocka_unit_test(sixteen_digits_and_no_more),
                                       cmocka_unit_test(escapes_are_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
