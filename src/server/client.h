/*
 * client.h — one client's connection: requests in turn, answers framed, timeouts.
 *
 * It does not know what a request means: when a head has come, `dispatch` names who serves it.
 * Who serves gets the body as it comes and answers with the functions below.
 */
#ifndef SERVER_CLIENT_H
#define SERVER_CLIENT_H

#include "base/arena.h"
#include "http/http_parser.h"
#include "io/conn.h"

struct client;
struct server;

/* Who serves the current request. All are called on the loop. */
struct client_handler {
    void (*on_body)(void *owner, struct str bytes); /* valid until the turn's end */
    void (*on_request_end)(void *owner);            /* the whole body has come */
    void (*on_full)(void *owner, bool is_full);     /* the client reads slower than you write */
    /* The client left, stalled, or broke the framing: forget it. Nothing is called after this. */
    void (*on_gone)(void *owner, enum err why);
};

struct client *client_accept_take(struct server *s, int fd); /* a new socket */
/* Answers 503, whatever it may want, and closes. Directly after client_accept_take(). */
void client_turn_away(struct client *c);
/* Closes it; a request in service is told. */
void client_kill(struct client *c, enum err why);
/* Closes it if no request is in service, else when that has been answered. */
void client_retire(struct client *c);
void client_sweep(struct client *c, uint64_t now_ns); /* once a second */
struct client *client_next(const struct client *c);   /* in the server's list */

/* --- for dispatch and for who serves --- */

void client_serve(struct client *c, const struct client_handler *handler, void *owner);
const struct head *client_head(const struct client *c);
struct arena *client_arena(struct client *c);     /* lives until the answer has ended */
struct loop *client_loop(const struct client *c);
const char *client_addr(const struct client *c);  /* "127.0.0.1:53124" */
int64_t client_began_us(const struct client *c);  /* wall clock, of the request's first byte */
uint64_t client_began_ns(const struct client *c); /* the same, monotonic */
enum body_framing client_body_framing(const struct client *c);
bool client_has_request_ended(const struct client *c);
bool client_wants_body(const struct client *c);   /* false for HEAD: answers carry no body */
bool client_is_http10(const struct client *c);
void client_read_body(struct client *c, bool on); /* pauses and resumes the request's body */

/* Begins the answer. `head`: status line and headers, each line with its CR LF, framing headers
 * included and no Connection header; copied. */
void client_answer(struct client *c, struct str head, enum body_framing framing);
/* Bytes of the body; chunk framing is added here. Borrowed until the turn's end. */
void client_answer_body(struct client *c, struct str bytes);
/* The answer is whole. The handler is forgotten. */
void client_answer_end(struct client *c);
/* The answer cannot be finished: the client sees it break. The handler is forgotten. */
void client_answer_break(struct client *c);
bool client_has_answer_begun(const struct client *c);
bool client_is_full(const struct client *c);
size_t client_pending_bytes(const struct client *c); /* of the answer, not yet sent */

#endif
