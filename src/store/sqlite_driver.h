/*
 * sqlite_driver.h — SQLite behind database.h; `where` is the file's path.
 */
#ifndef STORE_SQLITE_DRIVER_H
#define STORE_SQLITE_DRIVER_H

#include "store/database.h"

extern const struct driver sqlite_driver;

/* Moves the write-ahead log into the file, as far as readers let it. `waits`: a while for them.
 * Gives memory back. */
void sqlite_checkpoint(struct database *d, bool waits);

#endif
