/*
 * rollup_cells.c — adds cells to those of the table. What was read or written last is remembered,
 * so that in the long run nothing is read.
 */
#include "store/rollup_cells.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

const int64_t span_hours[SPANS] = {
    [SPAN_HOUR] = 1,       [SPAN_DAY] = 24,  [SPAN_TEN_DAYS] = 24 * 10,
    [SPAN_MONTH] = 24 * 30, [SPAN_HOUR_TOTAL] = 1, [SPAN_HOUR_MODELS] = 1};

/* One cell of the table, as its bytes; empty bytes: the table has none. */
struct known_cell {
    struct cell_key key;
    char *bytes; /* malloc'ed; NULL: empty slot */
    size_t len;
};

struct rollup_cells {
    struct known_cell slots[CELLS_REMEMBERED];
    size_t count;
    struct {
        int64_t span, start, cells; /* cells 0: empty slot */
    } spans[SPANS_REMEMBERED];
    size_t next_span;
    struct cell sum; /* scratch */
    struct cell_entries entries;
};

void rollup_cells_forget(struct store *s)
{
    struct rollup_cells *c = s->cells;
    if (!c)
        return;
    for (size_t i = 0; i < CELLS_REMEMBERED; i++)
        free(c->slots[i].bytes);
    memset(c->slots, 0, sizeof c->slots);
    memset(c->spans, 0, sizeof c->spans);
    c->count = 0;
}

void rollup_cells_release(struct store *s)
{
    rollup_cells_forget(s);
    if (s->cells)
        cell_entries_release(&s->cells->entries);
    free(s->cells);
    s->cells = NULL;
}

static struct known_cell *slot_of(struct rollup_cells *c, const struct cell_key *key)
{
    size_t at = XXH3_64bits(key, sizeof *key) & (CELLS_REMEMBERED - 1);
    while (c->slots[at].bytes && memcmp(&c->slots[at].key, key, sizeof *key) != 0)
        at = (at + 1) & (CELLS_REMEMBERED - 1);
    return &c->slots[at];
}

static void remember(struct known_cell *slot, const struct cell_key *key, struct str bytes)
{
    slot->key = *key;
    slot->bytes = mem_resize(slot->bytes, bytes.len + 1);
    if (bytes.len)
        memcpy(slot->bytes, bytes.ptr, bytes.len);
    slot->len = bytes.len;
}

static void bind_cell_key(struct statement *q, const struct cell_key *key)
{
    const int64_t *parts = &key->span;
    for (int i = 0; i < CELL_KEY_PARTS; i++)
        bind_number(q, i + 1, parts[i]);
}

/* The cell as it is in the table. */
static enum err know(struct store *s, const struct cell_key *key, struct known_cell **out,
                     struct fail *f)
{
    struct rollup_cells *c = s->cells;
    if (c->count >= CELLS_REMEMBERED / 4 * 3)
        rollup_cells_forget(s);
    struct known_cell *slot = *out = slot_of(c, key);
    if (slot->bytes)
        return ERR_OK;
    struct statement *q = s->statements[READ_CELL];
    enum err err = database_settle(&s->db, f);
    if (err)
        return err;
    bind_cell_key(q, key);
    bool is_found = statement_next(q, &err, f);
    if (!err)
        remember(slot, key, is_found ? column_str(q, 0) : STR_NONE);
    statement_reset(q);
    c->count += !err;
    return err;
}

static enum err count_cells(struct store *s, const struct cell_key *key, int64_t *count,
                            struct fail *f)
{
    struct statement *q = s->statements[COUNT_CELLS];
    enum err err = ERR_OK;
    bind_number(q, 1, key->span);
    bind_number(q, 2, key->start);
    bind_number(q, 3, key->lane);
    *count = statement_next(q, &err, f) ? column_number(q, 0) : 0;
    statement_reset(q);
    return err;
}

/* A cell is about to be added to its span: is there room? */
static enum err take_room(struct store *s, const struct cell_key *key, bool *has_room,
                          struct fail *f)
{
    struct rollup_cells *c = s->cells;
    size_t i = 0;
    while (i < SPANS_REMEMBERED && !(c->spans[i].cells && c->spans[i].span == key->span &&
                                     c->spans[i].start == key->start))
        i++;
    if (i == SPANS_REMEMBERED) {
        int64_t count;
        enum err err = count_cells(s, key, &count, f);
        if (err)
            return err;
        i = c->next_span++ % SPANS_REMEMBERED;
        c->spans[i].span = key->span;
        c->spans[i].start = key->start;
        c->spans[i].cells = count + 1; /* so that 0 can mean an empty slot */
    }
    *has_room = c->spans[i].cells <= CELLS_MAX;
    c->spans[i].cells += *has_room;
    return ERR_OK;
}

/* Without bytes: deletes it. */
static enum err write_cell(struct store *s, const struct cell_key *key, struct str bytes,
                           struct fail *f)
{
    struct statement *q = s->statements[bytes.len ? WRITE_CELL : DELETE_CELL];
    bind_cell_key(q, key);
    if (bytes.len)
        bind_blob(q, CELL_KEY_PARTS + 1, bytes);
    return statement_queue(q, NULL, f);
}

static enum err encode(const struct cell *c, struct buf *bytes, struct fail *f)
{
    buf_init(bytes, CELL_BYTES_MAX);
    enum err err = cell_is_empty(c) ? ERR_OK : cell_write(bytes, c);
    return err ? fail(f, err, "a cell of the statistics is too large") : ERR_OK;
}

/* --- folding --- */

static void add_bytes(struct store *s, struct str bytes)
{
    struct rollup_cells *c = s->cells;
    /* a damaged one: better a new beginning than none ever */
    if (bytes.len && cell_read(bytes, true, &c->entries) == ERR_OK)
        cell_add(&c->sum, &c->entries, s->other_name);
}

static enum err merge(struct store *s, struct known_cell *slot, struct str more, struct fail *f)
{
    struct cell *sum = &s->cells->sum;
    struct buf bytes;
    add_bytes(s, more);
    add_bytes(s, str_make(slot->bytes, slot->len));
    enum err err = encode(sum, &bytes, f);
    cell_clear(sum);
    if (!err) {
        remember(slot, &slot->key, buf_str(&bytes));
        err = write_cell(s, &slot->key, buf_str(&bytes), f);
    }
    buf_release(&bytes);
    return err;
}

static enum err add(struct store *s, struct cell_key key, struct str more, struct fail *f)
{
    struct known_cell *slot;
    bool has_room = true;
    enum err err = know(s, &key, &slot, f);
    if (!err && !slot->len && key.span != SPAN_HOUR_TOTAL)
        err = take_room(s, &key, &has_room, f);
    if (!err && !has_room) {
        key.model = key.response_model = key.agent_type = key.project = s->other_name;
        key.provider = key.status = 0;
        err = know(s, &key, &slot, f);
    }
    return err ? err : merge(s, slot, more, f);
}

static void make_scratch(struct store *s)
{
    if (!s->cells)
        s->cells = MEM_NEW(struct rollup_cells);
}

static struct cell_key key_in(enum span span, struct cell_key key)
{
    if (span == SPAN_HOUR_TOTAL)
        key = (struct cell_key){.lane = key.lane, .start = key.start};
    if (span == SPAN_HOUR_MODELS)
        key.agent_type = key.project = 0;
    key.span = span;
    key.start -= key.start % span_hours[span];
    return key;
}

enum err rollup_cells_fold(struct store *s, const struct rollup *sum, struct fail *f)
{
    struct buf bytes;
    struct cell_key key = sum->key;
    make_scratch(s);
    enum err err = encode(&sum->cell, &bytes, f);
    for (int span = 0; span < SPANS && !err && bytes.len; span++)
        if (span != SPAN_OPEN)
            err = add(s, key_in(span, sum->key), buf_str(&bytes), f);
    buf_release(&bytes);
    key.span = SPAN_OPEN;
    return err || !sum->is_written ? err : write_cell(s, &key, STR_NONE, f);
}

/* --- open cells --- */

enum err rollup_cells_write(struct store *s, struct rollup *sum, struct fail *f)
{
    struct buf bytes;
    struct cell_key key = sum->key;
    key.span = SPAN_OPEN;
    enum err err = encode(&sum->cell, &bytes, f);
    if (!err)
        err = write_cell(s, &key, buf_str(&bytes), f);
    sum->is_changed = false;
    sum->is_written = bytes.len > 0;
    buf_release(&bytes);
    return err;
}

static void load_cell(struct store *s, struct statement *q)
{
    struct cell_key key = {0};
    int64_t *parts = &key.span;
    for (int i = 0; i < CELL_KEY_PARTS; i++)
        parts[i] = column_number(q, i);
    key.span = SPAN_HOUR;
    struct rollup *sum = rollup_of(s, &key);
    sum->is_written = true;
    if (cell_read(column_str(q, CELL_KEY_PARTS), true, &s->cells->entries) == ERR_OK)
        cell_add(&sum->cell, &s->cells->entries, s->other_name);
}

enum err rollup_cells_load(struct store *s, struct fail *f)
{
    struct statement *q;
    enum err err = database_settle(&s->db, f);
    if (!err)
        err = database_prepare(&s->db,
                               "SELECT span, start, lane, model, response_model, provider, state,"
                               " status, agent_type, project, data FROM rollups WHERE span = ?"
                               " AND lane = ?", &q, f);
    if (err)
        return err;
    make_scratch(s);
    bind_number(q, 1, SPAN_OPEN);
    bind_number(q, 2, s->lane);
    while (statement_next(q, &err, f))
        load_cell(s, q);
    statement_free(q);
    return err;
}
