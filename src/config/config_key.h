/*
 * config_key.h — config_keys.def as data, and the tables of what a provider and a rule may say: one
 * row a key.
 */
#ifndef CONFIG_CONFIG_KEY_H
#define CONFIG_CONFIG_KEY_H

#include "config/config.h"

enum key_kind {
    KIND_HOST,
    KIND_TOKEN,
    KIND_SECRET,
    KIND_TEXT,
    KIND_MAP,
    KIND_RULES, /* routing.rules: groups of rule_keys.def */
    KIND_PATH,
    KIND_URL,
    KIND_PROXY,
    KIND_DATABASE,
    KIND_INT,
    KIND_DURATION,
    KIND_SIZE,
    KIND_BOOL,
    KIND_HOSTS, /* a list, and the next likewise */
    KIND_LINES,
    KIND_CHOICE
};

struct config_key {
    enum key_kind kind;
    const char *path;        /* "server.port" */
    const char *flag;        /* "port"; NULL: none */
    const char *fallback;    /* the default, as one would write it */
    const char *environment; /* "SERVER_HOST,HOST"; NULL: none */
    const char *choices;     /* "abort|drain"; NULL unless KIND_CHOICE */
    const char *what;        /* sentences for the docs */
    uint64_t min, max;       /* see config_keys.def */
    size_t offset;           /* in struct config, or in struct config_provider */
};

extern const struct config_key config_keys[CONFIG_KEYS];
extern const struct config_key provider_keys[PROVIDER_KEYS]; /* "providers.NAME.…" */
extern const struct config_key rule_keys[RULE_KEYS];         /* of an item of routing.rules */

/* Environment variables that say something of one provider. */
struct provider_variable {
    const char *provider;
    enum config_provider_id key;
    const char *name;
};
enum { PROVIDER_VARIABLES = 1 };
extern const struct provider_variable provider_variables[PROVIDER_VARIABLES];

/* The struct that a key's field is in, the arena of its texts, and where its value stands. */
struct key_owner {
    void *base;
    struct arena *arena;
    const char *source; /* lives as long as the arena */
};

static inline void *key_slot(const struct config_key *k, const struct key_owner *owner)
{
    return (char *)owner->base + k->offset;
}

static inline const void *key_value(const struct config_key *k, const void *base)
{
    return (const char *)base + k->offset;
}

static inline bool key_is_list(const struct config_key *k)
{
    return k->kind == KIND_HOSTS || k->kind == KIND_LINES;
}

const struct config_key *key_find(struct str path); /* NULL: there is none */
/* "base_url" among provider_keys, "agent" among rule_keys */
const struct config_key *key_find_among(const struct config_key *keys, size_t count,
                                        struct str name);
bool key_is_provider_section(struct str name);              /* "circuit_breaker" */
bool key_is_section(struct str path);               /* "server", "server.timeouts" */
/* A key or section that `path` is probably a slip of; STR_NONE when nothing is near. */
struct str key_suggest(struct str path);
/* How many letters must change to make `b` of `a`. A text over 64 bytes is SIZE_MAX away. */
size_t text_distance(struct str a, struct str b);

#endif
