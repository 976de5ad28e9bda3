/*
 * token_refresh.h — asks Anthropic's token endpoint for a new token in exchange for a refresh token
 * (RFC 6749 §6). Blocks: for a background thread.
 */
#ifndef UPSTREAM_TOKEN_REFRESH_H
#define UPSTREAM_TOKEN_REFRESH_H

#include <stdatomic.h>

#include "upstream/token_file.h"

enum { TOKEN_REFRESH_MS = 15000 /* longest wait for an answer */ };

struct token_endpoint {
    const char *url, *client_id;
    const char *ca_file; /* NULL: the system's roots */
    const char *proxy;   /* "": directly; "env": as the environment says */
    const atomic_bool *is_over; /* breaks off when true: within a second */
};

/* Replaces what `set` holds. ERR_UNAUTHORIZED: the endpoint does not take this refresh token (any more);
 * ERR_UPSTREAM_CONNECT: try again later. `f` never holds a token. */
enum err token_refresh(const struct token_endpoint *e, struct token_set *set, struct fail *f) MUST_CHECK;

#endif
