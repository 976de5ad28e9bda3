/*
 * call.h — one request to the proxy itself (dashboard, API, health), and its answer.
 *
 * For requests that we answer, not relay. A body that came with one has been passed over (at most
 * CALL_BODY_MAX). A handler may answer at once or later, on the same loop; it answers exactly
 * once with call_reply_give() or call_reply_static(), or opens a stream.
 */
#ifndef SERVER_CALL_H
#define SERVER_CALL_H

#include "base/arena.h"
#include "base/err.h"
#include "http/head.h"

struct loop;
struct call;

enum { CALL_BODY_MAX = 1 << 20, CALL_STREAM_MAX = 256 * 1024 };

typedef void call_handler(struct call *c, void *owner);

/* What was asked. All valid until the answer has been given. */
const struct head *call_head(const struct call *c);
struct str call_method(const struct call *c);
struct str call_path(const struct call *c);  /* without query, still percent-encoded */
struct str call_query(const struct call *c); /* after '?', may be empty */
struct arena *call_arena(struct call *c);    /* dies with the call */
struct loop *call_loop(struct call *c);

struct reply {
    int status;
    const char *content_type;
    struct str headers; /* further "Name: value\r\n" lines, or empty */
};

/* Answers. `body` is malloc'ed and given to the call (may be NULL when len is 0). */
void call_reply_give(struct call *c, const struct reply *r, char *body, size_t len);
void call_reply_static(struct call *c, const struct reply *r, struct str body); /* lives forever */

/* A stream without end: head now, bytes later. `on_gone` is called once, when the client has left
 * or after call_stream_end(); the call is gone after it returns. */
void call_stream_begin(struct call *c, const struct reply *r, void (*on_gone)(void *owner),
                       void *owner);
/* False when more than CALL_STREAM_MAX bytes would wait: nothing was written. */
bool call_stream_write(struct call *c, struct str bytes) MUST_CHECK;
/* Told with on_gone's owner, each time the client has taken all that waited. For who was refused:
 * when the client is full he waits for this; when it is not, the next turn has room again. */
void call_stream_on_room(struct call *c, void (*on_room)(void *owner));
bool call_stream_is_full(const struct call *c);
void call_stream_end(struct call *c);
/* It cannot be finished: the client sees it break off. */
void call_stream_break(struct call *c);

#endif
