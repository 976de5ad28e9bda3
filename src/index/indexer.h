/*
 * indexer.h — the thread that turns a journal into records.
 *
 * It follows the segments of a journal directory, gathers each exchange's frames, cuts and
 * compresses what is new, and commits batches to the store; then it deletes segments that hold
 * nothing more. At start it takes in what an earlier process left: exchanges without an END
 * become `proxy_crash`.
 *
 * It knows the store only through `struct index_store`.
 */
#ifndef INDEX_INDEXER_H
#define INDEX_INDEXER_H

#include "journal/journal.h"
#include "record/batch.h"
#include "record/price.h"

struct index_store {
    void *owner;
    struct str secret; /* for piece hashes; known once the store is ready */
    /* As in store.h. commit: ERR_PARSE and ERR_TOO_LARGE say that a row's own data was refused;
     * ERR_GONE, of has too, that the store has lost what it had taken before: the journal is read
     * again, as far as it is there; after anything else the batch is given again, until it is taken. */
    bool (*find_piece)(void *owner, const struct piece_key *key, struct piece_at *at);
    enum err (*has)(void *owner, const struct uuid *id, bool *is_there, struct fail *f);
    /* Asked after each commit and once an hour: numbers follow time, for others write too. */
    uint64_t (*next_block)(void *owner);
    enum err (*commit)(void *owner, const struct batch *batch, struct fail *f);
    /* Appends the marks that were committed last. NULL: there are never any. */
    enum err (*journal_marks)(void *owner, struct buf *out, struct fail *f);
    void (*maintain)(void *owner);
    /* The newest stored one of this turn, of a client without session ids. May be NULL. */
    bool (*find_turn)(void *owner, int64_t turn, struct known_turn *out);
    /* The newest `max` turns of a session and agent (empty: the main one), oldest first. May be
     * NULL. */
    void (*session_turns)(void *owner, struct str session, struct str agent, int max,
                          known_turn_fn *fn, void *fn_owner);
    /* Nothing new may refer to blocks before this one: they are to be dropped, or have been. It
     * only grows; any thread may raise it at any time. NULL: 0. */
    uint64_t (*share_floor)(void *owner);
    struct str node; /* who we are, in rows; empty where we are alone */
    /* Asked until it says ERR_OK, before anything else of the store is used; till then all waits
     * in the journal. NULL: it is ready. */
    enum err (*ready)(void *owner, struct fail *f);
    const struct prices *prices; /* borrowed; NULL: costs stay unknown */
    bool may_lose; /* there may be an ERR_GONE */
};

/* Told on the indexer's thread; must not block, nor call a function of this file. STARTED when
 * the request is complete; PROGRESS at most four times a second for an exchange; ENDED when it is
 * in the store. What an earlier process left is told as ENDED only. */
enum index_event { INDEX_STARTED, INDEX_PROGRESS, INDEX_ENDED };
typedef void index_listener(enum index_event event, const struct record *record, void *owner);

struct indexer;

struct indexer *indexer_new(const struct index_store *store, const char *journal_path);
/* Before the start. `wants` is asked before work is done for a PROGRESS event. */
void indexer_listen(struct indexer *x, index_listener *fn, bool (*wants)(void *owner),
                    void *owner);
struct known_agents;
/* Before the start: agents are also known by what is known here; it outlives the indexer. */
void indexer_know(struct indexer *x, struct known_agents *known);
/* NULL `dir`: only what lies there already (after a crash, or in another process). */
enum err indexer_start(struct indexer *x, struct journal_dir *dir, struct fail *f) MUST_CHECK;
void indexer_ring(void *indexer); /* any thread: new bytes in the journal */
/* Any thread: another process may have brought segments (see JOURNAL_INCOMING). */
void indexer_fetch(struct indexer *x);
/* Takes in everything written so far, commits, ends the thread. */
void indexer_stop(struct indexer *x);
void indexer_free(struct indexer *x);

/* Any thread. Exchanges that are not in the store yet: running ones, and for some milliseconds
 * those that have ended (shown as running until the store has them). Newest first; strings are
 * valid in the call, which must not call back.
 * Who wants all exchanges asks here first and the store second: none is missed, one may come
 * twice. */
typedef void indexer_running_fn(const struct record *record, void *owner);
void indexer_each_running(struct indexer *x, indexer_running_fn *fn, void *owner);
/* Any thread. Bytes so far of a running exchange, read from the journal. ERR_NOT_FOUND. */
enum err indexer_running_body(struct indexer *x, const struct uuid *id, bool is_response,
                              struct buf *out) MUST_CHECK;
/* Any thread. Its row and detail so far; strings live in `arena`. `detail` may be NULL. ERR_NOT_FOUND.
 * `*is_stored_soon`: it has ended, and the store, which is to be asked after this, may have it by now. */
enum err indexer_running_get(struct indexer *x, const struct uuid *id, struct arena *arena,
                             struct record *row, struct record_detail *detail,
                             bool *is_stored_soon) MUST_CHECK;

/* Any thread, one at a time. Asks for a fence: a block number such that blocks before it are in
 * chains that have ended, and later ones in others. */
void indexer_ask_fence(struct indexer *x);
/* 0: not there yet. */
uint64_t indexer_fence(struct indexer *x);
/* Any thread. The oldest block that exchanges refer to whose rows are not in the store yet;
 * UINT64_MAX: none does. Once this has passed what share_floor() says, all that refers to older
 * blocks is in the store, and nothing more will come. */
uint64_t indexer_oldest_block(struct indexer *x);

struct indexer_counters {
    uint64_t exchanges;        /* committed since start */
    uint64_t commits, failed_commits;
    uint64_t torn_tails;       /* segments cut at their end */
    uint64_t damaged_frames;   /* skipped in the middle */
    uint64_t orphan_frames;    /* of an exchange whose BEGIN is missing */
    uint64_t poisoned;         /* exchanges the store refused for themselves */
    uint64_t lag_bytes;        /* in the journal, not yet committed */
    uint64_t running;
};
void indexer_count(struct indexer *x, struct indexer_counters *out);

#endif
