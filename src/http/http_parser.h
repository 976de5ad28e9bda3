/*
 * http_parser.h — one side of an HTTP/1.1 connection as bytes: heads and bodies out of a stream,
 * strictly. Over llhttp; what llhttp lets pass and we do not is refused here. No sockets.
 */
#ifndef HTTP_HTTP_PARSER_H
#define HTTP_HTTP_PARSER_H

#include <llhttp.h>

#include "base/err.h"
#include "http/head.h"

struct http_events {
    /* The head is whole (of a final answer: 1xx are skipped). An error stops the parser. For an
     * answer without a body whatever its headers say (to HEAD), set *no_body. */
    enum err (*on_head)(void *owner, bool *no_body);
    /* Bytes of the body, transfer coding removed; valid as long as what was fed. */
    void (*on_body)(void *owner, struct str bytes);
    /* The message is whole. Nothing behind it is parsed until http_parser_next(). */
    void (*on_done)(void *owner);
};

struct http_parser {
    llhttp_t llhttp;
    const struct http_events *events;
    void *owner;
    struct arena *arena;
    struct head head;
    struct str *growing;   /* the string whose next bytes may still come */
    size_t head_bytes, line_bytes;
    uint64_t body_bytes, chunk_count;
    enum err err;
    bool is_request, has_begun, is_done, is_past_head;
    uint8_t interim_count; /* 1xx answers skipped */
    uint8_t blank_count;   /* CR and LF before a request */
    bool in_size, is_last_chunk; /* a chunk's size is coming; the chunk begun last has none */
    uint8_t size_digits;   /* of that size, so far */
    char before[8];        /* the last bytes of the feeds before this one */
    struct str feed;       /* what is being fed */
    struct fail fail;
};

enum { HTTP_INTERIM_MAX = 16 };

/* Heads live in `arena`. */
void http_parser_init(struct http_parser *p, bool is_request, const struct http_events *events,
                      void *owner, struct arena *arena);
/* Takes bytes up to the end of the message; *used is less than bytes.len only when the message is
 * done. The error says what status a client deserves; p->fail has the details. */
enum err http_parser_feed(struct http_parser *p, struct str bytes, size_t *used) MUST_CHECK;
/* Forgets the head's texts and headers, and frees the arena: for a long body, whose owner needs them no
 * more. Not on a request. */
void http_parser_drop_head(struct http_parser *p);
/* The stream has ended. ERR_OK: that was the message's proper end (on_done was called), or none
 * had begun. */
enum err http_parser_finish(struct http_parser *p) MUST_CHECK;
bool http_parser_has_begun(const struct http_parser *p); /* any byte of a message seen */
bool http_parser_keeps_alive(const struct http_parser *p);
/* How the message's body is delimited. */
enum body_framing { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };
enum body_framing http_parser_framing(const struct http_parser *p); /* after the head */

#endif
