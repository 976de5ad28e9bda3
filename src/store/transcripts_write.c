/*
 * transcripts_write.c — a piece of a transcript becomes rows, together with how far it was read.
 */
#include "base/mem.h"
#include "store/store_private.h"
#include "store/store_transcripts.h"

int64_t store_transcript_id(const struct store *s, struct str place, struct str path)
{
    struct arena arena;
    arena_init(&arena);
    struct str both = arena_printf(&arena, "%.*s\n%.*s", STR_ARGS(place), STR_ARGS(path));
    int64_t id = names_hash(s->secret, both);
    arena_release(&arena);
    return id;
}

static const char forget_file_sql[] = "DELETE FROM transcript_files WHERE file = ?";

static const char write_file_sql[] =
    "INSERT INTO transcript_files (file, inode, size, mtime_us, read_to, ends_len, ends_hash,"
    " is_skipping, event_count, bad_lines, long_lines, first_us, last_us, path, tool_use_id,"
    " place, project, session, agent, title, cwd, branch, agent_type, agent_description)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

static const char write_event_sql[] =
    "INSERT INTO transcript_events (file, start, len, kind, flags, at_us, uuid, parent,"
    " request_id, message_id, cwd, branch) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT DO NOTHING";

static enum err bind_name(struct store *s, struct statement *q, int at, struct str text,
                          bool is_shared, bool may_be_null, struct fail *f)
{
    int64_t id;
    enum err err = names_id(&s->names, text, is_shared, &id, f);
    if (!err && (id || !may_be_null))
        bind_number(q, at, id);
    else
        bind_null(q, at);
    return err;
}

static enum err write_file(struct store *s, struct str place, const struct transcript_file *t,
                           struct statement *q, struct fail *f)
{
    const int64_t numbers[] = {t->id,
                               t->inode,
                               t->size,
                               t->mtime_us,
                               t->read_to,
                               t->ends_len,
                               t->ends_hash,
                               t->is_skipping,
                               t->event_count,
                               t->bad_lines,
                               t->long_lines,
                               MAX_OF(t->first_us, 0),
                               MAX_OF(t->last_us, 0)};
    const struct {
        struct str text;
        bool is_shared, may_be_null;
    } names[] = {
        {place, true, false},      {t->project, true, false},   {t->session_id, true, false},
        {t->agent_id, true, true}, {t->title, false, true},     {t->cwd, true, true},
        {t->branch, true, true},   {t->agent_type, true, true}, {t->agent_description, false, true},
    };
    int at = 1;
    enum err err = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        bind_number(q, at++, numbers[i]);
    bind_text(q, at++, t->path);
    bind_text(q, at++, t->tool_use_id);
    for (size_t i = 0; i < COUNT_OF(names) && !err; i++)
        err = bind_name(s, q, at++, names[i].text, names[i].is_shared, names[i].may_be_null, f);
    return err ? err : statement_queue(q, NULL, f);
}

static void bind_uuid(struct statement *q, int at, bool is_there, const struct uuid *id)
{
    if (is_there)
        bind_blob(q, at, str_make(id->bytes, sizeof id->bytes));
    else
        bind_null(q, at);
}

static enum err write_event(struct store *s, int64_t file, const struct transcript_event *e,
                            struct statement *q, struct fail *f)
{
    const int64_t numbers[] = {file, e->start, e->len, e->kind, e->flags};
    int at = 1;
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        bind_number(q, at++, numbers[i]);
    if (e->at_us > 0)
        bind_number(q, at++, e->at_us);
    else
        bind_null(q, at++);
    bind_uuid(q, at++, e->has_uuid, &e->uuid);
    bind_uuid(q, at++, e->has_parent, &e->parent);
    bind_text(q, at++, e->request_id);
    bind_text(q, at++, e->message_id);
    enum err err = bind_name(s, q, at++, e->cwd, true, true, f);
    if (!err)
        err = bind_name(s, q, at, e->branch, true, true, f);
    return err ? err : statement_queue(q, NULL, f);
}

struct writing {
    struct statement *forget, *file, *event;
};

static enum err prepare_all(struct store *s, struct writing *w, struct fail *f)
{
    enum err err = database_prepare(&s->db, forget_file_sql, &w->forget, f);
    if (!err)
        err = database_prepare(&s->db, write_file_sql, &w->file, f);
    return err ? err : database_prepare(&s->db, write_event_sql, &w->event, f);
}

static enum err put(struct store *s, struct str place, const struct transcript_file *file,
                    const struct transcript_event *events, size_t count, struct writing *w,
                    struct fail *f)
{
    enum err err = database_begin(&s->db, f);
    if (err)
        return err;
    bind_number(w->forget, 1, file->id);
    err = statement_queue(w->forget, NULL, f);
    if (!err)
        err = write_file(s, place, file, w->file, f);
    for (size_t i = 0; i < count && !err; i++)
        err = write_event(s, file->id, &events[i], w->event, f);
    if (!err)
        err = database_settle(&s->db, f);
    return err ? err : database_commit(&s->db, f);
}

enum err store_put_transcript(struct store *s, struct str place, const struct transcript_file *file,
                              const struct transcript_event *events, size_t count, struct fail *f)
{
    struct writing w = {NULL, NULL, NULL};
    uv_mutex_lock(&s->writing);
    enum err err = store_wake(s, f);
    if (!err)
        err = prepare_all(s, &w, f);
    if (!err) {
        err = put(s, place, file, events, count, &w, f);
        if (err)
            commit_undo(s);
    }
    statement_free(w.forget);
    statement_free(w.file);
    statement_free(w.event);
    s->needs_maintenance |= !err;
    uv_mutex_unlock(&s->writing);
    return err;
}

/* --- forgetting --- */

static const char forget_events_sql[] =
    "DELETE FROM transcript_events WHERE file = ?1 AND start <= (SELECT max(start) FROM"
    " (SELECT start FROM transcript_events WHERE file = ?1 ORDER BY start LIMIT ?2) AS first)";

static enum err drop(struct store *s, int64_t id, bool *more, struct fail *f)
{
    const int64_t bound[] = {id, TRANSCRIPT_DROP_EVENTS};
    int64_t gone = 0, file = 0;
    enum err err = store_wake(s, f);
    if (!err)
        err = database_change(&s->db, forget_events_sql, bound, 2, &gone, f);
    *more = gone == TRANSCRIPT_DROP_EVENTS;
    if (!err && !*more)
        err = database_change(&s->db, forget_file_sql, bound, 1, &file, f);
    return err;
}

enum err store_drop_transcript(struct store *s, int64_t id, bool *more, struct fail *f)
{
    *more = true;
    uv_mutex_lock(&s->writing);
    enum err err = drop(s, id, more, f);
    s->needs_maintenance |= !err;
    uv_mutex_unlock(&s->writing);
    return err;
}
