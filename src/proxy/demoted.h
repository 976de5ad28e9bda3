/*
 * demoted.h — a request for one message, asked of Anthropic as a stream: the request's bytes with the
 * one member changed, and the stream that comes put together as the message that was asked for.
 *
 * Sends and receives nothing: exchange_relayed.c does.
 */
#ifndef PROXY_DEMOTED_H
#define PROXY_DEMOTED_H

#include "base/buf.h"
#include "http/head.h"
#include "io/conn.h"

enum {
    DEMOTED_STREAM_MAX = 64 << 20,  /* bytes of a stream that are kept */
    DEMOTED_MESSAGE_MAX = 64 << 20, /* bytes of the message made of it */
    DEMOTED_CODING_MAX = 64
};

struct demoted {
    struct buf head;   /* of the answer: all headers that stay */
    struct buf stream; /* as it came */
    char coding[DEMOTED_CODING_MAX];
    bool is_collecting; /* the answer is a stream, and kept back */
    char addr[CONN_ADDR_TEXT]; /* of who answers, for the record; likewise: */
    bool is_reused;
    uint64_t connect_us;
};

struct demoted *demoted_new(void);
void demoted_free(struct demoted *d); /* NULL is fine */

/* `body` with "stream":true, every other byte as it is. False: it asks for a stream already, or is no
 * object of JSON that could be changed safely. */
bool demoted_request(struct str body, struct buf *out) MUST_CHECK;

/* The answer's head. False: no stream (an error, most likely): it goes to the client as it is. */
bool demoted_takes(struct demoted *d, struct loop *l, const struct head *h) MUST_CHECK;
enum err demoted_add(struct demoted *d, struct str bytes) MUST_CHECK; /* ERR_TOO_LARGE */

struct demoted_answer {
    struct str head, body; /* in the turn's memory */
    int status;
};
/* The stream is over. ERR_UPSTREAM_TRUNCATED: it has no end, or is too large; ERR_UPSTREAM_PROTOCOL:
 * its coding cannot be undone. `f` says more. */
enum err demoted_finish(struct demoted *d, struct loop *l, struct demoted_answer *out,
                        struct fail *f) MUST_CHECK;

#endif
