/*
 * api_transcripts.c — where lines stand comes from the store, what they say from the file.
 */
#include "api/api_transcripts.h"

#include <unistd.h>

#include "api/api_reply.h"
#include "api/chat_page.h"
#include "api/listing.h"
#include "api/request_ids.h"
#include "base/mem.h"
#include "record/json_walk.h"
#include "transcript/transcript_folder.h"

/* --- the list --- */

static void fill(yyjson_mut_doc *doc, yyjson_mut_val *obj, struct arena *arena,
                 const struct transcript_file *t)
{
    char id[CONVERSATION_TEXT];
    yyjson_mut_obj_add_strcpy(doc, obj, "id", conversation_format(t->id, id));
    const struct {
        const char *key;
        struct str text;
    } texts[] = {
        {"session_id", t->session_id},
        {"agent_id", t->agent_id},
        {"agent_type", t->agent_type},
        {"description", t->agent_description},
        {"tool_use_id", t->tool_use_id},
        {"project", t->project},
        {"path", t->path},
        {"cwd", t->cwd},
        {"branch", t->branch},
        {"title", t->title},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        json_put_text_or_null(doc, obj, texts[i].key, arena_str(arena, texts[i].text));
    json_put_time_or_null(doc, obj, "first_at", t->first_us);
    json_put_time_or_null(doc, obj, "last_at", t->last_us);
    yyjson_mut_obj_add_sint(doc, obj, "line_count", t->event_count);
    yyjson_mut_obj_add_sint(doc, obj, "bad_line_count", t->bad_lines);
    yyjson_mut_obj_add_sint(doc, obj, "long_line_count", t->long_lines);
    yyjson_mut_obj_add_sint(doc, obj, "read_bytes", t->read_to);
}

void transcript_json_add(yyjson_mut_doc *doc, yyjson_mut_val *list, struct arena *arena,
                         const struct transcript_file *file)
{
    fill(doc, yyjson_mut_arr_add_obj(doc, list), arena, file);
}

static void add_transcript(const struct transcript_file *file, void *owner)
{
    struct listing *l = owner;
    fill(l->doc, listing_add(l, file->last_us), &l->job->arena, file);
}

enum err transcripts_list(struct api_job *job)
{
    struct thread_filter filter = listing_filter(job);
    struct listing l;
    listing_begin(&l, job, "transcripts");
    yyjson_mut_obj_add_bool(l.doc, l.root, "is_enabled", job->to->transcripts_place != NULL);
    return listing_end(&l, store_transcripts(job->reader, &filter, job->ask.query.limit,
                                             add_transcript, &l, &job->fail));
}

/* --- one of them --- */

struct page {
    struct api_job *job;
    yyjson_mut_doc *doc;
    yyjson_mut_val *lines;
    struct request_ids recorded;
    int fd; /* -1: the file cannot be read */
    int limit, count;
    int64_t bytes, next_from; /* UNKNOWN: this is all */
    enum err err;             /* why lines are missing */
};

/* The file as it was when it was read; another one may have its name by now. */
static enum err open_file(struct api_job *job, const struct transcript_file *t, bool is_here,
                          int *fd)
{
    struct stat st;
    int folder;
    *fd = -1;
    if (!is_here || !job->to->transcripts_place)
        return ERR_NOT_FOUND;
    enum err err = transcript_folder_open(job->to->config->transcripts_dir, &folder, NULL);
    if (err)
        return err;
    err = transcript_open(folder, t->path, fd, &st, NULL);
    close(folder);
    if (!err && ((int64_t)st.st_ino != t->inode || st.st_size < t->read_to)) {
        close(*fd);
        *fd = -1;
        err = ERR_GONE;
    }
    return err;
}

static bool is_same(struct str text, const struct transcript_event *e)
{
    struct uuid uuid;
    bool has_uuid = uuid_parse(str_make(text.ptr, text.len), &uuid);
    return has_uuid == e->has_uuid && (!has_uuid || uuid_equal(&uuid, &e->uuid));
}

/* Null where it cannot be read, or is another line now. */
static yyjson_mut_val *read_line(struct page *p, const struct transcript_event *e)
{
    if (p->fd < 0 || e->len > TRANSCRIPT_SHOWN_MAX)
        return yyjson_mut_null(p->doc);
    char *text = mem_alloc((size_t)e->len + 1);
    yyjson_mut_val *line = NULL;
    enum err err = transcript_read(p->fd, e->start, e->len, text, NULL);
    if (!err)
        line = json_copy(p->doc, str_make(text, (size_t)e->len));
    yyjson_mut_val *uuid = yyjson_mut_obj_get(line, "uuid");
    if (line && !is_same(str_make(yyjson_mut_get_str(uuid), yyjson_mut_get_len(uuid)), e))
        line = NULL;
    if (!line)
        p->err = p->err ? p->err : err ? err : ERR_GONE;
    free(text);
    p->bytes += e->len;
    return line ? line : yyjson_mut_null(p->doc);
}

static void put_uuid(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, bool is_there,
                     const struct uuid *id)
{
    char text[UUID_TEXT];
    if (is_there)
        yyjson_mut_obj_add_strcpy(doc, obj, key, uuid_format(id, text));
    else
        yyjson_mut_obj_add_null(doc, obj, key);
}

static void put_line(struct page *p, const struct transcript_event *e)
{
    static const struct {
        const char *key;
        uint32_t flag;
    } flags[] = {{"is_sidechain", TRANSCRIPT_IS_SIDECHAIN},
                 {"is_meta", TRANSCRIPT_IS_META},
                 {"is_error", TRANSCRIPT_IS_ERROR},
                 {"is_compacted", TRANSCRIPT_IS_COMPACTED}};
    struct arena *arena = &p->job->arena;
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(p->doc, p->lines);
    yyjson_mut_obj_add_sint(p->doc, obj, "position", e->start);
    yyjson_mut_obj_add_str(p->doc, obj, "kind", transcript_kind_name(e->kind));
    put_uuid(p->doc, obj, "uuid", e->has_uuid, &e->uuid);
    put_uuid(p->doc, obj, "parent_uuid", e->has_parent, &e->parent);
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        yyjson_mut_obj_add_bool(p->doc, obj, flags[i].key, (e->flags & flags[i].flag) != 0);
    json_put_time_or_null(p->doc, obj, "at", e->at_us);
    json_put_text_or_null(p->doc, obj, "cwd", arena_str(arena, e->cwd));
    json_put_text_or_null(p->doc, obj, "branch", arena_str(arena, e->branch));
    json_put_text_or_null(p->doc, obj, "message_id", arena_str(arena, e->message_id));
    json_put_text_or_null(p->doc, obj, "upstream_request_id", arena_str(arena, e->request_id));
    const struct record *row = request_ids_find(&p->recorded, e->request_id);
    put_uuid(p->doc, obj, "request_id", row != NULL, row ? &row->id : NULL);
    yyjson_mut_obj_add_val(p->doc, obj, "line", read_line(p, e));
}

static void on_event(const struct transcript_event *e, void *owner)
{
    struct page *p = owner;
    bool is_full = p->count == p->limit || p->bytes >= TRANSCRIPT_PAGE_BYTES;
    if (p->next_from >= 0)
        return;
    if (is_full) {
        p->next_from = e->start;
        return;
    }
    put_line(p, e);
    p->count++;
}

static enum err show(struct api_job *job, const struct transcript_file *t, bool is_here,
                     const struct thread_rows *rows)
{
    struct page p = {
        .job = job, .doc = json_doc_new(), .limit = job->ask.query.limit, .next_from = UNKNOWN};
    yyjson_mut_val *root = yyjson_mut_doc_get_root(p.doc);
    request_ids_init(&p.recorded, rows);
    p.err = open_file(job, t, is_here, &p.fd);
    fill(p.doc, yyjson_mut_obj_add_obj(p.doc, root, "transcript"), &job->arena, t);
    yyjson_mut_obj_add_bool(p.doc, root, "is_cut", rows->is_cut);
    p.lines = yyjson_mut_obj_add_arr(p.doc, root, "lines");
    enum err err = store_transcript_events(job->reader, t->id, MAX_OF(job->ask.query.from, 0),
                                           p.limit + 1, on_event, &p, &job->fail);
    json_put_int_or_null(p.doc, root, "next_from", p.next_from);
    if (p.err)
        yyjson_mut_obj_add_str(p.doc, root, "missing", is_here ? err_code(p.err) : "elsewhere");
    else
        yyjson_mut_obj_add_null(p.doc, root, "missing");
    if (p.fd >= 0)
        close(p.fd);
    request_ids_release(&p.recorded);
    if (err)
        yyjson_mut_doc_free(p.doc);
    else
        job_answer_json(job, p.doc);
    return err;
}

enum err transcripts_get(struct api_job *job)
{
    struct transcript_file file;
    struct thread_rows rows = {0};
    int64_t id;
    bool is_here;
    if (!conversation_parse(job->ask.name, &id))
        return ERR_NOT_FOUND;
    enum err err = store_transcript(job->reader, id, str_of(job->to->transcripts_place),
                                    &job->arena, &file, &is_here, &job->fail);
    if (!err && file.session_id.len)
        err = thread_rows_of_session(job, file.session_id, &rows);
    if (!err)
        err = show(job, &file, is_here, &rows);
    thread_rows_release(&rows);
    return err;
}
