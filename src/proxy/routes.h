/*
 * routes.h — one worker's part of a route set: its connections to the providers that are named
 * there. Counted: an exchange takes it at its beginning and lets go at its end, so that it keeps
 * what it started with while new ones get what was configured since.
 *
 * Connections to a provider that a new set describes as the old one did go over to the new routes.
 * What nobody uses any more is closed in the background. All on the worker's loop.
 */
#ifndef PROXY_ROUTES_H
#define PROXY_ROUTES_H

#include "proxy/route_set.h"
#include "upstream/pool.h"

/* Connections to one provider, shared by the routes that name it. */
struct route_pool {
    struct pool pool;
    struct route_set *set; /* held: the provider is described there */
    struct route_pool *next;
    int users;             /* routes */
};

struct routes {
    struct route_set *set; /* held */
    struct routing *routing;
    int users;             /* exchanges, and the worker while these are its current ones */
    struct route_pool *anthropic;
    struct route_pool *providers[ROUTE_PROVIDERS_MAX]; /* as in the router */
};

/* What a worker has of it: part of struct proxy. */
struct routing {
    struct loop *loop;
    struct routes *current;
    struct route_pool *pools; /* all, those that are only closing too */
    struct loop_sweep sweep;
};

void routing_init(struct routing *r, struct loop *l, struct route_set *set);
void routing_change(struct routing *r, struct route_set *set); /* for exchanges from now on */
void routing_close(struct routing *r); /* idle connections; attempts must be over */
bool routing_is_empty(const struct routing *r);
void routing_release(struct routing *r);

struct routes *routes_take(struct routing *r); /* the current ones */
void routes_drop(struct routes *r);            /* NULL is fine */

#endif
