/*
 * sqlite_schema.h — the schema, as the steps that lead to it. Step n makes version n; a step that
 * has been released never changes.
 */
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H

static const char *const sqlite_schema[] = {
    /* 1 */
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    /* one row: what would otherwise be counted by scanning */
    "CREATE TABLE totals (one INTEGER PRIMARY KEY CHECK (one = 1), requests INTEGER NOT NULL,"
    " pieces INTEGER NOT NULL, blocks INTEGER NOT NULL, raw_bytes INTEGER NOT NULL,"
    " stored_bytes INTEGER NOT NULL);"
    "INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0);"
    /* texts that rows repeat; those that seldom repeat (titles) are not looked for */
    "CREATE TABLE names (id INTEGER PRIMARY KEY, is_shared INTEGER NOT NULL, text TEXT NOT NULL);"
    "CREATE UNIQUE INDEX names_text ON names (text) WHERE is_shared = 1;"
    "CREATE TABLE blocks (number INTEGER PRIMARY KEY, chain INTEGER NOT NULL,"
    " raw_len INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE TABLE pieces (high INTEGER NOT NULL, low INTEGER NOT NULL, len INTEGER NOT NULL,"
    " block INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (high, low, len))"
    " WITHOUT ROWID;"
    "CREATE TABLE requests (id BLOB PRIMARY KEY, detail_block INTEGER NOT NULL,"
    " detail_offset INTEGER NOT NULL, detail_len INTEGER NOT NULL, state INTEGER NOT NULL,"
    " status INTEGER NOT NULL, is_stream INTEGER NOT NULL, flags INTEGER NOT NULL,"
    " node INTEGER, method INTEGER, path INTEGER, query INTEGER, provider INTEGER, model INTEGER,"
    " response_model INTEGER, session INTEGER, agent INTEGER, parent_agent INTEGER,"
    " client INTEGER, client_addr TEXT, upstream_request_id TEXT, stop_reason INTEGER,"
    " error_type INTEGER, error_message INTEGER, title INTEGER, started_us INTEGER NOT NULL,"
    " connect_us INTEGER, ttfb_us INTEGER, first_token_us INTEGER, duration_us INTEGER,"
    " input_tokens INTEGER, output_tokens INTEGER, cache_read_input_tokens INTEGER,"
    " cache_creation_input_tokens INTEGER, cache_creation_5m_tokens INTEGER,"
    " cache_creation_1h_tokens INTEGER, web_search_requests INTEGER, request_bytes INTEGER,"
    " response_bytes INTEGER, client_bytes INTEGER, chunk_count INTEGER, message_count INTEGER,"
    " tool_count INTEGER, tool_use_count INTEGER, max_tokens INTEGER) WITHOUT ROWID;"
    "CREATE INDEX requests_session ON requests (session, id) WHERE session IS NOT NULL;"
    "CREATE INDEX requests_failed ON requests (state, id) WHERE state <> 1;"
    "CREATE TABLE sessions (session INTEGER PRIMARY KEY, first_us INTEGER NOT NULL,"
    " last_us INTEGER NOT NULL, request_count INTEGER NOT NULL, error_count INTEGER NOT NULL,"
    " agent_count INTEGER NOT NULL, input_tokens INTEGER NOT NULL,"
    " output_tokens INTEGER NOT NULL, cache_read_input_tokens INTEGER NOT NULL,"
    " cache_creation_input_tokens INTEGER NOT NULL, cache_creation_5m_tokens INTEGER NOT NULL,"
    " cache_creation_1h_tokens INTEGER NOT NULL, web_search_requests INTEGER NOT NULL,"
    " title INTEGER, model INTEGER, client INTEGER);"
    "CREATE TABLE session_agents (session INTEGER NOT NULL, agent INTEGER NOT NULL,"
    " PRIMARY KEY (session, agent)) WITHOUT ROWID;"
    /* hour: hours since 1970; names 0: none */
    "CREATE TABLE rollups (hour INTEGER NOT NULL, model INTEGER NOT NULL,"
    " provider INTEGER NOT NULL, state INTEGER NOT NULL, request_count INTEGER NOT NULL,"
    " error_count INTEGER NOT NULL, input_tokens INTEGER NOT NULL,"
    " output_tokens INTEGER NOT NULL, cache_read_input_tokens INTEGER NOT NULL,"
    " cache_creation_input_tokens INTEGER NOT NULL, cache_creation_5m_tokens INTEGER NOT NULL,"
    " cache_creation_1h_tokens INTEGER NOT NULL, web_search_requests INTEGER NOT NULL,"
    " request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL,"
    " duration_us_sum INTEGER NOT NULL, ttfb_us_sum INTEGER NOT NULL,"
    " ttfb_count INTEGER NOT NULL, PRIMARY KEY (hour, model, provider, state)) WITHOUT ROWID;",
    /* 2: conversations. Rows of a session are found through it, so only the others are indexed. */
    "ALTER TABLE requests ADD COLUMN conversation INTEGER;"
    "ALTER TABLE requests ADD COLUMN turn INTEGER;"
    "ALTER TABLE requests ADD COLUMN parent_turn INTEGER;"
    "ALTER TABLE requests ADD COLUMN shared_count INTEGER;"
    "CREATE INDEX requests_conversation ON requests (conversation, id)"
    " WHERE session IS NULL AND conversation IS NOT NULL;"
    "CREATE INDEX requests_turn ON requests (turn) WHERE session IS NULL AND turn IS NOT NULL;"
    "CREATE TABLE conversations (conversation INTEGER PRIMARY KEY, first_us INTEGER NOT NULL,"
    " last_us INTEGER NOT NULL, request_count INTEGER NOT NULL, error_count INTEGER NOT NULL,"
    " message_count INTEGER NOT NULL, input_tokens INTEGER NOT NULL,"
    " output_tokens INTEGER NOT NULL, cache_read_input_tokens INTEGER NOT NULL,"
    " cache_creation_input_tokens INTEGER NOT NULL, cache_creation_5m_tokens INTEGER NOT NULL,"
    " cache_creation_1h_tokens INTEGER NOT NULL, web_search_requests INTEGER NOT NULL,"
    " session INTEGER, agent INTEGER, title INTEGER, model INTEGER,"
    " client INTEGER);"
    "CREATE INDEX conversations_last ON conversations (last_us);"
    "CREATE INDEX conversations_session ON conversations (session) WHERE session IS NOT NULL;",
    /* 3: transcripts that the client writes. `file` is a hash of place and path */
    "CREATE TABLE transcript_files (file INTEGER PRIMARY KEY, place INTEGER NOT NULL,"
    " path TEXT NOT NULL, project INTEGER NOT NULL, session INTEGER NOT NULL, agent INTEGER,"
    " inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_us INTEGER NOT NULL,"
    " read_to INTEGER NOT NULL, ends_len INTEGER NOT NULL, ends_hash INTEGER NOT NULL,"
    " is_skipping INTEGER NOT NULL, event_count INTEGER NOT NULL, bad_lines INTEGER NOT NULL,"
    " long_lines INTEGER NOT NULL, first_us INTEGER, last_us INTEGER, title INTEGER,"
    " cwd INTEGER, branch INTEGER, agent_type INTEGER, agent_description INTEGER,"
    " tool_use_id TEXT);"
    "CREATE INDEX transcript_files_session ON transcript_files (session);"
    "CREATE TABLE transcript_events (file INTEGER NOT NULL, start INTEGER NOT NULL,"
    " len INTEGER NOT NULL, kind INTEGER NOT NULL, flags INTEGER NOT NULL, at_us INTEGER,"
    " uuid BLOB, parent BLOB, request_id TEXT, message_id TEXT, cwd INTEGER, branch INTEGER,"
    " PRIMARY KEY (file, start)) WITHOUT ROWID;",
    /* 4: what ages out: blocks before `floor` are gone, and so are bodies that need them; for each
     * hour in which requests began, the blocks that they need */
    "ALTER TABLE requests ADD COLUMN oldest_block INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE keeping (one INTEGER PRIMARY KEY CHECK (one = 1), floor INTEGER NOT NULL,"
    " ran_us INTEGER NOT NULL);"
    "INSERT INTO keeping VALUES (1, 0, 0);"
    "CREATE TABLE spans (hour INTEGER PRIMARY KEY, first_block INTEGER NOT NULL,"
    " last_block INTEGER NOT NULL, oldest_block INTEGER NOT NULL);"
    /* chains of which bytes may have to be wiped out: deleted records were in them */
    "CREATE TABLE scrubs (chain INTEGER PRIMARY KEY, is_due INTEGER NOT NULL);"
    "CREATE TABLE losses (reason TEXT PRIMARY KEY, count INTEGER NOT NULL,"
    " last_us INTEGER NOT NULL) WITHOUT ROWID;",
    /* 5: rows in the order they were committed, for the search index */
    "CREATE INDEX requests_detail ON requests (detail_block, detail_offset);",
    /* 6: costs, projects, tools; sums by more than before */
    "ALTER TABLE requests ADD COLUMN cost_usd_micro INTEGER;"
    "ALTER TABLE requests ADD COLUMN project INTEGER;"
    "ALTER TABLE requests ADD COLUMN agent_type INTEGER;"
    "ALTER TABLE requests ADD COLUMN tools INTEGER;"
    "ALTER TABLE requests ADD COLUMN tool_errors INTEGER;"
    "ALTER TABLE sessions ADD COLUMN cost_usd_micro INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN unknown_cost_count INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX session_agents_agent ON session_agents (agent);"
    /* `tools`: a name that lists several tools; `tool`: the name of one of them */
    "CREATE TABLE tool_sets (tool INTEGER NOT NULL, tools INTEGER NOT NULL,"
    " PRIMARY KEY (tool, tools)) WITHOUT ROWID;"
    /* see rollup.h; data: see cell.c */
    "DROP TABLE rollups;"
    "CREATE TABLE rollups (span INTEGER NOT NULL, start INTEGER NOT NULL, lane INTEGER NOT NULL,"
    " model INTEGER NOT NULL, response_model INTEGER NOT NULL, provider INTEGER NOT NULL,"
    " state INTEGER NOT NULL, status INTEGER NOT NULL, agent_type INTEGER NOT NULL,"
    " project INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (span, start, lane, model,"
    " response_model, provider, state, status, agent_type, project)) WITHOUT ROWID;",
    /* 7 */
    "CREATE INDEX transcript_files_last ON transcript_files (last_us);",
    /* 8 */
    "ALTER TABLE conversations ADD COLUMN cost_usd_micro INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE conversations ADD COLUMN unknown_cost_count INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN project INTEGER;",
    /* 9: what lists are filtered by most, without looking at the rows */
    "CREATE INDEX sessions_last ON sessions (last_us);"
    "DROP INDEX requests_failed;"
    "CREATE INDEX requests_failed ON requests (id, state, status) WHERE state <> 1;",
    /* 10: what translations could not carry over */
    "ALTER TABLE requests ADD COLUMN losses INTEGER;",
    /* 11: who asked, and what rules said */
    "ALTER TABLE requests ADD COLUMN class INTEGER;"
    "ALTER TABLE requests ADD COLUMN class_by INTEGER;"
    "ALTER TABLE requests ADD COLUMN agent_by INTEGER;"
    "ALTER TABLE requests ADD COLUMN route INTEGER;"
    "ALTER TABLE requests ADD COLUMN route_target INTEGER;"
    "ALTER TABLE requests ADD COLUMN shadow_cost_usd_micro INTEGER;",
    /* 12: who was asked before */
    "ALTER TABLE requests ADD COLUMN tried INTEGER;",
    /* 13: cells of a span stand together (here they do already: the key begins with it) */
    "",
    /* 14: how far the journal is in the store */
    "ALTER TABLE totals ADD COLUMN journal_marks BLOB;",
    /* 15: how many rows have ever been deleted: others' text indexes look what to forget */
    "ALTER TABLE totals ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;",
};

#endif
