/*
 * route_provider.c — the providers that a configuration speaks of or its rules name, made of what it
 * says and of the presets.
 */
#include "proxy/route_provider.h"

#include "config/url.h"

enum { HEADER_VALUE_MAX = 4096 };

const struct config_provider *route_provider_said(const struct config *cfg, struct str name)
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

bool route_provider_is_known(const struct config *cfg, struct str name)
{
    return route_provider_said(cfg, name) || preset_find(name);
}

/* ---- what it speaks ---- */

/* The preset whose endpoint is at this host and port and speaks one of OpenAI's languages. */
static const struct preset *preset_at(const struct url *u)
{
    size_t count;
    const struct preset *all = preset_all(&count);
    for (size_t i = 0; i < count; i++) {
        struct url known;
        bool is_openai = all[i].dialect == DIALECT_CHAT || all[i].dialect == DIALECT_RESPONSES;
        if (!is_openai || url_parse(&known, str_of(all[i].base_url), NULL))
            continue;
        bool is_same = str_equal_nocase(known.host, u->host) ||
                       (host_is_loopback(known.host) && host_is_loopback(u->host));
        if (is_same && known.port == u->port)
            return &all[i];
    }
    return NULL;
}

/* Is this `openai`, with nothing said of it but an address that is not OpenAI's? There Chat
 * Completions is what everybody speaks. */
static bool is_elsewhere(struct str name, const struct config_provider *said)
{
    struct url u, own;
    const struct preset *preset = preset_find(name);
    return str_equal(name, STR("openai")) && said && *said->base_url && !*said->preset &&
           !*said->format && !url_parse(&u, str_of(said->base_url), NULL) &&
           !url_parse(&own, str_of(preset->base_url), NULL) && !str_equal_nocase(u.host, own.host);
}

static const struct preset *choose_preset(struct str name, const struct config_provider *said)
{
    struct url u;
    if (is_elsewhere(name, said) && !url_parse(&u, str_of(said->base_url), NULL))
        return preset_at(&u);
    return preset_find(said && *said->preset ? str_of(said->preset) : name);
}

/* OpenAI's languages are spoken below /v1, which many leave out ("http://localhost:11434"). */
static struct str complete_url(struct router *r, const struct route_provider *p)
{
    struct url u;
    bool is_openai = p->dialect == DIALECT_CHAT || p->dialect == DIALECT_RESPONSES;
    if (!is_openai || !p->base_url.len || url_parse(&u, p->base_url, NULL) || u.path.len)
        return p->base_url;
    return arena_printf(&r->arena, "%.*s/v1", STR_ARGS(p->base_url));
}

/* ---- its key ---- */

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
    if (!*key && is_elsewhere(p->upstream.name, said)) /* where OPENAI_BASE_URL leads, its key goes */
        err = environment_of(cfg, preset_find(p->upstream.name)->key_variable, &key, f);
    if (!*key && !err && p->preset)
        err = environment_of(cfg, p->preset->key_variable, &key, f);
    p->has_key = *key != '\0';
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
    if (!p->preset && is_elsewhere(name, said)) {
        p->dialect = DIALECT_CHAT;
        return ERR_OK;
    }
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
    const struct config_provider *said = route_provider_said(cfg, name);
    struct quirks unused;
    name = arena_str(&r->arena, name);
    p->preset = choose_preset(name, said);
    if (said && *said->preset && !p->preset)
        return fail(f, ERR_CONFIG, "%s: providers.%s.preset: %s is not known",
                    said->sources[CONFIG_PROVIDER_preset], name.ptr, said->preset);
    p->base_url = said && *said->base_url ? str_of(said->base_url)
                  : p->preset             ? str_of(p->preset->base_url)
                                          : STR_NONE;
    p->quirks = str_of(said ? said->quirks : "");
    enum err err = choose_language(p, said, name, f);
    if (!err)
        p->base_url = complete_url(r, p);
    if (!err)
        err = preset_quirks(p->preset, STR_NONE, p->quirks, &unused, f);
    if (!err)
        err = check_url(p, said, name, f);
    if (!err)
        err = set_upstream(p, cfg, said, name.ptr, own_port, f);
    return err ? err : make_headers(r, p, cfg, said, f);
}

enum err route_provider_find(struct router *r, const struct config *cfg, struct str name,
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

/* What only the environment speaks of may be meant for others: it counts when a rule names it. */
static bool is_in_file(const struct config *cfg, const struct config_provider *said)
{
    for (size_t i = 0; cfg->file && i < PROVIDER_KEYS; i++)
        if (str_starts(str_of(said->sources[i]), str_of(cfg->file)))
            return true;
    return false;
}

enum err route_providers_make(struct router *r, const struct config *cfg, uint16_t own_port,
                              struct fail *f)
{
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < cfg->provider_count; i++) {
        const struct route_provider *unused;
        const struct config_provider *said = &cfg->providers[i];
        if (is_in_file(cfg, said))
            err = route_provider_find(r, cfg, str_of(said->name), own_port, &unused, f);
    }
    return err;
}
