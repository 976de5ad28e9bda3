/*
 * query.c — a filter as SQL. Everything from outside is bound, nothing is pasted.
 */
#include "store/query.h"

#include <stdio.h>

#include "base/clock.h"

void query_add(struct query *q, const char *sql)
{
    size_t len = strlen(sql);
    assert(q->len + len < QUERY_SQL_MAX);
    memcpy(q->sql + q->len, sql, len + 1);
    q->len += len;
}

static struct query_value *add_value(struct query *q, const char *sql)
{
    assert(q->value_count < QUERY_VALUES_MAX);
    query_add(q, sql);
    return &q->values[q->value_count++];
}

void query_number(struct query *q, const char *sql, int64_t number)
{
    *add_value(q, sql) = (struct query_value){.kind = VALUE_NUMBER, .number = number};
}

static void add_text(struct query *q, const char *sql, struct str text)
{
    *add_value(q, sql) = (struct query_value){.kind = VALUE_TEXT, .bytes = text};
}

void query_id(struct query *q, const char *sql, const struct uuid *id)
{
    struct str copy = arena_str(&q->arena, str_make(id->bytes, sizeof id->bytes));
    *add_value(q, sql) = (struct query_value){.kind = VALUE_BLOB, .bytes = copy};
}

void query_name(struct query *q, struct store_reader *r, const char *sql, struct str text)
{
    if (!text.len)
        return;
    int64_t id = reader_name_id(r, text);
    if (!id)
        q->is_empty = true;
    query_number(q, sql, id);
}

static void add_agent(struct query *q, struct store_reader *r, struct str agent)
{
    if (str_equal(agent, STR("main")))
        query_add(q, " AND agent IS NULL AND agent_type IS NULL");
    else if (str_equal(agent, STR("sub")))
        query_add(q, " AND (agent IS NOT NULL OR agent_type IS NOT NULL)");
    else
        query_name(q, r, " AND agent = ?", agent);
}

/* Conversations know ids only. */
static void add_thread_agent(struct query *q, struct str agent)
{
    if (str_equal(agent, STR("main")))
        query_add(q, " AND agent IS NULL");
    else if (str_equal(agent, STR("sub")))
        query_add(q, " AND agent IS NOT NULL");
    else
        query_name(q, q->reader, " AND agent = ?", agent);
}

static void add_agent_type(struct query *q, struct store_reader *r, struct str type)
{
    if (str_equal(type, STR("unknown")))
        query_add(q, " AND agent IS NOT NULL AND agent_type IS NULL");
    else
        query_name(q, r, " AND agent_type = ?", type);
}

void query_sessions_of(struct query *q, struct store_reader *r, struct str agent)
{
    static const char in[] = " AND session IN (SELECT session FROM session_agents WHERE agent = ?)";
    char sql[128];
    int64_t id = reader_name_id(r, agent);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM session_agents WHERE agent = %lld",
             (long long)id);
    if (database_number(&r->db, sql, 0))
        query_number(q, in, id);
}

static void add_state(struct query *q, enum ending state)
{
    if (state != ENDING_COMPLETE)
        query_add(q, " AND state <> 1"); /* so that the partial index is seen to fit */
    query_number(q, " AND state = ?", state);
}

static void add_status(struct query *q, int status)
{
    if (status >= 400 || (status >= 4 && status < 100))
        query_add(q, " AND state <> 1"); /* as above: such an answer is no success */
    if (status >= 100) {
        query_number(q, " AND status = ?", status);
    } else if (status > 0) {
        query_number(q, " AND status >= ?", status * 100);
        query_number(q, " AND status < ?", status * 100 + 100);
    }
}

static void add_times(struct query *q, int64_t start_us, int64_t end_us)
{
    if (start_us) {
        struct uuid floor = uuid_floor(start_us - QUERY_ID_SLACK_US);
        query_id(q, " AND id >= ?", &floor);
        query_number(q, " AND started_us >= ?", start_us);
    }
    if (end_us) {
        struct uuid ceiling = uuid_floor(end_us + QUERY_ID_SLACK_US);
        query_id(q, " AND id < ?", &ceiling);
        query_number(q, " AND started_us < ?", end_us);
    }
}

/* "%text%" with LIKE's own signs escaped. */
static struct str like_pattern(struct arena *a, struct str text)
{
    char *pattern = arena_alloc(a, text.len * 2 + 2);
    size_t len = 0;
    pattern[len++] = '%';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' || c == '_' || c == '\\')
            pattern[len++] = '\\';
        pattern[len++] = c;
    }
    pattern[len++] = '%';
    return str_make(pattern, len);
}

/* --- text --- */

/* Could it stand in the provider's id for a request ("req_011C…")? Each row has one of its own, so
 * that all rows would have to be looked at, for words, too. */
static bool may_be_id(struct str text)
{
    enum { LEAST_BYTES = 6 };
    bool has_sign = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_digit = c >= '0' && c <= '9';
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_digit && !is_letter && c != '_' && c != '-')
            return false;
        has_sign |= is_digit || c == '_';
    }
    return has_sign && text.len >= LEAST_BYTES;
}

static void add_text_search(struct query *q, struct store_reader *r, struct str text)
{
    static const char *const columns[] = {"title", "path", "model", "response_model", "session",
                                          "agent", "parent_agent", "error_type", "error_message"};
    bool has_names = r->found.are_many || r->found.count;
    struct uuid id;
    if (!has_names && !may_be_id(text))
        q->is_empty = true;
    query_add(q, " AND (1 = 0");
    for (size_t i = 0; i < COUNT_OF(columns) && has_names; i++) {
        query_add(q, " OR ");
        query_add(q, columns[i]);
        query_add(q, " IN (SELECT id FROM found)");
    }
    if (may_be_id(text)) {
        query_add(q, " OR upstream_request_id ");
        query_add(q, r->store->engine->like);
        add_text(q, " ? ESCAPE '\\'", like_pattern(&q->arena, text));
    }
    if (uuid_parse(text, &id))
        query_id(q, " OR id = ?", &id);
    query_add(q, ")");
}

/* Which names hold the text: looked up once, whatever many queries ask. Where they are many, or
 * cannot be told, each query asks itself. */
static void find_names(struct store_reader *r, struct str text)
{
    struct query q;
    enum err err;
    r->found.is_known = true;
    r->found.known_ns = clock_mono_ns();
    r->found.len = text.len < sizeof r->found.text ? text.len : 0;
    memcpy(r->found.text, text.ptr, r->found.len);
    r->found.count = 0;
    query_begin(&q, r, STR_NONE);
    query_add(&q, "SELECT id FROM names WHERE text ");
    query_add(&q, r->store->engine->like);
    add_text(&q, " ? ESCAPE '\\'", like_pattern(&q.arena, text));
    query_number(&q, " LIMIT ?", READER_FOUND_MAX + 1);
    while (query_next(&q, &err, NULL) && r->found.count < READER_FOUND_MAX)
        r->found.ids[r->found.count++] = column_number(q.rows, 0);
    r->found.are_many = err || r->found.count == READER_FOUND_MAX;
    query_release(&q);
}

static void add_found(struct query *q, struct store_reader *r, struct str text)
{
    if (!r->found.is_known)
        find_names(r, text);
    if (r->found.are_many) {
        query_add(q, "WITH found AS MATERIALIZED (SELECT id FROM names WHERE text ");
        query_add(q, r->store->engine->like);
        add_text(q, " ? ESCAPE '\\') ", like_pattern(&q->arena, text));
        return;
    }
    query_add(q, "WITH found (id) AS (VALUES (0)"); /* which is no name */
    for (size_t i = 0; i < r->found.count; i++) {
        char one[32];
        snprintf(one, sizeof one, ",(%lld)", (long long)r->found.ids[i]);
        query_add(q, one);
    }
    query_add(q, ") ");
}

void query_begin(struct query *q, struct store_reader *r, struct str text)
{
    q->sql[0] = '\0';
    q->len = 0;
    q->value_count = 0;
    q->is_empty = false;
    q->reader = r;
    q->rows = NULL;
    arena_init(&q->arena);
    if (text.len)
        add_found(q, r, text);
}

/* Requests that call a tool: those whose list of tools names it. */
static void add_tool(struct query *q, struct store_reader *r, struct str tool)
{
    char sql[96];
    int64_t id = tool.len ? reader_name_id(r, tool) : 0;
    snprintf(sql, sizeof sql, "SELECT 1 FROM tool_sets WHERE tool = %lld LIMIT 1", (long long)id);
    if (tool.len && !database_number(&r->db, sql, 0))
        q->is_empty = true;
    query_name(q, r, " AND tools IN (SELECT tools FROM tool_sets WHERE tool = ?)", tool);
}

void query_init(struct query *q, const char *select, struct store_reader *r,
                const struct request_filter *filter)
{
    query_begin(q, r, filter->q);
    query_add(q, select);
    query_add(q, " WHERE 1 = 1");
    query_name(q, r, " AND session = ?", filter->session_id);
    query_name(q, r, " AND provider = ?", filter->provider);
    if (filter->model.len) {
        query_name(q, r, " AND (model = ?", filter->model);
        query_name(q, r, " OR response_model = ?)", filter->model);
    }
    add_agent(q, r, filter->agent_id);
    add_agent_type(q, r, filter->agent_type);
    query_name(q, r, " AND class = ?", filter->class);
    query_name(q, r, " AND route = ?", filter->route);
    query_name(q, r, " AND project = ?", filter->project);
    add_tool(q, r, filter->tool);
    if (filter->has_state)
        add_state(q, filter->state);
    add_status(q, filter->status);
    add_times(q, filter->start_us, filter->end_us);
    if (filter->q.len)
        add_text_search(q, r, filter->q);
}

void query_threads(struct query *q, const struct thread_filter *filter)
{
    query_name(q, q->reader, " AND session = ?", filter->session_id);
    if (filter->agent_id.len)
        add_thread_agent(q, filter->agent_id);
    query_name(q, q->reader, " AND model = ?", filter->model);
    if (filter->start_us)
        query_number(q, " AND last_us >= ?", filter->start_us);
    if (filter->end_us)
        query_number(q, " AND first_us < ?", filter->end_us);
    if (filter->before_us > 0)
        query_number(q, " AND last_us < ?", filter->before_us);
}

void query_release(struct query *q)
{
    statement_free(q->rows);
    arena_release(&q->arena);
}

static enum err prepare(struct query *q, struct fail *f)
{
    enum err err = database_prepare(&q->reader->db, q->sql, &q->rows, f);
    if (err)
        return err;
    for (int i = 0; i < q->value_count; i++) {
        const struct query_value *v = &q->values[i];
        if (v->kind == VALUE_NUMBER)
            bind_number(q->rows, i + 1, v->number);
        else if (v->kind == VALUE_TEXT)
            bind_text(q->rows, i + 1, v->bytes);
        else
            bind_blob(q->rows, i + 1, v->bytes);
    }
    return ERR_OK;
}

bool query_next(struct query *q, enum err *err, struct fail *f)
{
    *err = ERR_OK;
    if (!q->is_empty && !q->rows)
        *err = prepare(q, f);
    return q->rows && !*err && statement_next(q->rows, err, f);
}
