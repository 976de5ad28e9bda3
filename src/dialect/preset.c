/*
 * preset.c — looking presets up.
 */
#include "dialect/preset.h"

static const struct preset presets[] = {
#define PRESET(name, dialect, base_url, key_variable, auth, quirks)                                \
    {name, DIALECT_##dialect, base_url, key_variable, PRESET_AUTH_##auth, quirks},
#include "dialect/presets.def"
#undef PRESET
};

/* OpenRouter names and links the app that asks (openrouter.ai/docs, app attribution). */
static const struct preset_header headers[] = {
    {"openrouter", "http-referer", "OPENROUTER_APP_URL"},
    {"openrouter", "x-title", "OPENROUTER_APP_NAME"},
};

const struct preset *preset_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(presets); i++)
        if (str_equal(name, str_of(presets[i].name)))
            return &presets[i];
    return NULL;
}

const struct preset *preset_all(size_t *count)
{
    *count = COUNT_OF(presets);
    return presets;
}

const struct preset_header *preset_headers(size_t *count)
{
    *count = COUNT_OF(headers);
    return headers;
}

const char *preset_auth_header(enum preset_auth auth, const char **before)
{
    static const char *const names[] = {"authorization", "x-api-key", "x-goog-api-key", "api-key"};
    assert(auth < COUNT_OF(names));
    *before = auth == PRESET_AUTH_BEARER ? "Bearer " : "";
    return names[auth];
}

enum err preset_quirks(const struct preset *p, struct str model, struct str more,
                       struct quirks *out, struct fail *f)
{
    *out = (struct quirks){0};
    if (p) {
        enum err err = quirks_parse(out, str_of(p->quirks), NULL);
        assert(!err); /* a test parses them all */
    }
    quirks_guess(out, model);
    return quirks_parse(out, more, f);
}
