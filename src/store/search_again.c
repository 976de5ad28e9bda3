/*
 * search_again.c — what a forgotten request said may stand in those after it, too: they send the
 * same history. These were read for what was new in them, so they are read once more, whole, until
 * nothing comes that is not known.
 */
#include <stdio.h>

#include "base/clock.h"
#include "store/search_private.h"

enum { IDLE_MAX = 32 }; /* requests that bring nothing: then no other is looked at */

/* A row of `again`: requests of a session and agent, or of a conversation without a session. */
struct thread {
    struct str session, agent;
    int64_t conversation;
    struct uuid after; /* the last one that was read */
    int64_t idle;      /* the last so many brought nothing */
};

static void bind_thread(struct statement *q, struct str session, struct str agent,
                        int64_t conversation)
{
    bind_text(q, 1, session);
    bind_text(q, 2, agent);
    bind_number(q, 3, conversation);
}

enum err search_note_again(struct search_file *g, const struct search_gone *r, struct fail *f)
{
    struct statement *q;
    bool has_session = r->session_id.len > 0;
    if (!has_session && !r->conversation)
        return ERR_OK; /* nothing came after it */
    enum err err = search_file_prepare(g, FILE_ADD_AGAIN, &q, f);
    if (err)
        return err;
    bind_thread(q, r->session_id, has_session ? r->agent_id : STR_NONE,
                has_session ? 0 : r->conversation);
    bind_blob(q, 4, str_make(r->id.bytes, sizeof r->id.bytes));
    return statement_run(q, f);
}

bool search_has_again(struct search_file *g)
{
    return database_number(&g->db, "SELECT count(*) FROM again", 0) > 0;
}

static enum err first_thread(struct search_file *g, struct arena *arena, struct thread *t,
                             bool *is_found, struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_AGAIN, &q, f);
    *is_found = !err && statement_next(q, &err, f);
    if (!*is_found)
        return err;
    *t = (struct thread){.session = arena_str(arena, column_str(q, 0)),
                         .agent = arena_str(arena, column_str(q, 1)),
                         .conversation = column_number(q, 2), .idle = column_number(q, 4)};
    struct str after = column_str(q, 3);
    if (after.len == sizeof t->after.bytes)
        memcpy(t->after.bytes, after.ptr, after.len);
    statement_reset(q);
    return ERR_OK;
}

static enum err note_progress(struct search_file *g, const struct thread *t, bool is_done,
                              struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, is_done ? FILE_DROP_AGAIN : FILE_SET_AGAIN, &q, f);
    if (err)
        return err;
    bind_thread(q, t->session, t->agent, t->conversation);
    if (!is_done) {
        bind_blob(q, 4, str_make(t->after.bytes, sizeof t->after.bytes));
        bind_number(q, 5, t->idle);
    }
    return statement_run(q, f);
}

static enum err rows_after(struct search *x, const struct thread *t, struct arena *arena,
                           struct search_row rows[SEARCH_ROWS_MAX], size_t *count, struct fail *f)
{
    char sql[2048];
    struct statement *q;
    bool has_session = t->session.len > 0;
    *count = 0;
    enum err err = reader_begin(x->reader, f);
    if (err)
        return err;
    int64_t session = reader_name_id(x->reader, t->session);
    int64_t agent = reader_name_id(x->reader, t->agent);
    if ((has_session && !session) || (t->agent.len && !agent))
        return reader_end(x->reader, ERR_OK, f); /* none is left */
    snprintf(sql, sizeof sql, "%s WHERE %s = ? AND id > ?%s%s ORDER BY id LIMIT ?", reader_select,
             has_session ? "session" : "session IS NULL AND conversation",
             has_session && !agent ? " AND agent IS NULL" : "", agent ? " AND agent = ?" : "");
    err = database_prepare(&x->reader->db, sql, &q, f);
    if (err)
        return err;
    int at = 1;
    bind_number(q, at++, has_session ? session : t->conversation);
    bind_blob(q, at++, str_make(t->after.bytes, sizeof t->after.bytes));
    if (agent)
        bind_number(q, at++, agent);
    bind_number(q, at, SEARCH_ROWS_MAX);
    return search_take_rows(x, q, arena, rows, count, f);
}

static enum err read_thread(struct search *x, struct thread *t, struct arena *arena,
                            uint64_t until_ns, struct fail *f)
{
    struct search_about *about = &x->current.about;
    struct search_row rows[SEARCH_ROWS_MAX];
    size_t count, i = 0;
    enum err err = rows_after(x, t, arena, rows, &count, f);
    while (!err && i < count && t->idle < IDLE_MAX && (!i || clock_mono_ns() < until_ns)) {
        int64_t texts = about->texts, requests = about->requests;
        err = search_index_row(x, &rows[i], true, f);
        about->requests = requests; /* it has been counted */
        t->idle = about->texts > texts ? 0 : t->idle + 1;
        t->after = rows[i++].record.id;
    }
    bool is_done = t->idle >= IDLE_MAX || (i == count && count < SEARCH_ROWS_MAX);
    return err ? err : note_progress(&x->current, t, is_done, f);
}

enum err search_read_again(struct search *x, struct fail *f)
{
    uint64_t until_ns = clock_mono_ns() + SEARCH_STEP_MS * UINT64_C(1000000);
    struct arena arena;
    struct thread t;
    bool is_found = true;
    arena_init(&arena);
    x->current.cursor = (struct search_cursor){0}; /* none moves */
    enum err err = search_file_begin(&x->current, f);
    while (!err && is_found && clock_mono_ns() < until_ns) {
        arena_clear(&arena);
        err = first_thread(&x->current, &arena, &t, &is_found, f);
        if (!err && is_found)
            err = read_thread(x, &t, &arena, until_ns, f);
    }
    if (!err)
        err = search_file_commit(&x->current, f);
    x->has_again = err || is_found;
    arena_release(&arena);
    return err;
}
