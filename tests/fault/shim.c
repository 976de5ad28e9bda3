/*
 * shim.c — lies to one process about its disk and its clock. Preloaded (LD_PRELOAD); a file named by
 * FAULT_CONTROL, mapped by both, says what to say. shim.mjs builds it and writes that file.
 *
 * Writes, reads and syncs are counted, and those from the nth on fail, of files whose path holds `match`.
 * While writes are to fail no room is given in advance, so that nothing is stored to memory instead.
 * Clocks other than the wall clock are left alone.
 *
 * Where a `shadow` folder is named, it holds what a power cut could not take: of each file what it held
 * when it was last synced, of each folder the names it had then. "%" stands for "/" in their names.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { SYNC = 1, WRITE = 2, READ = 3 };

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
    char shadow[128];
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

/* 0 when it has none. */
static int path_of(int fd, char path[4096])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 4095);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static int is_meant(int fd)
{
    char path[4096];
    return path_of(fd, path) && strstr(path, (const char *)control->match) != NULL;
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

/* --- what is on the disk --- */

struct shadow {
    char name[4400], fresh[4500];
};

/* By its path: it may be open for writing only. */
static void copy_file(const char *path, int to)
{
    static _Thread_local char bytes[1 << 18];
    off_t at = 0;
    int from = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t n; (n = pread(from, bytes, sizeof bytes, at)) > 0; at += n)
        if (syscall(SYS_pwrite64, to, bytes, (size_t)n, at) != n)
            abort();
    if (from >= 0)
        close(from);
}

static void list_names(const char *path, int to)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (dprintf(to, "%s\n", e->d_name) < 0)
            abort();
    if (dir)
        closedir(dir);
}

static int shadow_name(const char *path, const char *suffix, char *out, size_t size)
{
    if (!control || !control->shadow[0])
        return 0;
    int at = snprintf(out, size, "%s/", (const char *)control->shadow);
    snprintf(out + at, size - (size_t)at, "%s%s", path, suffix);
    for (char *c = out + at; *c; c++)
        *c = *c == '/' ? '%' : *c;
    return 1;
}

/* Before the sync: what comes while it runs may not be part of it. */
static int shadow_begin(int fd, struct shadow *s)
{
    char path[4096];
    struct stat st;
    if (!path_of(fd, path) || fstat(fd, &st) != 0 ||
        !shadow_name(path, S_ISDIR(st.st_mode) ? "%" : "", s->name, sizeof s->name))
        return 0;
    snprintf(s->fresh, sizeof s->fresh, "%s.%d", s->name, (int)syscall(SYS_gettid));
    int to = open(s->fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        list_names(path, to);
    else
        copy_file(path, to);
    close(to);
    return 1;
}

static int sync_with(long call, int fd)
{
    struct shadow s;
    if (fails(SYNC, fd))
        return -1;
    int has_shadow = shadow_begin(fd, &s);
    int rc = (int)syscall(call, fd);
    if (has_shadow && rc == 0)
        syscall(SYS_renameat2, AT_FDCWD, s.fresh, AT_FDCWD, s.name, 0);
    return rc;
}

int fsync(int fd)
{
    return sync_with(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_with(SYS_fdatasync, fd);
}

/* What was synced under one name is there under the other, too. */
int rename(const char *from, const char *to)
{
    char was[4400], is[4400];
    int rc = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (rc == 0 && shadow_name(from, "", was, sizeof was) && shadow_name(to, "", is, sizeof is)) {
        unlink(is);
        if (link(was, is) != 0)
            errno = 0; /* it was never synced */
    }
    return rc;
}

/* --- writing --- */

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

ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
    return fails(READ, fd) ? -1 : syscall(SYS_pread64, fd, bytes, len, at);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
    return pread64(fd, bytes, len, at);
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
