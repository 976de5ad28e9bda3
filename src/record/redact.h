/*
 * redact.h — secrets are gone before anything is kept: the one place that masks.
 *
 * A secret header's value becomes a hint of its form and a keyed fingerprint, 8 hex digits of
 * HMAC-SHA-256 under a per-install key, so that two keys can be told apart and neither known:
 * "Bearer sk-ant-…[a1b2c3d4]". Pure functions; the key is given.
 */
#ifndef RECORD_REDACT_H
#define RECORD_REDACT_H

#include "base/buf.h"

struct redactor; /* one per thread: remembers the last few values it has masked */

enum { REDACT_KEY_BYTES = 32 };

struct redactor *redactor_new(const uint8_t key[REDACT_KEY_BYTES]);
void redactor_free(struct redactor *r);

/* Is this header's value a secret? authorization, proxy-authorization, x-api-key, api-key,
 * x-goog-api-key, cookie, set-cookie, and any name with token, secret, password or api-key in it
 * (but not anthropic-ratelimit-…tokens… and the like). */
bool redact_is_secret(struct str name);
/* Appends the value as it may be kept; values of other headers are appended unchanged, but for
 * credentials inside URLs and things that look like keys (sk-…, Bearer …). */
enum err redact_value(struct redactor *r, struct str name, struct str value,
                      struct buf *out) MUST_CHECK;
/* Appends a request target with the values of secret query parameters (key, api_key, token,
 * access_token, code, signature, password …) masked. */
enum err redact_target(struct redactor *r, struct str target, struct buf *out) MUST_CHECK;
/* Do bodies at this address consist of credentials (OAuth: tokens, codes, new API keys)? */
bool redact_is_credential_path(struct str target);

#endif
