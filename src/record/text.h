/*
 * text.h — the texts that people look for in what was said: prompts, answers, thoughts, what tools
 * were given and gave back, and how they were described.
 *
 * Reads Anthropic Messages and the OpenAI forms near it (chat completions, responses). Anything
 * else has no texts; broken JSON has those before the break. Pictures and other base64 are left
 * out. It does not matter how a text was sent: a string and a list of one block, a tool's input in
 * pieces of a stream and in the next request, are the same text.
 */
#ifndef RECORD_TEXT_H
#define RECORD_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

enum text_kind {
    TEXT_SYSTEM,
    TEXT_USER,
    TEXT_ASSISTANT,
    TEXT_THINKING,
    TEXT_TOOL_INPUT,
    TEXT_TOOL_RESULT,
    TEXT_TOOL, /* a tool's name and description */
    TEXT_KINDS
};

enum {
    TEXT_BYTES_MAX = 256 << 10, /* of one text; the rest is left out */
    TEXT_CALLS_MAX = 1024,      /* tool calls whose names are remembered for their results */
    TEXT_TOOL_NAME_MAX = 128    /* bytes */
};

struct text {
    enum text_kind kind;
    struct str tool;    /* of inputs, results and tools; empty when not known */
    struct str content; /* valid UTF-8, never empty */
};

/* Strings are valid in the call. */
typedef void text_fn(const struct text *text, void *owner);

struct text_call {
    struct str id, tool;
};

/* Reads one exchange: its request first, then its answer. */
struct text_reader {
    struct arena *arena; /* holds texts with escapes in them, until the caller clears it */
    struct buf joined;   /* scratch: a text of several strings */
    struct buf blocks[3]; /* scratch: what a stream's deltas are joined in; text_stream.c */
    text_fn *fn;
    void *owner;
    struct text_call *calls; /* in the arena */
    size_t call_count;
};

void text_reader_init(struct text_reader *r, struct arena *arena, text_fn *fn, void *owner);
void text_reader_release(struct text_reader *r);
void text_reader_next(struct text_reader *r); /* another exchange; the arena was cleared */
/* A request's whole body. */
void text_read_request(struct text_reader *r, struct str body);
/* Some elements of its `messages`, as they stand there: a comma may come before the first. */
void text_read_messages(struct text_reader *r, struct str elements);
/* An answer's decoded body. `is_sse`: by Content-Type. */
void text_read_answer(struct text_reader *r, struct str body, bool is_sse);

const char *text_kind_name(enum text_kind kind); /* "tool_result" */
bool text_kind_parse(struct str name, enum text_kind *out);

#endif
