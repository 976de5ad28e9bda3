/*
 * api_sessions.h — sessions, and one of them as a tree of agents. Each is a job_work (api_job.h).
 */
#ifndef API_API_SESSIONS_H
#define API_API_SESSIONS_H

#include "api/thread_rows.h"

enum { SESSION_AGENTS_MAX = 1000 }; /* shown of one session; those that came first */

enum err sessions_list(struct api_job *job) MUST_CHECK;
enum err sessions_get(struct api_job *job) MUST_CHECK;

#endif
