/*
 * import_sqlite.c — databases of seifghazi/claude-code-proxy and its forks: a table `requests` with
 * headers, body and response as JSON. Read-only; nothing is written beside the file if that can be
 * helped.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "import/importer_private.h"

enum { URI_BYTES = 3 * 4096 + 32 };

/* --- opening --- */

static bool has_log(const char *path)
{
    char wal[4096];
    struct stat st;
    snprintf(wal, sizeof wal, "%s-wal", path);
    return stat(wal, &st) == 0 && st.st_size > 0;
}

/* "file:…?mode=ro"; where no log waits beside it, nobody can be writing that we would have to mind. */
static bool make_uri(const char *path, char uri[URI_BYTES])
{
    size_t len = (size_t)snprintf(uri, URI_BYTES, "file:");
    for (const char *c = path; *c && len + 32 < URI_BYTES; c++)
        len += (size_t)snprintf(uri + len, URI_BYTES - len,
                                memchr("?#%", *c, 3) ? "%%%02X" : "%c", (unsigned char)*c);
    snprintf(uri + len, URI_BYTES - len, "?mode=ro%s", has_log(path) ? "" : "&immutable=1");
    return len + 32 < URI_BYTES;
}

static enum err open_database(const char *path, sqlite3 **db, struct fail *f)
{
    char uri[URI_BYTES];
    if (!make_uri(path, uri))
        return fail(f, ERR_IO, "its path is too long");
    if (sqlite3_open_v2(uri, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_PRIVATECACHE,
                        NULL) != SQLITE_OK)
        return fail(f, ERR_IO, "SQLite: %s", sqlite3_errmsg(*db));
    sqlite3_limit(*db, SQLITE_LIMIT_LENGTH, IMPORT_LINE_MAX);
    sqlite3_busy_timeout(*db, 5000);
    /* a hostile file's schema may hold programs: none of them runs */
    sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    return ERR_OK;
}

/* What we want of a row, and its name in the table; forks have more, and some have fewer. */
enum column {
    COLUMN_ID, COLUMN_TIMESTAMP, COLUMN_METHOD, COLUMN_ENDPOINT, COLUMN_HEADERS, COLUMN_BODY,
    COLUMN_RESPONSE, COLUMN_USER_AGENT, COLUMN_CONTENT_TYPE, COLUMN_PROVIDER, COLUMNS
};
static const char *const column_names[COLUMNS] = {
    "id", "timestamp", "method", "endpoint", "headers", "body", "response", "user_agent",
    "content_type", "provider",
};
enum { REQUIRED_COLUMNS = COLUMN_RESPONSE + 1 };

static bool has_column(sqlite3 *db, const char *name)
{
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(db, "SELECT 1 FROM pragma_table_info('requests') WHERE name = ?", -1,
                           &q, NULL) != SQLITE_OK)
        return false;
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    bool is_there = sqlite3_step(q) == SQLITE_ROW;
    sqlite3_finalize(q);
    return is_there;
}

static enum err prepare(sqlite3 *db, sqlite3_stmt **q, struct fail *f)
{
    char sql[1024];
    size_t len = (size_t)snprintf(sql, sizeof sql, "SELECT ");
    for (int i = 0; i < COLUMNS; i++) {
        bool is_there = has_column(db, column_names[i]);
        if (!is_there && i < REQUIRED_COLUMNS)
            return fail(f, ERR_PARSE, "it is no database of claude-code-proxy: requests.%s is "
                                      "missing", column_names[i]);
        len += (size_t)snprintf(sql + len, sizeof sql - len, "%s%s", i ? ", " : "",
                                is_there ? column_names[i] : "NULL");
    }
    snprintf(sql + len, sizeof sql - len, " FROM requests ORDER BY timestamp, id");
    if (sqlite3_prepare_v2(db, sql, -1, q, NULL) != SQLITE_OK)
        return fail(f, ERR_PARSE, "SQLite: %s", sqlite3_errmsg(db));
    return ERR_OK;
}

static struct str column(sqlite3_stmt *q, enum column c)
{
    const void *ptr = sqlite3_column_blob(q, c);
    return str_make(ptr, ptr ? (size_t)sqlite3_column_bytes(q, c) : 0);
}

/* --- a row --- */

static yyjson_doc *parse(struct str text)
{
    return text.len ? yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len,
                                       YYJSON_READ_NUMBER_AS_RAW, NULL, NULL)
                    : NULL;
}

static struct str text_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? str_make(yyjson_get_str(v), yyjson_get_len(v)) : STR_NONE;
}

static int64_t number_at(yyjson_val *obj, const char *key)
{
    yyjson_val *v = yyjson_obj_get(obj, key);
    uint64_t number;
    struct str digits = yyjson_is_raw(v) ? str_make(yyjson_get_raw(v), yyjson_get_len(v))
                                         : STR_NONE;
    return digits.len && str_to_u64(digits, &number) && number < INT64_C(1) << 53 ? (int64_t)number
                                                                                 : UNKNOWN;
}

/* "2025-07-01T12:00:00-07:00", or with a blank as the driver may have written it. */
static int64_t time_of(struct str text)
{
    char copy[64];
    int64_t us;
    size_t len = MIN_OF(text.len, sizeof copy - 1);
    memcpy(copy, len ? text.ptr : "", len);
    copy[len] = '\0';
    if (len > 10 && copy[10] == ' ')
        copy[10] = 'T';
    if (len == 19)
        strcat(copy, "Z"); /* CURRENT_TIMESTAMP is UTC */
    return clock_parse(copy, &us) ? us : UNKNOWN;
}

/* {name: [value …]}. What told of a coding is gone with it; the bodies are plain here. */
static enum err put_headers(struct draft *d, enum body_of side, yyjson_val *headers)
{
    size_t i, count, j, values;
    yyjson_val *key, *val, *one;
    enum err err = ERR_OK;
    yyjson_obj_foreach(headers, i, count, key, val) {
        struct str name = text_of(key);
        if (str_equal_nocase(name, STR("content-encoding")) ||
            str_equal_nocase(name, STR("content-length")) ||
            str_equal_nocase(name, STR("transfer-encoding")))
            continue;
        if (yyjson_is_str(val) && !err)
            err = draft_header(d, side, name, text_of(val));
        yyjson_arr_foreach(val, j, values, one)
            if (!err)
                err = draft_header(d, side, name, text_of(one));
    }
    return err;
}

static enum err put_if_missing(struct draft *d, enum body_of side, struct str name,
                               struct str value)
{
    return !value.len || draft_has_header(d, side, name) ? ERR_OK
                                                         : draft_header(d, side, name, value);
}

static enum err put_request(struct draft *d, sqlite3_stmt *q)
{
    yyjson_doc *headers = parse(column(q, COLUMN_HEADERS));
    enum err err = draft_request_line(d, column(q, COLUMN_METHOD), column(q, COLUMN_ENDPOINT));
    if (!err && headers)
        err = put_headers(d, OF_REQUEST, yyjson_doc_get_root(headers));
    if (!err)
        err = put_if_missing(d, OF_REQUEST, STR("User-Agent"), column(q, COLUMN_USER_AGENT));
    if (!err)
        err = put_if_missing(d, OF_REQUEST, STR("Content-Type"), column(q, COLUMN_CONTENT_TYPE));
    if (!err)
        err = buf_append(&d->bodies[OF_REQUEST], column(q, COLUMN_BODY));
    yyjson_doc_free(headers);
    return err;
}

/* The lines "data: {…}" of a stream, without the events' names, which stand in the data too. */
static enum err put_stream(struct draft *d, yyjson_val *chunks)
{
    size_t i, count;
    yyjson_val *chunk;
    enum err err = ERR_OK;
    yyjson_arr_foreach(chunks, i, count, chunk) {
        struct str data = text_of(chunk);
        if (str_starts(data, STR("data:")))
            data = str_trim(str_from(data, 5));
        yyjson_doc *event = parse(data);
        if (!err && data.len)
            err = draft_event(d, text_of(yyjson_obj_get(yyjson_doc_get_root(event), "type")), data);
        yyjson_doc_free(event);
    }
    return err;
}

static enum err put_whole(struct draft *d, yyjson_val *response)
{
    yyjson_val *body = yyjson_obj_get(response, "body");
    size_t len;
    if (!body || yyjson_is_null(body))
        return buf_append(&d->bodies[OF_ANSWER], text_of(yyjson_obj_get(response, "bodyText")));
    char *text = yyjson_val_write(body, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &len);
    enum err err = text ? buf_append(&d->bodies[OF_ANSWER], str_make(text, len)) : ERR_PARSE;
    free(text);
    return err;
}

static enum err put_response(struct draft *d, yyjson_val *response)
{
    struct exchange_copy *x = &d->exchange;
    int64_t ms = number_at(response, "responseTime"), first_ms = number_at(response, "firstByteTime");
    yyjson_val *chunks = yyjson_obj_get(response, "streamingChunks");
    bool is_stream = yyjson_arr_size(chunks) > 0;
    x->duration_us = ms < 0 ? UNKNOWN : ms * 1000;
    x->ttfb_us = first_ms > 0 && first_ms <= ms ? first_ms * 1000 : UNKNOWN;
    enum err err = draft_status_line(d, number_at(response, "statusCode"), STR_NONE);
    if (!err)
        err = put_headers(d, OF_ANSWER, yyjson_obj_get(response, "headers"));
    if (!err)
        err = put_if_missing(d, OF_ANSWER, STR("Content-Type"),
                             is_stream ? STR("text/event-stream") : STR("application/json"));
    return err ? err : is_stream ? put_stream(d, chunks) : put_whole(d, response);
}

static enum err take_row(struct importer *m, sqlite3_stmt *q, struct fail *f)
{
    struct draft *d = &m->draft;
    struct str response = column(q, COLUMN_RESPONSE), provider = column(q, COLUMN_PROVIDER);
    draft_clear(d);
    d->exchange.started_us = time_of(column(q, COLUMN_TIMESTAMP));
    d->exchange.provider = provider.len ? provider : STR("anthropic");
    draft_derive_id(d, STR("seifghazi/claude-code-proxy"), column(q, COLUMN_ID));
    yyjson_doc *doc = parse(response);
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
    enum err err = put_request(d, q);
    if (!response.len)
        d->exchange.state = ENDING_PROXY_CRASH; /* it never noted an answer */
    else if (!err)
        err = yyjson_is_obj(root) ? put_response(d, root) : ERR_PARSE;
    if (!err)
        err = draft_finish(d);
    if (err) {
        importer_refuse(m, err == ERR_PARSE ? "its response is not JSON" : "it is too long");
        err = ERR_OK;
    } else {
        err = importer_put(m, &d->exchange, f);
    }
    yyjson_doc_free(doc);
    return err;
}

enum err import_sqlite(struct importer *m, const char *path, struct fail *f)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    m->unit = "row";
    enum err err = open_database(path, &db, f);
    if (!err)
        err = prepare(db, &q, f);
    int step = SQLITE_DONE;
    while (!err && (step = sqlite3_step(q)) == SQLITE_ROW) {
        m->number++;
        err = take_row(m, q, f);
    }
    if (!err && step != SQLITE_DONE)
        err = fail(f, ERR_CORRUPT, "SQLite, after %llu rows: %s", (unsigned long long)m->number,
                   sqlite3_errmsg(db));
    sqlite3_finalize(q);
    sqlite3_close(db);
    return err;
}
