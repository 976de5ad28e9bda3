/*
 * api_delete.h — recorded requests are deleted: one, or all that a filter lets through.
 */
#ifndef API_API_DELETE_H
#define API_API_DELETE_H

#include "api/api_job.h"

enum {
    DELETE_MS = 3000 /* one answer deletes for so long; who wants more gone asks again */
};

/* A job_work: the request of the address. */
enum err delete_one(struct api_job *job);
/* Those that the query's filters let through, and that began before now; refused without
 * a confirmation in the headers. */
void delete_start(struct job_pool *jobs, struct call *c, const struct ask *ask);

#endif
