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
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/loss.h"
#include "base/mem.h"
#include "journal/outage.h"
#include "journal/segment_file.h"

enum {
    FREE_FILES_MAX = 4, /* files kept to be used again */
    READ_SOON_MAX = 4,  /* files of closed segments kept open until they are read, for that */
    PATH_BYTES = 4096
};

static const uint64_t open_again_ns = 1000000000; /* after a segment could not be made */

/* A segment of this process, for the reader. */
struct segment {
    struct segment *next;
    uint64_t number;
    uint64_t order; /* in which it came into the list */
    atomic_uint_least64_t bytes;
    atomic_bool is_closed, is_rotate_asked;
    struct segment_file *file; /* the writer's until it is closed, then the directory's; NULL when
                                  too many wait to be read */
};

struct free_file {
    struct segment_file *file;
    uint64_t number; /* names it */
};

struct journal_dir {
    char *path;
    struct uuid boot;
    void (*bell)(void *owner);
    void *owner;
    pthread_mutex_t mutex; /* guards what follows */
    uint64_t next_number;
    struct segment *segments; /* the newest first */
    uint64_t begun;           /* segments, ever */
    struct free_file free_files[FREE_FILES_MAX];
    size_t free_count;
    size_t read_soon_count; /* closed segments that have a file */
};

struct journal {
    struct journal_dir *dir;
    uint32_t worker;
    struct segment *segment;  /* NULL: none open */
    struct iovec *parts;      /* of the frames added since the last flush */
    size_t part_count, part_cap;
    size_t part_bytes;
    uint64_t frame_count;
    struct arena copies;      /* heads, and payloads that do not stay */
    size_t synced;            /* bytes of the segment */
    bool keeps_unsynced;
    int unsynced_fds[JOURNAL_UNSYNCED_MAX - 2]; /* of the segments before this one */
    size_t unsynced_count;
    bool is_name_unsynced;    /* the folder has a name that is not on the disk */
    uint64_t failed_ns;       /* when no segment could be made; 0 */
    int failed_errno;         /* why the newest flush that failed did */
    uint64_t turn;
    struct outage outage;
    atomic_uint_least64_t lost_frames;
};

/* --- the directory --- */

static void path_of(const struct journal_dir *d, uint64_t number, const char *suffix,
                    char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%016llx.%s", d->path, (unsigned long long)number, suffix);
}

static void remove_file(const struct journal_dir *d, uint64_t number, const char *suffix)
{
    char path[PATH_BYTES];
    path_of(d, number, suffix, path);
    unlink(path);
}

static enum err scan_numbers(struct journal_dir *d, struct fail *f)
{
    DIR *dir = opendir(d->path);
    if (!dir)
        return fail(f, ERR_IO, "%s: %s", d->path, strerror(errno));
    for (struct dirent *e; (e = readdir(dir));) {
        unsigned long long number;
        char tail[8] = "";
        if (sscanf(e->d_name, "%16llx.%5s", &number, tail) != 2)
            continue;
        if (strcmp(tail, "seg") == 0 && number < SEGMENT_BROUGHT)
            d->next_number = MAX_OF(d->next_number, number + 1);
        else if (strcmp(tail, "free") == 0)
            remove_file(d, number, "free");
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
    journal_dir_rest(d);
    while (d->segments) {
        struct segment *next = d->segments->next;
        segment_file_close(d->segments->file);
        free(d->segments);
        d->segments = next;
    }
    pthread_mutex_destroy(&d->mutex);
    free(d->path);
    free(d);
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

bool journal_dir_next(struct journal_dir *d, uint64_t *order, uint64_t *number)
{
    const struct segment *next = NULL;
    pthread_mutex_lock(&d->mutex);
    for (const struct segment *s = d->segments; s && s->order > *order; s = s->next)
        next = s;
    if (next) {
        *order = next->order;
        *number = next->number;
    }
    pthread_mutex_unlock(&d->mutex);
    return next != NULL;
}

void journal_dir_ask_rotate(struct journal_dir *d, uint64_t number)
{
    pthread_mutex_lock(&d->mutex);
    struct segment *s = find_segment(d, number);
    if (s)
        atomic_store(&s->is_rotate_asked, true);
    pthread_mutex_unlock(&d->mutex);
}

/* Takes the file of a closed segment out of the list; NULL when there is none. */
static struct segment_file *take_file(struct journal_dir *d, uint64_t number)
{
    for (struct segment **at = &d->segments; *at; at = &(*at)->next)
        if ((*at)->number == number && atomic_load(&(*at)->is_closed)) {
            struct segment *gone = *at;
            struct segment_file *file = gone->file;
            *at = gone->next;
            free(gone);
            d->read_soon_count -= file != NULL;
            return file;
        }
    return NULL;
}

void journal_dir_forget(struct journal_dir *d, uint64_t number)
{
    pthread_mutex_lock(&d->mutex);
    segment_file_close(take_file(d, number));
    pthread_mutex_unlock(&d->mutex);
}

void journal_dir_retire(struct journal_dir *d, uint64_t number)
{
    char path[PATH_BYTES], free_path[PATH_BYTES];
    path_of(d, number, "seg", path);
    path_of(d, number, "free", free_path);
    pthread_mutex_lock(&d->mutex);
    struct segment_file *file = take_file(d, number);
    bool keeps = file && segment_file_is_reusable(file) && d->free_count < FREE_FILES_MAX &&
                 segment_file_blank(file) == ERR_OK && rename(path, free_path) == 0;
    if (keeps) {
        d->free_files[d->free_count++] = (struct free_file){file, number};
    } else {
        unlink(path);
        segment_file_close(file);
    }
    pthread_mutex_unlock(&d->mutex);
}

void journal_dir_rest(struct journal_dir *d)
{
    pthread_mutex_lock(&d->mutex);
    while (d->free_count) {
        struct free_file *each = &d->free_files[--d->free_count];
        remove_file(d, each->number, "free");
        segment_file_close(each->file);
    }
    pthread_mutex_unlock(&d->mutex);
}

/* --- writing --- */

struct journal *journal_new(struct journal_dir *d, uint32_t worker)
{
    struct journal *j = MEM_NEW(struct journal);
    j->dir = d;
    j->worker = worker;
    arena_init(&j->copies);
    outage_init(&j->outage);
    return j;
}

/* Where among the parts the frame begins that was noted last. */
static size_t newest_frame(const struct journal *j)
{
    struct frame f;
    size_t newest = 0;
    for (size_t at = 0; at < j->part_count; at += frame_head_read(j->parts[at].iov_base, &f) ? 2 : 1)
        newest = at;
    return newest;
}

/* The frames noted since the last flush are gone; the newest is nothing lost if it `is_refused`. */
static void lose(struct journal *j, bool is_refused)
{
    char detail[PATH_BYTES + 64];
    j->failed_errno = errno;
    snprintf(detail, sizeof detail, "%s: %s", j->dir->path, strerror(errno));
    size_t part_count = is_refused ? newest_frame(j) : j->part_count;
    struct outage_loss loss = outage_note(&j->outage, j->turn, j->parts, part_count);
    loss_note(LOSS_NOT_RECORDED, is_refused, detail);
    atomic_fetch_add(&j->lost_frames, loss.frames);
    loss_note(LOSS_JOURNAL_WRITE, loss.frames, detail);
    loss_note(LOSS_JOURNAL_BEGIN, loss.begins, NULL);
}

uint64_t journal_turn(const struct journal *j)
{
    return j->turn;
}

bool journal_lost_turn(const struct journal *j, uint64_t turn)
{
    return outage_covers(&j->outage, turn);
}

/* Leaves room for the current segment and the folder. */
static void keep_unsynced(struct journal *j, const struct segment_file *file)
{
    bool has_room = j->unsynced_count < COUNT_OF(j->unsynced_fds);
    int fd = has_room ? dup(segment_file_fd(file)) : -1;
    if (fd >= 0)
        j->unsynced_fds[j->unsynced_count++] = fd;
    else if (fsync(segment_file_fd(file)) != 0) /* it blocks, but the disk is far behind */
        loss_note(LOSS_JOURNAL_SYNC, 1, strerror(errno));
}

/* Leaves the segment to its reader. When that is far behind, the file is closed too: what waits
 * must not take all descriptors. */
static void close_segment(struct journal *j)
{
    struct journal_dir *d = j->dir;
    struct segment *s = j->segment;
    if (!s)
        return;
    if (j->keeps_unsynced && j->synced < segment_file_len(s->file))
        keep_unsynced(j, s->file);
    j->segment = NULL;
    pthread_mutex_lock(&d->mutex);
    if (d->read_soon_count < READ_SOON_MAX) {
        segment_file_rest(s->file);
        d->read_soon_count++;
    } else {
        segment_file_close(s->file);
        s->file = NULL;
    }
    atomic_store(&s->is_closed, true); /* from here on the directory may take it */
    pthread_mutex_unlock(&d->mutex);
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    enum err err = journal_flush(j);
    (void)err; /* counted and logged there */
    close_segment(j);
    while (j->unsynced_count)
        close(j->unsynced_fds[--j->unsynced_count]);
    j->dir->bell(j->dir->owner);
    arena_release(&j->copies);
    outage_release(&j->outage);
    free(j->parts);
    free(j);
}

/* A file for segment `number`: one that was used before, or a new one. */
static struct segment_file *make_file(struct journal_dir *d, uint64_t number)
{
    char path[PATH_BYTES], free_path[PATH_BYTES];
    struct segment_file *file = NULL;
    path_of(d, number, "seg", path);
    pthread_mutex_lock(&d->mutex);
    if (d->free_count) {
        struct free_file *used = &d->free_files[--d->free_count];
        file = used->file;
        path_of(d, used->number, "free", free_path);
    }
    pthread_mutex_unlock(&d->mutex);
    if (file) {
        segment_file_reset(file);
        if (rename(free_path, path) == 0)
            return file;
        segment_file_close(file);
    }
    return segment_file_create(&file, path) == ERR_OK ? file : NULL;
}

static enum err open_segment(struct journal *j)
{
    struct journal_dir *d = j->dir;
    uint64_t now_ns = clock_mono_ns();
    if (j->failed_ns && now_ns - j->failed_ns < open_again_ns) {
        errno = j->failed_errno;
        return ERR_IO;
    }
    pthread_mutex_lock(&d->mutex);
    uint64_t number = d->next_number++;
    pthread_mutex_unlock(&d->mutex);
    struct segment_file *file = make_file(d, number);
    j->failed_ns = file ? 0 : now_ns;
    if (!file)
        return ERR_IO;
    char head[SEGMENT_HEAD_BYTES];
    struct segment_head h = {d->boot, j->worker, number, clock_wall_us(), now_ns};
    segment_head_write(head, &h);
    struct iovec parts[2] = {{head, sizeof head}};
    if (segment_file_write(file, parts, 1) != ERR_OK) {
        segment_file_close(file);
        remove_file(d, number, "seg");
        j->failed_ns = now_ns;
        return ERR_IO;
    }
    struct segment *s = MEM_NEW(struct segment);
    s->number = number;
    s->file = file;
    atomic_store(&s->bytes, sizeof head); /* nothing to read yet */
    j->segment = s;
    j->synced = 0;
    j->is_name_unsynced = true;
    pthread_mutex_lock(&d->mutex);
    s->order = ++d->begun;
    s->next = d->segments;
    d->segments = s;
    pthread_mutex_unlock(&d->mutex);
    return ERR_OK;
}

/* After an outage, what is owed is tried again as often as a segment may be made. */
bool journal_is_dirty(const struct journal *j)
{
    return j->frame_count ||
           (j->outage.owed_count && clock_mono_ns() - j->failed_ns >= open_again_ns);
}

static void add_part(struct journal *j, const void *ptr, size_t len)
{
    if (!len)
        return;
    if (j->part_count + 1 >= j->part_cap) { /* one more than the frames need: the end mark */
        j->part_cap = j->part_cap ? j->part_cap * 2 : 64;
        j->parts = mem_resize(j->parts, j->part_cap * sizeof *j->parts);
    }
    j->parts[j->part_count++] = (struct iovec){(void *)ptr, len};
    j->part_bytes += len;
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

static bool is_over(const struct journal *j)
{
    const struct segment *s = j->segment;
    return s && (segment_file_len(s->file) + j->part_bytes > SEGMENT_FILE_BYTES ||
                 atomic_load_explicit(&s->is_rotate_asked, memory_order_relaxed));
}

static enum err pay_owed(struct journal *j)
{
    struct str owed = buf_str(&j->outage.owed);
    struct iovec parts[2] = {{(void *)owed.ptr, owed.len}};
    if (!owed.len)
        return ERR_OK;
    enum err err = segment_file_write(j->segment->file, parts, 1);
    if (!err)
        outage_paid(&j->outage);
    return err;
}

static enum err flush(struct journal *j, bool may_refuse)
{
    if (!j->frame_count && !j->outage.owed_count)
        return ERR_OK;
    if (is_over(j))
        close_segment(j);
    enum err err = j->segment ? ERR_OK : open_segment(j);
    if (!err)
        err = pay_owed(j);
    if (!err && j->frame_count)
        err = segment_file_write(j->segment->file, j->parts, j->part_count);
    if (err) {
        lose(j, may_refuse);
        if (j->segment)
            j->failed_ns = clock_mono_ns(); /* else every turn would leave a file behind */
        close_segment(j);
    } else {
        atomic_store_explicit(&j->segment->bytes, segment_file_len(j->segment->file),
                              memory_order_release);
    }
    j->part_count = j->part_bytes = 0;
    j->frame_count = 0;
    j->turn++;
    arena_clear(&j->copies);
    j->dir->bell(j->dir->owner);
    return err;
}

enum err journal_flush(struct journal *j)
{
    return flush(j, false);
}

enum err journal_flush_or_refuse(struct journal *j)
{
    return flush(j, true);
}

void journal_keep_unsynced(struct journal *j)
{
    j->keeps_unsynced = true;
}

size_t journal_take_unsynced(struct journal *j, int fds[JOURNAL_UNSYNCED_MAX])
{
    size_t len = j->segment ? segment_file_len(j->segment->file) : 0, count = j->unsynced_count;
    memcpy(fds, j->unsynced_fds, count * sizeof *fds);
    j->unsynced_count = 0;
    if (j->synced < len) {
        keep_unsynced(j, j->segment->file);
        if (j->unsynced_count)
            fds[count++] = j->unsynced_fds[--j->unsynced_count];
    }
    j->synced = len;
    int fd = j->is_name_unsynced ? open(j->dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fds[count++] = fd;
        j->is_name_unsynced = false;
    }
    return count;
}

void journal_rotate(struct journal *j)
{
    close_segment(j);
}

uint64_t journal_lost_frames(const struct journal *j)
{
    return atomic_load(&j->lost_frames);
}
