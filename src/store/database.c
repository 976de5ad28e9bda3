/*
 * database.c — what every engine does alike.
 */
#include "store/database.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* Nobody has opened it: its database is away. */
static enum err check_open(const struct database *d, struct fail *f)
{
    return d->driver ? ERR_OK : fail(f, ERR_DATABASE_AWAY, "the database cannot be reached");
}

enum err database_open(struct database *d, const struct driver *driver, const char *where,
                       enum database_mode mode, struct fail *f)
{
    *d = (struct database){.driver = driver, .is_reader = mode == DATABASE_READ};
    enum err err = driver->open(d, where, mode, f);
    if (err)
        *d = (struct database){0};
    return err;
}

static void destroy(struct statement *q)
{
    free(q->text);
    q->driver->free(q);
}

void database_close(struct database *d)
{
    for (size_t i = 0; i < d->kept_count; i++)
        destroy(d->kept[i]);
    if (d->driver)
        d->driver->close(d);
    *d = (struct database){0};
}

bool database_is_connected(const struct database *d)
{
    return d->driver && d->driver->is_connected(d);
}

enum err database_reconnect(struct database *d, struct fail *f)
{
    return d->driver->reconnect(d, f);
}

enum err database_migrate(struct database *d, struct fail *f)
{
    return d->driver->migrate(d, f);
}

enum err database_limit(struct database *d, int ms, struct fail *f)
{
    enum err err = check_open(d, f);
    if (err)
        return err;
    d->deadline_ns = clock_mono_ns() + (uint64_t)ms * 1000000u;
    return d->driver->limit ? d->driver->limit(d, ms, f) : ERR_OK;
}

enum err database_begin(struct database *d, struct fail *f)
{
    enum err err = check_open(d, f);
    return err ? err : d->driver->begin(d, f);
}

enum err database_begin_reading(struct database *d, struct fail *f)
{
    enum err err = check_open(d, f);
    return err ? err : d->driver->begin_reading(d, f);
}

enum err database_commit(struct database *d, struct fail *f)
{
    return d->driver->commit(d, f);
}

void database_rollback(struct database *d)
{
    if (d->driver)
        d->driver->rollback(d);
}

enum err database_settle(struct database *d, struct fail *f)
{
    enum err err = check_open(d, f);
    return err ? err : d->driver->settle(d, f);
}

enum err database_run(struct database *d, const char *sql, struct fail *f)
{
    enum err err = check_open(d, f);
    return err ? err : d->driver->run_sql(d, sql, f);
}

/* --- statements --- */

static struct statement *take_kept(struct database *d, const char *sql)
{
    for (size_t i = 0; i < d->kept_count; i++)
        if (strcmp(d->kept[i]->text, sql) == 0) {
            struct statement *q = d->kept[i];
            d->kept_count--;
            memmove(&d->kept[i], &d->kept[i + 1], (d->kept_count - i) * sizeof *d->kept);
            return q;
        }
    return NULL;
}

static void keep(struct database *d, struct statement *q)
{
    q->driver->unbind(q);
    if (d->kept_count == STATEMENTS_KEPT)
        destroy(d->kept[--d->kept_count]);
    memmove(&d->kept[1], &d->kept[0], d->kept_count++ * sizeof *d->kept);
    d->kept[0] = q;
}

enum err database_prepare(struct database *d, const char *sql, struct statement **out,
                          struct fail *f)
{
    *out = NULL;
    enum err err = check_open(d, f);
    if (!err)
        *out = take_kept(d, sql);
    if (err || *out)
        return err;
    err = d->driver->prepare(d, sql, out, f);
    if (!err)
        **out = (struct statement){d->driver, d, d->is_reader ? mem_strdup(sql) : NULL};
    return err;
}

void statement_free(struct statement *q)
{
    if (q && q->db->is_reader)
        keep(q->db, q);
    else if (q)
        destroy(q);
}

int64_t database_number(struct database *d, const char *sql, int64_t otherwise)
{
    struct statement *q;
    if (database_prepare(d, sql, &q, NULL))
        return otherwise;
    enum err err;
    int64_t number = otherwise;
    if (statement_next(q, &err, NULL) && !column_is_null(q, 0))
        number = column_number(q, 0);
    statement_free(q);
    return number;
}

enum err database_change(struct database *d, const char *sql, const int64_t *bound, int count,
                         int64_t *changes, struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(d, sql, &q, f);
    if (err)
        return err;
    for (int i = 0; i < count; i++)
        bind_number(q, i + 1, bound[i]);
    err = statement_run(q, f);
    if (changes)
        *changes = statement_changes(q);
    statement_free(q);
    return err;
}
