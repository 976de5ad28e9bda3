/*
 * connect.c — a connection to a provider, from nothing.
 *
 * The steps: TLS context (once, on a worker thread) → addresses → TCP → CONNECT → TLS handshake.
 */
#include "upstream/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "config/url.h"
#include "http/http_parser.h"
#include "io/lookup.h"

enum { ADDRS_MAX = 16, NEXT_TRY_MS = 250 };

struct connector {
    struct connect_shared *shared;
    size_t conn_bytes;
    const struct connect_events *events;
    void *owner;
    struct lookup *lookup; /* under way */
    bool is_loading, is_over;
    struct sockaddr_storage addrs[ADDRS_MAX];
    size_t addr_count, next_addr;
    struct conn *tries[ADDRS_MAX]; /* addresses being tried */
    size_t running;
    uv_timer_t next_try, deadline;
    int timers_open;
    struct conn *conn;           /* the winner */
    char addr[CONN_ADDR_TEXT];
    struct http_parser *proxy_answer;
    struct arena arena;
    const char *ca_file; /* NULL: the system's; of our own, for the pool may go while it is read */
    struct tls_context *loaded;
    enum err load_err;
    struct fail fail;
};

static void try_next(struct connector *k);

/* --- the end --- */

static void free_when_unused(struct connector *k)
{
    if (!k->is_over || k->is_loading || k->timers_open)
        return;
    arena_release(&k->arena);
    free(k->proxy_answer);
    free(k);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct connector *k = handle->data;
    k->timers_open--;
    free_when_unused(k);
}

static void free_conn(struct conn *conn)
{
    free(conn);
}

static const struct conn_events dead_events = {NULL, NULL, NULL, free_conn, NULL};

static void drop_conn(struct conn *conn)
{
    conn->events = &dead_events;
    conn_close(conn);
}

static void drop_tries(struct connector *k)
{
    for (size_t i = 0; i < ADDRS_MAX; i++)
        if (k->tries[i]) {
            drop_conn(k->tries[i]);
            k->tries[i] = NULL;
        }
    k->running = 0;
}

static void finish(struct connector *k)
{
    k->is_over = true;
    drop_tries(k);
    if (k->conn)
        drop_conn(k->conn);
    k->conn = NULL;
    if (k->lookup)
        lookup_cancel(k->lookup);
    k->lookup = NULL;
    uv_close((uv_handle_t *)&k->next_try, on_timer_closed);
    uv_close((uv_handle_t *)&k->deadline, on_timer_closed);
}

static void give_up(struct connector *k, enum err err)
{
    if (k->is_over)
        return;
    void (*on_failed)(void *, enum err, const struct fail *) = k->events->on_failed;
    void *owner = k->owner;
    struct fail f = k->fail;
    finish(k);
    on_failed(owner, err, &f);
}

static void succeed(struct connector *k)
{
    struct conn *conn = k->conn;
    void (*on_connected)(void *, struct conn *, const char *) = k->events->on_connected;
    void *owner = k->owner;
    char addr[CONN_ADDR_TEXT];
    memcpy(addr, k->addr, sizeof addr);
    k->conn = NULL;
    finish(k);
    on_connected(owner, conn, addr);
}

void connector_cancel(struct connector *k)
{
    if (!k->is_over)
        finish(k);
}

/* --- TLS --- */

static void on_tls_bytes(struct conn *conn, struct str bytes)
{
    struct connector *k = conn->owner;
    (void)bytes;
    fail(&k->fail, ERR_UPSTREAM_CONNECT, "%s spoke before it was asked", k->addr);
    give_up(k, ERR_UPSTREAM_CONNECT);
}

static void on_tls_open(struct conn *conn)
{
    conn_read(conn, false);
    succeed(conn->owner);
}

static void on_early_end(struct conn *conn, enum err why)
{
    struct connector *k = conn->owner;
    if (why == ERR_UPSTREAM_TLS)
        fail(&k->fail, why, "%s", conn_tls_failure(conn)->detail);
    fail(&k->fail, ERR_UPSTREAM_CONNECT, "%s closed the connection during %s", k->addr,
         conn->tls ? "the TLS handshake" : "CONNECT");
    give_up(k, conn->tls ? ERR_UPSTREAM_TLS : ERR_UPSTREAM_CONNECT);
}

static void on_early_full(struct conn *conn, bool is_full)
{
    (void)conn, (void)is_full; /* a handshake is small */
}

static const struct conn_events tls_events = {on_tls_bytes, on_early_end, on_early_full,
                                              free_conn, on_tls_open};

static void start_tls(struct connector *k)
{
    conn_read(k->conn, false);
    if (!k->shared->provider->is_tls) {
        succeed(k);
        return;
    }
    k->conn->events = &tls_events;
    conn_start_tls_give(k->conn, tls_stream_new(k->shared->tls, k->shared->provider->host));
}

/* --- CONNECT --- */

static enum err on_proxy_head(void *owner, bool *no_body)
{
    struct connector *k = owner;
    int status = k->proxy_answer->head.status;
    *no_body = true;
    if (status / 100 == 2) /* RFC 9110 §9.3.6 */
        return ERR_OK;
    return fail(&k->fail, ERR_UPSTREAM_CONNECT, "the proxy answered CONNECT with %d", status);
}

static void on_proxy_body(void *owner, struct str bytes)
{
    (void)owner, (void)bytes;
}

static void on_proxy_done(void *owner)
{
    (void)owner;
}

static const struct http_events proxy_http = {on_proxy_head, on_proxy_body, on_proxy_done};

static void on_proxy_bytes(struct conn *conn, struct str bytes)
{
    struct connector *k = conn->owner;
    size_t used;
    enum err err = http_parser_feed(k->proxy_answer, bytes, &used);
    if (!err && conn_pending_bytes(conn))
        err = fail(&k->fail, ERR_UPSTREAM_CONNECT, "the proxy spoke before it was asked");
    if (!err && k->proxy_answer->is_done && used < bytes.len)
        err = fail(&k->fail, ERR_UPSTREAM_CONNECT, "the proxy sent more than an answer");
    if (err) {
        fail(&k->fail, ERR_UPSTREAM_CONNECT, "the proxy's answer to CONNECT was not usable");
        give_up(k, ERR_UPSTREAM_CONNECT);
    } else if (k->proxy_answer->is_done) {
        start_tls(k);
    }
}

static const struct conn_events proxy_events = {on_proxy_bytes, on_early_end, on_early_full,
                                                free_conn, NULL};

static void start_proxy(struct connector *k)
{
    const struct provider *p = k->shared->provider;
    bool is_v6 = strchr(p->host, ':') != NULL;
    struct str ask = arena_printf(
        &k->arena, "CONNECT %s%s%s:%d HTTP/1.1\r\nHost: %s%s%s:%d\r\n%s%.*s%s\r\n",
        is_v6 ? "[" : "", p->host, is_v6 ? "]" : "", p->port, is_v6 ? "[" : "", p->host,
        is_v6 ? "]" : "", p->port, p->proxy_auth.len ? "Proxy-Authorization: Basic " : "",
        STR_ARGS(p->proxy_auth), p->proxy_auth.len ? "\r\n" : "");
    k->proxy_answer = MEM_NEW(struct http_parser);
    http_parser_init(k->proxy_answer, false, &proxy_http, k, &k->arena);
    k->conn->events = &proxy_events;
    conn_write_copy(k->conn, ask);
    conn_read(k->conn, true);
}

/* --- TCP --- */

/* An address of our own listener would make every request come back to us. */
static bool leads_to_us(const struct provider *p, const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in4 = (const void *)addr;
        uint32_t ip = ntohl(in4->sin_addr.s_addr);
        return ntohs(in4->sin_port) == p->own_port && (ip >> 24 == 127 || ip == 0);
    }
    const struct sockaddr_in6 *in6 = (const void *)addr;
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const uint8_t *b = in6->sin6_addr.s6_addr;
    bool local = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ||
                 (memcmp(b, mapped, 12) == 0 && (b[12] == 127 || b[12] == 0));
    return ntohs(in6->sin6_port) == p->own_port && local;
}

/* Both ends at one address, and our port there: where we listen on every address, that is us. */
static bool has_reached_us(const struct provider *p, const struct conn *conn)
{
    struct sockaddr_storage here = {0}, there = {0};
    socklen_t here_len = sizeof here, there_len = sizeof there;
    if (!p->own_is_any || getsockname(conn->fd, (void *)&here, &here_len) != 0 ||
        getpeername(conn->fd, (void *)&there, &there_len) != 0)
        return false;
    const struct sockaddr_in *here4 = (void *)&here, *there4 = (void *)&there;
    const struct sockaddr_in6 *here6 = (void *)&here, *there6 = (void *)&there;
    if (there.ss_family == AF_INET)
        return ntohs(there4->sin_port) == p->own_port &&
               here4->sin_addr.s_addr == there4->sin_addr.s_addr;
    return ntohs(there6->sin6_port) == p->own_port &&
           memcmp(&here6->sin6_addr, &there6->sin6_addr, sizeof here6->sin6_addr) == 0;
}

static void forget_try(struct connector *k, const struct conn *conn)
{
    for (size_t i = 0; i < ADDRS_MAX; i++)
        if (k->tries[i] == conn)
            k->tries[i] = NULL;
    k->running--;
}

static void on_tcp_failed(struct conn *conn, enum err why)
{
    struct connector *k = conn->owner;
    fail(&k->fail, why, "connect: %s", conn_error(conn));
    forget_try(k, conn);
    drop_conn(conn);
    try_next(k);
}

static void on_tcp(struct conn *conn)
{
    struct connector *k = conn->owner;
    forget_try(k, conn);
    uv_timer_stop(&k->next_try);
    drop_tries(k);
    k->conn = conn;
    k->fail = (struct fail){0};
    conn_peer(conn->fd, k->addr);
    if (has_reached_us(k->shared->provider, conn)) {
        fail(&k->fail, ERR_UPSTREAM_LOOP, "%s", k->addr);
        give_up(k, ERR_UPSTREAM_LOOP);
    } else if (k->shared->provider->proxy_host)
        start_proxy(k);
    else
        start_tls(k);
}

static const struct conn_events tcp_events = {NULL, on_tcp_failed, NULL, free_conn, on_tcp};

static void on_next_try(uv_timer_t *timer)
{
    try_next(timer->data);
}

/* NULL when no connection to this address can even be begun. */
static struct conn *begin_try(struct connector *k, const struct sockaddr *addr)
{
    int fd = socket(addr->sa_family, SOCK_STREAM, 0);
    if (fd < 0) {
        fail(&k->fail, ERR_UPSTREAM_CONNECT, "socket: %s", strerror(errno));
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    struct conn *conn = mem_zeroed(k->conn_bytes);
    conn_init_take(conn, k->shared->loop, &tcp_events, fd);
    conn->owner = k;
    if (conn_connect(conn, addr, &k->fail) == ERR_OK)
        return conn;
    drop_conn(conn);
    return NULL;
}

static void try_next(struct connector *k)
{
    while (k->next_addr < k->addr_count) {
        size_t i = k->next_addr++;
        k->tries[i] = begin_try(k, (struct sockaddr *)&k->addrs[i]);
        if (!k->tries[i])
            continue;
        k->running++;
        if (k->next_addr < k->addr_count)
            uv_timer_start(&k->next_try, on_next_try, NEXT_TRY_MS, 0);
        return;
    }
    if (!k->running)
        give_up(k, ERR_UPSTREAM_CONNECT);
}

/* --- names --- */

/* The two families in turn, the resolver's order kept within each. */
static void take_addrs(struct connector *k, const struct addrinfo *list)
{
    const struct addrinfo *at[2] = {list, list};
    int first = list ? list->ai_family : AF_INET;
    bool left = true;
    while (left && k->addr_count < ADDRS_MAX) {
        left = false;
        for (int turn = 0; turn < 2; turn++) {
            while (at[turn] && ((at[turn]->ai_family == first) != (turn == 0)))
                at[turn] = at[turn]->ai_next;
            if (!at[turn] || k->addr_count == ADDRS_MAX)
                continue;
            if (at[turn]->ai_addrlen <= sizeof k->addrs[0])
                memcpy(&k->addrs[k->addr_count++], at[turn]->ai_addr, at[turn]->ai_addrlen);
            at[turn] = at[turn]->ai_next;
            left = true;
        }
    }
}

/* localhost is both loopback addresses (RFC 6761 §6.3), whatever the resolver leaves out. */
static void add_loopback(struct connector *k, uint16_t port)
{
    bool has4 = false, has6 = false;
    for (size_t i = 0; i < k->addr_count; i++) {
        has4 |= k->addrs[i].ss_family == AF_INET;
        has6 |= k->addrs[i].ss_family == AF_INET6;
    }
    if (!has4 && k->addr_count < ADDRS_MAX)
        uv_ip4_addr("127.0.0.1", port, (void *)&k->addrs[k->addr_count++]);
    if (!has6 && k->addr_count < ADDRS_MAX)
        uv_ip6_addr("::1", port, (void *)&k->addrs[k->addr_count++]);
}

static void start_tcp(struct connector *k)
{
    for (size_t i = 0; i < k->addr_count; i++)
        if (leads_to_us(k->shared->provider, (struct sockaddr *)&k->addrs[i])) {
            fail(&k->fail, ERR_UPSTREAM_LOOP, "%s", k->shared->provider->host);
            give_up(k, ERR_UPSTREAM_LOOP);
            return;
        }
    try_next(k);
}

static void on_resolved(void *owner, const char *why, const struct addrinfo *list)
{
    struct connector *k = owner;
    const struct provider *p = k->shared->provider;
    k->lookup = NULL;
    take_addrs(k, list);
    if (host_is_loopback(str_of(p->proxy_host ? p->proxy_host : p->host)))
        add_loopback(k, p->proxy_host ? p->proxy_port : p->port);
    if (!k->addr_count) {
        fail(&k->fail, ERR_UPSTREAM_RESOLVE, "%s: %s", p->proxy_host ? p->proxy_host : p->host,
             why ? why : "no address");
        give_up(k, ERR_UPSTREAM_RESOLVE);
    } else {
        start_tcp(k);
    }
}

static void resolve(struct connector *k)
{
    const struct provider *p = k->shared->provider;
    const char *host = p->proxy_host ? p->proxy_host : p->host;
    uint16_t port = p->proxy_host ? p->proxy_port : p->port;
    struct sockaddr_in *in4 = (void *)&k->addrs[0];
    struct sockaddr_in6 *in6 = (void *)&k->addrs[0];
    if (uv_ip4_addr(host, port, in4) == 0 || uv_ip6_addr(host, port, in6) == 0) {
        k->addr_count = 1;
        start_tcp(k);
        return;
    }
    k->lookup = lookup_start(k->shared->loop, host, port, on_resolved, k);
}

/* --- the beginning --- */

static void load_tls(void *owner)
{
    struct connector *k = owner;
    k->load_err = tls_context_new(&k->loaded, k->ca_file, &k->fail);
}

static void on_tls_loaded(void *owner)
{
    struct connector *k = owner;
    k->is_loading = false;
    if (!k->is_over && k->loaded && !k->shared->tls)
        k->shared->tls = k->loaded;
    else
        tls_context_free(k->loaded); /* another was faster, or the pool may be gone */
    if (k->is_over)
        free_when_unused(k);
    else if (k->load_err)
        give_up(k, k->load_err);
    else
        resolve(k);
}

static void on_deadline(uv_timer_t *timer)
{
    struct connector *k = timer->data;
    k->fail = (struct fail){0};
    fail(&k->fail, ERR_UPSTREAM_TIMEOUT, "no connection to %s within %llu ms",
         k->shared->provider->host, (unsigned long long)k->shared->provider->connect_timeout_ms);
    give_up(k, ERR_UPSTREAM_TIMEOUT);
}

/* A turn later, so that the caller knows its connector before it can fail. */
static void on_start(uv_timer_t *timer)
{
    struct connector *k = timer->data;
    const char *ca_file = k->shared->provider->ca_file;
    if (k->shared->provider->is_tls && !k->shared->tls) {
        k->ca_file = ca_file ? arena_str(&k->arena, str_of(ca_file)).ptr : NULL;
        k->is_loading = true;
        loop_work(k->shared->loop, load_tls, on_tls_loaded, k);
    } else {
        resolve(k);
    }
}

struct connector *connector_start(struct connect_shared *shared, size_t conn_bytes,
                                  const struct connect_events *events, void *owner)
{
    struct connector *k = MEM_NEW(struct connector);
    k->shared = shared;
    k->conn_bytes = conn_bytes;
    k->events = events;
    k->owner = owner;
    arena_init(&k->arena);
    uv_timer_init(loop_uv(shared->loop), &k->next_try);
    uv_timer_init(loop_uv(shared->loop), &k->deadline);
    k->next_try.data = k->deadline.data = k;
    k->timers_open = 2;
    uv_timer_start(&k->deadline, on_deadline, shared->provider->connect_timeout_ms, 0);
    uv_timer_start(&k->next_try, on_start, 0, 0);
    return k;
}

void connect_shared_release(struct connect_shared *shared)
{
    tls_context_free(shared->tls);
    shared->tls = NULL;
}
