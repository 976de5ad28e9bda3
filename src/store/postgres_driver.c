/*
 * postgres_driver.c — PostgreSQL behind database.h: statements, what is bound to them, and their
 * rows, all in the protocol's binary format.
 */
#include "store/postgres_driver.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "store/postgres.h"

/* Of types, as in pg_type.dat: fixed for all versions. */
enum {
    OID_ANY = 0, /* the server finds out */
    OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25, OID_FLOAT8 = 701, OID_NUMERIC = 1700
};

/* The server stops a query of its own accord; only one that does not even do that is cut off. */
static const uint64_t grace_ns = UINT64_C(500) * 1000000;

struct postgres_statement {
    struct statement base;
    char *sql;
    char name[16];       /* on the server */
    uint64_t generation; /* of the connection it is prepared on; 0: on none */
    bool is_there;       /* the server has said so */
    unsigned uses;
    int count;           /* of the marks */
    Oid *types, *declared; /* of what is bound; of what it was prepared with */
    const char **values;
    int *lengths, *formats;
    uint64_t *numbers;   /* room for bound numbers */
    char **repaired;     /* texts that had to be changed; ours */
    bool is_asked;       /* sent ahead; `rows` come with the next answers */
    PGresult *rows;      /* NULL: not run */
    int row;
    int64_t changes;
};

static struct postgres *postgres_of(const struct database *d)
{
    return d->connection;
}

static struct postgres_statement *own(struct statement *q)
{
    return (struct postgres_statement *)q;
}

/* --- the connection --- */

static enum err open_connection(struct database *d, const char *where, enum database_mode mode,
                                struct fail *f)
{
    struct postgres *p = MEM_NEW(struct postgres);
    p->url = mem_strdup(where);
    p->is_reader = mode == DATABASE_READ;
    d->connection = p;
    enum err err = postgres_connect(p, f);
    if (err) {
        free(p->url);
        free(p);
    }
    return err;
}

static void close_connection(struct database *d)
{
    struct postgres *p = postgres_of(d);
    postgres_lose(p);
    free(p->sent);
    free(p->url);
    free(p);
}

static bool is_connected(const struct database *d)
{
    return postgres_of(d)->conn != NULL;
}

static enum err reconnect(struct database *d, struct fail *f)
{
    return postgres_connect(postgres_of(d), f);
}

static enum err run_sql(struct database *d, const char *sql, struct fail *f)
{
    return postgres_run(postgres_of(d), sql, f);
}

/* --- transactions --- */

static enum err settle(struct database *d, struct fail *f)
{
    return postgres_settle(postgres_of(d), d->deadline_ns ? d->deadline_ns + grace_ns : 0, f);
}

/* One word of SQL into the pipeline. */
static enum err send_word(struct database *d, const char *sql, postgres_take *take, void *owner,
                          struct fail *f)
{
    struct postgres *p = postgres_of(d);
    if (!p->conn)
        return fail(f, ERR_DATABASE_AWAY, "the database cannot be reached");
    int is_sent = pq.sendQueryParams(p->conn, sql, 0, NULL, NULL, NULL, NULL, 1);
    return postgres_sent(p, is_sent, take, owner, f);
}

static enum err begin(struct database *d, struct fail *f)
{
    return send_word(d, "BEGIN", NULL, NULL, f);
}

static enum err begin_reading(struct database *d, struct fail *f)
{
    enum err err = settle(d, f); /* what was asked ahead is before it, not in it */
    return err ? err : send_word(d, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, NULL, f);
}

/* The server stops the query. Nobody waits for this. */
static enum err limit(struct database *d, int ms, struct fail *f)
{
    char sql[48];
    snprintf(sql, sizeof sql, "SET statement_timeout = %d", ms);
    return send_word(d, sql, NULL, NULL, f);
}

/* A transaction that has failed ends at COMMIT without an error, and with nothing done. */
static bool take_commit(void *owner, PGresult *r)
{
    bool *is_done = owner;
    *is_done = strcmp(pq.cmdStatus(r), "COMMIT") == 0;
    return false;
}

static enum err commit(struct database *d, struct fail *f)
{
    bool is_done = false;
    enum err err = send_word(d, "COMMIT", take_commit, &is_done, f);
    if (!err)
        err = settle(d, f);
    return err ? err : is_done ? ERR_OK : fail(f, ERR_INTERNAL, "the transaction had failed");
}

static void rollback(struct database *d)
{
    struct postgres *p = postgres_of(d);
    if (!p->conn || (postgres_settle(p, 0, NULL) && !p->conn))
        return;
    if (pq.transactionStatus(p->conn) == PQTRANS_IDLE)
        return;
    /* a reader has nothing to undo: nobody waits for it */
    enum err err = p->is_reader ? send_word(d, "ROLLBACK", NULL, NULL, NULL)
                                : postgres_run(p, "ROLLBACK", NULL);
    if (!err)
        err = postgres_flush(p, NULL);
    if (err)
        postgres_lose(p);
}

/* --- statements --- */

/* Copies the SQL with ? and ?3 as $1 and $3; returns how many marks there are. */
static int translate(const char *sql, char *out)
{
    int count = 0;
    bool in_text = false;
    for (; *sql; sql++) {
        if (*sql == '\'')
            in_text = !in_text;
        if (*sql != '?' || in_text) {
            *out++ = *sql;
            continue;
        }
        bool is_numbered = isdigit((unsigned char)sql[1]);
        int number = is_numbered ? (int)strtol(sql + 1, (char **)&sql, 10) : count + 1;
        if (is_numbered)
            sql--;
        out += sprintf(out, "$%d", number);
        count = MAX_OF(count, number);
    }
    *out = '\0';
    return count;
}

static enum err prepare(struct database *d, const char *sql, struct statement **out,
                        struct fail *f)
{
    (void)d, (void)f; /* what is wrong with it shows when it runs */
    struct postgres_statement *s = MEM_NEW(struct postgres_statement);
    s->sql = mem_alloc(strlen(sql) * 3 + 1); /* a mark becomes at most three bytes: $99 */
    s->count = translate(sql, s->sql);
    assert(s->count < 100);
    size_t count = (size_t)s->count + 1; /* so that none is of no size */
    s->types = mem_zeroed(count * sizeof *s->types);
    s->declared = mem_zeroed(count * sizeof *s->declared);
    s->values = mem_zeroed(count * sizeof *s->values);
    s->lengths = mem_zeroed(count * sizeof *s->lengths);
    s->formats = mem_zeroed(count * sizeof *s->formats);
    s->numbers = mem_zeroed(count * sizeof *s->numbers);
    s->repaired = mem_zeroed(count * sizeof *s->repaired);
    for (int i = 0; i < s->count; i++)
        s->formats[i] = 1;
    *out = &s->base;
    return ERR_OK;
}

/* What fails on the server, or comes behind what fails, may not be prepared there; what only took too long
 * is. */
static enum err settle_after(struct postgres_statement *s, struct fail *f)
{
    enum err err = settle(s->base.db, f);
    if (!s->is_there || (err && err != ERR_TIMEOUT))
        s->generation = 0;
    return err;
}

static void reset(struct statement *q)
{
    struct postgres_statement *s = own(q);
    if (s->is_asked && !s->rows) { /* the answer would look for this */
        enum err err = settle_after(s, NULL);
        (void)err; /* nobody has asked */
    }
    s->is_asked = false;
    pq.clear(s->rows);
    s->rows = NULL;
}

/* The server forgets it, or many would pile up on a long-lived connection. Nobody waits for this. */
static void forget(struct postgres *p, const struct postgres_statement *s)
{
    char sql[40];
    if (!p->conn || s->generation != p->generation)
        return;
    snprintf(sql, sizeof sql, "DEALLOCATE %s", s->name);
    int is_sent = pq.sendQueryParams(p->conn, sql, 0, NULL, NULL, NULL, NULL, 1);
    enum err err = postgres_sent(p, is_sent, NULL, NULL, NULL);
    (void)err; /* then the connection is lost, and everything with it */
}

static void free_statement(struct statement *q)
{
    struct postgres_statement *s = own(q);
    struct postgres *p = postgres_of(q->db);
    reset(q);
    bool is_awaited = s->generation == p->generation && !s->is_there; /* the answer looks for this */
    if (is_awaited && postgres_settle(p, 0, NULL))
        postgres_lose(p);
    if (s->is_there)
        forget(p, s);
    for (int i = 0; i < s->count; i++)
        free(s->repaired[i]);
    free(s->repaired);
    free(s->numbers);
    free(s->formats);
    free(s->lengths);
    free(s->values);
    free(s->declared);
    free(s->types);
    free(s->sql);
    free(s);
}

/* --- running --- */

/* Where a NULL was bound before, the server chose a type: it may not be the one needed now. */
static bool is_prepared(const struct postgres *p, const struct postgres_statement *s)
{
    if (s->generation != p->generation)
        return false;
    for (int i = 0; i < s->count; i++)
        if (s->types[i] != OID_ANY && s->types[i] != s->declared[i])
            return false;
    return true;
}

static bool note_prepared(void *owner, PGresult *r)
{
    (void)r;
    ((struct postgres_statement *)owner)->is_there = true;
    return false;
}

static enum err send_prepare(struct postgres *p, struct postgres_statement *s, struct fail *f)
{
    for (int i = 0; i < s->count; i++)
        if (s->types[i] != OID_ANY)
            s->declared[i] = s->types[i];
    forget(p, s); /* with the types that it had */
    snprintf(s->name, sizeof s->name, "s%u", ++p->name_count);
    s->generation = p->generation;
    s->is_there = false;
    int is_sent = pq.sendPrepare(p->conn, s->name, s->sql, s->count, s->declared);
    return postgres_sent(p, is_sent, note_prepared, s, f);
}

static enum err send(struct postgres_statement *s, postgres_take *take, void *owner,
                     struct fail *f)
{
    struct postgres *p = postgres_of(s->base.db);
    if (!p->conn)
        return fail(f, ERR_DATABASE_AWAY, "the database cannot be reached");
    enum err err = ERR_OK;
    bool is_named = s->uses++ > 0;
    if (is_named && !is_prepared(p, s))
        err = send_prepare(p, s, f);
    if (err)
        return err;
    int is_sent = is_named ? pq.sendQueryPrepared(p->conn, s->name, s->count, s->values,
                                                 s->lengths, s->formats, 1)
                           : pq.sendQueryParams(p->conn, s->sql, s->count, s->types, s->values,
                                               s->lengths, s->formats, 1);
    return postgres_sent(p, is_sent, take, owner, f);
}

static int64_t changes_of(PGresult *r)
{
    return strtoll(pq.cmdTuples(r), NULL, 10);
}

static bool add_changes(void *owner, PGresult *r)
{
    int64_t *changes = owner;
    *changes += changes_of(r);
    return false;
}

static bool keep_rows(void *owner, PGresult *r)
{
    struct postgres_statement *s = owner;
    s->changes = changes_of(r);
    s->row = -1;
    s->rows = r;
    return true;
}

static enum err queue(struct statement *q, int64_t *changed, struct fail *f)
{
    return send(own(q), changed ? add_changes : NULL, changed, f);
}

static enum err run(struct statement *q, struct fail *f)
{
    struct postgres_statement *s = own(q);
    s->changes = 0;
    enum err err = send(s, add_changes, &s->changes, f);
    return err ? err : settle_after(s, f);
}

static int64_t changes(struct statement *q)
{
    return own(q)->changes;
}

static enum err ask(struct statement *q, struct fail *f)
{
    struct postgres_statement *s = own(q);
    enum err err = send(s, keep_rows, s, f);
    s->is_asked = !err;
    return err;
}

static bool next(struct statement *q, enum err *err, struct fail *f)
{
    struct postgres_statement *s = own(q);
    *err = s->is_asked && !s->rows ? settle_after(s, f) : ERR_OK;
    if (!s->rows) { /* or it was not answered, for one before it had failed */
        if (!*err)
            *err = send(s, keep_rows, s, f);
        if (!*err)
            *err = settle_after(s, f);
        if (*err) {
            reset(q);
            return false;
        }
        assert(s->rows); /* every command is answered with a result or with a failure */
    }
    return ++s->row < pq.ntuples(s->rows);
}

static void rewind_rows(struct statement *q)
{
    own(q)->row = -1;
}

/* --- what is bound --- */

static void set(struct statement *q, int at, Oid type, const void *value, size_t len)
{
    struct postgres_statement *s = own(q);
    assert(at >= 1 && at <= s->count && len <= INT32_MAX);
    free(s->repaired[at - 1]);
    s->repaired[at - 1] = NULL;
    s->types[at - 1] = type;
    s->values[at - 1] = value;
    s->lengths[at - 1] = (int)len;
}

static void set_null(struct statement *q, int at)
{
    set(q, at, OID_ANY, NULL, 0);
}

static void unbind(struct statement *q)
{
    reset(q);
    for (int i = 1; i <= own(q)->count; i++)
        set_null(q, i);
}

static void set_bits(struct statement *q, int at, Oid type, uint64_t bits)
{
    uint8_t *room = (uint8_t *)&own(q)->numbers[at - 1];
    for (int i = 0; i < 8; i++)
        room[i] = (uint8_t)(bits >> (56 - 8 * i));
    set(q, at, type, room, 8);
}

static void set_number(struct statement *q, int at, int64_t number)
{
    set_bits(q, at, OID_INT8, (uint64_t)number);
}

static void set_double(struct statement *q, int at, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    set_bits(q, at, OID_FLOAT8, bits);
}

/* PostgreSQL's text is UTF-8 without zeros. Headers and the like may hold anything: what cannot
 * be said becomes U+FFFD in the row; the exact bytes stand in the recorded heads and bodies. */
static void set_text(struct statement *q, int at, struct str text)
{
    if (!text.len) {
        set_null(q, at);
        return;
    }
    if (utf8_valid(text) == text.len && !memchr(text.ptr, '\0', text.len)) {
        set(q, at, OID_TEXT, text.ptr, text.len);
        return;
    }
    size_t len;
    char *repaired = utf8_repair(text, &len);
    for (char *zero; (zero = memchr(repaired, '\0', len));)
        *zero = '?';
    set(q, at, OID_TEXT, repaired, len);
    own(q)->repaired[at - 1] = repaired;
}

static void set_blob(struct statement *q, int at, struct str bytes)
{
    set(q, at, OID_BYTEA, bytes.ptr ? bytes.ptr : "", bytes.len);
}

/* --- columns --- */

static bool get_is_null(struct statement *q, int at)
{
    return pq.getisnull(own(q)->rows, own(q)->row, at);
}

static struct str get_str(struct statement *q, int at)
{
    const struct postgres_statement *s = own(q);
    if (pq.getisnull(s->rows, s->row, at))
        return STR_NONE;
    return str_make(pq.getvalue(s->rows, s->row, at), (size_t)pq.getlength(s->rows, s->row, at));
}

/* A signed number of up to 8 bytes, the highest first. */
static int64_t number_read(struct str bytes)
{
    uint64_t bits = bytes.len && (bytes.ptr[0] & 0x80) ? UINT64_MAX : 0; /* its sign goes on */
    for (size_t i = 0; i < bytes.len && i < 8; i++)
        bits = bits << 8 | (uint8_t)bytes.ptr[i];
    return (int64_t)bits;
}

/* Sums and averages are NUMERIC: how many digits, the power of 10000 that the first stands for,
 * the sign, how many to show; then the digits, each to the base 10000. */
static double numeric_read(struct str bytes, int64_t *whole)
{
    int64_t part[4] = {0};
    for (size_t i = 0; i < COUNT_OF(part) && bytes.len >= 8; i++)
        part[i] = number_read(str_head(str_from(bytes, 2 * i), 2));
    int64_t digits = part[0], weight = part[1], sign = part[2] == 0x4000 ? -1 : 1;
    double value = 0, power = 1;
    *whole = 0;
    for (int64_t i = 0; i <= MAX_OF(weight, digits - 1); i++) {
        int64_t digit = i < digits ? number_read(str_head(str_from(bytes, 8 + 2 * (size_t)i), 2)) : 0;
        if (i <= weight) {
            *whole = *whole * 10000 + sign * digit;
            value = value * 10000 + (double)digit;
        } else {
            power /= 10000;
            value += (double)digit * power;
        }
    }
    return (double)sign * value;
}

static double get_double(struct statement *q, int at)
{
    struct str bytes = get_str(q, at);
    int64_t bits = number_read(bytes);
    double number;
    switch (pq.ftype(own(q)->rows, at)) {
    case OID_FLOAT8:
        memcpy(&number, &bits, sizeof number);
        return number;
    case OID_NUMERIC:
        return numeric_read(bytes, &bits);
    default:
        return (double)bits;
    }
}

static int64_t get_number(struct statement *q, int at)
{
    int64_t number;
    switch (pq.ftype(own(q)->rows, at)) {
    case OID_FLOAT8:
        return (int64_t)get_double(q, at);
    case OID_NUMERIC:
        numeric_read(get_str(q, at), &number);
        return number;
    default:
        return number_read(get_str(q, at));
    }
}

const struct driver postgres_driver = {
    .open = open_connection,
    .close = close_connection,
    .is_connected = is_connected,
    .reconnect = reconnect,
    .migrate = postgres_migrate,
    .run_sql = run_sql,
    .begin = begin,
    .limit = limit,
    .begin_reading = begin_reading,
    .commit = commit,
    .rollback = rollback,
    .settle = settle,
    .prepare = prepare,
    .free = free_statement,
    .run = run,
    .changes = changes,
    .queue = queue,
    .ask = ask,
    .next = next,
    .rewind = rewind_rows,
    .reset = reset,
    .unbind = unbind,
    .bind_null = set_null,
    .bind_number = set_number,
    .bind_double = set_double,
    .bind_text = set_text,
    .bind_blob = set_blob,
    .column_is_null = get_is_null,
    .column_number = get_number,
    .column_double = get_double,
    .column_str = get_str,
};
