/*
 * route_page.c — what the API tells of routing.
 */
#include "route_page.h"

#include "base/clock.h"
#include "dialect/json_writer.h"
#include "proxy/route_explain.h"

static void put_agents(struct json_writer *w, const struct agent_catalog *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct agent *a = &c->list[i];
        json_open(w, '{');
        json_put_string(w, "name", a->name);
        json_put_string(w, "scope", str_of(agent_scope_name(a->scope)));
        json_put_string(w, "file", a->file);
        if (a->model.len)
            json_put_string(w, "model", a->model);
        else
            json_put_null(w, "model");
        json_close(w, '}');
    }
}

enum err route_page_rules(struct reload *reload, struct known_agents *agents, struct arena *arena,
                          struct buf *out)
{
    struct route_set *set = reload_current(reload);
    struct str error = reload_error(reload, arena);
    struct json_writer w = {.out = out};
    char time[CLOCK_TEXT];
    json_open(&w, '{');
    json_put_string(&w, "mode", str_of(route_mode_name(set->router)));
    json_key(&w, "rules");
    route_rules_json(set->router, arena, &w);
    struct identity_sources known = known_agents_take(agents, false);
    json_key(&w, "agents");
    json_open(&w, '[');
    put_agents(&w, known.catalog);
    put_agents(&w, known.fingerprints);
    json_close(&w, ']');
    known_agents_give_back(&known);
    json_put_string(&w, "loaded_at", str_of(clock_format(set->loaded_us, time)));
    if (error.len)
        json_put_string(&w, "reload_error", error);
    else
        json_put_null(&w, "reload_error");
    json_close(&w, '}');
    route_set_drop(set);
    return w.err;
}

enum err route_page_explain(struct reload *reload, const struct api_recorded *request,
                            struct arena *arena, struct buf *out)
{
    struct head head;
    if (!route_head_read(request->head, arena, &head))
        return ERR_CORRUPT;
    struct route_set *set = reload_current(reload);
    struct route_case c = {.router = set->router, .question = {.head = &head, .body = request->body}};
    struct identity who;
    route_case_of_record(&c, request->row, &who);
    enum err err = route_explain_json(&c, arena, out);
    route_set_drop(set);
    return err;
}
