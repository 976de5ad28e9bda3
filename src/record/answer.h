/*
 * answer.h — reads a provider's answer, streamed or whole, and tells what it said.
 *
 * Works on bytes that are decoded (body_decode.h). Reads Anthropic Messages event streams,
 * Anthropic JSON and error bodies, and Chat Completions, streamed and whole; anything else is told to be unknown and kept all the same.
 * Never trusts an index, a length or an order that a provider sent.
 */
#ifndef RECORD_ANSWER_H
#define RECORD_ANSWER_H

#include "record/record.h"
#include "record/tool_list.h"

enum {
    SPAWNS_MAX = 16,           /* of one answer; further ones are not told */
    SPAWN_FIRST_BYTES = 48,
    SPAWN_INPUT_MAX = 64 << 10 /* bytes of its input; a longer one is not told */
};

/* A call that begins a sub-agent (the tool Agent; Task before Claude Code 2.1.63). */
struct spawn {
    struct str agent_type;
    uint64_t prompt_hash; /* spawn_hash() of its prompt */
    uint64_t first_hash;  /* spawn_first() of it */
    bool is_background;   /* run_in_background: its parent does not wait for it */
};

struct answer_facts {
    uint32_t flags; /* RECORD_RESPONSE_INVALID, RECORD_PROTOCOL_VIOLATION, RECORD_BILLED_… */
    struct str model, stop_reason, error_type, error_message; /* in the arena */
    struct usage usage; /* message_start merged with message_delta */
    int64_t tool_use_count;
    struct tool_list tools; /* the calls by name, in the arena */
    struct spawn spawns[SPAWNS_MAX];
    size_t spawn_count;
    bool is_complete;      /* message_stop seen, or the JSON was whole */
    bool is_error;         /* an error body, or an `error` event in the stream */
    size_t first_token_at; /* offset of the first content delta; SIZE_MAX if none */
};

/* Is this an event stream? By its first bytes where they tell; else as Content-Type says. */
bool answer_is_stream(struct str body, bool is_sse);

/* `is_sse`: by Content-Type. Fast: for each answer at ingest; builds no message. */
void answer_read(struct str body, bool is_sse, struct arena *arena, struct answer_facts *facts);

/* Is a content block a call that begins a sub-agent? `arena` is scratch. */
bool spawn_is_call(struct str block, struct arena *arena);
/* What such a call says, by its input; false when it names no agent. In the arena. */
bool spawn_of_input(struct str input, struct arena *arena, struct spawn *out);
/* Of a prompt's text; the sub-agent's first message holds a text block with the same. */
uint64_t spawn_hash(struct str prompt);
/* Of its first SPAWN_FIRST_BYTES only: cheap, to see whether the other is worth its while. */
uint64_t spawn_first(struct str prompt);

/* The whole as JSON, as GET …/response/message gives it (docs/api.md): text, thinking with its
 * signature, redacted thinking, tool_use with input from partial_json (kept as the string
 * "input_json" when it does not parse), server tools and their results, citations, unknown blocks
 * as they came; usage merged. ERR_TOO_LARGE past `out`'s ceiling. */
enum err answer_message(struct str body, bool is_sse, struct buf *out) MUST_CHECK;

/* What a stream was for a client that asked for none. */
enum answer_outcome {
    ANSWER_WHOLE, /* a message */
    ANSWER_ERROR, /* an `error` event came before its end */
    ANSWER_CUT    /* neither: it broke off, or is no stream of messages at all */
};

/* A decoded stream in one piece, as its provider would have said it: the message, built as above;
 * or the error's data as it came; or nothing. ERR_TOO_LARGE likewise. */
enum err answer_unstream(struct str body, struct buf *out, enum answer_outcome *outcome) MUST_CHECK;

#endif
