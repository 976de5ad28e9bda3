/*
 * live.h — the live stream: what happens to exchanges, as server-sent events, to every dashboard
 * that watches.
 *
 * The indexer's thread publishes, and the one that hears of other proxies; an event is made into
 * text once, and only while somebody watches (or has just left and may come back). Each reader keeps
 * its place in the ring; one that is too slow, or comes back too late, is told to `resync` instead of
 * being buffered for.
 */
#ifndef API_LIVE_H
#define API_LIVE_H

#include "index/indexer.h"
#include "server/call.h"

struct live;

enum {
    LIVE_RING_MAX = 1024,            /* events kept for who comes back */
    LIVE_RING_BYTES_MAX = 4 << 20,   /* and their bytes */
    LIVE_WATCHERS_MAX = 256,         /* more are answered 429 */
    LIVE_HUBS_MAX = 64,              /* loops that may have watchers */
    LIVE_GRACE_MS = 15000,           /* for live_new(): longer than a browser takes to come back */
    LIVE_COMMENT_MS = 15000,         /* a comment line this often keeps the connection */
    LIVE_STUCK_MS = 60000            /* a reader that takes nothing so long is closed */
};

/* `grace_ms`: events are kept up so long after the last watcher has left. */
struct live *live_new(uint64_t grace_ms);
/* After every loop has ended. */
void live_free(struct live *l);

/* Any thread; each in the order of its own events. */
void live_publish(struct live *l, enum index_event event, const struct record *record);
/* Any thread: events are missing here, so everybody reads the lists again. */
void live_gap(struct live *l);
/* Any thread. */
bool live_is_watched(struct live *l);
/* Any thread: ends every stream, and lets no new one begin. */
void live_drain(struct live *l);

/* Answers GET /api/stream. */
void live_handle(struct call *c, struct live *l);

#endif
