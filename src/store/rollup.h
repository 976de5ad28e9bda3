/*
 * rollup.h — sums kept at every commit, so that statistics never scan rows: cells (cell.h) by hour,
 * by day, by ten and by thirty days and by what the requests were; and sums by session.
 *
 * A request is added to a cell of its hour that is still open, and so a commit writes one cell for
 * all requests that are alike. When an hour is over, its open cells are folded into those of all
 * spans, which do not count them before. The cells of a process are its own: `lane` is in their key, a number that no other process has at the same time (0 where
 * there can be no other). So it remembers what it wrote last and need not ask.
 */
#ifndef STORE_ROLLUP_H
#define STORE_ROLLUP_H

#include "store/cell.h"
#include "store/store_private.h"

enum {
    CELLS_MAX = 512,          /* in one hour, day or month; what else comes is summed as "(other)" */
    CELLS_REMEMBERED = 1024,  /* slots, a power of two; emptied when three quarters are full */
    SPANS_REMEMBERED = 8,     /* how many cells a span has */
    OPEN_MAX = 64,            /* open cells; with more of them all are folded */
    ROLLUP_TYPE_UNKNOWN = -1, /* agent_type of a sub-agent that nobody named */
};

/* Whole hours since 1970, and how many of them a span has. These are the numbers in the table. */
enum span {
    SPAN_HOUR,
    SPAN_DAY,
    SPAN_MONTH,
    SPAN_HOUR_TOTAL,  /* all requests of an hour in one cell */
    SPAN_OPEN,        /* not folded yet */
    SPAN_HOUR_MODELS, /* whatever agent and project were: the key has zeros for these */
    SPAN_TEN_DAYS,
    SPANS
};
extern const int64_t span_hours[SPANS];

/* What the requests of a cell have in common: names (0: none), and numbers. An hour's total has
 * zeros for all but span, start and lane; an open cell has those of its hour's. */
struct cell_key {
    int64_t span, start; /* start: in hours, a multiple of the span's */
    int64_t lane;
    int64_t model, response_model, provider, state, status;
    int64_t agent_type; /* 0: no sub-agent */
    int64_t project;
};
enum { CELL_KEY_PARTS = sizeof(struct cell_key) / sizeof(int64_t) };

struct session_sum {
    int64_t session; /* the key */
    int64_t first_us, last_us, request_count, error_count, agent_count;
    int64_t usage[USAGE_PARTS];
    int64_t cost_usd_micro, unknown_cost_count;
    int64_t title, model, client, project; /* names; 0: none */
};

void bind_name(struct statement *q, int at, int64_t id); /* 0: NULL */

/* The numbers of a stored row's names, as far as sums need them. */
enum err rollup_names(struct store *s, const struct record *r, struct row_names *out,
                      struct fail *f) MUST_CHECK;
struct rollup *rollup_of(struct store *s, const struct cell_key *key); /* made if need be */
/* Adds a row that was inserted, or takes off one that is being deleted: to the sums in memory.
 * `is_new_agent`: the first request of this agent in its session. */
enum err rollup_add(struct store *s, const struct record *r, const struct row_names *names,
                    bool is_new_agent, struct fail *f) MUST_CHECK;
enum err rollup_subtract(struct store *s, const struct record *r, const struct row_names *names,
                         struct fail *f) MUST_CHECK;
/* All sums into the transaction that has begun; then they are forgotten. Sessions in the
 * order of their keys: proxies that write the same ones at the same time wait for each other, never
 * in a circle. */
enum err rollup_write(struct store *s, struct fail *f) MUST_CHECK;
/* The transaction was undone: forgets sums and what is known of the table. */
void rollup_forget(struct store *s);
void rollup_release(struct store *s);

#endif
