/*
 * api_totals.h — the state of the recorder and its store, as a part of the statistics.
 */
#ifndef API_API_TOTALS_H
#define API_API_TOTALS_H

#include "api/api_job.h"

/* Adds "storage", "recorder" and "losses". */
enum err totals_put_state(struct api_job *job, yyjson_mut_doc *doc,
                          yyjson_mut_val *root) MUST_CHECK;
/* "recorder" and "losses" alone: nothing is asked of the store, which may be away. */
enum err totals_recorder(struct api_job *job);

#endif
