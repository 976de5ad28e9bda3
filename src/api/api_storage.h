/*
 * api_storage.h — what the store holds, what it takes on the disk, and what leaves it.
 */
#ifndef API_API_STORAGE_H
#define API_API_STORAGE_H

#include "api/api_job.h"

enum err storage_answer(struct api_job *job); /* a job_work */

/* Its sizes as members of `obj`. */
void storage_put_size(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct store_size *size);

#endif
