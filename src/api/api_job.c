/*
 * api_job.c — questions to the store, on worker threads.
 */
#include "api/api_job.h"

#include <stdlib.h>

#include "api/api_reply.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"

struct job_pool {
    const struct api_options *to;
    uv_mutex_t lock; /* all below */
    struct {
        struct store_reader *reader;
        uint64_t since_ns;
    } idle[JOBS_RUNNING_MAX]; /* the one used last is last, and used first */
    size_t idle_count, running;
    bool is_draining;
    struct api_job *first, **end; /* waiting, oldest first */
    size_t waiting;
};

struct job_pool *job_pool_new(const struct api_options *to)
{
    struct job_pool *p = MEM_NEW(struct job_pool);
    p->to = to;
    p->end = &p->first;
    int failed = uv_mutex_init(&p->lock);
    assert(!failed);
    return p;
}

void job_pool_free(struct job_pool *p)
{
    if (!p)
        return;
    assert(!p->running && !p->first);
    for (size_t i = 0; i < p->idle_count; i++)
        store_reader_free(p->idle[i].reader);
    uv_mutex_destroy(&p->lock);
    free(p);
}

size_t job_pool_rest(struct job_pool *p, uint64_t after_ns)
{
    struct store_reader *spare[JOBS_RUNNING_MAX];
    size_t count = 0;
    uv_mutex_lock(&p->lock);
    uint64_t now_ns = clock_mono_ns(); /* later than all that is compared with it */
    while (count < p->idle_count && now_ns - p->idle[count].since_ns >= after_ns) {
        spare[count] = p->idle[count].reader;
        count++;
    }
    p->idle_count -= count;
    memmove(p->idle, p->idle + count, p->idle_count * sizeof *p->idle);
    uv_mutex_unlock(&p->lock);
    for (size_t i = 0; i < count; i++)
        store_reader_free(spare[i]);
    return count;
}

static void job_free(struct api_job *job)
{
    arena_release(&job->arena);
    free(job->body);
    free(job);
}

/* The log says what went wrong, but for what it says once for all; the client is told only what it can use. */
static void refuse(struct call *c, const struct api_job *job)
{
    bool is_known = job->err == ERR_SHUTDOWN || job->err == ERR_DATABASE_AWAY;
    if (err_status(job->err) >= 500 && !is_known)
        log_line(LOG_WARN, "api request failed", LOG_S("path", call_path(c)),
                 LOG_C("error", err_name(job->err)), LOG_C("detail", job->fail.detail));
    api_refuse(c, job->err, NULL, err_public(job->err), NULL);
}

static void job_answer(struct api_job *job)
{
    if (job->done) {
        job->done(job);
        return;
    }
    if (job->err) {
        refuse(job->call, job);
        return;
    }
    const struct reply r = {200, job->content_type, job->headers};
    call_reply_give(job->call, &r, job->body, job->body_len);
    job->body = NULL;
}

static void on_worker(void *owner)
{
    struct api_job *job = owner;
    job->err = job->work(job);
}

static void on_done(void *owner);

static void run(void *owner)
{
    struct api_job *job = owner;
    loop_work(job->loop, on_worker, on_done, job);
}

/* Hands the reader to who has waited longest. Its loop is told under the lock: once the pool is
 * draining, nothing is posted to loops, which may end. */
static void pass_on(struct job_pool *p, struct store_reader *reader)
{
    uv_mutex_lock(&p->lock);
    struct api_job *next = p->first;
    if (next) {
        p->first = next->next;
        if (!p->first)
            p->end = &p->first;
        p->waiting--;
        next->reader = reader;
        loop_post(next->loop, run, next);
    } else {
        p->running--;
        p->idle[p->idle_count].since_ns = clock_mono_ns();
        p->idle[p->idle_count++].reader = reader;
    }
    uv_mutex_unlock(&p->lock);
}

static void on_done(void *owner)
{
    struct api_job *job = owner;
    pass_on(job->pool, job->reader);
    job_answer(job);
    job_free(job);
}

static void on_refused(void *owner)
{
    struct api_job *job = owner;
    job->err = ERR_SHUTDOWN;
    job_answer(job);
    job_free(job);
}

void job_pool_drain(struct job_pool *p)
{
    uv_mutex_lock(&p->lock);
    p->is_draining = true;
    for (struct api_job *job = p->first, *next; job; job = next) {
        next = job->next;
        loop_post(job->loop, on_refused, job);
    }
    p->first = NULL;
    p->end = &p->first;
    p->waiting = 0;
    uv_mutex_unlock(&p->lock);
}

enum place { PLACE_RUNS, PLACE_WAITS, PLACE_NONE };

static enum place take_place(struct job_pool *p, struct api_job *job)
{
    enum place place = PLACE_NONE;
    uv_mutex_lock(&p->lock);
    if (p->is_draining) {
        job->err = ERR_SHUTDOWN;
    } else if (p->running < JOBS_RUNNING_MAX) {
        p->running++;
        job->reader = p->idle_count ? p->idle[--p->idle_count].reader : store_reader_new(p->to->store);
        place = PLACE_RUNS;
    } else if (p->waiting < JOBS_WAITING_MAX || job->done) {
        p->waiting++;
        *p->end = job;
        p->end = &job->next;
        place = PLACE_WAITS;
    } else {
        job->err = ERR_OVERLOADED;
    }
    uv_mutex_unlock(&p->lock);
    return place;
}

static struct api_job *job_new(struct job_pool *p, struct loop *loop, job_work *work)
{
    struct api_job *job = MEM_NEW(struct api_job);
    job->to = p->to;
    job->pool = p;
    job->loop = loop;
    job->work = work;
    arena_init(&job->arena);
    return job;
}

void job_start_own(struct job_pool *p, struct loop *loop, job_work *work,
                   void (*done)(struct api_job *job), void *owner)
{
    struct api_job *job = job_new(p, loop, work);
    job->done = done;
    job->owner = owner;
    switch (take_place(p, job)) {
    case PLACE_RUNS:
        run(job);
        break;
    case PLACE_WAITS:
        break;
    case PLACE_NONE: /* draining */
        job_answer(job);
        job_free(job);
        break;
    }
}

void job_start(struct job_pool *p, struct call *c, const struct ask *ask, job_work *work)
{
    struct api_job *job = job_new(p, call_loop(c), work);
    job->ask = *ask;
    job->call = c;
    switch (take_place(p, job)) {
    case PLACE_RUNS:
        run(job);
        break;
    case PLACE_WAITS:
        break;
    case PLACE_NONE:
        api_refuse(c, job->err, NULL, err_public(job->err), "Retry-After: 1\r\n");
        job_free(job);
        break;
    }
}

void job_answer_json(struct api_job *job, yyjson_mut_doc *doc)
{
    job->body = json_doc_finish(doc, &job->body_len);
    job->content_type = "application/json";
    job->headers = STR(API_HEADERS);
}
