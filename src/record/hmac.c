/*
 * hmac.c — HMAC over OpenSSL's SHA-256.
 *
 * Over the hash itself, not over EVP, which makes ready all of OpenSSL at its first use: 1 ms of the first
 * request and 2 MB, where no provider is spoken to by TLS.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "record/hmac.h"

#include <openssl/sha.h>

/* SHA-256 of the key, each byte of it changed by `mask`, and of the message. */
static void hash(struct str key, uint8_t mask, struct str message, uint8_t out[HMAC_BYTES])
{
    uint8_t block[HMAC_KEY_MAX];
    SHA256_CTX sha;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)((i < key.len ? (uint8_t)key.ptr[i] : 0) ^ mask);
    SHA256_Init(&sha);
    SHA256_Update(&sha, block, sizeof block);
    SHA256_Update(&sha, message.ptr, message.len);
    SHA256_Final(out, &sha);
}

void hmac_sha256(struct str key, struct str message, uint8_t out[HMAC_BYTES])
{
    uint8_t inner[HMAC_BYTES];
    assert(key.len <= HMAC_KEY_MAX);
    hash(key, 0x36, message, inner);
    hash(key, 0x5c, str_make((const char *)inner, sizeof inner), out);
}
