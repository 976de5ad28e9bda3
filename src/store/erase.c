/*
 * erase.c — requests leave the store, and what was summed up from them.
 *
 * Sums of hours are subtracted from; a session or a conversation is looked at again: when it began
 * and what it is called cannot be subtracted.
 */
#include "store/erase.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/query.h"
#include "store/ranges.h"
#include "store/rollup.h"
#include "store/store_private.h"

struct doomed {
    struct record record;
    struct piece_at detail;
    uint64_t oldest_block;
    struct row_names names;
    bool was_there;
};

/* One step's rows. */
struct erasing {
    struct eraser *e;
    struct arena arena;
    struct doomed rows[ERASE_STEP_ROWS];
    size_t count;
    uint64_t *blocks; /* to be marked, each once */
    size_t block_count, block_cap;
};

void eraser_init(struct eraser *e, struct store *s, struct search *search, struct store_reader *r,
                 enum erase_marks marks)
{
    *e = (struct eraser){.store = s, .search = search, .reader = r, .marks = marks};
}

/* --- which rows --- */

static void select_doomed(struct query *q, struct store_reader *r,
                          const struct request_filter *filter)
{
    query_init(q, reader_select, r, filter);
}

static enum err read_doomed(struct erasing *x, struct query *q, struct fail *f)
{
    struct store_reader *r = x->e->reader;
    enum err err = ERR_OK;
    while (x->count < ERASE_STEP_ROWS && query_next(q, &err, f)) {
        struct doomed *d = &x->rows[x->count++];
        int at = READER_COLUMNS;
        *d = (struct doomed){.oldest_block = (uint64_t)column_number(q->rows, READER_COLUMNS - 1)};
        d->detail = (struct piece_at){(uint64_t)column_number(q->rows, at),
                                      (uint32_t)column_number(q->rows, at + 1),
                                      (uint32_t)column_number(q->rows, at + 2)};
        reader_row(r, q->rows, &d->record);
        record_keep(&d->record, &x->arena);
    }
    return reader_end(r, err, f);
}

/* --- which blocks --- */

static void add_block(struct erasing *x, uint64_t block)
{
    for (size_t i = x->block_count; i-- > 0;)
        if (x->blocks[i] == block)
            return;
    if (x->block_count == x->block_cap) {
        x->block_cap = x->block_cap ? x->block_cap * 2 : 64;
        x->blocks = mem_resize(x->blocks, x->block_cap * sizeof *x->blocks);
    }
    x->blocks[x->block_count++] = block;
}

static void note_range(struct piece_at at, void *owner)
{
    add_block(owner, at.block);
}

static enum err find_blocks(struct erasing *x, struct fail *f)
{
    for (size_t i = 0; i < x->count; i++) {
        const struct doomed *d = &x->rows[i];
        enum err err = reader_ranges(x->e->reader, d->detail, note_range, x, f);
        if (err == ERR_CORRUPT) /* of what it can be put together nobody knows */
            for (uint64_t block = d->oldest_block; block <= d->detail.block; block++)
                add_block(x, block);
        else if (err)
            return err;
    }
    return ERR_OK;
}

static enum err mark(struct store *s, uint64_t from, uint64_t to, struct fail *f)
{
    const int64_t span[] = {(int64_t)from, (int64_t)to};
    return from > to ? ERR_OK
                     : database_change(&s->db,
                                       "INSERT INTO scrubs (chain, is_due) SELECT DISTINCT chain, 0"
                                       " FROM blocks WHERE number BETWEEN ? AND ?"
                                       " ON CONFLICT (chain) DO UPDATE SET is_due = 0",
                                       span, 2, NULL, f);
}

/* What has been marked by earlier steps is not looked at again. */
static enum err mark_span(struct erasing *x, struct fail *f)
{
    struct eraser *e = x->e;
    uint64_t from = UINT64_MAX, to = 0;
    for (size_t i = 0; i < x->count; i++) {
        from = MIN_OF(from, x->rows[i].oldest_block);
        to = MAX_OF(to, x->rows[i].detail.block);
    }
    if (!e->marked_to) {
        e->marked_from = from;
        e->marked_to = to;
        return mark(e->store, from, to, f);
    }
    enum err err = mark(e->store, from, e->marked_from - 1, f);
    if (!err)
        err = mark(e->store, e->marked_to + 1, to, f);
    e->marked_from = MIN_OF(from, e->marked_from);
    e->marked_to = MAX_OF(to, e->marked_to);
    return err;
}

static enum err mark_blocks(struct erasing *x, struct fail *f)
{
    enum err err = ERR_OK;
    if (x->e->marks == ERASE_MARKS_SPAN)
        return mark_span(x, f);
    for (size_t i = 0; i < x->block_count && !err; i++)
        err = mark(x->e->store, x->blocks[i], x->blocks[i], f);
    return err;
}

/* --- rows and sums --- */

static enum err delete_row(struct statement *q, struct doomed *d, struct fail *f)
{
    bind_blob(q, 1, str_make(d->record.id.bytes, sizeof d->record.id.bytes));
    enum err err = statement_run(q, f);
    d->was_there = !err && statement_changes(q) > 0;
    return err;
}

static enum err delete_rows(struct erasing *x, struct fail *f)
{
    struct store *s = x->e->store;
    struct statement *q;
    int64_t gone[] = {0, 0};
    enum err err = database_prepare(&s->db, "DELETE FROM requests WHERE id = ?", &q, f);
    for (size_t i = 0; i < x->count && !err; i++) {
        struct doomed *d = &x->rows[i];
        err = delete_row(q, d, f);
        if (err || !d->was_there)
            continue;
        gone[0]++;
        gone[1] += d->record.request_bytes + d->record.response_bytes;
        err = rollup_names(s, &d->record, &d->names, f);
        if (err)
            break;
        err = rollup_subtract(s, &d->record, &d->names, f);
    }
    statement_free(q);
    if (!err)
        err = rollup_write(s, f);
    if (!err)
        err = database_change(&s->db,
                              "UPDATE totals SET requests = requests - ?1, raw_bytes = raw_bytes - ?2,"
                              " erased = erased + ?1",
                              gone, 2, NULL, f);
    x->e->deleted += err ? 0 : gone[0];
    return err;
}

/* --- sessions and conversations --- */

static const char *const session_steps[] = {
    "DELETE FROM session_agents WHERE session = ?1 AND NOT EXISTS (SELECT 1 FROM requests WHERE"
    " session = ?1 AND agent = session_agents.agent)",
    "DELETE FROM sessions WHERE session = ?1 AND NOT EXISTS (SELECT 1 FROM requests WHERE"
    " session = ?1)",
    "UPDATE sessions SET agent_count = (SELECT count(*) FROM session_agents WHERE session = ?1),"
    " first_us = (SELECT min(started_us) FROM requests WHERE session = ?1),"
    " last_us = (SELECT max(started_us) FROM requests WHERE session = ?1),"
    " title = (SELECT title FROM requests WHERE session = ?1 AND title IS NOT NULL"
    " ORDER BY id LIMIT 1),"
    " model = (SELECT model FROM requests WHERE session = ?1 AND model IS NOT NULL"
    " ORDER BY id DESC LIMIT 1),"
    " client = (SELECT client FROM requests WHERE session = ?1 AND client IS NOT NULL"
    " ORDER BY id LIMIT 1) WHERE session = ?1",
};

#define OF_SESSION " session = ?2 AND conversation = ?1"
#define OF_NOBODY  " session IS NULL AND conversation = ?1"
#define EMPTY_CONVERSATION(rows)                                                                   \
    "DELETE FROM conversations WHERE conversation = ?1 AND NOT EXISTS (SELECT 1 FROM requests"    \
    " WHERE" rows ")"
#define CONVERSATION_SUMS(rows)                                                                    \
    "UPDATE conversations SET (request_count, error_count, first_us, last_us, message_count,"     \
    " input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens,"         \
    " cache_creation_5m_tokens, cache_creation_1h_tokens, web_search_requests, cost_usd_micro,"   \
    " unknown_cost_count) = (SELECT"                                                              \
    " count(*), coalesce(sum(CASE WHEN state <> 1 THEN 1 ELSE 0 END), 0), min(started_us),"       \
    " max(started_us), coalesce(max(message_count), 0), coalesce(sum(input_tokens), 0),"          \
    " coalesce(sum(output_tokens), 0), coalesce(sum(cache_read_input_tokens), 0),"                \
    " coalesce(sum(cache_creation_input_tokens), 0), coalesce(sum(cache_creation_5m_tokens), 0)," \
    " coalesce(sum(cache_creation_1h_tokens), 0), coalesce(sum(web_search_requests), 0),"         \
    " coalesce(sum(cost_usd_micro), 0), coalesce(sum(CASE WHEN " COST_IS_UNKNOWN                  \
    " THEN 1 ELSE 0 END), 0)"                                                                     \
    " FROM requests WHERE" rows "),"                                                              \
    " title = (SELECT title FROM requests WHERE" rows " AND title IS NOT NULL ORDER BY id"        \
    " LIMIT 1), model = (SELECT model FROM requests WHERE" rows " AND model IS NOT NULL"          \
    " ORDER BY id DESC LIMIT 1) WHERE conversation = ?1"

static const char *const conversation_steps[2][2] = {
    {EMPTY_CONVERSATION(OF_NOBODY), CONVERSATION_SUMS(OF_NOBODY)},
    {EMPTY_CONVERSATION(OF_SESSION), CONVERSATION_SUMS(OF_SESSION)},
};

static enum err look_at_session(struct store *s, int64_t session, struct fail *f)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(session_steps) && !err; i++)
        err = database_change(&s->db, session_steps[i], &session, 1, NULL, f);
    return err;
}

static enum err look_at_conversation(struct store *s, const struct doomed *d, struct fail *f)
{
    bool has_session = d->names.session != 0;
    const int64_t key[] = {d->record.conversation, d->names.session};
    enum err err = ERR_OK;
    for (size_t i = 0; i < 2 && !err; i++)
        err = database_change(&s->db, conversation_steps[has_session][i], key,
                              has_session ? 2 : 1, NULL, f);
    return err;
}

/* Each once. */
static enum err look_again(struct erasing *x, struct fail *f)
{
    struct store *s = x->e->store;
    enum err err = ERR_OK;
    for (size_t i = 0; i < x->count && !err; i++) {
        const struct doomed *d = &x->rows[i];
        bool knows_session = !d->names.session, knows_conversation = d->record.conversation <= 0;
        if (!d->was_there)
            continue;
        for (size_t j = 0; j < i; j++) {
            const struct doomed *other = &x->rows[j];
            knows_session |= other->was_there && other->names.session == d->names.session;
            knows_conversation |= other->was_there && other->record.conversation ==
                                                          d->record.conversation;
        }
        if (!knows_session)
            err = look_at_session(s, d->names.session, f);
        if (!err && !knows_conversation)
            err = look_at_conversation(s, d, f);
    }
    return err;
}

/* --- all of it --- */

static enum err forget_texts(struct erasing *x, struct fail *f)
{
    struct search_gone gone[ERASE_STEP_ROWS];
    if (!x->e->search)
        return ERR_OK;
    for (size_t i = 0; i < x->count; i++) {
        const struct record *r = &x->rows[i].record;
        gone[i] = (struct search_gone){r->id, r->session_id, r->agent_id,
                                       MAX_OF(r->conversation, 0)};
    }
    return search_forget(x->e->search, gone, x->count, f);
}

static enum err erase_rows(struct erasing *x, struct fail *f)
{
    struct store *s = x->e->store;
    struct eraser before = *x->e;
    enum err err = ERR_OK;
    if (x->e->marks == ERASE_MARKS_EXACT)
        err = find_blocks(x, f);
    if (!err)
        err = forget_texts(x, f); /* first, so that a crash leaves none behind */
    if (err)
        return err;
    uv_mutex_lock(&s->writing);
    store_wipes(s, true);
    err = database_begin(&s->db, f);
    if (!err)
        err = delete_rows(x, f);
    if (!err)
        err = look_again(x, f);
    if (!err && x->e->marks != ERASE_MARKS_NOTHING)
        err = mark_blocks(x, f);
    if (!err && s->engine->announce_gone)
        err = s->engine->announce_gone(s, f);
    if (!err)
        err = database_commit(&s->db, f);
    if (err) {
        commit_undo(s);
        *x->e = before;
    }
    store_wipes(s, false);
    s->needs_maintenance = true;
    uv_mutex_unlock(&s->writing);
    if (!err && x->e->search)
        search_note_erased(x->e->search, x->e->deleted - before.deleted);
    return err ? err : forget_texts(x, f); /* and those that were indexed meanwhile */
}

static enum err erase_on_full_disk(struct erasing *x, struct fail *f)
{
    enum err err = erase_rows(x, f);
    return err == ERR_FULL && store_make_room(x->e->store) ? erase_rows(x, f) : err;
}

static struct erasing *erasing_new(struct eraser *e)
{
    struct erasing *x = MEM_NEW(struct erasing);
    x->e = e;
    arena_init(&x->arena);
    return x;
}

static void erasing_free(struct erasing *x)
{
    arena_release(&x->arena);
    free(x->blocks);
    free(x);
}

enum err eraser_step(struct eraser *e, const struct request_filter *filter,
                     const struct uuid *until, int limit, bool *more, struct fail *f)
{
    enum err err = reader_begin(e->reader, f);
    if (err)
        return err;
    struct erasing *x = erasing_new(e);
    struct query q;
    limit = MIN_OF(limit, (int)ERASE_STEP_ROWS);
    select_doomed(&q, e->reader, filter);
    if (e->has_begun)
        query_id(&q, " AND id > ?", &e->after);
    query_id(&q, " AND id <= ?", until);
    query_number(&q, " ORDER BY id LIMIT ?", limit);
    err = read_doomed(x, &q, f);
    query_release(&q);
    *more = x->count == (size_t)limit;
    if (!err && x->count)
        err = erase_on_full_disk(x, f);
    if (!err && x->count) {
        e->after = x->rows[x->count - 1].record.id;
        e->has_begun = true;
    }
    erasing_free(x);
    return err;
}

enum err eraser_one(struct eraser *e, const struct uuid *id, struct fail *f)
{
    enum err err = reader_begin(e->reader, f);
    if (err)
        return err;
    struct erasing *x = erasing_new(e);
    struct query q;
    int64_t before = e->deleted;
    select_doomed(&q, e->reader, &(struct request_filter){0});
    query_id(&q, " AND id = ?", id);
    err = read_doomed(x, &q, f);
    query_release(&q);
    if (!err && x->count)
        err = erase_on_full_disk(x, f);
    erasing_free(x);
    return err ? err : e->deleted > before ? ERR_OK : ERR_NOT_FOUND;
}
