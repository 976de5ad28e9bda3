/*
 * conversation_private.h — what conversation.c and conversation_cut.c share.
 */
#ifndef INDEX_CONVERSATION_PRIVATE_H
#define INDEX_CONVERSATION_PRIVATE_H

#include "index/conversation.h"

#define SWAP(type, a, b)                                                                           \
    do {                                                                                           \
        type swap_ = (a);                                                                          \
        (a) = (b);                                                                                 \
        (b) = swap_;                                                                               \
    } while (0)

/* What a body has in common with the turn before it. */
struct match {
    struct turn *parent;    /* NULL: nothing */
    size_t parent_bytes;    /* of its body, without the gaps */
    size_t prefix, suffix;  /* likewise without the gaps */
    struct body_gaps gaps;  /* in the prefix */
};

/* Does the body hold most of its parent's? Then it takes its place. Else it is another conversation
 * that began alike. */
static inline bool holds_parent(const struct match *m, const struct body_parts *body)
{
    return m->parent && body->bytes <= CONVERSATION_BODY_MAX &&
           (m->prefix + m->suffix) / 3 >= m->parent_bytes / 4;
}

/* Finds what the client has taken out of older messages, which say the same nevertheless, so that only what is
 * behind them is new; the parent's cuts are as if it had never been there: the body takes its place then. */
void conversation_find_gaps(struct conversations *c, struct match *m, const struct body_parts *body);
/* Cuts and facts, without reading again what its parent holds. */
void conversation_cut(struct conversations *c, const struct match *m, struct str body,
                      struct request_facts *facts);

#endif
