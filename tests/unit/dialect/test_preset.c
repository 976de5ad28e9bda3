/*
 * Every preset can be used as it stands.
 */
#include "check.h"

#include <stdio.h>

#include "dialect/preset.h"

static void every_preset_is_sound(void **state)
{
    size_t count;
    const struct preset *all = preset_all(&count);
    (void)state;
    assert_true(count > 15);
    for (size_t i = 0; i < count; i++) {
        struct quirks q;
        struct str url = str_of(all[i].base_url);
        assert_int_equal(preset_quirks(&all[i], STR("m"), STR_NONE, &q, NULL), ERR_OK);
        assert_true(preset_find(str_of(all[i].name)) == &all[i]); /* no name twice */
        assert_true(!url.len || str_starts(url, STR("https://")) ||
                    str_starts(url, STR("http://")));
        assert_false(str_ends(url, STR("/")));
        assert_true(strlen(all[i].key_variable) > 4);
    }
    assert_null(preset_find(STR("nobody")));
}

static void the_configuration_has_the_last_word(void **state)
{
    struct quirks q;
    struct fail f = {0};
    (void)state;
    assert_int_equal(preset_quirks(preset_find(STR("openrouter")), STR("openai/gpt-5"),
                                   STR("-top_k,reasoning=none"), &q, &f),
                     ERR_OK);
    assert_false(quirks_have(&q, QUIRK_TOP_K));
    assert_true(quirks_have(&q, QUIRK_CACHE_CONTROL));
    assert_true(quirks_have(&q, QUIRK_NO_TEMPERATURE)); /* the model's name told */
    assert_int_equal(q.style, REASONING_NONE);
    assert_int_equal(preset_quirks(NULL, STR("m"), STR("nonsense"), &q, &f), ERR_CONFIG);
}

static void keys_have_their_headers(void **state)
{
    const char *before;
    (void)state;
    assert_string_equal(preset_auth_header(PRESET_AUTH_BEARER, &before), "authorization");
    assert_string_equal(before, "Bearer ");
    assert_string_equal(preset_auth_header(PRESET_AUTH_X_GOOG_API_KEY, &before), "x-goog-api-key");
    assert_string_equal(before, "");
    size_t count;
    const struct preset_header *headers = preset_headers(&count);
    for (size_t i = 0; i < count; i++)
        assert_non_null(preset_find(str_of(headers[i].preset)));
}

/* docs/dialects.md names every preset and every quirk, with what it does. */
static void all_are_documented(void **state)
{
    static const char *const words[] = {
#define QUIRK(name, text, what) "| `" text "` |",
#include "dialect/quirks.def"
#undef QUIRK
    };
    static char doc[1 << 17];
    size_t count;
    const struct preset *all = preset_all(&count);
    FILE *f = fopen(SOURCE_ROOT "/docs/dialects.md", "rb");
    (void)state;
    assert_non_null(f);
    doc[fread(doc, 1, sizeof doc - 1, f)] = '\0';
    fclose(f);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (!strstr(doc, words[i]))
            fail_msg("docs/dialects.md says nothing of %s", words[i]);
    for (size_t i = 0; i < count; i++)
        if (!strstr(doc, all[i].name) || !strstr(doc, all[i].base_url))
            fail_msg("docs/dialects.md says nothing of %s", all[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_is_sound),
        cmocka_unit_test(the_configuration_has_the_last_word),
        cmocka_unit_test(all_are_documented),
        cmocka_unit_test(keys_have_their_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
