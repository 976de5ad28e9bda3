/*
 * errand.h — one small request of our own, its answer whole: for what is rare, such as renewing a
 * token. Blocks: for a background thread.
 */
#ifndef UPSTREAM_ERRAND_H
#define UPSTREAM_ERRAND_H

#include <stdatomic.h>

#include "base/buf.h"

struct errand {
    const char *url;     /* no redirect is followed */
    const char *ca_file; /* NULL: the system's roots */
    const char *proxy;   /* as provider_set_proxy() has it */
    struct str body;     /* JSON */
    uint64_t limit_ms;   /* of everything together; checked once a second */
    const atomic_bool *is_over; /* breaks off when true: within a second */
};

/* POSTs it. *status is the answer's, its body in `answer`. ERR_CONFIG: the URL or the proxy;
 * ERR_UPSTREAM_CONNECT: no answer, or one longer than `answer` may be. */
enum err errand_post(const struct errand *e, int *status, struct buf *answer,
                     struct fail *f) MUST_CHECK;

#endif
