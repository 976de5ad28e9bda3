/*
 * query.c — a filter as SQL. Everything from outside is bound, nothing is pasted.
 */
#include "store/query.h"

#include "store/numbers.h"

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

/* Does `sql`, with the number at its mark, give a row? That it could not be asked is told at reader_end(). */
static bool has_row(struct store_reader *r, const char *sql, int64_t number)
{
    struct query q;
    enum err err;
    query_begin(&q, r, STR_NONE);
    query_number(&q, sql, number);
    bool has = query_next(&q, &err, NULL);
    r->name_err = err ? err : r->name_err;
    query_release(&q);
    return has;
}

void query_sessions_of(struct query *q, struct store_reader *r, struct str agent)
{
    static const char in[] = " AND session IN (SELECT session FROM session_agents WHERE agent = ?)";
    int64_t id = reader_name_id(r, agent);
    if (has_row(r, "SELECT 1 FROM session_agents WHERE agent = ? LIMIT 1", id))
        query_number(q, in, id);
}

static void add_state(struct query *q, enum ending state)
{
    if (state != ENDING_COMPLETE)
        query_add(q, " AND state <> 1"); /* so that the partial index is seen to fit */
    query_number(q, " AND state = ?", state);
}

void query_status(struct query *q, int status)
{
    if (status >= 100) {
        query_number(q, " AND status = ?", status);
    } else if (status > 0) {
        query_number(q, " AND status >= ?", status * 100);
        query_number(q, " AND status < ?", status * 100 + 100);
    }
}

static void add_status(struct query *q, int status)
{
    if (status >= 400 || (status >= 4 && status < 100))
        query_add(q, " AND state <> 1"); /* as above: such an answer is no success */
    query_status(q, status);
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

/* "%text%" with LIKE's own signs escaped, in small letters if it `is_ascii`. */
static struct str like_pattern(struct arena *a, struct str text, bool is_ascii)
{
    char *pattern = arena_alloc(a, text.len * 2 + 2);
    size_t len = 0;
    pattern[len++] = '%';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' || c == '_' || c == '\\')
            pattern[len++] = '\\';
        pattern[len++] = is_ascii && c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    pattern[len++] = '%';
    return str_make(pattern, len);
}

static bool is_ascii(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] & 0x80)
            return false;
    return true;
}

void query_like(struct query *q, const char *column, struct str text)
{
    const struct engine *engine = q->reader->store->engine;
    bool is_plain = is_ascii(text);
    const char *const *like = is_plain ? engine->like_ascii : engine->like;
    query_add(q, like[0]);
    query_add(q, column);
    query_add(q, like[1]);
    add_text(q, " ? ESCAPE '\\'", like_pattern(&q->arena, text, is_plain));
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

static void add_text_search(struct query *q, struct str text)
{
    static const char *const columns[] = {"title", "path", "model", "response_model", "session",
                                          "agent", "parent_agent", "error_type", "error_message"};
    bool has_names = !q->found || q->found->count;
    struct uuid id;
    if (!has_names && !may_be_id(text))
        q->is_empty = true;
    query_add(q, " AND (1 = 0");
    for (size_t i = 0; i < COUNT_OF(columns) && q->found && has_names; i++) {
        query_add(q, " OR ");
        query_add(q, columns[i]);
        query_add(q, " IN (SELECT id FROM found)");
    }
    if (!q->found) { /* among so many, looking at a row's names is less than looking at all */
        query_add(q, " OR EXISTS (SELECT 1 FROM names WHERE names.id IN (0");
        for (size_t i = 0; i < COUNT_OF(columns); i++) {
            query_add(q, ", ");
            query_add(q, columns[i]);
        }
        query_add(q, ") AND ");
        query_like(q, "names.text", text);
        query_add(q, ")");
    }
    if (may_be_id(text)) {
        query_add(q, " OR ");
        query_like(q, "upstream_request_id", text);
    }
    if (uuid_parse(text, &id))
        query_id(q, " OR id = ?", &id);
    query_add(q, ")");
}

static void add_found(struct query *q, struct store_reader *r, struct str text)
{
    struct fail why = {0};
    q->found = NULL;
    if (found_look(r, text, 0, &q->found, &why) || q->found->are_many) {
        q->found = NULL;
        query_add(q, "WITH found AS MATERIALIZED (SELECT id FROM names WHERE ");
        query_like(q, "text", text);
        query_add(q, ") ");
        return;
    }
    query_add(q, "WITH found (id) AS MATERIALIZED (");
    *add_value(q, r->store->engine->numbers) = (struct query_value){
        .kind = VALUE_TEXT,
        .bytes = numbers_text(r->store->engine, q->found->ids, q->found->count, &q->arena)};
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
    if (tool.len && !has_row(r, "SELECT 1 FROM tool_sets WHERE tool = ? LIMIT 1",
                             reader_name_id(r, tool)))
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
        add_text_search(q, filter->q);
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

enum err query_ask(struct query *q, struct fail *f)
{
    if (q->is_empty || q->rows)
        return ERR_OK;
    enum err err = prepare(q, f);
    return err ? err : statement_ask(q->rows, f);
}

bool query_next(struct query *q, enum err *err, struct fail *f)
{
    *err = ERR_OK;
    if (!q->is_empty && !q->rows)
        *err = prepare(q, f);
    return q->rows && !*err && statement_next(q->rows, err, f);
}
