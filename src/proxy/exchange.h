/*
 * exchange.h — one request relayed: the flow from its head to the end of its answer.
 */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "proxy/proxy.h"

/* A server_dispatch: begins an exchange for the client's current request. `owner`: the proxy. */
enum err exchange_dispatch(struct client *c, struct fail *f, void *owner);
/* Ends all of them, whatever they wait for but the disk. */
void exchange_stop_all(struct proxy *p);

#endif
