/*
 * sse.h — text/event-stream as bytes in, events out (WHATWG HTML §9.2.6).
 *
 * The split of the bytes into feeds never changes what comes out. An event with one `data` line
 * that lies within one feed is not copied. Knows nothing of what an event says.
 */
#ifndef HTTP_SSE_H
#define HTTP_SSE_H

#include "base/buf.h"

struct sse_event {
    struct str name; /* empty: no `event` line ("message" to a browser) */
    struct str data; /* lines joined with LF */
    struct str id;   /* the last id the stream gave */
    uint64_t start;  /* bytes of the stream before this event's first line */
    uint64_t end;    /* bytes of the stream up to behind its blank line's first CR or LF */
};

/* The event is borrowed: valid until the call returns. */
typedef void sse_on_event(void *owner, const struct sse_event *event);

struct sse_parser {
    size_t ceiling; /* bytes of a line, and of an event's joined data */
    struct buf line, name, data, id;
    struct str event_name, event_data; /* of the event being read: in the feed or in a buf */
    uint64_t fed;                      /* bytes of the stream before the present feed */
    uint64_t event_start, line_start;
    int64_t retry_ms; /* the stream's last `retry`; -1: none */
    bool has_data, is_between, is_after_cr, is_begun;
    enum err failed;
};

void sse_parser_init(struct sse_parser *p, size_t ceiling_bytes);
void sse_parser_release(struct sse_parser *p);
/* ERR_TOO_LARGE for a line or an event past the ceiling, and then for ever. An event without its
 * blank line at the end of the stream is, by the standard, none. */
enum err sse_parser_feed(struct sse_parser *p, struct str bytes, sse_on_event *on_event,
                         void *owner) MUST_CHECK;
/* Has the stream stopped inside an event? */
bool sse_parser_is_inside(const struct sse_parser *p);

#endif
