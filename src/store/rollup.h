/*
 * rollup.h — a batch's sums, by hour × model × provider × state and by session, so that
 * statistics never scan rows and a batch writes each sum once.
 */
#ifndef STORE_ROLLUP_H
#define STORE_ROLLUP_H

#include "store/store_private.h"

enum { USAGE_PARTS = 7 };

struct rollup {
    int64_t hour, model, provider, state; /* the key */
    int64_t request_count, error_count;
    int64_t usage[USAGE_PARTS];
    int64_t request_bytes, response_bytes, duration_us_sum, ttfb_us_sum, ttfb_count;
};

struct session_sum {
    int64_t session; /* the key */
    int64_t first_us, last_us, request_count, error_count, agent_count;
    int64_t usage[USAGE_PARTS];
    int64_t title, model, client; /* names; 0: none */
};

void usage_sum(int64_t sums[USAGE_PARTS], const struct usage *u);
static inline bool record_failed(const struct record *r)
{
    return r->state != ENDING_COMPLETE;
}
void bind_name(struct statement *q, int at, int64_t id); /* 0: NULL */

void rollup_add(struct store *s, const struct record *r, const struct row_names *names);
/* `is_new_agent`: the first request of this agent in its session. */
void session_sum_add(struct store *s, const struct record *r, const struct row_names *names,
                     bool is_new_agent);
void rollup_negate(struct store *s); /* what was added is to be taken off */
/* All sums, then forgets. In the order of their keys: proxies that write the same sums at the same
 * time wait for each other, never in a circle. */
enum err rollup_write(struct store *s, struct fail *f) MUST_CHECK;

#endif
