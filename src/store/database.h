/*
 * database.h — one connection to a database and its prepared statements, whatever the engine.
 *
 * All SQL of this folder runs through these calls; only the drivers (sqlite_driver.c) know their
 * engine's library. SQL is written in what the engines share: marks are ? or ?1, columns in an
 * upsert are qualified, no function that only one of them has. What cannot be shared, such as
 * the schema, stands in one file per engine.
 */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include "base/err.h"
#include "base/str.h"
#include "store/driver.h"

enum { STATEMENTS_KEPT = 24 }; /* of a reading connection; each some 10 KB, with PostgreSQL on the server */

struct database {
    const struct driver *driver; /* NULL: closed */
    void *connection;            /* the driver's own */
    uint64_t deadline_ns;        /* readers: a query past this is stopped; 0: none */
    bool has_met_damage;         /* the engine said that what is stored makes no sense */
    bool is_foreign;             /* the schema does not fit our statements: it was damaged */
    bool is_reader;
    struct statement *kept[STATEMENTS_KEPT]; /* freed ones, the latest first: compiled, bound to nothing */
    size_t kept_count;
};

enum database_mode {
    DATABASE_WRITE,   /* the only writing connection of this process */
    DATABASE_COMPACT, /* likewise; a new file is made to be small rather than quick to read */
    DATABASE_DURABLE, /* likewise; a commit is on the disk when it returns */
    DATABASE_READ
};

/* `where`: what the driver takes for a database, such as a path. */
enum err database_open(struct database *d, const struct driver *driver, const char *where,
                       enum database_mode mode, struct fail *f) MUST_CHECK;
void database_close(struct database *d); /* its statements are freed before */
static inline bool database_is_open(const struct database *d)
{
    return d->driver != NULL;
}
/* A connection that was lost is made anew when asked for; statements outlive it. While there is
 * none everything fails with ERR_DATABASE_AWAY. */
bool database_is_connected(const struct database *d);
enum err database_reconnect(struct database *d, struct fail *f) MUST_CHECK;
/* Brings the schema up to date; for a reading connection it has to be. ERR_CONFIG: made by a newer program,
 * or not ours. */
enum err database_migrate(struct database *d, struct fail *f) MUST_CHECK;

/* Of a reading connection: until database_rollback() all that is read is of one moment. */
enum err database_begin_reading(struct database *d, struct fail *f) MUST_CHECK;

/* Readers: a query that takes longer from now on is stopped (ERR_TIMEOUT). */
enum err database_limit(struct database *d, int ms, struct fail *f) MUST_CHECK;

/* --- transactions, of the writing connection --- */

enum err database_begin(struct database *d, struct fail *f) MUST_CHECK;
enum err database_commit(struct database *d, struct fail *f) MUST_CHECK;
void database_rollback(struct database *d); /* nothing happens where none has begun */

/* One or more statements without results and without anything from outside in them. */
enum err database_run(struct database *d, const char *sql, struct fail *f) MUST_CHECK;
/* The first column of the first row, or `otherwise`. */
int64_t database_number(struct database *d, const char *sql, int64_t otherwise);

/* One statement that gives no rows, with numbers at its marks. `*changes` (when not NULL): as
 * statement_changes(). */
enum err database_change(struct database *d, const char *sql, const int64_t *bound, int count,
                         int64_t *changes, struct fail *f) MUST_CHECK;

/* --- statements: of one connection, used by one thread at a time --- */

/* Lives until statement_free(), and is meant to be used again. A reading connection keeps some of those
 * that were freed, and what is asked in the same words is not compiled again. */
enum err database_prepare(struct database *d, const char *sql, struct statement **out,
                          struct fail *f) MUST_CHECK;
void statement_free(struct statement *q); /* NULL is fine */

/* Runs a bound statement that gives no rows, and resets it. ERR_PARSE: the data itself was
 * refused. */
static inline enum err statement_run(struct statement *q, struct fail *f)
{
    return q->driver->run(q, f);
}

/* Rows that the last statement_run() inserted, changed or deleted. */
static inline int64_t statement_changes(struct statement *q)
{
    return q->driver->changes(q);
}

/* In a transaction: runs it at some time before database_settle() returns, in the order of these
 * calls, and adds the rows it changed to `*changes` (when not NULL) then. A failure is told by
 * whichever call comes upon it, database_settle() at the latest. Bound bytes are taken along. */
static inline enum err statement_queue(struct statement *q, int64_t *changes, struct fail *f)
{
    return q->driver->queue(q, changes, f);
}

/* Returns when all that was queued has run. */
enum err database_settle(struct database *d, struct fail *f) MUST_CHECK;

/* Sends a question, the answer to which statement_next() gives later: what is asked ahead is answered
 * together, and a server is waited for once. Bound bytes are taken along. */
static inline enum err statement_ask(struct statement *q, struct fail *f)
{
    return q->driver->ask ? q->driver->ask(q, f) : ERR_OK;
}

/* True for a row; at the end or on failure false, and *err tells which. */
static inline bool statement_next(struct statement *q, enum err *err, struct fail *f)
{
    return q->driver->next(q, err, f);
}

/* Where all rows are here already (else false, and nothing happens): the next one is the first
 * again. */
static inline bool statement_rewind(struct statement *q)
{
    if (q->driver->rewind)
        q->driver->rewind(q);
    return q->driver->rewind != NULL;
}

/* Ends the rows and gives bound bytes back; what is bound stays bound. */
static inline void statement_reset(struct statement *q)
{
    q->driver->reset(q);
}

/* Marks are counted from 1. Bytes are borrowed until the statement is run, reset or bound anew. */
static inline void bind_null(struct statement *q, int at)
{
    q->driver->bind_null(q, at);
}

static inline void bind_number(struct statement *q, int at, int64_t number)
{
    q->driver->bind_number(q, at, number);
}

static inline void bind_double(struct statement *q, int at, double number)
{
    q->driver->bind_double(q, at, number);
}

static inline void bind_text(struct statement *q, int at, struct str text) /* empty: NULL */
{
    q->driver->bind_text(q, at, text);
}

static inline void bind_blob(struct statement *q, int at, struct str bytes)
{
    q->driver->bind_blob(q, at, bytes);
}

/* Columns are counted from 0. NULL reads as 0 or as an empty string. */
static inline bool column_is_null(struct statement *q, int at)
{
    return q->driver->column_is_null(q, at);
}

static inline int64_t column_number(struct statement *q, int at)
{
    return q->driver->column_number(q, at);
}

static inline double column_double(struct statement *q, int at)
{
    return q->driver->column_double(q, at);
}

static inline struct str column_str(struct statement *q, int at) /* valid until the next row */
{
    return q->driver->column_str(q, at);
}

#endif
