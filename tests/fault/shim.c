/*
 * shim.c — lies to one process about its disk and its clock. Preloaded (LD_PRELOAD); a file named by
 * FAULT_CONTROL, mapped by both, says what to say. shim.mjs builds it and writes that file.
 *
 * Writes and syncs are counted, and those from the nth on fail, of files whose path holds `match`.
 * While writes are to fail no room is given in advance, so that nothing is stored to memory instead.
 * Clocks other than the wall clock are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { SYNC = 1, WRITE = 2 };

struct control {
    int64_t wall_offset_us;
    uint64_t fail_kind;  /* enum kind; 0: nothing fails */
    uint64_t fail_from;  /* the nth call of that kind fails, from 1 on */
    uint64_t fail_count; /* and so many in all */
    uint64_t fail_errno; /* 0: a write is cut to half of what was asked */
    uint64_t calls;      /* of that kind, so far */
    uint64_t failed;
    uint64_t is_loaded;
    char match[64];
};

static volatile struct control *control;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULT_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return;
    control = at;
    control->is_loaded = 1;
}

static int is_meant(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = '\0';
    return strstr(path, (const char *)control->match) != NULL;
}

/* Does this call fail? */
static int fails(enum kind kind, int fd)
{
    if (!control || control->fail_kind != kind || !is_meant(fd))
        return 0;
    uint64_t n = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
    if (n < control->fail_from || n - control->fail_from >= control->fail_count)
        return 0;
    __atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST);
    errno = (int)control->fail_errno;
    return 1;
}

int fsync(int fd)
{
    return fails(SYNC, fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(SYNC, fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    if (fails(WRITE, fd)) {
        if (errno || len < 2)
            return -1;
        len /= 2;
    }
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return pwrite64(fd, bytes, len, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    if (fails(WRITE, fd))
        return errno ? -1 : syscall(SYS_pwrite64, fd, parts->iov_base, parts->iov_len / 2, at);
    return syscall(SYS_pwritev, fd, parts, count, at, 0);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return pwritev64(fd, parts, count, at);
}

int fallocate64(int fd, int mode, off64_t at, off64_t len)
{
    if (control && control->fail_kind == WRITE && is_meant(fd)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_fallocate, fd, mode, at, len);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    return fallocate64(fd, mode, at, len);
}

/* --- the wall clock --- */

static void shift(struct timespec *t)
{
    int64_t ns = t->tv_nsec + control->wall_offset_us % 1000000 * 1000;
    t->tv_sec += control->wall_offset_us / 1000000;
    if (ns < 0 || ns >= 1000000000) {
        t->tv_sec += ns < 0 ? -1 : 1;
        ns += ns < 0 ? 1000000000 : -1000000000;
    }
    t->tv_nsec = ns;
}

int clock_gettime(clockid_t which, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, which, t);
    if (rc == 0 && control && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        shift(t);
    return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return rc;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
