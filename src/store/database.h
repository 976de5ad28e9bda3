/*
 * database.h — one connection to the SQLite file, set up our way, and its prepared statements.
 * Nothing outside this folder sees SQLite.
 */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <sqlite3.h>

#include "base/err.h"
#include "base/str.h"

struct database {
    sqlite3 *handle;
    uint64_t deadline_ns; /* readers: a query past this is stopped; 0: none */
};

enum database_mode {
    DATABASE_WRITE,   /* the only writing connection */
    DATABASE_DURABLE, /* likewise; a commit is on the disk when it returns */
    DATABASE_READ
};

enum err database_open(struct database *d, const char *path, enum database_mode mode,
                       struct fail *f) MUST_CHECK;
void database_close(struct database *d);
/* Brings the schema up to date. ERR_CONFIG: made by a newer program, or not ours. */
enum err database_migrate(struct database *d, struct fail *f) MUST_CHECK;

/* One or more statements without results. */
enum err database_run(struct database *d, const char *sql, struct fail *f) MUST_CHECK;
enum err database_prepare(struct database *d, const char *sql, sqlite3_stmt **out,
                          struct fail *f) MUST_CHECK;
/* What SQLite's last failure means to us; notes its message. Never ERR_OK. ERR_PARSE: the data
 * itself was refused. */
enum err database_failed(struct database *d, struct fail *f);
/* Runs a bound statement that gives no rows, and resets it. */
enum err database_step(struct database *d, sqlite3_stmt *s, struct fail *f) MUST_CHECK;
/* True for a row; at the end or on failure false, and *err tells which. */
bool database_next(struct database *d, sqlite3_stmt *s, enum err *err, struct fail *f);
/* The first column of the first row, or `otherwise`. */
int64_t database_number(struct database *d, const char *sql, int64_t otherwise);

void bind_text(sqlite3_stmt *s, int at, struct str text);    /* empty: NULL */
void bind_blob(sqlite3_stmt *s, int at, struct str bytes);   /* borrowed until the reset */
struct str column_str(sqlite3_stmt *s, int at);              /* valid until the next step */

#endif
