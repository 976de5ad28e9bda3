/*
 * sqlite_driver.c — SQLite behind database.h: a connection set up our way, its statements. The
 * file as a file (who may write to it, what if it is damaged) is sqlite_file.c.
 */
#include "store/sqlite_driver.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite_schema.h"

enum {
    APPLICATION_ID = 0x43435031, /* "CCP1" */
    BUSY_MS = 1000,
    STEPS_BETWEEN_LOOKS = 4000, /* of SQLite's machine: some 100 us */
};

/* What a parameter is bound to: SQLite keeps it from run to run, and most of a row's numbers are those
 * of the row before. */
struct bound {
    enum bound_kind { BOUND_NULL, BOUND_NUMBER, BOUND_OTHER } kind;
    int64_t number;
};

/* Compiled when it is first used: many never are, and the start waits for none. So what is wrong with it
 * shows when it runs, as with PostgreSQL. */
struct sqlite_statement {
    struct statement base;
    sqlite3_stmt *handle; /* NULL: not compiled */
    char *sql;            /* until it is compiled */
    int parameters;
    struct bound *bound;  /* by parameter, from 1 on */
};

static sqlite3 *handle_of(const struct database *d)
{
    return d->connection;
}

static struct sqlite_statement *own(struct statement *q)
{
    return (struct sqlite_statement *)q;
}

static void compile(struct sqlite_statement *s)
{
    if (sqlite3_prepare_v3(handle_of(s->base.db), s->sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle,
                           NULL) != SQLITE_OK) {
        s->base.db->is_foreign |= sqlite3_errcode(handle_of(s->base.db)) == SQLITE_ERROR;
        return; /* the connection knows why; using it fails */
    }
    free(s->sql);
    s->sql = NULL;
    s->parameters = sqlite3_bind_parameter_count(s->handle);
    s->bound = mem_zeroed(((size_t)s->parameters + 1) * sizeof *s->bound);
}

static sqlite3_stmt *stmt_of(struct statement *q)
{
    if (!own(q)->handle)
        compile(own(q));
    return own(q)->handle;
}

/* --- failures --- */

static enum err err_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
        return ERR_IO;
    case SQLITE_TOOBIG:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return ERR_PARSE;
    case SQLITE_INTERRUPT:
        return ERR_TIMEOUT;
    }
    return ERR_INTERNAL;
}

/* Never ERR_OK. */
static enum err failed(struct database *d, struct fail *f)
{
    int code = sqlite3_extended_errcode(handle_of(d));
    enum err err = d->is_foreign && code == SQLITE_ERROR ? ERR_CORRUPT : err_of(code);
    d->has_met_damage |= err == ERR_CORRUPT;
    return fail(f, err, "database: %s", sqlite3_errmsg(handle_of(d)));
}

/* --- opening --- */

static int is_late(void *owner)
{
    const struct database *d = owner;
    return d->deadline_ns && clock_mono_ns() > d->deadline_ns;
}

/* Nothing that the file says may make us do more than read and write rows. */
static void distrust(sqlite3 *handle, bool reads)
{
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, reads, NULL);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
}

/* Only one connection ever writes or checkpoints: before 3.51.3 SQLite could otherwise lose a
 * WAL's reset. The journal makes commits safe against a crash of ours, so NORMAL is enough
 * unless power cuts are to be survived too. */
static const char *setup(enum database_mode mode)
{
    switch (mode) {
    case DATABASE_WRITE:
    case DATABASE_COMPACT:
        return "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
               "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;"
               "PRAGMA wal_autocheckpoint = 2000;";
    case DATABASE_DURABLE:
        return "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
               "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;"
               "PRAGMA wal_autocheckpoint = 2000;";
    case DATABASE_READ:
        break;
    }
    return "PRAGMA query_only = 1; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;";
}

/* Nobody asks how much memory SQLite uses; counting it takes a lock at every allocation. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* refused once SQLite runs: then it counts */
}

static enum err run_sql(struct database *d, const char *sql, struct fail *f)
{
    return sqlite3_exec(handle_of(d), sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : failed(d, f);
}

/* What a file is for life. A quiet turn changes some ten trees by a few bytes each: small pages keep
 * it small on disk and in the log. Smaller ones still make large stores slow to read.
 * Saying it again would write to a file that may not be ours. */
static enum err set_up_new(struct database *d, enum database_mode mode, struct fail *f)
{
    if (database_number(d, "PRAGMA page_count", -1) != 0)
        return ERR_OK;
    return run_sql(d, mode == DATABASE_COMPACT
                          ? "PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL"
                          : "PRAGMA page_size = 2048; PRAGMA auto_vacuum = INCREMENTAL", f);
}

static void close_connection(struct database *d)
{
    sqlite3_close(handle_of(d));
    d->connection = NULL;
}

static enum err open_connection(struct database *d, const char *path, enum database_mode mode,
                                struct fail *f)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure);
    int flags = mode == DATABASE_READ ? SQLITE_OPEN_READONLY
                                      : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    sqlite3 *handle;
    int code = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    d->connection = handle;
    if (code != SQLITE_OK) {
        enum err err = handle ? failed(d, f) : fail(f, ERR_INTERNAL, "out of memory");
        close_connection(d);
        return err;
    }
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, BUSY_MS);
    distrust(handle, mode == DATABASE_READ);
    if (mode == DATABASE_READ)
        sqlite3_progress_handler(handle, STEPS_BETWEEN_LOOKS, is_late, d);
    enum err err = mode == DATABASE_READ ? ERR_OK : set_up_new(d, mode, f);
    if (!err)
        err = run_sql(d, setup(mode), f);
    if (err)
        close_connection(d);
    return err;
}

/* A file does not go away. */
static bool is_connected(const struct database *d)
{
    return d->connection != NULL;
}

static enum err reconnect(struct database *d, struct fail *f)
{
    (void)d, (void)f;
    return ERR_OK;
}

void sqlite_checkpoint(struct database *d, bool waits)
{
    sqlite3_busy_timeout(handle_of(d), waits ? BUSY_MS : 0);
    sqlite3_wal_checkpoint_v2(handle_of(d), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(handle_of(d), BUSY_MS);
    sqlite3_db_release_memory(handle_of(d));
}

void sqlite_space(struct database *d, int64_t *used_bytes, int64_t *free_bytes)
{
    int64_t page = database_number(d, "PRAGMA page_size", 0);
    *free_bytes = database_number(d, "PRAGMA freelist_count", 0) * page;
    *used_bytes = database_number(d, "PRAGMA page_count", 0) * page - *free_bytes;
}

void sqlite_wipe(struct database *d, bool wipes)
{
    enum err err = run_sql(d, wipes ? "PRAGMA secure_delete = ON" : "PRAGMA secure_delete = OFF",
                           NULL);
    (void)err; /* it only sets a flag */
}

enum err sqlite_shrink(struct database *d, int pages, int64_t keep_bytes, bool *more,
                       struct fail *f)
{
    char sql[64];
    int64_t used, unused;
    sqlite_space(d, &used, &unused);
    *more = unused > keep_bytes;
    if (!*more)
        return ERR_OK;
    snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", pages);
    enum err err = run_sql(d, sql, f);
    int64_t left;
    sqlite_space(d, &used, &left);
    *more = !err && left > keep_bytes && left < unused; /* an older file may not be able to */
    if (!*more)
        sqlite_checkpoint(d, false);
    return err;
}

/* --- transactions --- */

static enum err begin(struct database *d, struct fail *f)
{
    return run_sql(d, "BEGIN IMMEDIATE", f);
}

static enum err begin_reading(struct database *d, struct fail *f)
{
    return run_sql(d, "BEGIN", f);
}

static enum err commit(struct database *d, struct fail *f)
{
    return run_sql(d, "COMMIT", f);
}

/* A statement that is still under way would keep the transaction from ending. */
static void rollback(struct database *d)
{
    for (sqlite3_stmt *q = NULL; (q = sqlite3_next_stmt(handle_of(d), q));)
        sqlite3_reset(q);
    if (!sqlite3_get_autocommit(handle_of(d)))
        sqlite3_exec(handle_of(d), "ROLLBACK", NULL, NULL, NULL);
}

static enum err settle(struct database *d, struct fail *f)
{
    (void)d, (void)f;
    return ERR_OK; /* nothing waits */
}

/* --- the schema --- */

static enum err run_step(struct database *d, size_t version, struct fail *f)
{
    char mark[96];
    snprintf(mark, sizeof mark, "PRAGMA user_version = %zu; PRAGMA application_id = %d;", version,
             APPLICATION_ID);
    enum err err = begin(d, f);
    if (!err)
        err = run_sql(d, sqlite_schema[version - 1], f);
    if (!err)
        err = run_sql(d, mark, f);
    if (!err)
        err = commit(d, f);
    if (err)
        rollback(d);
    return err;
}

static enum err migrate(struct database *d, struct fail *f)
{
    /* a read that touches the first pages: damage shows here */
    enum err err = run_sql(d, "SELECT count(*) FROM sqlite_schema", f);
    if (err)
        return err;
    int64_t version = database_number(d, "PRAGMA user_version", -1);
    int64_t id = database_number(d, "PRAGMA application_id", -1);
    int64_t tables = database_number(d, "SELECT count(*) FROM sqlite_schema", 0);
    if (tables && id != APPLICATION_ID)
        return fail(f, ERR_CONFIG, "the database was made by another program");
    if (version < 0 || version > (int64_t)COUNT_OF(sqlite_schema))
        return fail(f, ERR_CONFIG,
                    "the database was made by a newer version of this program (schema %lld, "
                    "this one knows %zu)", (long long)version, COUNT_OF(sqlite_schema));
    if (d->is_reader && version < (int64_t)COUNT_OF(sqlite_schema))
        return fail(f, ERR_CONFIG,
                    "the database is an older version's (schema %lld, this one knows %zu): starting a proxy"
                    " of this version brings it up to date", (long long)version, COUNT_OF(sqlite_schema));
    for (size_t next = (size_t)version + 1; !err && next <= COUNT_OF(sqlite_schema); next++)
        err = run_step(d, next, f);
    return err;
}

/* --- statements --- */

static enum err prepare(struct database *d, const char *sql, struct statement **out,
                        struct fail *f)
{
    (void)d, (void)f;
    struct sqlite_statement *s = MEM_NEW(struct sqlite_statement);
    s->sql = mem_strdup(sql);
    *out = &s->base;
    return ERR_OK;
}

static void free_statement(struct statement *q)
{
    sqlite3_finalize(own(q)->handle);
    free(own(q)->sql);
    free(own(q)->bound);
    free(q);
}

static enum err run(struct statement *q, struct fail *f)
{
    int code = sqlite3_step(stmt_of(q));
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW ? ERR_OK : failed(q->db, f);
    sqlite3_reset(stmt_of(q));
    return err;
}

static int64_t changes(struct statement *q)
{
    return sqlite3_changes(handle_of(q->db));
}

static enum err queue(struct statement *q, int64_t *changed, struct fail *f)
{
    enum err err = run(q, f);
    if (!err && changed)
        *changed += changes(q);
    return err;
}

static bool next(struct statement *q, enum err *err, struct fail *f)
{
    int code = sqlite3_step(stmt_of(q));
    if (code == SQLITE_ROW)
        return true;
    *err = code == SQLITE_DONE ? ERR_OK : failed(q->db, f);
    return false;
}

static void reset(struct statement *q)
{
    sqlite3_reset(own(q)->handle);
}

static void unbind(struct statement *q)
{
    struct sqlite_statement *s = own(q);
    sqlite3_reset(s->handle);
    if (!s->handle)
        return;
    sqlite3_clear_bindings(s->handle);
    memset(s->bound, 0, ((size_t)s->parameters + 1) * sizeof *s->bound);
}

/* Where `at` is to be bound; NULL when it is bound so already. */
static sqlite3_stmt *binds(struct statement *q, int at, enum bound_kind kind, int64_t number)
{
    sqlite3_stmt *handle = stmt_of(q);
    if (!handle)
        return NULL; /* running it will fail */
    assert(at > 0 && at <= own(q)->parameters);
    struct bound *b = &own(q)->bound[at];
    if (kind != BOUND_OTHER && b->kind == kind && b->number == number)
        return NULL;
    *b = (struct bound){kind, number};
    return handle;
}

static void set_null(struct statement *q, int at)
{
    sqlite3_stmt *handle = binds(q, at, BOUND_NULL, 0);
    if (handle)
        sqlite3_bind_null(handle, at);
}

static void set_number(struct statement *q, int at, int64_t number)
{
    sqlite3_stmt *handle = binds(q, at, BOUND_NUMBER, number);
    if (handle)
        sqlite3_bind_int64(handle, at, number);
}

static void set_double(struct statement *q, int at, double number)
{
    sqlite3_stmt *handle = binds(q, at, BOUND_OTHER, 0);
    if (handle)
        sqlite3_bind_double(handle, at, number);
}

static void set_text(struct statement *q, int at, struct str text)
{
    if (!text.len) {
        set_null(q, at);
        return;
    }
    sqlite3_stmt *handle = binds(q, at, BOUND_OTHER, 0);
    if (handle)
        sqlite3_bind_text64(handle, at, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void set_blob(struct statement *q, int at, struct str bytes)
{
    sqlite3_stmt *handle = binds(q, at, BOUND_OTHER, 0);
    if (handle)
        sqlite3_bind_blob64(handle, at, bytes.ptr ? bytes.ptr : "", bytes.len, SQLITE_STATIC);
}

static bool get_is_null(struct statement *q, int at)
{
    return sqlite3_column_type(stmt_of(q), at) == SQLITE_NULL;
}

static int64_t get_number(struct statement *q, int at)
{
    return sqlite3_column_int64(stmt_of(q), at);
}

static double get_double(struct statement *q, int at)
{
    return sqlite3_column_double(stmt_of(q), at);
}

static struct str get_str(struct statement *q, int at)
{
    const void *ptr = sqlite3_column_blob(stmt_of(q), at);
    return str_make(ptr, ptr ? (size_t)sqlite3_column_bytes(stmt_of(q), at) : 0);
}

const struct driver sqlite_driver = {
    .open = open_connection,
    .close = close_connection,
    .is_connected = is_connected,
    .reconnect = reconnect,
    .migrate = migrate,
    .run_sql = run_sql,
    .begin = begin,
    .begin_reading = begin_reading,
    .commit = commit,
    .rollback = rollback,
    .settle = settle,
    .prepare = prepare,
    .free = free_statement,
    .run = run,
    .changes = changes,
    .queue = queue,
    .next = next,
    .reset = reset,
    .unbind = unbind,
    .bind_null = set_null,
    .bind_number = set_number,
    .bind_double = set_double,
    .bind_text = set_text,
    .bind_blob = set_blob,
    .column_is_null = get_is_null,
    .column_number = get_number,
    .column_double = get_double,
    .column_str = get_str,
};
