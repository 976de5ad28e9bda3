/*
 * api_search.h — GET /api/search: texts that were said, and the requests that said them.
 */
#ifndef API_API_SEARCH_H
#define API_API_SEARCH_H

#include "api/api_job.h"

enum err search_answer(struct api_job *job);
/* "search": how far the index has come; null when there is none. */
enum err search_put_counters(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root);

#endif
