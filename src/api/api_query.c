/*
 * api_query.c — the query string of an API request.
 */
#include "api/api_query.h"

#include "agents/identity.h"
#include "api/json_out.h"
#include "base/clock.h"
#include "base/hex.h"
#include "record/tool_list.h"
#include "store/search_terms.h"

typedef const char *parse_fn(struct str value, struct query *q); /* NULL, or what is wrong */

static const char *parse_limit(struct str value, struct query *q)
{
    uint64_t n;
    if (!str_to_u64(value, &n) || n < 1 || n > FILTER_LIMIT_MAX)
        return "must be a number from 1 to 500";
    q->limit = (int)n;
    return NULL;
}

static const char *parse_cursor(struct str value, struct query *q)
{
    q->has_cursor = uuid_parse(value, &q->cursor);
    return q->has_cursor ? NULL : "must be a next_cursor that was given before";
}

static const char *parse_status(struct str value, struct query *q)
{
    uint64_t n;
    if (value.len == 3 && value.ptr[0] >= '2' && value.ptr[0] <= '5' &&
        str_equal(str_from(value, 1), STR("xx"))) {
        q->filter.status = value.ptr[0] - '0';
        return NULL;
    }
    if (!str_to_u64(value, &n) || n < 100 || n > 599)
        return "must be a status (200) or a class (4xx)";
    q->filter.status = (int)n;
    return NULL;
}

static const char *parse_state(struct str value, struct query *q)
{
    q->filter.has_state = ending_parse(value, &q->filter.state);
    return q->filter.has_state ? NULL : "is not one of the states";
}

static const char *parse_class(struct str value, struct query *q)
{
    enum request_class class;
    q->filter.class = value;
    return class_parse(value, &class) ? NULL : "is not one of the classes";
}

static const char *parse_time(struct str value, int64_t *us)
{
    return clock_parse(value.ptr, us) && *us > 0 ? NULL : "must be a time, 2026-11-21T14:00:00Z";
}

static const char *parse_start(struct str value, struct query *q)
{
    return parse_time(value, &q->filter.start_us);
}

static const char *parse_end(struct str value, struct query *q)
{
    return parse_time(value, &q->filter.end_us);
}

static const char *parse_before(struct str value, struct query *q)
{
    return parse_time(value, &q->before_us);
}

static const char *parse_decoded(struct str value, struct query *q)
{
    q->is_decoded = str_equal(value, STR("1"));
    return q->is_decoded || str_equal(value, STR("0")) ? NULL : "must be 0 or 1";
}

static const char *parse_format(struct str value, struct query *q)
{
    q->format = value;
    return NULL;
}

static const char *parse_project(struct str value, struct query *q)
{
    q->project = value;
    return NULL;
}

static const char *parse_from(struct str value, struct query *q)
{
    uint64_t n;
    if (!str_to_u64(value, &n) || n > INT64_MAX / 2)
        return "must be a whole number, from 0 on";
    q->from = (int64_t)n;
    return NULL;
}

static const char *parse_leaf(struct str value, struct query *q)
{
    q->has_leaf = uuid_parse(value, &q->leaf);
    return q->has_leaf ? NULL : "must be the id of a request";
}

static const char *parse_place(struct str value, struct query *q)
{
    uint64_t file, text;
    size_t dot = str_find(value, '.');
    if (!str_to_u64(str_head(value, dot), &file) || !str_to_u64(str_from(value, dot + 1), &text) ||
        file < 1 || file > INT32_MAX || text > INT64_MAX)
        return "must be a next_cursor that was given before";
    q->place = (struct search_place){(int64_t)file, (int64_t)text};
    return NULL;
}

static const char *parse_role(struct str value, struct query *q)
{
    q->has_role = text_kind_parse(value, &q->role);
    return q->has_role ? NULL : "is not one of the kinds of text";
}

static const char *parse_tool(struct str value, struct query *q)
{
    q->tool = value;
    return NULL;
}

static const char *parse_tz(struct str value, struct query *q)
{
    enum { MOST = 14 * 60 };
    uint64_t minutes;
    bool is_west = value.ptr[0] == '-';
    if (!str_to_u64(str_from(value, is_west), &minutes) || minutes > MOST)
        return "must be minutes east of UTC, from -840 to 840";
    q->tz_minutes = is_west ? -(int)minutes : (int)minutes;
    return NULL;
}

/* Every parameter there is. Without a parser: a text, kept in the filter at `at`. */
static const struct param {
    const char *name;
    unsigned field; /* enum query_field */
    parse_fn *parse;
    size_t at;
} params[] = {
    {"limit", QUERY_LIMIT, parse_limit, 0},
    {"cursor", QUERY_CURSOR, parse_cursor, 0},
    {"before", QUERY_BEFORE, parse_before, 0},
    {"decoded", QUERY_DECODED, parse_decoded, 0},
    {"format", QUERY_FORMAT, parse_format, 0},
    {"start", QUERY_RANGE, parse_start, 0},
    {"end", QUERY_RANGE, parse_end, 0},
    {"status", QUERY_FILTER, parse_status, 0},
    {"state", QUERY_FILTER, parse_state, 0},
    {"model", QUERY_FILTER, NULL, offsetof(struct request_filter, model)},
    {"provider", QUERY_FILTER, NULL, offsetof(struct request_filter, provider)},
    {"session", QUERY_FILTER, NULL, offsetof(struct request_filter, session_id)},
    {"agent", QUERY_FILTER, NULL, offsetof(struct request_filter, agent_id)},
    {"agent_type", QUERY_FILTER, NULL, offsetof(struct request_filter, agent_type)},
    {"class", QUERY_FILTER, parse_class, 0},
    {"route", QUERY_FILTER, NULL, offsetof(struct request_filter, route)},
    {"project", QUERY_FILTER, NULL, offsetof(struct request_filter, project)},
    {"tool", QUERY_FILTER, NULL, offsetof(struct request_filter, tool)},
    {"tz", QUERY_TZ, parse_tz, 0},
    {"q", QUERY_FILTER, NULL, offsetof(struct request_filter, q)},
    {"model", QUERY_WORDS, NULL, offsetof(struct request_filter, model)},
    {"q", QUERY_WORDS, NULL, offsetof(struct request_filter, q)},
    {"session", QUERY_OF_SESSION, NULL, offsetof(struct request_filter, session_id)},
    {"agent", QUERY_OF_SESSION, NULL, offsetof(struct request_filter, agent_id)},
    {"project", QUERY_PROJECT, parse_project, 0},
    {"from", QUERY_PAGE, parse_from, 0},
    {"leaf", QUERY_PAGE, parse_leaf, 0},
    {"from", QUERY_POSITION, parse_from, 0},
    {"q", QUERY_TEXT, NULL, offsetof(struct request_filter, q)},
    {"cursor", QUERY_SEARCH, parse_place, 0},
    {"role", QUERY_SEARCH, parse_role, 0},
    {"tool", QUERY_SEARCH, parse_tool, 0},
};

bool percent_decode(struct str raw, bool plus_is_space, struct arena *arena, struct str *out)
{
    char *to = arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = plus_is_space && raw.ptr[i] == '+' ? ' ' : raw.ptr[i];
        if (c == '%') {
            int byte = hex_escape(raw, i);
            if (byte < 0)
                return false;
            c = (char)byte;
            i += 2;
        }
        if (!c)
            return false;
        to[len++] = c;
    }
    to[len] = '\0';
    *out = (struct str){to, len};
    return utf8_valid(*out) == len;
}

static const struct param *param_find(struct str name, unsigned takes)
{
    for (size_t i = 0; i < COUNT_OF(params); i++)
        if ((params[i].field & takes) && str_equal(name, str_of(params[i].name)))
            return &params[i];
    return NULL;
}

static bool wrong(struct query_fault *fault, const char *field, const char *message)
{
    *fault = (struct query_fault){field, message};
    return false;
}

static bool set(struct query *q, const struct param *p, struct str value,
                struct query_fault *fault)
{
    if (!value.len)
        return wrong(fault, p->name, "is empty");
    if (value.len > QUERY_VALUE_MAX)
        return wrong(fault, p->name, "is too long");
    if (!p->parse) {
        *(struct str *)(void *)((char *)&q->filter + p->at) = value;
        return true;
    }
    const char *message = p->parse(value, q);
    return message ? wrong(fault, p->name, message) : true;
}

static bool check_range(const struct query *q, struct query_fault *fault)
{
    if (q->filter.start_us && q->filter.end_us && q->filter.start_us >= q->filter.end_us)
        return wrong(fault, "end", "must be later than start");
    return true;
}

bool query_set_filter(struct query *q, struct str name, struct str value,
                      struct query_fault *fault)
{
    const struct param *p = param_find(name, QUERY_FILTER | QUERY_RANGE);
    if (!p)
        return wrong(fault, name.ptr, "is not known here");
    if (utf8_valid(value) < value.len)
        return wrong(fault, p->name, "is not valid text");
    return set(q, p, value, fault) && check_range(q, fault);
}

const char *query_filter_name(size_t number)
{
    for (size_t i = 0; i < COUNT_OF(params); i++)
        if (params[i].field & (QUERY_FILTER | QUERY_RANGE) && number-- == 0)
            return params[i].name;
    return NULL;
}

static bool read_pair(struct str pair, unsigned takes, uint64_t *seen, struct arena *arena,
                      struct query *q, struct query_fault *fault)
{
    size_t equals = str_find(pair, '=');
    struct str name, value;
    if (!percent_decode(str_head(pair, equals), true, arena, &name))
        return wrong(fault, "", "a name is not valid");
    const struct param *p = param_find(name, takes);
    if (!p)
        return wrong(fault, arena_str(arena, str_head(name, 64)).ptr, "is not known here");
    uint64_t bit = UINT64_C(1) << (p - params);
    if (*seen & bit)
        return wrong(fault, p->name, "is given twice");
    *seen |= bit;
    q->has_parameters = true;
    if (!percent_decode(str_from(pair, equals + 1), true, arena, &value))
        return wrong(fault, p->name, "is not valid text");
    return set(q, p, value, fault);
}

/* Something that can be found: not only signs, nor only what must not be there. */
static bool has_words(struct str question, struct arena *arena)
{
    return question.len && terms_parse(question, arena, ARENA_NEW(arena, struct terms));
}

bool query_parse(struct str raw, unsigned takes, struct arena *arena, struct query *q,
                 struct query_fault *fault)
{
    *q = (struct query){.limit = QUERY_LIMIT_DEFAULT, .from = UNKNOWN};
    uint64_t seen = 0;
    struct str pair;
    while (raw.len && str_next(&raw, '&', &pair))
        if (pair.len && !read_pair(pair, takes, &seen, arena, q, fault))
            return false;
    if ((takes & QUERY_SEARCH) && !has_words(q->filter.q, arena))
        return wrong(fault, "q", q->filter.q.len ? "has no word to look for" : "is missing");
    return check_range(q, fault);
}

static bool matches_text(const struct request_filter *f, const struct record *r)
{
    const struct str places[] = {
        r->title,      r->path,     r->model,           r->response_model,      r->session_id,
        r->agent_id,   r->parent_agent_id, r->upstream_request_id, r->error_type, r->error_message,
    };
    char id[UUID_TEXT];
    if (str_contains_nocase(str_of(uuid_format(&r->id, id)), f->q))
        return true;
    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (str_contains_nocase(places[i], f->q))
            return true;
    return false;
}

static bool matches_agent(const struct request_filter *f, const struct record *r)
{
    if (str_equal(f->agent_id, STR("main")))
        return !r->agent_id.len && !r->agent_type.len;
    if (str_equal(f->agent_id, STR("sub")))
        return r->agent_id.len || r->agent_type.len;
    return str_equal(f->agent_id, r->agent_id);
}

static bool matches_agent_type(const struct request_filter *f, const struct record *r)
{
    if (str_equal(f->agent_type, STR("unknown")))
        return r->agent_id.len && !r->agent_type.len;
    return str_equal(f->agent_type, r->agent_type);
}

bool filter_matches(const struct request_filter *f, const struct record *r)
{
    if (f->model.len && !str_equal(f->model, r->model) && !str_equal(f->model, r->response_model))
        return false;
    if (f->session_id.len && !str_equal(f->session_id, r->session_id))
        return false;
    if (f->agent_id.len && !matches_agent(f, r))
        return false;
    if (f->agent_type.len && !matches_agent_type(f, r))
        return false;
    if (f->class.len && !str_equal(f->class, r->class))
        return false;
    if (f->route.len && !str_equal(f->route, r->route))
        return false;
    if (f->project.len && !str_equal(f->project, r->project))
        return false;
    if (f->tool.len && !tool_list_has(r->tools, f->tool))
        return false;
    if (f->provider.len && !str_equal(f->provider, r->provider))
        return false;
    if (f->status && f->status != r->status && f->status != r->status / 100)
        return false;
    if (f->has_state && f->state != r->state)
        return false;
    if (f->start_us && r->started_us < f->start_us)
        return false;
    if (f->end_us && r->started_us >= f->end_us)
        return false;
    return !f->q.len || matches_text(f, r);
}
