/*
 * thread_rows.c — gathers the requests of a conversation or of a session.
 */
#include "api/thread_rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static void add(struct thread_rows *rows, const struct record *r)
{
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 64;
        rows->list = mem_resize(rows->list, rows->cap * sizeof *rows->list);
    }
    struct record *kept = &rows->list[rows->count++];
    *kept = *r;
    record_keep(kept, rows->arena);
}

static void add_running(const struct record *r, void *owner)
{
    struct thread_rows *rows = owner;
    bool is_wanted = rows->conversation > 0 ? r->conversation == rows->conversation
                                            : str_equal(r->session_id, rows->session_id);
    if (is_wanted && rows->count < THREAD_RUNNING_MAX)
        add(rows, r);
}

static void add_stored(const struct record *r, void *owner)
{
    add(owner, r);
}

/* Of two rows of one exchange the one that has ended comes first. */
static int oldest_first(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    int order = memcmp(x->id.bytes, y->id.bytes, sizeof x->id.bytes);
    return order ? order : (x->state == ENDING_RUNNING) - (y->state == ENDING_RUNNING);
}

static void sort(struct thread_rows *rows)
{
    size_t kept = 0;
    if (rows->count)
        qsort(rows->list, rows->count, sizeof *rows->list, oldest_first);
    for (size_t i = 0; i < rows->count; i++)
        if (!kept || !uuid_equal(&rows->list[i].id, &rows->list[kept - 1].id))
            rows->list[kept++] = rows->list[i];
    rows->count = kept;
}

enum err thread_rows_of_conversation(struct api_job *job, const struct conversation_row *c,
                                     struct thread_rows *out)
{
    *out = (struct thread_rows){.arena = &job->arena, .conversation = c->conversation};
    /* first: what ends after that is found in the store */
    indexer_each_running(job->to->indexer, add_running, out);
    size_t running = out->count;
    enum err err = store_turns(job->reader, c, add_stored, out, &job->fail);
    out->is_cut = out->count - running == TURNS_MAX;
    sort(out);
    return err;
}

enum err thread_rows_of_session(struct api_job *job, struct str session_id, struct thread_rows *out)
{
    *out = (struct thread_rows){
        .arena = &job->arena, .conversation = UNKNOWN, .session_id = session_id};
    indexer_each_running(job->to->indexer, add_running, out);
    size_t running = out->count;
    enum err err = store_session_requests(job->reader, session_id, add_stored, out, &job->fail);
    out->is_cut = out->count - running == TURNS_MAX;
    sort(out);
    return err;
}

void thread_rows_release(struct thread_rows *r)
{
    free(r->list);
    r->list = NULL;
}

char *conversation_format(int64_t conversation, char out[CONVERSATION_TEXT])
{
    snprintf(out, CONVERSATION_TEXT, "%016llx", (unsigned long long)conversation);
    return out;
}

bool conversation_parse(struct str text, int64_t *conversation)
{
    uint64_t value = 0;
    if (text.len != CONVERSATION_TEXT - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *conversation = (int64_t)value;
    return *conversation > 0;
}
