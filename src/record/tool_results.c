/*
 * tool_results.c — walks the content blocks of the newest messages, whose places were noted when
 * the body was cut, so that nothing is searched for.
 */
#include "record/tool_results.h"

#include <xxhash.h>

#include "record/json_walk.h"
#include "record/tool_list.h"

enum { NEWEST_LOOKED_AT = 3 /* the client puts messages of its own behind the results */ };

struct search {
    struct str body;
    const struct json_marks *blocks;
    struct arena *arena;
    struct request_facts *facts;
};

/* What one content block says, raw. */
struct block {
    struct str type, tool_use_id, id, name, is_error;
};

/* No further than needed to see that it is of another type. */
static struct block read_block(struct str body, size_t start, size_t end, struct str type)
{
    struct json_walk w;
    struct str key;
    struct block b = {0};
    json_walk_init(&w, str_head(body, end));
    w.at = start;
    if (!json_enter(&w, '{'))
        return b;
    while (json_next_key(&w, &key)) {
        struct str raw = json_take(&w);
        if (json_key_is(key, STR("type"))) {
            b.type = raw;
            if (!str_equal(raw, type))
                return b;
        } else if (json_key_is(key, STR("tool_use_id")))
            b.tool_use_id = raw;
        else if (json_key_is(key, STR("is_error")))
            b.is_error = raw;
        else if (json_key_is(key, STR("id")))
            b.id = raw;
        else if (json_key_is(key, STR("name")))
            b.name = raw;
    }
    return b;
}

static size_t first_mark_from(const struct json_marks *m, size_t start)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->list[middle] < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The name of the call with this raw id, in the message that made it. */
static struct str name_of_call(const struct search *s, const struct json_cut *message,
                               struct str id)
{
    size_t end = (size_t)message->start + message->len;
    for (size_t i = first_mark_from(s->blocks, message->start); i < s->blocks->count; i++) {
        if (s->blocks->list[i] >= end)
            break;
        struct block b = read_block(s->body, s->blocks->list[i], end, STR("\"tool_use\""));
        if (str_equal(b.type, STR("\"tool_use\"")) && str_equal(b.id, id))
            return json_read_text(b.name, TOOL_NAME_MAX, s->arena);
    }
    return STR_NONE;
}

static void note_error(const struct search *s, const struct json_cut *before, struct str id)
{
    struct request_facts *f = s->facts;
    if (f->tool_error_count == TOOL_ERRORS_MAX)
        return;
    f->tool_errors[f->tool_error_count++] = (struct tool_error){
        .id_hash = XXH3_64bits(id.ptr ? id.ptr : "", id.len),
        .name = before ? name_of_call(s, before, id) : STR_NONE,
    };
}

/* True when the message holds a result. */
static bool look_at(const struct search *s, const struct json_cut *message,
                    const struct json_cut *before)
{
    size_t end = (size_t)message->start + message->len;
    bool has_result = false;
    for (size_t i = first_mark_from(s->blocks, message->start); i < s->blocks->count; i++) {
        if (s->blocks->list[i] >= end)
            break;
        struct block b = read_block(s->body, s->blocks->list[i], end, STR("\"tool_result\""));
        if (!str_equal(b.type, STR("\"tool_result\"")))
            continue;
        has_result = true;
        if (str_equal(b.is_error, STR("true")))
            note_error(s, before, b.tool_use_id);
    }
    return has_result;
}

void tool_results_find(struct str body, const struct json_cut *messages, size_t count,
                       const struct json_marks *blocks, struct arena *arena,
                       struct request_facts *facts)
{
    struct search s = {body, blocks, arena, facts};
    for (size_t i = count; i-- > 0 && count - i <= NEWEST_LOOKED_AT;)
        if (look_at(&s, &messages[i], i ? &messages[i - 1] : NULL))
            return;
}
