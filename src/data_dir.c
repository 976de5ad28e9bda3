/*
 * data_dir.c — making, locking and keying the data folder.
 */
#include "data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/lock_file.h"
#include <xxhash.h>

enum { PATH_BYTES = 4096 };

enum err data_dir_make(const char *path, struct fail *f)
{
    char part[PATH_BYTES];
    size_t len = strlen(path);
    if (!len || len >= sizeof part)
        return fail(f, ERR_CONFIG, "storage.data_dir is not a usable path");
    memcpy(part, path, len + 1);
    for (char *at = part + 1; ; at++) {
        if (*at && *at != '/')
            continue;
        char was = *at;
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return fail(f, ERR_IO, "%s: %s", part, strerror(errno));
        *at = was;
        if (!was)
            return ERR_OK;
    }
}

static enum err lock(struct data_dir *d, const char *path, struct fail *f)
{
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s/lock", path);
    return lock_file_take(name, path, &d->lock_fd, f);
}

enum err data_dir_read_key(const char *path, uint8_t key[REDACT_KEY_BYTES], struct fail *f)
{
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s/redact.key", path);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(f, ERR_NOT_FOUND, "%s: %s", name, strerror(errno));
    ssize_t n = read(fd, key, REDACT_KEY_BYTES);
    close(fd);
    if (n == REDACT_KEY_BYTES)
        return ERR_OK;
    return fail(f, ERR_CORRUPT, "%s is damaged; remove it to make a new one", name);
}

static enum err sync_and_close(int fd)
{
    bool is_synced = fsync(fd) == 0;
    return close(fd) == 0 && is_synced ? ERR_OK : ERR_IO;
}

/* Under its own name only when all of it is on the disk: half a key would be taken for a damaged
 * one, and after a power cut the proxy would not start. */
static enum err write_key(const struct data_dir *d, const char *folder, const char *name)
{
    char fresh[PATH_BYTES + 8];
    snprintf(fresh, sizeof fresh, "%s.new", name);
    unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR_IO;
    ssize_t n = write(fd, d->redact_key, sizeof d->redact_key);
    if (sync_and_close(fd) || n != (ssize_t)sizeof d->redact_key || rename(fresh, name) != 0)
        return ERR_IO;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? sync_and_close(fd) : ERR_OK;
}

static enum err load_key(struct data_dir *d, const char *path, struct fail *f)
{
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s/redact.key", path);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        ssize_t n = read(fd, d->redact_key, sizeof d->redact_key);
        close(fd);
        if (n == (ssize_t)sizeof d->redact_key)
            return ERR_OK;
        return fail(f, ERR_CORRUPT, "%s is damaged; remove it to make a new one", name);
    }
    if (uv_random(NULL, NULL, d->redact_key, sizeof d->redact_key, 0, NULL) != 0)
        return fail(f, ERR_IO, "no random numbers");
    return write_key(d, path, name) ? fail(f, ERR_IO, "%s: %s", name, strerror(errno)) : ERR_OK;
}

enum err data_dir_open(struct data_dir *d, const char *path, struct fail *f)
{
    d->lock_fd = -1;
    enum err err = data_dir_make(path, f);
    if (!err)
        err = lock(d, path, f);
    if (!err)
        err = load_key(d, path, f);
    if (err)
        data_dir_close(d);
    return err;
}

void data_dir_node(const struct data_dir *d, char out[NODE_TEXT])
{
    char host[64] = "";
    if (gethostname(host, sizeof host - 1) != 0 || !*host)
        snprintf(host, sizeof host, "host");
    uint64_t hash = XXH3_64bits(d->redact_key, sizeof d->redact_key); /* tells 16 bits of it */
    snprintf(out, NODE_TEXT, "%s-%04x", host, (unsigned)(hash & 0xffff));
}

void data_dir_close(struct data_dir *d)
{
    lock_file_give_up(&d->lock_fd);
}
