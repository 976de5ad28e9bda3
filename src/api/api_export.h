/*
 * api_export.h — GET /api/export: an export as an answer without a length.
 *
 * At most EXPORTS_MAX at a time. The client sets the pace: the next step is worked out when what
 * was given has gone out, so a slow reader costs one step's bytes and holds nothing else.
 */
#ifndef API_API_EXPORT_H
#define API_API_EXPORT_H

#include "api/api_job.h"

enum { EXPORTS_MAX = 4 };

struct api_exports;

struct api_exports *api_exports_new(struct job_pool *jobs, const char *version);
void api_exports_free(struct api_exports *x); /* after every loop has ended */

/* Answers the call. */
void api_export_start(struct api_exports *x, struct call *c, const struct ask *ask);

#endif
