/*
 * postgres_migrate.c — brings the schema up to date, one proxy at a time.
 */
#include <stdio.h>

#include "base/buf.h"
#include "store/postgres_driver.h"
#include "store/postgres_schema.h"

enum { STEP_BYTES_MAX = 64 << 10 };

static const struct {
    struct str sqlite, postgres;
} words[] = {
    {{"INTEGER", 7}, {"BIGINT", 6}},
    {{"BLOB", 4}, {"BYTEA", 5}},
    {{"REAL", 4}, {"DOUBLE PRECISION", 16}},
    {{" WITHOUT ROWID", 14}, {"", 0}},
};

static enum err put_word(struct buf *out, struct str *rest)
{
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_starts(*rest, words[i].sqlite)) {
            *rest = str_from(*rest, words[i].sqlite.len);
            return buf_append(out, words[i].postgres);
        }
    enum err err = buf_append_byte(out, rest->ptr[0]);
    *rest = str_from(*rest, 1);
    return err;
}

static enum err run_in_other_words(struct database *d, const char *sql, struct fail *f)
{
    struct buf out;
    struct str rest = str_of(sql);
    enum err err = ERR_OK;
    buf_init(&out, STEP_BYTES_MAX);
    while (rest.len && !err)
        err = put_word(&out, &rest);
    if (!err)
        err = buf_append_byte(&out, '\0');
    assert(!err); /* the schema is ours */
    err = database_run(d, out.ptr, f);
    buf_release(&out);
    return err;
}

static enum err run_step(struct database *d, size_t version, struct fail *f)
{
    char mark[80];
    const char *own = postgres_schema[version - 1];
    snprintf(mark, sizeof mark, "INSERT INTO schema_steps (step) VALUES (%zu)", version);
    enum err err = own ? database_run(d, own, f)
                       : run_in_other_words(d, sqlite_schema[version - 1], f);
    return err ? err : database_run(d, mark, f);
}

static const char newest_step[] = "SELECT max(step) FROM schema_steps";

/* In a transaction that began with the lock: another may have been at it meanwhile. */
static enum err run_missing(struct database *d, struct fail *f)
{
    size_t version = (size_t)database_number(d, newest_step, 0);
    enum err err = ERR_OK;
    while (!err && version < COUNT_OF(sqlite_schema))
        err = run_step(d, ++version, f);
    return err ? err : database_run(d, "COMMIT", f);
}

enum err postgres_migrate(struct database *d, struct fail *f)
{
    static const char begin[] =
        "BEGIN; SELECT pg_advisory_xact_lock(4846791580151137091);" /* one proxy at a time */
        "CREATE TABLE IF NOT EXISTS schema_steps (step BIGINT PRIMARY KEY,"
        " made_at TIMESTAMPTZ NOT NULL DEFAULT now())";
    int64_t known = COUNT_OF(sqlite_schema), version = database_number(d, newest_step, 0);
    if (version > known)
        return fail(f, ERR_CONFIG,
                    "the database was made by a newer version of this program (schema %lld, "
                    "this one knows %lld)", (long long)version, (long long)known);
    if (version == known)
        return ERR_OK;
    enum err err = database_run(d, begin, f);
    if (!err)
        err = run_missing(d, f);
    if (err)
        database_rollback(d);
    return err;
}
