/*
 * demoted.c — a request for one message, asked as a stream.
 */
#include "proxy/demoted.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/reason.h"
#include "proxy/forward_head.h"
#include "record/answer.h"
#include "record/body_decode.h"
#include "record/json_walk.h"

struct demoted *demoted_new(void)
{
    struct demoted *d = MEM_NEW(struct demoted);
    buf_init(&d->head, HEAD_BYTES_MAX);
    buf_init(&d->stream, DEMOTED_STREAM_MAX);
    return d;
}

void demoted_free(struct demoted *d)
{
    if (!d)
        return;
    buf_release(&d->head);
    buf_release(&d->stream);
    free(d);
}

/* --- the request --- */

static const struct str wanted = {"true", 4};

/* [from, to) of `body` gives way to `text`. */
static bool replace(struct str body, size_t from, size_t to, struct str before, struct str text,
                    struct buf *out)
{
    return buf_append(out, str_head(body, from)) == ERR_OK && buf_append(out, before) == ERR_OK &&
           buf_append(out, text) == ERR_OK && buf_append(out, str_from(body, to)) == ERR_OK;
}

bool demoted_request(struct str body, struct buf *out)
{
    struct json_walk w;
    struct str key, stream = STR_NONE;
    size_t members = 0, said = 0;
    json_walk_init(&w, body);
    if (!json_enter(&w, '{'))
        return false;
    for (; json_next_key(&w, &key); members++) {
        bool is_stream = json_key_is(key, STR("stream"));
        struct str value = json_take(&w);
        stream = is_stream ? value : stream;
        said += is_stream;
    }
    if (!members || said > 1 || w.is_stuck || json_peek(&w) >= 0)
        return false; /* nothing, said twice, or no whole object */
    if (!said) {
        size_t at = str_find(body, '{') + 1;
        return replace(body, at, at, STR("\"stream\":true,"), STR_NONE, out);
    }
    size_t at = (size_t)(stream.ptr - body.ptr);
    bool is_off = str_equal(stream, STR("false")) || str_equal(stream, STR("null"));
    return is_off && replace(body, at, at + stream.len, STR_NONE, wanted, out);
}

/* --- the answer --- */

bool demoted_takes(struct demoted *d, struct loop *l, const struct head *h)
{
    struct str coding = head_get_id(h, HEADER_CONTENT_ENCODING);
    struct str type = head_get_id(h, HEADER_CONTENT_TYPE);
    if (h->status != 200 || !str_starts_nocase(type, STR("text/event-stream")) ||
        coding.len >= sizeof d->coding)
        return false;
    snprintf(d->coding, sizeof d->coding, "%.*s", STR_ARGS(coding));
    buf_clear(&d->head);
    buf_clear(&d->stream);
    d->is_collecting = buf_append(&d->head, forward_rest_of_head(l, h)) == ERR_OK;
    return d->is_collecting;
}

enum err demoted_add(struct demoted *d, struct str bytes)
{
    return buf_append(&d->stream, bytes);
}

/* The stream without its coding; `plain` holds it where there was one. */
static enum err undo_coding(struct demoted *d, struct buf *plain, struct str *out, struct fail *f)
{
    *out = buf_str(&d->stream);
    if (!d->coding[0])
        return ERR_OK;
    switch (body_decode(str_of(d->coding), buf_str(&d->stream), plain)) {
    case DECODE_OK:
    case DECODE_PARTIAL: /* then its end is missing, too */
        *out = buf_str(plain);
        return ERR_OK;
    case DECODE_LIMITED:
        return fail(f, ERR_UPSTREAM_TRUNCATED, "the provider's answer is too large");
    case DECODE_UNKNOWN:
        break;
    }
    return fail(f, ERR_UPSTREAM_PROTOCOL, "the answer has the coding %s", d->coding);
}

/* What an error would have come with, had it come before the stream: Anthropic's list of errors. */
static int status_of(struct str error)
{
    static const struct {
        const char *type; /* as it stands in JSON */
        int status;
    } known[] = {
        {"\"invalid_request_error\"", 400}, {"\"authentication_error\"", 401},
        {"\"billing_error\"", 402},         {"\"permission_error\"", 403},
        {"\"not_found_error\"", 404},       {"\"request_too_large\"", 413},
        {"\"rate_limit_error\"", 429},      {"\"api_error\"", 500},
        {"\"timeout_error\"", 504},         {"\"overloaded_error\"", 529},
    };
    struct str type = json_member(json_member(error, STR("error")), STR("type"));
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_equal(type, str_of(known[i].type)))
            return known[i].status;
    return 500;
}

static struct str head_of(struct demoted *d, struct loop *l, int status, size_t length)
{
    size_t room = d->head.len + 160;
    char *text = loop_turn_alloc(l, room);
    int n = snprintf(text, room,
                     "HTTP/1.1 %d %s\r\n%.*sContent-Type: application/json\r\nContent-Length: %zu\r\n",
                     status, http_reason(status), (int)d->head.len, d->head.len ? d->head.ptr : "",
                     length);
    assert(n > 0 && (size_t)n < room);
    return str_make(text, (size_t)n);
}

static struct str give(struct loop *l, struct buf *bytes)
{
    size_t len;
    char *text = buf_take(bytes, &len);
    loop_turn_give(l, text);
    return str_make(text, len);
}

enum err demoted_finish(struct demoted *d, struct loop *l, struct demoted_answer *out, struct fail *f)
{
    struct buf plain, body;
    struct str stream;
    enum answer_outcome outcome = ANSWER_CUT;
    buf_init(&plain, DEMOTED_STREAM_MAX);
    buf_init(&body, DEMOTED_MESSAGE_MAX);
    enum err err = undo_coding(d, &plain, &stream, f);
    if (!err && answer_unstream(stream, &body, &outcome) != ERR_OK)
        err = fail(f, ERR_UPSTREAM_TRUNCATED, "the provider's answer is too large");
    if (!err && outcome == ANSWER_CUT)
        err = fail(f, ERR_UPSTREAM_TRUNCATED, "the stream has no end");
    if (!err) {
        out->status = outcome == ANSWER_WHOLE ? 200 : status_of(buf_str(&body));
        out->body = give(l, &body);
        out->head = head_of(d, l, out->status, out->body.len);
    }
    buf_release(&plain);
    buf_release(&body);
    return err;
}
