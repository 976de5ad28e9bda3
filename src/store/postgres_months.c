/*
 * postgres_months.c — monthly partitions, made when the first row needs them.
 */
#include "store/postgres_months.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"

enum { MONTH_NAME = 16, FIRST_YEAR = 2020, LAST_YEAR = 2199, EPOCH_YEAR = 2000 };

int month_of(int64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    if (wall_us < 0 || !gmtime_r(&seconds, &tm))
        return 0;
    int year = tm.tm_year + 1900;
    if (year < FIRST_YEAR || year > LAST_YEAR)
        return 0;
    return (year - EPOCH_YEAR) * 12 + tm.tm_mon;
}

int64_t month_start_us(int month)
{
    struct tm tm = {.tm_year = EPOCH_YEAR - 1900 + month / 12, .tm_mon = month % 12, .tm_mday = 1};
    return (int64_t)timegm(&tm) * 1000000;
}

/* An id's first 48 bits are its time in milliseconds (RFC 9562, section 5.7). */
static int month_of_id(const struct uuid *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return month_of(ms * 1000);
}

/* Puts the month first; the one used longest ago is forgotten. */
static bool is_known(struct store *s, int month)
{
    int at = 0;
    while (at < MONTHS_KNOWN - 1 && s->months[at] != month)
        at++;
    bool is = s->months[at] == month;
    memmove(s->months + 1, s->months, (size_t)at * sizeof *s->months);
    s->months[0] = month;
    return is;
}

static void put_name(char out[MONTH_NAME], int month)
{
    snprintf(out, MONTH_NAME, "%d_%02d", EPOCH_YEAR + month / 12, month % 12 + 1);
}

static enum err make(struct store *s, int month, struct fail *f)
{
    char name[MONTH_NAME], sql[800], from[33] = "", to[33] = "";
    put_name(name, month);
    snprintf(sql, sizeof sql, "SELECT count(to_regclass('blocks_%s'))", name);
    if (database_number(&s->db, sql, 0))
        return ERR_OK;
    struct uuid first = uuid_floor(month_start_us(month));
    struct uuid next = uuid_floor(month_start_us(month + 1));
    hex_write(from, first.bytes, sizeof first.bytes);
    hex_write(to, next.bytes, sizeof next.bytes);
    snprintf(sql, sizeof sql,
             "SELECT pg_advisory_xact_lock(4846791580151137092);" /* one proxy at a time */
             "CREATE TABLE IF NOT EXISTS requests_%s PARTITION OF requests"
             " FOR VALUES FROM ('\\x%s') TO ('\\x%s');"
             "CREATE TABLE IF NOT EXISTS blocks_%s PARTITION OF blocks"
             " FOR VALUES FROM (%" PRIu64 ") TO (%" PRIu64 ")",
             name, from, to, name, (uint64_t)month << MONTH_BITS_AT,
             (uint64_t)(month + 1) << MONTH_BITS_AT);
    return database_run(&s->db, sql, f);
}

static enum err see_to(struct store *s, int month, struct fail *f)
{
    if (!month || is_known(s, month))
        return ERR_OK;
    enum err err = make(s, month, f);
    if (err)
        s->months[0] = 0;
    return err;
}

enum err months_make(struct store *s, const struct batch *b, struct fail *f)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < b->block_count && !err; i++)
        err = see_to(s, (int)(b->blocks[i].number >> MONTH_BITS_AT), f);
    for (size_t i = 0; i < b->row_count && !err; i++)
        err = see_to(s, month_of_id(&b->rows[i].record.id), f);
    return err;
}

/* --- dropping --- */

/* Whoever reads just now is waited for, but not long: ERR_BUSY. */
static enum err drop_table(struct store *s, const char *kind, const char *name, struct fail *f)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SET LOCAL lock_timeout = 500; DROP TABLE %s_%s", kind, name);
    return database_run(&s->db, sql, f);
}

static void forget(struct store *s, int month)
{
    for (int i = 0; i < MONTHS_KNOWN; i++)
        if (s->months[i] == month)
            s->months[i] = 0;
}

enum err months_drop(struct store *s, int64_t border, int64_t bytes, int64_t *end,
                     int64_t *blocks, int64_t *dropped_bytes, struct fail *f)
{
    char name[MONTH_NAME], sql[96];
    int64_t oldest = database_number(&s->db, "SELECT number FROM blocks ORDER BY number LIMIT 1", -1);
    int month = (int)(oldest >> MONTH_BITS_AT);
    int64_t next = (int64_t)(month + 1) << MONTH_BITS_AT;
    *end = *blocks = *dropped_bytes = 0;
    if (oldest < 0 || next > border)
        return ERR_OK;
    put_name(name, month);
    snprintf(sql, sizeof sql, "SELECT sum(length(data)) FROM blocks_%s", name);
    int64_t sum = database_number(&s->db, sql, INT64_MAX);
    if (sum > bytes)
        return ERR_OK;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM blocks_%s", name);
    *blocks = database_number(&s->db, sql, 0);
    *dropped_bytes = sum;
    *end = next;
    forget(s, month);
    return drop_table(s, "blocks", name, f);
}

/* A month's table of `kind` has nothing in it any more. */
static bool is_empty(struct store *s, const char *kind, const char *name)
{
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(to_regclass('%s_%s'))", kind, name);
    if (!database_number(&s->db, sql, 0))
        return false;
    snprintf(sql, sizeof sql, "SELECT CASE WHEN EXISTS (SELECT 1 FROM %s_%s) THEN 0 ELSE 1 END", kind,
             name);
    return database_number(&s->db, sql, 0);
}

static enum err drop_if_empty(struct store *s, const char *kind, int month, struct fail *f)
{
    char name[MONTH_NAME];
    put_name(name, month);
    if (!is_empty(s, kind, name))
        return ERR_OK;
    enum err err = database_begin(&s->db, f);
    if (!err)
        err = database_settle(&s->db, f);
    if (!err)
        err = drop_table(s, kind, name, f);
    if (!err)
        err = database_commit(&s->db, f);
    if (err)
        database_rollback(&s->db);
    else
        forget(s, month);
    return err;
}

/* This month's and the last one's stay: somebody may be about to write there. */
enum err months_shrink(struct store *s, int pages, int64_t keep_bytes, bool *more, struct fail *f)
{
    enum { YEAR = 12, YEARS = 4 };
    int now = month_of(clock_wall_us());
    enum err err = ERR_OK;
    (void)pages, (void)keep_bytes;
    *more = false;
    for (int month = now - 2; now && month > now - YEARS * YEAR && !err; month--) {
        err = drop_if_empty(s, "blocks", month, f);
        if (!err)
            err = drop_if_empty(s, "requests", month, f);
    }
    return err == ERR_BUSY ? ERR_OK : err;
}
