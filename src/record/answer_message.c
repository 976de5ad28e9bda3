/*
 * answer_message.c — puts an answer together as one message: for people to look at, and for clients
 * that asked for no stream.
 *
 * Deltas are joined by a table; a kind of block or delta that we do not know is kept as it came.
 * Numbers stay spelled as they were. A block is found by the index it was given, among those that
 * were begun: an index is never used to make room.
 */
#include "record/answer.h"

#include <stdlib.h>

#include <yyjson.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "record/answer_event.h"
#include "record/json_walk.h"

enum {
    BLOCKS_MAX = 4096,    /* content blocks; those past it are left out */
    EVENT_KINDS_MAX = 32, /* counted by name; all others as "other" */
    EVENT_NAME_MAX = 64,  /* bytes */
    MEMBERS_MAX = 256     /* taken over from one object; looking one up takes as many steps */
};

/* Which member of a delta is joined to which member of its block. */
static const struct join {
    const char *delta, *from, *to;
    bool replaces; /* the last one counts */
} joins[] = {
    {"text_delta", "text", "text", false},
    {"thinking_delta", "thinking", "thinking", false},
    {"signature_delta", "signature", "signature", true},
    {"input_json_delta", "partial_json", "input", false},
    {"compaction_delta", "content", "content", false},
};

struct block {
    int64_t index;
    yyjson_mut_val *object;
    struct buf joined[COUNT_OF(joins)];
};

struct event_count {
    struct str name; /* in the arena */
    int64_t count;
};

struct assembly {
    yyjson_mut_doc *doc;
    yyjson_mut_val *message, *error; /* NULL: none yet */
    struct block *blocks;
    size_t block_count, block_cap;
    struct event_count events[EVENT_KINDS_MAX];
    size_t event_count;
    struct arena arena;
    size_t text_max; /* bytes; deltas cannot hold more than the body */
    struct str error_data;  /* of the error event, as it came; in the arena */
    bool is_complete;
};

/* Writes strings that are no Unicode with U+FFFD where they are not. */
static enum err repair(struct str in, struct buf *out)
{
    for (size_t at = 0; at < in.len;) {
        size_t start = at;
        uint32_t c = json_char(in, &at);
        struct str piece = str_make(in.ptr + start, at - start);
        char mark[4];
        if (c == 0xFFFD)
            piece = str_make(mark, utf8_put(mark, c));
        enum err err = buf_append(out, piece);
        if (err)
            return err;
    }
    return ERR_OK;
}

static yyjson_doc *parse(struct str json)
{
    yyjson_read_err problem;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len,
                                       YYJSON_READ_NUMBER_AS_RAW, NULL, &problem);
    if (doc || problem.code != YYJSON_READ_ERROR_INVALID_STRING)
        return doc;
    struct buf fixed;
    buf_init(&fixed, json.len * 3);
    if (!repair(json, &fixed))
        doc = yyjson_read(fixed.ptr, fixed.len, YYJSON_READ_NUMBER_AS_RAW);
    buf_release(&fixed);
    return doc;
}

static void put(struct assembly *a, yyjson_mut_val *object, const char *key, yyjson_mut_val *value)
{
    yyjson_mut_obj_put(object, yyjson_mut_strcpy(a->doc, key), value);
}

/* Later members replace earlier ones; nulls do so only where `with_nulls`. */
static void merge(struct assembly *a, yyjson_mut_val *into, yyjson_val *from, bool with_nulls)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(from);
    yyjson_val *key;
    for (int i = 0; i < MEMBERS_MAX && (key = yyjson_obj_iter_next(&members)); i++) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (with_nulls || !yyjson_is_null(value))
            yyjson_mut_obj_put(into, yyjson_val_mut_copy(a->doc, key),
                               yyjson_val_mut_copy(a->doc, value));
    }
}

/* A stream without its beginning still has a message. */
static yyjson_mut_val *message(struct assembly *a)
{
    if (!a->message) {
        a->message = yyjson_mut_obj(a->doc);
        put(a, a->message, "type", yyjson_mut_str(a->doc, "message"));
        put(a, a->message, "role", yyjson_mut_str(a->doc, "assistant"));
    }
    return a->message;
}

static void on_message_start(struct assembly *a, yyjson_val *data)
{
    yyjson_val *started = yyjson_obj_get(data, "message");
    if (yyjson_is_obj(started) && !a->message)
        a->message = yyjson_val_mut_copy(a->doc, started);
}

static int64_t index_of(yyjson_val *data)
{
    yyjson_val *raw = yyjson_obj_get(data, "index");
    int64_t index = UNKNOWN;
    if (yyjson_is_raw(raw))
        json_read_int(str_make(yyjson_get_raw(raw), yyjson_get_len(raw)), INT32_MAX, &index);
    return index;
}

static void on_block_start(struct assembly *a, yyjson_val *data)
{
    yyjson_val *begun = yyjson_obj_get(data, "content_block");
    if (!yyjson_is_obj(begun) || a->block_count == BLOCKS_MAX)
        return;
    if (a->block_count == a->block_cap) {
        a->block_cap = a->block_cap ? a->block_cap * 2 : 8;
        a->blocks = mem_resize(a->blocks, a->block_cap * sizeof *a->blocks);
    }
    struct block *b = &a->blocks[a->block_count++];
    *b = (struct block){.index = index_of(data), .object = yyjson_val_mut_copy(a->doc, begun)};
    for (size_t i = 0; i < COUNT_OF(joins); i++)
        buf_init(&b->joined[i], a->text_max);
    message(a);
}

static struct block *find_block(struct assembly *a, int64_t index)
{
    for (size_t i = a->block_count; i-- > 0;)
        if (a->blocks[i].index == index)
            return &a->blocks[i];
    return NULL;
}

/* Appends to the array `key` of the block. */
static void collect(struct assembly *a, struct block *b, const char *key, yyjson_val *value)
{
    yyjson_mut_val *list = yyjson_mut_obj_get(b->object, key);
    if (!yyjson_mut_is_arr(list)) {
        list = yyjson_mut_arr(a->doc);
        put(a, b->object, key, list);
    }
    yyjson_mut_arr_append(list, yyjson_val_mut_copy(a->doc, value));
}

static enum err on_delta(struct assembly *a, yyjson_val *data)
{
    struct block *b = find_block(a, index_of(data));
    yyjson_val *delta = yyjson_obj_get(data, "delta"), *type = yyjson_obj_get(delta, "type");
    if (!b || !yyjson_is_obj(delta))
        return ERR_OK;
    for (size_t i = 0; i < COUNT_OF(joins); i++) {
        yyjson_val *text = yyjson_obj_get(delta, joins[i].from);
        if (!yyjson_equals_str(type, joins[i].delta) || !yyjson_is_str(text))
            continue;
        if (joins[i].replaces)
            buf_clear(&b->joined[i]);
        return buf_append(&b->joined[i], str_make(yyjson_get_str(text), yyjson_get_len(text)));
    }
    if (yyjson_equals_str(type, "citations_delta") && yyjson_obj_get(delta, "citation"))
        collect(a, b, "citations", yyjson_obj_get(delta, "citation"));
    else
        collect(a, b, "deltas", delta);
    return ERR_OK;
}

/* What stands beside the delta is of the message too: context_management and its like. */
static void merge_beside(struct assembly *a, yyjson_val *data)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(data);
    yyjson_val *key;
    for (int i = 0; i < MEMBERS_MAX && (key = yyjson_obj_iter_next(&members)); i++)
        if (!yyjson_equals_str(key, "type") && !yyjson_equals_str(key, "delta") &&
            !yyjson_equals_str(key, "usage"))
            yyjson_mut_obj_put(a->message, yyjson_val_mut_copy(a->doc, key),
                               yyjson_val_mut_copy(a->doc, yyjson_obj_iter_get_val(key)));
}

static void on_message_delta(struct assembly *a, yyjson_val *data)
{
    yyjson_val *usage = yyjson_obj_get(data, "usage");
    merge(a, message(a), yyjson_obj_get(data, "delta"), true);
    merge_beside(a, data);
    if (!yyjson_is_obj(usage))
        return;
    yyjson_mut_val *merged = yyjson_mut_obj_get(a->message, "usage");
    if (!yyjson_mut_is_obj(merged)) {
        merged = yyjson_mut_obj(a->doc);
        put(a, a->message, "usage", merged);
    }
    merge(a, merged, usage, false);
}

static yyjson_mut_val *string_or_null(struct assembly *a, yyjson_val *value)
{
    return yyjson_is_str(value) ? yyjson_val_mut_copy(a->doc, value) : yyjson_mut_null(a->doc);
}

/* `error`: {"type","message"}, or a sentence. */
static void take_error(struct assembly *a, yyjson_val *error)
{
    bool is_object = yyjson_is_obj(error);
    if (!is_object && !yyjson_is_str(error))
        return;
    a->error = yyjson_mut_obj(a->doc);
    put(a, a->error, "type", string_or_null(a, yyjson_obj_get(error, "type")));
    put(a, a->error, "message",
        string_or_null(a, is_object ? yyjson_obj_get(error, "message") : error));
}

static void on_error(struct assembly *a, yyjson_val *error, struct str data)
{
    take_error(a, error);
    a->error_data = arena_str(&a->arena, data);
}

static void count_event(struct assembly *a, struct str type)
{
    struct str name = type.len ? json_read_inside(type, EVENT_NAME_MAX, &a->arena) : STR("message");
    for (size_t i = 0; i < a->event_count; i++)
        if (str_equal(a->events[i].name, name)) {
            a->events[i].count++;
            return;
        }
    if (a->event_count == EVENT_KINDS_MAX) {
        a->events[EVENT_KINDS_MAX - 1].count++;
        return;
    }
    bool is_last = a->event_count == EVENT_KINDS_MAX - 1;
    a->events[a->event_count++] =
        (struct event_count){is_last ? STR("other") : arena_str(&a->arena, name), 1};
}

static void on_event(void *owner, const struct sse_event *event)
{
    struct assembly *a = owner;
    struct str type = answer_event_type(event);
    count_event(a, type);
    yyjson_doc *doc = event->data.len ? parse(event->data) : NULL;
    yyjson_val *data = yyjson_doc_get_root(doc), *error = yyjson_obj_get(data, "error");
    enum err err = ERR_OK;
    if (str_equal(type, STR("content_block_delta")))
        err = on_delta(a, data);
    else if (str_equal(type, STR("message_start")))
        on_message_start(a, data);
    else if (str_equal(type, STR("content_block_start")))
        on_block_start(a, data);
    else if (str_equal(type, STR("message_delta")))
        on_message_delta(a, data);
    else if (str_equal(type, STR("message_stop")))
        a->is_complete = true;
    else if (str_equal(type, STR("error")))
        on_error(a, error ? error : data, event->data);
    assert(!err); /* deltas are never longer than the body */
    yyjson_doc_free(doc);
}

/* The joined input as a value; as the string "input_json" when it is no JSON. */
static void finish_input(struct assembly *a, struct block *b, struct str joined)
{
    yyjson_doc *doc = parse(joined);
    if (doc)
        put(a, b->object, "input", yyjson_val_mut_copy(a->doc, yyjson_doc_get_root(doc)));
    else
        put(a, b->object, "input_json", yyjson_mut_strncpy(a->doc, joined.ptr, joined.len));
    yyjson_doc_free(doc);
}

static void finish_block(struct assembly *a, struct block *b)
{
    for (size_t i = 0; i < COUNT_OF(joins); i++) {
        struct str joined = buf_str(&b->joined[i]);
        if (!joined.len)
            continue;
        if (strcmp(joins[i].to, "input") == 0) {
            finish_input(a, b, joined);
            continue;
        }
        yyjson_mut_val *first = yyjson_mut_obj_get(b->object, joins[i].to);
        size_t lead = joins[i].replaces ? 0 : yyjson_mut_get_len(first);
        char *text = mem_alloc(lead + joined.len);
        if (lead && yyjson_mut_is_str(first))
            memcpy(text, yyjson_mut_get_str(first), lead);
        else
            lead = 0;
        memcpy(text + lead, joined.ptr, joined.len);
        put(a, b->object, joins[i].to, yyjson_mut_strncpy(a->doc, text, lead + joined.len));
        free(text);
    }
}

static void finish_message(struct assembly *a)
{
    if (!a->block_count)
        return;
    yyjson_mut_val *content = yyjson_mut_arr(a->doc);
    for (size_t i = 0; i < a->block_count; i++) {
        finish_block(a, &a->blocks[i]);
        yyjson_mut_arr_append(content, a->blocks[i].object);
    }
    put(a, a->message, "content", content);
}

static enum err assemble_stream(struct assembly *a, struct str body)
{
    struct sse_parser parser;
    sse_parser_init(&parser, body.len);
    enum err err = sse_parser_feed(&parser, body, on_event, a);
    sse_parser_release(&parser);
    finish_message(a);
    return err;
}

static void assemble_json(struct assembly *a, struct str body)
{
    yyjson_doc *doc = body.len ? parse(body) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc);
    a->is_complete = doc != NULL;
    take_error(a, yyjson_obj_get(root, "error"));
    if (yyjson_equals_str(yyjson_obj_get(root, "type"), "message"))
        a->message = yyjson_val_mut_copy(a->doc, root);
    yyjson_doc_free(doc);
}

static enum err write_value(yyjson_mut_doc *doc, yyjson_mut_val *value, struct buf *out)
{
    size_t len;
    yyjson_mut_doc_set_root(doc, value);
    char *json = yyjson_mut_write(doc, 0, &len);
    enum err err = json ? buf_append(out, str_make(json, len)) : ERR_TOO_LARGE;
    free(json);
    return err;
}

static enum err write_out(struct assembly *a, struct buf *out)
{
    yyjson_mut_val *root = yyjson_mut_obj(a->doc), *events = yyjson_mut_obj(a->doc);
    for (size_t i = 0; i < a->event_count; i++)
        yyjson_mut_obj_add(events,
                           yyjson_mut_strncpy(a->doc, a->events[i].name.ptr, a->events[i].name.len),
                           yyjson_mut_sint(a->doc, a->events[i].count));
    put(a, root, "message", a->message ? a->message : yyjson_mut_null(a->doc));
    put(a, root, "complete", yyjson_mut_bool(a->doc, a->is_complete));
    put(a, root, "error", a->error ? a->error : yyjson_mut_null(a->doc));
    put(a, root, "events", events);
    return write_value(a->doc, root, out);
}

static enum err begin(struct assembly *a, struct str body)
{
    *a = (struct assembly){.doc = yyjson_mut_doc_new(NULL), .text_max = body.len * 3};
    arena_init(&a->arena);
    return a->doc ? ERR_OK : ERR_TOO_LARGE;
}

static void end(struct assembly *a)
{
    for (size_t i = 0; i < a->block_count; i++)
        for (size_t j = 0; j < COUNT_OF(joins); j++)
            buf_release(&a->blocks[i].joined[j]);
    free(a->blocks);
    arena_release(&a->arena);
    yyjson_mut_doc_free(a->doc);
}

enum err answer_message(struct str body, bool is_sse, struct buf *out)
{
    struct assembly a;
    enum err err = begin(&a, body);
    if (!err && answer_is_stream(body, is_sse))
        err = assemble_stream(&a, body);
    else if (!err)
        assemble_json(&a, body);
    if (!err)
        err = write_out(&a, out);
    end(&a);
    return err;
}

enum err answer_unstream(struct str body, struct buf *out, enum answer_outcome *outcome)
{
    struct assembly a;
    enum err err = begin(&a, body);
    if (!err)
        err = assemble_stream(&a, body);
    *outcome = a.is_complete && a.message ? ANSWER_WHOLE
               : a.error_data.len         ? ANSWER_ERROR
                                          : ANSWER_CUT;
    if (!err && *outcome == ANSWER_WHOLE)
        err = write_value(a.doc, a.message, out);
    else if (!err && *outcome == ANSWER_ERROR)
        err = buf_append(out, a.error_data);
    end(&a);
    return err;
}
