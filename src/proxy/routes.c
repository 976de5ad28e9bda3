/*
 * routes.c — one worker's part of a route set.
 */
#include "proxy/routes.h"

#include <stdlib.h>

#include "base/mem.h"

/* --- pools --- */

static struct route_pool *pool_for(struct routing *r, struct route_set *set,
                                   const struct provider *provider)
{
    for (struct route_pool *p = r->pools; p; p = p->next)
        if (p->users && provider_is_same(p->pool.shared.provider, provider)) {
            p->users++;
            return p;
        }
    struct route_pool *p = MEM_NEW(struct route_pool);
    p->set = route_set_hold(set);
    p->users = 1;
    pool_init(&p->pool, r->loop, provider);
    p->next = r->pools;
    r->pools = p;
    return p;
}

static void let_go(struct route_pool *p)
{
    if (--p->users == 0)
        pool_close(&p->pool);
}

static void free_pool(struct route_pool **link)
{
    struct route_pool *p = *link;
    *link = p->next;
    pool_release(&p->pool);
    route_set_drop(p->set);
    free(p);
}

/* A connection closes some turns after it was told to. */
static void on_sweep(struct loop_sweep *sweep, uint64_t now_ns)
{
    struct routing *r = OWNER_OF(sweep, struct routing, sweep);
    (void)now_ns;
    for (struct route_pool **link = &r->pools; *link;) {
        struct route_pool *p = *link;
        if (!p->users && pool_is_empty(&p->pool))
            free_pool(link);
        else
            link = &p->next;
    }
}

/* --- routes --- */

static struct routes *routes_new(struct routing *r, struct route_set *set)
{
    struct routes *n = MEM_NEW(struct routes);
    n->set = route_set_hold(set);
    n->routing = r;
    n->users = 1;
    n->anthropic = pool_for(r, set, &set->anthropic);
    for (size_t i = 0; i < set->router->provider_count; i++)
        n->providers[i] = pool_for(r, set, &set->router->providers[i].upstream);
    return n;
}

struct routes *routes_take(struct routing *r)
{
    r->current->users++;
    return r->current;
}

void routes_drop(struct routes *r)
{
    if (!r || --r->users)
        return;
    let_go(r->anthropic);
    for (size_t i = 0; i < r->set->router->provider_count; i++)
        let_go(r->providers[i]);
    route_set_drop(r->set);
    free(r);
}

/* --- of a worker --- */

void routing_init(struct routing *r, struct loop *l, struct route_set *set)
{
    *r = (struct routing){.loop = l, .sweep = {.fn = on_sweep}};
    r->current = routes_new(r, set);
    loop_sweep_add(l, &r->sweep);
}

void routing_change(struct routing *r, struct route_set *set)
{
    struct routes *old = r->current;
    r->current = routes_new(r, set);
    routes_drop(old);
}

void routing_close(struct routing *r)
{
    for (struct route_pool *p = r->pools; p; p = p->next)
        pool_close(&p->pool);
}

bool routing_is_empty(const struct routing *r)
{
    for (const struct route_pool *p = r->pools; p; p = p->next)
        if (!pool_is_empty(&p->pool))
            return false;
    return true;
}

void routing_release(struct routing *r)
{
    assert(r->current->users == 1); /* every exchange has ended */
    routes_drop(r->current);
    while (r->pools)
        free_pool(&r->pools);
    loop_sweep_remove(r->loop, &r->sweep);
}
