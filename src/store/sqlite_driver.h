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

/* The file's bytes that are in use, and those that are free within it. */
void sqlite_space(struct database *d, int64_t *used_bytes, int64_t *free_bytes);
/* Gives at most `pages` free pages back to the disk, but for `keep_bytes`; the log too, when
 * nothing is left to give. */
enum err sqlite_shrink(struct database *d, int pages, int64_t keep_bytes, bool *more,
                       struct fail *f) MUST_CHECK;

/* Are the bytes of what is deleted overwritten? (As a rule they are only given up.) */
void sqlite_wipe(struct database *d, bool wipes);

#endif
