/*
 * router.c — rules and the providers they name, made of the configuration and the presets.
 */
#include "proxy/router.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/url.h"
#include "proxy/route_chain.h"
#include "record/json_walk.h"

enum { HEADER_VALUE_MAX = 4096 };

/* --- deciding --- */

bool glob_matches(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
            p++, t++;
        } else if (star != SIZE_MAX) { /* the last star takes one more */
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

enum routable router_may_route(const struct router *r, const struct head *h)
{
    static const char *const paths[] = {
        [ROUTABLE_MESSAGES] = "/v1/messages",
        [ROUTABLE_COUNT_TOKENS] = "/v1/messages/count_tokens",
        [ROUTABLE_CHAT] = "/v1/chat/completions",
    };
    struct str path = str_head(h->target, str_find(h->target, '?'));
    if (!r->rule_count || !str_equal(h->method, STR("POST")))
        return ROUTABLE_NOT;
    for (size_t i = ROUTABLE_MESSAGES; i < COUNT_OF(paths); i++)
        if (str_equal(path, str_of(paths[i])))
            return (enum routable)i;
    return ROUTABLE_NOT;
}

const struct route_rule *router_decide(const struct router *r, struct str body, struct arena *arena,
                                       struct str *model)
{
    *model = json_read_text(json_member(body, STR("model")), ROUTE_MODEL_MAX + 1, arena);
    for (size_t i = 0; model->len && model->len <= ROUTE_MODEL_MAX && i < r->rule_count; i++)
        if (glob_matches(r->rules[i].pattern, *model))
            return &r->rules[i];
    return NULL;
}

/* --- providers --- */

static const struct config_provider *configured(const struct config *cfg, struct str name)
{
    for (size_t i = 0; i < cfg->provider_count; i++)
        if (str_equal(str_of(cfg->providers[i].name), name))
            return &cfg->providers[i];
    return NULL;
}

/* The place in the file where something was said of it; "configuration" where nothing was. */
static const char *place_of(const struct config_provider *said)
{
    for (size_t i = 0; said && i < PROVIDER_KEYS; i++)
        if (strcmp(said->sources[i], "default") != 0)
            return said->sources[i];
    return "configuration";
}

/* A name that means something before the colon of a target. */
static bool is_provider(const struct config *cfg, struct str name)
{
    return configured(cfg, name) || preset_find(name);
}

/* What goes into a header: nothing that could end its line. */
static enum err environment_of(const struct config *cfg, const char *name, const char **value,
                               struct fail *f)
{
    *value = name && *name ? config_environment(cfg, name) : "";
    size_t len = strlen(*value);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)(*value)[i] < 0x20 || (*value)[i] == 0x7f || len > HEADER_VALUE_MAX)
            return fail(f, ERR_CONFIG, "environment %s: holds a control character, or is too long",
                        name);
    return ERR_OK;
}

static enum preset_auth auth_of(const struct route_provider *p)
{
    if (p->preset)
        return p->preset->auth;
    return p->dialect == DIALECT_ANTHROPIC ? PRESET_AUTH_X_API_KEY
           : p->dialect == DIALECT_GEMINI  ? PRESET_AUTH_X_GOOG_API_KEY
                                           : PRESET_AUTH_BEARER;
}

/* Its key, then what its preset wants of the environment. */
static enum err make_headers(struct router *r, struct route_provider *p, const struct config *cfg,
                             const struct config_provider *said, struct fail *f)
{
    const char *before, *key = said && *said->api_key ? said->api_key : "", *value;
    const char *header = preset_auth_header(auth_of(p), &before);
    size_t count;
    const struct preset_header *more = preset_headers(&count);
    enum err err = ERR_OK;
    if (!*key && p->preset)
        err = environment_of(cfg, p->preset->key_variable, &key, f);
    p->headers = *key ? arena_printf(&r->arena, "%s: %s%s\r\n", header, before, key) : STR_NONE;
    for (size_t i = 0; p->preset && i < count && !err; i++) {
        if (strcmp(more[i].preset, p->preset->name) != 0)
            continue;
        err = environment_of(cfg, more[i].variable, &value, f);
        if (!err && *value)
            p->headers = arena_printf(&r->arena, "%.*s%s: %s\r\n", STR_ARGS(p->headers),
                                      more[i].header, value);
    }
    return err;
}

static enum err choose_language(struct route_provider *p, const struct config_provider *said,
                                struct str name, struct fail *f)
{
    if (said && *said->format && !dialect_parse(str_of(said->format), &p->dialect))
        return fail(f, ERR_CONFIG,
                    "%s: providers.%.*s.format: must be openai, responses, gemini or anthropic",
                    said->sources[CONFIG_PROVIDER_format], STR_ARGS(name));
    if (said && *said->format)
        return ERR_OK;
    if (!p->preset)
        return fail(f, ERR_CONFIG,
                    "%s: providers.%.*s: is not known by name: it needs preset or format",
                    place_of(said), STR_ARGS(name));
    p->dialect = p->preset->dialect;
    return ERR_OK;
}

static enum err check_url(const struct route_provider *p, const struct config_provider *said,
                          struct str name, struct fail *f)
{
    struct url u;
    if (!p->base_url.len)
        return fail(f, ERR_CONFIG, "%s: providers.%.*s.base_url: has to be given", place_of(said),
                    STR_ARGS(name));
    if (url_parse(&u, p->base_url, NULL))
        return fail(f, ERR_CONFIG, "%s: providers.%.*s.base_url: is not a URL", place_of(said),
                    STR_ARGS(name));
    if (!u.tls && !host_is_loopback(u.host) && !(said && said->allow_plaintext))
        return fail(f, ERR_CONFIG,
                    "%s: providers.%.*s.base_url: http:// would send keys and prompts readable over the "
                    "network: use https://, or set providers.%.*s.allow_plaintext: true",
                    place_of(said), STR_ARGS(name), STR_ARGS(name));
    return ERR_OK;
}

static enum err set_upstream(struct route_provider *p, const struct config *cfg,
                             const struct config_provider *said, const char *name,
                             uint16_t own_port, struct fail *f)
{
    struct provider *up = &p->upstream;
    enum err err = provider_init(up, name, p->base_url.ptr, f);
    if (!err && said)
        err = provider_set_proxy(up, said->proxy, f);
    up->ca_file = said && *said->ca_file ? said->ca_file : NULL;
    up->connect_timeout_ms = said ? said->connect_timeout : 10000;
    up->head_timeout_ms = said ? said->response_header_timeout : 300000;
    up->idle_timeout_ms = cfg->server_read_timeout_ms;
    up->max_retries = said ? said->max_retries : 3;
    up->own_port = own_port;
    up->own_is_any = host_is_any(str_of(cfg->server_host));
    return err;
}

static enum err make_provider(struct router *r, const struct config *cfg, struct str name,
                              uint16_t own_port, struct route_provider *p, struct fail *f)
{
    const struct config_provider *said = configured(cfg, name);
    struct str preset = said && *said->preset ? str_of(said->preset) : name;
    struct quirks unused;
    name = arena_str(&r->arena, name);
    p->preset = preset_find(preset);
    if (said && *said->preset && !p->preset)
        return fail(f, ERR_CONFIG, "%s: providers.%s.preset: %s is not known",
                    said->sources[CONFIG_PROVIDER_preset], name.ptr, said->preset);
    p->base_url = said && *said->base_url ? str_of(said->base_url)
                  : p->preset             ? str_of(p->preset->base_url)
                                          : STR_NONE;
    p->quirks = str_of(said ? said->quirks : "");
    enum err err = choose_language(p, said, name, f);
    if (!err)
        err = preset_quirks(p->preset, STR_NONE, p->quirks, &unused, f);
    if (!err)
        err = check_url(p, said, name, f);
    if (!err)
        err = set_upstream(p, cfg, said, name.ptr, own_port, f);
    return err ? err : make_headers(r, p, cfg, said, f);
}

/* Made when a rule first names it. */
static enum err find_provider(struct router *r, const struct config *cfg, struct str name,
                              uint16_t own_port, const struct route_provider **out, struct fail *f)
{
    for (size_t i = 0; i < r->provider_count; i++)
        if (str_equal(r->providers[i].upstream.name, name)) {
            *out = &r->providers[i];
            return ERR_OK;
        }
    if (r->provider_count == ROUTE_PROVIDERS_MAX)
        return fail(f, ERR_CONFIG, "more than %d providers", ROUTE_PROVIDERS_MAX);
    *out = &r->providers[r->provider_count];
    return make_provider(r, cfg, name, own_port, &r->providers[r->provider_count++], f);
}

/* --- rules --- */

/* Whose models are called so, for a target without a provider. */
static struct str provider_by_prefix(struct str model)
{
    static const struct {
        const char *prefix, *provider;
    } known[] = {
        {"gpt-", "openai"},          {"chatgpt-", "openai"},   {"o1", "openai"},
        {"o3", "openai"},            {"o4", "openai"},         {"gemini-", "gemini"},
        {"deepseek-", "deepseek"},   {"qwen", "qwen"},         {"grok-", "xai"},
        {"mistral-", "mistral"},     {"codestral-", "mistral"}, {"devstral-", "mistral"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_starts(model, str_of(known[i].prefix)))
            return str_of(known[i].provider);
    return STR_NONE;
}

static enum err add_rule(struct router *r, const struct config *cfg, const struct config_entry *e,
                         uint16_t own_port, struct fail *f)
{
    struct str target = str_of(e->text), name = str_head(target, str_find(target, ':'));
    struct route_rule *rule = &r->rules[r->rule_count];
    rule->pattern = str_of(e->name);
    bool is_named = name.len < target.len && is_provider(cfg, name);
    rule->model = is_named ? str_from(target, name.len + 1) : target;
    name = is_named ? name : provider_by_prefix(target);
    if (!name.len)
        return fail(f, ERR_CONFIG, "%s: routing.models: no provider is known for %s: write "
                    "provider:model", cfg->sources[CONFIG_routing_models], e->text);
    if (str_equal(name, STR("anthropic")))
        return fail(f, ERR_CONFIG, "%s: routing.models: %s: what goes to Anthropic goes there "
                    "unchanged, and needs no rule", cfg->sources[CONFIG_routing_models], e->text);
    r->rule_count++;
    return find_provider(r, cfg, name, own_port, &rule->provider, f);
}

/* --- who is asked instead --- */

static enum err set_care(struct router *r, const struct config *cfg, struct str name,
                         const char *target, const char *source, uint16_t own_port,
                         struct route_care *care, struct fail *f)
{
    struct str to = str_head(str_of(target), str_find(str_of(target), ':'));
    care->has_fallback = to.len > 0;
    care->fallback.model = str_from(str_of(target), to.len + 1);
    if (!to.len)
        return ERR_OK;
    if (str_equal(to, STR("anthropic")))
        return care->fallback.model.len
                   ? fail(f, ERR_CONFIG, "%s: providers.%.*s.fallback_provider: Anthropic gets the "
                          "client's own request, so no model can be given", source, STR_ARGS(name))
                   : ERR_OK;
    if (!is_provider(cfg, to))
        return fail(f, ERR_CONFIG, "%s: providers.%.*s.fallback_provider: %.*s is not known as a "
                    "provider", source, STR_ARGS(name), STR_ARGS(to));
    return find_provider(r, cfg, to, own_port, &care->fallback.provider, f);
}

/* Finding a fallback may make one more provider, which has its turn as well. */
static enum err set_cares(struct router *r, const struct config *cfg, uint16_t own_port,
                          struct fail *f)
{
    const char *const *sources = cfg->sources;
    r->anthropic_url = str_of(cfg->anthropic_base_url);
    enum err err = set_care(r, cfg, STR("anthropic"), cfg->anthropic_fallback_provider,
                            sources[CONFIG_anthropic_fallback_provider], own_port, &r->anthropic, f);
    r->anthropic.breaker = (struct breaker_limits){
        route_breaker_is_on(&r->anthropic, cfg->anthropic_breaker_enabled,
                            sources[CONFIG_anthropic_breaker_enabled]),
        cfg->anthropic_breaker_max_failures, cfg->anthropic_breaker_timeout_ms};
    for (size_t i = 0; i < r->provider_count && !err; i++) {
        struct route_provider *p = &r->providers[i];
        const struct config_provider *said = configured(cfg, p->upstream.name);
        if (!said)
            continue;
        err = set_care(r, cfg, p->upstream.name, said->fallback_provider,
                       said->sources[CONFIG_PROVIDER_fallback_provider], own_port, &p->care, f);
        p->care.breaker = (struct breaker_limits){
            route_breaker_is_on(&p->care, said->circuit_breaker_enabled,
                                said->sources[CONFIG_PROVIDER_circuit_breaker_enabled]),
            said->circuit_breaker_max_failures, said->circuit_breaker_timeout};
    }
    return err ? err : route_chain_check(r, cfg, f);
}

enum err router_new(struct router **out, const struct config *cfg, uint16_t own_port,
                    struct fail *f)
{
    struct router *r = MEM_NEW(struct router);
    enum err err = ERR_OK;
    arena_init(&r->arena);
    for (size_t i = 0; !err && i < cfg->provider_count; i++) { /* to say what is wrong with them */
        const struct route_provider *unused;
        err = find_provider(r, cfg, str_of(cfg->providers[i].name), own_port, &unused, f);
    }
    for (size_t i = 0; !err && i < cfg->routing_models.count; i++)
        err = add_rule(r, cfg, &cfg->routing_models.entries[i], own_port, f);
    if (!err)
        err = set_cares(r, cfg, own_port, f);
    if (err) {
        router_free(r);
        return err;
    }
    *out = r;
    return ERR_OK;
}

void router_free(struct router *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->provider_count; i++)
        provider_release(&r->providers[i].upstream);
    arena_release(&r->arena);
    free(r);
}
