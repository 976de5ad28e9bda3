/*
 * export_har.c — exchanges as an HTTP Archive 1.2, for tools that read recorded traffic.
 *
 * What HAR has no place for stands in members of our own, which begin with an underscore, as the
 * format wants it.
 */
#include "api/export_item.h"
#include "api/record_json.h"
#include "base/base64.h"
#include "base/clock.h"

static enum err begin(void *state, const struct export_about *about, struct buf *out)
{
    (void)state;
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_str(doc, root, "name", "claude-code-proxy");
    json_put_text(doc, root, "version", str_of(about->version));
    enum err err = buf_append(out, STR("{\"log\":{\"version\":\"1.2\",\"creator\":"));
    enum err finished = json_doc_append(doc, out);
    err = err ? err : finished;
    return err ? err : buf_append(out, STR(",\"entries\":["));
}

/* --- heads --- */

struct head_lines {
    struct str first, rest;
};

static struct str take_line(struct str *rest)
{
    struct str line = STR_NONE;
    if (!str_next(rest, '\n', &line))
        return STR_NONE;
    return line.len && line.ptr[line.len - 1] == '\r' ? str_head(line, line.len - 1) : line;
}

static struct head_lines split_head(struct str head)
{
    struct head_lines h = {STR_NONE, head};
    if (head.len)
        h.first = take_line(&h.rest);
    return h;
}

/* The n-th word of a first line; the last one takes all that is left. */
static struct str word(struct str line, int n, bool is_last)
{
    struct str part = STR_NONE;
    for (int i = 0; i < n; i++)
        str_next(&line, ' ', &part);
    if (is_last)
        return line;
    return str_next(&line, ' ', &part) ? part : STR_NONE;
}

static void put_pair(yyjson_mut_doc *doc, yyjson_mut_val *list, struct str name, struct str value)
{
    yyjson_mut_val *pair = yyjson_mut_arr_add_obj(doc, list);
    json_put_text(doc, pair, "name", name);
    json_put_text(doc, pair, "value", value);
}

static void put_headers(yyjson_mut_doc *doc, yyjson_mut_val *obj, struct str lines)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, obj, "headers");
    while (lines.len) {
        struct str line = take_line(&lines);
        size_t colon = str_find(line, ':');
        if (colon < line.len)
            put_pair(doc, list, str_head(line, colon), str_trim(str_from(line, colon + 1)));
    }
}

static void put_query(yyjson_mut_doc *doc, yyjson_mut_val *obj, struct str target)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, obj, "queryString");
    struct str rest = str_from(target, str_find(target, '?') + 1), part;
    while (rest.len && str_next(&rest, '&', &part)) {
        size_t equals = str_find(part, '=');
        if (part.len)
            put_pair(doc, list, str_head(part, equals), str_from(part, equals + 1));
    }
}

/* What both sides have, as far as it is known: cookies are masked, heads were changed by that. */
static void put_common(yyjson_mut_doc *doc, yyjson_mut_val *obj, struct str version,
                       struct str lines, int64_t body_bytes)
{
    json_put_text(doc, obj, "httpVersion", version.len ? version : STR("HTTP/1.1"));
    yyjson_mut_obj_add_arr(doc, obj, "cookies");
    put_headers(doc, obj, lines);
    yyjson_mut_obj_add_int(doc, obj, "headersSize", -1);
    yyjson_mut_obj_add_sint(doc, obj, "bodySize", body_bytes);
}

/* --- bodies --- */

static void put_text(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *encoding_key,
                     struct str text, struct buf *scratch)
{
    if (utf8_valid(text) < text.len) {
        enum err err = base64_encode(text, scratch);
        assert(!err); /* its ceiling is far above that of bodies */
        text = buf_str(scratch);
        yyjson_mut_obj_add_str(doc, obj, encoding_key, "base64");
    }
    json_put_text(doc, obj, "text", text);
}

static void put_missing(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct export_body *b)
{
    if (b->fate != BODY_WHOLE)
        json_put_text(doc, obj, "comment", str_of(body_fate_name(b->fate)));
}

static void put_request(yyjson_mut_doc *doc, yyjson_mut_val *entry,
                        const struct export_item *item, struct arena *arena, struct buf *scratch)
{
    struct str head = item->detail->request_head, host = recorded_header(head, STR("Host"));
    struct head_lines lines = split_head(head);
    struct str target = word(lines.first, 1, false);
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, entry, "request");
    json_put_text(doc, obj, "method", word(lines.first, 0, false));
    bool is_absolute = !str_starts(target, STR("/"));
    struct str url = is_absolute ? target
                                 : arena_printf(arena, "http://%.*s%.*s",
                                                host.len ? (int)host.len : 9,
                                                host.len ? host.ptr : "localhost",
                                                STR_ARGS(target));
    json_put_text(doc, obj, "url", url);
    put_common(doc, obj, word(lines.first, 2, false), lines.rest, item->row->request_bytes);
    put_query(doc, obj, target);
    put_missing(doc, obj, &item->request);
    if (!item->request.text.len)
        return;
    yyjson_mut_val *post = yyjson_mut_obj_add_obj(doc, obj, "postData");
    json_put_text(doc, post, "mimeType", recorded_header(head, STR("Content-Type")));
    yyjson_mut_obj_add_arr(doc, post, "params");
    put_text(doc, post, "_encoding", item->request.text, scratch);
}

static void put_response(yyjson_mut_doc *doc, yyjson_mut_val *entry,
                         const struct export_item *item, struct buf *scratch)
{
    struct str head = item->detail->response_head;
    struct head_lines lines = split_head(head);
    const struct export_body *body = &item->response;
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, entry, "response");
    yyjson_mut_obj_add_int(doc, obj, "status", item->row->status);
    json_put_text(doc, obj, "statusText", word(lines.first, 2, true));
    put_common(doc, obj, word(lines.first, 0, false), lines.rest, item->row->response_bytes);
    json_put_text(doc, obj, "redirectURL", recorded_header(head, STR("Location")));
    yyjson_mut_val *content = yyjson_mut_obj_add_obj(doc, obj, "content");
    yyjson_mut_obj_add_uint(doc, content, "size", body->text.len);
    if (body->is_decoded)
        yyjson_mut_obj_add_sint(doc, content, "compression",
                                (int64_t)body->text.len - (int64_t)body->raw.len);
    json_put_text(doc, content, "mimeType", recorded_header(head, STR("Content-Type")));
    put_missing(doc, content, body);
    if (body->text.len)
        put_text(doc, content, "encoding", body->text, scratch);
}

/* --- times: milliseconds; those that HAR wants for sure are 0 where they are not known --- */

static void put_ms(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, int64_t us)
{
    yyjson_mut_obj_add_real(doc, obj, key, us < 0 ? -1 : (double)us / 1000);
}

static void put_timings(yyjson_mut_doc *doc, yyjson_mut_val *entry, const struct export_item *item)
{
    const struct record *r = item->row;
    int64_t connect = r->connect_us, whole = MAX_OF(r->duration_us, INT64_C(0));
    int64_t ttfb = r->ttfb_us < 0 ? whole : MIN_OF(r->ttfb_us, whole);
    int64_t sent = MIN_OF(MAX_OF(item->detail->sent_us, INT64_C(0)), ttfb);
    if (connect > sent)
        connect = sent;
    put_ms(doc, entry, "time", whole);
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, entry, "timings");
    yyjson_mut_obj_add_int(doc, obj, "blocked", -1);
    yyjson_mut_obj_add_int(doc, obj, "dns", -1);
    put_ms(doc, obj, "connect", connect);
    put_ms(doc, obj, "send", sent - MAX_OF(connect, INT64_C(0)));
    put_ms(doc, obj, "wait", ttfb - sent);
    put_ms(doc, obj, "receive", whole - ttfb);
    yyjson_mut_obj_add_int(doc, obj, "ssl", -1);
}

/* "160.79.104.10:443" and "[::1]:443" without their ports. */
static struct str without_port(struct str addr)
{
    if (addr.len && addr.ptr[0] == '[')
        return str_head(str_from(addr, 1), str_find(addr, ']') - 1);
    return str_head(addr, str_find(addr, ':'));
}

static void put_own(yyjson_mut_doc *doc, yyjson_mut_val *entry, const struct export_item *item)
{
    const struct record *r = item->row;
    char id[UUID_TEXT];
    yyjson_mut_obj_add_strcpy(doc, entry, "_id", uuid_format(&r->id, id));
    yyjson_mut_obj_add_str(doc, entry, "_state", ending_name(r->state));
    yyjson_mut_obj_add_sint(doc, entry, "_started_us", r->started_us);
    json_put_text_or_null(doc, entry, "_provider", r->provider);
    json_put_text_or_null(doc, entry, "_model", r->model);
    json_put_text_or_null(doc, entry, "_session_id", r->session_id);
    record_json_fill_timeline(doc, yyjson_mut_obj_add_obj(doc, entry, "_timeline"), r,
                              item->detail);
}

static enum err add(void *state, const struct export_item *item, struct buf *out)
{
    (void)state;
    struct buf scratch[2];
    struct arena arena;
    arena_init(&arena);
    for (int i = 0; i < 2; i++)
        buf_init(&scratch[i], 2 * (size_t)(64 << 20));
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *entry = yyjson_mut_doc_get_root(doc);
    json_put_time(doc, entry, "startedDateTime", item->row->started_us);
    put_request(doc, entry, item, &arena, &scratch[0]);
    put_response(doc, entry, item, &scratch[1]);
    yyjson_mut_obj_add_obj(doc, entry, "cache");
    put_timings(doc, entry, item);
    struct str server = without_port(item->detail->upstream_addr);
    if (server.len)
        json_put_text(doc, entry, "serverIPAddress", server);
    put_own(doc, entry, item);
    enum err err = buf_append(out, item->is_first ? STR("\n") : STR(",\n"));
    enum err finished = json_doc_append(doc, out);
    arena_release(&arena);
    for (int i = 0; i < 2; i++)
        buf_release(&scratch[i]);
    return err ? err : finished;
}

static enum err end(void *state, struct buf *out)
{
    (void)state;
    return buf_append(out, STR("\n]}}\n"));
}

const struct export_kind export_har = {
    .name = "har",
    .content_type = "application/json",
    .extension = "har",
    .wants_details = true,
    .wants_text = true,
    .body_max = EXPORT_TEXT_BODY_MAX,
    .begin = begin,
    .add = add,
    .end = end,
};
