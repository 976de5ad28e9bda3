/*
 * hmac.h — HMAC-SHA-256 (RFC 2104), for fingerprints of secrets.
 */
#ifndef RECORD_HMAC_H
#define RECORD_HMAC_H

#include "base/str.h"

enum { HMAC_BYTES = 32, HMAC_KEY_MAX = 64 };

/* `key`: up to HMAC_KEY_MAX bytes. */
void hmac_sha256(struct str key, struct str message, uint8_t out[HMAC_BYTES]);

#endif
