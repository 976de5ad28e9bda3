/*
 * search_file.c — one generation of the search index: opening it, and adding to it.
 */
#include "store/search_file.h"

#include <stdio.h>

#include <xxhash.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/search_chunk.h"
#include "store/sqlite_driver.h"
#include "store/sqlite_words.h"

enum { SEARCH_VERSION = 6, TAGS_MAX = 160 /* bytes */ };

static const char schema[] =
    "CREATE TABLE about (one INTEGER PRIMARY KEY CHECK (one = 1), begun_us, first_us, last_us,"
    " requests, texts, text_bytes, erased, store INTEGER NOT NULL);"
    "CREATE TABLE cursors (range INTEGER PRIMARY KEY, block INTEGER NOT NULL,"
    " offset INTEGER NOT NULL, is_done INTEGER NOT NULL);"
    "CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
    "CREATE TABLE threads (id INTEGER PRIMARY KEY, session INTEGER NOT NULL,"
    " agent INTEGER NOT NULL, UNIQUE (session, agent));"
    "CREATE TABLE visits (id INTEGER PRIMARY KEY, request BLOB NOT NULL, started_us INTEGER NOT NULL,"
    " thread INTEGER NOT NULL, model INTEGER NOT NULL, first_text INTEGER NOT NULL,"
    " text_count INTEGER NOT NULL);"
    "CREATE INDEX visits_request ON visits (request);"
    "CREATE INDEX visits_started ON visits (started_us, first_text, text_count);"
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, tool INTEGER NOT NULL,"
    " visit INTEGER NOT NULL, chunk INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " len INTEGER NOT NULL);"
    "CREATE TABLE keys (key INTEGER PRIMARY KEY, text INTEGER NOT NULL);"
    "CREATE TABLE seen (thread INTEGER NOT NULL, text INTEGER NOT NULL, visit INTEGER NOT NULL,"
    " PRIMARY KEY (thread, text)) WITHOUT ROWID;"
    "CREATE INDEX seen_text ON seen (text);"
    "CREATE INDEX seen_visit ON seen (visit);"
    "CREATE TABLE chunks (id INTEGER PRIMARY KEY, live INTEGER NOT NULL, raw_len INTEGER NOT NULL,"
    " data BLOB NOT NULL);"
    "CREATE VIRTUAL TABLE found USING fts5(text, tags, content='', columnsize=0, detail=none,"
    " tokenize='words');"
    "INSERT INTO found (found, rank) VALUES ('usermerge', 2);"
    "CREATE TABLE again (session TEXT NOT NULL, agent TEXT NOT NULL, conversation INTEGER NOT NULL,"
    " after BLOB NOT NULL, idle INTEGER NOT NULL, PRIMARY KEY (session, agent, conversation))"
    " WITHOUT ROWID;"
    "PRAGMA user_version = 6;";

static const char *const sql[FILE_STATEMENTS] = {
    [FILE_NAME] = "SELECT id FROM names WHERE text = ?",
    [FILE_ADD_NAME] = "INSERT INTO names (text) VALUES (?)",
    [FILE_THREAD] = "SELECT id FROM threads WHERE session = ? AND agent = ?",
    [FILE_ADD_THREAD] = "INSERT INTO threads (session, agent) VALUES (?, ?)",
    [FILE_KEY] = "SELECT k.text, v.thread FROM keys k LEFT JOIN texts t ON t.id = k.text"
                 " LEFT JOIN visits v ON v.id = t.visit WHERE k.key = ?",
    [FILE_ADD_KEY] = "INSERT INTO keys (key, text) VALUES (?, ?)",
    [FILE_DROP_KEY] = "DELETE FROM keys WHERE key = ?",
    [FILE_ADD_TEXT] = "INSERT INTO texts (id, kind, tool, visit, chunk, offset, len)"
                      " VALUES (?,?,?,?,?,?,?)",
    [FILE_ADD_FOUND] = "INSERT INTO found (rowid, text, tags) VALUES (?, ?, ?)",
    [FILE_DROP_FOUND] =
        "INSERT INTO found (found, rowid, text, tags) VALUES ('delete', ?, ?, ?)",
    [FILE_ADD_VISIT] = "INSERT INTO visits (id, request, started_us, thread, model, first_text,"
                       " text_count) VALUES (?,?,?,?,?,?,?)",
    [FILE_ADD_SEEN] = "INSERT INTO seen (thread, text, visit) VALUES (?,?,?)"
                      " ON CONFLICT DO NOTHING",
    [FILE_ADD_CHUNK] = "INSERT INTO chunks (id, live, raw_len, data) VALUES (?,?,?,?)"
                       " ON CONFLICT (id) DO UPDATE SET live = excluded.live,"
                       " raw_len = excluded.raw_len, data = excluded.data",
    [FILE_TEXT] = "SELECT id, kind, tool, visit, chunk, offset, len FROM texts WHERE id = ?",
    [FILE_VISIT] = "SELECT v.id, v.request, v.started_us, v.thread, h.session, h.agent, v.model,"
                   " v.first_text, v.text_count FROM visits v JOIN threads h ON h.id = v.thread"
                   " WHERE v.id = ?",
    [FILE_CHUNK_ROOM] = "SELECT raw_len, live FROM chunks WHERE id = ?",
    [FILE_CHUNK] = "SELECT raw_len, data FROM chunks WHERE id = ?",
    [FILE_NOTE] = "UPDATE about SET begun_us = ?, first_us = ?, last_us = ?, requests = ?,"
                  " texts = ?, text_bytes = ?, erased = ?",
    [FILE_SET_CURSOR] = "INSERT INTO cursors (range, block, offset, is_done) VALUES (?,?,?,?)"
                        " ON CONFLICT (range) DO UPDATE SET block = excluded.block,"
                        " offset = excluded.offset, is_done = excluded.is_done",
    [FILE_VISITS_OF] = "SELECT id FROM visits WHERE request = ? LIMIT 1",
    [FILE_TEXTS_OF] = "SELECT id FROM texts WHERE id >= ? AND id < ? AND visit = ? LIMIT 1",
    [FILE_GIFTS_OF] = "SELECT s.text FROM seen s JOIN texts t ON t.id = s.text"
                      " WHERE s.visit = ?1 AND t.visit = ?1 LIMIT 1",
    [FILE_NEXT_SEEN] = "SELECT visit FROM seen WHERE text = ? AND visit <> ? ORDER BY visit LIMIT 1",
    [FILE_DROP_SEEN_OF] = "DELETE FROM seen WHERE visit = ?",
    [FILE_MOVE_TEXT] = "UPDATE texts SET visit = ? WHERE id = ?",
    [FILE_DROP_TEXT] = "DELETE FROM texts WHERE id = ?",
    [FILE_SET_CHUNK] = "UPDATE chunks SET live = live - 1, data = ? WHERE id = ?",
    [FILE_DROP_CHUNK] = "DELETE FROM chunks WHERE id = ? AND live <= 0",
    [FILE_DROP_VISIT] = "DELETE FROM visits WHERE id = ?",
    [FILE_NAME_TEXT] = "SELECT text FROM names WHERE id = ?",
    [FILE_FIND] = "SELECT rowid FROM found WHERE found MATCH ? AND rowid >= ? AND rowid <= ?"
                  " ORDER BY rowid DESC",
    [FILE_FIND_ONE] = "SELECT rowid FROM found WHERE found MATCH ? AND rowid = ?",
    [FILE_RANGE] = "SELECT coalesce(min(first_text), 1), coalesce(max(first_text + text_count), 1)"
                   " FROM visits WHERE started_us >= ? AND started_us < ? AND text_count > 0",
    [FILE_SEEN_BY_THREAD] =
        "SELECT s.text, s.visit FROM threads h CROSS JOIN seen s ON s.thread = h.id"
        " JOIN visits v ON v.id = s.visit WHERE v.started_us >= ?1 AND v.started_us < ?2"
        " AND (?3 = 0 OR v.model = ?3) AND (?5 = 0 OR h.session = ?5)"
        " AND (?6 < 0 OR h.agent = ?6) ORDER BY s.text DESC LIMIT ?4",
    [FILE_SEEN_BY_TIME] =
        "SELECT s.text, s.visit FROM visits v CROSS JOIN seen s ON s.visit = v.id"
        " WHERE v.started_us >= ?1 AND v.started_us < ?2 AND (?3 = 0 OR v.model = ?3)"
        " ORDER BY v.started_us DESC LIMIT ?4",
    [FILE_ADD_AGAIN] = "INSERT INTO again (session, agent, conversation, after, idle)"
                       " VALUES (coalesce(?, ''), coalesce(?, ''), ?, ?, 0)"
                       " ON CONFLICT DO UPDATE SET idle = 0,"
                       " after = min(after, excluded.after)",
    [FILE_AGAIN] = "SELECT session, agent, conversation, after, idle FROM again LIMIT 1",
    [FILE_SET_AGAIN] = "UPDATE again SET after = ?4, idle = ?5"
                       " WHERE session = coalesce(?1, '') AND agent = coalesce(?2, '')"
                       " AND conversation = ?3",
    [FILE_DROP_AGAIN] = "DELETE FROM again WHERE session = coalesce(?1, '')"
                        " AND agent = coalesce(?2, '') AND conversation = ?3",
    [FILE_VISITS_AFTER] = "SELECT v.id, v.request, s.text, a.text FROM visits v"
                          " JOIN threads h ON h.id = v.thread LEFT JOIN names s ON s.id = h.session"
                          " LEFT JOIN names a ON a.id = h.agent WHERE v.id > ? ORDER BY v.id LIMIT ?",
};

enum err search_file_prepare(struct search_file *g, enum file_statement which,
                             struct statement **out, struct fail *f)
{
    enum err err = ERR_OK;
    if (!g->statements[which])
        err = database_prepare(&g->db, sql[which], &g->statements[which], f);
    *out = g->statements[which];
    return err;
}

/* --- opening --- */

/* Tells stores apart. */
static int64_t store_number(struct str secret)
{
    return (int64_t)(XXH3_64bits_withSecret("store", 5, secret.ptr, secret.len) >> 1);
}

static enum err make(struct search_file *g, struct fail *f)
{
    char row[128];
    snprintf(row, sizeof row, "INSERT INTO about VALUES (1, %lld, 0, 0, 0, 0, 0, 0, %lld)",
             (long long)clock_wall_us(), (long long)store_number(g->secret));
    enum err err = database_begin(&g->db, f);
    if (!err)
        err = database_run(&g->db, schema, f);
    if (!err)
        err = database_run(&g->db, row, f);
    return err ? err : database_commit(&g->db, f);
}

static enum err read_about(struct search_file *g, struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&g->db,
                                    "SELECT begun_us, first_us, last_us, requests, texts,"
                                    " text_bytes, erased, store FROM about", &q, f);
    if (err)
        return err;
    if (statement_next(q, &err, f)) {
        g->about = (struct search_about){
            .begun_us = column_number(q, 0), .first_us = column_number(q, 1),
            .last_us = column_number(q, 2), .requests = column_number(q, 3),
            .texts = column_number(q, 4), .text_bytes = column_number(q, 5),
            .erased = column_number(q, 6)};
        if (column_number(q, 7) != store_number(g->secret))
            err = fail(f, ERR_CONFIG, "it is of another store");
    }
    statement_free(q);
    return err;
}

enum err search_file_open(struct search_file *g, const char *path, bool writes, struct str secret,
                          struct fail *f)
{
    *g = (struct search_file){.secret = secret};
    buf_init(&g->chunk, TEXT_BYTES_MAX + CHUNK_RAW_BYTES);
    buf_init(&g->packed, 2 * (TEXT_BYTES_MAX + CHUNK_RAW_BYTES));
    enum err err = database_open(&g->db, &sqlite_driver, path,
                                 writes ? DATABASE_COMPACT : DATABASE_READ, f);
    if (err)
        return err;
    err = sqlite_words_add(&g->db, f);
    if (!err && writes && database_number(&g->db, "PRAGMA user_version", -1) == 0)
        err = make(g, f);
    if (!err && database_number(&g->db, "PRAGMA user_version", -1) != SEARCH_VERSION)
        err = fail(f, ERR_CONFIG, "%s is not of this version", path);
    if (!err)
        err = read_about(g, f);
    g->next_text = database_number(&g->db, "SELECT max(id) FROM texts", 0) + 1;
    g->next_visit = database_number(&g->db, "SELECT max(id) FROM visits", 0) + 1;
    g->next_chunk = database_number(&g->db, "SELECT max(id) FROM chunks", 0) + 1;
    if (err)
        search_file_close(g);
    return err;
}

void search_file_close(struct search_file *g)
{
    for (int i = 0; i < FILE_STATEMENTS; i++)
        statement_free(g->statements[i]);
    if (database_is_open(&g->db)) {
        database_rollback(&g->db);
        database_close(&g->db);
    }
    buf_release(&g->chunk);
    buf_release(&g->packed);
    *g = (struct search_file){0};
}

/* --- small look-ups --- */

/* The first column of the first row, 0 where there is none; the second too, where wanted. */
static enum err look_up(struct statement *q, int64_t *first, int64_t *second, struct fail *f)
{
    enum err err = ERR_OK;
    *first = 0;
    if (statement_next(q, &err, f)) {
        *first = column_number(q, 0);
        if (second)
            *second = column_number(q, 1);
    }
    statement_reset(q);
    return err;
}

enum err search_file_name(struct search_file *g, struct str text, int64_t *id, struct fail *f)
{
    struct statement *q;
    *id = 0;
    if (!text.len)
        return ERR_OK;
    enum err err = search_file_prepare(g, FILE_NAME, &q, f);
    if (err)
        return err;
    bind_text(q, 1, text);
    return look_up(q, id, NULL, f);
}

/* RETURNING would tell the number at once; but SQLite makes a savepoint for it, at which FTS5 writes
 * all that it has gathered. */
static enum err name_id(struct search_file *g, struct str text, int64_t *id, struct fail *f)
{
    struct statement *q;
    enum err err = search_file_name(g, text, id, f);
    if (err || *id || !text.len)
        return err;
    err = search_file_prepare(g, FILE_ADD_NAME, &q, f);
    if (err)
        return err;
    bind_text(q, 1, text);
    err = statement_run(q, f);
    return err ? err : search_file_name(g, text, id, f);
}

static enum err thread_id(struct search_file *g, int64_t session, int64_t agent, int64_t *id,
                          bool *is_new, struct fail *f)
{
    static const enum file_statement steps[] = {FILE_THREAD, FILE_ADD_THREAD, FILE_THREAD};
    enum err err = ERR_OK;
    *id = 0;
    for (size_t i = 0; i < COUNT_OF(steps) && !*id && !err; i++) {
        struct statement *q;
        err = search_file_prepare(g, steps[i], &q, f);
        if (err)
            return err;
        bind_number(q, 1, session);
        bind_number(q, 2, agent);
        err = look_up(q, id, NULL, f);
        *is_new = i > 0;
    }
    return err;
}

enum err search_file_find_text(struct search_file *g, int64_t id, struct search_text *out,
                               struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_TEXT, &q, f);
    if (err)
        return err;
    bind_number(q, 1, id);
    bool is_found = statement_next(q, &err, f);
    if (is_found)
        *out = (struct search_text){column_number(q, 0), column_number(q, 1), column_number(q, 2),
                                    column_number(q, 3), column_number(q, 4), column_number(q, 5),
                                    column_number(q, 6)};
    statement_reset(q);
    return is_found ? ERR_OK : err ? err : ERR_NOT_FOUND;
}

enum err search_file_find_visit(struct search_file *g, int64_t id, struct search_visit *out,
                                struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_VISIT, &q, f);
    if (err)
        return err;
    bind_number(q, 1, id);
    bool is_found = statement_next(q, &err, f);
    if (is_found) {
        *out = (struct search_visit){
            .id = column_number(q, 0), .started_us = column_number(q, 2),
            .thread = column_number(q, 3), .session = column_number(q, 4),
            .agent = column_number(q, 5), .model = column_number(q, 6),
            .first_text = column_number(q, 7), .text_count = column_number(q, 8)};
        struct str request = column_str(q, 1);
        if (request.len == sizeof out->request.bytes)
            memcpy(out->request.bytes, request.ptr, request.len);
    }
    statement_reset(q);
    return is_found ? ERR_OK : err ? err : ERR_NOT_FOUND;
}

static struct str tags_of(const struct search_text *t, const struct search_visit *v,
                          char out[TAGS_MAX])
{
    int len = snprintf(out, TAGS_MAX, WORDS_TAG "k%lld" WORDS_TAG "t%lld" WORDS_TAG "s%lld"
                       WORDS_TAG "a%lld" WORDS_TAG "m%lld", (long long)t->kind,
                       (long long)t->tool, (long long)v->session, (long long)v->agent,
                       (long long)v->model);
    return str_make(out, (size_t)len);
}

/* What looks like tags is no word either. */
static struct str without_tags(struct str content)
{
    while (str_starts(content, STR(WORDS_TAG)))
        content = str_from(content, 1);
    return content;
}

enum err search_file_change_words(struct search_file *g, enum file_statement which,
                                  const struct search_text *t, const struct search_visit *v,
                                  struct str content, struct fail *f)
{
    char tags[TAGS_MAX];
    struct statement *q;
    enum err err = search_file_prepare(g, which, &q, f);
    if (err)
        return err;
    bind_number(q, 1, t->id);
    bind_text(q, 2, without_tags(content));
    bind_text(q, 3, tags_of(t, v, tags));
    return statement_run(q, f);
}

int64_t search_text_key(const struct search_file *g, enum text_kind kind, struct str content)
{
    uint64_t hash = XXH3_64bits_withSecret(content.ptr, content.len, g->secret.ptr, g->secret.len);
    return (int64_t)(hash + (uint64_t)kind * 0x9e3779b97f4a7c15u);
}

/* --- adding --- */

enum err search_file_begin(struct search_file *g, struct fail *f)
{
    return database_begin(&g->db, f);
}

enum err search_file_commit(struct search_file *g, struct fail *f)
{
    const struct search_about *a = &g->about;
    struct statement *q;
    enum err err = search_chunk_write(g, false, f);
    if (!err)
        err = search_file_prepare(g, FILE_NOTE, &q, f);
    if (err)
        return err;
    const int64_t values[] = {a->begun_us, a->first_us,   a->last_us, a->requests,
                              a->texts,    a->text_bytes, a->erased};
    for (int i = 0; i < (int)COUNT_OF(values); i++)
        bind_number(q, i + 1, values[i]);
    err = statement_run(q, f);
    if (!err && g->cursor.block)
        err = search_file_set_cursor(g, &g->cursor, f);
    return err ? err : database_commit(&g->db, f);
}

enum err search_file_merge(struct search_file *g, bool *more, struct fail *f)
{
    static const char count[] = "SELECT total_changes()";
    int64_t before = database_number(&g->db, count, 0);
    enum err err = database_run(&g->db, "INSERT INTO found (found, rank) VALUES ('merge', 64)", f);
    *more = !err && database_number(&g->db, count, 0) - before >= 2; /* FTS5's own sign */
    return err;
}

enum err search_file_set_cursor(struct search_file *g, const struct search_cursor *c,
                                struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_SET_CURSOR, &q, f);
    if (err)
        return err;
    bind_number(q, 1, c->range);
    bind_number(q, 2, (int64_t)c->block);
    bind_number(q, 3, c->offset);
    bind_number(q, 4, c->is_done);
    return statement_run(q, f);
}

enum err search_file_cursors(struct search_file *g, struct search_cursor **out, size_t *count,
                             struct fail *f)
{
    static const char sql_all[] = "SELECT range, block, offset, is_done FROM cursors ORDER BY range";
    struct statement *q;
    size_t cap = 0;
    *out = NULL;
    *count = 0;
    enum err err = database_prepare(&g->db, sql_all, &q, f);
    if (err)
        return err;
    while (statement_next(q, &err, f)) {
        if (*count == cap) {
            cap = cap ? cap * 2 : 8;
            *out = mem_resize(*out, cap * sizeof **out);
        }
        (*out)[(*count)++] = (struct search_cursor){
            column_number(q, 0), (uint64_t)column_number(q, 1), (uint32_t)column_number(q, 2),
            column_number(q, 3) != 0};
    }
    statement_free(q);
    return err;
}

enum err search_file_request(struct search_file *g, const struct record *r, struct fail *f)
{
    struct search_visit *v = &g->visit;
    *v = (struct search_visit){.id = g->next_visit, .first_text = g->next_text,
                               .request = r->id, .started_us = r->started_us};
    enum err err = name_id(g, r->session_id, &v->session, f);
    if (!err)
        err = name_id(g, r->agent_id, &v->agent, f);
    if (!err)
        err = name_id(g, r->model, &v->model, f);
    return err ? err : thread_id(g, v->session, v->agent, &v->thread, &v->is_first, f);
}

/* Said before: by another thread, perhaps. */
static enum err note_seen(struct search_file *g, int64_t text, int64_t thread, struct fail *f)
{
    struct statement *q;
    if (thread == g->visit.thread)
        return ERR_OK;
    enum err err = search_file_prepare(g, FILE_ADD_SEEN, &q, f);
    if (err)
        return err;
    bind_number(q, 1, g->visit.thread);
    bind_number(q, 2, text);
    bind_number(q, 3, g->visit.id);
    err = statement_run(q, f);
    g->visit.is_needed |= statement_changes(q) > 0;
    return err;
}

static enum err add_row(struct search_file *g, const struct search_text *row, int64_t key,
                        struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_ADD_TEXT, &q, f);
    if (err)
        return err;
    const int64_t values[] = {row->id,    row->kind,   row->tool, row->visit,
                              row->chunk, row->offset, row->len};
    for (int i = 0; i < (int)COUNT_OF(values); i++)
        bind_number(q, i + 1, values[i]);
    err = statement_run(q, f);
    if (!err)
        err = search_file_prepare(g, FILE_ADD_KEY, &q, f);
    if (err)
        return err;
    bind_number(q, 1, key);
    bind_number(q, 2, row->id);
    return statement_run(q, f);
}

static enum err add_text(struct search_file *g, const struct text *text, int64_t key,
                         struct fail *f)
{
    struct search_text row = {.id = g->next_text++, .kind = text->kind, .visit = g->visit.id,
                              .len = (int64_t)text->content.len};
    enum err err = name_id(g, text->tool, &row.tool, f);
    if (!err && g->chunk.len + text->content.len > CHUNK_RAW_BYTES)
        err = search_chunk_write(g, true, f);
    if (!err && !g->chunk.len)
        err = search_chunk_reopen(g, text->content.len, f);
    row.chunk = g->next_chunk;
    row.offset = (int64_t)g->chunk.len;
    if (!err)
        err = buf_append(&g->chunk, text->content);
    if (!err)
        err = add_row(g, &row, key, f);
    if (!err)
        err = search_file_change_words(g, FILE_ADD_FOUND, &row, &g->visit, text->content, f);
    g->chunk_texts++;
    g->visit.text_count++;
    g->visit.is_needed = true;
    g->about.texts++;
    g->about.text_bytes += (int64_t)text->content.len;
    return err;
}

enum err search_file_text(struct search_file *g, const struct text *text, struct fail *f)
{
    struct statement *q;
    int64_t id, thread = 0, key = search_text_key(g, text->kind, text->content);
    enum err err = search_file_prepare(g, FILE_KEY, &q, f);
    if (err)
        return err;
    bind_number(q, 1, key);
    err = look_up(q, &id, &thread, f);
    if (err)
        return err;
    return id ? (id >= g->visit.first_text ? ERR_OK : note_seen(g, id, thread, f))
              : add_text(g, text, key, f);
}

enum err search_file_end(struct search_file *g, struct fail *f)
{
    const struct search_visit *v = &g->visit;
    struct search_about *a = &g->about;
    struct statement *q;
    a->requests++;
    if (!v->is_needed)
        return ERR_OK;
    a->first_us = a->first_us ? MIN_OF(a->first_us, v->started_us) : v->started_us;
    a->last_us = MAX_OF(a->last_us, v->started_us);
    enum err err = search_file_prepare(g, FILE_ADD_VISIT, &q, f);
    if (err)
        return err;
    const int64_t values[] = {v->started_us, v->thread, v->model, v->first_text, v->text_count};
    bind_number(q, 1, v->id);
    bind_blob(q, 2, str_make(v->request.bytes, sizeof v->request.bytes));
    for (int i = 0; i < (int)COUNT_OF(values); i++)
        bind_number(q, i + 3, values[i]);
    g->next_visit++;
    return statement_run(q, f);
}
