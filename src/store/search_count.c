/*
 * search_count.c — how far the search index has come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/search_private.h"

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void add_up(struct search *x, struct search_counters *out)
{
    char path[SEARCH_PATH_MAX], wal[SEARCH_PATH_MAX + 8];
    uv_mutex_lock(&x->listing);
    for (size_t i = 0; i < x->list_count; i++) {
        const struct search_about *a = &x->list[i].about;
        search_path(x, x->list[i].number, path);
        snprintf(wal, sizeof wal, "%s-wal", path);
        out->indexed += a->requests;
        out->texts += a->texts;
        out->text_bytes += a->text_bytes;
        out->file_bytes += size_of(path) + size_of(wal);
        out->files++;
    }
    out->failures = x->shown_failures;
    out->skipped = x->shown_skipped;
    uv_mutex_unlock(&x->listing);
}

/* A copy: they move on while others look at them. */
static struct search_cursor *copy_cursors(struct search *x, size_t *count)
{
    uv_mutex_lock(&x->listing);
    *count = x->cursor_count;
    struct search_cursor *copy = mem_alloc((*count + 1) * sizeof *copy);
    if (*count)
        memcpy(copy, x->cursors, *count * sizeof *copy);
    uv_mutex_unlock(&x->listing);
    return copy;
}

/* `c`: NULL where no place has been found yet: everything waits. */
static enum err count_waiting(struct search *x, struct store_reader *r,
                              const struct search_cursor *c, int64_t *waiting, struct fail *f)
{
    char sql[256];
    struct statement *q;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT 1 FROM requests WHERE %s LIMIT ?)"
             " AS waiting", search_after_cursor);
    enum err err = database_prepare(&r->db, sql, &q, f);
    if (err)
        return err;
    if (c) {
        search_bind_cursor(x, q, 1, c);
    } else {
        bind_number(q, 1, 0);
        bind_number(q, 2, -1);
        bind_number(q, 3, INT64_MAX);
    }
    bind_number(q, 4, SEARCH_WAITING_MAX - *waiting);
    if (statement_next(q, &err, f))
        *waiting += column_number(q, 0);
    statement_free(q);
    return err;
}

enum err search_count(struct search *x, struct store_reader *r, struct search_counters *out,
                      struct fail *f)
{
    size_t count;
    *out = (struct search_counters){0};
    enum err err = search_list(x, f);
    if (!err)
        err = reader_begin(r, f);
    if (err)
        return err;
    add_up(x, out);
    struct search_cursor *cursors = copy_cursors(x, &count);
    if (!count)
        err = count_waiting(x, r, NULL, &out->waiting, f);
    for (size_t i = 0; i < count && !err; i++)
        if (!cursors[i].is_done)
            err = count_waiting(x, r, &cursors[i], &out->waiting, f);
    free(cursors);
    return err;
}
