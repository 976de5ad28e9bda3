/*
 * proxy.c — what relaying needs in one worker, and which paths are relayed.
 */
#include "proxy/proxy.h"

#include "base/clock.h"
#include "base/loss.h"
#include "proxy/exchange.h"
#include "proxy/tap.h"

enum { SCRATCH_MAX = 512 * 1024, REFUSALS_PER_SECOND = 10 };

/* Ours under /api/ must never be one of these. */
static const char *const relayed[] = {
    "/v1/*",          "/api/hello",  "/api/hello/",         "/api/claude_code/", "/api/claude_cli*",
    "/api/event_logging/", "/api/oauth/", "/api/organizations/", "/api/frame/",
};

/* A request that was refused before it was served is remembered too, but not without end. */
static void on_refused(struct client *c, const struct refusal *r, void *owner)
{
    struct proxy *p = owner;
    const struct head *h = client_head(c);
    uint64_t second = clock_mono_ns() / 1000000000u;
    if (second != p->refused_second)
        p->refused_second = second, p->refused_count = 0;
    if (!p->journal || !h->method.len)
        return;
    if (++p->refused_count > REFUSALS_PER_SECOND) {
        loss_note(LOSS_REFUSAL_UNRECORDED, 1, NULL);
        return;
    }
    struct fail cause = *r->fail;
    fail(&cause, r->err, "refused");
    struct tap t;
    struct tap_answer answer = {.head = r->head, .is_ours = true};
    tap_begin(&t, p, &r->id, client_began_us(c), client_began_ns(c), str_of(client_addr(c)),
              STR_NONE, h);
    tap_request_end(&t);
    tap_answer(&t, &answer);
    tap_answer_body_copy(&t, r->body);
    t.client_bytes = r->body.len;
    tap_end(&t, ENDING_REJECTED, &cause, STR_NONE, STR_NONE);
}

void proxy_init(struct proxy *p, struct loop *l, struct route_set *set)
{
    *p = (struct proxy){.loop = l};
    buf_init(&p->scratch, SCRATCH_MAX);
    int err = uv_random(NULL, NULL, &p->clean_seed, sizeof p->clean_seed, 0, NULL);
    assert(err == 0);
    (void)err;
    routing_init(&p->routing, l, set);
    learned_init(&p->learned);
}

void proxy_add_routes(struct proxy *p, struct server *s)
{
    for (size_t i = 0; i < COUNT_OF(relayed); i++)
        server_route_relayed(s, relayed[i], exchange_dispatch, p);
    s->on_refused = on_refused;
    s->refused_owner = p;
}

void proxy_stop(struct proxy *p)
{
    exchange_stop_all(p);
    routing_close(&p->routing);
}

bool proxy_is_empty(const struct proxy *p)
{
    return !p->exchanges && routing_is_empty(&p->routing) && durability_is_idle(&p->durability);
}

void proxy_release(struct proxy *p)
{
    routing_release(&p->routing);
    learned_release(&p->learned);
    durability_release(&p->durability);
    buf_release(&p->scratch);
}
