/*
 * config.c — the one typed configuration: finds its sources and lays one over the other.
 */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "config/config_check.h"
#include "config/config_env.h"
#include "config/config_file.h"
#include "config/config_group.h"
#include "config/config_value.h"
#include "config/config_yaml.h"

struct loading {
    struct config *c;
    const struct config_flags *flags;
    struct config_file file;
    struct problems *p;
};

static void apply_defaults(struct loading *l)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        struct fail why = {0};
        enum err err = value_parse(&config_keys[i], str_of(config_keys[i].fallback),
                                   &(struct key_owner){l->c, &l->c->arena, "default"}, &why);
        assert(!err); /* a default in config_keys.def is not of its kind */
        l->c->sources[i] = "default";
    }
}

/* ---- the file ---- */

/* Reads `path` into l->file. A file that may be missing says so with `optional`. */
static bool try_file(struct loading *l, const char *path, const char *named_by, bool optional)
{
    struct fail why = {0};
    enum err err = config_file_read(&l->file, path, &why);
    if (!err && !l->file.bytes.len)
        err = fail(&why, ERR_CONFIG, "is empty");
    if (!err) {
        l->c->file = arena_str(&l->c->arena, str_of(path)).ptr;
        return true;
    }
    config_file_release(&l->file);
    if (err == ERR_NOT_FOUND && optional)
        return false;
    problems_add(l->p, PROBLEM_CONFIG, "%s: %s%s", path, why.detail, named_by);
    return true; /* a wrong file is not passed over for the next one */
}

static bool try_user_file(struct loading *l)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    const char *home = environment_home();
    bool xdg = base && base[0] == '/';
    if (!xdg && !home)
        return false;
    return try_file(l,
                    arena_printf(&l->c->arena, "%s%s/claude-code-proxy/config.yaml",
                                 xdg ? base : home, xdg ? "" : "/.config")
                        .ptr,
                    "", true);
}

static void apply_file(struct loading *l)
{
    struct str named = environment_get(l->c->environment, STR("CLAUDE_CODE_PROXY_CONFIG"), NULL);
    if (l->flags->file)
        try_file(l, l->flags->file, " (--config)", false);
    else if (named.len)
        try_file(l, arena_str(&l->c->arena, named).ptr, " ($CLAUDE_CODE_PROXY_CONFIG)", false);
    else if (!try_file(l, "config.yaml", "", true))
        try_user_file(l);
    if (l->c->file)
        yaml_read(l->c, buf_str(&l->file.bytes), l->c->file, l->c->environment, l->p);
}

/* ---- environment and flags ---- */

static void apply_text(struct loading *l, size_t i, struct str text, const char *source,
                       enum problem_kind kind)
{
    struct fail why = {0};
    source = arena_str(&l->c->arena, str_of(source)).ptr;
    if (value_parse(&config_keys[i], text, &(struct key_owner){l->c, &l->c->arena, source}, &why))
        problems_add(l->p, kind, "%s: %s", source, why.detail);
    l->c->sources[i] = source;
}

static void apply_environment(struct loading *l)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        struct str names = str_of(config_keys[i].environment), name;
        const char *source = NULL;
        struct str value = STR_NONE;
        while (!value.len && str_next(&names, ',', &name))
            value = environment_get(l->c->environment, name, &source);
        if (value.len)
            apply_text(l, i, value, source, PROBLEM_CONFIG);
    }
}

/* Of a provider that the file need not speak of. */
static void apply_provider_variables(struct loading *l)
{
    for (size_t i = 0; i < PROVIDER_VARIABLES; i++) {
        const struct provider_variable *v = &provider_variables[i];
        struct fail why = {0};
        const char *source;
        struct str value = environment_get(l->c->environment, str_of(v->name), &source);
        struct config_provider *p = config_find_provider(l->c, v->provider);
        if (!value.len || (!p && !(p = config_add_provider(l->c, v->provider))))
            continue;
        struct config_group g = config_group_of_provider(l->c, p);
        g.sources[v->key] = arena_str(&l->c->arena, str_of(source)).ptr;
        if (value_parse(&g.keys[v->key], value, &g.owner, &why))
            problems_add(l->p, PROBLEM_CONFIG, "%s: %s", source, why.detail);
    }
}

static void apply_flags(struct loading *l)
{
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        if (!l->flags->values[i])
            continue;
        char source[64];
        snprintf(source, sizeof source, "flag --%s", config_keys[i].flag);
        apply_text(l, i, str_of(l->flags->values[i]), source, PROBLEM_USAGE);
    }
}

struct config *config_load(const struct config_flags *flags, struct problems *p)
{
    struct loading l = {.c = MEM_NEW(struct config), .flags = flags, .p = p};
    arena_init(&l.c->arena);
    atomic_init(&l.c->holders, 1);
    l.c->environment = MEM_NEW(struct environment);
    environment_init(l.c->environment, p);
    apply_defaults(&l);
    apply_file(&l);
    apply_environment(&l);
    apply_provider_variables(&l);
    apply_flags(&l);
    if (!problems_fatal(p))
        config_check(l.c, l.file.strange, p);
    config_file_release(&l.file);
    if (!problems_fatal(p))
        return l.c;
    config_free(l.c);
    return NULL;
}

void config_free(struct config *c)
{
    if (!c || atomic_fetch_sub(&c->holders, 1) > 1)
        return;
    environment_release(c->environment);
    free(c->environment);
    arena_release(&c->arena);
    free(c);
}

struct config *config_hold(struct config *c)
{
    atomic_fetch_add(&c->holders, 1);
    return c;
}

const char *config_environment(const struct config *c, const char *name)
{
    struct str value = environment_get(c->environment, str_of(name), NULL);
    return value.len ? arena_str(&c->environment->arena, value).ptr : "";
}
