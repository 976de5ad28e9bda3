/*
 * connect.h — a connection to a provider, from nothing: name, addresses of both families, a
 * CONNECT proxy where there is one, TLS.
 *
 * Addresses are tried one after another, the next when one fails or 250 ms have passed (RFC 8305);
 * the first that connects wins. Nothing of a request is sent here.
 */
#ifndef UPSTREAM_CONNECT_H
#define UPSTREAM_CONNECT_H

#include "io/conn.h"
#include "io/tls.h"
#include "upstream/provider.h"

struct connector;

/* What all connections of one worker to one provider share. */
struct connect_shared {
    struct loop *loop;
    const struct provider *provider;
    struct tls_context *tls; /* NULL until the first use */
};

struct connect_events {
    /* `conn` (malloc'ed) is given, with reading off; set its events and free it in on_closed. */
    void (*on_connected)(void *owner, struct conn *conn, const char *addr);
    void (*on_failed)(void *owner, enum err err, const struct fail *f);
};

/* `conn_bytes`: how much to allocate for the conn; a struct conn must stand first in it. */
struct connector *connector_start(struct connect_shared *shared, size_t conn_bytes,
                                  const struct connect_events *events, void *owner);
void connector_cancel(struct connector *k); /* no event is called after this */
void connect_shared_release(struct connect_shared *shared);

#endif
