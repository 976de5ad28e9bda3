/*
 * record.c — beginnings and copies of records.
 */
#include "record/record.h"

void record_init(struct record *r)
{
    *r = (struct record){
        .connect_us = UNKNOWN,
        .ttfb_us = UNKNOWN,
        .first_token_us = UNKNOWN,
        .duration_us = UNKNOWN,
        .message_count = UNKNOWN,
        .tool_count = UNKNOWN,
        .tool_use_count = UNKNOWN,
        .max_tokens = UNKNOWN,
        .usage = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN},
    };
}

void record_keep(struct record *r, struct arena *a)
{
    struct str *const strings[] = {
        &r->method,        &r->path,          &r->query,           &r->provider,
        &r->model,         &r->response_model, &r->session_id,     &r->agent_id,
        &r->parent_agent_id, &r->client,      &r->client_addr,     &r->upstream_request_id,
        &r->stop_reason,   &r->error_type,    &r->error_message,   &r->title,
    };
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        if (strings[i]->len)
            *strings[i] = arena_str(a, *strings[i]);
        else
            *strings[i] = STR_NONE;
}
