/*
 * database.c — one connection to the SQLite file, set up our way.
 */
#include "store/database.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "store/migrations.h"

enum {
    APPLICATION_ID = 0x43435031, /* "CCP1" */
    BUSY_MS = 1000,
    STEPS_BETWEEN_LOOKS = 4000, /* of SQLite's machine: some 100 us */
};

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

enum err database_failed(struct database *d, struct fail *f)
{
    enum err err = err_of(sqlite3_extended_errcode(d->handle));
    return fail(f, err, "database: %s", sqlite3_errmsg(d->handle));
}

enum err database_run(struct database *d, const char *sql, struct fail *f)
{
    return sqlite3_exec(d->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK
                                                                       : database_failed(d, f);
}

enum err database_prepare(struct database *d, const char *sql, sqlite3_stmt **out, struct fail *f)
{
    if (sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK)
        return ERR_OK;
    return database_failed(d, f);
}

enum err database_step(struct database *d, sqlite3_stmt *s, struct fail *f)
{
    int code = sqlite3_step(s);
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW ? ERR_OK : database_failed(d, f);
    sqlite3_reset(s);
    return err;
}

bool database_next(struct database *d, sqlite3_stmt *s, enum err *err, struct fail *f)
{
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        return true;
    *err = code == SQLITE_DONE ? ERR_OK : database_failed(d, f);
    return false;
}

int64_t database_number(struct database *d, const char *sql, int64_t otherwise)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(d->handle, sql, -1, &s, NULL) != SQLITE_OK)
        return otherwise;
    int64_t number = otherwise;
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
        number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return number;
}

void bind_text(sqlite3_stmt *s, int at, struct str text)
{
    if (text.len)
        sqlite3_bind_text64(s, at, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(s, at);
}

void bind_blob(sqlite3_stmt *s, int at, struct str bytes)
{
    sqlite3_bind_blob64(s, at, bytes.ptr ? bytes.ptr : "", bytes.len, SQLITE_STATIC);
}

struct str column_str(sqlite3_stmt *s, int at)
{
    const void *ptr = sqlite3_column_blob(s, at);
    return str_make(ptr, ptr ? (size_t)sqlite3_column_bytes(s, at) : 0);
}

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
        return "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
               "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;"
               "PRAGMA wal_autocheckpoint = 1000;";
    case DATABASE_DURABLE:
        return "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
               "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;"
               "PRAGMA wal_autocheckpoint = 1000;";
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

enum err database_open(struct database *d, const char *path, enum database_mode mode,
                       struct fail *f)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure);
    *d = (struct database){0};
    int flags = mode == DATABASE_READ ? SQLITE_OPEN_READONLY
                                      : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(path, &d->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        enum err err = d->handle ? database_failed(d, f) : fail(f, ERR_INTERNAL, "out of memory");
        database_close(d);
        return err;
    }
    sqlite3_extended_result_codes(d->handle, 1);
    sqlite3_busy_timeout(d->handle, BUSY_MS);
    distrust(d->handle, mode == DATABASE_READ);
    if (mode == DATABASE_READ)
        sqlite3_progress_handler(d->handle, STEPS_BETWEEN_LOOKS, is_late, d);
    enum err err = database_run(d, setup(mode), f);
    if (err)
        database_close(d);
    return err;
}

void database_close(struct database *d)
{
    sqlite3_close(d->handle);
    d->handle = NULL;
}

static enum err run_step(struct database *d, size_t version, struct fail *f)
{
    char mark[96];
    snprintf(mark, sizeof mark, "PRAGMA user_version = %zu; PRAGMA application_id = %d;", version,
             APPLICATION_ID);
    enum err err = database_run(d, "BEGIN IMMEDIATE", f);
    if (!err)
        err = database_run(d, migrations[version - 1], f);
    if (!err)
        err = database_run(d, mark, f);
    if (!err)
        err = database_run(d, "COMMIT", f);
    if (err)
        sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

enum err database_migrate(struct database *d, struct fail *f)
{
    /* a read that touches the first pages: damage shows here */
    enum err err = database_run(d, "SELECT count(*) FROM sqlite_schema", f);
    if (err)
        return err;
    int64_t version = database_number(d, "PRAGMA user_version", -1);
    int64_t id = database_number(d, "PRAGMA application_id", -1);
    int64_t tables = database_number(d, "SELECT count(*) FROM sqlite_schema", 0);
    if (tables && id != APPLICATION_ID)
        return fail(f, ERR_CONFIG, "the database was made by another program");
    if (version < 0 || version > (int64_t)COUNT_OF(migrations))
        return fail(f, ERR_CONFIG,
                    "the database was made by a newer version of this program (schema %lld, "
                    "this one knows %zu)", (long long)version, COUNT_OF(migrations));
    for (size_t next = (size_t)version + 1; !err && next <= COUNT_OF(migrations); next++)
        err = run_step(d, next, f);
    return err;
}
