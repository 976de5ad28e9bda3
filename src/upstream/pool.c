/*
 * pool.c — connections that wait to be used again.
 *
 * An idle connection is being read all the time: whatever comes, an end or a byte, ends it.
 */
#include "upstream/pool.h"

#include <stdlib.h>

#include "upstream/attempt_sweep.h"

static void unlink_idle(struct uplink *u)
{
    struct pool *p = u->pool;
    if (u->prev)
        u->prev->next = u->next;
    else
        p->idle = u->next;
    if (u->next)
        u->next->prev = u->prev;
    u->prev = u->next = NULL;
    p->idle_count--;
}

static void drop(struct uplink *u)
{
    unlink_idle(u);
    conn_close(&u->conn);
}

static void on_idle_bytes(struct conn *conn, struct str bytes)
{
    (void)bytes;
    drop(OWNER_OF(conn, struct uplink, conn));
}

static void on_idle_end(struct conn *conn, enum err why)
{
    (void)why;
    drop(OWNER_OF(conn, struct uplink, conn));
}

static void on_idle_full(struct conn *conn, bool is_full)
{
    (void)conn, (void)is_full;
}

void uplink_on_closed(struct conn *conn)
{
    struct uplink *u = OWNER_OF(conn, struct uplink, conn);
    u->pool->open_count--;
    free(u);
}

static const struct conn_events idle_events = {on_idle_bytes, on_idle_end, on_idle_full,
                                               uplink_on_closed};

static void sweep(struct loop_sweep *sweep, uint64_t now_ns)
{
    struct pool *p = OWNER_OF(sweep, struct pool, sweep);
    for (struct uplink *u = p->idle, *next; u; u = next) {
        next = u->next;
        if (now_ns - u->idle_since_ns > POOL_IDLE_MS * 1000000ull)
            drop(u);
        else
            conn_rest(&u->conn);
    }
    attempt_sweep_all(p, now_ns);
}

void pool_init(struct pool *p, struct loop *l, const struct provider *provider)
{
    *p = (struct pool){.shared = {l, provider, NULL}, .sweep = {.fn = sweep}};
    loop_sweep_add(l, &p->sweep);
}

void pool_close(struct pool *p)
{
    while (p->idle)
        drop(p->idle);
}

bool pool_is_empty(const struct pool *p)
{
    return p->open_count == 0 && !p->attempts;
}

void pool_release(struct pool *p)
{
    assert(pool_is_empty(p));
    loop_sweep_remove(p->shared.loop, &p->sweep);
    connect_shared_release(&p->shared);
}

struct uplink *pool_take(struct pool *p)
{
    while (p->idle) {
        struct uplink *u = p->idle;
        bool may_be_stale = loop_now_ns(p->shared.loop) - u->idle_since_ns > POOL_FRESH_NS;
        if (u->conn.is_ended || (may_be_stale && conn_is_stale(&u->conn))) {
            drop(u);
            continue;
        }
        unlink_idle(u);
        return u;
    }
    return NULL;
}

void pool_give(struct pool *p, struct uplink *u)
{
    u->attempt = NULL;
    u->conn.events = &idle_events;
    if (p->idle_count >= POOL_IDLE_MAX || u->conn.is_ended || u->conn.is_closing) {
        conn_close(&u->conn);
        return;
    }
    u->idle_since_ns = loop_now_ns(p->shared.loop);
    u->next = p->idle;
    if (u->next)
        u->next->prev = u;
    p->idle = u;
    p->idle_count++;
    conn_read(&u->conn, true);
}
