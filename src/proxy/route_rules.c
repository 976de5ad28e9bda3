/*
 * route_rules.c — the one ordered table of rules, made of all the ways in which they can be
 * configured.
 *
 * What a rule asks of a request is in router.c, what a provider is in route_provider.c.
 */
#include "proxy/route_rules.h"

#include "agents/fingerprint.h"
#include "config/config_file.h"
#include "proxy/route_provider.h"

struct making {
    struct router *r;
    const struct config *cfg;
    uint16_t own_port;
    struct fail *f;
    const struct agent_catalog *preferences; /* with routing.agent_routing: of agent_hashes.json */
};

/* Whose models are called so. */
static const struct maker {
    const char *prefix, *provider;
} makers[] = {
    {"gpt-", "openai"},       {"chatgpt-", "openai"},   {"codex-", "openai"},
    {"o1", "openai"},         {"o3", "openai"},         {"o4", "openai"},
    {"gemini-", "gemini"},    {"deepseek-", "deepseek"}, {"qwen", "qwen"},
    {"grok-", "xai"},         {"mistral-", "mistral"},  {"codestral-", "mistral"},
    {"devstral-", "mistral"}, {"kimi-", "moonshot"},    {"glm-", "zai"},
    {"claude-", "anthropic"},
};

static struct str maker_of(struct str model)
{
    for (size_t i = 0; i < COUNT_OF(makers); i++)
        if (str_starts(model, str_of(makers[i].prefix)))
            return str_of(makers[i].provider);
    return STR_NONE;
}

/* --- targets --- */

static bool is_anthropic(struct str provider)
{
    return str_equal(provider, STR("anthropic"));
}

static enum err set_provider(struct making *m, struct route_rule *rule, struct str provider)
{
    rule->provider = NULL;
    return is_anthropic(provider) ? ERR_OK
                                  : route_provider_find(m->r, m->cfg, provider, m->own_port,
                                                        &rule->provider, m->f);
}

/* "provider:model", "provider:", "anthropic", or a model whose name tells its provider. */
static enum err set_target(struct making *m, struct route_rule *rule, struct str target)
{
    struct str name = str_head(target, str_find(target, ':'));
    bool is_named = name.len < target.len && route_provider_is_known(m->cfg, name);
    rule->model = is_named ? str_from(target, name.len + 1) : target;
    if (is_anthropic(target))
        rule->model = STR_NONE;
    else if (!is_named)
        name = maker_of(target);
    if (!name.len)
        return fail(m->f, ERR_CONFIG,
                    "%.*s: %.*s: no provider is known for %.*s: write provider:model",
                    STR_ARGS(rule->source), STR_ARGS(rule->label), STR_ARGS(target));
    return set_provider(m, rule, name);
}

static struct route_rule *add_rule(struct making *m, struct str label, const char *source)
{
    struct router *r = m->r;
    assert(r->rule_count < r->rule_cap);
    struct route_rule *rule = &r->rules[r->rule_count++];
    *rule = (struct route_rule){.label = label, .source = arena_str(&r->arena, str_of(source))};
    return rule;
}

/* --- routing.rules --- */

static enum err wrong(struct making *m, const struct config_rule *said, enum config_rule_id key,
                      const char *name, const char *why)
{
    return fail(m->f, ERR_CONFIG, "%s: routing.rules.%s: %s", said->sources[key], name, why);
}

static enum err set_classes(struct making *m, const struct config_rule *said,
                            struct route_when *when)
{
    struct str rest = *said->class ? str_of(said->class) : STR_NONE, name;
    while (str_next(&rest, ',', &name)) {
        enum request_class class;
        if (!class_parse(str_trim(name), &class))
            return fail(m->f, ERR_CONFIG, "%s: routing.rules.class: %.*s is no class of requests",
                        said->sources[CONFIG_RULE_class], STR_ARGS(str_trim(name)));
        when->classes |= 1U << class;
    }
    return ERR_OK;
}

/* "name" or "name: pattern" */
static enum err set_header(struct making *m, const struct config_rule *said,
                           struct route_when *when)
{
    struct str text = str_of(said->header);
    size_t colon = str_find(text, ':');
    when->header = str_trim(str_head(text, colon));
    when->header_value = glob_make(str_trim(str_from(text, colon + 1)));
    if (text.len && (!when->header.len || (colon < text.len && !when->header_value.text.len)))
        return wrong(m, said, CONFIG_RULE_header, "header", "must look like name, or name: pattern");
    return ERR_OK;
}

static enum err add_listed(struct making *m, const struct config_rule *said, size_t number)
{
    struct arena *a = &m->r->arena;
    struct str label = *said->name ? arena_printf(a, "routing.rules.%s", said->name)
                                   : arena_printf(a, "routing.rules.%zu", number);
    struct route_rule *rule = add_rule(m, label, said->sources[CONFIG_RULE_target]);
    struct route_when *when = &rule->when;
    when->agent = glob_make(arena_str(a, str_of(said->agent)));
    when->model = glob_make(arena_str(a, str_of(said->model)));
    when->session = glob_make(arena_str(a, str_of(said->session)));
    when->client = glob_make(arena_str(a, str_of(said->client)));
    when->min_tokens = said->min_tokens;
    when->max_tokens = said->max_tokens;
    if (said->max_tokens && said->max_tokens < said->min_tokens)
        return wrong(m, said, CONFIG_RULE_max_tokens, "max_tokens", "is less than min_tokens");
    enum err err = set_classes(m, said, when);
    if (!err)
        err = set_header(m, said, when);
    return err ? err : set_target(m, rule, arena_str(a, str_of(said->target)));
}

static enum err add_list(struct making *m)
{
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < m->cfg->routing_rules.count; i++)
        err = add_listed(m, &m->cfg->routing_rules.items[i], i + 1);
    return err;
}

/* --- names with targets: subagents.mappings, routing.models --- */

static enum err add_entry(struct making *m, const char *section, const struct config_entry *e,
                          bool is_agent)
{
    struct arena *a = &m->r->arena;
    struct route_rule *rule =
        add_rule(m, arena_printf(a, "%s.%s", section, e->name), e->source);
    *(is_agent ? &rule->when.agent : &rule->when.model) =
        glob_make(arena_str(a, str_of(e->name)));
    return set_target(m, rule, arena_str(a, str_of(e->text)));
}

static enum err add_mappings(struct making *m)
{
    const struct config_map *map = &m->cfg->subagents_mappings;
    bool counts = m->cfg->subagents_enable || m->cfg->routing_agent_routing;
    enum err err = ERR_OK;
    for (size_t i = 0; counts && !err && i < map->count; i++)
        err = add_entry(m, "subagents.mappings", &map->entries[i], true);
    return err;
}

/* --- routing.agent_routing: the models that agent_hashes.json names --- */

/* What is no name of a model ("inherit", "sonnet") is for Claude Code to know. */
static bool is_target(const struct making *m, struct str model)
{
    struct str name = str_head(model, str_find(model, ':'));
    return (name.len < model.len && route_provider_is_known(m->cfg, name)) || maker_of(model).len;
}

static enum err add_preferences(struct making *m)
{
    const struct agent_catalog *c = m->preferences;
    struct arena *a = &m->r->arena;
    enum err err = ERR_OK;
    for (size_t i = 0; c && !err && i < c->count; i++) {
        const struct agent *agent = &c->list[i];
        if (!is_target(m, agent->model))
            continue;
        struct str label = arena_printf(a, "routing.agent_routing.%.*s", STR_ARGS(agent->name));
        struct route_rule *rule = add_rule(m, label, m->cfg->agents_hashes);
        rule->when.agent = glob_make(arena_str(a, agent->name));
        err = set_target(m, rule, arena_str(a, agent->model));
    }
    return err;
}

/* NULL: there are none. A file that is missing is no mistake here: it is about to be written. */
static enum err read_preferences(const struct config *cfg, struct agent_catalog **out,
                                 struct fail *f)
{
    struct config_file file;
    *out = NULL;
    if (!cfg->routing_agent_routing || !cfg->agents_enabled || !*cfg->agents_hashes)
        return ERR_OK;
    enum err err = config_file_read(&file, cfg->agents_hashes, NULL);
    *out = catalog_new();
    if (!err)
        err = fingerprints_read(*out, buf_str(&file.bytes), NULL);
    config_file_release(&file);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    return err ? fail(f, ERR_CONFIG, "%s: agents.hashes: %s cannot be read",
                      cfg->sources[CONFIG_agents_hashes], cfg->agents_hashes)
               : ERR_OK;
}

static enum err add_models(struct making *m)
{
    const struct config_map *map = &m->cfg->routing_models;
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < map->count; i++)
        err = add_entry(m, "routing.models", &map->entries[i], false);
    return err;
}

/* --- ANTHROPIC_DEFAULT_…_MODEL --- */

/* With OPENAI_BASE_URL, the models are that endpoint's, whatever their names ("qwen:14b"). */
static bool openai_is_elsewhere(const struct config *cfg)
{
    const struct config_provider *said = route_provider_said(cfg, STR("openai"));
    return said && *said->base_url;
}

static bool is_claude(struct str model)
{
    return str_starts(model, STR("claude"));
}

static enum err add_default(struct making *m, const char *part, const char *model,
                            const char *source)
{
    struct str text = arena_str(&m->r->arena, str_of(model));
    struct str name = str_head(text, str_find(text, ':'));
    bool is_named = name.len < text.len && route_provider_is_known(m->cfg, name);
    bool elsewhere = openai_is_elsewhere(m->cfg);
    /* A provider that the file speaks of means itself even then. */
    bool is_own = is_named && elsewhere && !route_provider_said(m->cfg, name);
    if (!text.len || is_claude(text) || (!elsewhere && !is_named && !maker_of(text).len))
        return ERR_OK; /* Claude Code's own variable, then */
    struct route_rule *rule =
        add_rule(m, arena_printf(&m->r->arena, "routing.default_models.%s", part), source);
    rule->when.model = glob_make(arena_printf(&m->r->arena, "*%s*", part));
    if (!elsewhere || (is_named && !is_own))
        return set_target(m, rule, text);
    rule->model = text;
    return set_provider(m, rule, STR("openai"));
}

static enum err add_defaults(struct making *m)
{
    const struct config *c = m->cfg;
    enum err err = add_default(m, "opus", c->routing_default_opus,
                               c->sources[CONFIG_routing_default_opus]);
    if (!err)
        err = add_default(m, "sonnet", c->routing_default_sonnet,
                          c->sources[CONFIG_routing_default_sonnet]);
    if (!err)
        err = add_default(m, "haiku", c->routing_default_haiku,
                          c->sources[CONFIG_routing_default_haiku]);
    return err;
}

/* --- routing.model_routing: a model's own provider --- */

static enum err add_makers(struct making *m)
{
    enum err err = ERR_OK;
    for (size_t i = 0; m->cfg->routing_model_routing && !err && i < COUNT_OF(makers); i++) {
        if (is_anthropic(str_of(makers[i].provider)))
            continue;
        struct route_rule *rule = add_rule(m, STR("routing.model_routing"),
                                           m->cfg->sources[CONFIG_routing_model_routing]);
        rule->when.model = glob_make(arena_printf(&m->r->arena, "%s*", makers[i].prefix));
        err = set_provider(m, rule, str_of(makers[i].provider));
    }
    return err;
}

/* --- fallback --- */

static enum err add_fallback(struct making *m)
{
    const struct config *c = m->cfg;
    struct str provider = str_of(c->fallback_provider), model = str_of(c->fallback_model);
    const char *source = c->sources[provider.len ? CONFIG_fallback_provider : CONFIG_fallback_model];
    if (!provider.len && !model.len)
        return ERR_OK;
    if (!provider.len)
        provider = maker_of(model);
    if (!provider.len || !route_provider_is_known(c, provider))
        return fail(m->f, ERR_CONFIG, "%s: fallback.provider: %s", source,
                    provider.len ? "is not known" : "has to be given for this model");
    if (is_anthropic(provider)) { /* Claude models are at their place there */
        struct route_rule *stays = add_rule(m, STR("fallback"), source);
        stays->when.model = glob_make(STR("claude*"));
    }
    struct route_rule *rule = add_rule(m, STR("fallback"), source);
    rule->model = arena_str(&m->r->arena, model);
    return set_provider(m, rule, provider);
}

enum { RULES_BESIDE = 3 + COUNT_OF(makers) + 2 /* defaults, makers, fallback */ };

enum err route_rules_make(struct router *r, const struct config *cfg, uint16_t own_port,
                          struct fail *f)
{
    static enum err (*const ways[])(struct making *) = {
        add_list, add_mappings, add_preferences, add_models, add_defaults, add_makers, add_fallback,
    };
    struct agent_catalog *preferences;
    enum err err = read_preferences(cfg, &preferences, f);
    struct making m = {r, cfg, own_port, f, preferences};
    r->rule_cap = cfg->routing_rules.count + cfg->subagents_mappings.count +
                  cfg->routing_models.count + (preferences ? preferences->count : 0) +
                  RULES_BESIDE;
    r->rules = arena_alloc(&r->arena, r->rule_cap * sizeof *r->rules);
    for (size_t i = 0; !err && i < COUNT_OF(ways); i++)
        err = ways[i](&m);
    catalog_drop(preferences);
    return err;
}
