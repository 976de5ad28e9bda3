/*
 * threads_read.c — reading conversations and sessions, and the turns that the indexer asks for.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/query.h"
#include "store/store_private.h"
#include "store/store_threads.h"

#define USAGE_COLUMNS                                                                              \
    "input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens,"          \
    " cache_creation_5m_tokens, cache_creation_1h_tokens, web_search_requests"

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

/* --- lists --- */

static const char conversation_columns[] =
    "SELECT conversation, first_us, last_us, request_count, error_count, message_count, session,"
    " agent, title, model, client, " USAGE_COLUMNS ", cost_usd_micro, unknown_cost_count"
    " FROM conversations WHERE 1 = 1";

static struct conversation_row read_conversation(struct store_reader *r, struct statement *q)
{
    reader_names_trim(r);
    return (struct conversation_row){
        .conversation = column_number(q, 0),
        .first_us = column_number(q, 1),
        .last_us = column_number(q, 2),
        .request_count = column_number(q, 3),
        .error_count = column_number(q, 4),
        .message_count = column_number(q, 5),
        .session_id = reader_name(r, column_number(q, 6)),
        .agent_id = reader_name(r, column_number(q, 7)),
        .title = reader_name(r, column_number(q, 8)),
        .model = reader_name(r, column_number(q, 9)),
        .client = reader_name(r, column_number(q, 10)),
        .usage = read_usage(q, 11),
        .cost_usd_micro = column_number(q, 18),
        .unknown_cost_count = column_number(q, 19),
    };
}

static const char session_columns[] =
    "SELECT session, first_us, last_us, request_count, error_count, agent_count, title, model,"
    " client, " USAGE_COLUMNS ", cost_usd_micro, unknown_cost_count, project FROM sessions"
    " WHERE 1 = 1";

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
        .project = reader_name(r, column_number(q, 18)),
    };
}

static void add_text(struct query *q, const struct thread_filter *filter)
{
    if (filter->q.len)
        query_add(q, " AND (title IN (SELECT id FROM found) OR session IN (SELECT id FROM found)"
                     " OR model IN (SELECT id FROM found) OR client IN (SELECT id FROM found))");
}

enum err store_conversations(struct store_reader *r, const struct thread_filter *filter, int limit,
                             store_conversation_fn *on_row, void *owner, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct query q;
    query_begin(&q, r, filter->q);
    query_add(&q, conversation_columns);
    query_threads(&q, filter);
    add_text(&q, filter);
    query_number(&q, " ORDER BY last_us DESC, conversation DESC LIMIT ?",
                 MIN_OF(limit, FILTER_LIMIT_MAX));
    while (query_next(&q, &err, f)) {
        struct conversation_row row = read_conversation(r, q.rows);
        on_row(&row, owner);
    }
    query_release(&q);
    return reader_end(r, err, f);
}

static void add_project(struct query *q, struct store_reader *r, struct str project)
{
    if (!project.len)
        return;
    int64_t id = reader_name_id(r, project);
    query_number(q, " AND (project = ?", id);
    query_number(q, " OR session IN (SELECT session FROM transcript_files WHERE cwd = ?", id);
    query_number(q, " OR project = ?))", id);
}

enum err store_find_sessions(struct store_reader *r, const struct thread_filter *filter, int limit,
                             store_session_fn *on_row, void *owner, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct query q;
    query_begin(&q, r, filter->q);
    query_add(&q, session_columns);
    query_threads(&q, filter);
    add_text(&q, filter);
    add_project(&q, r, filter->project);
    query_number(&q, " ORDER BY last_us DESC, session DESC LIMIT ?",
                 MIN_OF(limit, FILTER_LIMIT_MAX));
    while (query_next(&q, &err, f)) {
        struct session_row row = read_session(r, q.rows);
        on_row(&row, owner);
    }
    query_release(&q);
    return reader_end(r, err, f);
}

/* --- one of them --- */

enum err store_conversation(struct store_reader *r, int64_t conversation, struct arena *arena,
                            struct conversation_row *out, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct query q;
    query_begin(&q, r, STR_NONE);
    query_add(&q, conversation_columns);
    query_number(&q, " AND conversation = ?", conversation);
    bool is_found = query_next(&q, &err, f);
    if (is_found) {
        *out = read_conversation(r, q.rows);
        struct str *const strings[] = {&out->session_id, &out->agent_id, &out->title, &out->model,
                                       &out->client};
        arena_keep(arena, strings, COUNT_OF(strings));
    }
    query_release(&q);
    err = reader_end(r, err, f);
    return err ? err : is_found ? ERR_OK : ERR_NOT_FOUND;
}

enum err store_session(struct store_reader *r, struct str session_id, struct arena *arena,
                       struct session_row *out, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct query q;
    query_begin(&q, r, STR_NONE);
    query_add(&q, session_columns);
    query_name(&q, r, " AND session = ?", session_id);
    bool is_found = query_next(&q, &err, f);
    if (is_found) {
        *out = read_session(r, q.rows);
        struct str *const strings[] = {&out->session_id, &out->title, &out->model, &out->client,
                                       &out->project};
        arena_keep(arena, strings, COUNT_OF(strings));
    }
    query_release(&q);
    err = reader_end(r, err, f);
    return err ? err : is_found ? ERR_OK : ERR_NOT_FOUND;
}

/* --- their requests --- */

static void select_requests(struct query *q, struct store_reader *r, const char *condition)
{
    query_begin(q, r, STR_NONE);
    query_add(q, "SELECT ");
    query_add(q, reader_columns);
    query_add(q, " FROM requests WHERE ");
    query_add(q, condition);
}

static enum err read_requests(struct query *q, struct store_reader *r, store_row_fn *on_row,
                              void *owner, struct fail *f)
{
    enum err err;
    query_number(q, " ORDER BY id DESC LIMIT ?", TURNS_MAX);
    while (query_next(q, &err, f)) {
        struct record row;
        reader_row(r, q->rows, &row);
        on_row(&row, owner);
    }
    return err;
}

enum err store_turns(struct store_reader *r, const struct conversation_row *c,
                     store_row_fn *on_row, void *owner, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct query q;
    /* each as one of the indexes has it */
    select_requests(&q, r, c->session_id.len ? "1 = 1" : "session IS NULL");
    query_name(&q, r, " AND session = ?", c->session_id);
    query_number(&q, " AND conversation = ?", c->conversation);
    err = read_requests(&q, r, on_row, owner, f);
    query_release(&q);
    return reader_end(r, err, f);
}

enum err store_session_requests(struct store_reader *r, struct str session_id,
                                store_row_fn *on_row, void *owner, struct fail *f)
{
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct query q;
    select_requests(&q, r, "1 = 1");
    query_name(&q, r, " AND session = ?", session_id);
    err = read_requests(&q, r, on_row, owner, f);
    query_release(&q);
    return reader_end(r, err, f);
}

/* --- for the indexer --- */

#define TURN_COLUMNS "SELECT turn, conversation, parent_turn, shared_count, tool_count FROM requests"

static struct known_turn read_turn(struct statement *q)
{
    return (struct known_turn){
        .turn = column_number(q, 0), .conversation = column_number(q, 1),
        .parent = column_number(q, 2), .shared = column_number(q, 3)};
}

bool store_find_turn(struct store *s, int64_t turn, struct known_turn *out)
{
    enum err err;
    uv_mutex_lock(&s->writing);
    struct statement *q = s->statements[FIND_TURN];
    bind_number(q, 1, turn);
    bool is_found = statement_next(q, &err, NULL);
    if (is_found)
        *out = read_turn(q);
    statement_reset(q);
    uv_mutex_unlock(&s->writing);
    return is_found;
}

/* Bounded twice: by `max`, and as the newest come first, by what a step of the indexer may take. */
void store_session_turns(struct store *s, struct str session, struct str agent, int max,
                         known_turn_fn *fn, void *owner)
{
    struct {
        struct known_turn turn;
        int64_t tool_count;
    } *turns = mem_alloc((size_t)max * sizeof *turns);
    int count = 0;
    enum err err;
    uv_mutex_lock(&s->writing);
    struct statement *q = s->statements[agent.len ? FIND_AGENT_TURNS : FIND_MAIN_TURNS];
    bind_text(q, 1, session);
    bind_number(q, 2, max);
    if (agent.len)
        bind_text(q, 3, agent);
    while (count < max && statement_next(q, &err, NULL)) {
        turns[count].turn = read_turn(q);
        turns[count++].tool_count = column_is_null(q, 4) ? 0 : column_number(q, 4);
    }
    statement_reset(q);
    uv_mutex_unlock(&s->writing);
    while (count-- > 0)
        fn(&turns[count].turn, turns[count].tool_count, owner);
    free(turns);
}

const char store_find_turn_sql[] =
    TURN_COLUMNS " WHERE session IS NULL AND turn = ? ORDER BY id DESC LIMIT 1";
#define SESSION_TURNS(agent)                                                                       \
    TURN_COLUMNS " WHERE session = (SELECT id FROM names WHERE text = ?1 AND is_shared = 1)"      \
                 " AND " agent " AND turn IS NOT NULL ORDER BY id DESC LIMIT ?2"
const char store_main_turns_sql[] = SESSION_TURNS("agent IS NULL");
const char store_agent_turns_sql[] =
    SESSION_TURNS("agent = (SELECT id FROM names WHERE text = ?3 AND is_shared = 1)");
