/*
 * config_key.h — config_keys.def as data: one row a key.
 */
#ifndef CONFIG_CONFIG_KEY_H
#define CONFIG_CONFIG_KEY_H

#include "config/config.h"

enum key_kind {
    KIND_HOST,
    KIND_TOKEN,
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
    size_t offset;           /* in struct config */
};

extern const struct config_key config_keys[CONFIG_KEYS];

static inline void *key_slot(const struct config_key *k, struct config *c)
{
    return (char *)c + k->offset;
}

static inline const void *key_value(const struct config_key *k, const struct config *c)
{
    return (const char *)c + k->offset;
}

static inline bool key_is_list(const struct config_key *k)
{
    return k->kind == KIND_HOSTS || k->kind == KIND_LINES;
}

const struct config_key *key_find(struct str path); /* NULL: there is none */
bool key_is_section(struct str path);               /* "server", "server.timeouts" */
/* A key or section that `path` is probably a slip of; STR_NONE when nothing is near. */
struct str key_suggest(struct str path);
/* How many letters must change to make `b` of `a`. A text over 64 bytes is SIZE_MAX away. */
size_t text_distance(struct str a, struct str b);

#endif
