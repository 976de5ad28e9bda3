/*
 * file_mark.c — the few members of struct stat that matter, which systems name differently.
 */
#include "base/file_mark.h"

struct file_mark file_mark_of(const struct stat *st)
{
#ifdef __APPLE__
    const struct timespec *at = &st->st_mtimespec;
#else
    const struct timespec *at = &st->st_mtim;
#endif
    return (struct file_mark){(uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
                              (int64_t)at->tv_sec * 1000000000 + at->tv_nsec};
}

struct file_mark file_mark_look(const char *path)
{
    struct stat st;
    if (!path || stat(path, &st) != 0)
        return (struct file_mark){0};
    return file_mark_of(&st);
}

bool file_mark_is_same(const struct file_mark *a, const struct file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->changed_ns == b->changed_ns;
}
