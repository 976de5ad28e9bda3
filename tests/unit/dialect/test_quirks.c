/*
 * Quirks: their text form, what names and refusals tell.
 */
#include "check.h"

#include "dialect/quirks.h"

static void check_text(const char *text, const char *again)
{
    struct quirks q = {0};
    struct buf out;
    buf_init(&out, 10000);
    assert_int_equal(quirks_parse(&q, str_of(text), NULL), ERR_OK);
    assert_int_equal(quirks_format(&q, &out), ERR_OK);
    assert_str_equal(buf_str(&out), str_of(again));
    buf_release(&out);
}

static void the_text_form_goes_both_ways(void **state)
{
    (void)state;
    check_text("", "");
    check_text("top_k, no_temperature", "no_temperature,top_k");
    check_text("top_k,-top_k", "");
    check_text("reasoning=qwen,efforts=low|high,cap=16384",
               "reasoning=qwen,efforts=low|high,cap=16384");
}

static void unknown_words_are_refused(void **state)
{
    static const char *const wrong[] = {"top-k", "reasoning=loud", "efforts=low|loud", "cap=x",
                                        "x=1"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct quirks q = {0};
        struct fail f = {0};
        assert_int_equal(quirks_parse(&q, str_of(wrong[i]), &f), ERR_CONFIG);
    }
}

/* The families and spellings that have to be known before anything was learned. */
static void names_tell_what_reasons(void **state)
{
    static const struct {
        const char *model;
        bool is_reasoning;
    } models[] = {{"gpt-5", true},
                  {"GPT-5", true},
                  {"openai/gpt-5-mini", true},
                  {"azure/o3", true},
                  {"o1", true},
                  {"o4-mini", true},
                  {"gpt-4o", false},
                  {"gpt-4-turbo", false},
                  {"ollama", false},
                  {"meta-gpt-5", false},
                  {"", false},
                  {"gpt-3.5-turbo", false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        struct quirks q = {0};
        quirks_guess(&q, str_of(models[i].model));
        assert_int_equal(quirks_have(&q, QUIRK_MAX_COMPLETION_TOKENS), models[i].is_reasoning);
    }
}

static void efforts_become_the_nearest_below(void **state)
{
    struct quirks q = {0};
    (void)state;
    assert_int_equal(quirks_effort(&q, EFFORT_MAX), EFFORT_HIGH);
    assert_int_equal(quirks_effort(&q, EFFORT_MINIMAL), EFFORT_LOW);
    q.efforts = 1u << EFFORT_LOW | 1u << EFFORT_HIGH;
    assert_int_equal(quirks_effort(&q, EFFORT_MEDIUM), EFFORT_LOW);
}

static void the_same_is_not_learned_twice(void **state)
{
    const struct str body =
        STR("{\"error\":{\"message\":\"Unsupported value: 'temperature' does not "
            "support 0.7 with this model. Only the default (1)\"}}");
    struct quirks q = {0};
    (void)state;
    assert_true(quirks_learn(&q, 400, body));
    assert_true(quirks_have(&q, QUIRK_NO_TEMPERATURE));
    assert_false(quirks_learn(&q, 400, body));
    assert_false(quirks_learn(&q, 500, STR("stream_options")));
}

static void efforts_are_learned_from_what_is_supported(void **state)
{
    struct quirks q = {0};
    (void)state;
    assert_true(
        quirks_learn(&q, 400,
                     STR("Unsupported value: 'xhigh' is not supported with this model for "
                         "reasoning_effort. Supported values are: 'low', 'medium', and 'high'.")));
    assert_int_equal(q.efforts, 1u << EFFORT_LOW | 1u << EFFORT_MEDIUM | 1u << EFFORT_HIGH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_form_goes_both_ways),
        cmocka_unit_test(unknown_words_are_refused),
        cmocka_unit_test(names_tell_what_reasons),
        cmocka_unit_test(efforts_become_the_nearest_below),
        cmocka_unit_test(the_same_is_not_learned_twice),
        cmocka_unit_test(efforts_are_learned_from_what_is_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
