/*
 * listing.c — the answer of a list that is read by time.
 */
#include "api/listing.h"

struct thread_filter listing_filter(const struct api_job *job)
{
    const struct query *q = &job->ask.query;
    return (struct thread_filter){.session_id = q->filter.session_id,
                                  .agent_id = q->filter.agent_id,
                                  .model = q->filter.model,
                                  .project = q->project,
                                  .q = q->filter.q,
                                  .start_us = q->filter.start_us,
                                  .end_us = q->filter.end_us,
                                  .before_us = q->before_us};
}

void listing_begin(struct listing *l, struct api_job *job, const char *key)
{
    *l = (struct listing){.job = job, .doc = json_doc_new()};
    l->root = yyjson_mut_doc_get_root(l->doc);
    l->rows = yyjson_mut_obj_add_arr(l->doc, l->root, key);
}

yyjson_mut_val *listing_add(struct listing *l, int64_t last_us)
{
    l->count++;
    l->last_us = last_us;
    return yyjson_mut_arr_add_obj(l->doc, l->rows);
}

enum err listing_end(struct listing *l, enum err err)
{
    if (err) {
        yyjson_mut_doc_free(l->doc);
        return err;
    }
    /* with all six digits, so that no row falls between two pages; those without a time come last,
     * all at once */
    if (l->count < l->job->ask.query.limit || l->last_us <= 0)
        yyjson_mut_obj_add_null(l->doc, l->root, "next_before");
    else
        json_put_exact_time(l->doc, l->root, "next_before", l->last_us);
    job_answer_json(l->job, l->doc);
    return ERR_OK;
}
