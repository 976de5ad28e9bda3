/*
 * conversation.h — a request's body becomes a recipe: mostly "as the turn before, but for these
 * bytes in the middle".
 *
 * Remembers the newest body of the conversations that go on. What is the same at its beginning
 * and its end is found by comparing bytes, so a recipe is right whatever the body is; the JSON's
 * structure only decides where the rest is cut into pieces, and what the row says of it.
 */
#ifndef INDEX_CONVERSATION_H
#define INDEX_CONVERSATION_H

#include "index/packer.h"
#include "index/same_bytes.h"
#include "record/detail.h"
#include "record/json_cut.h"
#include "record/message_hash.h"

enum {
    CONVERSATIONS_MAX = 64,
    CONVERSATION_BODY_MAX = 4 << 20,   /* a longer body is not remembered */
    CONVERSATION_BYTES_MAX = 16 << 20, /* of all bodies together */
    HASH_MARK_BODY_MIN = 16 << 10,     /* shorter bodies are hashed whole */
    ROOM_REUSED_MAX = 16 << 10,        /* memory of a turn that makes way is given to the next */
};

/* The hash of a body's beginning: the next turn, which begins alike, goes on from here. */
struct hash_mark {
    void *state; /* XXH3_state_t, 576 bytes; NULL until needed */
    size_t len;  /* bytes it has taken in; 0: not valid */
};

/* The newest turn of one conversation. */
struct turn {
    struct buf body;
    struct json_cuts cuts;
    struct message_chain chain;
    struct recipe whole;   /* all of the body, no parent */
    struct piece_at recipe; /* as stored */
    uint64_t root_block;    /* where the first of its recipe's parents is */
    uint64_t oldest_block;  /* the oldest that the body and its recipe need */
    uint32_t depth;
    uint8_t hash[16];
    struct hash_mark mark;
    struct request_facts facts;
    char *strings;         /* that the facts refer to */
};

/* What a turn is looked for by; all of them stand close together. */
struct turn_slot {
    uint64_t key;
    uint64_t used_at; /* 0: empty */
    size_t room;      /* bytes of memory that its body has */
};

struct conversations {
    struct packer *packer;
    struct turn_slot slots[CONVERSATIONS_MAX];
    struct turn turns[CONVERSATIONS_MAX]; /* of the slots */
    uint64_t clock;
    struct buf excerpt;       /* scratch: a piece of JSON that is read by itself */
    struct json_cuts cuts;    /* scratch: of the body at hand */
    struct message_chain chain; /* likewise */
    struct json_cuts excerpt_cuts;
    struct recipe whole, middle; /* likewise: of the body at hand; of what is new in it */
    struct buf recipe;           /* likewise: a recipe as it is stored */
    struct arena arena;       /* scratch: strings of facts */
    void *hash_state;         /* scratch: XXH3_state_t */
    struct hash_mark mark;    /* scratch: of the body at hand */
};

void conversations_init(struct conversations *c, struct packer *packer);
void conversations_forget(struct conversations *c); /* idle: gives memory back */

struct packed_request {
    struct piece_at recipe;
    uint64_t oldest_block; /* that reading the body needs */
    uint8_t hash[16];
    struct request_facts facts; /* strings valid until the next call */
    struct str body;            /* where it is now; borrowed until the next call, like its cuts */
    const struct json_cuts *cuts;
    enum fresh_part fresh_part; /* see record/detail.h */
    struct recipe fresh;        /* the caller releases it */
    struct message_chain chain; /* of all its messages; borrowed until the next call. Empty when
                                   they could not all be told apart */
};

/* `key` says which conversation a body may belong to (a hash of session, agent, path …). `room`: memory
 * that the body is put together in and that may be taken; it may be the body's only part. */
enum err conversations_pack(struct conversations *c, uint64_t key, const struct body_parts *body,
                            struct buf *room, struct packed_request *out) MUST_CHECK;
/* What a packed body says, where it is encoded and `text` is what it gives: takes the place of what
 * its bytes said. `text` is borrowed until the next call. */
void conversations_read(struct conversations *c, struct str text, struct packed_request *out);

#endif
