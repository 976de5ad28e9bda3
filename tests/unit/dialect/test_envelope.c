/*
 * What is sealed comes out as it went in, and nothing else is taken for ours.
 */
#include "check.h"

#include "dialect/envelope.h"

static void every_length_comes_back(void **state)
{
    struct arena a;
    char bytes[40];
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 + 200);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct envelope in = {ENVELOPE_DETAILS, 0xDEADBEEF, str_make(bytes, n)}, out;
        struct str sealed = envelope_seal(&a, &in);
        assert_true(envelope_is_ours(sealed));
        assert_true(envelope_open(&a, sealed, &out));
        assert_int_equal(out.kind, in.kind);
        assert_int_equal(out.origin, in.origin);
        assert_str_equal(out.payload, in.payload);
    }
    arena_release(&a);
}

static void others_are_not_ours(void **state)
{
    static const char *const texts[] = {"",
                                        "EqQBCkYIARgC",
                                        "ccp1",
                                        "ccp1.",
                                        "ccp1.AAAA",
                                        "ccp1.A+B/",
                                        "xccp1.ZAAAAAAA",
                                        "ccp1.ZeAS0FN=",
                                        "ccp1.\xff\xff\xff"};
    struct arena a;
    struct envelope e;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_false(envelope_open(&a, str_of(texts[i]), &e));
    arena_release(&a);
}

static void an_origin_is_a_host(void **state)
{
    (void)state;
    assert_int_equal(envelope_origin(STR("https://a.example/v1")),
                     envelope_origin(STR("http://a.example")));
    assert_true(envelope_origin(STR("https://a.example")) !=
                envelope_origin(STR("https://b.example")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(others_are_not_ours),
        cmocka_unit_test(an_origin_is_a_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
