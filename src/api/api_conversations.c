/*
 * api_conversations.c — the list of conversations, and which turns of one are shown. The messages
 * themselves are chat_page.c.
 */
#include "api/api_conversations.h"

#include <stdlib.h>

#include "api/api_requests.h"
#include "api/chat_page.h"
#include "api/listing.h"
#include "api/record_json.h"
#include "base/clock.h"
#include "base/mem.h"

/* --- the list --- */

void conversation_json_fill(yyjson_mut_doc *doc, yyjson_mut_val *obj,
                            const struct conversation_row *c)
{
    char id[CONVERSATION_TEXT];
    yyjson_mut_obj_add_strcpy(doc, obj, "id", conversation_format(c->conversation, id));
    json_put_text_or_null(doc, obj, "session_id", c->session_id);
    json_put_text_or_null(doc, obj, "agent_id", c->agent_id);
    json_put_time(doc, obj, "first_at", c->first_us);
    json_put_time(doc, obj, "last_at", c->last_us);
    yyjson_mut_obj_add_sint(doc, obj, "request_count", c->request_count);
    yyjson_mut_obj_add_sint(doc, obj, "error_count", c->error_count);
    yyjson_mut_obj_add_sint(doc, obj, "message_count", c->message_count);
    json_put_text_or_null(doc, obj, "title", c->title);
    json_put_text_or_null(doc, obj, "model", c->model);
    json_put_text_or_null(doc, obj, "client", c->client);
    yyjson_mut_obj_add_val(doc, obj, "usage", usage_json(doc, &c->usage));
    yyjson_mut_obj_add_sint(doc, obj, "cost_usd_micro", c->cost_usd_micro);
    yyjson_mut_obj_add_sint(doc, obj, "unknown_cost_count", c->unknown_cost_count);
}

static void add_conversation(const struct conversation_row *row, void *owner)
{
    struct listing *l = owner;
    struct conversation_row kept = *row;
    struct str *const strings[] = {&kept.session_id, &kept.agent_id, &kept.title, &kept.model,
                                   &kept.client};
    arena_keep(&l->job->arena, strings, COUNT_OF(strings));
    conversation_json_fill(l->doc, listing_add(l, row->last_us), &kept);
}

enum err conversations_list(struct api_job *job)
{
    struct thread_filter filter = listing_filter(job);
    struct listing l;
    listing_begin(&l, job, "conversations");
    return listing_end(&l, store_conversations(job->reader, &filter, job->ask.query.limit,
                                               add_conversation, &l, &job->fail));
}

/* --- which one --- */

static void sum_row(struct conversation_row *c, const struct record *r)
{
    int64_t *sums = &c->usage.input_tokens;
    const int64_t *parts = &r->usage.input_tokens;
    c->first_us = c->request_count ? MIN_OF(c->first_us, r->started_us) : r->started_us;
    c->last_us = MAX_OF(c->last_us, r->started_us);
    c->request_count++;
    c->error_count += r->state != ENDING_COMPLETE && r->state != ENDING_RUNNING;
    c->message_count = MAX_OF(c->message_count, r->message_count);
    for (size_t i = 0; i < sizeof r->usage / sizeof *parts; i++)
        sums[i] += MAX_OF(parts[i], 0);
    c->cost_usd_micro += MAX_OF(r->cost_usd_micro, 0);
    c->unknown_cost_count += (r->flags & RECORD_COST_UNKNOWN) != 0;
    c->title = c->title.len ? c->title : r->title;
    c->model = r->model.len ? r->model : c->model;
    c->client = c->client.len ? c->client : r->client;
}

static struct conversation_row sum_rows(const struct conversation_row *which,
                                        const struct thread_rows *rows)
{
    struct conversation_row c = {.conversation = which->conversation,
                                 .session_id = which->session_id,
                                 .agent_id = which->agent_id};
    for (size_t i = 0; i < rows->count; i++)
        sum_row(&c, &rows->list[i]);
    c.agent_id = rows->list[0].agent_id;
    return c;
}

static void find_running(const struct record *r, void *owner)
{
    struct thread_rows *wanted = owner;
    if (r->conversation == wanted->conversation && !wanted->session_id.len)
        wanted->session_id = arena_str(wanted->arena, r->session_id);
}

/* By its own number, as lists give it. */
static enum err find_by_number(struct api_job *job, int64_t number, struct conversation_row *out)
{
    /* first: what ends after that is found in the store */
    struct thread_rows wanted = {.arena = &job->arena, .conversation = number};
    indexer_each_running(job->to->indexer, find_running, &wanted);
    enum err err = store_conversation(job->reader, number, &job->arena, out, &job->fail);
    if (err != ERR_NOT_FOUND)
        return err;
    /* not entered yet: its first request runs, or it has only one, and no session */
    *out = (struct conversation_row){.conversation = number, .session_id = wanted.session_id};
    return ERR_OK;
}

/* By a request in it, which is then in the branch that is shown. */
static enum err find_by_request(struct api_job *job, const struct uuid *id,
                                struct conversation_row *out)
{
    struct record row;
    enum err err = requests_find_row(job, id, &row, NULL);
    if (err)
        return err;
    if (row.conversation <= 0)
        return ERR_NOT_FOUND;
    *out = (struct conversation_row){
        .conversation = row.conversation, .session_id = row.session_id, .agent_id = row.agent_id};
    return ERR_OK;
}

static enum err find(struct api_job *job, struct conversation_row *out, struct uuid *leaf,
                     bool *has_leaf)
{
    int64_t number;
    struct uuid id;
    *leaf = job->ask.query.leaf;
    *has_leaf = job->ask.query.has_leaf;
    if (conversation_parse(job->ask.name, &number))
        return find_by_number(job, number, out);
    if (!uuid_parse(job->ask.name, &id))
        return ERR_NOT_FOUND;
    if (!*has_leaf)
        *leaf = id;
    *has_leaf = true;
    return find_by_request(job, &id, out);
}

/* --- its branches --- */

static size_t node_of(const struct thread_tree *t, const struct thread_rows *rows,
                      const struct uuid *id)
{
    for (size_t i = 0; i < rows->count; i++)
        if (uuid_equal(&rows->list[i].id, id))
            return t->node_of_row[i];
    return NO_NODE;
}

/* Where a branch leaves the path that is shown. */
static size_t fork_of(const struct thread_tree *t, const bool *is_shown, size_t node)
{
    while (node != NO_NODE && !is_shown[node])
        node = t->nodes[node].parent;
    return node;
}

static void put_id(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, const struct uuid *id)
{
    char text[UUID_TEXT];
    if (id)
        yyjson_mut_obj_add_strcpy(doc, obj, key, uuid_format(id, text));
    else
        yyjson_mut_obj_add_null(doc, obj, key);
}

static void put_branch(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct thread_tree *t,
                       const bool *is_shown, size_t leaf)
{
    const struct thread_node *n = &t->nodes[leaf];
    const struct record *row = &t->rows[n->row];
    size_t fork = is_shown[leaf] ? NO_NODE : fork_of(t, is_shown, leaf);
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
    put_id(doc, obj, "leaf", &row->id);
    yyjson_mut_obj_add_bool(doc, obj, "is_shown", is_shown[leaf]);
    put_id(doc, obj, "forks_from", fork == NO_NODE ? NULL : &t->rows[t->nodes[fork].row].id);
    yyjson_mut_obj_add_sint(doc, obj, "request_count", (int64_t)n->depth + 1);
    yyjson_mut_obj_add_sint(doc, obj, "message_count", n->message_count);
    json_put_time(doc, obj, "last_at", n->last_us);
    json_put_text_or_null(doc, obj, "title", row->title);
}

struct leaf {
    size_t node;
    int64_t last_us;
};

static int newest_first(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;
    return (x->last_us < y->last_us) - (x->last_us > y->last_us);
}

static void put_branches(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct thread_tree *t,
                         const struct chat_path *path)
{
    struct leaf *leaves = mem_alloc((t->count + 1) * sizeof *leaves);
    bool *is_shown = mem_zeroed(t->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < path->count; i++)
        is_shown[path->nodes[i]] = true;
    for (size_t i = 0; i < t->count; i++)
        if (t->nodes[i].newest_child == NO_NODE)
            leaves[count++] = (struct leaf){i, t->nodes[i].last_us};
    qsort(leaves, count, sizeof *leaves, newest_first);
    yyjson_mut_obj_add_sint(doc, root, "branch_count", (int64_t)count);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "branches");
    for (size_t i = 0; i < count && i < BRANCHES_MAX; i++)
        put_branch(doc, list, t, is_shown, leaves[i].node);
    free(leaves);
    free(is_shown);
}

/* --- where a forked agent came from --- */

static enum err put_origin(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root,
                           const struct conversation_row *c, const struct record *first)
{
    struct thread_rows rows;
    enum err err = ERR_OK;
    if (first->parent_turn <= 0 || !c->session_id.len) {
        yyjson_mut_obj_add_null(doc, root, "forked_from");
        return ERR_OK;
    }
    err = thread_rows_of_session(job, c->session_id, &rows);
    size_t found = rows.count;
    while (!err && found > 0 && rows.list[found - 1].turn != first->parent_turn)
        found--;
    if (found > 0) {
        const struct record *from = &rows.list[found - 1];
        char id[CONVERSATION_TEXT];
        yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, root, "forked_from");
        put_id(doc, obj, "request_id", &from->id);
        yyjson_mut_obj_add_strcpy(doc, obj, "conversation_id",
                                  conversation_format(from->conversation, id));
        json_put_text_or_null(doc, obj, "agent_id", from->agent_id);
        yyjson_mut_obj_add_sint(doc, obj, "shared_count", first->shared_count);
    } else {
        yyjson_mut_obj_add_null(doc, root, "forked_from");
    }
    thread_rows_release(&rows);
    return err;
}

/* --- all of it --- */

static enum err show(struct api_job *job, const struct conversation_row *which,
                     const struct thread_rows *rows, const struct thread_tree *t, size_t leaf)
{
    struct chat_path path;
    struct conversation_row c = sum_rows(which, rows);
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    chat_path_init(&path, t, leaf);
    conversation_json_fill(doc, yyjson_mut_obj_add_obj(doc, root, "conversation"), &c);
    yyjson_mut_obj_add_bool(doc, root, "is_cut", rows->is_cut);
    put_id(doc, root, "leaf", &t->rows[t->nodes[leaf].row].id);
    put_branches(doc, root, t, &path);
    enum err err = put_origin(job, doc, root, &c, &t->rows[t->nodes[path.nodes[0]].row]);
    if (!err)
        err = chat_page_put(job, doc, root, &path, job->ask.query.from, job->ask.query.limit);
    chat_path_release(&path);
    if (err)
        yyjson_mut_doc_free(doc);
    else
        job_answer_json(job, doc);
    return err;
}

enum err conversations_get(struct api_job *job)
{
    struct conversation_row which;
    struct thread_rows rows = {0};
    struct thread_tree tree = {0};
    struct uuid leaf;
    bool has_leaf;
    enum err err = find(job, &which, &leaf, &has_leaf);
    if (!err)
        err = thread_rows_of_conversation(job, &which, &rows);
    if (!err && !rows.count)
        err = ERR_NOT_FOUND;
    if (err)
        goto out;
    thread_tree_init(&tree, rows.list, rows.count);
    size_t node = has_leaf ? node_of(&tree, &rows, &leaf) : NO_NODE;
    if (has_leaf && node == NO_NODE)
        err = ERR_NOT_FOUND;
    else
        err = show(job, &which, &rows, &tree, thread_tree_leaf(&tree, node));
out:
    thread_tree_release(&tree);
    thread_rows_release(&rows);
    return err;
}
