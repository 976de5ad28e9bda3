/*
 * config_key.c — config_keys.def as data, found by name, also by a name with a slip in it.
 */
#include "config/config_key.h"

static_assert(sizeof(enum client_disconnect) == sizeof(int), "choices are written through an int");
static_assert(sizeof(enum agent_projects) == sizeof(int), "choices are written through an int");
static_assert(sizeof(enum route_mode) == sizeof(int), "choices are written through an int");
static_assert(sizeof(enum storage_type) == sizeof(int), "choices are written through an int");
static_assert(sizeof(enum storage_durability) == sizeof(int), "choices are written through an int");
static_assert(sizeof(enum log_level) == sizeof(int), "choices are written through an int");
static_assert(sizeof(enum log_format) == sizeof(int), "choices are written through an int");

const struct config_key config_keys[CONFIG_KEYS] = {
#define KEY(field, kind_, path_, flag_, default_, environment_, min_, max_, what_)                 \
    {.kind = KIND_##kind_,                                                                         \
     .path = path_,                                                                                \
     .flag = flag_,                                                                                \
     .fallback = default_,                                                                         \
     .environment = environment_,                                                                  \
     .min = min_,                                                                                  \
     .max = max_,                                                                                  \
     .what = what_,                                                                                \
     .offset = offsetof(struct config, field)},
#define CHOICE(field, enum_name, path_, flag_, default_, environment_, choices_, what_)            \
    {.kind = KIND_CHOICE,                                                                          \
     .path = path_,                                                                                \
     .flag = flag_,                                                                                \
     .fallback = default_,                                                                         \
     .environment = environment_,                                                                  \
     .choices = choices_,                                                                          \
     .what = what_,                                                                                \
     .offset = offsetof(struct config, field)},
#include "config/config_keys.def"
#undef KEY
#undef CHOICE
};

const struct config_key provider_keys[PROVIDER_KEYS] = {
#define PROVIDER_KEY(field_, path_, kind_, default_, min_, max_, what_)                            \
    {.kind = KIND_##kind_,                                                                         \
     .path = path_,                                                                                \
     .fallback = default_,                                                                         \
     .min = min_,                                                                                  \
     .max = max_,                                                                                  \
     .what = what_,                                                                                \
     .offset = offsetof(struct config_provider, field_)},
#include "config/provider_keys.def"
#undef PROVIDER_KEY
};

const struct config_key rule_keys[RULE_KEYS] = {
#define RULE_KEY(field_, kind_, default_, min_, max_, what_)                                       \
    {.kind = KIND_##kind_,                                                                         \
     .path = #field_,                                                                              \
     .fallback = default_,                                                                         \
     .min = min_,                                                                                  \
     .max = max_,                                                                                  \
     .what = what_,                                                                                \
     .offset = offsetof(struct config_rule, field_)},
#include "config/rule_keys.def"
#undef RULE_KEY
};

const struct provider_variable provider_variables[PROVIDER_VARIABLES] = {
#define PROVIDER_KEY(...)
#define PROVIDER_VARIABLE(provider_, field, name_)                                                 \
    {.provider = #provider_, .key = CONFIG_PROVIDER_##field, .name = name_},
#include "config/provider_keys.def"
#undef PROVIDER_KEY
#undef PROVIDER_VARIABLE
};

const struct config_key *key_find_among(const struct config_key *keys, size_t count,
                                        struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, str_of(keys[i].path)))
            return &keys[i];
    return NULL;
}

static bool is_section_among(const struct config_key *keys, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        struct str key = str_of(keys[i].path);
        if (key.len > name.len && key.ptr[name.len] == '.' && str_starts(key, name))
            return true;
    }
    return false;
}

bool key_is_provider_section(struct str name)
{
    return is_section_among(provider_keys, PROVIDER_KEYS, name);
}

const struct config_key *key_find(struct str path)
{
    return key_find_among(config_keys, CONFIG_KEYS, path);
}

bool key_is_section(struct str path)
{
    return is_section_among(config_keys, CONFIG_KEYS, path);
}

enum { DISTANCE_MAX = 64 };

size_t text_distance(struct str a, struct str b)
{
    if (a.len > DISTANCE_MAX || b.len > DISTANCE_MAX)
        return SIZE_MAX;
    size_t row[DISTANCE_MAX + 1]; /* Levenshtein's table, one row kept */
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t swap = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            diagonal = row[j];
            row[j] = MIN_OF(swap, MIN_OF(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

static struct str last_part(struct str path)
{
    while (str_find(path, '.') < path.len)
        path = str_from(path, str_find(path, '.') + 1);
    return path;
}

/* A right name in a wrong place counts as one slip. */
static size_t slips(struct str path, struct str candidate)
{
    if (str_equal(last_part(path), last_part(candidate)))
        return 1;
    return text_distance(path, candidate);
}

struct str key_suggest(struct str path)
{
    size_t best = MIN_OF(4, last_part(path).len / 2 + 1); /* further away is another word */
    struct str found = STR_NONE;
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        struct str key = str_of(config_keys[i].path);
        for (size_t end = 1; end <= key.len; end++) { /* its sections, then itself */
            if (end < key.len && key.ptr[end] != '.')
                continue;
            size_t distance = slips(path, str_head(key, end));
            if (distance < best) {
                best = distance;
                found = str_head(key, end);
            }
        }
    }
    return found;
}
