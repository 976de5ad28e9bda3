/*
 * api_search.c — GET /api/search: texts that were said, and the requests that said them.
 */
#include "api/api_search.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/record_json.h"

enum { GROUPS_MAX = FILTER_LIMIT_MAX };

/* Hits of a page that belong to one session, in the order of their first. */
struct group {
    struct str session_id, title;
    int64_t hits, newest_us;
};

struct page {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    struct group *groups; /* in the job's arena */
    size_t group_count;
};

static void count_in_group(struct page *p, const struct record *row)
{
    size_t i = 0;
    while (i < p->group_count && !str_equal(p->groups[i].session_id, row->session_id))
        i++;
    if (i == GROUPS_MAX)
        return;
    if (i == p->group_count)
        p->groups[p->group_count++] =
            (struct group){.session_id = row->session_id, .title = row->title};
    p->groups[i].hits++;
    p->groups[i].newest_us = MAX_OF(p->groups[i].newest_us, row->started_us);
}

static void put_snippet(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct snippet *s)
{
    json_put_text(doc, obj, "snippet", s->text);
    yyjson_mut_val *marks = yyjson_mut_obj_add_arr(doc, obj, "highlights");
    for (int i = 0; i < s->mark_count; i++) {
        yyjson_mut_val *mark = yyjson_mut_arr_add_arr(doc, marks);
        yyjson_mut_arr_add_uint(doc, mark, s->marks[i].start);
        yyjson_mut_arr_add_uint(doc, mark, s->marks[i].len);
    }
}

static void put_hit(const struct search_hit *hit, void *owner)
{
    struct page *p = owner;
    const struct record *row = &hit->row;
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(p->doc, p->list);
    char id[UUID_TEXT];
    yyjson_mut_obj_add_strcpy(p->doc, obj, "request_id", uuid_format(&row->id, id));
    json_put_text_or_null(p->doc, obj, "session_id", row->session_id);
    json_put_text_or_null(p->doc, obj, "agent_id", row->agent_id);
    json_put_time(p->doc, obj, "started_at", row->started_us);
    json_put_text_or_null(p->doc, obj, "model", row->model);
    json_put_text_or_null(p->doc, obj, "title", row->title);
    yyjson_mut_obj_add_str(p->doc, obj, "kind", text_kind_name(hit->kind));
    json_put_text_or_null(p->doc, obj, "tool", hit->tool);
    put_snippet(p->doc, obj, &hit->snippet);
    count_in_group(p, row);
}

static void put_groups(const struct page *p, yyjson_mut_val *root)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(p->doc, root, "sessions");
    for (size_t i = 0; i < p->group_count; i++) {
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(p->doc, list);
        json_put_text_or_null(p->doc, obj, "session_id", p->groups[i].session_id);
        json_put_text_or_null(p->doc, obj, "title", p->groups[i].title);
        yyjson_mut_obj_add_sint(p->doc, obj, "results", p->groups[i].hits);
        json_put_time(p->doc, obj, "newest_at", p->groups[i].newest_us);
    }
}

static void put_end(const struct page *p, yyjson_mut_val *root, const struct search_end *end)
{
    char cursor[64];
    if (end->has_more) {
        snprintf(cursor, sizeof cursor, "%" PRId64 ".%" PRId64, end->next.file, end->next.text);
        yyjson_mut_obj_add_strcpy(p->doc, root, "next_cursor", cursor);
    } else {
        yyjson_mut_obj_add_null(p->doc, root, "next_cursor");
    }
    yyjson_mut_obj_add_bool(p->doc, root, "complete", end->is_complete);
}

static struct search_ask ask_of(const struct query *q)
{
    return (struct search_ask){
        .question = q->filter.q, .session_id = q->filter.session_id,
        .agent_id = q->filter.agent_id, .tool = q->tool, .model = q->filter.model,
        .has_kind = q->has_role, .kind = q->role, .start_us = q->filter.start_us,
        .end_us = q->filter.end_us, .before = q->place, .limit = q->limit,
    };
}

enum err search_answer(struct api_job *job)
{
    if (!job->to->search)
        return fail(&job->fail, ERR_NOT_IMPLEMENTED, "search is switched off");
    struct search_ask ask = ask_of(&job->ask.query);
    struct search_end end;
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    struct page page = {.doc = doc, .list = yyjson_mut_obj_add_arr(doc, root, "results"),
                        .groups = arena_zeroed(&job->arena, GROUPS_MAX * sizeof(struct group))};
    enum err err = search_find(job->to->search, job->reader, &ask, &job->arena, put_hit, &page,
                               &end, &job->fail);
    if (err) {
        yyjson_mut_doc_free(doc);
        return err;
    }
    put_groups(&page, root);
    put_end(&page, root, &end);
    job_answer_json(job, doc);
    return ERR_OK;
}

enum err search_put_counters(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    if (!job->to->search) {
        yyjson_mut_obj_add_null(doc, root, "search");
        return ERR_OK;
    }
    struct search_counters n;
    enum err err = search_count(job->to->search, job->reader, &n, &job->fail);
    if (err)
        return err;
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, root, "search");
    yyjson_mut_obj_add_sint(doc, obj, "indexed", n.indexed);
    yyjson_mut_obj_add_sint(doc, obj, "waiting", n.waiting);
    yyjson_mut_obj_add_sint(doc, obj, "skipped", n.skipped);
    yyjson_mut_obj_add_sint(doc, obj, "failures", n.failures);
    yyjson_mut_obj_add_sint(doc, obj, "texts", n.texts);
    yyjson_mut_obj_add_sint(doc, obj, "text_bytes", n.text_bytes);
    yyjson_mut_obj_add_sint(doc, obj, "files", n.files);
    yyjson_mut_obj_add_sint(doc, obj, "file_bytes", n.file_bytes);
    return ERR_OK;
}
