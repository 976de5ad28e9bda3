/*
 * scratch.h — an empty folder to work in, and an environment with nothing in it.
 *
 * For tests of what reads the working directory, HOME and variables. One at a time.
 */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static char scratch_folder[64];

static inline int scratch_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* A cmocka set-up: a new working directory, which is also HOME. */
static inline int scratch_enter(void **state)
{
    (void)state;
    snprintf(scratch_folder, sizeof scratch_folder, "/tmp/unit-XXXXXX");
    if (!mkdtemp(scratch_folder) || chdir(scratch_folder))
        return -1;
    static char *nothing[] = {NULL};
    environ = nothing; /* clearenv() is not everywhere */
    umask(022);
    return setenv("HOME", scratch_folder, 1);
}

static inline int scratch_leave(void **state)
{
    (void)state;
    return chdir("/") || nftw(scratch_folder, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_write(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "w");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f))
        abort();
}

#endif
