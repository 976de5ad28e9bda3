/*
 * config_yaml.c — a YAML file into the configuration, strictly.
 *
 * Walks libyaml's events along the table of keys (docs/decisions/0001: why not libcyaml). Of YAML
 * only mappings, scalars and lists of scalars are taken: no anchors, aliases, merge keys, tags or
 * further documents. A value's type comes from the table, never from its looks.
 */
#include "config/config_yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "config/config_group.h"
#include "config/config_value.h"
#include "config/url.h"

enum { DEPTH_MAX = 8, SECTIONS_MAX = 32 + CONFIG_PROVIDERS_MAX + 1, ITEMS_MAX = 256, MESSAGE_BYTES = 512 };

struct walk {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    bool stopped;       /* the rest cannot be understood */
    struct str text;
    const char *name;
    struct config *c;
    struct environment *env;
    struct problems *p;
    bool seen[CONFIG_KEYS];
    struct str sections[SECTIONS_MAX]; /* already seen */
    size_t section_count;
};

static void report(struct walk *w, yaml_mark_t at, const char *format, ...) PRINTF_LIKE(3, 4);

static void report(struct walk *w, yaml_mark_t at, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    problems_add(w->p, PROBLEM_CONFIG, "%s:%zu:%zu: %s", w->name, at.line + 1, at.column + 1,
                 message);
    w->stopped = w->stopped || w->p->count == PROBLEMS_MAX; /* enough for anybody to read */
}

/* ---- one event after the other ---- */

/* Errors of libyaml's reader name a byte, not a place. */
static yaml_mark_t place_of(struct str text, size_t offset)
{
    yaml_mark_t at = {.index = offset};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        bool end = text.ptr[i] == '\n';
        at.line += end;
        at.column = end ? 0 : at.column + (((unsigned char)text.ptr[i] & 0xc0) != 0x80);
    }
    return at;
}

static bool line_has_tab(struct str text, size_t line)
{
    struct str part = STR_NONE;
    for (size_t i = 0; i <= line; i++)
        if (!str_next(&text, '\n', &part))
            return false;
    return str_find(part, '\t') < part.len;
}

static void report_parser(struct walk *w)
{
    const yaml_parser_t *y = &w->parser;
    w->stopped = true;
    if (y->error == YAML_READER_ERROR) {
        report(w, place_of(w->text, y->problem_offset), "%s", y->problem);
        return;
    }
    char begun[64] = "";
    if (y->context && y->context_mark.line != y->problem_mark.line)
        snprintf(begun, sizeof begun, " (begun in line %zu)", y->context_mark.line + 1);
    report(w, y->problem_mark, "%s%s%s%s%s", y->context ? y->context : "", y->context ? ": " : "",
           y->problem ? y->problem : "not valid YAML", begun,
           line_has_tab(w->text, y->problem_mark.line) ? "; YAML takes no tabs to indent" : "");
}

static void refuse_extras(struct walk *w, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (!anchor && !tag)
        return;
    report(w, w->event.start_mark, "%s are not supported", anchor ? "anchors" : "tags");
    w->stopped = true;
}

/* False when there is nothing more to read. */
static bool next(struct walk *w)
{
    yaml_event_delete(&w->event);
    if (w->stopped)
        return false;
    if (!yaml_parser_parse(&w->parser, &w->event)) {
        report_parser(w);
        return false;
    }
    const yaml_event_t *e = &w->event;
    if (e->type == YAML_ALIAS_EVENT) {
        report(w, e->start_mark, "aliases are not supported");
        w->stopped = true;
    } else if (e->type == YAML_SCALAR_EVENT) {
        refuse_extras(w, e->data.scalar.anchor, e->data.scalar.tag);
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        refuse_extras(w, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        refuse_extras(w, e->data.sequence_start.anchor, e->data.sequence_start.tag);
    }
    return !w->stopped;
}

static struct str scalar(const struct walk *w)
{
    return str_make(w->event.data.scalar.value, w->event.data.scalar.length);
}

static bool is_plain(const struct walk *w)
{
    return w->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_nothing(const struct walk *w)
{
    return w->event.type == YAML_SCALAR_EVENT && is_plain(w) && !scalar(w).len;
}

/* Goes behind the node that begins with the current event. */
static void skip(struct walk *w)
{
    int depth = 0;
    do {
        if (w->event.type == YAML_MAPPING_START_EVENT || w->event.type == YAML_SEQUENCE_START_EVENT)
            depth++;
        if (w->event.type == YAML_MAPPING_END_EVENT || w->event.type == YAML_SEQUENCE_END_EVENT)
            depth--;
        if (depth > DEPTH_MAX) {
            report(w, w->event.start_mark, "nested too deep");
            w->stopped = true;
        }
    } while (depth && next(w));
}

/* ---- values ---- */

static bool is_name_byte(char c)
{
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Puts the environment's values in the place of ${NAME}. */
static enum err expand(struct walk *w, struct str text, struct str *out, struct fail *why)
{
    struct buf b;
    char quoted[QUOTE_BYTES];
    enum err err = ERR_OK;
    buf_init(&b, 64 * 1024);
    while (!err && text.len) {
        size_t dollar = str_find(text, '$');
        size_t end = dollar + 2;
        if (dollar + 1 < text.len && text.ptr[dollar + 1] == '{')
            while (end < text.len && is_name_byte(text.ptr[end]))
                end++;
        bool named = end > dollar + 2 && end < text.len && text.ptr[end] == '}';
        err = buf_append(&b, str_head(text, named ? dollar : dollar + 1));
        if (!err && named) {
            struct str name = str_head(str_from(text, dollar + 2), end - dollar - 2);
            struct str value = environment_get(w->env, name, NULL);
            if (!value.len)
                err = fail(why, ERR_CONFIG, "the environment has no %s", text_quote(name, quoted));
            else
                err = buf_append(&b, value);
        }
        text = str_from(text, named ? end + 1 : dollar + 1);
    }
    if (err == ERR_TOO_LARGE)
        fail(why, err, "is too long");
    *out = arena_str(&w->c->arena, buf_str(&b));
    buf_release(&b);
    return err;
}

static void warn_password(struct walk *w, const struct config_key *k, struct str text)
{
    struct url u;
    if (url_parse(&u, text, NULL) || str_find(u.userinfo, ':') == u.userinfo.len)
        return;
    problems_add(w->p, PROBLEM_WARNING,
                 "%s:%zu: %s: holds a password; better written as ${NAME} and kept in the "
                 "environment",
                 w->name, w->event.start_mark.line + 1, k->path);
}

/* Relative to the file, wherever the program was started. */
static struct str beside_file(struct walk *w, struct str path)
{
    size_t folder = strlen(w->name);
    while (folder && w->name[folder - 1] != '/')
        folder--;
    if (!path.len || path.ptr[0] == '/' || str_starts(path, STR("~/")) || !folder)
        return path;
    return arena_printf(&w->c->arena, "%.*s%.*s", (int)folder, w->name, STR_ARGS(path));
}

static enum err parse_scalar(struct walk *w, const struct config_key *k,
                             const struct key_owner *owner, struct fail *why)
{
    struct str text = scalar(w);
    bool typed = k->kind == KIND_INT || k->kind == KIND_BOOL;
    if (is_nothing(w))
        return fail(why, ERR_CONFIG, "has no value");
    if (key_is_list(k))
        return fail(why, ERR_CONFIG, "must be a list, such as [%s]",
                    k->kind == KIND_HOSTS ? "a.example, b.example" : "one, two");
    if (k->kind == KIND_RULES)
        return fail(why, ERR_CONFIG, "must be a list of rules");
    if (k->kind == KIND_MAP)
        return fail(why, ERR_CONFIG, "must be a group of names, each with a text");
    if (typed && !is_plain(w))
        return fail(why, ERR_CONFIG, "must be written without quotes");
    if (!typed && text.len <= CONFIG_TEXT_MAX) { /* a longer one is refused below */
        if (k->kind == KIND_PROXY)
            warn_password(w, k, text);
        enum err err = expand(w, text, &text, why);
        if (err)
            return err;
    }
    if (k->kind == KIND_PATH)
        text = beside_file(w, text);
    return value_parse(k, text, owner, why);
}

static enum err too_many(struct walk *w, struct fail *why)
{
    w->stopped = true; /* the rest may be long */
    return fail(why, ERR_CONFIG, "has too many items");
}

/* The current event opens a list; afterwards it is the list's end. */
static enum err parse_list(struct walk *w, const struct config_key *k,
                           const struct key_owner *owner, struct fail *why)
{
    struct str items[ITEMS_MAX];
    size_t count = 0;
    enum err err = ERR_OK;
    while (next(w) && w->event.type != YAML_SEQUENCE_END_EVENT) {
        if (w->event.type != YAML_SCALAR_EVENT)
            err = fail(why, ERR_CONFIG, "its items must be texts");
        else if (count == ITEMS_MAX)
            return too_many(w, why);
        else
            items[count++] = arena_str(&w->c->arena, scalar(w));
        skip(w);
    }
    return err || w->stopped ? ERR_CONFIG : value_parse_list(k, items, count, owner, why);
}

static const char *source_at(struct walk *w, yaml_mark_t at)
{
    return arena_printf(&w->c->arena, "%s:%zu:%zu", w->name, at.line + 1, at.column + 1).ptr;
}

/* The current event opens a group; afterwards it is the group's end. Each mistake is reported at its
 * entry. */
static void read_map(struct walk *w, const struct config_key *k, const struct key_owner *of)
{
    struct key_owner owner = *of;
    value_clear_map(k, of);
    while (next(w) && w->event.type != YAML_MAPPING_END_EVENT) {
        struct fail why = {0};
        yaml_mark_t at = w->event.start_mark;
        struct str name = w->event.type == YAML_SCALAR_EVENT
                              ? arena_str(&w->c->arena, scalar(w)) : STR_NONE, text;
        skip(w);
        if (!next(w))
            return;
        owner.source = source_at(w, at);
        enum err err = w->event.type == YAML_SCALAR_EVENT
                           ? expand(w, scalar(w), &text, &why)
                           : fail(&why, ERR_CONFIG, "each of its names must have a text");
        if (!err)
            err = value_add_entry(k, name, text, &owner, &why);
        if (err)
            report(w, at, "%s: %s", k->path, why.detail);
        skip(w);
    }
}

static void read_rules(struct walk *w, struct str path);

/* The value of `k` is the current event; "file:line:column" of it. */
static const char *read_value(struct walk *w, const struct config_key *k, struct str path,
                              const struct key_owner *owner)
{
    struct fail why = {0};
    enum err err;
    yaml_mark_t at = w->event.start_mark;
    if (w->event.type == YAML_SCALAR_EVENT) {
        err = parse_scalar(w, k, owner, &why);
    } else if (w->event.type == YAML_SEQUENCE_START_EVENT && key_is_list(k)) {
        err = parse_list(w, k, owner, &why);
    } else if (w->event.type == YAML_MAPPING_START_EVENT && k->kind == KIND_MAP) {
        err = ERR_OK; /* each mistake is reported at its own place, and so below */
        read_map(w, k, owner);
    } else if (w->event.type == YAML_SEQUENCE_START_EVENT && k->kind == KIND_RULES) {
        err = ERR_OK;
        read_rules(w, path);
    } else {
        char expected[160];
        value_describe(k, expected, sizeof expected);
        err = fail(&why, ERR_CONFIG, "must be %s, not a %s", expected,
                   w->event.type == YAML_SEQUENCE_START_EVENT ? "list" : "group of keys");
        skip(w);
    }
    if (err && why.code)
        report(w, at, "%.*s: %s", STR_ARGS(path), why.detail);
    return source_at(w, at);
}

/* ---- providers.NAME, and the rules of routing.rules ---- */

static bool name_is_good(struct str name)
{
    bool good = name.len > 0 && name.len <= 64;
    for (size_t i = 0; good && i < name.len; i++)
        good = is_name_byte(name.ptr[i]) || name.ptr[i] == '-' || name.ptr[i] == '.';
    return good;
}

static void read_group(struct walk *w, const struct config_group *g, struct str section,
                       struct str part);

/* `key`, as its table has it, stood at `at`; its value comes next. */
static void read_group_key(struct walk *w, const struct config_group *g, struct str section,
                           struct str key, yaml_mark_t at) // NOLINT(misc-no-recursion)
{
    const struct config_key *k = key_find_among(g->keys, g->count, key);
    struct str path = arena_printf(&w->c->arena, "%.*s.%.*s", STR_ARGS(section), STR_ARGS(key));
    char quoted[QUOTE_BYTES];
    if (!next(w))
        return;
    if (g->keys == provider_keys && key_is_provider_section(key) &&
        w->event.type == YAML_MAPPING_START_EVENT) {
        read_group(w, g, section, key);
        return;
    }
    const char **source = k ? &g->sources[k - g->keys] : NULL;
    bool twice = k && strcmp(*source, "default") != 0;
    if (!k)
        report(w, at, "unknown key %s", text_quote(path, quoted));
    else if (twice)
        report(w, at, "%.*s: stands here twice", STR_ARGS(path));
    if (!k || twice)
        skip(w);
    else
        *source = read_value(w, k, path, &g->owner);
}

/* The next key of the mapping that is being read, and where it stands; `path`: behind `prefix`. False
 * at the mapping's end, and where reading cannot go on. */
static bool next_name(struct walk *w, struct str prefix, struct str *name, struct str *path,
                      yaml_mark_t *at)
{
    if (!next(w) || w->event.type == YAML_MAPPING_END_EVENT)
        return false;
    *at = w->event.start_mark;
    if (w->event.type != YAML_SCALAR_EVENT) {
        report(w, *at, "a key must be a name");
        w->stopped = true;
        return false;
    }
    *name = arena_str(&w->c->arena, scalar(w));
    *path = prefix.len ? arena_printf(&w->c->arena, "%.*s.%.*s", STR_ARGS(prefix), STR_ARGS(*name))
                       : *name;
    return true;
}

/* The current event opens the group, or a `part` of it, which its keys begin with; afterwards it is
 * the end. */
static void read_group(struct walk *w, const struct config_group *g, struct str section,
                       struct str part) // NOLINT(misc-no-recursion)
{
    struct str name, key;
    yaml_mark_t at;
    while (next_name(w, part, &name, &key, &at))
        read_group_key(w, g, section, key, at);
}

/* The current event opens the list; afterwards it is the list's end. */
static void read_rules(struct walk *w, struct str path)
{
    while (next(w) && w->event.type != YAML_SEQUENCE_END_EVENT) {
        yaml_mark_t at = w->event.start_mark;
        bool is_group = w->event.type == YAML_MAPPING_START_EVENT;
        struct config_rule *rule = is_group ? config_add_rule(w->c, source_at(w, at)) : NULL;
        if (!rule) {
            report(w, at, "%.*s: %s", STR_ARGS(path),
                   is_group ? "is one rule too many" : "each rule must be a group of keys");
            w->stopped = w->stopped || is_group; /* the rest may be long */
            skip(w);
            continue;
        }
        struct config_group g = config_group_of_rule(w->c, rule);
        read_group(w, &g, path, STR_NONE);
    }
}

/* The group of `section`, "providers.NAME", is the current event. */
static void read_provider(struct walk *w, struct str section, struct str name, yaml_mark_t at)
{
    if (!name_is_good(name) || w->c->provider_count == CONFIG_PROVIDERS_MAX ||
        (w->event.type != YAML_MAPPING_START_EVENT && !is_nothing(w))) {
        report(w, at, "%.*s: %s", STR_ARGS(section),
               !name_is_good(name) ? "a provider's name is of letters, digits, - _ and ."
               : w->event.type != YAML_MAPPING_START_EVENT ? "must be a group of keys"
                                                           : "is one provider too many");
        skip(w);
        return;
    }
    struct config_group g = config_group_of_provider(w->c, config_add_provider(w->c, name.ptr));
    if (!is_nothing(w))
        read_group(w, &g, section, STR_NONE);
}

/* ---- keys ---- */

static bool section_seen(struct walk *w, struct str path)
{
    for (size_t i = 0; i < w->section_count; i++)
        if (str_equal(w->sections[i], path))
            return true;
    if (w->section_count == SECTIONS_MAX)
        return false; /* too many providers: said elsewhere */
    w->sections[w->section_count++] = path;
    return false;
}

static void report_unknown(struct walk *w, yaml_mark_t at, struct str path)
{
    char quoted[QUOTE_BYTES];
    struct str near = key_suggest(path);
    report(w, at, "unknown key %s%s%.*s%s", text_quote(path, quoted),
           near.len ? ", did you mean " : "", STR_ARGS(near), near.len ? "?" : "");
}

static void read_mapping(struct walk *w, struct str prefix);

static void read_section(struct walk *w, struct str path)
{
    if (w->event.type == YAML_MAPPING_START_EVENT) {
        read_mapping(w, path);
    } else if (!is_nothing(w)) { /* empty, as when all its keys are commented out, is fine */
        report(w, w->event.start_mark, "%.*s: must be a group of keys", STR_ARGS(path));
        skip(w);
    }
}

static bool is_provider(struct str path, struct str name)
{
    return path.len == strlen("providers.") + name.len && str_starts(path, STR("providers."));
}

static bool is_twice(struct walk *w, struct str path, const struct config_key *k, bool is_group)
{
    return k ? w->seen[k - config_keys] : is_group && section_seen(w, path);
}

/* The value of `path`, whose key stood at `at`, comes next. */
static void read_entry(struct walk *w, struct str path, struct str name, yaml_mark_t at)
{
    const struct config_key *k = key_find(path);
    bool section = !k && key_is_section(path), merge = str_equal(name, STR("<<"));
    bool provider = !k && !section && !merge && is_provider(path, name);
    bool twice = is_twice(w, path, k, section || provider);
    if (!next(w))
        return;
    if (twice)
        report(w, at, "%.*s: stands here twice", STR_ARGS(path));
    else if (merge)
        report(w, at, "merge keys are not supported");
    else if (!k && !section && !provider)
        report_unknown(w, at, path);
    if (twice || (!k && !section && !provider)) {
        skip(w);
    } else if (k) {
        w->seen[k - config_keys] = true;
        w->c->sources[k - config_keys] =
            read_value(w, k, path, &(struct key_owner){w->c, &w->c->arena, NULL});
    } else if (provider) {
        read_provider(w, path, name, at);
    } else {
        read_section(w, path);
    }
}

/* The current event opens a mapping; afterwards it is the mapping's end. As deep as the table. */
static void read_mapping(struct walk *w, struct str prefix) // NOLINT(misc-no-recursion)
{
    struct str name, path;
    yaml_mark_t at;
    while (next_name(w, prefix, &name, &path, &at))
        read_entry(w, path, name, at);
}

static void read_document(struct walk *w)
{
    if (w->event.type == YAML_MAPPING_START_EVENT) {
        read_mapping(w, STR_NONE);
    } else if (!is_nothing(w)) {
        report(w, w->event.start_mark, "must be a group of keys, such as server:");
        w->stopped = true;
    }
    if (next(w) && next(w) && w->event.type != YAML_STREAM_END_EVENT)
        report(w, w->event.start_mark, "a second document is not supported");
}

void yaml_read(struct config *c, struct str text, const char *name, struct environment *env,
               struct problems *p)
{
    if (str_starts(text, STR("\xef\xbb\xbf"))) /* libyaml would count it as an indentation */
        text = (struct str){text.ptr + 3, text.len - 3}; /* never NULL, which libyaml refuses */
    struct walk w = {.text = text, .name = name, .c = c, .env = env, .p = p};
    if (!yaml_parser_initialize(&w.parser))
        abort(); /* no memory, as in mem.c */
    yaml_parser_set_encoding(&w.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&w.parser, (const unsigned char *)text.ptr, text.len);
    if (next(&w) && next(&w) && w.event.type != YAML_STREAM_END_EVENT && next(&w))
        read_document(&w);
    yaml_event_delete(&w.event);
    yaml_parser_delete(&w.parser);
}
