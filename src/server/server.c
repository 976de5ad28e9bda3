/*
 * server.c — a worker's listener, its clients, and the table of who serves which paths.
 */
#include "server/server.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TURNED_AWAY_MAX = 64 /* clients beyond max_connections that are told why */
};

static void sweep(struct loop_sweep *sweep, uint64_t now_ns)
{
    struct server *s = OWNER_OF(sweep, struct server, sweep);
    for (struct client *c = s->clients, *next; c; c = next) {
        next = client_next(c);
        client_sweep(c, now_ns);
    }
}

void server_init(struct server *s, struct loop *l, const struct server_options *options)
{
    *s = (struct server){.loop = l, .options = *options, .sweep = {.fn = sweep}};
    loop_sweep_add(l, &s->sweep);
}

void server_route(struct server *s, const char *prefix, server_dispatch *fn, void *owner)
{
    assert(s->route_count < COUNT_OF(s->routes));
    s->routes[s->route_count].prefix = str_of(prefix);
    s->routes[s->route_count].fn = fn;
    s->routes[s->route_count].owner = owner;
    s->route_count++;
}

void server_route_relayed(struct server *s, const char *prefix, server_dispatch *fn, void *owner)
{
    server_route(s, prefix, fn, owner);
    s->routes[s->route_count - 1].is_relayed = true;
}

static bool route_fits(struct str prefix, struct str path)
{
    if (str_ends(prefix, STR("*")))
        return str_starts(path, str_head(prefix, prefix.len - 1));
    return str_starts(path, prefix) &&
           (!prefix.len || str_ends(prefix, STR("/")) || path.len == prefix.len);
}

/* The number of routes when none fits. */
static size_t find_route(const struct server *s, struct str target)
{
    struct str path = str_head(target, str_find(target, '?'));
    size_t i = 0;
    while (i < s->route_count && !route_fits(s->routes[i].prefix, path))
        i++;
    return i;
}

bool server_is_relayed(const struct server *s, struct str target)
{
    size_t i = find_route(s, target);
    return !target.len || i == s->route_count || s->routes[i].is_relayed;
}

enum err server_dispatch_request(struct server *s, struct client *c, struct fail *f)
{
    size_t i = find_route(s, client_head(c)->target);
    if (i == s->route_count)
        return fail(f, ERR_NOT_FOUND, "no such path");
    return s->routes[i].fn(c, f, s->routes[i].owner);
}

enum err server_bind(const char *host, int port, uv_os_sock_t *out, int *bound_port,
                     struct fail *f)
{
    struct sockaddr_storage addr = {0};
    struct sockaddr_in *in4 = (void *)&addr;
    struct sockaddr_in6 *in6 = (void *)&addr;
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (uv_ip4_addr(host, port, in4) != 0 && uv_ip6_addr(host, port, in6) != 0)
        return fail(f, ERR_CONFIG, "server.host '%s' is not an IP address", host);
    socklen_t len = addr.ss_family == AF_INET ? sizeof *in4 : sizeof *in6;
    int fd = socket(addr.ss_family, SOCK_STREAM, 0);
    int on = 1;
    if (fd < 0)
        return fail(f, ERR_IO, "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&addr, len) != 0) {
        enum err err = fail(f, errno == EADDRINUSE ? ERR_BUSY : ERR_IO, "%s port %d: %s", host,
                            port, strerror(errno));
        close(fd);
        return err;
    }
    getsockname(fd, (struct sockaddr *)&addr, &len);
    *bound_port = ntohs(addr.ss_family == AF_INET ? in4->sin_port : in6->sin6_port);
    *out = fd;
    return ERR_OK;
}

static void on_connection(void *owner, int fd)
{
    struct server *s = owner;
    struct client *c = client_accept_take(s, fd);
    int over = s->client_count - s->options.max_connections;
    if (over > TURNED_AWAY_MAX)
        client_kill(c, ERR_OVERLOADED);
    else if (over > 0)
        client_turn_away(c);
}

enum err server_listen_take(struct server *s, int socket, struct fail *f)
{
    return listener_open_take(&s->listener, s->loop, socket, on_connection, s, f);
}

void server_drain(struct server *s)
{
    listener_close(&s->listener);
    s->is_draining = true;
    for (struct client *c = s->clients, *next; c; c = next) {
        next = client_next(c);
        client_retire(c);
    }
}

void server_stop(struct server *s)
{
    listener_close(&s->listener);
    for (struct client *c = s->clients, *next; c; c = next) {
        next = client_next(c);
        client_kill(c, ERR_SHUTDOWN);
    }
}

bool server_is_empty(const struct server *s)
{
    return s->client_count == 0;
}

void server_release(struct server *s)
{
    assert(server_is_empty(s));
    listener_close(&s->listener); /* if it never ran */
    loop_sweep_remove(s->loop, &s->sweep);
}
