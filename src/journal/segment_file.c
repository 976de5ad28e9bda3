/*
 * segment_file.c — a segment's file: written at its end, and from its start again when reused.
 */
#include "journal/segment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    END_BYTES = 4,     /* zeros: nothing follows */
    PARTS_AT_ONCE = 512
};

struct segment_file {
    int fd;
    size_t len;
    size_t longest; /* of this and former lives */
};

enum err segment_file_create(struct segment_file **out, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR_IO;
    *out = MEM_NEW(struct segment_file);
    (*out)->fd = fd;
    return ERR_OK;
}

void segment_file_close(struct segment_file *f)
{
    if (!f)
        return;
    if (ftruncate(f->fd, (off_t)f->len) != 0)
        errno = 0; /* it ends in zeros instead, which says the same */
    close(f->fd);
    free(f);
}

void segment_file_reset(struct segment_file *f)
{
    f->len = 0;
}

bool segment_file_is_reusable(const struct segment_file *f)
{
    return f->longest <= SEGMENT_FILE_REUSE_MAX;
}

size_t segment_file_len(const struct segment_file *f)
{
    return f->len;
}

static enum err write_some(int fd, const struct iovec *parts, int count, size_t at, size_t *done)
{
    size_t want = 0;
    for (int i = 0; i < count; i++)
        want += parts[i].iov_len;
    ssize_t n;
    do
        n = pwritev(fd, parts, count, (off_t)at);
    while (n < 0 && errno == EINTR);
    if (n >= 0 && (size_t)n < want)
        errno = ENOSPC; /* a short write to a file means that */
    *done = want;
    return n == (ssize_t)want ? ERR_OK : ERR_IO;
}

enum err segment_file_write(struct segment_file *f, struct iovec *parts, size_t count)
{
    static const char zeros[END_BYTES];
    size_t at = f->len, done;
    parts[count++] = (struct iovec){(void *)zeros, sizeof zeros};
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < count; i += PARTS_AT_ONCE) {
        int some = (int)MIN_OF(count - i, (size_t)PARTS_AT_ONCE);
        err = write_some(f->fd, parts + i, some, at, &done);
        at += done;
    }
    f->longest = MAX_OF(f->longest, at);
    if (!err)
        f->len = at - END_BYTES;
    return err;
}

int segment_file_fd(const struct segment_file *f)
{
    return f->fd;
}
