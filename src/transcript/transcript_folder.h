/*
 * transcript_folder.h — the folder where a client keeps its transcripts: walking through it, and
 * opening files beneath it.
 *
 * Only ever reads. Nothing outside of the folder can be reached: paths are opened part by part,
 * symbolic links and ".." are refused, and so is what is no plain file. The folder itself may be
 * named through links: that is the configuration's word.
 */
#ifndef TRANSCRIPT_TRANSCRIPT_FOLDER_H
#define TRANSCRIPT_TRANSCRIPT_FOLDER_H

#include <dirent.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/str.h"

enum {
    TRANSCRIPT_DEPTH_MAX = 8,  /* folders below one another */
    TRANSCRIPT_PATH_MAX = 1024 /* bytes of a path within the folder, a zero among them */
};

/* ERR_NOT_FOUND: there is none. The caller closes the descriptor. */
enum err transcript_folder_open(const char *path, int *fd, struct fail *f) MUST_CHECK;
/* Opens a file beneath it. ERR_FORBIDDEN: the path is none of ours, or the file is not plain;
 * ERR_NOT_FOUND. The caller closes the descriptor. */
enum err transcript_open(int folder_fd, struct str path, int *fd, struct stat *st,
                         struct fail *f) MUST_CHECK;
/* Reads all of [start, start + len). ERR_GONE: the file ends before. */
enum err transcript_read(int fd, int64_t start, int64_t len, char *out, struct fail *f) MUST_CHECK;

/* A walk over all *.jsonl files. */
struct transcript_walk {
    DIR *stack[TRANSCRIPT_DEPTH_MAX];  /* [0]: the folder itself */
    size_t ends[TRANSCRIPT_DEPTH_MAX]; /* of the path, for each */
    int depth;                         /* folders that are open */
    char path[TRANSCRIPT_PATH_MAX];
    bool has_failed; /* something could not be looked at: what was not met may be there */
};

/* Takes a descriptor of the folder, and closes it in the end. */
void transcript_walk_begin(struct transcript_walk *w, int folder_fd_take);
enum transcript_step { TRANSCRIPT_WALK_END, TRANSCRIPT_WALK_FILE, TRANSCRIPT_WALK_OTHER };
/* One entry. FILE: `*path` is valid until the next call. */
enum transcript_step transcript_walk_next(struct transcript_walk *w, struct str *path,
                                          struct stat *st);
void transcript_walk_end(struct transcript_walk *w); /* at any time */

#endif
