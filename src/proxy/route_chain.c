/*
 * route_chain.c — fallbacks, one after another.
 */
#include "proxy/route_chain.h"

#include "proxy/route_provider.h"

/* Leaving alone is on where somebody else can be asked, unless the file says otherwise. */
static bool breaker_is_on(const struct route_care *care, bool said, const char *source)
{
    return strcmp(source, "default") == 0 ? care->has_fallback : said;
}

struct str route_hop_name(const struct route_hop *hop)
{
    return hop->provider ? hop->provider->upstream.name : STR("anthropic");
}

const struct route_care *router_care(const struct router *r, const struct route_hop *hop)
{
    return hop->provider ? &hop->provider->care : &r->anthropic;
}

void router_watch(struct router *r, struct health_book *b)
{
    r->anthropic.health =
        health_find(b, STR("anthropic"), r->anthropic_url, &r->anthropic.breaker);
    for (size_t i = 0; i < r->provider_count; i++) {
        struct route_provider *p = &r->providers[i];
        p->care.health = health_find(b, p->upstream.name, p->base_url, &p->care.breaker);
    }
}

/* Where the fallback of `name` was written. */
static const char *place_of(const struct config *cfg, struct str name)
{
    for (size_t i = 0; i < cfg->provider_count; i++)
        if (str_equal(str_of(cfg->providers[i].name), name))
            return cfg->providers[i].sources[CONFIG_PROVIDER_fallback_provider];
    return cfg->sources[CONFIG_anthropic_fallback_provider];
}

static enum err complain(const struct router *r, const struct config *cfg,
                         const struct route_hop *start, struct fail *f)
{
    struct str name = route_hop_name(start);
    struct buf way;
    buf_init(&way, 256); /* as much as a message shows */
    const struct route_hop *hop = start;
    enum err err = buf_append(&way, name);
    do {
        hop = &router_care(r, hop)->fallback;
        if (!err)
            err = buf_printf(&way, ", %.*s", STR_ARGS(route_hop_name(hop)));
    } while (hop->provider != start->provider);
    err = fail(f, ERR_CONFIG, "%s: providers.%.*s.fallback_provider: goes round in a circle: %.*s",
               place_of(cfg, name), STR_ARGS(name), STR_ARGS(buf_str(&way)));
    buf_release(&way);
    return err;
}

static enum err check_from(const struct router *r, const struct config *cfg,
                           const struct route_hop *start, struct fail *f)
{
    const struct route_hop *hop = start;
    /* Longer than there are providers: somewhere it turns, and who is in the circle says so. */
    for (size_t steps = 0; router_care(r, hop)->has_fallback && steps <= r->provider_count; steps++) {
        hop = &router_care(r, hop)->fallback;
        if (hop->provider == start->provider)
            return complain(r, cfg, start, f);
    }
    return ERR_OK;
}

static enum err check_all(const struct router *r, const struct config *cfg, struct fail *f)
{
    enum err err = check_from(r, cfg, &(struct route_hop){0}, f);
    for (size_t i = 0; i < r->provider_count && !err; i++)
        err = check_from(r, cfg, &(struct route_hop){&r->providers[i], STR_NONE}, f);
    return err;
}

static enum err set_care(struct router *r, const struct config *cfg, struct str name,
                         const char *target, const char *source, uint16_t own_port,
                         struct route_care *care, struct fail *f)
{
    struct str to = str_head(str_of(target), str_find(str_of(target), ':'));
    care->has_fallback = to.len > 0;
    care->fallback.model = str_from(str_of(target), to.len + 1);
    if (!to.len)
        return ERR_OK;
    if (care->fallback.model.len > ROUTE_MODEL_MAX)
        return fail(f, ERR_CONFIG, "%s: providers.%.*s.fallback_provider: the model's name is too "
                    "long", source, STR_ARGS(name));
    if (str_equal(to, STR("anthropic")))
        return care->fallback.model.len
                   ? fail(f, ERR_CONFIG, "%s: providers.%.*s.fallback_provider: Anthropic gets the "
                          "client's own request, so no model can be given", source, STR_ARGS(name))
                   : ERR_OK;
    if (!route_provider_is_known(cfg, to))
        return fail(f, ERR_CONFIG, "%s: providers.%.*s.fallback_provider: %.*s is not known as a "
                    "provider", source, STR_ARGS(name), STR_ARGS(to));
    return route_provider_find(r, cfg, to, own_port, &care->fallback.provider, f);
}

/* Finding a fallback may make one more provider, which has its turn as well. */
enum err route_chain_make(struct router *r, const struct config *cfg, uint16_t own_port,
                          struct fail *f)
{
    const char *const *sources = cfg->sources;
    r->anthropic_url = str_of(cfg->anthropic_base_url);
    enum err err = set_care(r, cfg, STR("anthropic"), cfg->anthropic_fallback_provider,
                            sources[CONFIG_anthropic_fallback_provider], own_port, &r->anthropic, f);
    r->anthropic.breaker = (struct breaker_limits){
        breaker_is_on(&r->anthropic, cfg->anthropic_breaker_enabled,
                            sources[CONFIG_anthropic_breaker_enabled]),
        cfg->anthropic_breaker_max_failures, cfg->anthropic_breaker_timeout_ms};
    for (size_t i = 0; i < r->provider_count && !err; i++) {
        struct route_provider *p = &r->providers[i];
        const struct config_provider *said = route_provider_said(cfg, p->upstream.name);
        if (!said)
            continue;
        err = set_care(r, cfg, p->upstream.name, said->fallback_provider,
                       said->sources[CONFIG_PROVIDER_fallback_provider], own_port, &p->care, f);
        p->care.breaker = (struct breaker_limits){
            breaker_is_on(&p->care, said->circuit_breaker_enabled,
                                said->sources[CONFIG_PROVIDER_circuit_breaker_enabled]),
            said->circuit_breaker_max_failures, said->circuit_breaker_timeout};
    }
    return err ? err : check_all(r, cfg, f);
}
