/*
 * health.h — how providers fare, seen by all workers together: counts, the last failure, and a
 * circuit breaker, which leaves a provider alone after too many failures in a row.
 *
 *     closed ──max_failures in a row──▶ open ──timeout──▶ half open: one request tries
 *       ▲                                ▲                      │
 *       └──────────── it answers ────────┼──────────────────────┤
 *                                        └───────── it fails ───┘
 *
 * Knows no clock: callers say what time it is. Any thread.
 */
#ifndef UPSTREAM_HEALTH_H
#define UPSTREAM_HEALTH_H

#include "base/str.h"

enum {
    HEALTH_MAX = 1024,        /* providers of one process, those of earlier configurations included */
    HEALTH_MESSAGE_BYTES = 256,
    HEALTH_RETRY_AFTER_MAX_S = 600 /* a provider that asks for more time is tried again then */
};

struct breaker_limits {
    bool is_on;
    int max_failures; /* in a row */
    uint64_t timeout_ms;
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
const char *breaker_state_name(enum breaker_state s); /* "closed", "open", "half_open" */

struct health;
struct health_book;

struct health_book *health_book_new(void);
void health_book_free(struct health_book *b); /* NULL is fine; and all that it gave */

/* The provider of this name at this address; what is known of it stays, the limits are new. It lives
 * as long as the book. NULL: HEALTH_MAX of them are there; it is then asked without a breaker. */
struct health *health_find(struct health_book *b, struct str name, struct str base_url,
                           const struct breaker_limits *limits);

/* A request that goes to a provider, from health_begin() to health_end(). */
struct health_try {
    struct health *health; /* NULL: none is under way */
    bool is_probe, is_aside;
};

/* False: it is left alone at the moment. `h` may be NULL: always true. */
bool health_begin(struct health *h, uint64_t now_ns, struct health_try *t) MUST_CHECK;
/* Of a request that is no question to a model: it is counted, and says nothing of the breaker. */
void health_begin_aside(struct health *h, struct health_try *t);
/* It answers: a probe has done its work, however long the answer is. */
void health_answered(struct health_try *t);

enum health_outcome {
    HEALTH_OK,
    HEALTH_FAILED,
    HEALTH_UNKNOWN /* we ended it ourselves */
};

struct health_report {
    enum health_outcome outcome;
    uint64_t now_ns; /* the rest: of a failure */
    int64_t wall_us;
    int64_t retry_after_s; /* it asked for; -1: it did not */
    const char *message;   /* cut to HEALTH_MESSAGE_BYTES */
};
/* Ends the try; does nothing when none is under way. */
void health_end(struct health_try *t, const struct health_report *r);

/* Nanoseconds until it will be tried again; 0: it may be asked now, or a probe is under way. */
uint64_t health_rests_ns(struct health *h, uint64_t now_ns);

struct health_state {
    enum breaker_state state;
    struct breaker_limits limits;
    int failures_in_row;
    uint64_t opens_for_ns;       /* open: until the next try */
    uint64_t requests, failures; /* since the process began */
    int64_t failed_us;           /* wall clock of the last failure; 0: none */
    char message[HEALTH_MESSAGE_BYTES]; /* of the last failure */
};
void health_read(struct health *h, uint64_t now_ns, struct health_state *out);

#endif
