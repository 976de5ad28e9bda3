/*
 * journal.c — one loop's end of the journal: frames go into a segment file, once per loop turn.
 */
#include "journal/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    SEGMENT_BYTES = 16 * 1024 * 1024, /* then the next segment begins */
    IOV_MAX_USED = 512,               /* parts per system call */
    PATH_BYTES = 4096
};

/* A segment of this process, for the reader. */
struct segment {
    struct segment *next;
    uint64_t number;
    atomic_uint_least64_t bytes;
    atomic_bool is_closed, is_rotate_asked;
};

struct journal_dir {
    char *path;
    struct uuid boot;
    void (*bell)(void *owner);
    void *owner;
    pthread_mutex_t mutex; /* guards the next two */
    uint64_t next_number;
    struct segment *segments;
};

struct journal {
    struct journal_dir *dir;
    uint32_t worker;
    int fd; /* -1: none open */
    struct segment *segment;
    uint64_t written, synced; /* bytes of the segment */
    bool keeps_unsynced;
    int unsynced_fd;          /* of the segment before this one; -1 */
    struct iovec *parts;
    size_t part_count, part_cap;
    uint64_t frame_count; /* noted since the last flush */
    struct arena copies;
    atomic_uint_least64_t lost_frames;
    uint64_t last_complaint_ns;
};

/* --- the directory --- */

static enum err scan_numbers(struct journal_dir *d, struct fail *f)
{
    DIR *dir = opendir(d->path);
    if (!dir)
        return fail(f, ERR_IO, "%s: %s", d->path, strerror(errno));
    for (struct dirent *e; (e = readdir(dir));) {
        unsigned long long number;
        char tail[8] = "";
        if (sscanf(e->d_name, "%16llx.%3s", &number, tail) == 2 && strcmp(tail, "seg") == 0)
            d->next_number = MAX_OF(d->next_number, number + 1);
    }
    closedir(dir);
    return ERR_OK;
}

enum err journal_dir_open(struct journal_dir **out, const char *path, void (*bell)(void *owner),
                          void *owner, struct fail *f)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail(f, ERR_IO, "%s: %s", path, strerror(errno));
    struct journal_dir *d = MEM_NEW(struct journal_dir);
    d->path = mem_strdup(path);
    d->boot = uuid_new();
    d->bell = bell;
    d->owner = owner;
    d->next_number = 1;
    pthread_mutex_init(&d->mutex, NULL);
    enum err err = scan_numbers(d, f);
    if (err)
        journal_dir_close(d);
    else
        *out = d;
    return err;
}

void journal_dir_close(struct journal_dir *d)
{
    if (!d)
        return;
    while (d->segments) {
        struct segment *next = d->segments->next;
        free(d->segments);
        d->segments = next;
    }
    pthread_mutex_destroy(&d->mutex);
    free(d->path);
    free(d);
}

const char *journal_dir_path(const struct journal_dir *d)
{
    return d->path;
}

const struct uuid *journal_dir_boot(const struct journal_dir *d)
{
    return &d->boot;
}

static struct segment *find_segment(struct journal_dir *d, uint64_t number)
{
    struct segment *s = d->segments;
    while (s && s->number != number)
        s = s->next;
    return s;
}

bool journal_dir_progress(struct journal_dir *d, uint64_t number, uint64_t *bytes, bool *is_closed)
{
    pthread_mutex_lock(&d->mutex);
    struct segment *s = find_segment(d, number);
    if (s) {
        *is_closed = atomic_load(&s->is_closed); /* before bytes: closed means bytes are final */
        *bytes = atomic_load(&s->bytes);
    }
    pthread_mutex_unlock(&d->mutex);
    return s != NULL;
}

void journal_dir_ask_rotate(struct journal_dir *d, uint64_t number)
{
    pthread_mutex_lock(&d->mutex);
    struct segment *s = find_segment(d, number);
    if (s)
        atomic_store(&s->is_rotate_asked, true);
    pthread_mutex_unlock(&d->mutex);
}

void journal_dir_forget(struct journal_dir *d, uint64_t number)
{
    pthread_mutex_lock(&d->mutex);
    for (struct segment **at = &d->segments; *at; at = &(*at)->next)
        if ((*at)->number == number && atomic_load(&(*at)->is_closed)) {
            struct segment *gone = *at;
            *at = gone->next;
            free(gone);
            break;
        }
    pthread_mutex_unlock(&d->mutex);
}

/* --- writing --- */

struct journal *journal_new(struct journal_dir *d, uint32_t worker)
{
    struct journal *j = MEM_NEW(struct journal);
    j->dir = d;
    j->worker = worker;
    j->fd = j->unsynced_fd = -1;
    arena_init(&j->copies);
    return j;
}

static void close_segment(struct journal *j)
{
    if (j->fd < 0)
        return;
    if (j->keeps_unsynced && j->synced < j->written && j->unsynced_fd < 0)
        j->unsynced_fd = j->fd;
    else
        close(j->fd);
    j->fd = -1;
    atomic_store(&j->segment->is_closed, true);
    j->segment = NULL;
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    enum err err = journal_flush(j);
    (void)err; /* counted and logged there */
    close_segment(j);
    if (j->unsynced_fd >= 0)
        close(j->unsynced_fd);
    j->dir->bell(j->dir->owner);
    arena_release(&j->copies);
    free(j->parts);
    free(j);
}

static enum err open_segment(struct journal *j)
{
    struct journal_dir *d = j->dir;
    struct segment *s = MEM_NEW(struct segment);
    pthread_mutex_lock(&d->mutex);
    s->number = d->next_number++;
    pthread_mutex_unlock(&d->mutex);
    char path[PATH_BYTES], head[SEGMENT_HEAD_BYTES];
    snprintf(path, sizeof path, "%s/%016llx.seg", d->path, (unsigned long long)s->number);
    struct segment_head h = {d->boot, j->worker, s->number, clock_wall_us(), clock_mono_ns()};
    segment_head_write(head, &h);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, head, sizeof head) != (ssize_t)sizeof head) {
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        free(s);
        return ERR_IO;
    }
    j->fd = fd;
    j->segment = s;
    j->written = sizeof head;
    j->synced = 0;
    atomic_store(&s->bytes, sizeof head);
    pthread_mutex_lock(&d->mutex);
    s->next = d->segments;
    d->segments = s;
    pthread_mutex_unlock(&d->mutex);
    return ERR_OK;
}

bool journal_is_dirty(const struct journal *j)
{
    return j->part_count > 0;
}

static void add_part(struct journal *j, const void *ptr, size_t len)
{
    if (!len)
        return;
    if (j->part_count == j->part_cap) {
        j->part_cap = j->part_cap ? j->part_cap * 2 : 64;
        j->parts = mem_resize(j->parts, j->part_cap * sizeof *j->parts);
    }
    j->parts[j->part_count++] = (struct iovec){(void *)ptr, len};
}

void journal_add(struct journal *j, struct frame *f)
{
    char *head = arena_alloc(&j->copies, FRAME_HEAD_BYTES);
    frame_write_head(head, f, f->payload, STR_NONE);
    add_part(j, head, FRAME_HEAD_BYTES);
    add_part(j, f->payload.ptr, f->payload.len);
    j->frame_count++;
}

void journal_add_copy(struct journal *j, struct frame *f)
{
    f->payload = arena_str(&j->copies, f->payload);
    journal_add(j, f);
}

/* Writes all parts. A short write or an error leaves the segment torn; the reader copes. */
static enum err write_parts(struct journal *j)
{
    size_t at = 0;
    while (at < j->part_count) {
        int count = (int)MIN_OF(j->part_count - at, (size_t)IOV_MAX_USED);
        size_t want = 0;
        for (int i = 0; i < count; i++)
            want += j->parts[at + (size_t)i].iov_len;
        ssize_t n = writev(j->fd, j->parts + at, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (size_t)n != want)
            return ERR_IO;
        j->written += want;
        at += (size_t)count;
    }
    return ERR_OK;
}

static void complain(struct journal *j)
{
    uint64_t now_ns = clock_mono_ns();
    if (j->last_complaint_ns && now_ns - j->last_complaint_ns < 60000000000u)
        return; /* once a minute; the counter says how many */
    j->last_complaint_ns = now_ns;
    log_line(LOG_ERROR, "the journal cannot be written: requests go on, their record is lost",
             LOG_C("path", j->dir->path), LOG_C("error", strerror(errno)),
             LOG_N("lost_frames", atomic_load(&j->lost_frames)));
}

enum err journal_flush(struct journal *j)
{
    if (!j->part_count)
        return ERR_OK;
    bool rotate = j->segment && (j->written >= SEGMENT_BYTES ||
                                 atomic_load_explicit(&j->segment->is_rotate_asked,
                                                      memory_order_relaxed));
    if (rotate)
        close_segment(j);
    enum err err = j->fd < 0 ? open_segment(j) : ERR_OK;
    if (!err)
        err = write_parts(j);
    if (!err) {
        atomic_store_explicit(&j->segment->bytes, j->written, memory_order_release);
    } else {
        atomic_fetch_add(&j->lost_frames, j->frame_count);
        complain(j);
        if (j->fd >= 0 && ftruncate(j->fd, (off_t)j->written) != 0)
            errno = 0; /* stays torn */
        close_segment(j);
    }
    j->part_count = 0;
    j->frame_count = 0;
    arena_clear(&j->copies);
    j->dir->bell(j->dir->owner);
    return err;
}

void journal_keep_unsynced(struct journal *j)
{
    j->keeps_unsynced = true;
}

void journal_take_unsynced(struct journal *j, int fds[2])
{
    bool has_new = j->fd >= 0 && j->synced < j->written;
    fds[0] = j->unsynced_fd;
    fds[1] = has_new ? dup(j->fd) : -1;
    j->unsynced_fd = -1;
    j->synced = j->written;
}

void journal_rotate(struct journal *j)
{
    close_segment(j);
}

uint64_t journal_lost_frames(const struct journal *j)
{
    return atomic_load(&j->lost_frames);
}
