/*
 * sqlite_store.c — the SQLite file as a file: who may write to it, what if it is damaged, how
 * large it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock_file.h"
#include "base/loss.h"
#include "base/mem.h"
#include "store/reader.h"
#include "store/sqlite_driver.h"
#include "store/store_private.h"

static char *path_with(const struct store *s, const char *suffix)
{
    size_t size = strlen(s->where) + strlen(suffix) + 1;
    char *path = mem_alloc(size);
    snprintf(path, size, "%s%s", s->where, suffix);
    return path;
}

/* SQLite's own locks do not keep a second writer out for good; this does. */
static enum err lock(struct store *s, struct fail *f)
{
    char *path = path_with(s, ".lock");
    enum err err = lock_file_take(path, s->where, &s->lock_fd, f);
    free(path);
    return err;
}

static void unlock(struct store *s)
{
    lock_file_give_up(&s->lock_fd);
}

/* Makes the file before SQLite does, so that nobody else may read it. */
static enum err make_private(const struct store *s, struct fail *f)
{
    int fd = open(s->where, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return fail(f, ERR_IO, "%s: %s", s->where, strerror(errno));
    struct stat st;
    if (stat(s->where, &st) != 0 || !S_ISREG(st.st_mode))
        return fail(f, ERR_CONFIG, "%s is not a regular file", s->where);
    return ERR_OK;
}

static enum err claim(struct store *s, struct fail *f)
{
    enum err err = lock(s, f);
    return err ? err : make_private(s, f);
}

/* --- damage --- */

static void suspect(struct store *s)
{
    char *mark = path_with(s, ".suspect");
    int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    free(mark);
}

/* Somebody may delete the file, or put another in its place. What is written to it then is gone
 * when it is closed: rather let the journal keep it. */
static enum err still_there(struct store *s, const struct batch *b, struct fail *f)
{
    (void)b;
    struct file_mark now = file_mark_look(s->where);
    if (now.inode == s->file.inode && now.device == s->file.device)
        return ERR_OK;
    return fail(f, ERR_IO, "%s was %s while in use: start the proxy again", s->where,
                now.inode ? "replaced" : "deleted");
}

/* What SQLite takes for a schema may be another than was written: a letter is enough. */
static enum err compare_schema(struct store *s, struct database *new, struct fail *f)
{
    struct statement *wanted = NULL, *found = NULL;
    enum err err = database_prepare(new, "SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL",
                                    &wanted, f);
    if (!err)
        err = database_prepare(&s->db, "SELECT 1 FROM sqlite_schema WHERE name = ? AND sql = ?",
                               &found, f);
    while (!err && statement_next(wanted, &err, f)) {
        struct str name = column_str(wanted, 0);
        bind_text(found, 1, name);
        bind_text(found, 2, column_str(wanted, 1));
        if (!statement_next(found, &err, f) && !err)
            err = fail(f, ERR_CORRUPT, "the schema of %.*s is damaged", STR_ARGS(name));
        statement_reset(found);
    }
    statement_free(found);
    statement_free(wanted);
    return err;
}

static enum err check_schema(struct store *s, struct fail *f)
{
    struct database new = {0};
    enum err err = database_migrate(&s->db, f);
    if (!err)
        err = database_open(&new, s->engine->driver, ":memory:", DATABASE_WRITE, f);
    if (!err)
        err = database_migrate(&new, f);
    if (!err)
        err = compare_schema(s, &new, f);
    database_close(&new);
    return err;
}

/* All of it is looked at only where damage was met before: it takes long. */
static enum err check(struct store *s, struct fail *f)
{
    s->file = file_mark_look(s->where);
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
    return err ? err : check_schema(s, f);
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
    return err ? err : make_private(s, f);
}

/* --- the rest --- */

/* Numbers only grow: the newest block stays while it has no successor, if only by its number (scrub.c). */
static const char last_block_sql[] =
    "SELECT max(number) FROM (SELECT max(number) AS number FROM blocks"
    " UNION ALL SELECT floor FROM keeping) AS n";

static enum err number_blocks(struct store *s, struct fail *f)
{
    (void)f;
    if (!s->next_block)
        s->next_block = (uint64_t)database_number(&s->db, last_block_sql, 0) + 1;
    return ERR_OK;
}

/* With readers about a checkpoint does what it can; while there is work, nothing waits for it. Blocks
 * that were gone on with have left some free pages. */
static void maintain(struct store *s, bool is_last)
{
    enum { PAGES = 64 };
    bool more;
    enum err err = sqlite_shrink(&s->db, PAGES, 0, &more, NULL);
    (void)err; /* they are used later */
    sqlite_checkpoint(&s->db, is_last);
}

static void space(struct store *s, int64_t *used_bytes, int64_t *free_bytes)
{
    sqlite_space(&s->db, used_bytes, free_bytes);
}

static void wipe(struct store *s, bool wipes)
{
    sqlite_wipe(&s->db, wipes);
}

static enum err shrink(struct store *s, int pages, int64_t keep_bytes, bool *more, struct fail *f)
{
    return sqlite_shrink(&s->db, pages, keep_bytes, more, f);
}

static int64_t size_of(const struct store *s, const char *suffix)
{
    struct stat st;
    char *path = path_with(s, suffix);
    int64_t bytes = stat(path, &st) == 0 ? st.st_size : 0;
    free(path);
    return bytes;
}

static int64_t size(struct store_reader *r)
{
    return size_of(r->store, "") + size_of(r->store, "-wal");
}

const struct engine sqlite_engine = {
    .name = "sqlite",
    .driver = &sqlite_driver,
    .like = {"", " LIKE"},
    .like_ascii = {"", " LIKE"},
    .numbers = "SELECT value FROM json_each(?)",
    .numbers_marks = "[]",
    .names_part = {"SELECT id FROM names WHERE id >= ?", " AND id < ?"},
    .names_end = "SELECT max(id) + 1 FROM names",
    .names_step = 4096,
    .write_totals =
        "UPDATE totals SET requests = requests + ?1, pieces = pieces + ?2, blocks = blocks + ?3,"
        " raw_bytes = raw_bytes + ?4, stored_bytes = stored_bytes + ?5,"
        " journal_marks = coalesce(?6, journal_marks)",
    .read_journal_marks = "SELECT journal_marks FROM totals",
    .claim = claim,
    .disclaim = unlock,
    .check = check,
    .set_aside = set_aside,
    .suspect = suspect,
    .number_blocks = number_blocks,
    .make_places = still_there,
    .maintain = maintain,
    .size = size,
    .space = space,
    .wipe = wipe,
    .shrink = shrink,
};
