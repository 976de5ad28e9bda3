/*
 * file_mark.h — what tells one state of a file from another, without reading it.
 */
#ifndef BASE_FILE_MARK_H
#define BASE_FILE_MARK_H

#include <sys/stat.h>

#include "base/base.h"

/* All zero: it is not there. */
struct file_mark {
    uint64_t device, inode, bytes;
    int64_t changed_ns; /* wall clock; of its content */
};

struct file_mark file_mark_of(const struct stat *st);
struct file_mark file_mark_look(const char *path); /* a system call; NULL: of no file */
bool file_mark_is_same(const struct file_mark *a, const struct file_mark *b);

#endif
