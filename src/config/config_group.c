/*
 * config_group.c — providers and rules, as many as the file has.
 */
#include "config/config_group.h"

#include "config/config_value.h"

enum { RULES_STEP = 64 };

struct config_group config_group_of_provider(struct config *c, struct config_provider *p)
{
    return (struct config_group){provider_keys, PROVIDER_KEYS, {p, &c->arena, NULL}, p->sources};
}

struct config_group config_group_of_rule(struct config *c, struct config_rule *r)
{
    return (struct config_group){rule_keys, RULE_KEYS, {r, &c->arena, NULL}, r->sources};
}

static void set_defaults(const struct config_group *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct config_key k = g->keys[i];
        k.min = 0; /* what has to be given is empty until it is */
        enum err err = value_parse(&k, str_of(k.fallback), &g->owner, NULL);
        assert(!err); /* a default in a table is not of its kind */
        (void)err;
        g->sources[i] = "default";
    }
}

struct config_provider *config_add_provider(struct config *c, const char *name)
{
    if (c->provider_count == CONFIG_PROVIDERS_MAX)
        return NULL;
    if (!c->providers)
        c->providers = arena_alloc(&c->arena, CONFIG_PROVIDERS_MAX * sizeof *c->providers);
    struct config_provider *p = &c->providers[c->provider_count++];
    *p = (struct config_provider){.name = name};
    struct config_group g = config_group_of_provider(c, p);
    set_defaults(&g);
    return p;
}

struct config_rule *config_add_rule(struct config *c, const char *source)
{
    struct config_rules *rules = &c->routing_rules;
    if (rules->count == CONFIG_RULES_MAX)
        return NULL;
    if (rules->count % RULES_STEP == 0) {
        struct config_rule *items =
            arena_alloc(&c->arena, (rules->count + RULES_STEP) * sizeof *items);
        if (rules->count)
            memcpy(items, rules->items, rules->count * sizeof *items);
        rules->items = items;
    }
    struct config_rule *r = &rules->items[rules->count++];
    *r = (struct config_rule){.source = source};
    struct config_group g = config_group_of_rule(c, r);
    set_defaults(&g);
    return r;
}

struct config_provider *config_find_provider(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->provider_count; i++)
        if (strcmp(c->providers[i].name, name) == 0)
            return &c->providers[i];
    return NULL;
}
