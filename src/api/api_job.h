/*
 * api_job.h — one question to the store: asked on a loop, worked out on a worker thread, answered
 * on the loop.
 *
 * At most JOBS_RUNNING_MAX at a time, so that a thread of libuv's pool (four by default) is always
 * free for name look-ups; the rest wait in line.
 */
#ifndef API_API_JOB_H
#define API_API_JOB_H

#include "api/api.h"
#include "api/api_query.h"
#include "api/json_out.h"

enum {
    JOBS_RUNNING_MAX = 3, /* and so many readers of the store */
    JOBS_WAITING_MAX = 64 /* more are refused: overloaded */
};

struct job_pool;
struct api_job;

/* On a worker thread: fills the job's answer, or returns why there is none. */
typedef enum err job_work(struct api_job *job);

/* What an address was asked with. */
struct ask {
    struct uuid id;  /* where the address holds one */
    struct str name; /* likewise; in the call's arena */
    struct query query; /* strings in the call's arena */
};

struct api_job {
    const struct api_options *to;
    struct ask ask;
    struct store_reader *reader;
    struct arena arena; /* the worker's */
    struct fail fail;

    /* the answer; `body` is malloc'ed */
    const char *content_type;
    struct str headers; /* in the arena, or lives forever */
    char *body;
    size_t body_len;

    /* of job_start_own() */
    void *owner;
    void (*done)(struct api_job *job); /* on the loop: instead of an answer */

    /* the pool's own */
    struct job_pool *pool;
    struct call *call;
    struct loop *loop;
    job_work *work;
    enum err err;
    struct api_job *next;
};

struct job_pool *job_pool_new(const struct api_options *to); /* borrowed */
void job_pool_free(struct job_pool *p); /* no job may be left */
/* Any thread. Refuses who waits and who comes; what runs is finished. A loop that ends after this
 * leaves no job behind: loop_free() waits for what is on a worker thread. */
void job_pool_drain(struct job_pool *p);

/* Any thread: frees the readers that nobody has used for so long; returns how many. */
size_t job_pool_rest(struct job_pool *p, uint64_t after_ns);

/* Answers the call, now or later. */
void job_start(struct job_pool *p, struct call *c, const struct ask *ask, job_work *work);

/* For answers that take many jobs: nothing is answered, `done` hears of it on `loop` (perhaps at
 * once), with job->err. Never refused for want of room: who calls has a ceiling of his own. */
void job_start_own(struct job_pool *p, struct loop *loop, job_work *work,
                   void (*done)(struct api_job *job), void *owner);

/* Finishes `doc` as the job's answer. */
void job_answer_json(struct api_job *job, yyjson_mut_doc *doc);

#endif
