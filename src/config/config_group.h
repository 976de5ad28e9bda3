/*
 * config_group.h — what the configuration has any number of: providers and rules, each a group of
 * keys with their own table.
 */
#ifndef CONFIG_CONFIG_GROUP_H
#define CONFIG_CONFIG_GROUP_H

#include "config/config_key.h"

struct config_group {
    const struct config_key *keys;
    size_t count;
    struct key_owner owner;
    const char **sources; /* of each key; "default" where nothing was said */
};

/* A new one with its defaults; NULL when there are CONFIG_PROVIDERS_MAX, or CONFIG_RULES_MAX. */
struct config_provider *config_add_provider(struct config *c, const char *name);
struct config_rule *config_add_rule(struct config *c, const char *source);
struct config_provider *config_find_provider(const struct config *c, const char *name);

struct config_group config_group_of_provider(struct config *c, struct config_provider *p);
struct config_group config_group_of_rule(struct config *c, struct config_rule *r);

#endif
