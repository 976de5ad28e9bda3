/*
 * lock_file.c — a file that one process at a time holds, and that names it.
 */
#include "base/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { NUMBER_BYTES = 32 };

static void name_owner(int fd)
{
    char number[NUMBER_BYTES];
    int n = snprintf(number, sizeof number, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, number, (size_t)n, 0) != n)
        errno = 0; /* the lock holds; only its owner's name is missing */
}

static enum err taken(int fd, const char *what, struct fail *f)
{
    char owner[NUMBER_BYTES];
    ssize_t n = pread(fd, owner, sizeof owner - 1, 0);
    owner[n > 0 ? n : 0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    return fail(f, ERR_BUSY, "%s is in use by process %s", what, *owner ? owner : "unknown");
}

enum err lock_file_take(const char *path, const char *what, int *fd, struct fail *f)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return fail(f, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        name_owner(*fd);
        return ERR_OK;
    }
    enum err err = taken(*fd, what, f);
    close(*fd);
    *fd = -1;
    return err;
}

void lock_file_give_up(int *fd)
{
    if (*fd < 0)
        return;
    if (ftruncate(*fd, 0) != 0)
        errno = 0; /* it names a process that is no more: the lock is what counts */
    close(*fd);
    *fd = -1;
}
