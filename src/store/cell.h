/*
 * cell.h — the sums of the requests that are alike: of one hour (or day, or thirty days) and the
 * same model, provider, ending, agent and project. And the few bytes that a cell is stored as.
 *
 * Sums may be negative: a process that deletes requests that another one added subtracts them
 * from a cell of its own. Only cells added up mean something.
 */
#ifndef STORE_CELL_H
#define STORE_CELL_H

#include "base/buf.h"
#include "record/record.h"
#include "store/time_buckets.h"

enum {
    CELL_TOOLS_MAX = 64,          /* tools; calls of further ones are counted as "(other)" */
    CELL_BYTES_MAX = 256 << 10,   /* encoded */
    USAGE_PARTS = 7
};

/* What is added up, in the order it is stored. Times in microseconds. */
struct cell_sums {
    int64_t request_count, error_count;
    int64_t usage[USAGE_PARTS];
    int64_t cost_usd_micro, unknown_cost_count, estimated_cost_count;
    int64_t request_bytes, response_bytes;
    int64_t duration_us, duration_count, first_token_us, first_token_count, ttfb_us, ttfb_count;
    int64_t speed_tokens, speed_us; /* output after the first token, and the time it took */
    int64_t tool_call_count, tool_error_count;
};

/* How long they took, by size. `max_us`: none took longer; where some were taken off again it may be
 * more than the longest. */
struct time_counts {
    int64_t counts[TIME_BUCKETS];
    int64_t max_us;
};

/* Likewise, but only what is not zero, in the order of the buckets. */
struct time_entries {
    struct time_entry {
        int64_t bucket, count;
    } *list;           /* malloc'ed */
    size_t count, cap; /* TIME_BUCKETS at most */
    int64_t max_us;
};

/* Of the requests whose answers call it; one that calls several counts for each. */
struct cell_tool {
    int64_t tool; /* a name */
    int64_t request_count, call_count, error_count;
    int64_t usage[USAGE_PARTS];
    int64_t cost_usd_micro, unknown_cost_count, duration_us, duration_count;
    int64_t first_token_us, first_token_count;
    struct time_entries durations, first_tokens;
};

struct cell_tools {
    struct cell_tool *list; /* malloc'ed; those behind `count` keep what they have allocated */
    size_t count, cap;      /* CELL_TOOLS_MAX at most */
};

struct cell {
    struct cell_sums sums;
    struct time_counts durations, first_tokens;
    struct cell_tools tools;
};

/* A cell as it is stored: only what is not zero. All zero at first; released by the owner, and
 * may be filled again before. */
struct cell_entries {
    struct cell_sums sums;
    struct time_entries durations, first_tokens;
    struct cell_tools tools;
};

static inline bool record_failed(const struct record *r)
{
    return r->state != ENDING_COMPLETE;
}
/* Parts that nobody told count as 0. */
void usage_sum(int64_t sums[USAGE_PARTS], const struct usage *u);

void cell_init(struct cell *c);
void cell_clear(struct cell *c); /* frees what it holds; it is as new */
void cell_entries_clear(struct cell_entries *c);   /* empty, for the next one */
void cell_entries_release(struct cell_entries *c);

/* A request, `sign` 1 or -1 times. */
void cell_sums_add(struct cell_sums *s, const struct record *r, int sign);
void cell_add_record(struct cell *c, const struct record *r, int sign); /* without its tools */
void time_entries_add(struct time_entries *e, int64_t us, int sign); /* us < 0: nothing */
/* Where the sums of a tool are, made if need be. `other` is the name that stands for all that find
 * no room. Valid until the next is asked for. */
struct cell_tool *cell_tool_of(struct cell_tools *tools, int64_t tool, int64_t other);
/* A tool that a request's answer calls so many times. */
void cell_tool_call(struct cell_tool *t, const struct record *r, int64_t calls, int sign);
void cell_add(struct cell *c, const struct cell_entries *more, int64_t other);
/* Likewise, but for the tools. */
void cell_add_but_tools(struct cell *c, const struct cell_entries *more);
/* What is known of a tool, to the sums and times of all of it. */
void cell_add_as_tool(struct cell *c, const struct cell_tool *tool);
bool cell_is_empty(const struct cell *c);

enum err cell_write(struct buf *out, const struct cell *c) MUST_CHECK;
/* ERR_CORRUPT. Without tools these are not looked at. */
enum err cell_read(struct str bytes, bool with_tools, struct cell_entries *out) MUST_CHECK;
int64_t cell_read_count(struct str bytes); /* of requests, without looking at the rest */

#endif
