/*
 * transcript.h — what is known about a transcript: the file that a client keeps of a conversation
 * for itself, one JSON object a line, and about each of its lines.
 *
 * Only what places a line is taken from it; its text stays where it is. Neither files nor folders
 * here (transcript/).
 */
#ifndef RECORD_TRANSCRIPT_H
#define RECORD_TRANSCRIPT_H

#include "base/arena.h"
#include "base/uuid.h"

/* What wrote the line. Kept as numbers: a new kind comes last. */
enum transcript_kind {
    TRANSCRIPT_OTHER, /* the client's own notes */
    TRANSCRIPT_USER,
    TRANSCRIPT_ASSISTANT,
    TRANSCRIPT_SYSTEM,
    TRANSCRIPT_ATTACHMENT,
    TRANSCRIPT_SUMMARY,
    TRANSCRIPT_KINDS
};
const char *transcript_kind_name(enum transcript_kind kind); /* "assistant" */

enum transcript_flag {
    TRANSCRIPT_IS_SIDECHAIN = 1 << 0, /* said by or to a sub-agent */
    TRANSCRIPT_IS_META = 1 << 1,      /* the client's words, not the user's */
    TRANSCRIPT_IS_ERROR = 1 << 2,     /* an API error, shown as an answer */
    TRANSCRIPT_IS_COMPACTED = 1 << 3  /* a summary that stands for what came before */
};

enum {
    TRANSCRIPT_ID_MAX = 128,  /* bytes of an id of the client's or the provider's */
    TRANSCRIPT_TEXT_MAX = 512 /* bytes of a folder, a branch, a description */
};

/* A line. Strings are empty where it does not say. */
struct transcript_line {
    enum transcript_kind kind;
    uint32_t flags;
    struct str time; /* as it is written */
    bool has_uuid, has_parent;
    struct uuid uuid, parent;
    struct str session_id, agent_id, request_id, message_id;
    struct str agent_type, cwd, branch;
    struct str title;  /* start of what the user asked */
    struct str naming; /* a title that was given to the whole: by the user or the client */
};

/* Any bytes may come in, without the line's end. False when it is no JSON object. Strings are
 * slices of the line or in the arena. */
bool transcript_line_read(struct str line, struct arena *arena,
                          struct transcript_line *out) MUST_CHECK;

/* A line as it is kept: where it stands, and what it hangs on. */
struct transcript_event {
    int64_t start, len; /* bytes of the file, without the line's end */
    enum transcript_kind kind;
    uint32_t flags;
    int64_t at_us; /* wall clock; UNKNOWN */
    bool has_uuid, has_parent;
    struct uuid uuid, parent;
    struct str request_id, message_id, cwd, branch;
};

/* A file as it is kept, and how far it has been read. */
struct transcript_file {
    int64_t id;                               /* above 0; made of `place` and `path` */
    struct str path;                          /* below the folder of transcripts */
    struct str project, session_id, agent_id; /* as the path says, else its lines; agent: empty
                                                 for the main one's */
    struct str agent_type, agent_description, tool_use_id; /* of the call that began the agent */
    struct str title, cwd, branch;
    int64_t inode, size, mtime_us;
    int64_t read_to;  /* bytes; what follows has not been read */
    int64_t ends_len; /* as many bytes at its beginning and before `read_to` … */
    int64_t ends_hash; /* … have this hash: it is still the same file */
    bool is_skipping; /* in the middle of a line that is too long */
    int64_t event_count, bad_lines, long_lines;
    int64_t first_us, last_us; /* UNKNOWN: no line has a time */
};
/* Copies its strings into `arena`. */
void transcript_file_keep(struct transcript_file *file, struct arena *arena);

#endif
