/*
 * guard.h — is this request meant for us, and not sent by a foreign web page?
 *
 * Host must be one of ours (against DNS rebinding), Origin and Sec-Fetch-Site must not be foreign
 * (against cross-site requests). Applies to every request, relayed ones too.
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "base/err.h"
#include "http/head.h"

struct guard;

struct guard *guard_new(void);
void guard_free(struct guard *g);
/* "name", "name:port" or "[::1]:port"; port 0 or none: any port. */
void guard_allow(struct guard *g, struct str host, uint16_t port);
/* "https://ccp.example.com/": its host and port (or its scheme's). False when malformed. */
bool guard_allow_url(struct guard *g, struct str url);
enum err guard_check(const struct guard *g, const struct head *h, struct fail *f) MUST_CHECK;

#endif
