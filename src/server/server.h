/*
 * server.h — one worker's side that faces clients: its listener, its clients, who serves what.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/uuid.h"
#include "io/listener.h"
#include "server/client.h"
#include "server/guard.h"

/* Begins to serve the client's current request (client_serve()), or says why not. */
typedef enum err server_dispatch(struct client *c, struct fail *f, void *owner);

struct server_options {
    uint64_t read_timeout_ms;  /* between two reads of a request's body */
    uint64_t write_timeout_ms; /* between two sends a client takes */
    uint64_t idle_timeout_ms;  /* between two requests */
    uint64_t max_body_bytes;
    int max_connections;       /* of this worker; more get a 503, many more are closed */
    const struct guard *guard;
};

/* What was refused, and how it was answered. */
struct refusal {
    struct uuid id;
    enum err err;
    const struct fail *fail;
    struct str head, body;
};

struct server {
    struct loop *loop;
    struct server_options options;
    struct listener listener;
    struct client *clients; /* list */
    int client_count;
    size_t held_bytes;      /* read ahead of bodies that are held up (client.c) */
    bool is_draining;
    struct loop_sweep sweep;
    struct {
        struct str prefix;
        server_dispatch *fn;
        void *owner;
        bool is_relayed;
    } routes[16];
    size_t route_count;
    /* A request was refused before anyone served it: for the record. May be NULL. `c`'s head may
     * be incomplete. */
    void (*on_refused)(struct client *c, const struct refusal *r, void *owner);
    void *refused_owner;
};

void server_init(struct server *s, struct loop *l, const struct server_options *options);
/* Paths are tried in the order they were added; "" matches all. A prefix that ends in '/' or that
 * is a whole path must match to a segment's end; one that ends in '*' matches any beginning. */
void server_route(struct server *s, const char *prefix, server_dispatch *fn, void *owner);
/* The same for paths that belong to a provider: errors there are told in its shape. */
void server_route_relayed(struct server *s, const char *prefix, server_dispatch *fn, void *owner);
/* Does this target belong to a provider? True when it is not readable. */
bool server_is_relayed(const struct server *s, struct str target);
enum err server_dispatch_request(struct server *s, struct client *c, struct fail *f);

/* A bound, listening-to-be socket that several workers can share. ERR_BUSY: in use. */
enum err server_bind(const char *host, int port, uv_os_sock_t *out, int *bound_port,
                     struct fail *f) MUST_CHECK;
enum err server_listen_take(struct server *s, int socket, struct fail *f) MUST_CHECK;
/* No new connections; idle ones are closed, the others after their answer. */
void server_drain(struct server *s);
/* Ends every request in service (ERR_SHUTDOWN) and closes everything. */
void server_stop(struct server *s);
bool server_is_empty(const struct server *s);
void server_release(struct server *s); /* when empty */

#endif
