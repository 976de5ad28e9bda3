/*
 * reply.h — an answer in no provider's language, while it comes: the one state machine behind every
 * translation, streamed or whole.
 *
 * A provider reader tells what came (text, reasoning, pieces of tool calls, usage, how it
 * finished); the reply makes of it blocks in order, one open at a time, and tells them to a sink,
 * which writes them in the client's language. Whatever a provider does, the sink sees
 *   start, (open, delta*, close)*, finish          or
 *   start, (open, delta*, close)*, fail
 * and where nothing was started yet, an error is kept for an HTTP status instead.
 */
#ifndef DIALECT_REPLY_H
#define DIALECT_REPLY_H

#include "dialect/neutral.h"
#include "dialect/provider_error.h"
#include "dialect/text_calls.h"
#include "dialect/text_flow.h"
#include "dialect/tool_names.h"

enum {
    REPLY_CALLS_MAX = 128,          /* tool calls of one answer; those past it are dropped */
    REPLY_ARGS_MAX = 32 << 20,      /* bytes of one call's arguments */
    REPLY_LATE_TEXT_MAX = 16 << 20, /* bytes of text between pieces of a call */
    REPLY_BLANK_MAX = 4096,         /* bytes of blank text that may turn out to be nothing */
    REPLY_DETAILS_MAX = 64,         /* reasoning_details of one answer */
    REPLY_WHOLE_MAX = 64 << 20      /* bytes of an answer that goes out in one piece */
};

enum reply_part { PART_NONE, PART_THINKING, PART_TEXT, PART_TOOL };

/* Why an answer ended, as far as the provider said. */
enum finish {
    FINISH_NONE, /* it did not say */
    FINISH_STOP,
    FINISH_LENGTH,
    FINISH_TOOLS,
    FINISH_REFUSAL,
    FINISH_SEQUENCE,
    FINISH_PAUSE,
    FINISH_CONTEXT,
    FINISH_ERROR,
    FINISH_OVERLOADED
};

/* What the client is told. */
enum stop_reason {
    STOP_END_TURN,
    STOP_TOOL_USE,
    STOP_MAX_TOKENS,
    STOP_SEQUENCE,
    STOP_REFUSAL,
    STOP_PAUSE_TURN,
    STOP_CONTEXT
};

struct reply_usage {
    int64_t input, output, cache_read, cache_write; /* tokens; input without the cached ones */
    int64_t reasoning;                              /* of the output; 0 where unknown */
    bool is_known;
};

/* A piece of a tool call, as it came. */
struct call_piece {
    struct str id, name, args; /* empty: nothing of it in this piece */
    int64_t index;             /* -1: none */
    bool is_whole;             /* the arguments are complete */
};

struct call_slot;
struct detail;
struct reply;

/* Writes in the client's language into reply->out. */
struct reply_sink {
    void (*start)(struct reply *r);
    void (*open)(struct reply *r, enum reply_part part, struct str id, struct str name);
    void (*delta)(struct reply *r, struct str text);
    void (*close)(struct reply *r, struct str signature);
    /* A web search that the provider did: query, and results as [{title,url}] (JSON). */
    void (*search)(struct reply *r, struct str id, struct str query, struct str results);
    void (*finish)(struct reply *r);
    void (*fail)(struct reply *r, const struct provider_error *e);
    void (*ping)(struct reply *r);
};

extern const struct reply_sink anthropic_stream_sink, anthropic_whole_sink, chat_stream_sink,
    chat_whole_sink;

struct reply {
    const struct reply_sink *sink;
    struct buf *out; /* where the sink writes; set before every call */
    enum err err;    /* the sink's first: out's ceiling */
    struct arena *arena;
    struct loss_report *losses;
    const struct tool_names *names;
    const struct quirks *quirks;
    struct str id;    /* any unique text; the answer's ids are made of it */
    struct str model; /* the client's */
    bool has_tools;   /* the client sent some */
    struct provider_place place;
    uint32_t origin;
    bool shows_thinking;    /* the client expects thinking blocks */
    bool hides_thinking;    /* … but not what is in them */
    bool wants_usage;       /* OpenAI clients: a usage chunk at the end */
    int64_t input_estimate; /* tokens of the request */
    int64_t created_s;      /* OpenAI clients: "created" */

    bool is_started, is_over; /* `start` was told; `finish` or `fail` was told */
    bool is_error;            /* over by an error: `error` is set */
    bool is_satisfied;        /* a stop sequence was found: the provider can be let go */
    struct provider_error error;
    enum reply_part part; /* open at present */
    int64_t next_index;   /* of the next block */
    size_t call_count;    /* tool calls told */
    bool has_refusal;
    bool is_text_blank; /* only blanks of the present text so far, and they are held back */
    struct buf blank, late_text;
    struct text_joint text_joint, thinking_joint;
    struct think_split think;
    struct text_calls text_calls;
    bool reads_text_calls, is_telling_call; /* by the quirk; a call found in text is being told */
    struct stop_match stop;
    struct call_slot *slots;
    size_t slot_count, slot_cap;
    size_t head; /* slots before it are closed */
    struct detail *details;
    size_t detail_count;
    struct buf sealed;        /* payload for the next signature */
    int sealed_kind;          /* enum envelope_kind; 0: none */
    struct str raw_signature; /* Anthropic's own */
    struct reply_usage usage;
    int64_t output_chars; /* for an estimate where the provider counts nothing */
    enum finish finish;
    enum stop_reason stop_reason;
    struct str stop_sequence;
    bool has_delta;             /* something was told of the part that is open */
    bool is_redacted;           /* the thinking that is closed has no text, only data */
    struct buf whole;           /* whole sinks: blocks so far; Chat: text */
    struct buf whole_more;      /* a tool's input; Chat: the thinking of one block, too */
    struct buf whole_thinking;  /* Chat: of all blocks */
    struct buf whole_calls;     /* Chat: tool calls, as JSON */
    struct buf whole_details;   /* Chat: reasoning_details, as JSON */
    struct buf whole_citations; /* Chat: annotations, as JSON */
    int64_t next_call;          /* Chat: number of the next tool call */
};

void reply_init(struct reply *r, const struct reply_sink *sink, struct arena *arena);
void reply_release(struct reply *r);

void reply_start(struct reply *r); /* the provider has begun to answer; again: nothing */
void reply_reasoning(struct reply *r, struct str text);
void reply_text(struct reply *r, struct str text);
void reply_refusal(struct reply *r, struct str text);
void reply_call(struct reply *r, const struct call_piece *piece);
void reply_search(struct reply *r, struct str id, struct str query, struct str results);
/* What has to come back with the thinking before or at this place; see envelope.h. */
void reply_seal(struct reply *r, int envelope_kind, struct str payload);
/* The thinking that was told so far is one block, with what was sealed; what comes is another. */
void reply_end_thinking(struct reply *r);
/* Thinking that only the provider can read; it wants it back. */
void reply_redacted(struct reply *r, struct str data);
/* One element of OpenRouter's reasoning_details; its text is told too. */
void reply_detail(struct reply *r, yyjson_val *detail);
void reply_finish(struct reply *r, struct str reason);
void reply_usage(struct reply *r, const struct reply_usage *usage);
void reply_fail(struct reply *r, const struct provider_error *e);
/* The provider has said all; what was held back goes out, then `finish` (or `fail`). */
void reply_end(struct reply *r);
/* The stream is gone. `is_clean`: it was closed, not broken off. Ends or fails, as the reply is. */
void reply_eof(struct reply *r, bool is_clean);
void reply_ping(struct reply *r);

static inline void loss_drop_answer(struct reply *r, const char *path, const char *why)
{
    loss_report_note(r->losses, LOSS_KIND_DROPPED, str_of(path), STR_NONE, why);
}

/* For the machine's other files. */
void reply_open(struct reply *r, enum reply_part part, struct str id, struct str name);
void reply_close(struct reply *r);
void reply_delta(struct reply *r, struct str text);
int64_t reply_call_index(const struct reply *r, size_t slot); /* the provider's number for it */
bool reply_calls_close(struct reply *r, bool is_end);         /* false: one is not complete */
void reply_calls_release(struct reply *r);
void reply_flush_text(struct reply *r);
void reply_fail_with(struct reply *r, int status, const char *type, struct str message);
void reply_details_release(struct reply *r);
struct str reply_details_json(struct reply *r); /* empty: none; then forgotten */
struct str reply_make_id(struct reply *r, const char *prefix, uint64_t number);
const char *stop_reason_name(enum stop_reason reason);

#endif
