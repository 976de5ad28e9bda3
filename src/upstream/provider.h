/*
 * provider.h — one provider: where it is and how to reach it. Read-only once made; shared by all
 * workers.
 */
#ifndef UPSTREAM_PROVIDER_H
#define UPSTREAM_PROVIDER_H

#include "base/arena.h"
#include "base/err.h"

struct provider {
    struct arena arena;
    struct str name;         /* "anthropic" */
    bool is_tls;
    const char *host;        /* name or address, without brackets */
    uint16_t port;
    struct str host_header;  /* "api.anthropic.com", "127.0.0.1:8080" */
    struct str base_path;    /* "" or "/prefix", put before every target */
    const char *ca_file;     /* NULL: the system's roots */
    const char *proxy_host;  /* NULL: directly */
    uint16_t proxy_port;
    struct str proxy_auth;   /* base64 of "user:password", or empty */
    uint64_t connect_timeout_ms;  /* name, connection and TLS together */
    uint64_t head_timeout_ms;     /* request sent until the answer's head */
    uint64_t idle_timeout_ms;     /* between two reads of an answer */
    int max_retries;         /* of connecting only */
    uint16_t own_port;       /* our listener's: an address that leads there is refused */
    bool own_is_any;         /* it listens on every address of this machine */
};

/* Reads "https://host[:port][/path]". ERR_CONFIG. */
enum err provider_init(struct provider *p, const char *name, const char *base_url, struct fail *f);
void provider_release(struct provider *p);
/* Reached the same way, with the same limits: connections to one serve the other. */
bool provider_is_same(const struct provider *a, const struct provider *b);
/* "http://[user:password@]host:port"; "env" takes HTTPS_PROXY unless NO_PROXY names the host. */
enum err provider_set_proxy(struct provider *p, const char *proxy, struct fail *f);

#endif
