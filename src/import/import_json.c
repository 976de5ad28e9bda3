/*
 * import_json.c — one JSON object as an exchange: our own export's, claude-trace's, or an entry of
 * an HTTP Archive. Numbers are kept as they are written, so that bodies keep theirs.
 */
#include <stdlib.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "import/importer_private.h"

/* --- small questions; any of them may be asked of nothing --- */

static struct str text_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? str_make(yyjson_get_str(v), yyjson_get_len(v)) : STR_NONE;
}

static struct str text_at(yyjson_val *obj, const char *key)
{
    return text_of(yyjson_obj_get(obj, key));
}

/* `scale` times a number; UNKNOWN for what is none, is negative, or past any use. */
static int64_t number_of(yyjson_val *v, double scale)
{
    const double largest = 9e18;
    if (!yyjson_is_raw(v))
        return UNKNOWN;
    char text[64];
    size_t len = MIN_OF(yyjson_get_len(v), sizeof text - 1);
    memcpy(text, yyjson_get_raw(v), len);
    text[len] = '\0';
    double number = strtod(text, NULL) * scale;
    return number >= 0 && number < largest ? (int64_t)(number + 0.5) : UNKNOWN;
}

static int64_t number_at(yyjson_val *obj, const char *key, double scale)
{
    return number_of(yyjson_obj_get(obj, key), scale);
}

static int64_t time_at(yyjson_val *obj, const char *key)
{
    char text[64];
    struct str s = str_head(text_at(obj, key), sizeof text - 1);
    int64_t us;
    memcpy(text, s.len ? s.ptr : "", s.len);
    text[s.len] = '\0';
    return clock_parse(text, &us) ? us : UNKNOWN;
}

/* The value as it was written, or a string's text. */
static enum err put_value(yyjson_val *v, struct buf *out)
{
    if (yyjson_is_null(v) || !v)
        return ERR_OK;
    if (yyjson_is_str(v))
        return buf_append(out, text_of(v));
    size_t len;
    char *text = yyjson_val_write(v, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &len);
    if (!text)
        return ERR_PARSE;
    enum err err = buf_append(out, str_make(text, len));
    free(text);
    return err;
}

static bool is_coding_header(struct str name)
{
    return str_equal_nocase(name, STR("content-encoding")) ||
           str_equal_nocase(name, STR("content-length")) ||
           str_equal_nocase(name, STR("transfer-encoding"));
}

/* Headers as {name: value}, as {name: [value …]}, as [[name, value] …] or [{name, value} …].
 * `is_undone`: the body is here without its coding, so what told of it would be wrong. */
static enum err put_headers(struct draft *d, enum body_of side, yyjson_val *headers,
                            bool is_undone)
{
    size_t i, count, j, values;
    yyjson_val *key, *val, *one;
    enum err err = ERR_OK;
    yyjson_obj_foreach(headers, i, count, key, val) {
        struct str name = text_of(key);
        if (err || (is_undone && is_coding_header(name)))
            continue;
        if (!yyjson_is_arr(val))
            err = draft_header(d, side, name, text_of(val));
        yyjson_arr_foreach(val, j, values, one)
            if (!err)
                err = draft_header(d, side, name, text_of(one));
    }
    yyjson_arr_foreach(headers, i, count, val) {
        bool is_pair = yyjson_is_arr(val);
        struct str name = is_pair ? text_of(yyjson_arr_get(val, 0)) : text_at(val, "name");
        struct str value = is_pair ? text_of(yyjson_arr_get(val, 1)) : text_at(val, "value");
        if (!err && !(is_undone && is_coding_header(name)))
            err = draft_header(d, side, name, value);
    }
    return err;
}

static enum err put_encoded(yyjson_val *obj, const char *key, const char *encoding_key,
                            struct buf *out)
{
    struct str text = text_at(obj, key);
    if (str_equal(text_at(obj, encoding_key), STR("base64")))
        return base64_decode(text, out);
    return buf_append(out, text);
}

/* Times and sizes of the answer's parts. Those that do not add up to it are of no use. */
static void read_timeline(struct draft *d, yyjson_val *timeline)
{
    yyjson_val *chunks = yyjson_obj_get(timeline, "chunks"), *pair;
    size_t i, count = yyjson_arr_size(chunks), body = d->bodies[OF_ANSWER].len;
    int64_t sum = 0;
    if (!count || count > (1u << 16))
        return;
    struct chunk_mark *marks = arena_alloc(&d->arena, count * sizeof *marks);
    yyjson_arr_foreach(chunks, i, count, pair) {
        int64_t offset_us = number_of(yyjson_arr_get(pair, 0), 1);
        int64_t bytes = number_of(yyjson_arr_get(pair, 1), 1);
        if (offset_us < 0 || bytes < 0 || bytes > (int64_t)body)
            return;
        marks[i] = (struct chunk_mark){offset_us, bytes};
        sum += bytes;
    }
    if (sum != (int64_t)body)
        return;
    d->exchange.timeline = marks;
    d->exchange.timeline_len = count;
}

static bool has_flag(yyjson_val *flags, const char *name)
{
    size_t i, count;
    yyjson_val *flag;
    yyjson_arr_foreach(flags, i, count, flag)
        if (yyjson_equals_str(flag, name))
            return true;
    return false;
}

/* --- our own --- */

static enum body_fate fate_at(yyjson_val *obj, const char *key)
{
    return text_at(obj, key).len ? BODY_GONE : BODY_WHOLE;
}

/* What was found out of it and done with it, beside relaying. */
static void read_routing(struct draft *d, yyjson_val *o, yyjson_val *flags)
{
    struct exchange_copy *x = &d->exchange;
    yyjson_val *losses = yyjson_obj_get(o, "losses");
    x->is_translated = has_flag(flags, "translated");
    x->is_demoted = has_flag(flags, "demoted");
    x->asked_model = x->is_translated ? text_at(o, "response_model") : STR_NONE;
    x->decision = (struct frame_decision){text_at(o, "class"),      text_at(o, "class_by"),
                                          text_at(o, "agent_type"), text_at(o, "agent_by"),
                                          text_at(o, "route"),      text_at(o, "route_target"),
                                          has_flag(flags, "shadow"), has_flag(flags, "background")};
    char *text = yyjson_is_arr(losses) ? yyjson_val_write(losses, 0, NULL) : NULL;
    if (text)
        x->losses = arena_str(&d->arena, str_of(text));
    free(text);
}

static void read_own_row(struct exchange_copy *x, yyjson_val *o)
{
    yyjson_val *flags = yyjson_obj_get(o, "flags"), *error = yyjson_obj_get(o, "error");
    yyjson_val *timeline = yyjson_obj_get(o, "timeline");
    x->started_us = number_at(o, "started_us", 1);
    if (x->started_us < 0)
        x->started_us = time_at(o, "started_at");
    x->client_addr = text_at(o, "client_addr");
    x->provider = text_at(o, "provider");
    x->upstream_addr = text_at(o, "upstream_addr");
    x->is_ours = has_flag(flags, "ours");
    x->is_reused = has_flag(flags, "reused");
    x->connect_us = number_at(o, "connect_ms", 1000);
    x->sent_us = number_at(o, "sent_ms", 1000);
    x->ttfb_us = number_at(timeline, "ttfb_us", 1);
    x->duration_us = number_at(timeline, "duration_us", 1);
    x->error_type = text_at(error, "type");
    x->error_message = text_at(error, "message");
    x->client_bytes = MAX_OF(number_at(o, "client_bytes", 1), INT64_C(0));
    x->request.fate = fate_at(o, "request_body_missing");
    x->response.fate = fate_at(o, "response_body_missing");
}

static const char *read_own(struct draft *d, yyjson_val *o)
{
    struct exchange_copy *x = &d->exchange;
    if (!uuid_parse(text_at(o, "id"), &x->id) || !ending_parse(text_at(o, "state"), &x->state) ||
        x->state == ENDING_RUNNING)
        return "has no id or no state that we know";
    read_own_row(x, o);
    read_routing(d, o, yyjson_obj_get(o, "flags"));
    bool undone[2] = {text_at(o, "request_body_decoded").len > 0,
                      text_at(o, "response_body_decoded").len > 0};
    if (draft_first_line(d, OF_REQUEST, text_at(o, "request_line")) ||
        put_headers(d, OF_REQUEST, yyjson_obj_get(o, "request_headers"), undone[0]) ||
        draft_first_line(d, OF_ANSWER, text_at(o, "status_line")) ||
        put_headers(d, OF_ANSWER, yyjson_obj_get(o, "response_headers"), undone[1]))
        return "its headers cannot be read";
    if (put_encoded(o, "request_body", "request_body_encoding", &d->bodies[OF_REQUEST]) ||
        put_encoded(o, "response_body", "response_body_encoding", &d->bodies[OF_ANSWER]))
        return "its bodies cannot be read";
    if (!undone[0])
        x->request_bytes = number_at(o, "request_bytes", 1);
    if (!undone[1])
        x->response_bytes = number_at(o, "response_bytes", 1);
    read_timeline(d, yyjson_obj_get(o, "timeline"));
    return NULL;
}

/* --- claude-trace: {request: {timestamp, method, url, headers, body}, response: … | null,
 * logged_at}; timestamps are seconds --- */

static enum err put_events(struct draft *d, yyjson_val *events)
{
    size_t i, count;
    yyjson_val *event;
    enum err err = ERR_OK;
    struct buf data;
    buf_init(&data, IMPORT_TEXT_MAX);
    yyjson_arr_foreach(events, i, count, event) {
        buf_clear(&data);
        if (!err)
            err = put_value(yyjson_obj_get(event, "data"), &data);
        if (!err)
            err = draft_event(d, text_at(event, "event"), buf_str(&data));
    }
    buf_release(&data);
    return err;
}

static const char *read_trace_answer(struct draft *d, yyjson_val *o, yyjson_val *answer)
{
    struct exchange_copy *x = &d->exchange;
    int64_t head_us = number_at(answer, "timestamp", 1e6), end_us = time_at(o, "logged_at");
    if (!yyjson_is_obj(answer)) {
        x->state = ENDING_PROXY_CRASH; /* its recorder never saw an answer */
        return NULL;
    }
    x->ttfb_us = head_us >= x->started_us ? head_us - x->started_us : UNKNOWN;
    x->duration_us = end_us >= x->started_us ? end_us - x->started_us : x->ttfb_us;
    x->duration_us = MAX_OF(x->duration_us, x->ttfb_us);
    yyjson_val *raw = yyjson_obj_get(answer, "body_raw"), *body = yyjson_obj_get(answer, "body");
    if (draft_status_line(d, number_at(answer, "status_code", 1), STR_NONE) ||
        put_headers(d, OF_ANSWER, yyjson_obj_get(answer, "headers"), true) ||
        put_value(raw ? raw : body, &d->bodies[OF_ANSWER]))
        return "its answer cannot be read";
    if (!d->bodies[OF_ANSWER].len && put_events(d, yyjson_obj_get(answer, "events")))
        return "its answer's events cannot be read";
    return NULL;
}

/* Who answers at this address, as far as we know. */
static struct str provider_of(struct str url)
{
    if (str_contains_nocase(url, STR("bedrock")))
        return STR("bedrock");
    return str_contains_nocase(url, STR("openai.com")) ? STR("openai") : STR("anthropic");
}

static const char *read_trace(struct draft *d, yyjson_val *o)
{
    yyjson_val *request = yyjson_obj_get(o, "request");
    struct exchange_copy *x = &d->exchange;
    x->started_us = number_at(request, "timestamp", 1e6);
    x->provider = provider_of(text_at(request, "url"));
    if (draft_request_line(d, text_at(request, "method"), text_at(request, "url")) ||
        put_headers(d, OF_REQUEST, yyjson_obj_get(request, "headers"), true) ||
        put_value(yyjson_obj_get(request, "body"), &d->bodies[OF_REQUEST]))
        return "its request cannot be read";
    const char *why = read_trace_answer(d, o, yyjson_obj_get(o, "response"));
    draft_derive_id(d, STR("claude-trace"), buf_str(&d->bodies[OF_REQUEST]));
    return why;
}

/* --- an entry of an HTTP Archive --- */

static int64_t sum_of_times(yyjson_val *timings)
{
    static const char *const parts[] = {"blocked", "dns", "connect", "send", "wait"};
    int64_t sum = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        sum += MAX_OF(number_at(timings, parts[i], 1000), INT64_C(0));
    return sum;
}

static void read_har_own(struct draft *d, yyjson_val *o)
{
    struct exchange_copy *x = &d->exchange;
    yyjson_val *timeline = yyjson_obj_get(o, "_timeline");
    enum ending state;
    if (!uuid_parse(text_at(o, "_id"), &x->id))
        draft_derive_id(d, STR("har"), buf_str(&d->bodies[OF_REQUEST]));
    if (ending_parse(text_at(o, "_state"), &state) && state != ENDING_RUNNING)
        x->state = state;
    if (!timeline)
        return;
    x->ttfb_us = number_at(timeline, "ttfb_us", 1);
    x->duration_us = number_at(timeline, "duration_us", 1);
    read_timeline(d, timeline);
}

static const char *read_har(struct draft *d, yyjson_val *o)
{
    yyjson_val *request = yyjson_obj_get(o, "request"), *answer = yyjson_obj_get(o, "response");
    yyjson_val *content = yyjson_obj_get(answer, "content");
    yyjson_val *timings = yyjson_obj_get(o, "timings");
    struct exchange_copy *x = &d->exchange;
    struct str provider = text_at(o, "_provider");
    int64_t own_us = number_at(o, "_started_us", 1), status = number_at(answer, "status", 1);
    x->started_us = own_us >= 0 ? own_us : time_at(o, "startedDateTime");
    x->provider = provider.len ? provider : provider_of(text_at(request, "url"));
    x->duration_us = number_at(o, "time", 1000);
    x->connect_us = number_at(timings, "connect", 1000);
    if (timings)
        x->ttfb_us = MIN_OF(sum_of_times(timings), x->duration_us);
    if (draft_request_line(d, text_at(request, "method"), text_at(request, "url")) ||
        put_headers(d, OF_REQUEST, yyjson_obj_get(request, "headers"), true) ||
        put_encoded(yyjson_obj_get(request, "postData"), "text", "_encoding",
                    &d->bodies[OF_REQUEST]))
        return "its request cannot be read";
    if (status > 0 &&
        (draft_status_line(d, status, text_at(answer, "statusText")) ||
         put_headers(d, OF_ANSWER, yyjson_obj_get(answer, "headers"), true) ||
         put_encoded(content, "text", "encoding", &d->bodies[OF_ANSWER])))
        return "its answer cannot be read";
    if (status <= 0)
        x->state = ENDING_PROXY_CRASH;
    read_har_own(d, o);
    return NULL;
}

/* A browser's archive holds pages and pictures too. */
static bool is_model_call(yyjson_val *o)
{
    struct str url = text_at(yyjson_obj_get(o, "request"), "url");
    return yyjson_obj_get(o, "_id") || str_contains_nocase(url, STR("/v1/"));
}

/* --- which of them --- */

static const char *read_object(struct importer *m, yyjson_val *o, bool *is_foreign)
{
    struct draft *d = &m->draft;
    if (yyjson_obj_get(o, "export_version") && yyjson_obj_get(o, "request_line"))
        return read_own(d, o);
    if (yyjson_obj_get(o, "startedDateTime")) {
        *is_foreign = !is_model_call(o);
        return *is_foreign ? NULL : read_har(d, o);
    }
    if (yyjson_is_obj(yyjson_obj_get(o, "request")) && yyjson_obj_get(o, "response"))
        return read_trace(d, o);
    return "is none of the kinds that can be imported";
}

enum err import_json(struct importer *m, struct str text, struct fail *f)
{
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len,
                                       YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
    if (!doc) {
        importer_refuse(m, "is not JSON");
        return ERR_OK;
    }
    bool is_foreign = false;
    draft_clear(&m->draft);
    const char *why = read_object(m, yyjson_doc_get_root(doc), &is_foreign);
    enum err err = ERR_OK;
    if (why) {
        importer_refuse(m, why);
    } else if (is_foreign) {
        m->counts.foreign++;
    } else if (draft_finish(&m->draft)) {
        importer_refuse(m, "its headers are too long");
    } else {
        err = importer_put(m, &m->draft.exchange, f);
    }
    yyjson_doc_free(doc);
    return err;
}
