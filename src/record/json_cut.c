/*
 * json_cut.c — one pass over a request's body: cuts, and the facts a list shows.
 *
 * Walks the top-level object and the elements of three arrays; everything below is skipped whole.
 * Where the grammar breaks, cutting stops and the rest is one piece. What a title is: title.c.
 */
#include "record/json_cut.h"

#include <stdlib.h>

#include "base/mem.h"
#include "record/json_walk.h"
#include "record/project.h"
#include "record/record.h"
#include "record/title.h"
#include "record/tool_results.h"

enum {
    MEMBER_MIN = 128, /* bytes; a smaller member's value is not worth a piece of its own */
    MODEL_MAX = 256,
    USER_ID_MAX = 2048, /* bytes of metadata.user_id */
    SESSION_ID_MAX = 128
};

struct cutter {
    struct str body;
    struct json_walk walk;
    struct json_cuts *cuts;
    size_t cut_end; /* everything before is in a cut */
    struct arena *arena;
    struct request_facts *facts;
    unsigned seen;   /* one bit for each row of `wanted` */
    size_t messages; /* index of the first message's cut */
    bool is_full;
};

void json_cuts_release(struct json_cuts *c)
{
    free(c->list);
    *c = (struct json_cuts){0};
}

static void push(struct json_cuts *c, enum json_cut_kind kind, size_t start, size_t end)
{
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->list = mem_resize(c->list, c->cap * sizeof *c->list);
    }
    c->list[c->count++] = (struct json_cut){kind, (uint32_t)start, (uint32_t)(end - start)};
}

static void cut_rest(struct cutter *c, size_t end)
{
    if (end > c->cut_end)
        push(c->cuts, CUT_REST, c->cut_end, end);
    c->cut_end = end;
}

/* Keeps room for the rest before it, and for the last rest. */
static void cut(struct cutter *c, enum json_cut_kind kind, size_t start, size_t end)
{
    if (c->cuts->count + 3 > JSON_CUTS_MAX) {
        c->is_full = true;
        return;
    }
    cut_rest(c, start);
    if (end > start)
        push(c->cuts, kind, start, end);
    c->cut_end = end;
}

static void take_model(struct cutter *c, struct str raw)
{
    c->facts->model = json_read_text(raw, MODEL_MAX, c->arena);
}

static void take_stream(struct cutter *c, struct str raw)
{
    c->facts->asks_stream = str_equal(raw, STR("true"));
}

/* An object whose type is not "disabled"; the last of several counts. */
static void take_thinking(struct cutter *c, struct str raw)
{
    struct str type = json_read_text(json_member(raw, STR("type")), MODEL_MAX, c->arena);
    c->facts->asks_thinking = type.len && !str_equal(type, STR("disabled"));
}

static void take_max_tokens(struct cutter *c, struct str raw)
{
    if (json_read_int(raw, INT64_MAX, &c->facts->max_tokens) != JSON_INT_OK)
        c->facts->max_tokens = UNKNOWN;
}

/* "user_…_account_…_session_<id>" */
static struct str session_in_name(struct str user_id)
{
    static const struct str mark = {"_session_", 9};
    for (size_t at = user_id.len; at-- > 0;)
        if (user_id.ptr[at] == '_' && str_starts(str_from(user_id, at), mark))
            return str_from(user_id, at + mark.len);
    return STR_NONE;
}

struct str metadata_session(struct str metadata, struct arena *arena)
{
    struct str user_id = json_read_text(json_member(metadata, STR("user_id")), USER_ID_MAX, arena);
    struct str session = session_in_name(user_id);
    if (user_id.len && user_id.ptr[0] == '{')
        session = json_read_text(json_member(user_id, STR("session_id")), SESSION_ID_MAX + 1, arena);
    return session.len <= SESSION_ID_MAX ? session : STR_NONE;
}

static void take_metadata(struct cutter *c, struct str raw)
{
    c->facts->user_session_id = metadata_session(raw, c->arena);
}

/* All of the system prompt, or one of its blocks. */
static void take_system(struct cutter *c, struct str raw)
{
    if (!c->facts->project.len)
        c->facts->project = project_find(raw, c->arena);
}

/* The members we read. An array with a kind is cut at its elements. */
static const struct wanted {
    struct str name;
    void (*take)(struct cutter *c, struct str raw);
    enum json_cut_kind kind;
    size_t count_at; /* of the int64_t in the facts that counts elements; 0: none */
} wanted[] = {
    {.name = {"model", 5}, .take = take_model},
    {.name = {"stream", 6}, .take = take_stream},
    {.name = {"max_tokens", 10}, .take = take_max_tokens},
    {.name = {"thinking", 8}, .take = take_thinking},
    {.name = {"metadata", 8}, .take = take_metadata},
    {.name = {"system", 6}, .take = take_system, .kind = CUT_SYSTEM},
    {.name = {"tools", 5},
     .kind = CUT_TOOL,
     .count_at = offsetof(struct request_facts, tool_count)},
    {.name = {"messages", 8},
     .kind = CUT_MESSAGE,
     .count_at = offsetof(struct request_facts, message_count)},
};

static void count(struct cutter *c, const struct wanted *w, int64_t value)
{
    if (w->count_at)
        *(int64_t *)(void *)((char *)c->facts + w->count_at) = value;
}

static void cut_array(struct cutter *c, const struct wanted *array)
{
    int64_t elements = 0;
    struct json_walk *w = &c->walk;
    bool is_messages = array->kind == CUT_MESSAGE;
    if (is_messages) {
        c->messages = SIZE_MAX;
        w->marks->count = 0;
    }
    struct json_marks *marks = w->marks;
    w->marks = is_messages ? marks : NULL;
    for (size_t before = w->at; json_next_element(w); before = w->at) {
        struct str raw = json_take(w);
        if (w->is_stuck)
            break;
        size_t start = elements++ ? before : (size_t)(raw.ptr - c->body.ptr);
        cut(c, array->kind, start, w->at);
        if (array->take)
            array->take(c, raw);
        if (elements == 1)
            c->messages = is_messages ? c->cuts->count - 1 : c->messages;
    }
    w->marks = marks;
    count(c, array, elements);
}

static const struct wanted *find_wanted(struct str key)
{
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (json_key_is(key, wanted[i].name))
            return &wanted[i];
    return NULL;
}

static void note_seen(struct cutter *c, const struct wanted *w)
{
    unsigned bit = 1u << (w - wanted);
    if (c->seen & bit)
        c->facts->flags |= RECORD_DUPLICATE_KEYS;
    c->seen |= bit;
}

static void cut_member(struct cutter *c, struct str key)
{
    const struct wanted *wanted_here = find_wanted(key);
    if (wanted_here)
        note_seen(c, wanted_here);
    if (wanted_here && wanted_here->kind && json_enter(&c->walk, '[')) {
        cut_array(c, wanted_here);
        return;
    }
    struct json_marks *marks = c->walk.marks;
    c->walk.marks = NULL;
    struct str raw = json_take(&c->walk);
    c->walk.marks = marks;
    if (raw.len >= MEMBER_MIN)
        cut(c, CUT_MEMBER, (size_t)(raw.ptr - c->body.ptr), c->walk.at);
    if (wanted_here && wanted_here->take)
        wanted_here->take(c, raw);
    if (wanted_here && wanted_here->kind)
        count(c, wanted_here, UNKNOWN);
}

/* In the first two: the second may be the client's own, with the role "system". */
static struct str project_in(struct cutter *c, const struct json_cut *messages, size_t count)
{
    const struct json_cut *last = &messages[MIN_OF(count, (size_t)2) - 1];
    return project_find_in_messages(
        str_make(c->body.ptr + messages->start, last->start + last->len - messages->start), c->arena);
}

static void look_at_messages(struct cutter *c)
{
    if (c->facts->message_count <= 0 || c->is_full)
        return;
    const struct json_cut *messages = c->cuts->list + c->messages;
    size_t message_count = (size_t)c->facts->message_count;
    if (!c->facts->project.len)
        c->facts->project = project_in(c, messages, message_count);
    c->facts->title = title_find(c->body, messages, message_count, c->walk.marks, c->arena,
                                 &c->facts->title_message);
    tool_results_find(c->body, messages, message_count, c->walk.marks, c->arena, c->facts);
}

static void note_flags(struct cutter *c)
{
    if (json_peek(&c->walk) >= 0 || c->walk.flags & JSON_SCAN_INVALID)
        c->facts->flags |= RECORD_REQUEST_INVALID;
    if (c->walk.flags & JSON_SCAN_TOO_DEEP)
        c->facts->flags |= RECORD_REQUEST_TOO_DEEP;
}

static void cut_body(struct cutter *c)
{
    struct str key;
    if (json_enter(&c->walk, '{'))
        while (json_next_key(&c->walk, &key))
            cut_member(c, key);
    else
        json_take(&c->walk);
    cut_rest(c, c->body.len);
    note_flags(c);
    look_at_messages(c);
}

void json_cut(struct str body, struct arena *arena, struct json_cuts *cuts,
              struct request_facts *facts)
{
    *facts = (struct request_facts){
        .max_tokens = UNKNOWN, .message_count = UNKNOWN, .tool_count = UNKNOWN};
    cuts->count = 0;
    if (!body.len || body.len > UINT32_MAX)
        return;
    struct json_marks marks = {.depth = TITLE_MARK_DEPTH};
    struct cutter c = {.body = body, .cuts = cuts, .arena = arena, .facts = facts};
    json_walk_init(&c.walk, body);
    c.walk.marks = &marks;
    cut_body(&c);
    json_marks_release(&marks);
}

bool json_cuts_are_all(const struct json_cuts *cuts, const struct request_facts *facts)
{
    int64_t messages = 0, tools = 0;
    for (size_t i = 0; i < cuts->count; i++) {
        messages += cuts->list[i].kind == CUT_MESSAGE;
        tools += cuts->list[i].kind == CUT_TOOL;
    }
    return !facts->flags && messages == MAX_OF(facts->message_count, 0) &&
           tools == MAX_OF(facts->tool_count, 0);
}
