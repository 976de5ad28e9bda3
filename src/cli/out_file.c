/*
 * out_file.c — where a command writes what may be long.
 */
#include "cli/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static enum err failed(struct out_file *o, const char *path, struct fail *f)
{
    o->has_failed = true;
    return fail(f, ERR_IO, "%s: %s", path, strerror(errno));
}

enum err out_file_open(struct out_file *o, const char *path, struct fail *f)
{
    *o = (struct out_file){.fd = 1, .is_open = true};
    if (!path || !strcmp(path, "-"))
        return ERR_OK;
    o->path = path;
    size_t size = strlen(path) + sizeof ".part";
    o->part = is_special(path) ? NULL : mem_alloc(size);
    if (o->part)
        snprintf(o->part, size, "%s.part", path);
    o->fd = open(o->part ? o->part : path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    o->is_open = o->fd >= 0;
    return o->is_open ? ERR_OK : failed(o, o->part ? o->part : path, f);
}

bool out_file_is_named(const struct out_file *o)
{
    return o->path != NULL;
}

enum err out_file_write(struct out_file *o, struct str bytes, struct fail *f)
{
    while (bytes.len) {
        ssize_t n = write(o->fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            o->is_reader_gone = errno == EPIPE;
            return failed(o, o->path ? o->path : "standard output", f);
        }
        o->bytes += (uint64_t)n;
        bytes = str_from(bytes, (size_t)n);
    }
    return ERR_OK;
}

enum err out_file_finish(struct out_file *o, struct fail *f)
{
    if (!o->path)
        return ERR_OK;
    int closed = close(o->fd);
    o->fd = -1;
    if (closed != 0 || (o->part && rename(o->part, o->path) != 0))
        return failed(o, o->path, f);
    free(o->part);
    o->part = NULL;
    return ERR_OK;
}

void out_file_release(struct out_file *o)
{
    if (o->path && o->fd >= 0)
        close(o->fd);
    if (o->part)
        unlink(o->part);
    free(o->part);
    o->part = NULL;
}
