/*
 * frame.h — the journal's format: what is remembered, as bytes. No files here.
 *
 * A segment is a SEGMENT_HEAD_BYTES header and then frames, one after another. A frame is a
 * fixed head, little-endian, and its payload:
 *
 *     magic u32 | len u32 | type u8 | flags u8 | zero u16 | seq u32 | id 16 | mono_ns u64 | crc u32
 *
 * `len` counts the payload only; `crc` is CRC-32C over the head without it, and the payload.
 * `seq` counts an exchange's frames from 0. `mono_ns` is the monotonic clock of the boot that
 * wrote the segment. Frames of many exchanges are mixed; frames of one are in order.
 */
#ifndef JOURNAL_FRAME_H
#define JOURNAL_FRAME_H

#include "base/buf.h"
#include "base/uuid.h"

enum {
    FRAME_HEAD_BYTES = 44,
    FRAME_PAYLOAD_MAX = 1 << 20, /* bytes; a longer payload is damage */
    SEGMENT_HEAD_BYTES = 64
};

enum frame_type {
    FRAME_BEGIN = 1, /* struct frame_begin; before the provider is contacted */
    FRAME_REQ_BODY,  /* bytes of the request's body, as received, transfer coding removed */
    FRAME_RESP_HEAD, /* struct frame_resp_head */
    FRAME_RESP_BODY, /* bytes of the answer's body, transfer coding removed; one per read */
    FRAME_END,       /* struct frame_end; before the client's last byte */
};

enum frame_flags {
    FRAME_LAST = 1, /* REQ_BODY: the request is complete. A request without a body has one
                       empty REQ_BODY with this flag. */
    FRAME_UNTIMED = 2, /* RESP_HEAD, RESP_BODY, END: nobody knows when; `mono_ns` only orders */
};

struct frame {
    enum frame_type type;
    uint8_t flags;
    uint32_t seq;
    struct uuid id;
    uint64_t mono_ns;
    struct str payload; /* borrowed */
};

/* How an exchange ended: a closed list, never a guess. The numbers are stored; only append. */
enum ending {
    ENDING_RUNNING = 0, /* has not ended */
#define ENDING(number, NAME, name) ENDING_##NAME = number,
#include "journal/ending.def"
#undef ENDING
};

const char *ending_name(enum ending ending); /* "complete"; "running" for ENDING_RUNNING */
bool ending_parse(struct str name, enum ending *out);

struct frame_begin {
    int64_t wall_us;         /* when the request's head had come */
    struct str client_addr;  /* "127.0.0.1:53124" */
    struct str provider;     /* "anthropic"; empty when none was chosen */
    struct str head;         /* request line and headers as on the wire, without the empty line,
                                every line ended by CR LF; secrets already masked */
};

/* What the proxy found out of a request before it sent it on; all empty where no rule asked. */
struct frame_decision {
    struct str class, class_by; /* of request; how that was told: names of agents/identity.def */
    struct str agent, agent_by; /* its name; likewise */
    struct str rule;            /* the label of the one that fits; empty: none */
    struct str target;          /* that it names: "openai:gpt-4o" */
    bool is_shadow;             /* said, but not done */
    bool is_background;         /* the agent's parent does not wait for it */
};

struct frame_resp_head {
    struct str head;          /* status line and headers, likewise; what the client is sent */
    struct str upstream_addr; /* "160.79.104.10:443"; empty when we answered ourselves */
    bool is_ours;             /* the proxy made this answer, not a provider */
    bool is_reused;           /* on a connection from the pool */
    uint64_t connect_us;      /* until the connection (and TLS) stood; 0 when reused */
    uint64_t sent_us;         /* since BEGIN, until the request's last byte went out */
    struct str provider;      /* that it was routed to; empty: the one it began with */
    struct str model;         /* that was asked for there; empty: the client's */
    bool is_translated;       /* the provider spoke another language */
    bool is_demoted;          /* it was asked for a stream, the client gets one message */
    struct frame_decision decision;
};

struct frame_end {
    enum ending ending;
    struct str error;        /* err_name() of the cause, or empty */
    struct str detail;       /* struct fail's detail, or empty; never a secret */
    uint64_t request_bytes;  /* body bytes received from the client */
    uint64_t response_bytes; /* body bytes received from the provider (or made by us) */
    uint64_t client_bytes;   /* body bytes handed to the client's connection */
    struct str losses;       /* what a translation could not carry over, as JSON; or empty */
    struct str tried;        /* who was asked before and did not answer, as JSON; or empty */
};

/* Writes a frame's head, crc and all, for a payload given in two parts (either may be empty). */
void frame_write_head(char out[FRAME_HEAD_BYTES], const struct frame *f, struct str part1,
                      struct str part2);

/* Reads a head that was written so; without its payload, whose length it gives. */
size_t frame_head_read(const char in[FRAME_HEAD_BYTES], struct frame *frame);

enum frame_found {
    FRAME_WHOLE,   /* *frame is filled, *used is its length */
    FRAME_SHORT,   /* the bytes end inside a frame: torn, or still being written */
    FRAME_NONE,    /* four zero bytes: the segment ends here */
    FRAME_DAMAGED, /* these bytes are no frame; look on with frame_resync() */
};
/* `verify`: check the crc (always, for what an earlier process wrote). */
enum frame_found frame_read(struct str bytes, bool verify, struct frame *frame, size_t *used);
/* Offset (> 0) of the next thing that looks like a frame's head, or bytes.len. */
size_t frame_resync(struct str bytes);

enum err frame_begin_write(struct buf *out, const struct frame_begin *p) MUST_CHECK;
enum err frame_resp_head_write(struct buf *out, const struct frame_resp_head *p) MUST_CHECK;
enum err frame_end_write(struct buf *out, const struct frame_end *p) MUST_CHECK;
/* Strings are borrowed from `payload`. Unknown trailing bytes are ignored (newer writers). */
enum err frame_begin_read(struct str payload, struct frame_begin *p) MUST_CHECK;
enum err frame_resp_head_read(struct str payload, struct frame_resp_head *p) MUST_CHECK;
enum err frame_end_read(struct str payload, struct frame_end *p) MUST_CHECK;

struct segment_head {
    struct uuid boot;  /* one per process start: frames of one boot share a monotonic clock */
    uint32_t worker;   /* which loop wrote it */
    uint64_t number;   /* ascending within a data directory */
    int64_t wall_us;   /* at creation */
    uint64_t mono_ns;  /* at creation */
};

void segment_head_write(char out[SEGMENT_HEAD_BYTES], const struct segment_head *h);
enum err segment_head_read(struct str bytes, struct segment_head *h) MUST_CHECK;

#endif
