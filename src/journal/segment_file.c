/*
 * segment_file.c — a segment's file, mapped where the file system lets a mapped page be written
 * whatever happens, and written with pwrite() elsewhere.
 */
#include "journal/segment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "base/mem.h"

enum { END_BYTES = 4 }; /* zeros: nothing follows */

struct segment_file {
    int fd;
    bool is_mapped;
    char *bytes;    /* the whole file, or a copy of it as far as it was put */
    size_t len;     /* put */
    size_t flushed; /* of these, in the system's hands */
};

#ifdef __linux__

/* On these a preallocated block is written in place, so a full disk cannot turn a mapped write
 * into a signal. On copy-on-write file systems it could. */
static bool writes_in_place(int fd)
{
    static const long kinds[] = {0xef53 /* ext2 to ext4 */, 0x58465342 /* xfs */,
                                 0x01021994 /* tmpfs */};
    struct statfs st;
    if (fstatfs(fd, &st) != 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if ((long)st.f_type == kinds[i])
            return true;
    return false;
}

static bool map_whole(struct segment_file *f)
{
    if (!writes_in_place(f->fd) || posix_fallocate(f->fd, 0, SEGMENT_FILE_BYTES) != 0)
        return false;
    void *map = mmap(NULL, SEGMENT_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (map == MAP_FAILED)
        return false;
    f->bytes = map;
    f->is_mapped = true;
    return true;
}

#else

static bool map_whole(struct segment_file *f)
{
    (void)f;
    return false;
}

#endif

enum err segment_file_create(struct segment_file **out, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR_IO;
    struct segment_file *f = MEM_NEW(struct segment_file);
    f->fd = fd;
    if (!map_whole(f)) {
        /* No room for a whole segment may still be room for a few frames. */
        int was = errno;
        if (ftruncate(fd, 0) != 0)
            errno = was;
        f->bytes = mem_alloc(SEGMENT_FILE_BYTES);
    }
    *out = f;
    return ERR_OK;
}

void segment_file_close(struct segment_file *f)
{
    if (!f)
        return;
    if (f->is_mapped)
        munmap(f->bytes, SEGMENT_FILE_BYTES);
    else
        free(f->bytes);
    if (ftruncate(f->fd, (off_t)f->flushed) != 0)
        errno = 0; /* it ends in zeros instead, which says the same */
    close(f->fd);
    free(f);
}

void segment_file_reset(struct segment_file *f)
{
    memset(f->bytes, 0, END_BYTES);
    f->len = f->flushed = 0;
}

size_t segment_file_room(const struct segment_file *f)
{
    return SEGMENT_FILE_BYTES - f->len;
}

size_t segment_file_len(const struct segment_file *f)
{
    return f->len;
}

void segment_file_put(struct segment_file *f, struct str part1, struct str part2)
{
    size_t len = part1.len + part2.len;
    assert(part1.len >= END_BYTES && len <= segment_file_room(f));
    char *at = f->bytes + f->len;
    memset(at + len, 0, MIN_OF((size_t)END_BYTES, segment_file_room(f) - len));
    memcpy(at + END_BYTES, part1.ptr + END_BYTES, part1.len - END_BYTES);
    if (part2.len)
        memcpy(at + part1.len, part2.ptr, part2.len);
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(at, part1.ptr, END_BYTES);
    f->len += len;
}

static enum err write_rest(struct segment_file *f)
{
    size_t end = MIN_OF(f->len + END_BYTES, (size_t)SEGMENT_FILE_BYTES), at = f->flushed;
    while (at < end) {
        ssize_t n = pwrite(f->fd, f->bytes + at, end - at, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        at += (size_t)n;
    }
    return ERR_OK;
}

enum err segment_file_flush(struct segment_file *f)
{
    enum err err = f->is_mapped || f->flushed == f->len ? ERR_OK : write_rest(f);
    if (err)
        f->len = f->flushed;
    else
        f->flushed = f->len;
    return err;
}

int segment_file_fd(const struct segment_file *f)
{
    return f->fd;
}
