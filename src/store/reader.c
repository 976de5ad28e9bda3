/*
 * reader.c — a read-only connection, its names, and rows as records.
 */
#include "store/reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/numbers.h"

static const char *const sql[READ_STATEMENTS] = {
    [READ_NAME] = "SELECT text FROM names WHERE id = ?",
    [READ_NAME_ID] = "SELECT id FROM names WHERE text = ? AND is_shared = 1",
    [READ_CHAIN] = "SELECT number, raw_len, data, chain FROM blocks WHERE number <= ?2"
                   " AND number >= (SELECT chain FROM blocks WHERE number = ?1)"
                   " AND chain = (SELECT chain FROM blocks WHERE number = ?1) ORDER BY number",
    [READ_FLOOR] = "SELECT floor FROM keeping",
};

enum column_kind { NAME, TEXT, RAW, NUMBER };

static const struct column {
    enum column_kind kind;
    size_t at, size;
} columns[] = {
#define COLUMN(name, kind, member)                                                                 \
    {kind, offsetof(struct record, member), sizeof(((struct record *)0)->member)},
#include "store/columns.def"
#undef COLUMN
};

/* Texts that seldom repeat come with the row; the others are looked up once and remembered. */
#define SELECT_NAME(name)   #name
#define SELECT_NUMBER(name) #name
#define SELECT_RAW(name)    #name
#define SELECT_TEXT(name)   "(SELECT text FROM names WHERE names.id = " #name ") AS " #name "_text"
#define COLUMN(name, kind, member) ", " SELECT_##kind(name)
const char reader_columns[] = "id"
#include "store/columns.def"
    ", oldest_block";
const char reader_select[] = "SELECT id"
#include "store/columns.def"
    ", oldest_block, detail_block, detail_offset, detail_len FROM requests";
#undef COLUMN

struct store_reader *store_reader_new(struct store *s)
{
    struct store_reader *r = MEM_NEW(struct store_reader);
    r->store = s;
    chain_reader_init(&r->decoder);
    for (size_t i = 0; i < CHAINS_CACHED; i++)
        buf_init(&r->chains[i].raw, CHAIN_RAW_MAX + BLOCK_RAW_MAX);
    return r;
}

/* The next start looks at all of the file. */
static void tell_damage(struct store_reader *r)
{
    if (r->db.has_met_damage && r->store->engine->suspect)
        r->store->engine->suspect(r->store);
    r->db.has_met_damage = false;
}

void store_reader_free(struct store_reader *r)
{
    if (!r)
        return;
    tell_damage(r);
    for (int i = 0; i < READ_STATEMENTS; i++)
        statement_free(r->statements[i]);
    database_close(&r->db);
    reader_blocks_release(r);
    found_release(r);
    arena_release(&r->name_bytes);
    free(r);
}

void store_reader_be_patient(struct store_reader *r)
{
    r->is_patient = true;
}

static enum err open_reader(struct store_reader *r, struct fail *f)
{
    const struct engine *engine = r->store->engine;
    char names[128];
    snprintf(names, sizeof names, "SELECT id, text FROM names WHERE id IN (%s)", engine->numbers);
    r->has_asked_floor = false;
    enum err err = database_open(&r->db, engine->driver, r->store->where, DATABASE_READ, f);
    if (!err && !database_is_open(&r->store->db)) /* or whoever writes has seen to it */
        err = database_migrate(&r->db, f);
    for (int i = 0; i < READ_STATEMENTS && !err; i++)
        err = database_prepare(&r->db, i == READ_NAMES ? names : sql[i], &r->statements[i], f);
    if (err) {
        for (int i = 0; i < READ_STATEMENTS; i++) {
            statement_free(r->statements[i]);
            r->statements[i] = NULL;
        }
        database_close(&r->db);
    }
    return err;
}

/* Where nobody is there, not every question waits for a connection of its own. */
static enum err connect_reader(struct store_reader *r, struct fail *f)
{
    struct store *s = r->store;
    uint64_t now_ns = clock_mono_ns();
    if (!atomic_load(&s->is_ready) || now_ns < atomic_load(&s->away_until_ns))
        return fail(f, ERR_DATABASE_AWAY, "the database cannot be reached");
    enum err err = database_is_open(&r->db) ? database_reconnect(&r->db, f) : open_reader(r, f);
    if (err == ERR_DATABASE_AWAY)
        atomic_store(&s->away_until_ns, clock_mono_ns() + AWAY_MS * UINT64_C(1000000));
    return err;
}

enum err reader_look_at_floor(struct store_reader *r, struct fail *f)
{
    struct statement *q = r->statements[READ_FLOOR];
    enum err err = ERR_OK;
    if (statement_next(q, &err, f))
        r->floor = (uint64_t)column_number(q, 0);
    statement_reset(q);
    r->has_asked_floor = false;
    return err;
}

uint64_t reader_floor(struct store_reader *r)
{
    if (r->has_asked_floor && reader_look_at_floor(r, NULL))
        r->has_asked_floor = false; /* the database went away: whoever asked something knows */
    return r->floor;
}

enum err reader_go_on(struct store_reader *r, struct fail *f)
{
    tell_damage(r);
    r->name_err = ERR_OK;
    enum err err = database_is_connected(&r->db) ? ERR_OK : connect_reader(r, f);
    r->db.deadline_ns =
        r->is_patient ? 0 : clock_mono_ns() + (uint64_t)READ_LIMIT_MS * 1000000u;
    return err;
}

enum err reader_begin(struct store_reader *r, struct fail *f)
{
    enum err err = reader_go_on(r, f);
    found_begin(r);
    if (!err && r->has_asked_floor)
        statement_reset(r->statements[READ_FLOOR]);
    if (!err)
        err = statement_ask(r->statements[READ_FLOOR], f);
    r->has_asked_floor = !err;
    return err;
}

enum err reader_end(const struct store_reader *r, enum err err, struct fail *f)
{
    return err || !r->name_err ? err : fail(f, r->name_err, "a name could not be read");
}

/* --- names --- */

static void forget_names(struct store_reader *r)
{
    memset(r->names, 0, sizeof r->names);
    arena_release(&r->name_bytes);
    r->name_count = r->name_bytes_len = 0;
}

void reader_names_trim(struct store_reader *r)
{
    if (r->name_count >= READER_NAMES_MAX || r->name_bytes_len >= READER_NAME_BYTES_MAX)
        forget_names(r);
}

/* Where the name is, or would be. */
static size_t slot_of(const struct store_reader *r, int64_t id)
{
    size_t slot = (uint64_t)id * 0x9e3779b97f4a7c15u % COUNT_OF(r->names);
    while (r->names[slot].id && r->names[slot].id != id)
        slot = (slot + 1) % COUNT_OF(r->names);
    return slot;
}

struct str reader_name(struct store_reader *r, int64_t id)
{
    if (!id)
        return STR_NONE;
    size_t slot = slot_of(r, id);
    if (r->names[slot].id)
        return r->names[slot].text;
    struct statement *q = r->statements[READ_NAME];
    bind_number(q, 1, id);
    struct str text = STR_NONE;
    enum err err = ERR_OK;
    if (statement_next(q, &err, NULL))
        text = arena_str(&r->name_bytes, column_str(q, 0));
    statement_reset(q);
    if (err) { /* the database went away: that is no name, and none to be remembered */
        r->name_err = err;
        return STR_NONE;
    }
    r->names[slot].id = id;
    r->names[slot].text = text;
    r->name_count++;
    r->name_bytes_len += text.len;
    return text;
}

int64_t reader_name_id(struct store_reader *r, struct str text)
{
    if (r->store->engine->has_hashed_names)
        return names_hash(r->store->secret, text);
    struct statement *q = r->statements[READ_NAME_ID];
    bind_text(q, 1, text);
    enum err err = ERR_OK;
    int64_t id = statement_next(q, &err, NULL) ? column_number(q, 0) : 0;
    statement_reset(q);
    r->name_err = err ? err : r->name_err;
    return id;
}

/* --- many names at once --- */

/* Those that are not remembered; they are remembered as empty from here on. */
static size_t add_unknown(struct store_reader *r, struct statement *q, const int *at,
                          size_t count, int64_t list[READER_NAMES_AHEAD])
{
    size_t added = 0;
    enum err err;
    while (statement_next(q, &err, NULL))
        for (size_t i = 0; i < count && added < READER_NAMES_AHEAD; i++) {
            int64_t id = column_number(q, at[i]);
            size_t slot = slot_of(r, id);
            if (!id || r->names[slot].id)
                continue;
            r->names[slot].id = list[added++] = id;
            r->names[slot].text = STR_NONE;
            r->name_count++;
        }
    return added;
}

static enum err fetch_names(struct store_reader *r, const int64_t *list, size_t count)
{
    struct statement *q = r->statements[READ_NAMES];
    struct arena arena;
    enum err err;
    arena_init(&arena);
    bind_text(q, 1, numbers_text(r->store->engine, list, count, &arena));
    while (statement_next(q, &err, NULL)) {
        size_t slot = slot_of(r, column_number(q, 0));
        r->names[slot].text = arena_str(&r->name_bytes, column_str(q, 1));
        r->name_bytes_len += r->names[slot].text.len;
    }
    statement_reset(q);
    arena_release(&arena);
    return err;
}

void reader_names_ahead(struct store_reader *r, struct statement *q, const int *at,
                        size_t count)
{
    int64_t list[READER_NAMES_AHEAD];
    enum err err;
    if (!statement_rewind(q))
        return;
    if (r->name_count + READER_NAMES_AHEAD >= READER_NAMES_MAX)
        forget_names(r);
    size_t added = add_unknown(r, q, at, count, list);
    if (added && fetch_names(r, list, added))
        forget_names(r); /* they are not empty; looking one of them up tells why */
    statement_rewind(q);
    bool is_row = statement_next(q, &err, NULL);
    assert(is_row); /* it had come to its first one before */
    (void)is_row;
}

void reader_rows_ahead(struct store_reader *r, struct statement *q)
{
    int at[COUNT_OF(columns)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        if (columns[i].kind == NAME || columns[i].kind == TEXT)
            at[count++] = (int)i + 1;
    reader_names_ahead(r, q, at, count);
}

/* --- rows --- */

static void read_number(struct statement *q, int at, const struct column *c, char *member)
{
    bool is_null = column_is_null(q, at);
    int64_t wide = is_null ? UNKNOWN : column_number(q, at);
    uint32_t narrow = is_null ? 0 : (uint32_t)wide;
    if (c->size == sizeof wide)
        memcpy(member, &wide, sizeof wide);
    else if (c->size == sizeof narrow)
        memcpy(member, &narrow, sizeof narrow);
    else
        *(bool *)member = narrow != 0;
}

void reader_row(struct store_reader *r, struct statement *q, struct record *row)
{
    reader_names_trim(r);
    record_init(row);
    struct str id = column_str(q, 0);
    if (id.len == sizeof row->id.bytes)
        memcpy(row->id.bytes, id.ptr, id.len);
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        char *member = (char *)row + columns[i].at;
        int at = (int)i + 1;
        if (columns[i].kind == NUMBER) {
            read_number(q, at, &columns[i], member);
            continue;
        }
        struct str text = columns[i].kind == NAME ? reader_name(r, column_number(q, at))
                                                  : column_str(q, at);
        memcpy(member, &text, sizeof text);
    }
    row->has_aged_out = (uint64_t)column_number(q, READER_COLUMNS - 1) < reader_floor(r);
}
