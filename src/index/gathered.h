/*
 * gathered.h — exchanges that are under way in the journal: what is known so far, and where in
 * the journal their bytes are. No body is held here.
 */
#ifndef INDEX_GATHERED_H
#define INDEX_GATHERED_H

#include "agents/spawns.h"
#include "index/segments.h"
#include "record/detail.h"

enum { CHUNK_LIST_BYTES_MAX = 8 << 20 }; /* some million chunks of one body */

/* Where a body's chunks are: a few bytes for each. */
struct chunk_list {
    struct buf packed;
    uint64_t count, total_bytes;
    uint32_t segment;  /* of the newest, in the exchange's list */
    uint64_t end;      /* where the newest ends */
    int64_t last_us;
    bool is_cut;       /* the ceiling was reached: later chunks are not listed */
};

struct chunk {
    uint32_t segment; /* index in the exchange's list */
    uint64_t offset;
    uint32_t len;
    int64_t at_us; /* since BEGIN */
};

struct chunk_reader {
    struct str rest;
    struct chunk chunk; /* the one read last */
};

void chunk_list_add(struct chunk_list *l, const struct chunk *c);
struct chunk_reader chunk_list_read(const struct chunk_list *l);
bool chunk_next(struct chunk_reader *r); /* false at the end */

struct gathered {
    /* what every frame looks at stands together */
    struct gathered *hash_next;
    uint64_t begin_ns, last_ns, progress_ns; /* monotonic: first frame, newest, newest event */
    struct segment *newest_segment; /* of `segments` */
    uint32_t segment_count;
    uint32_t next_seq;
    bool is_packed;    /* the request's body is in the batch or the store */
    bool is_announced; /* STARTED has been told */
    bool is_ended;     /* waits for the commit */
    bool is_stored;    /* it has been committed: nobody need look here */
    bool has_no_duration; /* nobody knows when it ended */
    bool is_untimed;   /* nobody knows when the answer's bytes came */
    bool is_request_encoded; /* the request's head names a coding */
    bool is_encoded;   /* the answer's does */
    struct chunk_list response;
    struct record record; /* strings are in `strings` */
    struct record_strings strings;
    struct gathered *newer, *older;
    struct piece_at recipe; /* of the request's body */
    enum fresh_part fresh_part;
    struct recipe fresh;    /* see record/detail.h */
    uint64_t oldest_block;  /* that the request's body needs; from when it is being packed on */
    struct prompts prompts; /* of an agent whose type is not known */
    bool is_guess;          /* its class is told by no more than its shape */
    uint8_t request_hash[16];
    struct chunk begin, response_head; /* payloads; len 0: none */
    struct chunk_list request;
    struct segment **segments; /* those it has frames in, in order; each counts it as a user */
};

struct gathering {
    struct gathered **slots; /* by id; a power of two, doubled when full */
    size_t slot_count, count, running; /* running: have not ended */
    struct gathered *newest, *oldest;
    struct gathered *fed; /* whose frame came last: more of its own may follow. May be NULL */
};

void gathering_init(struct gathering *x);
void gathering_release(struct gathering *x);
struct gathered *gathering_find(const struct gathering *x, const struct uuid *id);
struct gathered *gathering_add(struct gathering *x, const struct uuid *id);
void gathering_remove(struct gathering *x, struct gathered *e); /* frees it; gives segments up */
void gathered_end(struct gathering *x, struct gathered *e);

/* The index of `g` in the exchange's list, entered if need be. */
uint32_t gathered_segment(struct gathered *e, struct segment *g);
/* Makes the record's strings its own again, after some were borrowed from elsewhere. */
void gathered_keep(struct gathered *e);

#endif
