/*
 * sqlite_wal.c — gathers the frames of a transaction before they go into the WAL.
 *
 * SQLite writes a frame's head and its page each by a call of their own. Here they wait until
 * anything else comes: the frame that commits, a read, a sync, a write elsewhere. So whatever others
 * are told of has been written, and a failure is told to the transaction it belongs to. Frames that
 * are not committed are nobody else's: nothing is lost with them when the process is killed.
 *
 * Of the format only this is known: a frame's head has 24 bytes, of which the second four are zero
 * unless it commits (https://www.sqlite.org/fileformat2.html#walformat).
 */
#include "store/sqlite_wal.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"

enum {
    FRAME_HEAD_BYTES = 24,
    GATHERED_MAX = 32 * 1024 /* bytes; more goes to the system at once */
};

struct wal_file {
    sqlite3_file base;
    sqlite3_file *inner;
    sqlite3_int64 start; /* of what is gathered, in the file */
    int len;
    bool takes_page;     /* what came last is the head of a frame that does not commit */
    char *gathered;      /* GATHERED_MAX; NULL until needed */
};

static struct wal_file *own(sqlite3_file *file)
{
    return (struct wal_file *)(void *)file;
}

static sqlite3_file *inner_of(sqlite3_file *file)
{
    return own(file)->inner;
}

static int flush(struct wal_file *w)
{
    int len = w->len;
    w->len = 0;
    w->takes_page = false;
    return len ? w->inner->pMethods->xWrite(w->inner, w->gathered, len, w->start) : SQLITE_OK;
}

static bool waits(struct wal_file *w, const char *bytes, int len)
{
    static const char none[4];
    if (w->takes_page) {
        w->takes_page = false;
        return true;
    }
    w->takes_page = len == FRAME_HEAD_BYTES && memcmp(bytes + 4, none, sizeof none) == 0;
    return w->takes_page;
}

static int wal_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct wal_file *w = own(file);
    bool is_next = w->len && at == w->start + w->len;
    int code = is_next && len <= GATHERED_MAX - w->len ? SQLITE_OK : flush(w);
    if (code != SQLITE_OK)
        return code;
    if (len > GATHERED_MAX || !waits(w, bytes, len)) {
        code = flush(w);
        return code != SQLITE_OK ? code : w->inner->pMethods->xWrite(w->inner, bytes, len, at);
    }
    if (!w->gathered)
        w->gathered = mem_alloc(GATHERED_MAX);
    if (!w->len)
        w->start = at;
    memcpy(w->gathered + w->len, bytes, (size_t)len);
    w->len += len;
    return SQLITE_OK;
}

static int wal_close(sqlite3_file *file)
{
    struct wal_file *w = own(file);
    int code = flush(w), closed = w->inner->pMethods->xClose(w->inner);
    free(w->gathered);
    w->gathered = NULL;
    return code != SQLITE_OK ? code : closed;
}

static int wal_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    int code = flush(own(file));
    return code != SQLITE_OK ? code : inner_of(file)->pMethods->xRead(inner_of(file), to, len, at);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = flush(own(file));
    return code != SQLITE_OK ? code : inner_of(file)->pMethods->xTruncate(inner_of(file), size);
}

static int wal_sync(sqlite3_file *file, int flags)
{
    int code = flush(own(file));
    return code != SQLITE_OK ? code : inner_of(file)->pMethods->xSync(inner_of(file), flags);
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int code = flush(own(file));
    return code != SQLITE_OK ? code : inner_of(file)->pMethods->xFileSize(inner_of(file), size);
}

static int wal_lock(sqlite3_file *file, int how)
{
    return inner_of(file)->pMethods->xLock(inner_of(file), how);
}

static int wal_unlock(sqlite3_file *file, int how)
{
    return inner_of(file)->pMethods->xUnlock(inner_of(file), how);
}

static int wal_is_reserved(sqlite3_file *file, int *is_reserved)
{
    return inner_of(file)->pMethods->xCheckReservedLock(inner_of(file), is_reserved);
}

static int wal_control(sqlite3_file *file, int what, void *arg)
{
    int code = flush(own(file));
    return code != SQLITE_OK ? code : inner_of(file)->pMethods->xFileControl(inner_of(file), what, arg);
}

static int wal_sector(sqlite3_file *file)
{
    return inner_of(file)->pMethods->xSectorSize(inner_of(file));
}

static int wal_traits(sqlite3_file *file)
{
    return inner_of(file)->pMethods->xDeviceCharacteristics(inner_of(file));
}

/* Version 1: what came later is for shared memory and maps, which a WAL has none of. */
static const sqlite3_io_methods wal_methods = {
    .iVersion = 1,
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_is_reserved,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector,
    .xDeviceCharacteristics = wal_traits,
};

static sqlite3_vfs *usual; /* SQLite's own */
static sqlite3_vfs ours;
static const char *name;

/* SQLite gives the memory for both files, `ours.szOsFile` bytes. */
static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return usual->xOpen(usual, path, file, flags, out_flags);
    struct wal_file *w = own(file);
    *w = (struct wal_file){.inner = (sqlite3_file *)(void *)(w + 1)};
    int code = usual->xOpen(usual, path, w->inner, flags, out_flags);
    if (code != SQLITE_OK)
        return code; /* without methods it is not closed */
    w->base.pMethods = &wal_methods;
    return SQLITE_OK;
}

static void set_up(void)
{
    usual = sqlite3_vfs_find(NULL);
    if (!usual)
        return;
    ours = *usual;
    ours.pNext = NULL;
    ours.zName = "gathered-wal";
    ours.szOsFile = usual->szOsFile + (int)sizeof(struct wal_file);
    ours.xOpen = open_file;
    if (sqlite3_vfs_register(&ours, 0) == SQLITE_OK)
        name = ours.zName;
}

const char *sqlite_wal_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    return name;
}
