/*
 * worker.h — one loop with its thread: a server towards clients, a proxy towards providers, and a
 * journal between them and everything else.
 */
#ifndef WORKER_H
#define WORKER_H

#include "api/api.h"
#include "config/config.h"
#include "proxy/proxy.h"

struct worker_options {
    const struct config *config;
    const struct guard *guard;
    struct route_set *routes;        /* held */
    struct oauth *oauth;
    struct known_agents *agents;
    struct journal_dir *journal_dir; /* NULL: nothing is recorded */
    const uint8_t *redact_key;       /* REDACT_KEY_BYTES */
    struct api *api;
    uv_os_sock_t listener;           /* given */
    uint32_t number;
};

struct worker;

struct worker *worker_new(const struct worker_options *o, struct fail *f);
void worker_run(struct worker *w);         /* on this thread, until it has stopped */
enum err worker_start(struct worker *w, struct fail *f) MUST_CHECK; /* on a thread of its own */
void worker_join(struct worker *w);
void worker_free(struct worker *w);
struct loop *worker_loop(struct worker *w);

/* Any thread. No new connections; stops when all requests are answered or `limit_ms` is over. */
void worker_drain(struct worker *w, uint64_t limit_ms);
/* Any thread. Stops at once: requests in service end as proxy_shutdown. */
void worker_stop(struct worker *w);

/* Any thread. Exchanges that begin from now on go by `set`, which is held. */
void worker_route(struct worker *w, struct route_set *set);

/* Any thread. See oauth_new(). */
void worker_on_token(struct worker *w);

int worker_in_flight(const struct worker *w);         /* any thread */
uint64_t worker_lost_frames(const struct worker *w);  /* any thread */

#endif
