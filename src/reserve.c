/*
 * reserve.c — room on the disk that is given up when there is no other.
 */
#include "reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

void reserve_init(struct reserve *r, const char *data_dir, int64_t bytes)
{
    size_t size = strlen(data_dir) + sizeof "/reserve";
    *r = (struct reserve){.path = mem_alloc(size), .bytes = bytes};
    snprintf(r->path, size, "%s/reserve", data_dir);
    uv_mutex_init(&r->mutex);
}

void reserve_release(struct reserve *r)
{
    uv_mutex_destroy(&r->mutex);
    free(r->path);
}

int64_t reserve_held_bytes(const struct reserve *r)
{
    struct stat st;
    return stat(r->path, &st) == 0 ? st.st_size : 0;
}

int64_t reserve_free_bytes(const struct reserve *r)
{
    struct statvfs v;
    char *slash = strrchr(r->path, '/');
    char *dir = mem_strdup(r->path);
    dir[slash - r->path] = '\0';
    bool is_known = statvfs(dir, &v) == 0;
    free(dir);
    return is_known ? (int64_t)v.f_bavail * (int64_t)v.f_frsize : -1;
}

/* Bytes that the file system has to find room for: a hole would be no reserve. */
static bool write_out(int fd, int64_t bytes)
{
    enum { STEP = 64 * 1024 };
#ifdef __linux__
    return posix_fallocate(fd, 0, bytes) == 0;
#else
    char *zeros = mem_zeroed(STEP);
    bool is_written = true;
    for (int64_t at = 0; at < bytes && is_written; at += STEP) {
        size_t want = (size_t)MIN_OF(bytes - at, (int64_t)STEP);
        is_written = pwrite(fd, zeros, want, at) == (ssize_t)want;
    }
    free(zeros);
    return is_written;
#endif
}

static void make(const struct reserve *r, int64_t bytes)
{
    int fd = open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    bool is_written = write_out(fd, bytes);
    close(fd);
    if (!is_written)
        unlink(r->path); /* the room is needed by others */
}

/* How large it should be now; 0: there is no room. What there is already is not made smaller
 * because the disk fills: that is what it is for. */
static int64_t size_now(const struct reserve *r, int64_t held)
{
    uint64_t now_ns = clock_mono_ns();
    if (r->spent_ns && now_ns - r->spent_ns < RESERVE_REST_S * UINT64_C(1000000000))
        return 0;
    int64_t room = (reserve_free_bytes(r) + held) / RESERVE_SHARE;
    int64_t bytes = MIN_OF(r->bytes, room);
    bool is_worth = bytes == r->bytes || (bytes >= RESERVE_MIN_BYTES && bytes / 2 >= held);
    return is_worth ? bytes : 0;
}

void reserve_fill(struct reserve *r)
{
    uv_mutex_lock(&r->mutex);
    int64_t held = reserve_held_bytes(r);
    int64_t bytes = r->bytes && held != r->bytes ? size_now(r, held) : 0;
    if (!r->bytes)
        unlink(r->path);
    else if (bytes)
        make(r, bytes);
    uv_mutex_unlock(&r->mutex);
}

bool reserve_spend(struct reserve *r)
{
    uv_mutex_lock(&r->mutex);
    int64_t held = reserve_held_bytes(r);
    bool is_spent = held > 0 && unlink(r->path) == 0;
    if (is_spent) {
        r->spent_ns = clock_mono_ns();
        log_line(LOG_WARN, "the disk is full: the reserve was given up, so that things can be"
                           " deleted", LOG_N("bytes", held));
    }
    uv_mutex_unlock(&r->mutex);
    return is_spent;
}
