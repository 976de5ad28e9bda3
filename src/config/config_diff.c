/*
 * config_diff.c — in what two configurations differ.
 */
#include "config/config_diff.h"

#include "config/config_group.h"

#include <stdio.h>

bool key_is_live(const struct config_key *k)
{
    static const char *const live[] = {"providers.", "routing.", "subagents.", "fallback.",
                                       "agents.",    "logging."};
    for (size_t i = 0; i < COUNT_OF(live); i++)
        if (str_starts(str_of(k->path), str_of(live[i])))
            return true;
    return false;
}

static bool texts_differ(const char *a, const char *b)
{
    return !str_equal(str_of(a), str_of(b));
}

static bool lists_differ(const struct config_list *a, const struct config_list *b)
{
    bool differ = a->count != b->count;
    for (size_t i = 0; !differ && i < a->count; i++)
        differ = texts_differ(a->items[i], b->items[i]);
    return differ;
}

static bool maps_differ(const struct config_map *a, const struct config_map *b)
{
    bool differ = a->count != b->count;
    for (size_t i = 0; !differ && i < a->count; i++)
        differ = texts_differ(a->entries[i].name, b->entries[i].name) ||
                 texts_differ(a->entries[i].text, b->entries[i].text);
    return differ;
}

static bool rules_differ(const struct config_rules *a, const struct config_rules *b);

static bool values_differ(const struct config_key *k, const void *a_base, const void *b_base)
{
    const void *a = key_value(k, a_base), *b = key_value(k, b_base);
    switch (k->kind) {
    case KIND_INT:
    case KIND_CHOICE:
        return *(const int *)a != *(const int *)b;
    case KIND_BOOL:
        return *(const bool *)a != *(const bool *)b;
    case KIND_DURATION:
    case KIND_SIZE:
        return *(const uint64_t *)a != *(const uint64_t *)b;
    case KIND_HOSTS:
    case KIND_LINES:
        return lists_differ(a, b);
    case KIND_MAP:
        return maps_differ(a, b);
    case KIND_RULES:
        return rules_differ(a, b);
    case KIND_HOST:
    case KIND_TOKEN:
    case KIND_TEXT:
    case KIND_SECRET:
    case KIND_PATH:
    case KIND_URL:
    case KIND_PROXY:
    case KIND_DATABASE:
        return texts_differ(*(const char *const *)a, *(const char *const *)b);
    }
    return true;
}

static bool rules_differ(const struct config_rules *a, const struct config_rules *b)
{
    bool differ = a->count != b->count;
    for (size_t i = 0; !differ && i < a->count; i++)
        for (size_t k = 0; !differ && k < RULE_KEYS; k++)
            differ = values_differ(&rule_keys[k], &a->items[i], &b->items[i]);
    return differ;
}

static enum err put_name(struct buf *names, const char *section, const char *name)
{
    return buf_printf(names, "%s%s%s", names->len ? " " : "", section, name);
}

/* One that only `c` has is named whole; what both have is told key by key, once. */
static enum err diff_providers(const struct config *c, const struct config *other, bool tells_keys,
                               struct buf *names)
{
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < c->provider_count; i++) {
        const struct config_provider *a = &c->providers[i], *b = config_find_provider(other, a->name);
        char section[160];
        snprintf(section, sizeof section, "providers.%s%s", a->name, b ? "." : "");
        if (!b)
            err = put_name(names, section, "");
        for (size_t k = 0; b && tells_keys && !err && k < PROVIDER_KEYS; k++)
            if (values_differ(&provider_keys[k], a, b))
                err = put_name(names, section, provider_keys[k].path);
    }
    return err;
}

enum err config_diff(const struct config *old, const struct config *new, bool is_live,
                     struct buf *names)
{
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < CONFIG_KEYS; i++)
        if (key_is_live(&config_keys[i]) == is_live && values_differ(&config_keys[i], old, new))
            err = put_name(names, "", config_keys[i].path);
    if (!err && is_live)
        err = diff_providers(old, new, true, names);
    if (!err && is_live)
        err = diff_providers(new, old, false, names);
    return err;
}
