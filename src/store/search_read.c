/*
 * search_read.c — reads of one stored exchange what may be new to the search.
 */
#include "record/body_decode.h"
#include "record/detail.h"
#include "record/head_text.h"
#include "store/search_private.h"

static enum err load_ranges(struct search *x, const struct recipe *from, struct buf *out)
{
    buf_clear(out);
    return reader_load_all(x->reader, from, out);
}

/* What a body with this head says. */
static struct str text_of(struct search *x, struct str head)
{
    struct head_want encoding = {STR("content-encoding")};
    head_text_read(head, &encoding, 1);
    return body_text(encoding.value, buf_str(&x->body), &x->decoded);
}

static enum err read_whole_request(struct search *x, struct piece_at recipe, struct str head)
{
    struct recipe whole;
    recipe_init(&whole);
    enum err err = recipe_read(recipe, reader_load, x->reader, &whole);
    if (!err)
        err = load_ranges(x, &whole, &x->body);
    if (!err)
        text_read_request(&x->texts, text_of(x, head));
    recipe_release(&whole);
    return err;
}

static enum err read_request(struct search *x, const struct detail *d, bool is_whole)
{
    enum err err = ERR_OK;
    switch (is_whole ? FRESH_ALL : d->fresh_part) {
    case FRESH_NONE:
        break;
    case FRESH_ALL:
        if (d->request.len)
            err = read_whole_request(x, d->request, d->facts.request_head);
        break;
    case FRESH_SOME:
        err = load_ranges(x, &d->fresh, &x->body);
        if (!err)
            text_read_messages(&x->texts, buf_str(&x->body));
        break;
    }
    return err;
}

static enum err read_answer(struct search *x, const struct detail *d, const struct record *row)
{
    struct head_want encoding = {STR("content-encoding")};
    if (!d->response.count)
        return ERR_OK;
    buf_clear(&x->body);
    enum err err = reader_answer(x->reader, d, &x->body);
    if (err)
        return err;
    struct str body = buf_str(&x->body);
    head_text_read(d->facts.response_head, &encoding, 1);
    if (encoding.value.len && !str_equal_nocase(encoding.value, STR("identity"))) {
        buf_clear(&x->decoded);
        body_decode(encoding.value, body, &x->decoded);
        body = buf_str(&x->decoded);
    }
    text_read_answer(&x->texts, body, row->is_stream);
    return ERR_OK;
}

static void shrink(struct buf *b)
{
    enum { KEPT_BYTES = 1 << 20 };
    if (b->cap > KEPT_BYTES)
        buf_release(b);
}

enum err search_read(struct search *x, struct piece_at at, const struct record *row,
                     bool is_whole)
{
    struct detail d = {0};
    arena_clear(&x->arena);
    text_reader_next(&x->texts);
    buf_clear(&x->bytes);
    enum err err = reader_load(x->reader, at, &x->bytes);
    if (!err)
        err = detail_read(buf_str(&x->bytes), at.block, &x->arena, &d);
    if (err)
        return err;
    err = read_request(x, &d, is_whole);
    if (err == ERR_TOO_LARGE)
        err = ERR_OK; /* longer than anyone looks into */
    if (!err)
        err = read_answer(x, &d, row);
    detail_release(&d);
    shrink(&x->body);
    shrink(&x->decoded);
    return err == ERR_TOO_LARGE ? ERR_OK : err;
}
