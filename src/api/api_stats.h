/*
 * api_stats.h — statistics: one question to the store for each address. Each is a job_work
 * (api_job.h).
 */
#ifndef API_API_STATS_H
#define API_API_STATS_H

#include "api/api_job.h"

enum err stats_all(struct api_job *job) MUST_CHECK;
enum err stats_hourly(struct api_job *job) MUST_CHECK;
enum err stats_daily(struct api_job *job) MUST_CHECK;
enum err stats_models(struct api_job *job) MUST_CHECK;
enum err stats_providers(struct api_job *job) MUST_CHECK;
enum err stats_states(struct api_job *job) MUST_CHECK;
enum err stats_projects(struct api_job *job) MUST_CHECK;
enum err stats_subagents(struct api_job *job) MUST_CHECK;
enum err stats_tools(struct api_job *job) MUST_CHECK;
enum err stats_performance(struct api_job *job) MUST_CHECK;

#endif
