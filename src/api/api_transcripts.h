/*
 * api_transcripts.h — transcripts that a client wrote for itself: a list, and one of them line by
 * line, joined to the requests that were recorded. Each is a job_work (api_job.h).
 *
 * Addresses name transcripts by number; paths come from the store and never from outside.
 */
#ifndef API_API_TRANSCRIPTS_H
#define API_API_TRANSCRIPTS_H

#include "api/thread_rows.h"
#include "store/store_transcripts.h"

enum {
    TRANSCRIPT_PAGE_BYTES = 16 << 20, /* of lines on one page, as they stand there */
    TRANSCRIPT_SHOWN_MAX = 8 << 20,   /* a longer line is not shown */
    SESSION_TRANSCRIPTS_MAX = 500     /* told of one session: those with the newest activity */
};

enum err transcripts_list(struct api_job *job) MUST_CHECK;
enum err transcripts_get(struct api_job *job) MUST_CHECK;

/* A transcript as lists show it, added to `list`. Strings are copied into `arena`. */
void transcript_json_add(yyjson_mut_doc *doc, yyjson_mut_val *list, struct arena *arena,
                         const struct transcript_file *file);

#endif
