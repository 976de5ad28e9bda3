/*
 * json_progress.h — how far a JSON value has come that arrives in pieces: is it complete, and would
 * closing brackets complete it?
 */
#ifndef DIALECT_JSON_PROGRESS_H
#define DIALECT_JSON_PROGRESS_H

#include "base/buf.h"

enum { JSON_PROGRESS_DEPTH_MAX = 256 /* brackets that can be completed */ };

struct json_progress {
    size_t depth;
    bool is_in_string, is_in_escape, is_begun, is_done;
    char last;                                      /* byte outside strings that is no space */
    uint8_t is_object[JSON_PROGRESS_DEPTH_MAX / 8]; /* bit per open bracket */
};

/* Bytes of `piece` that belong to the value: less than all only when it ended before. */
size_t json_progress_feed(struct json_progress *p, struct str piece);
/* The piece as it may stand in JSON: line ends and the like within strings, which models forget to
 * escape, are. True: `out` has it; false: it is fine as it is (or there was no memory for it). */
bool json_progress_escape(const struct json_progress *p, struct str piece, struct buf *out);
/* Appends the closing brackets that are missing. False when that would not do: inside a string,
 * behind a comma or a colon, or nothing at all. */
bool json_progress_complete(const struct json_progress *p, struct buf *out);

/* A tool call's arguments as an object, whatever the model wrote: an object, one in a string (as
 * JSON in JSON), one with single quotes. False when it is none of these. */
bool json_args_repair(struct str args, struct buf *out);

#endif
