/*
 * search_find.c — answers a question: file by file, newest first, texts in the order they were
 * indexed, newest first.
 *
 * What a text's first request tells (kind, tool, session, agent, model) stands in the index as
 * tags, so that a filter costs no more than a word. Texts that were said again elsewhere are looked
 * for by `seen`: those that match the filter's session, agent, model and time are few, and each is
 * asked for by itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/search_match.h"
#include "store/search_private.h"
#include "store/sqlite_words.h"

enum {
    SEEN_MAX = 2000,      /* texts said again that are looked at in one file */
    MATCH_BYTES_MAX = 32 << 10,
};

/* A text that matches, and the visit that matches the filter. */
struct match {
    int64_t text, visit; /* visit 0: the text's own */
};

/* The texts compressed together that were looked into last. */
struct loaded {
    struct buf bytes;
    int64_t file, chunk; /* 0: none */
};

/* One question, in one file. */
struct asking {
    const struct search_ask *ask;
    const struct terms *terms;
    struct search_file *g;
    int64_t file;                        /* its number */
    struct loaded *loaded;
    int64_t session, agent, tool, model; /* numbers in this file; 0: any */
    bool is_main;                        /* the agent must be none */
    int64_t first, last;                 /* texts to look at */
    uint64_t look_ns, look_until_ns;     /* for how long into texts; until when, once it has begun */
    bool has_looked;                     /* so the time may be up */
    int64_t stopped_at;                  /* by then they were looked into from here on; 0: all were */
    struct buf match;                    /* FTS5: words and tags of the text itself */
    struct buf tagged;                   /* … and of its first visit */
    struct match *list;
    size_t count, cap, wanted;
};

/* --- files --- */

static void close_file(struct searcher *s, size_t i)
{
    search_file_close(s->files[i].file);
    free(s->files[i].file);
    s->files[i] = s->files[--s->count];
}

void searcher_free(struct searcher *s)
{
    while (s->count)
        close_file(s, 0);
    free(s->files);
    free(s);
}

static struct searcher *borrow(struct search *x)
{
    uv_mutex_lock(&x->listing);
    struct searcher *s = x->idle;
    if (s)
        x->idle = s->next;
    uv_mutex_unlock(&x->listing);
    return s ? s : MEM_NEW(struct searcher);
}

/* How many there are is bounded by how many ask at a time. */
static void give_back(struct search *x, struct searcher *s)
{
    uv_mutex_lock(&x->listing);
    s->next = x->idle;
    x->idle = s;
    uv_mutex_unlock(&x->listing);
}

struct listed {
    int64_t number;
    struct search_about about;
};

static size_t copy_list(struct search *x, struct listed *out)
{
    uv_mutex_lock(&x->listing);
    size_t count = x->list_count;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct listed){x->list[i].number, x->list[i].about};
    uv_mutex_unlock(&x->listing);
    return count;
}

static bool is_listed(int64_t number, const struct listed *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].number == number)
            return true;
    return false;
}

static enum err open_file(struct search *x, struct searcher *s, int64_t number,
                          struct search_file **out, struct fail *f)
{
    char path[SEARCH_PATH_MAX];
    for (size_t i = 0; i < s->count; i++)
        if (s->files[i].number == number) {
            *out = s->files[i].file;
            return ERR_OK;
        }
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->files = mem_resize(s->files, s->cap * sizeof *s->files);
    }
    search_path(x, number, path);
    *out = MEM_NEW(struct search_file);
    enum err err = search_file_open(*out, path, false, store_secret(x->store), f);
    if (err) {
        free(*out);
        return err;
    }
    s->files[s->count].number = number;
    s->files[s->count++].file = *out;
    return ERR_OK;
}

/* --- what is asked, in this file's terms --- */

/* False: the file has no such name, so nothing can match. */
static bool find_name(struct search_file *g, struct str text, int64_t *id, enum err *err,
                      struct fail *f)
{
    *id = 0;
    if (!text.len)
        return true;
    if (!*err)
        *err = search_file_name(g, text, id, f);
    return *id != 0;
}

static bool find_names(struct asking *a, enum err *err, struct fail *f)
{
    const struct search_ask *ask = a->ask;
    a->is_main = str_equal(ask->agent_id, STR("main"));
    return find_name(a->g, ask->session_id, &a->session, err, f) &&
           (a->is_main || find_name(a->g, ask->agent_id, &a->agent, err, f)) &&
           find_name(a->g, ask->tool, &a->tool, err, f) &&
           find_name(a->g, ask->model, &a->model, err, f);
}

static enum err add_tag(struct buf *b, char name, int64_t id)
{
    return buf_printf(b, " AND \"" WORDS_TAG "%c%lld\"", name, (long long)id);
}

static enum err make_match(struct asking *a)
{
    const struct search_ask *ask = a->ask;
    enum err err = buf_append_byte(&a->match, '(');
    if (!err)
        err = terms_to_fts5(a->terms, &a->match);
    if (!err)
        err = buf_append_byte(&a->match, ')');
    if (!err && ask->has_kind)
        err = add_tag(&a->match, 'k', ask->kind);
    if (!err && a->tool)
        err = add_tag(&a->match, 't', a->tool);
    if (!err)
        err = buf_append(&a->tagged, buf_str(&a->match));
    if (!err && a->session)
        err = add_tag(&a->tagged, 's', a->session);
    if (!err && (a->agent || a->is_main))
        err = add_tag(&a->tagged, 'a', a->agent);
    if (!err && a->model)
        err = add_tag(&a->tagged, 'm', a->model);
    return err;
}

/* Texts first said in the filter's range of time. */
static enum err narrow(struct asking *a, struct fail *f)
{
    const struct search_ask *ask = a->ask;
    struct statement *q;
    if (!ask->start_us && !ask->end_us)
        return ERR_OK;
    enum err err = search_file_prepare(a->g, FILE_RANGE, &q, f);
    if (err)
        return err;
    bind_number(q, 1, ask->start_us);
    bind_number(q, 2, ask->end_us ? ask->end_us : INT64_MAX);
    if (statement_next(q, &err, f)) {
        a->first = MAX_OF(a->first, column_number(q, 0));
        a->last = MIN_OF(a->last, column_number(q, 1) - 1);
    }
    statement_reset(q);
    return err;
}

static bool is_in_time(const struct search_ask *ask, int64_t started_us)
{
    return started_us >= ask->start_us && (!ask->end_us || started_us < ask->end_us);
}

/* --- matches --- */

static void add_match(struct asking *a, int64_t text, int64_t visit)
{
    if (a->count == a->cap) {
        a->cap = a->cap ? a->cap * 2 : 128;
        a->list = mem_resize(a->list, a->cap * sizeof *a->list);
    }
    a->list[a->count++] = (struct match){text, visit};
}

static enum err load(struct loaded *l, struct search_file *g, int64_t file,
                     const struct search_text *t, struct str *content, struct fail *f)
{
    if (l->file != file || l->chunk != t->chunk) {
        buf_clear(&l->bytes);
        l->file = 0;
        enum err err = search_file_load(g, t->chunk, &l->bytes, f);
        if (err)
            return err;
        l->file = file;
        l->chunk = t->chunk;
    }
    if (t->offset < 0 || t->len < 0 || (uint64_t)(t->offset + t->len) > l->bytes.len)
        return fail(f, ERR_CORRUPT, "a text of the search index is out of its chunk");
    *content = str_make(l->bytes.ptr + t->offset, (size_t)t->len);
    return ERR_OK;
}

static enum err is_in_own_time(struct asking *a, const struct search_text *t, bool *matches,
                               struct fail *f)
{
    struct search_visit v;
    if (!a->ask->start_us && !a->ask->end_us)
        return ERR_OK;
    enum err err = search_file_find_visit(a->g, t->visit, &v, f);
    *matches = !err && is_in_time(a->ask, v.started_us);
    return err;
}

static enum err has_terms(struct asking *a, const struct search_text *t, bool *matches,
                          struct fail *f)
{
    struct str content;
    if (!*matches || !terms_need_text(a->terms))
        return ERR_OK;
    uint64_t now_ns = clock_mono_ns();
    if (!a->look_until_ns) /* not before: finding the first one may take as long */
        a->look_until_ns = now_ns + a->look_ns;
    if (a->has_looked && now_ns >= a->look_until_ns) {
        a->stopped_at = MAX_OF(a->stopped_at, t->id + 1);
        *matches = false;
        return ERR_OK;
    }
    a->has_looked = true;
    enum err err = load(a->loaded, a->g, a->file, t, &content, f);
    *matches = !err && terms_match(a->terms, content);
    return err;
}

/* What the words and tags alone cannot tell. `is_own`: its first request is meant. */
static enum err confirm(struct asking *a, int64_t text, bool is_own, bool *matches, struct fail *f)
{
    struct search_text t;
    *matches = true;
    if (!terms_need_text(a->terms) && !(is_own && (a->ask->start_us || a->ask->end_us)))
        return ERR_OK;
    enum err err = search_file_find_text(a->g, text, &t, f);
    *matches = !err;
    if (!err && is_own)
        err = is_in_own_time(a, &t, matches, f);
    if (!err)
        err = has_terms(a, &t, matches, f);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Texts whose first request matches the filter. */
static enum err find_first(struct asking *a, struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(a->g, FILE_FIND, &q, f);
    if (err || a->first > a->last)
        return err;
    bind_text(q, 1, buf_str(&a->tagged));
    bind_number(q, 2, a->first);
    bind_number(q, 3, a->last);
    size_t found = 0;
    while (found < a->wanted && !a->stopped_at && statement_next(q, &err, f)) {
        bool matches;
        int64_t text = column_number(q, 0);
        err = confirm(a, text, true, &matches, f);
        if (err)
            break;
        if (matches)
            add_match(a, text, 0);
        found += matches;
    }
    statement_reset(q);
    return err;
}

/* Newest text first; of one text the visit that was found first. */
static int newest_first(const void *x, const void *y)
{
    const struct match *a = x, *b = y;
    if (a->text != b->text)
        return a->text < b->text ? 1 : -1;
    return (a->visit > b->visit) - (a->visit < b->visit);
}

static void sort_matches(struct asking *a)
{
    size_t kept = 0;
    if (a->count)
        qsort(a->list, a->count, sizeof *a->list, newest_first);
    for (size_t i = 0; i < a->count; i++)
        if (!kept || a->list[kept - 1].text != a->list[i].text)
            a->list[kept++] = a->list[i];
    a->count = kept;
}

/* Texts that were said again, where the filter matches: by thread, or by time and model. */
static enum err list_seen(struct asking *a, struct fail *f)
{
    const struct search_ask *ask = a->ask;
    struct statement *q;
    bool by_thread = a->session || a->agent || a->is_main;
    enum err err = search_file_prepare(
        a->g, by_thread ? FILE_SEEN_BY_THREAD : FILE_SEEN_BY_TIME, &q, f);
    if (err)
        return err;
    bind_number(q, 1, ask->start_us);
    bind_number(q, 2, ask->end_us ? ask->end_us : INT64_MAX);
    bind_number(q, 3, a->model);
    bind_number(q, 4, SEEN_MAX);
    if (by_thread) {
        bind_number(q, 5, a->session);
        bind_number(q, 6, a->is_main ? 0 : a->agent ? a->agent : -1);
    }
    while (statement_next(q, &err, f))
        add_match(a, column_number(q, 0), column_number(q, 1));
    statement_reset(q);
    return err;
}

static enum err is_match(struct asking *a, int64_t text, bool *matches, struct fail *f)
{
    struct statement *q;
    *matches = false;
    enum err err = search_file_prepare(a->g, FILE_FIND_ONE, &q, f);
    if (err)
        return err;
    bind_text(q, 1, buf_str(&a->match));
    bind_number(q, 2, text);
    *matches = statement_next(q, &err, f);
    statement_reset(q);
    return err || !*matches ? err : confirm(a, text, false, matches, f);
}

static enum err find_seen(struct asking *a, int64_t before, struct fail *f)
{
    struct asking seen = *a;
    seen.list = NULL;
    seen.count = seen.cap = 0;
    size_t found = 0;
    a->has_looked = false; /* into one at least, so that the next page begins before this one */
    enum err err = list_seen(&seen, f);
    sort_matches(&seen);
    for (size_t i = 0; i < seen.count && found < a->wanted && !err; i++) {
        bool matches = false;
        if (seen.list[i].text < a->stopped_at)
            break;
        if (seen.list[i].text < before)
            err = is_match(a, seen.list[i].text, &matches, f);
        if (matches)
            add_match(a, seen.list[i].text, seen.list[i].visit);
        found += matches;
    }
    free(seen.list);
    return err;
}

static bool has_visit_filter(const struct search_ask *ask)
{
    return ask->session_id.len || ask->agent_id.len || ask->model.len || ask->start_us ||
           ask->end_us;
}

/* All matches of one file, as many as are wanted, in order. */
static enum err find_in_file(struct asking *a, int64_t before, struct fail *f)
{
    enum err err = ERR_OK;
    a->first = 1;
    a->last = before - 1;
    if (!find_names(a, &err, f))
        return err;
    err = make_match(a);
    if (err)
        return fail(f, err, "the question is too long");
    err = narrow(a, f);
    if (!err)
        err = find_first(a, f);
    if (!err && has_visit_filter(a->ask))
        err = find_seen(a, before, f);
    sort_matches(a);
    while (a->count && a->list[a->count - 1].text < a->stopped_at)
        a->count--;
    a->count = MIN_OF(a->count, a->wanted);
    return err;
}

/* --- hits --- */

struct telling {
    struct store_reader *reader;
    const struct terms *terms;
    struct arena *arena;
    search_hit_fn *on_hit;
    void *owner;
    struct search_end *end;
    struct loaded loaded;
};

static enum err tool_name(struct search_file *g, int64_t id, struct arena *arena, struct str *out,
                          struct fail *f)
{
    struct statement *q;
    *out = STR_NONE;
    enum err err = id ? search_file_prepare(g, FILE_NAME_TEXT, &q, f) : ERR_OK;
    if (err || !id)
        return err;
    bind_number(q, 1, id);
    if (statement_next(q, &err, f))
        *out = arena_str(arena, column_str(q, 0));
    statement_reset(q);
    return err;
}

/* ERR_NOT_FOUND: it was forgotten meanwhile. */
static enum err tell(struct telling *t, struct search_file *g, int64_t file,
                     const struct match *m, struct fail *f)
{
    struct search_text text;
    struct search_visit visit;
    struct str content;
    struct search_hit hit = {.place = {file, m->text}};
    enum err err = search_file_find_text(g, m->text, &text, f);
    if (!err)
        err = search_file_find_visit(g, m->visit ? m->visit : text.visit, &visit, f);
    if (!err)
        err = store_get(t->reader, &visit.request, t->arena, &hit.row, NULL, f);
    if (!err)
        err = load(&t->loaded, g, file, &text, &content, f);
    if (!err)
        err = tool_name(g, text.tool, t->arena, &hit.tool, f);
    if (err)
        return err;
    if (text.kind < 0 || text.kind >= TEXT_KINDS)
        return fail(f, ERR_CORRUPT, "a text of the search index is of no kind");
    hit.kind = (enum text_kind)text.kind;
    snippet_make(content, t->terms, t->arena, &hit.snippet);
    t->on_hit(&hit, t->owner);
    return ERR_OK;
}

/* One more than the page holds was looked for. Returns how many places of the page are filled. */
static enum err tell_all(struct telling *t, const struct asking *a, int64_t file, int *room,
                         struct fail *f)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < a->count && !err; i++) {
        if (!*room) {
            t->end->has_more = true;
            return ERR_OK;
        }
        err = tell(t, a->g, file, &a->list[i], f);
        t->end->next = (struct search_place){file, a->list[i].text};
        *room -= !err;
        if (err == ERR_NOT_FOUND)
            err = ERR_OK;
    }
    return err;
}

/* --- the question --- */

static bool may_match(const struct search_ask *ask, const struct search_about *a, bool is_newest)
{
    if (is_newest)
        return true; /* it grows */
    return a->texts && (!ask->start_us || a->last_us >= ask->start_us) &&
           (!ask->end_us || a->first_us < ask->end_us);
}

static enum err ask_file(struct search *x, struct searcher *s, const struct listed *l,
                         struct asking *a, struct telling *t, int *room, uint64_t deadline_ns,
                         struct fail *f)
{
    int64_t before = INT64_MAX;
    enum err err = open_file(x, s, l->number, &a->g, f);
    if (err)
        return err;
    if (a->ask->before.file == l->number)
        before = a->ask->before.text;
    a->file = l->number;
    a->g->db.deadline_ns = deadline_ns;
    a->wanted = (size_t)*room + 1;
    a->count = 0;
    a->stopped_at = 0;
    a->has_looked = false;
    buf_clear(&a->match);
    buf_clear(&a->tagged);
    err = find_in_file(a, before, f);
    if (err == ERR_TIMEOUT)
        t->end->is_complete = false;
    a->g->db.deadline_ns = 0;
    if (!err || err == ERR_TIMEOUT)
        err = tell_all(t, a, l->number, room, f);
    if (!err && a->stopped_at && !t->end->has_more) {
        t->end->has_more = true;
        t->end->is_complete = false;
        t->end->next = (struct search_place){l->number, a->stopped_at};
    }
    return err;
}

static void forget_gone(struct searcher *s, const struct listed *list, size_t count)
{
    for (size_t i = s->count; i-- > 0;)
        if (!is_listed(s->files[i].number, list, count))
            close_file(s, i);
}

static enum err ask_all(struct search *x, struct asking *a, struct telling *t, struct fail *f)
{
    struct listed *list = mem_alloc(SEARCH_FILES_MAX * sizeof *list);
    size_t count = copy_list(x, list);
    struct searcher *s = borrow(x);
    uint64_t deadline_ns = clock_mono_ns() + SEARCH_LIMIT_MS * UINT64_C(1000000);
    int room = a->ask->limit;
    enum err err = ERR_OK;
    forget_gone(s, list, count);
    for (size_t i = count; i-- > 0 && !err && !t->end->has_more && t->end->is_complete;) {
        if (a->ask->before.file && list[i].number > a->ask->before.file)
            continue;
        if (may_match(a->ask, &list[i].about, i + 1 == count))
            err = ask_file(x, s, &list[i], a, t, &room, deadline_ns, f);
    }
    give_back(x, s);
    free(list);
    return err;
}

enum err search_find(struct search *x, struct store_reader *r, const struct search_ask *ask,
                     struct arena *arena, search_hit_fn *on_hit, void *owner,
                     struct search_end *end, struct fail *f)
{
    struct terms *terms = ARENA_NEW(arena, struct terms);
    *end = (struct search_end){.is_complete = true};
    enum err listed = search_list(x, f);
    if (listed)
        return listed;
    if (!terms_parse(ask->question, arena, terms))
        return ERR_OK;
    struct telling t = {.reader = r, .terms = terms, .arena = arena, .on_hit = on_hit,
                        .owner = owner, .end = end};
    struct asking a = {.ask = ask, .terms = terms, .loaded = &t.loaded,
                       .look_ns = x->look_ns};
    buf_init(&a.match, MATCH_BYTES_MAX);
    buf_init(&a.tagged, MATCH_BYTES_MAX);
    buf_init(&t.loaded.bytes, TEXT_BYTES_MAX + CHUNK_RAW_BYTES);
    enum err err = ask_all(x, &a, &t, f);
    buf_release(&a.match);
    buf_release(&a.tagged);
    buf_release(&t.loaded.bytes);
    free(a.list);
    return err;
}
