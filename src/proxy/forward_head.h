/*
 * forward_head.h — heads on their way through: what is about one connection only is left out,
 * everything else keeps its order and spelling. Texts are made in the turn's memory.
 */
#ifndef PROXY_FORWARD_HEAD_H
#define PROXY_FORWARD_HEAD_H

#include "http/http_parser.h"
#include "io/loop.h"
#include "upstream/provider.h"

/* Does a request bring what proves who sent it? */
bool forward_has_credentials(const struct head *h);
/* What the provider gets beside what the client sent; empty: nothing. */
struct forward_more {
    struct str version; /* anthropic-version, where the request has none */
    struct str token;   /* of an OAuth login, for a request without credentials; with the beta it needs */
    size_t new_length;  /* of a body that stands instead of the client's, whose answer must come without
                           a coding; 0: the body is the client's */
    int64_t grown_bytes; /* by which the body is longer than the client's, if that is what is sent */
    bool is_decoded;     /* it is sent without the coding that the client's head names */
};
/* The request as the provider gets it, empty line included. */
struct str forward_request_head(struct loop *l, const struct head *h, const struct provider *p,
                                enum body_framing framing, const struct forward_more *more);
/* Of an answer whose body is put together anew: its headers without those of the old body, and without
 * a status line. */
struct str forward_rest_of_head(struct loop *l, const struct head *h);
/* The answer as the client gets it, without Connection and the empty line. */
struct str forward_answer_head(struct loop *l, const struct head *h, enum body_framing framing);

#endif
