/*
 * names_sweep.c — titles and error messages that no row has any more are deleted.
 *
 * First the writer forgets which texts it has used of late: from then on a row that needs a title
 * gets a new one, beyond the sweep's limit. What then is in use is found by reading, and the rest
 * cannot come into use again.
 */
#include "store/names_sweep.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/store_private.h"

/* Every column that may hold such a name. Of requests, which are many, a page at a time. */
static const struct {
    const char *table, *column;
} columns[] = {
    {"sessions", "title"},         {"conversations", "title"},
    {"transcript_files", "title"}, {"transcript_files", "agent_description"},
    {"transcript_files", "cwd"},   {"transcript_files", "branch"},
};

static const char request_columns[] =
#define NAME(name)
#define RAW(name)
#define NUMBER(name)
#define TEXT(name) ", " #name
#define COLUMN(name, kind, member) kind(name)
#include "store/columns.def"
    ;
#undef COLUMN

enum {
    REQUEST_TEXTS = 0
#undef TEXT
#define TEXT(name) + 1
#define COLUMN(name, kind, member) kind(name)
#include "store/columns.def"
#undef COLUMN
};

static void mark(struct names_sweep *n, int64_t id)
{
    if (id > 0 && id < n->limit)
        n->used[id / 8] |= (uint8_t)(1u << (id % 8));
}

static bool is_used(const struct names_sweep *n, int64_t id)
{
    return n->used[id / 8] >> (id % 8) & 1;
}

void names_sweep_release(struct names_sweep *n)
{
    free(n->used);
    *n = (struct names_sweep){0};
}

static void begin(struct names_sweep *n, struct store *s)
{
    uv_mutex_lock(&s->writing);
    names_forget(&s->names);
    n->limit = s->names.next_id;
    uv_mutex_unlock(&s->writing);
    n->used = mem_zeroed((size_t)n->limit / 8 + 1);
    n->is_under_way = true;
}

static enum err look_at_column(struct names_sweep *n, struct store_reader *r, struct fail *f)
{
    char sql[128];
    struct statement *q;
    snprintf(sql, sizeof sql, "SELECT %s FROM %s", columns[n->column].column,
             columns[n->column].table);
    enum err err = database_prepare(&r->db, sql, &q, f);
    if (err)
        return err;
    while (statement_next(q, &err, f))
        mark(n, column_number(q, 0));
    statement_free(q);
    return err;
}

static enum err look_at_requests(struct names_sweep *n, struct store_reader *r, bool *more,
                                 struct fail *f)
{
    char sql[512];
    struct statement *q;
    snprintf(sql, sizeof sql, "SELECT id%s FROM requests WHERE id > ? ORDER BY id LIMIT ?",
             request_columns);
    enum err err = database_prepare(&r->db, sql, &q, f);
    if (err)
        return err;
    struct uuid after = n->after;
    int count = 0;
    bind_blob(q, 1, str_make(after.bytes, sizeof after.bytes));
    bind_number(q, 2, NAMES_SWEEP_ROWS);
    for (; statement_next(q, &err, f); count++) {
        struct str id = column_str(q, 0);
        if (id.len == sizeof n->after.bytes)
            memcpy(n->after.bytes, id.ptr, id.len);
        for (int i = 1; i <= REQUEST_TEXTS; i++)
            mark(n, column_number(q, i));
    }
    statement_free(q);
    *more = count == NAMES_SWEEP_ROWS;
    return err;
}

static enum err find_unused(struct names_sweep *n, struct store_reader *r, int64_t *list,
                            size_t *count, bool *more, struct fail *f)
{
    struct statement *q;
    int looked = 0;
    enum err err = database_prepare(&r->db, "SELECT id, is_shared FROM names WHERE id > ?"
                                            " AND id < ? ORDER BY id LIMIT ?", &q, f);
    if (err)
        return err;
    bind_number(q, 1, n->after_number);
    bind_number(q, 2, n->limit);
    bind_number(q, 3, NAMES_SWEEP_ROWS);
    for (; statement_next(q, &err, f); looked++) {
        n->after_number = column_number(q, 0);
        if (!column_number(q, 1) && !is_used(n, n->after_number))
            list[(*count)++] = n->after_number;
    }
    statement_free(q);
    *more = looked == NAMES_SWEEP_ROWS;
    return err;
}

static enum err delete_names(struct store *s, const int64_t *list, size_t count, struct fail *f)
{
    struct statement *q = NULL;
    uv_mutex_lock(&s->writing);
    store_wipes(s, true);
    enum err err = database_begin(&s->db, f);
    if (!err)
        err = database_prepare(&s->db, "DELETE FROM names WHERE id = ?", &q, f);
    for (size_t i = 0; i < count && !err; i++) {
        bind_number(q, 1, list[i]);
        err = statement_run(q, f);
    }
    statement_free(q);
    if (!err)
        err = database_commit(&s->db, f);
    if (err)
        database_rollback(&s->db);
    store_wipes(s, false);
    uv_mutex_unlock(&s->writing);
    return err;
}

static enum err delete_unused(struct names_sweep *n, struct store *s, struct store_reader *r,
                              bool *more, struct fail *f)
{
    int64_t *list = mem_alloc(NAMES_SWEEP_ROWS * sizeof *list);
    size_t count = 0;
    enum err err = find_unused(n, r, list, &count, more, f);
    if (!err && count)
        err = delete_names(s, list, count, f);
    free(list);
    return err;
}

enum err names_sweep_step(struct names_sweep *n, struct store *s, struct store_reader *r,
                          bool *more, struct fail *f)
{
    enum err err = reader_begin(r, f);
    bool has_more = false;
    if (!n->is_under_way)
        begin(n, s);
    *more = true;
    if (err) {
        names_sweep_release(n);
        return err;
    }
    if (n->column < COUNT_OF(columns)) {
        err = look_at_column(n, r, f);
        n->column++;
    } else if (n->column == COUNT_OF(columns)) {
        err = look_at_requests(n, r, &has_more, f);
        n->column += !has_more;
    } else {
        err = delete_unused(n, s, r, &has_more, f);
        *more = has_more;
    }
    if (err || !*more)
        names_sweep_release(n);
    return err;
}
