/*
 * url.h — the few URLs we are configured with, taken apart, and what a host name means.
 *
 * Stricter than RFC 3986: absolute http and https only, ASCII only, no query, no fragment.
 */
#ifndef CONFIG_URL_H
#define CONFIG_URL_H

#include "base/err.h"
#include "base/str.h"

struct url {
    bool tls;            /* https */
    struct str userinfo; /* "user:password", still percent-encoded; STR_NONE: there is none */
    struct str host;     /* without the brackets of an IPv6 address */
    uint16_t port;       /* 443 or 80 where none was given */
    bool port_given;
    struct str path; /* "" or "/…" */
};

/* Borrows from `text`. ERR_CONFIG, saying in `why` what is wrong, without quoting `text`. */
enum err url_parse(struct url *u, struct str text, struct fail *why) MUST_CHECK;

/* A name or address as it may stand in a URL or be listened on, brackets already taken off. */
bool host_is_valid(struct str host);
bool addr_is_loopback(struct str addr); /* of "127.0.0.1:53124", "[::1]:80" */
bool host_is_loopback(struct str host); /* localhost, *.localhost, 127/8, ::1, and ::ffff:127/8 */
/* 0.0.0.0 and ::, link-local (cloud metadata services) and multicast: no provider is there. */
bool host_is_forbidden(struct str host);
bool host_is_any(struct str host); /* 0.0.0.0 or :: */

#endif
