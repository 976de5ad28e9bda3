/*
 * record.c — beginnings and copies of records.
 */
#include "record/record.h"

#include <stdlib.h>

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

static bool is_kept(const struct record_strings *s, const struct str *text)
{
    return !text->len || (text->ptr >= s->block && text->ptr < s->block + s->len);
}

/* There is room for it. */
static void append(struct record_strings *s, struct str *text)
{
    memcpy(s->block + s->len, text->ptr, text->len);
    text->ptr = s->block + s->len;
    s->len += text->len;
}

void record_keep_packed(struct record *r, struct record_strings *s)
{
    enum { MORE_BYTES = 320 }; /* room for what is known later */
    struct str *strings[STRINGS];
    size_t all = 0, added = 0;
    list_strings(r, strings);
    for (size_t i = 0; i < STRINGS; i++) {
        if (!strings[i]->len)
            *strings[i] = STR_NONE;
        all += strings[i]->len;
        added += is_kept(s, strings[i]) ? 0 : strings[i]->len;
    }
    if (added <= s->cap - s->len) {
        for (size_t i = 0; i < STRINGS; i++)
            if (!is_kept(s, strings[i]))
                append(s, strings[i]);
        return;
    }
    char *old = s->block;
    *s = (struct record_strings){mem_alloc(all + MORE_BYTES), 0, all + MORE_BYTES};
    for (size_t i = 0; i < STRINGS; i++)
        if (strings[i]->len)
            append(s, strings[i]);
    free(old);
}
