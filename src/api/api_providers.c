/*
 * api_providers.c — providers, their breakers and what is counted of them since the start.
 */
#include "api/api_providers.h"

#include "api/api_reply.h"
#include "base/clock.h"

static void put_breaker(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct health_state *s)
{
    yyjson_mut_val *b = yyjson_mut_obj_add_obj(doc, obj, "breaker");
    bool is_open = s->state == BREAKER_OPEN;
    yyjson_mut_obj_add_bool(doc, b, "enabled", s->limits.is_on);
    yyjson_mut_obj_add_str(doc, b, "state", breaker_state_name(s->state));
    yyjson_mut_obj_add_int(doc, b, "failures", s->failures_in_row);
    yyjson_mut_obj_add_int(doc, b, "max_failures", s->limits.max_failures);
    yyjson_mut_obj_add_uint(doc, b, "timeout_ms", s->limits.timeout_ms);
    json_put_time_or_null(doc, b, "opens_until",
                          is_open ? clock_wall_us() + (int64_t)(s->opens_for_ns / 1000) : 0);
}

static void put_last_error(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct health_state *s,
                           struct arena *arena)
{
    if (!s->failed_us) {
        yyjson_mut_obj_add_null(doc, obj, "last_error");
        return;
    }
    yyjson_mut_val *e = yyjson_mut_obj_add_obj(doc, obj, "last_error");
    json_put_time(doc, e, "at", s->failed_us);
    json_put_text(doc, e, "message", arena_str(arena, str_of(s->message)));
}

static void put_provider(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct api_provider *p,
                         struct arena *arena)
{
    struct health_state s = {.failed_us = 0};
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
    if (p->health)
        health_read(p->health, clock_mono_ns(), &s);
    json_put_text(doc, obj, "name", p->name);
    json_put_text(doc, obj, "format", p->format);
    json_put_text(doc, obj, "base_url", p->base_url);
    yyjson_mut_obj_add_bool(doc, obj, "has_key", p->has_key);
    json_put_text_or_null(doc, obj, "preset", p->preset);
    json_put_text_or_null(doc, obj, "fallback_provider", p->fallback);
    put_breaker(doc, obj, &s);
    yyjson_mut_obj_add_uint(doc, obj, "requests", s.requests);
    yyjson_mut_obj_add_uint(doc, obj, "failures", s.failures);
    put_last_error(doc, obj, &s, arena);
}

void providers_answer(struct call *c, const struct api_options *to)
{
    struct api_provider *all = NULL;
    struct arena *arena = call_arena(c);
    size_t count = to->providers ? to->providers(to->owner, arena, &all) : 0;
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, yyjson_mut_doc_get_root(doc), "providers");
    for (size_t i = 0; i < count; i++)
        put_provider(doc, list, &all[i], arena);
    api_reply_json(c, 200, doc);
}
