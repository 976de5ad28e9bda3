/*
 * postgres_months.c — monthly partitions, made when the first row needs them.
 */
#include "store/postgres_months.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { FIRST_YEAR = 2020, LAST_YEAR = 2199, EPOCH_YEAR = 2000 };

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

static void put_hex(char out[33], const struct uuid *id)
{
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", id->bytes[i]);
}

static enum err make(struct store *s, int month, struct fail *f)
{
    char name[16], sql[800], from[33], to[33];
    snprintf(name, sizeof name, "%d_%02d", EPOCH_YEAR + month / 12, month % 12 + 1);
    snprintf(sql, sizeof sql, "SELECT count(to_regclass('blocks_%s'))", name);
    if (database_number(&s->db, sql, 0))
        return ERR_OK;
    struct uuid first = uuid_floor(month_start_us(month));
    struct uuid next = uuid_floor(month_start_us(month + 1));
    put_hex(from, &first);
    put_hex(to, &next);
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
