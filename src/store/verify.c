/*
 * verify.c — does every body come back as it was relayed?
 */
#include "store/verify.h"

#include "store/walk.h"

struct page {
    struct uuid ids[VERIFY_STEP_ROWS];
    bool have_aged_out[VERIFY_STEP_ROWS];
    size_t count;
};

void verify_init(struct verify *v, struct store_reader *r, verify_damage_fn *on_damage,
                 void *owner)
{
    *v = (struct verify){.reader = r, .on_damage = on_damage, .owner = owner};
    buf_init(&v->body, VERIFY_BODY_MAX);
}

void verify_release(struct verify *v)
{
    buf_release(&v->body);
}

static void note_row(const struct record *row, void *owner)
{
    struct page *p = owner;
    p->ids[p->count] = row->id;
    p->have_aged_out[p->count++] = row->has_aged_out;
}

/* What went wrong with one body is counted; only what would go wrong with all of them is told. */
static enum err check_body(struct verify *v, const struct uuid *id, enum body_side side,
                           bool *is_gone, struct fail *f)
{
    enum { KEPT_BYTES = 16 << 20 };
    struct fail why = {0};
    buf_clear(&v->body);
    enum err err = store_body(v->reader, id, side, &v->body, &why);
    switch (err) {
    case ERR_OK:
        v->counts.bodies++;
        v->counts.bytes += v->body.len;
        break;
    case ERR_CORRUPT:
    case ERR_PARSE:
        v->counts.damaged++;
        v->on_damage(id, side, why.detail, v->owner);
        break;
    case ERR_TOO_LARGE:
        v->counts.too_long++;
        break;
    case ERR_NOT_FOUND: /* deleted meanwhile */
    case ERR_GONE:
        *is_gone = true;
        break;
    default:
        return fail(f, err, "%s", why.detail);
    }
    if (v->body.cap > KEPT_BYTES)
        buf_release(&v->body);
    return ERR_OK;
}

static enum err check_row(struct verify *v, const struct uuid *id, bool has_aged_out,
                          struct fail *f)
{
    bool is_gone = has_aged_out;
    enum err err = ERR_OK;
    for (int side = BODY_REQUEST; side <= BODY_RESPONSE && !err && !is_gone; side++)
        err = check_body(v, id, (enum body_side)side, &is_gone, f);
    v->counts.requests++;
    v->counts.aged_out += is_gone;
    return err;
}

static enum err begin(struct verify *v, bool *is_empty, struct fail *f)
{
    enum err err = store_newest(v->reader, &(struct request_filter){0}, &v->until, f);
    *is_empty = err == ERR_NOT_FOUND;
    return *is_empty ? ERR_OK : err;
}

enum err verify_step(struct verify *v, bool *more, struct fail *f)
{
    struct page p = {.count = 0};
    bool is_empty = false;
    enum err err = v->has_begun ? ERR_OK : begin(v, &is_empty, f);
    *more = false;
    if (err || is_empty)
        return err;
    err = store_walk(v->reader, &(struct request_filter){0}, v->has_begun ? &v->after : NULL,
                     &v->until, VERIFY_STEP_ROWS, note_row, &p, f);
    v->has_begun = true;
    for (size_t i = 0; i < p.count && !err; i++) {
        err = check_row(v, &p.ids[i], p.have_aged_out[i], f);
        v->after = p.ids[i];
    }
    *more = !err && p.count == VERIFY_STEP_ROWS;
    return err;
}
