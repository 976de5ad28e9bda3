/*
 * sessions.c — sessions, and how large the store is: from what is summed up at ingest.
 */
#include "store/reader.h"

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
    " cache_creation_5m_tokens, cache_creation_1h_tokens, web_search_requests, cost_usd_micro,"
    " unknown_cost_count FROM sessions"
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
        .cost_usd_micro = column_number(q, 16),
        .unknown_cost_count = column_number(q, 17),
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
