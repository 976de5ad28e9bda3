/*
 * export.c — walks a store and hands each exchange to the form's writer.
 */
#include "api/export.h"

#include <stdlib.h>

#include "api/record_json.h"
#include "base/mem.h"
#include "store/walk.h"

enum { DECODED_MAX = 64 << 20 };

struct export {
    const struct export_kind *kind;
    struct export_about about;
    void *state; /* the form's */
    struct arena filter_strings;
    struct request_filter filter;
    bool is_begun, is_over;
    bool has_last;
    struct uuid last, until; /* what was given last; the newest that there was */
    struct export_counts counts;
    /* scratch of a step */
    struct arena arena, item_arena;
    struct record *rows;
    size_t row_count;
    struct buf bodies[2], decoded[2];
};

static const struct export_kind *const kinds[] = {
    &export_jsonl, &export_json, &export_har, &export_csv, &export_markdown, &export_compact,
};

const struct export_kind *export_kind_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_equal(name, str_of(kinds[i]->name)))
            return kinds[i];
    return NULL;
}

const struct export_kind *export_kind_of_file(struct str ending)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_equal(ending, str_of(kinds[i]->extension)))
            return kinds[i];
    return NULL;
}

const char *export_kind_names(void)
{
    return "jsonl, json, har, csv, markdown, compact";
}

const char *body_fate_name(enum body_fate fate)
{
    static const char *const names[] = {
        [BODY_WHOLE] = NULL,
        [BODY_DAMAGED] = "damaged",
        [BODY_GONE] = "gone",
        [BODY_TOO_LONG] = "too_long",
    };
    return names[fate];
}

static void keep_filter(struct export *x, const struct request_filter *filter)
{
    x->filter = *filter;
    struct str *const strings[] = {&x->filter.model, &x->filter.session_id, &x->filter.agent_id,
                                   &x->filter.agent_type, &x->filter.class, &x->filter.route,
                                   &x->filter.project, &x->filter.tool,
                                   &x->filter.provider, &x->filter.q};
    arena_keep(&x->filter_strings, strings, COUNT_OF(strings));
}

struct export *export_new(const struct export_kind *kind, const struct request_filter *filter,
                          const struct export_about *about)
{
    struct export *x = MEM_NEW(struct export);
    x->kind = kind;
    x->about = *about;
    x->state = kind->state_bytes ? mem_zeroed(kind->state_bytes) : NULL;
    arena_init(&x->filter_strings);
    arena_init(&x->arena);
    arena_init(&x->item_arena);
    keep_filter(x, filter);
    for (int i = 0; i < 2; i++) {
        buf_init(&x->bodies[i], kind->body_max);
        buf_init(&x->decoded[i], DECODED_MAX);
    }
    return x;
}

static void release_scratch(struct export *x)
{
    arena_release(&x->arena);
    arena_release(&x->item_arena);
    for (int i = 0; i < 2; i++) {
        buf_release(&x->bodies[i]);
        buf_release(&x->decoded[i]);
    }
    free(x->rows);
    x->rows = NULL;
}

void export_free(struct export *x)
{
    if (!x)
        return;
    if (x->kind->release)
        x->kind->release(x->state);
    free(x->state);
    release_scratch(x);
    arena_release(&x->filter_strings);
    free(x);
}

struct export_counts export_count(const struct export *x)
{
    return x->counts;
}

/* --- one exchange --- */

static enum body_fate fate_of(enum err err)
{
    switch (err) {
    case ERR_OK:
        return BODY_WHOLE;
    case ERR_TOO_LARGE:
        return BODY_TOO_LONG;
    case ERR_GONE:
    case ERR_NOT_FOUND:
        return BODY_GONE;
    default:
        return BODY_DAMAGED;
    }
}

/* What may be better the next time is no reason to leave a body out. */
static bool is_passing(enum err err)
{
    return err == ERR_BUSY || err == ERR_TIMEOUT || err == ERR_IO || err == ERR_SHUTDOWN;
}

static void undo_coding(struct export_body *b, struct str head, struct buf *decoded)
{
    struct str coding = recorded_header(head, STR("Content-Encoding"));
    b->text = b->raw;
    b->result = DECODE_OK;
    if (!coding.len || str_equal_nocase(coding, STR("identity")) || !b->raw.len)
        return;
    b->result = body_decode(coding, b->raw, decoded);
    if (b->result == DECODE_UNKNOWN)
        return;
    b->text = buf_str(decoded);
    b->is_decoded = true;
}

static enum err load_body(struct export *x, struct store_reader *reader, const struct uuid *id,
                          enum body_side side, struct str head, struct export_body *b,
                          struct fail *f)
{
    struct fail why = {0};
    struct buf *bytes = &x->bodies[side], *decoded = &x->decoded[side];
    buf_clear(bytes);
    buf_clear(decoded);
    enum err err = store_body(reader, id, side, bytes, &why);
    if (is_passing(err))
        return fail(f, err, "%s", why.detail);
    b->fate = fate_of(err);
    x->counts.bodies_left_out += b->fate != BODY_WHOLE;
    b->raw = b->fate == BODY_WHOLE ? buf_str(bytes) : STR_NONE;
    if (x->kind->wants_text)
        undo_coding(b, head, decoded);
    return ERR_OK;
}

static enum err load_details(struct export *x, struct store_reader *reader,
                             struct export_item *item, struct record_detail *detail,
                             struct record *row, struct fail *f)
{
    const struct uuid *id = &item->row->id;
    enum err err = store_get(reader, id, &x->item_arena, row, detail, f);
    item->detail = detail;
    if (!err)
        err = load_body(x, reader, id, BODY_REQUEST, detail->request_head, &item->request, f);
    if (!err)
        err = load_body(x, reader, id, BODY_RESPONSE, detail->response_head, &item->response, f);
    return err;
}

/* Bodies are long now and then: their room is not kept. */
static void shrink_scratch(struct export *x)
{
    enum { KEPT_BYTES = 1 << 20 };
    for (int i = 0; i < 2; i++) {
        if (x->bodies[i].cap > KEPT_BYTES)
            buf_release(&x->bodies[i]);
        if (x->decoded[i].cap > KEPT_BYTES)
            buf_release(&x->decoded[i]);
    }
}

static enum err add_one(struct export *x, struct store_reader *reader, const struct record *row,
                        struct buf *out, struct fail *f)
{
    struct fail why = {0};
    struct export_item item = {.is_first = !x->counts.exchanges, .row = row};
    struct record_detail detail = {0};
    struct record again;
    enum err err = ERR_OK;
    if (x->kind->wants_details)
        err = load_details(x, reader, &item, &detail, &again, &why);
    if (err == ERR_CORRUPT) { /* its heads cannot be read: the row is all there is */
        detail = (struct record_detail){0};
        item.request.fate = item.response.fate = BODY_DAMAGED;
        x->counts.bodies_left_out += 2;
        err = ERR_OK;
    }
    if (err == ERR_NOT_FOUND) /* deleted since the page was read */
        return ERR_OK;
    if (!err)
        err = x->kind->add(x->state, &item, out);
    x->counts.exchanges += !err;
    arena_clear(&x->item_arena);
    shrink_scratch(x);
    return err ? fail(f, err, "%s", why.detail) : ERR_OK;
}

/* --- the walk --- */

static void keep_row(const struct record *row, void *owner)
{
    struct export *x = owner;
    x->rows[x->row_count] = *row;
    record_keep(&x->rows[x->row_count++], &x->arena);
}

static enum err begin(struct export *x, struct store_reader *reader, struct buf *out,
                      struct fail *f)
{
    enum err err = store_newest(reader, &x->filter, &x->until, f);
    x->is_over = err == ERR_NOT_FOUND;
    if (err && !x->is_over)
        return err;
    x->is_begun = true;
    return x->kind->begin ? x->kind->begin(x->state, &x->about, out) : ERR_OK;
}

static enum err add_page(struct export *x, struct store_reader *reader, struct buf *out,
                         struct fail *f)
{
    size_t wanted = x->kind->wants_details ? EXPORT_STEP_EXCHANGES : EXPORT_STEP_ROWS;
    x->row_count = 0;
    x->rows = mem_resize(x->rows, wanted * sizeof *x->rows);
    enum err err = store_walk(reader, &x->filter, x->has_last ? &x->last : NULL, &x->until,
                              (int)wanted, keep_row, x, f);
    size_t done = 0;
    while (done < x->row_count && !err && out->len < EXPORT_STEP_BYTES) {
        err = add_one(x, reader, &x->rows[done], out, f);
        x->last = x->rows[done++].id;
        x->has_last = true;
    }
    x->is_over = done == x->row_count && x->row_count < wanted;
    return err;
}

enum err export_step(struct export *x, struct store_reader *reader, struct buf *out, bool *is_over,
                     struct fail *f)
{
    enum err err = x->is_begun ? ERR_OK : begin(x, reader, out, f);
    while (!err && !x->is_over && out->len < EXPORT_STEP_BYTES)
        err = add_page(x, reader, out, f);
    if (!err && x->is_over && x->kind->end)
        err = x->kind->end(x->state, out);
    *is_over = x->is_over;
    release_scratch(x);
    return err;
}
