/*
 * call_dispatch.h — the bridge from a server's routes to handlers of calls.
 */
#ifndef SERVER_CALL_DISPATCH_H
#define SERVER_CALL_DISPATCH_H

#include "server/call.h"
#include "server/server.h"

struct call_route {
    call_handler *handler;
    void *owner;
};

/* A server_dispatch; `owner` is a struct call_route that outlives the server. */
enum err call_dispatch(struct client *client, struct fail *f, void *owner);

#endif
