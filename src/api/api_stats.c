/*
 * api_stats.c — statistics as JSON. What is counted, and how: store/stats.c.
 */
#include "api/api_stats.h"

#include "api/api_totals.h"
#include "api/record_json.h"
#include "store/time_buckets.h"

/* The member that each division is shown as. */
static const char *const division_names[STATS_DIVISIONS] = {
    [STATS_TOTAL] = "total",         [STATS_BY_MODEL] = "models",
    [STATS_BY_PROVIDER] = "providers", [STATS_BY_STATE] = "states",
    [STATS_BY_PROJECT] = "projects", [STATS_BY_AGENT] = "agents",
    [STATS_BY_TOOL] = "tools",       [STATS_BY_HOUR] = "hours",
    [STATS_BY_DAY] = "days",
};

/* An answer being filled by the store's callback. */
struct filling {
    struct api_job *job;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root, *parts[STATS_DIVISIONS];
    unsigned shown;     /* 1 << STATS_… */
    bool has_histograms;
};

static int64_t average(int64_t sum, int64_t count)
{
    return count > 0 ? sum / count : UNKNOWN;
}

static void put_times(struct filling *f, yyjson_mut_val *obj, const char *key,
                      const struct stats_times *t)
{
    yyjson_mut_doc *doc = f->doc;
    yyjson_mut_val *times = yyjson_mut_obj_add_obj(doc, obj, key);
    yyjson_mut_obj_add_sint(doc, times, "count", t->count);
    json_put_ms_or_null(doc, times, "avg", average(t->sum_us, t->count));
    if (!t->buckets)
        return;
    json_put_ms_or_null(doc, times, "p50", t->p50_us);
    json_put_ms_or_null(doc, times, "p95", t->p95_us);
    json_put_ms_or_null(doc, times, "p99", t->p99_us);
}

/* With `decimals` digits behind the point; null where `of` is none. */
static void put_ratio(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, double part,
                      double of, double decimals)
{
    if (of > 0)
        yyjson_mut_obj_add_real(doc, obj, key,
                                (double)(int64_t)(part / of * decimals + 0.5) / decimals);
    else
        yyjson_mut_obj_add_null(doc, obj, key);
}

static void put_cache_hit_rate(struct filling *f, yyjson_mut_val *obj, const struct usage *u)
{
    int64_t read = u->cache_read_input_tokens;
    int64_t input = u->input_tokens + u->cache_creation_input_tokens + read;
    put_ratio(f->doc, obj, "cache_hit_rate", (double)read, (double)input, 10000);
}

static void put_rates(struct filling *f, yyjson_mut_val *obj, const struct stats_row *row)
{
    put_cache_hit_rate(f, obj, &row->usage);
    put_ratio(f->doc, obj, "tokens_per_second", (double)row->speed_tokens * 1000000,
              (double)row->speed_us, 10);
}

static void put_key(struct filling *f, yyjson_mut_val *obj, struct str key)
{
    json_put_text_or_null(f->doc, obj, "key",
                          key.len ? arena_str(&f->job->arena, key) : STR_NONE);
}

static void fill_stats(struct filling *f, yyjson_mut_val *obj, const struct stats_row *row)
{
    yyjson_mut_doc *doc = f->doc;
    put_key(f, obj, row->key);
    yyjson_mut_obj_add_sint(doc, obj, "request_count", row->request_count);
    yyjson_mut_obj_add_sint(doc, obj, "error_count", row->error_count);
    yyjson_mut_obj_add_val(doc, obj, "usage", usage_json(doc, &row->usage));
    yyjson_mut_obj_add_sint(doc, obj, "cost_usd_micro", row->cost_usd_micro);
    yyjson_mut_obj_add_sint(doc, obj, "unknown_cost_count", row->unknown_cost_count);
    yyjson_mut_obj_add_sint(doc, obj, "estimated_cost_count", row->estimated_cost_count);
    yyjson_mut_obj_add_sint(doc, obj, "request_bytes", row->request_bytes);
    yyjson_mut_obj_add_sint(doc, obj, "response_bytes", row->response_bytes);
    yyjson_mut_obj_add_sint(doc, obj, "tool_call_count", row->tool_call_count);
    yyjson_mut_obj_add_sint(doc, obj, "tool_error_count", row->tool_error_count);
    put_times(f, obj, "duration_ms", &row->duration);
    put_times(f, obj, "first_token_ms", &row->first_token);
    put_times(f, obj, "ttfb_ms", &row->ttfb);
    put_rates(f, obj, row);
}

static void fill_tool(struct filling *f, yyjson_mut_val *obj, const struct stats_row *row)
{
    put_key(f, obj, row->key);
    yyjson_mut_obj_add_sint(f->doc, obj, "request_count", row->request_count);
    yyjson_mut_obj_add_sint(f->doc, obj, "call_count", row->tool_call_count);
    yyjson_mut_obj_add_sint(f->doc, obj, "error_count", row->tool_error_count);
    yyjson_mut_obj_add_val(f->doc, obj, "usage", usage_json(f->doc, &row->usage));
    yyjson_mut_obj_add_sint(f->doc, obj, "cost_usd_micro", row->cost_usd_micro);
    yyjson_mut_obj_add_sint(f->doc, obj, "unknown_cost_count", row->unknown_cost_count);
    put_times(f, obj, "duration_ms", &row->duration);
    put_times(f, obj, "first_token_ms", &row->first_token);
    put_cache_hit_rate(f, obj, &row->usage);
}

/* [[from_ms, to_ms, count]…] of the buckets that hold any. */
static void put_histogram(struct filling *f, const char *key, const int64_t *buckets)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(f->doc, f->root, key);
    for (unsigned i = 0; i < TIME_BUCKETS; i++) {
        if (!buckets[i])
            continue;
        yyjson_mut_val *item = yyjson_mut_arr_add_arr(f->doc, list);
        yyjson_mut_arr_add_real(f->doc, item, (double)time_bucket_low_us(i) / 1000);
        yyjson_mut_arr_add_real(f->doc, item, (double)time_bucket_low_us(i + 1) / 1000);
        yyjson_mut_arr_add_sint(f->doc, item, buckets[i]);
    }
}

static void add_row(const struct stats_row *row, void *owner)
{
    struct filling *f = owner;
    if (!(f->shown >> row->by & 1))
        return;
    if (row->by == STATS_TOTAL)
        fill_stats(f, f->parts[STATS_TOTAL], row);
    else if (row->by == STATS_BY_TOOL)
        fill_tool(f, yyjson_mut_arr_add_obj(f->doc, f->parts[row->by]), row);
    else
        fill_stats(f, yyjson_mut_arr_add_obj(f->doc, f->parts[row->by]), row);
    if (row->by == STATS_TOTAL && f->has_histograms) {
        put_histogram(f, "duration_histogram", row->duration.buckets);
        put_histogram(f, "first_token_histogram", row->first_token.buckets);
    }
}

static void add_parts(struct filling *f)
{
    for (int by = 0; by < STATS_DIVISIONS; by++)
        if (f->shown >> by & 1)
            f->parts[by] = by == STATS_TOTAL
                               ? yyjson_mut_obj_add_obj(f->doc, f->root, division_names[by])
                               : yyjson_mut_obj_add_arr(f->doc, f->root, division_names[by]);
}

static enum err ask(struct filling *f)
{
    const struct query *q = &f->job->ask.query;
    bool is_cut = false;
    struct stats_ask ask = {.filter = q->filter, .divisions = f->shown, .is_cut = &is_cut,
                            .tz_minutes = q->tz_minutes};
    add_parts(f);
    enum err err = store_stats(f->job->reader, &ask, add_row, f, &f->job->fail);
    if (f->shown >> STATS_BY_HOUR & 1)
        yyjson_mut_obj_add_bool(f->doc, f->root, "truncated", is_cut);
    return err;
}

static enum err answer(struct filling *f, enum err err)
{
    if (err)
        yyjson_mut_doc_free(f->doc);
    else
        job_answer_json(f->job, f->doc);
    return err;
}

static struct filling filling_new(struct api_job *job, unsigned shown)
{
    yyjson_mut_doc *doc = json_doc_new();
    return (struct filling){
        .job = job, .doc = doc, .root = yyjson_mut_doc_get_root(doc), .shown = shown};
}

static enum err answer_one(struct api_job *job, enum stats_by by)
{
    struct filling f = filling_new(job, 1u << by);
    return answer(&f, ask(&f));
}

enum err stats_all(struct api_job *job)
{
    struct filling f = filling_new(job, 1u << STATS_TOTAL | 1u << STATS_BY_MODEL |
                                            1u << STATS_BY_PROVIDER | 1u << STATS_BY_STATE |
                                            1u << STATS_BY_PROJECT | 1u << STATS_BY_AGENT |
                                            1u << STATS_BY_TOOL);
    enum err err = ask(&f);
    if (!err)
        err = totals_put_state(job, f.doc, f.root);
    return answer(&f, err);
}

enum err stats_hourly(struct api_job *job)
{
    return answer_one(job, STATS_BY_HOUR);
}

enum err stats_daily(struct api_job *job)
{
    return answer_one(job, STATS_BY_DAY);
}

enum err stats_models(struct api_job *job)
{
    return answer_one(job, STATS_BY_MODEL);
}

enum err stats_providers(struct api_job *job)
{
    return answer_one(job, STATS_BY_PROVIDER);
}

enum err stats_states(struct api_job *job)
{
    return answer_one(job, STATS_BY_STATE);
}

enum err stats_projects(struct api_job *job)
{
    return answer_one(job, STATS_BY_PROJECT);
}

enum err stats_subagents(struct api_job *job)
{
    return answer_one(job, STATS_BY_AGENT);
}

enum err stats_tools(struct api_job *job)
{
    return answer_one(job, STATS_BY_TOOL);
}

enum err stats_performance(struct api_job *job)
{
    struct filling f = filling_new(job, 1u << STATS_TOTAL | 1u << STATS_BY_MODEL);
    f.has_histograms = true;
    return answer(&f, ask(&f));
}
