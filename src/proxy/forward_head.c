/*
 * forward_head.c — heads on their way through.
 */
#include "proxy/forward_head.h"

#include <stdio.h>

#include "http/head_check.h"
#include "upstream/oauth.h"

/* Writes into room whose size was reckoned before. */
struct writer {
    char *at, *end;
};

static void put(struct writer *w, struct str s)
{
    assert((size_t)(w->end - w->at) >= s.len);
    if (s.len)
        memcpy(w->at, s.ptr, s.len);
    w->at += s.len;
}

static void put_header(struct writer *w, struct str name, struct str value)
{
    put(w, name);
    put(w, STR(": "));
    put(w, value);
    put(w, STR("\r\n"));
}

static struct writer writer_for(struct loop *l, const struct head *h, size_t extra)
{
    size_t room = 64 + extra + h->method.len + h->target.len + h->reason.len;
    for (size_t i = 0; i < h->count; i++)
        room += h->headers[i].name.len + h->headers[i].value.len + 4;
    char *at = loop_turn_alloc(l, room);
    return (struct writer){at, at + room};
}

bool forward_has_credentials(const struct head *h)
{
    return head_has_id(h, HEADER_AUTHORIZATION) || head_has_id(h, HEADER_X_API_KEY);
}

/* One more behind the betas that the client names, in the first header that does. */
static void put_betas(struct writer *w, const struct header *h)
{
    put(w, h->name);
    put(w, STR(": "));
    put(w, h->value);
    put(w, h->value.len ? STR("," OAUTH_BETA "\r\n") : STR(OAUTH_BETA "\r\n"));
}

static void put_token(struct writer *w, const struct head *h, struct str token)
{
    put(w, STR("Authorization: Bearer "));
    put(w, token);
    put(w, STR("\r\n"));
    if (!head_has_id(h, HEADER_ANTHROPIC_BETA))
        put_header(w, STR("anthropic-beta"), STR(OAUTH_BETA));
}

static bool is_about_body(const struct header *h)
{
    return h->id == HEADER_CONTENT_LENGTH || str_equal_nocase(h->name, STR("accept-encoding"));
}

static void put_length(struct writer *w, struct str name, size_t length)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", length);
    put_header(w, name, str_of(text));
}

/* In the places where the client had them. `*length`: 0 when it has been told. */
static void put_new_body(struct writer *w, const struct header *h, size_t *length)
{
    if (h->id != HEADER_CONTENT_LENGTH)
        put_header(w, h->name, STR("identity"));
    else if (*length)
        put_length(w, h->name, *length);
    if (h->id == HEADER_CONTENT_LENGTH)
        *length = 0;
}

/* The client's own body, somewhat changed. */
static void put_grown_length(struct writer *w, const struct header *h, int64_t grown_bytes)
{
    uint64_t bytes = 0;
    bool is_number = str_to_u64(h->value, &bytes);
    assert(is_number); /* the parser saw to that */
    (void)is_number;
    put_length(w, h->name, (size_t)((int64_t)bytes + grown_bytes));
}

struct str forward_request_head(struct loop *l, const struct head *h, const struct provider *p,
                                enum body_framing framing, const struct forward_more *more)
{
    struct str version = more->version;
    size_t more_length = more->new_length; /* 0: told already */
    bool names_beta = !more->token.len || head_has_token(h, HEADER_ANTHROPIC_BETA, STR(OAUTH_BETA));
    struct writer w = writer_for(l, h, p->base_path.len + p->host_header.len + version.len +
                                           more->token.len + 192);
    const char *start = w.at;
    put(&w, h->method);
    put(&w, STR(" "));
    put(&w, p->base_path);
    put(&w, h->target);
    put(&w, STR(" HTTP/1.1\r\n"));
    bool has_host = false;
    for (size_t i = 0; i < h->count; i++) {
        const struct header *each = &h->headers[i];
        if (each->id == HEADER_HOST) {
            put_header(&w, each->name, p->host_header);
            has_host = true;
        } else if (each->id == HEADER_ANTHROPIC_BETA && !names_beta) {
            put_betas(&w, each);
            names_beta = true;
        } else if (more->new_length && is_about_body(each)) {
            put_new_body(&w, each, &more_length);
        } else if (each->id == HEADER_CONTENT_LENGTH && more->grown_bytes) {
            put_grown_length(&w, each, more->grown_bytes);
        } else if (each->id == HEADER_CONTENT_ENCODING && more->is_decoded) {
            continue;
        } else if (each->id != HEADER_EXPECT && !head_is_hop_by_hop(h, each)) {
            put_header(&w, each->name, each->value);
        }
    }
    if (more_length)
        put_length(&w, STR("Content-Length"), more_length);
    if (!has_host) /* HTTP/1.0 */
        put_header(&w, STR("Host"), p->host_header);
    if (framing == BODY_CHUNKED)
        put_header(&w, STR("Transfer-Encoding"), STR("chunked"));
    if (version.len && !head_has_id(h, HEADER_ANTHROPIC_VERSION))
        put_header(&w, STR("anthropic-version"), version);
    if (more->token.len)
        put_token(&w, h, more->token);
    put(&w, STR("\r\n"));
    return str_make(start, (size_t)(w.at - start));
}

struct str forward_rest_of_head(struct loop *l, const struct head *h)
{
    struct writer w = writer_for(l, h, 0);
    const char *start = w.at;
    for (size_t i = 0; i < h->count; i++) {
        const struct header *each = &h->headers[i];
        bool is_of_body = each->id == HEADER_CONTENT_LENGTH || each->id == HEADER_CONTENT_TYPE ||
                          each->id == HEADER_CONTENT_ENCODING ||
                          each->id == HEADER_TRANSFER_ENCODING;
        if (!is_of_body && !head_is_hop_by_hop(h, each))
            put_header(&w, each->name, each->value);
    }
    return str_make(start, (size_t)(w.at - start));
}

struct str forward_answer_head(struct loop *l, const struct head *h, enum body_framing framing)
{
    struct writer w = writer_for(l, h, 64);
    const char *start = w.at;
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %03d ", h->status % 1000);
    put(&w, str_of(line));
    put(&w, h->reason);
    put(&w, STR("\r\n"));
    bool said_chunked = false;
    for (size_t i = 0; i < h->count; i++) {
        const struct header *each = &h->headers[i];
        if (each->id == HEADER_TRANSFER_ENCODING && framing == BODY_CHUNKED) {
            put_header(&w, each->name, STR("chunked"));
            said_chunked = true;
        } else if (!head_is_hop_by_hop(h, each)) {
            put_header(&w, each->name, each->value);
        }
    }
    if (framing == BODY_CHUNKED && !said_chunked)
        put_header(&w, STR("Transfer-Encoding"), STR("chunked"));
    return str_make(start, (size_t)(w.at - start));
}
