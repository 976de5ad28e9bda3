/*
 * record_json.c — a record as the API shows it.
 */
#include "api/record_json.h"

#include "base/hex.h"
#include "record/tool_list.h"

enum field_kind {
    FIELD_TEXT,    /* always a string */
    FIELD_NAME,    /* null when empty */
    FIELD_TIME,    /* wall clock */
    FIELD_MS,      /* microseconds shown as milliseconds */
    FIELD_COUNT,   /* null when unknown */
    FIELD_STATE,
    FIELD_STATUS,  /* null when 0 */
    FIELD_BOOL,
    FIELD_ERROR,   /* error_type and error_message */
    FIELD_USAGE,
    FIELD_TOOLS,
    FIELD_JSON,    /* null when empty */
    FIELD_SHADOW,  /* a flag */
    FIELD_FLAGS
};

#define AT(member) offsetof(struct record, member)

/* Every member of a Request, in the order it is shown. */
static const struct field {
    const char *name;
    enum field_kind kind;
    size_t at;
} fields[] = {
    {"started_at", FIELD_TIME, AT(started_us)},
    {"state", FIELD_STATE, AT(state)},
    {"status", FIELD_STATUS, AT(status)},
    {"stream", FIELD_BOOL, AT(is_stream)},
    {"method", FIELD_TEXT, AT(method)},
    {"path", FIELD_TEXT, AT(path)},
    {"query", FIELD_TEXT, AT(query)},
    {"provider", FIELD_NAME, AT(provider)},
    {"model", FIELD_NAME, AT(model)},
    {"response_model", FIELD_NAME, AT(response_model)},
    {"session_id", FIELD_NAME, AT(session_id)},
    {"agent_id", FIELD_NAME, AT(agent_id)},
    {"parent_agent_id", FIELD_NAME, AT(parent_agent_id)},
    {"node", FIELD_NAME, AT(node)},
    {"client", FIELD_NAME, AT(client)},
    {"client_addr", FIELD_NAME, AT(client_addr)},
    {"upstream_request_id", FIELD_NAME, AT(upstream_request_id)},
    {"stop_reason", FIELD_NAME, AT(stop_reason)},
    {"error", FIELD_ERROR, 0},
    {"title", FIELD_NAME, AT(title)},
    {"connect_ms", FIELD_MS, AT(connect_us)},
    {"ttfb_ms", FIELD_MS, AT(ttfb_us)},
    {"first_token_ms", FIELD_MS, AT(first_token_us)},
    {"duration_ms", FIELD_MS, AT(duration_us)},
    {"usage", FIELD_USAGE, AT(usage)},
    {"request_bytes", FIELD_COUNT, AT(request_bytes)},
    {"response_bytes", FIELD_COUNT, AT(response_bytes)},
    {"client_bytes", FIELD_COUNT, AT(client_bytes)},
    {"chunk_count", FIELD_COUNT, AT(chunk_count)},
    {"message_count", FIELD_COUNT, AT(message_count)},
    {"tool_count", FIELD_COUNT, AT(tool_count)},
    {"tool_use_count", FIELD_COUNT, AT(tool_use_count)},
    {"max_tokens", FIELD_COUNT, AT(max_tokens)},
    {"cost_usd_micro", FIELD_COUNT, AT(cost_usd_micro)},
    {"project", FIELD_NAME, AT(project)},
    {"agent_type", FIELD_NAME, AT(agent_type)},
    {"agent_name", FIELD_NAME, AT(agent_type)},
    {"agent_by", FIELD_NAME, AT(agent_by)},
    {"class", FIELD_NAME, AT(class)},
    {"class_by", FIELD_NAME, AT(class_by)},
    {"route", FIELD_NAME, AT(route)},
    {"route_target", FIELD_NAME, AT(route_target)},
    {"shadow", FIELD_SHADOW, AT(flags)},
    {"shadow_cost_usd_micro", FIELD_COUNT, AT(shadow_cost_usd_micro)},
    {"tools", FIELD_TOOLS, AT(tools)},
    {"tool_errors", FIELD_TOOLS, AT(tool_errors)},
    {"losses", FIELD_JSON, AT(losses)},
    {"tried", FIELD_JSON, AT(tried)},
    {"flags", FIELD_FLAGS, AT(flags)},
};

static const struct {
    enum record_flag flag;
    const char *name;
} flag_names[] = {
    {RECORD_REQUEST_INVALID, "request_invalid"},
    {RECORD_REQUEST_TOO_DEEP, "request_too_deep"},
    {RECORD_DUPLICATE_KEYS, "duplicate_keys"},
    {RECORD_RESPONSE_INVALID, "response_invalid"},
    {RECORD_PROTOCOL_VIOLATION, "protocol_violation"},
    {RECORD_DECODE_PARTIAL, "decode_partial"},
    {RECORD_DECODE_LIMITED, "decode_limited"},
    {RECORD_BODY_TRUNCATED, "body_truncated"},
    {RECORD_IS_REUSED, "reused"},
    {RECORD_IS_OURS, "ours"},
    {RECORD_ASKS_STREAM, "asks_stream"},
    {RECORD_ASKS_THINKING, "asks_thinking"},
    {RECORD_COST_UNKNOWN, "cost_unknown"},
    {RECORD_COST_ESTIMATED, "cost_estimated"},
    {RECORD_BILLED_FAST, "billed_fast"},
    {RECORD_BILLED_BATCH, "billed_batch"},
    {RECORD_BILLED_PRIORITY, "billed_priority"},
    {RECORD_BILLED_IN_US, "billed_in_us"},
    {RECORD_IS_TRANSLATED, "translated"},
    {RECORD_IS_SHADOW, "shadow"},
    {RECORD_IS_BACKGROUND, "background"},
    {RECORD_IS_DEMOTED, "demoted"},
};

yyjson_mut_val *usage_json(yyjson_mut_doc *doc, const struct usage *u)
{
    yyjson_mut_val *obj = yyjson_mut_obj(doc);
    json_put_int_or_null(doc, obj, "input_tokens", u->input_tokens);
    json_put_int_or_null(doc, obj, "output_tokens", u->output_tokens);
    json_put_int_or_null(doc, obj, "cache_read_input_tokens", u->cache_read_input_tokens);
    json_put_int_or_null(doc, obj, "cache_creation_input_tokens", u->cache_creation_input_tokens);
    json_put_int_or_null(doc, obj, "cache_creation_5m_tokens", u->cache_creation_5m_tokens);
    json_put_int_or_null(doc, obj, "cache_creation_1h_tokens", u->cache_creation_1h_tokens);
    json_put_int_or_null(doc, obj, "web_search_requests", u->web_search_requests);
    return obj;
}

static yyjson_mut_val *tools_json(yyjson_mut_doc *doc, struct str text)
{
    struct tool_count c;
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    while (tool_list_next(&text, &c)) {
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
        json_put_text(doc, obj, "name", c.name);
        yyjson_mut_obj_add_sint(doc, obj, "count", c.count);
    }
    return list;
}

static yyjson_mut_val *json_of(yyjson_mut_doc *doc, struct str text)
{
    yyjson_doc *read = text.len ? yyjson_read(text.ptr, text.len, 0) : NULL;
    yyjson_mut_val *val = read ? yyjson_val_mut_copy(doc, yyjson_doc_get_root(read))
                               : yyjson_mut_null(doc);
    yyjson_doc_free(read);
    return val;
}

static yyjson_mut_val *flags_json(yyjson_mut_doc *doc, uint32_t flags)
{
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < COUNT_OF(flag_names); i++)
        if (flags & (uint32_t)flag_names[i].flag)
            yyjson_mut_arr_add_str(doc, list, flag_names[i].name);
    return list;
}

static yyjson_mut_val *error_json(yyjson_mut_doc *doc, const struct record *r)
{
    if (!r->error_type.len && !r->error_message.len)
        return yyjson_mut_null(doc);
    yyjson_mut_val *obj = yyjson_mut_obj(doc);
    json_put_text_or_null(doc, obj, "type", r->error_type);
    json_put_text_or_null(doc, obj, "message", r->error_message);
    return obj;
}

static void put_field(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct field *f,
                      const struct record *r)
{
    const void *at = (const char *)r + f->at;
    switch (f->kind) {
    case FIELD_TEXT:
        json_put_text(doc, obj, f->name, *(const struct str *)at);
        break;
    case FIELD_NAME:
        json_put_text_or_null(doc, obj, f->name, *(const struct str *)at);
        break;
    case FIELD_TIME:
        json_put_time(doc, obj, f->name, *(const int64_t *)at);
        break;
    case FIELD_MS:
        json_put_ms_or_null(doc, obj, f->name, *(const int64_t *)at);
        break;
    case FIELD_COUNT:
        json_put_int_or_null(doc, obj, f->name, *(const int64_t *)at);
        break;
    case FIELD_STATE:
        yyjson_mut_obj_add_str(doc, obj, f->name, ending_name(r->state));
        break;
    case FIELD_STATUS:
        json_put_int_or_null(doc, obj, f->name, r->status ? r->status : UNKNOWN);
        break;
    case FIELD_BOOL:
        yyjson_mut_obj_add_bool(doc, obj, f->name, *(const bool *)at);
        break;
    case FIELD_SHADOW:
        yyjson_mut_obj_add_bool(doc, obj, f->name, r->flags & RECORD_IS_SHADOW);
        break;
    case FIELD_ERROR:
        yyjson_mut_obj_add_val(doc, obj, f->name, error_json(doc, r));
        break;
    case FIELD_USAGE:
        yyjson_mut_obj_add_val(doc, obj, f->name, usage_json(doc, &r->usage));
        break;
    case FIELD_TOOLS:
        yyjson_mut_obj_add_val(doc, obj, f->name, tools_json(doc, *(const struct str *)at));
        break;
    case FIELD_JSON:
        yyjson_mut_obj_add_val(doc, obj, f->name, json_of(doc, *(const struct str *)at));
        break;
    case FIELD_FLAGS:
        yyjson_mut_obj_add_val(doc, obj, f->name, flags_json(doc, r->flags));
        break;
    }
}

void record_json_fill(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct record *r)
{
    char id[UUID_TEXT];
    yyjson_mut_obj_add_strcpy(doc, obj, "id", uuid_format(&r->id, id));
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        put_field(doc, obj, &fields[i], r);
    yyjson_mut_obj_add_str(doc, obj, "bodies", r->has_aged_out ? "aged_out" : "stored");
}

/* Takes the next line, without its CR LF, off `rest`. */
static bool next_line(struct str *rest, struct str *line)
{
    if (!str_next(rest, '\n', line))
        return false;
    if (line->len && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

static void split_header(struct str line, struct str *name, struct str *value)
{
    size_t colon = str_find(line, ':');
    *name = str_head(line, colon);
    *value = str_trim(str_from(line, colon + 1));
}

struct str recorded_header(struct str head, struct str name)
{
    struct str line, got, value;
    if (!next_line(&head, &line))
        return STR_NONE;
    while (next_line(&head, &line)) {
        split_header(line, &got, &value);
        if (str_equal_nocase(got, name))
            return value;
    }
    return STR_NONE;
}

/* The first line under `first_key`, the rest as pairs under `headers_key`. */
static void put_head(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *first_key,
                     const char *headers_key, struct str head)
{
    struct str line = STR_NONE, name, value;
    if (head.len)
        next_line(&head, &line);
    json_put_text_or_null(doc, obj, first_key, line);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, obj, headers_key);
    while (head.len && next_line(&head, &line)) {
        if (!line.len)
            continue;
        split_header(line, &name, &value);
        yyjson_mut_val *pair = yyjson_mut_arr_add_arr(doc, list);
        yyjson_mut_arr_append(pair, json_text(doc, name));
        yyjson_mut_arr_append(pair, json_text(doc, value));
    }
}

static void put_hash(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                     const uint8_t hash[16], bool has_ended)
{
    static const uint8_t unknown[16];
    char text[32];
    if (!has_ended || memcmp(hash, unknown, sizeof unknown) == 0) {
        yyjson_mut_obj_add_null(doc, obj, key);
        return;
    }
    hex_write(text, hash, 16);
    yyjson_mut_obj_add_strncpy(doc, obj, key, text, sizeof text);
}

bool record_json_is_gone(const struct record *r, const struct record_detail *d)
{
    return r->has_aged_out && !d->request_head.len;
}

void record_json_fill_detail(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct record *r,
                             const struct record_detail *d)
{
    bool has_ended = r->state != ENDING_RUNNING && !record_json_is_gone(r, d);
    put_head(doc, obj, "request_line", "request_headers", d->request_head);
    put_head(doc, obj, "status_line", "response_headers", d->response_head);
    json_put_text_or_null(doc, obj, "upstream_addr", d->upstream_addr);
    json_put_ms_or_null(doc, obj, "sent_ms", d->sent_us);
    put_hash(doc, obj, "request_hash", d->request_hash, has_ended);
    put_hash(doc, obj, "response_hash", d->response_hash, has_ended);
}

void record_json_fill_timeline(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct record *r,
                               const struct record_detail *d)
{
    json_put_int_or_null(doc, obj, "ttfb_us", r->ttfb_us);
    json_put_int_or_null(doc, obj, "first_token_us", r->first_token_us);
    json_put_int_or_null(doc, obj, "duration_us", r->duration_us);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, obj, "chunks");
    for (size_t i = 0; i < d->timeline_len; i++) {
        yyjson_mut_val *pair = yyjson_mut_arr_add_arr(doc, list);
        yyjson_mut_arr_add_sint(doc, pair, d->timeline[i].offset_us);
        yyjson_mut_arr_add_sint(doc, pair, d->timeline[i].bytes);
    }
}
