/*
 * api_sessions.c — the list of sessions; one session's requests by agent, and what each agent and
 * all below it came to.
 */
#include "api/api_sessions.h"

#include <stdlib.h>

#include "api/agent_names.h"
#include "api/listing.h"
#include "api/record_json.h"
#include "api/session_transcripts.h"
#include "base/mem.h"

enum { AGENT_DEPTH_MAX = 64, AGENT_MODELS_MAX = 8 };

/* --- the list --- */

static void fill_session(yyjson_mut_doc *doc, yyjson_mut_val *obj, struct arena *arena,
                         const struct session_row *row)
{
    json_put_text_or_null(doc, obj, "session_id", arena_str(arena, row->session_id));
    json_put_time(doc, obj, "first_at", row->first_us);
    json_put_time(doc, obj, "last_at", row->last_us);
    yyjson_mut_obj_add_sint(doc, obj, "request_count", row->request_count);
    yyjson_mut_obj_add_sint(doc, obj, "error_count", row->error_count);
    yyjson_mut_obj_add_sint(doc, obj, "agent_count", row->agent_count);
    json_put_text_or_null(doc, obj, "title", arena_str(arena, row->title));
    json_put_text_or_null(doc, obj, "model", arena_str(arena, row->model));
    json_put_text_or_null(doc, obj, "client", arena_str(arena, row->client));
    json_put_text_or_null(doc, obj, "project", arena_str(arena, row->project));
    yyjson_mut_obj_add_val(doc, obj, "usage", usage_json(doc, &row->usage));
    yyjson_mut_obj_add_sint(doc, obj, "cost_usd_micro", row->cost_usd_micro);
    yyjson_mut_obj_add_sint(doc, obj, "unknown_cost_count", row->unknown_cost_count);
}

static void add_session(const struct session_row *row, void *owner)
{
    struct listing *l = owner;
    fill_session(l->doc, listing_add(l, row->last_us), &l->job->arena, row);
}

enum err sessions_list(struct api_job *job)
{
    struct thread_filter filter = listing_filter(job);
    struct listing l;
    listing_begin(&l, job, "sessions");
    return listing_end(&l, store_find_sessions(job->reader, &filter, job->ask.query.limit,
                                               add_session, &l, &job->fail));
}

/* --- the tree --- */

struct sums {
    int64_t request_count, error_count, tool_use_count, busy_us;
    int64_t first_us, last_us; /* begin of the first, end of the newest */
    struct usage usage;
    int64_t cost_usd_micro, unknown_cost_count;
};

struct agent {
    struct named_agent name;
    size_t parent; /* NO_AGENT: it has none */
    int depth;
    bool is_fork;         /* began with messages of its parent's */
    struct sums own, all; /* `all`: with the agents below it */
    struct str models[AGENT_MODELS_MAX];
    size_t model_count;
};
#define NO_AGENT SIZE_MAX

struct tree {
    struct agent *list; /* by first request */
    size_t count;
    size_t *agent_of_row;
    bool is_cut;
    const struct thread_rows *rows;
    const struct session_transcripts *transcripts;
};

static void add_sums(struct sums *to, const struct sums *more)
{
    int64_t *into = &to->usage.input_tokens;
    const int64_t *parts = &more->usage.input_tokens;
    for (size_t i = 0; i < sizeof to->usage / sizeof *into; i++)
        into[i] += MAX_OF(parts[i], 0);
    to->first_us = to->request_count ? MIN_OF(to->first_us, more->first_us) : more->first_us;
    to->last_us = MAX_OF(to->last_us, more->last_us);
    to->request_count += more->request_count;
    to->error_count += more->error_count;
    to->tool_use_count += more->tool_use_count;
    to->busy_us += more->busy_us;
    to->cost_usd_micro += more->cost_usd_micro;
    to->unknown_cost_count += more->unknown_cost_count;
}

static struct sums sums_of(const struct record *r)
{
    int64_t duration_us = MAX_OF(r->duration_us, 0);
    return (struct sums){.request_count = 1,
                         .error_count = r->state != ENDING_COMPLETE && r->state != ENDING_RUNNING,
                         .tool_use_count = MAX_OF(r->tool_use_count, 0),
                         .busy_us = duration_us,
                         .first_us = r->started_us,
                         .last_us = r->started_us + duration_us,
                         .usage = r->usage,
                         .cost_usd_micro = MAX_OF(r->cost_usd_micro, 0),
                         .unknown_cost_count = (r->flags & RECORD_COST_UNKNOWN) != 0};
}

static void note_model(struct agent *a, struct str model)
{
    for (size_t i = 0; i < a->model_count; i++)
        if (str_equal(a->models[i], model))
            return;
    if (model.len && a->model_count < AGENT_MODELS_MAX)
        a->models[a->model_count++] = model;
}

static void add_request(struct agent *a, const struct record *r)
{
    struct sums one = sums_of(r);
    add_sums(&a->own, &one);
    note_model(a, r->model);
    if (!a->name.first)
        a->name.first = r;
    if (!a->name.longest || r->message_count >= a->name.longest->message_count)
        a->name.longest = r;
    if (r->tool_use_count > 0)
        a->name.caller = r;
    if (!a->name.type.len)
        a->name.type = r->agent_type;
    if (r->parent_agent_id.len)
        a->name.parent_id = r->parent_agent_id;
}

static size_t agent_of(struct tree *t, struct str id)
{
    for (size_t i = t->count; i-- > 0;)
        if (str_equal(t->list[i].name.id, id))
            return i;
    return NO_AGENT;
}

static void gather_agents(struct tree *t, const struct thread_rows *rows)
{
    t->rows = rows;
    t->list = mem_zeroed((SESSION_AGENTS_MAX + 1) * sizeof *t->list);
    t->agent_of_row = mem_alloc((rows->count + 1) * sizeof(size_t));
    for (size_t i = 0; i < rows->count; i++) {
        const struct record *r = &rows->list[i];
        size_t at = agent_of(t, r->agent_id);
        if (at == NO_AGENT && t->count < SESSION_AGENTS_MAX) {
            at = t->count++;
            t->list[at].name.id = r->agent_id;
        }
        t->is_cut |= at == NO_AGENT;
        t->agent_of_row[i] = at;
        if (at != NO_AGENT)
            add_request(&t->list[at], r);
    }
}

/* Who is named as nobody's child is the main agent's; an unknown parent is none. */
static void find_parents(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct agent *a = &t->list[i];
        a->parent = a->name.id.len ? agent_of(t, a->name.parent_id) : NO_AGENT;
        a->parent = a->parent == i ? NO_AGENT : a->parent;
        a->all = a->own;
    }
}

/* A fork's first turn goes on from one of another agent's. */
static void find_forks(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct record *first = t->list[i].name.first;
        t->list[i].is_fork = t->list[i].name.id.len && first->parent_turn > 0 &&
                             first->shared_count > 1 && first->message_count > first->shared_count;
    }
}

static void roll_up(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        size_t above = t->list[i].parent;
        for (int depth = 0; above != NO_AGENT && depth < AGENT_DEPTH_MAX; depth++) {
            add_sums(&t->list[above].all, &t->list[i].own);
            t->list[i].depth = depth + 1;
            above = t->list[above].parent;
        }
    }
}

/* What the client itself wrote down about its agents. */
static void name_by_transcripts(struct tree *t)
{
    for (size_t i = 0; i < t->transcripts->count; i++) {
        const struct transcript_file *file = &t->transcripts->list[i];
        size_t at = file->agent_id.len ? agent_of(t, file->agent_id) : NO_AGENT;
        if (at == NO_AGENT)
            continue;
        struct named_agent *name = &t->list[at].name;
        name->type = name->type.len ? name->type : file->agent_type;
        name->description = file->agent_description;
    }
}

static void find_names(struct api_job *job, struct tree *t)
{
    struct named_agent *names = mem_alloc((t->count + 1) * sizeof *names);
    for (size_t i = 0; i < t->count; i++)
        names[i] = t->list[i].name;
    agent_names_find(job, names, t->count);
    for (size_t i = 0; i < t->count; i++)
        t->list[i].name = names[i];
    free(names);
}

/* --- as JSON --- */

static void put_sums(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct sums *s)
{
    json_put_time(doc, obj, "first_at", s->first_us);
    json_put_time(doc, obj, "last_at", s->last_us);
    yyjson_mut_obj_add_sint(doc, obj, "request_count", s->request_count);
    yyjson_mut_obj_add_sint(doc, obj, "error_count", s->error_count);
    yyjson_mut_obj_add_sint(doc, obj, "tool_use_count", s->tool_use_count);
    json_put_ms_or_null(doc, obj, "busy_ms", s->busy_us);
    yyjson_mut_obj_add_val(doc, obj, "usage", usage_json(doc, &s->usage));
    yyjson_mut_obj_add_sint(doc, obj, "cost_usd_micro", s->cost_usd_micro);
    yyjson_mut_obj_add_sint(doc, obj, "unknown_cost_count", s->unknown_cost_count);
}

static void put_request(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct record *r,
                        const struct session_transcripts *t)
{
    char text[UUID_TEXT];
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_strcpy(doc, obj, "id", uuid_format(&r->id, text));
    json_put_time(doc, obj, "started_at", r->started_us);
    json_put_ms_or_null(doc, obj, "duration_ms", r->duration_us);
    yyjson_mut_obj_add_str(doc, obj, "state", ending_name(r->state));
    json_put_int_or_null(doc, obj, "status", r->status ? r->status : UNKNOWN);
    json_put_text_or_null(doc, obj, "path", r->path);
    json_put_text_or_null(doc, obj, "model", r->model);
    json_put_text_or_null(doc, obj, "stop_reason", r->stop_reason);
    json_put_text_or_null(doc, obj, "title", r->title);
    json_put_int_or_null(doc, obj, "message_count", r->message_count);
    json_put_int_or_null(doc, obj, "tool_use_count", r->tool_use_count);
    json_put_text_or_null(doc, obj, "upstream_request_id", r->upstream_request_id);
    session_transcripts_put_flag(t, doc, obj, r);
    if (r->conversation > 0)
        yyjson_mut_obj_add_strcpy(doc, obj, "conversation_id",
                                  conversation_format(r->conversation, text));
    else
        yyjson_mut_obj_add_null(doc, obj, "conversation_id");
    yyjson_mut_obj_add_val(doc, obj, "usage", usage_json(doc, &r->usage));
    json_put_int_or_null(doc, obj, "cost_usd_micro", r->cost_usd_micro);
}

static void put_agent(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct tree *t, size_t at)
{
    const struct agent *a = &t->list[at];
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
    json_put_text_or_null(doc, obj, "agent_id", a->name.id);
    if (a->parent == NO_AGENT)
        yyjson_mut_obj_add_null(doc, obj, "parent");
    else
        yyjson_mut_obj_add_sint(doc, obj, "parent", (int64_t)a->parent);
    yyjson_mut_obj_add_sint(doc, obj, "depth", a->depth);
    json_put_text_or_null(doc, obj, "agent_type", a->name.type);
    json_put_text_or_null(doc, obj, "description", a->name.description);
    yyjson_mut_obj_add_bool(doc, obj, "is_fork", a->is_fork);
    yyjson_mut_val *models = yyjson_mut_obj_add_arr(doc, obj, "models");
    for (size_t i = 0; i < a->model_count; i++)
        yyjson_mut_arr_append(models, json_text(doc, a->models[i]));
    put_sums(doc, obj, &a->own);
    put_sums(doc, yyjson_mut_obj_add_obj(doc, obj, "total"), &a->all);
    yyjson_mut_val *requests = yyjson_mut_obj_add_arr(doc, obj, "requests");
    for (size_t i = 0; i < t->rows->count; i++)
        if (t->agent_of_row[i] == at)
            put_request(doc, requests, &t->rows->list[i], t->transcripts);
}

/* Its agents' sums: with what runs. */
static void sum_up(const struct tree *t, struct session_row *row)
{
    struct sums all = {0};
    for (size_t i = 0; i < t->count; i++)
        add_sums(&all, &t->list[i].own);
    row->first_us = all.first_us;
    row->request_count = all.request_count;
    row->error_count = all.error_count;
    row->usage = all.usage;
    row->cost_usd_micro = all.cost_usd_micro;
    row->unknown_cost_count = all.unknown_cost_count;
}

/* Of a session whose first request still runs there is no row yet. */
static struct session_row session_of(const struct tree *t, struct str session_id)
{
    struct session_row row = {.session_id = session_id};
    for (size_t i = 0; i < t->rows->count; i++) {
        const struct record *r = &t->rows->list[i];
        row.title = row.title.len ? row.title : r->title;
        row.model = r->model.len ? r->model : row.model;
        row.client = row.client.len ? row.client : r->client;
        row.project = row.project.len ? row.project : r->project;
        row.last_us = MAX_OF(row.last_us, r->started_us);
    }
    for (size_t i = 0; i < t->count; i++)
        row.agent_count += t->list[i].name.id.len > 0;
    return row;
}

static enum err show(struct api_job *job, struct tree *t)
{
    struct session_row row;
    enum err err = store_session(job->reader, job->ask.name, &job->arena, &row, &job->fail);
    if (err == ERR_NOT_FOUND)
        row = session_of(t, job->ask.name);
    else if (err)
        return err;
    bool is_cut = t->rows->is_cut || t->is_cut;
    if (!is_cut) /* its row may be of a moment later, and knows none that runs */
        sum_up(t, &row);
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    fill_session(doc, yyjson_mut_obj_add_obj(doc, root, "session"), &job->arena, &row);
    yyjson_mut_obj_add_bool(doc, root, "is_cut", is_cut);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "agents");
    for (size_t i = 0; i < t->count; i++)
        put_agent(doc, list, t, i);
    session_transcripts_put(t->transcripts, doc, root);
    job_answer_json(job, doc);
    return ERR_OK;
}

enum err sessions_get(struct api_job *job)
{
    struct thread_rows rows;
    struct session_transcripts transcripts = {0};
    struct tree tree = {.transcripts = &transcripts};
    enum err err = thread_rows_of_session(job, job->ask.name, &rows);
    if (!err && !rows.count)
        err = ERR_NOT_FOUND;
    if (!err)
        err = session_transcripts_find(job, job->ask.name, &rows, &transcripts);
    if (err)
        goto out;
    gather_agents(&tree, &rows);
    find_parents(&tree);
    find_forks(&tree);
    roll_up(&tree);
    name_by_transcripts(&tree);
    find_names(job, &tree);
    err = show(job, &tree);
out:
    session_transcripts_release(&transcripts);
    free(tree.list);
    free(tree.agent_of_row);
    thread_rows_release(&rows);
    return err;
}
