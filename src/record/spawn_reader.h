/*
 * spawn_reader.h — finds the calls that begin sub-agents in an answer while it comes, as soon as
 * each is whole. Of all else it looks only at where events begin and end.
 */
#ifndef RECORD_SPAWN_READER_H
#define RECORD_SPAWN_READER_H

#include "http/sse.h"
#include "record/answer.h"

enum {
    SPAWN_EVENT_MAX = 256 << 10, /* bytes of an event; with a longer one reading ends */
    SPAWN_ANSWER_MAX = 2 << 20   /* bytes of an answer that is no stream; likewise */
};

typedef void spawn_fn(const struct spawn *spawn, void *owner); /* borrowed */

struct spawn_reader {
    struct sse_parser sse;
    struct buf whole; /* of an answer that is no stream */
    struct buf input; /* of the open call */
    struct arena arena;
    spawn_fn *fn;
    void *owner;
    bool is_stream, is_spawning, has_failed;
};

void spawn_reader_init(struct spawn_reader *r, bool is_stream, spawn_fn *fn, void *owner);
void spawn_reader_release(struct spawn_reader *r);
/* Decoded bytes of the answer, as they come. */
void spawn_reader_feed(struct spawn_reader *r, struct str bytes);
void spawn_reader_end(struct spawn_reader *r); /* the answer is whole */

#endif
