/*
 * route_explain.c — why a request goes where it goes, in words and as JSON.
 *
 * Decides nothing by itself: it asks router.c for each rule what it asks router.c for all.
 */
#include "proxy/route_explain.h"

#include "base/clock.h"
#include "dialect/json_writer.h"

bool route_head_read(struct str text, struct arena *arena, struct head *out)
{
    struct str line;
    *out = (struct head){0};
    if (!str_next(&text, '\n', &line))
        return false;
    size_t space = str_find(line, ' ');
    out->method = str_head(line, space);
    line = str_from(line, space + 1);
    out->target = str_head(line, str_find(line, ' '));
    while (str_next(&text, '\n', &line)) {
        size_t colon = str_find(line, ':');
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (colon < line.len)
            head_add(out, arena, str_trim(str_head(line, colon)), str_trim(str_from(line, colon + 1)));
    }
    head_recognise(out);
    return out->method.len && out->target.len;
}

void route_case_of_record(struct route_case *c, const struct record *row, struct identity *who)
{
    c->recorded_rule = row->route;
    c->recorded_target = row->route_target;
    c->recorded_shadow = (row->flags & RECORD_IS_SHADOW) != 0;
    *who = (struct identity){.agent = row->agent_type,
                             .is_nested = row->parent_agent_id.len > 0,
                             .is_background = (row->flags & RECORD_IS_BACKGROUND) != 0};
    if (!class_parse(row->class, &who->class) || c->question.who)
        return;
    (void)identity_source_parse(row->class_by, &who->class_by); /* an unknown one is none */
    (void)identity_source_parse(row->agent_by, &who->agent_by);
    c->question.who = who;
}

const char *route_mode_name(const struct router *r)
{
    return r->is_passthrough ? "passthrough" : r->is_shadow ? "shadow" : "on";
}

/* --- what a rule asks, in words --- */

static struct str or_none(struct str text)
{
    return text.len ? text : STR("none");
}

static struct str class_list(uint32_t classes, struct arena *arena)
{
    struct str list = STR_NONE;
    for (unsigned i = 0; i < CLASS_COUNT; i++)
        if (classes >> i & 1)
            list = arena_printf(arena, "%.*s%s%s", STR_ARGS(list), list.len ? ", " : "",
                                class_name((enum request_class)i));
    return list;
}

/* What stood in the way, as "model: *haiku* is wanted, claude-opus-5 is asked for". */
static struct str why_not(struct route_asker *a, const struct route_rule *rule,
                          enum route_misfit misfit)
{
    const struct route_when *w = &rule->when;
    const struct head *h = a->q->head;
    struct arena *arena = a->arena;
    switch (misfit) {
    case ROUTE_MODEL:
        return arena_printf(arena, "model: %.*s is wanted, it asks for %.*s",
                            STR_ARGS(w->model.text), STR_ARGS(or_none(a->model)));
    case ROUTE_AGENT:
        return arena_printf(arena, "agent: %.*s is wanted, this is %.*s", STR_ARGS(w->agent.text),
                            STR_ARGS(or_none(route_who(a)->agent)));
    case ROUTE_CLASS:
        return arena_printf(arena, "class: %.*s is wanted, this is %s",
                            STR_ARGS(class_list(w->classes, arena)),
                            class_name(route_who(a)->class));
    case ROUTE_SESSION:
        return arena_printf(arena, "session: %.*s is wanted, this is %.*s",
                            STR_ARGS(w->session.text), STR_ARGS(or_none(a->session)));
    case ROUTE_CLIENT:
        return arena_printf(arena, "client: %.*s is wanted, this is %.*s", STR_ARGS(w->client.text),
                            STR_ARGS(or_none(head_get(h, STR("user-agent")))));
    case ROUTE_HEADER:
        return arena_printf(arena, "header: %.*s%s%.*s is wanted, it has %.*s", STR_ARGS(w->header),
                            w->header_value.text.len ? ": " : "", STR_ARGS(w->header_value.text),
                            STR_ARGS(or_none(head_get(h, w->header))));
    case ROUTE_MIN_TOKENS:
        return arena_printf(arena, "size: %lld tokens or more are wanted, it has about %lld",
                            (long long)w->min_tokens, (long long)a->tokens);
    case ROUTE_MAX_TOKENS:
        return arena_printf(arena, "size: %lld tokens or less are wanted, it has about %lld",
                            (long long)w->max_tokens, (long long)a->tokens);
    default:
        return STR_NONE;
    }
}

/* --- the decision --- */

struct explaining {
    const struct route_case *c;
    struct route_asker asker;
    const struct route_rule *rule; /* the first that fits */
    bool is_routable;              /* rules are for such requests */
    bool has_model;
    struct str target;
    bool is_followed;
};

static void explain(struct explaining *x, const struct route_case *c, struct arena *arena)
{
    const struct router *r = c->router;
    struct route_decision d = {0};
    *x = (struct explaining){.c = c};
    route_ask(&x->asker, &c->question, arena);
    x->has_model = x->asker.model.len && x->asker.model.len <= ROUTE_MODEL_MAX;
    x->is_routable = router_may_route(r, c->question.head) != ROUTABLE_NOT;
    if (x->is_routable)
        router_decide(r, &c->question, arena, &d);
    x->rule = d.rule;
    x->target = d.rule ? d.target : STR("anthropic");
    x->is_followed = d.rule && !r->is_shadow;
}

/* Where it goes and why, in one sentence. */
static struct str verdict(const struct explaining *x, struct arena *arena)
{
    const struct router *r = x->c->router;
    if (r->is_passthrough)
        return STR("goes to Anthropic untouched: routing.passthrough is on");
    if (!r->rule_count)
        return STR("goes to Anthropic untouched: no rules are configured");
    if (!x->is_routable)
        return STR("goes to Anthropic untouched: rules are for messages only");
    if (!x->has_model)
        return STR("goes to Anthropic untouched: it names no model");
    if (!x->rule)
        return STR("goes to Anthropic untouched: no rule fits");
    if (r->is_shadow)
        return arena_printf(arena, "goes to Anthropic untouched; without routing.mode: shadow it "
                            "would go to %.*s, by %.*s", STR_ARGS(x->target),
                            STR_ARGS(x->rule->label));
    return arena_printf(arena, "goes to %.*s%s, by %.*s", STR_ARGS(x->target),
                        !x->rule->provider && !x->rule->model.len ? " untouched" : "",
                        STR_ARGS(x->rule->label));
}

/* --- as text --- */

static enum err put_line(struct buf *out, const char *name, struct str value)
{
    return value.len ? buf_printf(out, "%-8s %.*s\n", name, STR_ARGS(value)) : ERR_OK;
}

static enum err put_who(struct route_asker *a, struct buf *out)
{
    const struct identity *who = route_who(a);
    enum err err = buf_printf(out, "%-8s %s%s%s%s%s\n", "class", class_name(who->class),
                              who->class_by ? ", by " : "", identity_source_name(who->class_by),
                              who->is_nested ? ", of an agent" : "",
                              who->is_background ? ", in the background" : "");
    if (!err && who->agent.len)
        err = buf_printf(out, "%-8s %.*s%s%s\n", "agent", STR_ARGS(who->agent),
                         who->agent_by ? ", by " : "", identity_source_name(who->agent_by));
    if (!err)
        err = put_line(out, "model", a->model);
    if (!err)
        err = put_line(out, "session", a->session);
    if (!err)
        err = buf_printf(out, "%-8s about %lld tokens\n", "size", (long long)a->tokens);
    return err;
}

static enum err put_tried(struct explaining *x, struct buf *out)
{
    const struct router *r = x->c->router;
    enum err err = ERR_OK;
    bool is_over = !x->is_routable || !x->has_model;
    for (size_t i = 0; i < r->rule_count && !is_over && !err; i++) {
        const struct route_rule *rule = &r->rules[i];
        enum route_misfit misfit = route_try(&x->asker, rule);
        is_over = misfit == ROUTE_FITS;
        struct str why = is_over ? STR("fits") : why_not(&x->asker, rule, misfit);
        err = buf_printf(out, "  %.*s (%.*s)\n    %.*s\n", STR_ARGS(rule->label),
                         STR_ARGS(rule->source), STR_ARGS(why));
    }
    return err;
}

static enum err put_recorded(const struct route_case *c, struct buf *out)
{
    if (!c->recorded_rule.len)
        return ERR_OK;
    return buf_printf(out, "When it was recorded it %s %.*s, by %.*s.\n",
                      c->recorded_shadow ? "would have gone to" : "went to",
                      STR_ARGS(c->recorded_target), STR_ARGS(c->recorded_rule));
}

enum err route_explain_text(const struct route_case *c, struct arena *arena, struct buf *out)
{
    struct explaining x;
    explain(&x, c, arena);
    enum err err = put_who(&x.asker, out);
    if (!err && c->router->rule_count)
        err = buf_append(out, STR("rules\n"));
    if (!err)
        err = put_tried(&x, out);
    if (!err)
        err = buf_printf(out, "It %.*s.\n", STR_ARGS(verdict(&x, arena)));
    return err ? err : put_recorded(c, out);
}

/* --- as JSON --- */

static void put_text(struct json_writer *w, const char *key, struct str text)
{
    if (text.len)
        json_put_string(w, key, text);
    else
        json_put_null(w, key);
}

static void put_identity(struct json_writer *w, const struct identity *who)
{
    json_key(w, "who");
    json_open(w, '{');
    put_text(w, "class", str_of(class_name(who->class)));
    put_text(w, "class_by", str_of(identity_source_name(who->class_by)));
    put_text(w, "agent", who->agent);
    put_text(w, "agent_by", str_of(identity_source_name(who->agent_by)));
    json_put_bool(w, "is_nested", who->is_nested);
    json_put_bool(w, "is_background", who->is_background);
    json_close(w, '}');
}

static void put_rules_tried(struct json_writer *w, struct explaining *x)
{
    const struct router *r = x->c->router;
    bool is_over = !x->is_routable || !x->has_model;
    json_key(w, "rules");
    json_open(w, '[');
    for (size_t i = 0; i < r->rule_count && !is_over; i++) {
        const struct route_rule *rule = &r->rules[i];
        enum route_misfit misfit = route_try(&x->asker, rule);
        is_over = misfit == ROUTE_FITS;
        json_open(w, '{');
        json_put_string(w, "label", rule->label);
        json_put_string(w, "source", rule->source);
        json_put_bool(w, "fits", is_over);
        put_text(w, "why", why_not(&x->asker, rule, misfit));
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_decision(struct json_writer *w, const struct explaining *x, struct arena *arena)
{
    json_key(w, "decision");
    json_open(w, '{');
    put_text(w, "rule", x->rule ? x->rule->label : STR_NONE);
    json_put_string(w, "target", x->target);
    json_put_bool(w, "is_followed", x->is_followed);
    json_put_string(w, "text", verdict(x, arena));
    json_close(w, '}');
}

static void put_recorded_json(struct json_writer *w, const struct route_case *c)
{
    json_key(w, "recorded");
    if (!c->recorded_rule.len) {
        json_null(w);
        return;
    }
    json_open(w, '{');
    json_put_string(w, "rule", c->recorded_rule);
    put_text(w, "target", c->recorded_target);
    json_put_bool(w, "is_shadow", c->recorded_shadow);
    json_close(w, '}');
}

enum err route_explain_json(const struct route_case *c, struct arena *arena, struct buf *out)
{
    struct explaining x;
    struct json_writer w = {.out = out};
    explain(&x, c, arena);
    json_open(&w, '{');
    json_put_string(&w, "mode", str_of(route_mode_name(c->router)));
    put_identity(&w, route_who(&x.asker));
    put_text(&w, "model", x.asker.model);
    put_text(&w, "session", x.asker.session);
    json_put_int(&w, "tokens", x.asker.tokens);
    put_rules_tried(&w, &x);
    put_decision(&w, &x, arena);
    put_recorded_json(&w, c);
    json_close(&w, '}');
    return w.err;
}

/* --- the table --- */

static void put_glob(struct json_writer *w, const char *key, const struct glob *g)
{
    if (g->text.len)
        json_put_string(w, key, g->text);
}

static void put_conditions(struct json_writer *w, const struct route_when *when,
                           struct arena *arena)
{
    json_key(w, "conditions");
    json_open(w, '{');
    put_glob(w, "agent", &when->agent);
    put_glob(w, "model", &when->model);
    put_glob(w, "session", &when->session);
    put_glob(w, "client", &when->client);
    if (when->header.len && when->header_value.text.len)
        json_put_string(w, "header", arena_printf(arena, "%.*s: %.*s", STR_ARGS(when->header),
                                                  STR_ARGS(when->header_value.text)));
    else if (when->header.len)
        json_put_string(w, "header", when->header);
    if (when->classes)
        json_put_string(w, "class", class_list(when->classes, arena));
    if (when->min_tokens)
        json_put_int(w, "min_tokens", when->min_tokens);
    if (when->max_tokens)
        json_put_int(w, "max_tokens", when->max_tokens);
    json_close(w, '}');
}

static void put_hits(struct json_writer *w, const struct route_hits *hits)
{
    char text[CLOCK_TEXT];
    int64_t last_us = atomic_load_explicit(&hits->last_us, memory_order_relaxed);
    json_put_int(w, "hits", (int64_t)atomic_load_explicit(&hits->count, memory_order_relaxed));
    put_text(w, "last_hit_at", last_us ? str_of(clock_format(last_us, text)) : STR_NONE);
}

void route_rules_json(const struct router *r, struct arena *arena, struct json_writer *w)
{
    json_open(w, '[');
    for (size_t i = 0; i < r->rule_count; i++) {
        const struct route_rule *rule = &r->rules[i];
        json_open(w, '{');
        json_put_string(w, "label", rule->label);
        json_put_string(w, "source", rule->source);
        put_conditions(w, &rule->when, arena);
        json_key(w, "target");
        json_open(w, '{');
        json_put_string(w, "provider",
                        rule->provider ? rule->provider->upstream.name : STR("anthropic"));
        put_text(w, "model", rule->model);
        json_close(w, '}');
        put_hits(w, &r->hits[i]);
        json_close(w, '}');
    }
    json_close(w, ']');
}
