/*
 * forward_head.h — heads on their way through: what is about one connection only is left out,
 * everything else keeps its order and spelling. Texts are made in the turn's memory.
 */
#ifndef PROXY_FORWARD_HEAD_H
#define PROXY_FORWARD_HEAD_H

#include "http/http_parser.h"
#include "io/loop.h"
#include "upstream/provider.h"

/* The request as the provider gets it, empty line included. `version`: anthropic-version to add
 * where the request has none; may be empty. */
struct str forward_request_head(struct loop *l, const struct head *h, const struct provider *p,
                                enum body_framing framing, struct str version);
/* The answer as the client gets it, without Connection and the empty line. */
struct str forward_answer_head(struct loop *l, const struct head *h, enum body_framing framing);

#endif
