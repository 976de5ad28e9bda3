/*
 * provider_list.c — Anthropic first, then the others in the order of the configuration.
 */
#include "provider_list.h"

static void put_care(struct api_provider *p, const struct route_care *care, struct arena *arena)
{
    const struct route_hop *to = &care->fallback;
    p->health = care->health;
    if (care->has_fallback)
        p->fallback = arena_printf(arena, "%.*s%s%.*s", STR_ARGS(route_hop_name(to)),
                                   to->model.len ? ":" : "", STR_ARGS(to->model));
}

size_t provider_list(const struct route_set *set, struct arena *arena, struct api_provider **out)
{
    const struct router *r = set->router;
    struct api_provider *all = arena_alloc(arena, (r->provider_count + 1) * sizeof *all);
    all[0] = (struct api_provider){.name = STR("anthropic"), .format = STR("anthropic"),
                                   .base_url = arena_str(arena, r->anthropic_url)};
    put_care(&all[0], &r->anthropic, arena);
    for (size_t i = 0; i < r->provider_count; i++) {
        const struct route_provider *p = &r->providers[i];
        struct api_provider *a = &all[i + 1];
        *a = (struct api_provider){
            .name = arena_str(arena, p->upstream.name),
            .format = str_of(dialect_name(p->dialect)),
            .base_url = arena_str(arena, p->base_url),
            .preset = str_of(p->preset ? p->preset->name : ""),
            .has_key = p->has_key,
        };
        put_care(a, &p->care, arena);
    }
    *out = all;
    return r->provider_count + 1;
}
