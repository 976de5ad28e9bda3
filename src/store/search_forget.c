/*
 * search_forget.c — takes a request out of one generation of the search index: what only it said
 * goes; what other threads said too stays, under their names.
 */
#include "store/search_file.h"

/* The bytes become blanks, so that nothing is left of them; the last text takes the chunk along. */
static enum err drop_from_chunk(struct search_file *g, const struct search_text *t,
                                struct buf *raw, struct fail *f)
{
    struct statement *q;
    memset(raw->ptr + t->offset, ' ', (size_t)t->len);
    enum err err = search_file_pack(g, buf_str(raw), f);
    if (!err)
        err = search_file_prepare(g, FILE_SET_CHUNK, &q, f);
    if (err)
        return err;
    bind_blob(q, 1, buf_str(&g->packed));
    bind_number(q, 2, t->chunk);
    err = statement_run(q, f);
    if (!err)
        err = search_file_prepare(g, FILE_DROP_CHUNK, &q, f);
    if (err)
        return err;
    bind_number(q, 1, t->chunk);
    return statement_run(q, f);
}

static enum err drop_key(struct search_file *g, const struct search_text *t, struct str content,
                         struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_DROP_KEY, &q, f);
    if (err)
        return err;
    bind_number(q, 1, search_text_key(g, (enum text_kind)t->kind, content));
    err = statement_run(q, f);
    if (!err)
        err = search_file_prepare(g, FILE_DROP_TEXT, &q, f);
    if (err)
        return err;
    bind_number(q, 1, t->id);
    return statement_run(q, f);
}

static enum err first_number(struct statement *q, int64_t *out, struct fail *f)
{
    enum err err = ERR_OK;
    *out = statement_next(q, &err, f) ? column_number(q, 0) : 0;
    statement_reset(q);
    return err;
}

/* The text is now the other request's. Its row in `seen` stays: so it is found from there. */
static enum err give_text(struct search_file *g, const struct search_text *t, int64_t visit,
                          struct str content, struct fail *f)
{
    struct search_visit heir;
    struct statement *q;
    enum err err = search_file_find_visit(g, visit, &heir, f);
    if (!err)
        err = search_file_change_words(g, FILE_ADD_FOUND, t, &heir, content, f);
    if (!err)
        err = search_file_prepare(g, FILE_MOVE_TEXT, &q, f);
    if (err)
        return err;
    bind_number(q, 1, visit);
    bind_number(q, 2, t->id);
    return statement_run(q, f);
}

/* The first request, other than its present one, that said it too; 0: none. */
static enum err find_heir(struct search_file *g, const struct search_text *t, int64_t *visit,
                          struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_NEXT_SEEN, &q, f);
    if (err)
        return err;
    bind_number(q, 1, t->id);
    bind_number(q, 2, t->visit);
    return first_number(q, visit, f);
}

static enum err forget_text(struct search_file *g, const struct search_text *t,
                            const struct search_visit *v, struct fail *f)
{
    struct buf raw;
    int64_t visit;
    buf_init(&raw, TEXT_BYTES_MAX + CHUNK_RAW_BYTES);
    enum err err = search_file_load(g, t->chunk, &raw, f);
    if (!err && (t->offset < 0 || t->len < 0 || (uint64_t)t->offset + (uint64_t)t->len > raw.len))
        err = fail(f, ERR_CORRUPT, "a text of the search index is out of its chunk");
    if (err)
        goto out;
    struct str content = str_make(raw.ptr + t->offset, (size_t)t->len);
    err = search_file_change_words(g, FILE_DROP_FOUND, t, v, content, f);
    if (!err)
        err = find_heir(g, t, &visit, f);
    if (!err && visit) {
        err = give_text(g, t, visit, content, f);
        goto out;
    }
    if (!err)
        err = drop_key(g, t, content, f);
    if (!err)
        err = drop_from_chunk(g, t, &raw, f);
    if (!err) {
        g->about.texts--;
        g->about.text_bytes -= t->len;
    }
out:
    buf_release(&raw);
    return err;
}

/* A text that the visit is the owner of; 0: no more. */
static enum err next_text(struct search_file *g, const struct search_visit *v, int64_t *id,
                          struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_TEXTS_OF, &q, f);
    if (err)
        return err;
    bind_number(q, 1, v->first_text);
    bind_number(q, 2, v->first_text + v->text_count);
    bind_number(q, 3, v->id);
    err = first_number(q, id, f);
    if (err || *id)
        return err;
    err = search_file_prepare(g, FILE_GIFTS_OF, &q, f);
    if (err)
        return err;
    bind_number(q, 1, v->id);
    return first_number(q, id, f);
}

static enum err run_for(struct search_file *g, enum file_statement which, int64_t id,
                        struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, which, &q, f);
    if (err)
        return err;
    bind_number(q, 1, id);
    return statement_run(q, f);
}

static enum err forget_visit(struct search_file *g, int64_t id, struct fail *f)
{
    struct search_visit v;
    struct search_text t;
    int64_t text = 0;
    enum err err = search_file_find_visit(g, id, &v, f);
    while (!err) {
        err = next_text(g, &v, &text, f);
        if (err || !text)
            break;
        err = search_file_find_text(g, text, &t, f);
        if (!err)
            err = forget_text(g, &t, &v, f);
    }
    if (!err)
        err = run_for(g, FILE_DROP_SEEN_OF, id, f);
    return err ? err : run_for(g, FILE_DROP_VISIT, id, f);
}

enum err search_file_forget(struct search_file *g, const struct uuid *request, struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_VISITS_OF, &q, f);
    while (!err) {
        int64_t id = 0;
        bind_blob(q, 1, str_make(request->bytes, sizeof request->bytes));
        err = first_number(q, &id, f);
        if (err || !id)
            break;
        err = forget_visit(g, id, f);
    }
    return err;
}
