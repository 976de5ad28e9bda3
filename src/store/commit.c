/*
 * commit.c — a batch becomes rows, in one transaction.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/tool_list.h"
#include "store/conversation_sums.h"
#include "store/keeping.h"
#include "store/rollup.h"

/* "name," and "?," for every column of the table that struct record has a member for */
#define COLUMN(name, kind, member) #name ","
static const char column_names[] =
#include "store/columns.def"
    ;
#undef COLUMN
#define COLUMN(name, kind, member) "?,"
static const char column_marks[] =
#include "store/columns.def"
    ;
#undef COLUMN

enum column_kind { NAME, TEXT, RAW, NUMBER };

enum {
#define COLUMN(name, kind, member) COLUMN_##name,
#include "store/columns.def"
#undef COLUMN
    COLUMNS
};

static const struct column {
    enum column_kind kind;
    size_t at, size;
} columns[] = {
#define COLUMN(name, kind, member)                                                                 \
    {kind, offsetof(struct record, member), sizeof(((struct record *)0)->member)},
#include "store/columns.def"
#undef COLUMN
};

#define USAGE_COLUMNS                                                                              \
    "input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens,"          \
    " cache_creation_5m_tokens, cache_creation_1h_tokens, web_search_requests"
#define SUM(table, column) #column " = " #table "." #column " + excluded." #column
#define SUM_USAGE(table)                                                                           \
    SUM(table, input_tokens) "," SUM(table, output_tokens) ","                                    \
    SUM(table, cache_read_input_tokens) "," SUM(table, cache_creation_input_tokens) ","           \
    SUM(table, cache_creation_5m_tokens) "," SUM(table, cache_creation_1h_tokens) ","             \
    SUM(table, web_search_requests)

static const char *const sql[WRITE_STATEMENTS] = {
    [WRITE_BLOCK] = "INSERT INTO blocks (number, chain, raw_len, data) VALUES (?,?,?,?)"
                    " ON CONFLICT (number) DO UPDATE SET raw_len = excluded.raw_len,"
                    " data = excluded.data WHERE blocks.raw_len < excluded.raw_len",
    [WRITE_PIECE] = "INSERT INTO pieces (high, low, len, block, start) VALUES (?,?,?,?,?)"
                    " ON CONFLICT DO NOTHING",
    [WRITE_SESSION] =
        "INSERT INTO sessions (session, first_us, last_us, request_count, error_count,"
        " agent_count, " USAGE_COLUMNS ", cost_usd_micro, unknown_cost_count, title, model, client,"
        " project) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (session) DO UPDATE SET"
        " first_us = CASE WHEN excluded.first_us < sessions.first_us THEN excluded.first_us"
        " ELSE sessions.first_us END,"
        " last_us = CASE WHEN excluded.last_us > sessions.last_us THEN excluded.last_us"
        " ELSE sessions.last_us END,"
        SUM(sessions, request_count) "," SUM(sessions, error_count) ","
        SUM(sessions, agent_count) "," SUM_USAGE(sessions) ","
        SUM(sessions, cost_usd_micro) "," SUM(sessions, unknown_cost_count) ","
        " title = coalesce(sessions.title, excluded.title),"
        " model = CASE WHEN excluded.last_us >= sessions.last_us"
        " THEN coalesce(excluded.model, sessions.model) ELSE sessions.model END,"
        " client = coalesce(sessions.client, excluded.client),"
        " project = coalesce(sessions.project, excluded.project)",
    [WRITE_SESSION_AGENT] = "INSERT INTO session_agents (session, agent) VALUES (?,?)"
                            " ON CONFLICT DO NOTHING",
    /* a batch seldom has rows of more than one hour */
    [WRITE_SPAN] =
        "INSERT INTO spans (hour, first_block, last_block, oldest_block) VALUES (?,?,?,?)"
        " ON CONFLICT (hour) DO UPDATE SET"
        " first_block = CASE WHEN excluded.first_block < spans.first_block"
        " THEN excluded.first_block ELSE spans.first_block END,"
        " last_block = CASE WHEN excluded.last_block > spans.last_block"
        " THEN excluded.last_block ELSE spans.last_block END,"
        " oldest_block = CASE WHEN excluded.oldest_block < spans.oldest_block"
        " THEN excluded.oldest_block ELSE spans.oldest_block END",
    /* it was where nothing may be shared any more */
    [MOVE_PIECE] = "UPDATE pieces SET block = ?, start = ? WHERE high = ? AND low = ? AND len = ?",
    [FIND_PIECE] = "SELECT block, start FROM pieces WHERE high = ? AND low = ? AND len = ?",
    [UPDATE_CONVERSATION] = conversation_update_sql,
    [WRITE_CONVERSATION] = conversation_write_sql,
    [WRITE_SESSION_CONVERSATION] = conversation_write_session_sql,
    [HAS_REQUEST] = "SELECT 1 FROM requests WHERE id = ?",
    [FIND_TURN] = store_find_turn_sql,
    [FIND_MAIN_TURNS] = store_main_turns_sql,
    [FIND_AGENT_TURNS] = store_agent_turns_sql,
    [WRITE_TOOL_SET] = "INSERT INTO tool_sets (tool, tools) VALUES (?,?) ON CONFLICT DO NOTHING",
    [READ_CELL] = "SELECT data FROM rollups WHERE span = ? AND start = ? AND lane = ? AND"
                  " model = ? AND response_model = ? AND provider = ? AND state = ? AND"
                  " status = ? AND agent_type = ? AND project = ?",
    [COUNT_CELLS] = "SELECT count(*) FROM rollups WHERE span = ? AND start = ? AND lane = ?",
    [WRITE_CELL] = "INSERT INTO rollups (span, start, lane, model, response_model, provider,"
                   " state, status, agent_type, project, data) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
                   " ON CONFLICT (span, start, lane, model, response_model, provider, state,"
                   " status, agent_type, project) DO UPDATE SET data = excluded.data",
    [DELETE_CELL] = "DELETE FROM rollups WHERE span = ? AND start = ? AND lane = ? AND"
                    " model = ? AND response_model = ? AND provider = ? AND state = ? AND"
                    " status = ? AND agent_type = ? AND project = ?",
};

/* What a batch adds to the totals. */
struct totals {
    int64_t requests, pieces, blocks, raw_bytes, stored_bytes;
};

enum err commit_prepare(struct store *s, struct fail *f)
{
    char insert[2048];
    int len = snprintf(insert, sizeof insert,
                       "INSERT INTO requests (%s detail_block, detail_offset, detail_len,"
                       " oldest_block, id) VALUES (%s ?,?,?,?,?) ON CONFLICT DO NOTHING", column_names, column_marks);
    assert(len < (int)sizeof insert);
    enum err err = database_prepare(&s->db, insert, &s->statements[WRITE_REQUEST], f);
    if (!err)
        err = database_prepare(&s->db, s->engine->write_totals, &s->statements[WRITE_TOTALS], f);
    for (int i = 0; i < WRITE_STATEMENTS && !err; i++)
        if (sql[i])
            err = database_prepare(&s->db, sql[i], &s->statements[i], f);
    return err ? err : names_init(&s->names, &s->db, s->secret, s->engine->has_hashed_names, f);
}

void commit_release(struct store *s)
{
    for (int i = 0; i < WRITE_STATEMENTS; i++) {
        statement_free(s->statements[i]);
        s->statements[i] = NULL;
    }
    names_release(&s->names);
    rollup_release(s);
    conversation_sums_free(s->conversations);
    s->conversations = NULL;
}

static enum err write_block(struct store *s, const struct batch_block *b, int64_t *is_new,
                            struct fail *f)
{
    struct statement *q = s->statements[WRITE_BLOCK];
    bind_number(q, 1, (int64_t)b->number);
    bind_number(q, 2, (int64_t)b->chain);
    bind_number(q, 3, (int64_t)b->raw_len);
    bind_blob(q, 4, b->data);
    return statement_queue(q, is_new, f);
}

static void bind_key(struct statement *q, int at, const struct piece_key *key)
{
    bind_number(q, at, (int64_t)key->high);
    bind_number(q, at + 1, (int64_t)key->low);
    bind_number(q, at + 2, key->len);
}

static enum err move_piece(struct store *s, const struct batch_piece *p, struct fail *f)
{
    struct statement *q = s->statements[MOVE_PIECE];
    bind_number(q, 1, (int64_t)p->at.block);
    bind_number(q, 2, p->at.offset);
    bind_key(q, 3, &p->key);
    return statement_queue(q, NULL, f);
}

static enum err write_piece(struct store *s, const struct batch_piece *p, int64_t *new_pieces,
                            struct fail *f)
{
    if (p->is_moved)
        return move_piece(s, p, f);
    struct statement *q = s->statements[WRITE_PIECE];
    bind_key(q, 1, &p->key);
    bind_number(q, 4, (int64_t)p->at.block);
    bind_number(q, 5, p->at.offset);
    return statement_queue(q, new_pieces, f);
}

static void bind_member(struct statement *q, int at, const struct column *c, const char *member)
{
    int64_t wide;
    uint32_t narrow;
    switch (c->size) {
    case sizeof wide:
        memcpy(&wide, member, sizeof wide);
        if (wide == UNKNOWN)
            bind_null(q, at);
        else
            bind_number(q, at, wide);
        return;
    case sizeof narrow:
        memcpy(&narrow, member, sizeof narrow);
        bind_number(q, at, narrow);
        return;
    default:
        bind_number(q, at, *(const bool *)member);
    }
}

/* `*id`: the number of the text, where it has one, else 0. */
static enum err bind_column(struct store *s, int at, const struct column *c, const char *member,
                            int64_t *id, struct fail *f)
{
    *id = 0;
    struct statement *q = s->statements[WRITE_REQUEST];
    if (c->kind == NUMBER) {
        bind_member(q, at, c, member);
        return ERR_OK;
    }
    struct str text;
    memcpy(&text, member, sizeof text);
    if (c->kind == RAW || !text.len) {
        bind_text(q, at, text);
        return ERR_OK;
    }
    enum err err = names_id(&s->names, text, c->kind == NAME, id, f);
    if (!err)
        bind_number(q, at, *id);
    return err;
}

static enum err write_request(struct store *s, const struct batch_row *row,
                              struct written_row *w, struct fail *f)
{
    struct statement *q = s->statements[WRITE_REQUEST];
    int64_t ids[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        const char *member = (const char *)&row->record + columns[i].at;
        enum err err = bind_column(s, i + 1, &columns[i], member, &ids[i], f);
        if (err)
            return err;
    }
    w->names = (struct row_names){
        .session = ids[COLUMN_session], .agent = ids[COLUMN_agent], .model = ids[COLUMN_model],
        .response_model = ids[COLUMN_response_model], .provider = ids[COLUMN_provider],
        .title = ids[COLUMN_title], .client = ids[COLUMN_client],
        .agent_type = ids[COLUMN_agent_type], .project = ids[COLUMN_project],
        .tools = ids[COLUMN_tools],
    };
    bind_number(q, COLUMNS + 1, (int64_t)row->detail.block);
    bind_number(q, COLUMNS + 2, row->detail.offset);
    bind_number(q, COLUMNS + 3, row->detail.len);
    bind_number(q, COLUMNS + 4, (int64_t)(row->oldest_block ? row->oldest_block
                                                            : row->detail.block));
    bind_blob(q, COLUMNS + 5, str_make(row->record.id.bytes, 16));
    return statement_queue(q, &w->is_new, f);
}

static enum err write_agent(struct store *s, struct written_row *w, struct fail *f)
{
    if (!w->names.session || !w->names.agent)
        return ERR_OK;
    struct statement *q = s->statements[WRITE_SESSION_AGENT];
    bind_number(q, 1, w->names.session);
    bind_number(q, 2, w->names.agent);
    return statement_queue(q, &w->is_new_agent, f);
}

/* Which tools a list of them names, so that requests can be found by tool. */
static enum err write_tool_set(struct store *s, const struct batch_row *row, int64_t tools,
                               struct fail *f)
{
    int64_t *known = &s->tool_sets[tools & (TOOL_SETS_KNOWN - 1)];
    struct str text = row->record.tools;
    struct tool_count c;
    enum err err = ERR_OK;
    if (!tools || *known == tools)
        return ERR_OK;
    while (!err && tool_list_next(&text, &c)) {
        int64_t tool;
        struct statement *q = s->statements[WRITE_TOOL_SET];
        err = names_id(&s->names, c.name, true, &tool, f);
        bind_number(q, 1, tool);
        bind_number(q, 2, tools);
        if (!err)
            err = statement_queue(q, NULL, f);
    }
    if (!err)
        *known = tools;
    return err;
}

/* Nothing here waits for an answer: what was new is known when the database has settled. */
static enum err write_rows(struct store *s, const struct batch *b, struct written *w,
                           struct fail *f)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < b->block_count && !err; i++)
        err = write_block(s, &b->blocks[i], &w->new_blocks[i], f);
    for (size_t i = 0; i < b->piece_count && !err; i++)
        err = write_piece(s, &b->pieces[i], &w->new_pieces, f);
    for (size_t i = 0; i < b->row_count && !err; i++) {
        err = write_request(s, &b->rows[i], &w->rows[i], f);
        if (!err)
            err = write_agent(s, &w->rows[i], f);
        if (!err)
            err = write_tool_set(s, &b->rows[i], w->rows[i].names.tools, f);
    }
    return err;
}

/* And how far the journal is in the store now: where there is one writer that stands beside the
 * totals, in a page that is written anyway. */
static enum err write_totals(struct store *s, const struct totals *t, struct str journal_marks,
                             struct fail *f)
{
    struct statement *q = s->statements[WRITE_TOTALS];
    bind_number(q, 1, t->requests);
    bind_number(q, 2, t->pieces);
    bind_number(q, 3, t->blocks);
    bind_number(q, 4, t->raw_bytes);
    bind_number(q, 5, t->stored_bytes);
    if (journal_marks.len)
        bind_blob(q, 6, journal_marks);
    else
        bind_null(q, 6);
    if (s->engine->is_shared)
        bind_text(q, 7, str_of(s->node));
    return statement_queue(q, NULL, f);
}

/* What was stored before was counted before. */
static enum err write_sums(struct store *s, const struct batch *b, const struct written *w,
                           struct fail *f)
{
    struct totals t = {.pieces = w->new_pieces};
    enum err err = ERR_OK;
    for (size_t i = 0; i < b->block_count; i++)
        if (w->new_blocks[i]) {
            t.blocks += !b->blocks[i].known_len;
            t.stored_bytes += (int64_t)(b->blocks[i].data.len - b->blocks[i].known_len);
        }
    for (size_t i = 0; i < b->row_count && !err; i++) {
        const struct record *r = &b->rows[i].record;
        if (!w->rows[i].is_new)
            continue;
        t.requests++;
        t.raw_bytes += r->request_bytes + r->response_bytes;
        err = rollup_add(s, r, &w->rows[i].names, w->rows[i].is_new_agent, f);
        if (r->conversation > 0)
            conversation_sum_add(&s->conversations, r, &w->rows[i].names);
    }
    if (!err)
        err = rollup_write(s, f);
    if (!err)
        err = conversation_sums_write(s, f);
    if (!err)
        err = spans_write(s, b, f);
    return err ? err : write_totals(s, &t, b->journal_marks, f);
}

static enum err write_all(struct store *s, const struct batch *b, struct written *w,
                          struct fail *f)
{
    enum err err = write_rows(s, b, w, f);
    if (!err)
        err = database_settle(&s->db, f);
    if (!err)
        err = write_sums(s, b, w, f);
    if (!err && s->engine->announce)
        err = s->engine->announce(s, b, w, f);
    return err ? err : database_commit(&s->db, f);
}

void commit_forget(struct store *s)
{
    names_forget(&s->names);
    memset(s->months, 0, sizeof s->months);
    rollup_forget(s);
    conversation_sums_clear(s->conversations);
    memset(s->tool_sets, 0, sizeof s->tool_sets);
}

void commit_undo(struct store *s)
{
    database_rollback(&s->db);
    commit_forget(s);
}

static enum err transact(struct store *s, const struct batch *b, struct fail *f)
{
    struct written w = {.new_blocks = mem_zeroed(b->block_count * sizeof *w.new_blocks),
                        .rows = mem_zeroed(b->row_count * sizeof *w.rows)};
    enum err err = database_begin(&s->db, f);
    if (!err)
        err = write_all(s, b, &w, f);
    if (err)
        commit_undo(s);
    free(w.new_blocks);
    free(w.rows);
    return err;
}

/* For who has to know what was lost: told once. */
static enum err wake(struct store *s, struct fail *f)
{
    enum err err = store_wake(s, f);
    if (err || !s->is_set_back)
        return err;
    s->is_set_back = false;
    return fail(f, ERR_GONE, "the database has lost what it had taken: another server has taken"
                             " over that lagged behind");
}

static enum err commit(struct store *s, const struct batch *b, struct fail *f)
{
    enum err err = wake(s, f);
    if (!err && s->engine->make_places)
        err = s->engine->make_places(s, b, f);
    if (!err)
        err = transact(s, b, f);
    if (err) {
        if (err == ERR_CORRUPT && s->engine->suspect)
            s->engine->suspect(s);
        return err;
    }
    s->needs_maintenance = true;
    if (b->block_count) {
        s->committed_block = b->blocks[b->block_count - 1].number;
        s->next_block = MAX_OF(s->next_block, s->committed_block + 1);
    }
    if (s->engine->number_blocks(s, NULL))
        log_line(LOG_DEBUG, "no new block numbers now: the next commit tries again");
    return ERR_OK;
}

/* Else what waits in the journal would take the reserve. */
static bool is_for_deleting(const struct store *s)
{
    return s->room_made_ns && clock_mono_ns() - s->room_made_ns < KEEPING_ROOM_MS * UINT64_C(1000000);
}

enum err store_commit(struct store *s, const struct batch *batch, struct fail *f)
{
    uv_mutex_lock(&s->writing);
    enum err err = is_for_deleting(s)
                       ? fail(f, ERR_FULL, "the disk was full: what room there is, is for deleting")
                       : commit(s, batch, f);
    uv_mutex_unlock(&s->writing);
    return err;
}

bool store_find_piece(struct store *s, const struct piece_key *key, struct piece_at *at)
{
    if (!atomic_load(&s->is_ready))
        return false;
    uv_mutex_lock(&s->writing);
    struct statement *q = s->statements[FIND_PIECE];
    enum err err;
    bind_key(q, 1, key);
    bool is_found = statement_next(q, &err, NULL);
    if (is_found)
        *at = (struct piece_at){(uint64_t)column_number(q, 0),
                                (uint32_t)column_number(q, 1), key->len};
    statement_reset(q);
    uv_mutex_unlock(&s->writing);
    return is_found;
}

enum err store_has(struct store *s, const struct uuid *id, bool *is_there, struct fail *f)
{
    uv_mutex_lock(&s->writing);
    enum err err = wake(s, f);
    if (!err) {
        struct statement *q = s->statements[HAS_REQUEST];
        bind_blob(q, 1, str_make(id->bytes, 16));
        *is_there = statement_next(q, &err, f);
        statement_reset(q);
    }
    uv_mutex_unlock(&s->writing);
    return err;
}

enum err store_journal_marks(struct store *s, struct buf *out, struct fail *f)
{
    struct statement *q = NULL;
    uv_mutex_lock(&s->writing);
    enum err err = store_wake(s, f);
    if (!err)
        err = database_prepare(&s->db, s->engine->read_journal_marks, &q, f);
    if (!err && s->engine->is_shared)
        bind_text(q, 1, str_of(s->node));
    if (!err && statement_next(q, &err, f))
        err = buf_append(out, column_str(q, 0));
    statement_free(q);
    uv_mutex_unlock(&s->writing);
    return err;
}
