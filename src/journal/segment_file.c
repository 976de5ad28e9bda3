/*
 * segment_file.c — a segment's file: written at its end, and from its start again when reused.
 *
 * Whenever the process is killed, the file is whole frames and then four zero bytes: else frames of
 * a former life could follow. So the first four bytes, which were the old end, come last, behind the
 * new end. A write() within one page needs no such care: it is not cut.
 */
#include "journal/segment_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "journal/window.h"

enum {
    END_BYTES = 4,     /* zeros: nothing follows */
    PARTS_AT_ONCE = 512,
    PAGE_BYTES_MIN = 4096,
    STORE_BYTES_MAX = 16 * 1024 /* stored to memory; from about here on write() costs less */
};

struct segment_file {
    int fd;
    size_t len;
    size_t longest; /* of this and former lives */
    struct window window;
};

enum err segment_file_create(struct segment_file **out, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
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
    window_close(&f->window);
    if (ftruncate(f->fd, (off_t)f->len) != 0)
        errno = 0; /* it ends in zeros instead, which says the same */
    close(f->fd);
    free(f);
}

void segment_file_rest(struct segment_file *f)
{
    window_close(&f->window);
}

enum err segment_file_blank(struct segment_file *f)
{
    static const char zeros[END_BYTES];
    ssize_t n;
    do
        n = pwrite(f->fd, zeros, sizeof zeros, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof zeros ? ERR_OK : ERR_IO;
}

void segment_file_reset(struct segment_file *f)
{
    f->len = 0;
    f->window.is_off = false; /* there may be room by now */
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

/* Takes the first bytes away from the parts. */
static void cut_first(struct iovec *parts, char first[END_BYTES])
{
    assert(parts[0].iov_len >= END_BYTES);
    memcpy(first, parts[0].iov_base, END_BYTES);
    parts[0].iov_base = (char *)parts[0].iov_base + END_BYTES;
    parts[0].iov_len -= END_BYTES;
}

/* The compiler must not change the order of stores around this. A process that is killed has made
 * those before it, if it has made one behind it. */
static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* `to` stands at the end mark. */
static void store(char *to, struct iovec *parts, size_t count)
{
    char first[END_BYTES], *at = to + END_BYTES;
    cut_first(parts, first);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    in_order();
    memcpy(to, first, END_BYTES);
}

static enum err write_parts(struct segment_file *f, size_t at, struct iovec *parts, size_t count)
{
    size_t done;
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < count; i += PARTS_AT_ONCE) {
        int some = (int)MIN_OF(count - i, (size_t)PARTS_AT_ONCE);
        err = write_some(f->fd, parts + i, some, at, &done);
        at += done;
    }
    return err;
}

static enum err write_file(struct segment_file *f, struct iovec *parts, size_t count, size_t len)
{
    char first[END_BYTES];
    if (f->len / PAGE_BYTES_MIN == (f->len + len - 1) / PAGE_BYTES_MIN)
        return write_parts(f, f->len, parts, count);
    cut_first(parts, first);
    enum err err = write_parts(f, f->len + END_BYTES, parts, count);
    parts[0].iov_base = (char *)parts[0].iov_base - END_BYTES;
    parts[0].iov_len += END_BYTES;
    struct iovec last = {first, END_BYTES};
    return err ? err : write_parts(f, f->len, &last, 1);
}

enum err segment_file_write(struct segment_file *f, struct iovec *parts, size_t count)
{
    static const char zeros[END_BYTES];
    parts[count++] = (struct iovec){(void *)zeros, sizeof zeros};
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].iov_len;
    char *to = NULL;
    if (f->len && len <= STORE_BYTES_MAX) /* a life begins with a write(): it has no end mark yet */
        to = window_reach(&f->window, f->fd, f->len, len);
    enum err err = ERR_OK;
    if (to)
        store(to, parts, count);
    else
        err = write_file(f, parts, count, len);
    size_t room = f->window.bytes ? f->window.start + WINDOW_MAP_BYTES : 0;
    f->longest = MAX_OF(f->longest, MAX_OF(f->len + len, room));
    if (!err)
        f->len += len - END_BYTES;
    return err;
}

int segment_file_fd(const struct segment_file *f)
{
    return f->fd;
}
