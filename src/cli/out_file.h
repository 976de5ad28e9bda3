/*
 * out_file.h — where a command writes what may be long: standard output, or a file that takes its
 * name when it is whole.
 */
#ifndef CLI_OUT_FILE_H
#define CLI_OUT_FILE_H

#include "base/err.h"
#include "base/str.h"

struct out_file {
    int fd;
    const char *path;     /* borrowed; NULL: standard output */
    char *part;           /* the file's name until it is whole; NULL: it is written in place */
    uint64_t bytes;
    bool is_open, has_failed;
    bool is_reader_gone;  /* whoever read our output has seen enough */
};

/* NULL or "-": standard output. What is no regular file, such as a pipe, is written in place. */
enum err out_file_open(struct out_file *o, const char *path, struct fail *f) MUST_CHECK;
bool out_file_is_named(const struct out_file *o);
enum err out_file_write(struct out_file *o, struct str bytes, struct fail *f) MUST_CHECK;
enum err out_file_finish(struct out_file *o, struct fail *f) MUST_CHECK;
void out_file_release(struct out_file *o); /* what was not finished goes */

#endif
