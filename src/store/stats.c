/*
 * stats.c — sessions, statistics and sizes: from what is summed up at ingest.
 */
#include <stdio.h>

#include "base/clock.h"
#include "store/reader.h"

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

static struct usage read_usage(struct statement *q, int at)
{
    return (struct usage){
        .input_tokens = column_number(q, at),
        .output_tokens = column_number(q, at + 1),
        .cache_read_input_tokens = column_number(q, at + 2),
        .cache_creation_input_tokens = column_number(q, at + 3),
        .cache_creation_5m_tokens = column_number(q, at + 4),
        .cache_creation_1h_tokens = column_number(q, at + 5),
        .web_search_requests = column_number(q, at + 6),
    };
}

static const char sessions_sql[] =
    "SELECT session, first_us, last_us, request_count, error_count, agent_count, title, model,"
    " client, input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens,"
    " cache_creation_5m_tokens, cache_creation_1h_tokens, web_search_requests FROM sessions"
    " WHERE ?1 <= 0 OR last_us < ?1 ORDER BY last_us DESC, session DESC LIMIT ?2";

static struct session_row read_session(struct store_reader *r, struct statement *q)
{
    reader_names_trim(r);
    return (struct session_row){
        .session_id = reader_name(r, column_number(q, 0)),
        .first_us = column_number(q, 1),
        .last_us = column_number(q, 2),
        .request_count = column_number(q, 3),
        .error_count = column_number(q, 4),
        .agent_count = column_number(q, 5),
        .title = reader_name(r, column_number(q, 6)),
        .model = reader_name(r, column_number(q, 7)),
        .client = reader_name(r, column_number(q, 8)),
        .usage = read_usage(q, 9),
    };
}

enum err store_sessions(struct store_reader *r, int64_t before_us, int limit,
                        store_session_fn *on_row, void *owner, struct fail *f)
{
    struct statement *q;
    enum err err = reader_begin(r, f);
    if (!err)
        err = database_prepare(&r->db, sessions_sql, &q, f);
    if (err)
        return err;
    bind_number(q, 1, before_us);
    bind_number(q, 2, MIN_OF(limit, FILTER_LIMIT_MAX));
    while (statement_next(q, &err, f)) {
        struct session_row row = read_session(r, q);
        on_row(&row, owner);
    }
    statement_free(q);
    return err;
}

static const struct {
    const char *key, *order;
} groups[] = {
    [STATS_TOTAL] = {"0", "1"},
    [STATS_BY_MODEL] = {"model", "2 DESC"},
    [STATS_BY_PROVIDER] = {"provider", "2 DESC"},
    [STATS_BY_STATE] = {"state", "2 DESC"},
    [STATS_BY_HOUR] = {"hour", "1"},
};

static struct str read_key(struct store_reader *r, enum stats_by by, int64_t key,
                           char text[CLOCK_TEXT])
{
    switch (by) {
    case STATS_TOTAL:
        break;
    case STATS_BY_MODEL:
    case STATS_BY_PROVIDER:
        return reader_name(r, key);
    case STATS_BY_STATE:
        return str_of(ending_name((enum ending)key));
    case STATS_BY_HOUR:
        clock_format(key * us_per_hour, text);
        memcpy(text + strlen("2026-11-21T14:00:00"), "Z", 2);
        return str_of(text);
    }
    return STR_NONE;
}

static struct stats_row read_stats(struct statement *q)
{
    return (struct stats_row){
        .request_count = column_number(q, 1),
        .error_count = column_number(q, 2),
        .usage = read_usage(q, 3),
        .request_bytes = column_number(q, 10),
        .response_bytes = column_number(q, 11),
        .duration_us_sum = column_number(q, 12),
        .ttfb_us_sum = column_number(q, 13),
        .ttfb_count = column_number(q, 14),
    };
}

static enum err prepare_stats(struct store_reader *r, enum stats_by by, struct statement **q,
                              struct fail *f)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "SELECT %s, sum(request_count), sum(error_count), sum(input_tokens),"
             " sum(output_tokens), sum(cache_read_input_tokens),"
             " sum(cache_creation_input_tokens), sum(cache_creation_5m_tokens),"
             " sum(cache_creation_1h_tokens), sum(web_search_requests), sum(request_bytes),"
             " sum(response_bytes), sum(duration_us_sum), sum(ttfb_us_sum), sum(ttfb_count)"
             " FROM rollups WHERE hour >= ?1 AND hour < ?2%s%s ORDER BY %s",
             groups[by].key, by == STATS_TOTAL ? "" : " GROUP BY ",
             by == STATS_TOTAL ? "" : groups[by].key, groups[by].order);
    return database_prepare(&r->db, sql, q, f);
}

enum err store_stats(struct store_reader *r, enum stats_by by, int64_t start_us, int64_t end_us,
                     store_stats_fn *on_row, void *owner, struct fail *f)
{
    struct statement *q;
    enum err err = reader_begin(r, f);
    if (!err)
        err = prepare_stats(r, by, &q, f);
    if (err)
        return err;
    bind_number(q, 1, start_us / us_per_hour);
    bind_number(q, 2, end_us > 0 ? (end_us + us_per_hour - 1) / us_per_hour : INT64_MAX);
    while (statement_next(q, &err, f)) {
        char text[CLOCK_TEXT];
        reader_names_trim(r);
        struct stats_row row = read_stats(q);
        row.key = read_key(r, by, column_number(q, 0), text);
        on_row(&row, owner);
    }
    statement_free(q);
    return err;
}

enum err store_measure(struct store_reader *r, struct store_size *out, struct fail *f)
{
    struct statement *q;
    *out = (struct store_size){0};
    enum err err = reader_begin(r, f);
    if (!err)
        err = database_prepare(&r->db,
                               "SELECT requests, (SELECT count(*) FROM sessions), pieces, blocks,"
                               " raw_bytes, stored_bytes FROM totals", &q, f);
    if (err)
        return err;
    if (statement_next(q, &err, f)) {
        int64_t *const parts[] = {&out->requests, &out->sessions,  &out->pieces,
                                  &out->blocks,   &out->raw_bytes, &out->stored_bytes};
        for (int i = 0; i < (int)COUNT_OF(parts); i++)
            *parts[i] = column_number(q, i);
    }
    statement_free(q);
    out->file_bytes = r->store->engine->size(r);
    return err;
}
