/*
 * passing.h — where client and provider speak the same language, the request passes as it is, but
 * for the model's name and for what only we could have put into it.
 */
#ifndef DIALECT_PASSING_H
#define DIALECT_PASSING_H

#include "dialect/json_tree.h"

/* Copies the request, with `model` in place of the client's where one is given. ERR_BAD_REQUEST:
 * no object. */
enum err passing_request(const struct json_tree *tree, struct str model, struct buf *out,
                         bool *is_stream, struct fail *f) MUST_CHECK;

/* Copies a request of Anthropic's language without the thinking blocks that a translation sealed
 * (envelope.h): Anthropic would refuse their signatures. A message of nothing else goes too. All
 * other bytes stay. Cheap where there is nothing of ours: ask passing_has_sealed() first. */
bool passing_has_sealed(struct str body);
enum err passing_without_sealed(struct str body, struct buf *out) MUST_CHECK;

#endif
