/*
 * http_parser.c — one side of an HTTP/1.1 connection as bytes, over llhttp in its strict mode.
 */
#include "http/http_parser.h"

#include "http/head_check.h"

#define CHUNK_BYTES_MAX (UINT64_C(1) << 48)
enum { CHUNK_DIGITS_MAX = 16 };
enum { BLANKS_MAX = 4 }; /* CR and LF before a request line (RFC 9112 §2.2) */

static struct http_parser *self(llhttp_t *ll)
{
    return ll->data;
}

static int stop(struct http_parser *p, enum err err, const char *why)
{
    p->err = fail(&p->fail, err, "%s", why);
    return HPE_USER;
}

/* Adds bytes to a string of the head. Strings usually come whole; then they are copied once. */
static int grow(struct http_parser *p, struct str *s, struct str bytes)
{
    p->head_bytes += bytes.len;
    p->line_bytes += bytes.len;
    if (p->head_bytes > HEAD_BYTES_MAX || p->line_bytes > HEAD_LINE_MAX)
        return stop(p, p->is_request ? ERR_HEADERS_TOO_LARGE : ERR_UPSTREAM_PROTOCOL,
                    "the headers are larger than allowed");
    if (p->growing == s && s->len)
        *s = arena_str_grow(p->arena, *s, bytes);
    else
        *s = arena_str(p->arena, bytes);
    p->growing = s;
    return 0;
}

/* The byte `back` before `at`, in this feed or the one before. */
static char byte_before(const struct http_parser *p, const char *at, size_t back)
{
    size_t into = (size_t)(at - p->feed.ptr);
    return into >= back ? at[-(ptrdiff_t)back] : p->before[sizeof p->before + into - back];
}

static int on_url(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = self(ll);
    bool is_first = p->growing != &p->head.target;
    if (is_first && (byte_before(p, at, 1) != ' ' || byte_before(p, at, 2) == ' '))
        return stop(p, ERR_BAD_REQUEST, "the request line must have single spaces");
    if ((p->growing == &p->head.target ? p->head.target.len : 0) + len > HEAD_TARGET_MAX)
        return stop(p, ERR_URI_TOO_LONG, "the target is longer than allowed");
    return grow(p, &p->head.target, str_make(at, len));
}

/* "GET /x  HTTP/1.1": `at` stands behind "HTTP/". */
static int on_version(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = self(ll);
    (void)len;
    if (p->is_request && p->growing == &p->head.target &&
        (byte_before(p, at, 6) != ' ' || byte_before(p, at, 7) == ' '))
        return stop(p, ERR_BAD_REQUEST, "the request line must have single spaces");
    p->growing = NULL;
    return 0;
}

static int on_method(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = self(ll);
    return grow(p, &p->head.method, str_make(at, len));
}

static int on_status(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = self(ll);
    return grow(p, &p->head.reason, str_make(at, len));
}

static int refuse_trailers(struct http_parser *p)
{
    return stop(p, p->is_request ? ERR_BAD_REQUEST : ERR_UPSTREAM_PROTOCOL, "too many trailers");
}

static int on_field(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = self(ll);
    if (p->is_past_head) { /* a trailer: counted, dropped */
        p->head_bytes += len;
        return p->head_bytes > HEAD_BYTES_MAX ? refuse_trailers(p) : 0;
    }
    struct head *h = &p->head;
    if (!h->count || p->growing != &h->headers[h->count - 1].name) {
        if (h->count == HEAD_HEADERS_MAX)
            return stop(p, p->is_request ? ERR_HEADERS_TOO_LARGE : ERR_UPSTREAM_PROTOCOL,
                        "more headers than allowed");
        head_add(h, p->arena, STR_NONE, STR_NONE);
        p->line_bytes = 0;
    }
    return grow(p, &h->headers[h->count - 1].name, str_make(at, len));
}

static int on_value(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = self(ll);
    if (p->is_past_head)
        return on_field(ll, at, len);
    assert(p->head.count);
    return grow(p, &p->head.headers[p->head.count - 1].value, str_make(at, len));
}

static int on_message_begin(llhttp_t *ll)
{
    struct http_parser *p = self(ll);
    p->has_begun = true;
    p->head = (struct head){0};
    p->growing = NULL;
    p->head_bytes = p->line_bytes = 0;
    p->body_bytes = p->chunk_count = 0;
    p->is_done = p->is_past_head = false;
    return 0;
}

static bool is_interim(const struct http_parser *p)
{
    return !p->is_request && p->head.status >= 100 && p->head.status < 200;
}

static int on_headers_complete(llhttp_t *ll)
{
    struct http_parser *p = self(ll);
    struct head *h = &p->head;
    h->version_minor = ll->http_minor;
    h->status = ll->status_code;
    p->is_past_head = true;
    p->growing = NULL;
    head_recognise(h);
    if (ll->http_major != 1 || ll->http_minor > 1)
        return stop(p, !p->is_request       ? ERR_UPSTREAM_PROTOCOL
                       : ll->http_major < 1 ? ERR_BAD_REQUEST
                                            : ERR_HTTP_VERSION,
                    "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (!p->is_request && (h->status < 100 || h->status > 599 || h->status == 101))
        return stop(p, ERR_UPSTREAM_PROTOCOL, "a status that cannot be relayed");
    if (is_interim(p)) {
        if (++p->interim_count > HTTP_INTERIM_MAX)
            return stop(p, ERR_UPSTREAM_PROTOCOL, "too many interim answers");
        return 1;
    }
    enum err err = p->is_request ? head_check_request(h, &p->fail) : head_check_answer(h, &p->fail);
    bool no_body = false;
    if (!err)
        err = p->events->on_head(p->owner, &no_body);
    if (err) {
        p->err = err;
        return HPE_USER;
    }
    ll->upgrade = 0; /* we never leave HTTP/1.1 */
    if (no_body)
        return 1;
    return p->is_request && http_parser_framing(p) == BODY_CHUNKED ? HPE_PAUSED : 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = self(ll);
    p->body_bytes += len;
    p->events->on_body(p->owner, str_make(at, len));
    return p->err ? HPE_USER : 0;
}

/* A request in crumbs costs us far more than it costs its sender. */
static int on_chunk_header(llhttp_t *ll)
{
    struct http_parser *p = self(ll);
    p->chunk_count++;
    p->is_last_chunk = !ll->content_length;
    if (ll->content_length > CHUNK_BYTES_MAX)
        return stop(p, p->is_request ? ERR_BAD_REQUEST : ERR_UPSTREAM_PROTOCOL,
                    "a chunk is impossibly large");
    if (p->is_request && p->chunk_count > 4096 && p->body_bytes / p->chunk_count < 4)
        return stop(p, ERR_BAD_REQUEST, "the body comes in crumbs");
    return 0;
}

/* A pause is the only way to learn where the next chunk's size begins. */
static int on_chunk_complete(llhttp_t *ll)
{
    struct http_parser *p = self(ll);
    return p->is_request && !p->is_last_chunk ? HPE_PAUSED : 0;
}

/* Zeros in front of a size, as many as one likes: others may read another number, or none. */
static enum err check_size(struct http_parser *p, struct str bytes)
{
    for (size_t i = 0; i < bytes.len && p->in_size; i++) {
        char c = bytes.ptr[i];
        bool is_digit = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        p->in_size = is_digit;
        if (is_digit && ++p->size_digits > CHUNK_DIGITS_MAX)
            return p->err = fail(&p->fail, ERR_BAD_REQUEST, "a chunk's size has too many digits");
    }
    return ERR_OK;
}

static int on_extension(llhttp_t *ll, const char *at, size_t len)
{
    (void)at;
    struct http_parser *p = self(ll);
    p->line_bytes += len;
    if (p->is_request && len > 256)
        return stop(p, ERR_BAD_REQUEST, "a chunk extension is too long");
    return 0;
}

static int on_message_complete(llhttp_t *ll)
{
    struct http_parser *p = self(ll);
    if (is_interim(p))
        return 0;
    p->is_done = true;
    p->events->on_done(p->owner);
    return p->err ? HPE_USER : HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_status = on_status,
    .on_method = on_method,
    .on_version = on_version,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_message_complete = on_message_complete,
};

void http_parser_init(struct http_parser *p, bool is_request, const struct http_events *events,
                      void *owner, struct arena *arena)
{
    *p = (struct http_parser){.events = events, .owner = owner, .arena = arena};
    p->is_request = is_request;
    llhttp_init(&p->llhttp, is_request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    p->llhttp.data = p;
}

/* Is it a method nobody knows, one longer than any, or no method at all? */
static enum err refuse_method(struct str bytes)
{
    size_t len = 0;
    while (len < bytes.len && bytes.ptr[len] >= 'A' && bytes.ptr[len] <= 'Z')
        len++;
    if (len > HEAD_METHOD_MAX)
        return ERR_NOT_IMPLEMENTED;
    return len ? ERR_METHOD_NOT_ALLOWED : ERR_BAD_REQUEST;
}

/* What a client deserves for what llhttp refused. */
static enum err refuse(struct http_parser *p, llhttp_errno_t code)
{
    enum err err = ERR_BAD_REQUEST;
    const char *reason = llhttp_get_error_reason(&p->llhttp);
    if (!p->is_request) {
        err = ERR_UPSTREAM_PROTOCOL;
    } else if (code == HPE_INVALID_METHOD) {
        err = refuse_method(p->feed);
    } else if (code == HPE_PAUSED_H2_UPGRADE) {
        err = ERR_HTTP_VERSION;
    } else if (code == HPE_INVALID_VERSION && reason && strstr(reason, "Invalid HTTP version")) {
        err = ERR_HTTP_VERSION; /* well formed, but neither 1.0 nor 1.1 */
    } else if (code == HPE_INVALID_TRANSFER_ENCODING) {
        head_recognise(&p->head);
        err = head_check_coding(&p->head);
    } else if (code == HPE_INVALID_CONTENT_LENGTH) {
        head_recognise(&p->head);
        struct str length = head_get_id(&p->head, HEADER_CONTENT_LENGTH);
        bool only_digits = length.len > 0;
        for (size_t i = 0; i < length.len; i++)
            only_digits &= length.ptr[i] >= '0' && length.ptr[i] <= '9';
        if (only_digits && length.len >= 19 && length.len <= 20 &&
            str_compare(length, STR("18446744073709551615")) <= 0)
            err = ERR_TOO_LARGE;
    }
    p->err = fail(&p->fail, err, "%s", reason && *reason ? reason : llhttp_errno_name(code));
    return p->err;
}

/* Takes empty lines off before a request; too many are no request. */
static enum err skip_blanks(struct http_parser *p, struct str *bytes)
{
    while (p->is_request && !http_parser_has_begun(p) && bytes->len &&
           (bytes->ptr[0] == '\r' || bytes->ptr[0] == '\n')) {
        *bytes = str_from(*bytes, 1);
        if (++p->blank_count > BLANKS_MAX)
            return p->err = fail(&p->fail, ERR_BAD_REQUEST, "empty lines instead of a request");
    }
    return ERR_OK;
}

static void keep_last(struct http_parser *p, struct str bytes)
{
    if (p->is_past_head)
        return;
    size_t take = MIN_OF(bytes.len, sizeof p->before);
    memmove(p->before, p->before + take, sizeof p->before - take);
    memcpy(p->before + sizeof p->before - take, bytes.ptr + bytes.len - take, take);
}

/* llhttp's own end; what it pauses for on the way is seen to here. */
static llhttp_errno_t execute(struct http_parser *p, struct str bytes)
{
    for (;;) {
        if (check_size(p, bytes) != ERR_OK)
            return HPE_USER;
        llhttp_errno_t code = llhttp_execute(&p->llhttp, bytes.ptr, bytes.len);
        if (code != HPE_PAUSED || p->is_done)
            return code;
        bytes = str_from(bytes, (size_t)(llhttp_get_error_pos(&p->llhttp) - bytes.ptr));
        llhttp_resume(&p->llhttp);
        p->in_size = true;
        p->size_digits = 0;
        if (!bytes.len)
            return HPE_OK;
    }
}

enum err http_parser_feed(struct http_parser *p, struct str bytes, size_t *used)
{
    *used = bytes.len;
    if (p->is_done)
        *used = 0;
    if (p->err || p->is_done)
        return p->err;
    const char *start = bytes.ptr;
    if (skip_blanks(p, &bytes) != ERR_OK || !bytes.len)
        return p->err;
    p->feed = bytes;
    llhttp_errno_t code = execute(p, bytes);
    keep_last(p, bytes);
    if (code == HPE_OK)
        return ERR_OK;
    if (code == HPE_PAUSED && p->is_done) {
        *used = (size_t)(llhttp_get_error_pos(&p->llhttp) - start);
        llhttp_resume(&p->llhttp);
        return ERR_OK;
    }
    return p->err ? p->err : refuse(p, code);
}

enum err http_parser_finish(struct http_parser *p)
{
    if (p->err)
        return p->err;
    if (p->is_done || !http_parser_has_begun(p))
        return ERR_OK;
    llhttp_errno_t code = llhttp_finish(&p->llhttp);
    if (p->is_done)
        return ERR_OK;
    if (code == HPE_OK && !p->is_past_head)
        return p->is_request ? ERR_CLIENT_GONE : ERR_UPSTREAM_RESET;
    return p->is_request ? ERR_CLIENT_GONE : ERR_UPSTREAM_TRUNCATED;
}

void http_parser_drop_head(struct http_parser *p)
{
    assert(!p->is_request && p->is_past_head);
    p->head = (struct head){.status = p->head.status, .version_minor = p->head.version_minor};
    arena_release(p->arena);
}

bool http_parser_has_begun(const struct http_parser *p)
{
    return p->has_begun;
}

bool http_parser_keeps_alive(const struct http_parser *p)
{
    return llhttp_should_keep_alive(&p->llhttp);
}

enum body_framing http_parser_framing(const struct http_parser *p)
{
    const struct head *h = &p->head;
    if (!p->is_request && (h->status == 204 || h->status == 304))
        return BODY_NONE;
    if (head_has_id(h, HEADER_TRANSFER_ENCODING))
        return BODY_CHUNKED;
    if (head_has_id(h, HEADER_CONTENT_LENGTH))
        return BODY_LENGTH;
    return p->is_request ? BODY_NONE : BODY_UNTIL_CLOSE;
}
