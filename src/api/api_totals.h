/*
 * api_totals.h — sums over exchanges. Each is a job_work (api_job.h).
 */
#ifndef API_API_TOTALS_H
#define API_API_TOTALS_H

#include "api/api_job.h"

enum err totals_stats(struct api_job *job) MUST_CHECK;

#endif
