/*
 * store_threads.h — reading conversations and sessions: what belongs together, and how it hangs
 * together.
 */
#ifndef STORE_STORE_THREADS_H
#define STORE_STORE_THREADS_H

#include "store/store.h"

enum { TURNS_MAX = 5000 }; /* rows of one conversation or session that are looked at: the newest */

struct conversation_row {
    int64_t conversation;      /* above 0 */
    int64_t first_us, last_us; /* started_us of the first and of the newest request */
    int64_t request_count, error_count;
    int64_t message_count;     /* the most that a request of it had */
    struct usage usage;        /* summed; UNKNOWN parts counted as 0 */
    int64_t cost_usd_micro, unknown_cost_count; /* the sum of what is known; how many are not */
    struct str session_id, agent_id; /* empty: none; the main agent */
    struct str title;          /* of its first request that has one */
    struct str model;          /* of its newest request */
    struct str client;
};
typedef void store_conversation_fn(const struct conversation_row *row, void *owner);

/* Empty strings and zeros mean "any". */
struct thread_filter {
    struct str session_id; /* of conversations only, likewise the next */
    struct str agent_id;   /* equal; "main" means none, "sub" any */
    struct str model;      /* of the newest request */
    struct str project;    /* of sessions and transcripts: the working directory, or the name that
                              the client gives the folder of its transcripts */
    struct str q;          /* found, ignoring case, in title, session, model or client */
    int64_t start_us, end_us; /* something happened in [start, end) */
    int64_t before_us;     /* last_us below this */
};

/* Newest activity first. */
enum err store_conversations(struct store_reader *r, const struct thread_filter *filter, int limit,
                             store_conversation_fn *on_row, void *owner,
                             struct fail *f) MUST_CHECK;
/* Strings live in `arena`. ERR_NOT_FOUND. */
enum err store_conversation(struct store_reader *r, int64_t conversation, struct arena *arena,
                            struct conversation_row *out, struct fail *f) MUST_CHECK;
/* Its requests, newest first, at most TURNS_MAX. */
enum err store_turns(struct store_reader *r, const struct conversation_row *c,
                     store_row_fn *on_row, void *owner, struct fail *f) MUST_CHECK;

/* Newest activity first. */
enum err store_find_sessions(struct store_reader *r, const struct thread_filter *filter, int limit,
                             store_session_fn *on_row, void *owner, struct fail *f) MUST_CHECK;
/* Strings live in `arena`. ERR_NOT_FOUND. */
enum err store_session(struct store_reader *r, struct str session_id, struct arena *arena,
                       struct session_row *out, struct fail *f) MUST_CHECK;
/* Its requests, newest first, at most TURNS_MAX. */
enum err store_session_requests(struct store_reader *r, struct str session_id,
                                store_row_fn *on_row, void *owner, struct fail *f) MUST_CHECK;

/* --- for the indexer, on its thread (index/threads.h) --- */

/* The newest stored one of this turn, of a client without session ids. */
bool store_find_turn(struct store *s, int64_t turn, struct known_turn *out);
/* The newest `max` turns of a session and agent (empty: the main one), oldest first. */
void store_session_turns(struct store *s, struct str session, struct str agent, int max,
                         known_turn_fn *fn, void *owner);

#endif
