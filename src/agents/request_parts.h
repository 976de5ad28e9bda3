/*
 * request_parts.h — the members of a Messages request that tell who asks for what, found in one
 * pass over the body. Raw JSON, borrowed from it; nothing is copied, nothing allocated.
 */
#ifndef AGENTS_REQUEST_PARTS_H
#define AGENTS_REQUEST_PARTS_H

#include "base/arena.h"
#include "record/json_cut.h"
#include "record/json_walk.h"

enum { PARTS_FIRST = 2, PARTS_NEWEST = 4 };

/* A member that stands twice counts as it stands last; what is not there is empty. */
struct request_parts {
    struct str model, system, messages, tools, metadata, max_tokens, output_config;
    struct str first[PARTS_FIRST];   /* the elements that `messages` begins with */
    struct str newest[PARTS_NEWEST]; /* the last ones, newest first */
    size_t message_count;
};

/* `cuts`: the body's, where json_cuts_are_all(), so that elements need not be read again; or NULL. */
void request_parts_read(struct str body, const struct json_cuts *cuts, struct request_parts *out);
/* The newest message of the user; empty where there is none among the last few. */
struct str request_parts_newest(const struct request_parts *p);

/* The texts of a prompt or of a message's content: a string, or an array of blocks. */
struct text_blocks {
    struct json_walk walk;
    struct str only; /* of a string */
};
void text_blocks_init(struct text_blocks *b, struct str raw);
/* Those of a raw message. */
void text_blocks_of_message(struct text_blocks *b, struct str message);
/* The next one, a raw JSON string; blocks without a text are passed over. */
bool text_blocks_next(struct text_blocks *b, struct str *raw);

#endif
