/*
 * proxy.h — what relaying needs in one worker: where to send, what to remember with.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include <stdatomic.h>

#include "dialect/learned.h"
#include "journal/journal.h"
#include "proxy/durability.h"
#include "proxy/routes.h"
#include "record/redact.h"
#include "server/server.h"
#include "upstream/oauth.h"

struct exchange;

enum { CLEAN_HEADERS = 256 };

struct proxy {
    struct loop *loop;
    struct journal *journal;     /* NULL: nothing is recorded */
    struct durability durability;
    struct redactor *redactor;
    struct routing routing;      /* where to send */
    struct known_agents *agents; /* who asks, for rules that want to know; may be NULL */
    struct oauth *oauth;         /* the user's own token */
    struct learned learned;      /* about providers; stays when the configuration changes */
    bool drain_abandoned;        /* server.on_client_disconnect: drain */
    bool rejects_unrecorded;     /* storage.on_record_failure: reject */
    struct buf scratch;          /* for building one payload at a time */
    uint64_t clean[CLEAN_HEADERS]; /* keyed hashes of header lines that hold nothing to mask */
    uint64_t clean_seed;
    struct exchange *exchanges;  /* running ones */
    atomic_int in_flight;        /* how many; read by other threads */
    uint64_t refused_second;     /* when refusals were last recorded, and how many since */
    int refused_count;
};

void proxy_init(struct proxy *p, struct loop *l, struct route_set *set);
/* Adds the relayed paths to a server's routes. */
void proxy_add_routes(struct proxy *p, struct server *s);
/* Who waits for the token of an OAuth login looks again. */
void relayed_on_token(struct proxy *p);
/* Ends exchanges whose clients have left already (drained ones). */
void proxy_stop(struct proxy *p);
bool proxy_is_empty(const struct proxy *p); /* nothing runs or waits */
void proxy_release(struct proxy *p);

#endif
