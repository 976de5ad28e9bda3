/*
 * threads.h — where a request goes on from: which conversation it belongs to, and which earlier
 * turn it repeats and extends.
 *
 * A turn is known by the chain of all its messages (record/message_hash.h), within a scope: a
 * session and agent where the client names them, else a client's name and address. A request
 * whose first messages are all of an earlier turn's is that turn's child. So an edited or a
 * repeated question is a branch of the same tree, a forked agent points at the turn it was forked
 * from, and a compacted history goes on in the conversation of its session and agent.
 *
 * Works on numbers only; bodies are never read here. After a restart the store is asked, but not
 * for a request with a single message, which as a rule begins something.
 */
#ifndef INDEX_THREADS_H
#define INDEX_THREADS_H

#include "index/indexer.h"
#include "record/message_hash.h"

enum {
    THREADS_TURNS_MAX = 2048,  /* known at a time, 40 bytes each; older ones are forgotten */
    THREADS_SCOPES_MAX = 256,  /* likewise, 64 bytes each */
    THREADS_LOADED_MAX = 1000, /* turns of one scope read back from the store */
    THREADS_ASKED_MAX = 8      /* turns asked for one by one, where there is no session */
};

struct threads {
    const struct index_store *store;
    struct thread_memory *memory; /* NULL until needed */
    uint64_t clock;
};

void threads_init(struct threads *t, const struct index_store *store);
void threads_release(struct threads *t);

/* Fills conversation, turn, parent_turn and shared_count of a record whose ids and facts are
 * known. They stay UNKNOWN when the chain is empty. */
void threads_place(struct threads *t, struct record *r, const struct message_chain *chain);

#endif
