/*
 * error_text.h — what a client is told of a request that we answer with an error.
 */
#ifndef SERVER_ERROR_TEXT_H
#define SERVER_ERROR_TEXT_H

#include "base/arena.h"
#include "base/err.h"

/* An error in Anthropic's shape: head (without Connection) and body, in `arena`. `f` may be NULL;
 * `code`: our own API's, NULL where the provider's is asked. */
void error_text(struct arena *arena, enum err err, const struct fail *f, const char *code,
                struct str request_id, struct str *head, struct str *body);

#endif
