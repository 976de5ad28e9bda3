/*
 * api_totals.c — sums over exchanges: statistics.
 */
#include "api/api_totals.h"

#include <stdio.h>

#include "api/api_search.h"
#include "api/record_json.h"
#include "base/clock.h"
#include "base/loss.h"

/* A list of objects being filled by a store's callback. */
struct filling {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    struct arena *arena;
    int64_t count, last_us;
};

static struct str keep(const struct filling *f, struct str s)
{
    return s.len ? arena_str(f->arena, s) : STR_NONE;
}

static int64_t average(int64_t sum, int64_t count)
{
    return count > 0 ? sum / count : UNKNOWN;
}

static void fill_stats(struct filling *f, yyjson_mut_val *obj, const struct stats_row *row)
{
    yyjson_mut_doc *doc = f->doc;
    json_put_text_or_null(doc, obj, "key", keep(f, row->key));
    yyjson_mut_obj_add_sint(doc, obj, "request_count", row->request_count);
    yyjson_mut_obj_add_sint(doc, obj, "error_count", row->error_count);
    yyjson_mut_obj_add_val(doc, obj, "usage", usage_json(doc, &row->usage));
    yyjson_mut_obj_add_sint(doc, obj, "request_bytes", row->request_bytes);
    yyjson_mut_obj_add_sint(doc, obj, "response_bytes", row->response_bytes);
    json_put_ms_or_null(doc, obj, "avg_duration_ms",
                        average(row->duration_us_sum, row->request_count));
    json_put_ms_or_null(doc, obj, "avg_ttfb_ms", average(row->ttfb_us_sum, row->ttfb_count));
}

static void add_stats(const struct stats_row *row, void *owner)
{
    struct filling *f = owner;
    fill_stats(f, yyjson_mut_arr_add_obj(f->doc, f->list), row);
}

/* Each way to divide the statistics, and the member it is shown as. */
static const struct {
    enum stats_by by;
    const char *name;
} divisions[] = {
    {STATS_BY_MODEL, "models"},
    {STATS_BY_PROVIDER, "providers"},
    {STATS_BY_STATE, "states"},
    {STATS_BY_HOUR, "hours"},
};

static void keep_total(const struct stats_row *row, void *owner)
{
    struct stats_row *total = owner;
    *total = *row;
    total->key = STR_NONE;
}

static enum err put_stats(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    const struct request_filter *range = &job->ask.query.filter;
    struct filling f = {.doc = doc, .arena = &job->arena};
    struct stats_row total = {0};
    enum err err = store_stats(job->reader, STATS_TOTAL, range->start_us, range->end_us,
                               keep_total, &total, &job->fail);
    if (err)
        return err;
    fill_stats(&f, yyjson_mut_obj_add_obj(doc, root, "total"), &total);
    for (size_t i = 0; i < COUNT_OF(divisions); i++) {
        f.list = yyjson_mut_obj_add_arr(doc, root, divisions[i].name);
        err = store_stats(job->reader, divisions[i].by, range->start_us, range->end_us, add_stats,
                          &f, &job->fail);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err put_storage(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    struct store_size size = {0};
    enum err err = store_measure(job->reader, &size, &job->fail);
    if (err)
        return err;
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, root, "storage");
    yyjson_mut_obj_add_sint(doc, obj, "requests", size.requests);
    yyjson_mut_obj_add_sint(doc, obj, "sessions", size.sessions);
    yyjson_mut_obj_add_sint(doc, obj, "pieces", size.pieces);
    yyjson_mut_obj_add_sint(doc, obj, "blocks", size.blocks);
    yyjson_mut_obj_add_sint(doc, obj, "raw_bytes", size.raw_bytes);
    yyjson_mut_obj_add_sint(doc, obj, "stored_bytes", size.stored_bytes);
    yyjson_mut_obj_add_sint(doc, obj, "file_bytes", size.file_bytes);
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
        if (n.last_us)
            json_put_time(doc, obj, "last_at", n.last_us);
        else
            yyjson_mut_obj_add_null(doc, obj, "last_at");
    }
}

enum err totals_stats(struct api_job *job)
{
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    enum err err = put_stats(job, doc, root);
    if (!err)
        err = put_storage(job, doc, root);
    if (!err)
        err = search_put_counters(job, doc, root);
    if (err) {
        yyjson_mut_doc_free(doc);
        return err;
    }
    put_recorder(job, doc, root);
    put_losses(doc, root);
    job_answer_json(job, doc);
    return ERR_OK;
}
