/*
 * route_chain.c — fallbacks, one after another.
 */
#include "proxy/route_chain.h"

bool route_breaker_is_on(const struct route_care *care, bool said, const char *source)
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

enum err route_chain_check(const struct router *r, const struct config *cfg, struct fail *f)
{
    enum err err = check_from(r, cfg, &(struct route_hop){0}, f);
    for (size_t i = 0; i < r->provider_count && !err; i++)
        err = check_from(r, cfg, &(struct route_hop){&r->providers[i], STR_NONE}, f);
    return err;
}
