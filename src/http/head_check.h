/*
 * head_check.h — rules for a request's head that stand between it and a provider: framing that
 * two parsers could read differently, targets and Host values (RFC 9112 §3, §6; RFC 9110 §7.2).
 */
#ifndef HTTP_HEAD_CHECK_H
#define HTTP_HEAD_CHECK_H

#include "base/err.h"
#include "http/head.h"

/* ERR_OK, or what the client did wrong. */
enum err head_check_request(const struct head *h, struct fail *f) MUST_CHECK;
/* The same for an answer's framing: ERR_UPSTREAM_PROTOCOL. */
enum err head_check_answer(const struct head *h, struct fail *f) MUST_CHECK;
/* Which error a Transfer-Encoding deserves that the parser has refused. */
enum err head_check_coding(const struct head *h);

/* Is this header of `h` about one connection only (RFC 9110 §7.6.1)? Names listed in Connection
 * count too, but for those a message cannot do without. */
bool head_is_hop_by_hop(const struct head *h, const struct header *each);

/* Splits "host:port", "[::1]:port" (port 0 when there is none). False when malformed. */
bool head_split_host(struct str value, struct str *host, uint16_t *port);

#endif
