/*
 * config_print.c — the configuration and its table as people read them: `config show`,
 * config.yaml.example and docs/config.md.
 */
#include "config/config_group.h"
#include "config/config_value.h"

#include <stdio.h>

enum { EXAMPLE_WIDTH = 92, NAME_WIDTH = 50, VALUE_WIDTH = 34 };

static enum err print_line(const struct config_key *k, const char *name, const void *values,
                           const char *source, struct buf *out)
{
    struct buf value;
    buf_init(&value, CONFIG_PRINT_MAX);
    enum err err = value_print(k, values, &value);
    if (!err)
        err = buf_printf(out, "%-*s %-*.*s  # %s\n", NAME_WIDTH, name, VALUE_WIDTH,
                         STR_ARGS(buf_str(&value)), source);
    buf_release(&value);
    return err;
}

/* Only what is said of it. */
static enum err print_group(const struct config_key *keys, size_t count, const char *section,
                            const void *values, const char *const *sources, struct buf *out)
{
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < count; i++) {
        char name[192];
        snprintf(name, sizeof name, "%s.%s", section, keys[i].path);
        if (strcmp(sources[i], "default") != 0)
            err = print_line(&keys[i], name, values, sources[i], out);
    }
    return err;
}

static enum err print_provider(const struct config_provider *p, struct buf *out)
{
    char section[128];
    snprintf(section, sizeof section, "providers.%s", p->name);
    return print_group(provider_keys, PROVIDER_KEYS, section, p, p->sources, out);
}

static enum err print_rule(const struct config_rule *r, size_t number, struct buf *out)
{
    char section[64];
    snprintf(section, sizeof section, "routing.rules.%zu", number);
    return print_group(rule_keys, RULE_KEYS, section, r, r->sources, out);
}

enum err config_print(const struct config *c, struct buf *out)
{
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < CONFIG_KEYS; i++)
        err = print_line(&config_keys[i], config_keys[i].path, c, c->sources[i], out);
    for (size_t i = 0; !err && i < c->provider_count; i++)
        err = print_provider(&c->providers[i], out);
    for (size_t i = 0; !err && i < c->routing_rules.count; i++)
        err = print_rule(&c->routing_rules.items[i], i + 1, out);
    return err;
}

/* ---- config.yaml.example ---- */

static enum err put_comment(struct buf *out, size_t indent, const char *text)
{
    struct str rest = str_of(text), word;
    size_t column = 0;
    enum err err = ERR_OK;
    while (!err && str_next(&rest, ' ', &word)) {
        bool fits = column && column + 1 + word.len <= EXAMPLE_WIDTH;
        if (!fits)
            err = buf_printf(out, "%s%*s#", column ? "\n" : "", (int)indent, "");
        column = (fits ? column : indent + 1) + 1 + word.len;
        if (!err)
            err = buf_printf(out, " %.*s", STR_ARGS(word));
    }
    return err ? err : buf_append_byte(out, '\n');
}

/* A line of the names in "A,B", each in quotes of the given sort. */
static enum err put_names(struct buf *out, const char *label, const char *names, const char *quote)
{
    struct str rest = str_of(names), name;
    enum err err = ERR_OK;
    for (bool first = true; !err && str_next(&rest, ',', &name); first = false)
        err = buf_printf(out, "%s%s%.*s%s", first ? label : ", ", quote, STR_ARGS(name), quote);
    return err ? err : buf_append_byte(out, '\n');
}

static size_t depth_of(struct str path)
{
    size_t depth = 0;
    for (size_t i = 0; i < path.len; i++)
        depth += path.ptr[i] == '.';
    return depth;
}

/* "server.timeouts" of "server.timeouts.read" */
static struct str section_of(struct str path)
{
    size_t end = path.len;
    while (end && path.ptr[end - 1] != '.')
        end--;
    return str_head(path, end ? end - 1 : 0);
}

/* Opens the sections of `path` that `before` was not in. */
static enum err put_sections(struct buf *out, struct str path, struct str before)
{
    enum err err = ERR_OK;
    for (size_t end = 0; !err && end < path.len; end++) {
        bool shared =
            before.len > end && str_equal(str_head(before, end + 1), str_head(path, end + 1));
        if (path.ptr[end] != '.' || shared)
            continue;
        struct str section = str_head(path, end), parent = section_of(section);
        struct str name = parent.len ? str_from(section, parent.len + 1) : section;
        err = buf_printf(out, "%*s%.*s:\n", (int)(2 * depth_of(section)), "", STR_ARGS(name));
    }
    return err;
}

static enum err put_example_key(struct buf *out, const struct config_key *k)
{
    struct str path = str_of(k->path);
    size_t indent = 2 * depth_of(path);
    struct str section = section_of(path), name = str_from(path, section.len ? section.len + 1 : 0);
    bool is_list = key_is_list(k) || k->kind == KIND_RULES;
    const char *value = *k->fallback          ? k->fallback
                        : is_list             ? "[]"
                        : k->kind == KIND_MAP ? "{}"
                                              : "\"\"";
    enum err err = put_comment(out, indent, k->what);
    if (!err && k->environment)
        err = buf_printf(out, "%*s", (int)indent, "");
    if (!err && k->environment)
        err = put_names(out, "# Environment: ", k->environment, "");
    if (!err)
        err = buf_printf(out, "%*s#%.*s: %s\n", (int)indent, "", STR_ARGS(name), value);
    return err;
}

enum err config_print_example(struct buf *out)
{
    struct str before = STR_NONE;
    enum err err = buf_append(
        out, STR("# Every key with its default; take away the # to change one. Made from\n"
                 "# src/config/config_keys.def by `claude-code-proxy config example`.\n"));
    for (size_t i = 0; !err && i < CONFIG_KEYS; i++) {
        struct str path = str_of(config_keys[i].path);
        err = buf_append_byte(out, '\n');
        if (!err)
            err = put_sections(out, path, before);
        if (!err)
            err = put_example_key(out, &config_keys[i]);
        before = path;
    }
    return err;
}

/* ---- docs/config.md ---- */

static const char docs_head[] =
    "# Configuration\n\n"
    "Made from `src/config/config_keys.def` by `claude-code-proxy config docs`; edit that table,\n"
    "not this page.\n\n"
    "## Where values come from\n\n"
    "The first of these that has a value wins:\n\n"
    "1. a flag (`--port 3001`)\n"
    "2. the environment; then `.env` in the working directory; then `~/.claude/proxy.env`\n"
    "   (`NAME=value` lines; a variable that is set but empty counts as not set)\n"
    "3. the file: `--config FILE`, else `$CLAUDE_CODE_PROXY_CONFIG`, else `./config.yaml`, else\n"
    "   `$XDG_CONFIG_HOME/claude-code-proxy/config.yaml` (`~/.config/…` where that is not set)\n"
    "4. the default\n\n"
    "`claude-code-proxy config show` prints every value and where it came from;\n"
    "`claude-code-proxy config check` says what is wrong, as `file:line:column: message`, and\n"
    "exits with 78. A wrong value is an error even where another source overrides it.\n\n"
    "## What a file may hold\n\n"
    "Plain YAML up to 1 MiB: groups of keys, values, lists. Unknown keys, keys that stand twice,\n"
    "anchors, aliases, merge keys, tags and second documents are errors. Whole numbers are\n"
    "decimal, without quotes; switches are `true` or `false`. A duration is `90` (seconds),\n"
    "`90s`, `5m`, `1h`, `30d` or `500ms`; a size is `4096`, `32MB` or `32MiB`. `${NAME}` in a text takes\n"
    "a value from the environment, so that a password need not stand in the file. Where a group of\n"
    "names can also be given in the environment, what stands there comes first and replaces what\n"
    "the file says under the same name. Relative paths\n"
    "in a file are taken from that file's folder, `~/` is the home directory.\n\n"
    "A file that another user owns or could write to is a warning, and an error where\n"
    "`server.host` is no loopback address.\n\n"
    "## Changes without a restart\n\n"
    "While the proxy runs it looks at its file every two seconds, and reads all sources again when the\n"
    "file has changed; on SIGHUP it does so at once, whatever changed (`.env` and\n"
    "`~/.claude/proxy.env` too, and a certificate file under another name). A new reading is taken whole or\n"
    "not at all: what is wrong is logged with its place, and everything stays as it was. Keys that\n"
    "begin with `providers.`, `routing.`, `subagents.`, `fallback.`, `agents.` or `logging.` take effect\n"
    "for the next request; running ones keep what they started with, and connections to a provider\n"
    "that did not change are kept. A change of any other key is named in the log, and waits for a restart.\n\n"
    "## Who may ask\n\n"
    "There is no authentication yet. An address other than loopback therefore gives a warning,\n"
    "at start and in `config check`: whoever reaches it can use the proxy and read what it has\n"
    "recorded.\n";

static enum err put_docs_key(struct buf *out, const struct config_key *k)
{
    char form[160];
    value_describe(k, form, sizeof form);
    enum err err = buf_printf(out, "\n### `%s`\n\n%s\n\n- %c%s\n", k->path, k->what,
                              form[0] - 'a' + 'A', form + 1);
    if (!err && *k->fallback)
        err = buf_printf(out, "- Default: `%s`\n", k->fallback);
    if (!err && k->environment)
        err = put_names(out, "- Environment: ", k->environment, "`");
    if (!err && k->flag)
        err = buf_printf(out, "- Flag: `--%s`\n", k->flag);
    return err;
}

static enum err put_docs_providers(struct buf *out)
{
    enum err err = buf_append(
        out, STR("\n## Other providers\n\n"
                 "Any other name below `providers` is a provider that requests can be routed to. "
                 "Those\nthat are known by name ([dialects.md](dialects.md)) need nothing but their key "
                 "in the\nenvironment.\n"));
    for (size_t i = 0; !err && i < PROVIDER_KEYS; i++) {
        struct config_key k = provider_keys[i];
        char name[64];
        snprintf(name, sizeof name, "providers.NAME.%s", k.path);
        k.path = name;
        err = put_docs_key(out, &k);
        for (size_t v = 0; !err && v < PROVIDER_VARIABLES; v++)
            if (provider_variables[v].key == i)
                err = buf_printf(out, "- Environment: `%s`, of `%s`\n", provider_variables[v].name,
                                 provider_variables[v].provider);
    }
    return err;
}

static enum err put_docs_rules(struct buf *out)
{
    enum err err = buf_append(
        out, STR("\n## Rules\n\n"
                 "What an item of `routing.rules` may say ([routing.md](routing.md) has examples). It "
                 "fits a\nrequest when everything fits that it names; `target` has to be given.\n"));
    for (size_t i = 0; !err && i < RULE_KEYS; i++)
        err = put_docs_key(out, &rule_keys[i]);
    return err;
}

enum err config_print_docs(struct buf *out)
{
    struct str before = STR_NONE;
    enum err err = buf_append(out, str_of(docs_head));
    for (size_t i = 0; !err && i < CONFIG_KEYS; i++) {
        struct str path = str_of(config_keys[i].path);
        struct str top = str_head(path, str_find(path, '.'));
        if (!str_equal(top, before))
            err = buf_printf(out, "\n## %.*s\n", STR_ARGS(top));
        if (!err)
            err = put_docs_key(out, &config_keys[i]);
        before = top;
    }
    if (!err)
        err = put_docs_providers(out);
    return err ? err : put_docs_rules(out);
}
