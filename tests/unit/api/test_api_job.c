/*
 * test_api_job.c — what questions need is given back when nobody asks.
 */
#include "api_scene.h"

#include "api/api_job.h"
#include "base/log.h"

static struct store_reader *used[JOBS_RUNNING_MAX];
static int done_count;

static enum err count_all(struct api_job *job)
{
    int64_t count;
    bool is_known;
    return store_count(job->reader, &(struct request_filter){0}, &count, &is_known, &job->fail);
}

static void done(struct api_job *job)
{
    assert_int_equal(job->err, ERR_OK);
    used[done_count++ % JOBS_RUNNING_MAX] = job->reader;
}

static void readers_rest(void **state)
{
    struct scene s = {0};
    (void)state;
    scene_open_store(&s);
    struct api_options options = {.store = s.store};
    struct job_pool *pool = job_pool_new(&options);
    for (int i = 0; i < JOBS_RUNNING_MAX; i++)
        job_start_own(pool, &s.loop, count_all, done, NULL);
    fake_run(&s.loop);
    assert_int_equal(job_pool_rest(pool, UINT64_C(3600000000000)), 0); /* used less than an hour ago */
    job_start_own(pool, &s.loop, count_all, done, NULL);
    fake_run(&s.loop);
    assert_ptr_equal(used[0], used[2]); /* the one used last: so that others rest */
    assert_int_equal(job_pool_rest(pool, 0), JOBS_RUNNING_MAX);
    assert_int_equal(job_pool_rest(pool, 0), 0); /* none is left */
    job_start_own(pool, &s.loop, count_all, done, NULL);
    assert_int_equal(job_pool_rest(pool, 0), 0); /* nor one that is in use */
    fake_run(&s.loop);
    assert_int_equal(done_count, JOBS_RUNNING_MAX + 2);
    job_pool_free(pool);
    scene_close_store(&s);
}

int main(void)
{
    log_setup(LOG_WARN, LOG_TEXT);
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_rest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
