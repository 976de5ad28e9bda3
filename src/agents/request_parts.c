/*
 * request_parts.c — one walk over a request's body.
 */
#include "agents/request_parts.h"

/* Elements of `messages`, each taken whole. */
static struct str read_messages(struct json_walk *w, struct request_parts *p)
{
    size_t start = w->at;
    memset(p->first, 0, sizeof p->first);
    memset(p->newest, 0, sizeof p->newest);
    p->message_count = 0;
    if (!json_enter(w, '['))
        return json_take(w);
    while (json_next_element(w)) {
        struct str message = json_take(w);
        memmove(p->newest + 1, p->newest, sizeof p->newest - sizeof *p->newest);
        p->newest[0] = message;
        if (p->message_count < PARTS_FIRST)
            p->first[p->message_count] = message;
        p->message_count++;
    }
    return str_make(w->text.ptr + start, w->at - start);
}

void request_parts_read(struct str body, struct request_parts *out)
{
    const struct {
        struct str name;
        struct str *value;
    } wanted[] = {
        {STR("model"), &out->model},           {STR("system"), &out->system},
        {STR("tools"), &out->tools},           {STR("metadata"), &out->metadata},
        {STR("max_tokens"), &out->max_tokens}, {STR("output_config"), &out->output_config},
    };
    struct json_walk w;
    struct str key;
    *out = (struct request_parts){0};
    json_walk_init(&w, body);
    if (!json_enter(&w, '{'))
        return;
    while (json_next_key(&w, &key)) {
        if (json_key_is(key, STR("messages"))) {
            out->messages = read_messages(&w, out);
            continue;
        }
        struct str value = json_take(&w);
        for (size_t i = 0; i < COUNT_OF(wanted); i++)
            if (json_key_is(key, wanted[i].name))
                *wanted[i].value = value;
    }
}

struct str request_parts_newest(const struct request_parts *p)
{
    for (size_t i = 0; i < PARTS_NEWEST; i++)
        if (str_equal(json_member(p->newest[i], STR("role")), STR("\"user\"")))
            return p->newest[i];
    return STR_NONE;
}

void text_blocks_init(struct text_blocks *b, struct str raw)
{
    *b = (struct text_blocks){0};
    json_walk_init(&b->walk, raw);
    if (json_peek(&b->walk) == '"')
        b->only = raw;
    else if (!json_enter(&b->walk, '['))
        b->walk.is_stuck = true;
}

bool text_blocks_next(struct text_blocks *b, struct str *raw)
{
    if (b->only.len) {
        *raw = b->only;
        b->only = STR_NONE;
        b->walk.is_stuck = true;
        return true;
    }
    while (!b->walk.is_stuck && json_next_element(&b->walk)) {
        *raw = json_member(json_take(&b->walk), STR("text"));
        if (raw->len)
            return true;
    }
    b->walk.is_stuck = true;
    return false;
}
