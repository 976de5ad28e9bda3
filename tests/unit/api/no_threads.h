/*
 * no_threads.h — a store without conversations and transcripts, for tests that ask for none; test_api_threads.c
 * asks a real one.
 */
#ifndef TESTS_NO_THREADS_H
#define TESTS_NO_THREADS_H

#include "store/store_transcripts.h"

enum err store_conversations(struct store_reader *r, const struct thread_filter *filter, int limit,
                             store_conversation_fn *on_row, void *owner, struct fail *f)
{
    (void)r, (void)filter, (void)limit, (void)on_row, (void)owner, (void)f;
    return ERR_OK;
}

enum err store_conversation(struct store_reader *r, int64_t conversation, struct arena *arena,
                            struct conversation_row *out, struct fail *f)
{
    (void)r, (void)conversation, (void)arena, (void)out, (void)f;
    return ERR_NOT_FOUND;
}

enum err store_turns(struct store_reader *r, const struct conversation_row *c,
                     store_row_fn *on_row, void *owner, struct fail *f)
{
    (void)r, (void)c, (void)on_row, (void)owner, (void)f;
    return ERR_OK;
}

enum err store_session(struct store_reader *r, struct str session_id, struct arena *arena,
                       struct session_row *out, struct fail *f)
{
    (void)r, (void)session_id, (void)arena, (void)out, (void)f;
    return ERR_NOT_FOUND;
}

enum err store_session_requests(struct store_reader *r, struct str session_id,
                                store_row_fn *on_row, void *owner, struct fail *f)
{
    (void)r, (void)session_id, (void)on_row, (void)owner, (void)f;
    return ERR_OK;
}

enum err store_transcripts(struct store_reader *r, const struct thread_filter *filter, int limit,
                           store_transcript_fn *fn, void *owner, struct fail *f)
{
    (void)r, (void)filter, (void)limit, (void)fn, (void)owner, (void)f;
    return ERR_OK;
}

enum err store_transcript(struct store_reader *r, int64_t id, struct str place,
                          struct arena *arena, struct transcript_file *out, bool *is_here,
                          struct fail *f)
{
    (void)r, (void)id, (void)place, (void)arena, (void)out, (void)is_here, (void)f;
    return ERR_NOT_FOUND;
}

enum err store_transcript_events(struct store_reader *r, int64_t id, int64_t from, int limit,
                                 store_event_fn *fn, void *owner, struct fail *f)
{
    (void)r, (void)id, (void)from, (void)limit, (void)fn, (void)owner, (void)f;
    return ERR_OK;
}

enum err store_transcript_requests(struct store_reader *r, struct str session_id,
                                   void (*fn)(struct str request_id, void *owner), void *owner,
                                   struct fail *f)
{
    (void)r, (void)session_id, (void)fn, (void)owner, (void)f;
    return ERR_OK;
}

#endif
