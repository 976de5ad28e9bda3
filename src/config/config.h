/*
 * config.h — the typed configuration, as one reading of its sources gave it; never changed after.
 *
 * Precedence: flag > environment > .env > ~/.claude/proxy.env > file > default. Every value
 * knows where it came from. Strict: what is not understood is an error that names its place.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "config/problems.h"

enum client_disconnect { DISCONNECT_ABORT, DISCONNECT_DRAIN };

enum agent_projects { AGENT_PROJECTS_AUTO, AGENT_PROJECTS_OFF };
enum route_mode { ROUTE_ON, ROUTE_SHADOW };

enum storage_type { STORAGE_SQLITE, STORAGE_POSTGRES };

enum storage_durability { DURABILITY_PROCESS, DURABILITY_BATCH, DURABILITY_SYNC };

enum record_failure { RECORD_FAILURE_FORWARD, RECORD_FAILURE_REJECT };

struct config_list {
    const char **items;
    size_t count;
};

/* Names with texts, in the order of the file: the first that fits may count. */
struct config_entry {
    const char *name, *text;
    const char *source; /* "config.yaml:12", "environment SUBAGENT_MAPPINGS" */
};

enum { CONFIG_MAP_MAX = 1024, CONFIG_RULES_MAX = 1024, CONFIG_PROVIDERS_MAX = 64 };

struct config_map {
    struct config_entry *entries;
    size_t count;
};

struct config_rules {
    struct config_rule *items;
    size_t count;
};

enum config_id {
#define KEY(field, ...)    CONFIG_##field,
#define CHOICE(field, ...) CONFIG_##field,
#include "config/config_keys.def"
#undef KEY
#undef CHOICE
    CONFIG_KEYS
};

#define CONFIG_TYPE_HOST     const char *
#define CONFIG_TYPE_TOKEN    const char *
#define CONFIG_TYPE_PATH     const char *
#define CONFIG_TYPE_URL      const char *
#define CONFIG_TYPE_PROXY    const char *
#define CONFIG_TYPE_DATABASE const char *
#define CONFIG_TYPE_INT      int
#define CONFIG_TYPE_DURATION uint64_t
#define CONFIG_TYPE_SIZE     uint64_t
#define CONFIG_TYPE_BOOL     bool
#define CONFIG_TYPE_HOSTS    struct config_list
#define CONFIG_TYPE_LINES    struct config_list
#define CONFIG_TYPE_SECRET   const char *
#define CONFIG_TYPE_TEXT     const char *
#define CONFIG_TYPE_MAP      struct config_map
#define CONFIG_TYPE_RULES    struct config_rules

enum config_provider_id {
#define PROVIDER_KEY(field, ...) CONFIG_PROVIDER_##field,
#include "config/provider_keys.def"
#undef PROVIDER_KEY
    PROVIDER_KEYS
};

/* What the file says of a provider other than Anthropic: providers.NAME. Durations in
 * milliseconds. */
struct config_provider {
    const char *name;
#define PROVIDER_KEY(field, name_, kind, ...) CONFIG_TYPE_##kind field;
#include "config/provider_keys.def"
#undef PROVIDER_KEY
    const char *sources[PROVIDER_KEYS];
};

enum config_rule_id {
#define RULE_KEY(field, ...) CONFIG_RULE_##field,
#include "config/rule_keys.def"
#undef RULE_KEY
    RULE_KEYS
};

/* One item of routing.rules. */
struct config_rule {
#define RULE_KEY(field, kind, ...) CONFIG_TYPE_##kind field;
#include "config/rule_keys.def"
#undef RULE_KEY
    const char *source; /* where it begins */
    const char *sources[RULE_KEYS];
};

/* Texts are never NULL; "" is what was left empty. storage_data_dir and storage_db_path are
 * never empty: their defaults have been worked out. */
struct config {
#define KEY(field, kind, ...)         CONFIG_TYPE_##kind field;
#define CHOICE(field, enum_name, ...) enum enum_name field;
#include "config/config_keys.def"
#undef KEY
#undef CHOICE
    struct config_provider *providers; /* those that the environment speaks of, too */
    size_t provider_count;
    const char *file;                 /* the file that was read; NULL: none */
    const char *sources[CONFIG_KEYS]; /* "flag --port", "environment PORT", "config.yaml:12:3", … */
    struct environment *environment;
    struct arena arena;               /* of all texts above */
    atomic_int holders;
};

/* What the command line said; NULL where it said nothing. */
struct config_flags {
    const char *file;
    const char *values[CONFIG_KEYS];
};

/* NULL when anything is wrong; `p` then holds why. Warnings are added either way, for the caller
 * to show. The caller frees. */
struct config *config_load(const struct config_flags *flags, struct problems *p);
void config_free(struct config *c); /* once for each holder; NULL is fine. Any thread */
struct config *config_hold(struct config *c); /* one more, on any thread */
/* A variable of the environment, .env and ~/.claude/proxy.env included; "" when it is not set. Not
 * from several threads at once. */
const char *config_environment(const struct config *c, const char *name);

/* One line a key: name, value, source; secrets masked. ERR_TOO_LARGE as buf.h. */
enum err config_print(const struct config *c, struct buf *out) MUST_CHECK;
enum err config_print_example(struct buf *out) MUST_CHECK; /* config.yaml.example */
enum err config_print_docs(struct buf *out) MUST_CHECK;    /* docs/config.md */

enum { CONFIG_PRINT_MAX = 2 << 20 }; /* a ceiling for those buffers */

#endif
