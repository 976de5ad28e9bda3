/*
 * postgres_schema.h — steps of the schema that differ on PostgreSQL. All others are those of
 * sqlite_schema.h, with PostgreSQL's names for types. What is different:
 *
 * - `requests` and `blocks` consist of monthly partitions, which are made when needed
 *   (postgres_months.c), so that a month ages out by dropping a table. An id (UUIDv7) begins with
 *   its time, so the ranges of ids are months; block numbers begin with theirs.
 * - Names have the hash of their text as their number: proxies need not ask each other for one.
 * - `rollups` has a partition for each span: what is read together stands together.
 */
#ifndef STORE_POSTGRES_SCHEMA_H
#define STORE_POSTGRES_SCHEMA_H

#include "store/sqlite_schema.h"

/* NULL: nothing is different. */
static const char *const postgres_schema[COUNT_OF(sqlite_schema)] = {
    [0] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BYTEA NOT NULL);"
    "CREATE TABLE totals (one SMALLINT PRIMARY KEY CHECK (one = 1), requests BIGINT NOT NULL,"
    " pieces BIGINT NOT NULL, blocks BIGINT NOT NULL, raw_bytes BIGINT NOT NULL,"
    " stored_bytes BIGINT NOT NULL) WITH (fillfactor = 50);"
    "INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0);"
    "CREATE TABLE names (id BIGINT PRIMARY KEY, is_shared SMALLINT NOT NULL, text TEXT NOT NULL);"
    /* each process takes numbers from ranges of its own */
    "CREATE SEQUENCE block_ranges MAXVALUE 2147483647;"
    "CREATE TABLE writers (first_block BIGINT PRIMARY KEY, node TEXT, taken_us BIGINT NOT NULL);"
    "CREATE TABLE blocks (number BIGINT PRIMARY KEY, chain BIGINT NOT NULL,"
    " raw_len INTEGER NOT NULL, data BYTEA NOT NULL) PARTITION BY RANGE (number);"
    /* compressed already */
    "ALTER TABLE blocks ALTER COLUMN data SET STORAGE EXTERNAL;"
    "CREATE TABLE pieces (high BIGINT NOT NULL, low BIGINT NOT NULL, len BIGINT NOT NULL,"
    " block BIGINT NOT NULL, start BIGINT NOT NULL, PRIMARY KEY (high, low, len));"
    "CREATE TABLE requests (id BYTEA PRIMARY KEY, detail_block BIGINT NOT NULL,"
    " detail_offset BIGINT NOT NULL, detail_len BIGINT NOT NULL, state SMALLINT NOT NULL,"
    " status SMALLINT NOT NULL, is_stream SMALLINT NOT NULL, flags BIGINT NOT NULL, node BIGINT,"
    " method BIGINT, path BIGINT, query BIGINT, provider BIGINT, model BIGINT,"
    " response_model BIGINT, session BIGINT, agent BIGINT, parent_agent BIGINT, client BIGINT,"
    " client_addr TEXT, upstream_request_id TEXT, stop_reason BIGINT, error_type BIGINT,"
    " error_message BIGINT, title BIGINT, started_us BIGINT NOT NULL, connect_us BIGINT,"
    " ttfb_us BIGINT, first_token_us BIGINT, duration_us BIGINT, input_tokens BIGINT,"
    " output_tokens BIGINT, cache_read_input_tokens BIGINT, cache_creation_input_tokens BIGINT,"
    " cache_creation_5m_tokens BIGINT, cache_creation_1h_tokens BIGINT,"
    " web_search_requests BIGINT, request_bytes BIGINT, response_bytes BIGINT,"
    " client_bytes BIGINT, chunk_count BIGINT, message_count BIGINT, tool_count BIGINT,"
    " tool_use_count BIGINT, max_tokens BIGINT) PARTITION BY RANGE (id);"
    "CREATE INDEX requests_session ON requests (session, id) WHERE session IS NOT NULL;"
    "CREATE INDEX requests_failed ON requests (state, id) WHERE state <> 1;"
    "CREATE TABLE requests_other PARTITION OF requests DEFAULT;" /* ids of impossible times */
    "CREATE TABLE sessions (session BIGINT PRIMARY KEY, first_us BIGINT NOT NULL,"
    " last_us BIGINT NOT NULL, request_count BIGINT NOT NULL, error_count BIGINT NOT NULL,"
    " agent_count BIGINT NOT NULL, input_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL,"
    " cache_read_input_tokens BIGINT NOT NULL, cache_creation_input_tokens BIGINT NOT NULL,"
    " cache_creation_5m_tokens BIGINT NOT NULL, cache_creation_1h_tokens BIGINT NOT NULL,"
    " web_search_requests BIGINT NOT NULL, title BIGINT, model BIGINT, client BIGINT)"
    " WITH (fillfactor = 70);"
    "CREATE TABLE session_agents (session BIGINT NOT NULL, agent BIGINT NOT NULL,"
    " PRIMARY KEY (session, agent));"
    "CREATE TABLE rollups (hour BIGINT NOT NULL, model BIGINT NOT NULL, provider BIGINT NOT NULL,"
    " state BIGINT NOT NULL, request_count BIGINT NOT NULL, error_count BIGINT NOT NULL,"
    " input_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL,"
    " cache_read_input_tokens BIGINT NOT NULL, cache_creation_input_tokens BIGINT NOT NULL,"
    " cache_creation_5m_tokens BIGINT NOT NULL, cache_creation_1h_tokens BIGINT NOT NULL,"
    " web_search_requests BIGINT NOT NULL, request_bytes BIGINT NOT NULL,"
    " response_bytes BIGINT NOT NULL, duration_us_sum BIGINT NOT NULL,"
    " ttfb_us_sum BIGINT NOT NULL, ttfb_count BIGINT NOT NULL,"
    " PRIMARY KEY (hour, model, provider, state)) WITH (fillfactor = 70);",
    [12] =
    "ALTER TABLE rollups RENAME TO rollups_of_all;"
    "CREATE TABLE rollups (LIKE rollups_of_all, PRIMARY KEY (span, start, lane, model,"
    " response_model, provider, state, status, agent_type, project)) PARTITION BY LIST (span);"
    "CREATE TABLE rollups_hour PARTITION OF rollups FOR VALUES IN (0) WITH (fillfactor = 70);"
    "CREATE TABLE rollups_day PARTITION OF rollups FOR VALUES IN (1) WITH (fillfactor = 70);"
    "CREATE TABLE rollups_month PARTITION OF rollups FOR VALUES IN (2) WITH (fillfactor = 70);"
    "CREATE TABLE rollups_hour_total PARTITION OF rollups FOR VALUES IN (3) WITH (fillfactor = 70);"
    "CREATE TABLE rollups_open PARTITION OF rollups FOR VALUES IN (4) WITH (fillfactor = 50);"
    "CREATE TABLE rollups_hour_models PARTITION OF rollups FOR VALUES IN (5) WITH (fillfactor = 70);"
    "CREATE TABLE rollups_ten_days PARTITION OF rollups FOR VALUES IN (6) WITH (fillfactor = 70);"
    "INSERT INTO rollups SELECT * FROM rollups_of_all; DROP TABLE rollups_of_all;",
    [13] = /* each proxy has a journal of its own */
    "CREATE TABLE journal_marks (node TEXT PRIMARY KEY, data BYTEA NOT NULL)"
    " WITH (fillfactor = 50);",
};

#endif
