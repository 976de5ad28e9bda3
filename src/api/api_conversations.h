/*
 * api_conversations.h — what was said, as one continuous chat: the list of conversations, and one
 * of them with its branches. Each is a job_work (api_job.h).
 */
#ifndef API_API_CONVERSATIONS_H
#define API_API_CONVERSATIONS_H

#include "api/thread_rows.h"

enum {
    BRANCHES_MAX = 200,         /* told of one conversation: those with the newest activity */
    PAGE_BYTES_MAX = 16 << 20,  /* of messages on one page, as they were sent */
    MESSAGE_SHOWN_MAX = 8 << 20 /* a longer message is not shown */
};

enum err conversations_list(struct api_job *job) MUST_CHECK;
enum err conversations_get(struct api_job *job) MUST_CHECK;

/* A conversation as lists show it. Strings are borrowed until the document is finished. */
void conversation_json_fill(yyjson_mut_doc *doc, yyjson_mut_val *obj,
                            const struct conversation_row *c);

#endif
