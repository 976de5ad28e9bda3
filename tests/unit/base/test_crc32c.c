/*
 * test_crc32c.c — the processor's way and the table's agree, at every length and seam.
 */
#include "check.h"

#include "base/crc32c.h"

enum { ROOM = 16 << 10, LANES = 3 << 10 };

static void the_check_value(void **state)
{
    (void)state;
    assert_int_equal(crc32c(0, STR("123456789")), 0xe3069283u); /* RFC 3720, B.4's polynomial */
    assert_int_equal(crc32c_portable(0, STR("123456789")), 0xe3069283u);
}

static void twins_agree(void **state)
{
    static char bytes[ROOM];
    uint32_t seed = 1;
    (void)state;
    for (size_t i = 0; i < ROOM; i++)
        bytes[i] = (char)((seed = seed * 1664525u + 1013904223u) >> 24);
    for (size_t len = 0; len < 200; len++)
        assert_int_equal(crc32c(seed, str_make(bytes + len % 7, len)),
                         crc32c_portable(seed, str_make(bytes + len % 7, len)));
    for (size_t len = LANES - 9; len < LANES * 3; len += len % 2 ? 1 : LANES / 2 - 7)
        assert_int_equal(crc32c(seed, str_make(bytes + 3, len)),
                         crc32c_portable(seed, str_make(bytes + 3, len)));
}

static void parts_make_the_whole(void **state)
{
    static char bytes[ROOM];
    (void)state;
    memset(bytes, 'x', ROOM);
    bytes[5000] = 'y';
    uint32_t whole = crc32c(0, str_make(bytes, ROOM));
    for (size_t cut = 0; cut < ROOM; cut += 997)
        assert_int_equal(crc32c(crc32c(0, str_make(bytes, cut)), str_make(bytes + cut, ROOM - cut)),
                         whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_value),
        cmocka_unit_test(twins_agree),
        cmocka_unit_test(parts_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
