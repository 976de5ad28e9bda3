/*
 * postgres_driver.h — PostgreSQL behind database.h; `where` is a connection URL or string.
 *
 * A statement is prepared on the server when it is used for the second time, and again after the
 * connection was lost: it outlives connections. Results come whole, not row by row: who asks for
 * many rows asks for a page at a time.
 */
#ifndef STORE_POSTGRES_DRIVER_H
#define STORE_POSTGRES_DRIVER_H

#include "store/database.h"

extern const struct driver postgres_driver;

/* postgres_migrate.c */
enum err postgres_migrate(struct database *d, struct fail *f) MUST_CHECK;

#endif
