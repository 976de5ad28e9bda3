/*
 * transcript_folder.c — part by part, without ever following a link.
 */
#include "transcript/transcript_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum err transcript_folder_open(const char *path, int *fd, struct fail *f)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd >= 0)
        return ERR_OK;
    return fail(f, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
}

static bool is_plain_name(struct str name)
{
    return name.len && name.len <= NAME_MAX && !memchr(name.ptr, '\0', name.len) &&
           !str_equal(name, STR(".")) && !str_equal(name, STR(".."));
}

static enum err refused(struct fail *f)
{
    return fail(f, ERR_FORBIDDEN, "not a path of a transcript");
}

static enum err could_not(struct fail *f, struct str path)
{
    bool is_gone = errno == ENOENT || errno == ENOTDIR;
    enum err err = is_gone ? ERR_NOT_FOUND : errno == ELOOP ? ERR_FORBIDDEN : ERR_IO;
    return fail(f, err, "%.*s: %s", STR_ARGS(path), strerror(errno));
}

static enum err check_plain(int fd, struct stat *st, struct fail *f)
{
    if (fstat(fd, st) != 0)
        return fail(f, ERR_IO, "a transcript cannot be looked at: %s", strerror(errno));
    return S_ISREG(st->st_mode) ? ERR_OK : refused(f);
}

enum err transcript_open(int folder_fd, struct str path, int *fd, struct stat *st, struct fail *f)
{
    struct str rest = path, part;
    int at = folder_fd, depth = 0;
    enum err err = ERR_OK;
    *fd = -1;
    if (!path.len || path.ptr[path.len - 1] == '/' || path.len >= TRANSCRIPT_PATH_MAX)
        return refused(f);
    while (!err && rest.len && str_next(&rest, '/', &part)) {
        char name[NAME_MAX + 1];
        /* not blocking: it may be a pipe in disguise */
        int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (rest.len ? O_DIRECTORY : O_NONBLOCK);
        if (!is_plain_name(part) || ++depth > TRANSCRIPT_DEPTH_MAX) {
            err = refused(f);
            break;
        }
        memcpy(name, part.ptr, part.len);
        name[part.len] = '\0';
        int next = openat(at, name, flags);
        if (next < 0)
            err = could_not(f, path);
        if (at != folder_fd)
            close(at);
        at = next;
    }
    if (!err)
        err = check_plain(at, st, f);
    if (err && at >= 0 && at != folder_fd)
        close(at);
    *fd = err ? -1 : at;
    return err;
}

enum err transcript_read(int fd, int64_t start, int64_t len, char *out, struct fail *f)
{
    while (len > 0) {
        ssize_t n = pread(fd, out, (size_t)len, (off_t)start);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(f, ERR_IO, "a transcript cannot be read: %s", strerror(errno));
        if (n == 0)
            return fail(f, ERR_GONE, "the transcript has become shorter");
        start += n;
        out += n;
        len -= n;
    }
    return ERR_OK;
}

/* --- walking --- */

static bool push(struct transcript_walk *w, int fd, size_t end)
{
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        w->has_failed = true;
        return false;
    }
    w->ends[w->depth] = end;
    w->stack[w->depth++] = dir;
    return true;
}

static void pop(struct transcript_walk *w)
{
    closedir(w->stack[--w->depth]);
}

void transcript_walk_begin(struct transcript_walk *w, int folder_fd_take)
{
    *w = (struct transcript_walk){.depth = 0};
    push(w, folder_fd_take, 0);
}

void transcript_walk_end(struct transcript_walk *w)
{
    while (w->depth)
        pop(w);
}

/* The path of an entry; 0 when it is too long, or no name of ours. */
static size_t join(struct transcript_walk *w, const char *name)
{
    size_t at = w->ends[w->depth - 1], len = strlen(name);
    if (!is_plain_name(str_make(name, len)) || at + len + 2 > sizeof w->path)
        return 0;
    if (at)
        w->path[at++] = '/';
    memcpy(w->path + at, name, len + 1);
    return at + len;
}

static void enter(struct transcript_walk *w, const char *name, size_t end)
{
    if (w->depth == TRANSCRIPT_DEPTH_MAX)
        return;
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    push(w, openat(dirfd(w->stack[w->depth - 1]), name, flags), end);
}

enum transcript_step transcript_walk_next(struct transcript_walk *w, struct str *path,
                                          struct stat *st)
{
    if (!w->depth)
        return TRANSCRIPT_WALK_END;
    DIR *dir = w->stack[w->depth - 1];
    errno = 0;
    struct dirent *entry = readdir(dir);
    if (!entry) {
        w->has_failed |= errno != 0;
        pop(w);
        return TRANSCRIPT_WALK_OTHER;
    }
    size_t end = join(w, entry->d_name);
    if (!end)
        return TRANSCRIPT_WALK_OTHER;
    if (fstatat(dirfd(dir), entry->d_name, st, AT_SYMLINK_NOFOLLOW) != 0) {
        w->has_failed |= errno != ENOENT;
        return TRANSCRIPT_WALK_OTHER;
    }
    *path = str_make(w->path, end);
    if (S_ISREG(st->st_mode) && w->depth > 1 && str_ends(*path, STR(".jsonl")))
        return TRANSCRIPT_WALK_FILE;
    if (S_ISDIR(st->st_mode))
        enter(w, entry->d_name, end);
    return TRANSCRIPT_WALK_OTHER;
}
