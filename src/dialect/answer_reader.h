/*
 * answer_reader.h — what a provider's language offers on the way back: it takes the events of a stream, or
 * a whole answer, and tells a reply what they say.
 */
#ifndef DIALECT_ANSWER_READER_H
#define DIALECT_ANSWER_READER_H

#include "dialect/reply.h"
#include "http/sse.h"

struct reader {
    struct reply *reply;
    bool is_done; /* the provider said it all: nothing more is read */
    /* Responses: items that were told, by their place; Anthropic: the block that is open. */
    struct reader_item *items;
    size_t item_count, item_cap;
    int64_t block_index;
    struct reply_usage usage;
};

/* `name`: of the event, "" where it has none. `root`: the parsed data; an object. */
typedef void reader_event(struct reader *r, struct str name, yyjson_val *root);
/* A whole answer that is no error. */
typedef void reader_whole(struct reader *r, yyjson_val *root, const struct json_tree *tree);

reader_event chat_answer_event, responses_answer_event, gemini_answer_event, anthropic_answer_event;
reader_whole chat_answer_whole, responses_answer_whole, gemini_answer_whole, anthropic_answer_whole;

void reader_release(struct reader *r);

#endif
