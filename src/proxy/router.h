/*
 * router.h — which provider an exchange goes to, and what it is asked for: the rules as
 * configured, and the providers they name. Read-only once made; shared by all workers.
 */
#ifndef PROXY_ROUTER_H
#define PROXY_ROUTER_H

#include "config/config.h"
#include "dialect/preset.h"
#include "http/head.h"
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
    struct route_care care;
};

struct route_rule {
    struct str pattern; /* of the model that the client asks for */
    const struct route_provider *provider;
    struct str model;   /* empty: the same */
};

struct router {
    struct arena arena;
    struct route_provider providers[ROUTE_PROVIDERS_MAX]; /* configured, or named by rules */
    size_t provider_count;
    struct route_care anthropic;
    struct str anthropic_url;
    struct route_rule rules[CONFIG_MAP_MAX];
    size_t rule_count;
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
/* The first rule that fits a request's body; NULL: to Anthropic, untouched. `model`: that it asks
 * for, at most ROUTE_MODEL_MAX bytes, for a longer one fits none; in `arena`. */
const struct route_rule *router_decide(const struct router *r, struct str body, struct arena *arena,
                                       struct str *model);

/* `*` and `?`; the whole of `text` has to fit. */
bool glob_matches(struct str pattern, struct str text);

#endif
