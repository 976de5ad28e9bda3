/*
 * api_storage.h — what the store holds, what it takes on the disk, and what leaves it.
 */
#ifndef API_API_STORAGE_H
#define API_API_STORAGE_H

#include "api/api_job.h"

enum err storage_answer(struct api_job *job); /* a job_work */

#endif
