/*
 * search_sweep.c — where several proxies share a store, each has a text index of its own, and any of
 * them may delete requests. The store counts what was deleted; an index that has forgotten less looks
 * at all requests that it names, and forgets those that are not there any more.
 */
#include <stdio.h>

#include "base/clock.h"
#include "store/search_private.h"

enum { VISITS_MAX = 64 }; /* looked up at a time */

static const uint64_t look_every_ns = UINT64_C(10000000000);
static const uint64_t rest_times = 20; /* as long as a look at all of it took */

struct visits {
    struct search_gone list[VISITS_MAX]; /* texts in the arena */
    size_t count;
    int64_t last;
};

static enum err read_visits(struct search_file *g, int64_t after, struct arena *arena,
                            struct visits *v, struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_VISITS_AFTER, &q, f);
    if (err)
        return err;
    bind_number(q, 1, after);
    bind_number(q, 2, VISITS_MAX);
    while (v->count < VISITS_MAX && statement_next(q, &err, f)) {
        struct search_gone *one = &v->list[v->count++];
        struct str id = column_str(q, 1);
        v->last = column_number(q, 0);
        *one = (struct search_gone){.session_id = arena_str(arena, column_str(q, 2)),
                                    .agent_id = arena_str(arena, column_str(q, 3))};
        if (id.len == sizeof one->id.bytes)
            memcpy(one->id.bytes, id.ptr, id.len);
    }
    statement_reset(q);
    return err;
}

/* The first file with this number or a higher one; 0: there is none. `*is_newest`: it is the one that
 * is open. */
static int64_t file_from(struct search *x, int64_t number, bool *is_newest)
{
    int64_t found = 0;
    uv_mutex_lock(&x->listing);
    for (size_t i = x->list_count; i-- > 0 && x->list[i].number >= number;)
        found = x->list[i].number;
    *is_newest = found && found == x->list[x->list_count - 1].number;
    uv_mutex_unlock(&x->listing);
    return found;
}

/* An old file is opened for it. */
static enum err visits_of(struct search *x, bool is_newest, struct arena *arena, struct visits *v,
                          struct fail *f)
{
    char path[SEARCH_PATH_MAX];
    struct search_file old;
    if (is_newest)
        return read_visits(&x->current, x->sweep.visit, arena, v, f);
    search_path(x, x->sweep.file, path);
    enum err err = search_file_open(&old, path, false, store_secret(x->store), f);
    if (err)
        return err;
    err = read_visits(&old, x->sweep.visit, arena, v, f);
    search_file_close(&old);
    return err;
}

static void strike(struct visits *v, struct str id)
{
    for (size_t i = 0; i < v->count; i++)
        if (str_equal(str_make(v->list[i].id.bytes, sizeof v->list[i].id.bytes), id))
            v->list[i--] = v->list[--v->count];
}

/* Leaves those that the store does not have. */
static enum err strike_kept(struct search *x, struct visits *v, struct fail *f)
{
    char sql[64 + VISITS_MAX * 2];
    struct statement *q;
    size_t count = v->count;
    int len = snprintf(sql, sizeof sql, "SELECT id FROM requests WHERE id IN (");
    for (size_t i = 0; i < count; i++)
        len += snprintf(sql + len, sizeof sql - (size_t)len, "%s", i ? ",?" : "?");
    snprintf(sql + len, sizeof sql - (size_t)len, ")");
    enum err err = reader_begin(x->reader, f);
    if (!err)
        err = database_prepare(&x->reader->db, sql, &q, f);
    if (err)
        return err;
    struct search_gone asked[VISITS_MAX]; /* bound, while the list becomes shorter */
    memcpy(asked, v->list, count * sizeof *asked);
    for (size_t i = 0; i < count; i++)
        bind_blob(q, (int)i + 1, str_make(asked[i].id.bytes, sizeof asked[i].id.bytes));
    while (statement_next(q, &err, f))
        strike(v, column_str(q, 0));
    statement_free(q);
    return err;
}

static enum err finish(struct search *x, struct fail *f)
{
    uint64_t now_ns = clock_mono_ns(), rest_ns = (now_ns - x->sweep.begun_ns) * rest_times;
    x->sweep.is_running = false;
    x->sweep.next_ns = now_ns + MAX_OF(rest_ns, look_every_ns);
    x->current.cursor = (struct search_cursor){0}; /* none moves */
    enum err err = search_file_begin(&x->current, f);
    x->current.about.erased += x->sweep.erased;
    return err ? err : search_file_commit(&x->current, f);
}

static enum err look(struct search *x, struct fail *f)
{
    int64_t known = x->current.about.erased;
    uint64_t now_ns = clock_mono_ns();
    x->sweep.next_ns = now_ns + look_every_ns;
    enum err err = reader_begin(x->reader, f);
    if (err)
        return err;
    int64_t erased = database_number(&x->reader->db, "SELECT erased FROM totals", known);
    if (erased != known)
        x->sweep = (struct search_sweep){.is_running = true, .begun_ns = now_ns,
                                         .next_ns = x->sweep.next_ns,
                                         .erased = erased - known};
    return ERR_OK;
}

static enum err go_on(struct search *x, struct arena *arena, struct fail *f)
{
    struct visits v = {.count = 0};
    bool is_newest;
    int64_t file = file_from(x, x->sweep.file, &is_newest);
    if (file != x->sweep.file) /* the next one, or it was dropped meanwhile */
        x->sweep.file = file, x->sweep.visit = 0;
    if (!file)
        return finish(x, f);
    enum err err = visits_of(x, is_newest, arena, &v, f);
    bool is_last = v.count < VISITS_MAX;
    if (!err && v.count)
        err = strike_kept(x, &v, f);
    if (!err && v.count)
        err = search_forget_here(x, v.list, v.count, f);
    x->sweep.visit = is_last ? 0 : v.last;
    x->sweep.file += is_last;
    return err;
}

enum err search_sweep(struct search *x, bool *is_busy, struct fail *f)
{
    struct arena arena;
    if (!x->sweep.is_running && clock_mono_ns() < x->sweep.next_ns)
        return ERR_OK;
    if (!x->sweep.is_running)
        return look(x, f);
    arena_init(&arena);
    enum err err = go_on(x, &arena, f);
    arena_release(&arena);
    *is_busy = !err;
    x->sweep.is_running &= !err; /* it begins anew */
    return err;
}
