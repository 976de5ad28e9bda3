/*
 * postgres_store.c — what a store on PostgreSQL does its own way: block numbers from ranges that
 * the database hands out, monthly partitions, and telling other proxies of new rows.
 */
#include <stdio.h>

#include "base/clock.h"
#include "store/postgres.h"
#include "store/postgres_driver.h"
#include "store/postgres_months.h"
#include "store/postgres_news.h"
#include "store/reader.h"

enum {
    RANGE_BLOCKS = 1 << RANGE_BITS_AT,
    RANGE_RESERVE = 1 << 16, /* with so few left, a new range is taken */
    RANGE_HOURS = 24,        /* and after so long: numbers then follow time closely enough */
};

static bool range_is_fresh(const struct store *s, int month)
{
    uint64_t used = s->next_block % RANGE_BLOCKS;
    return s->next_block && (int)(s->next_block >> MONTH_BITS_AT) >= month &&
           used < RANGE_BLOCKS - RANGE_RESERVE &&
           clock_mono_ns() - s->range_ns < RANGE_HOURS * UINT64_C(3600000000000);
}

/* Whoever follows all that is recorded must know the ranges (search_ranges.c). */
static enum err note_range(struct store *s, int64_t first, struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&s->db, "INSERT INTO writers (first_block, node, taken_us)"
                                            " VALUES (?,?,?)", &q, f);
    if (err)
        return err;
    bind_number(q, 1, first);
    bind_text(q, 2, str_of(s->node));
    bind_number(q, 3, clock_wall_us());
    err = statement_run(q, f);
    statement_free(q);
    return err;
}

static enum err number_blocks(struct store *s, struct fail *f)
{
    int month = month_of(clock_wall_us());
    if (range_is_fresh(s, month))
        return ERR_OK;
    if (!month)
        return fail(f, ERR_INTERNAL, "the clock is wrong: it is not between 2020 and 2199");
    int64_t range = database_number(&s->db, "SELECT nextval('block_ranges')", 0);
    if (!range)
        return fail(f, ERR_DATABASE_AWAY, "the database gave no block numbers");
    uint64_t first = (uint64_t)month << MONTH_BITS_AT | (uint64_t)range << RANGE_BITS_AT;
    enum err err = note_range(s, (int64_t)first, f);
    if (err)
        return err;
    s->next_block = MAX_OF(s->next_block, first);
    s->range_ns = clock_mono_ns();
    return ERR_OK;
}

/* What was committed last is there, or was too old to be kept, and our range is known as ours. */
static bool is_as_we_left_it(struct store *s, int64_t range, enum err *err, struct fail *f)
{
    static const char sql[] = "SELECT 1 WHERE EXISTS (SELECT 1 FROM writers WHERE first_block = ?1"
                              " AND node = ?2) AND (?3 = 0 OR ?3 < (SELECT floor FROM"
                              " keeping) OR EXISTS (SELECT 1 FROM blocks WHERE number = ?3))";
    struct statement *q;
    *err = database_prepare(&s->db, sql, &q, f);
    if (*err)
        return false;
    bind_number(q, 1, range);
    bind_text(q, 2, str_of(s->node));
    bind_number(q, 3, (int64_t)s->committed_block);
    bool is_there = statement_next(q, err, f);
    statement_free(q);
    return is_there;
}

/* Replication that does not wait may lose the newest commits with the server; the sequence may have
 * gone back with them, and our range may be given to somebody else. */
static enum err look_back(struct store *s, struct fail *f)
{
    int64_t first = (int64_t)(s->next_block & ~(uint64_t)(RANGE_BLOCKS - 1));
    enum err err;
    if (!s->next_block || is_as_we_left_it(s, first, &err, f) || err)
        return s->next_block ? err : ERR_OK;
    int64_t ours = (first & ((INT64_C(1) << MONTH_BITS_AT) - 1)) >> RANGE_BITS_AT, range;
    do
        range = database_number(&s->db, "SELECT nextval('block_ranges')", 0);
    while (range && range < ours);
    if (!range)
        return fail(f, ERR_DATABASE_AWAY, "the database gave no block numbers");
    s->range_ns = clock_mono_ns() - RANGE_HOURS * UINT64_C(3600000000000); /* a new one is due */
    s->committed_block = 0;
    s->is_set_back = true;
    return ERR_OK;
}

/* Whoever is there has a range from the last day. */
static enum err others_from(struct store *s, int hours, uint64_t *block, struct fail *f)
{
    static const char sql[] = "SELECT min(newest) FROM (SELECT max(first_block) AS newest FROM"
                              " writers WHERE node <> ? AND taken_us > ? GROUP BY node) AS n";
    struct statement *q;
    enum err err = database_prepare(&s->db, sql, &q, f);
    if (err)
        return err;
    bind_text(q, 1, str_of(s->node));
    bind_number(q, 2, clock_wall_us() - hours * INT64_C(3600000000));
    if (statement_next(q, &err, f) && !column_is_null(q, 0))
        *block = (uint64_t)column_number(q, 0);
    statement_free(q);
    return err;
}

/* A lane is ours as long as the connection lives; a lost one's may be held a while longer. */
static enum err take_lane(struct store *s, struct fail *f)
{
    enum { LANES = 1000 };
    struct statement *q;
    enum err err = database_prepare(&s->db,
                                    "SELECT CASE WHEN pg_try_advisory_lock(4846791580151200000"
                                    " + ?1) THEN 1 ELSE 0 END", &q, f);
    bool is_taken = false;
    for (s->lane = 1; !err && s->lane <= LANES && !is_taken; s->lane += !is_taken) {
        bind_number(q, 1, s->lane);
        is_taken = statement_next(q, &err, f) && column_number(q, 0);
        statement_reset(q);
    }
    statement_free(q);
    if (err || is_taken)
        return err;
    return fail(f, ERR_DATABASE_AWAY, "too many proxies write to this database");
}

/* By their lanes: each holds one. */
static int64_t others_connected(struct store *s)
{
    return database_number(&s->db,
                           "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                           " AND pid <> pg_backend_pid() AND database = (SELECT oid FROM"
                           " pg_database WHERE datname = current_database())", 1);
}

static enum err announce(struct store *s, const struct batch *b, const struct written *w,
                         struct fail *f)
{
    struct statement **q = &s->statements[ANNOUNCE];
    enum err err = *q ? ERR_OK : database_prepare(&s->db, news_sql, q, f);
    size_t row = 0;
    while (!err && row < b->row_count) {
        char text[NEWS_TEXT];
        row = news_write(text, s->token, b, w, row);
        if (!*text)
            break;
        bind_text(*q, 1, str_of(text));
        err = statement_queue(*q, NULL, f);
    }
    return err;
}

/* Which ones, they see in their own time. */
static enum err announce_gone(struct store *s, struct fail *f)
{
    struct statement **q = &s->statements[ANNOUNCE];
    enum err err = *q ? ERR_OK : database_prepare(&s->db, news_sql, q, f);
    if (err)
        return err;
    bind_text(*q, 1, str_of(s->token));
    return statement_queue(*q, NULL, f);
}

static int64_t size(struct store_reader *r)
{
    return database_number(&r->db, "SELECT pg_database_size(current_database())", 0);
}

/* Deleted rows leave room in their partition, which comes back when its month is dropped: counted
 * is what is kept, not what the files hold. */
static void space(struct store *s, int64_t *used_bytes, int64_t *free_bytes)
{
    *used_bytes = database_number(
        &s->db, "SELECT (SELECT stored_bytes FROM totals) + coalesce((SELECT"
                " sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = current_schema()::regnamespace"
                " AND relname NOT LIKE 'blocks%'), 0)", 0);
    *free_bytes = 0;
}

const struct engine postgres_engine = {
    .name = "postgres",
    .driver = &postgres_driver,
    .like = {"", " ILIKE"},
    .like_ascii = {"lower(", " COLLATE \"C\") LIKE"}, /* a quarter of the time */
    .numbers = "SELECT unnest(CAST(? AS bigint[]))",
    .numbers_marks = "{}",
    .names_part = {"SELECT id FROM names WHERE ctid >= CAST('(' || ? || ',0)' AS tid)",
                   " AND ctid < CAST('(' || ? || ',0)' AS tid)"},
    .names_end = "SELECT pg_relation_size('names') / current_setting('block_size')::bigint",
    .names_step = 16, /* pages */
    .names_again = 16,
    .has_hashed_names = true,
    .range_bits = RANGE_BITS_AT,
    .may_be_away = true,
    .take_lane = take_lane,
    .look_back = look_back,
    .check_where = postgres_check_url,
    .is_shared = true,
    .write_totals =
        "WITH marks AS (INSERT INTO journal_marks (node, data) SELECT coalesce(CAST(?7 AS text), ''),"
        " CAST(?6 AS bytea) WHERE CAST(?6 AS bytea) IS NOT NULL"
        " ON CONFLICT (node) DO UPDATE SET data = excluded.data)"
        " UPDATE totals SET requests = requests + ?1, pieces = pieces + ?2, blocks = blocks + ?3,"
        " raw_bytes = raw_bytes + ?4, stored_bytes = stored_bytes + ?5",
    .read_journal_marks = "SELECT data FROM journal_marks WHERE node = coalesce(CAST(?1 AS text), '')",
    .drop_file = months_drop,
    .shrink = months_shrink,
    .number_blocks = number_blocks,
    .others_from = others_from,
    .others_connected = others_connected,
    .make_places = months_make,
    .announce = announce,
    .announce_gone = announce_gone,
    .news_start = news_start,
    .news_stop = news_stop,
    .size = size,
    .space = space,
};
