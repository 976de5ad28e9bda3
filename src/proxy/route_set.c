/*
 * route_set.c — what one reading of the configuration says of providers and rules.
 */
#include "proxy/route_set.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/url.h"

static enum err make_anthropic(struct provider *p, const struct config *cfg, uint16_t own_port,
                               struct fail *f)
{
    enum err err = provider_init(p, "anthropic", cfg->anthropic_base_url, f);
    if (!err)
        err = provider_set_proxy(p, cfg->anthropic_proxy, f);
    p->ca_file = *cfg->anthropic_ca_file ? cfg->anthropic_ca_file : NULL;
    p->connect_timeout_ms = cfg->anthropic_connect_timeout_ms;
    p->head_timeout_ms = cfg->anthropic_response_header_timeout_ms;
    p->idle_timeout_ms = cfg->server_read_timeout_ms;
    p->max_retries = cfg->anthropic_max_retries;
    p->own_port = own_port;
    p->own_is_any = host_is_any(str_of(cfg->server_host));
    return err;
}

enum err route_set_new(struct route_set **out, struct config *cfg, uint16_t own_port,
                       struct fail *f)
{
    struct route_set *s = MEM_NEW(struct route_set);
    atomic_init(&s->holders, 1);
    s->config = config_hold(cfg);
    s->version = str_of(cfg->anthropic_version);
    s->demotes = cfg->anthropic_demote_nonstreaming;
    s->injects_token = cfg->anthropic_oauth_enabled;
    s->loaded_us = clock_wall_us();
    enum err err = make_anthropic(&s->anthropic, cfg, own_port, f);
    if (!err)
        err = router_new(&s->router, cfg, own_port, f);
    if (err) {
        route_set_drop(s);
        s = NULL;
    }
    *out = s;
    return err;
}

struct route_set *route_set_hold(struct route_set *s)
{
    atomic_fetch_add(&s->holders, 1);
    return s;
}

void route_set_drop(struct route_set *s)
{
    if (!s || atomic_fetch_sub(&s->holders, 1) > 1)
        return;
    router_free(s->router);
    provider_release(&s->anthropic);
    config_free(s->config);
    free(s);
}
