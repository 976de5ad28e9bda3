/*
 * guard.c — Host, Origin and Sec-Fetch-Site against the list of our own names.
 */
#include "server/guard.h"

#include <stdlib.h>

#include "base/mem.h"
#include "http/head_check.h"

enum { HOSTS_MAX = 80 }; /* server.allowed_hosts has at most 64; ours come on top */

struct guard {
    struct arena arena;
    struct {
        struct str host;
        uint16_t port; /* 0: any */
    } hosts[HOSTS_MAX];
    size_t count;
};

struct guard *guard_new(void)
{
    struct guard *g = MEM_NEW(struct guard);
    arena_init(&g->arena);
    return g;
}

void guard_free(struct guard *g)
{
    if (!g)
        return;
    arena_release(&g->arena);
    free(g);
}

void guard_allow(struct guard *g, struct str host, uint16_t port)
{
    struct str name;
    uint16_t own_port;
    if (!head_split_host(host, &name, &own_port))
        name = host, own_port = 0; /* a bare IPv6 address */
    assert(g->count < HOSTS_MAX);
    g->hosts[g->count].host = arena_str(&g->arena, name);
    g->hosts[g->count].port = own_port ? own_port : port;
    g->count++;
}

/* "scheme://host[:port][/…]" */
static bool split_url(struct str url, struct str *host, uint16_t *port)
{
    uint16_t standard;
    if (str_starts_nocase(url, STR("https://")))
        standard = 443, url = str_from(url, 8);
    else if (str_starts_nocase(url, STR("http://")))
        standard = 80, url = str_from(url, 7);
    else
        return false;
    if (!head_split_host(str_head(url, str_find(url, '/')), host, port))
        return false;
    if (!*port)
        *port = standard;
    return true;
}

bool guard_allow_url(struct guard *g, struct str url)
{
    struct str host;
    uint16_t port;
    if (!split_url(url, &host, &port))
        return false;
    assert(g->count < HOSTS_MAX);
    g->hosts[g->count].host = arena_str(&g->arena, host);
    g->hosts[g->count].port = port;
    g->count++;
    return true;
}

static bool is_ours(const struct guard *g, struct str host, uint16_t port)
{
    for (size_t i = 0; i < g->count; i++) {
        bool port_fits = g->hosts[i].port == 0 || g->hosts[i].port == port;
        if (port_fits && str_equal_nocase(g->hosts[i].host, host))
            return true;
    }
    return false;
}

/* Host has no scheme: without a port it may mean 80 (direct) or 443 (behind a TLS front). */
static bool is_host_ours(const struct guard *g, struct str value)
{
    struct str host;
    uint16_t port;
    if (!head_split_host(value, &host, &port))
        return false;
    return port ? is_ours(g, host, port) : is_ours(g, host, 80) || is_ours(g, host, 443);
}

static bool is_origin_ours(const struct guard *g, struct str origin)
{
    struct str host;
    uint16_t port;
    return split_url(origin, &host, &port) && is_ours(g, host, port);
}

/* A link on another site may open the dashboard; it may do and fetch nothing else. */
static bool is_navigation(const struct head *h)
{
    return str_equal(h->method, STR("GET")) &&
           str_equal_nocase(head_get_id(h, HEADER_SEC_FETCH_MODE), STR("navigate")) &&
           !str_starts(h->target, STR("/api/")) && !str_starts(h->target, STR("/v1/"));
}

enum err guard_check(const struct guard *g, const struct head *h, struct fail *f)
{
    struct str host = head_get_id(h, HEADER_HOST);
    if (!host.len)
        return h->version_minor == 0 ? ERR_OK : fail(f, ERR_HOST_NOT_ALLOWED, "no Host");
    if (!is_host_ours(g, host))
        return fail(f, ERR_HOST_NOT_ALLOWED, "this host name is not in server.allowed_hosts");
    for (size_t i = 0; i < h->count; i++)
        if (h->headers[i].id == HEADER_ORIGIN && !is_origin_ours(g, h->headers[i].value))
            return fail(f, ERR_FORBIDDEN, "requests from other origins are refused");
    struct str site = head_get_id(h, HEADER_SEC_FETCH_SITE);
    if (site.len && !str_equal_nocase(site, STR("same-origin")) &&
        !str_equal_nocase(site, STR("none")) && !is_navigation(h))
        return fail(f, ERR_FORBIDDEN, "requests from other sites are refused");
    return ERR_OK;
}
