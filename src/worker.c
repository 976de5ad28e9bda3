/*
 * worker.c — one loop with its thread, and how it ends.
 */
#include "worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "api/assets.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/thread.h"
#include "server/call_dispatch.h"

struct worker {
    struct loop *loop;
    struct server server;
    struct proxy proxy;
    struct call_route api_route, assets_route;
    uv_thread_t thread;
    bool is_draining, is_stopping;
    uint64_t drain_until_ns;
    _Atomic(struct route_set *) next_routes; /* held; NULL: none wait */
};

static void flush_journal(void *owner)
{
    struct journal *j = owner;
    if (journal_is_dirty(j) && journal_flush(j) != ERR_OK)
        return; /* counted and logged there; the requests go on */
}

/* Everything is closed step by step; the loop ends when nothing is left. */
static void check_over(struct worker *w)
{
    if (w->is_draining && !w->is_stopping &&
        (server_is_empty(&w->server) || clock_mono_ns() > w->drain_until_ns)) {
        w->is_stopping = true;
        server_stop(&w->server);
        proxy_stop(&w->proxy);
    }
    if (w->is_stopping && server_is_empty(&w->server) && proxy_is_empty(&w->proxy))
        loop_stop(w->loop);
}

enum { CHECK_MS = 20 };

static void on_check_timer(uv_timer_t *timer)
{
    check_over(timer->data);
}

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer);
}

static void begin_end(struct worker *w)
{
    if (w->is_draining)
        return;
    w->is_draining = true;
    uv_timer_t *timer = MEM_NEW(uv_timer_t);
    uv_timer_init(loop_uv(w->loop), timer);
    timer->data = w;
    uv_timer_start(timer, on_check_timer, 0, CHECK_MS);
    server_drain(&w->server);
}

static void drain(void *owner)
{
    begin_end(owner);
}

static void stop(void *owner)
{
    struct worker *w = owner;
    w->drain_until_ns = 0;
    begin_end(w);
    check_over(w);
}

void worker_drain(struct worker *w, uint64_t limit_ms)
{
    w->drain_until_ns = clock_mono_ns() + limit_ms * 1000000u;
    loop_post(w->loop, drain, w);
}

void worker_stop(struct worker *w)
{
    loop_post(w->loop, stop, w);
}

static void take_routes(void *owner)
{
    struct worker *w = owner;
    struct route_set *set = atomic_exchange(&w->next_routes, NULL);
    if (set && !w->is_stopping)
        routing_change(&w->proxy.routing, set);
    route_set_drop(set);
}

/* One that has not been taken yet is not worth taking any more. */
void worker_route(struct worker *w, struct route_set *set)
{
    route_set_drop(atomic_exchange(&w->next_routes, route_set_hold(set)));
    loop_post(w->loop, take_routes, w);
}

static void on_token(void *owner)
{
    struct worker *w = owner;
    relayed_on_token(&w->proxy);
}

void worker_on_token(struct worker *w)
{
    loop_post(w->loop, on_token, w);
}

static void add_routes(struct worker *w, struct api *api)
{
    w->api_route = (struct call_route){api_handle, api};
    w->assets_route = (struct call_route){assets_handle, NULL};
    proxy_add_routes(&w->proxy, &w->server);
    server_route(&w->server, "/api/", call_dispatch, &w->api_route);
    server_route(&w->server, "/health", call_dispatch, &w->api_route);
    server_route(&w->server, "/livez", call_dispatch, &w->api_route);
    server_route(&w->server, "*", call_dispatch, &w->assets_route);
}

struct worker *worker_new(const struct worker_options *o, struct fail *f)
{
    const struct config *cfg = o->config;
    struct worker *w = MEM_NEW(struct worker);
    w->loop = loop_new();
    struct server_options server = {
        .read_timeout_ms = cfg->server_read_timeout_ms,
        .write_timeout_ms = cfg->server_write_timeout_ms,
        .idle_timeout_ms = cfg->server_idle_timeout_ms,
        .max_body_bytes = cfg->server_max_body_bytes,
        .max_connections = cfg->server_max_connections / cfg->server_workers + 1,
        .guard = o->guard,
    };
    server_init(&w->server, w->loop, &server);
    proxy_init(&w->proxy, w->loop, o->routes);
    w->proxy.oauth = o->oauth;
    w->proxy.agents = o->agents;
    w->proxy.drain_abandoned = cfg->server_on_client_disconnect == DISCONNECT_DRAIN;
    w->proxy.rejects_unrecorded = cfg->storage_on_record_failure == RECORD_FAILURE_REJECT;
    w->proxy.redactor = redactor_new(o->redact_key);
    if (o->journal_dir) {
        w->proxy.journal = journal_new(o->journal_dir, o->number);
        loop_on_flush(w->loop, flush_journal, w->proxy.journal);
    }
    durability_init(&w->proxy.durability, cfg->storage_durability, w->loop, w->proxy.journal);
    add_routes(w, o->api);
    if (server_listen_take(&w->server, o->listener, f) != ERR_OK) {
        worker_free(w);
        return NULL;
    }
    return w;
}

void worker_run(struct worker *w)
{
    loop_run(w->loop);
}

static void thread_main(void *owner)
{
    thread_name("worker");
    worker_run(owner);
}

enum err worker_start(struct worker *w, struct fail *f)
{
    int err = uv_thread_create(&w->thread, thread_main, w);
    return err ? fail(f, ERR_INTERNAL, "thread: %s", uv_strerror(err)) : ERR_OK;
}

void worker_join(struct worker *w)
{
    uv_thread_join(&w->thread);
}

static void close_timer(uv_handle_t *handle, void *owner)
{
    (void)owner;
    if (handle->type == UV_TIMER && ((uv_timer_t *)handle)->timer_cb == on_check_timer)
        uv_close(handle, on_timer_closed);
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    server_release(&w->server);
    proxy_release(&w->proxy);
    route_set_drop(w->next_routes);
    uv_walk(loop_uv(w->loop), close_timer, NULL);
    loop_free(w->loop);
    journal_free(w->proxy.journal);
    redactor_free(w->proxy.redactor);
    free(w);
}

struct loop *worker_loop(struct worker *w)
{
    return w->loop;
}

int worker_in_flight(const struct worker *w)
{
    return atomic_load_explicit(&w->proxy.in_flight, memory_order_relaxed);
}

uint64_t worker_lost_frames(const struct worker *w)
{
    return w->proxy.journal ? journal_lost_frames(w->proxy.journal) : 0;
}
