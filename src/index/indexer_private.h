/*
 * indexer_private.h — what the indexer's own files share.
 */
#ifndef INDEX_INDEXER_PRIVATE_H
#define INDEX_INDEXER_PRIVATE_H

#include <stdatomic.h>

#include <uv.h>

#include "index/taker.h"

struct indexer {
    struct index_store store;
    char *path;
    struct segments segments; /* the thread's own */
    uv_mutex_t mutex;         /* guards the next two against readers; only the thread writes */
    struct taker taker;
    uint64_t unread_bytes;    /* when last looked at */
    uv_thread_t thread;
    bool is_started;
    uv_mutex_t bell_mutex;
    uv_cond_t bell;
    atomic_bool is_rung, is_asleep, is_stopping;
    atomic_bool is_brought; /* JOURNAL_INCOMING is to be looked at */
    atomic_bool is_refused; /* the last commit failed */
    bool is_ready;          /* the store has been reached */
    atomic_bool is_fence_asked;
    atomic_uint_least64_t fence; /* 0: not there yet */
    /* the thread's own */
    uint64_t batch_since_ns;  /* when the first row of the batch came; 0: it has none */
    uint64_t numbered_ns;     /* when block numbers were last asked for, without a commit */
    uint64_t retry_ns;        /* not to commit again before; 0: no failure */
    uint64_t backoff_ns;
    uint64_t news_ns;         /* when something last came in */
    bool is_maintained, is_resting;
    int refusals;             /* of this batch, in a row */
};

/* indexer_commit.c. True when nothing is left in the batch. */
bool indexer_commit(struct indexer *x);
/* Likewise. True when the store has been reached; tries to, as often as after failed commits. */
bool indexer_reach_store(struct indexer *x);

#endif
