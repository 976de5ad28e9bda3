/*
 * config_file.c — a small file read whole, and only if it is one.
 */
#include "config/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err check(struct config_file *file, int fd, struct fail *why)
{
    struct stat st;
    if (fstat(fd, &st))
        return fail(why, ERR_CONFIG, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return fail(why, ERR_CONFIG, "is a directory");
    if (!S_ISREG(st.st_mode))
        return fail(why, ERR_CONFIG, "is not a regular file");
    if (st.st_size > CONFIG_FILE_MAX)
        return fail(why, ERR_CONFIG, "is larger than 1 MiB");
    bool foreign = st.st_uid != geteuid() && st.st_uid != 0;
    file->strange = foreign || (st.st_mode & S_IWOTH);
    return ERR_OK;
}

static enum err fill(struct buf *out, int fd, struct fail *why)
{
    for (;;) {
        if (buf_reserve(out, 4096))
            return fail(why, ERR_CONFIG, "is larger than 1 MiB");
        ssize_t got = read(fd, out->ptr + out->len, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(why, ERR_CONFIG, "%s", strerror(errno));
        if (got == 0)
            return ERR_OK;
        out->len += (size_t)got;
    }
}

enum err config_file_read(struct config_file *file, const char *path, struct fail *why)
{
    *file = (struct config_file){.strange = false};
    buf_init(&file->bytes, CONFIG_FILE_MAX + 4096); /* room to notice the end */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return fail(why, ERR_NOT_FOUND, "%s", strerror(errno));
    if (fd < 0)
        return fail(why, ERR_CONFIG, "%s", strerror(errno));
    enum err err = check(file, fd, why);
    if (!err)
        err = fill(&file->bytes, fd, why);
    close(fd);
    return err;
}

void config_file_release(struct config_file *file)
{
    buf_release(&file->bytes);
}
