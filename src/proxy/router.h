/*
 * router.h — which provider an exchange goes to, and what it is asked for: the rules as
 * configured, and the providers they name. Read-only once made; shared by all workers.
 */
#ifndef PROXY_ROUTER_H
#define PROXY_ROUTER_H

#include <stdatomic.h>

#include "agents/identity.h"
#include "config/config.h"
#include "dialect/preset.h"
#include "http/head.h"
#include "proxy/glob.h"
#include "upstream/health.h"
#include "upstream/provider.h"

enum { ROUTE_PROVIDERS_MAX = 64, ROUTE_MODEL_MAX = 256 /* bytes of a model's name */ };

/* Who may be asked, and for what. */
struct route_hop {
    const struct route_provider *provider; /* NULL: Anthropic, with the client's own request */
    struct str model;                      /* empty: the client's */
};

/* What is done about a provider that fails: docs/routing.md. */
struct route_care {
    struct breaker_limits breaker;
    struct health *health; /* NULL: nobody looks after it; router_watch() */
    bool has_fallback;
    struct route_hop fallback;
};

/* A provider other than Anthropic. */
struct route_provider {
    struct provider upstream; /* first */
    enum dialect dialect;
    const struct preset *preset; /* NULL: known by the configuration only */
    struct str base_url;
    struct str quirks;           /* quirks_parse() */
    struct str headers;          /* "Name: value\r\n" lines: its key, and what its preset wants */
    bool has_key;
    struct route_care care;
};

/* What a rule asks of a request; what is empty or 0 is not asked. */
struct route_when {
    struct glob agent, model, session, client;
    struct str header; /* its name */
    struct glob header_value;
    uint32_t classes;  /* bits of enum request_class */
    int64_t min_tokens, max_tokens;
};

struct route_rule {
    struct str label;  /* "subagents.mappings.code-reviewer" */
    struct str source; /* "config.yaml:12:5", "environment SUBAGENT_MAPPINGS" */
    struct route_when when;
    const struct route_provider *provider; /* NULL: Anthropic */
    struct str model;                      /* empty: the client's */
};

/* How often a rule was followed; by any worker. */
struct route_hits {
    atomic_uint_least64_t count;
    atomic_int_least64_t last_us; /* wall clock; 0: never */
};

struct router {
    struct arena arena;
    struct route_provider providers[ROUTE_PROVIDERS_MAX]; /* configured, or named by rules */
    size_t provider_count;
    struct route_care anthropic;
    struct str anthropic_url;
    struct route_rule *rules; /* the first that fits counts */
    size_t rule_count, rule_cap;
    struct route_hits *hits;  /* of each rule */
    bool is_passthrough;      /* all to Anthropic, untouched */
    bool is_shadow;           /* likewise, and what the rules say is noted */
    bool asks_who;            /* some rule asks for an agent or a class */
};

/* ERR_CONFIG names the rule or provider that is wrong. The caller frees. */
enum err router_new(struct router **out, const struct config *cfg, uint16_t own_port,
                    struct fail *f) MUST_CHECK;
void router_free(struct router *r); /* NULL is fine */
/* From here on its providers' health is kept in the book, which outlives it. */
void router_watch(struct router *r, struct health_book *b);
const struct route_care *router_care(const struct router *r, const struct route_hop *hop);
struct str route_hop_name(const struct route_hop *hop); /* "anthropic" */

/* Requests that rules are for; they have to be read whole before it is known who answers. */
enum routable {
    ROUTABLE_NOT, /* to Anthropic, in any case */
    ROUTABLE_MESSAGES,
    ROUTABLE_COUNT_TOKENS,
    ROUTABLE_CHAT /* OpenAI's Chat Completions */
};
enum routable router_may_route(const struct router *r, const struct head *h);

/* What is known of a request when it is to be decided. */
struct route_question {
    const struct head *head;
    struct str body;
    const struct identity_sources *sources; /* NULL: none */
    const struct identity *who;             /* NULL: found out when a rule asks for it */
};

struct route_decision {
    const struct route_rule *rule; /* the first that fits; NULL: to Anthropic, untouched */
    struct str asked;              /* the model that the client asks for; in the arena */
    struct str target;             /* of the rule: "openai:gpt-4o", "anthropic"; in the arena */
    const struct identity *who;    /* NULL: nobody had to know; in the arena */
    bool is_shadow;                /* the rule is not to be followed */
};

/* A request whose model is missing, or longer than ROUTE_MODEL_MAX bytes, fits no rule. */
void router_decide(const struct router *r, const struct route_question *q, struct arena *arena,
                   struct route_decision *out);
/* The rule was followed, or would have been. */
void router_count(const struct router *r, const struct route_rule *rule, int64_t now_us);
/* Hits of rules that stood in `before` likewise. */
void router_inherit(struct router *r, const struct router *before);

/* --- for who explains a decision --- */

/* What a request is to the rules: read as far as they ask. */
struct route_asker {
    const struct route_question *q;
    struct arena *arena;
    struct request_parts parts;
    struct str model, session;
    int64_t tokens; /* four bytes each */
    struct identity known;
    const struct identity *who; /* NULL: not asked for yet */
};

/* The first thing that a rule asks and a request does not have. */
enum route_misfit {
    ROUTE_FITS,
    ROUTE_AGENT,
    ROUTE_CLASS,
    ROUTE_MODEL,
    ROUTE_SESSION,
    ROUTE_CLIENT,
    ROUTE_HEADER,
    ROUTE_MIN_TOKENS,
    ROUTE_MAX_TOKENS
};
void route_ask(struct route_asker *a, const struct route_question *q, struct arena *arena);
const struct identity *route_who(struct route_asker *a);
enum route_misfit route_try(struct route_asker *a, const struct route_rule *rule);
/* "openai:gpt-4o"; `asked`: the client's model. "anthropic" alone: untouched. */
struct str route_target(const struct route_rule *rule, struct str asked, struct arena *arena);

#endif
