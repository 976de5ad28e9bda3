/*
 * driver.h — what an engine's driver can do. Called through database.h, which says what each
 * function means.
 */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "base/err.h"
#include "base/str.h"

struct database;
enum database_mode;

/* Drivers put this first into a struct of their own. */
struct statement {
    const struct driver *driver;
    struct database *db;
    char *text; /* the SQL it was made of, where it may be kept; else NULL */
};

struct driver {
    enum err (*open)(struct database *d, const char *where, enum database_mode mode,
                     struct fail *f);
    void (*close)(struct database *d);
    bool (*is_connected)(const struct database *d);
    enum err (*reconnect)(struct database *d, struct fail *f);
    enum err (*migrate)(struct database *d, struct fail *f);
    enum err (*limit)(struct database *d, int ms, struct fail *f); /* NULL: deadline_ns is enough */
    enum err (*run_sql)(struct database *d, const char *sql, struct fail *f);
    enum err (*begin)(struct database *d, struct fail *f);
    enum err (*begin_reading)(struct database *d, struct fail *f);
    enum err (*commit)(struct database *d, struct fail *f);
    void (*rollback)(struct database *d);
    enum err (*settle)(struct database *d, struct fail *f);

    /* Fills in all but the new statement's `struct statement`. */
    enum err (*prepare)(struct database *d, const char *sql, struct statement **out,
                        struct fail *f);
    void (*free)(struct statement *q);
    enum err (*run)(struct statement *q, struct fail *f);
    int64_t (*changes)(struct statement *q);
    enum err (*queue)(struct statement *q, int64_t *changes, struct fail *f);
    enum err (*ask)(struct statement *q, struct fail *f); /* NULL: asking ahead saves nothing */
    bool (*next)(struct statement *q, enum err *err, struct fail *f);
    void (*rewind)(struct statement *q); /* NULL: rows come one by one */
    void (*reset)(struct statement *q);
    void (*unbind)(struct statement *q); /* resets it, and all that was bound is NULL */

    void (*bind_null)(struct statement *q, int at);
    void (*bind_number)(struct statement *q, int at, int64_t number);
    void (*bind_double)(struct statement *q, int at, double number);
    void (*bind_text)(struct statement *q, int at, struct str text);
    void (*bind_blob)(struct statement *q, int at, struct str bytes);
    bool (*column_is_null)(struct statement *q, int at);
    int64_t (*column_number)(struct statement *q, int at);
    double (*column_double)(struct statement *q, int at);
    struct str (*column_str)(struct statement *q, int at);
};

#endif
