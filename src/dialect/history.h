/*
 * history.h — puts a conversation into normal form while a client reader tells it, message by
 * message: results go right behind their calls, calls without a result get one, ids are made
 * unique and such that every provider takes them.
 */
#ifndef DIALECT_HISTORY_H
#define DIALECT_HISTORY_H

#include "dialect/neutral.h"

struct open_call;
struct seen_id;

struct history {
    struct neutral *n;
    struct open_call *open;      /* calls of the last assistant message */
    struct message *behind;      /* behind this one go the results of the calls in `open` */
    struct seen_id **seen;       /* hash table of the ids so far */
    size_t seen_count, seen_cap; /* grows with the request; freed with history_release() */
};

void history_init(struct history *h, struct neutral *n);
void history_release(struct history *h);
/* An assistant or user message, complete. Empty ones vanish. */
void history_add(struct history *h, struct message *m);
/* A result, whose tool_id is the client's id. What answers no call becomes a user's text. */
void history_add_result(struct history *h, struct message *result);
/* Calls that have had no result get one that says so. Before history_release(). */
void history_end(struct history *h);

#endif
