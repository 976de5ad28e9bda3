/*
 * segment_file.h — one segment's file while it is being written, and made anew for the next.
 *
 * Where that is safe the file is preallocated and mapped: putting bytes is then a copy into the
 * system's cache, which survives kill -9 at once and costs no system call. Elsewhere the bytes of
 * a turn are gathered and written with one call. Files that have been read to their end are used
 * again, so that their pages need not be found anew.
 */
#ifndef JOURNAL_SEGMENT_FILE_H
#define JOURNAL_SEGMENT_FILE_H

#include "base/err.h"
#include "base/str.h"

enum { SEGMENT_FILE_BYTES = 4 * 1024 * 1024 };

struct segment_file;

/* A new file at `path`, which must not exist. */
enum err segment_file_create(struct segment_file **out, const char *path) MUST_CHECK;
void segment_file_close(struct segment_file *f); /* the file stays, cut to what was put */
/* Empties it for its next life; its name is the caller's business. */
void segment_file_reset(struct segment_file *f);

size_t segment_file_room(const struct segment_file *f); /* bytes that still fit */
size_t segment_file_len(const struct segment_file *f);  /* bytes put */
/* Copies both parts as one frame, which must fit and begins with four bytes that are not zero:
 * they are written last, so that a frame is there whole or not at all. Behind the last frame
 * always stand four zero bytes, or the file's end. */
void segment_file_put(struct segment_file *f, struct str part1, struct str part2);
/* What was put is in the system's hands when this returns ERR_OK. On failure what was put since
 * the last flush is gone. */
enum err segment_file_flush(struct segment_file *f) MUST_CHECK;
int segment_file_fd(const struct segment_file *f);

#endif
