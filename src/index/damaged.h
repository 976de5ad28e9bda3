/*
 * damaged.h — damaged segments that are kept for somebody to look at, "….seg.damaged": no more
 * than the disk has room to spare for.
 */
#ifndef INDEX_DAMAGED_H
#define INDEX_DAMAGED_H

#include "base/base.h"

#define DAMAGED_SUFFIX ".damaged" /* behind the segment's name */

enum { DAMAGED_FILES_MAX = 32, DAMAGED_BYTES_MAX = 256 << 20 };

/* Deletes the oldest ones in this folder beyond so many files or bytes, but never the newest one.
 * Returns how many. */
int damaged_trim(const char *journal_path, int files_max, uint64_t bytes_max);

#endif
