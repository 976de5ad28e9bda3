/*
 * session_transcripts.h — the transcripts of one session, joined to its requests by the ids that
 * the provider gave them: which requests the client wrote down, and which it wrote down that never
 * came this way.
 */
#ifndef API_SESSION_TRANSCRIPTS_H
#define API_SESSION_TRANSCRIPTS_H

#include "api/api_transcripts.h"
#include "api/request_ids.h"

struct session_transcripts {
    struct transcript_file *list; /* strings in the job's arena */
    size_t count;
    struct arena *arena;
    struct request_ids recorded;
    const struct record *rows; /* as given; `is_named` has one for each */
    bool *is_named;            /* a transcript has the request */
    int64_t unrecorded;        /* requests that only transcripts have; UNKNOWN: it cannot be told */
};

/* The rows stay borrowed. */
enum err session_transcripts_find(struct api_job *job, struct str session_id,
                                  const struct thread_rows *rows,
                                  struct session_transcripts *out) MUST_CHECK;
void session_transcripts_release(struct session_transcripts *t);

/* "in_transcript" of a row among those given: true, false, or null where it cannot be told. */
void session_transcripts_put_flag(const struct session_transcripts *t, yyjson_mut_doc *doc,
                                  yyjson_mut_val *obj, const struct record *r);
/* "transcripts" and "unrecorded_count". */
void session_transcripts_put(const struct session_transcripts *t, yyjson_mut_doc *doc,
                             yyjson_mut_val *root);

#endif
