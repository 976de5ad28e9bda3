/*
 * segment_file.h — one segment's file while it is being written, and made anew for the next.
 *
 * Files that have been read to their end are used again: their pages are in the system's cache
 * and their blocks on the disk, so that writing 64 KB costs 4 µs instead of 11.
 */
#ifndef JOURNAL_SEGMENT_FILE_H
#define JOURNAL_SEGMENT_FILE_H

#include <sys/uio.h>

#include "base/err.h"

enum {
    SEGMENT_FILE_BYTES = 4 * 1024 * 1024, /* then the next one begins */
    SEGMENT_FILE_REUSE_MAX = 2 * SEGMENT_FILE_BYTES /* a longer file is not used again */
};

struct segment_file;

/* A new file at `path`, which must not exist. */
enum err segment_file_create(struct segment_file **out, const char *path) MUST_CHECK;
void segment_file_close(struct segment_file *f); /* the file stays, cut to what was written */
void segment_file_rest(struct segment_file *f); /* idle: gives memory back */
/* It has been read: whoever finds the file from now on reads nothing of that life. */
enum err segment_file_blank(struct segment_file *f) MUST_CHECK;
/* Begins its next life; its name is the caller's business. */
void segment_file_reset(struct segment_file *f);
bool segment_file_is_reusable(const struct segment_file *f);

size_t segment_file_len(const struct segment_file *f); /* bytes written */
/* Writes all parts behind what was written, and four zero bytes behind them that say that nothing
 * follows (they are overwritten next time). On failure nothing is added. `parts` has
 * room for one more, and its first has at least four bytes. */
enum err segment_file_write(struct segment_file *f, struct iovec *parts, size_t count) MUST_CHECK;
int segment_file_fd(const struct segment_file *f);

#endif
