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
};
/* The request as the provider gets it, empty line included. */
struct str forward_request_head(struct loop *l, const struct head *h, const struct provider *p,
                                enum body_framing framing, const struct forward_more *more);
/* The answer as the client gets it, without Connection and the empty line. */
struct str forward_answer_head(struct loop *l, const struct head *h, enum body_framing framing);

#endif
