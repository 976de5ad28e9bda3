/*
 * place.h — somewhere to keep a store for one test: a file of SQLite's, or, with
 * TEST_POSTGRES_DSN set, a schema of its own in that PostgreSQL database. So the same tests run
 * on both (tests/lib/postgres.sh).
 */
#ifndef TESTS_STORE_PLACE_H
#define TESTS_STORE_PLACE_H

#ifdef HAVE_POSTGRES
#include <libpq-fe.h>
#endif
#include <stdio.h>
#include <unistd.h>

#include "store/store.h"

struct place {
    char dir[64];
    char where[512];
    char schema[32]; /* empty on SQLite */
    struct store_options options;
};

static inline bool place_is_postgres(void)
{
    return getenv("TEST_POSTGRES_DSN") != NULL;
}

static inline void place_hush(void *owner, const char *notice)
{
    (void)owner, (void)notice;
}

/* Straight to the server, as an administrator would. */
static inline void place_run(const struct place *p, const char *sql)
{
#ifdef HAVE_POSTGRES
    PGconn *conn = PQconnectdb(p->where);
    PQsetNoticeProcessor(conn, place_hush, NULL);
    PGresult *r = PQexec(conn, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(r);
    PQfinish(conn);
#else
    fail_msg("no libpq for %s: %s", p->where, sql);
#endif
}

static inline void place_make(struct place *p)
{
    static int count;
    memset(p, 0, sizeof *p);
    p->options.where = p->where;
    const char *dsn = getenv("TEST_POSTGRES_DSN");
    if (!dsn) {
        snprintf(p->dir, sizeof p->dir, "/tmp/test_store.XXXXXX");
        assert_non_null(mkdtemp(p->dir));
        snprintf(p->where, sizeof p->where, "%s/requests.db", p->dir);
        return;
    }
    char sql[64];
    snprintf(p->schema, sizeof p->schema, "t%d_%d", (int)getpid(), ++count);
    snprintf(p->where, sizeof p->where, "%s", dsn);
    snprintf(sql, sizeof sql, "CREATE SCHEMA %s", p->schema);
    place_run(p, sql);
    if (strstr(dsn, "://"))
        snprintf(p->where, sizeof p->where, "%s%coptions=-csearch_path%%3D%s", dsn,
                 strchr(dsn, '?') ? '&' : '?', p->schema);
    else
        snprintf(p->where, sizeof p->where, "%s options='-csearch_path=%s'", dsn, p->schema);
    p->options.type = STORE_POSTGRES;
    p->options.node = "node-one";
}

static inline void place_remove(struct place *p)
{
    char command[128];
    if (p->schema[0]) {
        snprintf(command, sizeof command, "DROP SCHEMA %s CASCADE", p->schema);
        place_run(p, command);
        return;
    }
    snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    assert_int_equal(system(command), 0);
}

#endif
