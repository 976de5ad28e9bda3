/*
 * route_set.h — what one reading of the configuration says of providers and rules. Read-only once
 * made; shared by all workers, and counted: the last who lets go of it frees it, on any thread.
 */
#ifndef PROXY_ROUTE_SET_H
#define PROXY_ROUTE_SET_H

#include <stdatomic.h>

#include "proxy/router.h"

struct route_set {
    atomic_int holders;
    struct config *config;     /* held: texts below are its */
    struct provider anthropic;
    struct router *router;
    struct str version;        /* anthropic-version for requests without one */
    bool demotes;              /* asks for a stream where the client asked for none */
    bool injects_token;        /* on requests to Anthropic without credentials */
    int64_t loaded_us;         /* wall clock */
};

/* Holds `cfg` too. ERR_CONFIG says what is wrong, and where. */
enum err route_set_new(struct route_set **out, struct config *cfg, uint16_t own_port,
                       struct fail *f) MUST_CHECK;
struct route_set *route_set_hold(struct route_set *s);
void route_set_drop(struct route_set *s); /* NULL is fine */

#endif
