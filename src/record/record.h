/*
 * record.h — what is known about one exchange: the row that lists and statistics are made of.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "base/arena.h"
#include "base/uuid.h"
#include "journal/frame.h"

#define UNKNOWN (-1) /* a number nobody told us; shown as null, never as 0 */

enum record_flag {
    RECORD_REQUEST_INVALID = 1 << 0,  /* the request's body is not JSON */
    RECORD_REQUEST_TOO_DEEP = 1 << 1, /* nested deeper than we look */
    RECORD_DUPLICATE_KEYS = 1 << 2,   /* a key we read stands twice; the last counts */
    RECORD_RESPONSE_INVALID = 1 << 3, /* neither JSON nor an event stream we know */
    RECORD_PROTOCOL_VIOLATION = 1 << 4, /* events out of order, or of impossible index */
    RECORD_DECODE_PARTIAL = 1 << 5,   /* a compressed answer was cut or damaged */
    RECORD_DECODE_LIMITED = 1 << 6,   /* decoding stopped at the ceiling */
    RECORD_BODY_TRUNCATED = 1 << 7,   /* not all of a body was kept */
    RECORD_IS_REUSED = 1 << 8,        /* the provider's connection came from the pool */
    RECORD_IS_OURS = 1 << 9,          /* the proxy made the answer */
    RECORD_ASKS_STREAM = 1 << 10,     /* the request says "stream": true */
    RECORD_ASKS_THINKING = 1 << 11,   /* the request has "thinking", and not disabled */
    RECORD_COST_UNKNOWN = 1 << 12,    /* something was used up, and what it costs is not known */
    RECORD_COST_ESTIMATED = 1 << 13,  /* a part of the cost was not told and taken as usual */
    /* What multiplies prices, as the answer's usage says: */
    RECORD_BILLED_FAST = 1 << 14,     /* "speed":"fast" */
    RECORD_BILLED_BATCH = 1 << 15,    /* "service_tier":"batch" */
    RECORD_BILLED_PRIORITY = 1 << 16, /* "service_tier":"priority": as agreed with the provider */
    RECORD_BILLED_IN_US = 1 << 17,    /* "inference_geo":"us" */
    RECORD_IS_TRANSLATED = 1 << 18,   /* the provider spoke another language */
    RECORD_IS_SHADOW = 1 << 19,       /* what a rule wanted was said, but not done */
    RECORD_IS_BACKGROUND = 1 << 20,   /* an agent's that its parent does not wait for */
    RECORD_IS_DEMOTED = 1 << 21,      /* asked for no stream; the provider was asked for one */
};

/* Token counts as the provider said them; UNKNOWN where it did not. */
struct usage {
    int64_t input_tokens; /* not from the cache */
    int64_t output_tokens;
    int64_t cache_read_input_tokens;
    int64_t cache_creation_input_tokens; /* all writes: 5 minutes and 1 hour */
    int64_t cache_creation_5m_tokens;
    int64_t cache_creation_1h_tokens;
    int64_t web_search_requests; /* server_tool_use */
};

struct record {
    struct uuid id;
    enum ending state;
    int status; /* HTTP status the client got; 0 when none */
    bool is_stream; /* answered with text/event-stream */
    uint32_t flags; /* enum record_flag */

    /* strings are borrowed: from an arena, or from what was parsed */
    struct str method, path, query;
    struct str provider;
    struct str model;          /* asked for */
    struct str losses;         /* of the translation, as JSON; dialect/loss_report.h bounds it */
    struct str tried;          /* providers asked before, as JSON; proxy/exchange_chain.c bounds it */
    struct str response_model; /* that answered, where the answer says */
    struct str session_id, agent_id, parent_agent_id;
    struct str node;           /* the proxy that relayed it, where some share a store */
    struct str client;         /* User-Agent */
    struct str client_addr;
    struct str upstream_request_id; /* the answer's request-id header */
    struct str stop_reason;
    struct str error_type;     /* of an error body or event, or err_name() of ours */
    struct str error_message;  /* at most 300 bytes */
    struct str title;          /* start of the newest user text, at most 120 bytes */
    struct str anthropic_beta; /* the request's header; told in events, kept in the detail only */
    struct str project;        /* working directory that the prompt names */
    struct str agent_type;     /* the agent's name, where it is known */
    struct str class, class_by, agent_by; /* names of agents/identity.def: what kind of request, and
                                             how that and the agent's name were told */
    struct str route, route_target; /* the rule that fits, and what it names: "openai:gpt-4o" */
    struct str tools;          /* calls in the answer: record/tool_list.h */
    struct str tool_errors;    /* calls whose result came back with this request as an error */

    int64_t started_us;     /* wall clock */
    int64_t connect_us;     /* UNKNOWN when reused or never connected */
    int64_t ttfb_us;        /* start until the answer's head had come */
    int64_t first_token_us; /* start until the first content delta; UNKNOWN if not streamed */
    int64_t duration_us;

    struct usage usage;
    int64_t cost_usd_micro; /* millionths of a dollar; UNKNOWN: see the flags */
    int64_t shadow_cost_usd_micro; /* had the rule been followed that was not; UNKNOWN */
    int64_t request_bytes, response_bytes, client_bytes; /* bodies */
    int64_t chunk_count;    /* RESP_BODY frames */
    int64_t message_count;  /* length of the request's "messages" */
    int64_t tool_count;     /* length of the request's "tools" */
    int64_t tool_use_count; /* tool_use blocks in the answer */
    int64_t max_tokens;

    /* Where it goes on from (index/threads.h): numbers above 0, or UNKNOWN */
    int64_t conversation; /* the same for all requests of one conversation */
    int64_t turn;         /* what all its messages say; a request asked again has the same */
    int64_t parent_turn;  /* of the request that it goes on from */
    int64_t shared_count; /* messages it begins with that are all of the parent's; 0: the history
                             was written anew, as after compacting */
    bool has_aged_out; /* its bodies, or part of them, were too old to be kept; rows only */
};

/* A turn of a conversation, as far as those that follow need to know it. */
struct known_turn {
    int64_t turn, conversation;
    int64_t parent, shared; /* parent_turn and shared_count; 0: none */
};
typedef void known_turn_fn(const struct known_turn *turn, int64_t tool_count, void *owner);

void record_init(struct record *r); /* everything unknown or empty */
void record_keep(struct record *r, struct arena *a); /* copies every string into `a` */

/* The strings of a record that changes, in one block that the caller frees. */
struct record_strings {
    char *block; /* NULL until needed */
    size_t len, cap;
};
/* Copies into the block what is not in it yet. */
void record_keep_packed(struct record *r, struct record_strings *s);

/* One chunk of the answer as it came. */
struct chunk_mark {
    int64_t offset_us; /* since BEGIN */
    int64_t bytes;     /* of the body */
};

/* What the detail view needs beside the row and the bodies. */
struct record_detail {
    struct str request_head;  /* as in struct frame_begin */
    struct str response_head; /* as in struct frame_resp_head; empty when none came */
    struct str upstream_addr;
    int64_t sent_us;          /* start until the request's last byte had gone out */
    struct chunk_mark *timeline;
    size_t timeline_len;
    uint8_t request_hash[16], response_hash[16]; /* XXH3-128 of the whole bodies */
};

#endif
