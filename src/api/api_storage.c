/*
 * api_storage.c — what the store holds, what it takes on the disk, and what leaves it.
 */
#include "api/api_storage.h"

#include "store/reach.h"

static void put_number_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *name,
                               int64_t number, bool is_known)
{
    if (is_known)
        yyjson_mut_obj_add_sint(doc, obj, name, number);
    else
        yyjson_mut_obj_add_null(doc, obj, name);
}

void storage_put_size(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct store_size *size)
{
    yyjson_mut_obj_add_sint(doc, root, "requests", size->requests);
    yyjson_mut_obj_add_sint(doc, root, "sessions", size->sessions);
    yyjson_mut_obj_add_sint(doc, root, "pieces", size->pieces);
    yyjson_mut_obj_add_sint(doc, root, "blocks", size->blocks);
    yyjson_mut_obj_add_sint(doc, root, "raw_bytes", size->raw_bytes);
    yyjson_mut_obj_add_sint(doc, root, "stored_bytes", size->stored_bytes);
    yyjson_mut_obj_add_sint(doc, root, "file_bytes", size->file_bytes);
}

static void put_ratio(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct store_size *size)
{
    if (size->stored_bytes > 0)
        yyjson_mut_obj_add_real(doc, root, "ratio",
                                (double)size->raw_bytes / (double)size->stored_bytes);
    else
        yyjson_mut_obj_add_null(doc, root, "ratio");
}

static void put_retention(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct api_upkeep *u)
{
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, root, "retention");
    put_number_or_null(doc, obj, "max_age_ms", u->max_age_ms, u->max_age_ms > 0);
    put_number_or_null(doc, obj, "rows_max_age_ms", u->rows_max_age_ms, u->rows_max_age_ms > 0);
    put_number_or_null(doc, obj, "max_bytes", u->max_bytes, u->max_bytes > 0);
    yyjson_mut_obj_add_uint(doc, obj, "runs", u->runs);
    json_put_time_or_null(doc, obj, "last_run_at", u->ran_us);
    yyjson_mut_obj_add_uint(doc, obj, "dropped_bytes", u->dropped_bytes);
    yyjson_mut_obj_add_uint(doc, obj, "deleted_requests", u->deleted_requests);
    yyjson_mut_obj_add_bool(doc, obj, "held", u->is_held);
}

enum err storage_answer(struct api_job *job)
{
    struct store_size size = {0};
    struct store_reach reach = {0};
    struct indexer_counters n = {0};
    struct api_upkeep upkeep = {0};
    enum err err = store_measure(job->reader, &size, &job->fail);
    if (!err)
        err = store_reach(job->reader, &reach, &job->fail);
    if (err)
        return err;
    indexer_count(job->to->indexer, &n);
    job->to->upkeep(job->to->owner, &upkeep);
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_str(doc, root, "engine", reach.engine);
    storage_put_size(doc, root, &size);
    put_ratio(doc, root, &size);
    json_put_time_or_null(doc, root, "oldest_request_at", reach.oldest_us);
    json_put_time_or_null(doc, root, "oldest_body_at", reach.oldest_body_us);
    yyjson_mut_obj_add_sint(doc, root, "wiping_chains", reach.marked_chains);
    yyjson_mut_obj_add_uint(doc, root, "lag_bytes", n.lag_bytes);
    put_number_or_null(doc, root, "disk_free_bytes", upkeep.disk_free_bytes,
                       upkeep.disk_free_bytes >= 0);
    yyjson_mut_obj_add_sint(doc, root, "reserve_bytes", upkeep.reserve_bytes);
    put_retention(doc, root, &upkeep);
    job_answer_json(job, doc);
    return ERR_OK;
}
