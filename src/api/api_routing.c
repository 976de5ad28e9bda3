/*
 * api_routing.c — the rules in force, and why a recorded request goes where it goes.
 */
#include "api/api_routing.h"

#include "api/api_reply.h"
#include "api/api_requests.h"

/* The JSON is ours, and goes out as it is. */
static enum err answer(struct api_job *job, enum err err, struct buf *json)
{
    if (!err) {
        job->content_type = "application/json";
        job->headers = STR(API_HEADERS);
        job->body = buf_take(json, &job->body_len);
    }
    buf_release(json);
    return err;
}

enum err routing_rules(struct api_job *job)
{
    struct buf json;
    buf_init(&json, API_ROUTING_MAX);
    if (!job->to->routing)
        return ERR_NOT_FOUND;
    return answer(job, job->to->routing(job->to->owner, &job->arena, &json), &json);
}

enum err routing_explain(struct api_job *job)
{
    struct record row;
    struct record_detail detail = {0};
    struct buf body, json;
    buf_init(&body, BODY_SHOWN_MAX);
    buf_init(&json, API_ROUTING_MAX);
    enum err err = requests_find_row(job, &job->ask.id, &row, &detail);
    if (!err)
        err = requests_read_request(job, &job->ask.id, &body);
    if (!err && !job->to->explain)
        err = ERR_NOT_FOUND;
    struct api_recorded recorded = {detail.request_head, buf_str(&body), &row};
    if (!err)
        err = job->to->explain(job->to->owner, &recorded, &job->arena, &json);
    err = answer(job, err, &json);
    buf_release(&body);
    return err;
}
