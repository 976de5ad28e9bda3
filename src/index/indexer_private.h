/*
 * indexer_private.h — what the indexer's own files share.
 */
#ifndef INDEX_INDEXER_PRIVATE_H
#define INDEX_INDEXER_PRIVATE_H

#include <stdatomic.h>

#include <uv.h>

#include "index/journal_marks.h"
#include "index/taker.h"

enum { RECENT_ROWS = 1024 /* whose ids are kept, where what was committed may be lost: 16 KB */ };

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
    struct buf marks;         /* of the batch that is committed */
    bool is_set_back;         /* the store has lost what it had taken: the journal is to be read again */
    struct uuid *recent;      /* a ring of what was committed last; NULL until there is something */
    uint64_t recent_count;    /* ever entered */
    uint64_t kept_count;      /* of these: what the store still had when it was set back */
    bool is_again;            /* the journal is being read again */
};

/* indexer_commit.c. True when nothing is left in the batch. */
bool indexer_commit(struct indexer *x);
/* Likewise. True when the store has been reached; tries to, as often as after failed commits. */
bool indexer_reach_store(struct indexer *x);
/* The store could not be asked, or did not take what it was given: not to be tried again for a while. */
void indexer_put_off(struct indexer *x, enum err err, const struct fail *why);
/* Asks the store what of the journal it has had. False, and it is to be tried again later: it could
 * not be asked. */
bool indexer_read_marks(struct indexer *x);

/* indexer_again.c. What was committed. */
void indexer_note_recent(struct indexer *x, const struct batch *b);
/* Between frames: if the store was set back, begins again with what the journal has. */
void indexer_begin_again(struct indexer *x);
/* All that could be read again has been: tells what is missing, once the store can say so. */
void indexer_end_again(struct indexer *x);

#endif
