/*
 * check.h — cmocka, with what it needs before it, and without its macro named like our function.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail
#undef fail_msg /* is made of it */

#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), assert_true(false))

#define assert_str_equal(a, b)                                                                     \
    do {                                                                                           \
        struct str got_ = (a), want_ = (b);                                                        \
        assert_int_equal(got_.len, want_.len);                                                     \
        if (want_.len)                                                                             \
            assert_memory_equal(got_.ptr, want_.ptr, want_.len);                                   \
    } while (0)

#endif
