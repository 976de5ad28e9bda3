/*
 * export_csv.c — rows as comma-separated values (RFC 4180), for spreadsheets.
 *
 * A text that a spreadsheet would take for a formula gets an apostrophe in front.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/export_item.h"
#include "api/json_out.h"
#include "base/clock.h"
#include "base/mem.h"

enum column_kind { CSV_ID, CSV_TEXT, CSV_TIME, CSV_MS, CSV_COUNT, CSV_STATE, CSV_STATUS, CSV_BOOL };

#define AT(member) offsetof(struct record, member)

static const struct csv_column {
    const char *name;
    enum column_kind kind;
    size_t at;
} columns[] = {
    {"id", CSV_ID, 0},
    {"started_at", CSV_TIME, AT(started_us)},
    {"state", CSV_STATE, 0},
    {"status", CSV_STATUS, 0},
    {"stream", CSV_BOOL, AT(is_stream)},
    {"method", CSV_TEXT, AT(method)},
    {"path", CSV_TEXT, AT(path)},
    {"provider", CSV_TEXT, AT(provider)},
    {"model", CSV_TEXT, AT(model)},
    {"response_model", CSV_TEXT, AT(response_model)},
    {"session_id", CSV_TEXT, AT(session_id)},
    {"agent_id", CSV_TEXT, AT(agent_id)},
    {"parent_agent_id", CSV_TEXT, AT(parent_agent_id)},
    {"client", CSV_TEXT, AT(client)},
    {"client_addr", CSV_TEXT, AT(client_addr)},
    {"upstream_request_id", CSV_TEXT, AT(upstream_request_id)},
    {"stop_reason", CSV_TEXT, AT(stop_reason)},
    {"error_type", CSV_TEXT, AT(error_type)},
    {"error_message", CSV_TEXT, AT(error_message)},
    {"title", CSV_TEXT, AT(title)},
    {"connect_ms", CSV_MS, AT(connect_us)},
    {"ttfb_ms", CSV_MS, AT(ttfb_us)},
    {"first_token_ms", CSV_MS, AT(first_token_us)},
    {"duration_ms", CSV_MS, AT(duration_us)},
    {"input_tokens", CSV_COUNT, AT(usage.input_tokens)},
    {"output_tokens", CSV_COUNT, AT(usage.output_tokens)},
    {"cache_read_input_tokens", CSV_COUNT, AT(usage.cache_read_input_tokens)},
    {"cache_creation_input_tokens", CSV_COUNT, AT(usage.cache_creation_input_tokens)},
    {"cache_creation_5m_tokens", CSV_COUNT, AT(usage.cache_creation_5m_tokens)},
    {"cache_creation_1h_tokens", CSV_COUNT, AT(usage.cache_creation_1h_tokens)},
    {"web_search_requests", CSV_COUNT, AT(usage.web_search_requests)},
    {"request_bytes", CSV_COUNT, AT(request_bytes)},
    {"response_bytes", CSV_COUNT, AT(response_bytes)},
    {"chunk_count", CSV_COUNT, AT(chunk_count)},
    {"message_count", CSV_COUNT, AT(message_count)},
    {"tool_count", CSV_COUNT, AT(tool_count)},
    {"tool_use_count", CSV_COUNT, AT(tool_use_count)},
    {"max_tokens", CSV_COUNT, AT(max_tokens)},
    {"client_bytes", CSV_COUNT, AT(client_bytes)},
    {"cost_usd_micro", CSV_COUNT, AT(cost_usd_micro)},
    {"project", CSV_TEXT, AT(project)},
    {"agent_type", CSV_TEXT, AT(agent_type)},
    {"agent_by", CSV_TEXT, AT(agent_by)},
    {"class", CSV_TEXT, AT(class)},
    {"class_by", CSV_TEXT, AT(class_by)},
    {"route", CSV_TEXT, AT(route)},
    {"route_target", CSV_TEXT, AT(route_target)},
    {"shadow_cost_usd_micro", CSV_COUNT, AT(shadow_cost_usd_micro)},
    {"node", CSV_TEXT, AT(node)},
};

/* The first character by which spreadsheets know a formula (OWASP, "CSV Injection"). */
static bool looks_like_formula(struct str text)
{
    return text.len && memchr("=+-@\t\r", text.ptr[0], 6);
}

/* Always quoted, so that what it holds never matters. */
static enum err put_text(struct str text, struct buf *out)
{
    if (!text.len)
        return ERR_OK;
    size_t repaired_len;
    char *repaired = NULL;
    if (utf8_valid(text) < text.len) {
        repaired = utf8_repair(text, &repaired_len);
        text = str_make(repaired, repaired_len);
    }
    enum err err = buf_append(out, looks_like_formula(text) ? STR("\"'") : STR("\""));
    for (size_t i = 0; i < text.len && !err; i++) {
        char c = text.ptr[i] ? text.ptr[i] : ' ';
        err = c == '"' ? buf_append(out, STR("\"\"")) : buf_append_byte(out, c);
    }
    free(repaired);
    return err ? err : buf_append_byte(out, '"');
}

static enum err put_number(int64_t number, struct buf *out)
{
    return number < 0 ? ERR_OK : buf_printf(out, "%lld", (long long)number);
}

static enum err put_cell(const struct csv_column *c, const struct record *r, struct buf *out)
{
    const void *at = (const char *)r + c->at;
    char id[UUID_TEXT], time[CLOCK_TEXT];
    int64_t us;
    switch (c->kind) {
    case CSV_ID:
        return buf_append(out, str_of(uuid_format(&r->id, id)));
    case CSV_TEXT:
        return put_text(*(const struct str *)at, out);
    case CSV_TIME:
        return buf_append(out, str_of(clock_format(*(const int64_t *)at, time)));
    case CSV_MS:
        us = *(const int64_t *)at;
        return us < 0 ? ERR_OK
                      : buf_printf(out, "%lld.%lld", (long long)((us + 50) / 1000),
                                   (long long)((us + 50) % 1000 / 100));
    case CSV_COUNT:
        return put_number(*(const int64_t *)at, out);
    case CSV_STATE:
        return buf_append(out, str_of(ending_name(r->state)));
    case CSV_STATUS:
        return put_number(r->status ? r->status : UNKNOWN, out);
    case CSV_BOOL:
        return buf_append(out, *(const bool *)at ? STR("true") : STR("false"));
    }
    return ERR_OK;
}

static enum err begin(void *state, const struct export_about *about, struct buf *out)
{
    (void)state, (void)about;
    enum err err = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(columns) && !err; i++)
        err = buf_printf(out, "%s%s", i ? "," : "", columns[i].name);
    return err ? err : buf_append(out, STR("\r\n"));
}

static enum err add(void *state, const struct export_item *item, struct buf *out)
{
    (void)state;
    enum err err = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(columns) && !err; i++) {
        err = i ? buf_append_byte(out, ',') : ERR_OK;
        if (!err)
            err = put_cell(&columns[i], item->row, out);
    }
    return err ? err : buf_append(out, STR("\r\n"));
}

const struct export_kind export_csv = {
    .name = "csv",
    .content_type = "text/csv; charset=utf-8",
    .extension = "csv",
    .begin = begin,
    .add = add,
};
