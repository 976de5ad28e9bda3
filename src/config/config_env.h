/*
 * config_env.h — the environment, and the two files that count as environment.
 */
#ifndef CONFIG_CONFIG_ENV_H
#define CONFIG_CONFIG_ENV_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/problems.h"

struct environment {
    struct dotenv {
        const char *name; /* as shown: ".env"; NULL: there is none */
        struct buf bytes;
    } files[2]; /* the nearer first */
    struct arena arena;
};

/* Reads ./.env and ~/.claude/proxy.env where they are; one that cannot be read is a warning. */
void environment_init(struct environment *e, struct problems *p);
void environment_release(struct environment *e);

/* The value of `name`: the real environment first, then the files. STR_NONE when it is not set;
 * set but empty counts as not set. `source`, if not NULL, gets "environment PORT" or
 * ".env:3 PORT". Both live in the environment's arena, or in the real environment. */
struct str environment_get(struct environment *e, struct str name, const char **source);

/* "$HOME", or the user's home by the password file; NULL when there is neither. */
const char *environment_home(void);

#endif
