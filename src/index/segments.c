/*
 * segments.c — the files of a journal as the reader sees them.
 */
#include "index/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "index/damaged.h"

enum {
    PATH_BYTES = 4096,
    MAPS_MAX = 4,             /* segments in memory at once: the newest */
    MAP_BYTES = 8 * 1024 * 1024, /* of a segment; what is longer is read */
    ROTATE_BYTES = 256 * 1024 /* a committed active segment past this is worth deleting */
};

void segments_init(struct segments *s, const char *path, struct journal_dir *dir)
{
    *s = (struct segments){.path = mem_strdup(path), .dir = dir};
    buf_init(&s->window_copy, FRAME_PAYLOAD_MAX + FRAME_HEAD_BYTES);
}

static void unmap(struct segments *s, struct segment *g)
{
    if (!g->map)
        return;
    munmap(g->map, MAP_BYTES);
    g->map = NULL;
    s->map_count--;
}

static void close_file(struct segments *s, struct segment *g)
{
    unmap(s, g);
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
}

void segment_forget_mark(struct segment *g)
{
    free(g->open);
    g->open = NULL;
    g->open_count = g->open_next = 0;
    g->mark = 0;
}

bool segment_has_open(struct segment *g, uint64_t offset)
{
    while (g->open_next < g->open_count && g->open[g->open_next] < offset)
        g->open_next++;
    bool is_open = g->open_next < g->open_count && g->open[g->open_next] == offset;
    g->open_next += is_open;
    return is_open;
}

static void free_segment(struct segments *s, struct segment *g)
{
    close_file(s, g);
    segment_forget_mark(g);
    free(g);
}

void segments_release(struct segments *s)
{
    while (s->first) {
        struct segment *next = s->first->next;
        free_segment(s, s->first);
        s->first = next;
    }
    segments_rest(s);
    free(s->path);
}

static void name_of(const char *dir, uint64_t number, const char *suffix, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%016llx.seg%s", dir, (unsigned long long)number, suffix);
}

enum { FOLDER_BYTES = PATH_BYTES - 64 };

static void incoming_path(const struct segments *s, char out[FOLDER_BYTES])
{
    snprintf(out, FOLDER_BYTES, "%s/" JOURNAL_INCOMING, s->path);
}

static struct segment *add(struct segments *s, uint64_t number)
{
    struct segment **at = &s->first;
    while (*at && (*at)->number < number)
        at = &(*at)->next;
    if (*at && (*at)->number == number)
        return NULL;
    struct segment *g = MEM_NEW(struct segment);
    g->number = number;
    g->fd = -1;
    g->next = *at;
    *at = g;
    return g;
}

/* --- files --- */

static void close_oldest(struct segments *s)
{
    struct segment *oldest = NULL;
    int open_count = 0;
    for (struct segment *g = s->first; g; g = g->next) {
        open_count += g->fd >= 0;
        bool is_read = g == s->window_of; /* its bytes are being looked at */
        if (g->fd >= 0 && !is_read && (!oldest || g->used_at < oldest->used_at))
            oldest = g;
    }
    if (open_count >= SEGMENTS_OPEN_MAX)
        close_file(s, oldest);
}

static int open_number(const char *dir, uint64_t number)
{
    char path[PATH_BYTES];
    name_of(dir, number, "", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool open_fd(struct segments *s, struct segment *g)
{
    g->used_at = ++s->clock;
    if (g->fd >= 0)
        return true;
    close_oldest(s);
    g->fd = open_number(s->path, g->number);
    return g->fd >= 0;
}

/* Appends exactly `len` bytes. */
static enum err read_at(int fd, uint64_t offset, size_t len, struct buf *out)
{
    enum err err = buf_reserve(out, len);
    while (!err && len) {
        ssize_t n = pread(fd, out->ptr + out->len, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        out->len += (size_t)n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return err;
}

static void unmap_oldest(struct segments *s)
{
    struct segment *oldest = NULL;
    for (struct segment *g = s->first; g; g = g->next)
        if (g->map && g != s->window_of && (!oldest || g->used_at < oldest->used_at))
            oldest = g;
    unmap(s, oldest);
}

/* What this process wrote a moment ago lies in the system's cache: mapping it saves a copy. What
 * an earlier one left is read, for a page that the disk cannot give must be no signal. Only bytes
 * below g->limit are looked at, so that the map may go past the file's end. */
static bool map_own(struct segments *s, struct segment *g)
{
    if (g->map || !g->is_own)
        return g->map;
    if (s->map_count == MAPS_MAX)
        unmap_oldest(s);
    void *map = mmap(NULL, MAP_BYTES, PROT_READ, MAP_SHARED, g->fd, 0);
    if (map == MAP_FAILED)
        return false;
    g->map = map;
    s->map_count++;
    return true;
}

static enum err copy_window(struct segments *s, const struct segment *g, size_t len)
{
    buf_clear(&s->window_copy);
    enum err err = read_at(g->fd, g->read_to, len, &s->window_copy);
    s->window = buf_str(&s->window_copy);
    return err;
}

enum err segments_read(struct segments *s, struct segment *g, size_t want, struct str *bytes)
{
    size_t len = (size_t)MIN_OF(g->limit - g->read_to, (uint64_t)want);
    s->window_of = NULL;
    enum err err = open_fd(s, g) ? ERR_OK : ERR_IO;
    if (!err && g->read_to + len <= MAP_BYTES && map_own(s, g))
        s->window = str_make(g->map + g->read_to, len);
    else if (!err)
        err = copy_window(s, g, len);
    if (err) {
        g->is_damaged = true;
        return err;
    }
    s->window_of = g;
    s->window_start = g->read_to;
    *bytes = s->window;
    return ERR_OK;
}

void segments_read_end(struct segments *s)
{
    s->window_of = NULL;
}

const char *segments_view(const struct segments *s, const struct segment *g, uint64_t offset, size_t len)
{
    if (s->window_of == g && offset >= s->window_start &&
        offset + len <= s->window_start + s->window.len)
        return s->window.ptr + (offset - s->window_start);
    return g->map && offset + len <= MAP_BYTES && offset + len <= g->limit ? g->map + offset : NULL;
}

enum err segments_load(struct segments *s, struct segment *g, uint64_t offset, size_t len,
                       struct buf *out)
{
    const char *bytes = segments_view(s, g, offset, len);
    if (bytes)
        return buf_append(out, str_make(bytes, len));
    return open_fd(s, g) ? read_at(g->fd, offset, len, out) : ERR_IO;
}

enum err segment_load_file(const char *path, uint64_t number, uint64_t offset, size_t len,
                           struct buf *out)
{
    int fd = open_number(path, number);
    if (fd < 0)
        return ERR_NOT_FOUND;
    enum err err = read_at(fd, offset, len, out);
    close(fd);
    /* A file whose name has gone may have begun its next life while it was read. */
    char name[PATH_BYTES];
    name_of(path, number, "", name);
    return access(name, F_OK) == 0 ? err : ERR_NOT_FOUND;
}

void segments_rest(struct segments *s)
{
    for (struct segment *g = s->first; g; g = g->next)
        unmap(s, g);
    buf_release(&s->window_copy);
    if (s->dir)
        journal_dir_rest(s->dir);
}

/* --- finding them --- */

static bool parse_name(const char *name, uint64_t *number)
{
    *number = 0;
    for (int i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef", *at = name[i] ? strchr(digits, name[i]) : NULL;
        if (!at)
            return false;
        *number = *number << 4 | (uint64_t)(at - digits);
    }
    return strcmp(name + 16, ".seg") == 0;
}

/* A file that an earlier process left: all of it may be read, and must be checked. */
static void add_left_behind(struct segments *s, uint64_t number)
{
    struct buf head;
    struct segment_head h;
    struct stat st;
    int fd = open_number(s->path, number);
    if (fd < 0)
        return; /* a link, a pipe: not ours */
    buf_init(&head, SEGMENT_HEAD_BYTES);
    bool has_head = read_at(fd, 0, SEGMENT_HEAD_BYTES, &head) == ERR_OK &&
                    segment_head_read(buf_str(&head), &h) == ERR_OK;
    bool is_own = has_head && s->dir && uuid_equal(&h.boot, journal_dir_boot(s->dir));
    if (!is_own && fstat(fd, &st) == 0) {
        struct segment *g = add(s, number);
        if (g) {
            g->limit = (uint64_t)st.st_size;
            g->read_to = g->begin = has_head ? SEGMENT_HEAD_BYTES : 0;
            g->is_closed = true;
            g->has_boot = has_head;
            g->boot = has_head ? h.boot : g->boot;
        }
    }
    buf_release(&head);
    close(fd);
}

static void add_own(struct segments *s, uint64_t number)
{
    uint64_t bytes;
    bool is_closed;
    if (!journal_dir_progress(s->dir, number, &bytes, &is_closed))
        return;
    struct segment *g = add(s, number);
    if (!g)
        return;
    g->is_own = g->has_boot = true;
    g->boot = *journal_dir_boot(s->dir);
    g->read_to = g->begin = MIN_OF(bytes, (uint64_t)SEGMENT_HEAD_BYTES);
}

static enum err each_number_in(struct segments *s, const char *path,
                               void (*fn)(struct segments *, uint64_t), struct fail *f)
{
    DIR *dir = opendir(path);
    if (!dir)
        return fail(f, ERR_IO, "%s: %s", path, strerror(errno));
    uint64_t number;
    for (struct dirent *e; (e = readdir(dir));)
        if (parse_name(e->d_name, &number))
            fn(s, number);
    closedir(dir);
    return ERR_OK;
}

/* A crash between the two steps changes nothing: the next process finds it left behind. */
static void fetch(struct segments *s, uint64_t number)
{
    char incoming[FOLDER_BYTES], from[PATH_BYTES], to[PATH_BYTES];
    incoming_path(s, incoming);
    name_of(incoming, number, "", from);
    name_of(s->path, number, "", to);
    if (number >= SEGMENT_BROUGHT && access(to, F_OK) != 0 && rename(from, to) == 0)
        add_left_behind(s, number);
}

void segments_fetch(struct segments *s)
{
    char incoming[FOLDER_BYTES];
    incoming_path(s, incoming);
    enum err err = each_number_in(s, incoming, fetch, NULL);
    (void)err; /* the folder is there once something has been brought */
}

enum err segments_scan(struct segments *s, struct fail *f)
{
    return each_number_in(s, s->path, add_left_behind, f);
}

/* First all that have begun, then how far each is: so of what a writer goes on with, all that is in
 * front of it may be read too. */
void segments_look(struct segments *s)
{
    uint64_t number;
    if (!s->dir)
        return;
    while (journal_dir_next(s->dir, &s->seen, &number))
        add_own(s, number);
    for (struct segment *g = s->first; g; g = g->next)
        if (g->is_own && !g->is_closed)
            journal_dir_progress(s->dir, g->number, &g->limit, &g->is_closed);
}

uint64_t segments_unread(const struct segments *s)
{
    uint64_t bytes = 0;
    for (const struct segment *g = s->first; g; g = g->next)
        bytes += g->limit > g->read_to ? g->limit - g->read_to : 0;
    return bytes;
}

void segments_begin_again(struct segments *s)
{
    segments_read_end(s);
    for (struct segment *g = s->first; g; g = g->next) {
        assert(!g->users);
        g->read_to = g->begin;
        g->is_done = g->in_damage = false;
    }
}

/* --- deleting them --- */

static void delete_file(struct segments *s, struct segment *g)
{
    char path[PATH_BYTES], kept[PATH_BYTES];
    name_of(s->path, g->number, "", path);
    name_of(s->path, g->number, DAMAGED_SUFFIX, kept);
    bool is_kept = g->is_damaged && rename(path, kept) == 0;
    if (is_kept) {
        log_line(LOG_WARN, "a journal segment is damaged and was kept", LOG_C("path", kept));
        damaged_trim(s->path, DAMAGED_FILES_MAX, DAMAGED_BYTES_MAX);
    }
    if (g->is_own && !is_kept)
        journal_dir_retire(s->dir, g->number);
    else if (g->is_own)
        journal_dir_forget(s->dir, g->number);
    else if (!is_kept)
        unlink(path);
}

void segments_tidy(struct segments *s, bool is_idle)
{
    struct segment **at = &s->first;
    while (*at) {
        struct segment *g = *at;
        if (g->is_done && !g->users) {
            *at = g->next;
            delete_file(s, g);
            free_segment(s, g);
            continue;
        }
        bool is_spent = is_idle && g->is_own && !g->is_closed && !g->users &&
                        g->read_to == g->limit && g->limit > ROTATE_BYTES;
        if (is_spent && !g->is_rotate_asked) {
            journal_dir_ask_rotate(s->dir, g->number);
            g->is_rotate_asked = true;
        }
        at = &g->next;
    }
}
