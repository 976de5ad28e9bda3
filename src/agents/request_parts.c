/*
 * request_parts.c — one walk over a request's body.
 */
#include "agents/request_parts.h"

static void add_message(struct request_parts *p, struct str message)
{
    memmove(p->newest + 1, p->newest, sizeof p->newest - sizeof *p->newest);
    p->newest[0] = message;
    if (p->message_count < PARTS_FIRST)
        p->first[p->message_count] = message;
    p->message_count++;
}

static void read_messages(struct json_walk *w, struct request_parts *p)
{
    while (json_next_element(w))
        add_message(p, json_take(w));
}

/* An element's cut begins with its comma. */
static struct str element(struct str body, const struct json_cut *cut)
{
    struct json_walk w;
    json_walk_init(&w, str_make(body.ptr + cut->start, cut->len));
    if (json_peek(&w) == ',') {
        w.at++;
        json_peek(&w);
    }
    return str_from(w.text, w.at);
}

/* Goes from behind an array's bracket to behind its last element, by the elements' cuts. */
static void skip_elements(struct json_walk *w, const struct json_cuts *cuts,
                          enum json_cut_kind kind, struct request_parts *p)
{
    for (size_t i = 0; i < cuts->count; i++) {
        const struct json_cut *cut = &cuts->list[i];
        if (cut->kind != kind)
            continue;
        w->at = cut->start + cut->len;
        w->is_first = false;
        if (kind == CUT_MESSAGE)
            add_message(p, element(w->text, cut));
    }
}

/* The members that are arrays of what is cut; CUT_REST: it is none of them. */
static enum json_cut_kind cut_kind(struct str key)
{
    static const struct {
        struct str name;
        enum json_cut_kind kind;
    } arrays[] = {
        {{"messages", 8}, CUT_MESSAGE}, {{"system", 6}, CUT_SYSTEM}, {{"tools", 5}, CUT_TOOL}};
    for (size_t i = 0; i < COUNT_OF(arrays); i++)
        if (json_key_is(key, arrays[i].name))
            return arrays[i].kind;
    return CUT_REST;
}

static struct str take_value(struct json_walk *w, struct str key, const struct json_cuts *cuts,
                             struct request_parts *p)
{
    enum json_cut_kind kind = cut_kind(key);
    size_t start = w->at;
    if (kind == CUT_MESSAGE) {
        memset(p->first, 0, sizeof p->first);
        memset(p->newest, 0, sizeof p->newest);
        p->message_count = 0;
    }
    if (kind == CUT_REST || (kind != CUT_MESSAGE && !cuts) || !json_enter(w, '['))
        return json_take(w);
    if (cuts) {
        skip_elements(w, cuts, kind, p);
        json_next_element(w); /* there is none: behind the bracket */
    } else {
        read_messages(w, p);
    }
    return str_make(w->text.ptr + start, w->at - start);
}

void request_parts_read(struct str body, const struct json_cuts *cuts, struct request_parts *out)
{
    const struct {
        struct str name;
        struct str *value;
    } wanted[] = {
        {STR("model"), &out->model},
        {STR("system"), &out->system},
        {STR("messages"), &out->messages},
        {STR("tools"), &out->tools},
        {STR("metadata"), &out->metadata},
        {STR("max_tokens"), &out->max_tokens},
        {STR("output_config"), &out->output_config},
    };
    struct json_walk w;
    struct str key;
    *out = (struct request_parts){0};
    json_walk_init(&w, body);
    if (!json_enter(&w, '{'))
        return;
    while (json_next_key(&w, &key)) {
        struct str value = take_value(&w, key, cuts, out);
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

/* The walk is at them. */
static void begin_texts(struct text_blocks *b)
{
    if (json_peek(&b->walk) == '"')
        b->only = json_take(&b->walk);
    else if (!json_enter(&b->walk, '['))
        b->walk.is_stuck = true;
}

void text_blocks_init(struct text_blocks *b, struct str raw)
{
    b->only = STR_NONE;
    json_walk_init(&b->walk, raw);
    begin_texts(b);
}

void text_blocks_of_message(struct text_blocks *b, struct str message)
{
    struct str key;
    b->only = STR_NONE;
    json_walk_init(&b->walk, message);
    if (json_enter(&b->walk, '{'))
        while (json_next_key(&b->walk, &key)) {
            if (json_key_is(key, STR("content"))) {
                begin_texts(b);
                return;
            }
            json_take(&b->walk);
        }
    b->walk.is_stuck = true;
}

/* The text of the block that the walk is at; the walk is behind it then. */
static struct str take_block(struct json_walk *w)
{
    struct json_walk before = *w;
    struct str key, text = STR_NONE;
    if (!json_enter(w, '{')) {
        json_take(w);
        return STR_NONE;
    }
    while (json_next_key(w, &key)) {
        struct str raw = json_take(w);
        if (!text.len && json_key_is(key, STR("text")))
            text = raw;
    }
    if (!w->is_stuck)
        return text;
    *w = before; /* it is no JSON: taken by its brackets */
    return json_member(json_take(w), STR("text"));
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
        *raw = take_block(&b->walk);
        if (raw->len)
            return true;
    }
    b->walk.is_stuck = true;
    return false;
}
