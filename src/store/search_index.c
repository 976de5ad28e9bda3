/*
 * search_index.c — the chore that makes the index: follows the store's rows in the order they were
 * committed, adds what they said, remembers how far it has come.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loss.h"
#include "base/mem.h"
#include "store/sqlite_driver.h"
#include "store/search_private.h"

enum {
    LOG_EVERY_S = 60,
    SETTLE_PAGES = 1024, /* given back in a step */
};

static const uint64_t look_again_ns = UINT64_C(1000000000);      /* nothing new was there */
static const uint64_t settle_after_ns = UINT64_C(5000000000);    /* of quiet */
static const uint64_t after_failure_ns = UINT64_C(5000000000);
static const int64_t us_per_day = INT64_C(86400) * 1000000;

static void take_text(const struct text *text, void *owner)
{
    struct search *x = owner;
    if (!x->add_err)
        x->add_err = search_file_text(&x->current, text, &x->add_fail);
}

struct search *search_new(struct store *store, const char *dir)
{
    struct search *x = MEM_NEW(struct search);
    x->store = store;
    x->dir = mem_strdup(dir);
    x->reader = store_reader_new(store);
    x->look_ns = SEARCH_LOOK_MS * UINT64_C(1000000);
    x->again_ns = settle_after_ns;
    uv_mutex_init(&x->writing);
    uv_mutex_init(&x->listing);
    arena_init(&x->arena);
    text_reader_init(&x->texts, &x->arena, take_text, x);
    buf_init(&x->bytes, BLOCK_RAW_MAX);
    buf_init(&x->body, SEARCH_BODY_MAX);
    buf_init(&x->decoded, SEARCH_BODY_MAX);
    return x;
}

void search_free(struct search *x)
{
    if (!x)
        return;
    while (x->idle) {
        struct searcher *s = x->idle;
        x->idle = s->next;
        searcher_free(s);
    }
    if (x->is_open)
        search_file_close(&x->current); /* after who reads it, or its log would stay behind */
    store_reader_free(x->reader);
    text_reader_release(&x->texts);
    arena_release(&x->arena);
    buf_release(&x->bytes);
    buf_release(&x->body);
    buf_release(&x->decoded);
    uv_mutex_destroy(&x->writing);
    uv_mutex_destroy(&x->listing);
    free(x->cursors);
    free(x->dir);
    free(x);
}

/* --- files --- */

void search_path(const struct search *x, int64_t number, char out[SEARCH_PATH_MAX])
{
    snprintf(out, SEARCH_PATH_MAX, "%s/%06lld.db", x->dir, (long long)number);
}

void search_remove(const struct search *x, int64_t number)
{
    static const char *const companions[] = {"-wal", "-shm", ""};
    char path[SEARCH_PATH_MAX], name[SEARCH_PATH_MAX + 8];
    search_path(x, number, path);
    for (size_t i = 0; i < COUNT_OF(companions); i++) {
        snprintf(name, sizeof name, "%s%s", path, companions[i]);
        unlink(name);
    }
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Numbers of the files that are there, ascending; the newest SEARCH_FILES_MAX. */
static size_t find_numbers(const struct search *x, int64_t out[SEARCH_FILES_MAX])
{
    size_t count = 0;
    DIR *dir = opendir(x->dir);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        struct str name = str_of(e->d_name);
        uint64_t number;
        if (!str_ends(name, STR(".db")) || !str_to_u64(str_head(name, name.len - 3), &number) ||
            !number || number > INT32_MAX)
            continue;
        if (count < SEARCH_FILES_MAX)
            out[count++] = (int64_t)number;
    }
    if (dir)
        closedir(dir);
    qsort(out, count, sizeof *out, by_number);
    return count;
}

static void list_add(struct search *x, int64_t number, const struct search_about *about)
{
    assert(x->list_count < SEARCH_FILES_MAX);
    x->list[x->list_count].number = number;
    x->list[x->list_count++].about = *about;
}

/* What is no file of ours, or damaged, is made anew by and by: it goes. */
static void look_at(struct search *x, int64_t number)
{
    char path[SEARCH_PATH_MAX];
    struct search_file file;
    struct fail f = {0};
    search_path(x, number, path);
    enum err err = search_file_open(&file, path, true, store_secret(x->store), &f);
    if (!err) {
        list_add(x, number, &file.about);
        search_file_close(&file);
    } else if (err == ERR_CONFIG || err == ERR_CORRUPT || err == ERR_INTERNAL) {
        log_line(LOG_WARN, "a file of the search index cannot be used and is removed",
                 LOG_C("file", path), LOG_C("cause", f.detail));
        search_remove(x, number);
    }
}

enum err search_list(struct search *x, struct fail *f)
{
    if (!atomic_load(&x->store->is_ready))
        return fail(f, ERR_DATABASE_AWAY, "the database has not been reached yet");
    uv_mutex_lock(&x->listing);
    if (!x->is_listed) {
        int64_t numbers[SEARCH_FILES_MAX];
        mkdir(x->dir, 0700);
        size_t count = find_numbers(x, numbers);
        for (size_t i = 0; i < count; i++)
            look_at(x, numbers[i]);
        x->is_listed = true;
    }
    uv_mutex_unlock(&x->listing);
    return ERR_OK;
}

static void note_about(struct search *x)
{
    uv_mutex_lock(&x->listing);
    if (x->list_count)
        x->list[x->list_count - 1].about = x->current.about;
    x->shown_failures = x->failures;
    x->shown_skipped = x->skipped;
    uv_mutex_unlock(&x->listing);
}

static bool is_full(const struct search_about *a)
{
    return a->text_bytes >= SEARCH_FILE_TEXT_BYTES ||
           (a->texts && clock_wall_us() - a->begun_us > SEARCH_FILE_DAYS * us_per_day);
}

/* So that it goes on where the last one ended. */
static enum err hand_over_cursors(struct search *x, struct fail *f)
{
    enum err err = search_file_begin(&x->current, f);
    for (size_t i = 0; i < x->cursor_count && !err; i++)
        err = search_file_set_cursor(&x->current, &x->cursors[i], f);
    return err ? err : search_file_commit(&x->current, f);
}

/* The next file. */
static enum err begin_file(struct search *x, int64_t number, struct fail *f)
{
    char path[SEARCH_PATH_MAX];
    if (x->list_count == SEARCH_FILES_MAX) {
        search_remove(x, x->list[0].number);
        memmove(&x->list[0], &x->list[1], --x->list_count * sizeof x->list[0]);
    }
    search_path(x, number, path);
    enum err err = search_file_open(&x->current, path, true, store_secret(x->store), f);
    if (err)
        return err;
    if (x->list_count)
        x->current.about.erased = x->list[x->list_count - 1].about.erased;
    err = hand_over_cursors(x, f);
    if (err) {
        search_file_close(&x->current);
        return err;
    }
    x->is_open = true;
    list_add(x, number, &x->current.about);
    return ERR_OK;
}

static enum err open_newest(struct search *x, struct fail *f)
{
    char path[SEARCH_PATH_MAX];
    search_path(x, x->list[x->list_count - 1].number, path);
    enum err err = search_file_open(&x->current, path, true, store_secret(x->store), f);
    x->is_open = !err;
    x->has_again = !err && search_has_again(&x->current);
    free(x->cursors);
    x->cursors = NULL;
    x->cursor_count = 0;
    x->knows_ranges = false;
    return err ? err : search_file_cursors(&x->current, &x->cursors, &x->cursor_count, f);
}

static enum err open_current(struct search *x, struct fail *f)
{
    enum err err = search_list(x, f);
    if (err)
        return err;
    uv_mutex_lock(&x->listing);
    if (!x->list_count) {
        x->cursor_count = 0; /* all of it once more */
        x->knows_ranges = false;
        err = begin_file(x, 1, f);
    } else {
        err = open_newest(x, f);
    }
    uv_mutex_unlock(&x->listing);
    return err;
}

/* The file to add to. */
static enum err ready(struct search *x, struct fail *f)
{
    enum err err = x->is_open ? ERR_OK : open_current(x, f);
    if (err || x->has_again || !is_full(&x->current.about))
        return err;
    search_file_close(&x->current);
    x->is_open = false;
    uv_mutex_lock(&x->listing);
    err = begin_file(x, x->list[x->list_count - 1].number + 1, f);
    uv_mutex_unlock(&x->listing);
    return err;
}

/* --- rows --- */

enum err search_take_rows(struct search *x, struct statement *q, struct arena *arena,
                          struct search_row rows[SEARCH_ROWS_MAX], size_t *count, struct fail *f)
{
    enum err err = ERR_OK;
    *count = 0;
    while (*count < SEARCH_ROWS_MAX && statement_next(q, &err, f)) {
        struct search_row *row = &rows[(*count)++];
        reader_row(x->reader, q, &row->record);
        record_keep(&row->record, arena);
        row->detail = (struct piece_at){(uint64_t)column_number(q, READER_COLUMNS),
                                        (uint32_t)column_number(q, READER_COLUMNS + 1),
                                        (uint32_t)column_number(q, READER_COLUMNS + 2)};
    }
    statement_free(q);
    return reader_end(x->reader, err, f);
}

static enum err next_rows(struct search *x, const struct search_cursor *c, struct arena *arena,
                          struct search_row rows[SEARCH_ROWS_MAX], size_t *count, struct fail *f)
{
    char sql[2048];
    struct statement *q;
    *count = 0;
    snprintf(sql, sizeof sql, "%s WHERE %s ORDER BY detail_block, detail_offset LIMIT ?",
             reader_select, search_after_cursor);
    enum err err = reader_begin(x->reader, f);
    if (!err)
        err = database_prepare(&x->reader->db, sql, &q, f);
    if (err)
        return err;
    search_bind_cursor(x, q, 1, c);
    bind_number(q, 4, SEARCH_ROWS_MAX);
    return search_take_rows(x, q, arena, rows, count, f);
}

/* The first of a thread is read whole: those before it may be gone, or in a file that will be. */
enum err search_index_row(struct search *x, const struct search_row *row, bool is_whole,
                          struct fail *f)
{
    x->add_err = ERR_OK;
    x->add_fail = (struct fail){0};
    enum err err = search_file_request(&x->current, &row->record, f);
    if (err)
        return err;
    err = search_read(x, row->detail, &row->record, is_whole || x->current.visit.is_first);
    if (err == ERR_CORRUPT)
        loss_note(LOSS_SEARCH_SKIPPED, 1, NULL);
    if (err == ERR_CORRUPT || err == ERR_GONE)
        x->skipped++;
    else if (err)
        return fail(f, err, "what is in block %llu cannot be read",
                    (unsigned long long)row->detail.block);
    if (x->add_err)
        return fail(f, x->add_err, "%s", x->add_fail.detail);
    return search_file_end(&x->current, f);
}

/* As many as there are and the time allows, in one transaction: FTS5 makes a segment of each, to be
 * merged with others later. */
static enum err index_range(struct search *x, const struct search_cursor *from, bool *is_new,
                            struct fail *f)
{
    uint64_t until_ns = clock_mono_ns() + SEARCH_STEP_MS * UINT64_C(1000000);
    struct search_row rows[SEARCH_ROWS_MAX];
    struct arena arena;
    size_t count;
    enum err err;
    arena_init(&arena);
    x->current.cursor = *from;
    *is_new = false;
    do {
        arena_clear(&arena);
        err = next_rows(x, &x->current.cursor, &arena, rows, &count, f);
        if (!err && count && !*is_new)
            err = search_file_begin(&x->current, f);
        *is_new |= count > 0;
        for (size_t i = 0; i < count && !err; i++) {
            err = search_index_row(x, &rows[i], false, f); /* one at least, however long that took */
            x->current.cursor.block = rows[i].detail.block;
            x->current.cursor.offset = rows[i].detail.offset;
            if (clock_mono_ns() >= until_ns)
                break;
        }
    } while (!err && count == SEARCH_ROWS_MAX && clock_mono_ns() < until_ns);
    arena_release(&arena);
    return err || !*is_new ? err : search_file_commit(&x->current, f);
}

static void note_cursor(struct search *x, struct search_cursor *c)
{
    uv_mutex_lock(&x->listing);
    *c = x->current.cursor;
    uv_mutex_unlock(&x->listing);
}

/* The range read last goes first: what was said in one conversation stands together. */
static enum err read_on(struct search *x, bool *is_new, struct fail *f)
{
    enum err err = x->knows_ranges ? ERR_OK : search_learn_ranges(x, f);
    *is_new = false;
    for (size_t i = 0; i < x->cursor_count && !err && !*is_new; i++) {
        struct search_cursor *c = &x->cursors[(x->range + i) % x->cursor_count];
        if (c->is_done)
            continue;
        err = index_range(x, c, is_new, f);
        if (*is_new && !err)
            note_cursor(x, c);
        if (*is_new)
            x->range = (size_t)(c - x->cursors);
    }
    x->knows_ranges = *is_new && !err;
    return err;
}

/* --- the step --- */

static uint64_t give_up(struct search *x, enum err err, const struct fail *f)
{
    int64_t now_ns = (int64_t)clock_mono_ns();
    if (x->is_open)
        search_file_close(&x->current);
    x->is_open = false;
    x->failures++;
    uv_mutex_lock(&x->listing);
    x->shown_failures = x->failures;
    if (err == ERR_CORRUPT)
        x->is_listed = false, x->list_count = 0; /* all of them are looked at again */
    uv_mutex_unlock(&x->listing);
    if (!x->logged_ns || now_ns - x->logged_ns > LOG_EVERY_S * INT64_C(1000000000)) {
        x->logged_ns = now_ns;
        log_line(LOG_WARN, "the search index cannot be written; it is tried again",
                 LOG_C("error", err_name(err)), LOG_C("cause", f->detail));
    }
    return after_failure_ns;
}

/* Words are merged, and what is free, or was forgotten, leaves the file and its log. */
static uint64_t settle(struct search *x)
{
    struct fail f = {0};
    bool more = false;
    enum err err = x->is_unmerged ? search_file_merge(&x->current, &more, &f) : ERR_OK;
    x->is_unmerged = !err && more;
    if (!err && !more)
        err = sqlite_shrink(&x->current.db, SETTLE_PAGES, 0, &more, &f);
    x->is_unsettled = !err && more;
    if (x->is_unsettled)
        return 0;
    sqlite_checkpoint(&x->current.db, false);
    reader_blocks_release(x->reader);
    return look_again_ns;
}

/* After a while without news. */
static void note_news(struct search *x, bool is_new)
{
    uint64_t now_ns = clock_mono_ns();
    if (is_new)
        x->news_ns = now_ns;
    if (is_new || !x->news_ns || now_ns - x->news_ns < settle_after_ns)
        return;
    x->news_ns = 0;
    x->is_unsettled = x->is_unmerged = true;
}

uint64_t search_step(void *owner)
{
    struct search *x = owner;
    struct fail f = {0};
    bool is_new = false;
    uv_mutex_lock(&x->writing);
    enum err err = ready(x, &f);
    if (!err)
        err = read_on(x, &is_new, &f);
    if (!err && !is_new && x->has_again && clock_mono_ns() - x->forgot_ns >= x->again_ns) {
        is_new = true;
        err = search_read_again(x, &f);
    }
    if (!err && !is_new && x->store->engine->is_shared)
        err = search_sweep(x, &is_new, &f);
    note_news(x, is_new);
    uint64_t pause_ns = err               ? give_up(x, err, &f)
                        : is_new          ? 0
                        : x->is_unsettled ? settle(x)
                                          : look_again_ns;
    if (!err)
        note_about(x);
    uv_mutex_unlock(&x->writing);
    return pause_ns;
}

/* --- forgetting --- */

static enum err forget_in(struct search_file *g, const struct search_gone *requests, size_t count,
                          bool notes_again, struct fail *f)
{
    sqlite_wipe(&g->db, true);
    enum err err = search_file_begin(g, f);
    for (size_t i = 0; i < count && !err; i++) {
        err = search_file_forget(g, &requests[i].id, f);
        if (!err && notes_again)
            err = search_note_again(g, &requests[i], f);
    }
    if (!err && !g->about.texts) /* words would stay in FTS5's segments until these are merged */
        err = database_run(&g->db, "INSERT INTO found (found) VALUES ('delete-all')", f);
    if (!err)
        err = search_file_commit(g, f);
    sqlite_wipe(&g->db, false);
    return err;
}

static enum err forget_in_old(struct search *x, int64_t number,
                              const struct search_gone *requests, size_t count, struct fail *f)
{
    char path[SEARCH_PATH_MAX];
    struct search_file file;
    search_path(x, number, path);
    enum err err = search_file_open(&file, path, true, store_secret(x->store), f);
    if (err)
        return err;
    err = forget_in(&file, requests, count, false, f);
    if (!err)
        sqlite_checkpoint(&file.db, false);
    uv_mutex_lock(&x->listing);
    for (size_t i = 0; i < x->list_count && !err; i++)
        if (x->list[i].number == number)
            x->list[i].about = file.about;
    uv_mutex_unlock(&x->listing);
    search_file_close(&file);
    return err;
}

/* Could the file hold one of them? An id's first bytes are its time. */
static bool may_hold(const struct search_about *a, const struct search_gone *requests,
                     size_t count)
{
    enum { SLACK_US = 2000000 };
    struct uuid first = uuid_floor(MAX_OF(a->first_us - SLACK_US, 0));
    struct uuid last = uuid_floor(a->last_us + SLACK_US);
    for (size_t i = 0; i < count; i++)
        if (memcmp(requests[i].id.bytes, first.bytes, 16) >= 0 &&
            memcmp(requests[i].id.bytes, last.bytes, 16) <= 0)
            return true;
    return false;
}

enum err search_forget_here(struct search *x, const struct search_gone *requests, size_t count,
                            struct fail *f)
{
    int64_t numbers[SEARCH_FILES_MAX];
    size_t found = 0;
    enum err err = x->is_open ? ERR_OK : open_current(x, f);
    uv_mutex_lock(&x->listing);
    for (size_t i = 0; i + 1 < x->list_count; i++)
        if (may_hold(&x->list[i].about, requests, count))
            numbers[found++] = x->list[i].number;
    uv_mutex_unlock(&x->listing);
    for (size_t i = 0; i < found && !err; i++)
        err = forget_in_old(x, numbers[i], requests, count, f);
    if (!err) {
        err = forget_in(&x->current, requests, count, true, f);
        x->is_unsettled |= !err;
        x->has_again |= !err;
        x->forgot_ns = clock_mono_ns();
        if (err)
            give_up(x, err, f);
        else
            note_about(x);
    }
    return err;
}

enum err search_forget(struct search *x, const struct search_gone *requests, size_t count,
                       struct fail *f)
{
    uv_mutex_lock(&x->writing);
    enum err err = search_forget_here(x, requests, count, f);
    uv_mutex_unlock(&x->writing);
    return err;
}

/* Written down with the next change; until then a crash costs a look at all of it. */
void search_note_erased(struct search *x, int64_t rows)
{
    uv_mutex_lock(&x->writing);
    x->current.about.erased += x->is_open ? rows : 0;
    uv_mutex_unlock(&x->writing);
}

int search_drop_before(struct search *x, int64_t before_us)
{
    int dropped = 0;
    if (search_list(x, NULL))
        return 0;
    uv_mutex_lock(&x->listing);
    while (x->list_count > 1 && x->list[0].about.last_us < before_us) {
        search_remove(x, x->list[0].number);
        memmove(&x->list[0], &x->list[1], --x->list_count * sizeof x->list[0]);
        dropped++;
    }
    uv_mutex_unlock(&x->listing);
    return dropped;
}
