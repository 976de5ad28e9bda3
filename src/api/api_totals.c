/*
 * api_totals.c — the state of the recorder and its store.
 */
#include "api/api_totals.h"

#include "api/api_search.h"
#include "api/api_storage.h"
#include "api/record_json.h"
#include "base/clock.h"
#include "base/loss.h"

static enum err put_storage(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    struct store_size size = {0};
    enum err err = store_measure(job->reader, &size, &job->fail);
    if (err)
        return err;
    storage_put_size(doc, yyjson_mut_obj_add_obj(doc, root, "storage"), &size);
    return ERR_OK;
}

static void put_recorder(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    struct indexer_counters n = {0};
    indexer_count(job->to->indexer, &n);
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, root, "recorder");
    yyjson_mut_obj_add_uint(doc, obj, "exchanges", n.exchanges);
    yyjson_mut_obj_add_uint(doc, obj, "running", n.running);
    yyjson_mut_obj_add_uint(doc, obj, "lag_bytes", n.lag_bytes);
    yyjson_mut_obj_add_uint(doc, obj, "lost_frames", job->to->lost_frames(job->to->owner));
    yyjson_mut_obj_add_uint(doc, obj, "damaged_frames", n.damaged_frames);
    yyjson_mut_obj_add_uint(doc, obj, "torn_tails", n.torn_tails);
    yyjson_mut_obj_add_uint(doc, obj, "orphan_frames", n.orphan_frames);
    yyjson_mut_obj_add_uint(doc, obj, "poisoned", n.poisoned);
    yyjson_mut_obj_add_uint(doc, obj, "failed_commits", n.failed_commits);
}

/* What is missing from the record, and why: base/loss.def. */
static void put_losses(yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "losses");
    for (int l = 0; l < LOSSES; l++) {
        const struct loss_info *info = loss_info((enum loss)l);
        struct loss_count n = loss_read((enum loss)l);
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, obj, "reason", info->name);
        yyjson_mut_obj_add_str(doc, obj, "effect", info->effect);
        yyjson_mut_obj_add_str(doc, obj, "unit", info->unit);
        yyjson_mut_obj_add_str(doc, obj, "text", info->text);
        yyjson_mut_obj_add_uint(doc, obj, "since_start", n.since_start);
        yyjson_mut_obj_add_uint(doc, obj, "all_time", n.before + n.since_start);
        json_put_time_or_null(doc, obj, "last_at", n.last_us);
    }
}

enum err totals_put_state(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    enum err err = put_storage(job, doc, root);
    if (!err)
        err = search_put_counters(job, doc, root);
    if (err)
        return err;
    put_recorder(job, doc, root);
    put_losses(doc, root);
    return ERR_OK;
}

enum err totals_recorder(struct api_job *job)
{
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    put_recorder(job, doc, root);
    put_losses(doc, root);
    job_answer_json(job, doc);
    return ERR_OK;
}
