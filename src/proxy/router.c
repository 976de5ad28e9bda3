/*
 * router.c — deciding: the first rule of the table that fits a request.
 *
 * The table itself is made in route_rules.c, the providers that it names in route_provider.c, who is
 * asked when one of them fails in route_chain.c.
 */
#include "proxy/router.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proxy/route_chain.h"
#include "proxy/route_provider.h"
#include "proxy/route_rules.h"

enum { BYTES_PER_TOKEN = 4 };

enum routable router_may_route(const struct router *r, const struct head *h)
{
    static const char *const paths[] = {
        [ROUTABLE_MESSAGES] = "/v1/messages",
        [ROUTABLE_COUNT_TOKENS] = "/v1/messages/count_tokens",
        [ROUTABLE_CHAT] = "/v1/chat/completions",
    };
    struct str path = str_head(h->target, str_find(h->target, '?'));
    if (str_ends(path, STR("/"))) /* some base URLs are put together so */
        path.len--;
    bool has_choice = r->rule_count || r->anthropic.has_fallback || r->anthropic.breaker.is_on;
    if (!has_choice || r->is_passthrough || !str_equal(h->method, STR("POST")))
        return ROUTABLE_NOT;
    for (size_t i = ROUTABLE_MESSAGES; i < COUNT_OF(paths); i++)
        if (str_equal(path, str_of(paths[i])))
            return (enum routable)i;
    return ROUTABLE_NOT;
}

/* --- what is known of a request --- */

void route_ask(struct route_asker *a, const struct route_question *q, struct arena *arena)
{
    *a = (struct route_asker){.q = q, .arena = arena, .who = q->who};
    request_parts_read(q->body, NULL, &a->parts);
    a->model = json_read_text(a->parts.model, ROUTE_MODEL_MAX + 1, arena);
    a->session = head_get(q->head, STR("x-claude-code-session-id"));
    a->tokens = (int64_t)(q->body.len / BYTES_PER_TOKEN);
    if (!a->session.len)
        a->session = identity_session(&a->parts, arena);
}

const struct identity *route_who(struct route_asker *a)
{
    static const struct identity_sources none;
    const struct head *h = a->q->head;
    if (a->who)
        return a->who;
    struct identity_request request = {
        .method = h->method,
        .path = str_head(h->target, str_find(h->target, '?')),
        .client = head_get(h, STR("user-agent")),
        .beta = head_get_id(h, HEADER_ANTHROPIC_BETA),
        .session_id = a->session,
        .agent_id = head_get(h, STR("x-claude-code-agent-id")),
        .parent_agent_id = head_get(h, STR("x-claude-code-parent-agent-id")),
        .parts = &a->parts,
    };
    identity_read(a->q->sources ? a->q->sources : &none, &request, a->arena, &a->known);
    return a->who = &a->known;
}

/* --- trying a rule --- */

static bool asks(const struct glob *g)
{
    return g->text.len > 0;
}

/* `*` alone is for sub-agents whose name nobody knows, too. */
static bool agent_fits(const struct glob *g, const struct identity *who)
{
    if (!who->agent.len)
        return g->form == GLOB_ANY && (who->class == CLASS_AGENT || who->class == CLASS_FORK);
    return glob_fits(g, who->agent);
}

static bool header_fits(const struct route_when *when, const struct head *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (str_equal_nocase(h->headers[i].name, when->header) &&
            (!asks(&when->header_value) || glob_fits(&when->header_value, h->headers[i].value)))
            return true;
    return false;
}

enum route_misfit route_try(struct route_asker *a, const struct route_rule *rule)
{
    const struct route_when *when = &rule->when;
    const struct head *h = a->q->head;
    if (asks(&when->model) && !glob_fits(&when->model, a->model))
        return ROUTE_MODEL;
    if (asks(&when->agent) && !agent_fits(&when->agent, route_who(a)))
        return ROUTE_AGENT;
    if (when->classes && !(when->classes >> route_who(a)->class & 1))
        return ROUTE_CLASS;
    if (asks(&when->session) && !glob_fits(&when->session, a->session))
        return ROUTE_SESSION;
    if (asks(&when->client) && !glob_fits(&when->client, head_get(h, STR("user-agent"))))
        return ROUTE_CLIENT;
    if (when->header.len && !header_fits(when, h))
        return ROUTE_HEADER;
    if (a->tokens < when->min_tokens)
        return ROUTE_MIN_TOKENS;
    return when->max_tokens && a->tokens > when->max_tokens ? ROUTE_MAX_TOKENS : ROUTE_FITS;
}

struct str route_target(const struct route_rule *rule, struct str asked, struct arena *arena)
{
    struct str provider = rule->provider ? rule->provider->upstream.name : STR("anthropic");
    struct str model = rule->model.len || !rule->provider ? rule->model : asked;
    if (!model.len)
        return provider;
    return arena_printf(arena, "%.*s:%.*s", STR_ARGS(provider), STR_ARGS(model));
}

void router_decide(const struct router *r, const struct route_question *q, struct arena *arena,
                   struct route_decision *out)
{
    struct route_asker a;
    route_ask(&a, q, arena);
    *out = (struct route_decision){.asked = arena_str(arena, a.model), .is_shadow = r->is_shadow};
    for (size_t i = 0; a.model.len && a.model.len <= ROUTE_MODEL_MAX && i < r->rule_count; i++) {
        if (route_try(&a, &r->rules[i]) != ROUTE_FITS)
            continue;
        out->rule = &r->rules[i];
        out->target = route_target(out->rule, a.model, arena);
        break;
    }
    if (!a.who)
        return;
    struct identity *who = arena_alloc(arena, sizeof *who);
    *who = *a.who;
    who->agent = arena_str(arena, who->agent); /* the sources need not live on */
    out->who = who;
}

/* --- how often --- */

void router_count(const struct router *r, const struct route_rule *rule, int64_t now_us)
{
    struct route_hits *hits = &r->hits[rule - r->rules];
    atomic_fetch_add_explicit(&hits->count, 1, memory_order_relaxed);
    atomic_store_explicit(&hits->last_us, now_us, memory_order_relaxed);
}

void router_inherit(struct router *r, const struct router *before)
{
    for (size_t i = 0; i < r->rule_count; i++) {
        const struct route_rule *rule = &r->rules[i];
        for (size_t j = 0; j < before->rule_count; j++) {
            const struct route_hits *old = &before->hits[j];
            if (!str_equal(rule->label, before->rules[j].label) ||
                !str_equal(rule->when.model.text, before->rules[j].when.model.text))
                continue;
            atomic_store(&r->hits[i].count, atomic_load(&old->count));
            atomic_store(&r->hits[i].last_us, atomic_load(&old->last_us));
            break;
        }
    }
}

/* --- life --- */

enum err router_new(struct router **out, const struct config *cfg, uint16_t own_port,
                    struct fail *f)
{
    struct router *r = MEM_NEW(struct router);
    arena_init(&r->arena);
    r->is_passthrough = cfg->routing_passthrough;
    r->is_shadow = cfg->routing_mode == ROUTE_SHADOW;
    enum err err = route_providers_make(r, cfg, own_port, f);
    if (!err)
        err = route_rules_make(r, cfg, own_port, f);
    if (!err)
        err = route_chain_make(r, cfg, own_port, f);
    if (err) {
        router_free(r);
        return err;
    }
    r->hits = mem_zeroed((r->rule_count + 1) * sizeof *r->hits);
    for (size_t i = 0; i < r->rule_count; i++)
        r->asks_who |= r->rules[i].when.agent.text.len || r->rules[i].when.classes;
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
    free(r->hits);
    free(r);
}
