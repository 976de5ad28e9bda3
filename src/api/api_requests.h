/*
 * api_requests.h — what is told about exchanges: the list, one of them, its bodies.
 *
 * Each is a job_work (api_job.h). Running exchanges come from the indexer, ended ones from the
 * store; who asks does not see the difference.
 */
#ifndef API_API_REQUESTS_H
#define API_API_REQUESTS_H

#include "api/api_job.h"

enum {
    RUNNING_MAX = 20000,            /* running exchanges looked at for one list */
    BODY_SHOWN_MAX = 512 << 20,     /* bytes of a body handed out */
    BODY_DECODED_MAX = 64 << 20     /* bytes of a body with its encoding undone */
};

/* For others that show what was said. The bytes so far where it runs. */
enum err requests_find_body(struct api_job *job, const struct uuid *id, enum body_side side,
                            struct buf *out) MUST_CHECK;
/* What a request says: its body, decoded where it is encoded and can be (body_text()). */
enum err requests_read_request(struct api_job *job, const struct uuid *id,
                               struct buf *out) MUST_CHECK;
/* Strings live in the job's arena. `detail` may be NULL. */
enum err requests_find_row(struct api_job *job, const struct uuid *id, struct record *out,
                           struct record_detail *detail) MUST_CHECK;
/* The answer as GET …/response/message gives it. ERR_UNSUPPORTED_MEDIA. */
enum err requests_read_message(struct api_job *job, const struct uuid *id,
                               struct buf *out) MUST_CHECK;

enum err requests_list(struct api_job *job) MUST_CHECK;
enum err requests_get(struct api_job *job) MUST_CHECK;
enum err requests_request_body(struct api_job *job) MUST_CHECK;
enum err requests_response_body(struct api_job *job) MUST_CHECK;
enum err requests_message(struct api_job *job) MUST_CHECK;
enum err requests_timeline(struct api_job *job) MUST_CHECK;

#endif
