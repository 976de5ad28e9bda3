/*
 * window.c — mapping a stretch of a file for writing, on Linux; nothing elsewhere.
 */
#include "journal/window.h"

#ifdef __linux__

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "base/base.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* Blocks that are written again stay where they are: a file system that copies on write could find
 * itself full in the middle of a store, and the process would get SIGBUS. */
static bool keeps_blocks(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return false;
    return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC;
}

/* Blocks first, then pages: what cannot be had is said here, not when bytes are stored. */
static char *map(int fd, size_t start)
{
    if (fallocate(fd, 0, (off_t)start, WINDOW_MAP_BYTES) != 0)
        return NULL;
    void *bytes = mmap(NULL, WINDOW_MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)start);
    if (bytes == MAP_FAILED)
        return NULL;
    if (madvise(bytes, WINDOW_MAP_BYTES, MADV_POPULATE_WRITE) == 0)
        return bytes;
    munmap(bytes, WINDOW_MAP_BYTES);
    return NULL;
}

char *window_reach(struct window *w, int fd, size_t at, size_t len)
{
    if (w->bytes && at >= w->start && at + len <= w->start + WINDOW_MAP_BYTES)
        return w->bytes + (at - w->start);
    enum { PAGE_BYTES_MAX = 64 * 1024 };
    size_t start = at / PAGE_BYTES_MAX * PAGE_BYTES_MAX;
    if (w->is_off || at + len > start + WINDOW_MAP_BYTES)
        return NULL;
    window_close(w);
    if (keeps_blocks(fd))
        w->bytes = map(fd, start);
    w->start = start;
    w->is_off = !w->bytes;
    return w->bytes ? w->bytes + (at - start) : NULL;
}

void window_close(struct window *w)
{
    if (w->bytes)
        munmap(w->bytes, WINDOW_MAP_BYTES);
    w->bytes = NULL;
}

#else

char *window_reach(struct window *w, int fd, size_t at, size_t len)
{
    (void)w, (void)fd, (void)at, (void)len;
    return NULL;
}

void window_close(struct window *w)
{
    (void)w;
}

#endif
