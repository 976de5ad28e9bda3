/*
 * transcript_file.h — one transcript that is being read: from where it was left to its last whole
 * line, a step at a time.
 */
#ifndef TRANSCRIPT_TRANSCRIPT_FILE_H
#define TRANSCRIPT_TRANSCRIPT_FILE_H

#include <sys/stat.h>

#include "base/buf.h"
#include "transcript/transcript_reader.h"

struct transcript_tail {
    const struct transcript_store *store;
    int fd;                      /* -1: none is open */
    struct transcript_file file; /* as it is stored; strings in `kept` */
    int64_t size, mtime_us;      /* as it is on the disk; nothing behind that is read */
    bool has_old;                /* another file's lines are stored: they go first */
    size_t want_bytes;           /* to be read in the next step */
    struct buf bytes;
    struct arena kept, scratch;
    struct transcript_event *events; /* TRANSCRIPT_EVENTS_MAX */
    size_t event_count;
};

void transcript_tail_init(struct transcript_tail *t, const struct transcript_store *store);
void transcript_tail_release(struct transcript_tail *t);

/* Is this the path of a transcript? Clients keep other files beside them. No name of theirs is
 * other than UTF-8. */
bool transcript_path_is_ours(struct str path);

/* `id`: of this path. Errors as transcript_open() gives them, and the store's. */
enum err transcript_tail_open(struct transcript_tail *t, int folder_fd, struct str path, int64_t id,
                              struct fail *f) MUST_CHECK;
/* False in `*more`: all is read and stored. ERR_GONE: the file was cut meanwhile. */
enum err transcript_tail_step(struct transcript_tail *t, bool *more, struct fail *f) MUST_CHECK;
/* Its lines are not taken; it is looked at again when it changes. */
void transcript_tail_refuse(struct transcript_tail *t);
void transcript_tail_close(struct transcript_tail *t); /* at any time */

int64_t transcript_mtime_us(const struct stat *st);

#endif
