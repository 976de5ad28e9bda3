/*
 * api_delete.c — recorded requests are deleted: one, or all that a filter lets through.
 *
 * Deleting many takes longer than an answer should. So each answer deletes for a while and says
 * whether it is done; nothing of it is remembered here, and who was cut off asks again.
 */
#include "api/api_delete.h"

#include "api/api_reply.h"
#include "base/clock.h"
#include "store/erase.h"

static const char confirm_name[] = "X-Confirm-Delete";

/* `end_us`: of what is deleted, for the next time; UNKNOWN: there is none. */
static void answer(struct api_job *job, int64_t deleted, int64_t end_us)
{
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_sint(doc, root, "deleted", deleted);
    yyjson_mut_obj_add_bool(doc, root, "done", end_us == UNKNOWN);
    if (end_us != UNKNOWN)
        json_put_time(doc, root, "end", end_us);
    job_answer_json(job, doc);
    if (deleted)
        job->to->deleted(job->to->owner);
}

static bool is_running(const struct api_job *job)
{
    struct record row;
    struct arena arena;
    bool is_stored_soon;
    arena_init(&arena);
    enum err err = indexer_running_get(job->to->indexer, &job->ask.id, &arena, &row, NULL,
                                       &is_stored_soon);
    arena_release(&arena);
    return !err;
}

enum err delete_one(struct api_job *job)
{
    struct eraser e;
    bool was_running = is_running(job); /* first: what ends after that is found in the store */
    eraser_init(&e, job->to->store, job->to->search, job->reader, ERASE_MARKS_EXACT);
    enum err err = eraser_one(&e, &job->ask.id, &job->fail);
    if (err == ERR_NOT_FOUND && was_running)
        return ERR_RUNNING;
    if (err)
        return err;
    answer(job, e.deleted, UNKNOWN);
    return ERR_OK;
}

/* Few are asked one by one what they were made of: then less has to be looked through afterwards. */
static enum err choose_marks(struct api_job *job, enum erase_marks *marks)
{
    int64_t count;
    bool is_known;
    enum err err = store_count(job->reader, &job->ask.query.filter, &count, &is_known, &job->fail);
    *marks = !err && is_known && count <= ERASE_EXACT_ROWS ? ERASE_MARKS_EXACT : ERASE_MARKS_SPAN;
    return err;
}

static enum err delete_many(struct api_job *job)
{
    const uint64_t end_ns = clock_mono_ns() + DELETE_MS * UINT64_C(1000000);
    const int64_t now_us = clock_wall_us(), end_us = job->ask.query.filter.end_us;
    struct uuid until = uuid_floor(now_us);
    enum erase_marks marks;
    struct eraser e;
    bool more = true;
    enum err err = choose_marks(job, &marks);
    eraser_init(&e, job->to->store, job->to->search, job->reader, marks);
    while (!err && more) {
        err = eraser_step(&e, &job->ask.query.filter, &until, ERASE_STEP_ROWS, &more, &job->fail);
        if (clock_mono_ns() >= end_ns || job->to->is_draining(job->to->owner))
            break;
    }
    if (err && e.deleted)
        job->to->deleted(job->to->owner);
    if (!err)
        answer(job, e.deleted, more ? MIN_OF(now_us, end_us ? end_us : now_us) : UNKNOWN);
    return err;
}

/* Who forgot the filter does not mean all. */
void delete_start(struct job_pool *jobs, struct call *c, const struct ask *ask)
{
    const char *wanted = ask->query.has_parameters ? "matching" : "all";
    struct str given = head_get(call_head(c), str_of(confirm_name));
    if (str_equal(given, str_of(wanted))) {
        job_start(jobs, c, ask, delete_many);
        return;
    }
    struct str message = arena_printf(call_arena(c), "must be \"%s\" here", wanted);
    api_refuse(c, ERR_BAD_REQUEST, confirm_name, message.ptr, NULL);
}
