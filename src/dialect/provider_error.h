/*
 * provider_error.h — what a provider's refusal or failure means, in Anthropic's terms: status,
 * type, a message whose wording the client's recovery understands, and when to try again.
 */
#ifndef DIALECT_PROVIDER_ERROR_H
#define DIALECT_PROVIDER_ERROR_H

#include "base/arena.h"
#include "dialect/json_tree.h"

struct provider_error {
    int status;            /* towards the client */
    const char *type;      /* Anthropic's error.type */
    struct str message;    /* in the arena */
    int64_t retry_after_s; /* -1: not said */
    bool is_final;         /* trying again is no use: x-should-retry: false */
};

/* Where the error comes from, for its message. */
struct provider_place {
    struct str base_url, model;
    struct arena *arena;
};

/* Is this object an error, in any of the shapes that providers have? */
bool provider_error_is(yyjson_val *root);
/* `status`: of the answer; 200 for an error within a stream. `root` may be NULL. */
void provider_error_read(struct provider_error *e, const struct provider_place *p, int status,
                         yyjson_val *root, struct str body);
/* One of our own making. */
void provider_error_make(struct provider_error *e, int status, const char *type,
                         struct str message);
/* The retry-after of an answer, whichever header carries it: seconds, a date (RFC 9110 §10.2.3,
 * measured against `date`), or OpenAI's "1m2s", "12ms". Rounded up; -1 when it is none. */
int64_t provider_retry_after(struct str value, struct str date);

#endif
