/*
 * taker.h — what each frame of the journal means: exchanges begin, grow, end, and become rows of
 * the batch. Knows nothing of files, threads or commits.
 */
#ifndef INDEX_TAKER_H
#define INDEX_TAKER_H

#include "agents/spawns.h"
#include "index/conversation.h"
#include "index/gathered.h"
#include "index/threads.h"
#include "index/tool_errors.h"

enum {
    BODY_READ_MAX = 40 << 20,  /* a longer body is stored chunk by chunk and not looked into */
    ANSWER_DECODED_MAX = 64 << 20,
    BATCH_BYTES_MAX = 4 << 20  /* then it is committed */
};

struct taker {
    const struct index_store *store;
    struct segments *segments;
    struct gathering exchanges;
    struct packer packer;
    struct conversations conversations;
    struct threads threads;
    struct spawns *spawns; /* of what is indexed */
    struct known_agents *known; /* may be NULL */
    struct tool_errors tool_errors;
    struct indexer_counters counters;
    index_listener *listener; /* may be NULL */
    bool (*wants)(void *owner);
    void *listener_owner;
    void (*relieve)(void *owner); /* the batch has become large: commit it, if you can */
    void *relieve_owner;
    uint64_t pending_bytes; /* of ended exchanges that wait for the commit */
    /* scratch */
    struct buf body, decoded, head, detail;
    struct arena arena;
    struct chunk_mark *marks; /* when the chunks of the body read last came; TIMELINE_MAX */
    size_t mark_count, mark_cap;
};

void taker_init(struct taker *t, const struct index_store *store, struct segments *segments);
void taker_release(struct taker *t);
void taker_rest(struct taker *t); /* idle: gives memory back */
/* Forgets all exchanges, the batch, and what is remembered of the store. */
void taker_begin_again(struct taker *t);

/* One frame, whose payload stands in `g` at `offset`. */
void taker_frame(struct taker *t, struct segment *g, uint64_t offset, const struct frame *f);
/* Nothing more will come for exchanges that earlier processes began: they crashed. */
void taker_end_left_behind(struct taker *t);
void taker_tell(struct taker *t, enum index_event event, struct gathered *e);

/* taker_end.c: the exchange becomes a row of the batch. `end` NULL: it was cut off. */
void taker_end(struct taker *t, struct gathered *e, const struct frame_end *end);
/* Stores the request's body and notes what it says. */
void taker_pack_request(struct taker *t, struct gathered *e);

#endif
