/*
 * commit.c — a batch becomes rows, in one transaction.
 */
#include <stdio.h>
#include <stdlib.h>

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
#define SUM(column) #column " = " #column " + excluded." #column
#define SUM_USAGE                                                                                  \
    SUM(input_tokens) "," SUM(output_tokens) "," SUM(cache_read_input_tokens) ","                 \
    SUM(cache_creation_input_tokens) "," SUM(cache_creation_5m_tokens) ","                        \
    SUM(cache_creation_1h_tokens) "," SUM(web_search_requests)

static const char *const sql[WRITE_STATEMENTS] = {
    [WRITE_BLOCK] = "INSERT INTO blocks (number, chain, raw_len, data) VALUES (?,?,?,?)"
                    " ON CONFLICT DO NOTHING",
    [WRITE_PIECE] = "INSERT INTO pieces (high, low, len, block, offset) VALUES (?,?,?,?,?)"
                    " ON CONFLICT DO NOTHING",
    [WRITE_ROLLUP] =
        "INSERT INTO rollups (hour, model, provider, state, request_count, error_count,"
        " " USAGE_COLUMNS ", request_bytes, response_bytes, duration_us_sum, ttfb_us_sum,"
        " ttfb_count) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT DO UPDATE SET " SUM(request_count) "," SUM(error_count) "," SUM_USAGE ","
        SUM(request_bytes) "," SUM(response_bytes) "," SUM(duration_us_sum) ","
        SUM(ttfb_us_sum) "," SUM(ttfb_count),
    [WRITE_SESSION] =
        "INSERT INTO sessions (session, first_us, last_us, request_count, error_count,"
        " agent_count, " USAGE_COLUMNS ", title, model, client)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT DO UPDATE SET first_us = min(first_us, excluded.first_us),"
        " last_us = max(last_us, excluded.last_us)," SUM(request_count) "," SUM(error_count) ","
        SUM(agent_count) "," SUM_USAGE ", title = coalesce(title, excluded.title),"
        " model = iif(excluded.last_us >= last_us, coalesce(excluded.model, model), model),"
        " client = coalesce(client, excluded.client)",
    [WRITE_SESSION_AGENT] = "INSERT INTO session_agents (session, agent) VALUES (?,?)"
                            " ON CONFLICT DO NOTHING",
    [WRITE_TOTALS] = "UPDATE totals SET requests = requests + ?, pieces = pieces + ?,"
                     " blocks = blocks + ?, raw_bytes = raw_bytes + ?,"
                     " stored_bytes = stored_bytes + ?",
    [FIND_PIECE] = "SELECT block, offset FROM pieces WHERE high = ? AND low = ? AND len = ?",
    [HAS_REQUEST] = "SELECT 1 FROM requests WHERE id = ?",
    [WRITE_BEGIN] = "BEGIN IMMEDIATE",
    [WRITE_COMMIT] = "COMMIT",
    [WRITE_ROLLBACK] = "ROLLBACK",
};

/* What a batch adds to the totals. */
struct totals {
    int64_t requests, pieces, blocks, raw_bytes, stored_bytes;
};

enum err commit_prepare(struct store *s, struct fail *f)
{
    char insert[2048];
    int len = snprintf(insert, sizeof insert,
                       "INSERT INTO requests (%s detail_block, detail_offset, detail_len, id)"
                       " VALUES (%s ?,?,?,?) ON CONFLICT DO NOTHING", column_names, column_marks);
    assert(len < (int)sizeof insert);
    enum err err = database_prepare(&s->db, insert, &s->statements[WRITE_REQUEST], f);
    for (int i = 0; i < WRITE_STATEMENTS && !err; i++)
        if (sql[i])
            err = database_prepare(&s->db, sql[i], &s->statements[i], f);
    return err ? err : names_init(&s->names, &s->db, s->secret, f);
}

void commit_release(struct store *s)
{
    for (int i = 0; i < WRITE_STATEMENTS; i++) {
        sqlite3_finalize(s->statements[i]);
        s->statements[i] = NULL;
    }
    names_release(&s->names);
    free(s->rollups);
    free(s->sessions);
    s->rollups = NULL;
    s->sessions = NULL;
    s->rollup_count = s->rollup_cap = s->session_count = s->session_cap = 0;
}

static enum err write_block(struct store *s, const struct batch_block *b, struct totals *t,
                            struct fail *f)
{
    sqlite3_stmt *q = s->statements[WRITE_BLOCK];
    sqlite3_bind_int64(q, 1, (int64_t)b->number);
    sqlite3_bind_int64(q, 2, (int64_t)b->chain);
    sqlite3_bind_int64(q, 3, (int64_t)b->raw_len);
    bind_blob(q, 4, b->data);
    enum err err = database_step(&s->db, q, f);
    if (!err && sqlite3_changes(s->db.handle)) {
        t->blocks++;
        t->stored_bytes += (int64_t)b->data.len;
    }
    return err;
}

static void bind_key(sqlite3_stmt *q, const struct piece_key *key)
{
    sqlite3_bind_int64(q, 1, (int64_t)key->high);
    sqlite3_bind_int64(q, 2, (int64_t)key->low);
    sqlite3_bind_int64(q, 3, key->len);
}

static enum err write_piece(struct store *s, const struct batch_piece *p, struct totals *t,
                            struct fail *f)
{
    sqlite3_stmt *q = s->statements[WRITE_PIECE];
    bind_key(q, &p->key);
    sqlite3_bind_int64(q, 4, (int64_t)p->at.block);
    sqlite3_bind_int64(q, 5, p->at.offset);
    enum err err = database_step(&s->db, q, f);
    t->pieces += !err && sqlite3_changes(s->db.handle);
    return err;
}

static void bind_number(sqlite3_stmt *q, int at, const struct column *c, const char *member)
{
    int64_t wide;
    uint32_t narrow;
    switch (c->size) {
    case sizeof wide:
        memcpy(&wide, member, sizeof wide);
        if (wide == UNKNOWN)
            sqlite3_bind_null(q, at);
        else
            sqlite3_bind_int64(q, at, wide);
        return;
    case sizeof narrow:
        memcpy(&narrow, member, sizeof narrow);
        sqlite3_bind_int64(q, at, narrow);
        return;
    default:
        sqlite3_bind_int(q, at, *(const bool *)member);
    }
}

/* `*id`: the number of the text, where it has one, else 0. */
static enum err bind_column(struct store *s, int at, const struct column *c, const char *member,
                            int64_t *id, struct fail *f)
{
    *id = 0;
    sqlite3_stmt *q = s->statements[WRITE_REQUEST];
    if (c->kind == NUMBER) {
        bind_number(q, at, c, member);
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
        sqlite3_bind_int64(q, at, *id);
    return err;
}

static enum err insert_request(struct store *s, const struct batch_row *row,
                               struct row_names *names, struct fail *f)
{
    sqlite3_stmt *q = s->statements[WRITE_REQUEST];
    int64_t ids[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        const char *member = (const char *)&row->record + columns[i].at;
        enum err err = bind_column(s, i + 1, &columns[i], member, &ids[i], f);
        if (err)
            return err;
    }
    *names = (struct row_names){
        .session = ids[COLUMN_session], .agent = ids[COLUMN_agent], .model = ids[COLUMN_model],
        .provider = ids[COLUMN_provider], .title = ids[COLUMN_title],
        .client = ids[COLUMN_client],
    };
    sqlite3_bind_int64(q, COLUMNS + 1, (int64_t)row->detail.block);
    sqlite3_bind_int64(q, COLUMNS + 2, row->detail.offset);
    sqlite3_bind_int64(q, COLUMNS + 3, row->detail.len);
    bind_blob(q, COLUMNS + 4, str_make(row->record.id.bytes, 16));
    return database_step(&s->db, q, f);
}

static enum err add_agent(struct store *s, const struct row_names *names, bool *is_new,
                          struct fail *f)
{
    *is_new = false;
    if (!names->agent)
        return ERR_OK;
    sqlite3_stmt *q = s->statements[WRITE_SESSION_AGENT];
    sqlite3_bind_int64(q, 1, names->session);
    sqlite3_bind_int64(q, 2, names->agent);
    enum err err = database_step(&s->db, q, f);
    *is_new = !err && sqlite3_changes(s->db.handle);
    return err;
}

static enum err write_row(struct store *s, const struct batch_row *row, struct totals *t,
                          struct fail *f)
{
    const struct record *r = &row->record;
    struct row_names names;
    enum err err = insert_request(s, row, &names, f);
    if (err || !sqlite3_changes(s->db.handle)) /* stored before: counted before */
        return err;
    t->requests++;
    t->raw_bytes += r->request_bytes + r->response_bytes;
    rollup_add(s, r, &names);
    bool is_new_agent;
    if (!names.session)
        return ERR_OK;
    err = add_agent(s, &names, &is_new_agent, f);
    if (!err)
        session_sum_add(s, r, &names, is_new_agent);
    return err;
}

static enum err write_totals(struct store *s, const struct totals *t, struct fail *f)
{
    sqlite3_stmt *q = s->statements[WRITE_TOTALS];
    sqlite3_bind_int64(q, 1, t->requests);
    sqlite3_bind_int64(q, 2, t->pieces);
    sqlite3_bind_int64(q, 3, t->blocks);
    sqlite3_bind_int64(q, 4, t->raw_bytes);
    sqlite3_bind_int64(q, 5, t->stored_bytes);
    return database_step(&s->db, q, f);
}

static enum err write_all(struct store *s, const struct batch *b, struct fail *f)
{
    struct totals totals = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < b->block_count && !err; i++)
        err = write_block(s, &b->blocks[i], &totals, f);
    for (size_t i = 0; i < b->piece_count && !err; i++)
        err = write_piece(s, &b->pieces[i], &totals, f);
    for (size_t i = 0; i < b->row_count && !err; i++)
        err = write_row(s, &b->rows[i], &totals, f);
    if (!err)
        err = rollup_write(s, f);
    if (!err)
        err = write_totals(s, &totals, f);
    if (!err)
        err = database_step(&s->db, s->statements[WRITE_COMMIT], f);
    return err;
}

static void undo(struct store *s)
{
    for (int i = 0; i < WRITE_STATEMENTS; i++)
        sqlite3_reset(s->statements[i]);
    if (!sqlite3_get_autocommit(s->db.handle)) {
        sqlite3_step(s->statements[WRITE_ROLLBACK]);
        sqlite3_reset(s->statements[WRITE_ROLLBACK]);
    }
    names_forget(&s->names);
    s->rollup_count = s->session_count = 0;
}

static enum err commit(struct store *s, const struct batch *batch, struct fail *f)
{
    enum err err = database_step(&s->db, s->statements[WRITE_BEGIN], f);
    if (!err)
        err = write_all(s, batch, f);
    if (err) {
        undo(s);
        if (err == ERR_CORRUPT)
            store_suspect(s);
        return err;
    }
    s->needs_maintenance = true;
    if (batch->block_count)
        s->next_block = MAX_OF(s->next_block, batch->blocks[batch->block_count - 1].number + 1);
    return ERR_OK;
}

enum err store_commit(struct store *s, const struct batch *batch, struct fail *f)
{
    uv_mutex_lock(&s->writing);
    enum err err = commit(s, batch, f);
    uv_mutex_unlock(&s->writing);
    return err;
}

bool store_find_piece(struct store *s, const struct piece_key *key, struct piece_at *at)
{
    uv_mutex_lock(&s->writing);
    sqlite3_stmt *q = s->statements[FIND_PIECE];
    bind_key(q, key);
    bool is_found = sqlite3_step(q) == SQLITE_ROW;
    if (is_found)
        *at = (struct piece_at){(uint64_t)sqlite3_column_int64(q, 0),
                                (uint32_t)sqlite3_column_int64(q, 1), key->len};
    sqlite3_reset(q);
    uv_mutex_unlock(&s->writing);
    return is_found;
}

bool store_has(struct store *s, const struct uuid *id)
{
    uv_mutex_lock(&s->writing);
    sqlite3_stmt *q = s->statements[HAS_REQUEST];
    bind_blob(q, 1, str_make(id->bytes, 16));
    bool is_found = sqlite3_step(q) == SQLITE_ROW;
    sqlite3_reset(q);
    uv_mutex_unlock(&s->writing);
    return is_found;
}
