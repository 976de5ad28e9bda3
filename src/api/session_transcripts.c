/*
 * session_transcripts.c — the join.
 */
#include "api/session_transcripts.h"

#include <stdlib.h>

#include "base/mem.h"

static void add(const struct transcript_file *file, void *owner)
{
    struct session_transcripts *t = owner;
    struct transcript_file *kept = &t->list[t->count++];
    *kept = *file;
    transcript_file_keep(kept, t->arena);
}

static void on_request_id(struct str id, void *owner)
{
    struct session_transcripts *t = owner;
    const struct record *row = request_ids_find(&t->recorded, id);
    if (row)
        t->is_named[row - t->rows] = true;
    else
        t->unrecorded++;
}

enum err session_transcripts_find(struct api_job *job, struct str session_id,
                                  const struct thread_rows *rows, struct session_transcripts *out)
{
    const struct thread_filter filter = {.session_id = session_id};
    *out =
        (struct session_transcripts){.list = mem_alloc((SESSION_TRANSCRIPTS_MAX + TRANSCRIPT_TIES_MAX) * sizeof *out->list),
                                     .arena = &job->arena,
                                     .rows = rows->list,
                                     .is_named = mem_zeroed(rows->count + 1)};
    request_ids_init(&out->recorded, rows);
    enum err err =
        store_transcripts(job->reader, &filter, SESSION_TRANSCRIPTS_MAX, add, out, &job->fail);
    if (!err && out->count)
        err = store_transcript_requests(job->reader, session_id, on_request_id, out, &job->fail);
    if (!out->count || rows->is_cut)
        out->unrecorded = UNKNOWN;
    return err;
}

void session_transcripts_release(struct session_transcripts *t)
{
    free(t->list);
    free(t->is_named);
    request_ids_release(&t->recorded);
    *t = (struct session_transcripts){0};
}

void session_transcripts_put_flag(const struct session_transcripts *t, yyjson_mut_doc *doc,
                                  yyjson_mut_val *obj, const struct record *r)
{
    if (t->count && r->upstream_request_id.len)
        yyjson_mut_obj_add_bool(doc, obj, "in_transcript", t->is_named[r - t->rows]);
    else
        yyjson_mut_obj_add_null(doc, obj, "in_transcript");
}

void session_transcripts_put(const struct session_transcripts *t, yyjson_mut_doc *doc,
                             yyjson_mut_val *root)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "transcripts");
    for (size_t i = 0; i < t->count; i++)
        transcript_json_add(doc, list, t->arena, &t->list[i]);
    json_put_int_or_null(doc, root, "unrecorded_count", t->unrecorded);
}
