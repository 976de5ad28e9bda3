/*
 * message_hash.h — what a request's messages say, as numbers: equal for messages that say the
 * same, however they are written down.
 *
 * Between two turns a client writes the same message otherwise: `cache_control` moves, a string
 * becomes a list of text blocks or back, thinking is left out, reminders of the client's own come
 * and go, "is_error": false appears. None of that counts here. Ids of tool calls and what they
 * were given do. A chain of these numbers tells in which conversation a request goes on, and from
 * where. Bytes are compared elsewhere (index/conversation.c): that is another question.
 */
#ifndef RECORD_MESSAGE_HASH_H
#define RECORD_MESSAGE_HASH_H

#include "base/uuid.h"
#include "record/json_cut.h"

/* One element of `messages`, with the comma before it or without. `secret`: 192 bytes that key
 * the hash, so that nobody can make two messages equal by will. Any bytes may come in. */
uint64_t message_hash(struct str message, struct str secret);

/* list[i] stands for messages 0 to i together. At most one for each cut. */
struct message_chain {
    uint64_t *list; /* malloc'ed */
    size_t count, cap;
};
void message_chain_release(struct message_chain *c);

/* The chain of a body with these cuts. `before`: of a body that begins with the same `same_bytes`
 * bytes; messages that lie in them are not read again. May be NULL. */
void message_chain_build(struct message_chain *c, struct str body, const struct json_cuts *cuts,
                         const struct message_chain *before, size_t same_bytes,
                         struct str secret);

/* Such a number as it is stored: above 0, for other values mean "none". */
int64_t hash_key(uint64_t hash);
/* The number of a conversation that begins with this exchange. */
int64_t conversation_begun_by(const struct uuid *id);

/* Two numbers made one; the order matters. */
uint64_t hash_join(uint64_t a, uint64_t b);

#endif
