/*
 * record.c — beginnings and copies of records.
 */
#include "record/record.h"

#include "base/mem.h"

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
        .conversation = UNKNOWN,
        .turn = UNKNOWN,
        .parent_turn = UNKNOWN,
        .shared_count = UNKNOWN,
        .cost_usd_micro = UNKNOWN,
        .shadow_cost_usd_micro = UNKNOWN,
        .usage = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN},
    };
}

enum { STRINGS = 29 };

static void list_strings(struct record *r, struct str *list[STRINGS])
{
    struct str *const strings[STRINGS] = {
        &r->method,          &r->path,   &r->query,       &r->provider,
        &r->model,           &r->response_model,          &r->session_id,
        &r->agent_id,        &r->parent_agent_id,         &r->client,
        &r->client_addr,     &r->upstream_request_id,     &r->stop_reason,
        &r->error_type,      &r->error_message,           &r->title,
        &r->anthropic_beta,  &r->node, &r->project, &r->agent_type, &r->tools,
        &r->tool_errors,     &r->losses, &r->class, &r->class_by, &r->agent_by,
        &r->route,           &r->route_target,            &r->tried,
    };
    memcpy(list, strings, sizeof strings);
}

void record_keep(struct record *r, struct arena *a)
{
    struct str *strings[STRINGS];
    list_strings(r, strings);
    arena_keep(a, strings, STRINGS);
}

char *record_keep_packed(struct record *r)
{
    struct str *strings[STRINGS];
    list_strings(r, strings);
    size_t size = 1;
    for (size_t i = 0; i < STRINGS; i++)
        size += strings[i]->len;
    char *block = mem_alloc(size), *at = block;
    for (size_t i = 0; i < STRINGS; i++) {
        size_t len = strings[i]->len;
        if (len)
            memcpy(at, strings[i]->ptr, len);
        *strings[i] = len ? str_make(at, len) : STR_NONE;
        at += len;
    }
    return block;
}
