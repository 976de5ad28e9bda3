/*
 * store.c — opening and closing the store: one writer, a damaged file set aside, the secret.
 * Writing is commit.c, reading reader.c and its neighbours.
 */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "base/clock.h"
#include "base/loss.h"
#include "base/mem.h"
#include "store/sqlite_driver.h"

static char *path_with(const struct store *s, const char *suffix)
{
    size_t size = strlen(s->path) + strlen(suffix) + 1;
    char *path = mem_alloc(size);
    snprintf(path, size, "%s%s", s->path, suffix);
    return path;
}

/* SQLite's own locks do not keep a second writer out for good; this does. */
static enum err lock(struct store *s, struct fail *f)
{
    char *path = path_with(s, ".lock");
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    enum err err = ERR_OK;
    if (s->lock_fd < 0)
        err = fail(f, ERR_IO, "%s: %s", path, strerror(errno));
    else if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        err = fail(f, ERR_BUSY, "%s: another process writes to this database", s->path);
    free(path);
    return err;
}

/* Makes the file before SQLite does, so that nobody else may read it. */
static enum err make_private(struct store *s, struct fail *f)
{
    int fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return fail(f, ERR_IO, "%s: %s", s->path, strerror(errno));
    struct stat st;
    if (stat(s->path, &st) != 0 || !S_ISREG(st.st_mode))
        return fail(f, ERR_CONFIG, "%s is not a regular file", s->path);
    return ERR_OK;
}

static enum err read_secret(struct store *s, struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&s->db, "SELECT value FROM meta WHERE key = 'secret'", &q, f);
    if (err)
        return err;
    struct str value = STR_NONE;
    if (statement_next(q, &err, f))
        value = column_str(q, 0);
    if (value.len == SECRET_BYTES)
        memcpy(s->secret, value.ptr, SECRET_BYTES);
    else if (!err && value.len)
        err = fail(f, ERR_CORRUPT, "the database's secret has %zu bytes", value.len);
    bool is_new = !err && !value.len;
    statement_free(q);
    if (!is_new)
        return err;
    if (RAND_bytes((unsigned char *)s->secret, SECRET_BYTES) != 1)
        return fail(f, ERR_INTERNAL, "no random bytes");
    err = database_prepare(&s->db, "INSERT INTO meta VALUES ('secret', ?1)", &q, f);
    if (err)
        return err;
    bind_blob(q, 1, str_make(s->secret, SECRET_BYTES));
    err = statement_run(q, f);
    statement_free(q);
    return err;
}

static enum err check_if_suspect(struct store *s, struct fail *f)
{
    char *mark = path_with(s, ".suspect");
    bool is_suspect = access(mark, F_OK) == 0;
    unlink(mark);
    free(mark);
    if (!is_suspect)
        return ERR_OK;
    struct statement *q;
    enum err err = database_prepare(&s->db, "PRAGMA quick_check(1)", &q, f);
    if (err)
        return err;
    if (statement_next(q, &err, f) && !str_equal(column_str(q, 0), STR("ok")))
        err = fail(f, ERR_CORRUPT, "%.*s", STR_ARGS(column_str(q, 0)));
    statement_free(q);
    return err;
}

static void close_database(struct store *s)
{
    commit_release(s);
    database_close(&s->db);
}

/* Numbers only grow, though the newest blocks may be gone. */
static const char last_block_sql[] =
    "SELECT max(number) FROM (SELECT max(number) AS number FROM blocks"
    " UNION ALL SELECT max(last_block) FROM spans UNION ALL SELECT floor FROM keeping) AS n";

static enum err open_database(struct store *s, struct fail *f)
{
    enum err err = make_private(s, f);
    if (!err)
        err = database_open(&s->db, &sqlite_driver, s->path,
                            s->is_durable ? DATABASE_DURABLE : DATABASE_WRITE, f);
    if (!err)
        err = check_if_suspect(s, f);
    if (!err)
        err = database_migrate(&s->db, f);
    if (!err)
        err = read_secret(s, f);
    if (!err)
        err = commit_prepare(s, f);
    if (!err)
        s->next_block =
            (uint64_t)database_number(&s->db, last_block_sql, 0) + 1;
    if (err)
        close_database(s);
    return err;
}

/* Renames the damaged file and its companions: nothing of it is thrown away. */
static enum err set_aside(struct store *s, const struct fail *why, struct fail *f)
{
    static const char *const companions[] = {"-wal", "-shm", ""};
    char stamp[64];
    snprintf(stamp, sizeof stamp, ".corrupt-%lld", (long long)clock_wall_us());
    char *target = path_with(s, stamp);
    enum err err = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(companions); i++) {
        char *from = path_with(s, companions[i]);
        size_t size = strlen(target) + 8;
        char *to = mem_alloc(size);
        snprintf(to, size, "%s%s", target, companions[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            err = fail(f, ERR_IO, "%s: %s", from, strerror(errno));
        free(from);
        free(to);
    }
    char detail[sizeof why->detail + 512];
    snprintf(detail, sizeof detail, "%s: %s", target, why->detail);
    loss_note(LOSS_STORE_SET_ASIDE, 1, detail);
    free(target);
    return err;
}

enum err store_open(struct store **out, const struct store_options *options, struct fail *f)
{
    struct store *s = MEM_NEW(struct store);
    uv_mutex_init(&s->writing);
    s->path = mem_strdup(options->db_path);
    s->is_durable = options->is_durable;
    struct fail first = {0};
    enum err err = lock(s, f);
    if (err)
        goto out;
    err = open_database(s, &first);
    if (err == ERR_CORRUPT) {
        err = set_aside(s, &first, f);
        if (!err)
            err = open_database(s, f);
    } else if (err) {
        fail(f, err, "%s: %s", s->path, first.detail);
    }
out:
    if (err) {
        if (s->lock_fd >= 0)
            close(s->lock_fd);
        uv_mutex_destroy(&s->writing);
        free(s->path);
        free(s);
        return err;
    }
    *out = s;
    return ERR_OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    sqlite_checkpoint(&s->db, true);
    close_database(s);
    close(s->lock_fd);
    uv_mutex_destroy(&s->writing);
    free(s->path);
    free(s);
}

void store_suspect(struct store *s)
{
    char *mark = path_with(s, ".suspect");
    int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    free(mark);
}

struct str store_secret(const struct store *s)
{
    return str_make(s->secret, SECRET_BYTES);
}

uint64_t store_next_block(struct store *s)
{
    return s->next_block;
}

void store_maintain(struct store *s)
{
    if (!s->needs_maintenance)
        return;
    s->needs_maintenance = false;
    uv_mutex_lock(&s->writing);
    /* with readers about this does what it can; nothing waits for it */
    sqlite_checkpoint(&s->db, false);
    uv_mutex_unlock(&s->writing);
}
