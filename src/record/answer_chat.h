/*
 * answer_chat.h — what an answer of OpenAI's Chat Completions says: of clients that speak it. A
 * part of answer.c.
 */
#ifndef RECORD_ANSWER_CHAT_H
#define RECORD_ANSWER_CHAT_H

#include "record/answer.h"

/* One chunk of a stream, or a whole answer; `start`: its offset in the body. False: it is neither
 * (it has no "choices"). Strings are copied into the arena. */
bool answer_chat_read(struct str object, size_t start, struct arena *arena,
                      struct answer_facts *facts);

#endif
