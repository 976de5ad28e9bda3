/*
 * dialog.h — what a client says: request bodies of Claude Code's shape, turn after turn.
 *
 * A small body is 1–4 KB and never said twice. A conversation re-sends everything each turn and
 * adds an answer and a tool's result, moving its cache marks; past its largest size a new one
 * begins, with the same tools and system prompt, as a user's next session has. A big body is
 * one long text. Sending, and the head but for what a dialog decides, is load_conn.c's.
 */
#ifndef BENCH_DIALOG_H
#define BENCH_DIALOG_H

#include "phrase.h"

#include <uv.h>

enum dialog_kind { DIALOG_SMALL, DIALOG_AGENT, DIALOG_BIG };

struct dialog_world; /* what all dialogs of a run share: text, system prompt, tools */

struct dialog_limits {
    uint32_t small_from_bytes, small_to_bytes;
    uint32_t agent_to_bytes; /* a conversation past this begins anew */
    uint32_t big_bytes;
    uint32_t result_bytes; /* a tool's result, on average */
};

struct dialog_world *dialog_world_new(uint64_t seed, const struct dialog_limits *limits);
void dialog_world_free(struct dialog_world *w);

enum { DIALOG_PARTS = 3, DIALOG_SESSION_BYTES = 40 };

/* A body as the pieces it is sent from; valid until the next dialog_say(). */
struct dialog_body {
    uv_buf_t parts[DIALOG_PARTS];
    unsigned count;
    size_t bytes;
};

struct dialog {
    const struct dialog_world *world;
    enum dialog_kind kind;
    struct phrase phrase;
    unsigned turn;                      /* of this conversation, from 0 */
    char session[DIALOG_SESSION_BYTES]; /* a UUID; changes with the conversation */
    char *text;                         /* malloc'd; messages as they are sent */
    size_t len, cap, open_at[2];        /* where the last two marked messages begin */
    char *tail;                         /* system, tools, metadata and the rest */
    size_t tail_len;
};

void dialog_init(struct dialog *d, const struct dialog_world *world, enum dialog_kind kind,
                 uint64_t seed);
void dialog_release(struct dialog *d);
struct dialog_body dialog_say(struct dialog *d, int is_streamed);
/* The provider's answer: the value of "content", an array of blocks. Agents repeat it. */
void dialog_hear(struct dialog *d, const char *content, size_t len);

#endif
