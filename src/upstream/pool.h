/*
 * pool.h — one worker's connections to one provider: those that wait to be used again.
 */
#ifndef UPSTREAM_POOL_H
#define UPSTREAM_POOL_H

#include "http/http_parser.h"
#include "upstream/connect.h"

enum {
    POOL_IDLE_MAX = 512,      /* connections that wait */
    POOL_IDLE_MS = 55 * 1000  /* then closed: before a provider's usual minute is over */
};

/* A connection that answered so lately is trusted without asking the kernel. */
#define POOL_FRESH_NS UINT64_C(20000000)

struct attempt;

/* A connection to a provider. */
struct uplink {
    struct conn conn; /* first */
    struct pool *pool;
    struct uplink *prev, *next; /* among the idle, newest first */
    struct attempt *attempt;    /* NULL: idle */
    uint64_t idle_since_ns;
    char addr[CONN_ADDR_TEXT];
};

struct pool {
    struct connect_shared shared;
    struct uplink *idle;
    int idle_count;
    int open_count;             /* uplinks not yet freed */
    struct attempt *attempts;   /* running ones, for sweeps */
    struct loop_sweep sweep;
};

void pool_init(struct pool *p, struct loop *l, const struct provider *provider);
void pool_close(struct pool *p); /* closes the idle ones; attempts must be over */
bool pool_is_empty(const struct pool *p);
void pool_release(struct pool *p);

/* The newest idle connection that still stands, or NULL. */
struct uplink *pool_take(struct pool *p);
/* Keeps a connection whose answer was whole. */
void pool_give(struct pool *p, struct uplink *u);

#endif
