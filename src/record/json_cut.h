/*
 * json_cut.h — finds, in one pass over a request's bytes, where it can be cut into pieces that
 * other requests may share, and what a list wants to know about it. No tree is built.
 *
 * Cuts: the members of the top-level object; the elements of the top-level arrays `system`,
 * `tools` and `messages`. An element from the second on begins with its comma (and the spaces
 * before it), so that an array that grew shares all its earlier elements byte for byte. Cuts are
 * in order, do not overlap and leave no gap: joined they are the body, whatever the body is.
 */
#ifndef RECORD_JSON_CUT_H
#define RECORD_JSON_CUT_H

#include "base/arena.h"
#include "base/str.h"

enum {
    JSON_DEPTH_MAX = 256,
    JSON_CUTS_MAX = 1 << 16, /* a body with more elements is cut no further */
    TOOL_ERRORS_MAX = 16     /* of one request; further ones are not told */
};

/* A tool's result that says it is an error. */
struct tool_error {
    uint64_t id_hash; /* of the call's id as it stands in the JSON */
    struct str name;  /* empty where the call was not found */
};

enum json_cut_kind {
    CUT_REST,   /* punctuation and small members between the others */
    CUT_MEMBER, /* a top-level member's value */
    CUT_SYSTEM,
    CUT_TOOL,
    CUT_MESSAGE /* one element */
};

struct json_cut {
    enum json_cut_kind kind;
    uint32_t start, len; /* bytes of the body */
};

struct json_cuts {
    struct json_cut *list; /* malloc'ed; grows to JSON_CUTS_MAX */
    size_t count, cap;
};
void json_cuts_release(struct json_cuts *c);

/* What a list wants to know about a request. Strings are valid UTF-8, borrowed from the body
 * where it holds them plainly, else from the arena. */
struct request_facts {
    uint32_t flags;   /* enum record_flag: RECORD_REQUEST_INVALID … */
    struct str model; /* at most 256 bytes */
    bool asks_stream;
    bool asks_thinking;
    int64_t max_tokens;                /* UNKNOWN */
    int64_t message_count, tool_count; /* UNKNOWN when there is no such array */
    struct str user_session_id; /* from metadata.user_id, JSON or "user_…_session_…" form */
    struct str project; /* working directory that the system prompt names: record/project.h */
    struct tool_error tool_errors[TOOL_ERRORS_MAX]; /* among the results in the newest messages */
    size_t tool_error_count;
    struct str title; /* start of the newest plain user text, one line, at most 120 bytes */
    size_t title_message; /* the index of the message that it is of; of no meaning without one */
};

/* Never fails: what cannot be read is cut less and flagged. An empty body, and one past 4 GiB, has
 * no cuts and no facts. Inside what is taken whole (a member's value, an element) only quotes,
 * escapes and brackets are checked; see json_scan.h. */
void json_cut(struct str body, struct arena *arena, struct json_cuts *cuts,
              struct request_facts *facts);

/* Is the body valid, and each element of its arrays a cut of its own? */
bool json_cuts_are_all(const struct json_cuts *cuts, const struct request_facts *facts);

/* The session that a request's raw `metadata` names in its user_id: as JSON, or in the form
 * "user_…_session_…". Empty where there is none; in the arena, or borrowed. */
struct str metadata_session(struct str metadata, struct arena *arena);

#endif
