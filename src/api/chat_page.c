/*
 * chat_page.c — cuts the messages that a page shows out of the bodies they stand in.
 */
#include "api/chat_page.h"

#include <stdlib.h>

#include "api/api_conversations.h"
#include "api/api_reply.h"
#include "api/api_requests.h"
#include "api/record_json.h"
#include "base/mem.h"
#include "record/json_cut.h"

enum { BODY_LOOKED_AT_MAX = 64 << 20 };

/* --- the path --- */

static const struct thread_node *node_at(const struct chat_path *p, size_t i)
{
    return &p->tree->nodes[p->nodes[i]];
}

static const struct record *row_at(const struct chat_path *p, size_t i)
{
    return &p->tree->rows[node_at(p, i)->row];
}

static bool has_answer(const struct record *r)
{
    return r->status >= 200 && r->status < 300 && r->response_bytes > 0;
}

static void end_part(struct chat_path *p, size_t first, size_t last)
{
    struct chat_part *part = &p->parts[p->part_count++];
    *part = (struct chat_part){.first = first,
                               .last = last,
                               .start = p->total,
                               .message_count = node_at(p, last)->message_count,
                               .has_answer = has_answer(row_at(p, last))};
    p->total += part->message_count + part->has_answer;
}

void chat_path_init(struct chat_path *p, const struct thread_tree *tree, size_t leaf)
{
    *p = (struct chat_path){.tree = tree, .count = tree->nodes[leaf].depth + 1};
    p->nodes = mem_alloc(p->count * sizeof *p->nodes);
    p->parts = mem_alloc(p->count * sizeof *p->parts);
    for (size_t i = p->count, node = leaf; i-- > 0; node = tree->nodes[node].parent)
        p->nodes[i] = node;
    size_t first = 0;
    for (size_t i = 1; i < p->count; i++)
        if (node_at(p, i)->shared_count == 0) {
            end_part(p, first, i - 1);
            first = i;
        }
    end_part(p, first, p->count - 1);
}

void chat_path_release(struct chat_path *p)
{
    free(p->nodes);
    free(p->parts);
}

/* --- the page --- */

struct page {
    struct api_job *job;
    yyjson_mut_doc *doc;
    yyjson_mut_val *messages;
    const struct chat_path *path;
    int64_t from, to; /* indexes of the chat */
    size_t bytes;
    size_t first_node, last_node; /* of the path, that messages here refer to */
    bool is_full;
};

yyjson_mut_val *json_copy(yyjson_mut_doc *doc, struct str json)
{
    char *repaired = NULL;
    if (utf8_valid(json) != json.len) {
        size_t len;
        repaired = utf8_repair(json, &len);
        json = str_make(repaired, len);
    }
    yyjson_doc *read = json.len ? yyjson_read(json.ptr, json.len, 0) : NULL;
    yyjson_mut_val *copy = read ? yyjson_val_mut_copy(doc, yyjson_doc_get_root(read)) : NULL;
    yyjson_doc_free(read);
    free(repaired);
    return copy;
}

/* The turn that brought message `index` of a part: the first whose list is long enough. */
static size_t bringer(const struct page *p, const struct chat_part *part, int64_t index)
{
    size_t low = part->first, high = part->last;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node_at(p->path, middle)->message_count > index)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void put_message(struct page *p, int64_t index, size_t node, bool is_answer,
                        yyjson_mut_val *message)
{
    char id[UUID_TEXT];
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(p->doc, p->messages);
    yyjson_mut_obj_add_sint(p->doc, obj, "index", index);
    yyjson_mut_obj_add_strcpy(p->doc, obj, "request_id",
                              uuid_format(&row_at(p->path, node)->id, id));
    yyjson_mut_obj_add_bool(p->doc, obj, "is_answer", is_answer);
    yyjson_mut_obj_add_val(p->doc, obj, "message", message ? message : yyjson_mut_null(p->doc));
    p->first_node = MIN_OF(p->first_node, node);
    p->last_node = MAX_OF(p->last_node, node);
}

static bool is_from_assistant(yyjson_mut_val *message)
{
    return yyjson_mut_equals_str(yyjson_mut_obj_get(message, "role"), "assistant");
}

/* Message `index` of the part, as the request sent it. What follows all messages of a turn is its
 * answer, when the assistant said it. */
static void put_sent(struct page *p, const struct chat_part *part, int64_t index, struct str raw)
{
    yyjson_mut_val *message = raw.len <= MESSAGE_SHOWN_MAX ? json_copy(p->doc, raw) : NULL;
    size_t node = bringer(p, part, index);
    bool is_answer = node > part->first && is_from_assistant(message) &&
                     node_at(p->path, node - 1)->message_count == index;
    put_message(p, part->start + index, is_answer ? node - 1 : node, is_answer, message);
    p->bytes += MIN_OF(raw.len, (size_t)MESSAGE_SHOWN_MAX);
    p->is_full = p->bytes >= PAGE_BYTES_MAX;
}

static struct str without_comma(struct str element)
{
    size_t at = 0;
    while (at < element.len && strchr(", \t\r\n", element.ptr[at]) && element.ptr[at])
        at++;
    return str_from(element, at);
}

static void put_messages(struct page *p, const struct chat_part *part, struct str body)
{
    struct json_cuts cuts = {0};
    struct request_facts facts;
    int64_t index = 0;
    json_cut(body, &p->job->arena, &cuts, &facts);
    for (size_t i = 0; i < cuts.count && !p->is_full; i++) {
        const struct json_cut *cut = &cuts.list[i];
        if (cut->kind != CUT_MESSAGE)
            continue;
        int64_t at = part->start + index;
        if (at >= p->from && at < p->to && index < part->message_count)
            put_sent(p, part, index, without_comma(str_make(body.ptr + cut->start, cut->len)));
        index++;
    }
    json_cuts_release(&cuts);
}

static enum err put_answer(struct page *p, const struct chat_part *part)
{
    struct buf json;
    buf_init(&json, BODY_DECODED_MAX);
    enum err err = requests_read_message(p->job, &row_at(p->path, part->last)->id, &json);
    yyjson_mut_val *all = err ? NULL : json_copy(p->doc, buf_str(&json));
    put_message(p, part->start + part->message_count, part->last, true,
                all ? yyjson_mut_obj_get(all, "message") : NULL);
    p->bytes += json.len;
    buf_release(&json);
    return err;
}

/* What cannot be read is left out. */
static enum err put_part_messages(struct page *p, const struct chat_part *part)
{
    int64_t answer_at = part->start + part->message_count;
    enum err err = ERR_OK;
    if (part->start < p->to && answer_at > p->from) {
        struct buf body;
        buf_init(&body, BODY_LOOKED_AT_MAX);
        err = requests_read_request(p->job, &row_at(p->path, part->last)->id, &body);
        if (!err)
            put_messages(p, part, buf_str(&body));
        buf_release(&body);
    }
    if (!err && !p->is_full && part->has_answer && answer_at >= p->from && answer_at < p->to)
        err = put_answer(p, part);
    return err;
}

static void put_part(struct page *p, yyjson_mut_val *list, const struct chat_part *part,
                     enum err err)
{
    char id[UUID_TEXT];
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(p->doc, list);
    yyjson_mut_obj_add_sint(p->doc, obj, "from", part->start);
    yyjson_mut_obj_add_sint(p->doc, obj, "message_count", part->message_count + part->has_answer);
    yyjson_mut_obj_add_strcpy(p->doc, obj, "request_id",
                              uuid_format(&row_at(p->path, part->last)->id, id));
    yyjson_mut_obj_add_bool(p->doc, obj, "has_answer", part->has_answer);
    if (err)
        yyjson_mut_obj_add_str(p->doc, obj, "missing", err_code(err));
    else
        yyjson_mut_obj_add_null(p->doc, obj, "missing");
}

/* Other requests with the same messages: retries. */
static void put_attempts(struct page *p, yyjson_mut_val *obj, size_t node)
{
    const struct thread_tree *t = p->path->tree;
    const struct thread_node *n = &t->nodes[node];
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(p->doc, obj, "attempts");
    size_t left = n->row_count - 1;
    for (size_t i = 0; left > 0; i++)
        if (t->node_of_row[i] == node && i != n->row) {
            char id[UUID_TEXT];
            yyjson_mut_arr_add_strcpy(p->doc, list, uuid_format(&t->rows[i].id, id));
            left--;
        }
}

static void put_requests(struct page *p, yyjson_mut_val *root)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(p->doc, root, "requests");
    for (size_t i = p->first_node; i <= p->last_node && i < p->path->count; i++) {
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(p->doc, list);
        record_json_fill(p->doc, obj, row_at(p->path, i));
        put_attempts(p, obj, p->path->nodes[i]);
    }
}

enum err chat_page_put(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root,
                       const struct chat_path *path, int64_t from, int limit)
{
    struct page p = {.job = job, .doc = doc, .path = path, .first_node = SIZE_MAX};
    p.from = from >= 0 ? from : MAX_OF(path->total - limit, 0);
    p.to = MIN_OF(p.from + limit, path->total);
    yyjson_mut_obj_add_sint(doc, root, "total", path->total);
    yyjson_mut_obj_add_sint(doc, root, "from", p.from);
    yyjson_mut_val *parts = yyjson_mut_obj_add_arr(doc, root, "parts");
    p.messages = yyjson_mut_obj_add_arr(doc, root, "messages");
    for (size_t i = 0; i < path->part_count; i++) {
        enum err err = p.is_full ? ERR_OK : put_part_messages(&p, &path->parts[i]);
        if (err == ERR_TIMEOUT || err == ERR_BUSY || err == ERR_SHUTDOWN)
            return err;
        put_part(&p, parts, &path->parts[i], err);
    }
    int64_t next = p.is_full ? p.from + (int64_t)yyjson_mut_arr_size(p.messages) : p.to;
    json_put_int_or_null(doc, root, "next_from", next < path->total ? next : UNKNOWN);
    put_requests(&p, root);
    return ERR_OK;
}
