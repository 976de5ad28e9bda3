/*
 * thread_rows.h — the requests of a conversation or of a session: those that run from the indexer,
 * those that have ended from the store, oldest first, none twice.
 */
#ifndef API_THREAD_ROWS_H
#define API_THREAD_ROWS_H

#include "api/api_job.h"
#include "store/store_threads.h"

enum { THREAD_RUNNING_MAX = 1000 }; /* running ones taken along */

struct thread_rows {
    struct record *list; /* strings in the job's arena */
    size_t count, cap;
    bool is_cut; /* there are older ones: the store gave TURNS_MAX */
    /* which */
    struct arena *arena;
    int64_t conversation; /* or UNKNOWN: all of the session */
    struct str session_id;
};

/* Of one conversation; `c` says which, and its session. */
enum err thread_rows_of_conversation(struct api_job *job, const struct conversation_row *c,
                                     struct thread_rows *out) MUST_CHECK;
enum err thread_rows_of_session(struct api_job *job, struct str session_id,
                                struct thread_rows *out) MUST_CHECK;
void thread_rows_release(struct thread_rows *r);

/* A conversation as 16 hexadecimal digits, and back. */
enum { CONVERSATION_TEXT = 17 };
char *conversation_format(int64_t conversation, char out[CONVERSATION_TEXT]);
bool conversation_parse(struct str text, int64_t *conversation);

#endif
